"""How much memory a level takes: the triangles of its patches and groups, which stay for the next
level, and those of the same cells with two degrees more, by which the error is estimated.

    patch   n (n + t + 1) + (t + 1)²    in space  n (n + t) + n (n + t + 1)
    group   (c - o) (c + 1) + (o + 1)²

numbers, with n coefficients, t traces; of a group c columns, of which o stay. On top come
the largest group while it is made and the rows of the patches that are made together. Measured by
`python -m scripts memory`.
"""

from __future__ import annotations

from collections.abc import Sequence

from kanpde.errors import BudgetError
from kanpde.patches.fronts import SPACE, Group, ends_of, merged, tree_of
from kanpde.patches.layout import Patch
from kanpde.patches.pace import coefficients
from kanpde.patches.refinement import richer
from kanpde.patches.rows import nodes_inside
from kanpde.patches.statement import CHUNK, MOST_NUMBERS
from kanpde.solver import memory

Held = tuple[int, int]

NUMBER = 8
"""Bytes."""

LINEAR, NEWTON = (1, 1), (0, 1)
"""How often the blocks of a level and of its enrichment are held together: Newton's method keeps
those of its last step only.
"""


def needed(
    patches: Sequence[Patch], unknowns: int, counts: Sequence[int], held: Held = LINEAR
) -> int:
    """Bytes for the patches of a level and those of its enrichment."""
    enriched = [richer(patch) for patch in patches]
    kept, _ = _blocks(patches, unknowns, counts)
    made, largest = _blocks(enriched, unknowns, counts)
    numbers = held[0] * kept + held[1] * made + largest + _rows(enriched, unknowns)
    return NUMBER * numbers + memory.WORKING


def fits(
    patches: Sequence[Patch], unknowns: int, counts: Sequence[int], held: Held = LINEAR
) -> bool:
    """Whether there is memory for a level and its enrichment."""
    return memory.shortage(needed(patches, unknowns, counts, held)) is None


def require(
    patches: Sequence[Patch], unknowns: int, counts: Sequence[int], held: Held = LINEAR
) -> None:
    """BudgetError where there is no memory for the first level and its enrichment."""
    short = memory.shortage(needed(patches, unknowns, counts, held))
    if short is not None:
        raise BudgetError(
            f"trial.patches: {len(patches)} patches would take {short}; lower trial.patches.cells or"
            f" trial.patches.degree, or raise {memory.VARIABLE}"
        )


def _blocks(patches: Sequence[Patch], unknowns: int, counts: Sequence[int]) -> tuple[int, int]:
    """Numbers in the blocks of all patches and groups, and beside them while the largest group is
    made.
    """
    in_space, stored, largest = len(counts) >= SPACE, 0, 0
    groups = []
    for patch in patches:
        n, ends = coefficients(patch, unknowns), ends_of(patch, unknowns)
        traces = sum(ends.values())
        in_plane = n * (n + traces + 1) + (traces + 1) ** 2
        stored += n * (2 * n + 2 * traces + 1) if in_space else in_plane
        groups.append(Group(ends, True))

    def of_group(rows: int, columns: int, outer: int) -> float:
        nonlocal largest
        largest = max(largest, 3 * (columns + 1) ** 2)
        return (columns - outer) * (columns + 1) + (outer + 1) ** 2

    tree = tree_of([(patch,) for patch in patches], counts)
    return stored + int(merged(tree, groups, of_group)[1]), largest


def _rows(patches: Sequence[Patch], unknowns: int) -> int:
    """Numbers in the rows of the patches that are made together."""
    of_patch = [
        nodes_inside(patch.degree, patch.dimension) ** patch.dimension * unknowns**2 * patch.count
        for patch in patches
    ]
    return int(min(sum(sorted(of_patch)[-CHUNK:]), MOST_NUMBERS + max(of_patch)))
