"""A point of space that is pinned at all times, and a march over ordinary time slabs in the
plane.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kanpde import api
from kanpde.config.problem.statement import problem_tree
from kanpde.errors import ConfigError
from kanpde.solver.build import build

PRESSURE: dict[str, Any] = {
    "unknowns": ["p"],
    "domain": {"interval": {"lower": 0, "upper": 1}},
    "time": {"interval": [0, 1]},
    "equations": ["dx(p) = t"],
    "conditions": [{"point": [0.25], "equation": "p = t**3"}],
    "free": ["left", "right", "initial"],
    "exact": {"p": "(x - 0.25)*t + t**3"},
}
"""Known up to a function of time, as the pressure of an incompressible flow."""

SMALL = {
    "trial": {"width": [6], "degree": [3, 6], "intervals": [1, 1]},
    "sampler": {"interior": 80, "boundary": 40},
}


@pytest.mark.parametrize("slabs", [1, 3])
def test_a_point_at_all_times_pins_a_function_of_time(slabs: int) -> None:
    solution = api.solve({"problem": PRESSURE, **SMALL, "slabs": slabs})
    assert solution.relative_l2["p"] is not None and solution.relative_l2["p"] < 1e-9


def test_one_instant_does_not_pin_it() -> None:
    once = {**PRESSURE, "conditions": [{"point": [0.25, 1], "equation": "p = t**3"}]}
    error = api.solve({"problem": once, **SMALL}).relative_l2["p"]
    assert error is not None and error > 1e-3


def test_its_rows_stand_at_the_point_and_share_one_weight() -> None:
    parts = build(
        api.configure(
            {"problem": {**PRESSURE, "time": {"interval": [2, 4]}, "exact": None}, **SMALL}
        )
    )
    (pin,) = (term for term in parts.assembly.terms if term.name == "point")
    assert set(pin.x[:, 0].tolist()) == {0.25}
    assert 2 < float(pin.x[:, 1].min()) < 2.01 and 3.99 < float(pin.x[:, 1].max()) < 4
    assert pin.rows > 9, "more instants than points along an axis"


def test_a_pinned_point_survives_the_way_through_a_file() -> None:
    config = api.configure({"problem": PRESSURE}).problem
    assert config.conditions[0].point == (0.25,)
    assert api.configure({"problem": problem_tree(config)}).problem == config


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"conditions": [{"point": [2], "equation": "p = 0"}]},
            r"conditions\[0\]: the point \[2.0\] is not in the domain",
        ),
        (
            {"conditions": [{"point": [1, 1, 1], "equation": "p = 0"}]},
            r"conditions\[0\]\.point: must hold at most 2 elem",
        ),
        (
            {"conditions": [{"point": [], "equation": "p = 0"}]},
            r"conditions\[0\]\.point: must hold at least 1 element",
        ),
        ({"exact": {"p": "(x - 0.25)*t"}}, "condition at a point"),
    ],
)
def test_a_pinned_point_that_cannot_be(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        api.solve({"problem": {**PRESSURE, **change}, **SMALL})


@pytest.mark.slow
def test_ordinary_slabs_march_in_the_plane() -> None:
    """u_t = Δu: each slab starts from the end of the one before, and only the first one reads the
    initial condition.
    """
    exact = "exp(-2*t)*cos(x)*cos(y)"
    problem = {
        "unknowns": ["u"],
        "domain": {"rectangle": {"lower": [0, 0], "upper": [1, 1]}},
        "time": {"interval": [0, 1]},
        "equations": ["dt(u) = laplacian(u)"],
        "conditions": [
            {"part": ["left", "right", "bottom", "top", "initial"], "equation": f"u = {exact}"}
        ],
        "exact": {"u": exact},
    }
    trial = {"width": [28], "degree": [3, 7], "intervals": [1, 1], "ends": "clamped"}
    keys = {"trial": trial, "sampler": {"interior": 343, "boundary": 500}}
    whole, cut = (
        api.solve({"problem": problem, **keys, "slabs": slabs}).relative_l2["u"] for slabs in (1, 4)
    )
    assert whole is not None and cut is not None
    assert cut < whole / 3 and cut < 3e-5
    later = api.solve({"problem": problem, **keys, "slabs": [0.25]})
    jump = later(np.array([[0.3, 0.6, 0.25 - 1e-9]])) - later(np.array([[0.3, 0.6, 0.25 + 1e-9]]))
    assert abs(float(jump[0, 0])) < 1e-4
