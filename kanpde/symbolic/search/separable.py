"""Candidates in given coordinates: sums of products of functions of one coordinate, curves, and a
dictionary.

    u = Σ C_jk… f_j(x_1) g_k(x_2) …,    u = c f(a x + b) + d,    u = Σ c_i m_i(x)

Each is a sympy expression with constants θ and starts for them; whether it solves the problem is
checked elsewhere (`symbolic.verify`).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import sympy

from kanpde.numerics.quadrature import Array
from kanpde.symbolic.search.axis_spaces import Box, Field, Space, lines, spaces
from kanpde.symbolic.search.exponential_basis import Member, P, X, exponentials, members
from kanpde.symbolic.search.models import Model, values
from kanpde.symbolic.search.univariate import Match, match

MOST_TERMS = 1100
"""Products of functions that a sum may have before it is thinned out."""

GOOD = 1e-4
"""Largest relative misfit of a candidate before its constants are fitted."""


@dataclass(frozen=True)
class Target:
    """A field and the set it is known on.

    Attributes:
        field: (N, d) → (N,).
        x: the d coordinates as symbols.
        contains: (N, d) → whether each point lies in the domain.
        box: a box inside the domain.
        rng: for the points at which the field is evaluated.
        plane: whether both of two coordinates are space.
    """

    field: Field
    x: tuple[Any, ...]
    contains: Callable[[Array], np.ndarray]
    box: Box
    rng: np.random.Generator
    plane: bool = False


@dataclass(frozen=True)
class Candidate:
    """A formula that may be that of the field.

    Attributes:
        how: what structure it has, in words.
        model: the formula with its constants θ.
        angles: those of θ that turn coordinates.
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
    model = Model(c * m.function.symbol(a * s + b) + d, theta, np.array([m.a, m.b, m.c, m.d]))
    yield Candidate(how, model.with_numbers(fixed))


# Separable
# --------------------------------------------------------------------------------------------------


def separable(target: Target, how: str = "separable") -> Iterator[Candidate]:
    """Sums of products of functions of one coordinate, from the library or, where that fails,
    exponentials with powers.
    """
    axes: list[list[Space]] = []
    for axis in range(len(target.x)):
        s, data = lines(target.field, target.box, axis, target.rng)
        along = spaces(s, data)
        if not along:
            return
        axes.append(along)
    tried: list[list[list[Member]]] = []
    memo: dict[tuple[int, int, int], list[Member] | None] = {}

    def spanned(axis: int, level: int, way: int) -> list[Member] | None:
        """Functions that span a space: of the library (way 0), or exponentials (way 1)."""
        key = (axis, level, way)
        if key not in memo:
            memo[key] = (members, exponentials)[way](axes[axis][level])
        return memo[key]

    for level in range(max(map(len, axes))):
        levels = [min(level, len(along) - 1) for along in axes]
        for mixed in (False, True):
            chosen = []
            for axis, at in enumerate(levels):
                of_library = None if mixed else spanned(axis, at, 0)
                chosen.append(of_library or spanned(axis, at, 1) or spanned(axis, at, 0))
            complete = [functions for functions in chosen if functions is not None]
            if len(complete) < len(chosen) or complete in tried:
                continue
            tried.append(complete)
            model = _tensor(target, complete)
            if model is not None:
                yield Candidate(how, model)


def _tensor(target: Target, axes: Sequence[Sequence[Member]]) -> Model | None:
    """Σ C Π members with the few C that matter; None where the sum misses the field."""
    counts = [len(functions) for functions in axes]
    if np.prod(counts) > MOST_TERMS:
        return None
    points = target.box.points(max(500, 2 * int(np.prod(counts))), target.rng)
    y = target.field(points)
    factors = []
    for s, functions in zip(points.T, axes, strict=True):
        factors.append(np.stack([function.values(s) for function in functions], 1))
    picks = list(itertools.product(*map(range, counts)))
    columns = []
    for pick in picks:
        chosen = [factor[:, j] for factor, j in zip(factors, pick, strict=True)]
        columns.append(np.prod(chosen, axis=0))
    combination = sparse(np.stack(columns, 1), y)
    if combination is None:
        return None
    terms = [picks[k] for k in combination.columns]
    return _assemble(target.x, axes, terms, combination.coefficients)


class Combination(NamedTuple):
    """Some columns of a matrix, by number, and their coefficients."""

    columns: list[int]
    coefficients: Array


def sparse(columns: Array, y: Array) -> Combination | None:
    """The few columns (N, K) that give y (N,), by backward elimination; None where all of them miss
    it by more than GOOD of its size.
    """
    if not np.isfinite(columns).all() or not np.isfinite(y).all():
        return None
    size = np.maximum(np.linalg.norm(columns, axis=0), 1e-300)
    remaining, total = list(range(columns.shape[1])), np.linalg.norm(y)

    def solve(which: list[int]) -> tuple[Array, float]:
        c = np.linalg.lstsq(columns[:, which] / size[which], y, rcond=1e-13)[0]
        return c, float(np.linalg.norm(columns[:, which] / size[which] @ c - y) / total)

    c, best = solve(remaining)
    if best > GOOD:
        return None
    floor = max(best, 1e-13)
    for cut in (3 * floor, 30 * floor, 300 * floor, 1e-5, 1e-4, 1e-3):
        fewer = [k for k, value in zip(remaining, c, strict=True) if abs(value) > cut * total]
        if not fewer or len(fewer) == len(remaining):
            continue
        new, misfit = solve(fewer)
        if misfit > max(10 * floor, 1e-12):
            break
        remaining, c = fewer, new
    return Combination(remaining, c / size[remaining])


def _assemble(
    x: Sequence[Any], axes: Sequence[Sequence[Member]], picks: list[tuple[int, ...]], c: Array
) -> Model:
    """Σ c Π members; a member that stands in several terms has its constants once."""
    theta, start = [], []
    written: dict[tuple[int, int], Any] = {}
    total = sympy.Integer(0)
    for number, (pick, value) in enumerate(zip(picks, c, strict=True)):
        symbol = sympy.Dummy(f"c{number}", real=True)
        theta.append(symbol)
        start.append(float(value))
        product = symbol
        for axis, j in enumerate(pick):
            if (axis, j) not in written:
                member = axes[axis][j]
                names = [f"p{axis}{j}{k}" for k in range(len(member.constants))]
                constants = [sympy.Dummy(name, real=True) for name in names]
                theta += constants
                start += member.constants
                values_of = {X: x[axis], **dict(zip(P, constants, strict=False))}
                written[axis, j] = member.shape.xreplace(values_of)
            product = product * written[axis, j]
        total = total + product
    return Model(total, tuple(theta), np.array(start))


# Dictionary
# --------------------------------------------------------------------------------------------------


def dictionary(target: Target, centres: Sequence[Array], degree: int = 5) -> Iterator[Candidate]:
    """Monomials and, about the centres of holes, log r² and 1/r."""
    d = len(target.x)
    terms = []
    for exponents in itertools.product(range(degree + 1), repeat=d):
        if sum(exponents) <= degree:
            terms.append(sympy.Mul(*(s**k for s, k in zip(target.x, exponents, strict=True))))
    for centre in centres:
        # The centre has no component in time, which stands last in x.
        r2 = sum((s - sympy.nsimplify(c)) ** 2 for s, c in zip(target.x, centre, strict=False))
        terms.append(sympy.log(r2))
        terms.append(1 / sympy.sqrt(r2))
    points = target.box.points(600, target.rng)
    y = target.field(points)
    at = dict(zip(target.x, points.T, strict=True))
    with np.errstate(all="ignore"):
        columns = [np.broadcast_to(np.asarray(values(t, at), float), y.shape) for t in terms]
    combination = sparse(np.stack(columns, 1), y)
    if combination is not None and len(combination.columns) <= 12:
        chosen = [terms[k] for k in combination.columns]
        theta = tuple(sympy.Dummy(f"c{k}", real=True) for k in range(len(chosen)))
        expression = sympy.Add(*(s * term for s, term in zip(theta, chosen, strict=True)))
        yield Candidate("dictionary", Model(expression, theta, combination.coefficients))
