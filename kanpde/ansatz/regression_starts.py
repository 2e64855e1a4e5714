"""Starts of KANs that are to fit a table: inner edge functions before training, some at random, some
from what a `surrogate` of the table says.

All points are those of the network's own coordinates, x (N, d) ∈ [-1, 1]^d, and values y (N,) have
mean 0 and deviation 1.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.polynomial import chebyshev
from torch import Tensor

from kanpde.ansatz.surrogate import Array, factors, units
from kanpde.optimizers.linear_algebra import fit
from kanpde.trial.bases import SplineGrid
from kanpde.trial.networks import KAN, SplineLayer, build_kan
from kanpde.trial.reframe import fill

KINDS: dict[str, tuple[float, float, float, float]] = {
    "smooth": (1.0, 0.5, 0.25, 0.12),
    "ridge": (1.0, 0.05, 0.02, 0.01),
    "square": (1.0, 1.5, 0.25, 0.12),
}
"""Sizes of the random coefficients of t, t², t³, t⁴ on every inner edge."""

PER_SEED = 1000
"""Starts of one seed; the next seed's generators begin behind them."""

Train = Callable[[KAN, Tensor], None]
"""A short training of a network, in place, on other values (N,) at the rows."""


@dataclass(frozen=True)
class Plan:
    """Shape [d, hidden ..., m], degree of each layer, intervals and seed of the starts."""

    shape: tuple[int, ...]
    degrees: tuple[int, ...]
    intervals: int
    seed: int


def starts(plan: Plan, x: Tensor, y: Tensor, numbers: range, train: Train) -> Iterator[KAN]:
    """The starts of these numbers: every other one takes factors of the data, the first of all
    exactly; three of four also units that the data suggest, where these fill the first layer.

    One of four of a network of three layers and more is trained without its last one first. Of
    several outputs y (N, m) the starts take turns.
    """
    shape = plan.shape
    suggested = [units(x, values) if len(shape) > 3 else None for values in y.T]
    for k in numbers:
        generator = torch.Generator().manual_seed(PER_SEED * plan.seed + k)
        values, pairs = y[:, k % y.shape[1]], suggested[k % y.shape[1]]
        first: list[SplineLayer] = []
        z = x
        if pairs is not None and len(pairs[0]) == shape[1] and k % 4 < 3:
            first = [unit_layer(pairs, x, plan.degrees[0], plan.intervals)]
            z = first[0](x.T).T.detach()
        rest = shape[len(first) :]
        deep = len(rest) > 3 and k % 4 == 1 and shape[-1] == 1
        above = [*rest[:-2], 1] if deep else list(rest)
        degrees = plan.degrees[len(first) :][: len(above) - 1]
        kind = tuple(KINDS)[k % len(KINDS)]
        net = random_kan(above, degrees, plan.intervals, kind, z, generator)
        if k % 2 == 0 or deep:
            from_data(net, z, values, generator, k == 0)
        net = KAN([*first, *net.stack])
        if deep:
            train(net, _aim(values, rest[-2]))
            net = deepened(net, rest[-2], x, generator)
        yield net


def _aim(values: Tensor, width: int) -> Tensor:
    """What a network without its last layer is fitted to: the values, or (y - min y)² if its value
    will be the only input of the last layer.
    """
    aim = (values - values.min()) ** 2 if width == 1 else values
    return (aim - aim.mean()) / aim.std()


def random_kan(
    shape: Sequence[int],
    degrees: Sequence[int],
    intervals: int,
    kind: str,
    x: Tensor,
    generator: torch.Generator,
) -> KAN:
    """Random polynomials on the inner edges; every hidden unit fills its grid at points x (N, d),
    the last layer is zero.
    """
    grids = [intervals] * (len(shape) - 1)
    net = build_kan(shape, degrees, grids, "ridge", False, generator, x.dtype)
    return _filled(net, x, kind, generator)


def _filled(net: KAN, x: Tensor, kind: str, generator: torch.Generator) -> KAN:
    z = x.T
    sizes = x.new_tensor(KINDS[kind])
    with torch.no_grad():
        for layer in net.stack[:-1]:
            count = (layer.outputs, layer.inputs, 4)
            amplitudes = torch.randn(count, generator=generator, dtype=x.dtype) * sizes
            layer.coefficients.copy_(amplitudes @ _powers(layer))
            fill(layer, z)
            z = layer(z)
    return net


def _powers(layer: SplineLayer) -> Tensor:
    """Coefficients (4, K) that are near those of t, t², t³ and t⁴."""
    t = layer.grid.line()[0].clamp(-1.2, 1.2)
    return torch.stack([t, t**2, t**3, t**4])


def from_data(net: KAN, x: Tensor, y: Tensor, generator: torch.Generator, exact: bool) -> bool:
    """Put factors of the data into the first layer, in place, jittered unless `exact`; of one unit
    of more than three coordinates the best sum. False for more units of these.
    """
    layer, series = net.stack[0], factors(x, y)
    if series is None and layer.outputs > 1:
        return False
    if series is None:
        _sum(layer, x, y, None if exact else generator)
    else:
        _products(layer, x, series, None if exact else generator)
    fill(layer, x.T)
    _filled(KAN(net.stack[1:]), layer(x.T).T.detach(), "smooth", generator)
    return True


def _sum(layer: SplineLayer, x: Tensor, y: Tensor, generator: torch.Generator | None) -> None:
    """The unit Σ_i φ_i(x_i) that is nearest to y, its edges jittered by the generator."""
    grid = layer.grid
    assert isinstance(grid, SplineGrid)
    blocks = [grid.row(i).collocation(x[None, :, i]) for i in range(layer.inputs)]
    matrix = torch.cat(blocks, dim=1)
    size = 1e-6 * matrix.norm() * torch.eye(matrix.shape[1], dtype=x.dtype)
    right = torch.cat([y, y.new_zeros(len(size))])[:, None]
    solution = fit(torch.cat([matrix, size]), right)
    edges = solution.reshape(layer.inputs, -1)
    if generator is not None:
        noise = torch.randn(layer.inputs, 1, generator=generator, dtype=x.dtype)
        edges = edges * torch.exp(0.3 * noise)
    with torch.no_grad():
        layer.coefficients.copy_(edges[None])


def _products(
    layer: SplineLayer, x: Tensor, series: Sequence[Array], generator: torch.Generator | None
) -> None:
    """Units Σ_i ± f_i(x_i) of factors, one rank after the other, jittered by the generator."""
    t, signs = _line(x), list(itertools.product((1.0, -1.0), repeat=x.shape[1] - 1))
    with torch.no_grad():
        for q, i in itertools.product(range(layer.outputs), range(x.shape[1])):
            rank, sign = divmod(q, len(signs))
            column = series[i][:, min(rank, series[i].shape[1] - 1)]
            values = _values(column, t) * (1.0, *signs[sign])[i]
            if generator is not None:
                values = _jittered(values, t, generator)
            layer.coefficients[q, i] = _interpolated(layer, values.to(x))


def _line(x: Tensor) -> Tensor:
    return torch.linspace(-1, 1, 200, dtype=x.dtype)


def _values(series: Array, t: Tensor) -> Tensor:
    """A Chebyshev series at t, its largest value one."""
    values = chebyshev.chebval(t.double().numpy(), series)
    return torch.as_tensor(values / max(np.abs(values).max(), 1e-300))


def _jittered(values: Tensor, t: Tensor, generator: torch.Generator) -> Tensor:
    noise = torch.randn(4, generator=generator, dtype=torch.float64)
    cubic = torch.as_tensor(chebyshev.chebval(t.double().numpy(), noise.numpy()))
    return values * float(torch.exp(0.3 * noise[0])) + 0.1 * cubic


def _interpolated(layer: SplineLayer, values: Tensor) -> Tensor:
    """Coefficients (K,) of the spline that is nearest to values at `_line`."""
    grid = layer.grid
    assert isinstance(grid, SplineGrid)
    matrix = grid.row(0).collocation(_line(values)[None])
    return fit(matrix, values[:, None])[:, 0]


def unit_layer(
    suggested: tuple[Tensor, Tensor], x: Tensor, degree: int, intervals: int
) -> SplineLayer:
    """The layer of these units (see `surrogate.units`), each of which fills its range at points x
    (N, d).
    """
    weights, powers = suggested
    shape = [x.shape[1], len(weights), 1]
    grids = ([degree] * 2, [intervals] * 2)
    net = build_kan(shape, *grids, "ridge", False, torch.Generator(), x.dtype)
    layer, t = net.stack[0], _line(x)
    with torch.no_grad():
        for row, power, coefficients in zip(weights, powers, layer.coefficients, strict=True):
            coefficients.copy_(row[:, None] * _interpolated(layer, t ** int(power)))
    fill(layer, x.T)
    return layer


def deepened(net: KAN, width: int, x: Tensor, generator: torch.Generator) -> KAN:
    """[.., width, 1] from [.., 1]: the first of the new units is the network's value, the others
    mix its last edges.
    """
    last = net.stack[-1]
    grid = last.grid
    amounts = torch.randn(width, last.inputs, 1, generator=generator, dtype=x.dtype)
    amounts[0] = 1
    hidden = SplineLayer(grid, amounts * last.coefficients.detach())
    z = x.T
    with torch.no_grad():
        for layer in net.stack[:-1]:
            z = layer(z)
    fill(hidden, z)
    grids = ([grid.degree], [net.intervals[-1]])
    top = build_kan([width, 1], *grids, "ridge", False, generator, x.dtype)
    return KAN([*net.stack[:-1], hidden, *top.stack])
