"""What a formula can be: a scalar, a vector, a tensor, a condition, or a complex one of these."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from kanpde.expressions.comparisons import Condition
from kanpde.expressions.tree import FormulaError, Node

COMPARISON_ALONE = "a comparison stands only in where(condition, value, other); write where(..., 1, 0) for a number"


@dataclass(frozen=True)
class Vector:
    """Formulas as the components of a vector."""

    components: tuple[Node, ...]


@dataclass(frozen=True)
class Tensor(Vector):
    """The components of a square tensor, row by row."""


@dataclass(frozen=True)
class Complex:
    """A scalar or a vector with an imaginary part that is not 0, both of one kind."""

    real: Node | Vector
    imaginary: Node | Vector


Value = Node | Vector | Condition | Complex


def as_scalar(value: Value, role: str) -> Node:
    """The value that `role` asks for, or a FormulaError that says what it is."""
    if isinstance(value, Condition):
        raise FormulaError(COMPARISON_ALONE)
    if isinstance(value, Complex):
        raise FormulaError(f"{role} must be real, found a complex value; take re(...) or abs(...)")
    if isinstance(value, Vector):
        kind = "tensor" if isinstance(value, Tensor) else "vector"
        raise FormulaError(
            f"{role} must be a scalar, found a {kind} with {len(value.components)} components"
        )
    return value


def as_vector(value: Value, role: str) -> tuple[Node, ...]:
    """The components of what `role` asks for, or a FormulaError."""
    refuse_conditions((value,))
    if isinstance(value, Tensor):
        raise FormulaError(f"{role} must be a vector such as grad(u) or [u, v], found a tensor")
    if isinstance(value, Vector):
        return value.components
    raise FormulaError(f"{role} must be a vector such as grad(u) or [u, v], found a scalar")


def mapped(value: Value, function: Callable[[Node], Node]) -> Value:
    """The function of a scalar, or of every component."""
    if isinstance(value, Vector):
        return replace(value, components=tuple(map(function, value.components)))
    return function(as_scalar(value, "the argument"))


def refuse_conditions(values: Sequence[Value]) -> None:
    """FormulaError where a comparison stands among the values."""
    if any(isinstance(value, Condition) for value in values):
        raise FormulaError(COMPARISON_ALONE)
