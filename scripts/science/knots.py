"""The signature of knots from their hyperbolic geometry, and relations among the invariants, on the
tables of KnotInfo.

    python -m scripts knots [--write]

needs the `science` extra; --write puts the section and the picture into docs/science.md. 2 σ(K)
lies near the natural slope of K.
Sources: Davies et al., Nature 600 (2021), and Davies, Juhász, Lackenby & Tomašev, Geom. Topol. 28
(2024), on the slope; Liu et al., KAN: Kolmogorov–Arnold Networks, arXiv 2404.19756, section 4.3, on
the networks.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import least_squares

from scripts.common import small_kan
from scripts.common.small_kan import Array
from scripts.science import knots_page
from scripts.science.additive_relations import relations
from scripts.science.knot_tables import Knots, even, load, split

INPUTS = ("volume", "λ", "Re μ", "Im μ", "|CS|")
SEEDS, INTERVALS = (0, 1, 2), 5


def linear(x: Array, y: Array, at: Array) -> Array:
    """Predictions at `at` of the linear least-squares fit of y (N,) by x (N, d) and a constant."""
    fit = np.linalg.lstsq(np.column_stack([x, np.ones(len(x))]), y, rcond=None)[0]
    return np.column_stack([at, np.ones(len(at))]) @ fit


def network(kind: str, x: Array, y: Array, at: Array, seed: int) -> tuple[Array, Any, int]:
    """Predictions at `at` of a KAN [d, 1, 1] or an MLP of its size; the network and its scaled
    points; parameters.
    """
    net: Any = small_kan.kan([x.shape[1], 1, 1], INTERVALS, seed)
    net = net if kind == "KAN" else small_kan.mlp(x.shape[1], small_kan.size(net), seed)
    scale, mean, std = small_kan.Scale.of(x), y.mean(), y.std()
    points, target = scale(x), torch.from_numpy((y - mean) / std)
    net = small_kan.train(
        net, points, lambda net: (net(points)[:, 0] - target).square().mean(), 3, 60
    )
    return mean + std * small_kan.predict(net, scale(at)), (net, points), small_kan.size(net)


def power_law(knots: Knots, train: NDArray[np.int64]) -> Array:
    """(c, a, b, d) of |σ| ≈ c λ^a (Re μ)^b |μ|^d by least squares on the training knots."""
    x, y = knots.matrix("λ", "Re μ", "|μ|")[train], knots.columns["|σ|"][train]
    start, low = [0.3, 0.5, 0.5, -0.5], [0, 0, 0, -9]
    return np.asarray(
        least_squares(lambda p: p[0] * (x ** p[1:]).prod(1) - y, start, bounds=(low, 9)).x
    )


def predictions(knots: Knots, seed: int) -> Iterator[tuple[str, int, Array]]:
    """Name, number of parameters and predicted |σ| of the test knots of every way to predict it."""
    train, test = split(len(knots.slope), seed)
    y, every = knots.columns["|σ|"], knots.matrix(*INPUTS)
    values, counts = np.unique(y[train], return_counts=True)
    yield "commonest |σ|", 1, np.full(len(test), values[counts.argmax()])
    yield "linear in the five invariants", 6, linear(every[train], y[train], every[test])
    slope = knots.slope[:, None]
    yield "linear in the slope alone", 2, linear(slope[train], y[train], slope[test])
    law, x = power_law(knots, train), knots.matrix("λ", "Re μ", "|μ|")
    yield "c λ^a (Re μ)^b |μ|^d", 4, law[0] * (x[test] ** law[1:]).prod(1)
    for name, kind, chosen in (
        ("KAN [5, 1, 1]", "KAN", INPUTS),
        ("MLP, the same inputs", "MLP", INPUTS),
        ("KAN [3, 1, 1] of λ, μ", "KAN", INPUTS[1:4]),
        ("MLP, the same inputs as that", "MLP", INPUTS[1:4]),
        *(
            (f"KAN [4, 1, 1] without {omitted}", "KAN", tuple(n for n in INPUTS if n != omitted))
            for omitted in INPUTS
        ),
    ):
        x = knots.matrix(*chosen)
        guess, _, count = network(kind, x[train], y[train], x[test], seed)
        yield name, count, guess


def supervised(knots: Knots) -> dict[str, list[tuple[int, float, float, float]]]:
    """Of every way and each seed: parameters, test accuracy, test RMSE, R² of its prediction with
    the slope.
    """
    rows: dict[str, list[tuple[int, float, float, float]]] = {}
    for seed in SEEDS:
        test = split(len(knots.slope), seed)[1]
        truth, slope = knots.columns["|σ|"][test], knots.slope[test]
        for name, count, guess in predictions(knots, seed):
            like = float(np.corrcoef(guess, slope)[0, 1] ** 2) if guess.std() else 0.0
            row = (
                count,
                float((even(guess) == truth).mean()),
                float(np.sqrt(np.mean((guess - truth) ** 2))),
                like,
            )
            rows.setdefault(name, []).append(row)
            print(name, seed, *row, flush=True)
    return rows


def spreads(knots: Knots) -> Array:
    """Spread of each edge of the KAN [5, 1, 1] as a share of the largest, (seeds, 5)."""
    rows = []
    for seed in SEEDS:
        train, _ = split(len(knots.slope), seed)
        x, y = knots.matrix(*INPUTS)[train], knots.columns["|σ|"][train]
        net, points = network("KAN", x, y, x, seed)[1]
        rows.append(small_kan.spread(net, points)[0])
    return np.array(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    write, knots = parser.parse_args().write, load()
    train, test = split(len(knots.slope), 0)
    parts = (
        {name: column[rows] for name, column in knots.columns.items()} for rows in (train, test)
    )
    named_relations = [
        (relation, knots_page.named(relation, knots.columns, train))
        for relation in relations(*parts, 3)[: knots_page.SHOWN]
    ]
    laws = [power_law(knots, split(len(knots.slope), seed)[0]) for seed in SEEDS]
    print(
        *(
            (relation.names, relation.fitted, relation.held_out, text)
            for relation, text in named_relations
        ),
        *laws,
        sep="\n",
        flush=True,
    )
    rows, spread = (
        supervised(knots),
        dict(zip(INPUTS, spreads(knots).mean(0).tolist(), strict=True)),
    )
    print(spread)
    if write:
        knots_page.write(knots, rows, spread, laws, named_relations)
