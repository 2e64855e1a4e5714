"""One level of patches on several ranks: each has a part of the tree, triangles go up and traces
down.

        0          the group of all patches is that of rank 0
      /   \\        a group that several ranks share is merged by the first of them,
     0     2       the first rank of its second half sends the block of that half
    / \\   / \\      and gets the traces on its outer faces
   0   1 2   3

A rank knows the rows of its own patches alone, the blocks of its part, and those of the groups it
merges. Coefficients and indicators are added up, so that every rank has all of them and refines
alike. Cells at a corner are deep in the tree: a part is one by the work of its leaves.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kanpde.numerics.quadrature import Array
from kanpde.parallel.ranks import Ranks, present
from kanpde.patches.blocks import SUM, Block, FaceKey, Traces, Widths, go_back, numbers
from kanpde.patches.layout import Patch
from kanpde.patches.order import Tree, mapped, members_of
from kanpde.progress import Relay, StopReason

REASONS = tuple(StopReason)


def clock() -> float:
    """Seconds on the clock of rank 0, which all ranks ask for at the same time."""
    return present().agreed(time.perf_counter())


class Agreed(Relay):
    """A progress observer that ends a solve where rank 0 is asked to; all ranks ask at the same
    time.
    """

    @property
    def stop(self) -> StopReason | None:
        """As rank 0 says."""
        mine = self.inner.stop
        which = present().agreed(-1.0 if mine is None else float(REASONS.index(mine)))
        return None if which < 0 else REASONS[int(which)]


@dataclass(frozen=True)
class Share:
    """The leaves of a rank by their numbers in a level, and the `tree` over them (None where there
    are none); the ranks whose halves it merges with its own, one after the other, and the one
    to which it sends.
    """

    mine: tuple[int, ...]
    tree: Tree | None
    below: tuple[int, ...]
    above: int | None

    @classmethod
    def of(cls, tree: Tree, leaves: Sequence[Sequence[Patch]], ranks: Ranks) -> Share:
        """The share of this rank in a tree over the patches of leaves."""
        weights = [float(sum(patch.count**3 for patch in leaf)) for leaf in leaves]
        low, high, below = 0, ranks.count, list[int]()
        above: int | None = None
        while high - low > 1 and not isinstance(tree, int):
            halves = [members_of(half) for half in tree]
            amounts = [sum(weights[leaf] for leaf in half) for half in halves]
            middle = low + round((high - low) * amounts[0] / sum(amounts))
            # no half without a rank, and no rank without a leaf as long as there are enough
            middle = max(
                low + 1, high - len(halves[1]), min(middle, low + len(halves[0]), high - 1)
            )
            if ranks.number < middle:
                below += [middle] if ranks.number == low else []
                tree, high = tree[0], middle
            else:
                if ranks.number == middle:
                    below, above = [], low
                tree, low = tree[1], middle
        if ranks.number != low:
            return cls((), None, (), None)
        mine = tuple(sorted(members_of(tree)))
        places = {leaf: place for place, leaf in enumerate(mine)}
        return cls(mine, mapped(tree, places), tuple(reversed(below)), above)


def climbed(
    share: Share,
    own: Sequence[Block],
    patches: Sequence[Patch],
    merge: Callable[[Block, Block], Block],
) -> tuple[list[Block], Traces, Array]:
    """Merge what the ranks have, and go back.

    Args:
        share: that of this rank.
        own: the blocks of its tree, each after its halves, the last one that of all of it.
        patches: all patches of the level.
        merge: how two blocks are merged.

    Returns:
        The groups that were merged from other ranks' halves, all traces on the faces of its
        own patches, and for rank 0 the smallest singular value of the whole.
    """
    ranks, keys = present(), _face_keys(patches)
    whole, groups, halves = own[-1], list[Block](), list[Block]()
    for other in share.below:
        halves.append(_received(ranks, other, keys))
        whole = merge(whole, halves[-1])
        groups.append(whole)
    traces: Traces = {key: np.zeros(width) for key, width in whole.faces}
    if share.above is not None:
        _send(ranks, whole, share.above, keys)
        _, values = ranks.receive(share.above)
        traces = dict(zip((key for key, _ in whole.faces), values, strict=True))
    for group, half, other in reversed(list(zip(groups, halves, share.below, strict=True))):
        go_back(group, traces)
        ranks.send(None, [traces[key] for key, _ in half.faces], other)
    return groups, traces, np.array([whole.weakest if share.above is None else 0.0])


def _face_keys(patches: Sequence[Patch]) -> list[FaceKey]:
    """The keys of all faces with traces, in an order that all ranks know."""
    return list({(*face.key, degree): None for patch in patches for face, degree in patch.faces})


def _send(ranks: Ranks, block: Block, to: int, keys: Sequence[FaceKey]) -> None:
    """Send what a block says of its outer faces."""
    places = {key: place for place, key in enumerate(keys)}
    faces = [[list(key) if key[0] == SUM else places[key], width] for key, width in block.faces]
    ranks.send(faces, [block.matrix, block.right], to)


def _received(ranks: Ranks, source: int, keys: Sequence[FaceKey]) -> Block:
    """The block that another rank sends."""
    words, (matrix, right) = ranks.receive(source)
    faces: Widths = tuple(
        (tuple(key) if isinstance(key, list) else keys[key], width) for key, width in words
    )
    empty = np.zeros((0, matrix.shape[1] + 1))
    return Block(next(numbers), faces, matrix, right, (), empty)


def gathered(rows: Mapping[int, Array], count: int, shape: tuple[int, ...]) -> Array:
    """The rows (count, …) of a shape of which every rank knows some by their numbers."""
    known = np.zeros((count, *shape))
    for number, row in rows.items():
        known[number] = row
    return present().summed(known)


def joined(pieces: Mapping[int, Array], sizes: Sequence[int]) -> list[Array]:
    """Arrays of given sizes of which every rank knows some by their numbers."""
    ends = np.cumsum([0, *sizes])
    flat = np.zeros(int(ends[-1]))
    for number, piece in pieces.items():
        flat[ends[number] : ends[number + 1]] = piece
    return np.split(present().summed(flat), ends[1:-1])
