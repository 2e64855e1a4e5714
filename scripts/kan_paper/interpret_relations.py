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
    found, error = classifier(rows, other, rng, folder, seed)
    names = [f"x{k + 1}" for k in range(6)]
    columns, held = (dict(zip(names, one.T, strict=True)) for one in (rows, other))
    exact = [one for one in relations(columns, held, 3) if one.held_out < CLOSE]
    return {
        "example": "unsupervised", "seed": seed, "classifier": error,
        "used": used(found), "relations": [described(one, columns) for one in exact],
        "pictures": str(found.folder / "figures"),
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
    found = simplify_into(folder / "wide", folder / "small", wish, overwrite=True)
    return found, float(np.sqrt(np.mean((found.solution(test)[:, 0] - truth) ** 2)))


def used(found: Simplified) -> list[str]:
    """The inputs that the classifier still looks at."""
    left = kan_of(found.solution)[1].stack[0].kept_edges.any(0).tolist()
    return [
        name for name, there in zip(found.solution.problem.coordinates, left, strict=True) if there
    ]


def described(one: Relation, columns: dict[str, Array]) -> dict[str, Any]:
    """The relation with every function as the best of the library, scaled so that the largest
    constant factor is one.
    """
    best = [
        match(columns[name], values)[0]
        for name, values in zip(one.names, one.functions.T, strict=True)
    ]
    total = sum(m.value(columns[name]) for m, name in zip(best, one.names, strict=True))
    size = float(np.sqrt(sum(np.var(values) for values in one.functions.T)))
    scale = next(1 / m.c for m in best)
    parts = [
        f"{m.c * scale:+.4g} {m.name}({m.a:.4g} {n} {m.b:+.4g})"
        for m, n in zip(best, one.names, strict=True)
    ]
    return {
        "columns": list(one.names), "fitted": one.fitted, "held_out": one.held_out, "text": " ".join(parts),
        "left": float(np.std(total)) / size,
    }  # fmt: skip
