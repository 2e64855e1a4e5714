"""Regions: one patch for each in a cell, tied point by point along the interfaces."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from patch_helpers import SIDES, SQUARE, first, problem_of, tree_of

import kanpde
from kanpde.errors import ConfigError
from kanpde.numerics.jets import JetSpace
from kanpde.patches.cells import Cell
from kanpde.patches.covers import cover_of
from kanpde.patches.elimination import Elimination
from kanpde.patches.interfaces import contacts, groups
from kanpde.patches.kans import values_at
from kanpde.patches.layout import Patch, balanced, layout
from kanpde.patches.probing import resolved
from kanpde.patches.rows import interior
from kanpde.patches.statement import Statement
from kanpde.problem.problem import Problem
from kanpde.progress import StopReason
from kanpde.trial.patchwork import Patchwork

DISK = {"disk": {"center": [0.5, 0.5], "radius": 0.25, "name": "rim"}}
AROUND = {"inner": DISK, "outer": {"difference": [SQUARE, DISK]}}
CONTINUOUS = ["jump(u) = 0", "jump(k*dn(u)) = 0"]


def rectangle(name: str, lower: list[float], upper: list[float]) -> dict[str, Any]:
    return {"rectangle": {"lower": lower, "upper": upper, "name": name}}


def interval(name: str, lower: float, upper: float) -> dict[str, Any]:
    return {"interval": {"lower": lower, "upper": upper, "name": name}}


HALVES = {"l": rectangle("a", [0, 0], [0.5, 1]), "r": rectangle("b", [0.5, 0], [1, 1])}
HALF_SIDES = ["a_left", "a_bottom", "a_top", "b_right", "b_bottom", "b_top"]
BAR = {"cold": interval("a", 0, 0.4), "warm": interval("b", 0.4, 1)}


def statement(
    regions: dict[str, Any], exact: object, outer: list[str], interface: Any, **keys: Any
) -> dict[str, Any]:
    plain = {
        "domain": {"regions": regions},
        "definitions": {"w": exact, "k": 1},
        "equations": ["-div(k*grad(u)) = 0"],
        "exact": {"u": "w"},
        "conditions": [
            {"part": outer, "equation": "u = w"},
            {"interface": interface, "equation": CONTINUOUS},
        ],
    }
    return plain | keys


def is_right(tolerance: float, **keys: Any) -> bool:
    solution = kanpde.solve(tree_of(**keys), tolerance=tolerance)
    estimate, error = solution.result.estimate, solution.relative_l2["u"]
    assert estimate is not None and error is not None
    return solution.stop_reason is StopReason.TOLERANCE and error <= estimate


def one_level(
    problem: Problem, cells: int, degree: int, split: list[Cell]
) -> tuple[list[Patch], float]:
    """The patches and the largest error of one level."""
    cover, of_problem = cover_of(problem, cells), Statement.of(problem)
    leaves = dict.fromkeys(cover.start(), degree)
    for cell in split:
        leaves.pop(cell)
        leaves.update(dict.fromkeys(cover.children(cell, (0, 1)), degree))
    patches = layout(cover, balanced(cover, leaves))
    flat, _, _ = of_problem.solve(cover, patches, Elimination(cover.counts))
    coefficients = [column[:, None] for column in flat]
    x = problem.domain.quadrature(1000).x
    at = torch.tensor(x)
    exact = problem.exact_at(at, problem.region_of(at))
    assert exact is not None
    return patches, float(np.abs(values_at(cover, patches, coefficients, x) - exact.numpy()).max())


CUBIC = "x**3 - 2*x*y**2 + y"


@pytest.mark.parametrize(
    ("regions", "interface", "outer"),
    [(AROUND, "rim", SIDES), (HALVES, ["a_right", "b_left"], HALF_SIDES)],
    ids=["disk", "line on a grid line"],
)
@pytest.mark.parametrize(
    ("cells", "split"),
    # seven cells leave slivers, so that three patches are tied and two of them share a face
    [(4, [first(1, 1)]), (4, [first(2, 2), first(1, 0)]), (7, [])],
)
def test_polynomials_are_exact_across_interfaces(
    regions: dict[str, Any], interface: Any, outer: list[str], cells: int, split: list[Cell]
) -> None:
    problem = problem_of(
        **statement(regions, CUBIC, outer, interface, equations=["-div(k*grad(u)) = -2*x"])
    )
    assert one_level(problem, cells, 5, split)[1] < 1e-11


@pytest.mark.parametrize("cells", [3, 4, 7])
def test_areas_and_contacts_add_up(cells: int) -> None:
    keys = statement(AROUND, CUBIC, SIDES, "rim", equations=["-div(k*grad(u)) = -2*x"])
    problem = problem_of(**keys)
    cover, of_problem = cover_of(problem, cells), Statement.of(problem)
    patches = layout(cover, balanced(cover, dict.fromkeys(cover.start(), 12)))
    for region, shape in enumerate(problem.domain.members):
        mine = [patch for patch in patches if patch.region == region]
        area = sum(interior(cover.members[region], patch).w.sum() for patch in mine)
        assert area == pytest.approx(shape.measure, rel=1e-5)
    pairs = contacts(cover, patches, of_problem.interfaces)
    assert sum(contact.points.w.sum() for contact in pairs) == pytest.approx(np.pi / 2)
    for contact in pairs:
        assert [patches[k].region for k in contact.patches] == [0, 1]
    members = sorted(k for group in groups(len(patches), pairs) for k in group)
    assert members == list(range(len(patches)))


@pytest.mark.slow
def test_a_disk_that_conducts_ten_times_less() -> None:
    """-div(k grad u) = -4 in a disk and around it, k = 1 and 10: u = r²/k and r² (cos 2φ) terms."""
    square = {"rectangle": {"lower": [-1, -1], "upper": [1, 1]}}
    disk = {"disk": {"center": [0, 0], "radius": 0.5, "name": "rim"}}
    k, b, c = {"inner": 1, "outer": 10}, 20 / 11, 0.0625 * 9 / 11
    exact = {
        "inner": f"x**2 + y**2 + {b}*(x**2 - y**2)",
        "outer": f"(x**2 + y**2)/10 + 0.225 + (x**2 - y**2)*(1 + {c}/(x**2 + y**2)**2)",
    }
    regions = {"inner": disk, "outer": {"difference": [square, disk]}}
    keys = statement(regions, exact, SIDES, "rim", equations=["-div(k*grad(u)) = -4"])
    assert is_right(1e-5, **keys | {"definitions": {"w": exact, "k": k}})


def test_a_straight_interface_between_cells() -> None:
    wave = "(exp(pi*(x - 0.5)) - exp(-pi*(x - 0.5)))*sin(pi*y)"
    exact, k = {"l": wave, "r": f"{wave}/100"}, {"l": 1, "r": 100}
    keys = statement(HALVES, exact, HALF_SIDES, ["a_right", "b_left"])
    assert is_right(1e-7, **keys | {"definitions": {"w": exact, "k": k}})


def test_three_layers_of_which_one_is_thin() -> None:
    ends, k = {"a": (0, 0.3), "b": (0.3, 0.301), "c": (0.301, 1)}, {"a": 1, "b": 1e-3, "c": 5}
    flux = 1 / sum((high - low) / k[name] for name, (low, high) in ends.items())
    exact, start = {}, 0.0
    for name, (low, high) in ends.items():
        exact[name] = f"{start!r} + {flux!r}*(x - {low})/{k[name]}"
        start += flux * (high - low) / k[name]
    regions = {name: interval(name, *span) for name, span in ends.items()}
    conditions = [{"part": ["a_left", "c_right"], "equation": "u = w"}]
    for pair in (["a_right", "b_left"], ["b_right", "c_left"]):
        conditions.append({"interface": pair, "equation": CONTINUOUS})
    keys = statement(regions, exact, [], [], conditions=conditions)
    assert is_right(1e-8, **keys | {"definitions": {"w": exact, "k": k}})


RESISTING = {
    "interface": ["a_right", "b_left"],
    "equation": ["jump(k*dn(u)) = 0", "cold(k*dn(u)) = -3*jump(u)"],
}


def test_a_contact_resistance() -> None:
    """The flux q through both halves of a bar and the contact: q (0.4/2 + 1/3 + 0.6/5) = 1."""
    flux, k = 1 / (0.4 / 2 + 1 / 3 + 0.6 / 5), {"cold": 2, "warm": 5}
    exact = {"cold": f"{flux!r}*x/2", "warm": f"1 - {flux!r}*(1 - x)/5"}
    conditions = [{"part": ["a_left", "b_right"], "equation": "u = w"}, RESISTING]
    keys = statement(BAR, exact, [], [], conditions=conditions)
    assert is_right(1e-8, **keys | {"definitions": {"w": exact, "k": k}})


def test_regions_in_time() -> None:
    exact, k = {"cold": "t + x**2/4", "warm": "t + x**2/10 + 0.024"}, {"cold": 2, "warm": 5}
    keys = statement(
        BAR,
        exact,
        ["a_left", "b_right", "initial"],
        ["a_right", "b_left"],
        equations=["dt(u) = k*dxx(u)"],
        time={"interval": [0, 0.5]},
    )
    assert is_right(1e-8, **keys | {"definitions": {"w": exact, "k": k}})


def test_a_point_pins_insulated_regions() -> None:
    """The constant is the same in both, since u is continuous."""
    conditions = [
        {"part": ["a_left", "b_right"], "equation": "k*dn(u) = dn(x)"},
        {"interface": ["a_right", "b_left"], "equation": CONTINUOUS},
        {"point": [0.7], "equation": "u = 3"},
    ]
    exact, k = {"cold": "x/2 + 2.74", "warm": "x/5 + 2.86"}, {"cold": 2, "warm": 5}
    keys = statement(BAR, exact, [], [], conditions=conditions)
    assert is_right(1e-8, **keys | {"definitions": {"w": exact, "k": k}})


def test_fluxes_of_a_checkerboard() -> None:
    """Of squares with conductivities 1 and 10 the whole conducts √10 (Keller, J. Math. Phys. 5,
    1964), though u is singular where they meet.
    """
    squares = {}
    for name, (x, y) in {"aa": (0, 0), "bb": (1, 0), "cc": (0, 1), "dd": (1, 1)}.items():
        squares[name] = rectangle(name, [x, y], [x + 1, y + 1])
    insulated = ["aa_bottom", "bb_bottom", "cc_top", "dd_top"]
    conditions = [
        {"part": ["aa_left", "cc_left"], "equation": "u = 0"},
        {"part": ["bb_right", "dd_right"], "equation": "u = 1"},
        {"part": insulated, "equation": "dn(u) = 0"},
    ]
    for pair in (("aa_right", "bb_left"), ("cc_right", "dd_left")):
        conditions.append({"interface": list(pair), "equation": CONTINUOUS})
    for pair in (("aa_top", "cc_bottom"), ("bb_top", "dd_bottom")):
        conditions.append({"interface": list(pair), "equation": CONTINUOUS})
    k = {"aa": 1, "bb": 10, "cc": 10, "dd": 1}
    keys = statement(squares, 0, [], [], conditions=conditions, definitions={"k": k})
    keys.pop("exact")
    tree = tree_of(**keys)
    solution = kanpde.solve(tree, tolerance=2e-3)
    z, w = np.polynomial.legendre.leggauss(30)
    flux = 0.0
    for column, (low, conductivity) in {0: (0, 1), 2: (1, 10)}.items():
        x = torch.tensor(np.stack([np.zeros(30), low + (z + 1) / 2], axis=1))
        at = solution.trial.locate(x, JetSpace.closure([(1, 0)], 2))
        slopes = solution.trial.jet(at).derivative((1, 0))[column].numpy()
        flux += conductivity * float(w @ slopes) / 2
    assert flux == pytest.approx(np.sqrt(10), rel=1e-2)


def test_a_peak_in_one_region_is_found() -> None:
    """Its width is a thousandth, and it lies between all points of the first cells."""
    peak = "exp(-((x - 0.7713)**2 + (y - 0.3127)**2)/1e-6)"
    problem = problem_of(
        domain={"regions": HALVES},
        equations=["-div(k*grad(u)) = f"],
        definitions={"k": {"l": 1, "r": 2}, "f": {"l": 0, "r": peak}},
        conditions=[
            {"part": HALF_SIDES, "equation": "u = 0"},
            {"interface": ["a_right", "b_left"], "equation": CONTINUOUS},
        ],
    )
    cover = cover_of(problem, 4)
    cells = resolved(cover, Statement.of(problem).systems, dict.fromkeys(cover.start(), 8))
    place = np.array([0.7713, 0.3127])
    boxes = {cell: cover.box(cell) for cell in cells}
    (around,) = (c for c, (low, high) in boxes.items() if ((low < place) & (place < high)).all())
    assert min(around.levels) >= 3
    elsewhere = cover.box(min(cells))[1]
    assert (elsewhere <= 0.5).all()


def test_a_stored_run_with_regions_gives_the_same_bits(tmp_path: Path) -> None:
    keys = statement(AROUND, CUBIC, SIDES, "rim", equations=["-div(k*grad(u)) = -2*x"])
    solution = kanpde.solve(tree_of({"refine": False}, **keys), out=tmp_path / "run")
    x = np.array([[0.5, 0.5], [0.1, 0.9], [0.3, 0.4]])
    assert (kanpde.load(tmp_path / "run")(x) == solution(x)).all()


def test_bodies_in_space_and_regions_in_time_that_are_no_boxes_are_refused() -> None:
    keys = statement(
        AROUND, 0, SIDES, "rim", time={"interval": [0, 1]}, equations=["dt(u) = laplacian(u)"]
    )
    keys["conditions"][0]["part"] = [*SIDES, "initial"]
    with pytest.raises(ConfigError, match="with time boxes, found"):
        kanpde.solve(tree_of(**keys), tolerance=1e-3)


def test_regions_are_solved_on_patches_where_nothing_is_said() -> None:
    keys = statement(BAR, "x", ["a_left", "b_right"], ["a_right", "b_left"])
    tree = {key: value for key, value in tree_of(**keys).items() if key != "trial"}
    solution = kanpde.solve(tree | {"tolerance": 1e-8})
    assert isinstance(solution.trial, Patchwork)
    assert solution.stop_reason is StopReason.TOLERANCE


def test_a_tolerance_on_regions_that_patches_cannot_solve_is_refused() -> None:
    ball = {"ball": {"center": [0, 0, 0], "radius": 1, "name": "rim"}}
    cube = {"box": {"lower": [-2, -2, -2], "upper": [2, 2, 2]}}
    keys = statement(
        {"inner": ball, "outer": {"difference": [cube, ball]}},
        "x",
        ["left", "right", "bottom", "top", "back", "front"],
        "rim",
    )
    tree = {key: value for key, value in tree_of(**keys).items() if key != "trial"}
    with pytest.raises(ConfigError, match="tolerance: does not go with a domain of regions"):
        kanpde.solve(tree | {"tolerance": 1e-3})
