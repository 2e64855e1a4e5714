"""Computed references: the error they state bounds the true one, whatever the equation, its
conditions and its domain.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from core_helpers import LINE, SQUARE, create, problem_node, slowly

from kanpde import api
from kanpde.cli import main
from kanpde.config import validate_problem
from kanpde.errors import ConfigError, NumericalError
from kanpde.expressions.evaluate import evaluate
from kanpde.problem.problem import Problem
from kanpde.references import compute as references
from kanpde.references import fem
from kanpde.references.fem import FiniteElements
from kanpde.references.fem.cells import fill
from kanpde.references.fem.evolve import radau
from kanpde.references.fem.space import Space

pytestmark = pytest.mark.usefixtures("one_thread", "coarse")

ALL = ["left", "right", "bottom", "top"]
S = "exp(x)*cos(2*y)"
WAVE = "sin(pi*x + 0.3)*cos(pi*y)"
LENS = {
    "difference": [
        {"disk": {"center": [0, 0], "radius": 1, "name": "rim"}},
        {"disk": {"center": [1, 0], "radius": 0.5, "name": "bite"}},
    ]
}
HEAT = "exp(-t)*cos(x) + t**2*x"
TIME = {"interval": [0, 1]}


@pytest.fixture
def coarse(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin with fewer cells."""
    monkeypatch.setattr(fem, "RESOLUTION", {1: 4, 2: 2})


def source(operator: str, exact: str) -> str:
    """The equation operator(u) = operator(exact)."""
    return f"{operator.replace('U', 'u')} = {operator.replace('U', f'({exact})')}"


def on(parts: list[str] | str, operator: str, exact: str = S) -> dict[str, Any]:
    """A condition that the exact solution satisfies."""
    return {"part": parts, "equation": source(operator, exact)}


def node(
    domain: Any, operator: str, conditions: list[Any], exact: str = S, **keys: Any
) -> dict[str, Any]:
    return problem_node(domain, [source(operator, exact)], conditions, exact={"u": exact}, **keys)


CASES: dict[str, dict[str, Any]] = {
    "coefficients that vary": node(
        SQUARE,
        "div((2 + sin(x*y))*grad(U)) + x*dx(U) - U",
        [on(ALL[:3], "U"), on("top", "(2 + sin(x*y))*dn(U)")],
    ),
    "anisotropic": node(SQUARE, "2*dxx(U) + dxy(U) + dyy(U)", [on(ALL, "U")]),
    "robin and neumann": node(
        SQUARE, "-3*laplacian(U)", [on(["left", "right"], "dn(U) + 2*U"), on("bottom", "5*dn(U)"), on("top", "U")]
    ),
    "mean": node(SQUARE, "laplacian(U)", [on(ALL, "dn(U)"), {"mean": f"u = {S}"}]),
    "semilinear": node(SQUARE, "-laplacian(U) + (U)**3", [on(ALL, "U")]),
    "quasilinear": node(
        SQUARE, "div((1 + (U)**2)*grad(U))", [on(ALL[:3], "U"), on("top", "(1 + (U)**2)*dn(U) + (U)**3")]
    ),
    "periodic": node(
        SQUARE, "laplacian(U) - U", [{"periodic": ["right", "left"]}, {"periodic": ["bottom", "top"]}], WAVE
    ),
    "curved": node(LENS, "laplacian(U) + U", [on("rim", "U"), on("bite", "dn(U) + U")]),
    "line": node(LINE, "0.05*dxx(U) + dx(U)", [on("left", "U"), on("right", "dn(U) + U", "exp(x)")], "exp(x)"),
    "heat": node(
        LINE,
        "dt(U) - dxx(U)",
        [on("initial", "U", HEAT), on("left", "U", HEAT), on("right", "dn(U)", HEAT)],
        HEAT,
        time=TIME,
    ),
    "reaction": node(
        LINE,
        "dt(U) - dxx(U) + (U)**3",
        [on("initial", "U", HEAT), on(["left", "right"], "U", HEAT)],
        HEAT,
        time=TIME,
    ),
    "fourier": node(
        LINE,
        "dt(U) + U*dx(U) - 0.1*dxx(U)",
        [on("initial", "U", "sin(pi*(x - t))"), {"periodic": ["left", "right"]}],
        "sin(pi*(x - t))",
        time=TIME,
    ),
}  # fmt: skip
CASES["line"]["conditions"][0] = on("left", "U", "exp(x)")


def computed_with_error(
    tree: dict[str, Any], folder: Path, error: float, seconds: float = 1e6
) -> tuple[references.Computed, float]:
    """The reference of a problem and its true relative L2 error."""
    config = validate_problem(tree, "small.yaml")
    computed = references.make(config, error, seconds, folder / "computed.npz")
    return computed, true_error(Problem.create(config), computed)


def true_error(problem: Problem, computed: references.Computed) -> float:
    assert problem.exact is not None
    known = computed.reference
    exact = evaluate(problem.exact, torch.tensor(known.x))[0].numpy()
    return float(np.sqrt(known.w @ (known.values[:, 0] - exact) ** 2 / (known.w @ exact**2)))


LONG = {"reaction", "quasilinear", "mean", "semilinear", "fourier"}


@pytest.mark.parametrize("name", slowly(CASES, LONG))
def test_the_error_that_is_stated_bounds_the_true_one(name: str, tmp_path: Path) -> None:
    computed, error = computed_with_error(CASES[name], tmp_path, 1e-3)
    assert computed.reached and computed.reference.error <= 1e-3
    assert error <= 3 * computed.reference.error
    domain = create(CASES[name]).domain
    assert computed.reference.w.sum() == pytest.approx(domain.measure, rel=1e-12)
    assert domain.contains(computed.reference.x).all()


@pytest.mark.parametrize("name", slowly(["poisson_disk", "heat_1d"], {"heat_1d"}))
def test_shipped_problems_are_bounded_too(name: str, tmp_path: Path) -> None:
    config = api.configure(name).problem
    computed = references.make(config, 1e-3, 1e6, tmp_path / "computed.npz")
    assert (
        computed.reached
        and true_error(Problem.create(config), computed) <= 3 * computed.reference.error
    )


def test_layers_resolve_a_reentrant_corner() -> None:
    """r^{2/3} sin(2θ/3) on the L shape: at one degree each layer halves the cell at the corner and
    lowers the error.
    """
    corner = {"polygon": {"vertices": [[0, 0], [0, -1], [1, -1], [1, 1], [-1, 1], [-1, 0]]}}
    edges = [f"edge{k}" for k in range(1, 7)]
    exact = "(x**2 + y**2)**(1/3)*sin(2/3*(atan2(y - x, x + y) + 3*pi/4))"
    tree = problem_node(corner, ["laplacian(u) = 0"], [{"part": edges, "equation": f"u = {exact}"}])
    method = FiniteElements.of(create(tree))
    x, y = method.x.T
    wanted = np.hypot(x, y) ** (2 / 3) * np.sin(2 / 3 * (np.arctan2(y - x, x + y) + 3 * np.pi / 4))
    errors = [
        float(np.sqrt(method.w @ (method.values((4, 6, layers)) - wanted) ** 2))
        for layers in (0, 4, 8)
    ]
    assert errors[1] < errors[0] / 20 and errors[2] < errors[1] / 20


def test_the_shipped_plate_agrees_with_another_mesh() -> None:
    problem = Problem.create(api.configure("poisson_holes").problem)
    known = problem.reference
    assert known is not None
    method = FiniteElements.of(problem)
    assert np.array_equal(method.x, known.x)
    gap = method.values((9, 5, 2)) - known.values[:, 0]
    assert float(np.sqrt(known.w @ gap**2 / (known.w @ known.values[:, 0] ** 2))) < 1e-5


@pytest.mark.parametrize("layers", [0, 3])
def test_curved_cells_fill_the_domain_and_every_point_is_found(layers: int) -> None:
    domain = create(CASES["curved"]).domain
    cells = fill(domain, 5, layers)
    space = Space(cells, 3)
    assert sum(chunk.w.sum() for chunk in space.interior(8)) == pytest.approx(
        domain.measure, rel=1e-13
    )
    x = domain.quadrature(500).x
    where, xi = cells.locate(x)
    assert (
        np.abs(cells.place(xi[..., None], where)[0][..., 0].T - x).max() < 1e-12
        and np.abs(xi - 0.5).max() < 0.5 + 1e-8
    )


def test_slopes_in_time_are_exact_for_polynomials() -> None:
    nodes, slopes, weights = radau(5)
    every = np.append(0.0, nodes)
    for k in range(6):
        assert slopes @ every**k == pytest.approx(k * nodes ** max(k - 1, 0), abs=1e-11)
    assert [weights @ nodes**k for k in range(9)] == pytest.approx(
        [1 / (k + 1) for k in range(9)], rel=1e-13
    )


# What ends a computation, and what is refused
# ------------------------------------------------------------------------


class Slow:
    """An error of 1/n by one knob, which time does not let end."""

    x, w, start = np.zeros((1, 1)), np.ones(1), (1,)

    def finer(self, state: references.State) -> tuple[references.State, ...]:
        return ((2 * state[0],),)

    def values(self, state: references.State) -> references.Array:
        if state == (1,):
            raise NumericalError("too coarse")
        return np.array([1 + 1 / state[0]])

    def describe(self, state: references.State) -> str:
        return str(state)


def test_it_says_when_the_time_is_over_and_what_error_is_left() -> None:
    lines: list[str] = []
    values, error, reason = references.refine(Slow(), 1e-12, 1e-9, lines.append)
    assert reason == "the next round would end after 1e-09 s" and error == pytest.approx(
        0.2, rel=1e-12
    )
    assert values[0] == pytest.approx(1.25) and lines == [
        "(1,): own error inf",
        "(2,): own error 2.0e-01",
    ]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"equations": ["laplacian(laplacian(u)) = 1"]}, "its equation has the derivative"),
        (
            {"equations": ["(1 + dx(u)**2)*laplacian(u) = 1"]},
            "the factor of a second derivative depends on derivatives",
        ),
        ({"equations": ["dx(u) + u = 1"]}, "neither elliptic nor u_t with an elliptic right-hand side"),
        ({"conditions": [{"part": ALL, "equation": "dx(u) + u = 0"}]}, "is not on the conormal derivative"),
        ({"conditions": [{"part": ALL, "equation": "dn(u)**2 + u = 0"}]}, "is not linear in the derivatives"),
        ({"conditions": [{"part": ALL, "equation": "u**3 = 1"}]}, "is not linear in u"),
        ({"conditions": [{"part": ALL[:3], "equation": "u = 0"}], "free": ["top"]}, "the part 'top' has 0 conditions"),
        ({"unknowns": ["u", "v"], "equations": ["laplacian(u) = 0", "v = u"]}, "has no second derivative of 'v'"),
        (
            {"domain": {"box": {"lower": [0, 0, 0], "upper": [1, 1, 1]}}, "conditions": None},
            "found Box in 3 coordinates",
        ),
    ],
    ids=str,
)  # fmt: skip
def test_what_finite_elements_cannot_solve_is_refused(
    changes: dict[str, Any], words: str, tmp_path: Path
) -> None:
    tree = (
        problem_node(SQUARE, ["laplacian(u) = 1"], [{"part": ALL, "equation": "u = 0"}]) | changes
    )
    if tree["conditions"] is None:
        tree["conditions"] = [{"part": [*ALL, "back", "front"], "equation": "u = 0"}]
    with pytest.raises(ConfigError, match=r"no reference by|reference: finite") as caught:
        references.make(validate_problem(tree, "small.yaml"), 1e-3, 5.0, tmp_path / "computed.npz")
    assert words in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("error", "seconds"), [(0.0, 1.0), (2.0, 1.0), (1e-3, 0.0), (float("nan"), 1.0)]
)
def test_goals_that_cannot_be_meant_are_refused(error: float, seconds: float) -> None:
    with pytest.raises(ConfigError, match="--error must lie between 0 and 1 and --seconds above 0"):
        references.make(validate_problem(CASES["anisotropic"], "small.yaml"), error, seconds)


def test_the_command_keeps_what_a_solve_then_is_measured_against(
    tmp_path: Path, capsys: Any
) -> None:
    path = tmp_path / "small.yaml"
    path.write_text(
        "problem:\n  unknowns: [u]\n  domain: {interval: {lower: 0, upper: 1}}\n  equations:"
        " ['dxx(u) = u']\n"
        "  conditions: [{part: [left, right], equation: 'u = 1'}]\n"
        "trial: {width: [2], degree: [3, 7], intervals: [1, 6]}\n"
    )
    assert main(["reference", str(path), "--error", "1e-8"]) == 0
    output = capsys.readouterr().out
    assert "own error" in output and "its own error reached 1e-08" in output
    solution = api.solve(path)
    assert solution.result.as_dict()["reference"]["name"] == "small"
    assert solution.relative_l2["u"] is not None and solution.relative_l2["u"] < 1e-5
    assert main(["reference", str(path), "--out", "x.txt"]) == 2
    assert "--out 'x.txt' must end in .npz" in capsys.readouterr().err
