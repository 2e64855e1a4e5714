"""Combinations in space: areas in closed form, faces and their owners, liftings, meshes of gmsh and
of the grid, refusals.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mesh_helpers import PLATE, mesh_shape

from kanpde.ansatz.distance_functions import distance
from kanpde.config.problem.shapes import CombinedShape, ExtrusionShape, read_shape
from kanpde.config.reader import Reader
from kanpde.domains import Domain, SpaceTime, build_domain
from kanpde.domains.mesh import signed_measures
from kanpde.domains.meshes.generate import write_mesh
from kanpde.errors import ConfigError
from kanpde.expressions.evaluate import evaluate

BOX = {"box": {"lower": [0, 0, 0], "upper": [1, 1, 1]}}
BALL = {"ball": {"center": [0.5, 0.5, 0.5], "radius": 0.3}}
CORNER = {"ball": {"center": [1, 1, 1], "radius": 0.4}}


def bore(lower: float, upper: float) -> dict[str, Any]:
    return {
        "extrusion": {
            "base": {"disk": {"center": [0.5, 0.5], "radius": 0.2}},
            "lower": lower,
            "upper": upper,
        }
    }


def solid(**tree: Any) -> Domain:
    return build_domain(read_shape(Reader(tree, "my.yaml")))


def test_areas_of_faces() -> None:
    drilled = solid(difference=[BOX, BALL])
    assert drilled.part_measure("sphere") == pytest.approx(4 * np.pi * 0.09, rel=1e-12)
    blind = solid(difference=[BOX, bore(0.5, 2)])
    assert blind.vanished == ("ceiling",)
    assert blind.part_measure("floor") == pytest.approx(np.pi * 0.04, rel=1e-12)
    assert blind.part_measure("front") == pytest.approx(1 - np.pi * 0.04, rel=1e-12)
    assert blind.part_measure("circle") == pytest.approx(0.2 * np.pi, rel=1e-12)
    cut = solid(difference=[BOX, CORNER])
    for face in ("right", "top", "front"):
        assert cut.part_measure(face) == pytest.approx(1 - np.pi * 0.04, rel=1e-10)
    assert cut.part_measure("sphere") == pytest.approx(np.pi / 2 * 0.16, rel=1e-10)


def test_faces_on_each_other_count_once() -> None:
    through = solid(difference=[BOX, bore(0, 1)])
    assert through.vanished == ("floor", "ceiling")
    stacked = solid(union=[BOX, {"box": {"lower": [0, 0, 1], "upper": [1, 1, 2], "name": "lid"}}])
    assert stacked.measure == pytest.approx(2) and set(stacked.vanished) == {"front", "lid_back"}


def test_the_bottom_of_a_hole_looks_up() -> None:
    blind = solid(difference=[BOX, bore(0.5, 2)])
    for kind in ("sobol", "chebyshev", "gauss"):
        points = blind.part("floor", 50, kind, np.random.default_rng(0))
        assert (
            points.normal is not None
            and (points.normal == [0, 0, 1]).all()
            and (points.x[:, 2] == 0.5).all()
        )


def test_common_points_of_parts_lie_on_both() -> None:
    cut = solid(difference=[BOX, CORNER])
    arc = cut.common_points("front", "sphere")
    assert (
        len(arc)
        and np.linalg.norm(arc - 1, axis=1) == pytest.approx(0.4)
        and (arc[:, 2] == 1).all()
    )
    edge = cut.common_points("left", "bottom")
    assert len(edge) and (edge[:, :2] == 0).all()
    assert len(cut.common_points("left", "sphere")) == 0


@pytest.mark.parametrize("resolution", [6, 12])
def test_the_cut_grid_is_conforming(resolution: int) -> None:
    cut = solid(difference=[BOX, BALL])
    mesh = cut.mesh(resolution)
    cells = mesh.cells[0][1]
    measures = signed_measures(mesh.points, cells)
    assert (measures > 0).all() and measures.sum() == pytest.approx(
        cut.measure, abs=0.5 / resolution**2
    )
    facets = np.sort(np.concatenate([np.delete(cells, k, axis=1) for k in range(4)]), axis=1)
    unique, counts = np.unique(facets, axis=0, return_counts=True)
    assert counts.max() == 2
    rim = mesh.points[np.unique(unique[counts == 1])]
    inside = cut.contains(rim + 0.0, -1e-9)
    assert not inside.any()


@pytest.mark.parametrize(
    "parts", [("left", "right", "bottom", "top", "back", "front"), ("sphere",), None]
)
def test_a_function_that_vanishes_on_the_parts_only(parts: tuple[str, ...] | None) -> None:
    cut = solid(difference=[BOX, BALL])
    vanishing = distance(cut, parts or cut.parts)
    assert vanishing.smooth
    for part in cut.parts:
        (value,) = evaluate([vanishing.node], torch.tensor(cut.part_quadrature(part, 50).x))
        vanishes = parts is None or part in parts
        assert (value.abs().max() < 1e-14) if vanishes else (value.min() > 1e-3)


def test_space_time_over_a_solid() -> None:
    domain = SpaceTime(solid(difference=[BOX, BALL]), 0.0, 2.0)
    points = domain.part("sphere", 200, "sobol", np.random.default_rng(0))
    assert points.normal is not None
    assert np.linalg.norm(points.x[:, :3] - 0.5, axis=1) == pytest.approx(0.3)
    assert points.normal[:, :3] == pytest.approx((0.5 - points.x[:, :3]) / 0.3)
    assert points.w.sum() == pytest.approx(8 * np.pi * 0.09)


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "mixed": (
        {"union": [BOX, {"disk": {"center": [0, 0], "radius": 1}}]},
        r"union\[1\]: a union takes shapes in the plane \(disk, ...\), or all in space",
    ),
    "empty": ({"difference": [BALL, BOX]}, "must have an interior, found an empty set"),
    "apart": ({"intersection": [CORNER, bore(5, 6)]}, "must have an interior, found an empty set"),
    "touching": (
        {"difference": [BOX, {"ball": {"center": [0.5, 0.5, 0.5], "radius": 0.5}}]},
        "its boundary must not touch itself.*in the slice z = ",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_no_body_is_refused(case: str) -> None:
    tree, message = WRONG[case]
    with pytest.raises(ConfigError, match=message):
        solid(**tree)


def test_meshed_bases_do_not_combine() -> None:
    shape = ExtrusionShape(mesh_shape(PLATE), 0.0, 1.0)
    with pytest.raises(ConfigError, match="combined shape: takes shapes in"):
        build_domain(CombinedShape("union", (shape, shape)))


@pytest.mark.skipif(importlib.util.find_spec("gmsh") is None, reason="needs gmsh")
@pytest.mark.parametrize("suffix", [".msh", ".vtu"])
def test_gmsh_meshes_a_solid_with_its_parts(tmp_path: Path, suffix: str) -> None:
    shape = read_shape(Reader({"difference": [BOX, bore(0, 1), CORNER]}, "my.yaml"))
    domain = build_domain(shape)
    write_mesh(shape, tmp_path / f"body{suffix}", 0.1)
    back = read_shape(Reader({"mesh": f"body{suffix}"}, "my.yaml", (), (tmp_path,)))
    meshed = build_domain(back)
    names = (
        domain.parts
        if suffix == ".msh"
        else tuple(f"group{k}" for k in range(1, len(domain.parts) + 1))
    )
    assert sorted(back.parts) == sorted(names)
    assert meshed.measure == pytest.approx(domain.measure, rel=0.02)
    if suffix == ".msh":
        for part in domain.parts:
            assert meshed.part_measure(part) == pytest.approx(domain.part_measure(part), rel=0.05)
