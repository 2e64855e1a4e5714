"""Candidates for the formula of a field, from its values alone.

ridge       u = f(k·x)
level       u = f(Σ a_i x_i² + b_i x_i), so u depends on a distance, an ellipse or a parabola
separable   u, g(u) with g = tan(·/4), exp, log, …, u / D with D zero on a circle or sphere, in the
            problem's coordinates
turned      the same of u and exp(u) in turned coordinates of a plane
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import sympy

from kanpde.numerics.quadrature import Array
from kanpde.symbolic.search.axis_spaces import inner_box
from kanpde.symbolic.search.models import Model, values
from kanpde.symbolic.search.separable import (
    GOOD,
    Candidate,
    Target,
    curve,
    dictionary,
    matched,
    separable,
)
from kanpde.symbolic.search.univariate import match


@dataclass(frozen=True)
class Wrap:
    """A function that is taken off the field before a structure is sought: u = undo(v), v = of(u).

    `undo` works on expressions of sympy; `name` stands in reports.
    """

    name: str
    of: Callable[[Array], Array]
    undo: Callable[[Any], Any]


def _tangent(u: Array) -> Array:
    return np.tan(u / 4)


PLAIN = Wrap("", lambda u: u, lambda v: v)
LOGARITHM = Wrap("log", np.exp, sympy.log)
WRAPS = (
    Wrap("arctan", _tangent, lambda v: 4 * sympy.atan(v)),
    LOGARITHM,
    Wrap("exp", np.log, sympy.exp),
    Wrap("1/(.)", lambda u: 1 / u, lambda v: 1 / v),
    Wrap("1/(.)^2", lambda u: 1 / np.sqrt(u), lambda v: v**-2),
    Wrap("sqrt", lambda u: u**2, sympy.sqrt),
    Wrap("(.)^2", np.sqrt, lambda v: v**2),
)


def candidates(
    target: Target, factors: Sequence[tuple[str, Any]] = (), centres: Sequence[Array] = ()
) -> Iterator[Candidate]:
    """Candidates, simple structures first.

    Args:
        target: the field.
        factors: functions D of x that u may hold as a factor, with a name each.
        centres: of holes of the domain, (d,) each.
    """
    d = len(target.x)
    if d <= 3:
        yield from dictionary(target, centres)
    if d > 1:
        yield from ridge(target)
    if 1 < d <= 3:
        yield from level(target)
        for name, factor in factors:
            yield from _divided(target, name, factor, ridge)
    if d == 2 and target.plane:
        yield from turned(target)
    yield from separable(target)
    if d == 1:
        yield from curve(target)
    for name, factor in factors:
        yield from _divided(target, name, factor, separable)
    for wrap in WRAPS:
        yield from _wrapped(target, wrap)


# Ridges
# --------------------------------------------------------------------------------------------------


def ridge(target: Target) -> Iterator[Candidate]:
    """u = f(k·x): all gradients have one direction."""
    direction = _direction(target)
    if direction is None:
        return
    first = int(np.flatnonzero(np.abs(direction) > 1e-6 * np.abs(direction).max())[0])
    k = direction / direction[first]
    points = target.box.points(400, target.rng)
    s, y = points @ k, target.field(points)
    symbols = tuple(sympy.Dummy(f"k{i}", real=True) for i in range(len(k)))
    moving = [i for i in range(len(k)) if i != first]
    combined = target.x[first] + sum(symbols[i] * target.x[i] for i in moving)
    constants = tuple(symbols[i] for i in moving)
    yield from _matches("ridge", combined, constants, start=k[moving], s=s, y=y)


def _matches(
    how: str, combined: Any, symbols: tuple[Any, ...], start: Array, s: Array, y: Array
) -> Iterator[Candidate]:
    """y (N,) as functions of the library of `combined`, which has the values s (N,) and the
    constants `symbols`.
    """
    for wrap in (PLAIN, *WRAPS):
        with np.errstate(all="ignore"):
            v = wrap.of(y)
        if not np.isfinite(v).all() or np.std(v) == 0:
            continue
        for m in match(s, v)[:1]:
            if m.rmse > GOOD * np.std(v):
                continue
            words = f"{how} of {wrap.name}" if wrap.name else how
            for candidate in matched(m, combined, words):
                model = Model(
                    wrap.undo(candidate.model.expression),
                    candidate.model.theta + symbols,
                    np.array([*candidate.model.start, *start]),
                )
                yield replace(candidate, model=model)


def level(target: Target) -> Iterator[Candidate]:
    """u = f(s), s = Σ a_i x_i² + b_i x_i: (2 a_i x_i + b_i) ∂_j u = (2 a_j x_j + b_j) ∂_i u, linear
    in a and b.
    """
    x, slopes = _slopes(target, 200)
    d = len(target.x)
    slopes = slopes / (np.abs(slopes).max() or 1.0)
    rows = []
    for i, j in itertools.combinations(range(d), 2):
        row = np.zeros((len(x), 2 * d))
        row[:, i], row[:, d + i] = 2 * x[:, i] * slopes[:, j], slopes[:, j]
        row[:, j], row[:, d + j] = -2 * x[:, j] * slopes[:, i], -slopes[:, i]
        rows.append(row)
    matrix = np.concatenate(rows)
    if not np.isfinite(matrix).all():
        return
    _, sizes, directions = np.linalg.svd(matrix, full_matrices=False)
    k = directions[-1]
    if sizes[-1] > 1e-4 * sizes[-2] or np.abs(k[:d]).max() < 1e-3:
        return
    k = np.where(np.abs(k) > 1e-3 * np.abs(k).max(), k, 0.0)
    first = int(np.argmax(np.abs(k[:d])))
    k = k / k[first]
    terms = [*(s**2 for s in target.x), *target.x]
    moving = [i for i in range(2 * d) if k[i] and i != first]
    symbols = tuple(sympy.Dummy(f"k{i}", real=True) for i in moving)
    combined = terms[first] + sum(
        symbol * terms[i] for symbol, i in zip(symbols, moving, strict=True)
    )
    points = target.box.points(400, target.rng)
    s = points**2 @ k[:d] + points @ k[d:]
    yield from _matches(
        "level sets", combined, symbols, start=k[moving], s=s, y=target.field(points)
    )


def _slopes(target: Target, count: int) -> tuple[Array, Array]:
    """Points (N, d) a little inside the box, and the gradient (N, d) there."""
    lower, size = target.box.lower, target.box.upper - target.box.lower
    x = target.box.points(count, target.rng)
    x = lower + 0.02 * size + 0.96 * (x - lower)
    slopes = []
    for step in np.diag(1e-4 * size):
        slopes.append((target.field(x + step) - target.field(x - step)) / (2 * step.sum()))
    return x, np.stack(slopes, 1)


def _direction(target: Target) -> Array | None:
    """The one direction of all gradients, None where there are several or it is an axis."""
    _, slopes = _slopes(target, 60)
    scaled = slopes * (target.box.upper - target.box.lower)
    if not np.isfinite(scaled).all():
        return None
    _, sizes, rows = np.linalg.svd(scaled, full_matrices=False)
    if sizes[1] >= 1e-3 * sizes[0] or (np.abs(rows[0]) > 1e-3).sum() <= 1:
        return None
    return np.asarray(rows[0] / (target.box.upper - target.box.lower))


def _divided(
    target: Target, name: str, factor: Any, structure: Callable[[Target], Iterator[Candidate]]
) -> Iterator[Candidate]:
    """Candidates for u / D of one structure, times D."""

    def quotient(points: Array) -> Array:
        at = dict(zip(target.x, points.T, strict=True))
        with np.errstate(all="ignore"):
            return np.asarray(target.field(points) / values(factor, at))

    for candidate in structure(replace(target, field=quotient)):
        model = replace(candidate.model, expression=factor * candidate.model.expression)
        yield Candidate(f"{candidate.how} times {name}", model)


def _wrapped(target: Target, wrap: Wrap) -> Iterator[Candidate]:
    """Separable candidates for a function of u, taken back to u."""

    def inner(points: Array) -> Array:
        with np.errstate(all="ignore"):
            return np.asarray(wrap.of(target.field(points)))

    if not np.isfinite(inner(target.box.points(200, target.rng))).all():
        return
    for candidate in separable(replace(target, field=inner)):
        model = replace(candidate.model, expression=wrap.undo(candidate.model.expression))
        yield Candidate(f"{wrap.name} of separable", model)


# Turned
# --------------------------------------------------------------------------------------------------


def turned(target: Target) -> Iterator[Candidate]:
    """Separable in coordinates turned by an angle φ, also of exp(u): the angle where a small tensor
    grid has the lowest rank.
    """
    for wrap in (PLAIN, LOGARITHM):
        angle = _angle(target, wrap)
        if angle is None:
            continue
        rotation = _rotation(angle)
        upper = np.abs(target.box.upper).max() + np.abs(target.box.lower).max()

        def field(points: Array, wrap: Wrap = wrap, rotation: Array = rotation) -> Array:
            with np.errstate(all="ignore"):
                return np.asarray(wrap.of(target.field(points @ rotation)))

        def contains(points: Array, rotation: Array = rotation) -> np.ndarray:
            return target.contains(points @ rotation)

        span = np.full(2, upper)
        inner = replace(
            target, field=field, contains=contains, box=inner_box(contains, -span, span, target.rng)
        )
        phi = sympy.Dummy("phi", real=True)
        x, y = target.x
        new = {
            x: sympy.cos(phi) * x + sympy.sin(phi) * y,
            y: sympy.cos(phi) * y - sympy.sin(phi) * x,
        }
        how = f"turned, {wrap.name} of separable" if wrap.name else "turned, separable"
        for candidate in separable(inner):
            plain = candidate.model
            expression = wrap.undo(plain.expression.subs(new, simultaneous=True))
            model = Model(expression, (*plain.theta, phi), np.append(plain.start, angle))
            yield Candidate(how, model, angles=(phi,))


def _rotation(angle: float) -> Array:
    """(ξ, η) = (cos φ x + sin φ y, cos φ y - sin φ x), so (x, y) = (ξ, η) R."""
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, s], [-s, c]])


def _angle(target: Target, wrap: Wrap) -> float | None:
    """The angle at which the second singular value of a tensor grid is least; None where it does
    not vanish, or vanishes without a turn.
    """
    middle = (target.box.lower + target.box.upper) / 2
    half = (target.box.upper - target.box.lower).min() / 2 / np.sqrt(2)
    s = half * np.linspace(-1, 1, 24)
    grid = np.stack(np.meshgrid(s, s, indexing="ij"), -1).reshape(-1, 2)

    def second(angle: float) -> float:
        with np.errstate(all="ignore"):
            data = wrap.of(target.field(middle + grid @ _rotation(angle))).reshape(24, 24)
        if not np.isfinite(data).all():
            return 1.0
        sizes = np.linalg.svd(data, compute_uv=False)
        return float(sizes[1] / sizes[0]) if sizes[0] > 0 else 1.0

    if second(0.0) < 1e-7:
        return None
    step = np.pi / 2 / 90
    at = min((k * step for k in range(-45, 45)), key=second)
    low, high = at - step, at + step
    for _ in range(60):
        third = (high - low) / 3
        if second(low + third) < second(high - third):
            high = high - third
        else:
            low = low + third
    angle = (low + high) / 2
    return angle if second(angle) < 1e-5 and abs(angle) > 1e-6 else None
