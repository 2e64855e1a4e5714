"""A linear equation of second order over ranges of parameters as a few forms of space, times products of
functions of one parameter each.

    F = Σ a_ij ∂_ij u + Σ b_j ∂_j u + c u + r = 0      is      Σ_q Π_k θ_qk(p_k) B_q(u, v) = Σ_q Π_k θ_qk(p_k) l_q(v)

    B = -∫ a_ij ∂_j u ∂_i v + ∫ (b_j - Σ_i D_i a_ij) ∂_j u v + ∫ c u v,      l = -∫ r v

with v = 0 where u is given and no flux elsewhere. Where a_ij jumps, D_i a_ij holds what is concentrated
there; of div(k grad u) it cancels that of b_j, so nothing is left of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from kanpde.errors import ConfigError
from kanpde.expressions import (
    Add,
    Call,
    Mul,
    Node,
    Number,
    Pow,
    add,
    differentiate,
    divide,
    linear_parts,
    multiply,
    negate,
    number,
)
from kanpde.expressions.comparisons import EDGE
from kanpde.expressions.parse import parse_equation
from kanpde.expressions.tree import postorder
from kanpde.numerics.jets import unit
from kanpde.problem.concentrated import plain
from kanpde.problem.formulas import Formulas
from kanpde.problem.manufactured import sources
from kanpde.problem.problem import Problem
from kanpde.products.separable import depends_on

MOST_TERMS = 2000
"""Products that a formula may expand to."""

HIGHEST_POWER = 6
"""Whole powers of sums up to this are expanded."""

Monomial = tuple[Node, ...]
"""Factors that are neither numbers, sums nor products, in the order of their digests."""


class NotAffineError(ConfigError):
    """An equation that is no sum of few forms times functions of one parameter each."""


@dataclass(frozen=True)
class Form:
    """∫ coefficient(x) ∂_derived u ∂_tested v, or ∫ coefficient(x) ∂_tested v of a load; -1 stands for the
    function itself. `factors` are those of the parameters, None for one.
    """

    coefficient: Node
    tested: int
    derived: int
    factors: tuple[Node | None, ...]


@dataclass(frozen=True)
class WeakForms:
    """The forms B_q and the loads l_q; `dimension` is the number of coordinates of space."""

    forms: tuple[Form, ...]
    loads: tuple[Form, ...]
    dimension: int

    @classmethod
    def of(cls, problem: Problem, dimension: int) -> WeakForms:
        """Of the only equation of a problem; NotAffineError where it has none."""
        slopes, rest = _slopes(problem)
        count = len(problem.coordinates)
        index = [unit(i, count, 1) for i in range(dimension)]
        zero: Node = number(0.0)

        def slope(*along: int) -> Node:
            orders = tuple(sum(index[k][i] for k in along) for i in range(count))
            return slopes.pop(orders, zero)

        matrix = [[zero] * dimension for _ in range(dimension)]
        for i in range(dimension):
            for j in range(i, dimension):
                both = slope(i, j)
                shared = both if i == j else divide(both, number(2.0))
                matrix[i][j] = matrix[j][i] = shared
        parts = []
        for j in range(dimension):
            turned = [negate(differentiate(matrix[i][j], i)) for i in range(dimension)]
            parts.append((add(slope(j), *turned), -1, j))
            parts += [(negate(matrix[i][j]), i, j) for i in range(dimension)]
        parts.append((slope(), -1, -1))
        if slopes:
            raise NotAffineError("needs derivatives by space, at most second ones")
        forms = [form for part in parts for form in _split(*part, dimension, count)]
        loads = _split(negate(rest), -1, -1, dimension, count)
        return cls(tuple(forms), tuple(loads), dimension)


def _slopes(problem: Problem) -> tuple[dict[tuple[int, ...], Node], Node]:
    """The equation read with its jumps as functions: coefficients by index, and what is without u."""
    config = problem.config
    if sources(config.definitions):
        raise NotAffineError("needs an equation that is written out")
    scope = replace(Formulas.of_one(config).scope, edges=True, where="problem.equations")
    try:
        slopes, rest = linear_parts(parse_equation(config.equations[0], scope))
    except ValueError as error:
        raise NotAffineError(f"needs one linear equation, but {error}") from error
    return {jet.index: slope for jet, slope in slopes.items()}, rest


def _split(node: Node, tested: int, derived: int, dimension: int, count: int) -> list[Form]:
    """A coefficient as forms, those with the same factors of parameters in one."""
    by_factors: dict[tuple[Node | None, ...], list[Node]] = {}
    for factors, value in expanded(node).items():
        if any(_level(part) for part in postorder(factors)):
            raise NotAffineError("needs jumping coefficients under a divergence, div(k*grad(u))")
        in_space: list[Node] = [number(value)]
        along: list[list[Node]] = [[] for _ in range(count - dimension)]
        for factor in factors:
            present = depends_on(factor)
            if all(k < dimension for k in present):
                in_space.append(plain(factor))
            elif len(present) == 1:
                along[min(present) - dimension].append(plain(factor))
            else:
                raise NotAffineError("needs functions of space times functions of one parameter")
        key = tuple(multiply(*several) if several else None for several in along)
        by_factors.setdefault(key, []).append(multiply(*in_space))
    return [Form(add(*nodes), tested, derived, key) for key, nodes in by_factors.items()]


def expanded(node: Node) -> Mapping[Monomial, float]:
    """A formula as a sum of products of factors that are no sums, with their numbers; what cancels is
    left out.
    """
    largest: dict[Monomial, float] = {}
    result: dict[Monomial, float] = {}
    for factors, value in _monomials(node):
        result[factors] = result.get(factors, 0.0) + value
        largest[factors] = max(largest.get(factors, 0.0), abs(value))
    return {key: value for key, value in result.items() if abs(value) > 1e-14 * largest[key]}


def _monomials(node: Node) -> list[tuple[Monomial, float]]:
    match node:
        case Number(value=value):
            return [((), value)]
        case Add(args=terms):
            return [part for term in terms for part in _monomials(term)]
        case Mul(args=factors):
            return _products([_monomials(factor) for factor in factors])
        case Pow(base=Add() | Mul() as base, exponent=Number(value=power)):
            if power.is_integer() and 2 <= power <= HIGHEST_POWER:
                return _products([_monomials(base)] * int(power))
    return [((node,), 1.0)]


def _products(several: list[list[tuple[Monomial, float]]]) -> list[tuple[Monomial, float]]:
    result: list[tuple[Monomial, float]] = [((), 1.0)]
    for parts in several:
        if len(result) * len(parts) > MOST_TERMS:
            raise NotAffineError(f"needs formulas of at most {MOST_TERMS} terms")
        result = [(_joined(a, b), p * q) for a, p in result for b, q in parts]
    return result


def _joined(a: Monomial, b: Monomial) -> Monomial:
    """The factors of both; those that are 0 or 1 count once."""
    marks = {factor for factor in a if _is_mark(factor)}
    both = [*a, *(factor for factor in b if factor not in marks)]
    return tuple(sorted(both, key=lambda factor: factor.digest))


def _is_mark(node: Node) -> bool:
    """Whether a factor is edge(0, a)."""
    return isinstance(node, Call) and node.name == EDGE and node.args[0] == Number(0.0)


def _level(node: Node) -> int:
    """k of edge(k, a), 0 for anything else."""
    if isinstance(node, Call) and node.name == EDGE and isinstance(node.args[0], Number):
        return int(node.args[0].value)
    return 0
