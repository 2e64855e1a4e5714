"""The table of optimizers: whatever has a row there is known to the schema, to the budget, to the
report and to the solver, without any other list of names.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import MonkeyPatch

from kanpde import api
from kanpde.config import OPTIMIZERS, Config, OptimizerStage, Sizes, validate
from kanpde.config.solve.stages import READ
from kanpde.errors import BudgetError, ConfigError
from kanpde.results.report import describe_stage, size_rows
from kanpde.solver.budget import check_budget, report_bytes, working_bytes
from kanpde.solver.build import build
from kanpde.solver.least_squares_problem import CONSTRUCTORS, iterative

PLATE: dict[str, Any] = {
    "unknowns": ["u"],
    "domain": {"interval": [0, 1]},
    "equations": ["dxx(u) = u**2 - 1"],
    "conditions": [{"part": ["left", "right"], "equation": "u = 0"}],
}
LEAST: dict[str, Any] = {
    **{key: value for key, value in PLATE.items() if key != "equations"},
    "energy": "0.5*dx(u)**2 + u",
}
TRIAL = {"width": [3], "degree": 4, "intervals": 3}
SAMPLER = {"interior": 40, "boundary": 2}
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "steps": st.integers(1, 10**6),
    "learning_rate": st.floats(1e-9, 1e3),
    "tolerance": st.floats(0, 1),
    "regularisation": st.floats(0, 1),
    "keep": st.booleans(),
    "seconds": st.floats(1e-3, 1e9),
}
NAMES = tuple(OPTIMIZERS)
EVERY_NAME = pytest.mark.parametrize("name", NAMES)


def small(stage: dict[str, Any], problem: dict[str, Any] = PLATE) -> Config:
    tree = {"problem": problem, "trial": TRIAL, "sampler": SAMPLER, "schedule": [stage]}
    return validate(tree, source="my.yaml")


@st.composite
def stages(draw: st.DrawFn) -> dict[str, Any]:
    """Some keys of some optimizer of the table."""
    name = draw(st.sampled_from(NAMES))
    keys = draw(st.sets(st.sampled_from((*OPTIMIZERS[name].defaults, "seconds"))))
    return {"optimizer": name, **{key: draw(VALUES[key]) for key in sorted(keys)}}


@given(stages())
@settings(deadline=None, max_examples=60)
def test_a_stage_is_read_with_its_defaults_and_back(given_keys: dict[str, Any]) -> None:
    config = small(given_keys)
    (stage,) = config.schedule
    assert isinstance(stage, OptimizerStage)
    wanted = {**OPTIMIZERS[stage.optimizer].defaults, **given_keys}
    assert {key: getattr(stage, key) for key in wanted} == wanted
    assert validate(config.as_tree(), source="again").schedule == config.schedule


def test_every_key_of_the_table_has_a_reader_and_a_field() -> None:
    keys = {key for optimizer in OPTIMIZERS.values() for key in optimizer.defaults}
    assert keys <= set(READ) & set(OptimizerStage.__dataclass_fields__)


@EVERY_NAME
def test_the_schema_refuses_the_keys_of_other_optimizers(name: str) -> None:
    for key in sorted(set(READ) - {*OPTIMIZERS[name].defaults, "seconds"}):
        with pytest.raises(ConfigError, match=rf"schedule\[0\]\.{key}: {name} has no '{key}'"):
            small({"optimizer": name, key: 1})


@EVERY_NAME
def test_the_budget_holds_the_matrix_of_the_table(name: str, monkeypatch: MonkeyPatch) -> None:
    """At least the copies of its matrix, and what does not fit is refused."""
    config, optimizer = small({"optimizer": name}), OPTIMIZERS[name]
    rows, outer, parameters = 1000, 3 * 7, 6 * 7
    sizes = Sizes(rows, outer, parameters)
    dense = 0 if optimizer.matrix is None else optimizer.matrix.numbers(sizes)
    assert working_bytes(config, rows, 1, 1) - report_bytes(config.problem) >= 8 * dense
    assert working_bytes(config, 2 * rows, 1, 1) > working_bytes(config, rows, 1, 1)
    monkeypatch.setenv("KANPDE_MEMORY", "12GiB")
    large = replace(config, sampler=replace(config.sampler, interior=10**9))
    with pytest.raises(BudgetError, match=r"for 10000000.* would take about .* GiB") as caught:
        check_budget(large)
    wide = optimizer.matrix is not None and optimizer.matrix.wide == "parameters"
    assert ("or take gauss_newton_cg or lbfgs" in str(caught.value)) is wide


@EVERY_NAME
def test_the_report_names_stage_and_matrix(name: str) -> None:
    config, optimizer = small({"optimizer": name}), OPTIMIZERS[name]
    (stage,) = config.schedule
    steps = "" if optimizer.outer_only else f" {optimizer.defaults['steps']} steps"
    assert describe_stage(stage) == name + steps
    rows = dict(size_rows(config, 42, 1000, 21))
    titles = {other.matrix.name for other in OPTIMIZERS.values() if other.matrix is not None}
    wanted = set() if optimizer.matrix is None else {optimizer.matrix.name}
    assert titles & set(rows) == wanted


@EVERY_NAME
def test_an_energy_takes_those_that_need_no_rows(name: str) -> None:
    if OPTIMIZERS[name].needs_rows:
        with pytest.raises(ConfigError, match=rf"schedule\[0\]: {name} needs residual rows"):
            small({"optimizer": name}, LEAST)
    else:
        assert small({"optimizer": name}, LEAST).problem.energy is not None


@EVERY_NAME
def test_a_penalty_goes_with_those_that_sparsify(name: str) -> None:
    stage = {"optimizer": name, "sparsify": 1e-3}
    if OPTIMIZERS[name].sparsifies:
        assert small(stage).schedule[0].sparsify is not None  # type: ignore[union-attr]
    else:
        with pytest.raises(ConfigError, match=f"{name} lowers rows alone and cannot sparsify"):
            small(stage)


def test_the_solver_constructs_each_that_advances_by_steps() -> None:
    stepping = {name for name in OPTIMIZERS if not OPTIMIZERS[name].outer_only}
    assert set(CONSTRUCTORS) == stepping


@pytest.mark.parametrize("name", CONSTRUCTORS)
def test_a_constructed_optimizer_lowers_the_objective(name: str) -> None:
    config = small({"optimizer": name, "steps": 20})
    parts = build(config)
    before = float(parts.assembly.objective(parts.trial).detach())
    method = iterative(config.schedule[0], parts.trial, parts.assembly)  # type: ignore[arg-type]
    moved = method.advance(lambda: parts.assembly.objective(parts.trial), 20)
    assert moved.objective < before


@EVERY_NAME
def test_a_solve_runs_it_to_its_end(name: str) -> None:
    solution = api.solve(small({"optimizer": name, "steps": 3}))
    (stage,) = solution.result.stages
    assert (stage.name, 1 <= stage.steps <= 3) == (name, True)
