"""Going on from an earlier solution: a least-squares step that keeps what the new rows do not
determine.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from core_helpers import LINE, config, problem_node, uniform

import kanpde
from kanpde import api, optimizers
from kanpde.errors import ConfigError
from kanpde.optimizers.least_squares import ALIKE
from kanpde.trial.networks import KAN

pytestmark = pytest.mark.usefixtures("quick")

KEEP: dict[str, Any] = {"optimizer": "least_squares", "keep": True}
TRIAL: dict[str, Any] = {"width": [], "degree": 3, "intervals": 60}


def shown(low: float, high: float, **keys: Any) -> kanpde.Solution:
    """Two bumps, of which only what lies between `low` and `high` is shown."""
    x = np.linspace(low, high, 121)
    y = np.exp(-80 * (x + 0.5) ** 2) + np.exp(-80 * (x - 0.5) ** 2)
    domain = {"interval": {"lower": -1, "upper": 1}}
    return kanpde.fit(x, y, domain=domain, **{"trial": TRIAL, "schedule": [KEEP], **keys})


def error(solution: kanpde.Solution, low: float, high: float) -> float:
    x = np.linspace(low, high, 400)
    y = np.exp(-80 * (x + 0.5) ** 2) + np.exp(-80 * (x - 0.5) ** 2)
    return float(np.abs(solution(x[:, None])[:, 0] - y).max())


def coefficients(solution: kanpde.Solution) -> torch.Tensor:
    network = solution.trial.net
    assert isinstance(network, KAN)
    return network.stack[0].coefficients.detach()[0, 0]


def test_the_second_half_leaves_the_first_half_as_it_was() -> None:
    first = shown(-1, 0)
    second = shown(0, 1, after=first)
    assert error(first, -1, 0) < 3e-4 and error(first, 0, 1) > 0.5
    assert error(second, -1, 0) < 2 * error(first, -1, 0) and error(second, 0, 1) < 3e-4
    assert torch.equal(
        coefficients(second)[:30], coefficients(first)[:30]
    )  # no function of these reaches x ≥ 0


def test_a_basis_that_is_not_local_cannot_keep() -> None:
    trial = {**TRIAL, "basis": "chebyshev"}
    first = shown(-1, 0, trial=trial)
    assert error(first, -1, 0) < 1e-4 and error(shown(0, 1, trial=trial, after=first), -1, 0) > 0.1


@pytest.mark.parametrize("seed", range(3))
def test_the_step_is_the_shortest_one_that_meets_the_rows(seed: int) -> None:
    """Against the pseudo-inverse: 3 rows, 5 columns of very different length."""
    rows = uniform(3, 5, seed=seed) * torch.tensor([1.0, 1e-2, 1.0, 0.0, 1.0], dtype=torch.float64)
    right = uniform(3, seed=seed + 9)
    stacked = torch.zeros(5, 8, dtype=torch.float64).T
    stacked[:3] = rows
    step = optimizers.solve(stacked, torch.cat([right, right.new_zeros(5)]), 1e-10, shortest=ALIKE)
    expected = torch.linalg.pinv(rows) @ right
    assert float(step[3]) == 0.0 and torch.allclose(step, expected, rtol=1e-6, atol=1e-9)


def test_a_solve_goes_on_from_all_parameters_and_its_run_resumes(tmp_path: Path) -> None:
    node = problem_node(LINE, ["dxx(u) = 0"], [{"part": ["left", "right"], "equation": "u = x"}])
    keys: dict[str, Any] = {"sampler": {"interior": 40, "boundary": 2}}
    step = [{"optimizer": "adam", "steps": 1, "learning_rate": 1e-12}]
    trial = {"width": [3], "degree": [3, 5], "intervals": [2, 4]}
    first = api.solve(config(node, trial=trial, **keys))
    second = api.solve(
        config(node, trial=trial, schedule=step, seed=5, **keys), after=first, out=tmp_path / "run"
    )
    x = uniform(9, 1).numpy()
    assert np.allclose(second(x), first(x), atol=1e-9) and np.array_equal(
        api.load(tmp_path / "run")(x), second(x)
    )


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "another width": (
        {"trial": {**TRIAL, "width": [2]}},
        r"after: the earlier network does not fit \(checkpoint: ",
    ),
    "another basis": (
        {"trial": {**TRIAL, "basis": "fourier"}},
        r"does not fit \(checkpoint: basis \['bspline'\]",
    ),
    "an mlp": ({"trial": {"kind": "mlp", "width": [4]}}, "after: the earlier network does not fit"),
    "functions": (
        {"trial": {**TRIAL, "functions": ["x"]}},
        "after: the earlier solution has other functions",
    ),
}


@pytest.mark.parametrize("case", list(WRONG))
def test_an_earlier_solution_that_does_not_fit_is_refused(case: str) -> None:
    keys, message = WRONG[case]
    with pytest.raises(ConfigError, match=message):
        shown(0, 1, after=shown(-1, 0), **keys)


def test_another_domain_and_a_tolerance_are_refused() -> None:
    x = np.linspace(0, 1, 90)
    with pytest.raises(
        ConfigError, match="after: the earlier solution has another domain; give `domain` to both"
    ):
        kanpde.fit(x, x, trial=TRIAL, schedule=[KEEP], after=shown(-1, 0))
    with pytest.raises(ConfigError, match="after: goes with neither time slabs nor a tolerance"):
        api.solve("burgers", after=shown(-1, 0))


def test_keep_is_refused_where_it_means_nothing() -> None:
    with pytest.raises(
        ConfigError, match="least_squares with keep does not go with an energy; remove keep"
    ):
        api.solve("deep_ritz", schedule=[KEEP])
    with pytest.raises(ConfigError, match="adam has no 'keep'"):
        shown(-1, 0, schedule=[{"optimizer": "adam", "keep": True}])


def test_rows_that_are_met_already_move_nothing() -> None:
    """Six units on a line see a function many times: without a limit equal solves pile up what the
    rows cannot see.
    """
    x = np.linspace(0, 1, 50)
    keys: dict[str, Any] = {
        "trial": {"width": [6], "degree": 5, "intervals": 8},
        "schedule": [KEEP],
    }
    first = kanpde.fit(x, np.sin(3 * x), **keys)
    again = kanpde.fit(x, np.sin(3 * x), after=first, **keys)
    assert torch.equal(again.trial.net.outer, first.trial.net.outer)


def test_a_short_domain_is_not_another_short_one() -> None:
    x = np.linspace(0, 1e-9, 20)
    first = kanpde.fit(x, np.sin(x), trial=TRIAL, schedule=[KEEP])
    with pytest.raises(ConfigError, match="after: the earlier solution has another domain"):
        kanpde.fit(3 * x, np.sin(x), trial=TRIAL, schedule=[KEEP], after=first)
