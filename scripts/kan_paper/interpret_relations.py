"""The unsupervised example of the KAN paper: f(x1, …, x6) ≈ 0, where x3 = exp(sin x1 + x2²), x5 =
x4³ and nothing binds x6.

Two ways. A classifier as in the paper: a KAN [6, 1, 1] tells rows (1) from rows shuffled column by
column (0), its last edge a Gaussian. And without training: the functions with the smallest Var Σ
φ_i / Σ Var φ_i by an SVD (`additive_relations`), each then compared with the library. Source: Liu
et al., KAN, arXiv 2404.19756, §4.2.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import kanpde
from kanpde.symbolic.kan.simplify_run import Simplified, Wish, kan_of, simplify_into
from kanpde.symbolic.search.univariate import match
from scripts.science.additive_relations import Relation, relations

Array = np.ndarray[Any, Any]
ROWS = 1000
CLOSE = 1e-2
"""Roots of the quotient on other rows below which functions count as a relation."""


def samples(rng: np.random.Generator) -> Array:
    """Rows (N, 6)."""
    x1, x2, x4, x6 = rng.uniform(-1, 1, (4, ROWS))
    return np.column_stack([x1, x2, np.exp(np.sin(x1) + x2**2), x4, x4**3, x6])


def unsupervised(seed: int, folder: Path) -> dict[str, Any]:
    """What both ways find; errors of the classifier on rows and shuffled rows that nothing saw."""
    rng = np.random.default_rng(seed)
    rows, other = samples(rng), samples(rng)
    simplified, error = classifier(rows, other, rng, folder, seed)
    names = [f"x{k + 1}" for k in range(6)]
    columns, other_columns = (dict(zip(names, values.T, strict=True)) for values in (rows, other))
    exact = [
        relation for relation in relations(columns, other_columns, 3) if relation.held_out < CLOSE
    ]
    return {
        "example": "unsupervised", "seed": seed, "classifier": error,
        "used": used(simplified), "relations": [described(relation, columns) for relation in exact],
        "pictures": str(simplified.folder / "figures"),
    }  # fmt: skip


def classifier(
    rows: Array, other: Array, rng: np.random.Generator, folder: Path, seed: int
) -> tuple[Simplified, float]:
    """The simplified classifier and its RMSE on other rows within the range of the rows."""

    def both(x: Array) -> tuple[Array, Array]:
        shuffled = np.column_stack([rng.permutation(column) for column in x.T])
        return np.concatenate([x, shuffled]), np.repeat([1.0, 0.0], len(x))

    trial = {"width": [1], "degree": [3, 3], "intervals": [5, 5], "start": "paper", "base": "silu"}
    names = [f"x{k + 1}" for k in range(6)]
    x, y = both(rows)
    test, truth = both(other[((other >= rows.min(0)) & (other <= rows.max(0))).all(1)])
    stages = [{"optimizer": "lbfgs", "steps": 250, "sparsify": 1e-3}]
    keys: dict[str, Any] = {
        "trial": trial,
        "schedule": stages,
        "seed": seed,
        "out": folder / "wide",
        "overwrite": True,
    }
    kanpde.fit(x, y, names=(names, ["u"]), name="unsupervised", **keys)
    wish = Wish(units=0.0, edges=0.1, steps=60, fix=((2, 1, 1, "gaussian"),))
    simplified = simplify_into(folder / "wide", folder / "small", wish, overwrite=True)
    return simplified, float(np.sqrt(np.mean((simplified.solution(test)[:, 0] - truth) ** 2)))


def used(simplified: Simplified) -> list[str]:
    """The inputs that the classifier still looks at."""
    in_use = kan_of(simplified.solution)[1].stack[0].kept_edges.any(0).tolist()
    return [
        name
        for name, there in zip(simplified.solution.problem.coordinates, in_use, strict=True)
        if there
    ]


def described(relation: Relation, columns: dict[str, Array]) -> dict[str, Any]:
    """The relation with every function as the best of the library, scaled so that the largest
    constant factor is one.
    """
    best = [
        match(columns[name], values)[0]
        for name, values in zip(relation.names, relation.functions.T, strict=True)
    ]
    total = sum(m.value(columns[name]) for m, name in zip(best, relation.names, strict=True))
    size = float(np.sqrt(sum(np.var(values) for values in relation.functions.T)))
    scale = next(1 / m.c for m in best)
    parts = [
        f"{m.c * scale:+.4g} {m.name}({m.a:.4g} {n} {m.b:+.4g})"
        for m, n in zip(best, relation.names, strict=True)
    ]
    return {
        "columns": list(relation.names), "fitted": relation.fitted, "held_out": relation.held_out, "text": " ".join(parts),
        "left": float(np.std(total)) / size,
    }  # fmt: skip
