"""From a solve to a formula: each verdict, planted mistakes, numbers that are no chance, and what cannot be done."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import sympy

import kanpde
from kanpde.cli import main
from kanpde.errors import ConfigError
from kanpde.symbolic.formula import Formula
from kanpde.symbolic.numbers import exact, recognise
from kanpde.symbolic.numeric import values
from kanpde.symbolic.places import places
from kanpde.symbolic.statement import Statement
from kanpde.symbolic.verify import Verdict, check, weakest
from kanpde.symbolic.zero import is_zero, vanishing

x, y = sympy.symbols("x y", real=True)
SINE = sympy.sin(sympy.pi * x) * sympy.sin(sympy.pi * y)


@pytest.fixture(scope="module")
def square() -> kanpde.Solution:
    return kanpde.solve("poisson_square")


@pytest.fixture(scope="module")
def found(square: kanpde.Solution) -> Formula:
    return kanpde.formula(square)


def test_a_pde_becomes_a_formula_that_sympy_verifies(found: Formula) -> None:
    assert sympy.simplify(found.expressions["u"] - SINE) == 0
    assert found.verdict is Verdict.EXACT and found.sentence == "verified exactly"
    assert len(found.checks) == 5 and all(one.verdict is Verdict.EXACT for one in found.checks)
    points = np.array([[0.3, 0.4], [-0.5, 0.25]])
    assert np.allclose(found(points)[:, 0], np.sin(np.pi * points).prod(1), rtol=1e-14)


def test_points_of_another_shape_are_refused(found: Formula) -> None:
    with pytest.raises(ConfigError, match=r"needs points of shape \(N, 2\), found \(3,\)"):
        found(np.zeros(3))


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
    said = Statement.of(square.problem, {})
    assert weakest(check(where, [planted], said.numbers, said.constants)).verdict is verdict


def test_a_formula_that_meets_the_equation_alone_is_no_solution(square: kanpde.Solution) -> None:
    said = Statement.of(square.problem, {})
    where, _ = places(square.problem, said)
    checks = check(where, [SINE + x * y], said.numbers, said.constants)
    assert checks[0].verdict is Verdict.EXACT
    assert weakest(checks).verdict is Verdict.WRONG


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


def test_exact_is_never_read(square: kanpde.Solution, found: Formula) -> None:
    lie = replace(square, problem=replace(square.problem, exact=None))
    assert kanpde.formula(lie).text == found.text


# Numbers ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "number",
    [sympy.Integer(3), sympy.Rational(-7, 4), 2 * sympy.pi, sympy.pi**2 / 4, sympy.sqrt(2), 5 / sympy.sqrt(6), sympy.E],
)
def test_a_number_is_recognised_with_the_digits_it_needs(number: sympy.Expr) -> None:
    assert sympy.simplify(recognise(float(number) * (1 + 1e-12), 1e-10) - number) == 0
    assert recognise(float(number) + 1e-3, 1e-10) != number


def test_a_random_float_is_not_recognised() -> None:
    rng = np.random.default_rng(4)
    read = [recognise(v, 1e-9) for v in rng.uniform(-10, 10, 400)]
    assert sum(one is not None for one in read) <= 4
    assert all(recognise(v, 1e-2) is None for v in rng.uniform(1, 10, 50))


def test_numbers_of_the_problem_come_before_others() -> None:
    angle = sympy.cos(sympy.Rational(3, 10))
    assert recognise(2 * math.cos(0.3), 1e-10, [angle]) == 2 * angle
    assert recognise(2 * math.cos(0.3), 1e-10) is None
    assert exact(0.3) == sympy.Rational(3, 10) and exact(1 / 3) == sympy.Rational(1, 3)
    assert exact(6.283185307179586) == 2 * sympy.pi


# Places -------------------------------------------------------------------------------------------------------------


def test_values_are_those_of_sympy() -> None:
    expression = sympy.exp(-x) * sympy.atan2(y, 1 + x**2) + sympy.sqrt(1 + y**2) / sympy.cosh(x) - sympy.Rational(1, 3)
    at = {x: np.array([0.3, -0.7]), y: np.array([0.2, 1.1])}
    own = values(expression, at)
    assert np.allclose(own, [float(expression.subs({x: at[x][k], y: at[y][k]})) for k in range(2)], rtol=1e-14)


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
    own = kanpde.solve(tree)
    got = kanpde.formula(own)
    assert got.verdict is Verdict.EXACT
    assert sympy.expand(got.expressions["u"] + 3 * (x**2 + y**2) - sympy.Rational(3, 4)) == 0


def test_a_simplification_that_takes_too_long_is_ended() -> None:
    slow = sum(sympy.sin(k * x) ** 9 * sympy.cos(sympy.exp(y * k)) ** 9 for k in range(1, 12)) ** 4 - x
    assert vanishing({0: sympy.Integer(0), 1: (x + 1) ** 2 - x**2 - 2 * x - 1, 2: x - y}, 30.0) == [0, 1]
    assert vanishing({5: slow, 6: sympy.sin(x) ** 2 + sympy.cos(x) ** 2 - 1}, 2.0) == [6]


# Command line -------------------------------------------------------------------------------------------------------


def test_the_command_line_prints_and_writes_the_formula(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run"
    kanpde.solve("heat_1d", out=run)
    assert main(["formula", str(run)]) == 0
    shown = capsys.readouterr().out
    assert "exp(-t)*sin(pi*x)" in shown and "verified exactly" in shown
    assert json.loads((run / "formula.json").read_text(encoding="utf-8"))["verdict"] == "verified exactly"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["formula", "nowhere"], "not a run folder"),
        (["formula", "RUN", "--out", "a.txt"], "must end in .json"),
        (["formula", "RUN", "--seconds", "-1"], "--seconds must be positive"),
    ],
)
def test_mistakes_are_one_line(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_regions_are_refused(square: kanpde.Solution) -> None:
    problem = kanpde.Problem.create(kanpde.configure("diffusion_jump").problem)
    with pytest.raises(ConfigError, match="has the regions inner, outer"):
        kanpde.formula(replace(square, problem=problem))
