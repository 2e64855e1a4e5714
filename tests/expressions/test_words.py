"""Special functions, comparisons and components of the normal: values, slopes, names and hints."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import sympy
import torch
from scipy import special

from kanpde.errors import ConfigError
from kanpde.expressions import (
    Normal,
    Number,
    Scope,
    call,
    differentiate,
    is_linear,
    parse_condition,
    parse_equation,
    parse_expression,
    substitute,
    text,
)
from kanpde.expressions.constant_values import besselj, polygamma
from kanpde.expressions.evaluate import evaluate
from kanpde.expressions.tree import Coordinate
from kanpde.symbolic.search.models import values as sympy_values
from kanpde.symbolic.verify.translate import coordinates, translate

SCOPE = Scope(coordinates=("x", "y"), unknowns=("u",), parameters={"k": 2.0}, where="here")
SIDE = replace(SCOPE, normal=True)
POINTS = torch.tensor(np.random.default_rng(0).uniform(0.1, 2.0, (60, 2)))
X, Y = POINTS.numpy().T

VALUES = {
    "max(x, y, 0.7)": np.maximum(np.maximum(X, Y), 0.7),
    "min(x, k*y)": np.minimum(X, 2 * Y),
    "where(x < y, x**2, y)": np.where(X < Y, X**2, Y),
    "where(x <= 1 and y > 0.5 or x > 1.5, 1, 2)": np.where(
        ((X <= 1) & (Y > 0.5)) | (X > 1.5), 1, 2
    ),
    "where((x > 0.3) and (0.5 < y < 1), x, -x)": np.where((X > 0.3) & (Y > 0.5) & (Y < 1), X, -X),
    "heaviside(x - y)": np.heaviside(X - Y, 0.5),
    "sign(x - 1)*y": np.sign(X - 1) * Y,
    "erf(x) + 3*erfc(y)": special.erf(X) + 3 * special.erfc(Y),
    "gamma(x)": special.gamma(X),
    "gamma(x - 3)": special.gamma(X - 3),
    "lgamma(x*y)": special.gammaln(X * Y),
    "besselj(0, 3*x) - besselj(4, 9*y)": special.jv(0, 3 * X) - special.jv(4, 9 * Y),
}


@pytest.mark.parametrize("formula", VALUES)
def test_values_are_those_of_numpy_and_scipy(formula: str) -> None:
    (values,) = evaluate([parse_expression(formula, SCOPE)], POINTS)
    assert np.allclose(values.numpy(), VALUES[formula], rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("formula", VALUES)
def test_three_derivatives_are_those_of_autograd(formula: str) -> None:
    node = parse_expression(formula, SCOPE)
    x = POINTS.clone().requires_grad_()
    for axis in (0, 1, 0):
        (value,) = evaluate([node], x)
        node = differentiate(node, axis)
        (expected,) = (torch.zeros_like(x),)
        if value.requires_grad:
            (grad,) = torch.autograd.grad(value.sum(), x, allow_unused=True)
            expected = expected if grad is None else grad
        (slope,) = evaluate([node], x)
        assert torch.allclose(slope, expected[:, axis], rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("formula", VALUES)
def test_the_text_of_a_formula_reads_back_to_it(formula: str) -> None:
    node = parse_expression(formula, SCOPE)
    assert parse_expression(text(node, ("x", "y"), limit=999), SCOPE) == node


@pytest.mark.parametrize("formula", VALUES)
def test_sympy_takes_the_same_values(formula: str) -> None:
    symbols = coordinates(("x", "y"))
    expression = translate(parse_expression(formula, SCOPE), symbols, ())
    assert expression.free_symbols
    at = dict(zip(symbols, (X, Y), strict=True))
    shown = sympy_values(expression, at)
    assert np.allclose(shown, VALUES[formula], rtol=1e-12, atol=1e-13)
    exact = expression.subs({symbols[0]: sympy.Float(X[0], 30), symbols[1]: sympy.Float(Y[0], 30)})
    assert float(exact) == pytest.approx(VALUES[formula][0], rel=1e-12)


@pytest.mark.parametrize("order", [0, 1, 7, 40])
@pytest.mark.parametrize("x", [-3.2, -0.5, 0.3, 2.5, 60.0])
def test_special_functions_of_one_number(order: int, x: float) -> None:
    assert besselj(order, x) == pytest.approx(special.jv(order, x), abs=1e-14)
    if order < 10 and x > 0:
        assert polygamma(order, x) == pytest.approx(float(special.polygamma(order, x)), rel=1e-12)


def test_a_constant_argument_is_folded() -> None:
    node = parse_expression("besselj(1, 2) + gamma(5) + max(1, 2, 3) + where(1 < 2, 5, 6)", SCOPE)
    assert isinstance(node, Number)
    assert node.value == pytest.approx(special.jv(1, 2) + 24 + 3 + 5)
    slope = substitute(
        differentiate(parse_expression("gamma(x)", SCOPE), 0), {Coordinate(0): Number(2.0)}
    )
    assert isinstance(slope, Number)
    assert slope.value == pytest.approx(special.digamma(2.0))
    assert call("where", Number(0.0), Number(1.0), Number(2.0)) == Number(2.0)


def test_a_choice_by_coordinates_is_linear_and_one_by_the_unknown_is_not() -> None:
    assert is_linear(
        parse_equation("div(where(x < 1, 1, 2)*grad(u)) = where(x < 0.3, 1, 0)", SCOPE)
    )
    assert is_linear(parse_equation("max(x, y)*u = 1", SCOPE))
    for nonlinear in ("max(u, 0) = x", "where(u > 0, 1, 2) + u = x", "sign(u) + u = 0"):
        assert not is_linear(parse_equation(nonlinear, SCOPE))


def test_a_name_of_the_problem_comes_first() -> None:
    scope = Scope(("x", "y"), unknowns=("sign",), parameters={"gamma": 3.0, "nx": 1.0}, normal=True)
    assert text(parse_expression("gamma*sign + nx", scope), ("x", "y"), ("sign",)) == "3*sign + 1"
    with pytest.raises(ConfigError, match=r"'gamma' is not a function; write 'gamma\*\(...\)'"):
        parse_expression("gamma(x)", scope)


def test_a_definition_may_be_a_comparison() -> None:
    scope = replace(SCOPE, definitions={"inside": "0.2 < x < 0.8 and y < 1"})
    (values,) = evaluate([parse_expression("where(inside, k, y)", scope)], POINTS)
    inside = (X > 0.2) & (X < 0.8) & (Y < 1)
    assert np.array_equal(values.numpy(), np.where(inside, 2.0, Y))
    (marks,) = evaluate([parse_condition("inside or x > 1.9", scope)], POINTS)
    assert np.array_equal(marks.numpy(), (inside | (X > 1.9)).astype(float))


def test_the_normal_and_the_tangent() -> None:
    normal = torch.tensor(np.tile([0.6, 0.8], (60, 1)))
    node = parse_expression("nx*x + ny*y", SIDE)
    (values,) = evaluate([node], POINTS, normal)
    assert np.allclose(values.numpy(), 0.6 * X + 0.8 * Y)
    tangent = parse_expression("tx*x + ty*y", SIDE)
    (values,) = evaluate([tangent], POINTS, normal)
    assert np.allclose(values.numpy(), -0.8 * X + 0.6 * Y)
    assert parse_expression("nx*dx(u) + ny*dy(u) - dn(u)", SIDE) == Number(0.0)
    space = Scope(("x", "y", "z", "t"), time=True, normal=True)
    assert parse_expression("nz", space) == Normal(2)
    for missing in ("tx", "nt"):
        with pytest.raises(ConfigError, match=f"unknown name '{missing}'"):
            parse_expression(missing, space)


def test_the_curl_in_the_plane_and_in_space() -> None:
    assert text(parse_expression("curl([-y*u, x*u])", SCOPE), ("x", "y"), ("u",)) == (
        "2*u + x*dx(u) + y*dy(u)"
    )
    space = Scope(("x", "y", "z"), unknowns=("u", "v", "w"))
    assert parse_expression("div(curl([u*y, v*x, w]))", space) == Number(0.0)
    with pytest.raises(ConfigError, match="'curl' needs a vector with one component per space"):
        parse_expression("curl([u, v])", space)


HINTS = [
    ("np.exp(x)", r"unexpected character '\.', a function goes by its name alone: exp\(x\)"),
    ("u_xx", r"unknown name 'u_xx'; write dxx\(u\) for a derivative"),
    ("uxy", r"unknown name 'uxy'; write dxy\(u\) for a derivative"),
    ("nabla(u)", r"unknown function 'nabla'; write grad\(u\), div\(v\) or laplacian\(u\)"),
    ("du/dn", r"unknown name 'du'; write dx\(u\), and dn\(u\) for the normal derivative"),
    ("0,2*x", "found ','; a decimal number has a point, as in 0.2"),
    ("ln(x)", "unknown function 'ln'; write log"),
    ("u'' + u", "a derivative is dx"),
    ("x > 1", r"found '>'; a comparison stands in where\(condition, value, other\)"),
    ("(x > 1)*2", r"a comparison stands only in where\(condition, value, other\)"),
    ("exp(x > 1)", "a comparison stands only in where"),
    ("where(x, 1, 2)", "'where' takes a comparison, then the value where it holds"),
    ("where(x > 0, 1)", "'where' takes 3 arguments, found 2"),
    ("where(x > 0, 1, [1, 2])", "each value of 'where' must be a vector"),
    ("where(x > 0 & y > 0, 1, 2)", "unexpected character '&', use 'and'"),
    ("where(x and y, 1, 2)", "'and' and 'or' stand between comparisons"),
    ("max(x)", "'max' takes two arguments or more, found 1"),
    ("besselj(0.5, x)", "'besselj' takes an integer order and an argument"),
    ("besselj(200, x)", "'besselj' takes orders up to 100, found 200"),
    ("nx + u", "'nx' is only defined on boundary parts, where there is an outward normal"),
    ("erff(x)", "unknown function 'erff', did you mean 'erf'?"),
    ("gamma(0 - 1)", r"gamma\(-1\) is not a finite real number"),
]


@pytest.mark.parametrize(("formula", "message"), HINTS, ids=[formula for formula, _ in HINTS])
def test_what_to_write_instead(formula: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_expression(formula, SCOPE)


def test_no_comparison_where_one_is_expected() -> None:
    with pytest.raises(ConfigError, match="a comparison is expected, such as x < 0"):
        parse_condition("x + 1", SCOPE)
    with pytest.raises(ConfigError, match="the normal cannot be differentiated"):
        parse_expression("dx(nx*u)", SIDE)
