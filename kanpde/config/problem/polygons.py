"""What can be wrong with a closed polygon: a pure check of its vertices.

Two segments ab and cd meet if c and d do not lie strictly on the same side of ab, nor a and b of
cd. The side of p is the sign of (b − a) × (p − a), counted as zero within 1e-12 of the product of
the lengths.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations

Point = tuple[float, float]


def polygon_flaw(vertices: Sequence[Point]) -> str | None:
    """The first flaw of the closed polygon through `vertices` as a sentence, or None for a simple
    polygon.
    """
    count = len(vertices)
    edges = [(vertices[i], vertices[(i + 1) % count]) for i in range(count)]
    size = max(math.dist(vertices[0], vertex) for vertex in vertices)
    reach = max(abs(value) for vertex in vertices for value in vertex)
    for i, (a, b) in enumerate(edges):
        if math.dist(a, b) <= max(1e-12, 1e-10 * reach, 1e-10 * size):
            return (
                f"vertices {i + 1} and {(i + 1) % count + 1} coincide; remove one (the polygon"
                " closes by itself)"
            )
    for i in range(count):
        if _folds_back(edges[i - 1], edges[i]):
            return f"the edges at vertex {i + 1} lie on each other; remove the vertex"
    for i, j in _overlapping_pairs(edges):
        if j - i not in (1, count - 1) and _meet(edges[i], edges[j]):
            return (
                f"the polygon intersects itself: edges {i + 1} and {j + 1} meet; reorder the"
                " vertices"
            )
    return None


def _overlapping_pairs(edges: Sequence[tuple[Point, Point]]) -> list[tuple[int, int]]:
    boxes = [(min(a[0], b[0]), max(a[0], b[0]), min(a[1], b[1]), max(a[1], b[1])) for a, b in edges]
    return [
        (i, j)
        for (i, p), (j, q) in combinations(enumerate(boxes), 2)
        if p[0] <= q[1] and q[0] <= p[1] and p[2] <= q[3] and q[2] <= p[3]
    ]


def _side(a: Point, b: Point, p: Point) -> int:
    cross = (b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0])
    if abs(cross) <= 1e-12 * math.dist(a, b) * max(math.dist(a, p), math.dist(b, p)):
        return 0
    return 1 if cross > 0 else -1


def _meet(first: tuple[Point, Point], second: tuple[Point, Point]) -> bool:
    (a, b), (c, d) = first, second
    return _side(a, b, c) * _side(a, b, d) <= 0 and _side(c, d, a) * _side(c, d, b) <= 0


def _folds_back(before: tuple[Point, Point], after: tuple[Point, Point]) -> bool:
    (a, b), (_, c) = before, after
    dot = (b[0] - a[0]) * (c[0] - b[0]) + (b[1] - a[1]) * (c[1] - b[1])
    return dot < 0 and _side(a, b, c) == 0
