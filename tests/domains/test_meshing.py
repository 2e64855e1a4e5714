"""Meshes that gmsh makes: of our own shapes with named parts, and a plate from outside on which a
problem is solved.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skfem as fem
from skfem.helpers import dot, grad

import kanpde
from kanpde.cli import main
from kanpde.config import validate
from kanpde.config.problem.shapes import Shape, read_shape
from kanpde.config.reader import Reader
from kanpde.domains import MeshDomain, build_domain
from kanpde.domains.meshes import files as meshfile
from kanpde.domains.meshes.generate import write_mesh
from kanpde.errors import ConfigError

try:
    import gmsh
except (ImportError, OSError):  # the extra is not installed, or a library that it needs
    gmsh = None

needs_gmsh = pytest.mark.skipif(gmsh is None, reason="needs gmsh: pip install 'kanpde[mesh]'")

SHAPES: dict[str, dict[str, Any]] = {
    "polygon": {"polygon": [[0, 0], [2, 0], [2, 1], [1, 1], [1, 2], [0, 2]]},
    "disk": {"disk": {"center": [1, 2], "radius": 0.5}},
    "holes": {"difference": [
        {"rectangle": {"lower": [0, 0], "upper": [2, 1]}},
        {"disk": {"center": [0.5, 0.5], "radius": 0.2, "name": "hole"}},
        {"disk": {"center": [0, 0], "radius": 0.3, "name": "bite"}},
    ]},
    "ring_around_an_island": {"union": [
        {"difference": [{"disk": {"center": [0, 0], "radius": 2, "name": "outer"}},
                        {"disk": {"center": [0, 0], "radius": 1, "name": "inner"}}]},
        {"difference": [{"disk": {"center": [0, 0], "radius": 0.7, "name": "island"}},
                        {"disk": {"center": [0, 0], "radius": 0.3, "name": "lake"}}]},
    ]},
    "box": {"box": {"lower": [0, 0, 0], "upper": [1, 2, 0.5]}},
    "ball": {"ball": {"center": [1, 0, 0], "radius": 0.5}},
}  # fmt: skip


def shape_of(node: dict[str, Any], base: Path = Path()) -> Shape:
    return read_shape(Reader(node, "my.yaml", folders=(base,)))


@needs_gmsh
@pytest.mark.parametrize("name", SHAPES)
def test_a_meshed_shape_is_the_shape(name: str, tmp_path: Path) -> None:
    shape = shape_of(SHAPES[name])
    exact = build_domain(shape)
    size = (0.1 if exact.dimension == 2 else 0.2) * float((exact.upper - exact.lower).max())
    vertices, cells = write_mesh(shape, tmp_path / "a.msh", size)
    meshed = build_domain(shape_of({"mesh": "a.msh"}, tmp_path))
    assert isinstance(meshed, MeshDomain)
    assert (len(meshed.points), len(meshed.cells)) == (vertices, cells)
    assert set(meshed.parts) == set(exact.parts) and set(meshed.regions) == {"domain"}
    straight = name in ("polygon", "box")
    assert meshed.measure == pytest.approx(exact.measure, rel=1e-12 if straight else 0.12)
    for part in exact.parts:
        assert meshed.part_measure(part) == pytest.approx(
            exact.part_measure(part), rel=1e-12 if straight else 0.08
        )
        corners = meshed.points[meshed.facets[meshed.labels == meshed.parts.index(part)]].reshape(
            -1, exact.dimension
        )
        points = exact.part(part, 2000, "sobol", np.random.default_rng(0)).x
        nearest = np.abs(corners[:, None] - points).sum(axis=2).min(axis=1)
        assert nearest.max() < 0.5 * size, part


@needs_gmsh
def test_the_verb(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["init", "my_plate"]) == 0
    assert main(["mesh", "my_plate.yaml", "--to", "plate.msh", "--size", "0.1"]) == 0
    assert "parts left, right, bottom, top" in capsys.readouterr().out
    assert main(["mesh", "my_plate.yaml", "--to", "plate.msh"]) == 6
    assert main(["mesh", "my_plate.yaml", "--to", "plate.inp"]) == 2
    assert "must end in .msh, which keeps the names of parts" in capsys.readouterr().err
    assert (
        main(["mesh", "my_plate.yaml", "--to", "plate.msh", "--overwrite", "--size", "1e-9"]) == 2
    )
    assert "--size must be between" in capsys.readouterr().err
    assert [path.name for path in tmp_path.glob("*.msh")] == ["plate.msh"]


def test_without_gmsh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gmsh", None)
    with pytest.raises(
        ConfigError, match=r"gmsh cannot be loaded .*; install it with pip install 'kanpde\[mesh\]'"
    ):
        write_mesh(shape_of(SHAPES["disk"]), tmp_path / "a.msh")
    with pytest.raises(
        ConfigError, match="has 1 coordinates; gmsh meshes shapes of two or three coordinates"
    ):
        write_mesh(shape_of({"interval": [0, 1]}), tmp_path / "a.msh")
    assert list(tmp_path.iterdir()) == []


# A plate from outside
# ------------------------------------------------------------------------------------------------

PLATE = """
problem:
  name: plate
  unknowns: [u]
  domain: {mesh: {file: plate.msh}}
  definitions: {f: "10*exp(-x**2 - y**2)"}
  equations: ["-laplacian(u) = f"]
  conditions:
    - {part: left, equation: "u = 0"}
    - {part: hole1, equation: "u = 1"}
    - {part: hole2, equation: "u = 0.5"}
    - {part: [top, bottom], equation: "dn(u) = 0"}
    - {part: right, equation: "dn(u) + 2*u = 1"}
trial: {width: [80], degree: [5, 11], intervals: [2, 10], radial: 20}
sampler: {interior: 2500, boundary: 1200}
output: {plots: false, vtu: false}
"""


def foreign_plate(path: Path) -> None:
    """[0, 2] x [0, 1] without two disks, with named edges, as a user of gmsh would make it."""
    gmsh.initialize(interruptible=False)
    gmsh.option.setNumber("General.Terminal", 0)
    occ, mesh = gmsh.model.occ, gmsh.model.mesh
    holes = [(2, occ.addDisk(0.5, 0.5, 0, 0.2, 0.2)), (2, occ.addDisk(1.4, 0.55, 0, 0.25, 0.25))]
    occ.cut([(2, occ.addRectangle(0, 0, 0, 2, 1))], holes)
    occ.synchronize()
    sides = {
        "left": (0, 0.5),
        "right": (2, 0.5),
        "bottom": (1, 0),
        "top": (1, 1),
        "hole1": (0.5, 0.5),
        "hole2": (1.4, 0.55),
    }
    for _, tag in gmsh.model.getEntities(1):
        centre = occ.getCenterOfMass(1, tag)[:2]
        name = min(sides, key=lambda side: np.hypot(*np.subtract(sides[side], centre)))
        gmsh.model.addPhysicalGroup(1, [tag], name=name)
        if name.startswith("hole"):
            mesh.setSize(gmsh.model.getBoundary([(1, tag)], False), 0.0125)
    gmsh.model.addPhysicalGroup(2, [tag for _, tag in gmsh.model.getEntities(2)], name="steel")
    gmsh.option.setNumber("Mesh.MeshSizeMax", 0.15)
    mesh.generate(2)
    gmsh.write(str(path))
    gmsh.finalize()


def finite_elements(domain: MeshDomain) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points (N, 2), weights (N,) and values (N,) of the quadratic finite-element solution on the
    mesh refined once.
    """
    mesh = fem.MeshTri(domain.points.T.copy(), domain.cells.T.copy())
    number = {tuple(edge): k for k, edge in enumerate(np.sort(mesh.facets.T, axis=1).tolist())}
    edges = {
        name: np.array(
            [number[tuple(sorted(facet))] for facet in domain.facets[domain.labels == k].tolist()]
        )
        for k, name in enumerate(domain.parts)
    }
    mesh = mesh.with_boundaries(edges).refined(1)
    basis = fem.Basis(mesh, fem.ElementTriP2(), intorder=4)
    right = fem.FacetBasis(mesh, basis.elem, facets=mesh.boundaries["right"], intorder=4)
    matrix = fem.BilinearForm(lambda u, v, w: dot(grad(u), grad(v))).assemble(basis)
    matrix = matrix + fem.BilinearForm(lambda u, v, w: 2 * u * v).assemble(right)
    load = fem.LinearForm(lambda v, w: 10 * np.exp(-(w.x[0] ** 2) - w.x[1] ** 2) * v).assemble(
        basis
    )
    load = load + fem.LinearForm(lambda v, w: v).assemble(right)
    u, fixed = basis.zeros(), []
    for name, value in (("left", 0.0), ("hole1", 1.0), ("hole2", 0.5)):
        fixed.append(basis.get_dofs(mesh.boundaries[name]).all())
        u[fixed[-1]] = value
    u = fem.solve(*fem.condense(matrix, load, x=u, D=np.unique(np.concatenate(fixed))))
    x = np.asarray(basis.global_coordinates())
    return x.reshape(2, -1).T, basis.dx.ravel(), np.asarray(basis.interpolate(u)).ravel()


@needs_gmsh
@pytest.mark.slow
def test_a_plate_of_gmsh_is_solved_from_a_file_alone(tmp_path: Path) -> None:
    foreign_plate(tmp_path / "plate.msh")
    (tmp_path / "plate.yaml").write_text(PLATE, encoding="utf-8")
    assert (
        main(["solve", str(tmp_path / "plate.yaml"), "--out", str(tmp_path / "run"), "--quiet"])
        == 0
    )
    solution = kanpde.load(tmp_path / "run")
    domain = solution.problem.domain
    assert isinstance(domain, MeshDomain) and domain.regions["steel"].all()
    holes = sorted((radius, *centre) for centre, radius in domain.round_holes())
    assert np.array(holes) == pytest.approx(
        np.array([(0.2, 0.5, 0.5), (0.25, 1.4, 0.55)]), abs=1e-4
    )
    x, w, values = finite_elements(domain)
    keep = np.random.default_rng(0).random(len(x)) < 0.1
    x, w, values = x[keep], w[keep], values[keep]
    off = np.asarray(solution(x))[:, 0] - values
    error = np.sqrt((w * off**2).sum() / (w * values**2).sum())
    assert error < 1e-4


@needs_gmsh
def test_gmsh_of_both_versions_is_read(tmp_path: Path) -> None:
    foreign_plate(tmp_path / "plate.msh2")
    (tmp_path / "plate.msh2").rename(tmp_path / "two.msh")
    foreign_plate(tmp_path / "four.msh")
    assert (
        b"2.2" in (tmp_path / "two.msh").read_bytes()[:40]
        and b"4.1" in (tmp_path / "four.msh").read_bytes()[:40]
    )
    two, four = (meshfile.read(tmp_path / f"{name}.msh") for name in ("two", "four"))
    assert (
        {name for name, _, _ in two.groups}
        == {name for name, _, _ in four.groups}
        > {"steel", "hole1", "left"}
    )


def test_the_plate_problem_needs_its_mesh(tmp_path: Path) -> None:
    node = {
        "unknowns": ["u"],
        "domain": {"mesh": "plate.msh"},
        "equations": ["u = 0"],
        "conditions": [],
    }
    with pytest.raises(
        ConfigError,
        match=r"my.yaml: problem.domain.mesh.file: 'plate.msh' does not exist beside the config",
    ):
        validate({"problem": node}, source="my.yaml", base=tmp_path)
