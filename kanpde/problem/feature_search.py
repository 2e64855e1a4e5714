"""The search for the narrowest feature of one function in a formula, by boxes.

    width of g(a(x)) = (max g - min g) / max |S ∇g|    relative to the sides S of the domain

Interval arithmetic bounds the change of a on whole boxes, so that boxes are split only where a
function bends, and no feature hides between points: one of any width costs a number of boxes that
grows with the logarithm of the width.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kanpde.expressions import Call, Node, Pow, text
from kanpde.expressions.intervals import Enclosure, enclose
from kanpde.expressions.tree import Coordinate, postorder
from kanpde.numerics.quadrature import Array
from kanpde.problem.bending import SINGULAR, activity, bending_of, inner_of, sizes
from kanpde.problem.findings import numbers
from kanpde.problem.formula_places import Formula, Place, largest
from kanpde.problem.powers import is_power

WIDE = 0.2
"""Relative width from which a formula counts as smooth."""

SETTLED = 4.0
"""Bends that one box may hold."""

DEEPEST = 1e-9
"""Relative side of a box that is split no further."""

BEAM, PIECES = 128, 4
"""Boxes of a level that are split, and into how many."""

MOST_WORK = 3_000_000
"""Boxes times nodes that one formula may cost."""

BEST, SAMPLES = 48, 32
"""Boxes that are looked at closely, and points in each."""

SIGNIFICANT = 1e-6
"""Share of a formula's size that a feature must change it by."""

POLE = 1e3
"""A formula that is so many times larger beside a place than elsewhere has a pole there."""

MOST_OF_IT = 0.3
"""Share of its range that a function must change by across a feature."""

NOTHING = 1e-14
"""The same for data on the boundary, beside the same formula inside."""

ALONG = np.linspace(-6.0, 6.0, 49)
"""Where a formula is looked at across a feature, in widths."""

FEW_TURNS = 20.0
"""A sine whose argument makes no more turns over the whole domain is narrow where its argument is
steep, if at all, and is judged as any other function there.
"""

OF_ANGLES = 1e-3
"""The same for sines of angles, which turn at once where r^a sin(a φ) is nearly zero: in L2 this
share within a width of 1e-6 is 1e-6.
"""

Kind = str


@dataclass(frozen=True)
class Feature:
    """Where a formula changes within a small part of the domain.

    Attributes:
        formula: the narrowest part of the formula that holds it, as text.
        place: (d,), a point of it.
        width: relative to the domain's sides; 0 for a kink, a jump or a pole.
        kind: peak, layer, wave, kink, jump or pole.
        direction: (d,), a unit vector across it in coordinates scaled by the domain's sides.
        where: the equation or condition that holds it.
    """

    formula: str
    place: tuple[float, ...]
    width: float
    kind: Kind
    direction: tuple[float, ...]
    where: str

    @property
    def sharp(self) -> bool:
        """Whether its place is known exactly, so that cells can end there."""
        return self.kind in ("kink", "jump", "pole")


class Search:
    """The boxes of a place where one function bends, down to the narrowest."""

    def __init__(self, node: Node, place: Place) -> None:
        bending = bending_of(node)
        assert bending is not None
        self._node, self._place, self._bending = node, place, bending
        self._size = len(postorder((node,)))
        self._axes = sorted(
            part.index for part in postorder((node,)) if isinstance(part, Coordinate)
        )
        self._best: list[tuple[Array, Array, Array]] = []
        self._top, self._extent = -np.inf, (np.inf, -np.inf)
        self.exhausted = False
        self.singular = False

    def run(self) -> None:
        """Split boxes until each holds few bends."""
        sample = self._place.sample
        if len(sample):
            known = enclose(self._node, sample, sample)
            with np.errstate(all="ignore"):
                self._attained(inner_of(self._node, known).centre, known[self._node].centre)
        lower, upper, work = self._place.lower[None], self._place.upper[None], 0
        while len(lower):
            work += len(lower) * self._size
            known = enclose(self._node, lower, upper)
            inner, whole = inner_of(self._node, known), known[self._node]
            with np.errstate(all="ignore"):
                active, rates = self._sorted(lower, upper, inner, whole)
            lower, upper, rates = lower[active], upper[active], rates[active]
            if work > MOST_WORK:
                self.exhausted = self.exhausted or len(lower) > 0
                break
            if len(lower) > BEAM:
                self.exhausted = True
                chosen = np.lexsort((-rates.sum(axis=1), -self._potential(inner)[active]))[:BEAM]
                lower, upper, rates = lower[chosen], upper[chosen], rates[chosen]
            lower, upper = self._split(lower, upper, rates)

    def _potential(self, inner: Enclosure) -> Array:
        """How large the activity may be on each box (N,)."""
        with np.errstate(all="ignore"):
            power = isinstance(self._node, Pow)
            reached = sizes(inner.values) if power else inner.values
            ends = [activity(self._node, end) for end in reached]
        return np.asarray(np.nan_to_num(np.max(ends, axis=0), nan=-np.inf))

    def _sorted(
        self, lower: Array, upper: Array, inner: Enclosure, whole: Enclosure
    ) -> tuple[Array, Array]:
        """Which boxes are to be split (N,), and the change of the argument along every axis
        (N, d); the steepest others are kept.
        """
        touching = self._place.touches(lower, upper)
        inside = touching & self._place.contains((lower + upper) / 2)
        self._attained(inner.centre[inside], whole.centre[inside])
        bends = np.where(touching, self._bending(inner.values, self._top), 0.0)
        sides = self._place.sides
        relative = (upper - lower) / np.where(sides > 0, sides, 1.0)
        deep = relative[:, self._axes].max(axis=1) < DEEPEST
        active = ~(bends <= SETTLED) & ~deep
        settled = ~active & ~(bends <= 0)
        self.singular = self.singular or bool((np.isinf(bends) & deep).any())
        steep = np.fmin(whole.steepness, 1e150) @ sides
        self._keep(lower[settled], upper[settled], steep[settled])
        rates = inner.steepness * (upper - lower)
        return active, np.where(rates < 1e150, rates, 1e150 * relative)

    def _attained(self, argument: Array, values: Array) -> None:
        reached = activity(self._node, argument)
        if len(reached) and not np.isnan(reached).all():
            self._top = max(self._top, float(np.nanmax(reached)))
        finite = values[np.isfinite(values)]
        if len(finite):
            least, most = self._extent
            self._extent = min(least, float(finite.min())), max(most, float(finite.max()))

    def _keep(self, lower: Array, upper: Array, steep: Array) -> None:
        """The steepest boxes so far."""
        if not len(lower):
            return
        self._best.append((lower, upper, steep))
        joined = [np.concatenate(each) for each in zip(*self._best, strict=True)]
        order = np.argsort(-joined[2], kind="stable")[:BEST]
        self._best = [(joined[0][order], joined[1][order], joined[2][order])]

    def _split(self, lower: Array, upper: Array, rates: Array) -> tuple[Array, Array]:
        """Every box in pieces along the axis of its largest change."""
        if not len(lower):
            return lower, upper
        axis = self._axes_of(rates)
        rows = np.arange(len(lower))
        step = (upper - lower)[rows, axis] / PIECES
        pieces = []
        for number in range(PIECES):
            low, high = lower.copy(), upper.copy()
            low[rows, axis] = lower[rows, axis] + number * step
            if number < PIECES - 1:
                high[rows, axis] = lower[rows, axis] + (number + 1) * step
            pieces.append((low, high))
        return np.concatenate([low for low, _ in pieces]), np.concatenate([up for _, up in pieces])

    def _axes_of(self, rates: Array) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
        allowed = np.full_like(rates, -1.0)
        allowed[:, self._axes] = rates[:, self._axes]
        return np.asarray(allowed.argmax(axis=1))

    def feature(self, formula: Formula, coordinates: Sequence[str]) -> Feature | None:
        """The narrowest feature, None where there is none that matters to the formula."""
        if not self._best:
            return None
        lower, upper, _ = self._best[0]
        share = np.random.default_rng(0).uniform(size=(SAMPLES, *lower.shape))
        share[0] = 0.5
        points = (lower + share * (upper - lower)).reshape(-1, lower.shape[1])
        points = points[self._place.contains(points)]
        if not len(points):
            return None
        whole = enclose(self._node, points, points)[self._node]
        values, gradients = whole.centre, whole.steepness * np.sign(whole.slopes[0])
        scaled = self._place.along(points, np.nan_to_num(gradients)) * self._place.sides
        with np.errstate(over="ignore"):
            slopes = np.linalg.norm(scaled, axis=1)
        if self._is_sharp():
            return self._sharp(formula, coordinates, points)
        finite = np.isfinite(values) & np.isfinite(slopes)
        if not finite.any() or not slopes[finite].max() > 0:
            return None
        self._attained(np.zeros(0), values)
        steepest = int(np.where(finite, slopes, -1.0).argmax())
        width = (self._extent[1] - self._extent[0]) / slopes[steepest]
        if not 0 < width < WIDE:
            return None
        at, direction = points[steepest], scaled[steepest] / slopes[steepest]
        kind = self._kind(formula, at, direction, width)
        if kind == "peak" and (isinstance(self._node, Pow) or self._node_name == "exp"):
            at = points[int(np.where(finite, values, -np.inf).argmax())]
        if kind is None:
            return None
        return Feature(
            text(self._node, coordinates, limit=80), tuple(at.tolist()), float(width), kind,
            tuple(direction.tolist()), formula.where,
        )  # fmt: skip

    @property
    def _turning(self) -> bool:
        return self._node_name in ("sin", "cos", "tan")

    @property
    def _node_name(self) -> str:
        return self._node.name if isinstance(self._node, Call) else ""

    def _is_sharp(self) -> bool:
        """Whether the function itself has a kink, a jump or a pole where it bends most."""
        power = isinstance(self._node, Pow)
        return self.singular and (power or self._node_name in SINGULAR)

    @property
    def turns_little(self) -> bool:
        """Whether this is a sine whose argument makes few turns: what bends it is its argument,
        which is probed by itself. The cut of an angle makes every box on it bend.
        """
        return self._turning and self._turns() <= FEW_TURNS

    def _turns(self) -> float:
        """How far the argument goes over the whole place, in turns: an angle about a point, however
        steep it is there, goes once around.
        """
        known = enclose(self._node, self._place.lower[None], self._place.upper[None])
        least, most = inner_of(self._node, known).values
        return float((most - least)[0]) / (2 * math.pi)

    def _kind(self, formula: Formula, at: Array, direction: Array, width: float) -> Kind | None:
        """What the function looks like across it, None where the formula hardly changes, or where it is
        a power at a vertex.
        """
        share = SIGNIFICANT
        if self._turning:
            if self._turns() > FEW_TURNS:
                return "wave"
            share = OF_ANGLES
        line = at + ALONG[:, None] * width * direction * self._place.sides
        line = line[self._place.contains(line)]
        if not len(line):
            return None
        values, shape = numbers((formula.node, self._node), line)
        size, change = max(formula.size, largest(values)), float(np.ptp(values))
        if not change > max(share * size, NOTHING * formula.size_inside):
            return None
        if not np.ptp(shape) > MOST_OF_IT * (self._extent[1] - self._extent[0]):
            return None  # steep at an end, as a root is, but no layer
        if is_power(self._node, self._place, at, width):
            return None
        return "layer" if abs(shape[-1] - shape[0]) > np.ptp(shape) / 2 else "peak"

    def _sharp(self, formula: Formula, coordinates: Sequence[str], points: Array) -> Feature | None:
        """A kink or a jump of the formula; None where it has a pole or is smooth."""
        at = points[0]
        for axis in self._axes:
            step = np.zeros_like(at)
            step[axis] = 1e-7 * self._place.sides[axis]
            line = at + np.arange(-3.5, 4.0)[:, None] * step
            line = line[self._place.contains(line)]
            (values,) = numbers((formula.node,), line)
            size = max(formula.size, largest(values))
            steps = np.abs(np.diff(values))
            if len(steps) < 3 or not np.isfinite(values).all():
                continue
            if steps.max() < SIGNIFICANT * size * 1e-3:
                continue
            kind = "jump" if steps.max() > 1e-3 * size else "kink"
            if largest(values) > POLE * formula.size:
                kind = "pole"
            direction = np.zeros_like(at)
            direction[axis] = 1.0
            return Feature(
                text(self._node, coordinates, limit=80), tuple(at.tolist()), 0.0, kind,
                tuple(direction.tolist()), formula.where,
            )  # fmt: skip
        return None
