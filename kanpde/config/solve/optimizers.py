"""The table of optimizers: one row for everything that is known of one but how it takes a step.

A new optimizer is a row here, a constructor in `solver.least_squares_problem` and the method
itself. Its keys are among those of `OptimizerStage`; a key that no other optimizer has is a field
there and an entry of `READ` in `stages`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from kanpde.config.frozen_map import FrozenMap


class Sizes(NamedTuple):
    """Numbers of residual rows R, of coefficients of the outer layer and of all parameters P."""

    rows: int
    outer: int
    parameters: int


@dataclass(frozen=True)
class Matrix:
    """A dense matrix that a step holds, `copies` times at its peak.

    Its height is the sum of the sizes `tall`, its width the size `wide`; `name` is what reports
    call it. Damping or regularisation adds a row per column.
    """

    name: str
    tall: tuple[str, ...]
    wide: str
    copies: int

    def shape(self, sizes: Sizes) -> tuple[int, int]:
        """Height and width."""
        return sum(getattr(sizes, name) for name in self.tall), getattr(sizes, self.wide)

    def numbers(self, sizes: Sizes) -> int:
        """How many numbers all copies hold."""
        tall, wide = self.shape(sizes)
        return self.copies * tall * wide


@dataclass(frozen=True)
class Optimizer:
    """What an optimizer takes, needs and goes with.

    Attributes:
        defaults: its keys and their default values; every optimizer also knows `seconds`.
        matrix: the dense matrix of a step, None where it holds none.
        gradients: memory of a step beside the matrix, in that of one gradient step.
        needs_rows: whether it needs residual rows, of which an energy has none.
        sparsifies: whether it can lower a penalty beside the objective.
        outer_only: whether it solves for the outer layer at once, by Newton's method, so that
            nothing can follow the residual meanwhile.
        restarts: whether what it remembers belongs to one objective, so that it begins anew where
            points or weights have changed.
        chunk: steps between two looks at the clock, the observer and the guard.
    """

    defaults: FrozenMap[Any]
    matrix: Matrix | None = None
    gradients: int = 1
    needs_rows: bool = False
    sparsifies: bool = False
    outer_only: bool = False
    restarts: bool = True
    chunk: int = 1


OPTIMIZERS: FrozenMap[Optimizer] = FrozenMap(
    {
        "least_squares": Optimizer(
            FrozenMap({"steps": 30, "tolerance": 0.1, "regularisation": 1e-13, "keep": False}),
            Matrix("least-squares matrix", ("rows", "outer"), "outer", copies=3),
            gradients=0,
            outer_only=True,
        ),
        "adam": Optimizer(
            FrozenMap({"steps": 1000, "learning_rate": 1e-3, "tolerance": 0.0}),
            sparsifies=True,
            restarts=False,
            chunk=10,
        ),
        "lbfgs": Optimizer(
            FrozenMap({"steps": 500, "tolerance": 0.0}),
            sparsifies=True,
            chunk=10,
        ),
        "variable_projection": Optimizer(
            FrozenMap({"steps": 200, "tolerance": 1e-6, "regularisation": 1e-10}),
            Matrix("Jacobian of variable projection", ("rows", "outer"), "parameters", copies=4),
            gradients=0,
            needs_rows=True,
        ),
        "levenberg_marquardt": Optimizer(
            FrozenMap({"steps": 200, "tolerance": 1e-6}),
            Matrix(
                "Jacobian of Levenberg-Marquardt", ("rows", "parameters"), "parameters", copies=5
            ),
            gradients=0,
            needs_rows=True,
        ),
        "broyden": Optimizer(
            FrozenMap({"steps": 1000, "tolerance": 0.0}),
            Matrix("inverse Hessian of Broyden", ("parameters",), "parameters", copies=3),
            sparsifies=True,
            chunk=10,
        ),
        "gauss_newton_cg": Optimizer(
            FrozenMap({"steps": 100, "tolerance": 1e-6}),
            gradients=3,  # products with the Jacobian differentiate a gradient once more
            needs_rows=True,
        ),
    }
)
"""Every optimizer of a stage by the name that a schedule calls it."""

STAGE: FrozenMap[FrozenMap[Any]] = FrozenMap(
    {name: optimizer.defaults for name, optimizer in OPTIMIZERS.items()}
)
"""Keys and default values of each optimizer."""

MINIMISERS = tuple(name for name, optimizer in OPTIMIZERS.items() if not optimizer.needs_rows)
"""Optimizers that an energy can be lowered by."""

SPARSIFIERS = tuple(name for name, optimizer in OPTIMIZERS.items() if optimizer.sparsifies)
"""Optimizers that can lower a penalty beside the objective."""
