"""Assembly: rows that are right for a known function, and a matrix that gives them for any outer
parameters.
"""

from __future__ import annotations

import copy
import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from core_helpers import (
    CUBE,
    DISK,
    ENDS,
    LINE,
    PLATE,
    SIDES,
    config,
    create,
    gap,
    kan,
    parts,
    problem_node,
    scramble,
    uniform,
)
from torch import Tensor

from kanpde.assembly.collocation import collocate
from kanpde.assembly.outer_system import OuterSystem
from kanpde.assembly.residual import Assembly, Term, equation_terms, terms
from kanpde.config import SamplerConfig, WeightsConfig
from kanpde.errors import NumericalError
from kanpde.problem.problem import Problem
from kanpde.solver.build import Parts, build
from kanpde.trial.solution import TrialSolution

pytestmark = pytest.mark.usefixtures("one_thread")

ROBIN = problem_node(
    PLATE,
    ["-div((1 + x**2)*grad(u)) + dx(u) - 3*u = sin(x) + y"],
    [
        {"part": "left", "equation": "u = cos(y)"},
        {"part": "right", "equation": "(2 + y)*dn(u) + u = x*y", "weight": 7.0},
        {"part": ["bottom", "top"], "equation": "dn(u) = 1"},
    ],
)
CASES: dict[str, dict[str, Any]] = {
    "robin": ROBIN,
    "disk": problem_node(
        DISK, ["laplacian(u) = exp(x)"], [{"part": "circle", "equation": "dn(u) + x*u = y"}]
    ),
    "lifted": problem_node(
        PLATE,
        ["laplacian(u) + y*dxy(u) = x"],
        [
            {"part": ["left", "bottom"], "equation": "2*u = x*y + 1"},
            {"part": ["right", "top"], "equation": "dn(u) + u = 0"},
        ],
    ),
    "periodic": problem_node(
        PLATE,
        ["laplacian(u) + dx(u) = sin(pi*x)"],
        [
            {"periodic": ["left", "right"], "weight": 2.0},
            {"part": ["bottom", "top"], "equation": "u = 0"},
        ],
    ),
    "mean": problem_node(
        PLATE,
        ["laplacian(u) = x*y"],
        [{"part": SIDES, "equation": "dn(u) = 0"}, {"mean": "3*u + x = 2", "weight": 5.0}],
    ),
    "periodic lifted": problem_node(
        PLATE,
        ["laplacian(u) + dx(u) = sin(pi*x)"],
        [
            {"periodic": ["left", "right"]},
            {"part": ["bottom", "top"], "equation": "u = exp(x)"},
            {"mean": "u = x"},
            {"point": [0.3, 0.2], "equation": "u + y*dy(u) = 1"},
        ],
    ),
    "point": problem_node(
        PLATE,
        ["laplacian(u) = x"],
        [
            {"part": SIDES, "equation": "dn(u) = 0"},
            {"point": [0.5, 0.1], "equation": "u + dx(u) = 1"},
        ],
    ),
    "heat": problem_node(
        LINE,
        ["dt(u) = dxx(u)/pi**2 + x*t"],
        [{"part": "initial", "equation": "u = sin(pi*x)"}, {"part": ENDS, "equation": "dn(u) = t"}],
        time={"interval": [0, 2]},
    ),
    "cube": problem_node(
        CUBE,
        ["laplacian(u) + dyz(u) = x*y*z"],
        [{"part": [*SIDES, "back", "front"], "equation": "u = x + z"}],
    ),
    "mixed": problem_node(
        PLATE,
        ["p = dx(u)", "q - dy(u) = 0", "dx(p) + dy(q) = x"],
        [
            {"part": ["left", "right"], "equation": "u = y"},
            {"part": ["bottom", "top"], "equation": "q = 2*u"},
        ],
        unknowns=["u", "p", "q"],
    ),
    "mixed lifted": problem_node(
        PLATE,
        ["p = dx(u) + x", "dx(p) + dyy(u) = x"],
        [
            {"part": ["left", "right"], "equation": "u = y"},
            {"part": ["bottom", "top"], "equation": "dn(u) + p = 2"},
        ],
        unknowns=["u", "p"],
    ),
    "plate": problem_node(
        PLATE,
        ["laplacian(laplacian(u)) = 1"],
        [{"part": SIDES, "equation": "u = 0"}, {"part": SIDES, "equation": "dn(u) = 0"}],
    ),
}
TRIALS: dict[str, dict[str, Any]] = {
    "kan": {
        "kind": "kan",
        "width": [3],
        "degree": 5,
        "intervals": 2,
        "base": "silu",
        "start": "paper",
    },
    "kan-flat": {"kind": "kan", "width": [], "degree": 6, "intervals": 3},
    "mlp": {"kind": "mlp", "width": [4, 5]},
}
SMALL = {"interior": 30, "boundary": 24}


def scrambled(case: str, trial: str = "kan", **changes: Any) -> Parts:
    built = parts(
        CASES[case],
        trial={**TRIALS[trial], "lifting": "lifted" in case, **changes},
        sampler=SMALL,
        weights={"equations": 2.0, "conditions": 11.0},
    )
    scramble(built.trial.network, seed=3)
    return built


def weighted(assembly: Assembly, trial: TrialSolution) -> Tensor:
    """All rows as they enter a least-squares system: times √(weight / rows of the term)."""
    rows = assembly.residuals(trial)
    return torch.cat(
        [
            math.sqrt(t.weight / t.rows) * r.detach()
            for t, r in zip(assembly.terms, rows, strict=True)
        ]
    )


# The matrix gives the rows
# -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("trial", list(TRIALS))
@pytest.mark.parametrize("case", list(CASES))
def test_the_matrix_gives_the_residuals_after_any_step(case: str, trial: str) -> None:
    built = scrambled(case, trial)
    matrix, right = OuterSystem(built.assembly, built.trial).linearised()
    outer = built.trial.net.outer
    assert matrix.shape == (built.assembly.rows, outer.numel()) and right.shape == (
        built.assembly.rows,
    )
    for seed in (5, 6):
        step = uniform(*outer.shape, seed=seed)
        built.trial.net.set_outer(outer + step)
        assert (
            gap(matrix @ step.T.reshape(-1) - right, weighted(built.assembly, built.trial)) < 1e-11
        )


@pytest.mark.parametrize("case", list(CASES))
def test_both_derivative_engines_give_the_same_rows(case: str) -> None:
    closed, nested = scrambled(case), scrambled(case, derivatives="autograd")
    assert nested.trial.engine == "autograd"
    ours, theirs = closed.assembly.residuals(closed.trial), nested.assembly.residuals(nested.trial)
    for rows, others in zip(ours, theirs, strict=True):
        assert gap(rows, others) < 1e-10


@pytest.mark.parametrize("case", ["robin", "lifted", "mean", "mixed"])
def test_a_chunked_matrix_is_the_same_matrix(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    built = scrambled(case)
    whole, right = OuterSystem(built.assembly, built.trial).linearised()
    monkeypatch.setattr("kanpde.assembly.outer_system.POINTS", 7)
    pieces, again = OuterSystem(built.assembly, built.trial).linearised()
    assert gap(pieces, whole) < 1e-14 and gap(again, right) < 1e-14


def test_extra_rows_are_zero_and_last() -> None:
    built = scrambled("robin")
    plain, right = OuterSystem(built.assembly, built.trial).linearised()
    longer, more = OuterSystem(built.assembly, built.trial).linearised(4)
    assert torch.equal(longer[:-4], plain) and not longer[-4:].any()
    assert torch.equal(more[:-4], right) and not more[-4:].any()


@pytest.mark.parametrize("trial", list(TRIALS))
@pytest.mark.parametrize("case", list(CASES))
def test_numbers_at_their_places_are_the_matrix(case: str, trial: str) -> None:
    """Whatever the derivatives, shifts and unknowns; an average and an mlp touch every column."""
    small = scrambled(case, trial)
    system = OuterSystem(small.assembly, small.trial)
    places, matrix = system.places(), system.matrix()
    averaged = any(term.average is not None for term in small.assembly.terms)
    assert (places is None) is (averaged or trial == "mlp")
    if places is not None:
        summed = torch.zeros_like(matrix).index_put_(places, system.numbers(), accumulate=True)
        assert gap(summed, matrix) < 1e-14


@pytest.mark.parametrize("trial", list(TRIALS))
@pytest.mark.parametrize("case", list(CASES))
def test_rows_are_those_of_the_assembly_and_follow_the_outer_parameters(
    case: str, trial: str
) -> None:
    built = scrambled(case, trial)
    kept = OuterSystem(built.assembly, built.trial)
    for seed in (1, 2):
        built.trial.net.set_outer(uniform(*built.trial.net.outer.shape, seed=seed))
        assert gap(kept.weighted(), weighted(built.assembly, built.trial)) < 1e-12
        assert (
            abs(kept.objective() - float(built.assembly.objective(built.trial).detach()))
            < 1e-12 * kept.objective()
        )


@pytest.mark.parametrize("case", list(CASES))
def test_the_objective_is_the_squared_length_of_the_system(case: str) -> None:
    built = scrambled(case)
    system = OuterSystem(built.assembly, built.trial).linearised()[1].square().sum()
    objective = built.assembly.objective(built.trial)
    assert objective.ndim == 0 and objective.requires_grad
    assert gap(objective, system) < 1e-12


# The rows are right
# --------------------------------------------------------------------------------------------------


def quadratic(problem: Problem) -> TrialSolution:
    """u = x² + 3y on the plate, exactly: an additive KAN with the polar form of z² as
    coefficients.
    """
    network = kan([2, 1], degree=3, intervals=2)
    layer = network.stack[0]
    a, b, c = layer.knots[:, 1:-1].unfold(1, 3, 1).unbind(-1)
    square = (a * b + a * c + b * c) / 3
    lower, upper = torch.tensor(problem.domain.lower), torch.tensor(problem.domain.upper)
    half, middle = (upper - lower) / 2, (upper + lower) / 2
    line = layer.grid.greville()
    with torch.no_grad():
        layer.coefficients[0, 0] = (
            middle[0] ** 2 + 2 * middle[0] * half[0] * line[0] + half[0] ** 2 * square[0]
        )
        layer.coefficients[0, 1] = 3 * (middle[1] + half[1] * line[1])
    return TrialSolution(network, lower, upper)


def of_quadratic(**changes: Any) -> tuple[list[Tensor], tuple[Term, ...]]:
    problem = create({**ROBIN, **changes})
    trial = quadratic(problem)
    points = collocate(
        problem.domain, problem.parts, SamplerConfig(20, 12, "sobol"), 0, torch.float64
    )
    assembly = Assembly(terms(problem, points, WeightsConfig(2.0, 11.0)), trial)
    return assembly.residuals(trial), assembly.terms


def test_rows_of_a_known_function_written_out() -> None:
    """u = x² + 3y:  ∇u = (2x, 3),  div((1 + x²) ∇u) = 2 + 6x²."""
    rows_of_terms, of = of_quadratic()
    x, y = of[0].x.T
    u = x**2 + 3 * y
    assert gap(rows_of_terms[0], -(2 + 6 * x**2) + 2 * x - 3 * u - torch.sin(x) - y) < 1e-11
    by_name = {term.name: (rows, term) for rows, term in zip(rows_of_terms, of, strict=True)}
    rows, term = by_name["left"]
    assert gap(rows, 3 * term.x[:, 1] - torch.cos(term.x[:, 1])) < 1e-12
    rows, term = by_name["right"]
    y = term.x[:, 1]
    assert gap(rows, (2 + y) * 4 + 4 + 3 * y - 2 * y) < 1e-11
    assert gap(by_name["bottom"][0], torch.full_like(by_name["bottom"][0], -4.0)) < 1e-11
    assert gap(by_name["top"][0], torch.full_like(by_name["top"][0], 2.0)) < 1e-11


def test_rows_of_a_nonlinear_equation_written_out() -> None:
    rows_of_terms, of = of_quadratic(equations=["laplacian(u) + u*dx(u)**2 = exp(u)"])
    x, y = of[0].x.T
    u = x**2 + 3 * y
    assert gap(rows_of_terms[0], 2 + u * 4 * x**2 - torch.exp(u)) < 1e-11


def test_rows_of_periodic_mean_and_point_written_out() -> None:
    conditions = [
        {"periodic": ["left", "right"]},
        {"part": ["bottom", "top"], "equation": "dn(u) = 0"},
        {"mean": "u*x = 1"},
        {"point": [1, 0], "equation": "u**2 + dy(u) = 0"},
    ]
    rows_of_terms, of = of_quadratic(conditions=conditions)
    by_name = {term.name: rows for rows, term in zip(rows_of_terms, of, strict=True)}
    assert (
        gap(
            by_name["periodic left-right u"],
            torch.full_like(by_name["periodic left-right u"], -4.0),
        )
        < 1e-11
    )
    assert (
        gap(
            by_name["periodic left-right u'"],
            torch.full_like(by_name["periodic left-right u'"], -4.0),
        )
        < 1e-11
    )
    assert gap(by_name["point"], torch.tensor([4.0]).double()) < 1e-11
    (mean,) = [term for term in of if term.name == "mean"]
    assert mean.average is not None and gap(mean.average.sum(), torch.tensor(1.0).double()) < 1e-14
    x, y = mean.x.T
    assert gap(by_name["mean"], (mean.average * x * (x**2 + 3 * y)).sum()[None] - 1) < 1e-11


def test_an_average_is_weighted_by_the_quadrature() -> None:
    """∫ (x² + 3y) x / |Ω| over [0, 2] × [-1, 0.5] is 2 - 3/4, which an unweighted mean of Chebyshev
    points is not.
    """
    problem = create({**ROBIN, "conditions": [*ROBIN["conditions"], {"mean": "u*x = 0"}]})
    trial = quadratic(problem)
    points = collocate(
        problem.domain, problem.parts, SamplerConfig(200, 12, "gauss"), 0, torch.float64
    )
    rows = Assembly(terms(problem, points, WeightsConfig()), trial).residuals(trial)[-1]
    assert gap(rows, torch.tensor([1.25]).double()) < 1e-12


def test_weights_multiply_the_mean_square_of_each_term() -> None:
    rows_of_terms, of = of_quadratic()
    assert {term.name: term.weight for term in of} == {
        "equation 1": 2.0, "left": 11.0, "right": 77.0, "bottom": 11.0, "top": 11.0,
    }  # fmt: skip
    problem = create(ROBIN)
    trial = quadratic(problem)
    objective = Assembly(of, trial).objective(trial)
    assert (
        gap(
            objective,
            sum(t.weight * r.square().mean() for t, r in zip(of, rows_of_terms, strict=True)),
        )
        < 1e-13
    )


# Units
# --------------------------------------------------------------------------------------------------


def scaled_system(node: dict[str, Any], **weights: Any) -> tuple[Tensor, Tensor]:
    built = parts(node, trial=TRIALS["kan"], sampler=SMALL, weights=weights)
    scramble(built.trial.network, seed=3)
    return OuterSystem(built.assembly, built.trial).linearised()


IN_METRES = problem_node(
    {"rectangle": {"lower": [0, 0], "upper": [2, 1]}},
    ["-k*laplacian(u) + c*u = q*sin(x)"],
    [
        {"part": "left", "equation": "u = y"},
        {"part": "right", "equation": "k*dn(u) + h*u = 1", "weight": 3.0},
        {"part": ["bottom", "top"], "equation": "dn(u) = 0"},
    ],
    parameters={"k": 2.0, "c": 0.5, "q": 7.0, "h": 0.1},
)
IN_MILLIMETRES = problem_node(
    {"rectangle": {"lower": [0, 0], "upper": [2000, 1000]}},
    ["-k*laplacian(u) + c*u = q*sin(x/1000)"],
    [
        {"part": "left", "equation": "u = y/1000"},
        {"part": "right", "equation": "k*dn(u) + h*u = 1000", "weight": 3.0},
        {"part": ["bottom", "top"], "equation": "1e11*dn(u) = 0"},
    ],
    parameters={"k": 2e6, "c": 0.5, "q": 7.0, "h": 100.0},
)


def test_the_system_does_not_depend_on_units() -> None:
    ours, theirs = scaled_system(IN_METRES), scaled_system(IN_MILLIMETRES)
    assert gap(ours[0], theirs[0]) < 1e-12 and gap(ours[1], theirs[1]) < 1e-12


def test_the_system_does_not_depend_on_factors_of_an_equation() -> None:
    times = copy.deepcopy(IN_METRES)
    times["equations"] = ["E*(-k*laplacian(u) + c*u) = E*q*sin(x)"]
    times["parameters"]["E"] = 2.1e11
    ours, theirs = scaled_system(IN_METRES), scaled_system(times)
    assert gap(ours[0], theirs[0]) < 1e-12 and gap(ours[1], theirs[1]) < 1e-12


def test_without_scaling_the_terms_are_taken_as_they_stand() -> None:
    times = copy.deepcopy(IN_METRES)
    times["equations"] = ["100*(-k*laplacian(u) + c*u) = 100*q*sin(x)"]
    (ours, _), (theirs, _) = (scaled_system(node, scaled=False) for node in (IN_METRES, times))
    inside = slice(0, len(parts(IN_METRES, trial=TRIALS["kan"], sampler=SMALL).points.interior.x))
    assert gap(theirs[inside], 100 * ours[inside]) < 1e-12
    assert gap(theirs[inside.stop :], ours[inside.stop :]) < 1e-12


# Grouping
# --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", list(CASES))
def test_terms_together_give_what_each_gives_alone(case: str) -> None:
    built = scrambled(case)
    together = built.assembly.residuals(built.trial)
    for term, rows in zip(built.assembly.terms, together, strict=True):
        (alone,) = Assembly([term], built.trial).residuals(built.trial)
        assert gap(rows, alone) < 1e-12


def test_the_order_of_terms_is_kept_whatever_derivatives_they_need() -> None:
    built = scrambled("robin")
    reverse = Assembly(list(reversed(built.assembly.terms)), built.trial)
    ours, theirs = built.assembly.residuals(built.trial), reverse.residuals(built.trial)
    for rows, again in zip(ours, reversed(theirs), strict=True):
        assert gap(rows, again) < 1e-13


def test_rows_follow_the_parameters() -> None:
    """The gradient of the objective is 2 Mᵀ r for the outer parameters, and the right-hand side is
    -r.
    """
    built = scrambled("mixed lifted", "kan-flat")
    matrix, right = OuterSystem(built.assembly, built.trial).linearised()
    (gradient,) = torch.autograd.grad(
        built.assembly.objective(built.trial), built.trial.network.stack[0].coefficients
    )
    assert gap(gradient.reshape(-1), -2 * matrix.T @ right) < 1e-11


# Refusals
# --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("trial", list(TRIALS))
@pytest.mark.parametrize("where", ["equation", "condition", "lifted"])
def test_a_nonlinear_term_is_linearised(where: str, trial: str) -> None:
    """Central differences of the rows along a random step of the outer parameters."""
    node = copy.deepcopy(CASES["lifted"] if where == "lifted" else ROBIN)
    if where == "condition":
        node["conditions"][2]["equation"] = "dn(u) = -u**4"
    else:
        node["equations"] = ["laplacian(u) + u*dx(u) = u**2 + x*dxy(u)**2"]
    built = parts(node, trial={**TRIALS[trial], "lifting": where == "lifted"}, sampler=SMALL)
    scramble(built.trial.network, seed=3)
    assert not built.assembly.linear and not built.problem.is_linear
    matrix, right = OuterSystem(built.assembly, built.trial).linearised()
    assert gap(-right, weighted(built.assembly, built.trial)) < 1e-13
    outer, size = built.trial.net.outer, 1e-5
    step = uniform(*outer.shape, seed=5)
    rows = []
    for sign in (1, -1):
        built.trial.net.set_outer(outer + sign * size * step)
        rows.append(weighted(built.assembly, built.trial))
    assert gap((rows[0] - rows[1]) / (2 * size), matrix @ step.T.reshape(-1)) < 1e-7


@pytest.mark.parametrize(
    "equation", ["laplacian(u) = log(x - 1)", "laplacian(u) = exp(1e4*x)", "sqrt(-x)*dxx(u) = 1"]
)
def test_a_formula_that_is_not_finite_is_refused_with_its_place(equation: str) -> None:
    node = {**ROBIN, "equations": [equation]}
    with pytest.raises(NumericalError) as caught:
        build(config(node, trial=TRIALS["kan"], sampler=SMALL))
    message = str(caught.value)
    assert "\n" not in message and message.startswith("equation 1: its ")
    place = message.partition(" is not finite at [")[2].partition("]")[0].split(", ")
    assert len(place) == 2 and 0 <= float(place[0]) <= 2
    assert message.endswith("change the formula or the domain")


def test_a_coefficient_that_is_not_finite_is_named_in_the_words_of_the_user() -> None:
    node = {**ROBIN, "equations": ["log(x - 1)*dxx(u) = 1"]}
    with pytest.raises(NumericalError) as caught:
        build(config(node, trial=TRIALS["kan"], sampler=SMALL))
    assert "Derivative(" not in str(caught.value), str(caught.value)


def test_a_condition_that_is_not_finite_is_named_by_its_part() -> None:
    node = copy.deepcopy(ROBIN)
    node["conditions"][0]["equation"] = "u = 1/x"
    with pytest.raises(NumericalError, match=r"left: its source is not finite at \[0.0, "):
        build(config(node, trial=TRIALS["kan"], sampler=SMALL))


def test_a_column_where_a_row_belongs_never_reaches_the_objective(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """(N, 1) - (N,) would broadcast to (N, N) without a word."""
    built = scrambled("robin")
    columns = [rows[:, None] for rows in built.assembly.residuals(built.trial)]
    monkeypatch.setattr(built.assembly, "residuals", lambda trial: columns)
    with pytest.raises(
        NumericalError, match=r"residual of 'equation 1': needs shape \((\d+),\), found \(\1, 1\)"
    ):
        built.assembly.objective(built.trial)


def test_residuals_anywhere_need_no_weights() -> None:
    problem = create(ROBIN)
    trial = quadratic(problem)
    x = torch.tensor(problem.domain.quadrature(30).x)
    (rows,) = Assembly(equation_terms(problem, x), trial).residuals(trial)
    assert rows.shape == (len(x),)
    (half,) = Assembly([replace(t, x=x[::2]) for t in equation_terms(problem, x)], trial).residuals(
        trial
    )
    assert gap(half, rows[::2]) < 1e-13


def test_rows_follow_the_unknown_constants_beside_the_outer_parameters() -> None:
    node = {
        **problem_node(
            PLATE,
            ["-k*laplacian(u) = 1"],
            [{"part": SIDES, "equation": "u = 0"}, {"mean": "u = 1"}],
        ),
        "unknown_parameters": {"k": {"start": 1.0, "positive": True}},
    }
    built = parts(node)
    built.trial.net.set_outer(uniform(*built.trial.net.outer.shape))
    system = OuterSystem(built.assembly, built.trial)
    before = system.weighted().clone()
    with torch.no_grad():
        built.trial.constants.raw.add_(0.5)
    after = system.weighted()
    assert not torch.equal(before, after)
    assert torch.equal(after, OuterSystem(built.assembly, built.trial).weighted())
