"""Ways to lower a least-squares objective; they know no equation and no network."""

from __future__ import annotations

from kanpde.optimizers.base import Advance, Iterative, NonFiniteError, Objective, finite
from kanpde.optimizers.gradient import LBFGS, Adam
from kanpde.optimizers.least_squares import solve

__all__ = ["LBFGS", "Adam", "Advance", "Iterative", "NonFiniteError", "Objective", "finite", "solve"]
