"""Complex values: those of numpy, exact derivatives, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from kanpde.errors import ConfigError
from kanpde.expressions import Node, Scope, parse_expression, substitute_unknowns, text
from kanpde.expressions.evaluate import evaluate

Complexes = np.ndarray[tuple[int], np.dtype[np.complex128]]

SCOPE = Scope(
    coordinates=("x", "y"),
    unknowns=("a", "b"),
    definitions={"u": "a + I*b", "z": "x + I*y", "w": "cos(y) - I*x"},
    normal=True,
    where="here",
)
POINTS = torch.tensor(np.random.default_rng(0).uniform(-1.4, 1.4, (50, 2)))
X, Y = POINTS.numpy().T
Z, W = X + 1j * Y, np.cos(Y) - 1j * X

VALUES: dict[str, Complexes] = {
    "z*w": Z * W,
    "z/w": Z / W,
    "z - 2*w + 3": Z - 2 * W + 3,
    "z**5": Z**5,
    "z**-3": Z**-3.0,
    "z**w": Z**W,
    "z**0.5": np.sqrt(Z),
    "2**z": 2**Z,
    "sqrt(z)": np.sqrt(Z),
    "exp(z)": np.exp(Z),
    "log(z)": np.log(Z),
    "sin(z)": np.sin(Z),
    "cos(z)": np.cos(Z),
    "tan(z)": np.tan(Z),
    "sinh(z)": np.sinh(Z),
    "cosh(z)": np.cosh(Z),
    "tanh(z)": np.tanh(Z),
    "conj(z)*w": np.conj(Z) * W,
    "abs(z) + I*arg(z)": np.abs(Z) + 1j * np.angle(Z),
    "where(x > y, z, 1)": np.where(X > Y, Z, 1),
    "dot([z, 1], [w, I])": Z * W + 1j,
    "sum(i, x[i]*z)": (X + Y) * Z,
}


def halves(formula: str) -> list[Node]:
    return [parse_expression(f"{part}({formula})", SCOPE) for part in ("re", "im")]


@pytest.mark.parametrize("formula", VALUES)
def test_values_are_those_of_numpy(formula: str) -> None:
    real, imaginary = evaluate(halves(formula), POINTS)
    assert np.allclose(real.numpy() + 1j * imaginary.numpy(), VALUES[formula], rtol=1e-12)


@pytest.mark.parametrize("formula", ["exp(z)", "z**5", "sqrt(z)", "z/w", "tan(z)", "log(w)"])
def test_derivatives_are_those_of_central_differences(formula: str) -> None:
    h = 1e-6
    shift = torch.tensor([[h, 0.0]], dtype=torch.float64)
    for node, slope in zip(halves(formula), halves(f"dx({formula})"), strict=True):
        (exact,) = evaluate([slope], POINTS)
        (above,), (below,) = evaluate([node], POINTS + shift), evaluate([node], POINTS - shift)
        assert torch.allclose((above - below) / (2 * h), exact, rtol=1e-6, atol=1e-6)


def test_what_is_analytic_is_harmonic() -> None:
    for formula in ("exp(z)", "sin(z)", "z**3 - 1/(z + 4)"):
        values = evaluate(halves(f"laplacian({formula})"), POINTS)
        assert max(float(value.abs().max()) for value in values) < 1e-9


@pytest.mark.parametrize(
    ("formula", "real", "imaginary"),
    [
        ("laplacian(u) + 9*u", "dxx(a) + dyy(a) + 9*a", "dxx(b) + dyy(b) + 9*b"),
        ("I*dx(u)", "-dx(b)", "dx(a)"),
        ("dn(u) - I*3*u", "nx*dx(a) + ny*dy(a) + 3*b", "nx*dx(b) + ny*dy(b) - 3*a"),
        ("div(I*grad(u))", "-dxx(b) - dyy(b)", "dxx(a) + dyy(a)"),
        ("u*conj(u)", "a**2 + b**2", "0"),
    ],
)
def test_operators_act_on_both_parts(formula: str, real: str, imaginary: str) -> None:
    written = [parse_expression(each, SCOPE) for each in (real, imaginary)]
    for node, expected in zip(halves(formula), written, strict=True):
        exact = [parse_expression(each, SCOPE) for each in ("x**2*y + x", "sin(x)*y**3")]
        both = [substitute_unknowns(each, exact) for each in (node, expected)]
        normal = torch.full_like(POINTS, 0.5**0.5)
        first, second = evaluate(both, POINTS, normal)
        assert torch.allclose(first, second, atol=1e-12)


def test_the_modulus_of_an_unknown() -> None:
    node = parse_expression("abs(u)", SCOPE)
    assert text(node, ("x", "y"), ("a", "b")) == "sqrt(a**2 + b**2)"


def test_even_powers_of_a_modulus_have_no_root_whose_slope_is_infinite_at_0() -> None:
    for formula, plain in [("abs(u)**2", "a**2 + b**2"), ("abs(u)**-4", "(a**2 + b**2)**-2")]:
        assert parse_expression(formula, SCOPE) == parse_expression(plain, SCOPE)


def test_a_name_of_the_problem_comes_before_the_imaginary_unit() -> None:
    scope = Scope(coordinates=("x",), parameters={"I": 5.0, "re": 100.0})
    assert text(parse_expression("I*x + re", scope), ("x",)) == "5*x + 100"


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        ("u", "a real value is expected, found a complex one; write re(...)"),
        ("besselj(0, z)", "'besselj' takes real arguments; exp, log"),
        ("where(z > 1, 1, 2)", "a side of a comparison must be real, found a complex value"),
        ("max(z, 1)", "'max' takes real arguments"),
        ("re(x > 1)", "a comparison stands only in where"),
        ("real(z)", "unknown function 'real'; write re(...)"),
        ("conjj(z)", "unknown function 'conjj', did you mean 'conj'?"),
        ("re([z, 1 > x])", "a vector [a, b] needs scalar components"),
        ("re(z**200)", "the exponent 200 is too large"),
    ],
)
def test_what_is_refused(formula: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_expression(formula, SCOPE)
    assert message in str(caught.value)


def test_real_values_stay_as_they_are() -> None:
    pairs = [("re(x) + im(x) + conj(y)", "x + y"), ("I*I", "-1"), ("abs(x)", "abs(re(x))")]
    for one, other in pairs:
        assert parse_expression(one, SCOPE) == parse_expression(other, SCOPE)
