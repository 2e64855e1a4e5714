"""Arithmetic and differential operators on scalars and vectors of formulas.

With space coordinates x_1 ... x_s (time excluded) and outward normal n: grad e = (D_1 e, ..., D_s
e) · div v = Σ D_i v_i · curl v · laplacian e = Σ D_i D_i e · dn e = Σ n_i D_i e · dot(a, b) = Σ a_i b_i.
Every D_i is a total derivative, so operators apply to any expression; laplacian, dn and the
derivatives by a coordinate act on a vector by components. What cannot be done is a FormulaError.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from kanpde.expressions.calculus import MAX_ORDER, Meter, derive, jets, total
from kanpde.expressions.comparisons import (
    Condition,
    Edge,
    compared,
    heaviside,
    largest,
    least,
)
from kanpde.expressions.scope import Scope
from kanpde.expressions.simplify import (
    MINUS_ONE,
    ONE,
    add,
    call,
    divide,
    multiply,
    negate,
    power,
    square_root,
)
from kanpde.expressions.tree import Coordinate, FormulaError, Node, Normal, Number, Pow
from kanpde.names import FUNCTIONS, LETTERS

MAX_EXPONENT = 100
"""Largest magnitude of a constant exponent."""

MAX_BESSEL = 100
"""Highest order of a Bessel function."""

COMPARISON_ALONE = "a comparison stands only in where(condition, value, other); write where(..., 1, 0) for a number"


_PLAIN = ("sign", "erf", "erfc", "gamma", "lgamma")


@dataclass(frozen=True)
class Vector:
    """Formulas as the components of a vector."""

    components: tuple[Node, ...]


@dataclass(frozen=True)
class Complex:
    """A scalar or a vector with an imaginary part that is not 0, both of one kind."""

    real: Node | Vector
    imaginary: Node | Vector


Value = Node | Vector | Condition | Complex


def _scalar(value: Value, role: str) -> Node:
    if isinstance(value, Condition):
        raise FormulaError(COMPARISON_ALONE)
    if isinstance(value, Complex):
        raise FormulaError(f"{role} must be real, found a complex value; take re(...) or abs(...)")
    if isinstance(value, Vector):
        raise FormulaError(
            f"{role} must be a scalar, found a vector with {len(value.components)} components"
        )
    return value


def _vector(value: Value, role: str) -> tuple[Node, ...]:
    _refuse_conditions((value,))
    if isinstance(value, Vector):
        return value.components
    raise FormulaError(f"{role} must be a vector such as grad(u) or [u, v], found a scalar")


def _map(value: Value, function: Callable[[Node], Node]) -> Value:
    if isinstance(value, Vector):
        return Vector(tuple(map(function, value.components)))
    return function(_scalar(value, "the argument"))


def _refuse_conditions(values: Sequence[Value]) -> None:
    if any(isinstance(value, Condition) for value in values):
        raise FormulaError(COMPARISON_ALONE)


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
            "curl": (1, self._curl),
            "where": (3, self._where),
            "besselj": (2, self._bessel),
            "heaviside": (1, self._heaviside),
            **{name: (1, partial(self._called, name)) for name in _PLAIN},
        }
        self._lists = {"max": largest, "min": least}

    def sum(self, values: Sequence[Value]) -> Value:
        """The sum of scalars, or of vectors of one length."""
        _refuse_conditions(values)
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
        _refuse_conditions(values)
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
        if name in self._lists:
            return self._extreme(name, args)
        if name in self._table:
            expected, function = self._table[name]
            self._count(name, args, expected)
            return function(*args)
        self._count(name, args, 1)
        (value,) = args
        coordinates = [self._scope.coordinates.index(letter) for letter in name[1:]]
        return self._along(value, coordinates)

    def compared(self, sign: str, left: Value, right: Value) -> Condition:
        """left `sign` right, of two scalars."""
        sides = (_scalar(left, "a side of a comparison"), _scalar(right, "a side of a comparison"))
        self._meter.charge(sides)
        comparison = compared(sign, *sides)
        return Edge(comparison.test) if self._has_edge(comparison.test) else comparison

    def _has_edge(self, test: Node) -> bool:
        return self._scope.edges and not jets(test)

    def normal(self, name: str) -> Node:
        """nx, ny, nz; and in the plane the tangent (tx, ty) = (-ny, nx)."""
        if not self._scope.normal:
            raise FormulaError(
                f"'{name}' is only defined on boundary parts, where there is an outward normal"
            )
        axis = LETTERS.index(name[1])
        if name[0] == "n":
            return Normal(axis)
        return negate(Normal(1)) if axis == 0 else Normal(0)

    def _extreme(self, name: str, args: Sequence[Value]) -> Node:
        if len(args) < 2:
            raise FormulaError(f"'{name}' takes two arguments or more, found {len(args)}")
        scalars = [_scalar(arg, f"the argument of '{name}'") for arg in args]
        self._meter.charge(scalars)
        return self._lists[name](scalars)

    def _called(self, name: str, value: Value) -> Node:
        node = _scalar(value, f"the argument of '{name}'")
        if name == "sign" and self._has_edge(node):
            return Edge(node).choose(ONE, MINUS_ONE)
        return call(name, node)

    def _heaviside(self, value: Value) -> Node:
        node = _scalar(value, "the argument")
        return Edge(node).mark() if self._has_edge(node) else heaviside(node)

    def _where(self, test: Value, positive: Value, other: Value) -> Value:
        if not isinstance(test, Condition):
            raise FormulaError(
                "'where' takes a comparison, then the value where it holds and the value elsewhere,"
                " as in where(x < 0.5, 1, 0)"
            )
        _refuse_conditions((positive, other))
        if not isinstance(positive, Vector) and not isinstance(other, Vector):
            return test.choose(
                _scalar(positive, "a value of 'where'"), _scalar(other, "a value of 'where'")
            )
        pairs = (
            _vector(positive, "each value of 'where'"),
            _vector(other, "each value of 'where'"),
        )
        if len(pairs[0]) != len(pairs[1]):
            raise FormulaError("'where' needs two values of one kind, found two lengths of vectors")
        return Vector(tuple(test.choose(a, b) for a, b in zip(*pairs, strict=True)))

    def _bessel(self, order: Value, value: Value) -> Node:
        index = _scalar(order, "the order of 'besselj'")
        if not isinstance(index, Number) or not index.value.is_integer() or index.value < 0:
            raise FormulaError(
                "'besselj' takes an integer order and an argument, as in besselj(0, x)"
            )
        if index.value > MAX_BESSEL:
            raise FormulaError(f"'besselj' takes orders up to {MAX_BESSEL}, found {index.value:g}")
        return call("besselj", index, _scalar(value, "the argument of 'besselj'"))

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

    def _curl(self, value: Value) -> Value:
        """∂_x b - ∂_y a of [a, b] in the plane, a vector in space."""
        v = _vector(value, "the argument of 'curl'")
        if len(v) != len(self._scope.spatial) or len(v) not in (2, 3):
            raise FormulaError(
                f"'curl' needs a vector with one component per space coordinate, in 2 or 3 of them,"
                f" found {len(v)} in {len(self._scope.spatial)}"
            )

        def turned(i: int, j: int) -> Node:
            return self._add([self._derive(v[j], i), negate(self._derive(v[i], j))])

        return turned(0, 1) if len(v) == 2 else Vector((turned(1, 2), turned(2, 0), turned(0, 1)))

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
