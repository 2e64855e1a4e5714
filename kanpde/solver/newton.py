"""Newton's method for what a trial solution is linear in, the outer parameters c, and for the
unknown constants s with them:

    min over (γ, δ) of ‖r + M γ + K δ‖²,     M = ∂r/∂c,  K = ∂r/∂s.

A step is halved until the objective falls. The equations hold the field in a narrow valley that
bends with the constants (k u stays the same in k Δu = f), so after a step of the constants the
field is solved for anew before the objective is looked at, as in variable projection. The first
step of a stage leaves the constants alone: a field that is zero says nothing about a factor of it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import singledispatch
from typing import Protocol

import torch
from torch import Tensor

from kanpde.assembly.energy import EnergyObjective
from kanpde.assembly.objective import Objective
from kanpde.assembly.outer_system import OuterSystem
from kanpde.assembly.residual import Assembly
from kanpde.errors import NumericalError
from kanpde.solver.ritz import Ritz
from kanpde.trial.solution import TrialSolution

SHORTEST_SHARE = 1e-4
"""Where a step shorter than this share of itself still does not lower the objective, it is given
up.
"""

SETTLED = 1e-6
"""Constants whose step is at most this share of max(1, |s|) have converged: the next error is about
its square.
"""


NEEDED = 1e-4
"""Share of the objective that a step which keeps must gain: rows that are met already move nothing,
not even in directions that they see no better than rounding, where one such step after the other
would pile up. Measured: repeated with the same rows, a solve gains 1e-10 to 1e-6 of its objective,
by what ε kept back, and doubles coefficients that the rows do not determine.
"""

FOLLOWED, SLIGHT = 3, 1e-3
"""Most steps of the field after one of the constants, and the share of the objective below which no
further one is made.
"""


@dataclass(frozen=True)
class Step:
    """The objective after a step, and how much it fell by; `whole` if the step was not halved and
    the constants have settled.
    """

    value: float
    fell: float
    whole: bool

    def ended(self, tolerance: float, goal: float) -> bool:
        """Whether no further step is worth its price: a whole one gained at most a `tolerance` of
        the objective, or that is at most `goal`.
        """
        return (self.whole and self.fell <= tolerance * self.value) or self.value <= goal


class OuterStep(Protocol):
    """What a step of the outer parameters gave."""

    def ended(self, tolerance: float, goal: float) -> bool:
        """Whether no further step is worth its price; the `tolerance` is a share of the objective,
        the `goal` a value of it (both dimensionless).
        """


class OuterSteps(Protocol):
    """Newton's method for the outer parameters and the unknown constants of one trial solution."""

    @property
    def value(self) -> float:
        """The present objective, dimensionless."""

    def step(self, regularisation: float, constants: bool) -> OuterStep | None:
        """One step, of the constants too if asked for; None where nothing lowers the objective."""


@singledispatch
def outer_steps(objective: Objective, trial: TrialSolution, keep: bool = False) -> OuterSteps:
    """Newton's method for a kind of objective, which registers it here; an energy and unknown
    parameters know no `keep` (see `config.compatibility`).
    """
    raise NotImplementedError(f"no Newton's method for a {type(objective).__name__}")


@outer_steps.register
def _(objective: Assembly, trial: TrialSolution, keep: bool = False) -> OuterSteps:
    return Newton(objective, trial, keep)


@outer_steps.register
def _(objective: EnergyObjective, trial: TrialSolution, keep: bool = False) -> OuterSteps:
    return Ritz(objective, trial)


class Newton:
    """Steps on one trial solution; `value` is the present objective."""

    def __init__(self, assembly: Assembly, trial: TrialSolution, keep: bool = False) -> None:
        self._trial, self._linear, self._keep = trial, assembly.linear, keep
        self._rows = OuterSystem(assembly, trial)
        self.value = self._rows.objective()

    def step(self, regularisation: float, constants: bool) -> Step | None:
        """One step, of the constants too if asked for; None where no share of it lowers the
        objective: nothing has moved then, as where constants that have settled are all that is left
        to move.
        """
        outer, raw = self._trial.net.outer, self._trial.constants.raw.detach().clone()
        move, change = self._rows.step(regularisation, self._keep), torch.zeros_like(raw)
        if constants and len(raw):
            move, change = self._rows.joint_step(regularisation)
        settled = bool((change.abs() <= SETTLED * raw.abs().clamp_min(1.0)).all())
        follows = bool(change.any())
        share, new = 1.0, self._tried(outer + move, raw + change, follows and regularisation)
        while not self._linear and not new < self.value and share > SHORTEST_SHARE:
            share /= 2
            new = self._tried(
                outer + share * move, raw + share * change, follows and regularisation
            )
        if not self._linear and not new < self.value:
            self._tried(outer, raw, False)
            return Step(self.value, 0.0, True) if follows and settled else None
        if self._keep and not new < (1 - NEEDED) * self.value:
            self._tried(outer, raw, False)
            return Step(self.value, 0.0, True)
        fell, self.value = self.value - new, new
        return Step(new, fell, share == 1.0 and settled)

    def _tried(self, outer: Tensor, raw: Tensor, follow: float | bool) -> float:
        """The objective there; with ε = `follow`, after Newton steps of the outer parameters
        alone.
        """
        self._trial.net.set_outer(outer)
        self._trial.constants.write(raw)
        value = self._rows.objective()
        for _ in range(FOLLOWED if follow else 0):
            before = self._trial.net.outer
            try:
                self._trial.net.set_outer(before + self._rows.step(float(follow)))
            except (
                NumericalError
            ):  # constants so far away that no number is finite: a smaller share will do
                return math.inf
            new = self._rows.objective()
            if not new < value:
                self._trial.net.set_outer(before)
                return value
            fell, value = value - new, new
            if fell <= SLIGHT * value:
                break
        return value
