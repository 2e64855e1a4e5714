"""Fields as files: they read back with the values, the points and the cells that were written."""

from __future__ import annotations

import csv
import os
import stat
from pathlib import Path

import meshio
import numpy as np
import pytest
import pyvista

from kanpde.config.problem.shapes import BoxShape, DiskShape, IntervalShape, TimeConfig
from kanpde.domains import Mesh, build_domain
from kanpde.domains.meshes import files as meshfile
from kanpde.errors import ConfigError, StorageError
from kanpde.results.export import merge_fields, write_field
from kanpde.storage import dump_json, read_json, replacing, write_json, write_text

MESHES = {
    "interval": build_domain(IntervalShape(0.0, 1.0, None)).mesh(7),
    "square": build_domain(BoxShape((-1.0, 0.0), (1.0, 2.0), None)).mesh(5),
    "disk": build_domain(DiskShape((0.5, 0.0), 2.0, None)).mesh(6),
    "space-time": build_domain(IntervalShape(-1.0, 1.0, None), TimeConfig(0.0, 3.0)).mesh(4),
    "cube": build_domain(BoxShape((0.0,) * 3, (1.0,) * 3, None)).mesh(3),
}


def fields_on(mesh: Mesh) -> dict[str, np.ndarray]:
    u = np.sin(mesh.points.sum(axis=1)) * 1e-3
    return {"u": u, "u_exact": u + 1e-17, "residual": np.cos(mesh.points[:, 0])}


@pytest.mark.parametrize("suffix", [".vtu", ".vtk"])
@pytest.mark.parametrize("name", MESHES)
def test_a_mesh_file_reads_back_exactly(name: str, suffix: str, tmp_path: Path) -> None:
    mesh, fields = MESHES[name], fields_on(MESHES[name])
    path = write_field(tmp_path / f"field{suffix}", mesh, fields)
    back = meshio.read(path)
    dimension = mesh.points.shape[1]
    assert np.array_equal(back.points[:, :dimension], mesh.points)
    assert np.array_equal(back.points[:, dimension:], np.zeros((len(mesh.points), 3 - dimension)))
    for (kind, cells), block in zip(mesh.cells, back.cells, strict=True):
        assert block.type == kind
        assert np.array_equal(block.data, cells)
    assert set(back.point_data) == set(fields)
    for key, values in fields.items():
        assert np.array_equal(back.point_data[key], values)


def test_paraviews_reader_opens_the_vtu(tmp_path: Path) -> None:
    mesh, fields = MESHES["disk"], fields_on(MESHES["disk"])
    grid = pyvista.read(write_field(tmp_path / "field.vtu", mesh, fields))
    assert grid.n_points == len(mesh.points)
    assert grid.n_cells == sum(len(cells) for _, cells in mesh.cells)
    assert np.array_equal(np.asarray(grid.point_data["u"]), fields["u"])
    assert grid.bounds[4:] == (0.0, 0.0)
    area = grid.compute_cell_sizes().cell_data["Area"].sum()
    assert area == pytest.approx(np.pi * 4, rel=0.1)


def test_csv_keeps_every_digit_and_names_the_coordinates(tmp_path: Path) -> None:
    mesh, fields = MESHES["space-time"], fields_on(MESHES["space-time"])
    path = write_field(tmp_path / "field.csv", mesh, fields, ("x", "t"))
    with path.open(newline="") as stream:
        rows = list(csv.reader(stream))
    assert rows[0] == ["x", "t", *fields]
    table = np.array(rows[1:], dtype=float)
    assert np.array_equal(table, np.column_stack([mesh.points, *fields.values()]))


def test_a_component_of_a_vector_is_told_from_a_field_of_that_name(tmp_path: Path) -> None:
    mesh = MESHES["square"]
    ones = np.ones((len(mesh.points), 3))
    fields = {"v": ones, "v_y": ones[:, 0], "w": ones}
    write_field(tmp_path / "f.csv", mesh, fields)
    header = (tmp_path / "f.csv").read_text().splitlines()[0]
    assert header == "x,y,v.x,v.y,v.z,v_y,w_x,w_y,w_z"


def test_npz_holds_points_cells_and_fields(tmp_path: Path) -> None:
    mesh, fields = MESHES["square"], fields_on(MESHES["square"])
    with np.load(write_field(tmp_path / "field.npz", mesh, fields)) as back:
        assert np.array_equal(back["points"], mesh.points)
        assert np.array_equal(back["u"], fields["u"])
        assert np.array_equal(back["cells_0_triangle"], mesh.cells[0][1])
        assert back["coordinates"].tolist() == ["x", "y"]


def test_no_suffix_means_vtu(tmp_path: Path) -> None:
    assert write_field(tmp_path / "u", MESHES["square"], {}).name == "u.vtu"


def test_many_coordinates_fit_csv_but_no_mesh_format(tmp_path: Path) -> None:
    mesh = Mesh(np.eye(5), (("line", np.array([[0, 1]])),))
    assert write_field(tmp_path / "u.csv", mesh, {}).read_text().startswith("x1,x2,x3,x4,x5\n")
    with pytest.raises(
        ConfigError, match=r"a field of 5 coordinates does not fit a \.vtu file; use \.csv or \.npz"
    ):
        write_field(tmp_path / "u.vtu", mesh, {})
    assert not (tmp_path / "u.vtu").exists()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "u.xdmf",
            "'.xdmf' is not offered: its data would land in another file and folder; use .vtu",
        ),
        (
            "u.pvtu",
            "unknown format '.pvtu' of an exported field; use one of .vtu, .vtk, .csv, .npz",
        ),
    ],
)
def test_unknown_formats_are_refused(name: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        write_field(tmp_path / name, MESHES["square"], {})
    assert str(caught.value) == message


def test_a_field_of_the_wrong_shape_is_refused(tmp_path: Path) -> None:
    count = len(MESHES["square"].points)
    with pytest.raises(
        ConfigError, match=rf"field 'u' must have the shape \({count},\), found \({count}, 1\)"
    ):
        write_field(tmp_path / "u.vtu", MESHES["square"], {"u": np.zeros((count, 1))})


def test_names_that_npz_reserves_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"field 'points' cannot be stored in a \.npz file"):
        write_field(
            tmp_path / "u.npz",
            MESHES["interval"],
            {"points": np.zeros(len(MESHES["interval"].points))},
        )


def test_a_mesh_file_checks_what_meshio_does_not(tmp_path: Path) -> None:
    points = np.zeros((3, 3))
    with pytest.raises(ConfigError, match="cells 'triangle' point to vertices outside 0…2"):
        meshfile.write(tmp_path / "u.vtu", points, [("triangle", np.array([[0, 1, 3]]))], {})
    with pytest.raises(ConfigError, match=r"must have the shape \(V, 3\), found \(3, 2\)"):
        meshfile.write(tmp_path / "u.vtu", points[:, :2], [], {})
    with pytest.raises(
        ConfigError, match=r"field 'u' must have the shape \(3,\), or \(…, 3\), found \(2,\)"
    ):
        meshfile.write(tmp_path / "u.vtu", points, [], {"u": np.zeros(2)})
    with pytest.raises(ConfigError, match=r"must end in one of \.vtu, \.vtk, found '\.msh'"):
        meshfile.write(tmp_path / "u.msh", points, [], {})


def test_merging_keeps_equal_fields_once() -> None:
    u, exact = np.arange(3.0), np.array([1.0, np.nan, 2.0])
    merged = merge_fields(
        {"u": u, "u_exact": exact}, {"u": u + 1, "u_exact": exact.copy(), "residual": u}
    )
    assert list(merged) == ["u_kan", "u_mlp", "u_exact", "residual_mlp"]
    assert np.array_equal(merged["u_mlp"], u + 1)


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path: Path) -> None:
    path = tmp_path / "field.vtu"
    path.write_text("old")
    with pytest.raises(RuntimeError), replacing(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_who_reads_the_old_file_goes_on_reading_it(tmp_path: Path) -> None:
    path = write_text(tmp_path / "a.txt", "old")
    (tmp_path / "reader").hardlink_to(path)
    assert write_text(path, "new").read_text() == "new"
    assert (tmp_path / "reader").read_text() == "old"  # replaced as a whole, not rewritten in place


def test_a_written_file_has_the_usual_permissions(tmp_path: Path) -> None:
    path = write_text(tmp_path / "a.txt", "a\n")
    (tmp_path / "b.txt").write_text("b")
    assert stat.S_IMODE(os.stat(path).st_mode) == stat.S_IMODE(os.stat(tmp_path / "b.txt").st_mode)


def test_a_missing_folder_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be written: No such file or directory"):
        write_text(tmp_path / "no" / "a.txt", "a")


def test_json_is_strict_and_reads_back(tmp_path: Path) -> None:
    data = {
        "a": [1.5, float("nan")],
        "b": {"c": float("inf"), "d": "ö"},
        "e": (1, 2),
        "f": None,
        "g": True,
    }
    expected = {"a": [1.5, None], "b": {"c": None, "d": "ö"}, "e": [1, 2], "f": None, "g": True}
    assert read_json(write_json(tmp_path / "a.json", data)) == expected
    assert "NaN" not in dump_json(data)
    for text, message in (
        ("[1]", "must hold a JSON object, found list"),
        ("{", "is not valid JSON"),
    ):
        write_text(tmp_path / "bad.json", text)
        with pytest.raises(StorageError, match=message):
            read_json(tmp_path / "bad.json")
    with pytest.raises(StorageError, match="cannot be read"):
        read_json(tmp_path / "none.json")
