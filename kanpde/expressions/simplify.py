"""Constructors of nodes that simplify, so that derivatives stay small.

They fold constants, drop 0 and 1, flatten sums and products, collect equal terms (2·x + 3·x = 5·x)
and equal factors to integer powers (x·x = x**2, x/x = 1). A constant that is not real or overflows
is a FormulaError.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

from kanpde.expressions.constant_values import besselj, polygamma
from kanpde.expressions.tree import Add, Call, FormulaError, Mul, Node, Number, Pow

LARGEST = 1e300
"""Largest magnitude of a constant."""


def _sign(value: float) -> float:
    return float((value > 0) - (value < 0))


FUNCTIONS: dict[str, Callable[..., float]] = {
    "sin": math.sin, "cos": math.cos, "tan": math.tan, "exp": math.exp, "log": math.log,
    "tanh": math.tanh, "sinh": math.sinh, "cosh": math.cosh, "asin": math.asin, "acos": math.acos,
    "atan": math.atan, "atan2": math.atan2, "abs": abs, "sign": _sign, "erf": math.erf,
    "erfc": math.erfc, "gamma": math.gamma, "lgamma": math.lgamma,
    "besselj": besselj, "polygamma": polygamma,
}  # fmt: skip
"""The functions of a Call and their values on numbers; `polygamma` is internal (the derivatives of
gamma), sqrt is a Pow. Besides there is `where`, see `choose`.
"""


def number(value: float) -> Number:
    """The constant `value`; FormulaError unless it is finite and |value| ≤ 1e300."""
    if not abs(value) <= LARGEST:
        raise FormulaError(f"a constant overflows: {value:g} (limit {LARGEST:g})")
    return Number(value)


ZERO, ONE, MINUS_ONE, HALF = Number(0.0), Number(1.0), Number(-1.0), Number(0.5)


def is_zero(node: Node) -> bool:
    """Whether the node is the constant 0."""
    return isinstance(node, Number) and node.value == 0


def _split(term: Node) -> tuple[float, Node]:
    """(c, e) with term = c·e and no constant factor in e."""
    match term:
        case Mul(args=(Number() as constant, factor)):
            return constant.value, factor
        case Mul(args=(Number() as constant, *factors)):
            return constant.value, Mul(tuple(factors))
    return 1.0, term


def _integer_power(node: Node) -> tuple[Node, float]:
    """(b, n) with node = b**n and n an integer, 1 unless the node is such a power."""
    if (
        isinstance(node, Pow)
        and isinstance(node.exponent, Number)
        and node.exponent.value.is_integer()
    ):
        return node.base, node.exponent.value
    return node, 1.0


def _scale(coefficient: float, node: Node) -> Node:
    """coefficient · node, for a node without a constant factor."""
    if coefficient == 1:
        return node
    factors = node.args if isinstance(node, Mul) else (node,)
    return Mul((number(coefficient), *factors))


def _terms(node: Node) -> Sequence[Node]:
    """The terms of a sum or of a constant times a sum, or the node alone."""
    match node:
        case Add(args=args):
            return args
        case Mul(args=(Number() as constant, Add(args=args))):
            return [multiply(constant, arg) for arg in args]
        case _:
            return (node,)


def add(*terms: Node) -> Node:
    """The sum of the terms: sums inside are flattened, equal terms collected, zeros dropped."""
    nonzero = [term for term in terms if not is_zero(term)]
    if len(nonzero) <= 1:
        return nonzero[0] if nonzero else ZERO
    constant = 0.0
    collected: dict[Node, float] = {}
    single: dict[Node, Node | None] = {}  # a term that stands once is kept as it is
    for term in itertools.chain.from_iterable(map(_terms, nonzero)):
        if isinstance(term, Number):
            constant += term.value
        else:
            coefficient, key = _split(term)
            single[key] = None if key in collected else term
            collected[key] = collected.get(key, 0.0) + coefficient
    args = [
        single[key] or _scale(coefficient, key)
        for key, coefficient in collected.items()
        if coefficient
    ]
    if constant:
        args.append(number(constant))
    if len(args) <= 1:
        return args[0] if args else ZERO
    return Add(tuple(args))


def multiply(*factors: Node) -> Node:
    """The product of the factors: flattened, constants folded, equal factors collected to integer
    powers.
    """
    constant = 1.0
    collected: dict[Node, float] = {}
    for factor in factors:
        for part in factor.args if isinstance(factor, Mul) else (factor,):
            if isinstance(part, Number):
                constant *= part.value
            else:
                base, exponent = _integer_power(part)
                collected[base] = collected.get(base, 0.0) + exponent
    if constant == 0:
        return ZERO
    args = [base if n == 1 else power(base, number(n)) for base, n in collected.items() if n]
    if constant != 1 or not args:
        args.insert(0, number(constant))
    return args[0] if len(args) == 1 else Mul(tuple(args))


def negate(node: Node) -> Node:
    """−node."""
    return multiply(MINUS_ONE, node)


def divide(top: Node, bottom: Node) -> Node:
    """top / bottom; FormulaError when the divisor is the constant 0."""
    if isinstance(top, Number) and isinstance(bottom, Number) and bottom.value:
        return number(top.value / bottom.value)
    return multiply(top, power(bottom, MINUS_ONE))


def power(base: Node, exponent: Node) -> Node:
    """base ** exponent: x**0 = 1, x**1 = x, (x**m)**n = x**(m·n) for integers m, n; constants
    folded.
    """
    if not isinstance(exponent, Number):
        return ONE if base == ONE else Pow(base, exponent)
    if exponent.value == 0:
        return ONE
    if exponent.value == 1:
        return base
    if isinstance(base, Number):
        return _fold_power(base.value, exponent.value)
    inner_base, inner = _integer_power(base)
    if inner != 1 and exponent.value.is_integer():
        return power(inner_base, number(inner * exponent.value))
    return Pow(base, exponent)


def _fold_power(base: float, exponent: float) -> Number:
    if base == 0 and exponent < 0:
        raise FormulaError("division by zero")
    if base < 0 and not exponent.is_integer():
        raise FormulaError(f"({base:g})**{exponent:g} is not a real number")
    try:
        return number(base**exponent)
    except OverflowError:
        raise FormulaError(
            f"a constant overflows: {base:g}**{exponent:g} (limit {LARGEST:g})"
        ) from None


def call(name: str, *args: Node) -> Node:
    """The function `name` of the arguments, folded when all of them are constants."""
    if name == "where":
        return choose(*args)
    values = [arg.value for arg in args if isinstance(arg, Number)]
    if len(values) < len(args):
        return Call(name, args)
    try:
        return number(FUNCTIONS[name](*values))
    except (ValueError, OverflowError):
        shown = ", ".join(f"{value:g}" for value in values)
        raise FormulaError(f"{name}({shown}) is not a finite real number") from None


def choose(test: Node, positive: Node, other: Node) -> Node:
    """`positive` where test > 0, else `other`."""
    if isinstance(test, Number):
        return positive if test.value > 0 else other
    return positive if positive == other else Call("where", (test, positive, other))


def square_root(node: Node) -> Node:
    """node ** 0.5."""
    return power(node, HALF)


def rebuild(node: Node, children: Sequence[Node]) -> Node:
    """The same operation on other children, simplified; a leaf is returned as it is."""
    match node:
        case Add():
            return add(*children)
        case Mul():
            return multiply(*children)
        case Pow():
            return power(*children)
        case Call():
            return call(node.name, *children)
        case _:
            return node
