"""Eigenproblems: values, modes, estimates, clusters, complex pairs, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kanpde
from kanpde.api.planning import plan_of
from kanpde.api.solving import configure
from kanpde.eigen.factors import Factors
from kanpde.eigen.krylov import Sizes, largest
from kanpde.eigen.levels import Modes
from kanpde.eigen.pencil import Pencils
from kanpde.eigen.spectrum import matched, mode_distance, wanted
from kanpde.errors import ConfigError
from kanpde.numerics.polynomials import size
from kanpde.patches.covers import cover_of
from kanpde.patches.elimination import Elimination
from kanpde.patches.layout import balanced, layout
from kanpde.patches.statement import Statement
from kanpde.problem.problem import Problem
from kanpde.references.compute import make
from kanpde.results.solution import Solution

SQUARE = {"rectangle": {"lower": [0, 0], "upper": [1, 1]}}
SIDES = ["left", "right", "bottom", "top"]
FIXED = [{"part": SIDES, "equation": "u = 0"}]
ENDS = ["left", "right"]


def tree(**keys: Any) -> dict[str, Any]:
    """-Δu = λ u on the square with u = 0, but for the keys given."""
    plain = {
        "name": "modes",
        "unknowns": ["u"],
        "domain": SQUARE,
        "equations": ["-laplacian(u) = lambda*u"],
        "conditions": FIXED,
        "eigen": {"count": 3},
    }
    kept = {key: value for key, value in (plain | keys).items() if value is not None}
    return {"problem": kept, "output": {"vtu": False, "plots": False}}


def solved(**keys: Any) -> Solution:
    """The solution of a problem on an interval or the square."""
    return kanpde.solve(tree(**keys))


def values(solution: Solution) -> list[complex]:
    """Its eigenvalues."""
    return list(solution.eigenvalues)


# Values and modes
# --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def square(tmp_path_factory: pytest.TempPathFactory) -> tuple[Solution, Path]:
    folder = tmp_path_factory.mktemp("runs") / "square"
    return kanpde.solve(tree(), out=folder), folder


def test_the_square_has_its_eigenvalues_and_a_double_one(square: tuple[Solution, Path]) -> None:
    solution, _ = square
    exact = np.pi**2 * np.array([2.0, 5.0, 5.0])
    np.testing.assert_allclose(values(solution), exact, rtol=1e-9)
    entries = solution.result.eigenvalues
    assert [entry["multiplicity"] for entry in entries] == [1, 2, 2]
    for entry, value in zip(entries, exact, strict=True):
        assert abs(entry["value"] - value) <= 10 * entry["estimate"] * value
        assert entry["mode_estimate"] <= 1e-6
    assert solution.result.exit_code == 0


def test_modes_are_fields_of_length_one_that_meet_the_equation(
    square: tuple[Solution, Path],
) -> None:
    solution, _ = square
    assert solution.problem.unknowns == ("u1", "u2", "u3")
    points = solution.problem.domain.quadrature(2000)
    modes = np.asarray(solution(points.x))
    gram = (points.w[:, None] * modes).T @ modes
    np.testing.assert_allclose(gram, np.eye(3), atol=1e-5)
    first = 2 * np.sin(np.pi * points.x).prod(axis=1)
    np.testing.assert_allclose(np.abs(modes[:, 0]), first, atol=1e-7)
    # the double one is known as a space: sin 2πx sin πy and sin πx sin 2πy are in it
    other = np.sin(2 * np.pi * points.x[:, 0]) * np.sin(np.pi * points.x[:, 1])
    rest = other - modes[:, 1:] @ np.linalg.lstsq(modes[:, 1:], other, rcond=None)[0]
    assert np.abs(rest).max() < 1e-6
    assert solution.residual_rms < 1e-4


def test_a_run_folder_holds_eigenvalues_and_modes(square: tuple[Solution, Path]) -> None:
    solution, folder = square
    result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    assert [entry["value"] for entry in result["eigenvalues"]] == [
        value.real for value in values(solution)
    ]
    assert set(result["estimate"]) == {"u1", "u2", "u3"}
    loaded = kanpde.load(folder)
    assert values(loaded) == values(solution)
    x = np.array([[0.3, 0.4], [0.9, 0.2]])
    np.testing.assert_array_equal(loaded(x), solution(x))


def test_insulated_sides_have_the_eigenvalue_zero() -> None:
    free = [{"part": ENDS, "equation": "dn(u) = 0"}]
    solution = solved(
        domain={"interval": [0, 1]}, equations=["-dxx(u) = lambda*u"], conditions=free
    )
    exact = np.pi**2 * np.array([0.0, 1.0, 4.0])
    np.testing.assert_allclose(values(solution), exact, atol=1e-7)
    assert solution.result.exit_code == 0


def test_the_nearest_eigenvalues_are_given() -> None:
    ends = [{"part": ENDS, "equation": "u = 0"}]
    keys = {"domain": {"interval": [0, 1]}, "conditions": ends}
    equations = ["-(1 + x)*dxx(u) - dx(u) = lambda*(1 + x)*u"]
    near = values(solved(equations=equations, eigen={"count": 2, "near": 220}, **keys))
    every = values(solved(equations=equations, eigen={"count": 6}, **keys))
    expected = sorted(every, key=lambda value: abs(value - 220))[:2]
    np.testing.assert_allclose(near, sorted(expected, key=lambda value: value.real), rtol=1e-7)


def test_a_complex_pair_is_given_once_with_both_parts_of_its_mode() -> None:
    # u + i v satisfies -w'' + 3 i w = λ w, and its conjugate the conjugate equation
    ends = [{"part": ENDS, "equation": f"{name} = 0"} for name in "uv"]
    solution = solved(
        unknowns=["u", "v"],
        domain={"interval": [0, 1]},
        equations=["-dxx(u) - 3*v = lambda*u", "-dxx(v) + 3*u = lambda*v"],
        conditions=ends,
        eigen={"count": 2, "exact": [[np.pi**2, 3.0], [4 * np.pi**2, 3.0]]},
    )
    assert solution.problem.unknowns == (
        *("u1", "v1", "u1_imag", "v1_imag"),
        *("u2", "v2", "u2_imag", "v2_imag"),
    )
    assert all(entry["error"] < 1e-6 for entry in solution.result.eigenvalues)
    assert solution.residual_rms < 1e-3 and solution.boundary_max < 1e-6


def test_the_eigenvalue_may_stand_in_a_condition() -> None:
    # Steklov: harmonic functions r^k sin kθ on the unit disk
    solution = solved(
        domain={"disk": {"center": [0, 0], "radius": 1}},
        equations=["laplacian(u) = 0"],
        conditions=[{"part": "boundary", "equation": "dn(u) = lambda*u"}],
        eigen={"count": 5},
    )
    np.testing.assert_allclose(values(solution), [0, 1, 1, 2, 2], atol=1e-9)


def test_periodic_sides_and_a_mean_are_those_of_patches() -> None:
    mathieu = solved(
        domain={"interval": [0, float(np.pi)]},
        equations=["-dxx(u) + 10*cos(2*x)*u = lambda*u"],
        conditions=[{"periodic": ENDS}],
        eigen={"count": 3, "near": -6},
    )
    # DLMF 28: a_0(5), b_2(5), a_2(5)
    exact = [-5.80004602085, 2.09946044548, 7.44910973953]
    np.testing.assert_allclose(values(mathieu), exact, rtol=1e-10)


def test_the_unstable_mode_of_poiseuille_flow() -> None:
    solution = kanpde.solve("orr_sommerfeld")
    (value,) = values(solution)
    assert abs(value - (0.23752648882 + 0.00373967062j)) < 1e-7


def test_a_corner_is_refined_until_all_modes_meet_the_tolerance() -> None:
    shape = {"polygon": {"vertices": [[0, 0], [1, 0], [1, 1], [-1, 1], [-1, -1], [0, -1]]}}
    solution = kanpde.solve(
        tree(domain=shape, conditions=[{"part": "boundary", "equation": "u = 0"}]), tolerance=1e-3
    )
    exact = np.array([9.63972384402194, 15.1972519264543, 2 * np.pi**2])
    errors = np.abs(np.array(values(solution)).real / exact - 1)
    estimates = [entry["estimate"] for entry in solution.result.eigenvalues]
    assert (errors <= 2 * np.array(estimates)).all() and solution.result.exit_code == 0


def test_what_is_not_reached_ends_with_a_warning_and_exit_code_8() -> None:
    patches = {"trial": {"patches": {"cells": 1, "degree": 6, "refine": False}}}
    solution = kanpde.solve(tree() | patches, tolerance=1e-6)
    assert solution.result.exit_code == 8
    assert any("1e-06 was not reached" in warning for warning in solution.result.verdict.warnings)


# Pieces
# --------------------------------------------------------------------------------------------------


def test_a_solve_with_the_factors_is_that_of_the_elimination() -> None:
    # a source f in the place of λ u: A x = -B c with c the coefficients of f
    config = configure(tree(conditions=[*FIXED]))
    problem = Problem.create(config.problem)
    pencils = Pencils.of(problem, -1.0)
    cover = cover_of(pencils.plain, 3)
    patches = layout(cover, balanced(cover, dict.fromkeys(cover.start(), 6)))
    factored = Factors(pencils.statement, cover).of(patches)
    ones = [np.eye(size(6, 2))[:, :1] for _ in patches]
    ours = factored.inverted(ones).coefficients
    source = tree(equations=["-laplacian(u) + u = 1"], eigen=None)
    plain = Statement.of(Problem.create(configure(source).problem))
    theirs, squares, _ = plain.solve(cover, patches, Elimination(cover.counts))
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a[:, 0], b, atol=1e-10)
    right = [-leaf.rate @ c for leaf, c in zip(factored.leaves, ones, strict=True)]
    ours_squares = factored.squares(right, factored.inverted(ones))[:, 0]
    np.testing.assert_allclose(ours_squares, squares, rtol=1e-5)


def test_a_krylov_space_finds_the_largest_eigenvalues_with_their_multiplicity() -> None:
    rng = np.random.default_rng(3)
    basis = rng.standard_normal((40, 40))
    diagonal = np.array([5.0, 5.0, 3.0, *(1.0 / k for k in range(2, 39))])
    matrix = basis @ np.diag(diagonal) @ np.linalg.inv(basis)
    start = rng.standard_normal((40, 2))
    ritz = largest(lambda block: matrix @ block, start, Sizes(4, 3, 40))
    np.testing.assert_allclose(ritz.values[:3], [5, 5, 3], rtol=1e-8)
    rest = matrix @ ritz.vectors[:, 2] - 3 * ritz.vectors[:, 2]
    assert np.linalg.norm(rest) < 1e-8 * np.linalg.norm(ritz.vectors[:, 2])


def test_a_complex_pair_is_not_cut() -> None:
    matrix = np.diag([5.0, 1.0, 1.0, 0.1, 0.05])
    matrix[1:3, 1:3] = [[2.0, 1.0], [-1.0, 2.0]]
    ritz = largest(lambda block: matrix @ block, np.eye(5)[:, :2] + 0.1, Sizes(2, 1, 5))
    np.testing.assert_allclose(ritz.values, [5, 2 + 1j, 2 - 1j], atol=1e-12)


def _modes(eigenvalues: list[complex], columns: list[np.ndarray]) -> Modes:
    fields = np.stack(columns, axis=-1)[:, None, :].astype(complex)
    return Modes(np.array(eigenvalues, dtype=complex), [fields], fields)


def test_a_double_eigenvalue_that_rounding_made_complex_has_two_real_modes() -> None:
    z = np.linspace(0, 1, 50)
    first, second = np.sqrt(2) * np.sin(np.pi * z), np.sqrt(2) * np.cos(np.pi * z)
    weights = np.full(50, 1 / 50)
    pair = _modes(
        [4 + 1e-12j, 4 - 1e-12j, 30.0],
        [(first + 1j * second) / 2**0.5, (first - 1j * second) / 2**0.5, first],
    )
    chosen = wanted(pair, weights, 2, 0.0)
    assert [mode.eigenvalue for mode in chosen] == [4.0, 4.0]
    assert [mode.multiplicity for mode in chosen] == [2, 2]
    for mode in chosen:
        assert mode_distance(mode.of(pair.values), 4.0, 1.0, pair, weights) < 1e-12
        assert np.abs(mode.of(pair.values).imag).max() < 1e-12


def test_eigenvalues_of_two_levels_are_paired_one_by_one() -> None:
    distances = matched(
        np.array([1.0, 1.001, 9.0], dtype=complex),
        np.array([1.0004, 1.0, 7.0], dtype=complex),
        np.array([1.0, 1.0, 9.0]),
    )
    # the nearest of the second is the first of the other level, which is taken
    assert distances.partners == (1, 0, 2)
    np.testing.assert_allclose(distances.eigenvalues, [1e-13, 6e-4, 2 / 9], rtol=1e-6)


def test_two_equal_eigenvalues_have_two_partners() -> None:
    pair = np.array([2.0, 2.0], dtype=complex)
    distances = matched(pair, np.array([2.0, 2.1], dtype=complex), np.ones(2))
    assert sorted(distances.partners) == [0, 1]


# What is refused
# --------------------------------------------------------------------------------------------------

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"eigen": None}, r"unknown name 'lambda'; write 'eigen: \{count: 6\}'"),
    ({"equations": ["-laplacian(u) = 0"]}, "no equation or condition of 'modes' holds 'lambda'"),
    ({"equations": ["-laplacian(u) = lambda*u + 1"]}, "has a source, and an eigenproblem has none"),
    ({"equations": ["-laplacian(u) = lambda**2*u"]}, "must be linear in the unknowns and in"),
    ({"equations": ["-laplacian(u) = u/lambda"]}, "must be linear in the unknowns and in 'lambda'"),
    ({"equations": ["-laplacian(u) = lambda*u**2"]}, "must be linear in the unknowns"),
    ({"conditions": [{"part": SIDES, "equation": "u = 1"}]}, "the condition 'left' has a source"),
    ({"conditions": [*FIXED, {"mean": "lambda*u = 0"}]}, "at a point or on a mean holds 'lambda'"),
    ({"time": {"interval": [0, 1]}}, "problem.time: does not go with 'eigen'"),
    ({"exact": {"u": "0"}}, "problem.exact: does not go with 'eigen'"),
    ({"quantities": {"e": "u*u"}}, "problem.quantities: does not go with 'eigen'"),
    ({"parameters": {"lambda": 2}}, "the name 'lambda' is already used for the eigenvalue"),
    ({"unknowns": ["lambda"]}, "the name 'lambda' is already used for the eigenvalue"),
    ({"eigen": {"count": 0}}, "problem.eigen.count: must be an integer from 1 to 100, found 0"),
    ({"eigen": {}}, "missing key 'count'"),
    ({"eigen": {"count": 1, "neer": 3}}, "unknown key, did you mean 'near'"),
    ({"eigen": {"count": 1, "exact": [1, 2]}}, "must hold exactly 1 element, found 2"),
    (
        {"domain": {"regions": {"a": SQUARE}}, "conditions": []},
        "'eigen' takes one shape, not regions",
    ),
    (
        {"conditions": [*FIXED, {"data": "a.csv", "equation": "u = m"}]},
        "measured values do not go with 'eigen'",
    ),
]


@pytest.mark.parametrize(("keys", "message"), REFUSED)
def test_what_is_no_eigenproblem_is_refused_with_a_sentence(
    keys: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        plan_of(configure(tree(**keys))).prepare()


@pytest.mark.parametrize(
    ("top", "message"),
    [
        ({"trial": {"width": [5]}}, "trial: does not go with problem.eigen"),
        ({"dtype": "float32"}, "problem.eigen: needs dtype float64, found float32"),
    ],
)
def test_other_ways_to_solve_are_refused(top: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        plan_of(configure(tree() | top)).prepare()


def test_there_is_no_reference_of_an_eigenproblem() -> None:
    with pytest.raises(ConfigError, match=r"there is none for problem\.eigen"):
        make(configure(tree()).problem)


def test_lambda_may_name_a_parameter_where_there_is_no_eigenvalue() -> None:
    elastic = tree(equations=["-lambda*laplacian(u) = 1"], parameters={"lambda": 2}, eigen=None)
    assert configure(elastic).problem.parameters["lambda"] == 2


def test_the_node_reads_back_to_the_same() -> None:
    config = configure(tree(eigen={"count": 2, "near": 1.5, "exact": [3, [4, 5]]}))
    assert configure(config.as_tree()).problem.eigen == config.problem.eigen
