"""The section of docs/science.md on knots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kanpde.results.plotting.canvas import INK, KAN, MLP, blank, save, tidy
from kanpde.symbolic.search.univariate import match
from scripts.common.small_kan import Array
from scripts.science import science_page
from scripts.science.additive_relations import Relation
from scripts.science.knot_tables import TRAINED, Knots

SHOWN, GOOD = 5, 0.9999
"""Relations shown, and R² of an edge function that counts as one of the library's."""


class Row(NamedTuple):
    """Parameters, test accuracy, test RMSE, R² of the prediction with the slope."""

    parameters: int
    accuracy: float
    error: float
    like_slope: float


def write(
    knots: Knots,
    rows: Mapping[str, Sequence[Row]],
    spread: Mapping[str, float],
    laws: Sequence[Array],
    named_relations: Sequence[tuple[Relation, str]],
) -> None:
    """The section: rows by name with one entry per seed, spreads by input, power laws (c, a, b, d),
    relations as text.
    """
    y, slope, count = knots.columns["|σ|"], knots.slope, len(knots.slope)
    away, volume = np.abs(2 * y - slope), knots.columns["volume"]
    predicted = [
        [_escaped(name), str(runs[0].parameters), *_cells(runs)] for name, runs in rows.items()
    ]
    exponents = [[str(seed), *(f"{value:.3f}" for value in law)] for seed, law in enumerate(laws)]
    related = [
        [
            _escaped(", ".join(entry.names)),
            f"{entry.fitted:.1e}",
            f"{entry.held_out:.1e}",
            _escaped(text),
        ]
        for entry, text in named_relations[:SHOWN]
    ]
    quotients = ("columns", "quotient, trained", "quotient, test")
    relation = "relation, edge functions from the library"
    text = f"""
`python -m scripts knots --write` (needs the tables of KnotInfo: `pip install 'kanpde[science]'`).
KnotInfo lists {knots.listed} knots but the unknot, up to 13 crossings; {count} of them, hyperbolic
and up to 12 crossings, have cusp translations μ (meridian) and λ (longitude). That is little beside
the paper's data (about 240000 knots and 17 invariants, among them the injectivity radius, which
KnotInfo does not have), so accuracies are not comparable. Re μ is negative for
{int((knots.columns["Re μ"] < 0).sum())} of these knots: mirror images are not told apart, the sign
of the natural slope Re(λ/μ) is lost, and |σ| is predicted in place of σ. The slope is what Davies
et al. (2021) found.

Test accuracy after rounding to the nearest even number, mean and range over {len(laws)} splits and
starts ({TRAINED:.0%} of the knots are trained on); KANs with cubic splines on 5 intervals and tanh
MLPs of their size, L-BFGS for all. R² is that of the prediction with the slope.

{science_page.table(("predicted from", "parameters", "test accuracy", "test RMSE", "R² with the slope"), predicted)}

Standard deviations of the edges of the KAN [5, 1, 1] as shares of the largest, mean over the seeds:
{", ".join(f"{name} {value:.2f}" for name, value in spread.items())}. The longitude and the two
parts of the meridian carry the prediction, as in the paper. Cusp volume and |μ| are functions of
them and were left out.

|σ| ≈ c λ^a (Re μ)^b |μ|^d by least squares, a form chosen by hand, on the training knots; the slope
has a = b = 1, d = −2:

{science_page.table(("seed", "c", "a", "b", "d"), exponents)}

How near: |2|σ| − slope| has the median {np.median(away):.2f}, is below
{np.quantile(away, 0.99):.2f} for 99 % of these knots, at most {away.max():.2f}, and at most
{(away / volume).max():.2f} times the volume, with which it does not grow here (correlation
{np.corrcoef(away, volume)[0, 1]:.2f}). These are observations on small knots, no bounds for all.

Without a target: functions of two or three of the eight columns whose sum hardly varies
(`scripts/science/additive_relations.py`). The paper trains a network to tell real rows from
shuffled ones; the same one-layer KAN comes from one singular value decomposition per set of columns
here. The quotient compares the standard deviation of the sum with that for independent columns; it
is zero for an exact relation.

{science_page.table((*quotients, relation), related)}

The first two are identities, |μ|² = (Re μ)² + (Im μ)² and cusp volume = ½ λ Im μ (log ½ = −0.6931);
the second is one that the paper rediscovered. What follows does not hold on test knots. The paper's
relation with the injectivity radius cannot be looked for.

![|σ| against the natural slope, and the test accuracy without each input](figures/knots.png)
"""
    science_page.section("Knots: signature and slope", text)
    _draw(slope, y, rows)


def named(relation: Relation, columns: Mapping[str, Array], rows: NDArray[np.int64]) -> str:
    """A relation with its edge functions at the fitted rows as entries of the library, or which of
    them are none.
    """
    parts = zip(relation.names, relation.functions.T, strict=True)
    best = [(name, match(columns[name][rows], values)[0]) for name, values in parts]
    if any(entry.r2 < GOOD for _, entry in best):
        return "none of " + ", ".join(name for name, entry in best if entry.r2 < GOOD)
    first = best[0][1].c
    terms = [f"{m.c / first:+.4f} [{m.name}]({m.a:.4g}·{name} {m.b:+.1g})" for name, m in best]
    return " ".join([*terms, f"{sum(m.d for _, m in best) / first:+.4f} = 0"])


def _cells(rows: Sequence[Row]) -> list[str]:
    _, accuracy, error, like = (np.array(column) for column in zip(*rows, strict=True))
    return [
        f"{accuracy.mean():.3f} ({accuracy.min():.3f}–{accuracy.max():.3f})",
        f"{error.mean():.3f}",
        f"{like.mean():.3f}",
    ]


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")


def _draw(slope: Array, y: Array, rows: Mapping[str, Sequence[Row]]) -> None:
    figure = blank(9.4, 3.6)
    slope_axes, accuracy_axes = figure.subplots(1, 2)
    tidy(
        slope_axes,
        "natural slope |Re(λ/μ)|",
        "|σ| (moved at random by up to 0.5)",
        f"{len(slope)} hyperbolic knots",
    )
    slope_axes.plot(
        slope,
        y + np.random.default_rng(0).uniform(-0.5, 0.5, len(y)),
        ".",
        color=KAN,
        markersize=1.5,
    )
    slope_axes.plot(
        [0, slope.max()], [0, slope.max() / 2], color=INK, linewidth=1.0, label="|σ| = slope / 2"
    )
    slope_axes.legend(fontsize=8)
    tidy(accuracy_axes, "test accuracy, each seed", "", "what is lost without an input")
    accuracy_axes.grid(axis="y", visible=False)
    for place, (name, runs) in enumerate(reversed(rows.items())):
        accuracy_axes.plot(
            [row.accuracy for row in runs],
            [place] * len(runs),
            "o",
            color=MLP if "MLP" in name else KAN,
            markersize=4,
        )
    accuracy_axes.set_yticks(range(len(rows)), list(reversed(rows)), fontsize=7)
    save(figure, science_page.FIGURES / "knots.png")
