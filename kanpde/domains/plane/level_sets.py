"""Where a formula is negative, as a region with a boundary of bends.

    {x: f(x) < 0} in a box,    f = 0 on curves x(s) by their arc length

Signs at the points of a grid tell where the curves cross its edges; between crossings the place on a
line across the chord is found, and where such places are a smooth curve they make a bend.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

from kanpde.domains.plane.bends import Bend, bend_of
from kanpde.domains.plane.curves import Curve, Segment
from kanpde.domains.plane.regions import OutlinedRegion
from kanpde.numerics.quadrature import Array

GRIDS = (192, 768)
"""Cells of the grid along the longest side; the second one for what the first is too coarse for."""

ON_SIDE = 1e-12
"""How near an end of a curve is to the side that it is on."""

STEPS, CONVERGED = 60, 1e-13
"""Most steps to a zero between two points, and the share of their distance by which the last one
moves.
"""

MOST_TURN = 0.9
"""Sum of the angles between chords of a grid cell's size that one bend may follow."""

MOST_CHORDS = 64
"""Chords of that size that one bend may follow."""

Formula = Callable[[Array], Array]
Chain = tuple[Array, bool]


def negative(f: Formula, lower: Array, upper: Array, part: str) -> OutlinedRegion | None:
    """Where f < 0 in a box; None where its boundary is not made of smooth curves that are apart.

    Args:
        f: values (N,) at points (N, 2).
        lower, upper: the corners of the box, about which nothing else is known.
        part: the part of all curves.
    """
    for cells in GRIDS:
        region = _on_grid(f, (lower, upper), cells, part)
        if region is not None:
            return region
    return None


def _on_grid(f: Formula, box: tuple[Array, Array], cells: int, part: str) -> OutlinedRegion | None:
    chains = _chains(f, box, cells)
    if chains is None:
        return None
    curves: list[Curve] = []
    for points, closed in chains:
        bends = _bends(f, (points, closed), part)
        if bends is None:
            return None
        curves += bends
    open_ends = [points[[0, -1]] for points, closed in chains if not closed]
    curves += _sides(f, box, np.array(open_ends).reshape(-1, 2), part)
    return OutlinedRegion(tuple(curves))


def _chains(f: Formula, box: tuple[Array, Array], cells: int) -> list[Chain] | None:
    """The zeros on the edges of a grid, those of one curve after each other, and whether it is
    closed.
    """
    lower, upper = box
    step = float((upper - lower).max()) / cells
    counts = np.maximum(2, np.round((upper - lower) / step)).astype(int)
    axes = [np.linspace(lower[k], upper[k], counts[k] + 1) for k in (0, 1)]
    nodes = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    values = f(nodes.reshape(-1, 2)).reshape(nodes.shape[:2])
    if not np.isfinite(values).all():
        return None
    below = values < 0
    low: list[Array] = []
    high: list[Array] = []
    number: dict[tuple[int, int, int], int] = {}
    for axis in (0, 1):
        first = [slice(None), slice(None)]
        second = [slice(None), slice(None)]
        first[axis], second[axis] = slice(None, -1), slice(1, None)
        for i, j in np.argwhere(below[tuple(first)] != below[tuple(second)]).tolist():
            number[axis, i, j] = len(low)
            low.append(nodes[i, j])
            high.append(nodes[i + (axis == 0), j + (axis == 1)])
    if not low:
        return None
    zeros = _zeros(f, np.array(low), np.array(high))
    beside: list[list[int]] = [[] for _ in zeros]
    for i, j in {
        (i - di, j - dj)
        for axis, i, j in number
        for di, dj in (((0, 0), (0, 1)) if axis == 0 else ((0, 0), (1, 0)))
        if 0 <= i - di < counts[0] and 0 <= j - dj < counts[1]
    }:
        edges = [(0, i, j), (0, i, j + 1), (1, i, j), (1, i + 1, j)]
        met = [number[edge] for edge in edges if edge in number]
        if len(met) != 2:
            return None  # curves that cross, or are nearer to each other than the grid
        beside[met[0]].append(met[1])
        beside[met[1]].append(met[0])
    return [(zeros[order], closed) for order, closed in _orders(beside)]


def _orders(beside: Sequence[Sequence[int]]) -> list[tuple[list[int], bool]]:
    """Chains of neighbours, the open ones first."""
    unused = set(range(len(beside)))
    orders: list[tuple[list[int], bool]] = []
    starts = [k for k, few in enumerate(beside) if len(few) == 1]
    for start in [*starts, *range(len(beside))]:
        if start not in unused:
            continue
        order: list[int] = []
        here = start
        while here in unused:
            unused.discard(here)
            order.append(here)
            here = next((other for other in beside[here] if other in unused), here)
        closed = len(beside[start]) == 2
        orders.append(([*order, start] if closed else order, closed))
    return orders


def _zeros(f: Formula, low: Array, high: Array) -> Array:
    """Zeros (N, 2) between points of both signs, by the method of Ridders (IEEE Trans. Circuits and
    Systems 26 (1979) 979–980) until none of them moves.
    """
    start, along = low, high - low
    below, beyond = f(low), f(high)
    s, t = np.zeros(len(low)), np.ones(len(low))
    found = s
    for _ in range(STEPS):
        middle = (s + t) / 2
        at_middle = f(start + middle[:, None] * along)
        root = np.sqrt(np.maximum(at_middle**2 - below * beyond, 0.0))
        with np.errstate(divide="ignore", invalid="ignore"):
            move = (middle - s) * np.sign(below - beyond) * at_middle / root
        before, found = found, np.clip(np.where(root > 0, middle + move, middle), s, t)
        if np.abs(found - before).max() < CONVERGED:
            break
        at_found = f(start + found[:, None] * along)
        for place, value in ((middle, at_middle), (found, at_found)):
            inside, left = (place >= s) & (place <= t), (value < 0) == (below < 0)
            s, below = np.where(inside & left, place, s), np.where(inside & left, value, below)
            t = np.where(inside & ~left, place, t)
            beyond = np.where(inside & ~left, value, beyond)
    return np.asarray(start + found[:, None] * along)


def _bends(f: Formula, chain: Chain, part: str) -> list[Bend] | None:
    """A chain as bends, each as long as its turn allows; None where a short one is not smooth."""
    points, closed = chain
    points = _thinned(points, closed)
    if len(points) < 3:
        return None
    chords = np.diff(points, axis=0)
    angle = np.unwrap(np.arctan2(chords[:, 1], chords[:, 0]))
    turned = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(angle)))])
    reach = float(np.linalg.norm(chords, axis=1).max())
    bends, start = [], 0
    while start < len(points) - 1:
        end = int(np.searchsorted(turned, turned[start] + MOST_TURN))
        end = max(start + 1, min(end, start + MOST_CHORDS, len(points) - 1))
        bend = _bend(f, points[start : end + 1], reach, part)
        while bend is None and end > start + 1:
            end = (start + end) // 2
            bend = _bend(f, points[start : end + 1], reach, part)
        if bend is None:
            return None
        bends.append(bend)
        start = end
    return bends


def _thinned(points: Array, closed: bool) -> Array:
    """Without points that are close to the one before: their chords have any direction."""
    gaps = np.linalg.norm(np.diff(points, axis=0), axis=1)
    least = 0.5 * float(gaps.max())
    kept = [0]
    for k in range(1, len(points) - 1):
        if np.linalg.norm(points[k] - points[kept[-1]]) > least:
            kept.append(k)
    if len(kept) > 1 and np.linalg.norm(points[-1] - points[kept[-1]]) <= least:
        kept.pop()
    return np.asarray(points[[*kept, len(points) - 1]])


def _bend(f: Formula, points: Array, reach: float, part: str) -> Bend | None:
    """The curve through points (N, 2) over the chord of the first and the last one."""
    a, b = points[0], points[-1]
    chord = b - a
    normal = np.array([-chord[1], chord[0]]) / np.linalg.norm(chord)
    along = (points - a) @ chord / (chord @ chord)
    if (np.diff(along) <= 0).any():
        return None
    heights = (points - a) @ normal
    lost = False

    def place(t: Array) -> Array:
        nonlocal lost
        foot = a + t[:, None] * chord
        height = np.interp(t, along, heights)[:, None]
        low, high = foot + (height - reach) * normal, foot + (height + reach) * normal
        inner = (t > 0) & (t < 1)
        lost = lost or bool(((f(low) < 0) == (f(high) < 0))[inner].any())
        x = _zeros(f, low, high)
        x[t <= 0], x[t >= 1] = a, b
        return x

    bend = bend_of(place, part)
    return None if lost else bend


def _sides(f: Formula, box: tuple[Array, Array], ends: Array, part: str) -> list[Curve]:
    """The pieces of the sides of a box on which f < 0, between ends of curves."""
    (x0, y0), (x1, y1) = box
    corners = np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])
    pieces: list[Curve] = []
    for a, b in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        across = np.array([a[1] - b[1], b[0] - a[0]]) / np.linalg.norm(b - a)
        on = ends[np.abs((ends - a) @ across) <= ON_SIDE * np.linalg.norm(b - a)]
        on = on[np.argsort((on - a) @ (b - a))]
        breaks = [a, *on, b]
        for first, last in pairwise(breaks):
            if f((first + last)[None] / 2)[0] < 0:
                pieces.append(Segment(first, last, part))
    return pieces
