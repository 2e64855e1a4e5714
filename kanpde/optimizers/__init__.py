"""Ways to lower a least-squares objective; they know no equation and no network."""

from __future__ import annotations

from kanpde.optimizers.base import (
    Advance,
    Differentiable,
    Iterative,
    NonFiniteError,
    Objective,
    System,
    finite,
)
from kanpde.optimizers.bordered_qr import Bordered
from kanpde.optimizers.broyden import Broyden
from kanpde.optimizers.first_order import LBFGS, Adam
from kanpde.optimizers.gauss_newton import GaussNewton, Joint, projected
from kanpde.optimizers.krylov import Krylov
from kanpde.optimizers.least_squares import solve, solve_in_windows
from kanpde.optimizers.shifted_qr import Shifted

__all__ = [
    "LBFGS",
    "Adam",
    "Advance",
    "Bordered",
    "Broyden",
    "Differentiable",
    "GaussNewton",
    "Iterative",
    "Joint",
    "Krylov",
    "NonFiniteError",
    "Objective",
    "Shifted",
    "System",
    "finite",
    "projected",
    "solve",
    "solve_in_windows",
]
