"""A field on a mesh as a file: VTU for ParaView, legacy VTK, CSV, or NPZ.

The fields are values u(x_v) at the V vertices x_v of a mesh, numbers or vectors. VTU and VTK know
points of three coordinates only, so points of one or two are padded with zeros.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from kanpde.config.problem.units import label, units_of
from kanpde.domains.meshes import files as meshfile
from kanpde.errors import ConfigError
from kanpde.storage import replacing

if TYPE_CHECKING:
    from kanpde.domains import Mesh

Fields = Mapping[str, NDArray[np.float64]]
OfCells = Mapping[str, Sequence[NDArray[np.int64]]]
_RESERVED = frozenset({"points", "coordinates", "file", "allow_pickle"})


def write_field(
    path: str | Path,
    mesh: Mesh,
    fields: Fields,
    coordinates: Sequence[str] = (),
    of_cells: OfCells = MappingProxyType({}),
    units: Mapping[str, str] = MappingProxyType({}),
) -> Path:
    """Write `fields` on `mesh` to `path`, atomically; the format follows the suffix.

    Args:
        path: file to write, ending in .vtu, .vtk, .csv or .npz; without a suffix .vtu is added.
        mesh: points (V, d) and cells.
        fields: arrays (V,) or, for vectors of three components or more, (V, k), one per name.
        coordinates: d names for the columns of CSV; default x, y, z or x1 … xd.
        of_cells: for every block of cells a number of each, by name; .vtu and .vtk hold them.
        units: of coordinates and unknowns; they stand in the head of CSV and beside the fields of
        .vtu.

    Returns:
        The path written.

    Raises:
        ConfigError: the suffix is unknown, a shape is wrong, or a mesh format is asked for more
        than three coordinates.
        StorageError: the file cannot be written.
    """
    target = Path(path)
    target = target if target.suffix else target.with_suffix(".vtu")
    writer = _writer(target.suffix, of_cells, units)
    arrays = {name: np.asarray(values, dtype=np.float64) for name, values in fields.items()}
    for name, values in arrays.items():
        count = len(mesh.points)
        if values.shape != (count,) and not (
            values.ndim == 2 and len(values) == count and values.shape[1] >= 3
        ):
            raise ConfigError(
                f"field '{name}' must have the shape ({count},), found {values.shape}"
            )
    names = tuple(coordinates) or _names(mesh.points.shape[1])
    with replacing(target) as temporary:
        writer(temporary, mesh, arrays, names)
    return target


def merge_fields(kan: Fields, mlp: Fields) -> dict[str, NDArray[np.float64]]:
    """The fields of two solutions on one mesh as NAME_kan and NAME_mlp; what is equal in both
    (u_exact) stands once.
    """
    merged: dict[str, NDArray[np.float64]] = {}
    for name in (*kan, *(name for name in mlp if name not in kan)):
        if name in kan and name in mlp and np.array_equal(kan[name], mlp[name], equal_nan=True):
            merged[name] = kan[name]
            continue
        for suffix, fields in (("kan", kan), ("mlp", mlp)):
            if name in fields:
                merged[f"{name}_{suffix}"] = fields[name]
    return merged


_Writer = Callable[[Path, "Mesh", dict[str, NDArray[np.float64]], tuple[str, ...]], None]


def _writer(suffix: str, of_cells: OfCells, units: Mapping[str, str]) -> _Writer:
    mesh_writer = partial(_write_mesh, of_cells=of_cells, units=units)
    table: dict[str, _Writer] = {
        ".vtu": mesh_writer,
        ".vtk": mesh_writer,
        ".csv": partial(_write_csv, units=units),
        ".npz": _write_npz,
    }
    if suffix in (".xdmf", ".xmf"):
        raise ConfigError(
            f"'{suffix}' is not offered: its data would land in another file and folder; use .vtu"
        )
    if suffix not in table:
        raise ConfigError(
            f"unknown format '{suffix}' of an exported field; use one of {', '.join(table)}"
        )
    return table[suffix]


def _write_mesh(
    path: Path,
    mesh: Mesh,
    fields: dict[str, NDArray[np.float64]],
    names: tuple[str, ...],
    of_cells: OfCells,
    units: Mapping[str, str],
) -> None:
    count, dimension = mesh.points.shape
    if dimension > 3:
        raise ConfigError(
            f"a field of {dimension} coordinates does not fit a {path.suffix} file; use .csv or"
            f" .npz"
        )
    points = np.zeros((count, 3))
    points[:, :dimension] = mesh.points
    meshfile.write(
        path,
        points,
        [(kind, np.asarray(block, dtype=np.int64)) for kind, block in mesh.cells],
        fields,
        cell_data=of_cells,
        units=units_of(tuple(fields), units, names),
    )


def _write_csv(
    path: Path,
    mesh: Mesh,
    fields: dict[str, NDArray[np.float64]],
    names: tuple[str, ...],
    units: Mapping[str, str],
) -> None:
    table = np.column_stack([mesh.points, *fields.values()])
    columns = [label(name, units) for name in names]
    columns += _headings(fields, names, units)
    with path.open("w", newline="", encoding="utf-8") as stream:
        rows = csv.writer(stream)
        rows.writerow(columns)
        rows.writerows([repr(float(value)) for value in row] for row in table)


def _headings(fields: Fields, coordinates: Sequence[str], units: Mapping[str, str]) -> list[str]:
    """What the columns of fields are called: a vector has one per component, NAME_x and so on, or
    NAME.x where a field or a coordinate is called NAME_x.
    """
    columns: list[str] = []
    for name, values in fields.items():
        if values.ndim == 1:
            columns.append(label(name, units, coordinates))
            continue
        axes = _names(values.shape[1])
        taken = {f"{name}_{axis}" for axis in axes} & {*fields, *coordinates}
        unit = label(name, units, coordinates).removeprefix(name)
        columns += [f"{name}{'.' if taken else '_'}{axis}{unit}" for axis in axes]
    return columns


def _write_npz(
    path: Path, mesh: Mesh, fields: dict[str, NDArray[np.float64]], names: tuple[str, ...]
) -> None:
    taken = _RESERVED & fields.keys()
    if taken:
        raise ConfigError(
            f"field '{min(taken)}' cannot be stored in a .npz file under that name; use .csv or"
            f" .vtu"
        )
    cells = {
        f"cells_{index}_{kind}": np.asarray(block) for index, (kind, block) in enumerate(mesh.cells)
    }
    with path.open("wb") as stream:
        arrays: dict[str, Any] = {"points": mesh.points, "coordinates": np.array(names)}
        np.savez_compressed(stream, **(arrays | dict(fields) | cells))


def _names(dimension: int) -> tuple[str, ...]:
    return (
        ("x", "y", "z")[:dimension]
        if dimension <= 3
        else tuple(f"x{i + 1}" for i in range(dimension))
    )
