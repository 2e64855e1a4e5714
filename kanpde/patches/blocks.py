"""Blocks of the elimination: what a group of patches says of the traces on its outer faces.

|M τ - b|²,    gram (M b)ᵀ (M b),    gradient Mᵀ (b - M τ)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import count

import numpy as np
import torch

from kanpde.numerics.quadrature import Array
from kanpde.optimizers.linear_algebra import back_substituted
from kanpde.parallel.ranks import number as rank

FaceKey = tuple[object, ...]
Traces = dict[FaceKey, Array]
Widths = tuple[tuple[FaceKey, int], ...]

INVERSE_STEPS = 4
"""Each divides what is not the smallest singular value by the square of the gap to the next."""

SUM = "sum"
"""The first entry of the keys of sums, (SUM, which, number of the block)."""

numbers = count(rank() << 48)
"""Of blocks: the parts of a sum that several ranks share are told by them."""


@dataclass(frozen=True)
class Block:
    """What a group of patches says of the traces on its outer faces: |matrix τ - right|².

    `faces` are their keys with the number of traces of each, in the order of the columns. `head`
    (k, k + t + 1) holds the rows by which what was eliminated (`inner`) follows from τ. `data`
    is the sum of the squared right sides of a patch; `totals` are the keys of sums, each with those
    of its two parts.
    """

    number: int
    faces: tuple[tuple[FaceKey, int], ...]
    matrix: Array
    right: Array
    inner: tuple[tuple[FaceKey, int], ...]
    head: Array
    rest: float = 0.0
    data: float = 0.0
    totals: tuple[tuple[FaceKey, FaceKey, FaceKey], ...] = ()

    def eliminated(self, traces: Mapping[FaceKey, Array]) -> Array:
        """The eliminated numbers for given traces."""
        k = len(self.head)
        right = self.head[:, -1]
        if self.faces:
            outer = np.concatenate([traces[key] for key, _ in self.faces])
            right = right - self.head[:, k:-1] @ outer
        triangle, rows = torch.tensor(self.head[:, :k]), torch.tensor(right)[:, None]
        return np.asarray(back_substituted(triangle, rows)[:, 0].numpy())

    def residual(self, traces: Mapping[FaceKey, Array]) -> float:
        """The sum of the squared rows of a patch for given traces."""
        if not self.faces:
            return self.rest + float(self.right @ self.right)
        outer = np.concatenate([traces[key] for key, _ in self.faces])
        return self.rest + float(np.sum((self.matrix @ outer - self.right) ** 2))

    @property
    def gram(self) -> Array:
        """(M b)ᵀ (M b), (t + 1, t + 1)."""
        both = np.concatenate([self.matrix, self.right[:, None]], axis=1)
        return np.asarray(both.T @ both)

    @property
    def rooted(self) -> Block:
        """The same block with as few rows as there are traces."""
        return self

    def gradient(self, traces: Mapping[FaceKey, Array]) -> Array:
        """Mᵀ (b - M τ), (t,)."""
        outer = np.concatenate([traces[key] for key, _ in self.faces])
        return np.asarray(self.matrix.T @ (self.right - self.matrix @ outer))

    @cached_property
    def condition(self) -> float:
        """The smallest pivot of what was eliminated here, each over the norm of its column: traces of
        third derivatives count h³ times as much as values.
        """
        upper = np.triu(self.head[:, : len(self.head)])
        norms = np.linalg.norm(upper, axis=0)
        if not len(upper) or not norms.all():
            return float(len(upper) == 0)
        return float((np.abs(np.diag(upper)) / norms).min())

    @property
    def weakest(self) -> float:
        """About the smallest singular value of what was eliminated here, over the largest pivot,
        by inverse iteration: QR without pivoting does not reveal the rank on its diagonal.
        """
        upper = torch.tensor(self.head[:, : len(self.head)])
        if not len(upper) or not bool((upper.diagonal() != 0).all()):
            return float(len(upper) == 0)
        # the transpose of R, turned upside down, is an upper triangle again
        turned = upper.T.flip(0, 1).contiguous()
        vector = torch.from_numpy(np.random.default_rng(0).standard_normal((len(upper), 1)))
        for _ in range(INVERSE_STEPS):
            vector = vector / vector.norm()
            lower_solution = back_substituted(turned, vector.flip(0)).flip(0)
            vector = back_substituted(upper, lower_solution)
        return float(vector.norm() ** -0.5 / upper.diagonal().abs().max())


def substituted(order: Sequence[Block], alone: Block) -> Traces:
    """All traces from the heads of the groups, or of one leaf that is `alone`."""
    root = order[-1] if order else alone
    # what is known of no patch alone is the sum of a quantity over all patches, which is 0
    traces: Traces = {key: np.zeros(number) for key, number in root.faces}
    substitute(order, traces)
    return traces


def substitute(order: Sequence[Block], traces: Traces) -> None:
    """Add the inner traces of groups to those on the outer faces of the last one."""
    for block in reversed(order):
        go_back(block, traces)


def go_back(block: Block, traces: Traces) -> None:
    """Add the inner traces of a group to known ones."""
    values, at = block.eliminated(traces) if len(block.head) else np.zeros(0), 0
    for key, number in block.inner:
        traces[key] = values[at : at + number]
        at += number
    for total, of_first, of_second in block.totals:
        traces[of_second] = traces[total] - traces[of_first]
