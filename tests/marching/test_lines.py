"""Evolutions on a line: what is one, what its march gives, and what it says of its error."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import kanpde
from kanpde.config import validate_problem
from kanpde.marching.equidistribution import Stretch
from kanpde.marching.lines import marching, steps
from kanpde.marching.lines.space import Line
from kanpde.marching.lines.statement import evolution
from kanpde.numerics.jets import JetSpace
from kanpde.problem.problem import Problem
from kanpde.progress import StopReason
from kanpde.trial.networks.products import Products
from kanpde.trial.solution import TrialSolution

ENDS = {"part": ["left", "right"], "equation": "u = 0"}


def posed(
    equations: list[str],
    conditions: list[dict[str, Any]],
    unknowns: str = "u",
    domain: tuple[float, float] = (0.0, 1.0),
    end: float = 0.5,
    **more: Any,
) -> dict[str, Any]:
    return {
        "problem": {
            "name": "posed",
            "unknowns": list(unknowns),
            "domain": {"interval": {"lower": domain[0], "upper": domain[1]}},
            "time": {"interval": [0, end]},
            "equations": equations,
            "conditions": conditions,
            **more,
        },
        "output": {"vtu": False, "plots": False},
    }


def initial(*equations: str) -> dict[str, Any]:
    return {"part": "initial", "equation": list(equations)}


def problem_of(tree: dict[str, Any]) -> Problem:
    return Problem.create(validate_problem(tree["problem"], "test"))


@pytest.mark.parametrize("periodic", [False, True])
def test_splines_have_as_many_points_as_equations_need_and_interpolate(periodic: bool) -> None:
    rng = np.random.default_rng(0)
    inner = np.sort(rng.uniform(-0.9, 0.9, 18))
    line = Line(np.concatenate([[-1.0], inner, [1.0]]), periodic, 1.0, 3.0)
    for order in range(5):
        assert len(line.points(order)) == line.size - (0 if periodic else order)
    coefficients = rng.normal(size=line.size)
    values = line.local(line.points()).apply(0, coefficients)
    assert np.allclose(line.interpolated(values), coefficients, atol=1e-6)
    s, step = np.array([0.123]), 1e-5
    slope = line.local(s + step).apply(0, coefficients) - line.local(s - step).apply(
        0, coefficients
    )
    # one unit of s is one unit of x here
    assert np.allclose(line.local(s).apply(1, coefficients), slope / (2 * step), rtol=1e-5)


def test_what_u_xx_and_u_x_do_does_not_grow() -> None:
    """Between fixed ends all eigenvalues of u_xx are negative, those of -u_xxxx too between clamped,
    hinged and free ends; with what flows in given those of -u_x have negative real parts.
    """
    from scipy.linalg import eigvals

    line = Line(np.linspace(-1.0, 1.0, 25), False, 0.0, 1.0)

    def matrix(order: int, derivative: int, kept: slice) -> Any:
        local = line.local(line.points(order))
        dense = np.zeros((len(local.columns), line.size))
        np.put_along_axis(dense, local.columns, local.values[derivative], 1)
        return dense[:, kept]

    heat = eigvals(matrix(2, 2, slice(1, -1)), matrix(2, 0, slice(1, -1)))
    assert abs(heat.imag).max() == 0
    assert abs(heat.real.max() + np.pi**2) < 1e-6
    for ends in ((0, 1, 0, 1), (0, 2, 0, 2), (0, 1, 2, 3)):
        at = line.local(np.array([-1.0, 1.0]))
        conditions = np.zeros((4, line.size))
        for row, derivative in enumerate(ends):
            conditions[row, at.columns[row // 2]] = at.values[derivative, row // 2]
        every = slice(None)
        stiffness = np.concatenate([-matrix(4, 4, every), conditions])
        mass = np.concatenate([matrix(4, 0, every), 0 * conditions])
        beam = eigvals(stiffness, mass)
        beam = beam[np.abs(beam) < 1e12]  # the conditions have infinite ones
        assert len(beam) >= line.size - 8
        assert abs(beam.imag).max() == 0
        assert beam.real.max() < 0
    flow = eigvals(-matrix(1, 1, slice(1, None)), matrix(1, 0, slice(1, None)))
    assert flow.real.max() < 0


@pytest.mark.parametrize(("periodic", "even"), [(False, True), (False, False), (True, True)])
def test_the_roughness_of_splines_is_about_the_error_of_interpolation(
    periodic: bool, even: bool
) -> None:
    inner = np.linspace(-1.0, 1.0, 17)
    knots = inner if even else np.sort(np.append(inner, [-0.4, 0.3, 0.35]))
    line = Line(knots, periodic, 0.0, 2.0)

    def wave(s: Any) -> Any:
        return np.exp(np.sin(np.pi * s + 0.7))

    coefficients = line.interpolated(wave(line.points())[:, None])[:, 0]
    fine = np.linspace(-1.0, 1.0, 2001)[:-1]
    local = line.local(fine)
    error = (local.values[0] * coefficients[local.columns]).sum(axis=1) - wave(fine)
    true = float(np.sqrt((error**2).mean()))
    assert 0.5 * true < line.rough(coefficients) < 5 * true


def test_the_jet_of_a_kan_with_products_is_that_of_autograd() -> None:
    torch.manual_seed(0)
    line = Line(np.linspace(-1.0, 1.0, 17), False, 0.0, 2.0)
    network = Products(line.grid, torch.randn(2, line.size, 4, dtype=torch.float64))
    sides = torch.tensor([[0.0, 1.0], [2.0, 1.5]], dtype=torch.float64)
    trial = TrialSolution(network, sides[0], sides[1])
    x = torch.tensor([[0.3, 1.1], [1.7, 1.4]], dtype=torch.float64, requires_grad=True)
    space = JetSpace.closure([(2, 1)], 2)
    jet = trial.jet(trial.locate(x, space))
    values = trial(x)
    assert torch.allclose(jet.value.T, values)
    for unknown in (0, 1):
        (first,) = torch.autograd.grad(values[:, unknown].sum(), x, create_graph=True)
        assert torch.allclose(jet.derivative((0, 1))[unknown], first[:, 1])
        assert torch.allclose(jet.derivative((1, 0))[unknown], first[:, 0])
    assert torch.equal(network.outer, network.coefficients.detach().flatten(1).T)


@pytest.mark.parametrize(
    ("tree", "is_one"),
    [
        (posed(["dt(u) = dxx(u)"], [initial("u = sin(pi*x)"), ENDS]), True),
        # one condition at the ends too few
        (
            posed(
                ["dt(u) = dxx(u)"],
                [initial("u = sin(pi*x)"), {"part": "left", "equation": "u = 0"}],
                free=["right"],
            ),
            False,
        ),
        # no initial value
        (posed(["dt(u) = dxx(u)"], [ENDS], free=["initial"]), False),
        (
            posed(
                ["dt(u) = dxx(u)"],
                [ENDS, {"part": "final", "equation": "u = sin(pi*x)"}],
                free=["initial"],
            ),
            False,
        ),
    ],
)
def test_as_many_conditions_as_derivatives_make_an_evolution(
    tree: dict[str, Any], is_one: bool
) -> None:
    assert (evolution(problem_of(tree)) is not None) is is_one


EXACT: dict[str, tuple[dict[str, Any], Any]] = {
    "heat": (
        posed(["dt(u) = dxx(u)"], [initial("u = sin(pi*x)"), ENDS]),
        lambda x, t: np.exp(-(np.pi**2) * t) * np.sin(np.pi * x),
    ),
    "heat, Robin": (
        posed(
            ["dt(u) = dxx(u)"],
            [
                initial("u = exp(x)"),
                {"part": "left", "equation": "dn(u) + 2*u = exp(x + t)"},
                {"part": "right", "equation": "dn(u) + u**2 = exp(x + t) + exp(2*x + 2*t)"},
            ],
        ),
        lambda x, t: np.exp(x + t),
    ),
    "wave": (
        posed(["dtt(u) = dxx(u)"], [initial("u = sin(pi*x)", "dt(u) = 0"), ENDS], end=2.0),
        lambda x, t: np.cos(np.pi * t) * np.sin(np.pi * x),
    ),
    "flow": (
        posed(
            ["dt(u) + dx(u) = 0"],
            [initial("u = exp(-x)"), {"part": "left", "equation": "u = exp(t)"}],
            free=["right"],
        ),
        lambda x, t: np.exp(t - x),
    ),
    "around": (
        posed(
            ["dt(u) + dx(u) + d(u, x, x, x) = 0"],
            [initial("u = cos(x)"), {"periodic": ["left", "right"]}],
            domain=(0.0, 2 * np.pi),
        ),
        lambda x, t: np.cos(x),
    ),
    "beam": (
        posed(
            ["dtt(u) = -dxxxx(u)"],
            [
                initial("u = sin(pi*x)", "dt(u) = 0"),
                {"part": ["left", "right"], "equation": ["u = 0", "dxx(u) = 0"]},
            ],
            end=0.3,
        ),
        lambda x, t: np.cos(np.pi**2 * t) * np.sin(np.pi * x),
    ),
    "a system with a nonlinear term": (
        posed(
            ["dt(u) = dx(v)", "dt(v) = dx(u) + u**2 - (x + t)**2"],
            [
                initial("u = x", "v = x"),
                {"part": "left", "equation": "u = t"},
                {"part": "right", "equation": "v = 1 + t"},
            ],
            unknowns="uv",
        ),
        lambda x, t: x + t,
    ),
    "nothing": (posed(["dt(u) = dxx(u)"], [initial("u = 0*x"), ENDS]), lambda x, t: 0 * x),
}


@pytest.mark.parametrize("name", EXACT)
def test_the_error_is_within_three_estimates(name: str) -> None:
    tree, exact = EXACT[name]
    solution = kanpde.solve(tree)
    domain = solution.problem.domain
    points = domain.interior(2000, "sobol", np.random.default_rng(3)).x
    wanted = exact(points[:, 0], points[:, 1])
    away = np.linalg.norm(solution(points)[:, 0] - wanted)
    assert solution.stop_reason is StopReason.ACCURATE
    assert solution.result.estimate is not None
    assert away <= 3 * solution.result.estimate * np.linalg.norm(wanted) + 1e-13
    assert solution.result.estimate <= 1e-6


def sines(x: Any, t: Any) -> Any:
    """u_t = u_xx from 1 between ends at 0."""
    waves = np.pi * np.arange(1, 400, 2)
    return (4 / waves * np.sin(np.outer(x, waves)) * np.exp(-np.outer(t, waves**2))).sum(axis=1)


def cosines(x: Any, t: Any) -> Any:
    """u_t = u_xx from 0, with a flux of 1 at x = 0 and none at x = 1."""
    waves = np.pi * np.arange(1, 1000)
    gone = np.exp(-np.outer(t, waves**2)) / waves**2
    return t + (1 - x) ** 2 / 2 - 1 / 6 - 2 * (gone * np.cos(np.outer(x, waves))).sum(axis=1)


def warmed(x: Any, t: Any) -> Any:
    """u_t = u_xx + 1 from 0 between ends at 0."""
    waves = np.pi * np.arange(1, 400, 2)
    gone = np.exp(-np.outer(t, waves**2)) / waves**3
    return x * (1 - x) / 2 - 4 * (gone * np.sin(np.outer(x, waves))).sum(axis=1)


SUDDEN = {
    "a quench": (["dt(u) = dxx(u)"], [initial("u = 1"), ENDS], sines),
    "a flux that is switched on": (
        ["dt(u) = dxx(u)"],
        [
            initial("u = 0"),
            {"part": "left", "equation": "dn(u) = 1"},
            {"part": "right", "equation": "dn(u) = 0"},
        ],
        cosines,
    ),
    "a source that is switched on": (["dt(u) = dxx(u) + 1"], [initial("u = 0"), ENDS], warmed),
}


@pytest.mark.parametrize("name", SUDDEN)
def test_initial_values_that_do_not_fit_the_ends_are_solved(name: str) -> None:
    equations, conditions, exact = SUDDEN[name]
    solution = kanpde.solve(posed(equations, conditions), tolerance=1e-4)
    points = solution.problem.domain.interior(500, "sobol", np.random.default_rng(3)).x
    points = points[points[:, 1] > 1e-3]  # where the series has enough terms
    wanted = exact(points[:, 0], points[:, 1])
    estimate = solution.result.estimate
    assert solution.stop_reason is StopReason.TOLERANCE
    assert estimate is not None
    assert np.linalg.norm(solution(points)[:, 0] - wanted) <= 3 * 1e-4 * np.linalg.norm(wanted)


def test_ends_at_which_initial_values_do_not_fit_are_known() -> None:
    """Not by rounding: the slope of cos(pi x) at x = 1 is 1e-16."""
    insulated = {"part": ["left", "right"], "equation": "dn(u) = 0"}
    wavy = evolution(problem_of(posed(["dt(u) = dxx(u)"], [initial("u = cos(pi*x)"), insulated])))
    assert wavy is not None
    assert not wavy.unfit
    steep = evolution(problem_of(posed(["dt(u) = dxx(u)"], [initial("u = x"), ENDS])))
    assert steep is not None
    assert {end: away.tolist() for end, away in steep.unfit.items()} == {1.0: [1.0]}


def test_knots_at_an_end_are_as_far_apart_as_they_are_away() -> None:
    even = Line(np.linspace(-1.0, 1.0, 17), False, 0.0, 1.0, graded=(-1.0,))
    line = even.adapted(Stretch.none(-1.0, 1.0), 16)
    assert line.intervals == 16
    assert line.breakpoints[1] + 1 < 2e-8
    away, width = line.breakpoints[1:-1] + 1, np.diff(line.breakpoints)[1:]
    assert (width / away).max() < 1.01 * (1 / line.closer - 1)
    assert abs(line.shares.sum() - 1) < 1e-12


def test_a_jump_that_travels_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(marching, "MOST_INTERVALS", 100)
    tree = posed(
        ["dt(u) + (1 + 1e-9*x*t)*dx(u) = 0"],
        [
            initial("u = (1 - (x - 0.31)/abs(x - 0.31))/2"),
            {"part": "left", "equation": "u = 1"},
        ],
        end=0.005,
        free=["right"],
    )
    solution = kanpde.solve(tree, tolerance=1e-2)
    assert solution.stop_reason is StopReason.UNREACHED
    points = solution.problem.domain.interior(4000, "sobol", np.random.default_rng(3)).x
    wanted = (points[:, 0] < 0.31 + points[:, 1]).astype(float)
    away = np.linalg.norm(solution(points)[:, 0] - wanted) / np.linalg.norm(wanted)
    estimate = solution.result.estimate
    assert estimate is None or away <= 3 * estimate


def test_a_run_is_saved_loaded_and_resumed_to_the_same_bits(tmp_path: Any) -> None:
    tree, _ = EXACT["heat"]
    solution = kanpde.solve(tree, out=tmp_path / "run", tolerance=1e-4)
    points = np.array([[0.2, 0.1], [0.9, 0.5], [0.5, 0.0]])
    loaded = kanpde.load(tmp_path / "run")
    assert np.array_equal(loaded(points), solution(points))
    assert loaded.result.estimate == solution.result.estimate
    assert np.array_equal(kanpde.resume(tmp_path / "run")(points), solution(points))


def test_a_given_trial_is_taken() -> None:
    tree, _ = EXACT["heat"]
    solution = kanpde.solve(tree, trial={"width": [8], "degree": [5, 5], "intervals": [2, 2]})
    assert not solution.trial.slab_ends


def test_other_knots_do_not_make_slabs_short() -> None:
    """What other knots make of a stiff state fades within a slab: it is no error in time. Slabs of
    4e-4 and shorter followed new knots before that.
    """
    equation = "dt(u) + 6.25*u*dx(u) + 0.390625*dxx(u) + 0.00152587890625*dxxxx(u) = 0"
    tree = posed(
        [equation],
        [
            {"part": "initial", "equation": "u = cos(x)*(1 + sin(x))"},
            {"periodic": ["left", "right"]},
        ],
        domain=(0.0, 2 * np.pi),
        end=0.11,
    )
    evolving = evolution(problem_of(tree))
    assert evolving is not None
    lengths = [strip.h for strip in steps.march(evolving, 1e-6, lambda: False).strips]
    assert min(lengths[2:]) > 2e-3
