"""A pruned network is trained on data only as far as rows say that training never saw."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from kanpde import api
from kanpde.api.fitting import fit
from kanpde.problem.conditions import matrix
from kanpde.results.solution import Solution
from kanpde.solver.build import build
from kanpde.symbolic.kan.retrain import FEWEST, LOST, SHARE, Watch, choose
from kanpde.symbolic.kan.simplify_run import OVERFIT, Simplified, simplify

TRIAL = {"width": [2], "degree": 3, "intervals": 14, "start": "paper", "base": "silu"}
"""106 parameters."""


def noisy(rows: int, seed: int) -> tuple[Any, Any]:
    """sin(2x) + y² with noise of 0.1."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, (rows, 2))
    return x, np.sin(2 * x[:, 0]) + x[:, 1] ** 2 + 0.1 * rng.standard_normal(rows)


def rmse(solution: Solution, x: Any, y: Any) -> float:
    return float(np.sqrt(np.mean((solution(x, outside="allow")[:, 0] - y) ** 2)))


def solved(rows: int, folder: Path | None = None, **keys: Any) -> Solution:
    stages = [{"optimizer": "lbfgs", "steps": 40, "sparsify": 0.01}]
    domain = {"box": {"lower": [-1, -1], "upper": [1, 1]}}
    return fit(*noisy(rows, 0), trial=TRIAL, schedule=stages, out=folder, domain=domain, **keys)


@pytest.mark.slow
def test_training_does_not_follow_the_noise(tmp_path: Path) -> None:
    """Variable projection alone, which solves for more coefficients than there is data for, loses
    the function.
    """
    before, fresh = solved(120, tmp_path / "run"), noisy(1000, 1)
    greedy = api.solve(
        replace(before.config, schedule=api.configure(before.config, schedule=[
            {"optimizer": "variable_projection", "steps": 30}]).schedule), after=before)  # fmt: skip
    simplified = simplify(tmp_path / "run", units=0.0, steps=30, out=tmp_path / "small")
    assert rmse(greedy, *fresh) > 2 * rmse(before, *fresh)
    assert rmse(simplified.solution, *fresh) < 1.05 * rmse(before, *fresh)
    text = "\n".join(simplified.sentences())
    assert f"chosen by {round(SHARE * 120)} rows held out from it" in text
    assert "on the test" in text


def test_what_is_chosen_is_what_the_run_ends_on(tmp_path: Path) -> None:
    solved(120, tmp_path / "run")
    simplified = simplify(tmp_path / "run", steps=12, out=tmp_path / "small")
    assert simplified.choice is not None
    assert simplified.choice.stage == simplified.solution.config.schedule[0]
    assert simplified.solution.rmse["u"] == pytest.approx(simplified.choice.after, rel=1e-9)
    worse = simplified.choice.after > simplified.choice.before
    assert ("no training lowered it" in simplified.choice.sentence) is worse


def test_rows_of_an_own_test_choose_nothing() -> None:
    plain, tested = solved(100), solved(100, test=noisy(50, 7))
    chosen = [
        choose(replace(solution.config, schedule=_stage(solution)), solution.trial.network)
        for solution in (plain, tested)
    ]
    first, second = (choice for choice in chosen if choice is not None)
    assert (first.stage, first.after) == (second.stage, second.after)
    tables = [choice.config.problem.fit for choice in (first, second)]
    train, test = (
        [getattr(table, key) for table in tables if table is not None] for key in ("train", "test")
    )
    assert [len(rows_of_table) for rows_of_table in (*train, *test)] == [80, 80, 20, 50]
    rows, held_out = (
        {tuple(row) for row in matrix(train[0])},
        {tuple(row) for row in matrix(test[0])},
    )
    assert rows | held_out == {tuple(row) for row in np.column_stack(noisy(100, 0))}
    assert not rows & held_out


def _stage(solution: Solution) -> Any:
    return api.configure(
        solution.config, schedule=[{"optimizer": "variable_projection", "steps": 3}]
    ).schedule


def test_few_rows_and_equations_are_trained_on_as_they_are() -> None:
    few = solved(FEWEST - 1)
    assert choose(replace(few.config, schedule=_stage(few)), few.trial.network) is None
    formula = api.solve({"problem": {"name": "f", "fit": {"u": "x"}, "domain": {"interval": [0, 1]}}},
                        trial={"width": [], "degree": 3, "intervals": 2})  # fmt: skip
    assert choose(formula.config, formula.trial.network) is None


def test_a_watch_measures_held_out_rows_and_ends_what_is_lost() -> None:
    solution = solved(50, test=0.2)
    parts = build(solution.config)
    parts.trial.network = solution.trial.network
    watch = Watch(parts)
    assert watch.errors == [pytest.approx(solution.rmse["u"], rel=1e-12)]
    last = list(parts.trial.network.stack[-1].parameters())
    start = [parameter.detach().clone() for parameter in last]

    def scaled(factor: float) -> None:
        with torch.no_grad():
            for parameter, before in zip(last, start, strict=True):
                parameter.copy_(factor * before)

    for k, factor in enumerate((1.5, 1.0, 1.2)):
        scaled(factor)
        watch.step(k + 1, 0.0)
    assert (watch.steps, watch.least) == (2, watch.errors[0])
    assert watch.stop is None
    scaled(1e4 * LOST)
    watch.step(4, 0.0)
    assert watch.stop is not None
    scaled(math.nan)
    watch.step(5, 0.0)
    assert watch.errors[-1] == math.inf
    assert watch.steps == 2


def test_an_overfit_is_said(tmp_path: Path) -> None:
    solved(60, tmp_path / "run", test=noisy(40, 3))
    simplified = simplify(tmp_path / "run", steps=3, out=tmp_path / "small")
    metrics = simplified.solution.result.metrics
    fits = {"train": {"rmse": {"u": 0.01}}, "test": {"rmse": {"u": 0.02 * OVERFIT}}}
    worse = replace(
        simplified.solution,
        result=replace(simplified.solution.result, metrics=replace(metrics, fit=fits)),
    )
    text = "\n".join(
        Simplified(simplified.folder, worse, simplified.pruned, simplified.before).sentences()
    )
    assert (
        "RMSE now: 1.00e-02 on rows of training, 6.00e-02 on the test: overfitted 6 times" in text
    )
    fits["test"]["rmse"]["u"] = 0.029
    assert "overfitted" not in "\n".join(
        Simplified(simplified.folder, worse, simplified.pruned, worse).sentences()
    )
