"""Kolmogorov–Arnold networks of any shape: layers of spline edges, the last one linear in its
coefficients.

Starts:
- `paper`: c ~ N(0, 0.1²), base weights Xavier, grids on [-1, 1] (arXiv 2404.19756, §2.2).
- `ridge`: the first layer's edges are lines, z_q = (a_q·x) / |a_q|_1 ∈ [-1, 1] for x ∈ [-1, 1]^d,
  with directions a_q spread evenly over the half sphere and turned by the seed; a spline represents
  a line exactly (coefficients slope × Greville points). The outer layer starts at zero: one linear
  solve finds it. The last units may be `Radial` instead, z = Σ_i s_i (x_i - a_i)² with a outside
  the domain, say in a hole: a spline represents a parabola exactly too, and the outer grid is then
  geometric, since what comes from a hole (log r, 1/r, …) varies with the ratio of distances.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from kanpde.errors import ConfigError
from kanpde.numerics.jets import Jet, pull_back
from kanpde.numerics.sobol import sobol
from kanpde.trial.bases import BASES, Basis, SplineGrid
from kanpde.trial.networks.affine import Affine
from kanpde.trial.networks.layer import Local, NodeSplines, SplineLayer


@dataclass(frozen=True)
class Radial:
    """A unit z = Σ_i scales_i (x_i - centre_i)² of the network's own coordinates, with z ∈ [low,
    high], low ≥ 0.
    """

    centre: tuple[float, ...]
    scales: tuple[float, ...]
    low: float
    high: float


class KAN(nn.Module):
    """A stack of layers of univariate functions, (N, d) → (N, m); affine layers may stand between
    them, but not last.
    """

    kind = "kan"

    def __init__(self, layers: Sequence[SplineLayer | Affine]) -> None:
        super().__init__()
        for before, after in pairwise(layers):
            if before.outputs != after.inputs:
                raise ConfigError(
                    f"KAN: a layer gives {before.outputs} outputs but the next takes"
                    f" {after.inputs} inputs"
                )
        self.layers = nn.ModuleList(layers)

    @property
    def every(self) -> list[SplineLayer | Affine]:
        """The layers, first to last."""
        return [layer for layer in self.layers if isinstance(layer, SplineLayer | Affine)]

    @property
    def stack(self) -> list[SplineLayer]:
        """The layers of univariate functions."""
        return [layer for layer in self.layers if isinstance(layer, SplineLayer)]

    @property
    def shape(self) -> list[int]:
        """Inputs, hidden widths, outputs."""
        layers = self.every
        return [
            layers[0].inputs,
            *(layer.outputs for layer in layers if not isinstance(layer, NodeSplines)),
        ]

    @property
    def on(self) -> str:
        """Where the functions are: "edges" or "nodes"."""
        return "edges" if len(self.stack) == len(self.layers) else "nodes"

    @property
    def bases(self) -> list[str]:
        """Basis of each layer of functions."""
        return [layer.grid.name for layer in self.stack]

    @property
    def degrees(self) -> list[int]:
        """Degree of each layer of functions."""
        return [layer.degree for layer in self.stack]

    @property
    def intervals(self) -> list[int]:
        """Intervals of each layer of functions."""
        return [layer.grid.intervals for layer in self.stack]

    def forward(self, x: Tensor) -> Tensor:
        """(N, d) → (N, m)."""
        z = x.T
        for layer in self.every:
            z = layer(z)
        return z.T

    def jet(self, x: Jet) -> Jet:
        """The jet of the outputs, in closed form."""
        return self.stack[-1].jet(self.hidden(x))

    def hidden(self, x: Jet) -> Jet:
        """The jet of the inputs of the outer layer."""
        for layer in self.every[:-1]:
            x = layer.jet(x)
        return x

    def features(self, x: Jet) -> Local:
        """The functions that the outer layer combines; not recorded by autograd."""
        with torch.no_grad():
            return self.stack[-1].local(self.hidden(x))

    @property
    def outer(self) -> Tensor:
        """The outer layer's parameters, (P, m), a copy in the order of `features`."""
        last = self.stack[-1]
        parts = [last.coefficients.detach().reshape(last.outputs, -1)]
        if last.base is not None:
            parts.append(last.base.detach())
        return torch.cat(parts, dim=1).T

    def set_outer(self, values: Tensor) -> None:
        """Write the outer layer's parameters, (P, m); those of edges that are pruned stay zero."""
        last = self.stack[-1]
        count = last.inputs * last.grid.size
        with torch.no_grad():
            last.coefficients.copy_(values[:count].T.reshape(last.coefficients.shape))
            if last.base is not None:
                last.base.copy_(values[count:].T)
        last.forget()

    @property
    def inner(self) -> list[nn.Parameter]:
        """The parameters of all layers but the outer one, in the column order of `inner_rows`."""
        return [parameter for layer in self.every[:-1] for parameter in layer.parameters()]

    def inner_rows(self, x: Jet, functional: Tensor) -> Tensor:
        """The matrix (N, P) of the derivatives of Σ F_{α, o} ∂^α y_o by `inner`, for F (A, m,
        N).
        """
        layers, inputs, rows = self.every, [x], [x.value.new_zeros(0, x.value.shape[1])]
        with torch.no_grad():
            for layer in layers[:-1]:
                inputs.append(layer.jet(inputs[-1]))
        for k in range(len(layers) - 1, 0, -1):
            functional = pull_back(layers[k].jet, inputs[k], functional)
            with torch.no_grad():
                rows[:0] = layers[k - 1].rows(inputs[k - 1], functional)
        return torch.cat(rows).T

    def shrink_lines(self, share: float, radial: int = 0) -> None:
        """Divide the outputs of the first layer, but for the last `radial` ones, by `share`."""
        first = self.every[0]
        lines = first.weight if isinstance(first, Affine) else first.coefficients
        with torch.no_grad():
            lines[: first.outputs - radial] /= share

    def extended(self, intervals: Sequence[int], x: Tensor | None = None) -> KAN:
        """Grid extension of every layer; the function stays, where knots do not nest best at the
        points x (N, d).
        """
        layers: list[SplineLayer | Affine] = []
        z, counts = None if x is None else x.T, dict(zip(self.stack, intervals, strict=True))
        with torch.no_grad():
            for layer in self.every:
                finer = layer if isinstance(layer, Affine) else layer.refined(counts[layer], z)
                layers.append(finer)
                z = None if z is None else finer(z)
        return KAN(layers)

    def updated(self, x: Tensor, mix: float, room: float = 0.0) -> KAN:
        """Grid update of every layer to the range of its inputs at points x (N, d); the function
        stays.

        The first layer, whose inputs cannot move, gets no `room`.
        """
        layers: list[SplineLayer | Affine] = []
        z = x.T
        with torch.no_grad():
            for layer in self.every:
                share = room if layers else 0.0
                moved = layer if isinstance(layer, Affine) else layer.updated(z, mix, share)
                layers.append(moved)
                z = moved(z)
        return KAN(layers)

    def outside_share(self, x: Tensor) -> float:
        """Largest share of inputs outside a layer's grid, over the layers, at points x (N, d)."""
        layers = self.every
        shares = [0.0] * len(layers)
        with torch.no_grad():
            for start in range(0, len(x), 256):  # few points at a time, which stay in the cache
                z = x[start : start + 256].T
                for k, layer in enumerate(layers):
                    shares[k] += layer.outside_share(z) * z.shape[1] / len(x)
                    if k + 1 < len(layers):  # no grid meets what the last layer gives
                        z = layer(z)
        return max(shares)


def build_kan(
    shape: Sequence[int],
    degrees: Sequence[int],
    intervals: Sequence[int],
    start: str,
    base: bool,
    generator: torch.Generator,
    dtype: torch.dtype = torch.float64,
    radial: Sequence[Radial] = (),
    chosen: Tensor | None = None,
    clamped: bool = False,
    bases: Sequence[str] = (),
) -> KAN:
    """A KAN with `shape` = [d, hidden …, m], one degree, number of intervals and basis (by default
    bspline) per layer.

    `radial` replaces the last units of the first layer of a ridge start; there must be fewer than
    its width. `chosen` directions (n, d) are those of the first n. The knots of the last layer may
    be `clamped`; those of inner layers are not, since a ridge start needs exact lines.
    """
    if not len(degrees) == len(intervals) == len(shape) - 1:
        raise ConfigError(
            f"KAN {list(shape)}: needs one degree and one number of intervals for each of"
            f" {len(shape) - 1} layers"
        )
    layers = []
    for k, (inputs, outputs) in enumerate(pairwise(shape)):
        ones = torch.ones(inputs, dtype=dtype)
        grid: Basis = BASES[bases[k] if bases else "bspline"].even(
            -ones, ones, intervals[k], degrees[k]
        )
        if k == 1 and radial and isinstance(grid, SplineGrid):
            grid = _with_geometric(grid, radial)
        last = k == len(shape) - 2
        if last and clamped and isinstance(grid, SplineGrid):
            grid = SplineGrid.given(grid.breakpoints, grid.degree, clamped)
        if start == "ridge":
            if last:
                coefficients = grid.knots.new_zeros(outputs, inputs, grid.size)
            else:
                coefficients = _lines(
                    grid, outputs, first=k == 0, generator=generator, chosen=chosen
                )
            if k == 0 and isinstance(grid, SplineGrid) and radial:
                coefficients[-len(radial) :] = _parabolas(grid, radial)
        elif start == "paper":
            coefficients = 0.1 * torch.randn(
                outputs, inputs, grid.size, generator=generator, dtype=dtype
            )
        else:
            raise ConfigError(f"KAN: unknown start {start!r}; known are ridge, paper")
        weights = None
        if base:
            # drawn for every start, so that the generator goes on alike
            weights = torch.randn(outputs, inputs, generator=generator, dtype=dtype)
            weights *= math.sqrt(2 / (inputs + outputs))
            if start == "ridge":
                weights.zero_()
        layers.append(SplineLayer(grid, coefficients, weights))
    return KAN(layers)


def _lines(
    grid: Basis, outputs: int, *, first: bool, generator: torch.Generator, chosen: Tensor | None
) -> Tensor:
    """Coefficients (O, I, K) of lines, disturbed by a tenth in layers behind the first: equal units
    would stay equal.
    """
    inputs, dtype = len(grid.knots), grid.knots.dtype
    slopes = ridges(inputs, outputs, first=first, generator=generator, dtype=dtype, chosen=chosen)
    lines = slopes[:, :, None] * grid.line()
    if first:
        return lines
    noise = torch.randn(lines.shape, generator=generator, dtype=lines.dtype)
    return 0.9 * lines + 0.1 * noise / inputs


def ridges(
    inputs: int,
    outputs: int,
    *,
    first: bool,
    generator: torch.Generator,
    dtype: torch.dtype,
    chosen: Tensor | None,
) -> Tensor:
    """Slopes (O, I) with Σ_i |a_oi| = 1: spread evenly in the first layer (`chosen` (n, d) lead),
    random behind it.
    """
    if first:
        count = outputs - (0 if chosen is None else len(chosen))
        # at least one is drawn, so that the generator goes on alike
        slopes = directions(inputs, max(1, count), generator)[:count].to(dtype)
        slopes = slopes if chosen is None else torch.cat([chosen.to(slopes.dtype), slopes])
    else:
        slopes = torch.randn(outputs, inputs, generator=generator, dtype=dtype)
    return slopes / slopes.abs().sum(1, keepdim=True)


def _with_geometric(grid: SplineGrid, radial: Sequence[Radial]) -> SplineGrid:
    """The grid with breakpoints low (high / low)^{k/G} for the last inputs, even ones where low is
    zero.
    """
    levels = torch.linspace(
        0, 1, grid.intervals + 1, dtype=grid.knots.dtype, device=grid.knots.device
    )
    breakpoints = grid.breakpoints.clone()
    for row, unit in enumerate(radial, start=len(breakpoints) - len(radial)):
        if unit.low > 0:
            breakpoints[row] = unit.low * (unit.high / unit.low) ** levels
        else:
            breakpoints[row] = unit.high * levels
    return SplineGrid.given(breakpoints, grid.degree)


def _parabolas(grid: SplineGrid, radial: Sequence[Radial]) -> Tensor:
    """Coefficients of s (x - a)²: its polar form at p knots is s · (mean over pairs of t_j t_k - 2
    a mean of t_j + a²).
    """
    p = grid.degree
    knots = grid.knots[:, 1:-1].unfold(1, p, 1)
    total, squares = knots.sum(-1), knots.square().sum(-1)
    pairs = (total.square() - squares) / (p * (p - 1))
    centres = grid.knots.new_tensor([unit.centre for unit in radial])[:, :, None]
    scales = grid.knots.new_tensor([unit.scales for unit in radial])[:, :, None]
    return scales * (pairs - 2 * centres * (total / p) + centres.square())


def directions(dimension: int, count: int, generator: torch.Generator) -> Tensor:
    """`count` unit directions over the half sphere of R^d, turned at random, (count, d).

    d = 2: equal angles. d = 3: a Fibonacci spiral over the half sphere (Gonzalez, Math. Geosci. 42,
    2010). d > 3: scrambled Sobol points mapped by the inverse normal distribution.
    """
    if dimension == 1:
        return torch.ones(count, 1, dtype=torch.float64)
    k = torch.arange(count, dtype=torch.float64)
    if dimension == 2:
        turn = torch.rand(1, generator=generator, dtype=torch.float64)
        angle = math.pi * (k + turn) / count
        return torch.stack([torch.cos(angle), torch.sin(angle)], dim=1)
    if dimension == 3:
        height = (k + 0.5) / count
        radius, angle = torch.sqrt(1 - height**2), k * (math.pi * (3 - math.sqrt(5)))
        spiral: Tensor = torch.stack(
            [radius * torch.cos(angle), radius * torch.sin(angle), height], dim=1
        )
        turn = torch.linalg.qr(torch.randn(3, 3, generator=generator, dtype=torch.float64)).Q
        turned: Tensor = spiral @ turn
        return turned
    from scipy.special import ndtri  # the inverse normal distribution

    seed = int(torch.randint(2**31, (1,), generator=generator))
    cube = sobol(max(count, 2), dimension, np.random.default_rng(seed))[:count]
    normal: Tensor = torch.from_numpy(ndtri(cube.clip(1e-12, 1 - 1e-12)))
    unit: Tensor = normal / normal.norm(dim=1, keepdim=True)
    return unit
