"""From a solve to a formula: each verdict, planted mistakes, numbers that are no chance, and what
cannot be done.
"""

from __future__ import annotations

import json
import math
import multiprocessing
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import sympy

import kanpde
from kanpde.cli import main
from kanpde.errors import ConfigError
from kanpde.symbolic.formula import Formula
from kanpde.symbolic.search.axis_spaces import Box
from kanpde.symbolic.search.discover import level
from kanpde.symbolic.search.fit import fit
from kanpde.symbolic.search.models import values
from kanpde.symbolic.search.numbers import exact, recognise, recognise_sum
from kanpde.symbolic.search.separable import Target
from kanpde.symbolic.verify.regression import DataSet, checks
from kanpde.symbolic.verify.statement import Statement
from kanpde.symbolic.verify.supports import places
from kanpde.symbolic.verify.vanishing import is_zero, vanishing
from kanpde.symbolic.verify.verify import Verdict, check, weakest

x, y = sympy.symbols("x y", real=True)
SINE = sympy.sin(sympy.pi * x) * sympy.sin(sympy.pi * y)


@pytest.fixture(scope="module")
def square() -> kanpde.Solution:
    return kanpde.solve("poisson_square")


@pytest.fixture(scope="module")
def sine_formula(square: kanpde.Solution) -> Formula:
    return kanpde.formula(square)


def test_a_pde_becomes_a_formula_that_sympy_verifies(sine_formula: Formula) -> None:
    assert sympy.simplify(sine_formula.expressions["u"] - SINE) == 0
    assert sine_formula.verdict is Verdict.EXACT and sine_formula.sentence == "verified exactly"
    assert len(sine_formula.checks) == 5 and all(
        result.verdict is Verdict.EXACT for result in sine_formula.checks
    )
    points = np.array([[0.3, 0.4], [-0.5, 0.25]])
    assert np.allclose(sine_formula(points)[:, 0], np.sin(np.pi * points).prod(1), rtol=1e-14)


def test_points_of_another_shape_are_refused(sine_formula: Formula) -> None:
    with pytest.raises(ConfigError, match=r"needs points of shape \(N, 2\), found \(3,\)"):
        sine_formula(np.zeros(3))


@pytest.mark.parametrize(
    ("planted", "verdict"),
    [
        (SINE, Verdict.EXACT),
        (SINE + sympy.Rational(1, 10**6) * x, Verdict.WRONG),
        (-SINE, Verdict.WRONG),
        (SINE * (1 + sympy.Float("1e-12")), Verdict.NUMERIC),
        (sympy.sin(3.14159 * x) * sympy.sin(sympy.pi * y), Verdict.WRONG),
    ],
)
def test_a_planted_formula_gets_no_more_than_it_deserves(
    planted: sympy.Expr, verdict: Verdict, square: kanpde.Solution
) -> None:
    where, skipped = places(square.problem, Statement.of(square.problem, {}))
    assert not skipped
    statement = Statement.of(square.problem, {})
    assert (
        weakest(check(where, [planted], statement.numbers, statement.constants)).verdict is verdict
    )


def test_a_formula_that_meets_the_equation_alone_is_no_solution(square: kanpde.Solution) -> None:
    statement = Statement.of(square.problem, {})
    where, _ = places(square.problem, statement)
    verdicts = check(where, [SINE + x * y], statement.numbers, statement.constants)
    assert verdicts[0].verdict is Verdict.EXACT
    assert weakest(verdicts).verdict is Verdict.WRONG


def test_a_field_without_structure_has_no_formula(square: kanpde.Solution) -> None:
    rng = np.random.default_rng(0)

    class Noise(kanpde.Solution):
        def __call__(self, points: np.ndarray, outside: str = "error") -> np.ndarray:  # type: ignore[override]
            return rng.standard_normal((len(points), 1))

    noise = Noise(**{name: getattr(square, name) for name in square.__dataclass_fields__})
    nothing = kanpde.formula(noise, seconds=5.0)
    assert nothing.verdict is Verdict.NOTHING and not nothing.expressions and not nothing.verified
    with pytest.raises(ConfigError, match="none was found"):
        nothing(np.zeros((1, 2)))


def test_exact_is_never_read(square: kanpde.Solution, sine_formula: Formula) -> None:
    lie = replace(square, problem=replace(square.problem, exact=None))
    assert kanpde.formula(lie).text == sine_formula.text


# Numbers
# --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "number",
    [
        sympy.Integer(3),
        sympy.Rational(-7, 4),
        2 * sympy.pi,
        sympy.pi**2 / 4,
        sympy.sqrt(2),
        5 / sympy.sqrt(6),
        sympy.E,
    ],
)
def test_a_number_is_recognised_with_the_digits_it_needs(number: sympy.Expr) -> None:
    assert sympy.simplify(recognise(float(number) * (1 + 1e-12), 1e-10) - number) == 0
    assert recognise(float(number) + 1e-3, 1e-10) != number


def test_a_random_float_is_not_recognised() -> None:
    rng = np.random.default_rng(4)
    read = [recognise(v, 1e-9) for v in rng.uniform(-10, 10, 400)]
    assert sum(number is not None for number in read) <= 4
    assert all(recognise(v, 1e-2) is None for v in rng.uniform(1, 10, 50))


def test_numbers_of_the_problem_come_before_others() -> None:
    angle = sympy.cos(sympy.Rational(3, 10))
    assert recognise(2 * math.cos(0.3), 1e-10, [angle]) == 2 * angle
    assert recognise(2 * math.cos(0.3), 1e-10) is None
    assert exact(0.3) == sympy.Rational(3, 10) and exact(1 / 3) == sympy.Rational(1, 3)
    assert exact(6.283185307179586) == 2 * sympy.pi


# Places
# --------------------------------------------------------------------------------------------------


def test_values_are_those_of_sympy() -> None:
    expression = (
        sympy.exp(-x) * sympy.atan2(y, 1 + x**2)
        + sympy.sqrt(1 + y**2) / sympy.cosh(x)
        - sympy.Rational(1, 3)
    )
    at = {x: np.array([0.3, -0.7]), y: np.array([0.2, 1.1])}
    computed = values(expression, at)
    assert np.allclose(
        computed, [float(expression.subs({x: at[x][k], y: at[y][k]})) for k in range(2)], rtol=1e-14
    )


def test_a_circle_is_parametrised_and_a_disk_problem_verified() -> None:
    tree = {
        "problem": {
            "name": "own",
            "unknowns": ["u"],
            "domain": {"disk": {"center": [0, 0], "radius": 0.5}},
            "parameters": {"k": 3},
            "equations": ["-laplacian(u) = 4*k"],
            "conditions": [{"part": "circle", "equation": "dn(u) + u = 0.25*k - k*0.25 - k"}],
        }
    }
    solution = kanpde.solve(tree)
    got = kanpde.formula(solution)
    assert got.verdict is Verdict.EXACT
    assert sympy.expand(got.expressions["u"] + 3 * (x**2 + y**2) - sympy.Rational(3, 4)) == 0


def test_a_simplification_that_takes_too_long_is_ended() -> None:
    slow = (
        sum(sympy.sin(k * x) ** 9 * sympy.cos(sympy.exp(y * k)) ** 9 for k in range(1, 12)) ** 4 - x
    )
    assert vanishing({0: sympy.Integer(0), 1: (x + 1) ** 2 - x**2 - 2 * x - 1, 2: x - y}, 30.0) == [
        0,
        1,
    ]
    assert vanishing({5: slow, 6: sympy.sin(x) ** 2 + sympy.cos(x) ** 2 - 1}, 2.0) == [6]


def test_a_disk_in_time_is_searched_like_any_other() -> None:
    """Its circle has a centre in space only."""
    tree = {
        "problem": {
            "name": "own",
            "unknowns": ["u"],
            "domain": {"disk": {"center": [0, 0], "radius": 0.5}},
            "time": {"interval": [0, 1]},
            "equations": ["dt(u) = laplacian(u)"],
            "conditions": [
                {"part": "initial", "equation": "u = x**2 + y**2"},
                {"part": "circle", "equation": "u = 0.25 + 4*t"},
            ],
        },
        "trial": {"kind": "kan", "width": [12], "degree": [5, 7], "intervals": [2, 2]},
    }
    got = kanpde.formula(kanpde.solve(tree))
    assert got.verdict is Verdict.EXACT
    assert got(np.array([[0.1, 0.2, 0.5]])) == pytest.approx(0.05 + 4 * 0.5, abs=1e-14)


# What the search can see
# ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            lambda p: 1 / (1 + 3 * (p[:, 0] - 0.5) ** 2 + p[:, 1] ** 2),
            1 / (1 + 3 * (x - sympy.Rational(1, 2)) ** 2 + y**2),
            marks=pytest.mark.slow,
        ),
        (lambda p: np.log(8 / (1 + (p**2).sum(1)) ** 2), sympy.log(8 / (1 + x**2 + y**2) ** 2)),
    ],
)
def test_a_function_of_a_quadratic_form_is_seen(text: object, expected: sympy.Expr) -> None:
    box = Box(-np.ones(2), np.ones(2))
    target = Target(
        field=text,  # type: ignore[arg-type]
        x=(x, y),
        contains=lambda p: np.ones(len(p), bool),
        box=box,
        rng=np.random.default_rng(0),
        plane=True,
    )
    points = box.points(300, np.random.default_rng(1))
    done = [
        fit(candidate.model, (x, y), points, target.field(points)) for candidate in level(target)
    ]
    best = min((fitted for fitted in done if fitted is not None), key=lambda fitted: fitted.misfit)
    assert best.misfit < 1e-13
    at = {x: 0.3, y: -0.4}
    assert float(best.model.filled.subs(at)) == pytest.approx(float(expected.subs(at)), rel=1e-12)


def test_a_field_without_level_sets_of_a_quadratic_form_gives_none() -> None:
    box = Box(-np.ones(2), np.ones(2))
    target = Target(
        lambda p: p[:, 0] ** 3 + np.sin(3 * p[:, 1]) * p[:, 0],
        (x, y),
        lambda p: np.ones(len(p), bool),
        box,
        np.random.default_rng(0),
    )
    assert not list(level(target))


def test_a_sum_with_pi_is_named_only_with_many_digits() -> None:
    number = -4 - sympy.pi**2 / 4
    assert recognise_sum(float(number), 1e-12) == number
    assert recognise_sum(float(number), 1e-8) is None
    rng = np.random.default_rng(5)
    assert all(recognise_sum(v, 1e-11) is None for v in rng.uniform(-30, 30, 40))


def test_roots_of_numbers_multiply_out() -> None:
    rate = 20 - sympy.sqrt(4 * sympy.pi**2 + 400)  # Kovasznay's flow at Re = 40
    u = 1 - sympy.exp(rate * x) * sympy.cos(2 * sympy.pi * y)
    v = rate / (2 * sympy.pi) * sympy.exp(rate * x) * sympy.sin(2 * sympy.pi * y)
    p = (1 - sympy.exp(2 * rate * x)) / 2
    momentum = u * u.diff(x) + v * u.diff(y) + p.diff(x) - (u.diff(x, 2) + u.diff(y, 2)) / 40
    assert is_zero(momentum)
    assert not is_zero(momentum + sympy.Rational(1, 10**6) * u)


def test_simplification_works_where_processes_are_spawned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("multiprocessing.get_all_start_methods", lambda: ["spawn"])
    assert vanishing({0: (x + 1) ** 2 - x**2 - 2 * x - 1, 1: x - y}, 30.0) == [0]


def test_a_process_that_may_have_no_children_claims_nothing_exact(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(multiprocessing, "current_process", lambda: SimpleNamespace(daemon=True))
    assert vanishing({0: sympy.Integer(0)}, 30.0) == []


def test_the_constant_of_an_inverse_problem_is_read_as_a_number() -> None:
    tree = {
        "problem": {
            "name": "own",
            "unknowns": ["u"],
            "domain": {"interval": {"lower": 0, "upper": 1}},
            "unknown_parameters": {"k": {"start": 1.0, "positive": True}},
            "equations": ["-k*dxx(u) = 2.5*pi**2*sin(pi*x)"],
            "conditions": [
                {"part": ["left", "right"], "equation": "u = 0"},
                {"point": [0.5], "equation": "u = 1"},
            ],
        }
    }
    got = kanpde.formula(kanpde.solve(tree))
    assert got.constants == {"k": "5/2"} and got.verdict is Verdict.EXACT


# Regressions
# --------------------------------------------------------------------------------------------------


def test_the_formula_of_a_regression_fits_and_is_never_verified() -> None:
    points = np.random.default_rng(0).uniform(-1, 1, (400, 2))
    wanted = np.exp(points[:, 0]) * np.sin(2 * points[:, 1])
    run = kanpde.fit(
        points[:300],
        wanted[:300],
        test=(points[300:], wanted[300:]),
        trial={"width": [12], "degree": [4, 13], "intervals": [1, 1]},
    )
    got = kanpde.formula(run)
    assert sympy.simplify(got.expressions["u"] - sympy.exp(x) * sympy.sin(2 * y)) == 0
    assert got.verdict is Verdict.FITS and not got.verified and got.holds
    assert [result.what for result in got.checks] == [
        "u at the 300 rows",
        "u at the 100 rows of the test",
    ]
    assert max(result.residual for result in got.checks) < 1e-13
    assert got.sentence.startswith("fits the data to RMSE")


def test_the_misfit_to_data_is_in_their_units() -> None:
    rows = [DataSet("the 2 rows", np.array([[0.0], [1.0]]), np.array([[1.0], [5.0]]))]
    (result,) = checks(rows, (x,), [1 + x], ("u",))
    assert result.residual == pytest.approx(3 / math.sqrt(2))


# Edges of a simplified network
# ----------------------------------------------------------------------------------------


def rough(scale: float = 1.0) -> sympy.Expr:
    """The solution of poisson_square with constants of seven digits."""
    pi = sympy.Float(3.1415926)
    return sympy.Float(scale * 1.00000001) * sympy.sin(pi * x) * sympy.sin(pi * y)


def test_the_formula_of_edges_is_refined_and_verified_like_any_other(
    square: kanpde.Solution, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kanpde.symbolic.formula_search.candidates", lambda *_: iter(()))
    assert kanpde.formula(square).verdict is Verdict.NOTHING
    got = kanpde.formula(square, edges={"u": rough()})
    assert got.verdict is Verdict.EXACT and got.how == {"u": "edges of the simplified network"}
    assert (
        sympy.simplify(got.expressions["u"] - sympy.sin(sympy.pi * x) * sympy.sin(sympy.pi * y))
        == 0
    )


def test_a_formula_of_edges_that_does_not_hold_is_shown_and_said_to_be_none(
    square: kanpde.Solution, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kanpde.symbolic.formula_search.candidates", lambda *_: iter(()))
    got = kanpde.formula(square, edges={"u": sympy.Float(0.9) * (1 - x**2) * (1 - y**2)})
    assert (
        got.verdict is Verdict.WRONG
        and got.expressions
        and not got.holds
        and got.misfit["u"] > 1e-3
    )


def test_the_better_of_the_field_and_of_the_edges_is_taken(
    square: kanpde.Solution, sine_formula: Formula
) -> None:
    got = kanpde.formula(square, edges={"u": sympy.Float(0.9) * (1 - x**2) * (1 - y**2)})
    assert got.text == sine_formula.text and got.how == sine_formula.how


# Command line
# --------------------------------------------------------------------------------------------------


def test_the_command_line_prints_and_writes_the_formula(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    kanpde.solve("heat_1d", out=run)
    assert main(["formula", str(run)]) == 0
    shown = capsys.readouterr().out
    assert "exp(-t)*sin(pi*x)" in shown and "verified exactly" in shown
    assert (
        json.loads((run / "formula.json").read_text(encoding="utf-8"))["verdict"]
        == "verified exactly"
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["formula", "nowhere"], "not a run folder"),
        (["formula", "RUN", "--out", "a.txt"], "must end in .json"),
        (["formula", "RUN", "--seconds", "-1"], "--seconds must be positive"),
    ],
)
def test_mistakes_are_one_line(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_regions_are_refused(square: kanpde.Solution) -> None:
    problem = kanpde.Problem.create(kanpde.configure("diffusion_jump").problem)
    with pytest.raises(ConfigError, match="has the regions inner, outer"):
        kanpde.formula(replace(square, problem=problem))


def test_a_power_that_overflows_is_infinite() -> None:
    c, x = sympy.symbols("c x", real=True)
    powers = values(c**2 * x, {c: 1e200, x: np.array([1.0, -2.0])})
    assert powers.tolist() == [math.inf, -math.inf]
