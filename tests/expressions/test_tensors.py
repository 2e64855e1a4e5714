"""Tensors and scale factors in formulas, against what is written out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kanpde.errors import ConfigError
from kanpde.expressions import Scope, parse_expression
from kanpde.problem.findings import numbers
from kanpde.problem.formulas import with_metric

PLANE = Scope(
    coordinates=("x", "y"), definitions={"w": "[x*y**2, sin(x) + y]", "F": "eye + grad(w)"}
)
POINTS = np.random.default_rng(0).uniform(0.5, 1.5, (20, 2))


def values(text: str, scope: Scope = PLANE) -> np.ndarray:
    return np.broadcast_to(numbers((parse_expression(text, scope),), POINTS)[0], len(POINTS))


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("trace(grad(w))", "y**2 + 1"),
        ("det(F)", "(1 + y**2)*2 - 2*x*y*cos(x)"),
        ("dot(dot(F, [0, 1]), [1, 0])", "2*x*y"),
        ("dot(sym(grad(w)), [[0, 1], [0, 0]])", "(2*x*y + cos(x))/2"),
        ("dot(transpose(grad(w)), [[0, 1], [0, 0]])", "cos(x)"),
        ("trace(matmul(F, inv(F)))", "2"),
        ("dot(matmul(F, inv(F)), [[0, 1], [1, 0]])", "0"),
        ("dot(div(grad(w)), [1, 0])", "2*x"),
        ("dot([[1, 2], [3, 4]], [[1, 0], [0, 10]])", "41"),
    ],
)
def test_a_tensor_is_what_its_components_are(text: str, plain: str) -> None:
    np.testing.assert_allclose(values(text), values(plain), atol=1e-13)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("trace(w)", "'trace' takes a tensor"),
        ("trace(F*F)", r"use matmul\(A, B\)"),
        ("trace([[1, 2], [3, 4, 5]])", "as many rows as columns"),
        ("grad([x, y, 1])", "needs 2 components"),
        ("sin(F)", "must be a scalar, found a tensor"),
        ("div(F)", "found a vector with 2 components"),
    ],
)
def test_a_message_says_what_is_wrong(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_expression(text, PLANE)


def test_a_name_of_the_user_is_that_name() -> None:
    scope = replace(PLANE, parameters={"eye": 3.0, "det": 2.0})
    np.testing.assert_allclose(values("eye*det", scope), 6.0)


@pytest.mark.parametrize(
    ("factors", "plain"),
    [
        (("1", "x"), "dxx({}) + dx({})/x + dyy({})/x**2"),
        (("1", "1", "x"), "dxx({}) + dx({})/x + dyy({})"),
        (
            ("1", "x", "x*sin(y)"),
            "dxx({}) + 2*dx({})/x + (dyy({}) + cos(y)/sin(y)*dy({}))/x**2",
        ),
        (("1", "sin(x)"), "dxx({}) + cos(x)/sin(x)*dx({}) + dyy({})/sin(x)**2"),
    ],
)
def test_the_laplacian_of_other_coordinates(factors: tuple[str, ...], plain: str) -> None:
    e = "(x**3*sin(2*y) + exp(x))"
    scope = with_metric(PLANE, factors)
    by_hand = values(plain.replace("{}", e))
    np.testing.assert_allclose(values(f"laplacian({e})", scope), by_hand, rtol=1e-12)
    np.testing.assert_allclose(values(f"div(grad({e}))", scope), by_hand, rtol=1e-12)


def test_slopes_along_other_coordinates() -> None:
    scope = with_metric(PLANE, ("1", "x"))
    np.testing.assert_allclose(values("dot(grad(x*y), [0, 1])", scope), 1.0)
    with pytest.raises(ConfigError, match="does not go with a metric"):
        parse_expression("dot(laplacian([x, y]), [1, 0])", scope)
