"""Statements without a solution, with many, or with one that depends on nothing continuously."""

from __future__ import annotations

from typing import Any

import pytest

from kanpde import api
from kanpde.config import shipped
from kanpde.errors import ConfigError
from kanpde.problem.posing import findings, posed

LINE = {"interval": {"lower": 0, "upper": 1}}
SQUARE = {"rectangle": {"lower": [0, 0], "upper": [1, 1]}}
CUBE = {"box": {"lower": [0, 0, 0], "upper": [1, 1, 1]}}
DISK = {"disk": {"center": [0, 0], "radius": 1}}
ENDS, SIDES = ["left", "right"], ["left", "right", "bottom", "top"]
TIME = {"interval": [0, 1]}


def on(part: str | list[str], equation: str) -> dict[str, Any]:
    return {"part": part, "equation": equation}


def statement(equations: str | list[str], *conditions: dict[str, Any], **keys: Any) -> Any:
    """The checked config of a problem with one unknown on the line, but for the keys given."""
    texts = [equations] if isinstance(equations, str) else equations
    tree = {"name": "small", "unknowns": ["u"], "domain": LINE, "equations": texts}
    return api.configure({"problem": tree | {"conditions": list(conditions)} | keys}).problem


HEAT = on("initial", "u = sin(pi*x)"), on(ENDS, "u = 0")
PLANE = {"domain": SQUARE}

REFUSED = {
    "two sources": (
        statement(["-dxx(u) = 1", "-dxx(u) = 2"], on(ENDS, "u = 0")),
        "'equation 1' and 'equation 2' contradict each other: over-determined",
    ),
    "two operators": (
        statement(["-dxx(u) = 1", "dxx(u) + u = x"], on(ENDS, "u = 0")),
        "over-determined, 2 equations for one unknown",
    ),
    "one equation, two unknowns": (
        statement("dx(u) = v", on("left", "u = 0"), free=["right"], unknowns=["u", "v"]),
        "under-determined, 1 equation for 2 unknowns",
    ),
    "third order": (
        statement("d(u, x, x, x) = 6", on("left", "u = 0"), on("right", "u = 1")),
        "under-determined, order 3 needs 3 conditions, found 2; the solution is not unique, add 1",
    ),
    "beam": (
        statement("d(u, x, x, x, x) = 1", on(ENDS, "u = 0"), on("left", "dx(u) = 0")),
        "order 4 needs 4 conditions, found 3",
    ),
    "first-order system": (
        statement(
            ["dx(u) = v", "dx(v) = -u"], on("left", "u = 1"), free=["right"], unknowns=["u", "v"]
        ),
        "order 2 needs 2 conditions, found 1",
    ),
    "nonlinear": (
        statement("dxx(u) = u**2", on("left", "u = 1"), free=["right"]),
        "order 2 needs 2 conditions, found 1",
    ),
    "heat with a free end": (
        statement(
            "dt(u) = dxx(u)", on("initial", "u = x"), on("left", "u = 0"), free=["right"], time=TIME
        ),
        "order 2 in x needs 2 conditions at its ends, found 1",
    ),
    "waves without a rate": (
        statement("dtt(u) = dxx(u)", *HEAT, time=TIME),
        "under-determined, order 2 in time needs 2 conditions on 'initial', found 1",
    ),
    "heat without a start": (
        statement("dt(u) = dxx(u)", on(ENDS, "u = 0"), free=["initial"], time=TIME),
        "order 1 in time needs 1 condition on 'initial', found 0",
    ),
    "two values": (
        statement("-dxx(u) = 0", on(ENDS, "u = 0"), on("left", "u = 1")),
        "'u = 0' and 'u - 1 = 0' on 'left' contradict each other",
    ),
    "two fluxes": (
        statement("-dxx(u) = 0", on("right", "dn(u) = 1"), on("right", "2*dx(u) = 1"), on("left", "u = 0")),
        "on 'right' contradict each other",
    ),
    "two profiles": (
        statement("laplacian(u) = 0", on(SIDES, "u = x"), on("top", "u = x**2"), **PLANE),
        "on 'top' contradict each other",
    ),
    "two starts": (
        statement("dt(u) = dxx(u)", *HEAT, on("initial", "3*u = 1"), time=TIME),
        "on 'initial' contradict each other",
    ),
    "two nonlinear": (
        statement("laplacian(u) = 0", on(SIDES, "u**4 = 1"), on("top", "u**4 = 3"), **PLANE),
        "on 'top' contradict each other",
    ),
    "heated and insulated": (
        statement("-laplacian(u) = 1", on(SIDES, "dn(u) = 0"), {"mean": "u = 0"}, **PLANE),
        r"incompatible Neumann data, the equation needs a flux of -1 .* the conditions give 0;",
    ),
    "insulated disk": (
        statement(
            "-div((2 + x)*grad(u)) = 1", on("circle", "dn(u) = 1"), {"mean": "u = 0"}, domain=DISK
        ),
        "incompatible Neumann data, the equation needs a flux of -3.14159",
    ),
    "insulated cube": (
        statement(
            "laplacian(u) = 1",
            on(["left", "right", "front", "back", "bottom", "top"], "dn(u) = 0"),
            {"mean": "u = 0"},
            domain=CUBE,
        ),
        "incompatible Neumann data",
    ),
    "backward heat": (
        statement("dt(u) = -dxx(u)", *HEAT, time=TIME),
        "ill-posed, backward in time from 'initial'",
    ),
    "backward in part": (
        statement("dt(u) = (x - 0.5)*dxx(u)", *HEAT, time=TIME),
        "ill-posed, backward in time",
    ),
    "backward from the end": (
        statement("dt(u) = dxx(u)", on("final", "u = 1"), on(ENDS, "u = 0"), free=["initial"], time=TIME),
        "ill-posed, backward in time from 'final'",
    ),
    "fourth order": (
        statement("dt(u) = d(u, x, x, x, x)", *HEAT, on(ENDS, "dxx(u) = 0"), time=TIME),
        "ill-posed, backward",
    ),
    "a system": (
        statement(
            ["dt(u) = dxx(u) + v", "dt(v) = dxx(u) - dxx(v)"],
            on("initial", "u = 0"), on("initial", "v = 1"), on(ENDS, "u = 0"), on(ENDS, "v = 0"),
            unknowns=["u", "v"], time=TIME,
        ),
        "ill-posed, backward",
    ),
    "Cauchy and Riemann in time": (
        statement(
            ["dt(u) = dx(v)", "dt(v) = -dx(u)"],
            on("initial", "u = 0"), on("initial", "v = 1"), on("left", "u = 0"),
            free=["right"], unknowns=["u", "v"], time=TIME,
        ),
        "ill-posed, backward",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    config, message = REFUSED[name]
    with pytest.raises(ConfigError, match=message):
        posed(config)


TERMINAL = on("final", "u = 1"), on(ENDS, "u = 0")
WELL_POSED = {
    "periodic sides and a point that fixes the constant": (
        statement("-dxx(u) = sin(2*pi*x)", {"periodic": ["left", "right"]},
                  {"point": [0], "equation": "u = 0"})
    ),
    "Cauchy and Riemann": statement(
        ["dx(u) = dy(v)", "dy(u) = -dx(v)"], on(SIDES, "u = x"), {"mean": "v = 0"},
        unknowns=["u", "v"], **PLANE,
    ),
    "flux and potential": statement(
        ["dx(u) = p", "dy(u) = q", "dx(p) + dy(q) = 1", "dy(p) - dx(q) = 0"], on(SIDES, "u = 0"),
        unknowns=["u", "p", "q"], **PLANE,
    ),
    "a potential of a gradient": statement(
        ["dx(u) = 2*x", "dy(u) = 1"], {"point": [0, 0], "equation": "u = 0"}, free=SIDES, **PLANE
    ),
    "oscillator": statement(
        ["dx(u) = v", "dx(v) = -u"], on("left", "u = 1"), on("right", "v = 0"), unknowns=["u", "v"]
    ),
    "with an algebraic equation": statement(
        ["dx(u) = v", "v = -u"], on("left", "u = 1"), free=["right"], unknowns=["u", "v"]
    ),
    "singular at its end": statement(
        "dxx(u) + 2/x*dx(u) = -1", on("right", "u = 0"), free=["left"]
    ),
    "Legendre": statement(
        "d((1 - x**2)*dx(u), x) + 2*u = 0", {"point": [0.5], "equation": "u = 1"}, free=ENDS,
        domain={"interval": {"lower": -1, "upper": 1}},
    ),
    "periodic": statement("-dxx(u) + u = sin(2*pi*x)", {"periodic": ENDS}),
    "an eigenvalue": statement(
        "-dxx(u) = k*u", on(ENDS, "u = 0"), on("left", "dx(u) = 1"),
        unknown_parameters={"k": {"start": 9.0}},
    ),
    "the same twice": statement("laplacian(u) = 0", on(SIDES, "u = x"), on("top", "2*u = 2*x"), **PLANE),
    "balanced": statement(
        "-laplacian(u) = 1", on(["left", "bottom", "top"], "dn(u) = 0"), on("right", "dn(u) = -1"),
        {"mean": "u = 0"}, **PLANE,
    ),
    "balanced with a coefficient": statement(
        "div((1 + x)*grad(u)) = 1 + x", on(["left", "bottom", "top"], "dn(u) = 0"),
        on("right", "dn(u) = 0.75"), {"mean": "u = 0"}, **PLANE,
    ),
    "not in divergence form": statement(
        "laplacian(u) + dx(u) = 1", on(SIDES, "dn(u) = 0"), {"mean": "u = 0"}, **PLANE
    ),
    "heat": statement("dt(u) = dxx(u)", *HEAT, time=TIME),
    "heated for ever": statement("dt(u) = dxx(u) + 1", HEAT[0], on(ENDS, "dn(u) = 0"), time=TIME),
    "options": statement("dt(u) + 0.02*x**2*dxx(u) + 0.05*x*dx(u) - 0.05*u = 0", *TERMINAL,
        free=["initial"], time=TIME,
    ),
    "waves": statement("dtt(u) = dxx(u)", *HEAT, on("initial", "dt(u) = 0"), time=TIME),
    "waves as a system": statement(
        ["dt(u) = v", "dt(v) = dxx(u)"], on("initial", "u = 0"), on("initial", "dt(u) = 1"),
        on(ENDS, "u = 0"), unknowns=["u", "v"], time=TIME,
    ),
    "sound": statement(
        ["dt(u) = dx(v)", "dt(v) = dx(u)"], on("initial", "u = 0"), on("initial", "v = 1"),
        on("left", "u = 0"), on("right", "v = 0"), unknowns=["u", "v"], time=TIME,
    ),
    "Schroedinger": statement(
        ["dt(u) = -dxx(v)", "dt(v) = dxx(u)"], on("initial", "u = 0"), on("initial", "v = 1"),
        on(ENDS, "u = 0"), on(ENDS, "v = 0"), unknowns=["u", "v"], time=TIME,
    ),
    "Kuramoto and Sivashinsky": statement(
        "dt(u) + u*dx(u) + dxx(u) + d(u, x, x, x, x) = 0", on("initial", "u = 0"),
        {"periodic": ENDS}, time=TIME,
    ),
    "Korteweg and de Vries": statement(
        "dt(u) + d(u, x, x, x) = 0", on("initial", "u = 0"), {"periodic": ENDS}, time=TIME
    ),
    "periodic in time": statement(
        "dt(u) = dxx(u) + sin(2*pi*t)", on(ENDS, "u = 0"), {"periodic": ["initial", "final"]},
        time=TIME,
    ),
    "prices down to nothing": statement(
        "dt(u) = x**2*dxx(u) + x*dx(u) - u", on("initial", "u = x"), on("right", "u = 1"),
        free=["left"], time=TIME,
    ),
    "what flows out": statement(
        "dt(u) + dx(u) = 0", on("initial", "u = x"), on("left", "u = -t"), free=["right"], time=TIME
    ),
    "lid": statement("laplacian(u) = 0", on(SIDES[:3], "u = 0"), on("top", "u = 1"), **PLANE),
}  # fmt: skip


@pytest.mark.parametrize("name", WELL_POSED)
def test_not_refused(name: str) -> None:
    problem = posed(WELL_POSED[name])
    assert [each for each in findings(problem) if each.warns] == []


REMARKS = {
    "third condition": (
        statement("dxx(u) = 0", on(ENDS, "u = 0"), on("left", "dx(u) = 0")),
        "over-determined: order 2 needs 2 conditions, found 3",
    ),
    "Laplace from its start": (
        statement("dtt(u) = -dxx(u)", *HEAT, on("initial", "dt(u) = 0"), time=TIME),
        "elliptic in time and space",
    ),
    "Laplace from one side": (
        statement(
            "laplacian(u) = 0", on(SIDES[:3], "u = 0"), on("left", "dn(u) = 1"),
            free=["top"], **PLANE
        ),
        r"ill-posed \(a Cauchy problem\): 'top' has 0 conditions",
    ),
    "a free side": (
        statement("laplacian(u) = 0", on(SIDES[:3], "u = 0"), free=["top"], **PLANE),
        "under-determined: 'top' has 0 conditions",
    ),
    "a clamped membrane": (
        statement("laplacian(u) = 1", on(SIDES, "u = 0"), on("top", "dn(u) = 0"), **PLANE),
        "over-determined: 'top' has 2 conditions",
    ),
    "a plate that is held": (
        statement(
            "laplacian(laplacian(u)) = 1", on(SIDES, "u = 0"), on(SIDES[:3], "dn(u) = 0"), **PLANE
        ),
        "under-determined: 'top' has 1 condition",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REMARKS)
def test_remarked(name: str) -> None:
    config, message = REMARKS[name]
    (finding,) = (each for each in findings(posed(config)) if each.warns)
    with pytest.raises(ConfigError, match=message):
        raise ConfigError(finding.sentence)


def test_a_corner_where_data_jump_is_told_and_no_warning() -> None:
    notes = findings(posed(WELL_POSED["lid"]))
    assert {each.kind for each in notes} == {"corner"}
    assert any("(0, 1) of 'left' and 'top'" in each.sentence for each in notes)


@pytest.mark.parametrize("name", shipped.names())
def test_no_shipped_problem_is_refused(name: str) -> None:
    problem = posed(api.configure(name).problem)
    assert [each for each in findings(problem) if each.warns] == []


RESONANT = {
    "a membrane": statement(
        "laplacian(u) + 2*pi**2*u = sin(pi*x)*sin(pi*y)", on(SIDES, "u = 0"), **PLANE
    ),
    "its answer exists": statement(
        "laplacian(u) + 2*pi**2*u = sin(2*pi*x)*sin(pi*y)", on(SIDES, "u = 0"), **PLANE
    ),
    "a string": statement("dxx(u) + pi**2*u = 1", on(ENDS, "u = 0")),
    "with free ends": statement("dxx(u) + pi**2*u = x", on(ENDS, "dx(u) = 0")),
    "round": statement("laplacian(u) + 5.783185962946785*u = 1", on("circle", "u = 0"), domain=DISK),
    "a room": statement(
        "laplacian(u) + 3*pi**2*u = 1",
        on(["left", "right", "front", "back", "bottom", "top"], "u = 0"),
        domain={"box": {"lower": [0, 0, 0], "upper": [1, 1, 1]}},
    ),
    "periodic": statement("dxx(u) + 4*pi**2*u = 1", {"periodic": ENDS}),
    "a plate that is pulled, not held": statement(
        ["laplacian(u) + dx(dx(u) + dy(v)) = 0", "laplacian(v) + dy(dx(u) + dy(v)) = 0"],
        on(["left", "right"], "dx(u) = 1"), on(["left", "right"], "dx(v) + dy(u) = 0"),
        on(["bottom", "top"], "dy(v) = 0"), on(["bottom", "top"], "dx(v) + dy(u) = 0"),
        {"mean": "u = 0"}, {"mean": "v = 0"}, unknowns=["u", "v"], **PLANE,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", RESONANT)
def test_an_eigenvalue_is_told(name: str) -> None:
    kinds = [each.kind for each in findings(posed(RESONANT[name])) if each.warns]
    assert kinds == ["resonance"]


NOT_RESONANT = {
    "a little beside": statement(
        "laplacian(u) + 2.01*pi**2*u = sin(pi*x)*sin(pi*y)", on(SIDES, "u = 0"), **PLANE
    ),
    "between": statement("dxx(u) + 30*u = 1", on(ENDS, "u = 0")),
    "many waves": statement("laplacian(u) + 900*u = 1", on(SIDES, "u = 0"), **PLANE),
    "damped": statement("laplacian(u) - 1e6*u = 1", on(SIDES, "u = 0"), **PLANE),
    "growing": statement("dxx(u) = 400*u", on("left", "u = 1"), on("left", "dx(u) = 0"),
        free=["right"],
    ),
    "a layer": statement("-1e-4*dxx(u) + dx(u) + u = 1", on(ENDS, "u = 0")),
    "free, with a mean": statement("laplacian(u) = x - 0.5", on(SIDES, "dn(u) = 0"), {"mean": "u = 0"}, **PLANE),
    "free, in a ball": statement("laplacian(u) = x", on("sphere", "dn(u) = 0"), {"mean": "u = 0"}, domain=
        {"ball": {"center": [0, 0, 0], "radius": 1}},
    ),
    "impedance": statement(
        ["laplacian(u) + 36*u = 1", "laplacian(v) + 36*v = 0"], on(SIDES, "dn(u) + 6*v = 0"),
        on(SIDES, "dn(v) - 6*u = 0"), unknowns=["u", "v"], **PLANE,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", NOT_RESONANT)
def test_no_eigenvalue_where_there_is_none(name: str) -> None:
    assert [each for each in findings(posed(NOT_RESONANT[name])) if each.warns] == []
