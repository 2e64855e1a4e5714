"""The rows of a patch for all stages of a slab: matrices by powers of the shift, and what takes the
rest of the formulas to right sides.

    matrix(λ) = Σ_q (λ/h)^q M_q,    right = -D g

M_q holds the coefficients of ∂_t^q, g what is left of the formulas at the points of the patch, and D
the weights of `patches.rows`, with those of ∂_t as large as the mean shift makes them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from kanpde.errors import NumericalError
from kanpde.expressions import Derivative, Node, number
from kanpde.marching.plane.jumps import with_fluxes
from kanpde.marching.plane.statement import TIME, Evolution, Formula, values
from kanpde.numerics.polynomials import Index, derivatives, reference, size
from kanpde.patches.affine import Affine
from kanpde.patches.cells import Cover, Points
from kanpde.patches.layout import Patch
from kanpde.patches.modal import has_modes, turned
from kanpde.patches.outflow import Weak, condition_factor
from kanpde.patches.rows import (
    MOST_BALANCE,
    SAMPLES,
    Rows,
    System,
    boundary,
    interior,
    nodes_inside,
)

Array = NDArray[np.float64]

Known = Callable[[Sequence[Derivative], Array, Array | None], Mapping[Derivative, Array]]
"""The values of jets at places with normals, at which formulas are taken apart."""


SPACE = 3

UNREACHED = 1e-13
"""Modes whose rows are below this share of the largest are nothing but rounding."""


def first_derivatives(dimension: int) -> tuple[Index, ...]:
    """Their multi-indices."""
    return tuple(tuple(int(k == axis) for k in range(dimension)) for axis in range(dimension))


@dataclass(frozen=True)
class Shifted(Affine):
    """A formula at one instant whose derivatives by t count `shift` times each."""

    formula: Formula = field(kw_only=True)
    t: float = field(kw_only=True)
    shift: float = field(kw_only=True)
    known: Known = field(kw_only=True)

    @classmethod
    def at_instant(cls, formula: Formula, t: float, shift: float, known: Known) -> Shifted:
        """Of a formula, at an instant."""
        slopes = tuple((jet.unknown, jet.index[:TIME], node) for jet, node in formula.slopes)
        return cls(
            slopes, number(0.0), formula.weight, formula=formula, t=t, shift=shift, known=known
        )

    @property
    def powers(self) -> list[int]:
        """The derivatives by t of every slope."""
        return [jet.index[TIME] for jet in self.formula.jets]

    def at(self, x: Array, normal: Array | None = None) -> tuple[Array, Array]:
        """Slopes (S, N), those of derivatives by t times the power of the shift, and zeros (N,)."""
        nodes: list[Node] = [node for _, node in self.formula.slopes]
        if not nodes:
            return np.zeros((0, len(x))), np.zeros(len(x))
        steady = self.formula.is_steady
        known = {} if steady else self.known(self.formula.jets, x, normal)
        slopes = values(nodes, x, self.t, normal, known)
        if not np.isfinite(slopes).all():
            wrong = ~np.isfinite(slopes).all(axis=0)
            raise NumericalError(
                f"a coefficient is not finite at {x[wrong][0].tolist()} and t = {self.t:g}; change"
                f" the formula so that it has a value there"
            )
        scaled = slopes * np.power(self.shift, self.powers)[:, None]
        return scaled, np.zeros(len(x))


def system_of(evolution: Evolution, t: float, shift: float, known: Known, lengths: Array) -> System:
    """All formulas at an instant, measured over the space."""
    equations = tuple(Shifted.at_instant(f, t, shift, known) for f in evolution.equations)
    on_parts = {
        part: tuple(Shifted.at_instant(formula, t, shift, known) for formula in several)
        for part, several in evolution.conditions.items()
    }
    x = evolution.space.quadrature(SAMPLES).x
    system = System.between(equations, on_parts, evolution.unknowns, x, lengths)
    return with_fluxes(evolution, system)


def lengths_of(evolution: Evolution) -> Array:
    """The longest side of space along every axis, by which derivatives are measured."""
    extent = evolution.space.upper - evolution.space.lower
    return np.full(evolution.dimension, float(extent.max()))


@dataclass(frozen=True)
class Block:
    """The rows of one formula at some points: their weights (N,), and of the mean that is added,
    if any, those of the weighted rows (N,). Where they are `kept` (N,) rows are those of modes
    (see `patches.modal`), of as many coordinates as `across`.
    """

    factor: Array
    mean: Array | None
    across: int = 0
    kept: NDArray[np.bool_] | None = None

    def of_modes(self, across: int, by_power: Sequence[Array]) -> Block:
        """The block with the modes alone that matrices (N, m·n) reach."""
        largest = [
            np.abs(turned(self._scaled(matrix), across)).max(axis=1, initial=0.0)
            for matrix in by_power
        ]
        reached = [row > UNREACHED * row.max(initial=0.0) for row in largest]
        return replace(self, across=across, kept=np.any(reached, axis=0))

    def weighted(self, rows: Array) -> Array:
        """Rows (N, …) at the points as weighted rows (R, …)."""
        scaled = self._scaled(rows)
        below = [] if self.mean is None else [np.tensordot(self.mean, scaled, axes=1)[None]]
        if self.kept is not None:
            scaled = turned(scaled, self.across)[self.kept]
        return np.concatenate([scaled, *below]) if below else scaled

    def _scaled(self, rows: Array) -> Array:
        return np.asarray(np.einsum("n,n...->n...", self.factor, rows))


@dataclass(frozen=True)
class PatchRows:
    """What a patch says, as above: `inside` and `rims` are its points with the values of its
    polynomials and the derivatives that formulas need, `matrices` M_q, `blocks` the parts of D in
    their order: those of the equations, then those of the conditions of each part.
    """

    patch: Patch
    inside: Points
    table: Mapping[Index, Array]
    rims: Mapping[str, tuple[Points, Mapping[Index, Array]]]
    matrices: tuple[Array, ...]
    blocks: tuple[Block, ...]
    faces: Rows

    def right(self, left: Sequence[Array]) -> Array:
        """-D g (R, S) for the values g (N, S) of each formula."""
        return np.concatenate(
            [-block.weighted(rows) for block, rows in zip(self.blocks, left, strict=True)]
        )


def rows_of(
    evolution: Evolution, system: System, cover: Cover, patches: Sequence[Patch]
) -> list[PatchRows]:
    """The rows of patches; formulas are evaluated once for all of them."""
    points = [interior(cover, patch) for patch in patches]
    inner = _slopes(system.equations, points)
    rims = [boundary(cover, patch) for patch in patches]
    outer: list[dict[str, list[Array]]] = [{} for _ in patches]
    for part, several in system.conditions.items():
        owners = [k for k, rim in enumerate(rims) if part in rim]
        found = _slopes(several, [rims[k][part] for k in owners])
        for k, slopes in zip(owners, found, strict=True):
            outer[k][part] = slopes
    indices = _indices(evolution)
    return [
        _rows(
            evolution, system, (cover, patch, indices), (points[k], inner[k]), (rims[k], outer[k])
        )
        for k, patch in enumerate(patches)
    ]


def _indices(evolution: Evolution) -> tuple[Index, ...]:
    """The derivatives in space that formulas need, the value and the slopes."""
    present = {jet.index[:TIME] for formula in evolution.formulas for jet in formula.jets}
    dimension = evolution.dimension
    return tuple(sorted({(0,) * dimension, *first_derivatives(dimension), *present}))


def _slopes(several: Sequence[Affine], points: Sequence[Points]) -> list[list[Array]]:
    """The slopes (S, N) of every formula at the points of every patch."""
    if not points:
        return []
    x = np.concatenate([at.x for at in points])
    normals = [at.normal for at in points if at.normal is not None]
    normal = np.concatenate(normals) if normals else None
    ends = np.cumsum([len(at.x) for at in points])[:-1]
    by_formula = [np.split(formula.at(x, normal)[0], ends, axis=1) for formula in several]
    return [[column[k] for column in by_formula] for k in range(len(points))]


def _rows(
    evolution: Evolution,
    system: System,
    place: tuple[Cover, Patch, tuple[Index, ...]],
    inner: tuple[Points, list[Array]],
    outer: tuple[Mapping[str, Points], Mapping[str, list[Array]]],
) -> PatchRows:
    cover, patch, indices = place
    points, slopes_inside = inner
    n, scales = size(patch.degree, patch.dimension), system.scales(patch, slopes_inside)
    mean, highest = min(MOST_BALANCE, system.ratio(patch)), max(evolution.orders) + 1
    table = _table(cover, patch, points.x, indices)
    by_mode = patch.dimension >= SPACE and has_modes(cover, patch)
    matrices: list[list[Array]] = [[] for _ in range(highest)]
    blocks: list[Block] = []
    for equation, weight, slopes in zip(
        system.equations, scales.factors, slopes_inside, strict=True
    ):
        share = np.sqrt(points.w / points.w.sum()) * mean
        block = Block(np.sqrt(points.w) * weight, share)
        by_power = _by_power(equation, slopes, table, n, system.unknowns)
        blocks.append(block.of_modes(patch.dimension, by_power) if by_mode else block)
        _add(matrices, blocks[-1], by_power)
    rims: dict[str, tuple[Points, Mapping[Index, Array]]] = {}
    points_of_parts, slopes_on_parts = outer
    for part, several in slopes_on_parts.items():
        rim = points_of_parts[part]
        at_rim = derivatives(rim.x, patch.lower, patch.upper, patch.degree, indices)
        rims[part] = rim, at_rim
        assert rim.normal is not None
        is_side = by_mode and bool((rim.normal == rim.normal[0]).all())
        for condition, slopes in zip(system.conditions[part], several, strict=True):
            full, outflow, _ = condition_factor(condition, slopes, rim, (patch, scales))
            is_flux = any(system.is_flux(o, index) for o, index, _ in condition.slopes)
            share = np.sqrt(rim.w / rim.w.sum()) * mean
            block = Block(np.sqrt(rim.w) * outflow * full, share if is_flux else None)
            by_power = _by_power(condition, slopes, at_rim, n, system.unknowns)
            blocks.append(block.of_modes(patch.dimension - 1, by_power) if is_side else block)
            _add(matrices, blocks[-1], by_power)
    columns = n * system.unknowns
    faces = Rows(
        matrix=np.zeros((0, columns)),
        right=np.zeros(0),
        weak=Weak.none(columns, patch.dimension),
        scales=scales,
        mean=mean,
        orders=system.orders,
        fluxes=system.fluxes,
    )
    stacked = tuple(np.concatenate(of_power) for of_power in matrices)
    return PatchRows(patch, points, table, rims, stacked, tuple(blocks), faces)


def _add(matrices: list[list[Array]], block: Block, by_power: list[Array]) -> None:
    """Put the weighted rows of a formula below those before."""
    shape = block.weighted(by_power[0]).shape if by_power else (0, 0)
    for power, of_power in enumerate(matrices):
        given = power < len(by_power)
        of_power.append(block.weighted(by_power[power]) if given else np.zeros(shape))


def _by_power(
    affine: Affine, slopes: Array, table: Mapping[Index, Array], n: int, unknowns: int
) -> list[Array]:
    """The rows (N, m·n) of a formula in the polynomials, for each power of the shift."""
    assert isinstance(affine, Shifted)
    powers = affine.powers
    count = slopes.shape[1]
    rows = [np.zeros((count, unknowns * n)) for _ in range(max(powers, default=0) + 1)]
    for (unknown, index, _), power, of_slope in zip(affine.slopes, powers, slopes, strict=True):
        plain = of_slope / affine.shift**power
        rows[power][:, unknown * n : (unknown + 1) * n] += plain[:, None] * table[index]
    return rows


def _table(
    cover: Cover, patch: Patch, x: Array, indices: tuple[Index, ...]
) -> Mapping[Index, Array]:
    """The derivatives of the polynomials at the points inside; those of whole cells are scaled from
    one table.
    """
    part = cover.inside(patch.cells[0])
    assert part is not None
    if len(patch.cells) > 1 or not part.whole:
        return derivatives(x, patch.lower, patch.upper, patch.degree, indices)
    scale = 2.0 / (patch.upper - patch.lower)
    table = reference(patch.degree, nodes_inside(patch.degree, patch.dimension), indices)
    return {index: table[index] * float(np.prod(scale ** np.array(index))) for index in indices}


@dataclass(frozen=True)
class PatchPoints:
    """The points of a patch inside, with the values of its polynomials there."""

    patch: Patch
    inside: Points
    table: Mapping[Index, Array]


def points_of(cover: Cover, patches: Sequence[Patch]) -> list[PatchPoints]:
    """The points of patches, without formulas."""
    every = []
    for patch in patches:
        points, zero = interior(cover, patch), (0,) * patch.dimension
        every.append(PatchPoints(patch, points, _table(cover, patch, points.x, (zero,))))
    return every
