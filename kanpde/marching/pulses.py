"""What formulas hide between the instants at which a slab meets them.

Radau's points of a slab may all miss a pulse in time, and so do those of the shorter slabs that it
is compared with: the march then ends with a small estimate and without the pulse. So the parts of
equations and conditions that are known beforehand, F(x, t), are compared with the polynomial of t
through their values at these points, at instants that are even over the whole time, and at others
around each narrow feature that is known of the problem (`problem.probing`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from kanpde.expressions import Call, Coordinate, Node, Number, Pow
from kanpde.expressions.evaluate import evaluate
from kanpde.expressions.tree import postorder
from kanpde.problem.kinks import SWITCHES
from kanpde.problem.problem import Problem

Array = NDArray[np.float64]
Interpolate = Callable[[Array], Array]
"""The matrix (N, s) that takes values at the s instants of a rule to those at N others."""

PROBES = 1 << 14
"""Even instants of the whole time; each slab sees its share, FEWEST at least."""

FEWEST = 25

UNSEEN = 1e-3
"""What is further than this share of its largest value from the polynomial is not resolved, if a march
does not say otherwise.
"""

AROUND = np.linspace(-3.0, 3.0, 25)
"""Instants around a narrow feature, in its widths."""


RISEN, CLUSTERS = 0.05, 64
"""A pulse begins and ends with this share of its largest value; instants that are nearer to each other
than such a part of the whole time are one.
"""


@dataclass(frozen=True)
class _Formula:
    """A known part at its places (P, d); `loudest` is its largest size at any time."""

    node: Node
    places: Array
    loudest: float


@dataclass(frozen=True)
class Pulses:
    """The known parts of a march's formulas over [start, end], which may run backward, with the
    instants (K,) around narrow peaks; time is the coordinate `axis`.
    """

    formulas: tuple[_Formula, ...]
    axis: int
    span: float
    peaks: Array
    loud: Array

    @classmethod
    def of(
        cls,
        problem: Problem,
        parts: Iterable[tuple[Node, Array]],
        axis: int,
        ends: tuple[float, float],
    ) -> Pulses:
        """From formulas with the places (P, d) at which each is looked at, beside those of narrow
        features; their coordinate `axis` does not count.
        """
        span = ends[1] - ends[0]
        pairs = [(known, places) for node, places in parts for known in _known(node, axis)]
        if not pairs:
            return cls((), axis, span, np.zeros(0), np.zeros(0))
        features = [feature for feature in problem.probed.features if not feature.sharp]
        wide = [feature.place[axis] + feature.width * span * AROUND for feature in features]
        peaks = np.unique(np.concatenate([*wide, np.zeros(0)]))
        instants = np.concatenate([ends[0] + span * (np.arange(PROBES) + 0.5) / PROBES, peaks])
        formulas, loud = [], []
        for known, places in pairs:
            beside = [
                feature.place for feature in features if places.shape[1] == len(feature.place)
            ]
            everywhere = np.vstack([places, *beside]) if len(places) > 1 else places
            sizes = np.abs(_at(known, everywhere, axis, instants))
            loudest = float(sizes.max())
            if loudest > 0:
                formulas.append(_Formula(known, everywhere, loudest))
                loud += [_loud(sizes, instants)] if features else []
        few = np.concatenate([*loud, np.zeros(0)])
        _, chosen = np.unique(np.round((few - ends[0]) / span * CLUSTERS), return_index=True)
        return cls(tuple(formulas), axis, span, peaks, few[chosen])

    def hidden(
        self,
        t: float,
        h: float,
        nodes: Array,
        interpolate: Interpolate,
        number: int,
        unseen: float = UNSEEN,
    ) -> bool:
        """Whether a slab does not resolve them.

        Args:
            t: its start.
            h: its length, negative backward.
            nodes: where in it the equations are met, from 0 to 1.
            interpolate: to other instants from 0 to 1.
            number: of the slab; instants of different slabs lie differently between its nodes.
            unseen: the share of its largest value that a formula may be away from the polynomial.
        """
        if not self.formulas:
            return False
        at = np.zeros(0)
        if abs(h) > abs(self.span) / PROBES:  # what is so short, the local error looks after
            count = max(FEWEST, math.ceil(PROBES * abs(h / self.span)))
            at = (np.arange(count) + 0.5 + 0.4 * math.sin(1 + number)) / count
        peaks = (self.peaks - t) / h
        at = np.concatenate([at, peaks[(peaks > 0) & (peaks < 1)]])
        if not len(at):
            return False
        through = interpolate(at)
        for formula in self.formulas:
            seen = _at(formula.node, formula.places, self.axis, t + h * nodes)
            exact = _at(formula.node, formula.places, self.axis, t + h * at)
            if np.abs(exact - seen @ through.T).max() > unseen * formula.loudest:
                return True
        return False


def _known(node: Node, axis: int) -> list[Node]:
    """The largest parts of a formula that hold time, coordinates and numbers alone, are no
    polynomials, and have no jump or kink that moves: no slab resolves one.
    """
    parts = postorder((node,))
    leaves = [part for part in parts if not part.children]
    if Coordinate(axis) not in leaves:
        return []
    if not all(isinstance(leaf, Number | Coordinate) for leaf in leaves) or _moves(parts, axis):
        known = (known for child in node.children for known in _known(child, axis))
        return list(dict.fromkeys(known))
    return [node] if any(isinstance(part, Call | Pow) for part in parts) else []


def _moves(parts: Iterable[Node], axis: int) -> bool:
    """Whether formulas switch at instants that depend on the place."""
    switches = [part for part in parts if isinstance(part, Call) and part.name in SWITCHES]
    leaves = (
        {leaf for leaf in postorder((part.args[0],)) if isinstance(leaf, Coordinate)}
        for part in switches
    )
    return any(Coordinate(axis) in axes and len(axes) > 1 for axes in leaves)


def _loud(sizes: Array, instants: Array) -> Array:
    """When sizes (P, N) at places are largest, begin and end."""
    order = np.argsort(instants)
    in_order, largest = sizes[:, order], sizes.max(axis=1, keepdims=True)
    present = largest[:, 0] > 0
    risen = (in_order >= RISEN * largest)[present]
    first, last = risen.argmax(axis=1), risen.shape[1] - 1 - risen[:, ::-1].argmax(axis=1)
    numbers = np.concatenate([in_order[present].argmax(axis=1), first, last])
    return np.asarray(instants[order][numbers])


def _at(node: Node, places: Array, axis: int, instants: Array) -> Array:
    """A formula at places and instants, (P, N); zero where it has no value."""
    points = np.repeat(places[:, None, :], len(instants), axis=1)
    points[:, :, axis] = instants
    (values,) = evaluate([node], torch.from_numpy(points.reshape(-1, places.shape[1])))
    finite = np.nan_to_num(values.numpy(), posinf=0.0, neginf=0.0)
    return np.asarray(np.broadcast_to(finite, len(places) * len(instants))).reshape(
        len(places), len(instants)
    )
