"""Sums of products of functions of one coordinate each as a chain of few ranks, found from the formula.

    Σ_t c_t Π_k f_{t,k}(x_k)

Before coordinate k every term is in a state, the part of the sum that its factors so far belong to,
and still has a rest, its factors from k on. States and rests make a bipartite graph whose edges
carry the numbers c; with every coordinate the states are multiplied by its factors, and the smallest
set of states and rests that touches all edges gives the next states: a state that is kept holds all
its rests, a rest that is kept sums all states that it has. Σ_i f_i Π_{j≠i} g_j needs two, whatever
the number of coordinates, where adding its d terms would take d. Source: Ren, Li, Jiang & Shuai, A
general automatic method for optimal construction of matrix product operators using bipartite graph
theory, J. Chem. Phys. 153 (2020), 084118.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import maximum_bipartite_matching

from kanpde.expressions import Add, Coordinate, Mul, Node, Number, multiply
from kanpde.expressions.tree import postorder
from kanpde.products.chains import Array, Chain

Edges = dict[tuple[int, int], float]
"""The number of every pair of a state and a rest."""

Row = tuple[int, Node | None]
"""A state and the factor that it is multiplied with, None for one."""


@cache
def depends_on(node: Node) -> frozenset[int]:
    """The coordinates in a formula."""
    return frozenset(part.index for part in postorder((node,)) if isinstance(part, Coordinate))


@dataclass(frozen=True)
class Step:
    """One coordinate of a chain: (state before, factor, state after, number)."""

    states: int
    entries: tuple[tuple[int, Node | None, int, float], ...]


def is_product(node: Node) -> bool:
    """Whether a formula is a product of functions of one coordinate each."""
    return isinstance(node, Mul) and all(len(depends_on(factor)) <= 1 for factor in node.args)


def terms_of(node: Node) -> tuple[Node, ...]:
    """The terms of a sum or of a number times a sum."""
    match node:
        case Add(args=terms):
            return terms
        case Mul(args=(Number() as factor, Add(args=terms))):
            return tuple(multiply(factor, term) for term in terms)
    return (node,)


@lru_cache(maxsize=64)
def steps(terms: tuple[Node, ...], dimension: int) -> tuple[Step, ...]:
    """The chain of a sum of one or more products of functions of one coordinate."""
    split = [_split(term, dimension) for term in terms]
    rests = _rests(split, dimension)
    edges: Edges = {}
    for (number, _), rest in zip(split, rests.first, strict=True):
        edges[0, rest] = edges.get((0, rest), 0.0) + number
    result = []
    for _ in range(dimension - 1):
        step, edges = _step(edges, rests)
        result.append(step)
    last = tuple((state, rests.known[rest][0], 0, c) for (state, rest), c in edges.items())
    return (*result, Step(1, last))


def chain_of(
    terms: tuple[Node, ...],
    dimension: int,
    sizes: Sequence[int],
    along: Callable[[int, Node], Array],
) -> Chain:
    """The values of a sum of products at products of points; `along` gives those of a function of
    one coordinate, (sizes[k],).
    """
    cores, before = [], 1
    for axis, step in enumerate(steps(terms, dimension)):
        known = {factor: along(axis, factor) for _, factor, _, _ in step.entries if factor}
        core = np.zeros((before, sizes[axis], step.states))
        for state, factor, after, number in step.entries:
            core[state, :, after] += number if factor is None else number * known[factor]
        cores.append(core)
        before = step.states
    return cores


def _split(term: Node, dimension: int) -> tuple[float, list[Node | None]]:
    """The number of a product and its factors by coordinate."""
    factors = term.args if isinstance(term, Mul) else (term,)
    number = 1.0
    by_axis: list[list[Node]] = [[] for _ in range(dimension)]
    for factor in factors:
        if isinstance(factor, Number):
            number *= factor.value
        else:
            by_axis[min(depends_on(factor), default=0)].append(factor)
    return number, [multiply(*several) if several else None for several in by_axis]


@dataclass(frozen=True)
class _Rests:
    """The rests of all terms: what each begins with and the rest behind it."""

    first: list[int]
    known: list[tuple[Node | None, int]]


def _rests(split: Sequence[tuple[float, list[Node | None]]], dimension: int) -> _Rests:
    """The rests of all terms before the first coordinate; equal ones have one number."""
    numbers: dict[tuple[int, Node | None, int], int] = {}
    known: list[tuple[Node | None, int]] = []
    first = []
    for _, factors in split:
        rest = -1
        for axis in range(dimension - 1, -1, -1):
            key = (axis, factors[axis], rest)
            if key not in numbers:
                numbers[key] = len(known)
                known.append((factors[axis], rest))
            rest = numbers[key]
        first.append(rest)
    return _Rests(first, known)


def _step(edges: Edges, rests: _Rests) -> tuple[Step, Edges]:
    """The states behind the next coordinate, and the edges to the rests there."""
    grown: dict[tuple[Row, int], float] = {}
    for (state, rest), number in edges.items():
        factor, behind = rests.known[rest]
        key = ((state, factor), behind)
        grown[key] = grown.get(key, 0.0) + number
    kept = _kept(list(grown))
    numbers: dict[tuple[Row | None, int | None], int] = {}
    entries: dict[tuple[int, Node | None, int, float], None] = {}
    ahead: Edges = {}
    for (row, rest), number in grown.items():
        if row in kept:
            after = numbers.setdefault((row, None), len(numbers))
            entries[*row, after, 1.0] = None
            ahead[after, rest] = number
        else:
            after = numbers.setdefault((None, rest), len(numbers))
            entries[*row, after, number] = None
            ahead[after, rest] = 1.0
    return Step(len(numbers), tuple(entries)), ahead


def _kept(pairs: Sequence[tuple[Row, int]]) -> set[Row]:
    """The rows among the fewest rows and rests that touch all pairs."""
    rows = {row: k for k, row in enumerate(dict.fromkeys(row for row, _ in pairs))}
    columns = {rest: k for k, rest in enumerate(dict.fromkeys(rest for _, rest in pairs))}
    places = ([rows[row] for row, _ in pairs], [columns[rest] for _, rest in pairs])
    graph = csr_matrix((np.ones(len(pairs)), places), shape=(len(rows), len(columns)))
    cover = _covering_rows(graph)
    return {row for row, k in rows.items() if cover[k]}


def _covering_rows(graph: csr_matrix) -> Array:
    """The rows in the smallest set of rows and columns that touches every entry, by König's theorem:
    those that no alternating path reaches from a row without a partner.
    """
    partner_of_row = maximum_bipartite_matching(graph, perm_type="column")
    partner_of_column = np.full(graph.shape[1], -1)
    matched = np.flatnonzero(partner_of_row >= 0)
    partner_of_column[partner_of_row[matched]] = matched
    reached = partner_of_row < 0
    waiting = list(np.flatnonzero(reached))
    while waiting:
        row = waiting.pop()
        partners = partner_of_column[graph.indices[graph.indptr[row] : graph.indptr[row + 1]]]
        for partner in partners[partners >= 0]:
            if not reached[partner]:
                reached[partner] = True
                waiting.append(partner)
    return np.asarray(~reached)
