"""Time slabs: maps that spread knots, periodic splines, one field over all slabs, runs that stop
and go on.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from core_helpers import StopAfter, config, gap, problem_node

from kanpde import api
from kanpde.api import prepare
from kanpde.config import Config
from kanpde.errors import ConfigError
from kanpde.marching.equidistribution import Stretch, density
from kanpde.marching.slab import _initial, _state
from kanpde.numerics.jets import JetSpace
from kanpde.progress import StopReason
from kanpde.trial.bases import SplineGrid
from kanpde.trial.networks import KAN
from kanpde.trial.piecewise import PiecewiseInTime

pytestmark = pytest.mark.usefixtures("quick")

STRETCHED = {
    "kind": "kan",
    "start": "stretched",
    "width": [8],
    "degree": [7, 7],
    "intervals": [16, 16],
}
LINE = {"interval": {"lower": -1, "upper": 1}}
HEAT = problem_node(
    LINE,
    ["dt(u) = dxx(u)/pi**2"],
    [
        {"part": "initial", "equation": "u = sin(pi*x)"},
        {"part": ["left", "right"], "equation": "u = 0"},
    ],
    time={"interval": [0, 1]},
    exact={"u": "sin(pi*x)*exp(-t)"},
)
WAVE = problem_node(
    LINE,
    ["dtt(u) = dxx(u)"],
    [
        {"part": "initial", "equation": "u = sin(pi*x)"},
        {"part": "initial", "equation": "dt(u) = 0"},
        {"periodic": ["left", "right"]},
    ],
    time={"interval": [0, 1]},
    exact={"u": "sin(pi*x)*cos(pi*t)"},
)
REACTION = problem_node(
    LINE,
    ["dt(u) = dxx(u) + 2*pi**2*u - 2*pi**2*u**3*(1 + 0*t)"],
    [{"part": "initial", "equation": "u = 0.5"}, {"periodic": ["left", "right"]}],
    time={"interval": [0, 0.2]},
    exact={"u": "1/sqrt(1 + 3*exp(-4*pi**2*t))"},
)


def marched(node: dict[str, Any], slabs: int = 4, **trial: Any) -> Config:
    return config(
        node, trial={**STRETCHED, **trial}, sampler={"interior": 500, "boundary": 40}, slabs=slabs
    )


# One field
# --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("slabs", [1, 4])
@pytest.mark.parametrize(
    "node, least", [(HEAT, 3e-6), (WAVE, 3e-5), (REACTION, 3e-4)], ids=["heat", "wave", "reaction"]
)
def test_slabs_solve_what_the_whole_interval_does(
    node: dict[str, Any], least: float, slabs: int
) -> None:
    """Of first and second order in time, periodic and not, nonlinear with a mean that moves."""
    solution = api.solve(marched(node, slabs))
    assert solution.relative_l2["u"] is not None and solution.relative_l2["u"] < (
        least if slabs > 1 else 0.2
    )
    assert solution.stop_reason is StopReason.FINISHED
    assert len(solution.result.stages) == slabs


def test_the_field_joins_where_slabs_meet() -> None:
    solution = api.solve(marched(WAVE))
    x = np.linspace(-1, 1, 33)
    for t in (0.25, 0.5, 0.75):
        before, after = (
            solution(np.stack([x, np.full(33, t + shift)], axis=1)) for shift in (0.0, 1e-12)
        )
        assert abs(before - after).max() < 1e-5
    trial = solution.trial
    assert isinstance(trial, PiecewiseInTime) and len(trial.each) == 4
    points = torch.tensor(
        [[0.3, 0.0], [0.3, 0.25], [0.3, 0.2500001], [0.3, 1.0]], dtype=torch.float64
    )
    assert trial.slab(points).tolist() == [0, 0, 1, 3]
    jet = trial.jet(trial.locate(points, JetSpace.closure([(1, 1)], 2)))
    assert gap(jet.value.T, trial.evaluate(points)) < 1e-13


def test_an_mlp_of_random_features_marches_too() -> None:
    trial = {"kind": "mlp", "width": [120], "start": "features", "activation": "sine", "scale": 6.0}
    heat = config(
        HEAT,
        trial=trial,
        slabs=3,
        schedule=[{"optimizer": "least_squares"}],
        sampler={"interior": 400, "boundary": 120},
    )
    error = api.solve(heat).relative_l2["u"]
    assert error is not None and error < 1e-4


# Runs
# --------------------------------------------------------------------------------------------------


def test_a_stopped_run_is_loaded_and_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    reaction = marched(REACTION)
    whole = api.solve(reaction, out=tmp_path / "whole")
    stopped = api.solve(reaction, out=tmp_path / "part", progress=StopAfter(5))
    assert stopped.stop_reason is StopReason.INTERRUPTED and len(stopped.trial.each) < 4
    assert torch.equal(api.load(tmp_path / "part").coefficients(), stopped.coefficients())
    again = api.resume(tmp_path / "part")
    assert torch.equal(again.coefficients(), whole.coefficients())
    assert again.history.objective == whole.history.objective
    assert torch.equal(api.load(tmp_path / "whole").coefficients(), whole.coefficients())


def test_deleting_exact_changes_no_coefficient() -> None:
    bare = {key: value for key, value in REACTION.items() if key != "exact"}
    assert torch.equal(
        api.solve(marched(REACTION)).coefficients(), api.solve(marched(bare)).coefficients()
    )


# Maps
# --------------------------------------------------------------------------------------------------


def test_a_map_spreads_knots_where_the_function_changes() -> None:
    x = np.linspace(-1, 1, 4001)
    u = -np.tanh(x / 0.02)
    slopes = [u]
    for _ in range(3):
        slopes.append(np.gradient(slopes[-1], x))
    stretch = Stretch.equidistributing(
        x, density(x, np.array(slopes)[:, None], 2.0, False), False, 64
    )
    width = np.diff(stretch.inverse(np.linspace(-1, 1, 65)))
    assert width.min() < 0.35 * 2 / 64 and abs(width.argmin() - 31.5) < 2 and width.max() < 0.12
    assert (width[1:] / width[:-1]).max() < 2.0
    back = stretch(stretch.inverse(np.linspace(-1, 1, 100)))
    assert abs(back - np.linspace(-1, 1, 100)).max() < 1e-9


@pytest.mark.parametrize("degree", [7, 8])
def test_a_periodic_map_is_smooth_across_the_seam(degree: int) -> None:
    x = np.linspace(-1, 1, 4001)
    stretch = Stretch.equidistributing(x, 1 + 5 * np.exp(np.cos(np.pi * (x - 0.9))), True, 32)
    knots, coefficients = stretch.spline(32, degree)
    grid = SplineGrid(torch.tensor(knots)[None], degree, False)
    ends = torch.tensor([[-1.0, 1.0 - 1e-15]], dtype=torch.float64)
    for order in range(4):
        left, right = grid.evaluate(ends, torch.tensor(coefficients)[None, None], order)[0, 0]
        expected = 2.0 if order == 0 else 0.0
        assert abs(float(right - left) - expected) < 1e-8 * 32**order


# Periodic splines
# --------------------------------------------------------------------------------------------------


def test_a_periodic_spline_repeats_with_its_derivatives() -> None:
    ones = torch.ones(1, dtype=torch.float64)
    grid = SplineGrid.even(-ones, ones, 12, 5, periodic=True)
    assert grid.size == 12
    coefficients = torch.randn(
        1, 1, 12, generator=torch.Generator().manual_seed(1), dtype=torch.float64
    )
    z = torch.linspace(-1, 1, 50, dtype=torch.float64)[None, :-1]
    for order in range(4):
        assert (
            gap(grid.evaluate(z + 2, coefficients, order), grid.evaluate(z, coefficients, order))
            < 1e-11
        )
    assert gap(grid.evaluate(z, torch.ones_like(coefficients))[0], torch.ones_like(z)) < 1e-14


def test_a_periodic_spline_is_the_plain_one_with_repeated_coefficients() -> None:
    ones = torch.ones(1, dtype=torch.float64)
    wrapped, plain = (SplineGrid.even(-ones, ones, 9, 4, periodic=flag) for flag in (True, False))
    coefficients = torch.randn(
        2, 1, 9, generator=torch.Generator().manual_seed(1), dtype=torch.float64
    )
    longer = torch.cat([coefficients, coefficients[:, :, :4]], dim=2)
    z = torch.linspace(-1, 1, 40, dtype=torch.float64)[None]
    assert gap(wrapped.evaluate(z, coefficients), plain.evaluate(z, longer)) < 1e-14


def test_periodic_spaces_refuse_what_they_cannot() -> None:
    ones = torch.ones(1, dtype=torch.float64)
    with pytest.raises(ConfigError, match="needs more intervals than its degree 5, found 5"):
        SplineGrid.even(-ones, ones, 5, 5, periodic=True)
    grid = SplineGrid.even(-ones, ones, 8, 5, periodic=True)
    with pytest.raises(ConfigError, match="cannot be extended or updated"):
        grid.transfer(
            torch.zeros(1, 1, 8, dtype=torch.float64),
            SplineGrid.even(-ones, ones, 16, 5, periodic=True),
        )


# Refusals
# --------------------------------------------------------------------------------------------------


def test_slabs_need_time() -> None:
    node = problem_node(LINE, ["dxx(u) = 1"], [{"part": ["left", "right"], "equation": "u = 0"}])
    with pytest.raises(ConfigError, match="time slabs, but the problem has no time; remove it"):
        config(node, slabs=4)
    with pytest.raises(ConfigError, match="stretched needs a problem with time; use ridge"):
        prepare(config(node, trial=STRETCHED))


@pytest.mark.parametrize(
    "trial, message",
    [
        ({"width": [3, 3], "degree": 7, "intervals": 9}, "one hidden layer"),
        ({"base": "silu"}, "base none"),
        ({"degree": [7, 2]}, "takes 2 derivatives"),
        ({"ends": "clamped"}, "must be extended"),
    ],
)
def test_a_stretched_start_says_what_it_needs(trial: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        prepare(marched(HEAT, **trial))


@pytest.mark.parametrize(
    "extra", [{"part": "final", "equation": "u = 0"}, {"mean": "u = 0"}], ids=["final", "mean"]
)
def test_what_a_march_cannot_meet_is_refused(extra: dict[str, Any]) -> None:
    node = {key: value for key, value in HEAT.items() if key != "exact"}
    with pytest.raises(ConfigError, match="which a march from the start cannot meet"):
        prepare(marched({**node, "conditions": [*HEAT["conditions"], extra]}))


def test_a_point_belongs_to_one_slab_only() -> None:
    node = {
        **HEAT,
        "conditions": [*HEAT["conditions"], {"point": [0.5, 0.6], "equation": "u = exp(-0.6)"}],
    }
    assert "point" not in {term.name for term in prepare(marched(node)).first()[1].assembly.terms}
    assert "point" in {
        term.name for term in prepare(marched(node, slabs=1)).first()[1].assembly.terms
    }


def test_a_slab_that_ran_out_of_steps_is_told() -> None:
    tree = marched(REACTION).as_tree()
    tree["schedule"] = [{"optimizer": "least_squares", "steps": 1}]
    assert api.solve(tree).stop_reason is StopReason.MAX_STEPS


def test_lifting_is_refused_with_slabs() -> None:
    with pytest.raises(ConfigError, match="lifting: not with time slabs"):
        prepare(config(HEAT, slabs=2, trial={"lifting": True}))


def test_a_stretched_kan_holds_the_map_and_the_lines() -> None:
    _, slab = prepare(marched(HEAT, width=[3], spread=2.0)).first()
    network = slab.trial.network
    assert (
        isinstance(network, KAN)
        and network.outside_share(torch.rand(50, 2, dtype=torch.float64) * 2 - 1) == 0
    )
    z = network.stack[0](torch.tensor([[0.0, 0.0], [-1.0, 1.0]], dtype=torch.float64))
    speeds = torch.tensor([-0.25, 0.0, 0.25], dtype=torch.float64)
    assert gap(z[:, 1] - z[:, 0], -2 * speeds / (1 + speeds.abs())) < 1e-5


def test_a_map_is_made_from_five_derivatives_of_every_unknown() -> None:
    _, slab = prepare(marched(HEAT)).first()
    x = torch.rand(7, 2, dtype=torch.float64)
    assert _state(slab.trial, x).shape == (6, 1, 7)
    first = _initial(slab.problem, x)
    assert first is not None and first.shape == (6, 1, 7)
