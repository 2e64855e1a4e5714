"""Problems: posed sensibly or refused in one line; and every shipped one is satisfied by its exact
solution.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from core_helpers import DISK, ENDS, LINE, PLATE, SIDES, SQUARE, create, gap, problem_node
from torch import Tensor

from kanpde import api
from kanpde.assembly.collocation import collocate
from kanpde.config import SamplerConfig, shipped
from kanpde.errors import ConfigError, KanpdeError
from kanpde.expressions import Node, Number, jets, substitute, substitute_unknowns
from kanpde.expressions.evaluate import evaluate
from kanpde.problem.conditions import Condition, MeanCondition
from kanpde.problem.problem import Problem

pytestmark = pytest.mark.usefixtures("one_thread")

ZERO = {"part": SIDES, "equation": "u = 0"}


def laplace(**keys: Any) -> dict[str, Any]:
    """Laplace's equation on the square with some keys changed."""
    equations = keys.pop("equations", ["laplacian(u) = 0"])
    return problem_node(
        keys.pop("domain", SQUARE), equations, keys.pop("conditions", [ZERO]), **keys
    )


def refusal(node: dict[str, Any]) -> str:
    """The one line with which a problem is refused."""
    with pytest.raises(KanpdeError) as caught:
        create(node)
    message = str(caught.value)
    assert isinstance(caught.value, ConfigError) and "\n" not in message
    return message


# Contract: residual(exact) = 0 and conditions(exact) = 0
# --------------------------------------------------------------


def of_exact(
    problem: Problem, node: Node, x: Tensor, normal: Tensor | None
) -> tuple[Tensor, float]:
    """The residual of the exact solution at x, and the size of what it is made of."""
    assert problem.exact is not None
    node = substitute(node, problem.true)
    parts = [substitute_unknowns(jet, problem.exact) for jet in jets(node)]
    residual, *values = evaluate([substitute_unknowns(node, problem.exact), *parts], x, normal)
    return residual, max(1.0, *(float(value.abs().max()) for value in values))


def check_condition(problem: Problem, condition: Condition, rng: np.random.Generator) -> None:
    if condition.data is not None:
        return  # measured, with noise or without
    if isinstance(condition, MeanCondition):
        at = problem.domain.quadrature(2000)
        values, size = of_exact(problem, condition.node, torch.tensor(at.x), None)
        assert (
            abs(float((torch.tensor(at.w) * values).sum())) / problem.domain.measure < 1e-10 * size
        )
        return
    if condition.point is not None:
        x, normal = torch.tensor(condition.at(problem.domain, 5)), None
    else:
        at = problem.domain.part(condition.part or "", 200, "latin_hypercube", rng)
        x, normal = torch.tensor(at.x), torch.tensor(at.normal)
    values, size = of_exact(problem, condition.node, x, normal)
    if condition.shift is not None:
        values = (
            values
            - of_exact(
                problem, condition.node, x + torch.tensor(condition.shift, dtype=x.dtype), normal
            )[0]
        )
    assert values.abs().max() < 1e-10 * size, condition.name


EXACT = [name for name in shipped.names() if api.configure(name).problem.exact is not None]


def test_most_shipped_problems_have_an_exact_solution() -> None:
    assert len(EXACT) >= 8


@pytest.mark.parametrize("name", EXACT)
def test_a_shipped_problem_is_satisfied_by_its_exact_solution(name: str) -> None:
    problem = Problem.create(api.configure(name).problem)
    rng = np.random.default_rng(2024)
    inside = torch.tensor(problem.domain.interior(500, "latin_hypercube", rng).x)
    for node in (
        node for node, weight in zip(problem.equations, problem.weights, strict=True) if weight == 1
    ):
        residual, size = of_exact(problem, node, inside, None)
        assert residual.abs().max() < 1e-10 * size
    for condition in problem.conditions:
        check_condition(problem, condition, rng)


NONLINEAR = {
    "allen_cahn",
    "burgers",
    "burgers_sharp",
    "kdv",
    "cavity",
    "inverse_diffusivity",
    "klein_gordon",
    "kovasznay",
    "kuramoto_sivashinsky",
    "minimal_surface",
    "reaction_diffusion",
    "schroedinger",
    "sine_gordon",
    "taylor_green",
}
EIGEN = {"membrane_disk", "orr_sommerfeld", "oscillator_20d"}
"""They hold an eigenvalue, so that coefficients are not known."""

ORDERS = {name: 1 for name in shipped.names() if name.startswith("advection")} | {
    "kdv": 3,
    "inverse_source": 3,
    "biharmonic": 4,
    "kuramoto_sivashinsky": 4,
    "orr_sommerfeld": 4,
    "advection_diffusion": 2,
    "fit_csv": 0,
    "fit_feynman": 0,
    "fit_special": 0,
    "fit_toy": 0,
}


@pytest.mark.parametrize("name", shipped.names())
def test_a_shipped_problem_is_what_it_says_and_every_side_is_covered(name: str) -> None:
    problem = Problem.create(api.configure(name).problem)
    assert problem.is_linear == (name not in NONLINEAR | EIGEN)
    assert problem.order == ORDERS.get(name, 2)
    opposite = {condition.opposite for condition in problem.conditions} - {None}
    if problem.config.fit is None:
        assert set(problem.parts) | opposite == set(problem.domain.parts) - {"final"}
    assert not (problem.exact and problem.reference)


# Exact that does not satisfy
# -----------------------------------------------------------------------------------------


def test_an_exact_solution_that_misses_an_equation() -> None:
    message = refusal(laplace(exact={"u": "(1 - x**2)*(1 - y**2)"}))
    assert (
        "problem 'small': exact does not satisfy the equation 'laplacian(u) = 0': the residual is"
        in message
    )
    assert message.endswith("correct exact or the equation")


def test_an_exact_solution_that_misses_a_condition() -> None:
    message = refusal(laplace(exact={"u": "x*y"}))
    assert "exact does not satisfy the condition on 'left': the residual is" in message


def test_an_exact_solution_that_misses_a_normal_derivative_by_its_sign() -> None:
    conditions = [
        {"part": ["left", "bottom", "top"], "equation": "u = x"},
        {"part": "right", "equation": "dn(u) = -1"},
    ]
    assert "condition on 'right'" in refusal(laplace(conditions=conditions, exact={"u": "x"}))
    conditions[1]["equation"] = "dn(u) = 1"
    create(laplace(conditions=conditions, exact={"u": "x"}))


def test_an_exact_solution_that_misses_a_point() -> None:
    conditions = [{"part": SIDES, "equation": "dn(u) = 0"}, {"point": [0, 0], "equation": "u = 1"}]
    assert "condition at a point" in refusal(laplace(conditions=conditions, exact={"u": "2"}))
    create(laplace(conditions=conditions, exact={"u": "1"}))


def test_an_exact_solution_that_misses_the_mean() -> None:
    conditions = [{"part": SIDES, "equation": "dn(u) = 0"}, {"mean": "u = 1"}]
    create(laplace(conditions=conditions, exact={"u": "1"}))
    assert "mean" in refusal(laplace(conditions=conditions, exact={"u": "2"}))


def test_an_exact_solution_that_is_not_periodic() -> None:
    conditions = [
        {"periodic": ["left", "right"]},
        {"part": ["bottom", "top"], "equation": "u = x + 1"},
    ]
    assert "periodic" in refusal(laplace(conditions=conditions, exact={"u": "x + 1"}))


def test_a_mean_and_a_period_are_no_pointwise_conditions() -> None:
    """∫ xy = 0 although xy is not, and cos πx is periodic although it is not zero where the
    condition stands.
    """
    slopes = {"part": SIDES, "equation": "dn(u) = dn(x*y)"}
    create(laplace(conditions=[slopes, {"mean": "u = 0"}], exact={"u": "x*y"}))
    assert "mean" in refusal(laplace(conditions=[slopes, {"mean": "u = 1e-6"}], exact={"u": "x*y"}))
    wave = [
        {"periodic": ["left", "right"]},
        {"part": ["bottom", "top"], "equation": "u = cos(pi*x)"},
    ]
    create(
        laplace(
            equations=["laplacian(u) = -pi**2*cos(pi*x)"], conditions=wave, exact={"u": "cos(pi*x)"}
        )
    )


def test_an_exact_solution_that_is_not_finite() -> None:
    assert "exact does not satisfy" in refusal(
        laplace(equations=["dxx(u) + dyy(u) = 0"], exact={"u": "log(x - 5)"})
    )


def test_the_check_is_relative_to_the_size_of_the_terms() -> None:
    """A stiff material in SI units: the terms are about 1e12 and round to about 1e-4."""
    exact = "exp(sin(pi*x) + y**2)"
    equation = f"-E*laplacian(u) = -E*(pi**2*cos(pi*x)**2 - pi**2*sin(pi*x) + 4*y**2 + 2)*{exact}"
    node = problem_node(
        SQUARE,
        [equation],
        [{"part": SIDES, "equation": f"E*dn(u) + E*u = E*dn({exact}) + E*{exact}"}],
        parameters={"E": 2.1e11},
        exact={"u": exact},
    )
    create(node)


def test_small_coefficients_do_not_hide_a_wrong_exact_solution() -> None:
    node = problem_node(
        SQUARE,
        ["k*laplacian(u) = k"],
        [ZERO],
        parameters={"k": 1e-10},
        exact={"u": "sin(pi*x)*sin(pi*y)"},
    )
    assert "exact does not satisfy the equation" in refusal(node)


# Posed sensibly
# --------------------------------------------------------------------------------------------------

NEUMANN = {"part": SIDES, "equation": "dn(u) = 0"}


def test_a_pure_neumann_problem_needs_a_pinned_value() -> None:
    message = refusal(laplace(conditions=[NEUMANN]))
    assert (
        message.startswith("problem 'small': only derivatives of u appear")
        and "pure Neumann" in message
    )
    assert message.endswith('pin it, for example with the condition {mean: "u = 0"}')


@pytest.mark.parametrize(
    "more",
    [
        {"mean": "u = 0"},
        {"point": [0.5, 0.5], "equation": "u = 0"},
        {"part": "left", "equation": "u + dn(u) = 0"},
    ],
    ids=["mean", "point", "robin"],
)
def test_a_pinned_neumann_problem_is_accepted(more: dict[str, Any]) -> None:
    assert len(create(laplace(conditions=[NEUMANN, more])).conditions) == 5


def test_a_reaction_pins_a_neumann_problem() -> None:
    create(laplace(equations=["-laplacian(u) + u = 1"], conditions=[NEUMANN]))


def test_periodic_conditions_pin_nothing() -> None:
    conditions = [{"periodic": ["left", "right"]}, {"periodic": ["bottom", "top"]}]
    assert "only derivatives of u appear" in refusal(laplace(conditions=conditions))


def test_a_condition_of_no_weight_pins_nothing() -> None:
    pinned = {"mean": "u = 0", "weight": 0.0}
    assert "only derivatives of u appear" in refusal(laplace(conditions=[NEUMANN, pinned]))


def test_one_average_over_space_time_pins_what_the_equation_moves_in_time_only() -> None:
    conditions = [{"part": [*ENDS, "initial"], "equation": "dx(u) = 0"}, {"mean": "u = 0"}]
    keys = {"time": {"interval": [0, 1]}}
    refused = refusal(problem_node(LINE, ["dxx(u) = 0"], conditions, **keys))
    assert "only derivatives of u appear" in refused
    assert '{point: [x], equation: "u = 0"} at a place, for all times' in refused
    create(problem_node(LINE, ["dt(u) = dxx(u)"], conditions, **keys))


def test_every_unknown_must_be_pinned() -> None:
    node = laplace(
        unknowns=["u", "p"],
        equations=["laplacian(u) = dx(p)", "laplacian(p) = 0"],
        conditions=[ZERO, {"part": SIDES, "equation": "dn(p) = 0"}],
    )
    assert "only derivatives of p appear" in refusal(node)


def test_an_unknown_in_no_equation() -> None:
    node = laplace(unknowns=["u", "v"], conditions=[ZERO, {"part": SIDES, "equation": "v = 0"}])
    assert (
        refusal(node) == "problem 'small': no equation holds the unknown 'v'; add one or remove it"
    )


def test_an_equation_without_an_unknown() -> None:
    message = refusal(laplace(equations=["laplacian(u) = 0", "x = y"]))
    assert message == "problem 'small': the equation 'x = y' holds no unknown"


def test_an_unknown_that_cancels_is_no_unknown() -> None:
    assert "holds no unknown" in refusal(laplace(equations=["laplacian(u) = laplacian(u) + x"]))


@pytest.mark.parametrize("equation", ["0 = 0", "x = 1", "k = 2"])
def test_a_condition_without_an_unknown(equation: str) -> None:
    node = laplace(conditions=[{"part": SIDES, "equation": equation}], parameters={"k": 1.0})
    assert (
        f"problem.conditions[0]: '{equation}' holds no unknown; a condition says something about u"
        in refusal(node)
    )


@pytest.mark.parametrize("domain", [SQUARE, DISK])
def test_a_point_outside_the_domain(domain: dict[str, Any]) -> None:
    sides = SIDES if domain is SQUARE else ["circle"]
    conditions = [
        {"part": sides, "equation": "dn(u) = 0"},
        {"point": [0.9, 1.2], "equation": "u = 0"},
    ]
    message = refusal(laplace(domain=domain, conditions=conditions))
    assert (
        message
        == "problem.conditions[1]: the point [0.9, 1.2] is not in the domain; choose one inside"
    )


def test_the_normal_is_known_on_sides_only() -> None:
    assert "dn" in refusal(laplace(equations=["dn(u) = 0"]))
    heat = problem_node(
        LINE, ["dt(u) = dxx(u)"], [{"part": "initial", "equation": "dn(u) = 0"}, {"part": ENDS, "equation": "u = 0"}],
        time={"interval": [0, 1]},
    )  # fmt: skip
    assert "dn" in refusal(heat)
    pinned = [NEUMANN, {"point": [0, 0], "equation": "dn(u) = 0"}]
    assert "dn" in refusal(laplace(conditions=pinned))


def test_the_place_of_a_bad_formula_is_named() -> None:
    assert "problem.equations[1]" in refusal(laplace(equations=["laplacian(u) = 0", "dx(u) = f"]))
    assert "problem.conditions[0]" in refusal(
        laplace(conditions=[{"part": SIDES, "equation": "u = w"}])
    )
    assert "problem.exact.u" in refusal(laplace(exact={"u": "x +"}))


def test_the_exact_solution_is_a_formula_of_coordinates() -> None:
    assert "problem.exact.u" in refusal(laplace(exact={"u": "u + x"}))


# Periodic conditions
# -------------------------------------------------------------------------------------------------


def test_periodic_means_value_and_derivatives_below_the_order() -> None:
    node = problem_node(
        PLATE,
        ["dxxxx(u) + dyy(u) = 0"],
        [
            {"periodic": ["left", "right"], "weight": 3.0},
            {"periodic": ["bottom", "top"]},
            {"mean": "u = 0"},
        ],
    )
    conditions = create(node).conditions[:-1]
    assert [c.parts for c in conditions] == [("left", "right")] * 4 + [("bottom", "top")] * 2
    orders = [next(iter(jets(c.node))).index for c in conditions]
    assert orders == [(0, 0), (1, 0), (2, 0), (3, 0), (0, 0), (0, 1)]
    assert [c.shift for c in conditions] == [(2.0, 0.0)] * 4 + [(0.0, 1.5)] * 2
    assert [c.weight for c in conditions] == [3.0] * 4 + [1.0] * 2


def test_periodic_where_nothing_is_differentiated() -> None:
    conditions = [{"periodic": ["left", "right"]}, {"part": ["bottom", "top"], "equation": "u = 0"}]
    message = refusal(laplace(equations=["dyy(u) = 0"], conditions=conditions))
    assert (
        message
        == "problem.conditions[0]: periodic in x, but no equation differentiates u in it; remove it"
    )


@pytest.mark.parametrize(
    ("domain", "pair"), [(SQUARE, ["left", "top"]), (SQUARE, ["left", "bottom"])]
)
def test_only_opposite_sides_are_periodic(domain: dict[str, Any], pair: list[str]) -> None:
    unpaired = [part for part in SIDES if part not in pair]
    conditions = [{"periodic": pair}, {"part": unpaired, "equation": "u = 0"}]
    assert "must be opposite faces of a box" in refusal(
        laplace(domain=domain, conditions=conditions)
    )


# Manufactured sources
# ------------------------------------------------------------------------------------------------


def source(problem: Problem, x: Tensor) -> Tensor:
    """What the first equation is for an unknown that is zero: minus its source."""
    zero = substitute_unknowns(problem.equations[0], [Number(0.0)] * len(problem.unknowns))
    return evaluate([zero], x)[0]


def test_a_manufactured_source_is_minus_what_the_operator_leaves() -> None:
    exact = "sin(x)*exp(y)"
    node = laplace(
        equations=["-div((1 + x**2)*grad(u)) + u = 2*f"],
        definitions={"f": "manufactured"},
        conditions=[{"part": SIDES, "equation": f"u = {exact}"}],
        exact={"u": exact},
    )
    problem = create(node)
    x = torch.rand(50, 2, dtype=torch.float64)
    s, e = torch.sin(x[:, 0]), torch.exp(x[:, 1])
    operator = -2 * x[:, 0] * torch.cos(x[:, 0]) * e + s * e
    assert gap(-source(problem, x), operator) < 1e-13
    assert problem.is_linear


def test_manufactured_sources_of_a_nonlinear_system() -> None:
    node = laplace(
        unknowns=["u", "v"],
        equations=["laplacian(u) + u*v = f", "dx(v)**2 + u = 3*g"],
        definitions={"f": "manufactured", "g": "manufactured"},
        conditions=[
            {"part": SIDES, "equation": "u = x*y"},
            {"part": SIDES, "equation": "v = x + y**2"},
        ],
        exact={"u": "x*y", "v": "x + y**2"},
    )
    assert not create(node).is_linear


@pytest.mark.parametrize(
    ("equations", "message"),
    [
        (["laplacian(u) = f**2"], "the equation is not linear in f; write its formula"),
        (
            ["laplacian(u) = dx(f)"],
            "may not be differentiated or multiplied away; write its formula",
        ),
        (
            ["laplacian(u) = 0*f"],
            "a manufactured source must stand in exactly one equation, found in 0",
        ),
        (
            ["laplacian(u) = f", "dx(u) = f"],
            "a manufactured source must stand in exactly one equation, found in 2",
        ),
    ],
)
def test_a_source_that_cannot_be_manufactured(equations: list[str], message: str) -> None:
    config = laplace(equations=equations, definitions={"f": "manufactured"}, exact={"u": "x"})
    assert refusal(config) == f"problem.definitions.f: {message}"


def test_manufactured_without_an_exact_solution() -> None:
    assert "'manufactured' needs an exact solution" in refusal(
        laplace(equations=["laplacian(u) = f"], definitions={"f": "manufactured"})
    )


def test_a_manufactured_source_is_known_in_its_equation_only() -> None:
    conditions = [{"part": SIDES, "equation": "u = x*f"}]
    node = laplace(
        equations=["u = f"],
        definitions={"f": "manufactured"},
        conditions=conditions,
        exact={"u": "0"},
    )
    assert "problem.conditions[0]" in refusal(node)


# What a problem knows
# ------------------------------------------------------------------------------------------------


def test_order_counts_the_conditions_too() -> None:
    assert create(laplace(equations=["dx(u) + dy(u) = 0"])).order == 1
    assert create(laplace(equations=["dxxyy(u) = 0"])).order == 4
    bent = [ZERO, {"part": "left", "equation": "dxxx(u) = 0"}]
    assert create(laplace(conditions=bent)).order == 3


def test_linear_or_not() -> None:
    assert create(laplace(equations=["laplacian(u) + exp(x)*dx(u) = sin(y)"])).is_linear
    assert not create(laplace(equations=["laplacian(u) + u**2 = 0"])).is_linear
    radiation = [{"part": SIDES, "equation": "dn(u) + u**4 = 1"}]
    assert not create(laplace(conditions=radiation)).is_linear


def test_the_exact_solution_changes_nothing_else() -> None:
    bare, full = create(laplace()), create(laplace(exact={"u": "0"}))
    assert (bare.equations, bare.conditions, bare.parts) == (
        full.equations,
        full.conditions,
        full.parts,
    )
    assert replace(full.config, exact=None) == bare.config


def test_sampling_knows_no_exact_solution() -> None:
    sampler = SamplerConfig(100, 40, "sobol")
    first, second = (create(laplace(**keys)) for keys in ({}, {"exact": {"u": "0"}}))
    ours, theirs = (
        collocate(p.domain, p.parts, sampler, 3, torch.float64) for p in (first, second)
    )
    assert torch.equal(ours.interior.x, theirs.interior.x)
    assert math.isclose(float(ours.interior.w.sum()), 4.0)
