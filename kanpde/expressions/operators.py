"""Arithmetic and differential operators on scalars and vectors of formulas.

With space coordinates x_1 ... x_s (time excluded) and outward normal n: grad e = (D_1 e, ..., D_s
e) · div v = Σ D_i v_i · curl v · laplacian e = Σ D_i D_i e · dn e = Σ n_i D_i e · dot(a, b) = Σ a_i b_i.
Every D_i is a total derivative, so operators apply to any expression; laplacian, dn and the
derivatives by a coordinate act on a vector by components. What cannot be done is a FormulaError.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from kanpde.expressions import tensors
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
from kanpde.expressions.values import (
    Tensor,
    Value,
    Vector,
    as_scalar,
    as_vector,
    mapped,
    refuse_conditions,
)
from kanpde.names import FUNCTIONS, LETTERS

MAX_EXPONENT = 100
"""Largest magnitude of a constant exponent."""

MAX_BESSEL = 100
"""Highest order of a Bessel function."""

_PLAIN = ("sign", "erf", "erfc", "gamma", "lgamma")


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
            "matmul": (2, self._matmul),
            **{name: (1, partial(self._of_tensor, name)) for name in tensors.OF_ONE},
            "curl": (1, self._curl),
            "where": (3, self._where),
            "besselj": (2, self._bessel),
            "heaviside": (1, self._heaviside),
            **{name: (1, partial(self._called, name)) for name in _PLAIN},
        }
        self._lists = {"max": largest, "min": least}

    def sum(self, values: Sequence[Value]) -> Value:
        """The sum of scalars, or of vectors of one length."""
        refuse_conditions(values)
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
        if len({type(vector) for vector in vectors}) > 1:
            raise FormulaError("a vector and a tensor cannot be added or subtracted")
        components = zip(*(vector.components for vector in vectors), strict=True)
        return replace(vectors[0], components=tuple(map(self._add, components)))

    def product(self, values: Sequence[Value]) -> Value:
        """The product of scalars and at most one vector."""
        refuse_conditions(values)
        scalars = [value for value in values if isinstance(value, Node)]
        vectors = [value for value in values if isinstance(value, Vector)]
        if len(vectors) > 1:
            tensors_alone = all(isinstance(vector, Tensor) for vector in vectors)
            hint = "matmul(A, B) or dot(A, B)" if tensors_alone else "dot(a, b)"
            raise FormulaError(f"vector * vector is not defined; use {hint}")
        if not vectors:
            return self._multiply(scalars)
        (vector,) = vectors
        parts = (self._multiply([*scalars, part]) for part in vector.components)
        return replace(vector, components=tuple(parts))

    def difference(self, left: Value, right: Value) -> Value:
        """left − right, scalars or vectors of one length."""
        return self.sum((left, self.product((MINUS_ONE, right))))

    def quotient(self, top: Number, bottom: Number) -> Node:
        """top / bottom of two constants, rounded once."""
        return divide(top, bottom)

    def inverse(self, value: Value) -> Node:
        """1 / value."""
        return power(as_scalar(value, "a divisor"), MINUS_ONE)

    def power(self, base: Value, exponent: Value) -> Node:
        """base ** exponent; a constant exponent is at most 100 in magnitude."""
        base, exponent = as_scalar(base, "the base of '**'"), as_scalar(exponent, "an exponent")
        self._limit_exponent(exponent)
        result = power(base, exponent)
        if isinstance(result, Pow):
            self._limit_exponent(result.exponent)
        return result

    def apply(self, name: str, args: Sequence[Value]) -> Value:
        """The function or operator `name`, known to the scope, of the arguments."""
        if name in FUNCTIONS:
            self._count(name, args, 2 if name == "atan2" else 1)
            scalars = [as_scalar(arg, f"the argument of '{name}'") for arg in args]
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
        sides = (
            as_scalar(left, "a side of a comparison"),
            as_scalar(right, "a side of a comparison"),
        )
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
        scalars = [as_scalar(arg, f"the argument of '{name}'") for arg in args]
        self._meter.charge(scalars)
        return self._lists[name](scalars)

    def _called(self, name: str, value: Value) -> Node:
        node = as_scalar(value, f"the argument of '{name}'")
        if name == "sign" and self._has_edge(node):
            return Edge(node).choose(ONE, MINUS_ONE)
        return call(name, node)

    def _heaviside(self, value: Value) -> Node:
        node = as_scalar(value, "the argument")
        return Edge(node).mark() if self._has_edge(node) else heaviside(node)

    def _where(self, test: Value, positive: Value, other: Value) -> Value:
        if not isinstance(test, Condition):
            raise FormulaError(
                "'where' takes a comparison, then the value where it holds and the value elsewhere,"
                " as in where(x < 0.5, 1, 0)"
            )
        refuse_conditions((positive, other))
        if not isinstance(positive, Vector) and not isinstance(other, Vector):
            return test.choose(
                as_scalar(positive, "a value of 'where'"), as_scalar(other, "a value of 'where'")
            )
        pairs = (
            as_vector(positive, "each value of 'where'"),
            as_vector(other, "each value of 'where'"),
        )
        if len(pairs[0]) != len(pairs[1]):
            raise FormulaError("'where' needs two values of one kind, found two lengths of vectors")
        return Vector(tuple(test.choose(a, b) for a, b in zip(*pairs, strict=True)))

    def _bessel(self, order: Value, value: Value) -> Node:
        index = as_scalar(order, "the order of 'besselj'")
        if not isinstance(index, Number) or not index.value.is_integer() or index.value < 0:
            raise FormulaError(
                "'besselj' takes an integer order and an argument, as in besselj(0, x)"
            )
        if index.value > MAX_BESSEL:
            raise FormulaError(f"'besselj' takes orders up to {MAX_BESSEL}, found {index.value:g}")
        return call("besselj", index, as_scalar(value, "the argument of 'besselj'"))

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

        return mapped(value, repeated)

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
        if isinstance(value, Vector) and not isinstance(value, Tensor):
            self._refuse_metric("'grad' of a vector")
            slopes = [
                self._derive(part, i) for part in value.components for i in self._scope.spatial
            ]
            if len(value.components) != len(self._scope.spatial):
                raise FormulaError(
                    f"'grad' of a vector needs {len(self._scope.spatial)} components, one per space"
                    f" coordinate, found {len(value.components)}"
                )
            return Tensor(tuple(slopes))
        node = as_scalar(value, "the argument of 'grad'")
        return Vector(tuple(self._slope(node, i) for i in self._scope.spatial))

    def _slope(self, node: Node, axis: int, frozen_normal: bool = False) -> Node:
        """D_i e / h_i."""
        slope = self._derive(node, axis, frozen_normal)
        metric = self._scope.metric
        return self._multiply((slope, power(metric[axis], MINUS_ONE))) if metric else slope

    def _curl(self, value: Value) -> Value:
        """∂_x b - ∂_y a of [a, b] in the plane, a vector in space."""
        v = as_vector(value, "the argument of 'curl'")
        self._refuse_metric("'curl'")
        if len(v) != len(self._scope.spatial) or len(v) not in (2, 3):
            raise FormulaError(
                f"'curl' needs a vector with one component per space coordinate, in 2 or 3 of them,"
                f" found {len(v)} in {len(self._scope.spatial)}"
            )

        def turned(i: int, j: int) -> Node:
            return self._add([self._derive(v[j], i), negate(self._derive(v[i], j))])

        return turned(0, 1) if len(v) == 2 else Vector((turned(1, 2), turned(2, 0), turned(0, 1)))

    def _divergence(self, value: Value) -> Value:
        if isinstance(value, Tensor):
            self._refuse_metric("'div' of a tensor")
            return Vector(tuple(map(self._diverge, tensors.rows_of(value.components))))
        components = as_vector(value, "the argument of 'div'")
        if len(components) != len(self._scope.spatial):
            raise FormulaError(
                f"'div' needs a vector with {len(self._scope.spatial)} components, one per space"
                f" coordinate, found {len(components)}"
            )
        return self._diverge(components)

    def _diverge(self, components: Sequence[Node]) -> Node:
        """1/J Σ D_i (J v_i / h_i)."""
        metric = self._scope.metric
        if not metric:
            return self._add([self._derive(part, i) for i, part in enumerate(components)])
        volume = self._multiply(metric)
        terms = []
        for i, part in enumerate(components):
            face = self._multiply((volume, power(metric[i], MINUS_ONE), part))
            terms.append(self._derive(face, i))
        return self._multiply((power(volume, MINUS_ONE), self._add(terms)))

    def _refuse_metric(self, what: str) -> None:
        if self._scope.metric:
            raise FormulaError(f"{what} does not go with a metric; write it by components")

    def _laplacian(self, value: Value) -> Value:
        if isinstance(value, Vector):
            self._refuse_metric("'laplacian' of a vector")

        def scalar(node: Node) -> Node:
            if self._scope.metric:
                return self._diverge([self._slope(node, i) for i in self._scope.spatial])
            return self._add([self._derive(self._derive(node, i), i) for i in self._scope.spatial])

        return mapped(value, scalar)

    def _normal_derivative(self, value: Value) -> Value:
        if not self._scope.normal:
            raise FormulaError(
                "'dn' is only defined on boundary parts, where there is an outward normal"
            )

        def scalar(node: Node) -> Node:
            # (n·∇)n = 0 for the extension of n along itself, so n is held fixed.
            terms = []
            for i in self._scope.spatial:
                slope = self._slope(node, i, frozen_normal=True)
                terms.append(self._multiply((Normal(i), slope)))
            return self._add(terms)

        return mapped(value, scalar)

    def identity(self) -> Tensor:
        """1 on the diagonal, in the coordinates of space."""
        return Tensor(tensors.identity(len(self._scope.spatial)))

    def tensor(self, rows: Sequence[Vector]) -> Tensor | None:
        """[[a, b], [c, d]] of as many vectors as components, None where it is not square."""
        square = all(len(row.components) == len(rows) for row in rows)
        return Tensor(tensors.flat([row.components for row in rows])) if square else None

    def _of_tensor(self, name: str, value: Value) -> Value:
        result = tensors.OF_ONE[name](self._rows(name, value))
        self._meter.charge([result] if isinstance(result, Node) else result)
        return result if isinstance(result, Node) else Tensor(result)

    def _matmul(self, left: Value, right: Value) -> Value:
        a, b = self._rows("matmul", left), self._rows("matmul", right)
        if len(a) != len(b):
            raise FormulaError(f"'matmul' needs tensors of one size, found {len(a)} and {len(b)}")
        product = tensors.matmul(a, b)
        self._meter.charge(product)
        return Tensor(product)

    def _rows(self, name: str, value: Value) -> list[list[Node]]:
        if not isinstance(value, Tensor):
            raise FormulaError(f"'{name}' takes a tensor such as grad([u, v]) or [[a, b], [c, d]]")
        return tensors.rows_of(value.components)

    def _dot(self, left: Value, right: Value) -> Value:
        if isinstance(left, Tensor) and isinstance(right, Vector) and not isinstance(right, Tensor):
            rows = tensors.rows_of(left.components)
            if len(rows) == len(right.components):
                return Vector(tensors.times_vector(rows, right.components))
        if isinstance(left, Tensor) and isinstance(right, Tensor):
            left, right = Vector(left.components), Vector(right.components)
        a = as_vector(left, "the first argument of 'dot'")
        b = as_vector(right, "the second argument of 'dot'")
        if len(a) != len(b):
            raise FormulaError(
                f"'dot' needs vectors of one length, found {len(a)} and {len(b)} components"
            )
        return self._add([self._multiply(pair) for pair in zip(a, b, strict=True)])
