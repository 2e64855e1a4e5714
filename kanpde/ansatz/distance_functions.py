"""Functions of the coordinates that vanish on some parts of a boundary, to first order, and nowhere
else in the domain.

A region is the intersection ("all") or the union ("any") of half planes and disks (in space half
spaces and balls) f ≥ 0. The outermost intersection is a product, everything below it is combined by
R-functions:

    outer all: a b,    below it:  a ∧ b = a + b - √(a² + b²),    a ∨ b = a + b + √(a² + b²)

The product is smooth, a ∨ b is smooth except at the corner a = b = 0. A polygon is the intersection
of the edges of its hull and of the complements of its pockets, which are polygons again. Where a
function is to vanish on some parts of such a term only, their curves are trimmed,

    √(f² + ¼ (√(t² + f⁴) - t)²),    f = 0 on the whole line or circle, t ≥ 0 near the piece,

and joined by a b / √(a² + b²); second derivatives of these grow without bound towards ends and
joints.

Sources: Rvachev & Sheiko, Appl. Mech. Rev. 48 (1995); Sukumar & Srivastava, CMAME 389 (2022); Tor &
Middleditch, ACM Trans. Graph. 3 (1984) for polygons.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import chain

import numpy as np
import torch

from kanpde.domains import Ball, Disk, Domain, Planar, Solid, SpaceTime
from kanpde.domains.plane.bends import Bend
from kanpde.domains.plane.curves import Curve, Segment
from kanpde.domains.plane.regions import (
    Combination,
    DiskRegion,
    OutlinedRegion,
    PolygonRegion,
    Region,
    SidesRegion,
)
from kanpde.domains.space.bodies import BallBody, Body, CombinedBody, Prism
from kanpde.errors import ConfigError
from kanpde.expressions import Coordinate, Node, Number, add, multiply, negate, power
from kanpde.expressions.evaluate import evaluate
from kanpde.numerics.quadrature import Array

SAMPLES = 400
"""Points inside the domain at which a function is evaluated."""

LEAST = 1e-9
"""The share of its largest value that a function must exceed where it may not vanish."""


@dataclass(frozen=True)
class _Leaf:
    """A line or circle f = 0 with f ≥ 0 on the region's side; equal ones have the same `key`."""

    node: Node
    parts: frozenset[str]
    key: tuple[float, ...]


@dataclass(frozen=True)
class _Group:
    """All of (`every`) or any of some terms."""

    every: bool
    terms: tuple[_Term, ...]


_Term = _Leaf | _Group


@dataclass(frozen=True)
class Distance:
    """A function of the coordinates, and whether it has all derivatives up to the boundary."""

    node: Node
    smooth: bool


def distance(domain: Domain, parts: Iterable[str]) -> Distance:
    """A function that vanishes on `parts` and is positive in the rest of the closed domain, at most
    about one.

    Raises ConfigError where none is known.
    """
    chosen_parts = set(parts)
    factors: list[Distance] = []
    for term in _factors(domain):
        factors += _chosen(term, chosen_parts, domain)
    product = multiply(*(factor.node for factor in factors)) if factors else Number(1.0)
    x = domain.quadrature(SAMPLES).x
    largest = _values(product, x).max()
    product = multiply(Number(1 / float(largest)), product) if largest > 0 else product
    inside = _values(product, np.concatenate([x, *_inner_curves(domain)]))
    if not inside.min() > LEAST:
        raise ConfigError(
            "trial.lifting: no function is known that vanishes on the boundary of this domain only"
            " (shapes that share an edge, or very many edges); set it to false"
        )
    return Distance(product, all(factor.smooth for factor in factors))


def _chosen(term: _Term, chosen_parts: set[str], domain: Domain) -> list[Distance]:
    """The functions that vanish on the chosen parts of one factor: none, the factor, or its trimmed
    curves joined.
    """
    term_parts = _parts(term) & set(domain.parts)
    if not term_parts & chosen_parts:
        return []
    node = _node(term)
    free = [domain.part_quadrature(part, 32).x for part in domain.parts if part not in chosen_parts]
    scale = float(_values(node, domain.quadrature(SAMPLES).x).max())
    if all(_values(node, x).min() > LEAST * scale for x in free):
        return [Distance(node, isinstance(term, _Leaf))]
    space = domain.space if isinstance(domain, SpaceTime) else domain
    if not isinstance(space, Planar):
        raise ConfigError(
            "trial.lifting: a part of this domain cannot be told from the others; set it to false"
        )
    trimmed = [_trimmed(curve) for curve in space.curves if curve.part in term_parts & chosen_parts]
    return [Distance(reduce(_joined, trimmed), False)]


def _factors(domain: Domain) -> list[_Term]:
    """Terms that are all positive inside; together they vanish on the whole boundary."""
    match domain:
        case Disk() | Ball():
            return [_round(domain.center, domain.radius, domain.parts[0])]
        case SpaceTime():
            time, length = Coordinate(domain.dimension - 1), domain.end - domain.start
            terms = _factors(domain.space)
            for part, at, sign in (("initial", domain.start, 1.0), ("final", domain.end, -1.0)):
                node = _affine([(sign / length, time)], -sign * at / length)
                terms.append(_Leaf(node, frozenset([part]), key=(sign, at)))
            return terms
        case Planar():
            return _merged(_flat(_tree(domain.region), every=True))
        case Solid():
            return _merged(_flat(_solid(domain.body), every=True))
    raise ConfigError(
        f"trial.lifting: a {type(domain).__name__.lower()} has no distance function; set it to"
        " false"
    )


def _tree(region: Region) -> _Term:
    match region:
        case DiskRegion():
            return _round(region.center, region.radius, region.part)
        case PolygonRegion():
            x, y = region.vertices.T
            counterclockwise = float((x * np.roll(y, -1) - y * np.roll(x, -1)).sum()) > 0
            points, parts = region.vertices, list(region.parts)
            if counterclockwise:
                return _polygon(points, parts)
            return _polygon(points[::-1], [*parts[-2::-1], parts[-1]])
        case OutlinedRegion() | SidesRegion():
            raise ConfigError(
                "trial.lifting: an ellipse or a mesh with bent edges has no distance function; set it"
                " to false"
            )
        case Combination(operation="difference", operands=(first, *others)):
            return _Group(True, (_tree(first), *(_negative(_tree(other)) for other in others)))
        case Combination():
            return _Group(
                region.operation == "intersection",
                tuple(_tree(operand) for operand in region.operands),
            )


def _solid(body: Body) -> _Term:
    match body:
        case BallBody(domain=ball):
            return _round(ball.center, ball.radius, ball.part_name)
        case Prism():
            caps = []
            for cap, at, sign in zip(body.caps, body.ends, (1.0, -1.0), strict=True):
                node = _affine([(sign, Coordinate(2))], -sign * at)
                caps.append(_Leaf(node, frozenset([cap]), key=(0.0, 0.0, sign, at)))
            return _Group(True, (_tree(body.base), *caps))
        case CombinedBody(operation="difference", operands=(first, *others)):
            return _Group(True, (_solid(first), *(_negative(_solid(other)) for other in others)))
        case CombinedBody():
            return _Group(
                body.operation == "intersection",
                tuple(_solid(operand) for operand in body.operands),
            )


def _polygon(points: Array, parts: Sequence[str | None]) -> _Term:
    """The polygon with its interior on the left; edge k leads from point k to the next, None is the
    lid of a pocket.
    """
    hull = _hull(points)
    terms: list[_Term] = []
    for first, last in zip(hull, [*hull[1:], hull[0] + len(points)], strict=True):
        indices = [k % len(points) for k in range(first, last + 1)]
        if len(indices) == 2:
            if (part := parts[first]) is not None:
                terms.append(_line(points[first], points[indices[1]], part))
            continue
        pocket = [parts[k] for k in indices[:-1]]
        terms.append(_negative(_polygon(points[indices[::-1]], [*pocket[::-1], None])))
    return _Group(True, tuple(terms))


def _hull(points: Array) -> list[int]:
    """The points on the convex hull of a simple polygon in its order, those on its edges too."""
    size = float(np.ptp(points, axis=0).max())
    count = len(points)
    on_hull = []
    for i in range(count):
        offset = points - points[i]
        # On the hull if some line through the point has all others on one side: their directions
        # fit into half a turn.
        apart = np.linalg.norm(offset, axis=1) > 1e-12 * size
        angles = np.sort(np.arctan2(offset[:, 1], offset[:, 0])[apart])
        gaps = np.diff(angles, append=angles[0] + 2 * np.pi)
        if gaps.max() >= np.pi - 1e-9:
            on_hull.append(i)
    return on_hull


def _line(a: Array, b: Array, part: str) -> _Leaf:
    """The signed distance to the line through a and b, positive on its left."""
    along = (b - a) / np.linalg.norm(b - a)
    normal = np.array([-along[1], along[0]])
    offset = float(normal @ a)
    node = _affine([(float(n), Coordinate(i)) for i, n in enumerate(normal)], -offset)
    return _Leaf(node, frozenset([part]), tuple(round(float(v), 9) for v in (*normal, offset)))


def _round(center: Array, radius: float, part: str) -> _Leaf:
    """(R² - |x - c|²) / 2R."""
    squares = [
        power(_affine([(1.0, Coordinate(i))], -float(c)), Number(2.0)) for i, c in enumerate(center)
    ]
    node = multiply(Number(0.5 / radius), add(Number(radius**2), negate(add(*squares))))
    return _Leaf(node, frozenset([part]), tuple(round(float(v), 9) for v in (*center, radius, 1.0)))


def _affine(terms: Sequence[tuple[float, Node]], constant: float) -> Node:
    return add(*(multiply(Number(factor), node) for factor, node in terms), Number(constant))


def _negative(term: _Term) -> _Term:
    """The complement."""
    if isinstance(term, _Leaf):
        return _Leaf(negate(term.node), term.parts, tuple(-v for v in term.key))
    return _Group(not term.every, tuple(_negative(inner_term) for inner_term in term.terms))


def _flat(term: _Term, every: bool) -> list[_Term]:
    """The terms of nested groups of one kind."""
    if isinstance(term, _Group) and (term.every == every or len(term.terms) == 1):
        return [inner for inner_term in term.terms for inner in _flat(inner_term, every)]
    return [term]


def _merged(terms: Sequence[_Term]) -> list[_Term]:
    """Equal lines and circles once, with all their parts: twice they would vanish to second
    order.
    """
    leaves: dict[tuple[float, ...], _Leaf] = {}
    others: list[_Term] = []
    for term in terms:
        if isinstance(term, _Leaf):
            known = leaves.get(term.key, term)
            leaves[term.key] = _Leaf(known.node, known.parts | term.parts, term.key)
        else:
            others.append(term)
    return [*leaves.values(), *others]


def _parts(term: _Term) -> frozenset[str]:
    """The boundary parts whose lines or circles a term has."""
    if isinstance(term, _Leaf):
        return term.parts
    return frozenset().union(*(_parts(inner_term) for inner_term in term.terms))


def _node(term: _Term) -> Node:
    """The R-function of a term; below an outer "all" the sign counts on both sides."""
    if isinstance(term, _Leaf):
        return term.node
    nodes = [_node(inner_term) for inner_term in _merged(_flat(term, term.every))]
    sign = Number(-1.0 if term.every else 1.0)
    return reduce(lambda a, b: add(a, b, multiply(sign, _length(a, b))), nodes)


def _length(*nodes: Node) -> Node:
    """√(a² + b² + …)."""
    return power(add(*(multiply(node, node) for node in nodes)), Number(0.5))


def _trimmed(curve: Curve) -> Node:
    """Zero on the piece only, positive elsewhere; lengths are shares of its own."""
    ends, length = curve.at(np.array([0.0, 1.0])), curve.length
    assert not isinstance(curve, Bend)  # refused with its region
    if not isinstance(curve, Segment) and curve.closed:
        return _length(_round(curve.center, curve.radius, curve.part).node)
    if isinstance(curve, Segment):
        f = multiply(Number(1 / length), _line(curve.a, curve.b, curve.part).node)
        around = _round((ends[0] + ends[1]) / 2, length / 2, curve.part).node
        t = multiply(Number(1 / length), around)
    else:
        f = multiply(Number(1 / length), _round(curve.center, curve.radius, curve.part).node)
        chord = _line(ends[0], ends[1], curve.part).node
        beyond = _values(chord, curve.at(np.array([0.5])))[0] > 0
        t = multiply(Number((1 if beyond else -1) / length), chord)
    short_of = add(_length(t, multiply(f, f)), negate(t))
    return _length(f, multiply(Number(0.5), short_of))


def _joined(a: Node, b: Node) -> Node:
    """a b / √(a² + b²), zero where a or b is."""
    return multiply(a, b, power(add(multiply(a, a), multiply(b, b)), Number(-0.5)))


def _inner_curves(domain: Domain) -> list[Array]:
    """Points of the shapes' curves that lie inside the domain, where a join of shapes could vanish
    by mistake.
    """
    if isinstance(domain, Solid):
        return _inner_faces(domain)
    if not isinstance(domain, Planar):
        return []
    shares = (np.arange(16) + 0.5) / 16
    probe = 1e-6 * float(np.max(domain.upper - domain.lower))
    points = []
    for curve in chain.from_iterable(domain.region.primitives()):
        x, step = curve.at(shares), probe * curve.normal(shares)
        points.append(x[(domain.region.level(x - step) < 0) & (domain.region.level(x + step) < 0)])
    return points


def _inner_faces(domain: Solid) -> list[Array]:
    """The same for faces of boxes, balls and extrusions."""
    inner = []
    for whole in (primitive.domain for primitive in domain.body.primitives()):
        for points in (whole.part_quadrature(part, 64) for part in whole.parts):
            assert points.normal is not None
            step = 1e-6 * float(np.max(domain.upper - domain.lower)) * points.normal
            inside = domain.body.level(points.x - step) < 0
            inside &= domain.body.level(points.x + step) < 0
            inner.append(points.x[inside])
    return inner


def _values(node: Node, x: Array) -> Array:
    return np.asarray(evaluate([node], torch.tensor(x))[0].numpy(), dtype=np.float64)
