"""A network with its univariate functions on the nodes: z = W x + b, y = s(z), to compare with the
functions on the edges of a KAN.

    y_o = Σ_q s_oq(z_q),   z^{(l)} = W_l s^{(l-1)}(z^{(l-1)}) + b_l,   z^{(1)} = W_1 x + b_1.

A last layer of weights V_o would only scale the last functions, V_oq s_q, so it is part of their
coefficients, one set per output: these are linear and solved for at once as in a KAN. With one
output this is an MLP with a trained activation in every node (Bohra et al., Learning activation
functions in deep (spline) neural networks, IEEE OJSP 1, 2020).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from kanpde.errors import ConfigError
from kanpde.trial.bases import BASES
from kanpde.trial.networks.affine import Affine
from kanpde.trial.networks.kan import KAN, ridges
from kanpde.trial.networks.layer import NodeSplines, SplineLayer


def build_nodes(
    shape: Sequence[int],
    functions: Sequence[tuple[str, int, int]],
    start: str,
    base: bool,
    generator: torch.Generator,
    dtype: torch.dtype = torch.float64,
    chosen: Tensor | None = None,
) -> KAN:
    """A network with `shape` = [d, hidden …, m]; `functions` are basis, degree and intervals for
    each hidden layer.

    Starts: `ridge` spreads the first weights over the half sphere (`chosen` directions (n, d)
    first), leaves the functions near lines and the last ones zero; `paper` draws c ~ N(0, 0.1²) and
    Xavier's weights. ConfigError for any other.
    """
    if len(functions) != len(shape) - 2 or len(shape) < 3:
        raise ConfigError(
            f"functions on nodes {list(shape)}: needs hidden layers and one basis for each, found"
            f" {len(functions)}"
        )
    layers: list[SplineLayer | Affine] = []
    for k, (inputs, outputs) in enumerate(pairwise(shape[:-1])):
        name, degree, intervals = functions[k]
        last = k == len(functions) - 1
        sets = shape[-1] if last else 1
        ones = torch.ones(outputs, dtype=dtype)
        grid = BASES[name].even(-ones, ones, intervals, degree)
        if start == "ridge":
            weight = ridges(
                inputs, outputs, first=k == 0, generator=generator, dtype=dtype, chosen=chosen
            )
            line = 0.9 * grid.line()
        elif start == "paper":
            weight = torch.randn(outputs, inputs, generator=generator, dtype=dtype)
            weight *= math.sqrt(2 / (inputs + outputs))
            line = torch.zeros_like(grid.line())
        else:
            raise ConfigError(
                f"functions on nodes: unknown start {start!r}; known are ridge, paper"
            )
        noise = 0.1 * torch.randn(sets, outputs, grid.size, generator=generator, dtype=dtype)
        coefficients = torch.zeros_like(noise) if last and start == "ridge" else line + noise
        weights = torch.zeros(sets, outputs, dtype=dtype) if base else None
        layers.append(Affine(weight, torch.zeros(outputs, dtype=dtype)))
        layers.append((SplineLayer if last else NodeSplines)(grid, coefficients, weights))
    return KAN(layers)
