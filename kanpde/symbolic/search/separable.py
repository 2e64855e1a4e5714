"""Candidates in given coordinates: sums of products of functions of one coordinate, curves, and a
dictionary.

    u = Σ C_jk… f_j(x_1) g_k(x_2) …,    u = c f(a x + b) + d,    u = Σ c_i m_i(x)

Each is a sympy expression with constants θ and starts for them; whether it is a solution is for
others to say.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy

from kanpde.numerics.quadrature import Array
from kanpde.symbolic.search.axis_spaces import Box, Field, Space, lines, spaces
from kanpde.symbolic.search.exponential_basis import Member, P, X, exponentials, members
from kanpde.symbolic.search.models import Model, values
from kanpde.symbolic.search.univariate import Match, match

MOST_TERMS = 1100
GOOD = 1e-4  # misfit of a candidate before its constants are fitted


@dataclass(frozen=True)
class Target:
    """A field with the set it is known on: `x` its coordinates as symbols; `contains` as of a
    domain; `plane`: both are space.
    """

    field: Field
    x: tuple[Any, ...]
    contains: Callable[[Array], np.ndarray]
    box: Box
    rng: np.random.Generator
    plane: bool = False


@dataclass(frozen=True)
class Candidate:
    """How a formula was found, and the formula with its constants; `angles` are those of θ that
    turn coordinates.
    """

    how: str
    model: Model
    angles: tuple[Any, ...] = ()


def curve(target: Target) -> Iterator[Candidate]:
    """In one coordinate: the two best matches of the library."""
    s = target.box.points(300, target.rng)
    for m in match(s[:, 0], target.field(s))[:2]:
        yield from matched(m, target.x[0], "curve")


def matched(m: Match, s: Any, how: str) -> Iterator[Candidate]:
    """A match as a candidate in the expression s."""
    theta = sympy.symbols("a b c d", real=True, cls=sympy.Dummy)
    a, b, c, d = theta
    fixed = {} if "a" in m.function.free else {a: sympy.Integer(round(m.a))}
    if "b" not in m.function.free:
        fixed[b] = sympy.Integer(0)
    expression = (c * m.function.symbol(a * s + b) + d).xreplace(fixed)
    kept = [(t, v) for t, v in zip(theta, (m.a, m.b, m.c, m.d), strict=True) if t not in fixed]
    yield Candidate(
        how, Model(expression, tuple(t for t, _ in kept), np.array([v for _, v in kept]))
    )


# Separable
# --------------------------------------------------------------------------------------------------


def separable(target: Target, how: str = "separable") -> Iterator[Candidate]:
    """Sums of products of functions of one coordinate, from the library or, where that fails,
    exponentials with powers.
    """
    axes: list[list[Space]] = []
    for axis in range(len(target.x)):
        s, data = lines(target.field, target.box, axis, target.rng)
        found = spaces(s, data)
        if not found:
            return
        axes.append(found)
    tried: list[list[list[Member]]] = []
    memo: dict[tuple[int, int, int], list[Member] | None] = {}

    def spanned(axis: int, level: int, way: int) -> list[Member] | None:
        key = (axis, level, way)
        if key not in memo:
            memo[key] = (members, exponentials)[way](axes[axis][level])
        return memo[key]

    for level in range(max(len(found) for found in axes)):
        levels = [min(level, len(found) - 1) for found in axes]
        for mixed in (False, True):
            chosen = []
            for axis, at in enumerate(levels):
                one = spanned(axis, at, 0) if not mixed else None
                chosen.append(one or spanned(axis, at, 1) or spanned(axis, at, 0))
            complete = [one for one in chosen if one is not None]
            if len(complete) < len(chosen) or complete in tried:
                continue
            tried.append(complete)
            model = _tensor(target, complete)
            if model is not None:
                yield Candidate(how, model)


def _tensor(target: Target, axes: Sequence[Sequence[Member]]) -> Model | None:
    """Σ C Π members with the few C that matter; None where the sum misses the field."""
    counts = [len(one) for one in axes]
    if np.prod(counts) > MOST_TERMS:
        return None
    points = target.box.points(max(500, 2 * int(np.prod(counts))), target.rng)
    y = target.field(points)
    factors = [np.stack([m.values(points[:, i]) for m in one], 1) for i, one in enumerate(axes)]
    picks = list(itertools.product(*(range(n) for n in counts)))
    columns = np.stack(
        [np.prod([factors[i][:, j] for i, j in enumerate(pick)], axis=0) for pick in picks], 1
    )
    kept, coefficients = sparse(columns, y)
    if kept is None:
        return None
    return _assemble(target.x, axes, [picks[k] for k in kept], coefficients)


def sparse(columns: Array, y: Array) -> tuple[list[int] | None, Array]:
    """The few columns that give y, by backward elimination, with their coefficients."""
    if not np.isfinite(columns).all() or not np.isfinite(y).all():
        return None, y
    size = np.maximum(np.linalg.norm(columns, axis=0), 1e-300)
    kept, total = list(range(columns.shape[1])), np.linalg.norm(y)

    def solve(which: list[int]) -> tuple[Array, float]:
        c = np.linalg.lstsq(columns[:, which] / size[which], y, rcond=1e-13)[0]
        return c, float(np.linalg.norm(columns[:, which] / size[which] @ c - y) / total)

    c, best = solve(kept)
    if best > GOOD:
        return None, y
    floor = max(best, 1e-13)
    for cut in (3 * floor, 30 * floor, 300 * floor, 1e-5, 1e-4, 1e-3):
        fewer = [k for k, value in zip(kept, c, strict=True) if abs(value) > cut * total]
        if not fewer or len(fewer) == len(kept):
            continue
        new, misfit = solve(fewer)
        if misfit > max(10 * floor, 1e-12):
            break
        kept, c = fewer, new
    return kept, c / size[kept]


def _assemble(
    x: Sequence[Any], axes: Sequence[Sequence[Member]], picks: list[tuple[int, ...]], c: Array
) -> Model:
    theta, start, made = [], [], {}
    total = sympy.Integer(0)
    for number, (pick, value) in enumerate(zip(picks, c, strict=True)):
        symbol = sympy.Dummy(f"c{number}", real=True)
        theta.append(symbol)
        start.append(float(value))
        product = symbol
        for axis, j in enumerate(pick):
            if (axis, j) not in made:
                own = tuple(
                    sympy.Dummy(f"p{axis}{j}{k}", real=True)
                    for k in range(len(axes[axis][j].constants))
                )
                theta += own
                start += axes[axis][j].constants
                made[axis, j] = axes[axis][j].shape.xreplace(
                    {X: x[axis], **dict(zip(P, own, strict=False))}
                )
            product = product * made[axis, j]
        total = total + product
    return Model(total, tuple(theta), np.array(start))


# Dictionary
# --------------------------------------------------------------------------------------------------


def dictionary(target: Target, centres: Sequence[Array], degree: int = 5) -> Iterator[Candidate]:
    """Monomials and, about the centres of holes, log r² and 1/r."""
    d = len(target.x)
    exponents = [e for e in itertools.product(range(degree + 1), repeat=d) if sum(e) <= degree]
    terms = [sympy.Mul(*(s ** int(k) for s, k in zip(target.x, e, strict=True))) for e in exponents]
    for centre in centres:
        r2 = sum(
            (s - sympy.nsimplify(c)) ** 2 for s, c in zip(target.x, centre, strict=False)
        )  # time has none
        terms.append(sympy.log(r2))
        terms.append(1 / sympy.sqrt(r2))
    points = target.box.points(600, target.rng)
    y = target.field(points)
    at = dict(zip(target.x, points.T, strict=True))
    with np.errstate(all="ignore"):
        columns = np.stack(
            [np.broadcast_to(np.asarray(values(t, at), float), y.shape) for t in terms], 1
        )
    kept, c = sparse(columns, y)
    if kept is not None and len(kept) <= 12:
        theta = tuple(sympy.Dummy(f"c{k}", real=True) for k in range(len(kept)))
        expression = sympy.Add(*(s * terms[k] for s, k in zip(theta, kept, strict=True)))
        yield Candidate("dictionary", Model(expression, theta, c))
