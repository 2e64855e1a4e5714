"""Where equations and conditions hold, as sympy sees it: parts of a boundary with parameters, and
what stands there.

A part is recognised from its points and normals: coordinates that do not vary, a circle or sphere x
= c + R n, free coordinates. What is none of these stays a list of points, on which nothing exact
can be said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sympy

from kanpde.errors import ConfigError
from kanpde.expressions import Derivative, Node, jets, multiply, partial
from kanpde.numerics.quadrature import Array, PointSet
from kanpde.problem.conditions import Condition
from kanpde.problem.problem import Problem
from kanpde.symbolic.search.models import values
from kanpde.symbolic.search.numbers import exact
from kanpde.symbolic.verify.statement import Statement
from kanpde.symbolic.verify.translate import coordinates, translate

COUNT = 80


@dataclass(frozen=True)
class Put:
    """A formula F with fields put in: the residual, and ∂F/∂(jet) · jet for every jet, which say
    how large it might be.
    """

    total: Any
    sizes: tuple[Any, ...]


@dataclass(frozen=True)
class Place:
    """A formula F = 0 and where it holds.

    `at` puts expressions of parameters for coordinates, `points` values (N,) for all symbols,
    `inside` the same with coordinates of interior points (for the size of terms), `shift` compares
    with the translated point, `weights` (N,) average over points. `charted` says whether the
    symbols cover the whole place.
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
            return translate(node, self.x, fields, self.normal, known, constants)

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
        round_ = [
            self.at[s]
            for s in self.x
            if s in self.at and {str(f) for f in self.at[s].free_symbols} & angles
        ]
        return tuple(one.as_independent(*one.free_symbols, as_Add=True)[0] for one in round_)

    def here(self, expression: Any) -> Any:
        """An expression of the coordinates in the parameters of the place."""
        return expression.subs(dict(self.at), simultaneous=True) if self.at else expression

    def rows(self, put: Put, theta: Mapping[Any, float]) -> Array:
        """The residual (N,) relative to the largest size there or inside, in float64."""
        with np.errstate(all="ignore"):
            (total,) = self._values([self.here(put.total)], self.points, theta)
            sizes = self._values([self.here(one) for one in put.sizes], self.points, theta)
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
        return [
            np.broadcast_to(np.asarray(values(t, {**points, **theta}, False, memo), float), (size,))
            for t in terms
        ]


def places(problem: Problem, said: Statement) -> tuple[list[Place], list[str]]:
    """Every equation and condition of a problem; beside them what cannot be put to a formula
    (measured values).
    """
    rng = np.random.default_rng(7)
    x = coordinates(problem.coordinates)
    inner = problem.domain.interior(3 * COUNT, "sobol", rng).x
    inner = inner[rng.permutation(len(inner))[:COUNT]]
    inside = dict(zip(x, inner.T, strict=True))
    found = [
        Place(name, node, x, inside, inside)
        for name, node, weight in zip(problem.names, said.equations, problem.weights, strict=True)
        if weight == 1
    ]
    skipped = [
        f"{name}: a wish with a weight of its own"
        for name, w in zip(problem.names, problem.weights, strict=True)
        if w != 1
    ]
    for condition in said.conditions:
        if condition.kind == "data":
            skipped.append(f"{condition.label}: measured values")
        else:
            found.append(_place(problem, condition, x, inside, rng))
    return found, skipped


def _place(
    problem: Problem,
    c: Condition,
    x: tuple[Any, ...],
    inside: Mapping[Any, Array],
    rng: np.random.Generator,
) -> Place:
    label = f"condition on {c.label}" if c.part else c.label
    if c.kind == "mean":
        rule = problem.domain.quadrature(2500)
        return Place(
            label,
            c.node,
            x,
            dict(zip(x, rule.x.T, strict=True)),
            inside,
            weights=rule.w / problem.domain.measure,
            charted=False,
        )
    if c.point is not None:
        at = {s: exact(float(v)) for s, v in zip(x, c.point, strict=False)}
        instants = c.at(problem.domain, COUNT)
        free = {s: instants[:, i] for i, s in enumerate(x) if s not in at} or {x[0]: np.zeros(1)}
        return Place(
            f"condition at point {list(c.point)}",
            c.node,
            x,
            free,
            {s: v[: len(next(iter(free.values())))] for s, v in inside.items()},
            at,
        )
    points = problem.domain.part(c.part or "", COUNT, "sobol", rng)
    shift = None if c.shift is None else tuple(exact(float(v)) for v in c.shift)
    return _on_part(f"{label} ({c.name})" if c.shift else label, c.node, x, points, inside, shift)


def _on_part(
    what: str,
    node: Node,
    x: tuple[Any, ...],
    points: PointSet,
    inside: Mapping[Any, Array],
    shift: tuple[Any, ...] | None,
) -> Place:
    normals = points.normal
    if normals is None:
        raise ConfigError(
            f"{what}: needs outward normals, found a part without; it cannot be put to a formula"
        )
    size = float(np.abs(points.x).max()) or 1.0
    count = len(points.x)
    within = {s: np.resize(v, count) for s, v in inside.items()}
    at, here, left = {}, {}, []
    round_ = [i for i in range(len(x)) if np.ptp(normals[:, i]) > 1e-9]
    for i, s in enumerate(x):
        if i in round_:
            left.append(i)
        elif np.ptp(points.x[:, i]) <= 1e-12 * size:
            at[s] = exact(float(points.x[0, i]))
        elif np.abs(normals[:, i]).max() < 1e-12:
            here[s] = points.x[:, i]
        else:
            left.append(i)
    normal: list[Any] = [exact(float(np.round(n, 14))) for n in normals[0]]
    if left and (chart := _sphere(left, points)) is not None:
        angles, direction, radius, centre = chart
        for i, n, c in zip(left, direction, centre, strict=True):
            normal[i], at[x[i]] = n, c + radius * n
        return Place(what, node, x, here | angles, within | angles, at, tuple(normal), shift)
    if left:
        symbols = tuple(sympy.Dummy(f"n{i}", real=True) for i in range(len(x)))
        own = dict(zip(symbols, normals.T, strict=True))
        here = dict(zip(x, points.x.T, strict=True)) | own
        return Place(what, node, x, here, within | own, normal=symbols, shift=shift, charted=False)
    here = here or {x[0]: np.zeros(count)}
    return Place(what, node, x, here, within, at, tuple(normal), shift)


def _sphere(
    axes: Sequence[int], points: PointSet
) -> tuple[dict[Any, Array], list[Any], Any, list[Any]] | None:
    """Angles with values, the normal, ±R and the centre, where x = c + R n on two or three axes."""
    n, p = points.normal[:, axes], points.x[:, axes]  # type: ignore[index]
    if len(axes) not in (2, 3):
        return None
    dn, dp = n - n.mean(0), p - p.mean(0)
    radius = float(np.sum(dn * dp) / max(np.sum(dn * dn), 1e-300))
    centre = (p - radius * n).mean(0)
    if (
        np.abs(p - centre - radius * n).max() > 1e-12 * (abs(radius) + np.abs(centre).max())
        or radius == 0
    ):
        return None
    phi = sympy.Symbol("phi", real=True)
    numbers = [exact(float(f"{v:.13g}")) if abs(v) > 1e-13 else sympy.Integer(0) for v in centre]
    size = exact(float(f"{radius:.13g}"))
    if len(axes) == 2:
        return {phi: np.arctan2(n[:, 1], n[:, 0])}, [sympy.cos(phi), sympy.sin(phi)], size, numbers
    theta = sympy.Symbol("theta", real=True)
    values_ = {phi: np.arctan2(n[:, 1], n[:, 0]), theta: np.arccos(np.clip(n[:, 2], -1, 1))}
    direction = [
        sympy.sin(theta) * sympy.cos(phi),
        sympy.sin(theta) * sympy.sin(phi),
        sympy.cos(theta),
    ]
    return values_, direction, size, numbers


def factors(where: Sequence[Place], x: Sequence[Any], k: int) -> list[tuple[str, Any]]:
    """R² - |x - c|² of circles and spheres where unknown k is given as 0, under a name."""
    found = []
    for place in where:
        if (
            isinstance(place.node, Derivative)
            and place.node.unknown == k
            and place.node.order == 0
            and (c := place.centre) is not None
        ):
            radius2 = sympy.simplify(
                sum((place.at[s] - v) ** 2 for s, v in zip(x, c, strict=False))
            )
            rest = sum((s - v) ** 2 for s, v in zip(x, c, strict=False))
            found.append(("the distance to a circle", radius2 - rest))
    return found
