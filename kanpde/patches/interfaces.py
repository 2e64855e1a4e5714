"""Rows of conditions between two regions, which tie the patches on both sides.

    √w g F(u_A, ∂u_A, u_B, ∂u_B) = 0 at points of the interface,   g = min over terms of V_o h_n^k / size

A patch in the one region and those opposite to it in the other make up one leaf of the elimination:
no traces are needed, whatever the shape of the interface. V_o grows with the root of the coefficient
k of a region; a jump of u is as cheap as the softer side allows and a jump of the flux as the
stiffer one, so that the least factor of all terms is taken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from kanpde.numerics.polynomials import Index
from kanpde.numerics.quadrature import Array
from kanpde.patches.affine import Affine
from kanpde.patches.cells import Cell, Cover, Points
from kanpde.patches.kans import tiles_of
from kanpde.patches.layout import Patch
from kanpde.patches.leaves import Ties
from kanpde.patches.rows import Rows, balance
from kanpde.problem.conditions import InterfaceCondition
from kanpde.problem.problem import Problem
from kanpde.trial.patchwork import Locator

BEYOND = 1e-6
"""How far behind an interface the patch opposite to a point is looked for, as a share of a cell."""

FURTHER = 3
"""Points on a side of a cell beyond the degree."""


class Formula(Protocol):
    """What is read of F, affine in the unknowns: their derivatives in it, and its values."""

    @property
    def slopes(self) -> Sequence[tuple[int, Index, object]]:
        """The unknowns with the indices of their derivatives."""

    @property
    def weight(self) -> float:
        """By what the squares of F are multiplied."""

    def at(self, x: Array, normal: Array | None = None) -> tuple[Array, Array]:
        """Slopes (S, N) and constant (N,) at points (N, d)."""


@dataclass(frozen=True)
class Interface:
    """Formulas F = 0 between two regions, with the normal outward of the first; unknowns are
    numbered through all regions.
    """

    regions: tuple[int, int]
    part: str
    formulas: tuple[Formula, ...]


@dataclass(frozen=True)
class Contact:
    """The points of an interface that two patches, by their numbers, share."""

    interface: int
    patches: tuple[int, int]
    points: Points


def interfaces_of(problem: Problem) -> tuple[Interface, ...]:
    """Those of a linear problem."""
    formulas: dict[tuple[str, str], list[Affine]] = {}
    for condition in problem.conditions:
        if isinstance(condition, InterfaceCondition):
            affine = Affine.of(condition.node, condition.weight)
            formulas.setdefault((condition.part, condition.opposite), []).append(affine)
    interfaces = []
    for sides, of_sides in formulas.items():
        first, second = (side.split(".", 1) for side in sides)
        numbers = problem.regions.index(first[0]), problem.regions.index(second[0])
        interfaces.append(Interface(numbers, first[1], tuple(of_sides)))
    return tuple(interfaces)


def contacts(
    cover: Cover, patches: Sequence[Patch], interfaces: Sequence[Interface]
) -> list[Contact]:
    """Where patches of different regions meet."""
    every: list[Contact] = []
    by_region: dict[int, list[int]] = {}
    for number, patch in enumerate(patches):
        by_region.setdefault(patch.region, []).append(number)
    for which, interface in enumerate(interfaces):
        ours, theirs = (by_region.get(region, []) for region in interface.regions)
        opposite = _Opposite(
            patches, theirs, Locator(tiles_of(cover, [patches[k] for k in theirs]))
        )
        member = cover.members[interface.regions[0]]
        for number in ours:
            pieces = _pieces(member, patches[number], interface.part, opposite)
            every += [Contact(which, (number, other), some) for other, some in pieces.items()]
    return every


@dataclass(frozen=True)
class _Opposite:
    """The patches on the other side of an interface, and which of them holds a point."""

    patches: Sequence[Patch]
    numbers: Sequence[int]
    locator: Locator

    def of(self, points: Points, step: float) -> Array:
        """The number of the patch behind each point."""
        assert points.normal is not None
        return np.array(self.numbers)[self.locator.patch_of(points.x + step * points.normal)]


def _pieces(member: Cover, patch: Patch, part: str, opposite: _Opposite) -> dict[int, Points]:
    """The points of a patch on an interface by the number of the patch on the other side."""
    pieces: dict[int, list[Points]] = {}
    for cell in patch.cells:
        few = _split(member, cell, (part, patch.degree + FURTHER), opposite)
        others = {other for other, _ in few}
        if not others:
            continue
        # each of several patches behind one piece needs points of its own
        highest = max(patch.degree, *(opposite.patches[other].degree for other in others))
        nodes = (highest + FURTHER) * (1 + (len(others) > 1))
        for other, points in _split(member, cell, (part, nodes), opposite):
            pieces.setdefault(other, []).append(points)
    return {other: _together(of_other) for other, of_other in pieces.items()}


def _split(
    member: Cover, cell: Cell, piece: tuple[str, int], opposite: _Opposite
) -> list[tuple[int, Points]]:
    """The points of a cell on an interface with the patches behind them."""
    part, nodes = piece
    step = BEYOND * float(member.size(cell).min())
    shares = []
    for name, points in member.boundary(cell, nodes):
        if name == part:
            behind = opposite.of(points, step)
            assert points.normal is not None
            for other in sorted(set(behind.tolist())):
                mine = behind == other
                some = Points(points.x[mine], points.w[mine], points.normal[mine])
                shares.append((other, some))
    return shares


def _together(points: Sequence[Points]) -> Points:
    """Several sets of points as one."""
    normals = [some.normal for some in points if some.normal is not None]
    x, w = [some.x for some in points], [some.w for some in points]
    return Points(np.concatenate(x), np.concatenate(w), np.concatenate(normals))


def groups(count: int, pairs: Sequence[Contact]) -> list[tuple[int, ...]]:
    """The numbers of the patches that are connected by contacts, each group in order."""
    root = list(range(count))

    def find(k: int) -> int:
        while root[k] != k:
            k = root[k]
        return k

    for contact in pairs:
        first, second = sorted(map(find, contact.patches))
        root[second] = first
    members: dict[int, list[int]] = {}
    for number in range(count):
        members.setdefault(find(number), []).append(number)
    return [tuple(group) for group in members.values()]


@dataclass(frozen=True)
class _Side:
    """One patch of a contact: its rows, and where its coefficients begin in those of its leaf."""

    patch: Patch
    rows: Rows
    start: int


def ties(
    interfaces: Sequence[Interface],
    leaf: Mapping[int, tuple[Patch, Rows]],
    pairs: Sequence[Contact],
) -> Ties | None:
    """The rows that tie the patches of a leaf.

    Args:
        interfaces: all of a problem.
        leaf: its patches with their rows, by their numbers, in the order of their coefficients.
        pairs: the contacts of its patches.
    """
    if not pairs:
        return None
    sides, width = {}, 0
    for number, (patch, rows) in leaf.items():
        sides[number] = _Side(patch, rows, width)
        width += rows.matrix.shape[1]
    matrix: list[Array] = []
    right: list[Array] = []
    for contact in pairs:
        interface = interfaces[contact.interface]
        ends = [sides[number] for number in contact.patches]
        for affine in interface.formulas:
            by_region = dict(zip(interface.regions, ends, strict=True))
            block, constant, factor = _tied(affine, by_region, contact.points, width)
            weights = np.sqrt(contact.points.w) * factor
            matrix.append(block * weights[:, None])
            right.append(-constant * weights)
            if any(sum(index) for _, index, _ in affine.slopes):
                balance(matrix, right, contact.points.w, max(end.rows.mean for end in ends))
    return Ties(np.concatenate(matrix), np.concatenate(right))


def _tied(
    affine: Formula, by_region: Mapping[int, _Side], points: Points, width: int
) -> tuple[Array, Array, float]:
    """F (N, width) of all coefficients of a leaf, its constant (N,), and the factor of its rows."""
    slopes, constant = affine.at(points.x, points.normal)
    matrix, factor = np.zeros((len(points.x), width)), np.inf
    indices = tuple(sorted({index for _, index, _ in affine.slopes}))
    tables: dict[int, Mapping[Index, Array]] = {}
    for region, side in by_region.items():
        patch = side.patch
        tables[region] = patch.table(points.x, indices)
    for (unknown, index, _), values in zip(affine.slopes, slopes, strict=True):
        some_side = next(iter(by_region.values()))
        region, local = divmod(unknown, len(some_side.rows.orders))
        side = by_region[region]
        n = side.patch.count
        start = side.start + local * n
        matrix[:, start : start + n] += values[:, None] * tables[region][index]
        rms = float(np.sqrt(np.mean(values**2)))
        if rms > 0:
            unit = float(np.prod(side.patch.sizes ** np.array(index)))
            factor = min(factor, _value(side, local, points) * unit / rms)
    return matrix, constant, float(np.sqrt(affine.weight)) * (factor if factor < np.inf else 1.0)


def _value(side: _Side, unknown: int, points: Points) -> float:
    """V of an unknown of a patch, over the normals of an interface."""
    assert points.normal is not None
    sizes, scales = side.patch.sizes, side.rows.scales
    along = np.mean(points.normal**2, axis=0)
    values = [scales.value(unknown, axis, float(h), sizes) for axis, h in enumerate(sizes)]
    return float(np.sqrt(along @ np.square(values)))
