"""Mistakes and malice in formulas: one line that says what is wrong, at once, and nothing runs."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kanpde.errors import ConfigError
from kanpde.expressions import Scope, parse_equation, parse_expression

SCOPE = Scope(
    coordinates=("x", "y"),
    unknowns=("u",),
    parameters={"k": 2.0},
    definitions={"f": "10*exp(-x**2 - y**2)", "wind": "[y, -x]"},
    where="problem.equations[0]",
)


@contextmanager
def at_once() -> Iterator[None]:
    """The block takes less than half a second of processor time."""
    start = time.process_time()
    yield
    assert time.process_time() - start < 2.0


def refusal(equation: str, scope: Scope = SCOPE) -> str:
    """The one line with which an equation is refused."""
    with at_once(), pytest.raises(ConfigError) as caught:
        parse_equation(equation, scope)
    line = str(caught.value)
    assert line.isprintable() and len(line) < 400, line
    assert line.startswith(f"{scope.where}: "), line
    return line


# What is said
# --------------------------------------------------------------------------------------------------

MESSAGES = [
    ("lapacian(u) = f", "unknown function 'lapacian', did you mean 'laplacian'? (character 1)"),
    ("u + ff = 0", "unknown name 'ff', did you mean 'f'? (character 5)"),
    ("qqqqqq = u", "unknown name 'qqqqqq'; known are x, y, u, k, f, wind, pi (character 1)"),
    ("sin = u", "'sin' needs arguments: sin(...) (character 1)"),
    ("u(x) = 0", "'u' is not a function; write 'u*(...)' for a product (character 1)"),
    ("2x = u", "expected '=', found 'x'; write '*' for a product (character 2)"),
    (
        "u = (x) y",
        "expected an operator or the end, found 'y'; write '*' for a product (character 9)",
    ),
    (
        "u = 3 x",
        "expected an operator or the end, found 'x'; write '*' for a product (character 7)",
    ),
    ("u = ", "expected an expression, found the end (character 5)"),
    ("u = * x", "expected an expression, found '*' (character 5)"),
    ("u = (x", "expected ')', found the end (character 7)"),
    ("(u = x)", "expected ')', found '=' (character 4)"),
    ("u = sin(x", "expected ')', found the end (character 10)"),
    ("u = x)", "expected an operator or the end, found ')' (character 6)"),
    ("u", "an equation needs exactly one '=', found none (character 1)"),
    ("u = 1 = 2", "an equation needs exactly one '=', found 2 (character 7)"),
    ("x = = y", "an equation needs exactly one '=', found 2 (character 5)"),
    ("u == 1", "expected '=', found '=='; write '=' (character 3)"),
    ("", "the formula is empty (character 1)"),
    (" \n ", "the formula is empty (character 1)"),
    ("u^2 = 1", "unexpected character '^', use '**' for powers (character 2)"),
    ("x;y = 0", "unexpected character ';', one formula per entry (character 2)"),
    ("u\x00 = 0", "the character U+0000 is not allowed, formulas are plain ASCII (character 2)"),
    (
        "\u0455in(x) = u",
        "the character U+0455 is not allowed, formulas are plain ASCII (character 1)",
    ),
    ("u = 2\u03c0", "the character U+03C0 is not allowed, write pi (character 6)"),
    ("\u2212u = 0", "the character U+2212 is not allowed, write - (character 1)"),
    ("\u202eu = 0", "the character U+202E is not allowed, formulas are plain ASCII (character 1)"),
    ("u = 1/0", "division by zero (character 6)"),
    ("u = 1/(x - x)", "division by zero (character 6)"),
    ("u = log(-1)", "log(-1) is not a finite real number (character 5)"),
    ("u = (-8)**0.5", "(-8)**0.5 is not a real number (character 9)"),
    ("u = exp(1000)", "exp(1000) is not a finite real number (character 5)"),
    ("u = 1e400", "a constant overflows: inf (limit 1e+300) (character 5)"),
    ("u = 1e301", "a constant overflows: 1e+301 (limit 1e+300) (character 5)"),
    ("u = x" + " " * 3996, "the formula has 4001 characters, the limit is 4000 (character 1)"),
    ("u = 1e200*x*1e200", "a constant overflows: inf (limit 1e+300) (character 5)"),
    ("u = x**1000", "the exponent 1000 is too large (limit 100) (character 6)"),
    ("u = (x**100)**100", "the exponent 10000 is too large (limit 100) (character 13)"),
    ("u = 9**9**9", "the exponent 3.8742e+08 is too large (limit 100) (character 6)"),
    (
        "dn(u) = 0",
        "'dn' is only defined on boundary parts, where there is an outward normal (character 1)",
    ),
    ("dz(u) = 0", "'dz' needs the coordinate 'z', but there are x, y (character 1)"),
    ("dxxxxx(u) = 0", "'dxxxxx' has differential order 5, the limit is 4 (character 1)"),
    ("dx(dxxxx(u)) = 0", "the differential order exceeds 4, the highest allowed (character 1)"),
    ("sin(x, y) = u", "'sin' takes 1 argument, found 2 (character 1)"),
    ("atan2(x) = u", "'atan2' takes 2 arguments, found 1 (character 1)"),
    ("sin() = u", "'sin' takes 1 argument, found 0 (character 1)"),
    ("dx(u, x) = 0", "'dx' takes 1 argument, found 2 (character 1)"),
    ("d(u) = 0", "'d' takes an expression and 1 to 4 coordinates, as in d(u, x, x) (character 1)"),
    (
        "d(u, 2) = 0",
        "'d' differentiates by coordinates, which are x, y, as in d(u, x, x) (character 1)",
    ),
    ("grad(u) = [1, 2]", "a scalar is expected, found a vector with 2 components (character 1)"),
    ("grad(u) = 0", "a vector and a scalar cannot be added or subtracted (character 9)"),
    ("u + [1, 2] = 0", "a vector and a scalar cannot be added or subtracted (character 1)"),
    (
        "[1, 2] + [1, 2, 3] = 0",
        "vectors with 2 and 3 components cannot be added or subtracted (character 1)",
    ),
    ("grad(u)*wind = 0", "vector * vector is not defined; use dot(a, b) (character 1)"),
    ("u/wind = 0", "a divisor must be a scalar, found a vector with 2 components (character 2)"),
    (
        "grad(u)**2 = 0",
        "the base of '**' must be a scalar, found a vector with 2 components (character 8)",
    ),
    (
        "sin(wind) = u",
        "the argument of 'sin' must be a scalar, found a vector with 2 components (character 1)",
    ),
    (
        "grad(wind) = u",
        "a vector and a scalar cannot be added or subtracted (character 12)",
    ),
    (
        "div(u) = 0",
        "the argument of 'div' must be a vector such as grad(u) or [u, v], found a scalar"
        " (character 1)",
    ),
    (
        "div([u]) = 0",
        "'div' needs a vector with 2 components, one per space coordinate, found 1 (character 1)",
    ),
    (
        "dot(wind, u) = 0",
        "the second argument of 'dot' must be a vector such as grad(u) or [u, v], found a scalar"
        " (character 1)",
    ),
    (
        "dot(wind, [1]) = u",
        "'dot' needs vectors of one length, found 2 and 1 components (character 1)",
    ),
    ("[] = u", "a vector [a, b] needs scalar components (character 1)"),
    ("[wind] = u", "a tensor [[a, b], [c, d]] needs as many rows as columns (character 1)"),
    ("dx1(u) = 0", "unknown function 'dx1', did you mean 'dx'? (character 1)"),
]


@pytest.mark.parametrize(
    ("equation", "message"), MESSAGES, ids=[repr(equation)[:40] for equation, _ in MESSAGES]
)
def test_a_mistake_is_named(equation: str, message: str) -> None:
    assert refusal(equation).endswith(f"': {message}")


def test_the_whole_line() -> None:
    expected = (
        "problem.equations[0]: 'lapacian(u) = f': unknown function 'lapacian', did you mean"
        " 'laplacian'? (character 1)"
    )
    assert refusal("lapacian(u) = f") == expected


def test_a_long_formula_is_shortened_around_the_mistake() -> None:
    line = refusal(
        "+".join(["sin(x)"] * 100) + " + lapacian(u) +" + "+".join(["cos(y)"] * 100) + " = 0"
    )
    shown = line.split("'")[1]
    assert (
        len(shown) == 60
        and "lapacian(u)" in shown
        and shown.startswith("...")
        and shown.endswith("...")
    )


def test_a_derivative_by_a_numbered_coordinate() -> None:
    scope = Scope(coordinates=("x1", "x2", "x3", "x4"), unknowns=("u",))
    assert "unknown function 'dx1', write d(..., x1)" in refusal("dx1(u) = 0", scope)


def test_a_mistake_in_a_definition_names_it() -> None:
    scope = replace(SCOPE, definitions={"f": "10*exp(-x**2 - w)"})
    assert refusal("u = f", scope).startswith(
        "problem.equations[0]: definition 'f': '10*exp(-x**2 - w)': unknown name 'w'"
    )


def test_an_exact_solution_holds_no_unknown_not_even_by_a_definition() -> None:
    scope = replace(SCOPE, unknowns=(), definitions={"flux": "k*dx(u)"}, where="problem.exact.u")
    for formula in ("x + u", "flux"):
        with pytest.raises(ConfigError, match=r"^problem\.exact\.u: .*unknown name 'u'"):
            parse_expression(formula, scope)


def test_an_expression_is_no_equation() -> None:
    with pytest.raises(ConfigError, match="'=' is not allowed here"):
        parse_expression("x = 1", SCOPE)
    with pytest.raises(ConfigError, match="a scalar is expected"):
        parse_expression("wind", SCOPE)


def test_the_normal_cannot_be_differentiated_along_a_coordinate() -> None:
    scope = replace(SCOPE, normal=True)
    assert "apply dn last" in refusal("dx(dn(u)) = 0", scope)
    assert "apply dn last" in refusal("dn(dn(u)) + dx(dn(u)) = 0", scope)


# Names
# --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"unknowns": ("sin",)},
            "'sin' cannot name an unknown, it is reserved in formulas; rename it",
        ),
        ({"parameters": {"pi": 3.0}}, "'pi' cannot name a parameter, it is reserved"),
        ({"definitions": {"dxx": "1"}}, "'dxx' cannot name a definition, it is reserved"),
        ({"unknowns": ("k",)}, "the name 'k' is both an unknown and a parameter; rename one"),
        (
            {"definitions": {"x": "1"}},
            "the name 'x' is both a coordinate and a definition; rename one",
        ),
        ({"unknowns": ("u", "u")}, "the name 'u' is both an unknown and an unknown"),
        (
            {"unknowns": ("__import__('os').system('true')",)},
            "cannot name an unknown; use letters, digits and _",
        ),
        ({"definitions": {"_private": "1"}}, "cannot name a definition; use letters"),
        ({"parameters": {"a\nb": 1.0}}, "cannot name a parameter; use letters"),
        ({"unknowns": ("\u0443",)}, r"cannot name an unknown; use letters"),
        ({"unknowns": ("u" * 5000,)}, "cannot name an unknown; use letters"),
        ({"parameters": {"k": float("nan")}}, "parameter 'k' is nan, but must be finite"),
        ({"parameters": {"k": float("inf")}}, "parameter 'k' is inf, but must be finite"),
    ],
)
def test_names_are_checked(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        replace(SCOPE, **changes)  # type: ignore[arg-type]
    line = str(caught.value)
    assert (
        message in line
        and line.startswith("problem.equations[0]: ")
        and "\n" not in line
        and len(line) < 300
    )


# Malice
# --------------------------------------------------------------------------------------------------

HOSTILE = [
    "__import__('os').system('touch x') = u",
    "().__class__.__bases__[0] = u",
    "lambda x: 0 = u",
    "(lambda: u)() = 0",
    "u.__class__ = 0",
    "exec(x) = 0",
    "eval(u) = 0",
    "open(x) = u",
    "f'{u}' = 0",
    "{u} = 0",
    "u if x else y = 0",
    "x := u = 0",
    "@u = 0",
    "u # = 0",
    "u = \\x",
    "u = `x`",
    "u = $HOME",
    "${oc.env:HOME} = u",
    "u = !!python/object:x",
    "u = 0x10",
    "u = 1_000",
    "u = 1j",
    "u = 1e",
    "u = 1..2",
    "u = 9**9**9**9",
    "u = 2**2**2**2**2**2**2",
    "u = -" + "9" * 3000,
    "u = 1e" + "9" * 300,
    "(" * 10_000 + "u" + ")" * 10_000 + " = 0",
    "(" * 1900 + "u" + ")" * 1900 + " = 0",
    "[" * 1900 + " = 0",
    "sin(" * 900 + "u" + ")" * 900 + " = 0",
    "u = " + "2**" * 1200 + "x",
    "u = " + "x**-" * 900 + "x",
    "u" * 3000 + " = 0",
    "u = " + "q" * 41,
    "=" * 4000,
    "," * 4000,
    "u = " + "*" * 3000,
    "\u0430 = 0",
    "u\uff1d0",
    "u = \u00bd",
    "u = x\u00b2",
    "\ud800 = u",
    "u = dx(" + "*".join(f"(x + {i})" for i in range(350)) + ")",
    "u = " + "dxxxx(" * 30 + "exp(sin(exp(sin(x*y))))" + ")" * 30,
    "u = " + "laplacian(" * 40 + "exp(sin(x*y))" + ")" * 40,
    "u = " + "dxxxx(" * 9 + "x**y**x**y" + ")" * 9,
    "u = d(" + "*".join(f"sin({i}*x*u)" for i in range(1, 200)) + ", x, x, x, x)",
    "sgn(u) = 0",
    "normal = u",
    "import os = u",
]


@pytest.mark.parametrize("equation", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_formula_is_refused_at_once(equation: str) -> None:
    refusal(equation)


AMPLIFIERS = [
    ({"s": " + ".join(f"sin({i}*x)" for i in range(300))}, "+".join(["s*s"] * 900) + " = u"),
    (
        {"s": " + ".join(f"sin({i}*x)" for i in range(300))},
        "+".join(f"sin(s+{i})" for i in range(350)) + " = u",
    ),
    (
        {"s": " + ".join(f"sin({i}*x)" for i in range(300))}
        | {f"a{i}": "s - " * 900 + "s" for i in range(300)},
        " + ".join(f"a{i}" for i in range(300)) + " = u",
    ),
    ({f"a{i}": f"a{i + 1}*sin(a{i + 1})" for i in range(200)} | {"a200": "x"}, "dxxxx(a0) = u"),
    ({f"a{i}": f"a{i + 1} + sin({i}*x)" for i in range(2000)} | {"a2000": "x"}, "a0 = u"),
    ({f"a{i}": f"dxx(a{i + 1}*x)" for i in range(300)} | {"a300": "exp(sin(x*y))"}, "a0 = u"),
    ({f"a{i}": f"(a{i + 1})**100" for i in range(50)} | {"a50": "x"}, "a0 = u"),
]


@pytest.mark.parametrize(("definitions", "equation"), AMPLIFIERS, ids=range(len(AMPLIFIERS)))
def test_definitions_cannot_multiply_the_work(definitions: dict[str, str], equation: str) -> None:
    refusal(equation, replace(SCOPE, definitions=definitions))


WORDS = [
    "x",
    "u",
    "k",
    "f",
    "zz",
    "sin",
    "abs",
    "sqrt",
    "log",
    "atan2",
    "dx",
    "dxxx",
    "d",
    "grad",
    "laplacian",
    "div",
    "dot",
    "wind",
    "pi",
    "2",
    "0",
    "1e300",
    ".5",
    "(",
    ")",
    "[",
    "]",
    ",",
    "=",
    "+",
    "-",
    "*",
    "/",
    "**",
]


@given(
    st.lists(st.sampled_from(WORDS), max_size=60).map(" ".join)
    | st.text(max_size=80)
    | st.text("ux()=+-*/.[],1e ", max_size=80)
)
@settings(max_examples=400, deadline=None)
def test_any_text_is_an_equation_or_one_line(equation: str) -> None:
    with at_once():
        try:
            parse_equation(equation, SCOPE)
        except ConfigError as error:
            assert str(error).isprintable()


def test_nothing_runs() -> None:
    """Python's own audit of imports, compilation, files and processes stays silent while formulas
    are read.
    """
    program = """
import json, sys
from kanpde.errors import ConfigError
from kanpde.expressions import Scope, parse_equation
scope, seen, on = Scope(coordinates=("x", "y"), unknowns=("u",)), [], False
sys.addaudithook(lambda event, args: seen.append(event) if on else None)
for formula in json.loads(sys.argv[1]):
    on = True
    try:
        parse_equation(formula, scope)
    except ConfigError:
        pass
    on = False
assert not seen, seen
on = True
compile("1", "here", "eval")
assert seen == ["compile"], seen
"""
    formulas = [formula for formula in HOSTILE if len(formula) < 4000 and formula.isascii()]
    done = subprocess.run(
        [sys.executable, "-c", program, json.dumps(formulas)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
