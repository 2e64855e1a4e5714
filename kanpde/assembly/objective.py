"""What a solve lowers: a number J(θ) of a trial solution, at fixed points.

    residual   J = Σ_terms weight · mean(r²)      `Assembly`: rows r, a least-squares problem
    energy     J = ∫ E(x, u, ∇u) dx + penalties    `EnergyObjective`: no rows, Newton's method for its minimum

A further kind has these methods; if its outer parameters are found in a way of its own it registers
that with `solver.newton.outer_steps`, and with `solver.adaptive.training_points` how its points
follow the solution, if they do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from torch import Tensor

from kanpde.assembly.residual import Assembly
from kanpde.assembly.terms import Term
from kanpde.trial.solution import TrialSolution


class Lowered(Protocol):
    """What a stage of first order lowers."""

    def objective(self, trial: TrialSolution) -> Tensor:
        """J, a scalar that autograd follows to the parameters; dimensionless."""


class Objective(Lowered, Protocol):
    """What a solve lowers."""

    @property
    def points(self) -> Tensor:
        """Where the solution is looked at when grids change, (N, d)."""

    @property
    def terms(self) -> Sequence[Term]:
        """The equations and conditions that enter J as rows r."""

    @property
    def linear(self) -> bool:
        """Whether one solve of a linear system lowers J to its minimum in the outer parameters."""

    @property
    def rows(self) -> int:
        """R of the least-squares problem of one step."""

    @property
    def residual(self) -> Assembly | None:
        """The rows whose squares J is the sum of; None where it is no such sum."""
