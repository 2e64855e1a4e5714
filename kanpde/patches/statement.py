"""The equations and all conditions of a problem on patches: from patches to their coefficients.

One system per region or piece, conditions at points and on means, and interfaces; where there are
none of them a statement is one `System`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from kanpde.domains import Composite
from kanpde.expressions import Node
from kanpde.numerics.quadrature import Array
from kanpde.parallel.threads import each
from kanpde.patches.affine import Affine
from kanpde.patches.blocks import Block
from kanpde.patches.cells import Cover
from kanpde.patches.elimination import Elimination
from kanpde.patches.interfaces import Contact, Interface, contacts, groups, interfaces_of, ties
from kanpde.patches.layout import Patch
from kanpde.patches.leaves import eliminated
from kanpde.patches.pins import Pins
from kanpde.patches.rows import EQUATION, SAMPLES, Rows, System, lengths_of, nodes_inside
from kanpde.patches.rows import rows as rows_of
from kanpde.patches.seams import seams_of
from kanpde.problem.pieces import Pieces
from kanpde.problem.problem import Problem

CHUNK = 500
MOST_NUMBERS = 50_000_000
"""Patches whose rows are held at a time, and how many numbers they have."""


Take = Callable[[Node, float], Affine]


@dataclass(frozen=True)
class Statement:
    """What is to hold: a system for each region, or one; conditions on points and means; and what
    holds between regions.
    """

    systems: tuple[System, ...]
    pins: tuple[Pins, ...]
    interfaces: tuple[Interface, ...]

    @classmethod
    def of(cls, problem: Problem, take: Take = Affine.of, samples: int = SAMPLES) -> Statement:
        """Of a problem, each of its formulas and the weight of it taken apart by `take` (on regions
        they must be linear); sizes are measured at about so many `samples`.
        """
        if problem.pieces is not None:
            return cls(*_of_pieces(problem, problem.pieces))
        if isinstance(problem.domain, Composite):
            systems = _systems(problem)
            pins = tuple(Pins.of(problem, region) for region in range(len(systems)))
            return cls(systems, pins, interfaces_of(problem))
        return cls((System.of(problem, take, samples),), (Pins.of(problem, take=take),), ())

    @property
    def unknowns(self) -> int:
        """m."""
        return self.systems[0].unknowns

    def solve(
        self, cover: Cover, patches: Sequence[Patch], elimination: Elimination
    ) -> tuple[list[Array], Array, tuple[float, float]]:
        """Coefficients (m·n,) and squared rows of patches, and how singular the system is (see
        `Elimination.solve`); leaves that `elimination` knows are not computed again.
        """
        pairs = contacts(cover, patches, self.interfaces)
        leaves = groups(len(patches), pairs)
        mine = [leaves[k] for k in elimination.share(patches, leaves).mine]
        missing = [leaf for leaf in mine if not elimination.is_known([patches[k] for k in leaf])]
        by_leaf = _by_leaf(pairs)
        for some in self.chunks(patches, missing):
            known = self.rows(cover, patches, some)

            def block_of(leaf: tuple[int, ...], known: dict[int, Rows] = known) -> Block:
                members = {k: (patches[k], known[k]) for k in leaf}
                tied = ties(self.interfaces, members, _of_leaf(leaf, by_leaf))
                return eliminated([patches[k] for k in leaf], [known[k] for k in leaf], tied)

            for leaf, block in zip(some, each(block_of, some), strict=True):
                elimination.keep([patches[k] for k in leaf], [known[k] for k in leaf], block)
        return elimination.solve(patches, leaves)

    def rows(
        self, cover: Cover, patches: Sequence[Patch], leaves: Sequence[tuple[int, ...]]
    ) -> dict[int, Rows]:
        """The rows of the patches of leaves by their numbers, one region after the other."""
        known: dict[int, Rows] = {}
        for region, member in enumerate(cover.members or (cover,)):
            numbers = [k for leaf in leaves for k in leaf if patches[k].region == region]
            some = [patches[k] for k in numbers]
            if some:
                plain = rows_of(self.systems[region], member, some)
                known |= zip(numbers, self.pins[region].added(member, some, plain), strict=True)
        return known

    def chunks(
        self, patches: Sequence[Patch], leaves: Sequence[tuple[int, ...]]
    ) -> Iterator[Sequence[tuple[int, ...]]]:
        """Leaves whose rows are computed at a time."""
        start, numbers = 0, 0
        for end, leaf in enumerate(leaves):
            for patch in (patches[k] for k in leaf):
                nodes = nodes_inside(patch.degree, patch.dimension) ** patch.dimension
                numbers += nodes * self.unknowns**2 * patch.count
            if end - start >= CHUNK or numbers > MOST_NUMBERS:
                yield leaves[start : end + 1]
                start, numbers = end + 1, 0
        if start < len(leaves):
            yield leaves[start:]


def _by_leaf(pairs: Sequence[Contact]) -> dict[int, list[Contact]]:
    """The contacts by the number of their first patch."""
    by_first: dict[int, list[Contact]] = {}
    for contact in pairs:
        by_first.setdefault(contact.patches[0], []).append(contact)
    return by_first


def _of_leaf(leaf: Sequence[int], by_first: dict[int, list[Contact]]) -> list[Contact]:
    """The contacts of a leaf."""
    return [contact for number in leaf for contact in by_first.get(number, ())]


def _systems(problem: Problem) -> tuple[System, ...]:
    """One for each region, with the unknowns of the region numbered from 0."""
    assert isinstance(problem.domain, Composite)
    unknowns, count = len(problem.unknowns), problem.per_region
    lengths = lengths_of(problem)
    systems = []
    for region, (name, domain) in enumerate(
        zip(problem.regions, problem.domain.members, strict=True)
    ):
        nodes = problem.equations[region * count : (region + 1) * count]
        first = region * unknowns
        equations = tuple(Affine.of(node).numbered(first) for node in nodes)
        on_parts: dict[str, tuple[Affine, ...]] = {}
        for condition in problem.conditions:
            owner, _, part = (condition.part or "").partition(".")
            if condition.kind == EQUATION and owner == name:
                affine = Affine.of(condition.node, condition.weight).numbered(first)
                on_parts[part] = (*on_parts.get(part, ()), affine)
        x = domain.quadrature(SAMPLES).x
        systems.append(System.between(equations, on_parts, unknowns, x, lengths))
    return _compared(systems)


def _compared(systems: Sequence[System]) -> tuple[System, ...]:
    """Systems whose rows are compared by what is largest in all of them."""
    largest = np.max([system.sizes for system in systems], axis=0)
    return tuple(replace(system, sizes=largest) for system in systems)


def _of_pieces(
    problem: Problem, pieces: Pieces
) -> tuple[tuple[System, ...], tuple[Pins, ...], tuple[Interface, ...]]:
    """What is to hold on the pieces of a domain and between them."""
    conditions: dict[str, tuple[Affine, ...]] = {}
    for condition in problem.conditions:
        if condition.kind == EQUATION and condition.part:
            affine = Affine.of(condition.node, condition.weight)
            conditions[condition.part] = (*conditions.get(condition.part, ()), affine)
    unknowns, lengths = len(problem.unknowns), lengths_of(problem)
    systems, pins, every = [], [], Pins.of(problem)
    for number, domain in enumerate(pieces.domain.members):
        equations = tuple(map(Affine.of, pieces.equations[number]))
        mine = {part: on for part, on in conditions.items() if part in domain.parts}
        x = domain.quadrature(SAMPLES).x
        systems.append(System.between(equations, mine, unknowns, x, lengths))
        points = [pair for pair in every.points if pieces.domain.number(pair[1][None])[0] == number]
        pins.append(replace(every, points=tuple(points)))
    return _compared(systems), tuple(pins), seams_of(problem, pieces)
