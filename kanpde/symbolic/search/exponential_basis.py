"""Which functions with a formula span a space of functions of one coordinate?

A candidate f(x; a, b) belongs to span U when its distance |f - U Uᵀ f| / |f| is as small as the
noise. Candidates are tried from simple to less simple; a, b are found on a grid and refined. Where
this does not fill the space, sums of x^m exp(α x) cos βx and sin βx are read off its shifts
(ESPRIT: Roy, Kailath, IEEE Trans. ASSP 37 (1989) 984).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import scipy.linalg as linalg
import sympy

from kanpde.numerics.quadrature import Array
from kanpde.symbolic.search.axis_spaces import Space
from kanpde.symbolic.search.models import values

MODES = 10
"""Exponentials of one space, at most."""

APART = 1e-4
"""Least distance of a new member from the span of the others, as a share of its size."""

X = sympy.Symbol("x", real=True)
P = sympy.symbols("p0:2", real=True)


@dataclass(frozen=True)
class Member:
    """f(X; p) with the values of its constants p."""

    shape: Any
    constants: tuple[float, ...]

    def values(self, s: Array) -> Array:
        """f at s (n,)."""
        env = {X: s, **dict(zip(P, self.constants, strict=False))}
        with np.errstate(all="ignore"):
            return np.broadcast_to(np.asarray(values(self.shape, env), float), s.shape)


@dataclass(frozen=True)
class Family:
    """Functions of one shape, with the starts of their constants for an interval."""

    shape: Any
    starts: Callable[[Array], Sequence[Sequence[float]]]


def _none(s: Array) -> list[tuple[float, ...]]:
    return [()]


def _rates(s: Array) -> list[tuple[float, ...]]:
    half = (s[-1] - s[0]) / 2
    signed = itertools.product((1, -1), np.geomspace(0.02, 1000.0, 160))
    return [(sign * a / half,) for sign, a in signed]


def _waves(s: Array) -> list[tuple[float, ...]]:
    half = (s[-1] - s[0]) / 2
    return [(a / half,) for a in np.arange(0.1, 100.0, 0.2)]


def _square_waves(s: Array) -> list[tuple[float, ...]]:
    size = np.abs(s).max() ** 2
    return [(a / size,) for a in np.arange(0.1, 40.0, 0.15)]


def _positive(s: Array) -> list[tuple[float, ...]]:
    half = (s[-1] - s[0]) / 2
    return [(a / half,) for a in np.geomspace(0.05, 60.0, 90)]


def _below_pole(s: Array) -> list[tuple[float, ...]]:
    return [(a / np.abs(s).max(),) for a in np.linspace(0.03, 1.55, 80)]


def _shifts(s: Array) -> list[tuple[float, ...]]:
    return [(-s[0] + (s[-1] - s[0]) * b,) for b in np.geomspace(1e-3, 30.0, 60)]


def _beyond(s: Array) -> list[tuple[float, ...]]:
    return [(s[-1] + (s[-1] - s[0]) * b,) for b in np.geomspace(1e-3, 30.0, 60)]


def _centres(s: Array) -> list[tuple[float, ...]]:
    half, middle = (s[-1] - s[0]) / 2, (s[-1] + s[0]) / 2
    grid = itertools.product(np.geomspace(0.2, 60.0, 34), np.linspace(-1.6, 1.6, 49))
    return [(a / half, middle + half * b) for a, b in grid]


def _damped(s: Array) -> list[tuple[float, ...]]:
    half = (s[-1] - s[0]) / 2
    rates = [0.1, 0.2, 0.4, 0.7, 1.0, 1.5, 2.2, 3.3, 5.0]
    grid = itertools.product([*rates, *(-r for r in rates)], np.arange(0.2, 30.0, 0.3))
    return [(a / half, b / half) for a, b in grid]


def _phased(s: Array) -> list[tuple[float, ...]]:
    phases = (0.4, 0.8, 1.2, -0.4, -0.8, -1.2)
    return [(a, b) for (a,), b in itertools.product(_waves(s), phases)]


_a, _b = P
STAGES: tuple[tuple[Family, ...], ...] = (
    tuple(Family(X**k, _none) for k in range(5)),
    (
        Family(sympy.exp(_a * X), _rates),
        Family(sympy.sin(_a * X), _waves),
        Family(sympy.cos(_a * X), _waves),
    ),
    (
        *(Family(X**m * sympy.exp(_a * X), _rates) for m in (1, 2)),
        Family(X * sympy.sin(_a * X), _waves),
        Family(X * sympy.cos(_a * X), _waves),
        Family(X**2 * sympy.sin(_a * X), _waves),
        Family(X**2 * sympy.cos(_a * X), _waves),
        Family(sympy.sin(_a * X**2), _square_waves),
        Family(sympy.cos(_a * X**2), _square_waves),
        Family(sympy.exp(-((_a * X) ** 2)), _positive),
        Family(1 / sympy.cosh(_a * X), _positive),
        Family(sympy.tanh(_a * X), _positive),
        Family(1 / sympy.cos(_a * X), _below_pole),
        Family(sympy.log(X + _a), _shifts),
        Family(sympy.log(_a - X), _beyond),
        Family(1 / (X + _a), _shifts),
        Family(1 / (_a - X), _beyond),
        Family(sympy.sqrt(X + _a), _shifts),
        Family(sympy.besselj(0, _a * X), _positive),
    ),
    (
        Family(sympy.exp(_a * X) * sympy.sin(_b * X), _damped),
        Family(sympy.exp(_a * X) * sympy.cos(_b * X), _damped),
        Family(sympy.exp(-((_a * (X - _b)) ** 2)), _centres),
        Family(sympy.tanh(_a * (X - _b)), _centres),
        Family(1 / sympy.cosh(_a * (X - _b)), _centres),
        Family(
            sympy.sin(_a * X + _b),
            _phased,
        ),
        Family(sympy.atan(_a * (X - _b)), _centres),
    ),
)


def members(space: Space) -> list[Member] | None:
    """r functions of the library that span the space; None where they are not found."""
    allowed = float(np.clip(300 * space.noise, 1e-7, 1e-2))
    chosen: list[Member] = []
    orthonormal = np.zeros((len(space.s), 0))
    for stage in STAGES:
        nearest: list[_Near] = []
        for family in stage:
            nearest += _nearest(family, space, allowed)
            sure = sum(near.distance < 1e-3 * allowed for near in nearest)
            if len(chosen) + sure >= space.rank:
                break  # these fill the space, or the next stage adds to them
        for near in sorted(nearest, key=lambda near: near.distance > 1e-3 * allowed):
            column = near.member.values(space.s)
            column = column / np.linalg.norm(column)
            outside = column - orthonormal @ (orthonormal.T @ column)
            if np.linalg.norm(outside) > max(APART, 3 * allowed):
                chosen.append(near.member)
                orthonormal = np.column_stack([orthonormal, outside / np.linalg.norm(outside)])
            if len(chosen) == space.rank:
                return chosen
    return None


class _Near(NamedTuple):
    """A function and its distance from a space, as a share of its size."""

    distance: float
    member: Member


def _nearest(family: Family, space: Space, allowed: float) -> list[_Near]:
    """Local minima of the distance over the grid of starts, refined, as far as they are within
    `allowed`; nearest first.
    """
    starts = np.array(family.starts(space.s), float)
    count = starts.shape[1]
    env = {X: space.s[None, :], **{p: starts[:, k : k + 1] for k, p in enumerate(P[:count])}}
    with np.errstate(all="ignore"):
        columns = np.broadcast_to(
            np.asarray(values(family.shape, env), float), (len(starts), len(space.s))
        )
        distance = _distances(columns, space.basis)
    order = np.argsort(distance)[: 6 * space.rank]
    good: list[_Near] = []

    def known(constants: Sequence[float] | Array, tolerance: float) -> bool:
        return any(np.allclose(constants, near.member.constants, rtol=tolerance) for near in good)

    for k in order:
        if distance[k] > 0.7:
            break
        if count and known(starts[k], 0.02):
            continue
        far, constants = float(distance[k]), tuple[float, ...]()
        if count:
            far, constants = _refine(family, space, starts[k])
        if far < allowed and not known(constants, 1e-4):
            good.append(_Near(far, Member(family.shape, constants)))
        if len(good) >= space.rank or not count:
            break
    return sorted(good, key=lambda near: near.distance)


def _distances(columns: Array, basis: Array) -> Array:
    """|f - U Uᵀ f| / |f| (K,) of functions (K, n); infinite where a value is not finite."""
    size = np.einsum("kn,kn->k", columns, columns)
    outside = columns - (columns @ basis) @ basis.T
    far = np.sqrt(np.einsum("kn,kn->k", outside, outside) / np.maximum(size, 1e-300))
    return np.where(np.isfinite(far) & (size > 1e-280), far, np.inf)


def _refine(family: Family, space: Space, start: Array) -> tuple[float, tuple[float, ...]]:
    """Gauss-Newton on the part of f / |f| that lies outside the space: its length, and p."""

    def outside(p: Array) -> Array:
        with np.errstate(all="ignore"):
            f = Member(family.shape, tuple(map(float, p))).values(space.s)
            size = np.linalg.norm(f)
            if not (np.isfinite(size) and size > 0):
                return np.ones_like(f)
            return (f - space.basis @ (space.basis.T @ f)) / size

    p, now = start.copy(), outside(start)
    for _ in range(25):
        columns = []
        for step in np.diag(np.maximum(np.abs(p), 1e-3) * 1e-7):
            columns.append((outside(p + step) - outside(p - step)) / (2 * step.sum()))
        move, *_ = np.linalg.lstsq(np.stack(columns, 1), -now, rcond=None)
        for share in (1.0, 0.5, 0.2, 0.05):
            trial = outside(p + share * move)
            if np.linalg.norm(trial) < np.linalg.norm(now):
                p, now = p + share * move, trial
                break
        else:
            break
        if np.linalg.norm(move) < 1e-12 * np.linalg.norm(p):
            break
    return float(np.linalg.norm(now)), tuple(map(float, p))


def exponentials(space: Space) -> list[Member] | None:
    """x^m exp(α x) cos βx, sin βx that span a shift-invariant space around this one; None where
    more than MODES are needed.
    """
    n, r = space.basis.shape
    window = n // 2
    blocks = [
        linalg.hankel(space.basis[:window, k], space.basis[window - 1 :, k]) for k in range(r)
    ]
    u, sizes, _ = np.linalg.svd(np.concatenate(blocks, 1), full_matrices=False)
    sizes = sizes / sizes[0]
    floor = max(3 * space.noise, 1e-12)
    count = int((sizes > floor).sum())
    if not 0 < count <= MODES:
        return None
    shift = np.linalg.lstsq(u[:-1, :count], u[1:, :count], rcond=None)[0]
    h = float(space.s[1] - space.s[0])
    with np.errstate(all="ignore"):
        powers = np.log(np.linalg.eigvals(shift).astype(complex)) / h
    length = float(space.s[-1] - space.s[0])
    return _real(powers, length) if np.isfinite(powers).all() else None


def _real(powers: Array, length: float) -> list[Member]:
    """Real functions of the exponents; those that nearly coincide are one with powers of x before
    it.
    """
    functions: list[Member] = []
    # Of a conjugate pair one is enough.
    remaining = [complex(p.real, abs(p.imag)) for p in powers if p.imag > -1e-9 / length]
    while remaining:
        first = remaining[0]
        near = [p for p in remaining if abs(p - first) * length < 0.35]
        remaining = [p for p in remaining if p not in near]
        middle = complex(np.mean(near))
        alpha, beta = middle.real, middle.imag
        alpha = 0.0 if abs(alpha) * length < 1e-2 else alpha
        real = beta * length < 0.2
        for m in range(len(near)):
            growth = sympy.exp(_a * X) if alpha else sympy.Integer(1)
            if real:
                functions.append(Member(X**m * growth, (alpha,) if alpha else ()))
                continue
            for wave in (sympy.cos, sympy.sin):
                shape = X**m * growth * wave((_b if alpha else _a) * X)
                functions.append(Member(shape, (alpha, beta) if alpha else (beta,)))
    return functions
