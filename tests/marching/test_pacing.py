"""Slabs that choose their lengths and intervals by their local error, and a tolerance that chooses
that error.
"""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from core_helpers import StopAfter, config, problem_node

from kanpde import api, cli
from kanpde.config import Config, Pace, yaml_file
from kanpde.errors import ConfigError
from kanpde.marching.local_error import local_error, sizes
from kanpde.marching.pacing import Pacer
from kanpde.marching.slab import build_slab
from kanpde.problem.problem import Problem
from kanpde.progress import Silent, StopReason
from kanpde.results.solution import Solution
from kanpde.solver.checkpoint import Store
from kanpde.solver.loop import Solver
from kanpde.trial.networks import KAN
from kanpde.trial.piecewise import PiecewiseInTime
from tests.marching.test_march import HEAT, LINE, REACTION, STRETCHED, marched

pytestmark = pytest.mark.usefixtures("quick")

QUIET = {"output": {"vtu": False, "plots": False}}
HAT = problem_node(
    LINE,
    ["dt(u) = 0.05*dxx(u)"],
    [{"part": "initial", "equation": "u = abs(x)"}, {"periodic": ["left", "right"]}],
    time={"interval": [0, 0.1]},
)
FRONT = problem_node(
    LINE,
    ["dt(u) + dx(u) = 0"],
    [{"part": "initial", "equation": "u = s"}, {"part": "left", "equation": "u = s"}],
    time={"interval": [0, 0.2]},
    definitions={"s": "tanh(8*(x - t))"},
    exact={"u": "s"},
    free=["right"],
)
LONG_FRONT = pytest.param(FRONT, marks=pytest.mark.slow)


def paced(node: dict[str, Any], error: float, **trial: Any) -> Config:
    return config(
        node,
        trial={**STRETCHED, **trial},
        sampler={"interior": 100, "boundary": 40},
        slabs={"error": error},
    )


def pieces(solution: Solution) -> PiecewiseInTime:
    assert isinstance(solution.trial, PiecewiseInTime)
    return solution.trial


def intervals(solution: Solution) -> list[int]:
    return [
        piece.net.intervals[-1] for piece in pieces(solution).each if isinstance(piece.net, KAN)
    ]


def without_exact(node: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in node.items() if key != "exact"}


class Heard(Silent):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def message(self, text: str) -> None:
        self.lines.append(text)


# Local errors
# --------------------------------------------------------------------------------------------------


def shares(node: dict[str, Any], length: float, count: int, width: int = 8) -> tuple[float, float]:
    """The local errors in space and in time of a first slab."""
    settings = paced(node, 1e-6, width=[width], intervals=[count, count])
    settings = replace(
        settings, sampler=replace(settings.sampler, interior=3 * count * (width + 2))
    )
    problem = Problem.create(settings.problem)
    slab = build_slab(settings, problem, (0.0, length), None)
    Solver(slab.parts.trial, slab.parts.assembly, settings.schedule, Silent()).run()
    error = local_error(slab, settings.weights, sizes(slab).within, width + 2, count)
    return float(error.space[0]), float(error.rest[0])


def test_few_intervals_are_an_error_in_space_and_a_long_slab_is_one_in_time() -> None:
    space, rest = shares(FRONT, 0.01, 16)
    assert space > 2 * rest
    space, rest = shares(REACTION, 0.2, 16, width=3)
    assert rest > 3 * space
    coarse, fine = (shares(FRONT, 0.01, count)[0] for count in (16, 32))
    assert fine < coarse / 20  # 2^7 and more, where they resolve


def test_the_local_error_is_what_a_slab_adds() -> None:
    """Measured against the exact solution at the end of the first slab, within a factor of ten."""
    settings = paced(FRONT, 1e-4)
    heard = Heard()
    solution = api.solve(settings, progress=heard)
    x = np.linspace(-1, 1, 400)
    end = float(pieces(solution).edges[1])
    error = solution(np.stack([x, np.full(400, end)], axis=1))[:, 0] - np.tanh(8 * (x - end))
    line_of_first_slab = next(
        line for line in reversed(heard.lines) if line.startswith("slab 0 to")
    )
    added = float(line_of_first_slab.split("adds ")[1].split()[0])
    assert added / 30 < np.sqrt((error**2).mean()) < 3 * added


# Marching
# --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("node", [REACTION, LONG_FRONT], ids=["reaction", "front"])
def test_a_smaller_error_gives_a_smaller_error(node: dict[str, Any]) -> None:
    errors = []
    for error in (1e-3, 1e-6):
        solution = api.solve(paced(node, error))
        assert solution.stop_reason is StopReason.FINISHED
        errors.append(solution.relative_l2["u"] or 1.0)
        assert errors[-1] < error
    assert errors[1] < errors[0] / 10


def test_slabs_grow_where_the_solution_is_smooth_and_end_where_time_does() -> None:
    edges = pieces(api.solve(paced(HEAT, 1e-6))).edges.tolist()
    lengths = np.diff(edges)
    assert edges[0] == 0 and edges[-1] == 1 and lengths[0] == pytest.approx(0.01)
    assert lengths.max() > 3 * lengths[0]


def test_a_kink_draws_knots() -> None:
    """|x| has kinks at 0 and at the periodic seam, which no formula of its derivatives shows: a
    solved slab does.
    """
    settings = paced(HAT, 1e-3, intervals=[128, 128])
    settings = replace(settings, sampler=replace(settings.sampler, interior=3 * 128 * 10))
    problem, slab, shortest, errors = Problem.create(settings.problem), None, [], []
    for _ in range(4):
        slab = build_slab(settings, problem, (0.0, 1e-3), None, slab)
        Solver(slab.parts.trial, slab.parts.assembly, settings.schedule, Silent()).run()
        errors.append(
            float(local_error(slab, settings.weights, sizes(slab).within, 10, 128).added[0])
        )
        network = slab.parts.trial.network
        assert isinstance(network, KAN)
        knots = network.stack[0].grid.breakpoints[0]
        shortest.append(float(knots.diff().min()))
    assert shortest[-1] < 0.3 * shortest[0] and errors[-1] < 0.2 * errors[0], (shortest, errors)
    near = float(knots[knots.diff().argmin()])
    assert min(abs(near), 1 - abs(near)) < 0.05


def test_more_intervals_are_taken_where_the_solution_asks_for_them() -> None:
    counts = intervals(api.solve(paced(FRONT, 1e-5)))
    assert max(counts) > 16 and all(count % 8 == 0 for count in counts)


def test_slabs_end_where_they_are_told_to() -> None:
    solution = api.solve(marched(REACTION, [0.05, 0.08]))  # type: ignore[arg-type]
    assert pieces(solution).edges.tolist() == [0, 0.05, 0.08, 0.2]
    assert solution.config.slabs == (0.05, 0.08, 0.2)


def test_a_stopped_march_is_loaded_and_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    settings = paced(FRONT, 1e-3)
    whole = api.solve(settings, out=tmp_path / "whole")
    steps = len(whole.history.step)
    stopped = api.solve(settings, out=tmp_path / "part", progress=StopAfter(steps // 2))
    assert stopped.stop_reason is StopReason.INTERRUPTED
    assert len(pieces(stopped).each) < len(pieces(whole).each)
    assert torch.equal(api.load(tmp_path / "part").coefficients(), stopped.coefficients())
    again = api.resume(tmp_path / "part")
    assert torch.equal(again.coefficients(), whole.coefficients())
    assert torch.equal(pieces(again).edges, pieces(whole).edges)
    loaded = api.load(tmp_path / "whole")
    assert (
        torch.equal(loaded.coefficients(), whole.coefficients())
        and loaded.stop_reason is whole.stop_reason
    )
    points = np.random.default_rng(0).uniform([-1, 0], [1, 0.2], (50, 2))
    assert np.array_equal(loaded(points), whole(points))


def test_a_slab_that_is_restored_leaves_the_pacer_as_its_solve_did(tmp_path: Path) -> None:
    settings = paced(FRONT, 1e-4)
    problem, store = Problem.create(settings.problem), Store.at(tmp_path)
    assert isinstance(settings.slabs, Pace)
    solver, reader = (Pacer(settings, problem, settings.slabs) for _ in range(2))
    solved = solver.solve(0.0, None, Silent(), store)
    restored = reader.restored(0.0, None, Silent(), store, False)
    assert restored is not None and restored.slab.end == solved.slab.end
    assert solver._followed is not None and reader._followed is not None
    assert reader._followed[0] == solver._followed[0]
    assert torch.equal(reader._followed[1], solver._followed[1])
    assert (reader._intervals, reader._length) == (solver._intervals, solver._length)


def test_an_mlp_is_compared_on_the_slabs_that_the_kan_chose() -> None:
    settings = paced(REACTION, 1e-4)
    comparison = api.compare(
        replace(settings, compare=replace(settings.compare, seeds=1, modes=("equal_parameters",)))
    )
    kan, mlp = comparison.entries
    assert (kan.kind, mlp.kind) == ("kan", "mlp")
    slabs = {
        kind: sum(1 for stage in entry.result["stages"])
        for kind, entry in (("kan", kan), ("mlp", mlp))
    }
    assert slabs["kan"] == slabs["mlp"] > 1
    assert mlp.parameters == pytest.approx(kan.parameters, rel=0.1)


@pytest.mark.parametrize(
    ("slabs", "message"),
    [
        ({"error": 0}, "slabs.error"),
        ({"eror": 1e-3}, "error"),
        ({}, "error"),
        ([0.1, 0.1], "must increase within the time interval"),
        ([0.3], "must increase within the time interval"),
        ([], "slabs"),
        (
            "auto",
            r"slabs: must be a number of equal slabs from 1 to 100000, a list of times where slabs end"
            r" or \{error: 1e-6\}",
        ),
        (True, r"a list of times where slabs end or \{error: 1e-6\}, found true"),
        ({"error": -1}, "must be a number greater than 0 and at most 1, found -1"),
        ({"error": 2}, "must be a number greater than 0 and at most 1, found 2"),
    ],
)
def test_slabs_that_cannot_be_are_refused_by_name(slabs: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        api.configure(marched(REACTION).as_tree() | {"slabs": slabs})


def test_an_error_is_measured_with_scaled_weights_only() -> None:
    settings = paced(REACTION, 1e-4)
    with pytest.raises(ConfigError, match=r"weights\.scaled"):
        api.solve(replace(settings, weights=replace(settings.weights, scaled=False)))


# Tolerance
# --------------------------------------------------------------------------------------------------


def to_tolerance(node: dict[str, Any], tolerance: float, **keys: Any) -> Config:
    return config(
        node,
        trial=STRETCHED,
        sampler={"interior": 100, "boundary": 40},
        tolerance=tolerance,
        output={"vtu": False, "plots": False},
        **keys,
    )


@pytest.mark.parametrize("node", [HEAT, REACTION, LONG_FRONT], ids=["heat", "reaction", "front"])
def test_a_tolerance_is_met_and_its_estimate_holds(node: dict[str, Any]) -> None:
    solution = api.solve(to_tolerance(node, 1e-5))
    error, estimate = solution.relative_l2["u"], solution.result.estimate
    assert (
        solution.stop_reason is StopReason.TOLERANCE and estimate is not None and error is not None
    )
    assert error < 2 * estimate and estimate <= 1e-5


def test_a_tolerance_reads_no_exact_solution() -> None:
    first, second = (
        api.solve(to_tolerance(node, 1e-4)) for node in (REACTION, without_exact(REACTION))
    )
    assert torch.equal(first.coefficients(), second.coefficients())
    assert first.result.estimate == second.result.estimate


@pytest.mark.slow
def test_a_run_folder_holds_the_march_that_was_taken(tmp_path: Path) -> None:
    run = tmp_path / "run"
    solution = api.solve(to_tolerance(FRONT, 1e-4), out=run)
    again = api.load(run)
    assert isinstance(again.config.slabs, Pace) and again.config.slabs == solution.config.slabs
    assert torch.equal(again.coefficients(), solution.coefficients())
    assert torch.equal(api.resume(run).coefficients(), solution.coefficients())
    assert not list(run.glob("search*"))


def test_a_tolerance_out_of_reach_ends_with_8_and_its_result(tmp_path: Path) -> None:
    path, run = tmp_path / "front.yaml", tmp_path / "run"
    keys = {"trial": STRETCHED, "tolerance": 1e-13, "seconds": 1.0, **QUIET}
    path.write_text(yaml_file.dumps({"problem": FRONT, **keys}), encoding="utf-8")
    assert cli.main(["solve", str(path), "--out", str(run), "--quiet"]) == 8
    assert (
        json.loads((run / "result.json").read_text(encoding="utf-8"))["stop_reason"] == "unreached"
    )
    assert len(pieces(api.load(run)).each) >= 1


def test_edges_of_pieces_are_those_of_the_field() -> None:
    field = pieces(api.solve(paced(REACTION, 1e-4)))
    assert len(field.edges) == len(field.each) + 1 and all(
        b > a for a, b in pairwise(field.edges.tolist())
    )
