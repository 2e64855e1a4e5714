"""What slabs of chosen length do at the edge: nothing to resolve, nothing that helps, time that
runs out, runs that are stopped.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from core_helpers import LINE, StopAfter, config, problem_node

from kanpde import api
from kanpde.api import prepare
from kanpde.config import Config
from kanpde.errors import ConfigError, NumericalError
from kanpde.marching import local_error
from kanpde.marching import tolerance as slab_search
from kanpde.marching.equidistribution import Stretch, density
from kanpde.progress import StopReason
from kanpde.results import run_folder
from kanpde.solver.loop import Solver

pytestmark = pytest.mark.usefixtures("quick")

STRETCHED = {
    "kind": "kan",
    "start": "stretched",
    "width": [6],
    "degree": [7, 7],
    "intervals": [16, 16],
}
ENDS = {"part": ["left", "right"], "equation": "u = 0"}


def heat(initial: str = "sin(pi*x)", **keys: Any) -> dict[str, Any]:
    conditions = [{"part": "initial", "equation": f"u = {initial}"}, ENDS]
    return problem_node(
        LINE, ["dt(u) = dxx(u)/pi**2"], conditions, time={"interval": [0, 1]}, **keys
    )


def paced(
    node: dict[str, Any], error: float = 1e-3, trial: dict[str, Any] | None = None, **keys: Any
) -> Config:
    keys = {"slabs": {"error": error}, **keys}
    return config(
        node,
        trial={**STRETCHED, **(trial or {})},
        sampler={"interior": 200, "boundary": 40},
        **keys,
    )


# Lengths
# --------------------------------------------------------------------------------------------------


def test_a_solution_that_is_zero_needs_no_error_to_measure() -> None:
    solution = api.solve(paced(heat("0")))
    assert solution.stop_reason is StopReason.FINISHED and len(solution.trial.each) < 10
    assert float(abs(solution(np.array([[0.3, 0.4], [0.0, 1.0]]))).max()) == 0.0


def test_a_march_that_would_not_end_is_given_up() -> None:
    """Slabs at their shortest that add too much were taken one after the other, 1e8 of them."""
    with pytest.raises(
        NumericalError, match="look for conditions that contradict each other there"
    ):
        api.solve(paced(heat("1"), trial={"width": [4]}))


def test_an_attempt_that_went_astray_does_not_loosen_the_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A far too large first attempt does not count as the size of u."""
    messages = Messages()
    monkeypatch.setattr("kanpde.marching.pacing.sizes", first_of(local_error.sizes, 1e9))
    monkeypatch.setattr(
        "kanpde.marching.pacing.local_error", first_of(local_error.local_error, 1e12)
    )
    api.solve(paced(heat()), progress=messages)
    assert "may add 1.0e+04" in messages.texts[0] and all(
        "may add 1.0e+0" not in text for text in messages.texts[1:]
    )


def first_of(real: Any, wrong: float) -> Any:
    """What measures a slab, but the first time with `wrong` in every place."""
    seen: list[int] = []

    def measured(*given: Any) -> Any:
        seen.append(1)
        measured_sizes = real(*given)
        return (
            type(measured_sizes)(
                *[torch.full_like(v, wrong) for v in vars(measured_sizes).values()]
            )
            if len(seen) == 1
            else measured_sizes
        )

    return measured


class Messages(StopAfter):
    """An observer that keeps what it is told."""

    @property
    def texts(self) -> list[str]:
        """All messages."""
        return [str(entry[1]) for entry in self.log if entry[0] == "message"]


def test_a_solution_that_starts_at_zero_may_err_by_a_share_of_what_it_grows_to() -> None:
    """A heated rod: its size so far is next to nothing, and the first slabs were asked for a
    hundredth of their error.
    """
    grown = "(1 - exp(-t))*sin(pi*x)"
    rod = heat("0", exact={"u": grown}) | {"equations": ["dt(u) = dxx(u)/pi**2 + sin(pi*x)"]}
    messages = Messages()
    solution = api.solve(paced(rod, error=1e-6), progress=messages)
    first = float(solution.trial.edges[1])
    size = float(np.sqrt(((1 - np.exp(-first)) ** 2) / 2))
    verdict = [text for text in messages.texts if text.startswith("slab 0 to ")][-1]
    assert float(verdict.split("may add ")[1]) == pytest.approx(1e-6 * size, rel=0.05)
    error = solution.relative_l2["u"]
    assert error is not None and error < 1e-6


@pytest.mark.slow
def test_an_unknown_that_is_small_and_rough_does_not_make_slabs_shrink_without_end() -> None:
    """Shifts of splines that are too coarse leave an error that is smooth and does not fall with
    the length: slab after slab met what it was asked for, and each was cut by a tenth.
    """
    conditions = [
        {"part": "initial", "equation": ["a = sin(pi*x)", "b = 1e-6*sin(6*pi*x)"]},
        {"part": ["left", "right"], "equation": ["a = 0", "b = 0"]},
    ]
    node = problem_node(
        LINE,
        ["dt(a) = dxx(a)/pi**2", "dt(b) = dxx(b)/(36*pi**2)"],
        conditions,
        unknowns=["a", "b"],
        time={"interval": [0, 1]},
        exact={"a": "sin(pi*x)*exp(-t)", "b": "1e-6*sin(6*pi*x)*exp(-t)"},
    )
    messages = Messages(20)
    solution = api.solve(paced(node, error=1e-2), progress=messages)
    edges = solution.trial.edges
    assert float(edges[-1] - edges[-2]) > 1.2 * float(edges[2] - edges[1])
    assert max(error or 0.0 for error in solution.relative_l2.values()) < 1e-2


def test_a_kan_without_hidden_layer_is_paced_too() -> None:
    trial = {"start": "ridge", "width": [], "degree": [7], "intervals": [8]}
    node = problem_node(
        LINE,
        ["dt(u) = 0"],
        [{"part": "initial", "equation": "u = 1"}],
        time={"interval": [0, 1]},
        free=["left", "right"],
    )
    assert api.solve(paced(node, trial=trial)).stop_reason is StopReason.FINISHED


def test_a_map_of_noise_is_still_a_map() -> None:
    """The derivatives of a state that is nearly zero ask for lengths far below the distance of two
    positions.
    """
    x = np.linspace(-1, 1, 4000)
    derivatives = np.full((6, 1, len(x)), 1e-12)
    derivatives[3:, :, -3:] = 1e18
    stretch = Stretch.equidistributing(x, density(x, derivatives, 2.0, False), False, 56)
    assert (np.diff(stretch.inverse(np.linspace(-1, 1, 57))) > 0).all() and (
        np.diff(stretch.x) > 0
    ).all()


@pytest.mark.parametrize(
    "weights", [{"equations": 1e8}, {"equations": 1e-8}, {"conditions": 1e8}], ids=str
)
def test_the_error_that_is_measured_does_not_depend_on_the_weights(
    weights: dict[str, float],
) -> None:
    messages = Messages()
    api.solve(paced(heat(), error=1e-1, weights=weights), progress=messages)
    added = [float(text.split("adds ")[1].split()[0]) for text in messages.texts]
    assert 1e-9 < max(added) < 1e-2


# Stops
# --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "slabs", [4, pytest.param({"error": 1e-4}, marks=pytest.mark.slow)], ids=["given", "paced"]
)
def test_a_march_that_is_stopped_between_linear_slabs_says_so(slabs: Any, tmp_path: Path) -> None:
    """Each of its slabs is solved, but not the time interval; it goes on to the same bits."""
    settings = paced(heat(), slabs=slabs)
    whole = api.solve(settings)
    stopped = api.solve(settings, out=tmp_path / "run", progress=StopAfter(2))
    assert stopped.stop_reason is StopReason.INTERRUPTED and float(stopped.trial.edges[-1]) < 1
    assert api.load(tmp_path / "run").stop_reason is StopReason.INTERRUPTED
    for solution in (stopped, api.load(tmp_path / "run")):
        end = float(solution.trial.edges[-1])
        assert float(solution.problem.domain.upper[-1]) == end and solution.mesh(4).points[
            :, -1
        ].max() == pytest.approx(end)
        with pytest.raises(ConfigError, match="1 of 2 points lie outside the domain"):
            solution(np.array([[0.0, end], [0.0, 1.0]]))
    whole(np.array([[0.0, 1.0]]))
    assert torch.equal(api.resume(tmp_path / "run").coefficients(), whole.coefficients())


def test_time_that_is_over_before_a_stage_ends_the_solve() -> None:
    """It was asked for the same stage again and again."""
    settings = paced(heat(), slabs=4)
    _, first = prepare(settings).first()
    solver = Solver(
        first.trial, first.assembly, settings.schedule, StopAfter(-1, StopReason.TIME_LIMIT)
    )
    assert solver.run()[2] is StopReason.TIME_LIMIT


# Tolerance
# --------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_march_better_than_asked_is_followed_by_a_finer_one() -> None:
    """Marches asked for errors far above what the coarsest gives were all alike, and none could be
    estimated.
    """
    solution = api.solve(paced(heat(exact={"u": "sin(pi*x)*exp(-t)"}), slabs=1, tolerance=0.1))
    error, estimate = solution.relative_l2["u"], solution.result.estimate
    assert solution.stop_reason is StopReason.TOLERANCE
    assert error is not None and estimate is not None and estimate <= 0.1 and error <= 2 * estimate


@pytest.mark.slow
def test_a_search_that_was_stopped_begins_anew(tmp_path: Path) -> None:
    """It used to end as finished with whatever march it had, whether or not that met the
    tolerance.
    """
    settings = paced(heat(), slabs=1, tolerance=1e-4)
    whole = api.solve(settings)
    assert whole.stop_reason is StopReason.TOLERANCE
    stopped = api.solve(settings, out=tmp_path / "run", progress=StopAfter(3))
    assert stopped.stop_reason is StopReason.INTERRUPTED
    again = api.resume(tmp_path / "run")
    assert (
        again.stop_reason is StopReason.TOLERANCE and again.result.estimate == whole.result.estimate
    )
    assert torch.equal(again.coefficients(), whole.coefficients())
    once_more = api.resume(tmp_path / "run")
    assert (
        once_more.stop_reason is StopReason.TOLERANCE
        and once_more.result.estimate == whole.result.estimate
    )
    assert torch.equal(once_more.coefficients(), whole.coefficients())


def test_what_a_killed_search_leaves_is_taken_over(tmp_path: Path) -> None:
    """Resume solved the whole time interval as one slab, and --overwrite refused the folder."""
    settings = paced(heat(), slabs=1, tolerance=1e-4)
    folder = run_folder.create(tmp_path / "run", name="run")
    from kanpde.results import report

    report.write_config(folder / "config.yaml", settings)
    (folder / "search1" / "checkpoints" / "slab00077").mkdir(parents=True)
    assert api.resume(folder).stop_reason is StopReason.TOLERANCE
    assert not (folder / "search1").exists()
    (folder / "search2").mkdir()
    run_folder.create(folder, name="run", overwrite=True)


def test_a_finer_march_that_fails_does_not_cost_the_one_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real, calls = slab_search.march, list[int]()

    def march(*given: Any) -> Any:
        calls.append(1)
        if len(calls) > 1:
            raise NumericalError("slabs: at 0.5 nothing helps")
        return real(*given)

    monkeypatch.setattr(slab_search, "march", march)
    messages = Messages()
    solution = api.solve(paced(heat(), slabs=1, tolerance=1e-4), progress=messages)
    assert (
        solution.stop_reason is StopReason.UNREACHED
        and messages.texts[-1] == "tolerance: slabs: at 0.5 nothing helps"
    )


@pytest.mark.parametrize(
    "keys, message",
    [
        ({"trial": {"start": "ridge"}}, "trial.start: stretched only"),
        ({"weights": {"scaled": False}, "slabs": 1}, "weights.scaled"),
    ],
)
def test_a_mistake_beside_a_tolerance_does_not_cost_an_old_run(
    keys: dict[str, Any], message: str, tmp_path: Path
) -> None:
    api.solve(paced(heat("0"), slabs=2), out=tmp_path / "run")
    with pytest.raises(ConfigError, match=message):
        api.solve(paced(heat(), tolerance=1e-4, **keys), out=tmp_path / "run", overwrite=True)
    assert api.load(tmp_path / "run").stop_reason is StopReason.FINISHED
