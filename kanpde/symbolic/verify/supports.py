"""Where equations and conditions hold, with the coordinates as expressions of parameters.

    x = c + R n on a circle or sphere with centre c, radius R and normal n

A part is recognised from its points and normals: coordinates that do not vary, a circle or sphere,
free coordinates. A part of any other shape stays a list of points, on which a formula is checked in
floating point alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
import sympy

from kanpde.errors import ConfigError
from kanpde.expressions import Derivative, Node, jets, multiply, partial
from kanpde.numerics.quadrature import Array, PointSet
from kanpde.problem.conditions import (
    Condition,
    MeanCondition,
    MeasuredCondition,
    PeriodicCondition,
    PointCondition,
)
from kanpde.problem.problem import Problem
from kanpde.symbolic.search.models import values
from kanpde.symbolic.search.numbers import exact
from kanpde.symbolic.verify.statement import Statement
from kanpde.symbolic.verify.translate import coordinates, translate

COUNT = 80
"""Points of a place."""


@dataclass(frozen=True)
class Put:
    """A formula F with fields put in, as expressions of the coordinates.

    Attributes:
        total: the residual.
        sizes: ∂F/∂(jet) · jet for every jet: how large the residual might be.
    """

    total: Any
    sizes: tuple[Any, ...]


@dataclass(frozen=True)
class Place:
    """A formula F = 0 and where it holds.

    Attributes:
        what: its name in reports.
        node: F.
        x: the coordinates as symbols.
        points: values (N,) of all symbols there.
        inside: the same with coordinates of interior points, for the size of terms.
        at: coordinates that are expressions of parameters.
        normal: the components of the outward normal.
        shift: the translation to the second part of a periodic pair, where F is subtracted.
        weights: (N,), for an average over the points.
        charted: whether the symbols cover the whole place, so that a formula can be exact there.
    """

    what: str
    node: Node
    x: tuple[Any, ...]
    points: Mapping[Any, Array]
    inside: Mapping[Any, Array]
    at: Mapping[Any, Any] = field(default_factory=dict)
    normal: tuple[Any, ...] = ()
    shift: tuple[Any, ...] | None = None
    weights: Array | None = None
    charted: bool = True

    def put(self, fields: Sequence[Any], known: Sequence[Any], constants: Mapping[int, Any]) -> Put:
        """The formula with `fields` (m expressions of the coordinates) for the unknowns."""

        def translated(node: Node) -> Any:
            return translate(
                node, self.x, fields, normal=self.normal, known=known, constants=constants
            )

        sizes = [translated(multiply(partial(self.node, jet), jet)) for jet in jets(self.node)]
        total = translated(self.node)
        if self.shift is not None:
            moved = {s: s + by for s, by in zip(self.x, self.shift, strict=True)}
            total = total - total.subs(moved, simultaneous=True)
        return Put(total, tuple(sizes))

    @property
    def centre(self) -> tuple[Any, ...] | None:
        """The centre of the circle or sphere that the place is."""
        angles = {str(s) for s in self.points} & {"phi", "theta"}
        if not angles:
            return None
        centre = []
        for s in self.x:
            on_circle = self.at.get(s)
            if on_circle is not None and {str(f) for f in on_circle.free_symbols} & angles:
                constant, _ = on_circle.as_independent(*on_circle.free_symbols, as_Add=True)
                centre.append(constant)
        return tuple(centre)

    def here(self, expression: Any) -> Any:
        """An expression of the coordinates in the parameters of the place."""
        return expression.subs(dict(self.at), simultaneous=True) if self.at else expression

    def rows(self, put: Put, theta: Mapping[Any, float]) -> Array:
        """The residual (N,) relative to the largest size there or inside, in float64."""
        with np.errstate(all="ignore"):
            (total,) = self._values([self.here(put.total)], self.points, theta)
            sizes = self._values([self.here(size) for size in put.sizes], self.points, theta)
            sizes += self._values(put.sizes, self.inside, theta)
        largest = [float(np.abs(v[np.isfinite(v)]).max(initial=0.0)) for v in sizes]
        if self.weights is not None:
            total = np.atleast_1d(self.weights @ total)
        return np.asarray(total / (max(largest) or 1.0))

    def _values(
        self, terms: Sequence[Any], points: Mapping[Any, Array], theta: Mapping[Any, float]
    ) -> list[Array]:
        size = len(next(iter(points.values())))
        memo: dict[Any, Any] = {}
        env = {**points, **theta}
        return [
            np.broadcast_to(np.asarray(values(term, env, memo=memo), float), (size,))
            for term in terms
        ]


def places(problem: Problem, statement: Statement) -> tuple[list[Place], list[str]]:
    """Where every equation and condition of a problem holds, and lines for those that are not
    checked (measured values, equations with a weight of their own).
    """
    rng = np.random.default_rng(7)
    x = coordinates(problem.coordinates)
    inner = problem.domain.interior(3 * COUNT, "sobol", rng).x
    inner = inner[rng.permutation(len(inner))[:COUNT]]
    inside = dict(zip(x, inner.T, strict=True))
    checked, skipped = [], []
    for name, node, weight in zip(problem.names, statement.equations, problem.weights, strict=True):
        if weight == 1:
            checked.append(Place(name, node, x, points=inside, inside=inside))
        else:
            skipped.append(f"{name}: a wish with a weight of its own")
    for condition in statement.conditions:
        if isinstance(condition, MeasuredCondition):
            skipped.append(f"{condition.label}: measured values")
        else:
            checked.append(_place(problem, condition, x, inside=inside, rng=rng))
    return checked, skipped


def _place(
    problem: Problem,
    condition: Condition,
    x: tuple[Any, ...],
    inside: Mapping[Any, Array],
    rng: np.random.Generator,
) -> Place:
    node = condition.node
    label = f"condition on {condition.label}" if condition.part else condition.label
    if isinstance(condition, MeanCondition):
        rule = condition.rule(problem.domain, 2500)
        return Place(
            label,
            node,
            x,
            points=dict(zip(x, rule.x.T, strict=True)),
            inside=inside,
            weights=rule.w / rule.w.sum(),
            charted=False,
        )
    if isinstance(condition, PointCondition):
        return _at_point(problem, condition, x, inside)
    points = problem.domain.part(condition.part or "", COUNT, "sobol", rng)
    if isinstance(condition, PeriodicCondition):
        label = f"{label} ({condition.name})"
        shift = tuple(exact(float(v)) for v in condition.shift)
        return replace(_on_part(label, node, x, points=points, inside=inside), shift=shift)
    return _on_part(label, node, x, points=points, inside=inside)


def _at_point(
    problem: Problem, condition: PointCondition, x: tuple[Any, ...], inside: Mapping[Any, Array]
) -> Place:
    """A point, or a point of space at all times."""
    at = {s: exact(float(v)) for s, v in zip(x, condition.point, strict=False)}
    instants = condition.at(problem.domain, COUNT)
    free = {s: instants[:, i] for i, s in enumerate(x) if s not in at}
    free = free or {x[0]: np.zeros(1)}
    count = len(next(iter(free.values())))
    return Place(
        f"condition at point {list(condition.point)}",
        condition.node,
        x,
        points=free,
        inside={s: v[:count] for s, v in inside.items()},
        at=at,
    )


def _on_part(
    what: str, node: Node, x: tuple[Any, ...], points: PointSet, inside: Mapping[Any, Array]
) -> Place:
    normals = points.normal
    if normals is None:
        raise ConfigError(
            f"{what}: needs outward normals, found a part without; it cannot be put to a formula"
        )
    size = float(np.abs(points.x).max()) or 1.0
    count = len(points.x)
    within = {s: np.resize(v, count) for s, v in inside.items()}
    at, here, curved = {}, {}, []
    for i, s in enumerate(x):
        if np.ptp(normals[:, i]) > 1e-9:
            curved.append(i)
        elif np.ptp(points.x[:, i]) <= 1e-12 * size:
            at[s] = exact(float(points.x[0, i]))
        elif np.abs(normals[:, i]).max() < 1e-12:
            here[s] = points.x[:, i]
        else:
            curved.append(i)
    normal: list[Any] = [exact(float(np.round(n, 14))) for n in normals[0]]
    if not curved:
        here = here or {x[0]: np.zeros(count)}
        return Place(what, node, x, points=here, inside=within, at=at, normal=tuple(normal))
    chart = _sphere(curved, points)
    if chart is None:
        symbols = tuple(sympy.Dummy(f"n{i}", real=True) for i in range(len(x)))
        components = dict(zip(symbols, normals.T, strict=True))
        return Place(
            what,
            node,
            x,
            points=dict(zip(x, points.x.T, strict=True)) | components,
            inside=within | components,
            normal=symbols,
            charted=False,
        )
    for i, n, c in zip(curved, chart.normal, chart.centre, strict=True):
        normal[i], at[x[i]] = n, c + chart.radius * n
    return Place(
        what,
        node,
        x,
        points=here | chart.angles,
        inside=within | chart.angles,
        at=at,
        normal=tuple(normal),
    )


class _Chart(NamedTuple):
    """x = c + R n on a circle or sphere: the angles with their values (N,), the components of n in
    them, R with the sign of n, and c.
    """

    angles: dict[Any, Array]
    normal: list[Any]
    radius: Any
    centre: list[Any]


def _sphere(axes: Sequence[int], points: PointSet) -> _Chart | None:
    """The chart where x = c + R n on two or three axes."""
    n, p = points.normal[:, axes], points.x[:, axes]  # type: ignore[index]
    if len(axes) not in (2, 3):
        return None
    dn, dp = n - n.mean(0), p - p.mean(0)
    radius = float(np.sum(dn * dp) / max(np.sum(dn * dn), 1e-300))
    centre = (p - radius * n).mean(0)
    off = np.abs(p - centre - radius * n).max()
    if radius == 0 or off > 1e-12 * (abs(radius) + np.abs(centre).max()):
        return None
    phi = sympy.Symbol("phi", real=True)
    numbers = [exact(float(f"{v:.13g}")) if abs(v) > 1e-13 else sympy.Integer(0) for v in centre]
    size = exact(float(f"{radius:.13g}"))
    angles = {phi: np.arctan2(n[:, 1], n[:, 0])}
    if len(axes) == 2:
        return _Chart(angles, [sympy.cos(phi), sympy.sin(phi)], size, numbers)
    theta = sympy.Symbol("theta", real=True)
    angles[theta] = np.arccos(np.clip(n[:, 2], -1, 1))
    direction = [
        sympy.sin(theta) * sympy.cos(phi),
        sympy.sin(theta) * sympy.sin(phi),
        sympy.cos(theta),
    ]
    return _Chart(angles, direction, size, numbers)


def factors(where: Sequence[Place], x: Sequence[Any], k: int) -> list[tuple[str, Any]]:
    """R² - |x - c|² of circles and spheres where unknown k is given as 0, under a name."""
    distances = []
    for place in where:
        node, centre = place.node, place.centre
        if not (isinstance(node, Derivative) and node.unknown == k and node.order == 0):
            continue
        if centre is None:
            continue
        # The centre has no component in time, which stands last in x.
        pairs = list(zip(x, centre, strict=False))
        radius2 = sympy.simplify(sum((place.at[s] - c) ** 2 for s, c in pairs))
        distance2 = sum((s - c) ** 2 for s, c in pairs)
        distances.append(("the distance to a circle", radius2 - distance2))
    return distances
