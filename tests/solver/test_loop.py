"""The loop: every way to stop, grids that change between stages, and runs that go on to the same
bits.
"""

from __future__ import annotations

import copy
import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from core_helpers import (
    ENDS,
    LINE,
    SIDES,
    SQUARE,
    StopAfter,
    config,
    gap,
    problem_node,
    slowly,
    uniform,
)
from torch import Tensor

from kanpde import api
from kanpde.config import Config
from kanpde.errors import BudgetError, ConfigError, NumericalError
from kanpde.progress import History, Overdue, Progress, Silent, StageResult, StopReason
from kanpde.results.solution import Solution
from kanpde.solver import checkpoint
from kanpde.solver import loop as solver
from kanpde.solver.build import Parts, build
from kanpde.solver.loop import Solver
from kanpde.trial.networks import KAN

pytestmark = pytest.mark.usefixtures("quick")

WAVE = problem_node(
    SQUARE,
    ["laplacian(u) = -2*pi**2*sin(pi*x)*sin(pi*y)"],
    [{"part": SIDES, "equation": "u = 0"}],
    exact={"u": "sin(pi*x)*sin(pi*y)"},
)
KAN_TRIAL = {
    "kind": "kan",
    "width": [3],
    "degree": 4,
    "intervals": [2, 3],
    "start": "paper",
    "base": "silu",
}
RIDGE_TRIAL = {**KAN_TRIAL, "start": "ridge"}
MLP_TRIAL = {"kind": "mlp", "width": [5, 5]}
TRIALS = {"kan": KAN_TRIAL, "mlp": MLP_TRIAL}
ADAM = {"optimizer": "adam", "steps": 40, "learning_rate": 5e-3}
LBFGS = {"optimizer": "lbfgs", "steps": 40}
LEAST_SQUARES = {"optimizer": "least_squares"}
EXTEND = {"extend_grid": [4, 6]}
UPDATE = {"update_grid": 0.5}


def small(
    schedule: list[dict[str, Any]], trial: dict[str, Any] | None = None, **keys: Any
) -> Config:
    keys = {"sampler": {"interior": 64, "boundary": 24}, "weights": {"conditions": 10.0}, **keys}
    return config(keys.pop("node", WAVE), trial=trial or KAN_TRIAL, schedule=schedule, **keys)


def run(
    settings: Config, progress: Progress | None = None
) -> tuple[Parts, History, tuple[StageResult, ...], StopReason]:
    parts = build(settings)
    return parts, *Solver(
        parts.trial, parts.assembly, settings.schedule, progress or Silent()
    ).run()


def vector(parts: Parts | Solution) -> Tensor:
    return torch.cat([p.detach().reshape(-1) for p in parts.trial.parameters()])


# Lowering the objective
# ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", [ADAM, LBFGS], ids=["adam", "lbfgs"])
@pytest.mark.parametrize("trial", list(TRIALS))
def test_adam_and_lbfgs_lower_the_objective_of_both_kinds(
    trial: str, stage: dict[str, Any]
) -> None:
    settings = small([stage], TRIALS[trial])
    start = build(settings)
    before = float(start.assembly.objective(start.trial).detach())
    parts, history, stages, reason = run(settings)
    after = float(parts.assembly.objective(parts.trial).detach())
    assert after < (0.9 if stage is ADAM else 0.6) * before
    assert reason is StopReason.MAX_STEPS and [s.name for s in stages] == [stage["optimizer"]]
    assert history.step[-1] == stages[0].steps == 40


def test_all_layers_are_trained() -> None:
    settings = small([ADAM])
    before = dict(build(settings).trial.named_parameters())
    parts, *_ = run(settings)
    for name, parameter in parts.trial.named_parameters():
        assert not torch.equal(parameter, before[name]), name


def test_one_least_squares_solve_reaches_the_lowest_objective() -> None:
    parts, history, stages, reason = run(small([LEAST_SQUARES], RIDGE_TRIAL))
    assert (
        reason is StopReason.SOLVED and history.step == (1,) and stages[0].stop_reason == "SOLVED"
    )
    lowest = float(parts.assembly.objective(parts.trial).detach())
    outer = parts.trial.net.outer
    for seed in range(3):
        parts.trial.net.set_outer(outer + 1e-3 * uniform(*outer.shape, seed=seed))
        assert float(parts.assembly.objective(parts.trial).detach()) > lowest
    assert math.isclose(history.objective[0], lowest, rel_tol=1e-6)


def test_derivative_engines_give_the_same_training() -> None:
    first, second = (
        run(small([ADAM], {**KAN_TRIAL, "derivatives": engine}))[0]
        for engine in ("taylor", "autograd")
    )
    assert gap(vector(first), vector(second)) < 1e-8


# How it stops
# --------------------------------------------------------------------------------------------------


def test_the_number_of_steps() -> None:
    for steps in (1, 7, 23):
        _, history, stages, reason = run(small([{**ADAM, "steps": steps}]))
        assert reason is StopReason.MAX_STEPS and history.step[-1] == stages[0].steps == steps


@pytest.mark.parametrize("stage", [ADAM, LBFGS], ids=["adam", "lbfgs"])
def test_the_time_limit(stage: dict[str, Any]) -> None:
    _, history, stages, reason = run(small([{**stage, "seconds": 1e-9}]))
    assert reason is StopReason.TIME_LIMIT and stages[0].stop_reason == "TIME_LIMIT"
    assert 0 < history.step[-1] < 40


NOTHING = problem_node(SQUARE, ["laplacian(u) = 0"], [{"part": SIDES, "equation": "u = 0"}])


@pytest.mark.parametrize("tolerance", [0.0, 1e-3])
def test_lbfgs_stalls_where_the_gradient_is_zero(tolerance: float) -> None:
    """With a tolerance too: no step was found, which is not the same as one that brought little."""
    stage = {**LBFGS, "steps": 1000, "tolerance": tolerance}
    _, history, _, reason = run(small([stage], RIDGE_TRIAL, node=NOTHING))
    assert reason is StopReason.STALLED and history.step[-1] < 1000


def test_lbfgs_stalls_at_the_rounding_of_the_minimum() -> None:
    """A convex objective of six numbers: long before 400 steps nothing moves any more."""
    trial = {"kind": "kan", "width": [], "degree": 4, "intervals": 2}
    node = problem_node(LINE, ["dxx(u) - u = exp(x)"], [{"part": ENDS, "equation": "u = 1"}])
    settings = small(
        [{**LBFGS, "steps": 400}],
        trial,
        node=node,
        weights={"conditions": 1.0},
        sampler={"interior": 20},
    )
    parts, history, _, reason = run(settings)
    (lowest,) = run(
        small(
            [LEAST_SQUARES], trial, node=node, weights={"conditions": 1.0}, sampler={"interior": 20}
        )
    )[1].objective
    assert float(parts.assembly.objective(parts.trial).detach()) < lowest * (1 + 1e-6)
    assert reason is StopReason.STALLED and history.step[-1] < 400


def test_lbfgs_stops_at_its_tolerance() -> None:
    _, history, _, reason = run(small([{**LBFGS, "steps": 200, "tolerance": 0.1}]))
    assert reason in (StopReason.STALLED, StopReason.TOLERANCE) and history.step[-1] < 200


def test_adam_stops_at_its_tolerance() -> None:
    """A key that a file may give must do something."""
    _, history, _, reason = run(small([{**ADAM, "steps": 200, "tolerance": 0.5}]))
    assert reason is StopReason.TOLERANCE and history.step[-1] < 200


ROOT = problem_node(SQUARE, ["laplacian(u) = sqrt(u)"], [{"part": SIDES, "equation": "u = 0"}])
CLIFF = problem_node(
    SQUARE, ["laplacian(u) = sqrt(u + 1)"], [{"part": SIDES, "equation": "u = -5", "weight": 100.0}]
)
BURST = problem_node(
    SQUARE, ["laplacian(u) + exp(u) = 0"], [{"part": SIDES, "equation": "u = 1000"}]
)
FAST = {"learning_rate": 1e3, "steps": 40}
TRIALS_THAT_FAIL: dict[str, dict[str, Any]] = {
    "kan": {"kind": "kan", "width": [], "degree": 4, "intervals": 2},
    "kan-3": {"kind": "kan", "width": [3], "degree": 4, "intervals": 2},
    "kan-3-2": {"kind": "kan", "width": [3, 2], "degree": 4, "intervals": 2},
    "mlp-4-4": {"kind": "mlp", "width": [4, 4]},
}
STAGES_THAT_FAIL = {
    "adam-gradient": (ROOT, ADAM),
    "lbfgs-gradient": (ROOT, LBFGS),
    "adam-cliff": (CLIFF, {**ADAM, "learning_rate": 0.5}),
    "lbfgs-cliff": (CLIFF, LBFGS),
    "adam-overflow": (BURST, {**ADAM, **FAST}),
}


@pytest.mark.parametrize("stage", list(STAGES_THAT_FAIL))
@pytest.mark.parametrize("trial", list(TRIALS_THAT_FAIL))
def test_non_finite_numbers_stop_it_and_finite_parameters_are_kept(trial: str, stage: str) -> None:
    """√u has no derivative at u = 0, √(u + 1) no value on the way to u = -5, and exp 1000 is
    infinite.
    """
    node, failing = STAGES_THAT_FAIL[stage]
    parts, _, stages, reason = run(small([failing, ADAM], TRIALS_THAT_FAIL[trial], node=node))
    assert reason is StopReason.NON_FINITE and reason.exit_code == 3
    assert [s.stop_reason for s in stages] == ["NON_FINITE"], "the stages behind it are not run"
    assert vector(parts).isfinite().all()
    at_start = build(small([ADAM], TRIALS_THAT_FAIL[trial], node=node))
    if at_start.assembly.objective(at_start.trial).isfinite():
        assert parts.assembly.objective(parts.trial).isfinite()


@pytest.mark.parametrize("steps", [1, 10, 11])
def test_the_very_last_step_is_guarded_too(steps: int) -> None:
    """The first step already goes too far, and nothing looks at the objective behind the last one
    but the guard.
    """
    settings = small([{**ADAM, **FAST, "steps": steps}], TRIALS_THAT_FAIL["kan"], node=BURST)
    parts, _, _, reason = run(settings)
    assert reason is StopReason.NON_FINITE and parts.assembly.objective(parts.trial).isfinite()


@pytest.mark.parametrize("stop", [StopReason.INTERRUPTED, StopReason.TERMINATED])
@pytest.mark.parametrize("stage", [ADAM, LBFGS], ids=["adam", "lbfgs"])
def test_the_observer_stops_it(stage: dict[str, Any], stop: StopReason) -> None:
    progress = StopAfter(2, stop)
    _, history, stages, reason = run(small([stage, ADAM]), progress)
    assert reason is stop and stop.exit_code == {"INTERRUPTED": 130, "TERMINATED": 143}[stop.name]
    assert stages == () and 0 < history.step[-1] < 40


def test_the_last_of_many_stages_finishes_the_run() -> None:
    _, history, stages, reason = run(small([LEAST_SQUARES, EXTEND, ADAM]))
    assert reason is StopReason.FINISHED
    assert [(s.name, s.stop_reason) for s in stages] == [
        ("least_squares", "SOLVED"), ("extend_grid [4, 6]", "SOLVED"), ("adam", "MAX_STEPS"),
    ]  # fmt: skip
    assert history.events == ((1, "extend_grid [4, 6]"),)
    assert list(history.step) == sorted(history.step) and list(history.seconds) == sorted(
        history.seconds
    )
    assert history.stage == (0, *(2,) * (len(history.step) - 1))


def test_the_observer_hears_every_stage_in_order() -> None:
    progress = StopAfter()
    run(small([LEAST_SQUARES, {**ADAM, "steps": 20}]), progress)
    heard = [entry for entry in progress.log if entry[0] != "step"]
    assert heard == [
        ("started", 0, 2, "least_squares", 1),
        ("finished", 0, StopReason.SOLVED),
        ("started", 1, 2, "adam", 20),
        ("finished", 1, StopReason.MAX_STEPS),
    ]
    assert [entry[1] for entry in progress.log if entry[0] == "step"] == [1, 10, 20]


@pytest.mark.parametrize(
    "stage", [LEAST_SQUARES, ADAM, LBFGS], ids=["least_squares", "adam", "lbfgs"]
)
def test_a_stage_reports_the_objective_at_its_end(stage: dict[str, Any]) -> None:
    parts, _, stages, _ = run(small([stage], RIDGE_TRIAL))
    assert math.isclose(
        stages[0].objective, float(parts.assembly.objective(parts.trial).detach()), rel_tol=1e-6
    )


def test_the_loop_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    run(small([LEAST_SQUARES, EXTEND, {**LBFGS, "steps": 10}]))
    assert capfd.readouterr() == ("", "")


# Newton
# --------------------------------------------------------------------------------------------------


def bratu(*stages: dict[str, Any]) -> Config:
    """-Δu = e^u with u = 0 around, from zero."""
    node = problem_node(SQUARE, ["-laplacian(u) = exp(u)"], WAVE["conditions"])
    return small(list(stages), RIDGE_TRIAL, node=node)


def test_newton_converges_and_never_goes_up() -> None:
    # the objective is known to 1e-6 of itself here, so no smaller fall can be asked for
    _, history, stages, _ = run(bratu({**LEAST_SQUARES, "steps": 30, "tolerance": 1e-5}))
    values = history.objective
    assert stages[0].stop_reason == "TOLERANCE" and 3 <= len(values) <= 7
    assert all(later <= earlier for earlier, later in pairwise(values))
    falls = [earlier - later for earlier, later in pairwise(values)]
    assert falls[1] < 1e-2 * falls[0]


def test_newton_stops_after_its_steps_and_a_second_stage_goes_on_from_there() -> None:
    whole = run(bratu({**LEAST_SQUARES, "steps": 3, "tolerance": 0.0}))[1].objective
    short = {**LEAST_SQUARES, "tolerance": 0.0}
    _, history, stages, _ = run(bratu({**short, "steps": 1}, {**short, "steps": 2}))
    assert stages[0].stop_reason == "MAX_STEPS" and history.objective == whole


def test_a_newton_step_that_overshoots_is_shortened() -> None:
    """u² = 1 from u = 0.01 on: the full step goes to 50, where the objective is six million times
    larger.
    """
    node = problem_node(
        SQUARE, ["u**2 = 1"], [{"point": [0.5, 0.5], "equation": "u = 1", "weight": 1e-6}]
    )
    node["free"] = SIDES
    settings = small([{**LEAST_SQUARES, "steps": 60, "tolerance": 1e-6}], RIDGE_TRIAL, node=node)
    parts = build(settings)
    parts.trial.net.set_outer(torch.full_like(parts.trial.net.outer, 0.01 / 3))
    before = float(parts.assembly.objective(parts.trial).detach())
    values = (
        before,
        *Solver(parts.trial, parts.assembly, settings.schedule, Silent()).run()[0].objective,
    )
    assert (
        all(later <= earlier for earlier, later in pairwise(values))
        and values[-1] < 1e-10 < values[3]
    )


# Refusals
# --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", [LEAST_SQUARES, ADAM], ids=["least_squares", "adam"])
def test_what_is_beyond_the_budget_is_refused_before_it_is_made(
    stage: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KANPDE_MEMORY", "100MB")
    with pytest.raises(
        BudgetError, match=r"for \d+ rows .* would take about .* GiB, .* lower sampler.interior"
    ) as caught:
        run(small([stage]))
    assert caught.value.exit_code == 7


def test_an_mlp_has_no_grid_to_change() -> None:
    parts, stages = build(small([ADAM], MLP_TRIAL)), small([EXTEND, ADAM]).schedule
    with pytest.raises(
        ConfigError, match="only a kan has grids to extend or update; remove the stage for an mlp"
    ):
        Solver(parts.trial, parts.assembly, stages, Silent()).run()


# Grids between stages
# ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("trial", [KAN_TRIAL, RIDGE_TRIAL], ids=["paper", "ridge"])
@pytest.mark.parametrize("before", [ADAM, LEAST_SQUARES], ids=["adam", "least_squares"])
def test_nested_grid_extension_between_stages_keeps_the_function(
    before: dict[str, Any], trial: dict[str, Any]
) -> None:
    close, level = (1e-10, 1e-7) if before is ADAM else (1e-5, 1e-3)
    plain = run(small([before], trial))[0]
    for counts in ([4, 3], [4, 9], [2, 6]):
        parts, history, _, _ = run(small([before, {"extend_grid": counts}], trial))
        assert isinstance(parts.trial.network, KAN) and parts.trial.network.intervals == counts
        x = uniform(60, 2)
        assert gap(parts.trial(x), plain.trial(x)) < close
        ours, theirs = (float(m.assembly.objective(m.trial).detach()) for m in (parts, plain))
        assert math.isclose(ours, theirs, rel_tol=level)
        assert [text for _, text in history.events] == [f"extend_grid {counts}"]


@pytest.mark.parametrize(
    "change", [{"extend_grid": [13, 17]}, {"update_grid": 0.5}], ids=["extend", "update"]
)
@pytest.mark.parametrize("start", ["ridge", "paper"])
def test_any_grid_change_after_a_linear_solve_nearly_keeps_the_function(
    start: str, change: dict[str, Any]
) -> None:
    """Or it is refused: the grid of a paper start is hardly reached, and what stands on it cannot
    be refitted.
    """
    trial = {"kind": "kan", "width": [6], "degree": [5, 9], "intervals": [2, 12], "start": start}
    sampler = {"interior": 400, "boundary": 80}
    plain = run(small([LEAST_SQUARES], trial, sampler=sampler))[0]
    try:
        parts = run(small([LEAST_SQUARES, change], trial, sampler=sampler))[0]
    except NumericalError as refusal:
        assert start == "paper" and "the function changes by" in str(refusal)
    else:
        x = uniform(200, 2)
        assert gap(parts.trial(x), plain.trial(x)) < 1e-2


def test_one_number_extends_every_layer() -> None:
    parts, history, _, _ = run(small([LEAST_SQUARES, {"extend_grid": 6}]))
    assert isinstance(parts.trial.network, KAN) and parts.trial.network.intervals == [6, 6]
    assert history.events == ((1, "extend_grid 6"),)


def test_a_finer_grid_has_a_lower_minimum() -> None:
    coarse, fine = (
        run(small([LEAST_SQUARES])),
        run(small([LEAST_SQUARES, {"extend_grid": [2, 6]}, LEAST_SQUARES])),
    )
    assert fine[1].objective[-1] < coarse[1].objective[-1]


def test_training_goes_on_after_a_grid_stage() -> None:
    for change in (EXTEND, UPDATE):
        _, history, stages, _ = run(small([ADAM, change, LBFGS]))
        assert history.objective[-1] < history.objective[4] < history.objective[0]
        assert stages[-1].steps == 40


def test_grid_update_in_a_schedule_brings_inputs_inside() -> None:
    loose, far = {**KAN_TRIAL, "intervals": 12, "degree": 3}, {**ADAM, "learning_rate": 0.2}
    parts, *_ = run(small([far], loose))
    x = parts.trial.scaled(parts.points.interior.x)
    assert isinstance(parts.trial.network, KAN) and parts.trial.network.outside_share(x) > 0
    parts, history, _, _ = run(small([far, UPDATE], loose))
    assert isinstance(parts.trial.network, KAN) and parts.trial.network.outside_share(x) == 0
    assert history.events == ((40, "update_grid mix 0.5"),)


# Going on to the same bits
# -------------------------------------------------------------------------------------------

SCHEDULES = {
    "adam": [{**ADAM, "steps": 20}, EXTEND, {**ADAM, "steps": 20}],
    "lbfgs": [{**LBFGS, "steps": 20}, EXTEND, {**LBFGS, "steps": 20}],
    "all": [
        {**ADAM, "steps": 10},
        UPDATE,
        {**LBFGS, "steps": 20},
        EXTEND,
        LEAST_SQUARES,
        {**ADAM, "steps": 20},
    ],
}


def timeless(solution: Solution) -> dict[str, Any]:
    """The history and the stages, without the seconds."""
    history = {key: value for key, value in vars(solution.history).items() if key != "seconds"}
    stages = [
        {k: v for k, v in vars(stage).items() if k != "seconds"} for stage in solution.result.stages
    ]
    return {
        **history,
        "stages": stages,
        "reason": solution.stop_reason,
        "metrics": solution.result.metrics,
    }


@pytest.mark.parametrize("calls", [1, 3])
@pytest.mark.parametrize("name", list(SCHEDULES))
def test_an_interrupted_run_goes_on_to_the_same_bits(name: str, calls: int, tmp_path: Path) -> None:
    settings = small(SCHEDULES[name])
    straight = api.solve(settings)
    stopped = api.solve(settings, out=tmp_path / "run", progress=StopAfter(calls))
    assert stopped.stop_reason is StopReason.INTERRUPTED
    resumed = api.resume(tmp_path / "run")
    assert torch.equal(resumed.coefficients(), straight.coefficients())
    assert torch.equal(api.load(tmp_path / "run").coefficients(), straight.coefficients())
    assert resumed.history.objective[-1] == straight.history.objective[-1]
    assert resumed.result.metrics == straight.result.metrics


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_a_run_that_is_broken_off_within_steps_goes_on_to_the_same_bits(
    optimizer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = small([{"optimizer": optimizer, "steps": 30}])
    straight = api.solve(settings)
    lowered, calls = solver.lowered, 0

    def overdue(*arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 17:  # in the second ten steps, after some changed moments in place
            raise Overdue(StopReason.TERMINATED)
        return lowered(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(solver, "lowered", overdue)
        stopped = api.solve(settings, out=tmp_path / "run")
    assert stopped.stop_reason is StopReason.TERMINATED
    assert len(stopped.history.step) == 1
    resumed = api.resume(tmp_path / "run")
    assert torch.equal(resumed.coefficients(), straight.coefficients())


@pytest.mark.parametrize("calls", [1, 2, 3])
def test_a_resumed_run_reports_its_stages_as_if_never_interrupted(
    calls: int, tmp_path: Path
) -> None:
    settings = small([{**ADAM, "steps": 20}, EXTEND, {**LBFGS, "steps": 10}])
    api.solve(settings, out=tmp_path / "run", progress=StopAfter(calls))
    assert timeless(api.resume(tmp_path / "run")) == timeless(api.solve(settings))


def test_a_stop_during_the_linear_solve_does_not_solve_again(tmp_path: Path) -> None:
    settings = small([LEAST_SQUARES, EXTEND, {**ADAM, "steps": 10}])
    stopped = api.solve(settings, out=tmp_path / "run", progress=StopAfter(1))
    assert stopped.stop_reason is StopReason.INTERRUPTED
    assert timeless(api.resume(tmp_path / "run")) == timeless(api.solve(settings))


def test_interrupted_again_and_again(tmp_path: Path) -> None:
    settings = small(SCHEDULES["all"])
    solution = api.solve(settings, out=tmp_path / "run", progress=StopAfter(1))
    sittings = 1
    while solution.stop_reason is StopReason.INTERRUPTED and sittings < 20:
        solution = api.resume(tmp_path / "run", progress=StopAfter(1))
        sittings += 1
    assert 5 <= sittings < 20
    assert torch.equal(solution.coefficients(), api.solve(settings).coefficients())


def test_an_mlp_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    settings = small([{**ADAM, "steps": 20}, {**LBFGS, "steps": 30}], MLP_TRIAL)
    api.solve(settings, out=tmp_path / "run", progress=StopAfter(3))
    assert torch.equal(
        api.resume(tmp_path / "run").coefficients(), api.solve(settings).coefficients()
    )


class Crash(StopAfter):
    """An observer that dies."""

    def step(self, done: int, objective: float) -> None:
        super().step(done, objective)
        if self.seen > self.calls:
            raise MemoryError("planted")

    @property
    def stop(self) -> StopReason | None:
        return None


@pytest.mark.parametrize("calls", slowly([0, 1, 3], {0, 3}))
def test_a_crashed_run_goes_on_from_its_last_checkpoint(
    calls: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed in the very first steps it starts again; later it goes on from within a stage."""
    settings = small(SCHEDULES["lbfgs"])
    monkeypatch.setattr(solver, "SAVE_EVERY", 0.0)
    with pytest.raises(MemoryError):
        api.solve(settings, out=tmp_path / "run", progress=Crash(calls))
    saved = checkpoint.read(tmp_path / "run" / "checkpoints" / "last.pt")["state"]
    assert saved["total"] == 10 * calls
    assert torch.equal(
        api.resume(tmp_path / "run").coefficients(), api.solve(settings).coefficients()
    )


@pytest.mark.parametrize(
    "schedule", [[LEAST_SQUARES], [ADAM], SCHEDULES["all"]], ids=["one", "adam", "all"]
)
def test_a_finished_run_loads_and_resumes_to_itself(
    schedule: list[dict[str, Any]], tmp_path: Path
) -> None:
    solution = api.solve(small(schedule), out=tmp_path / "run")
    for again in (api.load, api.resume, api.load):
        reopened = again(tmp_path / "run")
        assert torch.equal(reopened.coefficients(), solution.coefficients())
        assert timeless(reopened) == timeless(solution)


def test_a_run_that_became_non_finite_stays_so_when_it_is_resumed(tmp_path: Path) -> None:
    settings = small([{**ADAM, **FAST}], TRIALS_THAT_FAIL["kan"], node=BURST)
    solution = api.solve(settings, out=tmp_path / "run")
    assert solution.stop_reason is StopReason.NON_FINITE
    assert api.load(tmp_path / "run").stop_reason is StopReason.NON_FINITE
    assert api.resume(tmp_path / "run").stop_reason is StopReason.NON_FINITE


def test_wall_seconds_of_all_sittings_count(tmp_path: Path) -> None:
    settings = small(SCHEDULES["adam"])
    first = api.solve(settings, out=tmp_path / "run", progress=StopAfter(3))
    assert first.stop_reason is StopReason.INTERRUPTED
    second = api.resume(tmp_path / "run")
    assert second.seconds > first.history.seconds[-1] > 0
    assert list(second.history.seconds) == sorted(second.history.seconds)


def test_the_best_checkpoint_holds_the_lowest_objective_of_a_finished_stage(tmp_path: Path) -> None:
    worse = {"optimizer": "adam", "steps": 10, "learning_rate": 1.0}
    settings = small([{**ADAM, "steps": 10}, LEAST_SQUARES, worse], RIDGE_TRIAL)
    solution = api.solve(settings, out=tmp_path / "run")
    objectives = [stage.objective for stage in solution.result.stages]
    assert min(objectives) == objectives[1] < objectives[2]
    best = checkpoint.read(tmp_path / "run" / "checkpoints" / "best.pt")
    assert best["state"]["history"][-1][1] == objectives[1]
    last = checkpoint.read(tmp_path / "run" / "checkpoints" / "last.pt")
    assert last["state"]["history"][-1][1] == objectives[2]


def test_resume_needs_a_store() -> None:
    settings = small([ADAM])
    parts = build(settings)
    with pytest.raises(ConfigError, match="resume: needs a run folder"):
        Solver(parts.trial, parts.assembly, settings.schedule, Silent()).resume(settings.trial)


def test_a_solve_does_not_change_its_config(tmp_path: Path) -> None:
    settings = small(SCHEDULES["all"])
    before = copy.deepcopy(settings.as_tree())
    api.solve(settings)
    assert settings.as_tree() == before
