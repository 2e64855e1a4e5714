"""Damped linear least squares for many dampings,

    min over q of ‖B q - y‖² + λ ‖D q‖²,     D = lengths of the columns of B,

from one QR of the rows and then one of a triangle per λ. With fewer rows than columns D q = V z,
with V T = (B D⁻¹)ᵀ by QR: what is orthogonal to V only adds to the damped term, so every λ costs a
triangle as large as the rows are many.
Source: Moré, The Levenberg-Marquardt algorithm, LNM 630 (1978).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from kanpde.optimizers.base import NonFiniteError

SHORTEST = 1e-6
"""A column shorter than this share of the longest is damped as if it were so long."""

MOST_BEND = 0.75
"""A bend whose double is longer than this share of a step is left out."""


class Damped:
    """Rows B (R, P) and y (R,)."""

    def __init__(self, rows: Tensor, right: Tensor) -> None:
        """B (R, P) and y (R,); NonFiniteError if they are not finite."""
        if not bool(rows.isfinite().all() & right.isfinite().all()):
            raise NonFiniteError("the Jacobian is not finite")
        lengths = rows.norm(dim=0)
        longest = lengths.max() if len(lengths) else 1.0
        self._lengths = lengths.clamp_min(float(SHORTEST * longest) or 1.0)
        scaled = rows / self._lengths
        self._wide: Tensor | None = None
        if len(rows) < len(self._lengths):
            self._wide, lower = torch.linalg.qr(scaled.T)
            scaled = lower.T
        triangle = torch.linalg.qr(torch.cat([scaled, right[:, None]], dim=1), mode="r").R
        self._triangle, self._right, self._rows = triangle[:, :-1], triangle[:, -1], scaled

    def step(self, damping: float) -> tuple[Tensor, float]:
        """q, and how much ‖B q - y‖² is below ‖y‖² + the damping's share: Nielsen's predicted
        fall.
        """
        count = self._triangle.shape[1]
        if not count:
            return self._lengths.new_zeros(len(self._lengths)), 0.0
        root = min(
            math.sqrt(damping), torch.finfo(self._right.dtype).eps ** -2
        )  # beyond it the step is below rounding
        below = self._right.new_zeros(count, count + 1).fill_diagonal_(root)
        stacked = torch.cat([torch.cat([self._triangle, self._right[:, None]], dim=1), below])
        factor = torch.linalg.qr(stacked, mode="r").R[:count]
        self._factor = factor[:, :-1]
        step = torch.linalg.solve_triangular(self._factor, factor[:, -1:], upper=True)[:, 0]
        predicted = (self._triangle @ step).square().sum() + 2 * root**2 * step.square().sum()
        self._size = float(step.norm())
        return self._unscaled(step), float(predicted)

    def bend(self, right: Tensor) -> Tensor:
        """What to add to the last step q for rows that are y + `right` (R,) at its end; zero if
        that is too long.

        By the seminormal equations: a correction needs few digits.
        """
        pulled = (self._rows.T @ right)[:, None]
        found = torch.linalg.solve_triangular(self._factor.T, pulled, upper=False)
        bend = torch.linalg.solve_triangular(self._factor, found, upper=True)[:, 0]
        return self._unscaled(
            bend if 2 * float(bend.norm()) <= MOST_BEND * self._size else torch.zeros_like(bend)
        )

    def _unscaled(self, step: Tensor) -> Tensor:
        """q (P,) from D q, or from z where rows are fewer."""
        found: Tensor = (step if self._wide is None else self._wide @ step) / self._lengths
        return found
