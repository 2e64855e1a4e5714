"""Square tensors of formulas: T_ij stands at i d + j of the components.

grad v = (∂_j v_i) · div T = (Σ_j ∂_j T_ij) · sym T = (T + Tᵀ)/2 · dot(S, T) = Σ S_ij T_ij, dot(T, a) = T a
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from kanpde.expressions.simplify import MINUS_ONE, ONE, ZERO, add, multiply, number, power
from kanpde.expressions.tree import Node

Rows = Sequence[Sequence[Node]]

HALF = number(0.5)


def rows_of(components: Sequence[Node]) -> list[list[Node]]:
    """The rows of a square tensor."""
    d = math.isqrt(len(components))
    return [list(components[i * d : (i + 1) * d]) for i in range(d)]


def flat(rows: Rows) -> tuple[Node, ...]:
    """The components of rows."""
    return tuple(node for row in rows for node in row)


def identity(d: int) -> tuple[Node, ...]:
    """1 on the diagonal."""
    return tuple(ONE if i == j else ZERO for i in range(d) for j in range(d))


def transpose(rows: Rows) -> tuple[Node, ...]:
    """T_ji."""
    return flat(list(zip(*rows, strict=True)))


def sym(rows: Rows) -> tuple[Node, ...]:
    """(T + Tᵀ)/2."""
    pairs = zip(flat(rows), transpose(rows), strict=True)
    return tuple(multiply(HALF, add(a, b)) for a, b in pairs)


def trace(rows: Rows) -> Node:
    """Σ T_ii."""
    return add(*(row[i] for i, row in enumerate(rows)))


def det(rows: Rows) -> Node:
    """By its first row."""
    if len(rows) == 1:
        return rows[0][0]
    terms = [multiply(rows[0][j], _cofactor(rows, 0, j)) for j in range(len(rows))]
    return add(*terms)


def inv(rows: Rows) -> tuple[Node, ...]:
    """T⁻¹ by cofactors."""
    share, d = power(det(rows), MINUS_ONE), range(len(rows))
    return tuple(multiply(share, _cofactor(rows, j, i)) for i in d for j in d)


def matmul(left: Rows, right: Rows) -> tuple[Node, ...]:
    """Σ_k S_ik T_kj."""
    columns = list(zip(*right, strict=True))
    return tuple(_dot(row, column) for row in left for column in columns)


def times_vector(rows: Rows, vector: Sequence[Node]) -> tuple[Node, ...]:
    """Σ_j T_ij a_j."""
    return tuple(_dot(row, vector) for row in rows)


def _dot(left: Sequence[Node], right: Sequence[Node]) -> Node:
    return add(*(multiply(a, b) for a, b in zip(left, right, strict=True)))


def _cofactor(rows: Rows, i: int, j: int) -> Node:
    minor = [[*row[:j], *row[j + 1 :]] for k, row in enumerate(rows) if k != i]
    value = det(minor) if minor else ONE
    return multiply(MINUS_ONE, value) if (i + j) % 2 else value


OF_ONE: dict[str, Callable[[Rows], tuple[Node, ...] | Node]] = {
    "sym": sym, "trace": trace, "transpose": transpose, "det": det, "inv": inv,
}  # fmt: skip
