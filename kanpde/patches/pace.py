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

from collections.abc import Sequence
from dataclasses import dataclass, field

from kanpde.patches.fronts import SPACE, Group, by_normal, by_qr, ends_of, merged, tree_of
from kanpde.patches.layout import Patch

LEVEL, PATCH, NEW, GROUP = 2e7, 5e6, 3.4e7, 1.3e7
"""Work beside QR: of a level, of each of its patches, of each new one, of each new group."""

MERGE = 0.4
"""QR of large blocks is that much faster than of small ones."""

FACTOR = 1.3
"""What a prediction is multiplied by."""

GROWTH, LITTLE = 3.0, 1e10
"""What a level and its enrichment may take at most, in the work of all before, and what they always
may (about three seconds): a search whose next level does not end in time has used a fifth of the
seconds at least.
"""

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
    tree = tree_of([(patch,) for patch in patches], counts)
    return total + merged(tree, groups, of_group)[1]


def _by_qr(rows: int, columns: int, outer: int) -> float:
    """The work of a merge by QR."""
    return GROUP + MERGE * by_qr(rows, columns, outer)


def _normal(rows: int, columns: int, outer: int) -> float:
    """The work of a merge by normal equations."""
    return GROUP + by_normal(rows, columns, outer)


def coefficients(patch: Patch, unknowns: int) -> int:
    """Coefficients of all unknowns on a patch."""
    return unknowns * patch.count


@dataclass
class Pace:
    """The work and the seconds of the levels of this run."""

    measured: list[tuple[float, float]] = field(default_factory=list)

    def tell(self, amount: float, seconds: float) -> None:
        """A level of this work took so long."""
        self.measured.append((amount, seconds))

    def allows(self, amount: float) -> bool:
        """Whether that much is not too much beside all levels before; no clock is asked."""
        return amount <= max(LITTLE, GROWTH * sum(work for work, _ in self.measured))

    def seconds(self, amount: float) -> float:
        """What that much work will take; nothing is known before the first level."""
        if not self.measured:
            return 0.0
        works, seconds = zip(*self.measured[-RECENT:], strict=True)
        return FACTOR * amount * float(sum(seconds) / sum(works))
