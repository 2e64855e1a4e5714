"""Energies: the gradient of J, its minimiser, the natural conditions, and what is refused."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from core_helpers import DISK, LINE, SIDES, SQUARE, config, create, gap, uniform

import kanpde
from kanpde import optimizers
from kanpde.assembly.energy import EnergyObjective
from kanpde.assembly.outer_system import OuterSystem
from kanpde.errors import ConfigError, NumericalError
from kanpde.problem.conditions import NaturalCondition
from kanpde.progress import History
from kanpde.results.plotting.curves import draw_history
from kanpde.results.report import result_rows
from kanpde.results.solution import Solution
from kanpde.solver.build import Parts, build
from kanpde.solver.ritz import Ritz

pytestmark = pytest.mark.usefixtures("one_thread")

DIRICHLET = "0.5*dot(grad(u), grad(u))"
ZERO = [{"part": SIDES, "equation": "u = 0"}]
SMALL = {"kind": "kan", "width": [8], "degree": [5, 7], "intervals": [2, 3], "lifting": True}
NEWTON = [{"optimizer": "least_squares"}]


def node(domain: dict[str, Any], energy: str, conditions: list[Any], **keys: Any) -> dict[str, Any]:
    return {
        "name": "small",
        "unknowns": ["u"],
        "domain": domain,
        "energy": energy,
        "conditions": conditions,
        **keys,
    }


def parts(problem: dict[str, Any], interior: int = 400, **trial: Any) -> Parts:
    return build(
        config(problem, trial=SMALL | trial, sampler={"interior": interior, "boundary": 80})
    )


def solve(
    problem: dict[str, Any], interior: int = 900, schedule: Any = None, **trial: Any
) -> Solution:
    sampler = {"interior": interior, "boundary": 120}
    return kanpde.solve(
        config(problem, trial=SMALL | trial, sampler=sampler, schedule=schedule or NEWTON)
    )


def objective(built: Parts) -> EnergyObjective:
    assert isinstance(built.assembly, EnergyObjective)
    return built.assembly


# J and its derivatives
# -----------------------------------------------------------------------------------------------


def test_the_objective_is_the_integral() -> None:
    """With u = x y on the square, by lifting alone: ∫ ½|∇u|² + u = ∫ ½ (x² + y²) = 4/3."""
    built = parts(node(SQUARE, f"{DIRICHLET} + u", [{"part": SIDES, "equation": "u = x*y"}]))
    built.trial.net.set_outer(torch.zeros_like(built.trial.net.outer))
    assert float(objective(built).objective(built.trial).detach()) == pytest.approx(
        4 / 3, rel=1e-13
    )


@pytest.mark.parametrize("lifting", [True, False])
def test_newtons_step_solves_hessian_times_step_is_minus_gradient_of_autograd(
    lifting: bool,
) -> None:
    """Dense autograd Hessian and gradient of a convex J that is not quadratic, with a boundary
    density and penalties.
    """
    problem = node(
        SQUARE,
        "sqrt(1 + dot(grad(u), grad(u))) + 0.25*u**4 - x*u",
        [{"part": ["left", "bottom", "top"], "equation": "u = x"}],
        boundary_energy=[{"part": "right", "energy": "0.5*u**2 - (1 + y)*u"}],
    )
    built = parts(problem, width=[], degree=[3], intervals=[3], lifting=lifting)
    net, trial = built.trial.net, built.trial
    net.set_outer(uniform(*net.outer.shape))
    newton = Ritz(objective(built), trial)
    blocks, matrix = newton._system()
    move = newton._move(optimizers.Shifted(matrix, 0.0), blocks)[:, 0]
    parameters = trial.trained
    value = objective(built).objective(trial)
    gradient = torch.autograd.grad(value, parameters, create_graph=True)
    flat = torch.cat([part.reshape(-1) for part in gradient])
    rows = [
        torch.cat(
            [p.reshape(-1) for p in torch.autograd.grad(component, parameters, retain_graph=True)]
        )
        for component in flat
    ]
    hessian = torch.stack(rows)
    assert gap(hessian @ move, -flat) < 1e-8


def test_shift_is_taken_away_again() -> None:
    """H = AᵀA - S for random rows: the step solves H c = Aᵀ y whatever the shift B is."""
    rows = uniform(30, 6)
    right, shares = uniform(30, seed=1), 0.3 + 0.3 * uniform(30, seed=2)
    factors = optimizers.Shifted(
        torch.cat([rows, torch.zeros(6, 6, dtype=rows.dtype)]).T.contiguous().T, 0.0
    )
    step = factors.step(right, lambda v: shares * v)
    wanted = torch.linalg.solve(rows.T @ ((1 - shares)[:, None] * rows), rows.T @ right)
    assert gap(step, wanted) < 1e-10


# Minimisers
# --------------------------------------------------------------------------------------------------


def test_patch_an_exact_solution_in_the_trial_space_is_reached_to_rounding() -> None:
    """u = x² - y² + x is in the space of an additive KAN, and without knots inside the Gauss rule
    is exact.
    """
    exact = "x**2 - y**2 + x"
    problem = node(
        SQUARE, DIRICHLET, [{"part": ["left", "right"], "equation": f"u = {exact}"}], exact={"u": exact},
        boundary_energy=[{"part": ["bottom", "top"], "energy": "2*u"}],
    )  # fmt: skip
    solution = solve(problem, width=[], degree=[5], intervals=[1])
    assert solution.relative_l2["u"] < 1e-11
    assert len(solution.history.step) == 1
    assert solution.result.metrics.conditions["natural top"] < 1e-9


def test_a_quadratic_energy_ends_at_the_galerkin_solution_in_one_step() -> None:
    """∫ ∇u·∇v - f v = 0 for every v of the trial space, by finite differences along random
    directions of J.
    """
    built = parts(node(SQUARE, f"{DIRICHLET} + u**2 - exp(x)*u", ZERO))
    newton = Ritz(objective(built), built.trial)
    assert newton.step(1e-13) is not None
    value = objective(built).objective(built.trial)
    outer = built.trial.trained[-1]
    (gradient,) = torch.autograd.grad(value, [outer])
    built.trial.net.set_outer(torch.zeros_like(built.trial.net.outer))
    (first,) = torch.autograd.grad(objective(built).objective(built.trial), [outer])
    assert float(gradient.norm()) < 1e-10 * float(first.norm())


def test_energy_and_equation_have_the_same_solution() -> None:
    """-Δu + u = f on a disk with a Robin condition, in both forms, against the exact solution."""
    exact, normal = "exp(x)*cos(y)", "exp(x)*(cos(y)*(x - 0.2) - sin(y)*(y + 0.1))/0.8"
    problem = node(
        DISK, f"{DIRICHLET} + 0.5*u**2 - exp(x)*cos(y)*u", [], exact={"u": exact},
        boundary_energy=[{"part": "circle", "energy": f"0.5*u**2 - ({normal} + {exact})*u"}],
    )  # fmt: skip
    solution = solve(problem, lifting=False)
    assert solution.relative_l2["u"] < 1e-6


def test_penalties_move_the_minimiser_and_lifting_does_not() -> None:
    exact = "sin(pi*x)*sin(pi*y)"
    problem = node(SQUARE, f"{DIRICHLET} - 2*pi**2*{exact}*u", ZERO, exact={"u": exact})
    errors = [
        solve(problem, width=[16], intervals=[2, 4], lifting=way).relative_l2["u"]
        for way in (True, False)
    ]
    assert errors[0] < 1e-4
    assert 3 * errors[0] < errors[1] < 1e-2


def test_too_few_points_are_exploited_and_the_report_says_so() -> None:
    exact = "sin(pi*x)*sin(pi*y)"
    problem = node(SQUARE, f"{DIRICHLET} - 2*pi**2*{exact}*u", ZERO, exact={"u": exact})
    poor, good = (solve(problem, interior, width=[16], intervals=[2, 4]) for interior in (144, 900))
    rows = [dict(result_rows(solution.result.as_dict()))["energy"] for solution in (poor, good)]
    assert "too few of them, raise sampler.interior" in rows[0]
    assert "too few" not in rows[1]
    energy = poor.result.metrics.energy
    assert energy is not None and energy["trained"] < energy["held_out"]
    assert poor.relative_l2["u"] > 10 * good.relative_l2["u"]


def test_newton_is_damped_where_the_energy_is_not_quadratic() -> None:
    exact = "log(cos(0.8*y - 0.6*x)/cos(0.8*x + 0.6*y))"
    square = {"rectangle": {"lower": [-0.8, -0.8], "upper": [0.8, 0.8]}}
    problem = node(
        square,
        "sqrt(1 + dot(grad(u), grad(u)))",
        [{"part": SIDES, "equation": f"u = {exact}"}],
        exact={"u": exact},
    )
    solution = solve(problem)
    assert solution.relative_l2["u"] < 1e-5
    assert 1 < len(solution.history.step) < 10
    assert all(
        b <= a * (1 + 1e-12)
        for a, b in zip(solution.history.objective, solution.history.objective[1:], strict=False)
    )


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs", "broyden"])
def test_a_negative_energy_is_lowered_by_gradients(optimizer: str) -> None:
    problem = node(
        LINE,
        "0.5*dx(u)**2 - u",
        [{"part": ["left", "right"], "equation": "u = 0"}],
        exact={"u": "0.5 - x**2/2"},
    )
    stage = {"optimizer": optimizer, "steps": 100} | (
        {"learning_rate": 0.03} if optimizer == "adam" else {}
    )
    solution = solve(problem, 40, [stage], width=[], degree=[4], intervals=[2])
    assert solution.history.objective[-1] == pytest.approx(
        -1 / 3, rel=0.1 if optimizer == "adam" else 1e-6
    )
    draw_history(solution.history, "small")


def test_a_history_below_zero_is_drawn_on_a_linear_axis() -> None:
    below, above = (
        History((1, 2), (-1.0, -2.0), (0.1, 0.2), (0, 0), ()),
        History((1, 2), (2.0, 0.0), (0.1, 0.2), (0, 0), ()),
    )
    assert [draw_history(history, "p").axes[0].get_yscale() for history in (below, above)] == [
        "linear",
        "log",
    ]


def test_a_saved_config_reads_back() -> None:
    problem = node(SQUARE, DIRICHLET, [{"part": ["left", "top"], "equation": "u = 0"}], free=["bottom"],
                   boundary_energy=[{"part": "right", "energy": "-x*u"}])  # fmt: skip
    settings = config(problem, trial=SMALL)
    again = kanpde.config.validate(settings.as_tree(), source="again")
    assert again == settings


def test_fields_hold_the_residual_of_euler_and_lagrange() -> None:
    from kanpde.results.fields import sample

    exact = "x**2 - y**2"
    problem = node(
        SQUARE, DIRICHLET, [{"part": SIDES, "equation": f"u = {exact}"}], exact={"u": exact}
    )
    solution = solve(problem, width=[], degree=[5], intervals=[1])
    fields = sample(solution.problem, solution.trial, np.array([[0.1, 0.2], [0.5, -0.3]]))
    assert abs(fields["residual"]).max() < 1e-8
    assert math.isfinite(solution.residual_rms)


# Refusals
# --------------------------------------------------------------------------------------------------


def test_an_energy_that_is_not_convex_is_refused_by_newton() -> None:
    problem = node(SQUARE, f"{DIRICHLET} - u**2", ZERO)
    with pytest.raises(
        NumericalError,
        match=r"least_squares: the energy is not convex in u and its gradient at \[.*use lbfgs",
    ):
        solve(problem)


def test_an_energy_without_curvature_is_refused() -> None:
    problem = node(SQUARE, "u**3 + dx(u)", ZERO)
    with pytest.raises(NumericalError, match="no second derivatives by u and its gradient"):
        solve(problem)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (
            {"exact": {"u": "sin(pi*x)*sin(pi*y)"}},
            r"exact does not satisfy the energy \(its Euler-Lagrange equation for u\)",
        ),
        ({"equations": ["laplacian(u) = 1"]}, "either equations or an energy; remove one"),
        ({"time": {"interval": [0, 1]}}, "an energy has no time; write equations"),
        ({"unknown_parameters": {"k": {"start": 1}}}, "unknown parameters are found from equations"),
        ({"parameter_ranges": {"k": [1, 2]}}, "an energy takes no parameter ranges"),
        (
            {"energy": "laplacian(u)**2"},
            "holds derivatives of order 2; an energy is a formula of the unknowns and their first",
        ),
        ({"energy": "x + 2*u"}, "the equation 'variation of the energy by u' holds no unknown"),
        ({"definitions": {"f": "manufactured"}, "exact": {"u": "x"}}, "is derived from equations, not from an energy"),
        (
            {"conditions": [{"part": SIDES[:3], "equation": "u = 0"}, {"part": "top", "equation": "dn(u) = 0"}]},
            "holds derivatives; what an energy says of them on the boundary is its natural"
            " condition",
        ),
        ({"boundary_energy": [{"part": "top", "energy": "u"}]}, "the part 'top' is free and has a condition"),
        (
            {
                "conditions": [{"part": SIDES[:3], "equation": "u = 0"}],
                "boundary_energy": [{"part": "top", "energy": "dx(u)"}],
            },
            "must hold an unknown and no derivatives",
        ),
        (
            {
                "conditions": [{"part": SIDES[:3], "equation": "u = 0"}],
                "boundary_energy": [{"part": "top", "energy": "u"}] * 2,
            },
            "the part 'top' has a boundary energy already; add the formulas",
        ),
        (
            {"conditions": [*ZERO, {"values": "x,y,v\n0,0,1\n", "equation": "u = v"}]},
            "measured values do not go with an energy",
        ),
    ],
)  # fmt: skip
def test_what_an_energy_cannot_be_is_said(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        create({**node(SQUARE, f"{DIRICHLET} - u", ZERO), **keys})


def test_a_boundary_energy_needs_an_energy() -> None:
    problem = node(
        SQUARE,
        "",
        ZERO,
        equations=["laplacian(u) = 1"],
        boundary_energy=[{"part": "top", "energy": "u"}],
    )
    del problem["energy"]
    with pytest.raises(ConfigError, match="boundary_energy: needs 'energy' beside it"):
        create(problem)


def test_a_wrong_natural_condition_is_found() -> None:
    problem = node(
        SQUARE, DIRICHLET, [{"part": SIDES[:3], "equation": "u = y"}], exact={"u": "y"},
        boundary_energy=[{"part": "top", "energy": "u"}],
    )  # fmt: skip
    with pytest.raises(ConfigError, match="exact does not satisfy the condition on 'top'"):
        create(problem)
    problem["boundary_energy"] = [{"part": "top", "energy": "-u"}]
    assert [type(c) for c in create(problem).conditions].count(NaturalCondition) == 1


@pytest.mark.parametrize(
    "optimizer", ["levenberg_marquardt", "variable_projection", "gauss_newton_cg"]
)
def test_optimizers_of_rows_and_a_tolerance_are_refused(optimizer: str) -> None:
    problem = node(SQUARE, f"{DIRICHLET} - u", ZERO)
    with pytest.raises(
        ConfigError,
        match=rf"schedule\[0\]: {optimizer} needs residual rows, and an energy has none",
    ):
        config(problem, schedule=[{"optimizer": optimizer}])
    with pytest.raises(
        ConfigError, match="tolerance: is measured by the residual that a solve minimises"
    ):
        config(problem, tolerance=1e-6)


def test_penalty_rows_are_those_of_the_essential_conditions() -> None:
    problem = node(
        SQUARE,
        DIRICHLET,
        [{"part": ["left", "right"], "equation": "u = 0"}],
        free=["bottom", "top"],
    )
    built = parts(problem, lifting=False)
    essential = objective(built).essential
    assert essential is not None
    assert [term.name for term in essential.terms] == ["left", "right"]
    assert OuterSystem(essential, built.trial).objective() == pytest.approx(
        float(essential.objective(built.trial).detach())
    )
