"""Bases other than B-splines, and functions on nodes: the functions themselves, lines, extension,
files, runs.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from core_helpers import (
    LINE,
    SIDES,
    SQUARE,
    config,
    create,
    gap,
    generator,
    parts,
    problem_node,
    uniform,
)
from numpy.polynomial import chebyshev
from scipy.interpolate import BSpline
from scipy.special import eval_hermitenorm
from torch import Tensor

from kanpde import api
from kanpde.ansatz.network import build_network
from kanpde.config import TrialConfig
from kanpde.errors import ConfigError
from kanpde.solver.budget import parameter_count
from kanpde.solver.least_squares_problem import System
from kanpde.trial.bases import BASES, Chebyshev, Fourier, Gaussians, SplineGrid, local_basis
from kanpde.trial.networks import KAN, NodeSplines, SplineLayer, build_kan, build_nodes

pytestmark = pytest.mark.usefixtures("quick")

LOWER, UPPER = (
    torch.tensor([-1.0, 0.5], dtype=torch.float64),
    torch.tensor([1.0, 3.0], dtype=torch.float64),
)
SMOOTH = ("chebyshev", "rbf", "fourier")
POISSON = problem_node(
    SQUARE,
    ["-laplacian(u) = 2*sin(x + 0.3)*cos(y)"],
    [{"part": SIDES, "equation": "u = sin(x + 0.3)*cos(y)"}],
    exact={"u": "sin(x + 0.3)*cos(y)"},
)
SOLVE: dict[str, Any] = {"optimizer": "least_squares"}


def make_basis(
    name: str, intervals: int = 5, degree: int = 3
) -> Chebyshev | Gaussians | Fourier | SplineGrid:
    return BASES[name].even(LOWER, UPPER, intervals, degree)


def inside(count: int = 30) -> Tensor:
    share = uniform(2, count, seed=1, lower=0.0)
    return LOWER[:, None] * (1 - share) + UPPER[:, None] * share


def by_hand(name: str, z: np.ndarray, lower: float, upper: float, m: int, k: int) -> np.ndarray:
    """The k-th derivative of function m of 5 intervals and degree 3, from numpy and scipy."""
    half = (upper - lower) / 2
    s = (z - lower) / half - 1
    if name == "chebyshev":
        return np.asarray(chebyshev.chebval(s, chebyshev.chebder(np.eye(8)[m], k)) / half**k)
    if name == "rbf":
        step = (upper - lower) / 5
        width = step / math.sqrt(3)
        t = (z - lower - (m - 1) * step) / width
        return np.asarray((-1 / width) ** k * eval_hermitenorm(k, t) * np.exp(-(t**2) / 2))
    wave = (m + 1) // 2 * math.pi / 2
    value = wave**k * np.exp(1j * (wave * s + k * math.pi / 2))
    return np.asarray((value.imag if m % 2 else value.real) / half**k)


# The functions
# --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SMOOTH)
def test_functions_and_derivatives_to_fourth_order_are_those_of_numpy_and_scipy(name: str) -> None:
    basis, z = make_basis(name), inside()
    interval, values = basis.basis(z, 4)
    assert values.shape == (5, 8, 2, 30) and basis.size == 8
    assert torch.equal(basis.slots(interval)[:, 1, 0], torch.arange(8, 16))
    for k in range(5):
        for m in range(8):
            expected = [
                by_hand(name, z[i].numpy(), float(LOWER[i]), float(UPPER[i]), m, k)
                for i in range(2)
            ]
            size = float(values[k].abs().max())
            assert (
                float((values[k, m] - torch.tensor(np.stack(expected))).abs().max()) < 1e-12 * size
            ), (m, k)


@pytest.mark.parametrize("name", SMOOTH)
def test_autograd_follows_edges_to_any_order(name: str) -> None:
    basis, z, c = (
        make_basis(name),
        inside(4).requires_grad_(True),
        uniform(3, 2, 8, seed=2).requires_grad_(True),
    )
    assert torch.autograd.gradcheck(lambda z, c: basis.edges(z, c, 2), (z, c))
    assert torch.autograd.gradgradcheck(lambda z, c: basis.edges(z, c, 1), (z, c))
    assert torch.autograd.gradcheck(lambda z: local_basis(z, basis, 1)[1], (z,))


def test_polynomials_go_on_as_lines_outside() -> None:
    basis = make_basis("chebyshev")
    z = torch.stack([LOWER - 0.25, LOWER, UPPER, UPPER + 0.25], dim=1)
    values = basis.basis(z, 2)[1]
    assert gap(values[0, ..., 0], values[0, ..., 1] - 0.25 * values[1, ..., 1]) < 1e-14
    assert gap(values[0, ..., 3], values[0, ..., 2] + 0.25 * values[1, ..., 2]) < 1e-14
    assert gap(values[1, ..., [0, 3]], values[1, ..., [1, 2]]) < 1e-14 and not bool(
        values[2][..., [0, 3]].any()
    )


@pytest.mark.parametrize("degree", [1, 2, 5, 9])
def test_gaussians_have_centre_and_variance_of_the_splines(degree: int) -> None:
    splines, gaussians = make_basis("bspline", 4, degree), make_basis("rbf", 4, degree)
    knots = splines.knots[1].numpy()
    z = torch.linspace(-30, 30, 60001, dtype=torch.float64).expand(2, -1)
    radial = gaussians.basis(z, 0)[1][0, :, 1].numpy()
    for m in range(splines.size):
        spline = BSpline(knots, np.eye(splines.size)[m], degree)(z[1].numpy(), extrapolate=False)
        spline = np.where(
            (z[1].numpy() < knots[m]) | (z[1].numpy() > knots[m + degree + 1]),
            0.0,
            np.nan_to_num(spline),
        )
        inner = m - degree + 1 > 0 and m < splines.size - degree  # whole inside the range
        centres = [float(np.sum(f * z[1].numpy()) / np.sum(f)) for f in (spline, radial[m])]
        if inner:
            spreads = [
                float(np.sum(f * (z[1].numpy() - c) ** 2) / np.sum(f))
                for f, c in zip((spline, radial[m]), centres, strict=True)
            ]
            assert centres[0] == pytest.approx(centres[1], abs=1e-6) and spreads[
                0
            ] == pytest.approx(spreads[1], rel=1e-4)
        assert centres[1] == pytest.approx(float(np.mean(knots[m : m + degree + 2])), abs=1e-6)


@pytest.mark.parametrize(
    ("name", "misfit"), [("bspline", 1e-14), ("chebyshev", 1e-14), ("rbf", 1e-2), ("fourier", 1e-2)]
)
def test_a_line_is_held_or_fitted(name: str, misfit: float) -> None:
    basis, z = make_basis(name), inside()
    assert gap(basis.edges(z, basis.line()[None], 0)[0, 0], z) < misfit


@pytest.mark.parametrize(("name", "misfit"), [("chebyshev", 0.0), ("fourier", 0.0), ("rbf", 0.05)])
def test_more_functions_keep_the_function(name: str, misfit: float) -> None:
    basis, z = make_basis(name), inside()
    c = uniform(3, 2, 8, seed=4)
    finer = basis.refined(10)
    moved = basis.transfer(c, finer)
    assert (
        moved.shape == (3, 2, 13)
        and gap(finer.edges(z, moved, 0), basis.edges(z, c, 0)) <= misfit + 1e-14
    )
    with pytest.raises(ConfigError, match="4 intervals are fewer than the 5 there are"):
        basis.refined(4)


@pytest.mark.parametrize("name", SMOOTH)
def test_there_are_no_knots_to_move(name: str) -> None:
    network = build_kan([2, 3, 1], [3, 3], [4, 4], "paper", False, generator(), bases=[name] * 2)
    with pytest.raises(
        ConfigError,
        match=f"update_grid: a {name} basis has no knots that could move; remove the stage",
    ):
        network.updated(uniform(9, 2), 0.0)
    with pytest.raises(
        ConfigError, match=f"{name} basis: needs degree ≥ 1 and ≥ 1 interval, found 0, 4"
    ):
        make_basis(name, 4, 0)


# Functions on nodes
# --------------------------------------------------------------------------------------------------


def test_a_network_with_functions_on_nodes_is_written_out() -> None:
    network = build_nodes(
        [2, 4, 3, 2], [("bspline", 3, 5), ("chebyshev", 2, 3)], "paper", False, generator()
    )
    assert [type(layer) for layer in network.stack] == [
        NodeSplines,
        SplineLayer,
    ] and network.shape == [2, 4, 3, 2]
    assert (network.on, network.bases, network.degrees) == (
        "nodes",
        ["bspline", "chebyshev"],
        [3, 2],
    )
    first, between, second, outer = network.every
    x = uniform(7, 2) / 2
    z = first.weight @ x.T + first.bias[:, None]
    hidden = [
        BSpline(between.knots[q].numpy(), between.coefficients[0, q].detach().numpy(), 3)(
            z[q].detach().numpy()
        )
        for q in range(4)
    ]
    w = (
        second.weight.detach() @ torch.tensor(np.stack(hidden)) + second.bias.detach()[:, None]
    ).clamp(-1, 1)
    expected = [
        sum(
            chebyshev.chebval(w[q].numpy(), outer.coefficients[o, q].detach().numpy())
            for q in range(3)
        )
        for o in range(2)
    ]
    assert gap(network(x), torch.tensor(np.stack(expected)).T) < 1e-13


def test_with_one_hidden_layer_and_one_output_nodes_are_a_kan_whose_first_edges_are_lines() -> None:
    edges = build_kan([2, 6, 1], [3, 5], [1, 8], "ridge", False, generator(3))
    nodes = build_nodes([2, 6, 1], [("bspline", 5, 8)], "ridge", False, generator(3))
    outer, x = uniform(*edges.outer.shape, seed=4), uniform(20, 2)
    edges.set_outer(outer)
    nodes.set_outer(outer)
    assert gap(nodes(x), edges(x)) < 1e-14
    assert nodes.extended([16]).intervals == [16] and gap(nodes.extended([16])(x), edges(x)) < 1e-12
    assert (
        gap(nodes.updated(2 * x, 0.5)(x), edges(x)) < 1e-1
        and nodes.updated(2 * x, 0.0).outside_share(2 * x) == 0
    )


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            lambda: build_nodes([2, 1], [], "paper", False, generator()),
            "needs hidden layers and one basis for each",
        ),
        (
            lambda: build_nodes([2, 3, 1], [("rbf", 3, 3)], "lost", False, generator()),
            "unknown start 'lost'",
        ),
    ],
)
def test_nodes_refuse_what_they_cannot_be(wrong: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        wrong()


# Files and runs
# --------------------------------------------------------------------------------------------------

TRIALS: dict[str, dict[str, Any]] = {
    "chebyshev": {"basis": "chebyshev", "width": [12], "degree": [2, 9], "intervals": [1, 3]},
    "rbf": {"basis": "rbf", "width": [12], "degree": [5, 9], "intervals": [4, 6]},
    "fourier": {
        "basis": ["bspline", "fourier"],
        "width": [12],
        "degree": [3, 6],
        "intervals": [1, 6],
    },
    "nodes": {"on": "nodes", "width": [12], "degree": 9, "intervals": 4},
    "deep nodes": {
        "on": "nodes",
        "basis": ["chebyshev", "bspline"],
        "width": [4, 12],
        "degree": [3, 9],
        "intervals": [3, 4],
    },
}


@pytest.mark.parametrize("name", list(TRIALS))
def test_parameters_are_counted_without_building(name: str) -> None:
    counted = config(POISSON, trial={**TRIALS[name], "base": "silu"})
    network = build_network(counted.trial, create(POISSON), 0, torch.float64)
    assert parameter_count(counted.trial, 2, 1) == sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize("name", list(TRIALS))
def test_jacobians_are_those_of_autograd(name: str) -> None:
    built = parts(POISSON, trial=TRIALS[name], sampler={"interior": 20, "boundary": 8})
    built.trial.net.set_outer(uniform(*built.trial.net.outer.shape))
    system = System(built.trial, built.assembly)
    inner = built.trial.net.inner
    rows = built.assembly.weighted(built.trial)
    for r in (0, 7, -1):
        expected = torch.cat(
            [g.reshape(-1) for g in torch.autograd.grad(rows[r], inner, retain_graph=True)]
        )
        assert gap(system.jacobian()[r], expected) < 1e-10


@pytest.mark.parametrize(
    ("name", "most"), [("chebyshev", 1e-9), ("rbf", 1e-5), ("fourier", 1e-7), ("nodes", 1e-7)]
)
def test_one_linear_solve_and_a_resumed_run(name: str, most: float, tmp_path: Path) -> None:
    projected = {"optimizer": "variable_projection", "steps": 2}
    keys: dict[str, Any] = {
        "trial": TRIALS[name],
        "sampler": {"interior": 400, "boundary": 80},
        "schedule": [SOLVE, projected],
    }
    solution = api.solve(config(POISSON, **keys), out=tmp_path / "run")
    assert solution.relative_l2["u"] is not None and solution.relative_l2["u"] < most, (
        solution.relative_l2
    )
    loaded = api.load(tmp_path / "run")
    x = uniform(9, 2).numpy()
    assert np.array_equal(loaded(x), solution(x))
    network = loaded.trial.net
    assert isinstance(network, KAN) and network.on == TRIALS[name].get("on", "edges")


def test_a_fourier_outer_layer_is_extended_exactly_in_a_schedule() -> None:
    schedule = [SOLVE, {"extend_grid": [1, 12]}, SOLVE]
    solution = api.solve(
        config(
            POISSON,
            trial=TRIALS["fourier"],
            sampler={"interior": 400, "boundary": 80},
            schedule=schedule,
        )
    )
    first, _, last = solution.result.stages
    assert last.objective < first.objective / 10


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "unknown basis": ({"basis": "wavelet"}, r"trial.basis: must be one of .*bspline"),
    "a basis too many": (
        {"basis": ["rbf"] * 3},
        "trial.basis: must hold one value per layer: width .* makes 2 layers, found 3",
    ),
    "nodes of nothing": (
        {"on": "nodes", "width": []},
        "trial.on: needs a hidden layer whose nodes there are; give width",
    ),
    "centers": (
        {"basis": "rbf", "centers": [[0, 0]]},
        "trial.centers: does not go with a rbf basis, .*; write centers: none",
    ),
    "clamped": (
        {"on": "nodes", "ends": "clamped"},
        "trial.ends: does not go with functions on nodes, .*; write ends: extended",
    ),
    "stretched": (
        {"basis": "fourier", "start": "stretched"},
        "trial.start: stretched does not go with a fourier basis",
    ),
    "scaled": (
        {"on": "nodes", "start": "scaled"},
        "trial.start: scaled does not go with functions on nodes",
    ),
    "an mlp's": ({"kind": "mlp", "basis": "rbf"}, "an mlp has no 'basis'; remove it"),
}


@pytest.mark.parametrize("case", list(REFUSED))
def test_a_file_is_told_what_does_not_go(case: str) -> None:
    trial, message = REFUSED[case]
    with pytest.raises(ConfigError, match=message):
        config(POISSON, trial={"width": [6], **trial})


def test_a_schedule_is_told_that_no_knots_can_move() -> None:
    with pytest.raises(
        ConfigError,
        match=r"schedule\[1\]: a fourier basis has no knots that could move; remove update_grid",
    ):
        config(POISSON, trial=TRIALS["fourier"], schedule=[SOLVE, {"update_grid": 0.0}])


def test_only_splines_lack_derivatives() -> None:
    node = problem_node(LINE, ["dxx(u) = 0"], [{"part": ["left", "right"], "equation": "u = 0"}])
    splines, waves = (
        TrialConfig("kan", (3,), (2, 2), (4, 4), basis=(b, b)) for b in ("bspline", "fourier")
    )
    with pytest.raises(ConfigError, match="degree-2 spline has only 1 continuous"):
        build_network(splines, create(node), 0, torch.float64)
    assert build_network(waves, create(node), 0, torch.float64).shape == [1, 3, 1]


@pytest.mark.parametrize(
    "trial", [{"basis": "chebyshev"}, {"basis": ["bspline", "rbf"]}, {"on": "nodes"}]
)
def test_a_tolerance_is_for_splines_on_edges(trial: dict[str, Any]) -> None:
    with pytest.raises(
        ConfigError, match="tolerance: chooses the resolution of B-splines on edges"
    ):
        api.configure("poisson_square", trial=trial, tolerance=1e-6)
