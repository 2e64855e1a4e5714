"""Extrusions as data and as domains: names of parts, measures, refusals, and a problem solved on a
drilled block.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from core_helpers import config, problem_node
from mesh_helpers import PLATE, mesh_shape

import kanpde
from kanpde.config import ExtrusionShape
from kanpde.config.problem.attached_files import beside, folder_of
from kanpde.config.problem.shapes import coordinates, read_shape, shape_tree
from kanpde.config.reader import Reader
from kanpde.domains import Extrusion, build_domain
from kanpde.errors import ConfigError

PLANE = {
    "difference": [
        {"rectangle": {"lower": [0, 0], "upper": [2, 1]}},
        {"disk": {"center": [0.5, 0.5], "radius": 0.25}},
    ]
}
BLOCK = {"extrusion": {"base": PLANE, "lower": 0, "upper": 0.5}}


def read(**keys: Any) -> ExtrusionShape:
    shape = read_shape(Reader({"extrusion": {**BLOCK["extrusion"], **keys}}, "my.yaml"))
    assert isinstance(shape, ExtrusionShape)
    return shape


def test_parts_and_coordinates() -> None:
    shape = read()
    assert coordinates(shape) == ("x", "y", "z")
    assert shape.parts == ("left", "right", "bottom", "top", "circle", "floor", "ceiling")
    assert read(name="slab").parts[-2:] == ("slab_floor", "slab_ceiling")
    assert read_shape(Reader(shape_tree(shape), "my.yaml")) == shape


def test_walls_and_caps_have_the_measures_of_a_prism() -> None:
    domain = build_domain(read())
    area = 2 - np.pi / 16
    assert isinstance(domain, Extrusion) and not domain.box
    assert domain.measure == pytest.approx(0.5 * area)
    assert domain.part_measure("floor") == domain.part_measure("ceiling") == pytest.approx(area)
    assert domain.part_measure("circle") == pytest.approx(np.pi / 4)
    floor = domain.part("floor", 100, "sobol", np.random.default_rng(0))
    assert (
        floor.normal is not None
        and (floor.normal == [0, 0, -1]).all()
        and (floor.x[:, 2] == 0).all()
    )
    assert domain.periodic_shift("floor", "ceiling") == pytest.approx([0, 0, 0.5])


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (
            {"base": {"ball": {"center": [0, 0, 0], "radius": 1}}},
            "extrusion.base: an extrusion takes a shape in the plane",
        ),
        ({"upper": 0}, "lower must be less than upper, found 0 and 0"),
        ({"height": 1}, "unknown key"),
        (
            {"base": {"disk": {"center": [0, 0], "radius": 1, "name": "floor"}}},
            "'floor' is also used by the base; give the",
        ),
    ],
)
def test_wrong_extrusions(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read(**keys)


def test_an_extrusion_is_no_operand() -> None:
    with pytest.raises(ConfigError, match="a union takes shapes in the plane"):
        read_shape(Reader({"union": [BLOCK, PLANE]}, "my.yaml"))


def test_the_mesh_under_an_extrusion_is_found() -> None:
    shape = ExtrusionShape(mesh_shape(PLATE), 0.0, 1.0)
    moved, content = beside(shape)
    assert (
        content is not None and shape_tree(moved)["extrusion"]["base"]["mesh"]["file"] == "mesh.msh"
    )
    assert folder_of(shape) == Path()


@pytest.mark.usefixtures("quick")
def test_a_problem_on_a_drilled_block() -> None:
    walls = ["left", "right", "bottom", "top", "circle"]
    node = problem_node(
        BLOCK,
        ["laplacian(u) = 6"],
        [{"part": walls, "equation": "u = x**2 + y**2 + z**2"}, {"part": "floor", "equation": "dn(u) = 0"},
         {"part": "ceiling", "equation": "dn(u) + u = 1.25 + x**2 + y**2"}],
        exact={"u": "x**2 + y**2 + z**2"},
    )  # fmt: skip
    keys = {
        "trial": {"width": [12], "degree": [3, 3], "intervals": [1, 1]},
        "sampler": {"interior": 500, "boundary": 300},
    }
    assert kanpde.solve(config(node, **keys)).relative_l2["u"] < 1e-8
