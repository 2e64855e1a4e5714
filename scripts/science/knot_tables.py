"""Hyperbolic invariants and signatures of knots, from the tables of KnotInfo (package
`database_knotinfo`, the `science` extra).

Of a hyperbolic knot K with cusp translations μ (meridian, complex) and λ > 0 (longitude), the
natural slope is Re(λ/μ) = λ Re μ / |μ|². KnotInfo gives every knot Re μ ≥ 0 whatever its chirality,
so the sign of the slope is lost, and what can be compared with it is |σ|; a sign-free Chern-Simons
invariant stands beside it.
Source: C. Livingston & A. H. Moore, KnotInfo: Table of Knot Invariants, knotinfo.org.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scripts.common.small_kan import Array

TRAINED = 0.7
"""Share of the knots in the training set."""


@dataclass(frozen=True)
class Knots:
    """Columns (N,) by name: those of INPUTS, `cusp volume`, `|μ|` and `|σ|`; how many knots were
    listed.
    """

    columns: dict[str, Array]
    listed: int

    @property
    def slope(self) -> Array:
        """|Re(λ/μ)|, (N,)."""
        real, imaginary = self.columns["Re μ"], self.columns["Im μ"]
        return self.columns["λ"] * real / (real**2 + imaginary**2)

    def matrix(self, *names: str) -> Array:
        """The named columns, (N, d)."""
        return np.column_stack([self.columns[name] for name in names])


def load() -> Knots:
    """All knots of KnotInfo that have cusp translations; ModuleNotFoundError without the `science`
    extra.
    """
    from database_knotinfo import link_list

    listed = link_list()[2:]  # a row of titles and the unknot
    with_cusps = [row for row in listed if row["longitude_translation"].startswith("(")]
    return Knots(gather(with_cusps), len(listed))


def gather(rows: Iterable[Mapping[str, str]]) -> dict[str, Array]:
    """The columns of table rows."""

    def complex_column(name: str) -> Array:
        return np.array([ast.literal_eval(row[name]) for row in rows])

    def real_column(name: str) -> Array:
        return np.array([float(row[name]) for row in rows])

    longitude = complex_column("longitude_translation")
    meridian = complex_column("meridian_translation")
    if np.any(longitude[:, 1] != 0):
        raise ValueError("longitude_translation: needs imaginary part 0")
    return {
        "volume": real_column("volume"),
        "λ": longitude[:, 0],
        "Re μ": meridian[:, 0],
        "Im μ": meridian[:, 1],
        "|CS|": np.abs(real_column("chern_simons_invariant")),
        "cusp volume": real_column("maximum_cusp_volume"),
        "|μ|": real_column("meridian_length"),
        "|σ|": np.abs(real_column("signature")),
    }


def even(values: Array) -> Array:
    """The nearest even numbers: signatures are even."""
    return 2 * np.round(values / 2)


def split(count: int, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Numbers of the training and of the test knots."""
    order = np.random.default_rng(seed).permutation(count)
    first = round(TRAINED * count)
    return order[:first], order[first:]
