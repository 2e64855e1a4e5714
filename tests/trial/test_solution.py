"""The trial solution u = g + D·N: scaling, jets by both engines, and a lifting that holds for
arbitrary parameters.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Mapping
from typing import Any

import pytest
import torch
from core_helpers import (
    CUBE,
    LINE,
    PLATE,
    SIDES,
    SQUARE,
    create,
    formula,
    gap,
    kan,
    mlp,
    parts,
    problem_node,
    uniform,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from kanpde.ansatz.lifting import lift
from kanpde.errors import ConfigError
from kanpde.expressions import Derivative, jets
from kanpde.expressions.evaluate import evaluate
from kanpde.numerics.jets import JetSpace
from kanpde.problem.problem import Problem
from kanpde.trial.networks import KAN
from kanpde.trial.solution import Lifting, TrialSolution

pytestmark = pytest.mark.usefixtures("one_thread")

LOWER, UPPER = torch.tensor([0.0, -1.0]).double(), torch.tensor([2.0, 0.5]).double()
SPACE = JetSpace.closure([(2, 0), (1, 1), (0, 2), (3, 0)], 2)
LIFTING = Lifting(
    (formula("sin(x) + y**2", "x", "y"), formula("0", "x", "y")),
    (formula("x*(2 - x)*exp(y)", "x", "y"), formula("1", "x", "y")),
)


def some(
    network: nn.Module, lifting: Lifting | None = None, engine: str = "taylor"
) -> TrialSolution:
    return TrialSolution(network, LOWER, UPPER, lifting, engine)


def inside(count: int = 9) -> Tensor:
    return LOWER + (UPPER - LOWER) * uniform(count, 2, seed=3, lower=0.0)


NETWORKS = {"kan": lambda: kan([2, 4, 2], degree=5, base=True), "mlp": lambda: mlp([2, 5, 2])}


@pytest.fixture(params=[f"{name}{tail}" for name in NETWORKS for tail in ("", "-lifted")])
def trial(request: pytest.FixtureRequest) -> TrialSolution:
    name, _, lifted = str(request.param).partition("-")
    return some(NETWORKS[name](), LIFTING if lifted else None)


def test_the_bounding_box_becomes_the_unit_box() -> None:
    trial = some(mlp([2, 3, 1]))
    corners = torch.stack([LOWER, UPPER, (LOWER + UPPER) / 2])
    expected = torch.tensor([[-1.0, -1.0], [1.0, 1.0], [0.0, 0.0]]).double()
    assert gap(trial.scaled(corners), expected) < 1e-15
    assert gap(trial(corners), trial.network(expected)) < 1e-14


@pytest.mark.parametrize("count", [1, 40, 1027])
def test_a_point_has_the_same_bits_whichever_come_with_it(count: int) -> None:
    trial = some(kan([2, 4, 2], degree=5, base=True))
    x = inside(count)
    together = trial.evaluate(x)
    assert torch.equal(trial.evaluate(x.flip(0)).flip(0), together)
    assert torch.equal(trial.evaluate(x[: count // 2 + 1]), together[: count // 2 + 1])
    assert trial.evaluate(x[:0]).shape == (0, 2)


def test_closed_form_jets_are_those_of_nested_autograd(trial: TrialSolution) -> None:
    x = inside()
    taylor = trial.jet(trial.locate(x, SPACE))
    reference = TrialSolution(trial.network, LOWER, UPPER, trial.lifting, "autograd")
    nested = reference.jet(reference.locate(x, SPACE))
    assert gap(taylor.value.T, trial(x)) < 1e-13
    for alpha in SPACE.indices:
        assert gap(taylor.derivative(alpha), nested.derivative(alpha)) < 1e-10, alpha


def test_jets_are_in_the_users_coordinates() -> None:
    """A central difference knows no scaling."""
    trial, x, h = some(kan([2, 3, 1], degree=5)), inside(), 1e-4
    jet = trial.jet(trial.locate(x, SPACE))
    for axis, alpha in ((0, (2, 0)), (1, (0, 2))):
        step = torch.zeros(2, dtype=torch.float64)
        step[axis] = h
        second = (trial(x + step) - 2 * trial(x) + trial(x - step)) / h**2
        assert gap(jet.derivative(alpha).T, second) < 1e-4


def test_outer_rows_and_the_extension_give_the_functional(trial: TrialSolution) -> None:
    """F(u) = M θ + F(g) for the functional Σ_α F_α ∂^α of each unknown, whatever θ."""
    x = inside()
    at = trial.locate(x, SPACE)
    functional = uniform(len(SPACE.indices), 2, len(x), seed=4)
    features = trial.features(at)
    rows = features.rows(functional, range(2))
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


def test_prepared_points_can_be_cut(trial: TrialSolution) -> None:
    at = trial.locate(inside(), SPACE)
    assert gap(trial.jet(at.rows(2, 6)).data, trial.jet(at).data[:, :, 2:6]) < 1e-13
    assert torch.equal(at.rows(2, 6).x, at.x[2:6])


def test_parameters_and_state_are_the_networks(trial: TrialSolution) -> None:
    assert trial.parameter_count == sum(p.numel() for p in trial.network.parameters())
    restored = copy.deepcopy(trial)
    for parameter in restored.parameters():
        nn.init.zeros_(parameter)
    restored.load_state_dict(trial.state_dict())
    assert torch.equal(restored(inside()), trial(inside()))


def test_it_moves_to_another_type(trial: TrialSolution) -> None:
    expected = trial(inside())
    single = trial.float()
    at = single.locate(inside().float(), SPACE)
    assert single(at.x).dtype == single.jet(at).data.dtype == torch.float32
    assert gap(single(at.x).double(), expected) < 1e-4


# Exact boundary lifting
# ----------------------------------------------------------------------------------------------

EVERYWHERE = "1 + x*y - x**2 + sin(y)"
LIFTED: dict[str, dict[str, Any]] = {
    "line": problem_node(
        LINE,
        ["dxx(u) = 0"],
        [{"part": "left", "equation": "u = 2"}, {"part": "right", "equation": "u = -1"}],
    ),
    "one end": problem_node(
        LINE,
        ["dxx(u) = 0"],
        [{"part": "left", "equation": "3*u = 2"}, {"part": "right", "equation": "dx(u) = 1"}],
    ),
    "square": problem_node(
        PLATE, ["laplacian(u) = 0"], [{"part": SIDES, "equation": f"u = {EVERYWHERE}"}]
    ),
    "two sides": problem_node(
        PLATE,
        ["laplacian(u) = 0"],
        [
            {"part": ["left", "bottom"], "equation": f"-2*u = -2*({EVERYWHERE})"},
            {"part": ["right", "top"], "equation": "dn(u) + u = 0"},
        ],
    ),
    "opposite": problem_node(
        PLATE,
        ["laplacian(u) = 0"],
        [
            {"part": "left", "equation": "u - cos(y) = 0"},
            {"part": "right", "equation": "y = u"},
            {"part": ["top", "bottom"], "equation": "dn(u) = 0"},
        ],
    ),
    "cube": problem_node(
        CUBE,
        ["laplacian(u) = 0"],
        [{"part": [*SIDES, "back", "front"], "equation": "u = exp(x)*cos(y) + z*(x - y)"}],
    ),
    "space-time": problem_node(
        LINE,
        ["dt(u) = dxx(u)"],
        [
            {"part": "initial", "equation": "u = x**3 + 1"},
            {"part": ["left", "right"], "equation": "u = x*exp(-t) + 1"},
        ],
        time={"interval": [0, 3]},
    ),
    "system": problem_node(
        PLATE,
        ["laplacian(u) = v", "laplacian(v) = 0"],
        [
            {"part": SIDES, "equation": f"u = {EVERYWHERE}"},
            {"part": "left", "equation": "v = 1"},
            {"part": ["right", "bottom", "top"], "equation": "dn(v) = 0"},
        ],
        unknowns=["u", "v"],
    ),
}


def lifted(name: str, seed: int, size: float) -> tuple[Problem, TrialSolution]:
    problem = create(LIFTED[name])
    d, m = problem.domain.dimension, len(problem.unknowns)
    network = kan([d, 3, m], seed=seed) if seed % 2 else mlp([d, 4, m], seed=seed)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(size)
    lower, upper = torch.tensor(problem.domain.lower), torch.tensor(problem.domain.upper)
    return problem, TrialSolution(network, lower, upper, lift(problem)[0])


def dirichlet(problem: Problem) -> list[Any]:
    """The conditions that a lifting takes over: they hold a value of one unknown and nothing
    else.
    """
    remaining = lift(problem)[1]
    return [condition for condition in problem.conditions if condition not in remaining]


@settings(max_examples=40, deadline=None)
@given(name=st.sampled_from(list(LIFTED)), seed=st.integers(0, 10_000), power=st.integers(-2, 3))
def test_boundary_values_are_exact_for_arbitrary_parameters(
    name: str, seed: int, power: int
) -> None:
    problem, trial = lifted(name, seed, 10.0**power)
    for condition in dirichlet(problem):
        assert condition.part is not None
        at = problem.domain.part_quadrature(condition.part, 25)
        x, normal = torch.tensor(at.x), torch.tensor(at.normal)
        value = trial(x).detach()

        def read(jet: Derivative, value: Tensor = value) -> Tensor:
            assert jet.order == 0
            return value[:, jet.unknown]

        (residual,) = evaluate([condition.node], x, normal, read)
        assert residual.abs().max() < 1e-11, (condition.part, float(residual.abs().max()))


@pytest.mark.parametrize("name", list(LIFTED))
def test_the_factor_vanishes_on_lifted_sides_only(name: str) -> None:
    problem = create(LIFTED[name])
    lifting, _ = lift(problem)
    inner = torch.tensor(problem.domain.quadrature(60).x)
    for o, factor in enumerate(lifting.factors):
        assert (evaluate([factor], inner)[0] > 0).all()
        conditions_of_unknown = {
            c.part for c in dirichlet(problem) if {jet.unknown for jet in jets(c.node)} == {o}
        }
        for part in set(problem.domain.parts) - {"final"} if conditions_of_unknown else ():
            (size,) = evaluate([factor], torch.tensor(problem.domain.part_quadrature(part, 9).x))
            assert (size.abs().max() < 1e-14) == (part in conditions_of_unknown), (
                part,
                float(size.abs().max()),
            )


def test_other_conditions_are_left_to_the_residual() -> None:
    _, remaining = lift(create(LIFTED["two sides"]))
    assert [c.part for c in remaining] == ["right", "top"]
    _, remaining = lift(create(LIFTED["system"]))
    assert [c.part for c in remaining] == ["right", "bottom", "top"]
    assert lift(create(LIFTED["square"]))[1] == ()


def test_a_second_value_on_one_side_is_left_to_the_residual() -> None:
    node = copy.deepcopy(LIFTED["one end"])
    node["conditions"].append({"part": "left", "equation": "u = 2/3"})
    _, remaining = lift(create(node))
    assert [c.part for c in remaining] == ["right", "left"]


def test_a_variable_factor_is_left_to_the_residual() -> None:
    node = problem_node(
        LINE,
        ["dxx(u) = 0"],
        [{"part": "left", "equation": "(2 + x)*u = 1"}, {"part": "right", "equation": "u = 0"}],
    )
    _, remaining = lift(create(node))
    assert [c.part for c in remaining] == ["left"]


def test_a_nonlinear_condition_is_left_to_the_residual() -> None:
    conditions = [{"part": "left", "equation": "u**3 = 1"}, {"part": "right", "equation": "u = 0"}]
    _, remaining = lift(create(problem_node(LINE, ["dxx(u) = 0"], conditions)))
    assert [c.part for c in remaining] == ["left"]


def test_a_lifting_of_the_exact_values_leaves_the_network_nothing() -> None:
    """Where the exact solution is bilinear the extension is the exact solution."""
    problem = create(
        problem_node(
            PLATE, ["laplacian(u) = 0"], [{"part": SIDES, "equation": "u = 1 + 2*x - x*y"}]
        )
    )
    lifting, _ = lift(problem)
    x = inside()
    assert gap(evaluate(lifting.extensions, x)[0], 1 + 2 * x[:, 0] - x[:, 0] * x[:, 1]) < 1e-13


REFUSED: dict[str, tuple[Mapping[str, Any], str]] = {
    "nothing": (
        problem_node(SQUARE, ["laplacian(u) = u"], [{"part": SIDES, "equation": "dn(u) = 0"}]),
        "trial.lifting: problem 'small' has no condition of the form u = g to lift; set it to"
        " false",
    ),
    "corners": (
        problem_node(
            SQUARE,
            ["laplacian(u) = 0"],
            [
                {"part": ["left", "right"], "equation": "u = 0"},
                {"part": ["bottom", "top"], "equation": "u = 1"},
            ],
        ),
        r"trial.lifting: boundary values disagree where '\w+' meets another side \(by 1.0e\+00\), so no smooth lifting",
    ),
}


@pytest.mark.parametrize("name", list(REFUSED))
def test_what_cannot_be_lifted_is_refused(name: str) -> None:
    node, message = REFUSED[name]
    with pytest.raises(ConfigError, match=message):
        lift(create(node))


def test_every_corner_is_checked() -> None:
    """Values that disagree at one corner of four only."""
    for column, row in itertools.product(("left", "right"), ("bottom", "top")):
        corner = f"(1 {'-' if column == 'left' else '+'} x)*(1 {'-' if row == 'bottom' else '+'} y)"
        sides = {"part": ["left", "right"], "equation": f"u = {corner}"}
        node = problem_node(
            SQUARE, ["laplacian(u) = 0"], [sides, {"part": ["bottom", "top"], "equation": "u = 0"}]
        )
        with pytest.raises(ConfigError, match="boundary values disagree"):
            lift(create(node))


# Radial units at round holes
# -----------------------------------------------------------------------------------------

HOLES = problem_node(
    {
        "difference": [
            {"rectangle": {"lower": [0, -1], "upper": [4, 1]}},
            {"disk": {"center": [1, 0.2], "radius": 0.3, "name": "a"}},
            {"disk": {"center": [3, -0.1], "radius": 0.5, "name": "b"}},
        ]
    },
    ["laplacian(u) = 0"],
    [{"part": [*SIDES, "a", "b"], "equation": "u = x"}],
)
HOLED = {"kind": "kan", "width": [20], "degree": [4, 6], "intervals": [2, 5], "radial": 3}


def test_radial_units_are_distances_from_points_inside_the_holes() -> None:
    built = parts(HOLES, trial=HOLED, sampler={"interior": 300, "boundary": 100})
    network = built.trial.network
    assert isinstance(network, KAN)
    x = torch.cat([built.points.interior.x, *(part.x for part in built.points.parts.values())])
    assert network.outside_share(built.trial.scaled(x)) == 0.0
    z = network.stack[0](built.trial.scaled(x).T)[-6:].detach()
    for k, (cx, cy, radius) in enumerate([(1.0, 0.2, 0.3)] * 3 + [(3.0, -0.1, 0.5)] * 3):
        frame = torch.stack([x[:, 0], x[:, 1], torch.ones(len(x)).double()], dim=1)
        slopes = torch.linalg.lstsq(frame, (z[k] - x.square().sum(1))[:, None]).solution[:, 0]
        centre = -slopes[:2] / 2
        assert gap(z[k], (x - centre).square().sum(1)) < 1e-10
        assert (
            abs(float((centre - torch.tensor([cx, cy], dtype=torch.float64)).norm()) - radius / 2)
            < 1e-9
        )


def test_no_radial_units_without_round_holes() -> None:
    plate = {**HOLES, "domain": PLATE, "conditions": [{"part": SIDES, "equation": "u = x"}]}
    network = parts(plate, trial=HOLED, sampler={"interior": 50, "boundary": 50}).trial.network
    assert isinstance(network, KAN) and all(layer.grid.uniform for layer in network.stack)


@pytest.mark.parametrize("width", [[6], []], ids=str)
def test_radial_units_need_room(width: list[int]) -> None:
    layers = {"degree": 5, "intervals": 3}
    with pytest.raises(ConfigError, match=r"trial\.radial"):
        parts(
            HOLES,
            trial={**HOLED, **layers, "width": width},
            sampler={"interior": 50, "boundary": 50},
        )
