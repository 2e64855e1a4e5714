"""What a solved slab adds to each unknown, and how large the unknowns are there.

The local error of a slab is the root of its objective at held-out points with all factors of
`weights` 1: what it adds to u (see `Slab`). A row counts for one unknown: an equation for the one
whose highest derivative by t it holds, a condition for the one it sets; where there are several,
for the largest. Points of a stretched slab are a product of places and instants, and there the
error splits in two. The residual of splines that are too coarse oscillates from knot to knot: what
means over WINDOW intervals leave, and the misfit at the start, is the error in space, ∝ G^{1-p};
the means are that of a slab too long for n units, ∝ h^n.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from kanpde.assembly.residual import Assembly, Term
from kanpde.config import WeightsConfig
from kanpde.expressions import jets
from kanpde.marching.slab import Slab

WINDOW = 2
"""What is left of the rows in the mean over so many intervals is not the splines' fault."""

SMALLEST = 1e-9
"""No unknown counts as smaller than this share of the largest: it could not be told from rounding.
"""

LOST = 0.5
"""A slab with a local error above this share of ‖u‖ is far from any solution: it is cut before
anything else is tried.
"""


@dataclass(frozen=True)
class LocalError:
    """What splines in space and what the length of a slab are to blame for, each (m,), in the units
    of the unknowns.
    """

    space: Tensor
    rest: Tensor

    @property
    def added(self) -> Tensor:
        """What the slab adds to each unknown, (m,)."""
        return torch.hypot(self.space, self.rest)


@dataclass(frozen=True)
class Sizes:
    """Root mean squares of the unknowns, each (m,): at the start of a slab, within it, and at its
    end.
    """

    start: Tensor
    within: Tensor
    end: Tensor

    @property
    def grown(self) -> Tensor:
        """By how much the unknowns are larger at the end than at the start, or zero, (m,)."""
        return (self.end - self.start).clamp_min(0)


@dataclass(frozen=True)
class Attempt:
    """A solved slab: its length and intervals, what it adds to the unknowns, what it may add and
    their sizes, each (m,).

    `space`, `rest` and `share` are in units of what it may add.
    """

    length: float
    intervals: int
    error: LocalError
    allowed: Tensor
    sizes: Tensor

    @property
    def space(self) -> float:
        """The error in space."""
        return _norm(self.error.space, self.allowed)

    @property
    def rest(self) -> float:
        """The error from the length."""
        return _norm(self.error.rest, self.allowed)

    @property
    def share(self) -> float:
        """The whole error."""
        return math.hypot(self.space, self.rest)

    @property
    def met(self) -> bool:
        """Whether it adds no more than it may."""
        return self.share <= 1

    @property
    def lost(self) -> bool:
        """Whether it adds so much that it is far from any solution."""
        return bool((self.error.added > LOST * floored(self.sizes)).any())

    @property
    def _worst(self) -> int:
        """The unknown that is furthest above what may be added to it."""
        return int((self.error.added / self.allowed.clamp_min(1e-300)).argmax())

    @property
    def added(self) -> float:
        """What it adds to the worst unknown, in its units."""
        return float(self.error.added[self._worst])

    @property
    def in_space(self) -> float:
        """The part of it in space."""
        return float(self.error.space[self._worst])

    @property
    def may(self) -> float:
        """What it may add to that unknown."""
        return float(self.allowed[self._worst])

    def rest_of(self, other: Attempt) -> float:
        """This attempt's error from the length in units of what `other` may add."""
        return _norm(self.error.rest, other.allowed)

    def idle_after(self, length: float, rest: Tensor, helped: float) -> bool:
        """Whether it is shorter than `length` and keeps more than the share `helped` of that slab's
        error from the length.
        """
        return self.length < length and self.rest > helped * _norm(rest, self.allowed)


def sizes(slab: Slab) -> Sizes:
    """The sizes of the unknowns of a solved slab."""
    term, share = next((term, share) for term, share in slab.checked if term.interior)
    means = []
    for at in (slab.start, None, slab.end):
        x = term.x.clone()
        if at is not None:
            x[:, -1] = at
        means.append((share @ slab.parts.trial.evaluate(x).square()).sqrt().double().cpu())
    return Sizes(*means)


def floored(size: Tensor) -> Tensor:
    """Sizes (m,) of which none is below the share SMALLEST of the largest."""
    return size.clamp_min(SMALLEST * float(size.max()))


def local_error(
    slab: Slab, weights: WeightsConfig, size: Tensor, instants: int, intervals: int
) -> LocalError:
    """The local error of a solved slab with unknowns of `size` (m,), whose points are places times
    `instants` if not 0.

    It is that of weights 1, whatever the solve's are: an error does not depend on them.
    """
    trial = slab.parts.trial
    with torch.no_grad():
        residuals = Assembly([term for term, _ in slab.checked], trial).residuals(trial)
    space, whole = torch.zeros_like(size), torch.zeros_like(size)
    for (term, share), rows in zip(slab.checked, residuals, strict=True):
        weight = term.weight / (weights.equations if term.interior else weights.conditions)
        unknown = _counts_for(term, size)
        part = weight * float((share * rows.square()).sum())
        whole[unknown] += part
        if instants and term.interior:
            rough = _rough(rows.reshape(-1, instants), intervals)
            space[unknown] += weight * float((share * rough.reshape(-1).square()).sum())
        elif instants and bool((term.x[:, -1] == slab.start).all()):
            space[unknown] += part
    return LocalError(space.sqrt(), (whole - space).clamp_min(0).sqrt())


def _counts_for(term: Term, size: Tensor) -> int:
    """The number of the unknown that a term's rows are an error of."""
    present = jets(term.node)
    last = max((jet.index[-1] for jet in present), default=0)
    unknowns = {jet.unknown for jet in present if jet.index[-1] == last or not term.interior}
    return max(sorted(unknowns), key=lambda unknown: float(size[unknown]), default=0)


def _norm(error: Tensor, allowed: Tensor) -> float:
    """Errors (m,) in units of what may be added, which is zero as long as all unknowns are."""
    return float((error / allowed.clamp_min(1e-300)).norm())


def _rough(rows: Tensor, intervals: int) -> Tensor:
    """Rows (places, instants) without their means over WINDOW intervals each."""
    window = torch.arange(len(rows), device=rows.device) * intervals // (WINDOW * len(rows))
    sums = rows.new_zeros(int(window[-1]) + 1, rows.shape[1]).index_add_(0, window, rows)
    means = sums / torch.bincount(window)[:, None]
    return rows - means[window]
