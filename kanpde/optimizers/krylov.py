"""A Gauss-Newton step without the Jacobian: conjugate gradients on (JᵀJ + λ D²) δ = -Jᵀ r, which
need J v and Jᵀ w only.

D² is the diagonal of JᵀJ as (Jᵀ z)² averaged over random signs z estimates it; it also
preconditions.
Sources: Bekas, Kokiopoulou & Saad, Appl. Numer. Math. 57 (2007); Nocedal & Wright, Numerical
Optimization, 2006, ch. 7.
"""

from __future__ import annotations

import torch

from kanpde.optimizers.base import System

PROBES = 24
"""Random signs for the diagonal."""

ITERATIONS = 100
"""Products with J and Jᵀ for one step."""

ACCURACY = 1e-3
"""Where the residual of the normal equations is this share of what it was, the step is good enough.
"""


class Krylov:
    """The joint model of all parameters, solved by conjugate gradients."""

    def __init__(self, system: System) -> None:
        self._system, self._at = system, system.vector
        self._rows = system.residual()
        _, adjoint = system.products()
        generator = torch.Generator().manual_seed(0)
        squares = torch.zeros_like(self._at)
        for _ in range(PROBES):
            drawn = torch.randint(2, self._rows.shape, generator=generator, device=generator.device)
            signs = 2.0 * drawn.to(self._rows) - 1
            squares += adjoint(signs).square() / PROBES
        self.diagonal = squares.clamp_min(float(1e-12 * squares.max()))

    def place(self, damping: float) -> float:
        """A `Model`."""
        forward, adjoint = self._system.products()
        damped, right = damping * self.diagonal, -adjoint(self._rows)
        step, rest = torch.zeros_like(right), right
        direction = scaled = rest / self.diagonal
        slope = first = rest @ scaled
        for _ in range(ITERATIONS):
            turned = adjoint(forward(direction)) + damped * direction
            length = slope / (direction @ turned)
            step, rest = step + length * direction, rest - length * turned
            scaled = rest / self.diagonal
            before, slope = slope, rest @ scaled
            if not slope > ACCURACY**2 * first:
                break
            direction = scaled + (slope / before) * direction
        change = forward(step)
        self._system.write(self._at + step)
        return float(-(2 * self._rows + change) @ change)
