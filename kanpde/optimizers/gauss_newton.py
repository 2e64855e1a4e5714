"""Damped Gauss-Newton steps on every parameter: Levenberg-Marquardt and variable projection.

Rows r(a, c), a the inner parameters, c the outer ones, J = ∂r/∂a, M = ∂r/∂c. A step of
Levenberg-Marquardt is

    min over (δ, γ) of ‖r + J δ + M γ‖² + λ ‖D (δ, γ)‖²,     D = lengths of the columns,

one of variable projection leaves γ undamped (but for ε, see `least_squares`): with Q R = M by QR
and Q = (Q₁ Q₂),

    min over δ of ‖Q₂ᵀ (r + J δ)‖² + λ ‖D δ‖²,     R γ = -Q₁ᵀ (r + J δ),

Kaufman's form of Golub and Pereyra's method; after it c is solved for anew. Both use QR of the
rows, never normal equations. Both bend the step δ of the inner parameters (or of all) along the
curved valley: by half the step that meets the second derivative of the rows along it in place of r
(geodesic acceleration), where that is short beside δ. Where J does not fit, conjugate gradients on
the damped normal equations need only products with it (`krylov`). A step counts when the objective
falls; λ follows Nielsen's rule.
Sources: Golub & Pereyra, SIAM J. Numer. Anal. 10 (1973); Kaufman, BIT 15 (1975); Nielsen,
IMM-REP-1999-05; Moré, The Levenberg-Marquardt algorithm, LNM 630 (1978); Transtrum & Sethna, arXiv
1201.5885 (2012).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from kanpde.errors import NumericalError
from kanpde.optimizers import linear_algebra
from kanpde.optimizers.base import Advance, NonFiniteError, Objective, System
from kanpde.optimizers.damped_qr import Damped
from kanpde.optimizers.least_squares import equilibrate

START = 1e-3
"""λ before the first step, dimensionless."""

PATIENCE = 10
"""Steps without progress worth having before the end."""

TRIES = 30
"""Values of λ that are tried for one step; the last one is beyond 10^100."""

UNREACHED = 1e-3
"""Columns of M shorter than this share of the longest are not scaled up: a coefficient of a
function that hardly any point reaches must not become large, since the next step may reach it.
"""

CORRECTIONS = 2
"""Newton steps of the outer parameters after each step of the inner ones, where the problem is not
linear.
"""

SPAN = 0.1
"""Share of a step over which the second derivative is taken."""


class Model(Protocol):
    """The rows to first order around the present parameters."""

    def place(self, damping: float) -> float:
        """Move the parameters by the step of this λ; the fall of the objective that it should
        bring.
        """


class GaussNewton:
    """Steps of one kind of model; it stalls when each of PATIENCE steps in a row brings less than
    `tolerance` of the objective.

    `begin` is called once before the first step.
    """

    def __init__(
        self,
        system: System,
        model: Callable[[System], Model],
        tolerance: float = 0.0,
        begin: Callable[[], None] | None = None,
    ) -> None:
        self._system, self._model, self._tolerance, self._begin = system, model, tolerance, begin
        self._damping, self._growth, self._slow = START, 2.0, 0

    def advance(self, objective: Objective, steps: int) -> Advance:
        """Up to `steps` steps that lower the objective."""
        if self._begin is not None:
            self._begin()
            self._begin = None
        value = self._value()
        for done in range(steps):
            lowered = self._step(value)
            if lowered is None:
                return Advance(done, value, True)
            self._slow = self._slow + 1 if value - lowered <= self._tolerance * value else 0
            value = lowered
        return Advance(steps, value, self._slow >= PATIENCE)

    def _step(self, value: float) -> float | None:
        """The objective after one step, or None when no λ lowers it; the parameters then stay."""
        system = self._system
        kept, model = system.vector, self._model(system)
        for _ in range(TRIES):
            predicted, new = self._tried(model)
            if new < value:
                gain = (value - new) / max(predicted, 1e-300)
                self._damping *= max(0.2, 1 - (2 * min(gain, 2.0) - 1) ** 3)
                self._growth = 2.0
                return new
            system.write(kept)
            self._damping *= self._growth
            self._growth *= 2
        self._damping, self._growth = START, 2.0
        return None

    def _tried(self, model: Model) -> tuple[float, float]:
        """The predicted fall and the objective after a step; infinite where it leads to numbers
        that are not finite.
        """
        try:
            predicted = model.place(self._damping)
        except NumericalError:
            return 0.0, math.inf
        return predicted, float(self._system.residual().square().sum())

    def _value(self) -> float:
        value = float(self._system.residual().square().sum())
        if not math.isfinite(value):
            raise NonFiniteError(f"objective {value}")
        return value

    def state(self) -> dict[str, Any]:
        """λ, its growth and the number of slow steps."""
        return {"damping": self._damping, "growth": self._growth, "slow": self._slow}

    def load(self, state: dict[str, Any]) -> None:
        """Go on from a saved state; ValueError if it makes no sense."""
        damping, growth = float(state["damping"]), float(state["growth"])
        if not (0 <= damping < math.inf and 1 < growth < math.inf):
            raise ValueError(f"damping {damping}, growth {growth}")
        self._damping, self._growth, self._slow = damping, growth, int(state["slow"])
        self._begin = None


class Joint:
    """Levenberg-Marquardt's model: all parameters are damped alike."""

    def __init__(self, system: System) -> None:
        self._system, self._at, self._rest = system, (system.inner, system.outer), system.residual()
        self._damped = Damped(
            torch.cat([system.jacobian(), system.outer_matrix()], dim=1), -self._rest
        )

    def place(self, damping: float) -> float:
        """A `Model`."""
        step, predicted = self._damped.step(damping)
        bend = self._damped.bend(-curvature(self._system, self._at, step, self._rest) / 2)
        move(self._system, self._at, step + bend)
        return predicted


def move(system: System, at: tuple[Tensor, Tensor], step: Tensor) -> None:
    """Place the parameters `step` away from (a, c)."""
    inner, outer = at
    system.place(inner + step[: len(inner)], outer + step[len(inner) :])


def curvature(system: System, at: tuple[Tensor, Tensor], step: Tensor, rest: Tensor) -> Tensor:
    """Second derivative of the rows along a step from (a, c), by a central difference, (R,); they
    are `rest` (R,) there.
    """
    difference = -2 * rest
    for share in (SPAN, -SPAN):
        move(system, at, share * step)
        difference = difference + system.residual()
    return difference / SPAN**2


@dataclass(frozen=True)
class OuterFactor:
    """QR of M with its columns scaled to length one, stacked on ε I."""

    factors: linear_algebra.Factor
    lengths: Tensor
    epsilon: float

    def right(self, system: System) -> Tensor:
        """The rows to be met, -r and -ε D c below, (R + P, 1)."""
        return torch.cat([-system.residual(), -self.epsilon * self.lengths * system.outer])[:, None]

    def rotated(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Q₁ᵀ and Q₂ᵀ of rows (R + P, K)."""
        return self.factors.split(rows)

    def solution(self, top: Tensor) -> Tensor:
        """γ from Q₁ᵀ of what it is to meet (P, 1)."""
        return self.factors.back(top)[:, 0] / self.lengths


class Elimination:
    """The outer parameters as a function of the inner ones: min over c of ‖r(a, c)‖² + ε² ‖D c‖²,
    by Newton's method.
    """

    def __init__(self, system: System, regularisation: float) -> None:
        self._system, self._regularisation = system, regularisation
        self._known: tuple[Tensor, OuterFactor] | None = None

    def factor(self) -> OuterFactor:
        """Of M at the present parameters; where the problem is linear M depends on the inner ones
        only.
        """
        system = self._system
        inner = system.inner
        if self._known is not None and system.linear and torch.equal(self._known[0], inner):
            return self._known[1]
        matrix = system.outer_matrix(len(system.outer))
        lengths, epsilon = equilibrate(matrix, self._regularisation, system.blocks, UNREACHED)
        factors = linear_algebra.factor(matrix, len(lengths))
        self._known = inner, OuterFactor(factors, lengths, epsilon)
        return self._known[1]

    def settle(self) -> None:
        """Move the outer parameters to their best: one solve where the problem is linear, else a
        few Newton steps.
        """
        system = self._system
        for _ in range(1 if system.linear else CORRECTIONS):
            factor = self.factor()
            step = factor.solution(factor.rotated(factor.right(system))[0])
            system.place(system.inner, system.outer + step)


class Projected:
    """Variable projection's model: the outer parameters follow the inner ones; they are best before
    the first step too.
    """

    def __init__(self, system: System, elimination: Elimination) -> None:
        self._system, self._elimination = system, elimination
        self._factor = elimination.factor()
        self._at, self._rest = (system.inner, system.outer), system.residual()
        rows = system.jacobian()
        rows = torch.cat([rows, rows.new_zeros(len(system.outer), rows.shape[1])])
        self._top, below = self._factor.rotated(
            torch.cat([self._factor.right(system), rows], dim=1)
        )
        self._damped = Damped(below[:, 1:], below[:, 0])

    def place(self, damping: float) -> float:
        """A `Model`."""
        step, predicted = self._damped.step(damping)
        if len(step):
            second = curvature(self._system, self._at, self._followed(step), self._rest)
            padded = torch.cat([second, second.new_zeros(len(self._at[1]))])[:, None]
            step = step + self._damped.bend(-self._factor.rotated(padded)[1][:, 0] / 2)
        move(self._system, self._at, self._followed(step))
        self._elimination.settle()
        return predicted

    def _followed(self, step: Tensor) -> Tensor:
        """A step of the inner parameters and what the outer ones then do, to first order."""
        follow = self._factor.solution(self._top[:, :1] - self._top[:, 1:] @ step[:, None])
        return torch.cat([step, follow])


class Projection:
    """How variable projection with this ε makes its models; the factorisation of M is kept from one
    to the next.
    """

    def __init__(self, system: System, regularisation: float) -> None:
        self._system, self._elimination = system, Elimination(system, regularisation)

    def __call__(self, system: System) -> Model:
        """The model at the present parameters."""
        return Projected(system, self._elimination)

    def begin(self) -> None:
        """Best outer parameters before the first step, if they lower the objective: beside that of
        a random start nearly any step of the inner parameters would count as a success, however far
        it leads.
        """
        system = self._system
        kept, value = system.vector, float(system.residual().square().sum())
        try:
            self._elimination.settle()
            better = float(system.residual().square().sum()) < value
        except NumericalError:
            better = False
        if not better:
            system.write(kept)


def projected(system: System, regularisation: float) -> Projection:
    """The models of variable projection with this ε."""
    return Projection(system, regularisation)
