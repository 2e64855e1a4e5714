"""The least-squares rows of one patch, in the coefficients c of its polynomials.

    equation e      √w f_e r_e(x)                        at points inside
    value           √w V_o (u_o - given)                 on the boundary
    derivative      √w V_o h_n (∂_n u_o + … - given)
    mean            L/h times the mean of the rows of an equation and of a condition with derivatives

with the factors f_e and V_o of `scales`, the size h of a cell and that of the domain L.

Means are the balance of each patch. A wrong one is no matter of the patch alone: errors of fluxes
at a corner where none is given spread over the domain. Measured on a plate in tension with two
polygonal holes (8 to 211 cells): errors of 0.96 in the displacement without the balance, 0.003 with
it.

Source of the balance: Chang & Nelson, SIAM J. Numer. Anal. 34 (1997) 480-489.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from kanpde.expressions import Node
from kanpde.numerics.polynomials import Index, Indices
from kanpde.numerics.quadrature import Array
from kanpde.parallel.threads import each
from kanpde.patches.affine import Affine, functional, indices_of
from kanpde.patches.cells import Cover, Points
from kanpde.patches.fluxes import Fluxes, Surfaces
from kanpde.patches.free_corners import FreeCorner, free_corners
from kanpde.patches.layout import Patch
from kanpde.patches.modal import add, constant_terms, has_modes, inside, is_constant, on_face
from kanpde.patches.offsets import StableOrders, leading, stable_orders
from kanpde.patches.outflow import Weak, condition_factor
from kanpde.patches.scales import Scales, strength, usual_sizes
from kanpde.problem.problem import Problem

REGULAR = 1e-13
"""Rows that keep coefficients small, beside the largest column: a cut cell may leave some free."""

SAMPLES = 4000
"""Points at which the size of an equation's coefficients is measured."""

MOST_BALANCE = 1000.0
"""Largest factor of the mean of a patch's rows."""

SECOND, SPACE = 2, 3

EQUATION = "equation"
"""The kind of conditions that hold on one part; for others see `pins` and `covers`."""

INWARD = 1e-9
"""Share of the sides of a patch by which the drift at its rim is looked at inside."""

LARGE = 2_000_000
"""Numbers of a table of polynomials above which it is not kept."""


@dataclass(frozen=True)
class System:
    """The equations and the conditions of every part, taken apart; `sizes` (E, 2) are those of the
    largest terms of each equation over the domain and of those of lower order, with derivatives
    counted as one over `lengths` (d,), `stable` what every equation and unknown is measured with,
    `corners` those of plates between free edges. `orders` (m, d) is the highest derivative of every
    unknown along every axis.
    """

    unknowns: int
    equations: tuple[Affine, ...]
    conditions: Mapping[str, tuple[Affine, ...]]
    sizes: Array
    lengths: Array
    stable: StableOrders
    orders: Indices
    corners: tuple[FreeCorner, ...] = ()
    fluxes: Fluxes | None = None

    @classmethod
    def of(
        cls,
        problem: Problem,
        take: Callable[[Node, float], Affine] = Affine.of,
        samples: int = SAMPLES,
    ) -> System:
        """Of a problem on one domain, each of its formulas and the weight of it taken apart by
        `take`; sizes are measured at about so many `samples`.
        """
        equations = tuple(take(node, 1.0) for node in problem.equations)
        on_parts: dict[str, tuple[Affine, ...]] = {}
        for condition in problem.conditions:
            if condition.kind != EQUATION:
                continue
            part = condition.part or ""
            affine = take(condition.node, condition.weight)
            on_parts[part] = (*on_parts.get(part, ()), affine)
        system = cls.between(
            equations,
            on_parts,
            len(problem.unknowns),
            problem.domain.quadrature(samples).x,
            lengths_of(problem),
            free_corners(problem),
        )
        fluxes = Surfaces.of(problem).fluxes
        return system if fluxes is None else replace(system, fluxes=fluxes.of_state(equations))

    @classmethod
    def between(
        cls,
        equations: tuple[Affine, ...],
        on_parts: Mapping[str, tuple[Affine, ...]],
        unknowns: int,
        x: Array,
        lengths: Array,
        corners: tuple[FreeCorner, ...] = (),
    ) -> System:
        """Equations and conditions on parts, measured at points x (N, d) of the domain, with
        lengths as in `lengths_of` and corners of free edges.
        """
        slopes = [equation.at(x)[0] for equation in equations]
        terms = [each.terms(values) for each, values in zip(equations, slopes, strict=True)]
        orders = np.zeros((unknowns, len(lengths)), dtype=np.int64)
        for equation in equations:
            for unknown, index, _ in equation.slopes:
                orders[unknown] = np.maximum(orders[unknown], index)
        stable = stable_orders(terms, unknowns)
        sizes = [
            usual_sizes(
                ([jet[:2] for jet in equation.slopes], values),
                leading(of_equation, offset, stable.unknowns),
                lengths,
            )
            for equation, values, of_equation, offset in zip(
                equations, slopes, terms, stable.equations, strict=True
            )
        ]
        return cls(
            unknowns=unknowns,
            equations=equations,
            conditions=on_parts,
            sizes=np.array(sizes),
            lengths=lengths,
            stable=stable,
            orders=orders,
            corners=corners,
        )

    def scales(self, patch: Patch, slopes: Sequence[Array]) -> Scales:
        """The factors of the rows of a patch, from the slopes (S, N) of every equation on it."""
        terms = [e.terms(values) for e, values in zip(self.equations, slopes, strict=True)]
        ratio, weight = self.ratio(patch), patch.depth**self.stable.grading
        factors = []
        for of_equation, (largest, usual), offset in zip(
            terms, self.sizes, self.stable.equations, strict=True
        ):
            of_leading = leading(of_equation, offset, self.stable.unknowns)
            local = strength(of_leading, self.lengths, ratio, usual) or largest or 1.0
            factors.append(weight * ratio**offset / np.sqrt(local * (largest or 1.0)))
        drift, diffusion = self.transport(slopes)
        return Scales(np.array(factors), terms, drift.mean(axis=1), diffusion, self.lengths)

    def transport(self, slopes: Sequence[Array]) -> tuple[Array, Array]:
        """The drift (m, N, d) of every unknown at points and its diffusion (m, d) on the mean, from
        the equation with the largest coefficient of ∂_a²u.
        """
        diffusion = np.zeros(self.orders.shape)
        unknowns, dimension = self.orders.shape
        drift = np.zeros((unknowns, slopes[0].shape[1], dimension))
        for equation, values in zip(self.equations, slopes, strict=True):
            of_index = {
                (unknown, index): of_points
                for (unknown, index, _), of_points in zip(equation.slopes, values, strict=True)
            }
            for (unknown, index), second in of_index.items():
                if sum(index) != 2 or max(index) < 2:
                    continue
                axis, mean = index.index(2), float(second.mean())
                if self.orders[unknown, axis] > 2:
                    continue
                if abs(mean) > diffusion[unknown, axis]:
                    first = of_index.get((unknown, tuple(k // 2 for k in index)), np.zeros(1))
                    diffusion[unknown, axis] = abs(mean)
                    drift[unknown, :, axis] = -np.sign(mean) * first
        return drift, diffusion

    def is_flux(self, unknown: int, index: Index) -> bool:
        """Whether a derivative is of at least half the order of the equation of an unknown."""
        return sum(index) > 0 and 2 * sum(index) >= self.orders[unknown].max()

    def ratio(self, patch: Patch) -> float:
        """How many times the domain is larger than a patch, along an axis on the mean."""
        return float(np.prod(self.lengths / patch.sizes) ** (1 / len(self.lengths)))


def lengths_of(problem: Problem) -> Array:
    """The lengths (d,) by which derivatives are measured: the longest side of space, the length of
    time.
    """
    extent = problem.domain.upper - problem.domain.lower
    space = len(extent) - (problem.config.time is not None)
    lengths = np.array(extent)
    lengths[:space] = extent[:space].max(initial=0.0)
    return lengths


@dataclass(frozen=True)
class Sums:
    """K sums over all patches that are 0: of one patch `matrix` (K, m·n) c - `right` (K,) is
    `factors` (K,) times what it adds.
    """

    matrix: Array
    right: Array
    factors: Array


@dataclass(frozen=True)
class Rows:
    """Weighted rows `matrix` (R, m·n) c ≈ `right` (R,) of the equations and conditions of a patch,
    the factors of its faces, and the factor `mean` of the means of fluxes. `orders` (m, d) are
    those of the system, `sums` what it adds to sums over all patches.
    """

    matrix: Array
    right: Array
    weak: Weak
    scales: Scales
    mean: float
    orders: Indices
    sums: Sums | None = None
    fluxes: Fluxes | None = None


def nodes_inside(degree: int, dimension: int) -> int:
    """Gauss nodes along an axis of a whole cell."""
    # a residual of degree p needs p + 1; in space one more costs a third of the time
    return degree + 1 + (dimension < SPACE)


def interior(cover: Cover, patch: Patch) -> Points:
    """Quadrature points of a patch."""
    nodes = nodes_inside(patch.degree, patch.dimension)
    pieces = [cover.interior(cell, nodes) for cell in patch.cells]
    x, w = zip(*pieces, strict=True)
    return Points(np.concatenate(x), np.concatenate(w))


def boundary(cover: Cover, patch: Patch) -> dict[str, Points]:
    """Quadrature points of the pieces of the boundary of a patch, by part."""
    nodes = patch.degree + 3 - (patch.dimension >= SPACE)
    pieces: dict[str, list[Points]] = {}
    for cell in patch.cells:
        for part, points in cover.boundary(cell, nodes):
            pieces.setdefault(part, []).append(points)
    return {
        part: Points(
            np.concatenate([points.x for points in of_part]),
            np.concatenate([points.w for points in of_part]),
            np.concatenate([points.normal for points in of_part if points.normal is not None]),
        )
        for part, of_part in pieces.items()
    }


OnPart = tuple[str, tuple[Affine, ...], Points, tuple[list[tuple[Array, Array]], Array | None]]
"""A part, its conditions, points on it, the slopes and constants there, and the drift beside it."""


def rows(system: System, cover: Cover, patches: Sequence[Patch]) -> list[Rows]:
    """The rows of the equations and the conditions of patches; formulas are evaluated once for all
    of them.
    """
    points = [interior(cover, patch) for patch in patches]
    inner = _evaluated(system.equations, points)
    rims = [boundary(cover, patch) for patch in patches]
    outer: list[dict[str, list[tuple[Array, Array]]]] = [{} for _ in patches]
    for part, affine in system.conditions.items():
        owners = [k for k, rim in enumerate(rims) if part in rim]
        for k, values in zip(
            owners, _evaluated(affine, [rims[k][part] for k in owners]), strict=True
        ):
            outer[k][part] = values

    beside = _beside(system, patches, [list(of_patch) for of_patch in outer], rims)

    def rows_of_patch(k: int) -> Rows:
        on_parts = [
            (part, system.conditions[part], rims[k][part], (values, beside.get((k, part))))
            for part, values in outer[k].items()
        ]
        return _rows(system, patches[k], cover, (points[k], inner[k]), on_parts)

    return each(rows_of_patch, range(len(patches)))


def _beside(
    system: System,
    patches: Sequence[Patch],
    parts: Sequence[Sequence[str]],
    rims: Sequence[Mapping[str, Points]],
) -> dict[tuple[int, str], Array]:
    """The drift (m, N, d) at the points of the rims of patches, where conditions are given."""
    first_order = (sum(index) == 1 for row in system.equations for _, index, _ in row.slopes)
    if not any(first_order) or system.orders.max() < SECOND:
        return {}
    keys = [(k, part) for k, of_patch in enumerate(parts) for part in of_patch]
    inside = []
    for k, part in keys:
        rim, inward = rims[k][part], INWARD * patches[k].sizes
        assert rim.normal is not None
        inside.append(replace(rim, x=rim.x - inward * rim.normal, normal=None))
    values = _evaluated(system.equations, inside)
    drifts = [system.transport([slopes for slopes, _ in of_rim])[0] for of_rim in values]
    return dict(zip(keys, drifts, strict=True))


def _evaluated(
    affine: Sequence[Affine], points: Sequence[Points]
) -> list[list[tuple[Array, Array]]]:
    """Slopes and constants of every formula at the points of every patch."""
    if not points:
        return []
    x = np.concatenate([patch_points.x for patch_points in points])
    normals = [patch_points.normal for patch_points in points if patch_points.normal is not None]
    normal = np.concatenate(normals) if normals else None
    ends = np.cumsum([len(patch_points.x) for patch_points in points])[:-1]
    by_formula = []
    for formula in affine:
        slopes, constant = formula.at(x, normal)
        pieces = zip(np.split(slopes, ends, axis=1), np.split(constant, ends), strict=True)
        by_formula.append(list(pieces))
    return [[column[k] for column in by_formula] for k in range(len(points))]


def _rows(
    system: System,
    patch: Patch,
    cover: Cover,
    inner: tuple[Points, list[tuple[Array, Array]]],
    on_parts: list[OnPart],
) -> Rows:
    points, values = inner
    scales = system.scales(patch, [slopes for slopes, _ in values])
    n, mean = patch.count, min(MOST_BALANCE, system.ratio(patch))
    by_mode, table = has_modes(cover, patch), None
    matrix: list[Array] = []
    right: list[Array] = []
    weak = [Weak.none(n * system.unknowns, patch.dimension)]
    for equation, weight, (slopes, constant) in zip(
        system.equations, scales.factors, values, strict=True
    ):
        if by_mode and is_constant(slopes):
            terms = constant_terms(equation.slopes, slopes)
            add(matrix, right, inside(terms, constant, patch, system.unknowns), (weight, mean))
            continue
        table = table or _table(cover, patch, points.x, indices_of(system.equations))
        factor = np.sqrt(points.w) * weight
        matrix.append(functional(equation, slopes, table, n, system.unknowns) * factor[:, None])
        right.append(-constant * factor)
        balance(matrix, right, points.w, mean)
    for _, affine, rim, (rim_values, drift) in on_parts:
        at_rim, on_rim = None, replace(scales, at_rim=drift)
        for condition, (slopes, constant) in zip(affine, rim_values, strict=True):
            full, share, width = condition_factor(condition, slopes, rim, (patch, on_rim))
            balanced = any(system.is_flux(o, index) for o, index, _ in condition.slopes)
            # in the plane a part may begin within a side
            by_mode = by_mode and patch.dimension >= SPACE
            if by_mode and is_constant(slopes, rim.normal, share) and share[0] == 1.0:
                terms = constant_terms(condition.slopes, slopes)
                of_modes = on_face(terms, constant, rim, patch, system.unknowns)
                add(matrix, right, of_modes, (full, mean if balanced else 0.0))
                continue
            at_rim = at_rim or patch.table(rim.x, indices_of(affine))
            factor = np.sqrt(rim.w) * share * full
            at_points = functional(condition, slopes, at_rim, n, system.unknowns)
            matrix.append(at_points * factor[:, None])
            right.append(-constant * factor)
            weak.append(Weak.of((matrix[-1], right[-1]), rim, (full, share, width)))
            if balanced:
                balance(matrix, right, rim.w, mean)
    for corner in system.corners:
        if corner.is_in(patch, [part for part, _, _, _ in on_parts]):
            matrix.append(corner.row(patch, scales, system.unknowns))
            right.append(np.zeros(1))
    return Rows(
        matrix=np.concatenate(matrix),
        right=np.concatenate(right),
        weak=Weak.joined(weak),
        scales=scales,
        mean=mean,
        orders=system.orders,
        fluxes=system.fluxes,
    )


def balance(matrix: list[Array], right: list[Array], w: Array, factor: float) -> None:
    """Add one row: the mean of the last ones, `factor` times."""
    share = np.sqrt(w / w.sum()) * factor
    matrix.append((share @ matrix[-1])[None])
    right.append(np.array([share @ right[-1]]))


def _table(
    cover: Cover, patch: Patch, x: Array, indices: tuple[Index, ...]
) -> Mapping[Index, Array]:
    """The derivatives of the polynomials at the points inside; those of whole cells are scaled from
    one table.
    """
    part, dimension = cover.inside(patch.cells[0]), patch.dimension
    assert part is not None
    large = len(x) * patch.count > LARGE
    if len(patch.cells) > 1 or not part.whole or large or not indices:
        return patch.table(x, indices)
    scale = 2.0 / (patch.upper - patch.lower)
    table = patch.functions.reference(patch.degree, nodes_inside(patch.degree, dimension), indices)
    return {index: table[index] * float(np.prod(scale ** np.array(index))) for index in indices}
