"""One field over a domain in d coordinates, made of a network on every patch of dyadic cells.

    u(x) = KAN_j(s_j(x))  for x in a cell of patch j,   s_j: box of the patch → [-1, 1]^d affine

Every KAN has n = C(p + d - 1, d - 1) fixed directions (lines on its first edges) and splines of
degree p with one interval: together they are all polynomials of total degree p. KANs of equal
degree differ in their outer coefficients alone, which are the parameters here; `piece` hands one
out as a trial solution of its own. So do MLPs [d, H, m] with a hidden layer of fixed weights
(`numerics.random_features`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from kanpde.expressions import Node
from kanpde.numerics.jets import Jet, JetSpace, coordinates
from kanpde.numerics.linear_maps import turned
from kanpde.numerics.outlines import encloses
from kanpde.numerics.polynomials import combined, derivatives
from kanpde.numerics.random_features import activations
from kanpde.trial.constants import Constants
from kanpde.trial.dyadic import DEPTH, DyadicIndex, Lattice
from kanpde.trial.networks import KAN, MLP
from kanpde.trial.patch_networks import mlp_template, modes, skewed, template
from kanpde.trial.solution import CHUNK, Located, Network, TrialSolution

SPACE = 3
"""From so many coordinates on points are evaluated patch by patch."""

Array = NDArray[np.float64]
Indices = NDArray[np.int64]
Flags = NDArray[np.bool_]

NEAREST = 1_000_000
"""Pairs of a point and a cell that are compared at a time."""


@dataclass(frozen=True)
class Tiles:
    """Where the patches are: `cells` (C, 2d) as levels and indices between first lines `lines` (d, n;
    filled up with NaN), the patch `owner` (C,) of each, the boxes `lower`, `upper` (J, d), the
    degrees (J,) and the numbers of the regions (J,) of the patches.

    Where regions are pieces of one function they are told apart by curves c + b·x + a |x|² = 0 in the
    plane, `cuts` (K, 4) as (c, b_1, b_2, a): where points are `below` 0 or not, as one of the rows
    (S, K) says, they are in the region `between` (S,). Where a row of `cuts` is NaN a point is below
    if it is inside the outlines (B, n, 2) whose number of a cut, `outlined` (B,), is that of the row.

    Cells may be those of other coordinates ξ = S x, with the matrix `skew` S (d, d), else (0, 0).
    """

    lines: Array
    cells: Indices
    owner: Indices
    lower: Array
    upper: Array
    degrees: Indices
    region: Indices
    cuts: Array = field(default_factory=lambda: np.empty((0, 4)))
    below: Flags = field(default_factory=lambda: np.empty((0, 0), dtype=bool))
    between: Indices = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    outlines: Array = field(default_factory=lambda: np.empty((0, 0, 2)))
    outlined: Indices = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    skew: Array = field(default_factory=lambda: np.empty((0, 0)))

    @property
    def dimension(self) -> int:
        """d."""
        return len(self.lines)

    @property
    def levels(self) -> Indices:
        """The levels (C, d) of the cells."""
        return self.cells[:, : self.dimension]

    @property
    def indices(self) -> Indices:
        """The indices (C, d) of the cells."""
        return self.cells[:, self.dimension :]

    def moved(self, x: Array) -> Array:
        """Points (N, d) in the coordinates of the cells."""
        return np.asarray(x @ self.skew.T) if len(self.skew) else x

    def region_of(self, x: Array) -> Indices:
        """The region (N,) of points (N, 2) between the cuts."""
        table = np.column_stack([np.ones(len(x)), x, np.sum(x**2, axis=1)])
        is_below = table @ self.cuts.T < 0
        for number in np.unique(self.outlined).tolist():
            is_below[:, number] = encloses(self.outlines[self.outlined == number], x)
        # beside a point where curves meet rounding may find sides that no point has
        differ = (is_below[:, None] != self.below).sum(axis=2)
        return np.asarray(self.between[differ.argmin(axis=1)])


class Locator:
    """Which patch holds a point, among those of one region or of all."""

    def __init__(self, tiles: Tiles, region: int | None = None) -> None:
        if region is not None:
            mine = tiles.region[tiles.owner] == region
            tiles = replace(tiles, cells=tiles.cells[mine], owner=tiles.owner[mine])
        self.tiles = tiles
        self._lattice = Lattice.from_table(tiles.lines)
        self._index = DyadicIndex(tiles.levels, tiles.indices)

    def patch_of(self, x: Array) -> Indices:
        """The number of the patch of each point (N, d), (N,); outside the cells that of the
        nearest.
        """
        tiles = self.tiles
        at = np.floor(self._lattice.units(x) * 2.0**DEPTH).astype(np.int64)
        cell = self._index.find(at)
        number = tiles.owner[cell]
        outside = np.flatnonzero(cell < 0)
        most = max(1, NEAREST // len(tiles.cells))
        for start in range(0, len(outside), most):
            some = outside[start : start + most]
            number[some] = tiles.owner[self._nearest(x[some])]
        return number

    def _nearest(self, x: Array) -> Indices:
        """The number of the cell nearest to each point (N, d), (N,)."""
        tiles = self.tiles
        low, high = np.empty(tiles.levels.shape), np.empty(tiles.levels.shape)
        for axis, levels in enumerate(tiles.levels.T):
            indices = tiles.indices[:, axis]
            low[:, axis] = self._lattice.position(axis, levels, indices)
            high[:, axis] = self._lattice.position(axis, levels, indices + 1)
        at = x[:, None]
        away = np.maximum(np.maximum(low - at, at - high), 0.0)
        return np.asarray(np.sum(away**2, axis=2).argmin(axis=1))


class Patchwork(nn.Module):
    """u(x; θ) with its jets; offers what a `TrialSolution` offers for evaluation.

    Args:
        tiles: cells and boxes of the J patches.
        coefficients: the outer parameters (m, n (p + 1)) of the KAN of each patch, or those of
            the MLP, (m, H + 1).
        kind: of the networks, kan or mlp.
    """

    def __init__(self, tiles: Tiles, coefficients: Sequence[Array], kind: str = "kan") -> None:
        super().__init__()
        self.kind = kind
        self.tiles = tiles
        for name in ("cells", "owner", "degrees", "region"):
            self.register_buffer(name, torch.tensor(getattr(tiles, name)))
        for name in ("lines", "lower", "upper"):
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
        self._regions = sorted(set(tiles.region.tolist()))
        self._locators = [Locator(tiles, region) for region in self._regions]
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
        """m, for every region that is a function of its own."""
        return self._unknowns * (1 if len(self.tiles.cuts) else len(self._regions))

    @property
    def _is_kan(self) -> bool:
        return self.kind == "kan"

    @property
    def _unknowns(self) -> int:
        return int(self.outer[0].shape[1])

    @property
    def scale(self) -> Tensor:
        """Scale of the first patch's coordinates, (d,)."""
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

    @property
    def outer_sizes(self) -> dict[int, int]:
        """The outer parameters of one unknown on a patch, by degree."""
        pairs = zip(self.by_degree, self.outer, strict=True)
        return {degree: int(outer.shape[-1]) for degree, outer in pairs}

    def outside_share(self, x: Tensor) -> float:
        """Share of points outside the grids: none, since every point lies in the box of a patch."""
        return 0.0

    def piece(self, patch: int) -> TrialSolution:
        """One patch as a trial solution with a KAN of its own, on the box of the patch."""
        degree = int(self.tiles.degrees[patch])
        outer = self.outer[self.by_degree.index(degree)][self._slot[patch]].detach()
        kind = degree, self._unknowns, self.tiles.dimension
        network: KAN | MLP = template(*kind) if self._is_kan else mlp_template(*kind)
        network.set_outer(outer.T)
        lower, upper = self.tiles.lower[patch], self.tiles.upper[patch]
        if len(self.tiles.skew):
            lower, upper = skewed(network, lower, upper, self.tiles.skew)
        return TrialSolution(network, torch.tensor(lower), torch.tensor(upper))

    def patch_of(self, x: Array, region: int = 0) -> Indices:
        """The number of the patch of a region for each point (N, d), (N,); outside its cells that
        of the nearest.
        """
        return self._locators[region].patch_of(self.tiles.moved(x))

    def patches_at(self, x: Array, regions: Indices | None = None) -> Indices:
        """The number of the patch for each point (N, d), (N,), in the region where it lies or in
        one of its own, (N,).
        """
        if len(self.tiles.cuts):
            regions = self.tiles.region_of(x)
        if regions is None:
            return self.patch_of(x)
        number = np.empty(len(x), dtype=np.int64)
        for region in self._regions:
            some = regions == region
            number[some] = self.patch_of(x[some], region)
        return number

    def forward(self, x: Tensor) -> Tensor:
        """u at points x (N, d), (N, m)."""
        return self.evaluate(x)

    def evaluate(self, x: Tensor) -> Tensor:
        """u at points x (N, d) without a graph, (N, m)."""
        value = JetSpace(((0,) * self.tiles.dimension,))
        return self.jet(self.locate(x, value)).value.T.contiguous()

    def locate(self, x: Tensor, space: JetSpace) -> Located:
        """Points for `jet`."""
        ones = torch.ones_like(x[0])
        return Located(x, space, coordinates(x, space, ones, 0 * ones), None, None)

    def jet(self, at: Located) -> Jet:
        """The jet of u, (A, m, N), without a graph, a few points at a time."""
        x = at.x.detach().double().cpu().numpy()
        data = np.empty((len(at.space.indices), self.outputs, len(x)))
        if len(self.tiles.cuts):
            self._fill(data, x, at.space, self.patches_at(x))
            return Jet(at.space, torch.tensor(data, dtype=at.x.dtype, device=at.x.device))
        if len(self.tiles.skew):
            data = self._skewed(x, at.space)
            return Jet(at.space, torch.tensor(data, dtype=at.x.dtype, device=at.x.device))
        for region in range(len(self._regions)):
            columns = slice(region * self._unknowns, (region + 1) * self._unknowns)
            self._fill(data[:, columns], x, at.space, self.patch_of(x, region))
        return Jet(at.space, torch.tensor(data, dtype=at.x.dtype, device=at.x.device))

    def _skewed(self, x: Array, space: JetSpace) -> Array:
        """The jets (A, m, N) where the cells are those of other coordinates."""
        sums = [turned(index, self.tiles.skew) for index in space.indices]
        wide = JetSpace.closure([index for terms in sums for index in terms], x.shape[1])
        of_cells = np.empty((len(wide.indices), self.outputs, len(x)))
        self._fill(of_cells, self.tiles.moved(x), wide, self.patch_of(x))
        rows = [
            sum(factor * of_cells[wide.position[index]] for index, factor in terms.items())
            for terms in sums
        ]
        return np.stack([np.asarray(row) for row in rows])

    def _fill(self, data: Array, x: Array, space: JetSpace, number: Indices) -> None:
        """Write the jets (A, m, N) at points of patches with the given numbers (N,)."""
        degrees = self.tiles.degrees[number]
        for k, degree in enumerate(self.by_degree):
            chosen = np.flatnonzero(degrees == degree)
            if not len(chosen):
                continue
            polynomials = self._polynomials(k)
            if x.shape[1] >= SPACE:
                self._fill_by_patch(data, (x, space), number, (chosen, polynomials))
                continue
            for start in range(0, len(chosen), CHUNK):
                some = chosen[start : start + CHUNK]
                coefficients = polynomials[self._slot[number[some]]]
                data[:, :, some] = self._jet(x[some], space, number[some], coefficients)

    def _fill_by_patch(
        self,
        data: Array,
        at: tuple[Array, JetSpace],
        number: Indices,
        of_degree: tuple[Indices, Array],
    ) -> None:
        """Write the jets at the `chosen` points, those of one patch after the other."""
        (x, space), (chosen, polynomials) = at, of_degree
        for patch, some in grouped(number, chosen):
            low, high = self.tiles.lower[patch], self.tiles.upper[patch]
            degree, scale = int(self.tiles.degrees[patch]), 2 / (high - low)
            local = (x[some] - (low + high) / 2) * scale
            outer = polynomials[self._slot[patch]].T
            if self._is_kan:
                values = combined(local, outer, degree, space.indices)
            else:
                table = activations(local, degree, space.indices)
                values = np.stack([table[index] @ outer for index in space.indices])
            powers = [np.prod(scale ** np.array(index)) for index in space.indices]
            data[:, :, some] = values.swapaxes(1, 2) * np.reshape(powers, (-1, 1, 1))

    def _polynomials(self, k: int) -> Array:
        """What the KANs of one degree are as polynomials: coefficients (J_k, m, n); of MLPs those of
        the activations.
        """
        outer = self.outer[k].detach().double().cpu().numpy()
        if not self._is_kan:
            return np.asarray(outer)
        return np.asarray(outer @ modes(self.by_degree[k], self.tiles.dimension))

    def _jet(self, x: Array, space: JetSpace, number: Indices, coefficients: Array) -> Array:
        """The jets (A, m, N) at points of patches of one degree."""
        low, high = self.tiles.lower[number], self.tiles.upper[number]
        scale = 2 / (high - low)
        local, ones = (x - (low + high) / 2) * scale, np.ones(x.shape[1])
        degree = int(self.tiles.degrees[number[0]])
        if self._is_kan:
            table = derivatives(local, -ones, ones, degree, space.indices)
        else:
            table = activations(local, degree, space.indices)
        rows = [
            np.einsum("kn,kmn->mk", table[index], coefficients) * np.prod(scale**index, axis=1)
            for index in space.indices
        ]
        return np.stack(rows)


def grouped(number: Indices, chosen: Indices) -> Iterator[tuple[int, Indices]]:
    """The chosen points by the number (N,) of their patch, at most CHUNK at a time."""
    ordered = chosen[np.argsort(number[chosen], kind="stable")]
    for some in np.split(ordered, np.flatnonzero(np.diff(number[ordered])) + 1):
        for start in range(0, len(some), CHUNK):
            yield int(number[some[0]]), some[start : start + CHUNK]
