"""The table of mesh files: format × cells × order × names of groups × what is missing. Every one is
read, or refused with its true reason in one line.
"""

from __future__ import annotations

from importlib.util import find_spec
from itertools import product
from pathlib import Path

import meshio
import numpy as np
import pytest
from mesh_helpers import grid_mesh, mesh_shape, raw_mesh

from kanpde.domains import MeshDomain, Planar, build_domain
from kanpde.domains.meshes.check import checked
from kanpde.domains.meshes.elements import KINDS, simplices
from kanpde.domains.meshes.files import RawMesh, read
from kanpde.errors import ConfigError
from kanpde.numerics.quadrature import Array

Blocks = list[tuple[str, np.ndarray]]
SQUARE = grid_mesh((2, 2), 0.5, {})
CUBE = grid_mesh((2, 2, 2), 0.5, {})
TETRA = [[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]


def bricks(count: int = 2) -> tuple[Array, np.ndarray]:
    """The unit cube as hexahedra."""
    steps = np.arange(count + 1)
    points = np.array(list(product(steps, steps, steps))) / count
    number = {tuple(p): k for k, p in enumerate((points * count).round().astype(int).tolist())}
    corners = [
        (0, 0, 0),
        (1, 0, 0),
        (1, 1, 0),
        (0, 1, 0),
        (0, 0, 1),
        (1, 0, 1),
        (1, 1, 1),
        (0, 1, 1),
    ]
    cells = [
        [number[tuple(np.add(at, corner).tolist())] for corner in corners]
        for at in product(range(count), repeat=3)
    ]
    return points, np.array(cells)


def raised(raw: RawMesh, bend: float = 0.0) -> RawMesh:
    """The same with a node on every edge of every cell, moved outward from the middle (0.5, 0.5)
    by `bend` where the edge lies on the boundary of the square.
    """
    points, numbers, blocks = raw.points.tolist(), dict[tuple[int, int], int](), []
    second = {"line": "line3", "triangle": "triangle6", "tetra": "tetra10"}
    for kind, block in raw.blocks:
        rows = []
        for cell in block.tolist():
            middles = []
            for a, b in KINDS[second[kind]].edges:
                key = min(cell[a], cell[b]), max(cell[a], cell[b])
                if key not in numbers:
                    numbers[key] = len(points)
                    middle = (raw.points[cell[a]] + raw.points[cell[b]]) / 2
                    if np.isin(np.abs(middle - 0.5), 0.5).any():
                        middle = middle + bend * np.sign(middle - 0.5) * (
                            np.abs(middle - 0.5) == 0.5
                        )
                    points.append(middle.tolist())
                middles.append(numbers[key])
            rows.append([*cell, *middles])
        blocks.append((second[kind], rows))
    return raw_mesh(points, blocks, raw.groups)


# Cells
# --------------------------------------------------------------------------------------------------


def test_hexahedra_are_cut_alike_on_both_sides_of_a_face() -> None:
    points, cells = bricks()
    mesh = checked(raw_mesh(points, [("hexahedron", cells)], [("body", 0, range(8))]))
    assert len(mesh.cells) == 48 and mesh.regions["body"].all()
    domain = build_domain(mesh_shape(raw_mesh(points, [("hexahedron", cells)])))
    assert domain.measure == pytest.approx(1.0) and domain.part_measure(
        "boundary"
    ) == pytest.approx(6)


@pytest.mark.parametrize(("kind", "pieces"), [("hexahedron", 6), ("wedge", 3), ("pyramid", 2)])
def test_cells_are_cut_into_tetrahedra_that_fill_them(kind: str, pieces: int) -> None:
    corners = {
        "hexahedron": bricks(1)[0][bricks(1)[1][0]],
        "wedge": np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 1], [0, 1, 1]]),
        "pyramid": np.array([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [0.4, 0.5, 1]]),
    }[kind]
    volume = {"hexahedron": 1.0, "wedge": 0.5, "pyramid": 1 / 3}[kind]
    rng = np.random.default_rng(0)
    for _ in range(40):  # whatever numbers the corners have
        numbers = rng.permutation(len(corners))
        points = np.empty_like(corners)
        points[numbers] = corners
        tets = simplices(kind, numbers[None])
        assert tets.shape == (1, pieces, 4)
        domain = build_domain(mesh_shape(raw_mesh(points, [(kind, numbers[None])])))
        assert domain.measure == pytest.approx(volume)


def test_quads_in_space_name_the_sides_of_hexahedra() -> None:
    points, cells = bricks()
    lower = [[cell[k] for k in (0, 1, 2, 3)] for cell in cells if (points[cell[:4], 2] == 0).all()]
    raw = raw_mesh(points, [("hexahedron", cells), ("quad", lower)], [("the floor", 1, range(4))])
    domain = build_domain(mesh_shape(raw))
    assert domain.parts == ("the floor", "boundary")
    assert domain.part_measure("the floor") == pytest.approx(1.0)


# Second order
# --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("flat", [SQUARE, CUBE], ids=["triangles", "tetrahedra"])
def test_straight_cells_of_second_order_are_those_of_their_corners(flat: RawMesh) -> None:
    raw = raised(flat)
    mesh, first = checked(raw), checked(flat)
    assert mesh.parts == first.parts and not mesh.notes
    assert np.array_equal(mesh.points, first.points) and np.array_equal(mesh.cells, first.cells)


def ring(order: int, count: int = 12) -> RawMesh:
    """A ring of quads between circles of radius 1 and 0.4 around (5, -2)."""
    angles = 2 * np.pi * np.arange(2 * count) / (2 * count)
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    points = np.concatenate([circle, 0.4 * circle, 0.7 * circle]) + np.array([5.0, -2.0])
    n, quads = 2 * count, []
    for k in range(0, n, 2):
        k1, k2 = k + 1, (k + 2) % n
        corners = [k, k2, n + k2, n + k]
        quads.append([*corners, k1, 2 * n + k2, n + k1, 2 * n + k] if order == 2 else corners)
    return raw_mesh(points, [("quad8" if order == 2 else "quad", quads)])


def test_bent_edges_on_circles_are_the_circles() -> None:
    area = np.pi * (1 - 0.4**2)
    straight, bent = (build_domain(mesh_shape(ring(order))) for order in (1, 2))
    assert isinstance(straight, MeshDomain) and isinstance(bent, Planar)
    assert straight.measure == pytest.approx(area * 0.955, rel=0.01)  # 4.5 % are lost
    assert bent.measure == pytest.approx(area, rel=1e-13)
    assert bent.parts == ("outer", "hole1") and len(bent.curves) == 2
    assert bent.part_measure("hole1") == pytest.approx(2 * np.pi * 0.4, rel=1e-13)
    quadrature = bent.quadrature(2000)
    assert (quadrature.x[:, 0] @ quadrature.w) / area == pytest.approx(5.0, rel=1e-9)
    x = np.array([5.0, -2.0]) + np.array([[0.999, 0], [1.001, 0], [0.401, 0], [0.399, 0]])
    assert bent.contains(x).tolist() == [True, False, True, False]


def test_bent_edges_of_other_curves_are_met_to_third_order_and_better() -> None:
    errors = []
    for count in (8, 16, 32):
        raw = ring(2, count)
        ellipse = (raw.points - [5.0, -2.0]) * [1.0, 0.6]
        domain = build_domain(mesh_shape(raw_mesh(ellipse, raw.blocks)))
        errors.append(abs(domain.measure / (0.6 * np.pi * (1 - 0.4**2)) - 1))
    assert errors[0] < 1e-3 and errors[1] < errors[0] / 12 and errors[2] < errors[1] / 12


def test_bent_edges_may_lie_inside_or_outside_the_chord() -> None:
    for bend in (0.05, -0.05):
        domain = build_domain(mesh_shape(raised(SQUARE, bend)))
        assert isinstance(domain, Planar) and len(domain.curves) == 8
        half, sagitta = 0.25, 0.05
        radius = (half**2 + sagitta**2) / (2 * sagitta)
        turn = 2 * np.arcsin(half / radius)
        cap = radius**2 * (turn - np.sin(turn)) / 2
        assert domain.measure == pytest.approx(1 + 8 * np.sign(bend) * cap, rel=1e-12)
        points = domain.interior(500, "sobol", np.random.default_rng(0)).x
        assert domain.contains(points).all()


def test_bent_sides_in_space_are_four_flat_ones_and_that_is_said() -> None:
    raw = raised(CUBE, 0.02)
    mesh = checked(raw)
    assert len(mesh.cells) == 8 * len(CUBE.blocks[0][1])
    assert set(mesh.parts) == {"left", "right", "bottom", "top", "back", "front"}
    (note,) = mesh.notes
    assert "bent sides, whose nodes lie up to 0.0" in note and "as four flat ones" in note
    volume = build_domain(mesh_shape(raw)).measure
    assert 1.0 < volume < 1.12


def test_bent_bricks_are_straightened_and_that_is_said() -> None:
    points, cells = bricks(1)
    middles = [
        (points[cells[0][a]] + points[cells[0][b]]) / 2 for a, b in KINDS["hexahedron20"].edges
    ]
    middles[0] = middles[0] - [0.0, 0.1, 0.0]
    raw = raw_mesh([*points, *middles], [("hexahedron20", [[*cells[0], *range(8, 20)]])])
    (note,) = checked(raw).notes
    assert "nodes lie up to 0.1 off the straight edges; they are taken as flat" in note


# Groups
# --------------------------------------------------------------------------------------------------


def with_points(raw: RawMesh, sets: dict[str, object]) -> RawMesh:
    return RawMesh(raw.points, raw.blocks[:1], (), {}, {k: np.array(v) for k, v in sets.items()})


def test_sets_of_points_are_the_facets_between_them() -> None:
    x = SQUARE.points[:, 0]
    sets = {
        "all": range(len(x)),
        "left": np.flatnonzero(x == 0),
        "right": np.flatnonzero(x == 1),
        "corner": [0],
    }
    mesh = checked(with_points(SQUARE, sets))
    assert set(mesh.parts) == {"left", "right", "all"}  # what is left of the boundary is in `all`
    sides = {name: mesh.points[mesh.facets[mesh.labels == k]] for k, name in enumerate(mesh.parts)}
    assert (sides["left"][..., 0] == 0).all() and len(sides["left"]) == 2
    assert (sides["right"][..., 0] == 1).all() and len(sides["all"]) == 4


def test_groups_of_facets_go_before_sets_of_points() -> None:
    raw = RawMesh(
        SQUARE.points,
        SQUARE.blocks,
        SQUARE.groups[:1],
        {},
        {"nodes": np.arange(len(SQUARE.points))},
    )
    assert checked(raw).parts == (SQUARE.groups[0][0], "nodes")


def test_equal_and_covering_groups_are_no_parts() -> None:
    every = [(name, block, members) for name, block, members in SQUARE.groups if block == 1]
    rim = np.unique(np.concatenate([members for *_, members in every]))
    groups = [*every, ("Line1", 1, every[0][2]), ("walls", 1, rim)]
    mesh = checked(raw_mesh(SQUARE.points, SQUARE.blocks, groups))
    assert set(mesh.parts) == {"left", "right", "bottom", "top"}
    assert [note.split("'")[1] for note in mesh.notes] == ["Line1", "walls"]
    renamed = checked(raw_mesh(SQUARE.points, SQUARE.blocks, groups), None, {"side": ["Line1"]})
    assert "side" in renamed.parts and every[0][0] not in renamed.parts
    assert checked(raw_mesh(SQUARE.points, SQUARE.blocks, groups), ("walls",)).parts == ("walls",)


def test_pieces_of_a_boundary_without_groups_have_names() -> None:
    plate = grid_mesh((9, 4), 0.2, {(6, 2): "a", (2, 1): "b"})
    mesh = checked(raw_mesh(plate.points, plate.blocks[:1]))
    assert mesh.parts == ("outer", "hole1", "hole2")
    first = mesh.points[mesh.facets[mesh.labels == 1]].mean(axis=(0, 1))
    assert first == pytest.approx([0.5, 0.3])
    two = np.concatenate([SQUARE.points, SQUARE.points + np.array([2.0, 0.0])])
    cells = SQUARE.blocks[0][1]
    apart = checked(raw_mesh(two, [("triangle", [*cells, *(cells + len(SQUARE.points))])]))
    assert apart.parts == ("outer1", "outer2")


# Formats
# --------------------------------------------------------------------------------------------------

WRITTEN = {
    "msh 2.2": (".msh", {"file_format": "gmsh22", "binary": False}),
    "msh 2.2 binary": (".msh", {"file_format": "gmsh22", "binary": True}),
    "msh 4.1": (".msh", {"file_format": "gmsh", "binary": False}),
    "msh 4.1 binary": (".msh", {"file_format": "gmsh", "binary": True}),
    "vtu": (".vtu", {}),
    "vtu ascii": (".vtu", {"binary": False}),
    "vtk": (".vtk", {}),
    "vtk ascii": (".vtk", {"binary": False}),
    "Abaqus": (".inp", {}),
    "Medit": (".mesh", {}),
    "Medit binary": (".meshb", {}),
    "Nastran": (".bdf", {}),
    "SU2": (".su2", {}),
}
CELLS = {
    "triangles": (SQUARE, 8, ""),
    "triangles of second order": (raised(SQUARE), 8, "Medit|Medit binary|Nastran|SU2"),
    "tetrahedra": (CUBE, 48, ""),
    "tetrahedra of second order": (raised(CUBE), 48, "Medit|Medit binary|Nastran|SU2"),
    "hexahedra": (raw_mesh(bricks()[0], [("hexahedron", bricks()[1])]), 48, ""),
    "quads": (ring(1), 24, ""),
}


@pytest.mark.parametrize("cells", CELLS)
@pytest.mark.filterwarnings("ignore")
def test_every_format_is_read_with_all_its_cells(cells: str, tmp_path: Path) -> None:
    raw, count, not_written = CELLS[cells]
    for name, (suffix, keys) in WRITTEN.items():
        if name in not_written.split("|"):  # by meshio
            continue
        points = raw.points - raw.points.min(axis=0)
        if name != "SU2" and points.shape[1] == 2:
            points = np.pad(points, ((0, 0), (0, 1)))
        path = tmp_path / f"mesh{suffix}"
        meshio.write(path, meshio.Mesh(points, list(raw.blocks[:1])), **keys)
        mesh = checked(read(path))
        assert len(mesh.cells) == count, name
        size = np.abs(
            np.linalg.det(mesh.points[mesh.cells[:, 1:]] - mesh.points[mesh.cells[:, :1]])
        )
        whole = checked(raw)
        assert size.sum() == pytest.approx(
            np.abs(
                np.linalg.det(whole.points[whole.cells[:, 1:]] - whole.points[whole.cells[:, :1]])
            ).sum(),
            rel=1e-5,
        ), name


ABAQUS = """*HEADING
** lines, nodes in two blocks, types that describe a shape only
*NODE
1, 0, 0
2, 1, 0
*ELEMENT, TYPE=T3D2, ELSET=Line1
11, 1, 2
*NODE, NSET=more
3, 1, 1
4, 0, 1
*ELEMENT, type=DC2D3, ELSET=Surface1
1, 1, 2, 3
2, 1, 3, 4
*ELSET, ELSET=lower side
11
*NSET, NSET=left
1, 4
*NSET, NSET=right, GENERATE
2, 3, 1
"""

TRIANGLE = "NDIME= 2\nNPOIN= 3\n0 0\n1 0\n0 1\nNELEM= 1\n5 0 1 2\n"
MARKERS = "NMARK= 2\nMARKER_TAG= wall\nMARKER_ELEMS= 2\n3 0 1\n3 1 2\nMARKER_TAG= in let\nMARKER_ELEMS= 1\n3 2 0\n"
NASTRAN = "GRID,1,,0.,0.,0.\nGRID,2,,1.,0.,0.\nGRID,3,,0.,1.,0.\nCTRIA3,1,7,1,2,3\nENDDATA\n"
XDMF = """<Xdmf Version="3.0"><Domain><Grid Name="g">
<Geometry GeometryType="XYZ"><DataItem DataType="Float" Dimensions="3 3" Format="XML" Precision="8">
0 0 0 1 0 0 0 1 0</DataItem></Geometry>
<Topology TopologyType="Triangle" NumberOfElements="1" NodesPerElement="3">
<DataItem DataType="Int" Dimensions="1 3" Format="XML" Precision="4">0 1 2</DataItem></Topology>
</Grid></Domain></Xdmf>"""
STL = (
    "solid s\nfacet normal 0 0 1\nouter loop\nvertex 0 0 0\nvertex 1 0 0\nvertex 0 1 1\nendloop\nendfacet\n"
    "endsolid s\n"
)

TEXTS = {
    "Abaqus": ("a.inp", ABAQUS, ("lower side", "left", "right", "boundary")),
    "Abaqus, included": (
        "a.inp",
        "*INCLUDE, INPUT=/etc/passwd\n",
        "includes another file; save all",
    ),
    "Abaqus, two parts": (
        "a.inp",
        "*NODE\n1, 0, 0\n*NODE\n1, 1, 0\n",
        "numbers several nodes alike",
    ),
    "Abaqus, unknown type": (
        "a.inp",
        ABAQUS.replace("DC2D3", "COH2D4"),
        "type not available: COH2D4",
    ),
    "gmsh, partitioned": (
        "a.msh",
        "$MeshFormat\n$PartitionedEntities\n",
        "is a partitioned file of gmsh 4",
    ),
    "XDMF": (
        "a.xdmf",
        XDMF,
        ("boundary",) if find_spec("h5py") else "needs the package h5py to be read",
    ),
    "XDMF, two files": (
        "a.xmf",
        XDMF.replace('"XML"', '"HDF"'),
        r"keeps its numbers in another file \(.h5\)",
    ),
    "Medit, second order": (
        "a.mesh",
        "Dimension 3\nTrianglesP2\n1\n",
        "holds cells of second order, which",
    ),
    "VTU, pieces": (
        "a.vtu",
        "<VTKFile><Piece/><Piece/></VTKFile>",
        "holds several pieces; save it as one",
    ),
    "SU2": ("a.su2", TRIANGLE + MARKERS, ("wall", "in let")),
    "SU2, second order": (
        "a.su2",
        "NDIME= 2\nNELEM= 1\n22 0 1 2 3 4 5\n",
        "holds '22', which the reader of .su2",
    ),
    "a surface in space": ("a.stl", STL, "no cells in space, so it must lie in the plane z = 0"),
    "a surface in the plane": ("a.stl", STL.replace("0 1 1", "0 1 0"), ("boundary",)),
    "Nastran": ("a.nas", f"SOL 101\nBEGIN BULK\n{NASTRAN}", ("boundary",)),
    "Nastran without its first line": ("a.bdf", NASTRAN, ("boundary",)),
}


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.filterwarnings("ignore")
def test_files_as_programs_write_them(name: str, tmp_path: Path) -> None:
    file, text, wanted = TEXTS[name]
    (tmp_path / file).write_text(text, encoding="utf-8")
    if isinstance(wanted, tuple):
        assert checked(read(tmp_path / file)).parts == wanted
        return
    with pytest.raises(Exception, match=wanted) as caught:
        checked(read(tmp_path / file))
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, ConfigError) or "Element type" in str(caught.value)
