"""A tolerance chooses the resolution: what it takes, what it says, and that it never reads the
exact solution.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from core_helpers import SIDES, SQUARE, config, create, problem_node

from kanpde import api, cli
from kanpde.ansatz.characteristics import characteristics
from kanpde.ansatz.projection_pursuit import source_centers, source_directions
from kanpde.config import yaml_file
from kanpde.errors import ConfigError
from kanpde.problem.problem import Problem
from kanpde.progress import Silent, StopReason

pytestmark = pytest.mark.usefixtures("quick")

EXACT = "exp(x)*sin(y)"
NODE = problem_node(
    SQUARE,
    ["laplacian(u) = 0"],
    [{"part": SIDES, "equation": f"u = {EXACT}"}],
    exact={"u": EXACT},
    name="harmonic",
)
WAVE = problem_node(
    {"interval": {"lower": 0, "upper": 1}},
    ["dtt(u) = 4*dxx(u)"],
    [
        {"part": "initial", "equation": ["u = sin(pi*x)", "dt(u) = 0"]},
        {"part": ["left", "right"], "equation": "u = 0"},
    ],
    time={"interval": [0, 1]},
    exact={"u": "sin(pi*x)*cos(2*pi*t)"},
    name="string",
)
QUIET = {"output": {"vtu": False, "plots": False}}


class Told(Silent):
    """Keeps the messages."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    def message(self, text: str) -> None:
        self.messages.append(text)


def without_exact(node: dict[str, Any]) -> dict[str, Any]:
    bare = copy.deepcopy(node)
    del bare["exact"]
    return bare


def equation(text: str) -> Any:
    """A problem of one equation on [0, 2] × [0, 1], x and t."""
    node = problem_node(
        {"interval": {"lower": 0, "upper": 2}},
        [text],
        [{"part": ["left", "right", "initial"], "equation": "u = 0"}],
        time={"interval": [0, 1]},
    )
    return create(node)


# Characteristic directions
# -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "slopes"),
    [
        ("dt(u) + 3*dx(u) = 0", [-3.0]),
        ("dtt(u) = 4*dxx(u)", [-2.0, 2.0]),
        ("dtt(u) + dt(u) = 4*dxx(u) + x*u", [-2.0, 2.0]),
        ("dx(dt(u)) = x", [0.0, np.inf]),
        ("dt(u) = dxx(u)", [np.inf]),
        ("dtt(u) + dxx(u) = 0", []),
        ("dtt(u) = (1 + x)*dxx(u)", []),
        ("dt(u) + u*dx(u) = 0", []),
    ],
)
def test_characteristic_directions(text: str, slopes: list[float]) -> None:
    directions = sorted(
        b / a if abs(a) > 1e-12 else np.inf for a, b in characteristics(equation(text))
    )
    assert directions == pytest.approx(slopes)


def test_a_wave_is_a_function_of_its_characteristics() -> None:
    trial = {"width": [2], "degree": [5, 13], "intervals": [2, 24], "directions": "characteristic"}
    solution = api.solve(
        {"problem": WAVE, "trial": trial, "sampler": {"interior": 400, "boundary": 400}}
    )
    assert (solution.relative_l2["u"] or 1.0) < 1e-11


def test_given_directions_come_first_and_the_rest_is_even() -> None:
    trial = {"width": [3], "degree": [4, 6], "intervals": [1, 4], "directions": [[3, 1]]}
    solution = api.solve(
        {"problem": NODE, "trial": trial, "sampler": {"interior": 100, "boundary": 64}}
    )
    half = (solution.problem.domain.upper - solution.problem.domain.lower) / 2
    s = torch.eye(2, dtype=torch.float64)
    slopes = solution.trial.net.stack[0](s) - solution.trial.net.stack[0](0 * s)  # type: ignore[union-attr]
    direction = np.array([3.0, 1.0]) * half
    assert torch.allclose(slopes[0], torch.tensor(direction / direction.sum()))
    assert len({tuple(np.round(row, 6)) for row in slopes.detach().numpy().tolist()}) == 3


@pytest.mark.parametrize(
    ("trial", "message"),
    [
        ({"width": [8], "directions": "characteristic"}, "has none, use even"),
        ({"width": [], "directions": [[1, 0]]}, "without hidden layer has neither directions"),
        ({"width": [8], "directions": [[0, 0]]}, "must not be zero"),
        ({"width": [8], "directions": "lucky"}, "directions"),
    ],
)
def test_directions_that_make_no_sense(trial: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        api.solve({"problem": NODE, "trial": trial})


# The tolerance
# --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("node", "tolerance"), [(NODE, 1e-9), (WAVE, 1e-9)], ids=["harmonic", "string"]
)
def test_a_tolerance_is_met(node: dict[str, Any], tolerance: float) -> None:
    progress = Told()
    solution = api.solve({"problem": node, "trial": {}, "tolerance": tolerance}, progress=progress)
    error, estimate = solution.relative_l2["u"], solution.result.estimate
    assert solution.stop_reason is StopReason.TOLERANCE
    assert error is not None and estimate is not None
    assert estimate <= tolerance and error <= 10 * tolerance
    assert error <= 10 * estimate
    assert any("held-out residual" in message for message in progress.messages)


def test_the_estimate_follows_the_error() -> None:
    for tolerance in (1e-2, 1e-4, 1e-6):
        for node in (NODE, WAVE):
            solution = api.solve({"problem": node, "trial": {}, "tolerance": tolerance})
            error, estimate = solution.relative_l2["u"], solution.result.estimate
            assert error is not None and estimate is not None and error < 5 * estimate


def test_a_structure_that_cannot_hold_the_solution_is_not_taken() -> None:
    """Two levels of univariate functions agree with each other, and both are wrong."""
    solution = api.solve({"problem": NODE, "trial": {}, "tolerance": 1e-3})
    assert solution.config.trial.width and (solution.relative_l2["u"] or 1.0) < 1e-3


def test_levels_have_no_more_units_about_holes_than_they_can_hold() -> None:
    """A level of no hidden unit was refused for the unit that the config asks for in every hole."""
    ring = {
        "difference": [
            {"disk": {"center": [0, 0], "radius": 1}},
            {"disk": {"center": [0, 0], "radius": 0.5, "name": "hole"}},
        ]
    }
    conditions = [{"part": ["circle", "hole"], "equation": "u = log(x**2 + y**2)"}]
    node = problem_node(ring, ["laplacian(u) = 0"], conditions, exact={"u": "log(x**2 + y**2)"})
    solution = api.solve(
        {"problem": node, "trial": {"width": [20], "radial": 1}, "tolerance": 1e-4}
    )
    assert (
        solution.stop_reason is StopReason.TOLERANCE and (solution.relative_l2["u"] or 1.0) < 1e-4
    )


def test_deleting_the_exact_solution_changes_nothing() -> None:
    with_it, without = (
        api.solve({"problem": node, "trial": {}, "tolerance": 1e-7})
        for node in (NODE, without_exact(NODE))
    )
    assert torch.equal(with_it.coefficients(), without.coefficients())
    assert with_it.result.estimate == without.result.estimate


def test_a_tolerance_that_is_out_of_reach_ends_with_8_and_its_result(tmp_path: Path) -> None:
    path = tmp_path / "harmonic.yaml"
    path.write_text(
        yaml_file.dumps({"problem": NODE, "trial": {}, "tolerance": 1e-17, "seconds": 1, **QUIET}),
        encoding="utf-8",
    )
    run = tmp_path / "run"
    assert cli.main(["solve", str(path), "--out", str(run), "--quiet"]) == 8
    result = json.loads((run / "result.json").read_text(encoding="utf-8"))
    assert result["stop_reason"] == "unreached" and result["tolerance"] == 1e-17
    assert result["estimate"]["u"] is None or 1e-17 < result["estimate"]["u"] < 1
    assert (run / "checkpoints" / "last.pt").is_file()


def test_a_run_folder_holds_the_chosen_resolution(tmp_path: Path) -> None:
    solution = api.solve(
        {"problem": NODE, "trial": {}, "tolerance": 1e-6, **QUIET}, out=tmp_path / "run"
    )
    again = api.load(tmp_path / "run")
    assert again.config.trial == solution.config.trial and again.config.tolerance == 1e-6
    assert torch.equal(again.coefficients(), solution.coefficients())
    assert torch.equal(api.resume(tmp_path / "run").coefficients(), solution.coefficients())


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"trial": {"kind": "mlp"}}, "only the resolution of a kan"),
        ({"problem": WAVE, "slabs": 2}, "for trial.start: stretched only"),
        ({"tolerance": 0}, "tolerance"),
    ],
)
def test_where_no_resolution_can_be_chosen(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        api.solve({"problem": NODE, "trial": {}, "tolerance": 1e-6, **keys})


def test_a_comparison_takes_no_tolerance() -> None:
    with pytest.raises(ConfigError, match="tolerance: not in a comparison"):
        api.compare(config(NODE, trial={"width": [4]}, tolerance=1e-6))


# Directions of the source
# --------------------------------------------------------------------------------------------


def turned(source: str, *, angle: float = 0.4) -> Any:
    """Poisson on [0, 2] × [-1, 1] with a source of p and q, the coordinates turned by an angle."""
    node = problem_node(
        {"rectangle": {"lower": [0, -1], "upper": [2, 1]}},
        ["laplacian(u) = f"],
        [{"part": SIDES, "equation": "u = 0"}],
        parameters={"angle": angle},
        definitions={
            "p": "cos(angle)*x + sin(angle)*y",
            "q": "cos(angle)*y - sin(angle)*x",
            "f": source,
        },
    )
    return create(node)


@pytest.mark.parametrize(
    ("source", "angles"),
    [
        ("exp(-9*(p - 1)**2)", [0.4]),
        ("sin(5*p)*cos(3*q)", [0.4 - np.arctan(0.6), 0.4 + np.arctan(0.6)]),
    ],
)
def test_directions_of_a_source_to_ten_digits(source: str, angles: list[float]) -> None:
    computed = sorted(np.arctan2(b, a) % np.pi for a, b in source_directions(turned(source)))
    assert computed == pytest.approx(sorted(angle % np.pi for angle in angles), abs=1e-9)


def test_the_first_of_two_equal_waves_is_not_taken_for_nothing() -> None:
    """It leaves √½ of the source, and a little more where the two are not quite orthogonal on the
    points.
    """
    directions = source_directions(
        Problem.create(api.configure("poisson_rotated", parameters={"angle": 0.8}).problem)
    )
    angles = sorted(np.arctan2(b, a) % np.pi for a, b in directions)
    assert angles == pytest.approx(
        sorted((0.8 + k * np.arctan(2)) % np.pi for k in (-1, 1)), abs=1e-9
    )


@pytest.mark.parametrize("source", ["0", "exp(-30*(p**2 + q**2))"])
def test_a_source_that_is_no_sum_of_few_ridges_has_none(source: str) -> None:
    assert source_directions(turned(source)) == ()


def test_directions_of_the_source_are_written_into_the_run(tmp_path: Path) -> None:
    node = problem_node(
        SQUARE,
        ["laplacian(u) = sin(3*x + y)"],
        [{"part": SIDES, "equation": "u = -sin(3*x + y)/10"}],
    )
    trial = {"width": [2], "degree": [5, 11], "intervals": [2, 12], "directions": "source"}
    small = {"interior": 200, "boundary": 200}
    solution = api.solve(
        {"problem": node, "trial": trial, "sampler": small, **QUIET}, out=tmp_path / "run"
    )
    assert np.allclose(solution.config.trial.directions, [[3 / np.sqrt(10), 1 / np.sqrt(10)]])
    assert torch.equal(api.load(tmp_path / "run").coefficients(), solution.coefficients())


def test_the_centre_of_a_radial_source() -> None:
    (center,) = source_centers(turned("exp(-30*((x - 0.9)**2 + (y - 0.3)**2))"))
    assert center == pytest.approx((0.9, 0.3), abs=1e-9)
    assert source_centers(turned("sin(5*p)*cos(3*q)")) == ()


def test_a_radial_unit_about_the_centre_of_the_source() -> None:
    peak = "exp(-20*((x - 0.9)**2 + (y - 0.3)**2))"
    shape = {"rectangle": {"lower": [0, -1], "upper": [2, 1]}}
    where = [{"part": SIDES, "equation": "u = v"}]
    node = problem_node(
        shape, ["laplacian(u) = laplacian(v)"], where, definitions={"v": peak}, exact={"u": "v"}
    )
    trial = {"width": [1], "degree": [5, 13], "intervals": [2, 64], "centers": "source"}
    solution = api.solve(
        {"problem": node, "trial": trial, "sampler": {"interior": 900, "boundary": 400}}
    )
    assert (solution.relative_l2["u"] or 1.0) < 1e-6
    assert solution.config.trial.centers[0] == pytest.approx((0.9, 0.3), abs=1e-9)


def test_a_layer_on_a_line_is_climbed_to_though_coarse_knots_do_not_lower_the_residual() -> None:
    solution = api.solve("advection_diffusion", tolerance=1e-9)
    assert solution.stop_reason is StopReason.TOLERANCE and solution.relative_l2["u"] < 1e-9
    assert solution.result.trial["parameters"] > 200
