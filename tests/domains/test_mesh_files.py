"""Mesh files: every defect has a message of its own, good ones become domains, and a run keeps the
mesh that it solved on.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import meshio
import numpy as np
import pytest
from mesh_helpers import CAVITY, PLATE, grid_mesh, mesh_shape, raw_mesh

from kanpde import api
from kanpde.config import Config, MeshShape, validate
from kanpde.config.problem import meshes
from kanpde.config.problem.shapes import read_shape, shape_tree
from kanpde.config.reader import Reader
from kanpde.config.yaml_file import dumps, loads
from kanpde.domains import MeshDomain, build_domain
from kanpde.domains.meshes import check as meshcheck
from kanpde.domains.meshes import files as meshfile
from kanpde.domains.meshes.check import checked
from kanpde.domains.meshes.files import RawMesh
from kanpde.errors import BudgetError, ConfigError

pytestmark = pytest.mark.usefixtures("quick")

CORNERS = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]
TWO = [[0, 1, 2], [0, 2, 3]]
RIM = [[0, 1], [1, 2], [2, 3], [3, 0]]
TETRA = [[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]
NAN, INF = float("nan"), float("inf")


def moved(points: list[list[float]], vertex: int, place: list[float]) -> list[list[float]]:
    return [place if k == vertex else point for k, point in enumerate(points)]


def square(*groups: tuple[str, int, Any]) -> RawMesh:
    return raw_mesh(CORNERS, [("triangle", TWO), ("line", RIM)], groups)


def triangles(points: list[list[float]], cells: list[list[int]]) -> RawMesh:
    return raw_mesh(points, [("triangle", cells)])


HANGING = triangles([*CORNERS, [0.5, 0.5]], [[0, 2, 3], [0, 1, 4], [1, 2, 4]])
INNER = raw_mesh(CORNERS, [("triangle", TWO), ("line", [[0, 2]])], [("cut", 1, [0])])
BROKEN: dict[str, tuple[RawMesh, str]] = {
    "nan": (triangles(moved(CORNERS, 2, [NAN, 1.0]), TWO),
        r"not finite, the first in vertex 2 at \(nan, 1\); repair it"),
    "inf": (triangles(moved(CORNERS, 3, [0.0, INF]), TWO), r"not finite, the first in vertex 3 at \(0, inf\)"),
    "far": (triangles(moved(CORNERS, 1, [1e13, 0.0]), TWO),
        r"beyond 1e\+12, the first in vertex 1 at \(1e\+13, 0\); scale it"),
    "no_vertices": (RawMesh(np.zeros((0, 2)), (), ()),
        r"needs vertices with 2 or 3 coordinates, found an array of shape \(0, 2\)"),
    "one_coordinate": (RawMesh(np.zeros((4, 1)), (), ()),
        r"needs vertices with 2 or 3 coordinates, found an array of shape \(4, 1\)"),
    "no_cells": (raw_mesh(CORNERS, [("line", RIM)]),
        "has no triangles, quads or cells in space, so nothing to solve on"),
    "empty": (raw_mesh(CORNERS, []), "has no triangles, quads or cells in space, so nothing to solve on"),
    "index_too_large": (triangles(CORNERS, [[0, 1, 2], [0, 2, 9]]),
        r"triangle 1 with the vertices \[0, 2, 9\], but only 0 to 3"),
    "negative_index": (triangles(CORNERS, [[0, 1, -1]]), r"triangle 0 with the vertices \[0, 1, -1\], but only 0 to 3"),
    "polygons": (raw_mesh(CORNERS, [("polygon", [list(range(4))])]),
        "'polygon', which are not read; save triangles, quads, tetrahedra, hexahedra, wedges or pyramids"),
    "third_order": (raw_mesh(CORNERS * 3, [("triangle10", [list(range(10))])]),
        "'triangle10', of third or higher order, which are not read; save cells of first or second order"),
    "bent_too_far": (raw_mesh([*CORNERS[:3], [0.5, -0.6], [1, 0.5], [0.5, 0.5]],
        [("triangle6", [list(range(6))])]),
        r"an edge \(vertices 0, 1\) bent by more than half a circle, or a node on it that belongs elsewhere"),
    "curved_surface": (triangles([[0.0, 0, 0], [1.0, 0, 0], [1.0, 1, 0.5], [0.0, 1, 0]], TWO),
                       r"must lie in the plane z = 0, found vertex 2 at \(1, 1, 0.5\); project it"),
    "lifted": (triangles([[x, y, 2.0] for x, y in CORNERS], TWO),
        r"must lie in the plane z = 0, found vertex 0 at \(0, 0, 2\)"),
    "flat_tetra": (raw_mesh(CORNERS, [("tetra", [[0, 1, 2, 3]])]),
        "has cells in space but only two coordinates; save the third"),
    "repeated_vertex": (triangles(CORNERS, [[0, 1, 2], [0, 2, 2]]),
        r"a repeated vertex: triangle 1 \(vertices 0, 2, 2\); remove it"),
    "degenerate": (triangles([*CORNERS, [2.0, 0.0]], [*TWO, [0, 1, 4]]),
        r"degenerate cell without measure: triangle 2 \(vertices 0, 1, 4\)"),
    "sliver": (raw_mesh([*TETRA, [0.3, 0.3, 0.0]], [("tetra", [[0, 1, 2, 3], [0, 1, 2, 4]])]),
               r"degenerate cell without measure: tetra 1 \(vertices 0, 1, 2, 4\)"),
    "twice": (triangles(CORNERS, [*TWO, [2, 0, 1]]),
        r"a cell that stands twice: triangle 0 \(vertices 0, 1, 2\); remove the copy"),
    "bow_tie": (raw_mesh(CORNERS, [("quad", [[0, 2, 1, 3]])]),
        r"quad 0 \(vertices 0, 2, 1, 3\) that crosses itself or has no area"),
    "three_on_a_facet": (triangles([*CORNERS, [2.0, 0.2]], [*TWO, [0, 2, 4]]),
        r"facet \(vertices 0, 2\) of 3 cells \(0, 1, 2\), which overlap"),
    "folded": (triangles(moved(CORNERS, 3, [0.9, 0.1]), TWO),
        r"two cells on one side of their common facet, triangle 0 \(vertices 0, 1, 2\) and triangle 1 "),
    "folded_tetra": (raw_mesh([*TETRA, [0.2, 0.2, 0.2]], [("tetra", [[0, 1, 2, 3], [0, 1, 2, 4]])]),
        "on one side of their common facet"),
    "two_at_one_place": (triangles([*CORNERS, [1.0, 1.0], [0.0, 0.0]], [[0, 1, 2], [5, 4, 3]]),
                         r"two vertices at one place, vertex [02] at .* and vertex [54]; merge them"),
    "hanging": (HANGING,
        r"not conforming: vertex 4 at \(0.5, 0.5\) hangs on a facet of the triangle 0 \(vertices 0, 2, 3\)"),
    "inside_another": (triangles([*CORNERS, [0.6, 0.2], [3.0, 0.0], [3.0, 0.4]], [*TWO, [4, 5, 6]]),
                       r"overlapping cells: vertex 4 at \(0.6, 0.2\) lies inside the triangle 0"),
    "star": (triangles([[0.0, 2], [-1.8, -1], [1.8, -1], [0, -2], [-1.8, 1.0], [1.8, 1.0]], [[0, 1, 2], [3, 5, 4]]),
             "overlapping cells: the triangle 0"),
    "pinched": (triangles([*CORNERS, [2.0, 1.0], [2.0, 2.0]], [*TWO, [2, 4, 5]]),
                r"touches itself in a single point or edge, at vertex 2 at \(1, 1\); separate or join"),
    "edge_contact": (raw_mesh([*TETRA, [0.0, -1, 0], [0, 0, -1]], [("tetra", [[0, 1, 2, 3], [0, 1, 4, 5]])]),
                     r"touches itself in a single point or edge, at vertex 0 at \(0, 0, 0\)"),
    "no_name": (square((" ", 1, [0])), "a group ' ': a name must be one line of 1 to 127 printable characters; rename"),
    "two_lines": (square(("wall\x07", 0, [0])), r"a group 'wall\\x07': a name must be one line"),
    "long_name": (square(("w" * 128, 1, [0])), "a name must be one line of 1 to 127 printable characters"),
    "part_of_time": (square(("initial", 1, [0])),
        r"a group 'initial', the name of a part of the time interval; give it another, as in"),
    "cut_inside": (INNER,
        r"group 'cut' with the facet \(vertices 0, 2\) inside the domain, not on its boundary; list the groups"),
    "loose_line": (raw_mesh([*CORNERS, [3.0, 0.0]], [("triangle", TWO), ("line", [[1, 4]])], [("wire", 1, [0])]),
                   r"group 'wire' with the facet \(vertices 1, 4\) on no cell at all, not on its boundary"),
    "in_two_groups": (square(("a", 1, [0, 1]), ("b", 1, [1, 2, 3])),
        r"facet \(vertices 1, 2\) in the groups 'a' and 'b'; a facet has one"),
    "missing_members": (square(("a", 1, [7])), "a group 'a' with cells that do not exist; save it again"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_every_defect_is_named(name: str) -> None:
    raw, message = BROKEN[name]
    with pytest.raises(ConfigError, match=message) as caught:
        checked(raw)
    assert "\n" not in str(caught.value)


def test_too_many_cells_and_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meshcheck, "MOST_CELLS", 1)
    with pytest.raises(ConfigError, match="has 2 cells, more than 1; save a coarser mesh"):
        checked(square())
    monkeypatch.undo()
    monkeypatch.setattr("kanpde.domains.meshes.groups.MOST_GROUPS", 1)
    with pytest.raises(ConfigError, match="has 2 groups, more than 1; join some"):
        checked(square(("a", 1, [0]), ("b", 1, [1])))


def test_an_unknown_name_in_boundary() -> None:
    with pytest.raises(
        ConfigError,
        match=r"no group 'wal' of facets, did you mean 'wall'\? \(groups: wall\); correct",
    ):
        checked(square(("wall", 1, [0])), ("wal",))


# What is mended
# --------------------------------------------------------------------------------------------------


def test_cells_are_turned_and_unused_vertices_dropped() -> None:
    mesh = checked(triangles([[9.0, 9.0], *CORNERS], [[1, 3, 2], [1, 3, 4]]))
    assert len(mesh.points) == 4
    domain = MeshDomain(mesh.points, mesh.cells, mesh.facets, mesh.labels, mesh.parts)
    assert domain.measure == 1.0 and domain.parts == ("boundary",)


def test_quads_are_split_where_both_halves_are_proper() -> None:
    dart = [[0.0, 0.0], [2.0, -1.0], [0.5, 0.0], [2.0, 1.0]]  # the diagonal 1-3 lies outside
    mesh = checked(raw_mesh(dart, [("quad", [[0, 1, 2, 3]])], [("body", 0, [0])]))
    domain = MeshDomain(mesh.points, mesh.cells, mesh.facets, mesh.labels, mesh.parts)
    assert domain.measure == pytest.approx(0.5)
    assert mesh.regions["body"].tolist() == [True, True]


def test_groups_become_parts_and_the_rest_is_called_boundary() -> None:
    mesh = checked(square(("wall", 1, [0, 2]), ("inlet", 1, [3]), ("left_half", 0, [1])))
    assert mesh.parts == ("wall", "inlet", "boundary")
    middles = {
        mesh.parts[k]: mesh.points[f].mean(axis=0).tolist()
        for f, k in zip(mesh.facets, mesh.labels, strict=True)
    }
    assert middles["boundary"] == [1.0, 0.5] and middles["inlet"] == [0.0, 0.5]
    assert mesh.regions["left_half"].tolist() == [False, True]


NAMES = ("left wall", "1st_side", "outlet-1", "oberfläche", "12", "a.b:c/d", "interior", "<&'>")


def test_groups_may_have_any_name() -> None:
    mesh = checked(square(*((name, 1, [k]) for k, name in enumerate(NAMES[:4]))))
    assert mesh.parts == NAMES[:4]
    spelled = checked(square(("oberfla\u0308che ", 1, [0])))  # another spelling of one character
    assert spelled.parts == ("oberfläche", "boundary")


def test_the_rest_of_the_boundary_has_a_name_that_no_group_has() -> None:
    assert checked(square(("boundary", 1, [0]))).parts == ("boundary", "rest")


def test_a_problem_may_call_groups_as_it_likes() -> None:
    raw = square(("left wall", 1, [3]), ("1st", 1, [0]), ("top", 1, [2]), ("old body", 0, [0, 1]))
    mesh = checked(raw, None, {"wall": ["left wall", "1st"], "body": ["old body"]})
    assert mesh.parts == ("wall", "top", "boundary") and tuple(mesh.regions) == ("body",)
    assert np.bincount(mesh.labels).tolist() == [2, 1, 1]
    with pytest.raises(ConfigError, match=r"no group 'tip', did you mean 'top'.*correct `names`"):
        checked(raw, None, {"lid": ["tip"]})
    with pytest.raises(ConfigError, match="has a group 'top', and `names` calls another so"):
        checked(raw, None, {"top": ["1st"]})


def test_boundary_chooses_the_groups() -> None:
    raw = raw_mesh(
        CORNERS,
        [("triangle", TWO), ("line", [[0, 2], *RIM])],
        [("cut", 1, [0]), ("wall", 1, [1, 2, 3, 4])],
    )
    assert checked(raw, ("wall",)).parts == ("wall",)


# Domains
# --------------------------------------------------------------------------------------------------


def test_round_holes_are_fitted() -> None:
    angles = 2 * np.pi * np.linspace(0, 1, 25)[:-1] ** 1.2
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    ring = np.concatenate([circle, 0.4 * circle]) + np.array([5.0, -2.0])
    quads = [[k, (k + 1) % 24, 24 + (k + 1) % 24, 24 + k] for k in range(24)]
    domain = build_domain(mesh_shape(raw_mesh(ring, [("quad", quads)])))
    assert isinstance(domain, MeshDomain)
    ((centre, radius),) = domain.round_holes()
    assert (
        centre == pytest.approx([5.0, -2.0]) and 0.39 < radius < 0.4
    )  # the chords cut into the circle
    assert domain.part_measure("outer") < 2 * np.pi * 1.4
    square_holes = build_domain(mesh_shape(PLATE))
    assert isinstance(square_holes, MeshDomain) and square_holes.round_holes() == ()


def test_opposite_sides_of_a_mesh_are_periodic() -> None:
    domain = build_domain(mesh_shape(PLATE))
    assert domain.periodic_shift("left", "right") == pytest.approx([1.8, 0.0])
    assert domain.periodic_shift("top", "bottom") == pytest.approx([0.0, -0.8])
    assert build_domain(mesh_shape(CAVITY)).periodic_shift("back", "front") == pytest.approx(
        [0, 0, 1]
    )
    for a, b in (("hole1", "hole2"), ("left", "top"), ("left", "left")):
        with pytest.raises(ConfigError, match="opposite faces of a box"):
            domain.periodic_shift(a, b)


def test_points_crowd_at_the_boundary_of_a_coarse_mesh() -> None:
    domain = build_domain(mesh_shape(square()))
    near = {}
    for kind in ("chebyshev", "sobol"):
        x = domain.interior(4000, kind, np.random.default_rng(0)).x
        near[kind] = (np.minimum(x, 1 - x).min(axis=1) < 0.02).mean()
    assert near["sobol"] == pytest.approx(0.0784, abs=0.01)
    assert near["chebyshev"] > 2 * near["sobol"]


def test_regions_follow_the_cells() -> None:
    domain = build_domain(mesh_shape(square(("low", 0, [0]))))
    assert isinstance(domain, MeshDomain)
    assert domain.points[domain.cells[domain.regions["low"]]].mean(axis=(0, 1)) == pytest.approx(
        [2 / 3, 1 / 3]
    )


def test_a_graded_mesh_is_located() -> None:
    x = np.concatenate([[0.0], 2.0 ** np.arange(-20, 1)])
    points = np.array([[a, b] for a in x for b in (0.0, 1.0)])
    quads = [[2 * k, 2 * k + 2, 2 * k + 3, 2 * k + 1] for k in range(len(x) - 1)]
    domain = build_domain(mesh_shape(raw_mesh(points, [("quad", quads)])))
    u = np.random.default_rng(0).random((5000, 2)) ** 4
    assert domain.contains(u).all() and not domain.contains(u - [0.0, 1.001]).any()


# Files
# --------------------------------------------------------------------------------------------------


def save(path: Path, raw: RawMesh, **keys: Any) -> Path:
    """Write a raw mesh with its groups as physical groups."""
    points = raw.points if raw.points.shape[1] == 3 else np.pad(raw.points, ((0, 0), (0, 1)))
    tags = [np.zeros(len(block), dtype=int) for _, block in raw.blocks]
    names: dict[str, Any] = {}
    for name, block, members in raw.groups:
        dimension = {"line": 1, "triangle": 2, "quad": 2, "tetra": 3}[raw.blocks[block][0]]
        number = names.setdefault(name, np.array([len(names) + 1, dimension]))[0]
        tags[block][members] = number
    data = {"gmsh:physical": tags, "gmsh:geometrical": tags}
    mesh = meshio.Mesh(points, [(k, b) for k, b in raw.blocks], cell_data=data, field_data=names)
    meshio.write(path, mesh, **keys)
    return path


def read(folder: Path, value: Any) -> MeshShape:
    shape = read_shape(Reader({"mesh": value}, "my.yaml", folders=(folder,)))
    assert isinstance(shape, MeshShape)
    return shape


FORMATS = [
    ("plate.msh", {"file_format": "gmsh22", "binary": False}),
    ("plate.msh", {"file_format": "gmsh22"}),
]


@pytest.mark.parametrize(("name", "keys"), FORMATS)
def test_groups_of_gmsh_files(name: str, keys: dict[str, Any], tmp_path: Path) -> None:
    save(tmp_path / name, PLATE, **keys)
    shape = read(tmp_path, name)
    assert set(shape.content.parts) == {"left", "right", "bottom", "top", "hole1", "hole2"}
    assert shape.content.regions == ("body",)
    assert build_domain(shape).measure == pytest.approx(1.36)
    assert read(tmp_path, shape_tree(shape)["mesh"]) == shape


@pytest.mark.parametrize("name", ["cavity.vtu", "cavity.vtk", "cavity.mesh", "cavity.inp"])
def test_other_formats(name: str, tmp_path: Path) -> None:
    plain = RawMesh(CAVITY.points, CAVITY.blocks[:1], ())
    meshio.write(tmp_path / name, meshio.Mesh(plain.points, list(plain.blocks)))
    assert checked(meshfile.read(tmp_path / name)).parts == ("outer", "hole1")


def test_numbers_name_the_groups_where_nothing_else_does(tmp_path: Path) -> None:
    shape = read(
        save(tmp_path / "plate.vtu", PLATE).parent,
        {"file": "plate.vtu", "boundary": ["group1", "group3"]},
    )
    assert shape.content.parts == ("group1", "group3", "boundary") and shape.content.regions == (
        "group7",
    )


def refusal(folder: Path, value: Any) -> str:
    with pytest.raises((ConfigError, BudgetError)) as caught:
        read(folder, value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "plate.step",
            "a mesh file must end in one of .msh, .vtu, .vtk, .inp, .mesh, .meshb, .xdmf, .xmf, .bdf,"
            " .nas, .fem, .med, .stl, .su2, found 'plate.step'; convert it",
        ),
        ("plate", "a mesh file must end in one of"),
        ("missing.msh", "'missing.msh' does not exist beside the config"),
        (f"{'m' * 300}.msh", "does not exist beside the config"),
        (
            "../plate.msh",
            "'../plate.msh' leaves the folder of the config; copy the mesh beside the config",
        ),
        ("/etc/plate.msh", "'/etc/plate.msh' leaves the folder of the config"),
        ("link.msh", "'link.msh' leaves the folder of the config"),
        ("folder.msh", "'folder.msh' is not a regular file"),
    ],
)
def test_paths(name: str, message: str, tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    (inner / "folder.msh").mkdir(parents=True)
    save(tmp_path / "plate.msh", PLATE, file_format="gmsh22")
    (inner / "link.msh").symlink_to(tmp_path / "plate.msh")
    assert refusal(inner, name).startswith("my.yaml: mesh") and message in refusal(inner, name)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({}, "missing key 'file'"),
        ({"file": "a.msh", "bounday": []}, "unknown key, did you mean 'boundary'?"),
        ({"file": "a.msh", "boundary": ["x", "x"]}, "must list each group once"),
        (
            {"file": "a.msh", "boundary": [True]},
            "must be the name of a group, quoted where YAML reads it as something else, found true",
        ),
        (
            {"file": "a.msh", "names": {"left wall": "a"}},
            "names.'left wall': a name must begin with a letter and hold at most 40 letters",
        ),
        (
            {"file": "a.msh", "names": {"a": "wall", "b": ["hole", "wall"]}},
            "names.b: the group 'wall' is 'a' already",
        ),
        (
            {"file": "a.msh", "sha256": "0123456789abcdef"},
            "is not the mesh that this config was made with",
        ),
    ],
)
def test_keys(value: Any, message: str, tmp_path: Path) -> None:
    (tmp_path / "a.msh").write_bytes(b"")
    assert message in refusal(tmp_path, value)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("junk.msh", b"\x00\xff" * 50, r"'junk.msh' cannot be read as a .msh mesh \("),
        ("empty.vtk", b"", r"'empty.vtk' cannot be read as a .vtk mesh \("),
        (
            "pieces.vtu",
            b"<VTKFile><Piece/><Piece/></VTKFile>",
            "'pieces.vtu' holds several pieces; save it as one",
        ),
    ],
)
def test_files_that_are_no_meshes(name: str, content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ConfigError, match=message):
        read(tmp_path, name)


def test_a_reader_that_hangs_dies_or_eats_memory_is_survived(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(tmp_path / "plate.msh", grid_mesh((2, 2), 0.5, {}), file_format="gmsh22")
    monkeypatch.setattr(meshes, "SECONDS", 0.01)
    assert "takes longer than 0.01 s to read as a .msh mesh" in refusal(tmp_path, path.name)
    monkeypatch.undo()
    monkeypatch.setattr(meshes, "MOST_MEMORY", 60 << 20)
    refused = refusal(tmp_path, path.name)
    assert "memory" in refused or "cannot be read as a .msh mesh" in refused
    monkeypatch.undo()
    monkeypatch.setattr(meshes, "_READER", "kanpde.no_such_module")
    assert (
        "cannot be read as a .msh mesh (its reader ended without an answer); save it again"
        in refusal(tmp_path, path.name)
    )
    monkeypatch.undo()
    monkeypatch.setattr(meshes, "MOST_BYTES", 10)
    assert "is larger than 0 MiB; save a coarser mesh" in refusal(tmp_path, path.name)


def test_names_of_groups_survive_the_way_through_files(tmp_path: Path) -> None:
    raw = grid_mesh((2, 2), 0.5, {})
    edges = tuple((name, 1, np.array([k])) for k, name in enumerate(NAMES))
    save(tmp_path / "s.msh", RawMesh(raw.points, raw.blocks, edges), file_format="gmsh22")
    shape = read(tmp_path, {"file": "s.msh", "names": {"walls": [NAMES[0], 12]}})
    assert set(shape.parts) == {"walls", *NAMES} - {NAMES[0], "12"}
    again = read_shape(Reader(loads(dumps(shape_tree(shape)), source=""), "", folders=(tmp_path,)))
    assert again == shape and again.parts == shape.parts


# Runs
# --------------------------------------------------------------------------------------------------


def small_config(folder: Path) -> Config:
    save(folder / "square.msh", grid_mesh((2, 2), 0.5, {}), file_format="gmsh22")
    sides = ["left", "right", "bottom", "top"]
    return validate(
        {
            "problem": {
                "name": "small",
                "unknowns": ["u"],
                "domain": {"mesh": {"file": "square.msh"}},
                "equations": ["laplacian(u) = 0"],
                "conditions": [{"part": sides, "equation": "u = x**2 - y**2"}],
                "exact": {"u": "x**2 - y**2"},
            },
            "trial": {"width": [4], "degree": [3, 3], "intervals": [1, 2]},
            "sampler": {"interior": 200, "boundary": 80},
            "output": {"vtu": False, "plots": False},
        },
        source="small.yaml",
        base=folder,
    )


def test_a_run_keeps_its_mesh_and_notices_another(tmp_path: Path) -> None:
    config = small_config(tmp_path)
    solution = api.solve(config, out=tmp_path / "run")
    assert solution.relative_l2["u"] < 1e-8
    (tmp_path / "square.msh").unlink()  # the run has a copy
    copy = tmp_path / "run" / "mesh.msh"
    assert copy.read_bytes() == config.problem.domain.content.source  # type: ignore[union-attr]
    again = api.load(tmp_path / "run")
    x = np.array([[0.3, 0.4], [0.9, 0.1]])
    assert np.array_equal(np.asarray(solution(x)), np.asarray(again(x)))
    with pytest.raises(ConfigError, match="outside"):
        again(np.array([[1.5, 0.5]]))
    copy.write_bytes(copy.read_bytes() + b"\n")
    for use in (api.load, api.resume):
        with pytest.raises(
            ConfigError,
            match=r"config.yaml: problem.domain.mesh.file: 'mesh.msh' is not the mesh that this",
        ):
            use(tmp_path / "run")
    os.remove(copy)
    with pytest.raises(ConfigError, match=r"'mesh.msh' does not exist beside the config"):
        api.load(tmp_path / "run")


def test_a_run_on_a_mesh_can_be_overwritten_and_configured_again(tmp_path: Path) -> None:
    config = small_config(tmp_path)
    api.solve(config, out=tmp_path / "run")
    api.solve(config, out=tmp_path / "run", overwrite=True)
    for source in (config, config.problem):
        assert api.configure(source, seed=3).problem == config.problem


def test_a_part_without_a_condition_is_missed(tmp_path: Path) -> None:
    save(tmp_path / "plate.msh", PLATE, file_format="gmsh22")
    node = {
        "unknowns": ["u"],
        "domain": {"mesh": {"file": "plate.msh", "boundary": ["left", "right", "hole1", "hole2"]}},
        "equations": ["laplacian(u) = 0"],
        "conditions": [{"part": ["left", "hole1", "hole2"], "equation": "u = 0"}],
    }
    with pytest.raises(
        ConfigError,
        match="no condition on the parts right, boundary; add one, or list under 'free'",
    ):
        validate({"problem": node}, source="my.yaml", base=tmp_path)
