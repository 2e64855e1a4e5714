"""Problems with unknown constants and values without noise, for `coverage`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.integrate import solve_ivp

from kanpde import api
from kanpde.inverse.forward import Accuracy, at_constants, forward_of

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Case:
    """A problem without measured values, its right constants, and what is measured: names of
    coordinates and of unknowns, and a function that gives points (n, d) with right values (n, m).
    """

    tree: dict[str, Any]
    right: dict[str, float]
    coordinates: tuple[str, ...]
    unknowns: tuple[str, ...]
    values: Callable[[], tuple[Array, Array]]


LORENZ: dict[str, Any] = {
    "unknowns": ["a", "b", "c"],
    "time": {"interval": [0, 3]},
    "equations": ["dt(a) = c1*(b - a)", "dt(b) = a*(c2 - c) - b", "dt(c) = a*b - c3*c"],
    "conditions": [{"part": "initial", "equation": ["a = -8", "b = 7", "c = 27"]}],
}


def _lorenz() -> tuple[Array, Array]:
    """Twenty-five states by DOP853."""

    def rates(t: float, u: Array) -> list[float]:
        return [10 * (u[1] - u[0]), u[0] * (15 - u[2]) - u[1], u[0] * u[1] - 8 / 3 * u[2]]

    times = np.linspace(0.12, 3, 25)
    run = solve_ivp(rates, (0, 3), (-8, 7, 27), "DOP853", times, rtol=1e-12, atol=1e-12)
    return times[:, None], run.y.T


REACTION: dict[str, Any] = {
    "unknowns": ["ca", "cb"],
    "domain": {"interval": {"lower": 0, "upper": 1}},
    "time": {"interval": [0, 10]},
    "equations": [
        "dt(ca) - 1e-3*diff*dxx(ca) + kf*ca*cb**2 = 0",
        "dt(cb) - 1e-3*diff*dxx(cb) + 2*kf*ca*cb**2 = 0",
    ],
    "conditions": [
        {"part": "initial", "equation": ["ca = exp(-20*x)", "cb = exp(-20*x)"]},
        {"part": ["left", "right"], "equation": ["ca = 1 - x", "cb = 1 - x"]},
    ],
}


def _reaction() -> tuple[Array, Array]:
    """Two hundred values of each by a march of local error 1e-7."""
    tree = {**REACTION, "unknown_parameters": {"kf": 0.1, "diff": 2.0}}
    measured = {"values": "x,t,m\n0.5,0.5,1\n", "equation": "ca = m"}
    conditions = [*REACTION["conditions"], measured]
    config = api.configure({"problem": {**tree, "conditions": conditions}})
    forward = forward_of(config)
    assert forward is not None
    solution = forward.solve(at_constants(config, [0.1, 2.0]), Accuracy.FINER, lambda: False)
    assert solution is not None
    points = np.random.default_rng(1).uniform([0.0, 0.2], [1.0, 10.0], (200, 2))
    return points, solution.evaluate(torch.tensor(points)).detach().numpy()


DIFFUSIVITY: dict[str, Any] = {
    "unknowns": ["u"],
    "domain": {"rectangle": {"lower": [0, 0], "upper": [1, 1]}},
    "equations": ["-k*laplacian(u) = 2.5*exp(x)*(x*(x + 3)*y*(1 - y) + 2*x*(1 - x))"],
    "conditions": [{"part": ["left", "right", "bottom", "top"], "equation": "u = 0"}],
}


def _diffusivity() -> tuple[Array, Array]:
    """Eighty values of the solution of `inverse_diffusivity`."""
    points = np.random.default_rng(1).uniform(0.05, 0.95, (80, 2))
    x, y = points.T
    return points, (x * (1 - x) * np.exp(x) * y * (1 - y))[:, None]


CASES = {
    "Lorenz": Case(LORENZ, {"c1": 10.0, "c2": 15.0, "c3": 8 / 3}, ("t",), ("a", "b", "c"), _lorenz),
    "reaction": Case(REACTION, {"kf": 0.1, "diff": 2.0}, ("x", "t"), ("ca", "cb"), _reaction),
    "diffusivity": Case(DIFFUSIVITY, {"k": 2.5}, ("x", "y"), ("u",), _diffusivity),
}


def problem(
    case: Case, measured: tuple[Array, Array], noise: float, rng: np.random.Generator
) -> dict[str, Any]:
    """The problem of a case with one draw of noise, a share of the largest value of each unknown,
    on what `case.values` gave.
    """
    points, values = measured
    drawn = values + noise * np.abs(values).max(axis=0) * rng.normal(size=values.shape)
    conditions = list(case.tree["conditions"])
    for column, unknown in enumerate(case.unknowns):
        rows = [
            ",".join(map(repr, [*point, value]))
            for point, value in zip(points.tolist(), drawn[:, column].tolist(), strict=True)
        ]
        text = "\n".join([",".join([*case.coordinates, "measured"]), *rows]) + "\n"
        conditions.append({"values": text, "equation": f"{unknown} = measured"})
    return {**case.tree, "unknown_parameters": case.right, "conditions": conditions}
