"""Arithmetic and differential operators on scalars and vectors of formulas.

With space coordinates x_1 ... x_s (time excluded) and outward normal n: grad e = (D_1 e, ..., D_s
e) · div v = Σ D_i v_i · laplacian e = Σ D_i D_i e · dn e = Σ n_i D_i e · dot(a, b) = Σ a_i b_i.
Every D_i is a total derivative, so operators apply to any expression; laplacian, dn and the
derivatives by a coordinate act on a vector by components. What cannot be done is a FormulaError.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kanpde.expressions.calculus import MAX_ORDER, Meter, derive, total
from kanpde.expressions.scope import Scope
from kanpde.expressions.simplify import MINUS_ONE, add, call, divide, multiply, power, square_root
from kanpde.expressions.tree import Coordinate, FormulaError, Node, Normal, Number, Pow
from kanpde.names import FUNCTIONS

MAX_EXPONENT = 100
"""Largest magnitude of a constant exponent."""


@dataclass(frozen=True)
class Vector:
    """Formulas as the components of a vector."""

    components: tuple[Node, ...]


Value = Node | Vector


def _scalar(value: Value, role: str) -> Node:
    if isinstance(value, Vector):
        raise FormulaError(
            f"{role} must be a scalar, found a vector with {len(value.components)} components"
        )
    return value


def _vector(value: Value, role: str) -> tuple[Node, ...]:
    if isinstance(value, Vector):
        return value.components
    raise FormulaError(f"{role} must be a vector such as grad(u) or [u, v], found a scalar")


def _map(value: Value, function: Callable[[Node], Node]) -> Value:
    if isinstance(value, Vector):
        return Vector(tuple(map(function, value.components)))
    return function(value)


class Operators:
    """The operators of one parse: they share the derivatives computed so far and one budget of
    work.
    """

    def __init__(self, scope: Scope, meter: Meter) -> None:
        self._scope = scope
        self._meter = meter
        self._memos: dict[tuple[int, bool], dict[Node, Node]] = {}
        self._table: dict[str, tuple[int, Callable[..., Value]]] = {
            "grad": (1, self._gradient),
            "div": (1, self._divergence),
            "laplacian": (1, self._laplacian),
            "dn": (1, self._normal_derivative),
            "dot": (2, self._dot),
        }

    def sum(self, values: Sequence[Value]) -> Value:
        """The sum of scalars, or of vectors of one length."""
        vectors = [value for value in values if isinstance(value, Vector)]
        if not vectors:
            return self._add([value for value in values if isinstance(value, Node)])
        lengths = sorted({len(vector.components) for vector in vectors})
        if len(vectors) < len(values):
            raise FormulaError("a vector and a scalar cannot be added or subtracted")
        if len(lengths) > 1:
            raise FormulaError(
                f"vectors with {lengths[0]} and {lengths[1]} components cannot be added or"
                f" subtracted"
            )
        components = zip(*(vector.components for vector in vectors), strict=True)
        return Vector(tuple(map(self._add, components)))

    def product(self, values: Sequence[Value]) -> Value:
        """The product of scalars and at most one vector."""
        scalars = [value for value in values if isinstance(value, Node)]
        vectors = [value for value in values if isinstance(value, Vector)]
        if len(vectors) > 1:
            raise FormulaError("vector * vector is not defined; use dot(a, b)")
        if not vectors:
            return self._multiply(scalars)
        (vector,) = vectors
        return Vector(tuple(self._multiply([*scalars, part]) for part in vector.components))

    def difference(self, left: Value, right: Value) -> Value:
        """left − right, scalars or vectors of one length."""
        return self.sum((left, self.product((MINUS_ONE, right))))

    def quotient(self, top: Number, bottom: Number) -> Node:
        """top / bottom of two constants, rounded once."""
        return divide(top, bottom)

    def inverse(self, value: Value) -> Node:
        """1 / value."""
        return power(_scalar(value, "a divisor"), MINUS_ONE)

    def power(self, base: Value, exponent: Value) -> Node:
        """base ** exponent; a constant exponent is at most 100 in magnitude."""
        base, exponent = _scalar(base, "the base of '**'"), _scalar(exponent, "an exponent")
        self._limit_exponent(exponent)
        result = power(base, exponent)
        if isinstance(result, Pow):
            self._limit_exponent(result.exponent)
        return result

    def apply(self, name: str, args: Sequence[Value]) -> Value:
        """The function or operator `name`, known to the scope, of the arguments."""
        if name in FUNCTIONS:
            self._count(name, args, 2 if name == "atan2" else 1)
            scalars = [_scalar(arg, f"the argument of '{name}'") for arg in args]
            return square_root(scalars[0]) if name == "sqrt" else call(name, *scalars)
        if name == "d":
            return self._general(args)
        if name in self._table:
            expected, function = self._table[name]
            self._count(name, args, expected)
            return function(*args)
        self._count(name, args, 1)
        (value,) = args
        coordinates = [self._scope.coordinates.index(letter) for letter in name[1:]]
        return self._along(value, coordinates)

    def _limit_exponent(self, exponent: Node) -> None:
        if isinstance(exponent, Number) and abs(exponent.value) > MAX_EXPONENT:
            raise FormulaError(
                f"the exponent {exponent.value:g} is too large (limit {MAX_EXPONENT})"
            )

    def _count(self, name: str, args: Sequence[Value], expected: int) -> None:
        if len(args) != expected:
            plural = "argument" if expected == 1 else "arguments"
            raise FormulaError(f"'{name}' takes {expected} {plural}, found {len(args)}")

    def _add(self, terms: Sequence[Node]) -> Node:
        self._meter.charge(terms)
        return add(*terms)

    def _multiply(self, factors: Sequence[Node]) -> Node:
        self._meter.charge(factors)
        return multiply(*factors)

    def _derive(self, node: Node, coordinate: int, frozen_normal: bool = False) -> Node:
        memo = self._memos.setdefault((coordinate, frozen_normal), {})
        return derive(node, total(coordinate, frozen_normal), memo, self._meter)

    def _along(self, value: Value, coordinates: Sequence[int]) -> Value:
        def repeated(node: Node) -> Node:
            for coordinate in coordinates:
                node = self._derive(node, coordinate)
            return node

        return _map(value, repeated)

    def _general(self, args: Sequence[Value]) -> Value:
        if not 2 <= len(args) <= 1 + MAX_ORDER:
            raise FormulaError(
                f"'d' takes an expression and 1 to {MAX_ORDER} coordinates, as in d(u, x, x)"
            )
        value, *coordinates = args
        names = ", ".join(self._scope.coordinates)
        known = range(self._scope.dimension)  # columns of data are numbered after the coordinates
        indices = [
            arg.index for arg in coordinates if isinstance(arg, Coordinate) and arg.index in known
        ]
        if len(indices) < len(coordinates):
            raise FormulaError(
                f"'d' differentiates by coordinates, which are {names}, as in d(u, x, x)"
            )
        return self._along(value, indices)

    def _gradient(self, value: Value) -> Value:
        node = _scalar(value, "the argument of 'grad'")
        return Vector(tuple(self._derive(node, i) for i in self._scope.spatial))

    def _divergence(self, value: Value) -> Value:
        components = _vector(value, "the argument of 'div'")
        if len(components) != len(self._scope.spatial):
            raise FormulaError(
                f"'div' needs a vector with {len(self._scope.spatial)} components, one per space"
                f" coordinate, found {len(components)}"
            )
        return self._add([self._derive(part, i) for i, part in enumerate(components)])

    def _laplacian(self, value: Value) -> Value:
        def scalar(node: Node) -> Node:
            return self._add([self._derive(self._derive(node, i), i) for i in self._scope.spatial])

        return _map(value, scalar)

    def _normal_derivative(self, value: Value) -> Value:
        if not self._scope.normal:
            raise FormulaError(
                "'dn' is only defined on boundary parts, where there is an outward normal"
            )

        def scalar(node: Node) -> Node:
            # (n·∇)n = 0 for the extension of n along itself, so n is held fixed.
            terms = []
            for i in self._scope.spatial:
                slope = self._derive(node, i, frozen_normal=True)
                terms.append(self._multiply((Normal(i), slope)))
            return self._add(terms)

        return _map(value, scalar)

    def _dot(self, left: Value, right: Value) -> Value:
        a = _vector(left, "the first argument of 'dot'")
        b = _vector(right, "the second argument of 'dot'")
        if len(a) != len(b):
            raise FormulaError(
                f"'dot' needs vectors of one length, found {len(a)} and {len(b)} components"
            )
        return self._add([self._multiply(pair) for pair in zip(a, b, strict=True)])
