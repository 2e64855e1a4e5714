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
    """The objective or its gradient became non-finite; the solver restores the last finite parameters."""


@dataclass(frozen=True)
class Advance:
    """`steps` steps were done; `objective` is its value after them; `stalled` if they brought no progress worth having."""

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


def finite(value: Tensor) -> float:
    """The value as a number; NonFiniteError if it is not finite."""
    number = float(value.detach())
    if not math.isfinite(number):
        raise NonFiniteError(f"objective {number}")
    return number
