"""Formulas with a real and an imaginary part, z = a + i b, by exact arithmetic of real trees.

    (a + ib)(c + id) = ac - bd + i(ad + bc)        1/z = (a - ib)/(a² + b²)
    exp z = e^a (cos b + i sin b)                  log z = log|z| + i arg z
    sin z = sin a cosh b + i cos a sinh b          z^w = exp(w log z), by products for integers w

Differential operators are linear and act on both parts. `log`, `sqrt` and powers are the principal
values, with the cut along the negative axis. What has no imaginary part is a real value again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from kanpde.expressions.comparisons import Condition
from kanpde.expressions.operators import Operators
from kanpde.expressions.simplify import MINUS_ONE, ONE, ZERO, is_zero, number
from kanpde.expressions.tree import FormulaError, Node, Number
from kanpde.expressions.values import Complex, Value, Vector
from kanpde.names import FUNCTIONS, is_derivative

IMAGINARY = Complex(ZERO, ONE)
"""The imaginary unit."""

LINEAR = ("grad", "div", "laplacian", "dn", "curl", "d")
"""Operators of both parts, besides derivatives by name."""

TWO, HALF = number(2.0), number(0.5)


class ComplexOperators:
    """The operators of one parse, of real values as they are and of complex ones by their parts."""

    def __init__(self, real: Operators) -> None:
        self._real = real
        self._moduli: dict[Value, Value] = {}  # |z| with |z|², whose even powers have no root
        self._functions: Mapping[str, Callable[[Complex], Value]] = {
            "exp": self._exp,
            "log": self._log,
            "sqrt": self._sqrt,
            "sin": self._sin,
            "cos": self._cos,
            "tan": lambda z: self._over(self._sin(z), self._cos(z)),
            "sinh": self._sinh,
            "cosh": self._cosh,
            "tanh": lambda z: self._over(self._sinh(z), self._cosh(z)),
            "abs": self._modulus,
            "arg": self._phase,
            "re": lambda z: z.real,
            "im": lambda z: z.imaginary,
            "conj": lambda z: self._joined(z.real, self._negative(z.imaginary)),
        }

    def sum(self, values: Sequence[Value]) -> Value:
        """The sum of scalars, or of vectors of one length."""
        if not _any_complex(values):
            return self._real.sum(values)
        parts = [_parts(value) for value in values]
        real, imaginary = (self._real.sum(part) for part in zip(*parts, strict=True))
        return self._joined(real, imaginary)

    def product(self, values: Sequence[Value]) -> Value:
        """The product of scalars and at most one vector."""
        if not _any_complex(values):
            return self._real.product(values)
        result, *further = values
        for value in further:
            result = self._times(result, value)
        return result

    def difference(self, left: Value, right: Value) -> Value:
        """left − right, scalars or vectors of one length."""
        return self.sum((left, self.product((MINUS_ONE, right))))

    def quotient(self, top: Number, bottom: Number) -> Node:
        """top / bottom of two constants, rounded once."""
        return self._real.quotient(top, bottom)

    def inverse(self, value: Value) -> Value:
        """1 / value."""
        if not isinstance(value, Complex):
            return self._real.inverse(value)
        size = self._real.inverse(self._square(value))
        return self._joined(
            self._real.product((value.real, size)),
            self._negative(self._real.product((value.imaginary, size))),
        )

    def power(self, base: Value, exponent: Value) -> Value:
        """base ** exponent; a constant exponent is at most 100 in magnitude."""
        if not _any_complex((base, exponent)):
            if base in self._moduli and isinstance(exponent, Number) and exponent.value % 2 == 0:
                return self._real.power(self._moduli[base], number(exponent.value / 2))
            return self._real.power(base, exponent)
        if isinstance(exponent, Number) and exponent.value.is_integer():
            return self._integer_power(base, exponent)
        if isinstance(base, Complex):
            return self._exp_of(self.product((exponent, self._log(base))))
        return self._exp_of(self.product((exponent, self._real.apply("log", (base,)))))

    def apply(self, name: str, args: Sequence[Value]) -> Value:
        """The function or operator `name`, known to the scope, of the arguments."""
        if name in ("re", "im", "conj", "arg") and len(args) == 1:
            if isinstance(args[0], Condition):
                return self._real.apply("abs", args)  # which says what a comparison is for
            return self._functions[name](Complex(*_parts(args[0])))
        if not _any_complex(args):
            return self._real.apply(name, args)
        if name in LINEAR or is_derivative(name):
            z, *further = args
            if not isinstance(z, Complex):
                return self._real.apply(name, args)
            real, imaginary = (self._real.apply(name, (part, *further)) for part in _parts(z))
            return self._joined(real, imaginary)
        if name == "where":
            test, *values = args
            pairs = zip(*map(_parts, values), strict=True)
            real, imaginary = (self._real.apply(name, (test, *pair)) for pair in pairs)
            return self._joined(real, imaginary)
        if name == "dot" and len(args) == 2:
            return self._dot(*args)
        z = args[0]
        if name not in self._functions or len(args) > 1 or not isinstance(z, Complex):
            known = ", ".join(word for word in self._functions if word in FUNCTIONS)
            raise FormulaError(
                f"'{name}' takes real arguments; {known} take complex ones, and re(...), im(...)"
                " and abs(...) of them are real"
            )
        return self._functions[name](z)

    def compared(self, sign: str, left: Value, right: Value) -> Condition:
        """left `sign` right, of two scalars."""
        return self._real.compared(sign, left, right)

    def identity(self) -> Value:
        """The identity tensor."""
        return self._real.identity()

    def normal(self, name: str) -> Node:
        """nx, ny, nz, and in the plane the tangent."""
        return self._real.normal(name)

    def vector(self, values: Sequence[Value]) -> Value | None:
        """[a, b] of scalars, or of vectors as rows of a tensor; None of anything else."""
        rows = [value for value in values if isinstance(value, Vector)]
        if rows and len(rows) == len(values):
            return self._real.tensor(rows)
        parts = [_parts(value) for value in values if isinstance(value, Node | Complex)]
        columns = [
            tuple(p for p in column if isinstance(p, Node)) for column in zip(*parts, strict=True)
        ]
        if not columns or any(len(column) < len(values) for column in columns):
            return None
        return self._joined(Vector(columns[0]), Vector(columns[1]))

    def _joined(self, real: Value, imaginary: Value) -> Value:
        """a + ib, which is a where b = 0."""
        entries = imaginary.components if isinstance(imaginary, Vector) else (imaginary,)
        if all(isinstance(entry, Node) and is_zero(entry) for entry in entries):
            return real
        assert isinstance(real, Node | Vector)
        assert isinstance(imaginary, Node | Vector)
        return Complex(real, imaginary)

    def _negative(self, value: Value) -> Value:
        return self._real.product((MINUS_ONE, value))

    def _times(self, left: Value, right: Value) -> Value:
        product, difference = self._real.product, self._real.difference
        (a, b), (c, d) = _parts(left), _parts(right)
        if not isinstance(left, Complex):
            return self._joined(product((a, c)), product((a, d)))
        if not isinstance(right, Complex):
            return self._joined(product((a, c)), product((b, c)))
        return self._joined(
            difference(product((a, c)), product((b, d))),
            self._real.sum((product((a, d)), product((b, c)))),
        )

    def _over(self, top: Value, bottom: Value) -> Value:
        return self.product((top, self.inverse(bottom)))

    def _dot(self, left: Value, right: Value) -> Value:
        (a, b), (c, d) = _parts(left), _parts(right)

        def dot(first: Value, second: Value) -> Value:
            return self._real.apply("dot", (first, second))

        real = self._real.difference(dot(a, c), dot(b, d))
        return self._joined(real, self._real.sum((dot(a, d), dot(b, c))))

    def _integer_power(self, base: Value, exponent: Number) -> Value:
        times = int(abs(exponent.value))
        self._real.power(TWO, exponent)  # which limits it
        result: Value = ONE
        for digit in bin(times)[2:]:  # by squares, from the highest binary digit
            result = self.product((result, result))
            result = self.product((result, base)) if digit == "1" else result
        return self.inverse(result) if exponent.value < 0 else result

    def _square(self, z: Complex) -> Value:
        """|z|²."""
        return self._real.sum((self._real.power(z.real, TWO), self._real.power(z.imaginary, TWO)))

    def _modulus(self, z: Complex) -> Value:
        square = self._square(z)
        modulus = self._real.apply("sqrt", (square,))
        self._moduli[modulus] = square
        return modulus

    def _phase(self, z: Complex) -> Value:
        return self._real.apply("atan2", (z.imaginary, z.real))

    def _exp_of(self, value: Value) -> Value:
        return self._exp(Complex(*_parts(value)))

    def _exp(self, z: Complex) -> Value:
        size = self._real.apply("exp", (z.real,))
        return self._polar(size, z.imaginary)

    def _polar(self, size: Value, angle: Value) -> Value:
        parts = [self._real.product((size, self._real.apply(f, (angle,)))) for f in ("cos", "sin")]
        return self._joined(*parts)

    def _log(self, z: Complex) -> Value:
        size = self._real.product((HALF, self._real.apply("log", (self._square(z),))))
        return self._joined(size, self._phase(z))

    def _sqrt(self, z: Complex) -> Value:
        size = self._real.power(self._square(z), number(0.25))
        return self._polar(size, self._real.product((HALF, self._phase(z))))

    def _waves(self, z: Complex, real: tuple[str, str], imaginary: tuple[str, str]) -> Value:
        """f(a) g(b) + i h(a) k(b)."""
        parts = [
            self._real.product(
                (self._real.apply(f, (z.real,)), self._real.apply(g, (z.imaginary,)))
            )
            for f, g in (real, imaginary)
        ]
        return self._joined(*parts)

    def _sin(self, z: Complex) -> Value:
        return self._waves(z, ("sin", "cosh"), ("cos", "sinh"))

    def _cos(self, z: Complex) -> Value:
        turned = Complex(z.real, _plain(self._negative(z.imaginary)))  # sin(-b) = -sin b
        return self._waves(turned, ("cos", "cosh"), ("sin", "sinh"))

    def _sinh(self, z: Complex) -> Value:
        return self._waves(z, ("sinh", "cos"), ("cosh", "sin"))

    def _cosh(self, z: Complex) -> Value:
        return self._waves(z, ("cosh", "cos"), ("sinh", "sin"))


def _any_complex(values: Sequence[Value]) -> bool:
    return any(isinstance(value, Complex) for value in values)


def _plain(value: Value) -> Node | Vector:
    assert isinstance(value, Node | Vector)
    return value


def _parts(value: Value) -> tuple[Node | Vector, Node | Vector]:
    """The real and the imaginary part of a value."""
    if isinstance(value, Complex):
        return value.real, value.imaginary
    if isinstance(value, Vector):
        return value, Vector((ZERO,) * len(value.components))
    if isinstance(value, Condition):
        raise FormulaError("a comparison stands only in where(condition, value, other)")
    return value, ZERO
