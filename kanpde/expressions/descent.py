"""Recursive descent over the tokens of one formula.

    sum      := product (('+' | '-') product)*
    product  := unary (('*' | '/') unary)*
    unary    := ('+' | '-')* power
    power    := atom ('**' unary)?   (so -x**2 is -(x**2), and 2**3**2 is 2**(3**2))
    atom     := number | name | name '(' choice (',' choice)* ')' | '(' choice ')' | '[' sum (',' sum)* ']'
              | 'x' '[' sum ']' | ('sum' | 'prod') '(' name (',' indices)? ',' sum ')'
    choice   := both ('or' both)*
    both     := compared ('and' compared)*
    compared := sum (('<' | '<=' | '>' | '>=') sum)*
    indices  := numbers ('and' numbers)*
    numbers  := sum ('!=' | '<' | '<=' | '>' | '>=') sum

A comparison is the first argument of `where` and nothing else. `sum` and `prod` bind an index that
runs over the coordinates of space (`indices`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TypeVar

from kanpde.errors import ConfigError
from kanpde.expressions.comparisons import Both, Condition, Either
from kanpde.expressions.complex_values import IMAGINARY, ComplexOperators
from kanpde.expressions.indices import COORDINATE, RELATIONS, Indices
from kanpde.expressions.scope import JUMP, Scope
from kanpde.expressions.simplify import MINUS_ONE, number
from kanpde.expressions.source import Source, Token
from kanpde.expressions.tree import (
    Constant,
    Coordinate,
    Derivative,
    Field,
    FormulaError,
    Node,
    Number,
)
from kanpde.expressions.values import COMPARISON_ALONE, Complex, Value, Vector
from kanpde.names import BINDERS, IDENTITY, IMAGINARY_UNIT

MAX_DEPTH = 60
"""Levels of brackets and powers, so that the recursion of the parser ends."""

COMPARISONS = ("<", "<=", ">", ">=")

Result = TypeVar("Result")


class Parser:
    """Recursive descent over the tokens of one formula; depth is limited, so the recursion is."""

    def __init__(
        self,
        source: Source,
        tokens: list[Token],
        scope: Scope,
        operators: ComplexOperators,
        known: Mapping[str, Value],
    ) -> None:
        self.source = source
        self.tokens = tokens
        self.scope = scope
        self.operators = operators
        self.sides: Mapping[str, Parser] = {}
        self.indices = Indices(scope)
        # The values of the definitions, which fill up while the parser waits: shared, not copied.
        self._known = known
        self._next = 0
        self._depth = 0

    def definition_names(self) -> list[str]:
        """The definitions named in the tokens, each once."""
        names = [token.text for token in self.tokens if token.text in self.scope.definitions]
        return list(dict.fromkeys(names))

    def build(self, token: Token, function: Callable[..., Result], *args: object) -> Result:
        """function(*args), with its FormulaError placed at the token."""
        try:
            return function(*args)
        except FormulaError as error:
            raise self.source.error(str(error), token.position) from None

    def finish(self, value: Value) -> Node:
        """The scalar at the end of the formula."""
        self.expect_end()
        if isinstance(value, Condition):
            raise self.source.error(COMPARISON_ALONE)
        if isinstance(value, Complex):
            raise self.source.error(
                "a real value is expected, found a complex one; write re(...), im(...) or abs(...),"
                " or say what is complex, as in unknowns: [{u: complex}]"
            )
        if isinstance(value, Vector):
            count = len(value.components)
            raise self.source.error(f"a scalar is expected, found a vector with {count} components")
        return value

    def expect(self, symbol: str) -> None:
        """Step over the symbol, or say what stands there instead."""
        if self._token.text != symbol:
            raise self._unexpected(f"expected '{symbol}'")
        self._next += 1

    def expect_end(self) -> None:
        """Say what stands after a complete formula."""
        if self._token.kind != "end":
            raise self._unexpected("expected an operator or the end")

    def sum(self) -> Value:
        """product (('+' | '-') product)*"""
        first = self._token
        terms = [self._product()]
        while self._token.text in ("+", "-"):
            sign = self._take()
            term = self._product()
            terms.append(self._negative(sign, term) if sign.text == "-" else term)
        return terms[0] if len(terms) == 1 else self.build(first, self.operators.sum, terms)

    def choice(self) -> Value:
        """both ('or' both)*"""
        return self._joined("or", self._both, Either)

    def _both(self) -> Value:
        return self._joined("and", self._compared, Both)

    def _joined(
        self, word: str, rule: Callable[[], Value], join: Callable[[tuple[Condition, ...]], Value]
    ) -> Value:
        """Conditions with a word between them, or one value of any kind."""
        first = rule()
        if self._token.text != word:
            return first
        parts = [self._condition(first)]
        while self._token.text == word:
            self._next += 1
            parts.append(self._condition(rule()))
        return join(tuple(parts))

    def _condition(self, value: Value) -> Condition:
        if isinstance(value, Condition):
            return value
        raise self.source.error(
            "'and' and 'or' stand between comparisons, as in x > 0 and y < 1", self._token.position
        )

    def _compared(self) -> Value:
        left = self.sum()
        parts: list[Condition] = []
        while self._token.text in COMPARISONS:
            sign = self._take()
            right = self.sum()
            parts.append(self.build(sign, self.operators.compared, sign.text, left, right))
            left = right
        if not parts:
            return left
        return parts[0] if len(parts) == 1 else Both(tuple(parts))

    @property
    def _token(self) -> Token:
        return self.tokens[self._next]

    def _take(self) -> Token:
        token = self._token
        self._next += 1
        return token

    def _unexpected(self, rule: str) -> ConfigError:
        token = self._token
        before = self.tokens[self._next - 1] if self._next else Token("start", "", 0)
        remedy = ""
        ends = before.kind in ("number", "name") or before.text == ")"
        if ends and (token.kind in ("number", "name") or token.text == "("):
            remedy = "; write '*' for a product"
            if before.kind == "number" and token.kind == "name" and len(token.text) > 1:
                remedy += ", and a number without its unit"
        if token.text == "if":
            remedy = "; write where(condition, value, other)"
        if before.kind == "number" and token.text == ",":
            remedy = "; a decimal number has a point, as in 0.2"
        if token.text == "==":
            remedy = "; write '='"
        if token.text == "!=":
            remedy = "; compare by < or >"
        if token.text in COMPARISONS:
            remedy = "; a comparison stands in where(condition, value, other)"
        return self.source.error(f"{rule}, found {token.shown}{remedy}", token.position)

    def _negative(self, sign: Token, value: Value) -> Value:
        return self.build(sign, self.operators.product, (MINUS_ONE, value))

    def _product(self) -> Value:
        first = self._token
        factors = [self._unary()]
        while self._token.text in ("*", "/"):
            sign = self._take()
            factor = self._unary()
            if sign.text == "*":
                factors.append(factor)
                continue
            match factors, factor:
                case [Number() as top], Number():  # 1/3 rounded once, not as 1·(1/3)
                    factors = [self.build(sign, self.operators.quotient, top, factor)]
                case _:
                    factors.append(self.build(sign, self.operators.inverse, factor))
        if len(factors) == 1:
            return factors[0]
        return self.build(first, self.operators.product, factors)

    def _unary(self) -> Value:
        negative = None
        while self._token.text in ("+", "-"):
            sign = self._take()
            if sign.text == "-":
                negative = None if negative else sign
        value = self._power()
        return self._negative(negative, value) if negative else value

    def _power(self) -> Value:
        base = self._atom()
        if self._token.text != "**":
            return base
        sign = self._take()
        exponent = self._nested(self._unary)
        return self.build(sign, self.operators.power, base, exponent)

    def _nested(self, rule: Callable[[], Result]) -> Result:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self.source.error(
                f"the formula is nested deeper than {MAX_DEPTH} levels", self._token.position
            )
        result = rule()
        self._depth -= 1
        return result

    def _atom(self) -> Value:
        token = self._token
        if token.kind == "number":
            return self.build(self._take(), number, float(token.text))
        if token.kind == "name":
            self._next += 1
            if self._token.text == "[":
                return self._indexed(token)
            return self._call(token) if self._token.text == "(" else self._name(token)
        if token.text == "(":
            self._next += 1
            value = self._nested(self.choice)
            self.expect(")")
            return value
        if token.text == "[":
            return self._bracket()
        raise self._unexpected("expected an expression")

    def _list(self, closing: str) -> list[Value]:
        """The comma-separated values after an opening bracket, and the closing one."""
        self._next += 1
        values: list[Value] = []
        if self._token.text != closing:
            values.append(self._nested(self.choice))
            while self._token.text == ",":
                self._next += 1
                values.append(self._nested(self.choice))
        self.expect(closing)
        return values

    def _bracket(self) -> Value:
        token = self._token
        values = self._list("]")
        vector = self.operators.vector(values)
        if vector is None:
            needs = "a vector [a, b] needs scalar components"
            if values and all(isinstance(value, Vector) for value in values):
                needs = "a tensor [[a, b], [c, d]] needs as many rows as columns"
            raise self.source.error(needs, token.position)
        return vector

    def _call(self, name: Token) -> Value:
        if not self.scope.is_call(name.text):
            raise self.source.error(self.scope.unknown_call(name.text), name.position)
        if name.text in self.scope.side_names():
            return self._on_sides(name)
        if name.text in BINDERS and name.text not in self.scope.value_names():
            return self._over_indices(name)
        return self.build(name, self.operators.apply, name.text, self._list(")"))

    def _on_sides(self, name: Token) -> Value:
        """REGION '(' sum ')' is the sum read there; 'jump' '(' sum ')' that of the first region
        minus that of the second.
        """
        self.expect("(")
        # The parser of each side reads the same tokens from here, with its own names.
        start, values = self._next, []
        sides = list(self.sides.values()) if name.text == JUMP else [self.sides[name.text]]
        for side in sides:
            side._next, side._depth = start, self._depth
            values.append(side._nested(side.sum))
            self._next = side._next
        self.expect(")")
        if name.text == JUMP:
            return self.build(name, self.operators.difference, *values)
        (value,) = values
        return value

    def _indexed(self, name: Token) -> Node:
        """'x' '[' sum ']'"""
        if name.text != COORDINATE:
            raise self.source.error(
                f"'{name.text}' takes no index, x[i] alone does: it is coordinate i of space",
                name.position,
            )
        self.expect("[")
        value = self._nested(self.sum)
        self.expect("]")
        return self.build(name, self.indices.coordinate, value)

    def _over_indices(self, word: Token) -> Value:
        """The sum or the product of a body over the values of an index that are allowed."""
        self.expect("(")
        index = self._take()
        self.build(index, self.indices.check, word.text, index)
        self.expect(",")
        start, bound, values = self._next, self.indices.bound, []
        for value in range(1, self.indices.count + 1):
            self._next, bound[index.text] = start, value
            if self._is_allowed():
                values.append(self._body())
            else:
                self._next = self.indices.text(self.tokens, self._next).end
            self.expect(")")
        del bound[index.text]
        if word.text == "sum":
            return self.build(word, self.operators.sum, values)
        return self.build(word, self.operators.product, values)

    def _is_allowed(self) -> bool:
        """Whether the condition that may stand before a body holds; steps over it."""
        if not self.indices.text(self.tokens, self._next).comma:
            return True
        allowed = self._holds()
        while self._token.text == "and":
            self._next += 1
            allowed = self._holds() and allowed
        self.expect(",")
        return allowed

    def _holds(self) -> bool:
        left = self._nested(self.sum)
        if self._token.text not in RELATIONS:
            raise self._unexpected("the condition of an index is a comparison, as in j != i")
        sign = self._take()
        right = self._nested(self.sum)
        return self.build(sign, self.indices.holds, sign.text, left, right)

    def _body(self) -> Value:
        """The value of the body that begins here, read once for what it depends on."""
        place = self.indices.place(self.tokens, self._next)
        if place not in self.indices.read:
            self.indices.read[place] = (self._nested(self.sum), self._next)
        value, self._next = self.indices.read[place]
        return value

    def _name(self, token: Token) -> Value:
        name, scope = token.text, self.scope
        index = self.indices.value(name)
        if index is not None:
            return index
        if name in scope.coordinates:
            return Coordinate(scope.coordinates.index(name))
        if name in scope.unknowns:
            return Derivative(scope.first + scope.unknowns.index(name), (0,) * scope.dimension)
        if name in scope.parameters:
            return number(scope.parameters[name])
        if name in scope.constants:
            return Constant(scope.constants.index(name))
        if name in scope.columns:
            return Coordinate(scope.dimension + scope.columns.index(name))
        if name in scope.grids:
            return Field(scope.grids[name], (0,) * len(scope.spatial))
        if name in scope.definitions:
            return self._known[name]
        if name == "pi":
            return Number(math.pi)
        if name == IDENTITY:
            return self.operators.identity()
        if name == IMAGINARY_UNIT:
            return IMAGINARY
        if scope.is_normal(name):
            return self.build(token, self.operators.normal, name)
        raise self.source.error(scope.unknown_value(name), token.position)
