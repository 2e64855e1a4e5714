"""Cells of a high degree in .vtu files: VTK evaluates the same field between their nodes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kanpde
from kanpde.domains import Mesh
from kanpde.errors import ConfigError
from kanpde.results.curved_cells import _tensors, _triangles
from kanpde.results.export import write_field

BOX = {"rectangle": {"lower": [0, 0], "upper": [2, 1]}}
HOLED = {"difference": [BOX, {"disk": {"center": [0.5, 0.5], "radius": 0.2, "name": "hole"}}]}


def solved(domain: dict[str, Any]) -> Any:
    problem = {
        "unknowns": ["u"],
        "domain": domain,
        "equations": ["-laplacian(u) = 1"],
        "conditions": [{"part": "boundary", "equation": "u = 0"}],
    }
    return kanpde.solve({"problem": problem, "tolerance": 1e-2})


def probed(path: Path, points: np.ndarray) -> np.ndarray:
    """What VTK reads off the file at points (N, 2)."""
    pyvista = pytest.importorskip("pyvista")
    at = np.pad(points, ((0, 0), (0, 3 - points.shape[1])))
    return np.asarray(pyvista.PolyData(at).sample(pyvista.read(path))["u"])


@pytest.mark.parametrize("degree", [2, 3, 4, 7])
@pytest.mark.parametrize("kind", ["quadrilateral", "triangle", "hexahedron"])
def test_vtk_has_the_nodes_where_they_are_written(kind: str, degree: int, tmp_path: Path) -> None:
    dimension = 3 if kind == "hexahedron" else 2
    if kind == "triangle":
        corners = np.array([[0.0, 0], [2, 0], [0.3, 1]])
        mesh = _triangles(Mesh(corners, (("triangle", np.array([[0, 1, 2]])),)), degree)
    else:
        mesh = _tensors(np.zeros((1, dimension)), np.arange(1.0, dimension + 1)[None], degree)

    def polynomial(x: np.ndarray) -> np.ndarray:
        return np.asarray((x @ np.array([0.7, -0.4, 0.3])[:dimension] - 0.2) ** degree)

    file = write_field(tmp_path / "cell.vtu", mesh, {"u": polynomial(mesh.points)})
    inside = np.random.default_rng(0).dirichlet(np.ones(3), 30) @ mesh.points[:3]
    assert np.abs(probed(file, inside) - polynomial(inside)).max() < 1e-6


def test_cells_over_patches_show_the_solution_itself(tmp_path: Path) -> None:
    solution = solved(BOX)
    file = solution.export(tmp_path / "field.vtu", degree=7)
    inside = np.random.default_rng(0).random((200, 2)) * [2, 1]
    exact = solution(inside)[:, 0]
    high = np.abs(probed(file, inside) - exact).max()
    linear = np.abs(probed(solution.export(tmp_path / "linear.vtu"), inside) - exact).max()
    assert high < 1e-6 < linear


def test_elsewhere_in_the_plane_they_are_triangles(tmp_path: Path) -> None:
    solution = solved(HOLED)
    file = solution.export(tmp_path / "field.vtu", degree=4)
    x = np.random.default_rng(0).random((400, 2)) * [2, 1]
    inside = x[np.linalg.norm(x - 0.5, axis=1) > 0.25]
    away = np.abs(probed(file, inside) - solution(inside)[:, 0])
    assert np.median(away) < 1e-6
    assert away.max() < 1e-3  # beside the hole triangles are straight


def test_what_has_no_such_cells_is_told(tmp_path: Path) -> None:
    cube = kanpde.Problem(
        unknowns="u",
        domain={"box": {"lower": [0, 0, 0], "upper": [1, 1, 1]}},
        equations="-laplacian(u) = 1",
        conditions={"boundary": "u = 0"},
    )
    few = {"interior": 60, "boundary": 60}
    solution = kanpde.solve(cube, trial={"width": [3], "intervals": [2, 2]}, sampler=few)
    with pytest.raises(ConfigError, match="cells of degree 4 need a solution on patches"):
        solution.export(tmp_path / "field.vtu", degree=4)
    with pytest.raises(ConfigError, match="must be from 2 to 10, found 11"):
        solution.export(tmp_path / "field.vtu", degree=11)
    with pytest.raises(ConfigError, match=r"need a \.vtu file, found 'field.csv'"):
        solution.export(tmp_path / "field.csv", degree=2)
