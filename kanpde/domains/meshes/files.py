"""Reading and writing mesh files: the sole door to meshio.

`meshio.read` ends the process on a bad file and accepts cell indices out of range, so `read` is
called in a process of its own only (`reader_process.py`), which then checks the mesh (`check.py`).
meshio's XDMF writer puts its data file into the current directory, so XDMF is not written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple
from xml.sax.saxutils import escape

import numpy as np
from numpy.typing import NDArray

from kanpde.domains.meshes.formats import READERS, marker_names, prepared
from kanpde.errors import ConfigError

FORMATS = (".vtu", ".vtk")
"""Suffixes of the mesh files that can be written."""

Values = NDArray[np.float64] | NDArray[np.int64]
_TAGS = ("gmsh:physical", "medit:ref", "nastran:ref", "su2:tag", "cell_tags", "CellEntityIds")
"""Cell data that number groups; 0 means none."""


class Group(NamedTuple):
    """Cells of one block that belong together: their numbers (n,) within the block."""

    name: str
    block: int
    members: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class RawMesh:
    """The contents of a file, unchecked: points (V, 2 or 3), blocks of cells (kind, indices (C, k)
    into the points) and groups of cells.

    `fields` are the numbers at the points by name, (V,) each; vectors are left out. `point_sets`
    are numbers of points (n,) by name.
    A group without a name is called `group` and its number.
    """

    points: NDArray[np.float64]
    blocks: tuple[tuple[str, NDArray[np.int64]], ...]
    groups: tuple[Group, ...]
    fields: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    point_sets: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)


def read(path: Path) -> RawMesh:
    """The mesh in `path`, whatever it holds. It may end the process, hang, or use all memory.

    Raises:
        ConfigError: no mesh can be made of it; the reason.
    """
    ready = prepared(path)
    import meshio  # heavy, and only needed here

    # a reader by itself gives the reason of a failure, which `meshio.read` prints and forgets
    reader = getattr(meshio, READERS[path.suffix])
    try:
        mesh = reader.read(ready)
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"needs the package {error.name} to be read (pip install {error.name}); or save it as"
            f" .msh or .vtu"
        ) from None
    except KeyError as error:
        raise ConfigError(
            f"holds {str(error.args[0])[:40]!r}, which the reader of {path.suffix} files does not"
            f" know; save cells of first order, or another format"
        ) from None
    blocks = tuple(
        (str(block.type), np.asarray(block.data, dtype=np.int64)) for block in mesh.cells
    )
    return RawMesh(
        points=np.asarray(mesh.points, dtype=np.float64),
        blocks=blocks,
        groups=tuple(_groups(mesh, len(blocks), marker_names(path))),
        fields=_fields(mesh),
        point_sets={
            str(name): np.unique(np.asarray(numbers, dtype=np.int64).ravel())
            for name, numbers in mesh.point_sets.items()
            if ":" not in name
        },
    )


def _fields(mesh: Any) -> dict[str, NDArray[np.float64]]:
    """The data at the points that are one number each, by name."""
    fields = {}
    for name, data in mesh.point_data.items():
        values = np.asarray(data)
        if values.ndim == 2 and values.shape[1] == 1:
            values = values[:, 0]
        if values.ndim == 1 and values.dtype.kind in "fiu":
            fields[str(name)] = values.astype(np.float64)
    return fields


def _groups(mesh: Any, count: int, markers: Mapping[int, str]) -> list[Group]:
    """Groups by name (cell sets) and by number (cell data), the number named where the file names
    it: in its own data, as `markers` of the boundary, or as families.
    """
    groups = []
    for name, per_block in mesh.cell_sets.items():
        if ":" in name:  # meshio's own copies of cell data, for example "gmsh:bounding_entities"
            continue
        for block, members in enumerate(per_block[:count]):
            if members is not None and len(members):
                unique = np.unique(np.asarray(members, dtype=np.int64))
                groups.append(Group(str(name), block, unique))
    tags = next((mesh.cell_data[key] for key in _TAGS if key in mesh.cell_data), ())
    names_by_tag = {
        (int(entry[0]), int(entry[1])): str(name)
        for name, entry in mesh.field_data.items()
        if np.size(entry) == 2 and np.asarray(entry).dtype.kind in "iu"
    }
    families = getattr(mesh, "cell_tags", {})
    highest = max((block.dim for block in mesh.cells), default=0)
    for block, values in enumerate(tags):
        for value in np.unique(values):
            if value == 0:
                continue
            tag = int(value)
            names = families.get(tag) or [names_by_tag.get((tag, mesh.cells[block].dim))]
            if mesh.cells[block].dim < highest and tag in markers:
                names = [markers[tag]]
            members = np.flatnonzero(np.asarray(values) == tag)
            groups += [Group(str(name or f"group{tag}"), block, members) for name in names]
    return groups


def write(
    path: Path,
    points: NDArray[np.float64],
    cells: Sequence[tuple[str, NDArray[np.int64]]],
    point_data: Mapping[str, Values],
    groups: Sequence[NDArray[np.int64]] = (),
    cell_data: Mapping[str, Sequence[NDArray[np.int64]]] = MappingProxyType({}),
    units: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Write a mesh with one value or vector per point to `path`; the format follows the suffix.

    Args:
        path: file to write, ending in .vtu (XML, compressed) or .vtk (legacy, binary).
        points: (V, 3), in the problem's own units.
        cells: blocks (kind, (C, k) indices into the points), kind as meshio names it: "line",
            "triangle", "quad", ...
        point_data: arrays (V,) or, for vectors, (V, 3), one per name.
        groups: for every block the group of each of its cells, 0 for none; `read` finds them again.
        cell_data: for every block one number per cell, by name.
        units: of fields by their names; .vtu alone holds them.

    Raises:
        ConfigError: the suffix, a shape or an index is wrong.
        OSError: the file cannot be written.
    """
    _check(path, points, cells, point_data)
    import meshio  # heavy, and only needed here

    # meshio writes the names of arrays into XML as they are
    as_written = {
        escape(name, {'"': "&quot;"}) if path.suffix == ".vtu" else name: values
        for name, values in point_data.items()
    }
    mesh = meshio.Mesh(points, [(kind, block) for kind, block in cells], point_data=as_written)
    mesh.cell_data.update({name: list(blocks) for name, blocks in cell_data.items()})
    if groups:
        mesh.cell_data[_TAGS[0]] = list(groups)
    meshio.write(path, mesh, file_format=path.suffix[1:])
    if units and path.suffix == ".vtu":
        _add_units(path, units)


def _add_units(path: Path, units: Mapping[str, str]) -> None:
    """State the units of fields in a .vtu file as VTK does, behind the numbers of each: meshio writes
    none, and reads a file that has them.
    """
    content = path.read_bytes()
    for name, unit in units.items():
        named = re.escape(f'Name="{escape(name, {chr(34): "&quot;"})}"'.encode())
        key = f'<InformationKey name="UNITS_LABEL" location="vtkDataArray">{escape(unit)}'
        stated = f"{key}</InformationKey>".encode()
        field = re.compile(rb"<DataArray [^>]*" + named + rb"[^>]*>[^<]*(?=</DataArray>)")
        if (array := field.search(content)) is not None:
            content = content[: array.end()] + stated + content[array.end() :]
    path.write_bytes(content)


def _check(
    path: Path,
    points: NDArray[np.float64],
    cells: Sequence[tuple[str, NDArray[np.int64]]],
    point_data: Mapping[str, Values],
) -> None:
    if path.suffix not in FORMATS:
        raise ConfigError(
            f"mesh file '{path.name}' must end in one of {', '.join(FORMATS)}, found"
            f" '{path.suffix}'"
        )
    if points.ndim != 2 or points.shape[1] != 3:
        raise ConfigError(f"points of a mesh file must have the shape (V, 3), found {points.shape}")
    for kind, block in cells:
        if block.size and not 0 <= block.min() <= block.max() < len(points):
            raise ConfigError(f"cells '{kind}' point to vertices outside 0…{len(points) - 1}")
    for name, values in point_data.items():
        if values.shape not in ((len(points),), (len(points), 3)):
            raise ConfigError(
                f"field '{name}' must have the shape ({len(points)},), or (…, 3), found"
                f" {values.shape}"
            )
