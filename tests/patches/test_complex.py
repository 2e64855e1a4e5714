"""Complex unknowns on patches: waves that come and go."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.integrate import solve_ivp

import kanpde

OUTPUT = {"vtu": False, "plots": False}


def solve(**problem: Any) -> kanpde.Solution:
    return kanpde.solve({"problem": problem, "output": OUTPUT})


def test_a_wave_over_a_barrier_is_that_of_a_march_from_the_right() -> None:
    k = np.sqrt(2.6)
    solution = solve(
        name="barrier",
        unknowns=[{"psi": "complex"}],
        domain={"interval": [-12, 12]},
        parameters={"E": 1.3},
        definitions={"k": "sqrt(2*E)"},
        equations=["-dxx(psi)/2 + psi/cosh(x)**2 = E*psi"],
        conditions=[
            {"part": "left", "equation": "dn(psi) - I*k*psi = -2*I*k*exp(I*k*x)"},
            {"part": "right", "equation": "dn(psi) - I*k*psi = 0"},
        ],
        quantities={"current": "im(conj(psi)*dx(psi))"},
    )

    def slope(x: float, y: Any) -> list[complex]:
        return [y[1], 2 * (1 / np.cosh(x) ** 2 - 1.3) * y[0]]

    start = np.array([1.0, 1j * k])  # a wave that only leaves
    x = np.linspace(12, -12, 9)
    marched = solve_ivp(slope, (12, -12), start, "DOP853", x, rtol=1e-12, atol=1e-13)
    psi, along = marched.y
    coming = (psi[-1] + along[-1] / (1j * k)) / 2 / np.exp(-12j * k)
    values = solution(x[:, None])
    assert np.allclose(values[:, 0] + 1j * values[:, 1], psi / coming, atol=1e-6)


def test_an_impedance_condition_lets_a_plane_wave_through() -> None:
    solution = solve(
        name="impedance",
        unknowns=[{"u": "complex"}],
        domain={"rectangle": {"lower": [0, 0], "upper": [1, 1]}},
        parameters={"k": 3, "c": 0.8, "s": 0.6},
        definitions={"wave": "exp(I*k*(c*x + s*y))"},
        equations=["laplacian(u) + k**2*u = 0"],
        conditions=[{"part": "boundary", "equation": "dn(u) - I*k*u = dn(wave) - I*k*wave"}],
        exact={"u": "wave"},
    )
    errors = solution.relative_l2
    assert set(errors) == {"u_re", "u_im"}
    assert all(error is not None and error < 1e-8 for error in errors.values())
    x = np.array([[0.3, 0.7], [0.9, 0.1]])
    assert [each.name for each in solution.problem.quantities] == ["u_abs", "u_arg"]
    assert np.allclose(np.hypot(*solution(x).T), 1.0)
