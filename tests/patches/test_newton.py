"""Problems that are not linear in the unknowns: linearisations, Newton's method, what is said of
problems without or with several solutions.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from patch_helpers import HOLE, SIDES, SQUARE, first, problem_of, solved, tree_of

import kanpde
from kanpde.errors import NumericalError
from kanpde.expressions import Derivative, jets
from kanpde.expressions.evaluate import evaluate
from kanpde.numerics.jets import JetSpace
from kanpde.patches import newton as methods
from kanpde.patches import search
from kanpde.patches.covers import cover_of
from kanpde.patches.homotopies import load, nonlinear_terms, operator
from kanpde.patches.levels import Cells, Ground, Level
from kanpde.patches.linearisation import Linearised, Pieces, Uniform, between
from kanpde.patches.newton import Newton
from kanpde.progress import Silent, StopReason
from kanpde.results.solution import Solution
from kanpde.trial.patchwork import Locator


class Heard(Silent):
    """Keeps the messages of a solve."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    def message(self, text: str) -> None:
        """Keep it."""
        self.messages.append(text)


def solve(tolerance: float = 1e-6, cells: int = 2, **keys: Any) -> tuple[Solution, str]:
    """A solve on few patches, and the last thing it said."""
    heard = Heard()
    solution = kanpde.solve(tree_of({"cells": cells}, **keys), tolerance=tolerance, progress=heard)
    return solution, heard.messages[-1]


def level_with_a_hole() -> Any:
    problem = problem_of(
        domain={"difference": [SQUARE, HOLE]},
        conditions=[
            {"part": SIDES, "equation": "u = sin(3*x) + y"},
            {"part": "hole", "equation": "u = exp(x)"},
        ],
    )
    return solved(problem, cells=3, degree=5, split=[first(0, 0)])


WANTED = [Derivative(0, index) for index in ((0, 0), (1, 0), (0, 2), (1, 1))]


def test_a_state_has_the_jets_of_its_patches_at_any_points() -> None:
    level = level_with_a_hole()
    state = Pieces(level.patches, level.coefficients, Locator(level.trial.tiles))
    x = level.problem.domain.quadrature(900).x
    space = JetSpace.closure([jet.index for jet in WANTED], 2)
    jet = level.trial.jet(level.trial.locate(torch.tensor(x), space))
    for wanted, values in zip(WANTED, state.at(x, WANTED, None), strict=True):
        expected = jet.derivative(wanted.index)[0].numpy()
        np.testing.assert_allclose(values, expected, atol=1e-8 * np.abs(expected).max())


def test_a_state_is_continuous_up_to_the_boundary() -> None:
    """Points on the outer sides belong to the patch inside, whatever rounding says."""
    level = level_with_a_hole()
    state = Pieces(level.patches, level.coefficients, Locator(level.trial.tiles))
    for part in ("right", "top", "hole"):
        points = level.problem.domain.part_quadrature(part, 50)
        on = state.at(points.x, WANTED, points.normal)
        inside = state.at(points.x - 1e-7 * points.normal, WANTED, None)
        for a, b in zip(on, inside, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-4 * max(1.0, np.abs(b).max()))


def test_a_linearisation_is_exact_to_second_order() -> None:
    problem = problem_of(equations=["-div((1 + u**2)*grad(u)) + exp(u)*dx(u) = x"])
    level = solved(problem_of(conditions=[{"part": SIDES, "equation": "u = sin(2*x)*y"}]), 2, 5)
    state = Pieces(level.patches, level.coefficients, Locator(level.trial.tiles))
    other = Pieces(
        level.patches, [np.cos(c) for c in level.coefficients], Locator(level.trial.tiles)
    )
    (node,) = problem.equations
    wanted = sorted(jets(node), key=lambda jet: (jet.unknown, jet.index))
    x = problem.domain.quadrature(200).x
    slopes, constant = Linearised.at_state(node, 1.0, state).at(x)
    errors = []
    for share in (1e-3, 5e-4):
        near = between(state, other, share)
        values = near.at(x, wanted, None)
        tensors = {jet: torch.tensor(v) for jet, v in zip(wanted, values, strict=True)}
        exact = evaluate([node], torch.tensor(x), None, tensors)[0].numpy()
        affine = constant + sum(s * v for s, v in zip(slopes, values, strict=True))
        errors.append(np.abs(exact - affine).max())
    assert errors[0] == pytest.approx(4 * errors[1], rel=0.05)


def test_paths_begin_at_a_known_solution_and_end_at_the_problem() -> None:
    problem = problem_of(equations=["-laplacian(u) + u**3 + cos(u) = x"])
    (node,) = problem.equations
    x = torch.tensor(problem.domain.quadrature(20).x)
    zero = dict.fromkeys(jets(node), torch.zeros(len(x), dtype=torch.float64))
    for path in (load, nonlinear_terms, operator):
        assert path(problem, 0.0).at(1.0)(node) is node
    start = evaluate([load(problem, 0.0).at(0.0)(node)], x, None, zero)[0]
    assert start.abs().max() == 0.0
    for path in (nonlinear_terms, operator):
        easy = path(problem, 0.0).at(0.0)(node)
        assert Linearised.at_state(easy, 1.0, Uniform(0.7)).at(x.numpy())[1] == pytest.approx(
            Linearised.at_state(easy, 1.0, Uniform(0.0)).at(x.numpy())[1]
        )


E3 = "3*sin(3*x + 0.4)*exp(-y)"
SCHERK = "log(cos(x)/cos(y))"
MANUFACTURED: dict[str, tuple[str, str]] = {
    "cubic": ("-laplacian(u) + u**3 = -laplacian(e) + e**3", E3),
    "cubic with a large load": ("-laplacian(u) + 1e4*u**3 = -laplacian(e) + 1e4*e**3", E3),
    "conductivity": ("div((1 + u**2)*grad(u)) = div((1 + e**2)*grad(e))", E3),
    "p-Laplacian": (
        "div((dx(u)**2 + dy(u)**2)*grad(u)) = div((dx(e)**2 + dy(e)**2)*grad(e))",
        "x + exp(y)",
    ),
    "minimal surface": (
        "(1 + dy(u)**2)*dx(dx(u)) - 2*dx(u)*dy(u)*dx(dy(u)) + (1 + dx(u)**2)*dy(dy(u)) = 0",
        SCHERK,
    ),
    "logarithm": ("laplacian(u) = log(u) + laplacian(e) - log(e)", "1 + x*y"),
}


@pytest.mark.parametrize("name", MANUFACTURED)
def test_newton_finds_a_known_solution(name: str) -> None:
    equation, exact = MANUFACTURED[name]
    solution, _ = solve(
        definitions={"e": exact},
        equations=[equation],
        exact={"u": "e"},
        conditions=[{"part": SIDES, "equation": "u = e"}],
    )
    error, estimate = solution.relative_l2["u"], solution.result.estimate
    assert solution.stop_reason is StopReason.TOLERANCE
    assert error is not None and estimate is not None
    assert error <= max(3 * estimate, 1e-12)


def test_a_condition_of_radiation_is_solved() -> None:
    exact = "1 + 0.3*x*y"
    solution, _ = solve(
        definitions={"e": exact},
        exact={"u": "e"},
        conditions=[
            {"part": ["left", "bottom"], "equation": "u = e"},
            {"part": ["right", "top"], "equation": "dn(u) + 2*u**4 = dn(e) + 2*e**4"},
        ],
    )
    assert solution.stop_reason is StopReason.TOLERANCE
    assert solution.relative_l2["u"] < 1e-10  # type: ignore[operator]


@pytest.mark.parametrize(("factor", "middle"), [(1.0, 0.0781010), (6.8, 1.3234520)])
def test_bratu_is_solved_up_to_its_fold(factor: float, middle: float) -> None:
    """The fold is at 6.808; the values in the middle are those of Chebyshev collocation with 16, 20
    and 24 intervals, which agree to 1e-8.
    """
    solution, _ = solve(1e-5, equations=[f"-laplacian(u) = {factor}*exp(u)"])
    assert solution.stop_reason is StopReason.TOLERANCE
    assert solution(np.array([[0.5, 0.5]]))[0, 0] == pytest.approx(middle, rel=1e-5)


@pytest.mark.slow
def test_bratu_beyond_its_fold_is_not_silent() -> None:
    solution, words = solve(1e-3, cells=1, equations=["-laplacian(u) = 12*exp(u)"])
    assert solution.stop_reason.exit_code == 8
    assert solution.result.estimate is None
    assert "Newton's method stalled" in words
    assert "was followed only up to" in words


def test_zero_beside_another_solution_is_not_silent() -> None:
    solution, words = solve(equations=["-0.02*laplacian(u) + u**3 - u = 0"])
    assert solution.stop_reason.exit_code == 8
    assert solution.result.estimate is None
    assert "the solution is 0 everywhere, and another one with values from" in words


@pytest.mark.slow
def test_zero_that_other_starts_lead_to_is_the_solution() -> None:
    solution, _ = solve(equations=["-laplacian(u) + u**3 = 0"])
    assert solution.stop_reason is StopReason.TOLERANCE
    assert solution.result.estimate == 0.0


def test_formulas_without_a_value_at_the_start_are_refused() -> None:
    with pytest.raises(NumericalError, match="must have values and derivatives by the"):
        solve(conditions=[{"part": SIDES, "equation": "log(u - 3)*log(-u) = 0"}])


def test_steps_that_shrink_are_taken_though_residuals_rise() -> None:
    """From u = 0 the first step is a thousand times too long, and every further one is two thirds
    of the one before: shares of them that lower the residuals lead nowhere.
    """
    solution, _ = solve(0.1, equations=["-laplacian(u) + u**3 = 1e6"])
    assert solution.stop_reason is StopReason.TOLERANCE
    assert solution(np.array([[0.5, 0.5]]))[0, 0] == pytest.approx(100.0, rel=0.1)


LID: dict[str, Any] = {
    "unknowns": ["u", "v", "p"],
    "equations": [
        "u*dx(u) + v*dy(u) + dx(p) = 0.01*laplacian(u)",
        "u*dx(v) + v*dy(v) + dy(p) = 0.01*laplacian(v)",
        "dx(u) + dy(v) = 0",
    ],
    "conditions": [
        {"part": "top", "equation": ["u = 1", "v = 0"]},
        {"part": ["left", "right", "bottom"], "equation": ["u = 0", "v = 0"]},
        {"point": [0.5, 0], "equation": "p = 0"},
    ],
}


def newton_of(cells: int, degree: int, **keys: Any) -> tuple[Newton, Level]:
    """Newton's method on first cells, and where it ended."""
    problem = problem_of(**keys)
    cover = cover_of(problem, cells)
    newton = Newton(Ground(cover, problem.domain.quadrature(300)), problem, Silent(), 1e-6)
    return newton, newton.solved(Cells.of(cover, dict.fromkeys(cover.start(), degree)), None)


def test_steps_that_fall_slowly_end_where_the_cells_lack_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A sliding lid on four patches, whose rows stay large: Gauss-Newton steps halve."""
    _, level = newton_of(2, 6, **LID)
    assert not level.stall and 0.0 < level.unconverged <= 0.02
    assert level.settling is not None and level.settling.max() == level.unconverged
    monkeypatch.setattr(methods, "LEFT_WHERE_SLOW", (0.0, 0.0))
    _, settled = newton_of(2, 6, **LID)
    assert settled.steps > 1.5 * level.steps
    away = np.abs(settled.values - level.values).max() / np.abs(settled.values).max()
    assert away < 3 * level.unconverged


@pytest.mark.parametrize(("term", "known"), [("u**3", True), ("max(u, 0)**3", False)])
def test_where_unknowns_switch_no_fall_of_steps_is_believed(term: str, known: bool) -> None:
    """An obstacle's error was told 60 times too small: a level ended after one step."""
    newton, level = newton_of(2, 5, equations=[f"-laplacian(u) + {term} = 40"])
    assert not level.stall and level.steps > 2
    assert (newton.falls is not None) == known


def test_a_step_that_was_looked_at_is_solved_once() -> None:
    newton, level = newton_of(2, 5, equations=["-laplacian(u) + u**3 = 1e4"])
    assert not level.stall and newton.solves == level.steps


def test_a_level_after_a_check_begins_with_the_enrichment(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[Level | None, Level]] = []
    solve_level = Newton.solved

    def recorded(self: Newton, cells: Cells, before: Level | None) -> Level:
        level = solve_level(self, cells, before)
        calls.append((before, level))
        return level

    monkeypatch.setattr(Newton, "solved", recorded)
    monkeypatch.setattr(search._Search, "_is_worth_checking", lambda self, *levels: True)
    few = {"cells": 2, "degree": 4, "most": 7}
    kanpde.solve(tree_of(few, equations=["-laplacian(u) + u**3 = 9*x"]), tolerance=1e-9)
    degrees = [max(level.degrees.values()) for _, level in calls]
    assert len(calls) > 3 and degrees[1] == degrees[0] + 2
    first_rich, second = calls[1][1], calls[2]
    assert second[0] is not None and second[0].degrees == first_rich.degrees
