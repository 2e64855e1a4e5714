"""The whole boundary as a part, and parts that a comparison chooses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from mesh_helpers import PLATE, mesh_shape
from patch_helpers import HOLE, SIDES, SQUARE, problem_tree

import kanpde
from kanpde.api.solving import configure
from kanpde.domains import build_domain
from kanpde.errors import ConfigError
from kanpde.problem.problem import Problem

ZERO = "u = 0"
DISK = {"disk": {"center": [0, 0], "radius": 1}}


def problem(**keys: Any) -> Problem:
    return Problem.create(configure({"problem": problem_tree(**keys)}).problem)


def length(domain: Any, part: str) -> float:
    return float(domain.part_quadrature(part, 400).w.sum())


def test_the_whole_boundary_is_every_side_of_space() -> None:
    conditions = [
        {"part": "boundary", "equation": ZERO},
        {"part": "initial", "equation": "u = 1"},
    ]
    moving = problem(
        time={"interval": [0, 1]},
        equations=["dt(u) - laplacian(u) = 0"],
        conditions=conditions,
    )
    assert moving.parts == (*SIDES, "initial")
    (first, second) = moving.config.conditions
    assert first.tree()["part"] == "boundary" and second.tree()["part"] == "initial"


def test_what_a_union_covers_is_left_out_of_the_whole_boundary() -> None:
    inside = {"rectangle": {"lower": [0.2, 0.2], "upper": [0.4, 1.5], "name": "chimney"}}
    shape = {"union": [SQUARE, inside]}
    joined = problem(domain=shape, conditions=[{"part": "boundary", "equation": ZERO}])
    assert "chimney_top" in joined.parts and "chimney_bottom" not in joined.parts


def test_a_part_called_boundary_is_that_part() -> None:
    disk = {"disk": {"center": [0, 0], "radius": 0.2, "name": "boundary"}}
    holed = problem(
        domain={"difference": [SQUARE, disk]},
        conditions=[
            {"part": "boundary", "equation": "u = 1"},
            {"part": SIDES, "equation": ZERO},
        ],
    )
    assert holed.parts == ("boundary", *SIDES)


def test_on_regions_it_is_the_outer_boundary() -> None:
    regions = {
        "a": {"rectangle": {"lower": [0, 0], "upper": [1, 1], "name": "a"}},
        "b": {"rectangle": {"lower": [1, 0], "upper": [2, 1], "name": "b"}},
    }
    between = {"interface": ["a_right", "b_left"], "equation": ["jump(u) = 0", "jump(dn(u)) = 0"]}
    outer = {"part": "boundary", "equation": ZERO}
    two = problem(domain={"regions": regions}, conditions=[outer, between])
    assert {"a.a_left", "b.b_right"} < set(two.parts)
    on_parts = {condition.part for condition in two.conditions if condition.kind == "equation"}
    assert not {"a.a_right", "b.b_left"} & on_parts
    with pytest.raises(ConfigError, match="'a_right' of the region a borders on another region"):
        problem(domain={"regions": regions}, conditions=[outer])


def test_other_words_for_the_whole_boundary_are_answered() -> None:
    with pytest.raises(ConfigError, match="the whole boundary is part: boundary, alone"):
        problem(conditions=[{"part": "all", "equation": ZERO}])
    with pytest.raises(ConfigError, match="the whole boundary is part: boundary, alone"):
        problem(conditions=[{"part": ["boundary", "left"], "equation": ZERO}])


def test_an_arc_is_cut_where_the_comparison_changes() -> None:
    shape = configure({"problem": problem_tree(domain=DISK, conditions=[
        {"part": "boundary", "equation": ZERO}])}).problem.domain  # fmt: skip
    tests = {"cold": lambda x, n: x[:, 0] < 0.5, "lit": lambda x, n: n[:, 1] > 0}
    domain = build_domain(shape, tests=tests)
    assert domain.parts == ("circle", "cold", "lit")
    assert length(domain, "cold") == pytest.approx(4 * np.pi / 3, rel=1e-12)
    assert length(domain, "lit") == pytest.approx(np.pi / 3, rel=1e-12)
    points = domain.part_quadrature("cold", 200)
    assert (points.x[:, 0] < 0.5).all()


def test_facets_of_a_mesh_go_by_their_middle() -> None:
    shape = mesh_shape(PLATE)
    plain = build_domain(shape)
    chosen = build_domain(shape, tests={"low": lambda x, n: n[:, 1] < -0.99})
    low = chosen.part_quadrature("low", 50)
    assert low.normal is not None and np.allclose(low.normal[:, 1], -1)
    total = sum(length(chosen, part) for part in chosen.parts)
    assert total == pytest.approx(sum(length(plain, part) for part in plain.parts))


def test_a_problem_with_chosen_parts_is_solved() -> None:
    exact, slope = "exp(x)*cos(2*y)", "nx*exp(x)*cos(2*y) - 2*ny*exp(x)*sin(2*y)"
    tree = problem_tree(
        domain=DISK,
        parts={"cold": "x < 0", "hot": "nx > 0.5 and y > 0"},
        equations=["-laplacian(u) + u = 4*exp(x)*cos(2*y)"],
        conditions=[
            {"part": "cold", "equation": f"u = {exact}"},
            {"part": "hot", "equation": f"dn(u) = {slope}"},
            {"part": "circle", "equation": f"dn(u) + u = {slope} + {exact}"},
        ],
        exact={"u": exact},
    )
    solution = kanpde.solve({"problem": tree, "output": {"vtu": False, "plots": False}})
    assert solution.relative_l2["u"] < 1e-7
    assert problem(**tree).config.chosen == {"cold": "x < 0", "hot": "nx > 0.5 and y > 0"}


MISTAKES = [
    ({"parts": {"inlet": "x < -1"}}, "problem.parts.inlet: it holds nowhere on the boundary"),
    ({"parts": {"left": "x < 0.5"}}, "the part 'left' exists already"),
    ({"parts": {"inlet": "x + 1"}}, "a comparison is expected"),
    ({"parts": {"inlet": "u > 1"}}, "unknown name 'u'"),
    ({"parts": {"2nd": "x < 1"}}, "a name must begin with a letter"),
]


@pytest.mark.parametrize(("keys", "message"), MISTAKES)
def test_what_is_wrong_with_a_chosen_part_is_named(keys: dict[str, Any], message: str) -> None:
    name = next(iter(keys["parts"]))
    conditions = [{"part": "boundary", "equation": ZERO}]
    with pytest.raises(ConfigError, match=message):
        problem(domain={"difference": [SQUARE, HOLE]}, conditions=conditions, **keys)
    assert name


def test_what_is_left_of_a_part_needs_a_condition() -> None:
    keys = {"parts": {"inlet": "x < 1e-6 and y < 0.5"}}
    inlet = {"part": "inlet", "equation": "u = 1"}
    others = {"part": ["right", "bottom", "top"], "equation": ZERO}
    with pytest.raises(ConfigError, match=r"no condition on left, of which problem\.parts leaves"):
        problem(conditions=[inlet, others], **keys)
    whole = {"parts": {"inlet": "x < 1e-6"}}
    assert problem(conditions=[inlet, others], **whole).parts[-1] == "top"
    with pytest.raises(ConfigError, match="no condition on the part inlet"):
        problem(conditions=[others], **whole)


def test_in_space_parts_come_from_shapes() -> None:
    cube = {"box": {"lower": [0, 0, 0], "upper": [1, 1, 1]}}
    with pytest.raises(ConfigError, match="on shapes in the plane and on meshes"):
        problem(domain=cube, parts={"inlet": "x < 0.5"},
                conditions=[{"part": "boundary", "equation": ZERO}])  # fmt: skip
