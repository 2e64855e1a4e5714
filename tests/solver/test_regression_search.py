"""The search of a fit: validation decides, rows of the test never enter, same seed same bits."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import kanpde
from kanpde import api
from kanpde.config import Config
from kanpde.config.problem.tables import Table
from kanpde.errors import ConfigError, NumericalError
from kanpde.progress import Silent, StopReason
from kanpde.results.solution import Solution
from kanpde.solver.build import build
from kanpde.solver.regression_search import search
from kanpde.solver.tolerance import Chosen
from kanpde.solver.validation import split
from kanpde.symbolic.kan.simplify_run import simplify

pytestmark = pytest.mark.usefixtures("quick")

SEARCH = {"starts": 2, "intervals": [3, 6], "rounds": 1, "rows": 100, "steps": 8, "polished": [1]}
STEPS = [
    {"optimizer": "variable_projection", "steps": 15, "tolerance": 1e-9, "regularisation": 1e-12}
]
QUIET = {"output": {"vtu": False, "plots": False}}


def cloud(count: int = 200, seed: int = 0) -> tuple[Any, Any]:
    x = np.random.default_rng(seed).uniform(-1, 1, (count, 2))
    return x, np.exp(x[:, 0]) * x[:, 1]


def fitted(**keys: Any) -> Solution:
    given = {"trial": {"width": [2]}, "search": SEARCH, "schedule": STEPS, **keys}
    return kanpde.fit(*cloud(), **given)


def config(**keys: Any) -> Config:
    x, y = cloud()
    table = Table(("x", "y", "u"), np.column_stack([x, y]).astype("<f8").tobytes())
    node = {"values": table, "columns": ["u"], "inputs": ["x", "y"], "search": {**SEARCH, **keys}}
    tree = {"problem": {"name": "own", "fit": node}, "trial": {"width": [2]}, **QUIET}
    tree["schedule"] = STEPS
    return api.configure(tree)


def chosen_by(given: Config, progress: Silent) -> Chosen:
    return search(given, build(given), progress)


def coefficients(solution: Solution) -> torch.Tensor:
    return torch.cat([p.detach().reshape(-1) for p in solution.trial.parameters()])


class Watch(Silent):
    """Keeps the messages, and ends the solve after some of them."""

    def __init__(self, most: int = 1000) -> None:
        self.messages: list[str] = []
        self._most = most

    def message(self, text: str) -> None:
        self.messages.append(text)
        if len(self.messages) >= self._most:
            self.stop = StopReason.INTERRUPTED


def test_a_product_is_found_to_the_target_on_rows_that_nothing_saw() -> None:
    x, x_test = cloud()[0], cloud(100, 1)[0]
    solution = kanpde.fit(
        x,
        3 * x.prod(1),
        test=(x_test, 3 * x_test.prod(1)),
        trial={"width": [2]},
        search={**SEARCH, "target": 1e-8},
        schedule=STEPS,
    )
    assert solution.rmse["u"] < 1e-7
    assert solution.result.stop_reason is StopReason.TOLERANCE
    assert solution.trial.network.intervals == list(solution.config.trial.intervals)


def test_rows_of_the_test_change_no_coefficient() -> None:
    keys = {"domain": {"rectangle": {"lower": [-1, -1], "upper": [1, 1]}}}
    plain, tested = fitted(**keys), fitted(test=(cloud(50, 5)[0], np.ones(50)), **keys)
    assert torch.equal(coefficients(plain), coefficients(tested))
    assert not torch.equal(coefficients(plain), coefficients(fitted(seed=1, **keys)))


def test_the_error_that_decides_is_that_of_rows_that_are_not_trained_on() -> None:
    parts = build(config())
    judge, training = split(parts, 0.15, 0)
    assert len(judge.x) == 30 and len(training.x) == 170
    assert torch.cdist(judge.x, training.x).min() > 0
    assert len(training.terms[0].x) == 170 and len(training.first(10)[0].x) == 10
    (x, y, *_), (columns,) = parts.problem.data, [training.terms[0].columns]
    assert columns is not None
    whole = {(*map(float, a), float(b[0])) for a, b in zip(x, y, strict=True)}
    assert {
        (*map(float, a), float(b)) for a, b in zip(training.x, columns[:, 0], strict=True)
    } < whole


def test_a_trial_solution_with_a_peak_between_the_rows_is_not_believed() -> None:
    parts = build(config())
    judge, _ = split(parts, 0.15, 0)
    outer = parts.trial.network.stack[-1].coefficients
    with torch.no_grad():
        assert judge.error(parts.trial) < math.inf
        outer.fill_(1e3)  # far beyond the range of the values at every probe
        assert judge.error(parts.trial) == math.inf
        assert replace(judge, probes=judge.probes[:0]).relative(parts.trial) > 100


def test_starts_are_also_polished_without_the_coarsest_grid() -> None:
    watch = Watch()
    chosen_by(config(target=0.0, polished=[1, 1]), watch)
    grids = [int(text.split(", ")[1].split()[0]) for text in watch.messages]
    assert grids[0] == 3 and grids[-1] == 6 and 2 <= len(grids) <= 3


def test_the_candidate_with_the_lowest_validation_error_is_taken() -> None:
    watch = Watch()
    chosen = chosen_by(config(target=0.0), watch)
    errors = [float(text.split("RMSE ")[1].split()[0]) for text in watch.messages]
    judge, _ = split(chosen.parts, 0.15, 0)
    assert judge.error(chosen.parts.trial) == pytest.approx(min(errors), rel=0.06)
    assert chosen.reason is StopReason.FINISHED
    assert chosen.estimate == pytest.approx(judge.relative(chosen.parts.trial))


def test_a_run_folder_holds_what_was_found(tmp_path: Path) -> None:
    solution = api.solve(config(), out=tmp_path / "run")
    loaded, resumed = api.load(tmp_path / "run"), api.resume(tmp_path / "run")
    for again in (loaded, resumed):
        assert torch.equal(coefficients(again), coefficients(solution))
    assert loaded.config == solution.config
    assert "search: round 1" in (tmp_path / "run" / "run.log").read_text(encoding="utf-8")


def test_an_interrupted_search_begins_anew(tmp_path: Path) -> None:
    whole = api.solve(config(target=0.0))
    cut = api.solve(config(target=0.0), out=tmp_path / "run", progress=Watch(1))
    assert cut.result.stop_reason is StopReason.INTERRUPTED
    assert not torch.equal(coefficients(cut), coefficients(whole))
    assert torch.equal(coefficients(api.resume(tmp_path / "run")), coefficients(whole))


def test_an_mlp_is_searched_for_by_its_seeds() -> None:
    solution = fitted(
        trial={"kind": "mlp", "width": [6], "start": "features", "scale": 2.0},
    )
    assert solution.rmse["u"] < 1e-2 and solution.trial.network.kind == "mlp"


def test_two_outputs_are_fitted_together() -> None:
    x, y = cloud()
    solution = kanpde.fit(
        x,
        np.column_stack([y, x[:, 0] + x[:, 1]]),
        trial={"width": [4]},
        search=SEARCH,
        schedule=STEPS,
    )
    assert all(error < 1e-2 for error in solution.rmse.values())


def test_a_search_without_any_finite_start_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kanpde.solver.validation.BEYOND", -1.0)
    with pytest.raises(NumericalError, match="no start led to a network with finite values"):
        chosen_by(config(), Silent())


def test_a_search_goes_neither_with_an_earlier_solution_nor_into_a_comparison() -> None:
    with pytest.raises(ConfigError, match=r"after: does not go with fit\.search"):
        api.solve(config(), after=kanpde.fit(*cloud(), trial={"width": [2]}))
    with pytest.raises(ConfigError, match=r"fit\.search: not in a comparison"):
        api.compare(config())


def test_what_was_found_is_simplified_like_any_other_run(tmp_path: Path) -> None:
    api.solve(config(target=1e-2), out=tmp_path / "run")
    simplified = simplify(tmp_path / "run", out=tmp_path / "simple", steps=2)
    loaded = api.load(tmp_path / "simple")
    assert torch.equal(coefficients(loaded), coefficients(simplified.solution))
    assert loaded.rmse["u"] < 0.1
