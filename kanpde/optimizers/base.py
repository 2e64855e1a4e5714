"""What the iterative optimizers share: the objective they see and what they give back."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor

Objective = Callable[[], Tensor]
"""A scalar that autograd follows to the parameters."""


class NonFiniteError(ArithmeticError):
    """The objective or its gradient became non-finite; the solver restores the last finite
    parameters.
    """


@dataclass(frozen=True)
class Advance:
    """`steps` steps were done; `objective` is its value after them; `stalled` if they brought no
    progress worth having.

    A stall after fewer steps than were asked for says that no further step was found.
    """

    steps: int
    objective: float
    stalled: bool = False


class Iterative(Protocol):
    """An optimizer that advances by steps and can be saved between them."""

    def advance(self, objective: Objective, steps: int) -> Advance:
        """Up to `steps` steps; NonFiniteError when the objective is not finite."""

    def state(self) -> dict[str, Any]:
        """Everything needed to go on to the same bits: plain numbers, lists and tensors."""

    def load(self, state: dict[str, Any]) -> None:
        """Go on from a saved state."""


class Differentiable(Protocol):
    """An objective as a function of all parameters θ."""

    @property
    def vector(self) -> Tensor:
        """θ, all parameters in another order, a copy."""

    def write(self, vector: Tensor) -> None:
        """Write θ."""

    def gradient(self) -> tuple[float, Tensor]:
        """The objective and its gradient by θ."""


class System(Differentiable, Protocol):
    """Rows r(a, c) of a least-squares problem, the objective ‖r‖²; a are inner, c outer parameters,
    both vectors.

    `linear` says that r is affine in c; c falls into `blocks` of equal size.
    """

    linear: bool
    blocks: int

    @property
    def inner(self) -> Tensor:
        """a, a copy."""

    @property
    def outer(self) -> Tensor:
        """c, a copy."""

    def place(self, inner: Tensor, outer: Tensor) -> None:
        """Write both vectors."""

    def residual(self) -> Tensor:
        """r (R,)."""

    def jacobian(self) -> Tensor:
        """J = ∂r/∂a (R, P of a)."""

    def outer_matrix(self, extra: int = 0) -> Tensor:
        """M = ∂r/∂c with `extra` rows of zeros below (R + extra, P of c)."""

    def products(self) -> tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]:
        """v ↦ ∂r/∂θ v and w ↦ (∂r/∂θ)ᵀ w at the present parameters, without the matrix."""


def finite(value: Tensor) -> float:
    """The value as a number; NonFiniteError if it is not finite."""
    number = float(value.detach())
    if not math.isfinite(number):
        raise NonFiniteError(f"objective {number}")
    return number
