"""Smooth activations with closed-form derivatives: tanh, silu, sine.

tanh: each derivative is a polynomial in τ = tanh z, since τ' = 1 - τ².  silu: z σ(z) with σ' = σ (1 - σ), so
silu^{(k)} = z σ^{(k)} + k σ^{(k-1)}.  sine: a turn by π/2 per derivative.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from kanpde.errors import ConfigError


def apply(name: str, z: Tensor) -> Tensor:
    """The activation itself; ConfigError for an unknown name."""
    functions: dict[str, Callable[[Tensor], Tensor]] = {
        "tanh": torch.tanh,
        "silu": torch.nn.functional.silu,
        "sine": torch.sin,
    }
    if name not in functions:
        raise ConfigError(f"activation: unknown name {name!r}; known are {', '.join(functions)}")
    return functions[name](z)


def derivatives(name: str, z: Tensor, order: int) -> list[Tensor]:
    """f, f', …, f^{(order)} at z."""
    if name == "sine":
        sine, cosine = torch.sin(z), torch.cos(z)
        cycle = (sine, cosine, -sine, -cosine)
        return [cycle[k % 4] for k in range(order + 1)]
    if name == "tanh":
        return _polynomials(torch.tanh(z), [0.0, 1.0], [1.0, 0.0, -1.0], order)
    if name == "silu":
        sigma = _polynomials(torch.sigmoid(z), [0.0, 1.0], [0.0, 1.0, -1.0], order)
        return [z * sigma[k] + (k * sigma[k - 1] if k else 0.0) for k in range(order + 1)]
    raise ConfigError(f"activation: unknown name {name!r}; known are tanh, silu, sine")


def _polynomials(s: Tensor, start: list[float], rate: list[float], order: int) -> list[Tensor]:
    """Derivatives of q(s) with s' = rate(s): q ↦ q'·rate, Horner in s; coefficients from the
    constant up.
    """
    values = []
    q = start
    for k in range(order + 1):
        if k:
            slope = [i * c for i, c in enumerate(q)][1:]
            q = [0.0] * (len(slope) + len(rate) - 1)
            for i, a in enumerate(slope):
                for j, b in enumerate(rate):
                    q[i + j] += a * b
        value = torch.full_like(s, q[-1])
        for c in reversed(q[:-1]):
            value = value * s + c
        values.append(value)
    return values
