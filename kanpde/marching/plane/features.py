"""What formulas hide between points: cells that see sources, coefficients and rates at the start at a
few instants, and slabs that see their pulses in time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from kanpde.errors import NumericalError
from kanpde.expressions import Derivative, number
from kanpde.marching.ordinary.collocation import rule
from kanpde.marching.plane.rows import Shifted, lengths_of, system_of
from kanpde.marching.plane.statement import TIME, Evolution, Formula, values
from kanpde.marching.pulses import UNSEEN
from kanpde.patches.affine import Affine
from kanpde.patches.cells import Cell, Cover
from kanpde.patches.layout import balanced
from kanpde.patches.probing import resolved
from kanpde.problem.kinks import holds_switch

Array = NDArray[np.float64]

INSTANTS = (0.0, 0.381, 0.764)
"""Where in the time formulas are looked at."""

MOST_UNSEEN = 0.1
"""Share of a known part of the formulas that marches of any local error may miss between instants."""


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


def _rates(evolution: Evolution) -> list[Affine]:
    """Derivatives by t at the start, but those that jump: no cells see a jump."""
    return [
        _Rate((), number(0.0), jet=jet, evolution=evolution)
        for jet, node in evolution.initial.items()
        if jet.index[TIME] and not holds_switch(node)
    ]


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


@dataclass(frozen=True)
class _Rate(Affine):
    """A derivative by t at the start."""

    jet: Derivative = field(kw_only=True)
    evolution: Evolution = field(kw_only=True)

    def at(self, x: Array, normal: Array | None = None) -> tuple[Array, Array]:
        """No slopes (0, N), and its values (N,)."""
        return np.zeros((0, len(x))), self.evolution.start(self.jet, x)


def seen(
    evolution: Evolution,
    cover: Cover,
    first: Mapping[Cell, int],
    instants: Sequence[float] | None = None,
) -> dict[Cell, int]:
    """Cells split until they see all features of the equations at some instants, those INSTANTS of the
    time and the rates at the start if none are given; those given, balanced, where a formula has no
    value for the initial values.
    """
    begin, end = evolution.times
    probed: list[Affine] = []
    if instants is None:
        probed += _rates(evolution)
        instants = [begin + share * (end - begin) for share in INSTANTS]
    try:
        for t in instants:
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


def seen_within(
    evolution: Evolution, cover: Cover, degrees: Mapping[Cell, int], slab: tuple[float, float]
) -> Mapping[Cell, int]:
    """Cells split until they see what pulses begin, are largest or end within a slab from t over h:
    what a march had of finer ones it may have put together since the start.
    """
    (t, h), instants = slab, evolution.pulses.loud
    inside = instants[(instants >= t) & (instants < t + h)]
    return seen(evolution, cover, degrees, inside.tolist()) if len(inside) else degrees


def hides_pulses(
    evolution: Evolution, slab: tuple[float, float], stages: int, number: int, error: float
) -> bool:
    """Whether formulas have a pulse between the Radau points of a slab from t over h.

    Args:
        evolution: what is marched.
        slab: t and h.
        stages: how many points it has.
        number: of the slab.
        error: the local error of the march, as large a share of which may be missed.
    """
    table, unseen = rule(stages), min(MOST_UNSEEN, max(UNSEEN, error))
    pulses, interpolate = evolution.pulses, partial(table.at, folds=0)
    return pulses.hidden(*slab, table.nodes, interpolate, number, unseen)
