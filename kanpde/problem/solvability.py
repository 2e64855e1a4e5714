"""Whether a statement can have exactly one solution, as far as counting and sampling tell.

    equations = unknowns,    conditions on a line = Jacobi's number max_σ Σ_i ord(F_i, u_σ(i)),
    F_1 = λ F_2 + c on one part: c = 0

`require` refuses what has no solution or many; `remarks` returns what is only suspicious. Source
of the number: Jacobi, Vorlesungen über Dynamik, 1866; Pryce, BIT 41 (2001).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from kanpde.errors import ConfigError
from kanpde.expressions import Node, add, constants, is_zero, jets, negate, partial, text
from kanpde.numerics.quadrature import Array, PointSet
from kanpde.problem.conditions import (
    BoundaryCondition,
    Condition,
    MeanCondition,
    MeasuredCondition,
    PeriodicCondition,
    PointCondition,
)
from kanpde.problem.discontinuities import DIFFERENT, SAMPLES, Discontinuity, discontinuities
from kanpde.problem.findings import Finding, affine, multiple_of, numbers
from kanpde.problem.problem import Problem

ABSENT = -1000
"""Stands for the order of an unknown that an equation does not hold."""

DEGENERATE = 1e-6
"""A leading coefficient below this share of its largest value is 0: such a point is singular and
may need no condition.
"""


def require(problem: Problem) -> None:
    """ConfigError where a statement has no solution, or more than one, for a reason that can be
    named.
    """
    _compatible_conditions(problem)
    if has_data(problem):
        return
    _compatible_equations(problem)
    _enough_equations(problem)
    _enough_conditions(problem)


def remarks(problem: Problem) -> tuple[Finding, ...]:
    """What is suspicious in a statement, but no reason to refuse it."""
    suspicions = [_corner(found) for found in discontinuities(problem) if found.second]
    if not has_data(problem):
        suspicions += _too_many(problem)
    return tuple(suspicions)


def has_data(problem: Problem) -> bool:
    """Whether something else than equations and conditions says what the solution is."""
    measured = any(isinstance(each, MeasuredCondition) for each in problem.conditions)
    wished = any(weight != 1 for weight in problem.weights)
    fitted = problem.config.fit is not None or problem.energy is not None
    return measured or wished or fitted or bool(problem.constants)


def written(problem: Problem, node: Node) -> str:
    """A formula as text, with the names of the problem."""
    return text(node, problem.coordinates, problem.outputs, limit=80)


def _compatible_conditions(problem: Problem) -> None:
    """No two conditions on one part say different things of the same quantity."""
    by_part: dict[str, list[Condition]] = {}
    for condition in problem.conditions:
        counts = isinstance(condition, BoundaryCondition) and condition.weight > 0
        if counts and condition.part is not None:
            by_part.setdefault(condition.part, []).append(condition)
    for part, conditions in by_part.items():
        if len(conditions) < 2:
            continue
        points = problem.domain.part_quadrature(part, SAMPLES)
        for first, second in itertools.combinations(conditions, 2):
            if _contradict(first.node, second.node, points.x, points.normal):
                raise ConfigError(
                    f"problem.conditions: the conditions '{written(problem, first.node)} = 0' and"
                    f" '{written(problem, second.node)} = 0' on '{part}' contradict each other;"
                    f" remove one of them"
                )


def distinct(problem: Problem, part: str) -> int:
    """The number of conditions on a part, less those that repeat another one."""
    kept: list[Condition] = []
    points = problem.domain.part_quadrature(part, SAMPLES)
    for condition in problem.conditions:
        counts = isinstance(condition, BoundaryCondition) and condition.weight > 0
        if not counts or condition.part != part:
            continue
        if not any(_repeats(condition.node, each.node, points) for each in kept):
            kept.append(condition)
    return len(kept)


def _repeats(node: Node, other: Node, points: PointSet) -> bool:
    if jets(node) != jets(other):
        return False
    rows = affine(node, points.x, points.normal), affine(other, points.x, points.normal)
    return rows[0] is not None and rows[1] is not None and multiple_of(rows[1], rows[0]) is not None


def _compatible_equations(problem: Problem) -> None:
    """No two equations say different things of the same quantity."""
    x = inside(problem)
    for first, second in itertools.combinations(range(len(problem.equations)), 2):
        if first // problem.per_region != second // problem.per_region:
            continue
        if _contradict(problem.equations[first], problem.equations[second], x, None):
            raise ConfigError(
                f"problem.equations: '{problem.names[first]}' and '{problem.names[second]}'"
                f" contradict each other: over-determined, both say what"
                f" {written(problem, problem.equations[first])} is; remove one of them"
            )


def inside(problem: Problem) -> Array:
    """Points of the domain, the same ones at every call."""
    return problem.domain.interior(SAMPLES, "sobol", np.random.default_rng(7)).x


def _contradict(first: Node, second: Node, x: Array, normal: Array | None) -> bool:
    """Whether one formula is a multiple of the other but for a term without unknowns."""
    if jets(first) != jets(second):
        return False
    rows = affine(first, x, normal), affine(second, x, normal)
    if rows[0] is None or rows[1] is None:
        return _differ_by_data(first, second, x, normal)
    multiple = multiple_of(rows[0], rows[1])
    if multiple is None:
        return False
    gap = np.abs(rows[1].rest - multiple * rows[0].rest)
    size = np.abs(rows[1].rest) + np.abs(multiple * rows[0].rest)
    return bool(np.mean(gap > DIFFERENT * np.maximum(size, 1e-300)) > 0.5)


def _differ_by_data(first: Node, second: Node, x: Array, normal: Array | None) -> bool:
    """Whether formulas that are not affine differ by something without unknowns."""
    difference = add(first, negate(second))
    if is_zero(difference) or jets(difference):
        return False
    try:
        (gap,) = numbers((difference,), x, normal)
    except ValueError:  # an unknown constant
        return False
    return bool(np.mean(np.abs(gap) > DIFFERENT) > 0.5)


def _enough_equations(problem: Problem) -> None:
    """As many equations as unknowns; more where they are of first order or speak of vectors."""
    count, unknowns = problem.per_region, len(problem.unknowns)
    if 0 < count < unknowns:
        raise ConfigError(
            f"problem.equations: under-determined, {_counted(count, 'equation')} for {unknowns}"
            f" unknowns; add an equation or give data"
        )
    highest = max(max((jet.order for jet in jets(node)), default=0) for node in problem.equations)
    if count > unknowns == 1 and highest > 1:
        raise ConfigError(
            f"problem.equations: over-determined, {count} equations for one unknown; remove the"
            f" others, or name what they determine under `unknowns` or `unknown_parameters`"
        )


def _counted(count: int, word: str) -> str:
    return f"{count} {word}" + ("" if count == 1 else "s")


def needed(problem: Problem, axis: int) -> int | None:
    """How many conditions along one coordinate determine a solution, None where the equations
    cannot be matched with the unknowns.
    """
    unknowns = len(problem.unknowns)
    equations = problem.equations[: problem.per_region]
    if len(equations) != unknowns:
        return None
    if unknowns == 1:
        return max(jet.index[axis] for jet in jets(equations[0]))
    from scipy.optimize import linear_sum_assignment  # a slow import

    orders = np.full((unknowns, unknowns), ABSENT)
    for row, node in enumerate(equations):
        for jet in jets(node):
            orders[row, jet.unknown] = max(orders[row, jet.unknown], jet.index[axis])
    total = int(orders[linear_sum_assignment(orders, maximize=True)].sum())
    return total if total >= 0 else None


def _enough_conditions(problem: Problem) -> None:
    """On a line as many conditions as the order says, in time as many at its ends."""
    if problem.regions or problem.config.ranges:
        return
    if problem.domain.dimension == 1:
        order, count = needed(problem, 0), _count(problem, problem.conditions)
        if order is not None and count < order and _regular(problem):
            raise ConfigError(
                f"problem.conditions: under-determined, order {order} needs {order} conditions,"
                f" found {count}; the solution is not unique, add {order - count}"
            )
    elif problem.config.time is not None:
        order, count = needed(problem, -1), _count(problem, _timed(problem))
        if order is not None and count < order:
            raise ConfigError(
                f"problem.conditions: under-determined, order {order} in time needs"
                f" {_counted(order, 'condition')} on 'initial', found {count}; the solution is not"
                f" unique, add {order - count}"
            )
        _enough_at_ends(problem)


def _enough_at_ends(problem: Problem) -> None:
    """In one coordinate of space and time as many conditions at its ends as the order says, from
    the second order on: which end one of first order needs, its signs say.
    """
    if problem.domain.dimension != 2 or len(problem.unknowns) != 1:
        return
    order, timed = needed(problem, 0), _timed(problem)
    at_ends = [c for c in problem.conditions if c not in timed or isinstance(c, PointCondition)]
    count = _count(problem, at_ends)
    if order is not None and order > 1 and count < order and _regular(problem):
        raise ConfigError(
            f"problem.conditions: under-determined, order {order} in {problem.coordinates[0]} needs"
            f" {_counted(order, 'condition')} at its ends, found {count}; the solution is not"
            f" unique, add {order - count}"
        )


def _timed(problem: Problem) -> list[Condition]:
    """The conditions at the ends of time, and all those that hold at points."""
    ends = {"initial", "final"}
    timed: list[Condition] = []
    for condition in problem.conditions:
        if ends & set(condition.parts) or isinstance(condition, PointCondition):
            timed.append(condition)
    return timed


def _count(problem: Problem, conditions: Sequence[Condition]) -> int:
    """How many conditions there are, less those that repeat another one on their part."""
    bounded: set[str] = set()
    count = 0
    for condition in conditions:
        if isinstance(condition, BoundaryCondition):
            bounded.add(condition.part)
        elif isinstance(condition, PeriodicCondition | PointCondition | MeanCondition):
            count += condition.weight > 0
    return count + sum(distinct(problem, part) for part in bounded)


def _regular(problem: Problem) -> bool:
    """Whether no coefficient of the equations is infinite, and no leading one vanishes, on a
    line with its ends, in the middle of time; what depends on the unknowns counts as regular.
    """
    lower, upper = problem.domain.lower, problem.domain.upper
    x = np.tile((lower + upper) / 2, (SAMPLES + 1, 1))
    x[:, 0] = np.linspace(lower[0], upper[0], SAMPLES + 1)
    for node in problem.equations:
        highest = max(jet.order for jet in jets(node))
        for jet in jets(node):
            slope = partial(node, jet)
            if jets(slope) or constants(slope):
                continue
            size = np.abs(numbers((slope,), x)[0])
            if not np.isfinite(size).all():
                return False
            if jet.order == highest and size.min() <= DEGENERATE * size.max():
                return False
    return True


def _too_many(problem: Problem) -> list[Finding]:
    """More conditions on a line than a linear equation takes."""
    plain = problem.domain.dimension == 1 and not problem.regions and not problem.config.ranges
    if not plain or not problem.is_linear:
        return []
    order, count = needed(problem, 0), _count(problem, problem.conditions)
    count -= _pinning(problem)
    if order is None or count <= order:
        return []
    sentence = (
        f"over-determined: order {order} needs {_counted(order, 'condition')}, found {count};"
        f" no solution meets all of them unless they agree"
    )
    return [Finding("over-determined", sentence)]


def _pinning(problem: Problem) -> int:
    """The number of conditions on a mean or at a point that alone say what the value of an unknown
    is: everything else holds its derivatives, or differences between periodic sides, which leave a
    constant free and may agree.
    """
    pins = [each for each in problem.conditions if isinstance(each, MeanCondition | PointCondition)]
    others = [*problem.equations]
    for condition in problem.conditions:
        if condition not in pins and not isinstance(condition, PeriodicCondition):
            others.append(condition.node)
    elsewhere = set[int]().union(*map(_held, others))
    return sum(1 for pin in pins if not _held(pin.node) & elsewhere)


def _held(node: Node) -> set[int]:
    """The unknowns whose values, not only derivatives, a formula holds."""
    return {jet.unknown for jet in jets(node) if jet.order == 0}


def _corner(found: Discontinuity) -> Finding:
    """Where the values that two parts give differ at a point that they share."""
    place = ", ".join(f"{value:.6g}" for value in found.place)
    sentence = (
        f"discontinuous data at the corner ({place}) of '{found.first}' and"
        f" '{found.second}': no solution is continuous there"
    )
    return Finding("corner", sentence, warns=False)
