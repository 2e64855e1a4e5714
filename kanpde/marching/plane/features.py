"""First cells that see what sources and coefficients hide between points, at a few instants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from kanpde.errors import NumericalError
from kanpde.expressions import Derivative
from kanpde.marching.plane.rows import Shifted, lengths_of, system_of
from kanpde.marching.plane.statement import TIME, Evolution, Formula, values
from kanpde.patches.affine import Affine
from kanpde.patches.cells import Cell, Cover
from kanpde.patches.layout import balanced
from kanpde.patches.probing import resolved

Array = NDArray[np.float64]

INSTANTS = (0.0, 0.381, 0.764)
"""Where in the time formulas are looked at."""


@dataclass(frozen=True)
class _Probed(Affine):
    """The slopes of a formula at an instant, and what it is for the initial values."""

    shifted: Shifted = field(kw_only=True)
    evolution: Evolution = field(kw_only=True)

    def at(self, x: Array, normal: Array | None = None) -> tuple[Array, Array]:
        """Slopes (S, N) and value (N,)."""
        slopes, _ = self.shifted.at(x, normal)
        formula: Formula = self.shifted.formula
        known = _initial(self.evolution, formula.jets, x)
        return slopes, values([formula.node], x, self.shifted.t, normal, known)[0]


def _initial(
    evolution: Evolution, jets: tuple[Derivative, ...], x: Array
) -> dict[Derivative, Array]:
    """Jets of the initial values; zero for derivatives by t that are not given."""
    return {
        jet: evolution.start(jet, x)
        if jet.index[TIME] < max(1, evolution.orders[jet.unknown])
        else np.zeros(len(x))
        for jet in jets
    }


def seen(evolution: Evolution, cover: Cover, first: Mapping[Cell, int]) -> dict[Cell, int]:
    """First cells split until they see all features of the equations; those given, balanced, where
    a formula has no value for the initial values.
    """
    begin, end = evolution.times
    probed = []
    try:
        for share in INSTANTS:
            t = begin + share * (end - begin)
            system = system_of(
                evolution,
                t,
                1.0 / (end - begin),
                lambda jets, x, normal: _initial(evolution, tuple(jets), x),
                lengths_of(evolution),
            )
            for equation in system.equations:
                assert isinstance(equation, Shifted)
                probed.append(
                    _Probed(
                        equation.slopes, equation.constant, shifted=equation, evolution=evolution
                    )
                )
        return resolved(cover, [replace(system, equations=tuple(probed))], first)
    except NumericalError:
        return balanced(cover, first)
