"""The Python door: every way to name a problem, overrides, what a solution answers, and what may
change its bits.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from core_helpers import (
    DISK,
    LINE,
    SIDES,
    SQUARE,
    StopAfter,
    config,
    create,
    gap,
    problem_node,
    uniform,
)

import kanpde
from kanpde import api
from kanpde.assembly.collocation import Collocation
from kanpde.config import Config, shipped, yaml_file
from kanpde.config.problem.statement import problem_tree
from kanpde.errors import BudgetError, ConfigError, FolderInUseError, KanpdeError
from kanpde.problem.problem import Problem
from kanpde.progress import StopReason
from kanpde.results import metrics
from kanpde.results.solution import Solution
from kanpde.solver import budget
from kanpde.solver.build import build
from kanpde.trial.networks import KAN, MLP

pytestmark = pytest.mark.usefixtures("quick")

EXACT = "x**2 - y**2 + x*y"
NODE = problem_node(
    SQUARE,
    ["laplacian(u) = 0"],
    [{"part": SIDES, "equation": f"u = {EXACT}"}],
    exact={"u": EXACT},
    name="saddle",
)
TRIAL = {"width": [5], "degree": 4, "intervals": [1, 3]}
SAMPLER = {"interior": 144, "boundary": 64}
QUIET = {"output": {"vtu": False, "plots": False}}
NODE_ONLY = {"problem": NODE, "sampler": SAMPLER}
TREE = {"problem": NODE, "trial": TRIAL, "sampler": SAMPLER, **QUIET}


@pytest.fixture(scope="module")
def solution(one_thread: None) -> Solution:
    return api.solve(TREE)


# Every way to name a problem
# -----------------------------------------------------------------------------------------


def sources(folder: Path) -> dict[str, Any]:
    path = folder / "saddle.yaml"
    path.write_text(yaml_file.dumps(TREE), encoding="utf-8")
    return {
        "mapping": TREE,
        "path": path,
        "text": str(path),
        "config": config(NODE, trial=TRIAL, sampler=SAMPLER),
    }


@pytest.mark.parametrize("kind", ["mapping", "path", "text", "config"])
def test_a_problem_by_mapping_path_or_config(kind: str, tmp_path: Path, solution: Solution) -> None:
    other = api.solve(sources(tmp_path)[kind])
    assert torch.equal(other.coefficients(), solution.coefficients())
    assert other.problem.name == "saddle"
    error = other.relative_l2["u"]
    assert error is not None and error < 1e-10


def test_a_problem_object_or_its_config(solution: Solution) -> None:
    problem = create(NODE)
    for source in (problem, problem.config):
        other = api.solve(source, trial=TRIAL, sampler=SAMPLER)
        assert torch.equal(other.coefficients(), solution.coefficients())


def test_a_shipped_problem_by_name() -> None:
    shipped_solution = api.solve(
        "poisson_square",
        trial={"width": [6], "degree": [4, 6], "intervals": [2, 6]},
        sampler=SAMPLER,
    )
    assert (
        shipped_solution.problem.name == "poisson_square"
        and shipped_solution.stop_reason is StopReason.SOLVED
    )
    assert shipped_solution.result.as_dict()["trial"]["width"] == [6]


def test_the_package_offers_the_same_functions() -> None:
    assert (
        kanpde.solve is api.solve and kanpde.load is api.load and kanpde.available is api.available
    )
    assert (
        issubclass(kanpde.Problem, Problem)
        and kanpde.Solution is Solution
        and kanpde.StopReason is StopReason
    )


def test_available_problems_have_a_name_and_a_sentence() -> None:
    sentences = dict(api.available())
    assert tuple(sentences) == shipped.names() and all(sentences.values())


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(
        ConfigError, match="unknown problem 'poisson_squar', did you mean 'poisson_square'"
    ):
        api.solve("poisson_squar")


@pytest.mark.parametrize("source", [3, None, 1.5, ["poisson_square"]], ids=str)
def test_what_is_no_problem_is_refused_in_one_line(source: Any) -> None:
    with pytest.raises(
        ConfigError, match="problem: needs a name, a path, a mapping or a Problem, found"
    ):
        api.solve(source)


@pytest.mark.parametrize(
    "keys",
    [
        {"parameters": {"k": 1.0}},
        {"trial": 5},
        {"sampler": [1]},
        {"schedule": "adam"},
        {"seed": "no"},
        {"dtype": 64},
    ],
    ids=str,
)
def test_overrides_of_the_wrong_kind_are_refused_in_one_line(keys: dict[str, Any]) -> None:
    source: dict[str, Any] = {} if "parameters" in keys else TREE
    with pytest.raises(ConfigError) as caught:
        api.configure(source, **keys)
    assert "\n" not in str(caught.value)


# Overrides
# --------------------------------------------------------------------------------------------------


def test_overrides_are_merged_key_by_key() -> None:
    settings = api.configure(
        TREE, trial={"width": [7]}, sampler={"kind": "sobol"}, weights={"equations": 3.0}
    )
    assert (settings.trial.width, settings.trial.degree, settings.trial.intervals) == (
        (7,),
        (4, 4),
        (1, 3),
    )
    assert (settings.sampler.interior, settings.sampler.kind) == (144, "sobol")
    assert (settings.weights.equations, settings.weights.conditions) == (3.0, 1e4)


def test_overrides_win_over_recommended_keys() -> None:
    assert api.configure("helmholtz").trial.width == (2,)
    assert api.configure("helmholtz", trial={"width": [9]}).trial.width == (9,)


def test_another_kind_drops_what_was_recommended_for_the_first() -> None:
    settings = api.configure("helmholtz", trial={"kind": "mlp", "width": [5]})
    assert settings.trial.kind == "mlp" and [stage.optimizer for stage in settings.schedule] == [
        "adam",
        "lbfgs",
    ]  # type: ignore[union-attr]


def test_schedule_seed_dtype_and_parameters() -> None:
    settings = api.configure(
        "poisson_rotated",
        schedule=[{"optimizer": "adam", "steps": 3}],
        seed=7,
        dtype="float32",
        parameters={"angle": 1.0},
    )
    assert (len(settings.schedule), settings.seed, settings.dtype) == (1, 7, "float32")
    assert settings.problem.parameters["angle"] == 1.0


def test_a_config_goes_through_unchanged_and_takes_overrides() -> None:
    first = api.configure(TREE)
    assert api.configure(first) == first
    assert api.configure(first, seed=5).seed == 5


def test_arguments_are_not_edited() -> None:
    tree, trial = copy.deepcopy(TREE), {"width": [4]}
    api.configure(tree, trial=trial, parameters={}, sampler={"interior": 9})
    assert tree == TREE and trial == {"width": [4]}


def test_a_degree_too_low_for_the_equation_is_refused_with_the_reason() -> None:
    for degree, node in (
        (2, NODE),
        ([4, 2], NODE),
        (4, {**NODE, "equations": ["dxxxx(u) + dyyyy(u) = 0"]}),
    ):
        with pytest.raises(ConfigError, match=r"trial.degree: .* spline has only .*; use degree ≥"):
            api.solve({**TREE, "problem": node}, trial={"degree": degree})


def test_a_trial_beyond_the_budget_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "MOST_PARAMETERS", 30)
    with pytest.raises(
        BudgetError, match=r"trial: \d+ parameters are more than .*; lower trial.width"
    ):
        api.solve(TREE)


def test_a_grid_extended_beyond_the_budget_is_refused_before_anything_is_solved() -> None:
    schedule = [
        {"optimizer": "least_squares"},
        {"extend_grid": [1, 90_000]},
        {"optimizer": "least_squares"},
    ]
    with pytest.raises(BudgetError) as caught:
        build(api.configure(TREE, schedule=schedule))
    assert caught.value.exit_code == 7


def test_a_misspelt_keyword_is_answered_like_a_key_of_a_file() -> None:
    with pytest.raises(ConfigError, match="trail: unknown key, did you mean 'trial'"):
        api.solve(TREE, trail={})


# What a solution answers
# ---------------------------------------------------------------------------------------------


def test_a_solution_shows_itself_in_one_line(solution: Solution) -> None:
    shown = repr(solution)
    assert "\n" not in shown and len(shown) < 200
    assert shown.startswith("<Solution of 'saddle': u at (x, y) by a kan of ")


def test_values_at_points_of_numpy_and_torch(solution: Solution) -> None:
    x = uniform(20, 2)
    wanted = x[:, 0] ** 2 - x[:, 1] ** 2 + x[:, 0] * x[:, 1]
    values = solution(x)
    assert isinstance(values, torch.Tensor) and values.shape == (20, 1) and not values.requires_grad
    assert gap(values[:, 0], wanted) < 1e-10
    array = solution(x.numpy())
    assert (
        isinstance(array, np.ndarray)
        and array.dtype == np.float64
        and np.array_equal(array, values.numpy())
    )


def test_values_take_the_type_of_the_points(solution: Solution) -> None:
    x = uniform(5, 2)
    assert solution(x.float()).dtype == torch.float32
    assert solution(x.requires_grad_()).dtype == torch.float64
    assert solution(np.zeros((3, 2), dtype=int)).dtype == np.float64


def test_whole_numbers_as_points_do_not_cut_the_values(solution: Solution) -> None:
    x = torch.tensor([[1, 0], [1, -1], [0, 1]])
    halves = api.solve(
        {
            **TREE,
            "problem": problem_node(
                SQUARE, ["laplacian(u) = 0"], [{"part": SIDES, "equation": "u = x/2"}]
            ),
        }
    )
    assert gap(halves(x)[:, 0].double(), x[:, 0] / 2.0) < 1e-6


def test_corners_and_sides_belong_to_the_domain(solution: Solution) -> None:
    assert solution(np.array([[-1.0, -1.0], [1.0, 1.0], [1.0, 0.3]])).shape == (3, 1)


def test_no_points_give_no_values(solution: Solution) -> None:
    assert solution(np.zeros((0, 2))).shape == (0, 1)
    assert solution(torch.zeros(0, 2)).shape == (0, 1)


@pytest.mark.parametrize("shape", [(4,), (4, 3), (2, 2, 2), ()])
def test_points_of_another_shape_are_refused(solution: Solution, shape: tuple[int, ...]) -> None:
    for points in (np.zeros(shape), torch.zeros(shape)):
        with pytest.raises(
            ConfigError, match=r"solution: needs points of shape \(N, 2\) for .*x.*y.*, found \("
        ) as caught:
            solution(points)
        assert str(shape) in str(caught.value)


def test_points_outside_the_domain_are_refused_unless_allowed(solution: Solution) -> None:
    points = np.array([[0.0, 0.0], [1.5, 0.0], [0.0, -3.0]])
    with pytest.raises(
        ConfigError,
        match=r"2 of 3 points lie outside the domain, the first at \[1.5, 0.0\]; .*allow",
    ):
        solution(points)
    with pytest.raises(ConfigError, match="outside"):
        solution(torch.tensor(points))
    assert np.isfinite(solution(points, outside="allow")).all()


def test_points_that_are_not_numbers_are_outside(solution: Solution) -> None:
    with pytest.raises(ConfigError, match="1 of 2 points lie outside the domain"):
        solution(np.array([[0.0, np.nan], [0.0, 0.0]]))


def test_an_unknown_choice_for_points_outside(solution: Solution) -> None:
    with pytest.raises(ConfigError, match="outside"):
        solution(np.zeros((1, 2)), outside="ignore")


def test_the_hole_of_a_domain_is_outside() -> None:
    ring = {
        "difference": [
            {"disk": {"center": [0, 0], "radius": 1}},
            {"disk": {"center": [0, 0], "radius": 0.4, "name": "hole"}},
        ]
    }
    node = problem_node(
        ring,
        ["laplacian(u) = 0"],
        [{"part": ["circle", "hole"], "equation": "u = x"}],
        exact={"u": "x"},
    )
    on_ring = api.solve({"problem": node, "trial": TRIAL, "sampler": SAMPLER})
    with pytest.raises(ConfigError, match="1 of 2 points lie outside the domain"):
        on_ring(np.array([[0.0, 0.0], [0.5, 0.0]]))


def test_fields_by_name(solution: Solution) -> None:
    x = uniform(30, 2).numpy()
    fields = solution.fields(x)
    assert list(fields) == ["u", "u_exact", "u_error", "residual"]
    assert all(field.shape == (30,) and field.dtype == np.float64 for field in fields.values())
    assert np.array_equal(fields["u_error"], fields["u"] - fields["u_exact"])
    assert np.abs(fields["residual"]).max() < 1e-8
    bare = api.solve({**TREE, "problem": {k: v for k, v in NODE.items() if k != "exact"}})
    assert list(bare.fields(x)) == ["u", "residual"]


def test_errors_are_none_without_an_exact_solution() -> None:
    bare = api.solve({**TREE, "problem": {k: v for k, v in NODE.items() if k != "exact"}})
    assert bare.relative_l2 == {"u": None} and bare.max_error == {"u": None}
    assert 0 < bare.residual_rms < 1e-8 and bare.boundary_max < 1e-8
    assert json.loads(json.dumps(bare.result.as_dict()))["relative_l2"] == {"u": None}


def test_an_exact_solution_of_zero_has_no_relative_error() -> None:
    node = problem_node(
        SQUARE, ["laplacian(u) = 0"], [{"part": SIDES, "equation": "u = 0"}], exact={"u": "0"}
    )
    other = api.solve({**TREE, "problem": node})
    assert other.relative_l2 == {"u": None} and other.max_error == {"u": 0.0}


def test_reported_errors_are_those_of_the_values(solution: Solution) -> None:
    other = api.solve(TREE, trial={"width": [1], "degree": 3, "intervals": 1})
    at = other.problem.domain.quadrature(3000)
    fields = other.fields(at.x)
    error = np.sqrt((at.w * fields["u_error"] ** 2).sum() / (at.w * fields["u_exact"] ** 2).sum())
    relative, worst = other.relative_l2["u"], other.max_error["u"]
    assert relative is not None and worst is not None
    assert abs(relative - error) < 1e-2 * error
    assert 0.9 * np.abs(fields["u_error"]).max() < worst < 1.5 * np.abs(fields["u_error"]).max()
    assert (
        abs(other.residual_rms - np.sqrt((at.w * fields["residual"] ** 2).sum() / 4))
        < 1e-2 * other.residual_rms
    )


def test_errors_are_never_measured_at_the_trained_points(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Gauss sampler that asks for as many points as the report takes would train on them."""
    seen: list[Collocation] = []
    true = metrics.held_out

    def spy(*args: Any) -> Collocation:
        seen.append(true(*args))
        return seen[-1]

    monkeypatch.setattr(metrics, "held_out", spy)
    settings = api.configure(
        TREE, sampler={"kind": "gauss", "interior": metrics.COUNT[2], "boundary": 80}
    )
    api.solve(settings)
    trained = build(settings).points
    assert torch.equal(seen[0].interior.x, trained.interior.x), "or this test says nothing"
    assert not torch.equal(seen[-1].interior.x, trained.interior.x)


def test_the_result_is_plain_data_with_every_promised_key(solution: Solution) -> None:
    tree = json.loads(json.dumps(solution.result.as_dict(), allow_nan=False))
    measured = {
        "relative_l2",
        "max_error",
        "residual_rms",
        "boundary_max",
        "seconds",
        "stop_reason",
        "stop_message",
    }
    assert measured | {"problem", "trial", "seed", "dtype", "threads", "stages"} <= set(tree)
    assert set(tree["trial"]) >= {"kind", "width", "shape", "degree", "intervals", "parameters"}
    assert tree["trial"]["parameters"] == solution.coefficients().numel() == 5 * 2 * 5 + 5 * 7
    assert tree["stop_message"] == StopReason.SOLVED.value and tree["stop_reason"] == "solved"
    assert set(tree["stages"][0]) >= {"name", "steps", "objective", "seconds", "stop_reason"}


def test_two_unknowns_are_two_columns() -> None:
    node = problem_node(
        SQUARE,
        ["p = dx(u)", "laplacian(u) = 0"],
        [{"part": SIDES, "equation": f"u = {EXACT}"}],
        unknowns=["u", "p"],
        exact={"u": EXACT, "p": "2*x + y"},
    )
    pair = api.solve({**TREE, "problem": node})
    x = uniform(9, 2)
    assert gap(pair(x)[:, 1], 2 * x[:, 0] + x[:, 1]) < 1e-8
    assert list(pair.fields(x.numpy())) == [
        "u",
        "p",
        "u_exact",
        "u_error",
        "p_exact",
        "p_error",
        "residual_1",
        "residual_2",
    ]
    assert set(pair.relative_l2) == {"u", "p"}


# Bits
# --------------------------------------------------------------------------------------------------

LITTLE = {"width": [4], "degree": [4, 5], "intervals": [1, 3]}
NONE = {"directions": "even", "centers": "none"}
ADDITIVE = {"width": [], "degree": 5, "intervals": 4}


SHIPPED = {name: problem_tree(api.configure(name).problem) for name in shipped.names()}
WITH_EXACT = [
    name
    for name, node in SHIPPED.items()
    if "exact" in node and "manufactured" not in node.get("definitions", {}).values()
]
NONLINEAR = {"kovasznay", "taylor_green"}  # least squares alone do not solve it
LONG = {"poisson_drilled_cube", "poisson_multiscale", "poisson_rotated", "helmholtz_rotated"}
SHORT = {
    *((name, "lbfgs") for name in (*NONLINEAR, "helmholtz", "heat_1d")),
    *((name, "least_squares") for name in WITH_EXACT if name not in LONG),
}


@pytest.mark.parametrize(
    ("name", "stage"),
    [
        pytest.param(name, stage, marks=() if (name, stage) in SHORT else pytest.mark.slow)
        for name in WITH_EXACT
        for stage in ("least_squares", "lbfgs")
        if stage == "lbfgs" or name not in NONLINEAR
    ],
)
def test_deleting_exact_changes_no_bit_of_any_coefficient(name: str, stage: str) -> None:
    node = SHIPPED[name]
    schedule = [
        {"optimizer": stage} if stage == "least_squares" else {"optimizer": stage, "steps": 3}
    ]
    trial = {
        **LITTLE,
        "degree": [5, 5],
        "radial": 0,
        "start": "paper" if stage == "lbfgs" else "ridge",
    }
    recommended = node.get("recommended", {}).get("trial", {})
    trial |= {key: none for key, none in NONE.items() if isinstance(recommended.get(key), list)}
    keys = {
        "trial": trial,
        "sampler": {"interior": 120, "boundary": 60},
        "schedule": schedule,
        "slabs": 1,
    }
    bare = {key: value for key, value in node.items() if key != "exact"}
    solutions = [api.solve({"problem": tree, **keys}) for tree in (node, bare)]
    assert torch.equal(solutions[0].coefficients(), solutions[1].coefficients())
    assert solutions[0].history.objective == solutions[1].history.objective
    assert all(error is not None for error in solutions[0].relative_l2.values())
    assert all(error is None for error in solutions[1].relative_l2.values())


def test_most_shipped_problems_have_an_exact_solution_to_delete() -> None:
    assert len(WITH_EXACT) >= 8


@pytest.mark.parametrize(
    "trial",
    [
        LITTLE,
        {**LITTLE, "start": "paper", "base": "silu"},
        {"kind": "mlp", "width": [6], "start": "features"},
    ],
    ids=str,
)
def test_the_same_seed_gives_the_same_bits_and_another_seed_others(trial: dict[str, Any]) -> None:
    schedule = [{"optimizer": "least_squares"}, {"optimizer": "adam", "steps": 2}]
    tree = {**TREE, "trial": trial, "schedule": schedule}
    torch.manual_seed(1)
    first = api.solve(tree, seed=3)
    torch.manual_seed(2)
    np.random.seed(5)  # noqa: NPY002 - the global generator of others must not matter
    again, other = api.solve(tree, seed=3), api.solve(tree, seed=4)
    assert torch.equal(first.coefficients(), again.coefficients())
    assert not torch.equal(first.coefficients(), other.coefficients())


@pytest.mark.parametrize("kind", ["chebyshev", "grid", "sobol", "latin_hypercube"])
def test_another_seed_gives_other_points(kind: str) -> None:
    points = [
        build(api.configure(TREE, seed=seed, sampler={"kind": kind})).points for seed in (0, 0, 1)
    ]
    assert torch.equal(points[0].interior.x, points[1].interior.x)
    assert not torch.equal(points[0].interior.x, points[2].interior.x)
    for part in SIDES:
        assert torch.equal(points[0].parts[part].x, points[1].parts[part].x)
        assert not torch.equal(points[0].parts[part].x, points[2].parts[part].x)


def test_without_jitter_the_seed_moves_no_point() -> None:
    points = [
        build(api.configure(TREE, seed=s, sampler={"kind": "chebyshev", "jitter": 0.0})).points
        for s in (0, 1)
    ]
    assert torch.equal(points[0].interior.x, points[1].interior.x)


def test_a_solve_leaves_the_global_generators_alone() -> None:
    before, numbers = torch.random.get_rng_state(), np.random.get_state()[1].tolist()  # type: ignore[index] # noqa: NPY002
    api.solve(TREE, trial={"start": "paper"}, sampler={"kind": "sobol"})
    assert torch.equal(before, torch.random.get_rng_state())
    assert np.random.get_state()[1].tolist() == numbers  # type: ignore[index] # noqa: NPY002


# Single precision and other types
# ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "trial",
    [TRIAL, {**TRIAL, "lifting": True}, {"kind": "mlp", "width": [8], "start": "features"}],
    ids=str,
)
@pytest.mark.parametrize("stage", ["least_squares", "adam", "lbfgs"])
def test_single_precision_runs_everywhere(trial: dict[str, Any], stage: str) -> None:
    schedule = [
        {"optimizer": stage} if stage == "least_squares" else {"optimizer": stage, "steps": 5}
    ]
    single = api.solve({**TREE, "trial": trial, "dtype": "float32", "schedule": schedule})
    assert single.coefficients().dtype == torch.float32 and single.result.dtype == "float32"
    assert single(np.zeros((2, 2))).dtype == np.float64
    error = single.relative_l2["u"]
    assert error is not None and np.isfinite(error)
    if stage == "least_squares" and "kind" not in trial:
        assert error < 1e-2


def test_a_trial_solution_moves_between_types(solution: Solution) -> None:
    trial = copy.deepcopy(solution.trial)
    x = uniform(10, 2)
    assert gap(trial.float()(x.float()).double(), solution(x)) < 1e-3
    assert trial.double()(x).dtype == torch.float64


# Files
# --------------------------------------------------------------------------------------------------


def test_without_a_folder_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    api.solve(TREE)
    assert list(tmp_path.iterdir()) == []


def test_a_run_folder_is_loaded_as_it_was(tmp_path: Path, solution: Solution) -> None:
    run = api.solve(TREE, out=tmp_path / "run")
    loaded = api.load(tmp_path / "run")
    assert torch.equal(loaded.coefficients(), solution.coefficients())
    assert loaded.config == run.config and loaded.result.metrics == run.result.metrics
    assert loaded.stop_reason is run.stop_reason
    tree = json.loads((tmp_path / "run" / "result.json").read_text())
    assert tree["relative_l2"] == run.relative_l2
    assert api.configure(tmp_path / "run" / "config.yaml") == run.config


def test_a_used_folder_is_refused_unless_overwritten(tmp_path: Path) -> None:
    api.solve(TREE, out=tmp_path / "run")
    with pytest.raises(FolderInUseError) as caught:
        api.solve(TREE, out=tmp_path / "run")
    assert caught.value.exit_code == 6
    again = api.solve(TREE, out=tmp_path / "run", overwrite=True, seed=9)
    assert torch.equal(api.load(tmp_path / "run").coefficients(), again.coefficients())


@pytest.mark.parametrize("verb", [api.load, api.resume])
def test_what_is_no_run_folder(verb: Any, tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "none", str(tmp_path / "none")):
        with pytest.raises(
            ConfigError, match=r"not a run folder .*; give the folder that a solve printed"
        ):
            verb(folder)


def test_a_run_that_never_saved_says_so(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.yaml").write_text(
        yaml_file.dumps(api.configure(TREE).as_tree()), encoding="utf-8"
    )
    for verb in (api.load, api.resume):
        with pytest.raises(KanpdeError) as caught:
            verb(tmp_path / "run")
        assert caught.value.exit_code == 5 and "holds no checkpoint" in str(caught.value)


def test_the_observer_sees_a_run_with_a_folder_too(tmp_path: Path) -> None:
    progress = StopAfter()
    api.solve(TREE, out=tmp_path / "run", progress=progress)
    assert [entry[0] for entry in progress.log if entry[0] != "message"] == [
        "started",
        "step",
        "finished",
    ]


# A problem that is not shipped, as a user writes it
# ------------------------------------------------------------------

PLATE = """
problem:
  name: my_plate
  unknowns: [u]
  domain: {rectangle: {lower: [0, 0], upper: [2, 1]}}
  parameters: {k: 2.0, h: 3.0}
  definitions:
    s: "exp(x/2)*sin(2*y) + x*y**2"
    f: manufactured
  equations: ["-k*laplacian(u) + u = f"]
  conditions:
    - {part: left, equation: "u = s"}
    - {part: right, equation: "k*dn(u) + h*u = k*dn(s) + h*s"}
    - {part: [bottom, top], equation: "dn(u) = dn(s)"}
  exact: {u: s}
trial: {kind: kan, width: [20], degree: [5, 11], intervals: [2, 8]}
sampler: {interior: 1600, boundary: 320}
output: {vtu: false, plots: false}
"""


def test_mixed_dirichlet_neumann_and_robin_sides_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "my_plate.yaml"
    path.write_text(PLATE, encoding="utf-8")
    plate = api.solve(path)
    error, worst = plate.relative_l2["u"], plate.max_error["u"]
    assert error is not None and worst is not None and error <= 1e-9 and worst <= 1e-8
    assert plate.residual_rms < 1e-6 and plate.boundary_max < 1e-7


def test_lifting_solves_the_same_problem(tmp_path: Path) -> None:
    path = tmp_path / "my_plate.yaml"
    path.write_text(PLATE, encoding="utf-8")
    plate = api.solve(path, trial={"lifting": True})
    error = plate.relative_l2["u"]
    assert error is not None and error <= 1e-9
    side = np.stack([np.zeros(50), np.linspace(0, 1, 50)], axis=1)
    assert np.abs(plate(side)[:, 0] - np.sin(2 * side[:, 1])).max() < 1e-14


def test_kinds_of_trial_solutions() -> None:
    networks = [
        build(api.configure(NODE_ONLY, trial={"kind": kind, "width": [4]})).trial.network
        for kind in ("kan", "mlp")
    ]
    assert isinstance(networks[0], KAN) and isinstance(networks[1], MLP)


def test_an_mlp_of_features_and_one_solve() -> None:
    trial = {"kind": "mlp", "width": [120], "start": "features", "activation": "sine", "scale": 4.0}
    solved = api.solve({**TREE, "trial": trial, "schedule": [{"optimizer": "least_squares"}]})
    error = solved.relative_l2["u"]
    assert error is not None and error < 1e-6


def test_an_interval_and_a_disk_need_no_special_words() -> None:
    line = problem_node(
        LINE,
        ["dxx(u) = 2"],
        [{"part": ["left", "right"], "equation": "u = x**2"}],
        exact={"u": "x**2"},
    )
    disk = problem_node(
        DISK,
        ["laplacian(u) = 4"],
        [{"part": "circle", "equation": "u = x**2 + y**2"}],
        exact={"u": "x**2 + y**2"},
    )
    for node in (line, disk):
        error = api.solve({"problem": node, "trial": ADDITIVE, "sampler": SAMPLER}).relative_l2["u"]
        assert error is not None and error < 1e-11


def test_a_config_is_a_value() -> None:
    assert isinstance(api.configure(TREE), Config) and api.configure(TREE) == api.configure(
        copy.deepcopy(TREE)
    )
