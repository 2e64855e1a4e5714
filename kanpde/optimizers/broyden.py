"""Self-scaled Broyden: a dense inverse Hessian H, scaled by τ and updated by a member φ of
Broyden's class,

    H ← [H - (H y)(H y)ᵀ / yᵀH y + φ v vᵀ] / τ + s sᵀ / yᵀs,     v = √(yᵀH y) [s / yᵀs - H y / yᵀH y],

with s the step and y the change of the gradient, along a strong-Wolfe line search.
Sources: Al-Baali & Khalfan, Optim. Methods Softw. 27 (2012); Urbán, Stefanou & Pons, arXiv
2405.04230.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kanpde.optimizers.base import Advance, Differentiable, NonFiniteError, Objective

Array = NDArray[np.float64]


class Broyden:
    """It stalls when a call lowers the objective by no more than `tolerance` of itself, or no step
    along -H g does.
    """

    def __init__(self, system: Differentiable, tolerance: float = 0.0) -> None:
        self._system, self._tolerance = system, tolerance
        self._inverse: Tensor | None = None

    def advance(self, objective: Objective, steps: int) -> Advance:
        """Up to `steps` steps; H starts as the identity, and again where no step along -H g is
        found.
        """
        value, gradient = self._evaluate(self._system.vector)
        before = value
        for done in range(steps):
            lowered = self._step(value, gradient)
            if lowered is None and self._inverse is not None:
                self._inverse = None
                lowered = self._step(value, gradient)
            if lowered is None:
                return Advance(done, value, True)
            value, gradient = lowered
        return Advance(steps, value, before - value <= self._tolerance * abs(before))

    def _step(self, value: float, gradient: Tensor) -> tuple[float, Tensor] | None:
        """Objective and gradient after a step along -H g; None, and the parameters as they were,
        where there is none.
        """
        from scipy.optimize import line_search

        at = self._system.vector
        fresh = self._inverse is None
        inverse = _identity(gradient) if fresh else self._inverse
        assert inverse is not None
        direction = -(inverse @ gradient)
        known: dict[bytes, tuple[float, Tensor]] = {}

        def evaluate(x: Array) -> tuple[float, Tensor]:
            key = x.tobytes()
            if key not in known:
                known.clear()
                try:
                    known[key] = self._evaluate(at.new_tensor(x))
                except NonFiniteError:
                    known[key] = math.inf, torch.zeros_like(at)
            return known[key]

        def objective(x: Array) -> float:
            return evaluate(x)[0]

        def slope_at(x: Array) -> Array:
            return evaluate(x)[1].numpy()

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            share, *_ = line_search(
                objective,
                slope_at,
                at.numpy(),
                direction.numpy(),
                gradient.numpy(),
                value,
            )
        if share is None:
            self._system.write(at)
            return None
        step = float(share) * direction
        new, slope = self._evaluate(at + step)
        if not new < value:
            self._system.write(at)
            return None
        self._inverse = _updated(
            inverse, step, slope - gradient, -float(share) * float(step @ gradient), fresh
        )
        return new, slope

    def _evaluate(self, vector: Tensor) -> tuple[float, Tensor]:
        self._system.write(vector)
        value, gradient = self._system.gradient()
        if not (math.isfinite(value) and bool(gradient.isfinite().all())):
            raise NonFiniteError(f"objective {value}")
        return value, gradient

    def state(self) -> dict[str, Any]:
        """H."""
        return {"inverse": self._inverse}

    def load(self, state: dict[str, Any]) -> None:
        """Go on from a saved state; ValueError if it belongs to other parameters."""
        inverse, count = state["inverse"], len(self._system.vector)
        if inverse is not None and inverse.shape != (count, count):
            raise ValueError(f"H {tuple(inverse.shape)} where {(count, count)} is needed")
        self._inverse = inverse


def _identity(gradient: Tensor) -> Tensor:
    """I / ‖g‖: the first trial step has length one."""
    length = gradient.norm().clamp_min(torch.finfo(gradient.dtype).tiny)
    identity: Tensor = gradient.new_zeros(len(gradient), len(gradient)).fill_diagonal_(1.0)
    scaled: Tensor = identity / length
    return scaled


def _updated(inverse: Tensor, s: Tensor, y: Tensor, curvature: float, fresh: bool) -> Tensor:
    """H after a step; `curvature` = sᵀ H⁻¹ s. A fresh H is first scaled to the curvature met."""
    product = float(y @ s)
    if not product > 1e-14 * float(y.norm() * s.norm()):
        return inverse
    if fresh:
        scale = product / float(y @ (inverse @ y))
        inverse, curvature = inverse * scale, curvature / scale
    turned = inverse @ y
    size = float(y @ turned)
    b, h = curvature / product, size / product
    a = max(b * h - 1, 1e-14)
    c = math.sqrt(a / (1 + a))
    low = min(1.0, h * (1 - c))
    theta = max((low - 1) / a, min(1 / low, (1 - b) / b))
    sigma = 1 + a * theta
    root = sigma ** (-1 / max(1, len(s) - 1))
    tau = min(low * root, sigma) if theta <= 0 else low * min(root, 1 / theta)
    phi = (1 - theta) / sigma
    v = math.sqrt(size) * (s / product - turned / size)
    scaled = (inverse - torch.outer(turned, turned) / size + phi * torch.outer(v, v)) / tau
    updated: Tensor = scaled + torch.outer(s, s) / product
    return updated
