"""Steps that use the Jacobian of every parameter: the Jacobian itself, and the optimizers that live
on it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from core_helpers import (
    ENDS,
    LINE,
    PLATE,
    SIDES,
    SQUARE,
    StopAfter,
    config,
    gap,
    parts,
    problem_node,
    scramble,
    slowly,
    uniform,
)
from torch import Tensor

from kanpde.config import Config
from kanpde.errors import BudgetError
from kanpde.optimizers import GaussNewton, Krylov, gauss_newton
from kanpde.optimizers import damped_qr as linear
from kanpde.optimizers.damped_qr import Damped
from kanpde.progress import History, Progress, Silent, StageResult, StopReason
from kanpde.solver import memory
from kanpde.solver.budget import working_bytes
from kanpde.solver.build import Parts, build
from kanpde.solver.checkpoint import Store
from kanpde.solver.least_squares_problem import System
from kanpde.solver.loop import Solver
from tests.assembly.test_residual import CASES

pytestmark = pytest.mark.usefixtures("one_thread")

EVERY: dict[str, dict[str, Any]] = {
    **{
        name: CASES[name]
        for name in ("robin", "periodic lifted", "mean", "heat", "mixed lifted", "plate")
    },
    "burgers": problem_node(
        LINE,
        ["dt(u) + u*dx(u) = 0.1*dxx(u)"],
        [{"part": "initial", "equation": "u = -sin(pi*x)"}, {"part": ENDS, "equation": "u = 0"}],
        time={"interval": [0, 1]},
    ),
    "two nonlinear": problem_node(
        PLATE,
        ["laplacian(u) + u*v**2 = x", "laplacian(v) + sin(u) = dx(u)*dy(v)"],
        [{"part": SIDES, "equation": "dn(u) + u**3 = y"}, {"part": SIDES, "equation": "v = 1"}],
        unknowns=["u", "v"],
    ),
}
TRIALS: dict[str, dict[str, Any]] = {
    "kan": {"kind": "kan", "width": [3], "degree": 6, "intervals": 2, "start": "paper"},
    "kan-silu-3": {
        "kind": "kan",
        "width": [2, 3],
        "degree": 6,
        "intervals": 2,
        "base": "silu",
        "start": "paper",
    },
    "kan-1": {"kind": "kan", "width": [], "degree": 6, "intervals": 3, "base": "silu"},
    "mlp": {"kind": "mlp", "width": [4, 3]},
    "mlp-sine": {"kind": "mlp", "width": [4], "activation": "sine"},
}


def by_autograd(built: Parts) -> Tensor:
    """The derivatives of the weighted rows by the inner parameters, row by row."""
    inner, rows = built.trial.net.inner, built.assembly.weighted(built.trial)
    slopes = [torch.autograd.grad(row, inner, retain_graph=True) for row in rows] if inner else []
    return (
        torch.stack([torch.cat([part.reshape(-1) for part in row]) for row in slopes])
        if inner
        else rows[:, None][:, :0]
    )


@pytest.mark.parametrize("trial", list(TRIALS))
@pytest.mark.parametrize("case", list(EVERY))
def test_the_jacobian_is_that_of_autograd(case: str, trial: str) -> None:
    lifted = "lifted" in case
    built = parts(
        EVERY[case],
        trial={**TRIALS[trial], "lifting": lifted},
        sampler={"interior": 9, "boundary": 8},
    )
    scramble(built.trial.network, size=0.2)
    jacobian, wanted = built.assembly.jacobian(built.trial), by_autograd(built)
    assert jacobian.shape == (built.assembly.rows, sum(p.numel() for p in built.trial.net.inner))
    if wanted.numel():
        assert gap(jacobian, wanted) < 1e-10


def system(built: Parts) -> System:
    return System(built.trial, built.assembly)


@pytest.mark.parametrize("trial", list(TRIALS))
def test_products_are_those_of_the_matrix(trial: str) -> None:
    built = parts(
        EVERY["two nonlinear"], trial=TRIALS[trial], sampler={"interior": 9, "boundary": 8}
    )
    scramble(built.trial.network, size=0.2)
    linearised = system(built)
    vectors = torch.eye(len(linearised.vector), dtype=torch.float64)
    forward, adjoint = linearised.products()
    matrix = torch.stack([forward(v) for v in vectors], dim=1)
    wanted = torch.cat([linearised.jacobian(), linearised.outer_matrix()], dim=1)
    assert gap(matrix.norm(dim=0).sort().values, wanted.norm(dim=0).sort().values) < 1e-10
    assert gap(adjoint(linearised.residual()), matrix.T @ linearised.residual()) < 1e-10
    assert gap(linearised.gradient()[1], 2 * matrix.T @ linearised.residual()) < 1e-10
    assert linearised.gradient()[0] == pytest.approx(
        float(linearised.residual().square().sum()), rel=1e-13
    )


@pytest.mark.parametrize("trial", list(TRIALS))
def test_vectors_are_written_where_they_were_read(trial: str) -> None:
    built = parts(
        EVERY["two nonlinear"], trial=TRIALS[trial], sampler={"interior": 9, "boundary": 8}
    )
    scramble(built.trial.network, size=0.2)
    linearised = system(built)
    inner, outer, vector, rows = (
        linearised.inner,
        linearised.outer,
        linearised.vector,
        linearised.residual(),
    )
    linearised.place(inner + 1, outer - 1)
    assert torch.equal(linearised.inner, inner + 1) and torch.equal(linearised.outer, outer - 1)
    linearised.place(inner, outer)
    assert torch.equal(linearised.vector, vector) and torch.equal(linearised.residual(), rows)
    linearised.write(vector + 1)
    assert torch.equal(linearised.outer, outer + 1)


# Steps
# --------------------------------------------------------------------------------------------------

WAVE = problem_node(
    SQUARE,
    ["laplacian(u) = -2*pi**2*sin(pi*x)*sin(pi*y)"],
    [{"part": SIDES, "equation": "u = 0"}],
    exact={"u": "sin(pi*x)*sin(pi*y)"},
)
CUBIC = problem_node(
    SQUARE, ["laplacian(u) - u**3 = 1 + x*y"], [{"part": SIDES, "equation": "u = 0"}]
)
SMALL: dict[str, dict[str, Any]] = {
    "kan": {"kind": "kan", "width": [4], "degree": [4, 6], "intervals": [2, 5], "margin": 0.5},
    "mlp": {"kind": "mlp", "width": [20], "start": "features", "scale": 3.0},
}
STAGES = ("variable_projection", "levenberg_marquardt", "broyden", "gauss_newton_cg")
LONG = {"gauss_newton_cg"}
Run = tuple[Parts, History, tuple[StageResult, ...], StopReason]


def small(stage: dict[str, Any], node: dict[str, Any] = WAVE, trial: str = "kan") -> Config:
    sampler = {"interior": 64, "boundary": 24}
    return config(node, trial=SMALL[trial], schedule=[stage], sampler=sampler)


def run(settings: Config, progress: Progress | None = None) -> Run:
    built = build(settings)
    return built, *Solver(
        built.trial, built.assembly, settings.schedule, progress or Silent()
    ).run()


@pytest.mark.parametrize("node", [WAVE, CUBIC], ids=["linear", "nonlinear"])
@pytest.mark.parametrize("trial", list(SMALL))
@pytest.mark.parametrize("stage", STAGES)
def test_the_objective_falls_at_every_step(stage: str, trial: str, node: dict[str, Any]) -> None:
    built, history, _, reason = run(
        small({"optimizer": stage, "steps": 6, "tolerance": 0.0}, node, trial)
    )
    assert reason is StopReason.MAX_STEPS
    assert all(after < before for before, after in pairwise(history.objective))
    assert history.objective[-1] == pytest.approx(
        float(built.assembly.objective(built.trial).detach()), rel=1e-6
    )


@pytest.mark.parametrize("trial", list(SMALL))
def test_conjugate_gradients_find_the_damped_step(trial: str) -> None:
    """(JᵀJ + λ D²) δ = -Jᵀ r to a thousandth, with D² within the noise of its estimate the diagonal
    of JᵀJ.
    """
    built = build(small({"optimizer": "gauss_newton_cg"}, trial=trial))
    scramble(built.trial.network, size=0.2)
    linearised = system(built)
    forward, adjoint = linearised.products()
    matrix = torch.stack([forward(v) for v in torch.eye(len(linearised.vector)).double()], dim=1)
    right, before = -adjoint(linearised.residual()), linearised.vector
    model = Krylov(linearised)
    predicted = model.place(1.0)
    step = linearised.vector - before
    damped = matrix.T @ matrix + torch.diag(model.diagonal)
    assert float((damped @ step - right).norm() / right.norm()) < 0.02
    squares = matrix.square().sum(0)
    assert 0.5 < float((model.diagonal / squares)[squares > 1e-6 * squares.max()].median()) < 2.0
    linearised.write(before)
    rows = linearised.residual()
    assert predicted == pytest.approx(
        float(rows.square().sum() - (rows + matrix @ step).square().sum()), rel=1e-8
    )


@pytest.mark.parametrize("trial", list(SMALL))
def test_variable_projection_goes_far_below_one_solve_of_the_outer_layer(trial: str) -> None:
    _, once, *_ = run(small({"optimizer": "least_squares"}, trial=trial))
    built, history, *_ = run(
        small({"optimizer": "variable_projection", "steps": 15, "tolerance": 0.0}, trial=trial)
    )
    assert history.objective[-1] < {"kan": 1e-2, "mlp": 0.8}[trial] * once.objective[-1]
    assert history.objective[0] <= once.objective[-1] * (1 + 1e-6)
    outer = built.trial.net.outer
    lowest = float(built.assembly.objective(built.trial).detach())
    for seed in range(3):
        built.trial.net.set_outer(outer * (1 + 1e-3 * uniform(*outer.shape, seed=seed)))
        assert float(built.assembly.objective(built.trial).detach()) > lowest


def test_variable_projection_starts_from_the_best_outer_parameters() -> None:
    """Beside the objective of random outer parameters a step into saturation is an improvement, and
    the last one.
    """
    x = uniform(200, 2).numpy()
    y = np.exp(np.sin(math.pi * x[:, 0]) + x[:, 1] ** 2)
    table = "x,y,u\n" + "".join(
        f"{a!r},{b!r},{c!r}\n" for (a, b), c in zip(x.tolist(), y.tolist(), strict=True)
    )
    node = {"name": "steep", "fit": {"values": table, "columns": ["u"]}}
    for seed in range(3):
        stages = [{"optimizer": "variable_projection", "steps": 6}]
        built, history, *_ = run(
            config(node, trial={"kind": "mlp", "width": [13, 13]}, schedule=stages, seed=seed)
        )
        system = System(built.trial, built.assembly)
        assert history.objective[-1] < 0.15 and float(system.inner.abs().max()) < 1e3, seed


@pytest.mark.parametrize("stage", ["variable_projection", "levenberg_marquardt"])
def test_a_solution_in_the_trial_space_is_found_to_rounding(stage: str) -> None:
    """u = x⁴ + y is one spline per coordinate, without a hidden layer; and u = v(x + y/2) with one
    unit.
    """
    node = problem_node(
        SQUARE,
        ["laplacian(u) = 12*x**2"],
        [{"part": SIDES, "equation": "u = x**4 + y"}],
        exact={"u": "x**4 + y"},
    )
    trial = {"kind": "kan", "width": [], "degree": 5, "intervals": 2}
    schedule = [{"optimizer": stage, "steps": 60}]
    built, history, *_ = run(
        config(node, trial=trial, schedule=schedule, sampler={"interior": 64, "boundary": 24})
    )
    assert history.objective[-1] < 1e-15
    assert built.trial.evaluate(torch.tensor([[0.5, 0.25]]).double()).item() == pytest.approx(
        0.3125, abs=1e-8
    )


@pytest.mark.parametrize("stage", slowly(STAGES, LONG))
def test_every_stop_has_its_reason(stage: str) -> None:
    assert (
        run(small({"optimizer": stage, "steps": 50, "seconds": 1e-9}))[3] is StopReason.TIME_LIMIT
    )
    assert (
        run(small({"optimizer": stage, "steps": 100, "tolerance": 0.9}))[3] is StopReason.TOLERANCE
    )
    assert run(small({"optimizer": stage, "steps": 50}), StopAfter(1))[3] is StopReason.INTERRUPTED


def test_no_step_that_lowers_the_objective_is_a_stall() -> None:
    node = problem_node(LINE, ["dxx(u) = 0"], [{"part": ENDS, "equation": "u = 0"}])
    sizes = {
        "trial": {"kind": "kan", "width": [], "degree": 4, "intervals": 2},
        "sampler": {"interior": 9, "boundary": 2},
    }
    for stage in STAGES:
        schedule = [{"optimizer": stage, "steps": 5, "tolerance": 0.0}]
        assert run(config(node, schedule=schedule, **sizes))[3] is StopReason.STALLED, stage


@pytest.mark.parametrize("stage", STAGES)
def test_numbers_that_are_not_finite_end_it_with_the_last_finite_parameters(stage: str) -> None:
    built = build(small({"optimizer": stage, "steps": 5}))
    with torch.no_grad():
        built.trial.net.inner[0].fill_(float("inf"))
    settings = small({"optimizer": stage, "steps": 5})
    *_, reason = Solver(built.trial, built.assembly, settings.schedule, Silent()).run()
    assert reason is StopReason.NON_FINITE


@pytest.mark.parametrize("node", [WAVE, CUBIC], ids=["linear", "nonlinear"])
@pytest.mark.parametrize("stage", slowly(STAGES, LONG))
def test_a_run_that_was_interrupted_goes_on_to_the_same_bits(
    stage: str, node: dict[str, Any], tmp_path: Path
) -> None:
    settings = small(
        {"optimizer": stage, "steps": 14 if stage == "broyden" else 4, "tolerance": 0.0}, node
    )
    whole, first, second = build(settings), build(settings), build(settings)
    Solver(whole.trial, whole.assembly, settings.schedule, Silent()).run()
    store = Store(tmp_path)
    Solver(
        first.trial,
        first.assembly,
        settings.schedule,
        StopAfter(1 if stage == "broyden" else 2),
        store,
    ).run()
    again = Solver(second.trial, second.assembly, settings.schedule, Silent(), store)
    again.resume(settings.trial)
    assert again.run()[2] is StopReason.MAX_STEPS
    for a, b in zip(whole.trial.parameters(), again.trial.parameters(), strict=True):
        assert torch.equal(a, b)


# Refusals and starts
# -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", ["variable_projection", "levenberg_marquardt", "broyden"])
def test_a_matrix_that_does_not_fit_is_refused_and_another_stage_named(
    stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = small({"optimizer": stage})
    needed = working_bytes(settings, 88, 2, 1)
    monkeypatch.setattr(memory, "allowed", lambda: needed - 1)
    with pytest.raises(
        BudgetError,
        match=r"would take about .* or take gauss_newton_cg or lbfgs, which hold no such",
    ):
        build(settings)
    parameters, rows = 92, 88
    assert needed >= 8 * (parameters**2 if stage == "broyden" else rows * parameters)


class Valley:
    """Rosenbrock's rows 10 (b - a²) and 1 - a, both parameters inner ones."""

    linear, blocks = True, 1

    def __init__(self) -> None:
        self.vector = torch.tensor([-1.2, 1.0], dtype=torch.float64)

    @property
    def inner(self) -> Tensor:
        return self.vector.clone()

    @property
    def outer(self) -> Tensor:
        return self.vector[:0]

    def place(self, inner: Tensor, outer: Tensor) -> None:
        self.vector = inner

    def write(self, vector: Tensor) -> None:
        self.vector = vector

    def gradient(self) -> tuple[float, Tensor]:
        raise NotImplementedError

    def products(self) -> tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]:
        raise NotImplementedError

    def residual(self) -> Tensor:
        a, b = self.vector
        return torch.stack([10 * (b - a**2), 1 - a])

    def jacobian(self) -> Tensor:
        return torch.tensor([[-20 * float(self.vector[0]), 10.0], [-1.0, 0.0]], dtype=torch.float64)

    def outer_matrix(self, extra: int = 0) -> Tensor:
        return self.vector.new_zeros(2 + extra, 0)


def test_the_second_derivative_along_a_step_is_that_of_the_rows() -> None:
    valley, step = Valley(), torch.tensor([0.3, 0.7], dtype=torch.float64)
    second = gauss_newton.curvature(valley, (valley.inner, valley.outer), step, valley.residual())
    assert gap(second, torch.tensor([-20 * 0.09, 0.0], dtype=torch.float64)) < 1e-12


def test_bent_steps_follow_a_curved_valley_sooner(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = []
    for most in (linear.MOST_BEND, -1.0):
        monkeypatch.setattr(linear, "MOST_BEND", most)
        valley = Valley()
        method = GaussNewton(valley, gauss_newton.Joint)
        steps.append(0)
        while float(valley.residual().square().sum()) > 1e-12:
            steps[-1] += method.advance(lambda: torch.zeros(()), 1).steps
    assert steps[0] < steps[1] < 100


def test_a_margin_leaves_room_on_the_grid_of_the_second_layer() -> None:
    tight, wide = (
        parts(
            WAVE, trial={**SMALL["kan"], "margin": margin}, sampler={"interior": 9, "boundary": 8}
        )
        for margin in (0.0, 0.5)
    )
    corners = torch.tensor([[-1.0, -1.0], [1.0, 1.0], [1.0, -1.0]]).double()
    first, second = (built.trial.network.layers[0](corners.T) for built in (tight, wide))
    assert (
        float(first.detach().abs().max()) == pytest.approx(1.0) and gap(1.5 * second, first) < 1e-14
    )


@pytest.mark.parametrize("damping", [1e-6, 1.0, 1e3])
def test_fewer_rows_than_parameters_give_the_same_step(damping: float) -> None:
    """min ‖B q - y‖² + λ ‖D q‖² of 7 rows and 30 columns by its normal equations, in the large
    space.
    """
    rows, right = uniform(7, 30) * torch.logspace(0, 2, 30, dtype=torch.float64), uniform(7, seed=1)
    damped, weights = Damped(rows, right), rows.norm(dim=0) ** 2
    step, predicted = damped.step(damping)
    expected = torch.linalg.solve(rows.T @ rows + damping * weights.diag(), rows.T @ right)
    assert float((step - expected).norm() / expected.norm()) < 1e-9
    fall = right.square().sum() - (rows @ step - right).square().sum()
    assert predicted == pytest.approx(float(fall), rel=1e-9)
    bend = torch.linalg.solve(rows.T @ rows + damping * weights.diag(), rows.T @ (1e-3 * right))
    assert float((damped.bend(1e-3 * right) - bend).norm() / bend.norm()) < 1e-6
    assert (
        damped._triangle.shape[1] == 7
    )  # and not 30: an MLP with 10^4 numbers on 10^2 rows took minutes for a step


class Scripted(GaussNewton):
    """Steps that lower the objective by given shares, whatever the system."""

    def __init__(self, falls: list[float]) -> None:
        super().__init__(None, None, tolerance=1e-3)  # type: ignore[arg-type]
        self.falls = falls

    def _value(self) -> float:
        return 1.0

    def _step(self, value: float) -> float | None:
        return value * (1 - self.falls.pop(0))


def test_only_slow_steps_in_a_row_are_a_stall() -> None:
    slow, fast = 1e-4, 0.1
    mixed = ([slow] * (gauss_newton.PATIENCE - 1) + [fast]) * 3
    assert not Scripted(mixed).advance(None, len(mixed)).stalled  # type: ignore[arg-type]
    row = [slow] * gauss_newton.PATIENCE
    assert Scripted(row).advance(None, len(row)).stalled  # type: ignore[arg-type]
    begun = [*row[:-1], fast, slow]
    assert not Scripted(begun).advance(None, len(begun)).stalled  # type: ignore[arg-type]
