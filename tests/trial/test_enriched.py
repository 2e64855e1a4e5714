"""Given functions beside a network: the same numbers by every way of evaluating, solving and
saving, and what they are for.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from core_helpers import (
    SIDES,
    SQUARE,
    config,
    formula,
    gap,
    kan,
    mlp,
    parts,
    problem_node,
    scramble,
    slowly,
    uniform,
)
from torch import Tensor

from kanpde import api
from kanpde.api.contenders import equal_mlp
from kanpde.config.shipped import names
from kanpde.errors import CheckpointError, ConfigError
from kanpde.numerics.jets import JetSpace
from kanpde.solver.budget import parameter_count
from kanpde.solver.build import build
from kanpde.solver.checkpoint import network_state, restore_beside
from kanpde.trial.networks import KAN, MLP, Enriched, bare
from kanpde.trial.networks.enriched import jet_of
from kanpde.trial.solution import Lifting, TrialSolution

pytestmark = pytest.mark.usefixtures("one_thread")

LOWER, UPPER = torch.tensor([0.0, -1.0]).double(), torch.tensor([2.0, 0.5]).double()
SPACE = JetSpace.closure([(2, 0), (1, 1), (0, 2), (3, 0)], 2)
GIVEN = [formula(text, "x", "y") for text in ("exp(x*y)", "(1 + x**2)**(1/3)*sin(y)")]
LIFTING = Lifting((formula("sin(x)", "x", "y"),) * 2, (formula("x*(2 - x)*exp(y)", "x", "y"),) * 2)


def around(net: KAN | MLP) -> Enriched:
    enriched = Enriched(net, GIVEN, LOWER, UPPER)
    scramble(enriched)
    return enriched


NETWORKS: dict[str, Callable[[], KAN | MLP]] = {
    "kan": lambda: kan([2, 4, 2], degree=5, base=True),
    "mlp": lambda: mlp([2, 5, 2]),
}


@pytest.fixture(params=[f"{name}{tail}" for name in NETWORKS for tail in ("", "-lifted")])
def trial(request: pytest.FixtureRequest) -> TrialSolution:
    name, _, lifted = str(request.param).partition("-")
    return TrialSolution(around(NETWORKS[name]()), LOWER, UPPER, LIFTING if lifted else None)


def inside(count: int = 9) -> Tensor:
    return LOWER + (UPPER - LOWER) * uniform(count, 2, seed=3, lower=0.0)


def test_the_functions_are_those_of_the_problems_coordinates() -> None:
    network, x = around(mlp([2, 5, 2])), inside()
    trial = TrialSolution(network, LOWER, UPPER)
    values = torch.stack(
        [torch.exp(x[:, 0] * x[:, 1]), (1 + x[:, 0] ** 2) ** (1 / 3) * torch.sin(x[:, 1])], dim=1
    )
    assert gap(trial(x), network.net(trial.scaled(x)) + values @ network.coefficients) < 1e-14


def test_closed_form_jets_are_those_of_nested_autograd(trial: TrialSolution) -> None:
    x = inside()
    nested = TrialSolution(trial.network, LOWER, UPPER, trial.lifting, "autograd")
    ours, theirs = (solution.jet(solution.locate(x, SPACE)) for solution in (trial, nested))
    assert gap(ours.value.T, trial(x)) < 1e-13
    for alpha in SPACE.indices:
        assert gap(ours.derivative(alpha), theirs.derivative(alpha)) < 1e-10, alpha


def test_outer_rows_and_the_extension_give_the_functional(trial: TrialSolution) -> None:
    """F(u) = M θ + F(g) for the functional Σ_α F_α ∂^α of each unknown, with the given functions'
    coefficients in θ.
    """
    at = trial.locate(inside(), SPACE)
    functional = uniform(len(SPACE.indices), 2, 9, seed=4)
    features = trial.features(at)
    rows = features.rows(functional, range(2))
    assert features.size > trial.net.features(at.inputs).functions.data.numel()  # type: ignore[attr-defined]
    for seed in (1, 2):
        trial.net.set_outer(uniform(*trial.net.outer.shape, seed=seed))
        expected = (functional * trial.jet(at).data).sum(0)
        constant = (
            torch.zeros_like(expected)
            if at.extension is None
            else (functional * at.extension.data).sum(0)
        )
        for o in range(2):
            outer = (
                trial.net.outer[:, o, None]
                if features.columns is None
                else trial.net.outer[features.columns, o]
            )
            assert gap((rows[o] * outer).sum(0) + constant[o], expected[o]) < 1e-11
        assert gap(features.jet(trial.net.outer).data, trial.jet(at).data) < 1e-12


def test_parameters_are_counted_and_split(trial: TrialSolution) -> None:
    whole, net = trial.net, bare(trial.network)
    count = sum(p.numel() for p in net.parameters())
    assert trial.parameter_count == count + 2 * 2
    assert sum(p.numel() for p in whole.inner) + whole.outer.numel() == trial.parameter_count
    assert (
        whole.shape == net.shape and whole.kind == net.kind and whole.outside_share(inside()) >= 0
    )


LSHAPE = {"polygon": {"vertices": [[0, 0], [1, 0], [1, 1], [-1, 1], [-1, -1], [0, -1]]}}
ANGLE = "3*pi/4 + atan2(-x - y, y - x)"
CORNER = {"theta": ANGLE, "r": "sqrt(x**2 + y**2)"}
SINGULAR = ["r**(2/3)*sin(2*theta/3)", "r**(4/3)*sin(4*theta/3)"]
LAPLACE = problem_node(
    LSHAPE,
    ["laplacian(u) = 0"],
    [{"part": [f"edge{k}" for k in range(1, 7)], "equation": "u = s"}],
    definitions={**CORNER, "s": f"2*{SINGULAR[0]} - {SINGULAR[1]} + exp(x)*cos(y)"},
    exact={"u": "s"},
)
FEW = {"sampler": {"interior": 600, "boundary": 200}}
SHAPES: dict[str, dict[str, Any]] = {
    "kan": {"kind": "kan", "width": [16], "degree": [5, 7], "intervals": [2, 4]},
    "mlp": {"kind": "mlp", "width": [120], "start": "features", "activation": "sine", "scale": 4.0},
}


@pytest.mark.parametrize("kind", list(SHAPES))
def test_a_solve_finds_the_coefficients_of_a_corner(kind: str) -> None:
    """u = 2 s_1 - s_2 + a smooth function: each coefficient is read off, and without the functions
    u is out of reach.
    """
    schedule = [{"optimizer": "least_squares"}]
    errors = []
    for functions in ([], SINGULAR):
        trial = {**SHAPES[kind], "functions": functions}
        solution = api.solve(config(LAPLACE, trial=trial, schedule=schedule, **FEW))
        errors.append(solution.relative_l2["u"] or 1.0)
    assert errors[1] < 1e-6 < 1e-2 < errors[0]
    network = solution.trial.network
    assert isinstance(network, Enriched)
    assert gap(network.coefficients[:, 0], torch.tensor([2.0, -1.0]).double()) < 1e-5


NONLINEAR = problem_node(
    SQUARE,
    ["laplacian(u) + u**2 = laplacian(s) + s**2"],
    [{"part": SIDES, "equation": "u = s"}],
    definitions={"s": "sin(6*x*y)/2 + x"},
    exact={"u": "s"},
)
STAGES = {
    "newton": [{"optimizer": "least_squares"}],
    "variable_projection": [{"optimizer": "variable_projection", "steps": 5}],
    "levenberg_marquardt": [{"optimizer": "levenberg_marquardt", "steps": 8}],
    "gauss_newton_cg": [{"optimizer": "gauss_newton_cg", "steps": 6}],
    "broyden": [{"optimizer": "broyden", "steps": 60}],
    "adam": [{"optimizer": "adam", "steps": 10}, {"optimizer": "lbfgs", "steps": 60}],
    "grids": [
        {"optimizer": "least_squares"},
        {"extend_grid": [4, 4]},
        {"optimizer": "least_squares"},
    ],
}


@pytest.mark.parametrize("stages", slowly(STAGES, {"broyden", "gauss_newton_cg", "adam"}))
def test_every_optimizer_trains_the_coefficients(stages: str, quick: None) -> None:
    """What the network cannot represent, the given function does: the error falls far below what it
    is without.
    """
    trial = {"kind": "kan", "width": [2], "degree": 5, "intervals": 2}
    errors = [
        api.solve(
            config(
                NONLINEAR,
                trial={**trial, "functions": functions},
                schedule=STAGES[stages],
                sampler={"interior": 100, "boundary": 48},
            )
        ).relative_l2["u"]
        or 1.0
        for functions in ([], ["sin(6*x*y)"])
    ]
    assert errors[1] < 0.2 * errors[0], errors


def test_a_run_is_resumed_and_read_with_its_functions(tmp_path: Path) -> None:
    chosen = config(LAPLACE, trial={**SHAPES["kan"], "functions": SINGULAR}, **FEW)
    first = api.solve(chosen, out=tmp_path / "run")
    again = api.load(tmp_path / "run")
    x = first.problem.domain.quadrature(40).x
    assert np.array_equal(first(x), again(x)) and again.result.trial["degree"] == [5, 7]
    assert np.array_equal(api.resume(tmp_path / "run")(x), first(x))


def test_a_state_without_the_functions_coefficients_is_refused() -> None:
    built = parts(LAPLACE, trial={**SHAPES["kan"], "functions": SINGULAR}, **FEW)
    chosen = config(LAPLACE, trial=SHAPES["kan"], **FEW).trial
    state, present = network_state(built.trial.network), built.trial.network
    restored = restore_beside(state, chosen, present)
    assert isinstance(restored, Enriched) and isinstance(present, Enriched)
    assert torch.equal(restored.outer, present.outer)
    for functions, message in (
        (
            None,
            r"the coefficients of trial\.functions and trial\.multipoles must be \(2, 1\), found none",
        ),
        (torch.zeros(3, 1), r"must be \(2, 1\), found \(3, 1\)"),
    ):
        with pytest.raises(CheckpointError, match=message):
            restore_beside({**state, "functions": functions}, chosen, present)
    with pytest.raises(
        CheckpointError,
        match=r"holds trial\.functions or trial\.multipoles, but the config has none",
    ):
        restore_beside(state, chosen, bare(present))


def test_the_budget_and_the_equal_mlp_count_them() -> None:
    chosen = config(LAPLACE, trial={**SHAPES["kan"], "functions": SINGULAR}, **FEW)
    built = parts(LAPLACE, trial={**SHAPES["kan"], "functions": SINGULAR}, **FEW)
    assert parameter_count(chosen.trial, 2, 1) == built.trial.parameter_count
    assert equal_mlp(chosen, 0).trial.functions == tuple(SINGULAR)
    assert (
        abs(parameter_count(equal_mlp(chosen, 0).trial, 2, 1) - parameter_count(chosen.trial, 2, 1))
        <= 4
    )


REFUSED = {
    "u": (["u*x"], r"trial\.functions\[0\]: .*unknown name 'u'"),
    "derivative": (["x", "laplacian(q)"], r"trial\.functions\[1\]: .*unknown name 'q'"),
    "nested": ([["x"]], r"trial\.functions\[0\]: must be a formula"),
    "number": (3.5, None),
}


@pytest.mark.parametrize("name", list(REFUSED))
def test_what_is_no_formula_of_the_coordinates_is_refused(name: str) -> None:
    functions, message = REFUSED[name]
    if message is None:
        assert (
            parts(
                LAPLACE, trial={**SHAPES["kan"], "functions": functions}, **FEW
            ).trial.net.outer.shape[1]
            == 1
        )
        return
    with pytest.raises(ConfigError, match=message):
        parts(LAPLACE, trial={**SHAPES["kan"], "functions": functions}, **FEW)


def test_a_stretched_start_and_slabs_take_none() -> None:
    heat = problem_node(
        {"interval": [0, 1]},
        ["dt(u) = dxx(u)"],
        [
            {"part": ["left", "right"], "equation": "u = 0"},
            {"part": "initial", "equation": "u = sin(pi*x)"},
        ],
        time={"interval": [0, 1]},
    )
    trial = {"width": [4], "degree": 5, "intervals": 3, "functions": ["x*t"]}
    with pytest.raises(ConfigError, match=r"trial\.functions: do not go with a stretched start"):
        config(heat, trial={**trial, "start": "stretched"}, slabs=2)
    with pytest.raises(ConfigError, match=r"trial\.functions: do not go with slabs"):
        api.solve(config(heat, trial=trial, slabs=2))


# Radial units about points outside
# -----------------------------------------------------------------------------------


def test_a_unit_about_a_point_outside_has_a_geometric_grid() -> None:
    """From the squared distance to the domain on: what comes from there varies with the ratio of
    distances.
    """
    trial = {
        "kind": "kan",
        "width": [5],
        "degree": 5,
        "intervals": 4,
        "centers": [[0.3, -0.3], [-0.5, 0.5]],
    }
    network = parts(LAPLACE, trial=trial, **FEW).trial.network
    assert isinstance(network, KAN)
    outside, within = network.stack[1].grid.breakpoints[-2:]
    ratios = [float(b / a) for a, b in pairwise(outside)]
    assert abs(float(outside[0]) - 0.09) < 1e-12 and max(ratios) / min(ratios) < 1 + 1e-10
    assert (
        abs(float(within[0])) < 1e-12 and gap(within.diff(), within.diff().mean().expand(4)) < 1e-10
    )


def test_the_l_shapes_are_shipped() -> None:
    assert {"poisson_lshape", "poisson_lshape_singular", "poisson_lshape_source"} <= set(names())


def test_times_the_distance_to_its_corner_the_l_shape_is_solved_by_a_smooth_basis() -> None:
    """Without that factor this seed gives 2.3e-4: the points nearest to the corner rule the mean of
    squared residuals.
    """
    assert (api.solve("poisson_lshape", seed=4).relative_l2["u"] or 1) < 6e-5


@pytest.mark.parametrize(("side", "along", "sign"), [("left", "x", 1), ("right", "back", -1)])
def test_the_first_functions_of_the_cavity_are_the_flow_at_its_corners(
    side: str, along: str, sign: int
) -> None:
    """u = 4Y theta - 2 pi Y + 4X, v = 4X theta, p = 4 log(r^2)/re: the Stokes equations, u = 4X on
    the lid and rest on the wall.
    """
    config = api.configure("cavity")
    network = build(config).trial.net
    assert isinstance(network, Enriched)
    wall, span = (1 - sign) / 2, torch.linspace(0.1, 0.9, 5).double()
    lid, side_wall = (
        torch.stack([span, 0 * span + 1], dim=1),
        torch.stack([0 * span + wall, span], dim=1),
    )
    x = torch.cat([lid, side_wall, uniform(9, 2, seed=3, lower=0.0)])
    chosen = [
        config.trial.functions.index(name)
        for name in (f"angle_{side}*depth", f"angle_{side}*{along}", f"log_{side}")
    ]
    jet = jet_of([network.functions[k] for k in chosen], x, SPACE)
    dx, dy, size = (
        jet.derivative((1, 0)),
        jet.derivative((0, 1)),
        4 * x.new_tensor([[1], [sign], [sign / 100]]),
    )
    u, v, _ = size * jet.value
    u = u - 2 * torch.pi * (1 - x[:, 1]) + 4 * sign * (x[:, 0] - wall)
    assert gap(u[:5], 4 * sign * (lid[:, 0] - wall)) < 1e-14 and float(v[:5].abs().max()) < 1e-14
    assert float(u[5:10].abs().max()) < 1e-14 and float(v[5:10].abs().max()) < 1e-14
    (laplacian_u, laplacian_v, _), (ux, _, px), (_, vy, py) = (
        size * values for values in (jet.derivative((2, 0)) + jet.derivative((0, 2)), dx, dy)
    )
    assert gap(laplacian_u / 100, px) < 1e-12 and gap(laplacian_v / 100, py) < 1e-12
    assert gap(ux + vy, 0 * ux - 4 * sign) < 1e-12
    corner = (x.new_tensor([[wall, 1]]) - network.shift) * network.scale
    assert network(corner).isfinite().all(), "fields are drawn at the corners too"
