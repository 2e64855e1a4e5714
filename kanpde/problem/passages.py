"""Where a solution passes through what is narrow in its own values.

    T(x, u(x))   with   |T| narrow around u = c:   exp(-((u - c)/w)²),  tanh((u - c)/w),  1/u, …

All points of a solve may lie beside the places where u = c, and then nothing shows that a term of an
equation acts there. Between two neighbouring points of a path the jets in a term lie in a box, which
the values at both and in the middle tell; interval arithmetic bounds how far the term is from a
straight line on that box, and where that may count, the pieces are halved. A feature of any width
costs a number of pieces that grows with the logarithm of the width.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from kanpde.expressions import (
    Add,
    Call,
    Coordinate,
    Derivative,
    Mul,
    Node,
    Number,
    Pow,
    jets,
    multiply,
    partial,
    substitute,
)
from kanpde.expressions.evaluate import evaluate
from kanpde.expressions.intervals import enclose_all
from kanpde.expressions.tree import postorder
from kanpde.numerics.quadrature import Array
from kanpde.problem.kinks import holds_switch

Numbers = NDArray[np.int64]
Paths = Callable[[Numbers, Array], Array]
"""Coordinates and the values of all jets, (N, d + J), on lines (N,) at positions (N,) of [0, 1]."""

SHARE = 1e-3
"""A term that is this near to a straight line, beside its equation, hides nothing."""

SHORTEST, MOST = 1e-10, 8192
"""Pieces of a path are not halved below such a length, nor are there more of them."""

LEAST_SIZE = 1e-3
"""No unknown counts as smaller than this share of the largest one."""

GENTLE = 4.0
"""Whole powers up to it are narrow nowhere."""


@dataclass(frozen=True)
class Spans:
    """Pieces of lines: the number of each one's line (N,), and positions (N,) of its ends."""

    line: Numbers
    begin: Array
    end: Array

    @classmethod
    def none(cls) -> Spans:
        """No pieces."""
        return cls(np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros(0))

    @classmethod
    def of(cls, marks: Array, lines: int) -> Spans:
        """Those between rising positions (K,) of so many lines."""
        numbers = np.repeat(np.arange(lines), len(marks) - 1)
        return cls(numbers, np.tile(marks[:-1], lines), np.tile(marks[1:], lines))

    @classmethod
    def joined(cls, several: Sequence[Spans]) -> Spans:
        """All pieces of several ones."""
        columns = ([getattr(each, name) for each in several] for name in ("line", "begin", "end"))
        return cls(*(np.concatenate(column) for column in columns))

    def at(self, chosen: NDArray[np.bool_]) -> Spans:
        """Some of them."""
        return Spans(self.line[chosen], self.begin[chosen], self.end[chosen])


@dataclass(frozen=True)
class Term:
    """A term of equation number `equation` that may be narrow in the unknowns, and the same one as a
    formula of coordinates and jets, which are further coordinates there.
    """

    equation: int
    node: Node
    inner: Node
    jumps: bool


@dataclass(frozen=True)
class Passages:
    """The terms of some formulas of `dimension` coordinates that may be narrow in the unknowns, and
    the jets of these formulas.
    """

    dimension: int
    formulas: tuple[Node, ...]
    jets: tuple[Derivative, ...]
    terms: tuple[Term, ...]

    @classmethod
    def of(cls, formulas: Sequence[Node], dimension: int) -> Passages:
        """Of equations or conditions; a formula with constants to be found, fields of files or
        normals has no such terms.
        """
        suspects = [node for node in formulas if _plain(node) and any(map(_narrow, terms_of(node)))]
        present = {jet for node in suspects for jet in jets(node)}
        ordered = tuple(sorted(present, key=lambda jet: (jet.unknown, jet.index)))
        places: dict[Node, Node] = {jet: Coordinate(dimension + k) for k, jet in enumerate(ordered)}
        terms = [
            Term(number, term, substitute(term, places), holds_switch(term))
            for number, node in enumerate(formulas)
            if node in suspects
            for term in terms_of(node)
            if _narrow(term)
        ]
        return cls(dimension, tuple(formulas), ordered, tuple(terms))

    def scales(self, points: Array, sizes: Array, sides: Array) -> Array:
        """How large each formula is, (E,): the sum of its other terms at points (N, d + J), or what
        unknowns of such sizes (m,) make of these over the sides (d,) of the domain; none
        counts as tiny beside the largest.
        """
        scales = np.zeros(len(self.formulas))
        sizes = np.maximum(sizes, LEAST_SIZE * sizes.max(initial=0.0))
        for number, (terms, slopes) in self._sizing.items():
            sums = np.sum(np.abs(_values(terms, points)), axis=0)
            reach = [
                abs(sizes[jet.unknown]) / float(np.prod(sides ** np.array(jet.index)))
                for jet, _ in slopes
            ]
            by_jet = np.abs(_values([slope for _, slope in slopes], points))
            scales[number] = max(_largest(sums), float(np.dot(_each(by_jet), reach)))
        return scales

    @cached_property
    def _sizing(self) -> dict[int, tuple[list[Node], list[tuple[Derivative, Node]]]]:
        """For each formula with such terms its other terms and their slopes, as formulas of points.

        A narrow term is as large as its formula only where it acts, and its slopes are far larger.
        """
        places: dict[Node, Node] = {
            jet: Coordinate(self.dimension + k) for k, jet in enumerate(self.jets)
        }
        sizing = {}
        for number in {term.equation for term in self.terms}:
            gentle = [term for term in parts_of(self.formulas[number]) if not _narrow(term)]
            slopes = [
                (jet, substitute(partial(term, jet), places))
                for term in gentle
                for jet in jets(term)
            ]
            sizing[number] = ([substitute(term, places) for term in gentle], slopes)
        return sizing

    def between(self, paths: Paths, spans: Spans, scales: Array, least: float) -> Spans:
        """Further positions between which a term may bend: the middles of spans, which are `begin`
        and `end` of what is returned.

        Args:
            paths: what the solution is along them.
            spans: pieces whose ends are known already.
            scales: those of the formulas, (E,).
            least: what a piece that bends times its length may be, beside its formula.
        """
        beside = np.array([[max(scales[term.equation], 1e-300)] for term in self.terms])
        at_begin, at_end = paths(spans.line, spans.begin), paths(spans.line, spans.end)
        further, loudest = [Spans.none()], beside[:, 0]
        while len(spans.line):
            middle = (spans.begin + spans.end) / 2
            at_middle = paths(spans.line, middle)
            bow = np.abs(at_middle - (at_begin + at_end) / 2)
            ends = np.stack([at_begin, at_middle, at_end])
            away = self._bends(ends.min(axis=0) - bow, ends.max(axis=0) + bow)
            loudest = np.maximum(loudest, np.abs(self.values(at_middle)).max(axis=1))
            length = spans.end - spans.begin
            bends = (away / loudest[:, None]).max(axis=0) > SHARE
            counts = (away / beside).max(axis=0) * length > least
            bent = bends & counts & (length > SHORTEST) & np.isfinite(at_middle).all(axis=1)
            halved = spans.at(bent)
            further.append(replace(halved, begin=middle[bent], end=middle[bent]))
            if sum(len(each.line) for each in further) > MOST:
                break
            spans = Spans.joined(
                [replace(halved, end=middle[bent]), replace(halved, begin=middle[bent])]
            )
            at_begin = np.concatenate([at_begin[bent], at_middle[bent]])
            at_end = np.concatenate([at_middle[bent], at_end[bent]])
        return Spans.joined(further)

    def _bends(self, lower: Array, upper: Array) -> Array:
        """How far each term may be from a straight line on boxes, (T, N)."""
        known = enclose_all([term.inner for term in self.terms], lower, upper)
        away = []
        with np.errstate(all="ignore"):
            for term in self.terms:
                box = known[term.inner]
                width = box.values[1] - box.values[0]
                turning = ((box.slopes[1] - box.slopes[0]) * (upper - lower)).sum(axis=1)
                away.append(np.nan_to_num(np.fmin(width, turning), nan=np.inf))
        return np.array(away)

    def values(self, points: Array) -> Array:
        """The terms at points (N, d + J), (T, N); zero where they have no value."""
        at_points = _values([term.inner for term in self.terms], points)
        return np.nan_to_num(at_points, posinf=0.0, neginf=0.0)


def _values(nodes: Sequence[Node], points: Array) -> Array:
    if not nodes:
        return np.zeros((0, len(points)))
    return torch.stack(evaluate(nodes, torch.from_numpy(points))).numpy()


def _each(rows: Array) -> Array:
    """The largest finite value of each row."""
    return np.array([_largest(row) for row in rows])


def _largest(values: Array) -> float:
    return float(values[np.isfinite(values)].max(initial=0.0))


def terms_of(node: Node) -> tuple[Node, ...]:
    """The terms of a sum, or of a product with one sum among its factors."""
    if isinstance(node, Mul):
        sums = [factor for factor in node.args if isinstance(factor, Add)]
        if len(sums) == 1:
            others = [factor for factor in node.args if factor is not sums[0]]
            return tuple(multiply(*others, term) for term in sums[0].args)
    return node.args if isinstance(node, Add) else (node,)


def parts_of(node: Node) -> tuple[Node, ...]:
    """The terms of a formula; of one that is a switch as a whole (`min(a, b) = 0` is one) those of
    both sides, as it is itself as small as its residual.
    """
    if isinstance(node, Call) and node.name == "where":
        return tuple(part for side in node.args[1:] for part in parts_of(side))
    return terms_of(node)


def _plain(node: Node) -> bool:
    """Whether a formula holds coordinates, jets and numbers alone."""
    leaves = [part for part in postorder((node,)) if not part.children]
    return all(isinstance(leaf, Number | Coordinate | Derivative) for leaf in leaves)


def _narrow(node: Node) -> bool:
    """Whether a term holds a function of unknowns that is no gentle polynomial of them."""
    for part in postorder((node,)):
        match part:
            case Pow(exponent=Number(value=p)) if p.is_integer() and 0 <= p <= GENTLE:
                continue
            case Call() | Pow() if jets(part):
                return True
    return False
