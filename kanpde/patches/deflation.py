"""Other solutions of a nonlinear problem than those that are known, by Newton's method on

    M(u) F(u) = 0,    M = Π_k m_k,    m_k = S²/‖u - u_k‖² + 1

whose steps are those of F times τ = 1/(1 - Σ_k m_k'[δ]/m_k), with S the size of the solutions: near
a known one they lead away from it. A start is used until no further solution is found from it.
Source: Farrell, Birkisson & Funke, SIAM J. Sci. Comput. 37 (2015) A2026.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations, islice

import numpy as np

from kanpde.errors import NumericalError
from kanpde.expressions import add, number
from kanpde.numerics.quadrature import Array
from kanpde.patches.affine import Affine
from kanpde.patches.homotopies import operator, whole
from kanpde.patches.levels import Cells, Level
from kanpde.patches.linearisation import State, Uniform, between
from kanpde.patches.newton import Newton
from kanpde.patches.starts import projected
from kanpde.patches.statement import Statement
from kanpde.problem.starts import Start

MOST_STEPS, MOST_POLISHED = 25, 15
"""Steps of the deflated iteration, and of the plain one at its end."""

HALF = 0.5
NEAR = 1e-2
"""A step of F of this share of the solution ends the deflated iteration."""

FARTHEST = 30.0
"""An iteration that goes so many times as far as where it began and what is known is lost."""

LONGEST = 5.0
"""No step is longer than so many of those of F."""

HEIGHTS, WAVES, DIFFERENT = (10.0, -10.0, 1.0, -1.0), (2, 3, 4), 1e-3
"""Heights and waves of the starts, and the relative difference that makes another solution."""

NOTHING = 1e-8
"""Share of the size of a start below which a solution is not told from a known one."""

Norm = Callable[[Array], float]


def others(
    newton: Newton, cells: Cells, known: Sequence[Level], count: int, starts: int | None = None
) -> list[Level]:
    """At most so many solutions on cells that differ from the known ones, from all starts or the
    first few.
    """
    levels = [newton.ground.sampled(level) for level in known]
    for start in islice(_starts(newton, cells, levels), starts):
        while len(levels) - len(known) < count and newton.progress.stop is None:
            try:
                level = _further(newton, cells, start, [each.values for each in levels])
            except NumericalError:
                level = None
            if level is None:
                break
            levels.append(level)
    return levels[len(known) :]


def _further(newton: Newton, cells: Cells, start: State, known: Sequence[Array]) -> Level | None:
    """A solution that differs from the known ones, None where none was found from a start."""
    norm = newton.ground.norm
    state, values = start, newton.values(start)
    size = max((norm(each) for each in (*known, values)), default=0.0) or 1.0
    newton.falls = None
    for _ in range(MOST_STEPS):
        level = newton.solve(newton.system_at(whole, state), cells)
        step = level.values - values
        if not np.isfinite(step).all():
            return None
        share = _share(values, step, known, size, norm)
        if norm(step) <= NEAR * size and not _is_known(values, known, norm):
            break
        state = between(state, newton.state(level), share)
        values = newton.values(state)
        if not norm(values) <= FARTHEST * size:
            return None
    level = newton.iterated(cells, state, whole, most=MOST_POLISHED)
    if level.stall or _is_known(level.values, known, norm):
        return None
    # beside a solution that is zero any rest of an iteration differs by as much as it is large
    others = [norm(level.values - each) for each in known]
    return None if min(others, default=size) <= NOTHING * size else level


def _share(values: Array, step: Array, known: Sequence[Array], size: float, norm: Norm) -> float:
    """τ, the share of a step of F that is one of M F."""
    slope = 0.0
    for each in known:
        away = (values - each) / size
        square = norm(away) ** 2
        if square == 0.0:
            continue  # from a known solution itself no step leads away
        inner = float(norm(away + step / size) ** 2 - square - norm(step / size) ** 2) / 2
        slope -= 2 * inner / (square * (1 + square))
    share = 1 / (1 - slope) if slope != 1.0 else LONGEST
    return math.copysign(min(abs(share), LONGEST), share)


def _is_known(values: Array, known: Sequence[Array], norm: Norm) -> bool:
    """Whether values are those of a known solution."""
    return any(norm(values - each) <= DIFFERENT * max(norm(values), norm(each)) for each in known)


def _starts(newton: Newton, cells: Cells, known: Sequence[Level]) -> Iterator[State]:
    """Plain starts, and between any two solutions as soon as they are known."""
    tried: set[tuple[int, int]] = set()
    for start in _plain_starts(newton, cells, known):
        yield start
        for pair in combinations(range(len(known)), 2):
            if pair not in tried:
                tried.add(pair)
                one, other = (newton.state(known[number]) for number in pair)
                yield between(one, other, HALF)


def _plain_starts(newton: Newton, cells: Cells, known: Sequence[Level]) -> Iterator[State]:
    """Constants, solutions of -Δu = c and waves of several heights."""
    if newton.start is not None:
        yield _projected(newton, cells, newton.start)
    yield Uniform(0.0)
    size = max(float(np.abs(level.values).max()) for level in known)
    bump = _bump(newton, cells)
    largest = float(np.abs(bump.values).max())
    heights = HEIGHTS + (() if size == 0.0 else (3 * size, -3 * size))
    for height in heights:
        if math.isfinite(largest) and largest > 0.0:
            yield between(Uniform(0.0), newton.state(bump), height / largest)
    yield from (Uniform(1.0), Uniform(-1.0))
    domain = newton.problem.domain
    lower, sides = np.asarray(domain.lower), np.asarray(domain.upper - domain.lower)
    for waves in WAVES:
        for axis in range(domain.dimension):

            def wave(x: Array, axis: int = axis, waves: int = waves) -> Array:
                along = np.sin(waves * math.pi * (x[:, axis] - lower[axis]) / sides[axis])
                return np.tile((size or 1.0) * along[:, None], len(newton.problem.unknowns))

            yield _projected(newton, cells, wave)


def _projected(newton: Newton, cells: Cells, start: Start) -> State:
    return newton.on(cells.patches, projected(newton.ground, cells.patches, start))


def _bump(newton: Newton, cells: Cells) -> Level:
    """The solution of -Δu = 1 with the conditions, linearised at zero."""
    problem = newton.problem
    easy = operator(problem, 0.0).easy
    sources = {node: add(easy[node], number(-1.0)) for node in problem.equations}
    system = Statement.of(
        problem, lambda node, weight: Affine.of({**easy, **sources}[node], weight)
    )
    return newton.solve(system, cells)
