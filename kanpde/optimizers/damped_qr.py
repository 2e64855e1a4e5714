"""Damped linear least squares for many dampings,

    min over q of ‖B q - y‖² + λ ‖D q‖²,     D = lengths of the columns of B,

from one QR of the rows and then, per λ, a merge of its triangle with √λ I, 2/3 P³ operations. With
fewer rows than columns D q = V z, with V T = (B D⁻¹)ᵀ by QR: what is orthogonal to V only adds to
the damped term, so every λ costs a triangle as large as the rows are many.
Source: Moré, The Levenberg-Marquardt algorithm, LNM 630 (1978).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from kanpde.optimizers.base import NonFiniteError
from kanpde.optimizers.linear_algebra import back_substituted, factor, merged, thin

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
            self._wide, upper = thin(scaled.T)
            scaled = upper.T
        count = scaled.shape[1]
        triangle = factor(torch.cat([scaled, right[:, None]], dim=1)).triangle
        self._square = triangle.new_zeros(count + 1, count + 1)
        self._square[: len(triangle)] = triangle
        self._triangle, self._rows = self._square[:, :-1], scaled

    def step(self, damping: float) -> tuple[Tensor, float]:
        """q, and how much ‖B q - y‖² is below ‖y‖² + the damping's share: Nielsen's predicted
        fall.
        """
        count = self._triangle.shape[1]
        if not count:
            return self._lengths.new_zeros(len(self._lengths)), 0.0
        # beyond this λ the step is below rounding
        root = min(math.sqrt(damping), torch.finfo(self._square.dtype).eps ** -2)
        below = torch.zeros_like(self._square).fill_diagonal_(root)
        below[-1, -1] = 0
        damped = merged(self._square, below)[:count]
        self._factor = damped[:, :-1]
        step = back_substituted(self._factor, damped[:, -1:])[:, 0]
        predicted = (self._triangle @ step).square().sum() + 2 * root**2 * step.square().sum()
        self._size = float(step.norm())
        return self._unscaled(step), float(predicted)

    def bend(self, right: Tensor) -> Tensor:
        """What to add to the last step q for rows that are y + `right` (R,) at its end; zero if
        that is too long.

        By the seminormal equations: a correction needs few digits.
        """
        pulled = (self._rows.T @ right)[:, None]
        lifted = back_substituted(self._factor, pulled, transpose=True)
        bend = back_substituted(self._factor, lifted)[:, 0]
        short = 2 * float(bend.norm()) <= MOST_BEND * self._size
        return self._unscaled(bend if short else torch.zeros_like(bend))

    def _unscaled(self, step: Tensor) -> Tensor:
        """q (P,) from D q, or from z where rows are fewer."""
        scaled = step if self._wide is None else self._wide @ step
        unscaled: Tensor = scaled / self._lengths
        return unscaled
