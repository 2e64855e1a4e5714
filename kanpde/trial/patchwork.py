"""One field over a plane domain, made of a KAN [2, p + 1, m] on every patch of a quadtree.

    u(x) = KAN_j(s_j(x))  for x in a cell of patch j,   s_j: box of the patch → [-1, 1]² affine

Every KAN has p + 1 fixed directions (lines on its first edges) and splines of degree p with one
interval: together they are all polynomials of total degree p. KANs of equal degree differ in their
outer coefficients alone, which are the parameters here; `piece` hands one out as a trial solution
of its own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from kanpde.expressions import Node
from kanpde.numerics.jets import Jet, JetSpace, coordinates
from kanpde.trial.constants import Constants
from kanpde.trial.networks import KAN, build_kan
from kanpde.trial.solution import CHUNK, Located, Network, TrialSolution

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

RIM = 1e-9
"""By how much the grids of outer splines are wider than a patch, as a share of it."""

DEEP = 1 << 31
"""More cells than any level has along an axis."""


@dataclass(frozen=True)
class Tiles:
    """Where the patches are: `cells` (C, 3) as level, i, j over first cells of size `first` (2,)
    from `corner` (2,), the patch `owner` (C,) of each, the boxes `lower`, `upper` (J, 2) and the
    degrees (J,) of the patches.
    """

    corner: Array
    first: Array
    cells: Indices
    owner: Indices
    lower: Array
    upper: Array
    degrees: Indices


class Patchwork(nn.Module):
    """u(x; θ) with its jets; offers what a `TrialSolution` offers for evaluation.

    Args:
        tiles: cells and boxes of the J patches.
        coefficients: the outer parameters (m, (p + 1)²) of the KAN of each patch.
    """

    def __init__(self, tiles: Tiles, coefficients: Sequence[Array]) -> None:
        super().__init__()
        self.tiles = tiles
        for name in ("cells", "owner", "degrees"):
            self.register_buffer(name, torch.tensor(getattr(tiles, name)))
        for name in ("corner", "first", "lower", "upper"):
            self.register_buffer(name, torch.tensor(getattr(tiles, name)))
        self.by_degree = sorted(set(tiles.degrees.tolist()))
        self.outer = nn.ParameterList(
            nn.Parameter(torch.tensor(np.stack(outer_of_degree)))
            for outer_of_degree in (
                [c for c, p in zip(coefficients, tiles.degrees, strict=True) if p == degree]
                for degree in self.by_degree
            )
        )
        slot = np.zeros(len(tiles.degrees), dtype=np.int64)
        for degree in self.by_degree:
            same = tiles.degrees == degree
            slot[same] = np.arange(same.sum())
        self._slot = slot
        self._levels = _by_level(tiles)
        self.constants = Constants()

    @property
    def count(self) -> int:
        """J, the number of patches."""
        return len(self.tiles.degrees)

    @property
    def each(self) -> list[TrialSolution]:
        """Every patch as a trial solution of its own."""
        return [self.piece(number) for number in range(self.count)]

    @property
    def slab_ends(self) -> tuple[float, ...]:
        """Empty: there are no slabs."""
        return ()

    @property
    def met(self) -> tuple[tuple[str, Node], ...]:
        """No condition holds whatever the parameters."""
        return ()

    @property
    def note(self) -> str:
        """Nothing is lifted."""
        return ""

    @property
    def outputs(self) -> int:
        """m."""
        return int(self.outer[0].shape[1])

    @property
    def scale(self) -> Tensor:
        """Scale of the first patch's coordinates, (2,)."""
        return 2 / (self.upper[0] - self.lower[0])  # type: ignore[index]

    @property
    def network(self) -> nn.Module:
        """The network of the patch of highest degree."""
        return self.piece(int(self.tiles.degrees.argmax())).network

    @property
    def net(self) -> Network:
        """The same by its protocol."""
        return self.network  # type: ignore[return-value]

    @property
    def parameter_count(self) -> int:
        """P, the outer coefficients of all KANs."""
        return sum(parameter.numel() for parameter in self.parameters())

    def outside_share(self, x: Tensor) -> float:
        """Share of points outside the grids: none, since every point lies in the box of a patch."""
        return 0.0

    def piece(self, patch: int) -> TrialSolution:
        """One patch as a trial solution with a KAN of its own, on the box of the patch."""
        degree = int(self.tiles.degrees[patch])
        outer = self.outer[self.by_degree.index(degree)][self._slot[patch]].detach()
        network = template(degree, self.outputs)
        network.set_outer(outer.T)
        lower, upper = self.tiles.lower[patch], self.tiles.upper[patch]
        return TrialSolution(network, torch.tensor(lower), torch.tensor(upper))

    def patch_of(self, x: Array) -> Indices:
        """The number of the patch of each point (N, 2), (N,); outside the cells that of the
        nearest.
        """
        tiles = self.tiles
        number = np.full(len(x), -1, dtype=np.int64)
        for level, keys, owner in self._levels:
            missing = np.flatnonzero(number < 0)
            at = np.floor((x[missing] - tiles.corner) / (tiles.first * 0.5**level))
            key = at.astype(np.int64) @ np.array([DEEP, 1])
            place = np.minimum(np.searchsorted(keys, key), len(keys) - 1)
            hit = keys[place] == key
            number[missing[hit]] = owner[place[hit]]
        for k in np.flatnonzero(number < 0):
            number[k] = tiles.owner[self._nearest(x[k])]
        return number

    def _nearest(self, x: Array) -> int:
        """The number of the cell nearest to a point."""
        tiles = self.tiles
        h = tiles.first * 0.5 ** tiles.cells[:, :1]
        low = tiles.corner + tiles.cells[:, 1:] * h
        away = np.maximum(np.maximum(low - x, x - low - h), 0.0)
        return int(np.sum(away**2, axis=1).argmin())

    def forward(self, x: Tensor) -> Tensor:
        """u at points x (N, 2), (N, m)."""
        return self.evaluate(x)

    def evaluate(self, x: Tensor) -> Tensor:
        """u at points x (N, 2) without a graph, (N, m)."""
        value = JetSpace(((0, 0),))
        return self.jet(self.locate(x, value)).value.T.contiguous()

    def locate(self, x: Tensor, space: JetSpace) -> Located:
        """Points for `jet`."""
        ones = torch.ones_like(x[0])
        return Located(x, space, coordinates(x, space, ones, 0 * ones), None, None)

    def jet(self, at: Located) -> Jet:
        """The jet of u, (A, m, N), without a graph, a few points at a time."""
        data = at.x.new_empty(len(at.space.indices), self.outputs, len(at.x))
        number = self.patch_of(at.x.detach().double().cpu().numpy())
        degrees = self.tiles.degrees[number]
        with torch.no_grad():
            for k, degree in enumerate(self.by_degree):
                chosen = np.flatnonzero(degrees == degree)
                for start in range(0, len(chosen), CHUNK):
                    some = chosen[start : start + CHUNK]
                    data[:, :, some] = self._jet(k, at.x[some], at.space, number[some])
        return Jet(at.space, data)

    def _jet(self, k: int, x: Tensor, space: JetSpace, number: Indices) -> Tensor:
        """The jets (A, m, N) at points of patches of one degree."""
        network = template(self.by_degree[k], 1)
        lower, upper = (side[number] for side in (self.lower, self.upper))  # type: ignore[index]
        scale = 2 / (upper - lower)
        ones = torch.ones_like(x[0])
        local = (x - (lower + upper) / 2) * scale
        hidden = network.hidden(coordinates(local, space, ones, 0 * ones))
        functions = network.stack[-1].local(hidden)
        outer = self.outer[k][self._slot[number]]
        # one interval: every function of an edge is alive at every point, in the same order
        columns = functions.columns[:, 0].reshape(functions.values.shape[1:3])
        picked = outer[:, :, columns].permute(1, 2, 3, 0)
        rows = torch.empty(len(space.indices), self.outputs, len(x), dtype=x.dtype)
        for o, outer_of_output in enumerate(picked):
            edges = (functions.values * outer_of_output).sum(1)
            for row, index, terms in zip(rows, space.indices, functions.factors, strict=True):
                parts = [edges[n] if p is None else edges[n] * p for n, p in terms]
                stretch = math.prod(scale[:, axis] ** times for axis, times in enumerate(index))
                row[o] = torch.stack(parts).sum((0, 1)) * stretch
        return rows


def _by_level(tiles: Tiles) -> list[tuple[int, Indices, Indices]]:
    """For every level the sorted keys of its cells and their patches."""
    levels = []
    for level in np.unique(tiles.cells[:, 0]):
        same = tiles.cells[:, 0] == level
        keys = tiles.cells[same, 1:] @ np.array([DEEP, 1])
        order = np.argsort(keys)
        levels.append((int(level), keys[order], tiles.owner[same][order]))
    return levels


def template(degree: int, outputs: int) -> KAN:
    """A KAN [2, p + 1, m] of p + 1 even directions and outer splines of degree p with one interval,
    which are Bernstein polynomials.
    """
    count = degree + 1
    angle = torch.arange(count, dtype=torch.float64) * (math.pi / count)
    directions = torch.stack([torch.cos(angle), torch.sin(angle)], dim=1)
    network = build_kan(
        [2, count, outputs],
        [1, degree],
        [1, 1],
        "ridge",
        base=False,
        generator=torch.Generator().manual_seed(0),
        chosen=directions,
        clamped=True,
    )
    # a point on the rim of its patch must not fall out of a grid by rounding, where a spline goes
    # on as a straight line and its second derivative is lost
    network.shrink_lines(1 + RIM)
    return network


@cache
def ridge_functions(degree: int, nodes: int) -> Array:
    """The functions that the outer layer of `template` combines at tensor Gauss points of
    [-1, 1]², (N, (p + 1)²).
    """
    z = np.polynomial.legendre.leggauss(nodes)[0]
    x = torch.tensor(np.stack(np.meshgrid(z, z, indexing="ij"), axis=-1).reshape(-1, 2))
    network, ones = template(degree, 1), torch.ones(2, dtype=torch.float64)
    hidden = network.hidden(coordinates(x, JetSpace(((0, 0),)), ones, 0 * ones))
    value = torch.ones(1, 1, len(x), dtype=torch.float64)
    return np.asarray(network.stack[-1].blocks(hidden, value)[0].detach().numpy().T)
