"""What is carried along a line at a speed of one sign, with the jumps and kinks of its data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import kanpde
from kanpde.api.evolving import by_equations
from kanpde.api.march_plan import Evolving
from kanpde.api.solving import configure
from kanpde.marching.transport import search
from kanpde.numerics.jets import JetSpace
from kanpde.trial.networks.carried import Carried
from kanpde.trial.networks.travelled import Travelled
from kanpde.trial.solution import TrialSolution

LEFT, RIGHT = {"free": ["right"]}, {"free": ["left"]}
RNG = np.random.default_rng(0)
X = np.stack([RNG.uniform(0, 2, 2000), RNG.uniform(0, 1, 2000)], axis=1)


def _tree(equation: str, start: str, sides: list[dict[str, Any]], **keys: Any) -> dict[str, Any]:
    problem = {
        "name": "carried",
        "unknowns": ["u"],
        "domain": {"interval": {"lower": 0, "upper": 2}},
        "time": {"interval": [0, 1]},
        "equations": [equation],
        "conditions": [{"part": "initial", "equation": start}, *sides],
    }
    return {"problem": problem | keys, "output": {"vtu": False, "plots": False}}


def _enters(part: str, formula: str) -> list[dict[str, Any]]:
    return [{"part": part, "equation": f"u = {formula}"}]


def _away(tree: dict[str, Any], exact: np.ndarray, out: Path | None = None) -> Any:
    solution = kanpde.solve(tree, out=out)
    values = solution(X)[:, 0]
    error = np.linalg.norm(values - exact) / np.linalg.norm(exact)
    assert solution.result.exit_code == 0
    assert error <= max(1e-12, solution.result.estimate)
    return solution


def test_a_hat_decays_behind_what_is_switched_on(tmp_path: Path) -> None:
    """A kink at the start, a corner that does not fit, a jump of what comes in; and back from its
    folder.
    """
    tree = _tree(
        "dt(u) + 2*dx(u) = -u",
        "u = max(0, 1 - abs(x - 0.7)/0.2)",
        _enters("left", "where(t > 0.3, 1 + t, 0.5)"),
        **LEFT,
    )
    x, t = X.T
    entry = t - x / 2
    hat = np.maximum(0, 1 - np.abs(x - 2 * t - 0.7) / 0.2) * np.exp(-t)
    enters = np.where(entry > 0.3, 1 + entry, 0.5) * np.exp(-x / 2)
    solution = _away(tree, np.where(x > 2 * t, hat, enters), tmp_path / "run")
    assert np.array_equal(kanpde.load(tmp_path / "run")(X), solution(X))
    h, inside = 1e-6, np.array([[1.0, 0.2], [0.3, 0.4]])
    slopes = [
        (solution(inside + step) - solution(inside - step))[:, 0] / (2 * h)
        for step in np.eye(2) * h
    ]
    assert np.allclose(solution.grad(inside)[:, 0], np.stack(slopes, axis=1), atol=1e-7)


def test_a_jump_goes_to_the_left_past_a_source() -> None:
    """A negative speed: data come in at the right."""
    tree = _tree(
        "dt(u) - 1.5*dx(u) = cos(x)", "u = sign(x - 1)", _enters("right", "sin(5*t)"), **RIGHT
    )
    x, t = X.T
    label, entry = x + 1.5 * t, t - (2 - x) / 1.5
    start = np.sign(label - 1) + (np.sin(label) - np.sin(x)) / 1.5
    enters = np.sin(5 * entry) + (np.sin(2) - np.sin(x)) / 1.5
    _away(tree, np.where(label < 2, start, enters))


def test_a_step_goes_round_and_grows() -> None:
    """Periodic ends, and a source that is not linear in u."""
    tree = _tree(
        "dt(u) + 3*dx(u) = 4*u*(1 - u)",
        "u = where(abs(x - 1) < 0.4, 0.8, 0.1)",
        [{"periodic": ["left", "right"]}],
    )
    x, t = X.T
    start = np.where(np.abs(np.mod(x - 3 * t, 2) - 1) < 0.4, 0.8, 0.1)
    grown = start * np.exp(4 * t)
    _away(tree, grown / (1 - start + grown))


def test_a_box_is_stretched_where_the_speed_grows(tmp_path: Path) -> None:
    """x = (1 + ζ) e^t - 1, with a source along the way; on splines the error was 0.9."""
    tree = _tree(
        "dt(u) + (1 + x)*dx(u) = x - u",
        "u = where(0.5 < x < 1.2, 1, 0)",
        _enters("left", "cos(3*t)"),
        **LEFT,
    )
    x, t = X.T
    label, since = (1 + x) * np.exp(-t) - 1, np.log(1 + x)
    box = np.where((label > 0.5) & (label < 1.2), np.exp(-t), 0.0)
    grown = box + (1 + label) * np.sinh(t) - (1 - np.exp(-t))
    entered = np.exp(-since) * np.cos(3 * (t - since)) + np.sinh(since) - (1 - np.exp(-since))
    solution = _away(tree, np.where(label > 0, grown, entered), tmp_path / "run")
    assert np.array_equal(kanpde.load(tmp_path / "run")(X), solution(X))


def test_a_box_goes_round_at_a_speed_that_varies() -> None:
    """Travel takes ∫ dx / (2 + cos πx) = 2/√3 around; at that time all is where it began."""
    tree = _tree(
        "dt(u) + (2 + cos(pi*x))*dx(u) = 0",
        "u = where(abs(x - 1) < 0.4, 1, 0)",
        [{"periodic": ["left", "right"]}],
    )
    tree["problem"]["time"] = {"interval": [0, 2 / np.sqrt(3)]}
    solution = kanpde.solve(tree)
    x = np.linspace(0, 2, 401)
    x = x[np.abs(np.abs(x - 1) - 0.4) > 1e-9]
    found = solution(np.stack([x, np.full_like(x, 2 / np.sqrt(3))], axis=1))[:, 0]
    assert solution.result.exit_code == 0
    assert np.abs(found - (np.abs(x - 1) < 0.4)).max() < 1e-10


@pytest.mark.parametrize(
    ("equation", "part", "chosen"),
    [
        ("dt(u) + dx(u) = 0", "left", True),
        ("dt(u) + dx(u) = 0", "right", False),
        ("dt(u) + (1 + x)*dx(u) = 0", "left", True),
        ("2*dt(u) = dx((1 + x)*u)", "right", True),
        ("dt(u) + (x - 0.5)*dx(u) = 0", "left", False),
        ("dt(u) + x*dx(u) = 0", "left", False),
        ("dt(u) + (1 + x*t)*dx(u) = 0", "left", False),
        ("dt(u) + u*dx(u) = 0", "left", False),
        ("dt(u) + dx(u) = max(0, x - 1)", "left", False),
        ("dt(u) + dx(u) = sqrt(x)", "left", False),
        ("dt(u) + dx(u) = 0.1*dxx(u)", "left", False),
    ],
)
def test_the_way_is_for_one_unknown_at_a_speed_of_one_sign(
    equation: str, part: str, chosen: bool
) -> None:
    """Not where data leave, for other speeds, sources with kinks or without values outside."""
    free = LEFT if part == "left" else RIGHT
    plan = by_equations(configure(_tree(equation, "u = 0", _enters(part, "0"), **free)))
    engine = plan.engine if isinstance(plan, Evolving) else None
    assert (engine is search) == chosen  # type: ignore[comparison-overlap]


def test_a_kink_that_no_word_tells_is_met_by_halving() -> None:
    """|x - 0.513| as a root: intervals become short around its line."""
    tree = _tree(
        "dt(u) + dx(u) = 0", "u = sqrt((x - 0.513)**2)", _enters("left", "0.513 + t"), **LEFT
    )
    solution = _away(tree, np.abs(X[:, 0] - X[:, 1] - 0.513))
    widths = np.diff(solution.trial.each[0].network.breakpoints.numpy())
    assert widths.min() < 1e-3 < widths.max()


@pytest.mark.parametrize("travels", [False, True])
def test_derivatives_of_what_is_carried_are_those_by_autograd(travels: bool) -> None:
    """Up to second order, mixed ones too, on a slab that repeats, behind a time of travel too."""
    ends = torch.tensor([-1.0, -0.2, 1.0], dtype=torch.float64)
    table = torch.from_numpy(np.random.default_rng(1).normal(size=(1, 2, 4, 3)))
    series = torch.tensor([[-0.4, 0.5, 0.1, 0.0], [0.4, 0.3, 0.05, 0.05]], dtype=torch.float64)
    travel = Travelled(torch.tensor([-1.0, 0.0, 1.0]).double(), series) if travels else None
    network = Carried(ends, table, 0.6, repeats=True, travel=travel)
    sides = torch.tensor([[0.0, 1.0], [2.0, 1.5]], dtype=torch.float64)
    trial = TrialSolution(network, sides[0], sides[1])
    x = torch.from_numpy(X[:5] * [1.0, 0.5] + [0.0, 1.0]).requires_grad_()
    space = JetSpace.closure([(2, 0), (1, 1), (0, 2)], 2)
    jet = trial.jet(trial.locate(x.detach(), space))
    scaled = (x - sides[0]) / (sides[1] - sides[0]) * 2 - 1
    (first,) = torch.autograd.grad(network(scaled).sum(), x, create_graph=True)
    rows = [torch.autograd.grad(first[:, k].sum(), x, retain_graph=True)[0] for k in range(2)]
    for index, expected in (
        ((2, 0), rows[0][:, 0]),
        ((1, 1), rows[0][:, 1]),
        ((0, 2), rows[1][:, 1]),
    ):
        found = jet.data[space.indices.index(index), 0]
        assert torch.allclose(found, expected, rtol=1e-9, atol=1e-9)
