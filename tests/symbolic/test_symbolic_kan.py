"""Edges that become functions: what was put in comes out, and the constants with it."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy
import torch
from core_helpers import LINE, SQUARE, gap, kan, problem_node, uniform

from kanpde import api
from kanpde.api.fitting import fit
from kanpde.cli import main
from kanpde.errors import ConfigError
from kanpde.storage import forget
from kanpde.symbolic import formula_search
from kanpde.symbolic.kan.edge_editor import Symbolic
from kanpde.symbolic.kan.rounding import rounded, simplest
from kanpde.symbolic.kan.symbolic_kan import SymbolicKAN
from kanpde.symbolic.search.numbers import near
from kanpde.symbolic.search.univariate import Match

WAVE = problem_node(
    LINE,
    ["dxx(u) + 9*u = 9"],
    [
        {"part": "left", "equation": "u = 1 + 2*sin(-2.5)"},
        {"part": "right", "equation": "u = 1 + 2*sin(3.5)"},
    ],
)
"""u = 2 sin(3x + 1/2) + 1."""

LAYER = {"kind": "kan", "width": [], "degree": 7, "intervals": 6}


def wave() -> Any:
    return api.solve({"problem": WAVE}, trial=LAYER)


def test_a_symbolic_network_is_the_kan_until_an_edge_is_fixed() -> None:
    network, x = kan([2, 3, 1], base=True), uniform(50, 2)
    symbolic = SymbolicKAN.of(network)
    assert gap(symbolic(x), network(x)) < 1e-14
    first = itertools.product([0], range(2), range(3))
    second = itertools.product([1], range(3), range(1))
    assert symbolic.places == [*first, *second]
    z, values = symbolic.curve((0, 1, 2), x)
    edge = network.stack[0].edges(x.T)[2, 1].detach()
    assert np.array_equal(z, x[:, 1].numpy())
    assert gap(torch.from_numpy(values), edge) < 1e-14
    fixed = symbolic.fixed((0, 1, 2), Match("sin", a=1.3, b=0.2, c=0.7, d=-0.4, rmse=0.0, r2=1.0))
    wanted = network.stack[0](x.T) - torch.stack([0 * edge, 0 * edge, edge])
    wanted = wanted + torch.stack([0 * edge, 0 * edge, 0.7 * torch.sin(1.3 * x[:, 1] + 0.2) - 0.4])
    assert gap(fixed(x), network.stack[1](wanted).T) < 1e-13
    assert fixed.places == symbolic.places
    assert gap(symbolic(x), network(x)) < 1e-14


def test_training_on_the_rows_of_an_equation_finds_the_solution_that_splines_only_approach() -> (
    None
):
    symbolic = Symbolic.of(wave())
    assert symbolic.suggest(1, 1, 1)[0].name in ("sin", "cos")
    coarse = symbolic.fix(1, 1, 1, "sin")
    with torch.no_grad():
        coarse.network.affine += 0.01
    trained = coarse.retrained()
    x = np.linspace(-1, 1, 31)
    exact = 2 * np.sin(3 * x + 0.5) + 1
    error = np.abs(
        trained.network(torch.from_numpy(x)[:, None]).detach().numpy()[:, 0] - exact
    ).max()
    assert error < 1e-11
    assert np.abs(symbolic.solution(x[:, None])[:, 0] - exact).max() > 10 * error


def test_auto_writes_the_formula_with_simple_constants() -> None:
    symbolic = Symbolic.of(wave()).auto()
    assert list(symbolic.network.names) == [(0, 0, 0)]
    written = symbolic.formula()
    x = sympy.Symbol("x", real=True)
    assert (
        sympy.simplify(written.expressions["u"] - (2 * sympy.sin(3 * x + sympy.Rational(1, 2)) + 1))
        == 0
    )
    assert written.misfit["u"] < 1e-5  # that of the splines


def test_what_nothing_fits_stays_a_spline() -> None:
    x = np.linspace(-1, 1, 200)
    solution = fit(x, np.sin(40 * x**3) * np.exp(x) + x, trial={**LAYER, "intervals": 60})
    symbolic = Symbolic.of(solution).auto()
    written = symbolic.formula()
    assert not symbolic.network.names
    assert str(written.expressions["u"]).startswith("phi_1_1_1(")
    assert symbolic.as_dict(written)["splines"] == [[1, 1, 1]]
    assert symbolic.as_dict(written)["misfit"] == {"u": None}


def test_a_function_that_is_clearly_worse_than_the_spline_is_refused() -> None:
    """A staircase is no straight line, though the line has R² = 0.99."""
    x = np.linspace(0, 1, 500)
    solution = fit(x, np.floor(10 * x - 1e-9), trial={**LAYER, "degree": 3, "intervals": 150})
    line = Symbolic.of(solution).suggest(1, 1, 1)[0]
    assert line.r2 > 0.98 and line.rmse > 3 * solution.rmse["u"]
    assert not Symbolic.of(solution).auto().network.names


def test_edges_that_function_and_those_that_do_not_part_ways() -> None:
    """The wave may become a sine; the staircase beside it stays a spline, and the fit is as good as
    with splines.
    """
    points = np.random.default_rng(0).uniform(0, 1, (900, 2))
    y = np.sin(3 * points[:, 0]) + np.floor(10 * points[:, 1])
    solution = fit(points, y, trial={**LAYER, "degree": 3, "intervals": 100})
    symbolic = Symbolic.of(solution).auto()
    assert list(symbolic.network.places) == [(0, 0, 0), (0, 1, 0)] and list(
        symbolic.network.names
    ) == [(0, 0, 0)]
    values = (
        symbolic.network(symbolic.solution.trial.scaled(torch.from_numpy(points)))
        .detach()
        .numpy()[:, 0]
    )
    assert np.sqrt(np.mean((values - y) ** 2)) < 3 * np.sqrt(
        np.mean((solution(points)[:, 0] - y) ** 2)
    )


def test_what_hardly_varies_is_a_constant_and_units_that_nothing_uses_go() -> None:
    """An edge of 1e-14 that gives 3 on the mean goes and the 3 stays, with all that only this edge
    needed.
    """
    network, x = SymbolicKAN.of(kan([2, 3, 1])), uniform(60, 2)
    network = network.fixed((1, 1, 0), Match("exp", a=0.3, b=0.0, c=1e-14, d=3.0, rmse=0.0, r2=1.0))
    network = network.fixed((1, 0, 0), Match("sin", a=2.0, b=0.0, c=1.0, d=0.0, rmse=0.0, r2=1.0))
    small = network.trimmed(x)
    assert gap(small(x), network(x)) < 1e-12
    assert set(network.places) - set(small.places) == {(1, 1, 0), (0, 0, 1), (0, 1, 1)}
    assert list(small.names) == [(1, 0, 0)] and small.affine[0, 3].item() == pytest.approx(3.0)
    assert "e-14" not in str(small.expressions(sympy.symbols("x y"))[0])


def test_constants_that_cancel_are_gathered_in_one_edge() -> None:
    """exp(cos(pi x) + y²) from edges shifted by ±10⁸, of which central differences had no digits
    left.
    """
    network, x = SymbolicKAN.of(kan([2, 3, 1])), uniform(60, 2)
    network = network.fixed((0, 0, 1), Match("cos", a=3.0, b=0.0, c=1.0, d=1e8, rmse=0.0, r2=1.0))
    with torch.no_grad():
        network.stack[0].coefficients[1, 1] -= 1e8
    small = network.centred(x)
    assert gap(small(x), network(x)) < 1e-6
    assert max(abs(small.curve(place, x)[1]).max() for place in small.places) < 1e3
    means = {place: abs(small.curve(place, x)[1].mean()) for place in small.places}
    assert all(mean < 1e-7 for (_, i, _), mean in means.items() if i > 0)


def test_the_mean_of_what_goes_may_stand_in_a_spline() -> None:
    network, x = SymbolicKAN.of(kan([2, 1])), uniform(60, 2)
    network = network.fixed((0, 1, 0), Match("x", a=1.0, b=0.0, c=1e-15, d=-2.0, rmse=0.0, r2=1.0))
    small = network.trimmed(x)
    assert gap(small(x), network(x)) < 1e-12 and small.places == [(0, 0, 0)]


def test_buttons_say_what_is_wrong() -> None:
    symbolic = Symbolic.of(wave())
    with pytest.raises(
        ConfigError,
        match=r"symbolic: there is no edge 1,2,1; edges \(layer, input, output\) are 1,1,1",
    ):
        symbolic.suggest(1, 2, 1)
    with pytest.raises(
        ConfigError, match=r"function 'sine' is not in the library, did you mean 'sin'"
    ):
        symbolic.fix(1, 1, 1, "sine")
    mlp = api.solve(
        {"problem": WAVE},
        trial={"kind": "mlp", "width": [4]},
        schedule=[{"optimizer": "adam", "steps": 1}],
    )
    with pytest.raises(ConfigError, match=r"symbolic: 'small' needs a saved run with one kan"):
        Symbolic.of(mlp)


def test_constants_are_rounded_only_where_the_fit_stays() -> None:
    x, (a,) = uniform(200, 1, seed=4).numpy(), sympy.symbols("x,")
    rough = 3.1415926 * a**2 + 0.50000001 * sympy.sin(2.0000001 * a) + 1e-9 * a
    exact = np.pi * x[:, 0] ** 2 + 0.5 * np.sin(2 * x[:, 0])
    assert simplest(rough, [a], x, exact)[0] == sympy.pi * a**2 + sympy.sin(2 * a) / 2
    near_pi = 3.14 * x[:, 0] ** 2 + 0.5 * np.sin(2 * x[:, 0])
    formula, misfit = rounded(rough, [a], x, near_pi)
    assert float(formula.coeff(a**2)) == pytest.approx(3.14, abs=1e-9)
    assert misfit < 1e-9


NOISE = [(0.0, 3), (1e-2, 0), (1e-1, 0)]


@pytest.mark.parametrize(("noise", "named"), NOISE)
def test_constants_of_noise_get_no_names_and_no_digits_that_nobody_knows(
    noise: float, named: int
) -> None:
    """2.0373 sin(3 x + 1/2) + 1.0171: the noise let 2.0373 become 2 π/3, and 3 become 28/(3 π)."""
    (a,), x = sympy.symbols("x,", real=True), np.random.default_rng(0).uniform(-1, 1, (500, 1))
    start = [sympy.Float(value) for value in (2.001, 2.9991, 0.5003, 1.0002)]
    y = (
        2.0373 * np.sin(3 * x[:, 0] + 0.5)
        + 1.25
        + noise * np.random.default_rng(1).normal(size=500)
    )
    formula, misfit = rounded(start[0] * sympy.sin(start[1] * a + start[2]) + start[3], [a], x, y)
    floats = list(formula.atoms(sympy.Float))
    assert len(floats) == 4 - named and misfit < 1.01 * noise + 1e-14
    if noise:
        assert all(len(str(number).rstrip("0").lstrip("0.")) <= 7 for number in floats), formula


def test_a_named_number_that_the_noise_cannot_hide_is_read() -> None:
    """With σ = 1e-5 the slope is known to six digits, and 3 is no chance."""
    (a,), x = sympy.symbols("x,", real=True), np.random.default_rng(0).uniform(-1, 1, (500, 1))
    y = 2.03731829 * np.sin(3 * x[:, 0]) + 1e-5 * np.random.default_rng(1).normal(size=500)
    formula = rounded(sympy.Float(2.001) * sympy.sin(sympy.Float(2.9991) * a), [a], x, y)[0]
    assert formula.has(sympy.sin(3 * a)) and len(formula.atoms(sympy.Float)) == 1


def test_members_of_a_family_stay_free_to_become_simple_under_noise() -> None:
    """Of c (a x + b)² + d two constants say it all: the others may be anything, whatever the
    noise.
    """
    (a,), x = sympy.symbols("x,", real=True), np.random.default_rng(0).uniform(-1, 1, (500, 1))
    start = [sympy.Float(value) for value in (0.31, 1.37, 0.7104)]
    y = 0.3 * (1.37 * x[:, 0] + 0.71) ** 2 + 1e-2 * np.random.default_rng(1).normal(size=500)
    formula, misfit = rounded(start[0] * (start[1] * a + start[2]) ** 2, [a], x, y)
    assert len(formula.atoms(sympy.Float)) == 2 and misfit < 1.01e-2 and not formula.has(sympy.pi)
    named = rounded(start[0] * (sympy.Float(0.987) * a + start[2]) ** 2, [a], x, y)[
        0
    ]  # π²/10 = 0.98696 is no finding
    assert not named.has(sympy.pi)


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (3.1415, sympy.pi),
        (0.3333, sympy.Rational(1, 3)),
        (-0.5, -sympy.Rational(1, 2)),
        (1e-9, sympy.Integer(0)),
        (9.87, sympy.pi**2),
        (5.0001, sympy.Integer(5)),
    ],
)
def test_short_numbers_around_a_value_hold_the_one_that_was_meant(
    value: float, number: Any
) -> None:
    numbers = near(value)
    assert number in numbers
    assert all(abs(float(short) - value) <= 0.02 * max(abs(value), 1) for short in numbers)


def test_whole_numbers_come_first() -> None:
    assert near(0.9999)[0] == 1
    assert near(0.5)[0] == sympy.Rational(1, 2)
    assert near(1e-9)[0] == 0


def test_the_command_line_writes_a_formula_beside_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    problem = {"name": "sum", "fit": {"u": "exp(x) + y**2"}, "domain": SQUARE}
    quiet = {"output": {"vtu": False, "plots": False}}
    api.solve({"problem": problem, **quiet}, trial=LAYER, sampler={"interior": 200}, out="run")
    words = ("simplify", "run", "--out", "small", "--steps", "0")
    assert main((*words, "--fix", "1,1,1=exp", "--symbolic")) == 0
    out = capsys.readouterr().out
    assert "functions: 1→1 of layer 1 exp, 2→1 of layer 1 x^2" in out
    assert "u = y**2 + exp(x)" in out
    plain = json.loads(Path("small/symbolic.json").read_text())
    assert plain["formulas"] == {"u": "y**2 + exp(x)"}
    assert plain["misfit"]["u"] < 1e-6
    monkeypatch.setattr(formula_search, "candidates", lambda *_: iter(()))
    assert main(("formula", "run")) == 8 and "no structure found" in capsys.readouterr().out
    assert main(("formula", "small")) == 0
    out = capsys.readouterr().out
    assert (
        "y**2 + exp(x)" in out
        and "edges of the simplified network" in out
        and "fits the data to RMSE" in out
    )
    Path("small/symbolic.json").write_text('{"trees": {"u": ["system", "ls"]}, "splines": []}')
    assert main(("formula", "small")) == 5
    assert "symbolic.json: was changed after" in capsys.readouterr().err
    forget(Path("small"), "symbolic.json")  # as in folders of earlier versions
    assert main(("formula", "small")) == 4
    assert (
        "symbolic.json: is not what simplify writes (unknown node system)"
        in capsys.readouterr().err
    )
    for word in ("1,1=exp", "1,1,1", "a,1,1=exp"):
        assert main((*words, "--fix", word)) == 2
        assert (
            f"--fix '{word}' must be layer,input,output=function, as in 1,2,1=sin"
            in capsys.readouterr().err
        )
    assert main((*words, "--overwrite")) == 0
    assert not Path("small/symbolic.json").exists()
