"""How long the next level will take, from the work of its blocks and the pace of this run.

    work = Σ R C²  over the patches + `MERGE` Σ k o² + 2 k² o  over the tree of their groups + what
           grows with their numbers alone

with the rows R and columns C of each QR; a group eliminates the k traces of the faces inside and
keeps o (see `stacking`). In space
(see `normal`) a patch with n coefficients and t traces costs n² (2 n + 5 t) + n t²/2, and a group
that eliminates k traces and keeps t of them about k³/3 + k² t + k t². Groups whose patches are all
known already cost nothing. Measured on four problems up to 758 patches: the seconds of a level are
0.7 to 1.3 times a constant times its work.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import comb
from typing import NamedTuple

from kanpde.patches.faces import trace_degree
from kanpde.patches.layout import Patch
from kanpde.patches.order import Tree, over_leaves

LEVEL, PATCH, NEW, GROUP = 2e7, 5e6, 3.4e7, 1.3e7
"""Work beside QR: of a level, of each of its patches, of each new one, of each new group."""

MERGE = 0.4
"""QR of large blocks is that much faster than of small ones."""

NORMAL, COPIED = 0.15, 1.0
"""The same in space, and what the copy of a number of a Gram matrix counts."""

SPACE, SECOND = 3, 2

FACTOR = 1.3
"""What a prediction is multiplied by."""

RECENT = 3
"""Levels that the pace is taken from."""


def work(
    patches: Sequence[Patch],
    unknowns: int,
    counts: Sequence[int],
    known: frozenset[object] = frozenset(),
) -> float:
    """The work of a level, but for what consists of patches with `known` keys; `counts` are the
    first cells along every axis.
    """
    total = LEVEL + PATCH * len(patches)
    groups: list[Group] = []
    for patch in patches:
        group = Group(ends_of(patch, unknowns), patch.key not in known)
        groups.append(group)
        if group.new:
            n, traces = coefficients(patch, unknowns), sum(group.ends.values())
            # about twice as many rows as coefficients, and one for each trace
            if len(counts) >= SPACE:
                total += NEW + (2 * n + 5 * traces) * n**2 + n * traces**2 / 2
            else:
                total += NEW + (2 * n + 2 * traces) * n**2 + (2 * n + traces) * traces**2
    of_group = _normal if len(counts) >= SPACE else _by_qr
    tree = over_leaves([patch.cells[0] for patch in patches], counts)
    return total + merged(tree, groups, of_group)[1]


def _by_qr(rows: int, columns: int, outer: int) -> float:
    """The work of a merge by QR."""
    inner = columns - outer
    return GROUP + MERGE * (inner * outer**2 + 2 * inner**2 * outer)


def _normal(rows: int, columns: int, outer: int) -> float:
    """The work of a merge by normal equations."""
    inner = columns - outer
    operations = inner**3 / 3 + inner**2 * outer + inner * outer**2
    return GROUP + NORMAL * operations + COPIED * columns**2


class Group(NamedTuple):
    """The faces of a group with the number of traces on each, and whether it has new patches."""

    ends: Mapping[object, int]
    new: bool


def merged(
    tree: Tree, leaves: Sequence[Group], of_group: Callable[[int, int, int], float]
) -> tuple[Group, float]:
    """The group of a whole tree, and the sum of `of_group` (rows, columns, those that stay) over
    its groups with new patches.
    """
    if isinstance(tree, int):
        return leaves[tree], 0.0
    (first, before), (second, beside) = (merged(half, leaves, of_group) for half in tree)
    both = {**first.ends, **second.ends}
    outer = {
        face: n for face, n in both.items() if not (face in first.ends and face in second.ends)
    }
    new, total = first.new or second.new, before + beside
    if new:
        rows = sum(first.ends.values()) + sum(second.ends.values())
        total += of_group(rows, sum(both.values()), sum(outer.values()))
    return Group(outer, new), total


def coefficients(patch: Patch, unknowns: int) -> int:
    """Coefficients of all unknowns on a patch."""
    return unknowns * patch.count


def ends_of(patch: Patch, unknowns: int) -> Mapping[object, int]:
    """On a face values of a degree, and normal derivatives of one degree less."""
    across = len(patch.lower) - 1
    ends: dict[object, int] = {}
    for face, degree in patch.faces:
        traces = trace_degree(degree, across + 1, SECOND)
        both = comb(traces + across, across) + comb(traces - 1 + across, across)
        ends[face.key] = unknowns * both
    return ends


@dataclass
class Pace:
    """The work and the seconds of the levels of this run."""

    measured: list[tuple[float, float]] = field(default_factory=list)

    def tell(self, amount: float, seconds: float) -> None:
        """A level of this work took so long."""
        self.measured.append((amount, seconds))

    def seconds(self, amount: float) -> float:
        """What that much work will take; nothing is known before the first level."""
        if not self.measured:
            return 0.0
        works, seconds = zip(*self.measured[-RECENT:], strict=True)
        return FACTOR * amount * float(sum(seconds) / sum(works))
