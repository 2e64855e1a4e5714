"""Polynomials of Chebyshev on [0, 1]: what interpolation, calculus and roots of them give."""

from __future__ import annotations

import numpy as np
import pytest

from kanpde.numerics import chebyshev

S = np.linspace(0.0, 1.0, 37)


def of(function: np.poly1d, count: int = 12) -> np.ndarray:
    return chebyshev.interpolated(np.asarray(function(chebyshev.lobatto(count))))


CUBIC = np.poly1d([2.0, -1.0, 0.5, 3.0])


def test_derivatives_and_integrals_are_those_of_the_polynomial() -> None:
    coefficients = of(CUBIC)
    assert chebyshev.at(coefficients, S) == pytest.approx(CUBIC(S), abs=1e-13)
    slopes = chebyshev.at(chebyshev.derivative(coefficients), S)
    assert slopes == pytest.approx(CUBIC.deriv()(S), abs=1e-11)
    areas = chebyshev.at(chebyshev.integral(coefficients), S)
    assert areas == pytest.approx(CUBIC.integ()(S), abs=1e-13)  # 0 at 0


def test_a_part_of_a_polynomial_is_that_polynomial() -> None:
    part = chebyshev.restricted(of(CUBIC), 0.2, 0.7)
    assert chebyshev.at(part, S) == pytest.approx(CUBIC(0.2 + 0.5 * S), abs=1e-13)


def test_only_real_roots_within_are_found() -> None:
    """Of 0.25 and 0.75 beside a pair 0.5 ± 0.3 i and a root at 2."""
    pair = np.poly1d([1.0, -1.0, 0.25 + 0.09])
    wanted = np.poly1d([0.25, 0.75, 2.0], r=True) * pair
    assert chebyshev.roots(of(wanted)) == pytest.approx([0.25, 0.75], abs=1e-10)
    assert len(chebyshev.roots(of(pair))) == 0
    outside = np.poly1d([-1e-9, 0.5], r=True)
    assert len(chebyshev.roots(of(outside))) == 1
    assert chebyshev.roots(of(outside), slack=1e-8) == pytest.approx([0.0, 0.5], abs=1e-8)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_monotone_polynomial_is_inverted(sign: float) -> None:
    rising = np.poly1d([sign * 1.0, 0.0, sign * 0.5, 1.0])
    values = np.asarray(rising(S))
    assert chebyshev.inverted(of(rising), values) == pytest.approx(S, abs=1e-9)
    beyond = np.array([1.0 - sign, 1.0 + 9 * sign])
    assert chebyshev.inverted(of(rising), beyond) == pytest.approx([0.0, 1.0], abs=1e-9)
