"""Regions and interfaces: piecewise polynomials to rounding, jumps, the divergence theorem, one
region per point, refusals.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import meshio
import numpy as np
import pytest
import pyvista
import torch

import kanpde
from kanpde.config import validate, validate_problem
from kanpde.domains import Composite, build_domain
from kanpde.errors import ConfigError
from kanpde.problem.problem import Problem

DISK = {"disk": {"center": [0, 0], "radius": 0.5, "name": "rim"}}
SQUARE = {"rectangle": {"lower": [-1, -1], "upper": [1, 1]}}
SIDES = ["left", "right", "bottom", "top"]

ROUND: dict[str, Any] = {
    "name": "round",
    "unknowns": ["u"],
    "domain": {"regions": {"inner": DISK, "outer": {"difference": [SQUARE, DISK]}}},
    "parameters": {"k": {"inner": 1.0, "outer": 10.0}},
    "definitions": {"w": {"inner": "x**2 + y**2", "outer": "(x**2 + y**2 + 9/4)/10"}},
    "equations": ["-div(k*grad(u)) = -4"],
    "conditions": [
        {"part": SIDES, "equation": "u = w"},
        {"interface": "rim", "equation": ["jump(u) = 0", "jump(k*dn(u)) = 0"]},
    ],
    "exact": {"u": "w"},
}
"""u = r²/k + const: continuous with its flux at r = 1/2."""

LINE: dict[str, Any] = {
    "name": "line",
    "unknowns": ["u"],
    "domain": {
        "regions": {
            "cold": {"interval": {"lower": 0, "upper": 0.4, "name": "a"}},
            "warm": {"interval": {"lower": 0.4, "upper": 1, "name": "b"}},
        }
    },
    "parameters": {"k": {"cold": 2.0, "warm": 5.0}, "h": 3.0},
    "equations": ["k*dxx(u) = 0"],
    "conditions": [
        {"part": "a_left", "equation": "u = 0"},
        {"part": "b_right", "equation": "u = 1"},
        {
            "interface": ["a_right", "b_left"],
            "equation": ["jump(k*dn(u)) = 0", "cold(k*dn(u)) = -h*jump(u)"],
        },
    ],
}
"""A bar with a contact resistance 1/h: the flux q solves q (0.4/2 + 1/h + 0.6/5) = 1."""

SMALL = {"kind": "kan", "width": [6], "degree": [3, 7], "intervals": [2, 4]}


def solved(problem: dict[str, Any], **keys: Any) -> kanpde.Solution:
    """The solution of a problem node by a small network."""
    return kanpde.solve(
        {"problem": problem, "trial": SMALL, "output": {"plots": False, "vtu": False}, **keys}
    )


def changed(problem: dict[str, Any], **keys: Any) -> dict[str, Any]:
    """A copy with other keys."""
    return copy.deepcopy(problem) | keys


@pytest.fixture(scope="module")
def round_solution() -> kanpde.Solution:
    """The patch problem in two coordinates."""
    return solved(ROUND)


def test_a_piecewise_polynomial_with_a_kink_is_reached_to_rounding(
    round_solution: kanpde.Solution,
) -> None:
    error = round_solution.relative_l2["u"]
    assert error is not None and error < 1e-11
    inside, outside = round_solution(np.array([[0.1, 0.2], [0.6, 0.7]]))[:, 0]
    assert inside == pytest.approx(0.05, abs=1e-10) and outside == pytest.approx(
        (0.85 + 2.25) / 10, abs=1e-10
    )


def test_a_field_may_jump_at_an_interface_with_a_contact_resistance() -> None:
    q = 1 / (0.4 / 2 + 1 / 3 + 0.6 / 5)
    exact = {"u": {"cold": f"{q / 2!r}*x", "warm": f"1 - {q / 5!r}*(1 - x)"}}
    solution = solved(changed(LINE, exact=exact))
    error = solution.relative_l2["u"]
    assert error is not None and error < 1e-12
    left, right = solution.fields(np.array([[0.4], [0.4]]), regions=np.array([0, 1]))["u"]
    assert right - left == pytest.approx(q / 3, abs=1e-11)


def test_a_prescribed_jump_and_a_shared_definition() -> None:
    """u = x in the cold region and x + 1 + k-independent flux jump 2 - 5 in the warm one."""
    problem = changed(
        LINE,
        definitions={"g": "-h/3"},
        conditions=[
            {"part": "a_left", "equation": "u = x"},
            {"part": "b_right", "equation": "u = 2"},
            {
                "interface": ["a_right", "b_left"],
                "equation": ["jump(u) = g", "jump(k*dn(u)) = -3"],
                "name": "contact",
            },
        ],
        exact={"u": {"cold": "x", "warm": "x + 1"}},
    )
    solution = solved(problem, weights={"terms": {"contact": 2.0}})
    error = solution.relative_l2["u"]
    assert error is not None and error < 1e-12
    assert set(solution.result.metrics.conditions) == {"a_left", "b_right", "contact"}


def test_two_unknowns_three_regions_and_a_nonlinear_equation() -> None:
    """u' = v/k, v' = f with k = 1, 2, 4: u piecewise quadratic, v continuous; (u')² makes Newton's
    method work.
    """
    ends = {"one": (0, 1), "two": (1, 2), "three": (2, 3)}
    problem = {
        "unknowns": ["u", "v"],
        "domain": {
            "regions": {
                n: {"interval": {"lower": a, "upper": b, "name": n[0:2]}}
                for n, (a, b) in ends.items()
            }
        },
        "definitions": {"k": {"one": 1, "two": 2, "three": 4}},
        "equations": ["k*dx(u) = v", "dx(v) + (k*dx(u))**2 = 1 + x**2"],
        "conditions": [
            {"part": "on_left", "equation": ["u = 0", "v = 0"]},
            {"interface": ["on_right", "tw_left"], "equation": ["jump(u) = 0", "jump(v) = 0"]},
            {"interface": ["tw_right", "th_left"], "equation": ["jump(u) = 0", "jump(v) = 0"]},
        ],
        "free": ["th_right"],
        "exact": {"u": {"one": "x**2/2", "two": "x**2/4 + 1/4", "three": "x**2/8 + 3/4"}, "v": "x"},
    }
    solution = solved(problem)
    assert all(error is not None and error < 1e-10 for error in solution.relative_l2.values())
    assert solution.trial.net.shape[-1] == 6


def test_a_time_dependent_problem_on_regions() -> None:
    """u_t = (k u_x)_x with u = t + x²/(2k) + const: the initial condition holds in each region,
    with its coefficient.
    """
    by_region = {"cold": "t + x**2/4", "warm": "t + x**2/10 + 0.024"}
    problem = changed(
        LINE,
        time={"interval": [0, 0.5]},
        definitions={"w": by_region},
        equations=["dt(u) = k*dxx(u)"],
        conditions=[
            {"part": ["a_left", "b_right", "initial"], "equation": "u = w"},
            {"interface": ["a_right", "b_left"], "equation": ["jump(u) = 0", "jump(k*dn(u)) = 0"]},
        ],
        exact={"u": "w"},
    )
    error = solved(problem).relative_l2["u"]
    assert error is not None and error < 1e-10


def test_measured_values_find_a_coefficient_per_region() -> None:
    """-k u'' = 1 in both regions of a line, k = 2 and 5 unknown, u and the flux measured exactly
    inside.
    """
    rows = "\n".join(f"{x},{_parabola(x)!r}" for x in np.linspace(0.05, 0.95, 13).tolist())
    problem = changed(
        LINE,
        parameters={},
        unknown_parameters={"k1": 1.0, "k2": 1.0},
        definitions={"k": {"cold": "k1", "warm": "k2"}},
        equations=["-k*dxx(u) = 1"],
        conditions=[
            {"part": "a_left", "equation": "u = 0"},
            {"part": "b_right", "equation": "k*dn(u) = -1"},
            {"interface": ["a_right", "b_left"], "equation": ["jump(u) = 0", "jump(k*dn(u)) = 0"]},
            {"values": f"x,measured\n{rows}\n", "equation": "u = measured"},
        ],
    )
    parameters = solved(problem).parameters
    assert parameters["k1"].value == pytest.approx(2, rel=1e-6) and parameters[
        "k2"
    ].value == pytest.approx(5, rel=1e-6)


def _parabola(x: float) -> float:
    """k u' = -x, u(0) = 0."""
    return -(x**2) / 4 if x < 0.4 else -0.04 - (x**2 - 0.16) / 10


def test_divergence_theorem_and_measures_over_all_regions() -> None:
    domain = build_domain(validate_problem(ROUND, "file").domain)
    assert isinstance(domain, Composite)
    assert domain.measure == pytest.approx(4)
    points = domain.quadrature(2000)
    for number, name in enumerate(domain.names):
        inside = domain.number(points.x) == number
        volume = float((points.w * (3 * points.x[:, 0] ** 2 + points.x[:, 0]))[inside].sum())
        surface = 0.0
        for part in (part for part in domain.parts if part.startswith(name)):
            on = domain.part_quadrature(part, 200)
            assert on.normal is not None
            flux = np.column_stack([on.x[:, 0] ** 3, on.x[:, 0] * on.x[:, 1]])
            surface += float((on.w * (flux * on.normal).sum(1)).sum())
        assert volume == pytest.approx(surface, abs=1e-10)
    ours, theirs = (domain.part_quadrature(f"{name}.rim", 40) for name in domain.names)
    assert ours.normal is not None and theirs.normal is not None
    assert np.allclose((ours.normal * ours.x).sum(1), 0.5) and np.allclose(
        (theirs.normal * theirs.x).sum(1), -0.5
    )


@pytest.mark.parametrize("kind", ["grid", "chebyshev", "sobol", "gauss"])
def test_every_layout_fills_every_region(kind: str) -> None:
    domain = build_domain(validate_problem(ROUND, "file").domain)
    assert isinstance(domain, Composite)
    points = domain.interior(800, kind, np.random.default_rng(1))
    number = domain.number(points.x)
    assert points.w[number == 0].sum() == pytest.approx(
        np.pi / 4
    ) and points.w.sum() == pytest.approx(4)
    assert 0.2 < (number == 0).mean() < 0.5
    assert np.array_equal(number == 0, np.hypot(*points.x.T) < 0.5)


def test_a_mesh_has_the_vertices_of_an_interface_twice_and_the_flux_jumps_there(
    round_solution: kanpde.Solution, tmp_path: Any
) -> None:
    path = round_solution.export(tmp_path / "field.vtu", 24)
    mesh = meshio.read(path)
    on = np.isclose(np.hypot(*mesh.points[:, :2].T), 0.5)
    region = mesh.point_data["region"]
    assert set(region[on]) == {0.0, 1.0}
    slope = round_solution.fields(mesh.points[on][:, :2], True, region[on].astype(int))[
        "u_gradient"
    ]
    outward = (slope[:, :2] * mesh.points[on][:, :2] / 0.5).sum(1)
    assert np.allclose(outward, np.where(region[on] == 0, 1.0, 0.1), atol=1e-8)
    assert np.abs(mesh.point_data["residual"]).max() < 1e-6


def test_a_config_reads_back_to_itself_and_exact_changes_nothing() -> None:
    config = validate({"problem": ROUND}, source="file")
    assert validate(config.as_tree(), source="again") == config
    without = changed(ROUND)
    del without["exact"]
    points = np.random.default_rng(0).uniform(-1, 1, (50, 2))
    assert np.array_equal(solved(ROUND)(points), solved(without)(points))


def test_every_region_is_pinned_through_its_interface() -> None:
    free = [{"part": ["a_left", "b_right"], "equation": "dn(u) = 0"}, LINE["conditions"][2]]
    with pytest.raises(ConfigError, match=r"only derivatives of u in cold appear"):
        Problem.create(validate_problem(changed(LINE, conditions=free), "file"))
    Problem.create(
        validate_problem(
            changed(LINE, conditions=[*free, {"point": [0.1], "equation": "u = 1"}]), "file"
        )
    )


def with_conditions(*conditions: dict[str, Any], problem: dict[str, Any] = LINE) -> dict[str, Any]:
    """The problem with all parts free but for the conditions given."""
    parts = {"a_left", "b_right", "a_right", "b_left"} if problem is LINE else {*SIDES, "rim"}
    used = {
        name
        for c in conditions
        for key in ("part", "interface")
        for name in ([c[key]] if isinstance(c.get(key), str) else c.get(key, []))
    }
    return {
        **changed(problem, conditions=list(conditions), free=sorted(parts - used)),
        "exact": None,
    }


PAIR = ["a_right", "b_left"]
SMALLER = {"disk": {"center": [0, 0], "radius": 0.3, "name": "rim"}}
OVERLAP = {"regions": {"inner": DISK, "outer": {"difference": [SQUARE, SMALLER]}}}
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "overlap": (
        changed(ROUND, domain=OVERLAP),
        r"inner and outer overlap, for example at \[.*cut one by a `difference`",
    ),
    "one": (
        changed(ROUND, domain={"regions": {"inner": DISK}}),
        r"from 2 to 20 shapes by name, found 1",
    ),
    "dimension": (
        changed(ROUND, domain={"regions": {"inner": DISK, "outer": {"interval": [0, 1]}}}),
        r"as many coordinates as the first region \(2\), found 1",
    ),
    "part": (
        with_conditions({"part": "a_right", "equation": "u = 0"}),
        r"the part 'a_right' of the region cold borders on warm; write `interface`",
    ),
    "lonely": (
        with_conditions({"interface": "a_left", "equation": "jump(u) = 0"}),
        r"'a_left' belongs to the region cold alone; name the two parts that coincide",
    ),
    "same region": (
        with_conditions({"interface": ["a_left", "a_right"], "equation": "jump(u) = 0"}),
        r"must be a part that two regions share, or two parts of one region each, found a_left, a_right",
    ),
    "apart": (
        with_conditions({"interface": ["a_left", "b_left"], "equation": "jump(u) = 0"}),
        r"cold.a_left and warm.b_left must be the same set",
    ),
    "side": (
        with_conditions({"interface": PAIR, "equation": "u = 0"}),
        r"'u' has a value on each side of an interface: write one of jump\(u\), cold\(u\), warm\(u\)",
    ),
    "coefficient": (
        with_conditions({"interface": PAIR, "equation": "jump(u) = k"}),
        r"'k' has a value on each side of an interface",
    ),
    "outside": (
        with_conditions({"part": "a_left", "equation": "jump(u) = 0"}),
        r"unknown function 'jump'",
    ),
    "mean": (
        with_conditions({"mean": "u = 0"}),
        r"conditions\[0\]\.mean: does not go with a domain of regions",
    ),
    "region": (changed(LINE, parameters={"k": {"cold": 1}, "h": 1}), r"missing key 'warm'"),
    "name": (
        changed(LINE, parameters={"jump": 1, "k": 1, "h": 1}),
        r"'jump' is already used for the jump at an",
    ),
    "reference": (changed(LINE, reference="r"), r"reference: does not go with a domain of regions"),
    "point": (
        with_conditions({"point": [2.0], "equation": "u = 0"}),
        r"the point \[2.0\] is not in the domain",
    ),
    "exact": (
        changed(LINE, exact={"u": {"cold": "x", "warm": "2*x"}}),
        r"exact does not satisfy the condition",
    ),
    "unheld": (
        changed(LINE, equations=["k*dxx(h) = 0"]),
        r"the equation 'k\*dxx\(h\) = 0' holds no unknown",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_makes_no_sense_with_regions_is_refused(case: str) -> None:
    problem, message = REFUSED[case]
    with pytest.raises(ConfigError, match=message):
        Problem.create(validate_problem(problem, "file"))


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (
            {"tolerance": 1e-3, "trial": {"width": [8]}},
            "tolerance: does not go with a domain of regions",
        ),
        ({"trial": {"lifting": True}}, r"trial\.lifting: does not go with a domain of regions"),
        ({"trial": {"centers": "source"}}, r"trial\.centers: does not go .*use none, or list them"),
        (
            {"trial": {"directions": "source"}},
            r"trial\.directions: does not go .*use even, or list them",
        ),
    ],
)
def test_what_a_solve_cannot_do_with_regions_is_refused(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        validate({"problem": ROUND, **keys}, source="file")


def test_an_interface_needs_regions() -> None:
    problem = {"unknowns": ["u"], "domain": SQUARE, "equations": ["laplacian(u) = 0"]}
    conditions = [{"interface": "left", "equation": "u = 0"}]
    with pytest.raises(ConfigError, match="lies between two regions, and this domain has none"):
        validate_problem({**problem, "conditions": conditions}, "file")


def test_choose_takes_the_function_of_the_region() -> None:
    problem = Problem.create(validate_problem(ROUND, "file"))
    x = torch.tensor([[0.0, 0.0], [0.9, 0.9], [0.5, 0.0]], dtype=torch.float64)
    values = torch.tensor([[1.0, 2.0]] * 3)
    assert problem.choose(values, problem.region_of(x))[:, 0].tolist() == [1.0, 2.0, 1.0]


def test_a_time_series_over_regions_keeps_both_sides_of_the_interface(tmp_path: Path) -> None:
    """u = (1 + t) s with s = x on the left, 3 + x/2 on the right: it jumps by 5/2 (1 + t) at x = 1,
    the flux k u_x does not.
    """
    shape = {"west": "x", "east": "3 + x/2"}
    rod = {
        "name": "rod",
        "unknowns": ["u"],
        "domain": {
            "regions": {
                "west": {"interval": {"lower": 0, "upper": 1, "name": "w"}},
                "east": {"interval": {"lower": 1, "upper": 2, "name": "e"}},
            }
        },
        "time": {"interval": [0, 1]},
        "parameters": {"k": {"west": 1.0, "east": 2.0}},
        "definitions": {"s": shape},
        "equations": ["dt(u) - k*dxx(u) = s"],
        "conditions": [
            {"part": ["initial", "w_left", "e_right"], "equation": "u = (1 + t)*s"},
            {
                "interface": ["w_right", "e_left"],
                "equation": ["jump(u) = -2.5*(1 + t)", "jump(k*dn(u)) = 0"],
            },
        ],
        "exact": {"u": "(1 + t)*s"},
    }
    solution = solved(rod)
    path = solution.export_series(tmp_path / "rod.pvd", times=3, resolution=4)
    reader = pyvista.get_reader(str(path))
    assert reader.time_values == [0.0, 0.5, 1.0]
    for t in reader.time_values:
        reader.set_active_time_value(t)
        block = reader.read()[0]
        x, region = block.points[:, 0], block["region"]
        expected = (1 + t) * np.where(region == 0, x, 3 + x / 2)
        np.testing.assert_allclose(block["u"], expected, atol=1e-9)
        assert sorted(region[x == 1.0]) == [0, 1]
