"""Edges that become functions: what was put in comes out, and the constants with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy
import torch
from core_helpers import LINE, SQUARE, gap, kan, problem_node, uniform

from kanpde import api
from kanpde.cli import main
from kanpde.errors import ConfigError
from kanpde.fitting import fit
from kanpde.symbolic.buttons import Symbolic
from kanpde.symbolic.network import SymbolicKAN
from kanpde.symbolic.numbers import near
from kanpde.symbolic.rounding import rounded, simplest
from kanpde.symbolic.univariate import Match

WAVE = problem_node(
    LINE,
    ["dxx(u) + 9*u = 9"],
    [{"part": "left", "equation": "u = 1 + 2*sin(-2.5)"}, {"part": "right", "equation": "u = 1 + 2*sin(3.5)"}],
)
"""u = 2 sin(3x + 1/2) + 1."""

LAYER = {"kind": "kan", "width": [], "degree": 7, "intervals": 6}


def wave() -> Any:
    return api.solve({"problem": WAVE}, trial=LAYER)


def test_a_symbolic_network_is_the_kan_until_an_edge_is_fixed() -> None:
    network, x = kan([2, 3, 1], base=True), uniform(50, 2)
    symbolic = SymbolicKAN.of(network)
    assert gap(symbolic(x), network(x)) < 1e-14
    assert symbolic.places == sorted(
        (k, i, o) for k, layer in enumerate(network.stack) for o in range(layer.outputs) for i in range(layer.inputs)
    )
    z, values = symbolic.curve((0, 1, 2), x)
    edge = network.stack[0].edges(x.T)[2, 1].detach()
    assert np.array_equal(z, x[:, 1].numpy())
    assert gap(torch.from_numpy(values), edge) < 1e-14
    fixed = symbolic.fixed((0, 1, 2), Match("sin", 1.3, 0.2, 0.7, -0.4, 0.0, 1.0))
    wanted = network.stack[0](x.T) - torch.stack([0 * edge, 0 * edge, edge])
    wanted = wanted + torch.stack([0 * edge, 0 * edge, 0.7 * torch.sin(1.3 * x[:, 1] + 0.2) - 0.4])
    assert gap(fixed(x), network.stack[1](wanted).T) < 1e-13
    assert fixed.places == symbolic.places
    assert gap(symbolic(x), network(x)) < 1e-14


def test_training_on_the_rows_of_an_equation_finds_the_solution_that_splines_only_approach() -> None:
    found = Symbolic.of(wave())
    assert found.suggest(1, 1, 1)[0].name in ("sin", "cos")
    coarse = found.fix(1, 1, 1, "sin")
    with torch.no_grad():
        coarse.network.affine += 0.01
    trained = coarse.retrained()
    x = np.linspace(-1, 1, 31)
    exact = 2 * np.sin(3 * x + 0.5) + 1
    error = np.abs(trained.network(torch.from_numpy(x)[:, None]).detach().numpy()[:, 0] - exact).max()
    assert error < 1e-11
    assert np.abs(found.solution(x[:, None])[:, 0] - exact).max() > 10 * error


def test_auto_writes_the_formula_with_simple_constants() -> None:
    found = Symbolic.of(wave()).auto()
    assert list(found.network.names) == [(0, 0, 0)]
    written = found.formula()
    x = sympy.Symbol("x", real=True)
    assert sympy.simplify(written.expressions["u"] - (2 * sympy.sin(3 * x + sympy.Rational(1, 2)) + 1)) == 0
    assert written.misfit["u"] < 1e-5  # that of the splines


def test_what_nothing_fits_stays_a_spline() -> None:
    x = np.linspace(-1, 1, 200)
    solution = fit(x, np.sin(40 * x**3) * np.exp(x) + x, trial={**LAYER, "intervals": 60})
    found = Symbolic.of(solution).auto()
    written = found.formula()
    assert not found.network.names
    assert str(written.expressions["u"]).startswith("phi_1_1_1(")
    assert found.as_dict(written)["splines"] == [[1, 1, 1]]
    assert found.as_dict(written)["misfit"] == {"u": None}


def test_buttons_say_what_is_wrong() -> None:
    found = Symbolic.of(wave())
    with pytest.raises(
        ConfigError, match=r"symbolic: there is no edge 1,2,1; edges \(layer, input, output\) are 1,1,1"
    ):
        found.suggest(1, 2, 1)
    with pytest.raises(ConfigError, match=r"function 'sine' is not in the library, did you mean 'sin'"):
        found.fix(1, 1, 1, "sine")
    mlp = api.solve(
        {"problem": WAVE}, trial={"kind": "mlp", "width": [4]}, schedule=[{"optimizer": "adam", "steps": 1}]
    )
    with pytest.raises(ConfigError, match=r"symbolic: 'small' needs a saved run with one kan"):
        Symbolic.of(mlp)


def test_constants_are_rounded_only_where_the_fit_stays() -> None:
    x, (a,) = uniform(200, 1, seed=4).numpy(), sympy.symbols("x,")
    rough = 3.1415926 * a**2 + 0.50000001 * sympy.sin(2.0000001 * a) + 1e-9 * a
    exact = np.pi * x[:, 0] ** 2 + 0.5 * np.sin(2 * x[:, 0])
    assert simplest(rough, [a], x, exact)[0] == sympy.pi * a**2 + sympy.sin(2 * a) / 2
    other = 3.14 * x[:, 0] ** 2 + 0.5 * np.sin(2 * x[:, 0])
    found, misfit = rounded(rough, [a], x, other)
    assert float(found.coeff(a**2)) == pytest.approx(3.14, abs=1e-9)
    assert misfit < 1e-9


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
def test_short_numbers_around_a_value_hold_the_one_that_was_meant(value: float, number: Any) -> None:
    found = near(value)
    assert number in found
    assert all(abs(float(one) - value) <= 0.02 * max(abs(value), 1) for one in found)


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
    for word in ("1,1=exp", "1,1,1", "a,1,1=exp"):
        assert main((*words, "--fix", word)) == 2
        assert f"--fix '{word}' must be layer,input,output=function, as in 1,2,1=sin" in capsys.readouterr().err
    assert main((*words, "--overwrite")) == 0
    assert not Path("small/symbolic.json").exists()
