"""A plane domain cut into pieces by the smooth curves across which formulas jump or have kinks.

    where(a > 0, p, q)  is p on the pieces with a > 0, q on the others;   sign and abs alike

So the formulas of every piece are as smooth as p and q. What lies on given sides of all curves is a
piece, with those beside it where all formulas are the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from kanpde.domains import Composite, Domain
from kanpde.domains.base import frozen_array, length_scale
from kanpde.domains.outline import outline
from kanpde.domains.plane.boundary import boundary
from kanpde.domains.plane.planar import Planar
from kanpde.domains.plane.regions import (
    Combination,
    DiskRegion,
    OutlinedRegion,
    PolygonRegion,
    Region,
    SidesRegion,
)
from kanpde.errors import ConfigError
from kanpde.expressions import Call, Node, call, depends_on_normal, is_zero, jets, negate
from kanpde.expressions.simplify import ONE, rebuild
from kanpde.expressions.tree import postorder
from kanpde.numerics.quadrature import Array
from kanpde.problem.findings import numbers
from kanpde.problem.kinks import SWITCHES, factors
from kanpde.problem.level_curves import (
    AnyCurve,
    LevelCurve,
    LevelSet,
    are_one,
    level_curves,
    sides,
)

SAMPLES = 1 << 14
"""Points at which the signs of tests are looked at."""

DEEPEST, MOST = 6, 24
"""How deep tests may stand in each other, and how many curves there may be."""

WIDE = 4.0
"""A half plane is a rectangle so many times as long as the domain."""

WHOLE = 1e-9
"""What pieces may lack of the domain, as a share of it."""

BEYOND = 1e-7
"""How far behind a seam the other piece is looked for, as a share of the domain."""

CUT = "cut"
"""Sides of pieces before their neighbours are known."""

PLANE = 2


@dataclass(frozen=True)
class Seam:
    """Where two pieces meet: their numbers, and the part that their seam is of both."""

    pieces: tuple[int, int]
    part: str


@dataclass(frozen=True)
class Jumps:
    """What jumps: formulas, which may hold unknowns, and besides the tests of what derivatives of
    jumps are concentrated on with its strengths.
    """

    equations: tuple[Node, ...]
    concentrated: tuple[tuple[Node, tuple[Node, ...]], ...] = ()

    @property
    def nodes(self) -> tuple[Node, ...]:
        """All formulas with tests."""
        tests = (call("sign", test) for test, _ in self.concentrated)
        strengths = (node for _, nodes in self.concentrated for node in nodes)
        return (*self.equations, *tests, *strengths)

    def at(self, x: Array) -> Kind:
        """What they are at points on one side of all curves."""
        signs: list[Node] = []
        bare: list[bool] = []
        for test, strengths in self.concentrated:
            (sign, *here) = decided((call("sign", test), *strengths), x)
            signs.append(sign)
            bare.append(all(map(is_zero, here)))
        return Kind(decided(self.equations, x), tuple(signs), tuple(bare))


@dataclass(frozen=True)
class Kind:
    """The equations on one side of all curves, the signs of tests, and where nothing is
    concentrated on these.
    """

    equations: tuple[Node, ...]
    signs: tuple[Node, ...]
    bare: tuple[bool, ...]

    def is_as(self, other: Kind) -> bool:
        """Whether nothing jumps between this and what is beside it."""
        tests = zip(self.signs, other.signs, self.bare, strict=True)
        return self.equations == other.equations and all(a == b or bare for a, b, bare in tests)


@dataclass(frozen=True)
class Pieces:
    """The pieces of a domain with the equations of each.

    Attributes:
        domain: the pieces; where two meet, the part of both has the same name.
        equations: by piece.
        curves: K lines, circles and others.
        below: for every set of sides (S, K) whether q < 0.
        owner: the piece (S,) that lies there.
    """

    domain: Composite
    equations: tuple[tuple[Node, ...], ...]
    curves: tuple[AnyCurve, ...]
    below: NDArray[np.bool_]
    owner: NDArray[np.int64]

    @property
    def seams(self) -> tuple[Seam, ...]:
        """Those of all pairs of pieces."""
        pairs = combinations(range(len(self.domain.members)), 2)
        every = (Seam(pair, _seam(*pair)) for pair in pairs)
        parts = [frozenset(member.parts) for member in self.domain.members]
        return tuple(seam for seam in every if seam.part in parts[seam.pieces[0]])

    @classmethod
    def of(cls, domain: Domain, jumps: Jumps, planes: Sequence[Array]) -> Pieces | None:
        """The pieces of a domain, None where there is nothing to cut, where lines across axes are
        all there is, or where a formula jumps across anything else.

        Args:
            domain: in the plane.
            jumps: formulas.
            planes: places along both axes where kinks are known exactly.
        """
        if domain.dimension != PLANE or not any(map(_is_switch, postorder(list(jumps.nodes)))):
            return None
        x = domain.interior(SAMPLES, "sobol", np.random.default_rng(0)).x
        size = length_scale(domain.lower, domain.upper)
        curves = _curves(jumps.nodes, x, (domain.lower, domain.upper))
        if curves is None or all(curve.axis is not None for curve in curves):
            return None
        curves = [_standing(curve, planes, size) for curve in curves]
        return _cut(domain, jumps, curves, x)


def _curves(equations: Sequence[Node], x: Array, box: tuple[Array, Array]) -> list[AnyCurve] | None:
    """All curves; those of tests that hold other tests come after these."""
    curves: list[AnyCurve] = []
    size = length_scale(*box)
    for _ in range(DEEPEST):
        known = len(curves)
        groups = sides(curves, x)
        for group in np.unique(groups, axis=0):
            mine = x[(groups == group).all(axis=1)]
            tests = _open_tests(decided(equations, mine))
            if tests is None:
                return None
            for test in tests:
                found = _of_test(test, mine, box)
                if found is None:
                    return None
                for curve in found:
                    if not any(are_one(curve, other, size) for other in curves):
                        curves.append(curve)
            if len(curves) > MOST:
                return None
        if len(curves) == known:
            return curves
    return None


def _of_test(test: Node, x: Array, box: tuple[Array, Array]) -> list[AnyCurve] | None:
    """The curves between points (N, 2) on which a test changes its sign."""
    found: list[AnyCurve] = []
    for factor in factors(test):

        def values(at: Array, factor: Node = factor) -> Array:
            return numbers((factor,), at)[0]

        at_points = values(x)
        if np.isnan(at_points).any():
            return None
        if (at_points > 0).any() and (at_points < 0).any():
            of_factor = level_curves(values, x, box)
            if of_factor is None:
                return None
            found += of_factor
    return found


def _is_switch(node: Node) -> bool:
    return isinstance(node, Call) and node.name in SWITCHES


def _open_tests(nodes: Sequence[Node]) -> list[Node] | None:
    """The tests of all switches that hold no other switch; None where one is of the unknowns."""
    tests = dict.fromkeys(node.children[0] for node in postorder(list(nodes)) if _is_switch(node))
    if any(jets(test) or depends_on_normal(test) for test in tests):
        return None
    return [test for test in tests if not any(map(_is_switch, postorder((test,))))]


def decided(nodes: Sequence[Node], x: Array) -> tuple[Node, ...]:
    """Formulas without the switches that are the same at all points x (N, 2)."""
    done: dict[Node, Node] = {}
    for part in postorder(list(nodes)):
        children = [done[child] for child in part.children]
        same = children == list(part.children)
        done[part] = part if same else rebuild(part, children)
        if isinstance(part, Call) and part.name in SWITCHES:
            done[part] = _decided(part.name, children, done[part], x)
    return tuple(done[node] for node in nodes)


def _decided(name: str, children: Sequence[Node], otherwise: Node, x: Array) -> Node:
    """What a switch is at points (N, 2), `otherwise` where it is not one thing."""
    test = children[0]
    if jets(test) or depends_on_normal(test):
        return otherwise
    (values,) = numbers((test,), x)
    positive, negative = bool((values >= 0).all()), bool((values <= 0).all())
    if positive == negative:
        return otherwise
    match name:
        case "where":
            return children[1] if positive else children[2]
        case "sign":
            return ONE if positive else negate(ONE)
        case _:
            return test if positive else negate(test)


def _standing(curve: AnyCurve, planes: Sequence[Array], size: float) -> AnyCurve:
    """A line across an axis at the place that is known exactly."""
    axis = curve.axis
    if axis is None or isinstance(curve, LevelSet):
        return curve
    at = float(curve.center[axis])
    places = planes[axis][np.abs(planes[axis] - at) < WHOLE * size]
    normal = np.eye(PLANE)[axis]
    return LevelCurve.line(normal, float(places[0]) if len(places) else at)


def _seam(first: int, second: int) -> str:
    """The part of two pieces where they meet."""
    low, high = sorted((first, second))
    return f"seam {low + 1}-{high + 1}"


def _cut(domain: Domain, jumps: Jumps, curves: Sequence[AnyCurve], x: Array) -> Pieces | None:
    """The pieces between curves, None where they are not all of the domain."""
    of_points = sides(curves, x)
    below = np.unique(of_points, axis=0)
    kinds = [jumps.at(x[(of_points == row).all(axis=1)]) for row in below]
    if any(map(_is_switch, postorder([node for kind in kinds for node in kind.equations]))):
        return None
    owner = _together(below, kinds)
    try:  # what touches itself is no domain
        members = _members(domain, curves, below, owner)
    except ConfigError:
        owner = np.arange(len(below), dtype=np.int64)
        try:
            members = _members(domain, curves, below, owner)
        except ConfigError:
            return None
    if abs(sum(member.measure for member in members) / domain.measure - 1) > WHOLE:
        return None
    equations = tuple(
        kinds[int(np.argmax(owner == number))].equations for number in range(len(members))
    )
    names = tuple(f"piece {number + 1}" for number in range(len(members)))
    return Pieces(Composite(names, members), equations, tuple(curves), below, owner)


def _together(below: NDArray[np.bool_], kinds: Sequence[Kind]) -> NDArray[np.int64]:
    """The piece (S,) of every set of sides: those with a common side are one where nothing jumps."""
    owner = np.arange(len(below), dtype=np.int64)
    for first, second in combinations(range(len(below)), 2):
        if (below[first] != below[second]).sum() == 1 and kinds[first].is_as(kinds[second]):
            owner[owner == owner[second]] = owner[first]
    return np.unique(owner, return_inverse=True)[1].astype(np.int64)


def _members(
    domain: Domain,
    curves: Sequence[AnyCurve],
    below: NDArray[np.bool_],
    owner: NDArray[np.int64],
) -> tuple[Planar, ...]:
    """The pieces; ConfigError where one is empty or touches itself."""
    whole, size = OutlinedRegion(outline(domain)), length_scale(domain.lower, domain.upper)
    cutters = [_cutter(domain, curve) for curve in curves]
    levels = tuple(curve.at for curve in curves)
    members = []
    for number in range(int(owner.max()) + 1):
        between = [_between(whole, cutters, row) for row in below[owner == number]]
        rim = []
        for curve in boundary(Combination("union", tuple(between))):
            if curve.part == CUT:
                half = np.array([0.5])
                beyond = curve.at(half) + BEYOND * size * curve.normal(half)
                row = (below == sides(curves, beyond)).sum(axis=1).argmax()
                curve = replace(curve, part=_seam(number, int(owner[row])))
            rim.append(curve)
        names = dict.fromkeys(curve.part for curve in rim)
        region = SidesRegion(whole, levels, below[owner == number], tuple(rim))
        members.append(Planar(region, tuple(names)))
    return tuple(members)


def _cutter(domain: Domain, curve: AnyCurve) -> Region:
    """Where q < 0 about a domain."""
    if isinstance(curve, LevelSet):
        cut = (replace(piece, part=CUT) for piece in curve.region.curves)
        return OutlinedRegion(tuple(cut))
    radius = curve.radius
    if radius is not None:
        return DiskRegion(frozen_array(curve.center), radius, CUT)
    normal = np.array(curve.coefficients[1:3])
    along = np.array([-normal[1], normal[0]])
    middle = (domain.lower + domain.upper) / 2
    foot = middle - curve.at(middle[None])[0] * normal
    # a line across an axis is to stand exactly where it is
    axis = curve.axis
    if axis is not None:
        foot[axis] = curve.center[axis]
    reach = WIDE * length_scale(domain.lower, domain.upper)
    ends = foot - reach * along, foot + reach * along
    corners = frozen_array([ends[0], ends[1], ends[1] - reach * normal, ends[0] - reach * normal])
    return PolygonRegion(corners, (CUT,) * 4)


def _between(whole: Region, cutters: Sequence[Region], below: Sequence[bool]) -> Region:
    """The part of a region on given sides of all curves."""
    for operation, wanted in (("intersection", True), ("difference", False)):
        some = tuple(c for c, is_below in zip(cutters, below, strict=True) if is_below == wanted)
        if some:
            whole = Combination(operation, (whole, *some))
    return whole
