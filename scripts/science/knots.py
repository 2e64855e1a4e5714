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
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import least_squares

from scripts.common import small_kan
from scripts.common.small_kan import Array
from scripts.science import knots_page
from scripts.science.additive_relations import relations
from scripts.science.knot_tables import Knots, even, load, split
from scripts.science.knots_page import Row

INPUTS = ("volume", "λ", "Re μ", "Im μ", "|CS|")
SEEDS, INTERVALS = (0, 1, 2), 5


def linear(x: Array, y: Array, at: Array) -> Array:
    """Predictions at `at` of the linear least-squares fit of y (N,) by x (N, d) and a constant."""
    fit = np.linalg.lstsq(np.column_stack([x, np.ones(len(x))]), y, rcond=None)[0]
    return np.column_stack([at, np.ones(len(at))]) @ fit


class Trained(NamedTuple):
    """A trained network, its scaled training points (N, d), and its predictions at other points."""

    net: Any
    points: torch.Tensor
    predictions: Array


def network(kind: str, x: Array, y: Array, at: Array, *, seed: int) -> Trained:
    """A KAN [d, 1, 1] or an MLP of its size, trained on y (N,) at x (N, d), and its predictions at
    `at`.
    """
    net: Any = small_kan.kan([x.shape[1], 1, 1], INTERVALS, seed)
    net = net if kind == "KAN" else small_kan.mlp(x.shape[1], small_kan.size(net), seed)
    scale, mean, std = small_kan.Scale.of(x), y.mean(), y.std()
    points, target = scale(x), torch.from_numpy((y - mean) / std)

    def misfit(net: Any) -> torch.Tensor:
        error: torch.Tensor = net(points)[:, 0] - target
        return error.square().mean()

    net = small_kan.train(net, points, misfit, rounds=3, steps=60)
    return Trained(net, points, mean + std * small_kan.predict(net, scale(at)))


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
    networks = [
        ("KAN [5, 1, 1]", "KAN", INPUTS),
        ("MLP, the same inputs", "MLP", INPUTS),
        ("KAN [3, 1, 1] of λ, μ", "KAN", INPUTS[1:4]),
        ("MLP, the same inputs as that", "MLP", INPUTS[1:4]),
    ]
    for omitted in INPUTS:
        inputs = tuple(name for name in INPUTS if name != omitted)
        networks.append((f"KAN [4, 1, 1] without {omitted}", "KAN", inputs))
    for name, kind, inputs in networks:
        x = knots.matrix(*inputs)
        trained = network(kind, x[train], y[train], at=x[test], seed=seed)
        yield name, small_kan.size(trained.net), trained.predictions


def supervised(knots: Knots) -> dict[str, list[Row]]:
    """A row for every way to predict |σ| and each seed."""
    rows: dict[str, list[Row]] = {}
    for seed in SEEDS:
        test = split(len(knots.slope), seed)[1]
        truth, slope = knots.columns["|σ|"][test], knots.slope[test]
        for name, count, guess in predictions(knots, seed):
            like = float(np.corrcoef(guess, slope)[0, 1] ** 2) if guess.std() else 0.0
            row = Row(
                parameters=count,
                accuracy=float((even(guess) == truth).mean()),
                error=float(np.sqrt(np.mean((guess - truth) ** 2))),
                like_slope=like,
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
        trained = network("KAN", x, y, at=x, seed=seed)
        rows.append(small_kan.spread(trained.net, trained.points)[0])
    return np.array(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    write, knots = parser.parse_args().write, load()
    train, test = split(len(knots.slope), 0)
    fitted = {name: column[train] for name, column in knots.columns.items()}
    other = {name: column[test] for name, column in knots.columns.items()}
    named_relations = []
    for relation in relations(fitted, other, 3)[: knots_page.SHOWN]:
        text = knots_page.named(relation, knots.columns, train)
        named_relations.append((relation, text))
        print((relation.names, relation.fitted, relation.held_out, text), flush=True)
    laws = [power_law(knots, split(len(knots.slope), seed)[0]) for seed in SEEDS]
    print(*laws, sep="\n", flush=True)
    rows = supervised(knots)
    spread = dict(zip(INPUTS, spreads(knots).mean(0).tolist(), strict=True))
    print(spread)
    if write:
        knots_page.write(
            knots, rows=rows, spread=spread, laws=laws, named_relations=named_relations
        )
