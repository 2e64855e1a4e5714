"""Mesh files made fit for their reader: what meshio does not know of a format, as text before it
reads, and what no reader can make of a file, as a reason.

- Abaqus: element types by shape (CPE6T, DC2D3, … are triangles), nodes in several blocks.
- Nastran: bulk data without its first line.
- SU2: names of markers.
- gmsh 4.1: partitions are refused, VTU: pieces.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from kanpde.errors import ConfigError

READERS: Mapping[str, str] = {
    ".msh": "gmsh",
    ".vtu": "vtu",
    ".vtk": "vtk",
    ".inp": "abaqus",
    ".mesh": "medit",
    ".meshb": "medit",
    ".xdmf": "xdmf",
    ".xmf": "xdmf",
    ".bdf": "nastran",
    ".nas": "nastran",
    ".fem": "nastran",
    ".med": "med",
    ".stl": "stl",
    ".su2": "su2",
}
"""The module of meshio that reads a suffix."""

_PLANE = {"3": "CPS3", "4": "CPS4", "6": "STRI65", "8": "S8R", "9": "S9R5"}
_SOLID = {"4": "C3D4", "6": "C3D6", "8": "C3D8", "10": "C3D10", "15": "C3D15", "20": "C3D20"}
_SHAPES: Mapping[str, Mapping[str, str]] = {
    "CPS|CPEG|CPE|CAX|CGAX|DC2D|DCAX|AC2D|ACAX|M3D|SFM3D|R3D|DS|S": _PLANE,
    "C3D|DC3D|AC3D|CC3D": _SOLID,
}
_TYPE = re.compile(r"(?<=TYPE=)\s*[A-Z0-9]+|(?<=TYPE =)\s*[A-Z0-9]+", re.IGNORECASE)
_MARKER = re.compile(r"^\s*MARKER_TAG\s*=\s*(.+?)\s*$", re.MULTILINE)


def prepared(path: Path) -> Path:
    """The file that meshio is to read: the one given, or a copy beside it that it understands.

    Raises:
        ConfigError: no reader can make a mesh of it; the reason.
    """
    prepare = _PREPARE.get(path.suffix)
    return path if prepare is None else prepare(path)


def marker_names(path: Path) -> dict[int, str]:
    """The names of the markers of an SU2 file by the numbers that meshio gives them."""
    if path.suffix != ".su2":
        return {}
    names = _MARKER.findall(path.read_text(encoding="utf-8", errors="replace"))
    return {k: name for k, name in enumerate(names, start=1) if not name.isdigit()}


def _abaqus(path: Path) -> Path:
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    nodes: list[str] = []
    others: list[str] = []
    place, within = None, False
    for line in lines:
        keyword = line.partition(",")[0].strip().upper()
        if keyword == "*INCLUDE":
            raise ConfigError("includes another file; save all of the mesh in one")
        if keyword.startswith("*"):
            within = keyword == "*NODE"
            if within and place is None:
                place = len(others)
            elif not within:
                others.append(_TYPE.sub(_known_type, line) if keyword == "*ELEMENT" else line)
        else:
            (nodes if within else others).append(line)
    numbers = [line.partition(",")[0].strip() for line in nodes if line.strip()]
    if len(set(numbers)) < len(numbers):
        raise ConfigError(
            "numbers several nodes alike, as parts and instances do; save one part, or a flat file"
        )
    text = [*others[:place], "*NODE", *nodes, *others[place:]] if place is not None else others
    copy = path.with_name("prepared.inp")
    copy.write_text("\n".join([*text, ""]), encoding="utf-8")
    return copy


def _known_type(match: re.Match[str]) -> str:
    """A type of the same shape that meshio knows."""
    name = match[0].strip().upper()
    for prefixes, types in _SHAPES.items():
        shape = re.match(rf"(?:{prefixes})([0-9]+)", name)
        if shape is not None and shape[1] in types:
            return types[shape[1]]
    return name


def _nastran(path: Path) -> Path:
    text = path.read_text(encoding="utf-8", errors="replace")
    if re.search(r"^\s*BEGIN\s+BULK", text, re.IGNORECASE | re.MULTILINE):
        return path
    copy = path.with_name(f"prepared{path.suffix}")
    copy.write_text(f"BEGIN BULK\n{text}", encoding="utf-8")
    return copy


def _gmsh(path: Path) -> Path:
    if b"$PartitionedEntities" in path.read_bytes():
        raise ConfigError(
            "is a partitioned file of gmsh 4, whose groups cannot be told; save it without"
            " partitions (Mesh.PartitionConvertMsh2 or version 2.2)"
        )
    return path


def _vtu(path: Path) -> Path:
    if path.read_bytes().count(b"<Piece") > 1:
        raise ConfigError(
            "holds several pieces; save it as one piece (ParaView: Append Datasets, or save as"
            " .vtk)"
        )
    return path


def _medit(path: Path) -> Path:
    if re.search(
        rb"^\s*(?:Edges|Triangles|Quadrilaterals|Tetrahedra|Hexahedra)[PQ]2",
        path.read_bytes(),
        re.M,
    ):
        raise ConfigError(
            "holds cells of second order, which the reader of .mesh files does not know; save cells"
            " of first order, or another format"
        )
    return path


def _xdmf(path: Path) -> Path:
    if re.search(rb"Format\s*=\s*[\"']HDF", path.read_bytes()):
        raise ConfigError(
            "keeps its numbers in another file (.h5); save it with the numbers in it"
            " (data_format XML), or as .vtu"
        )
    return path


_PREPARE: Mapping[str, Callable[[Path], Path]] = {
    ".inp": _abaqus,
    ".bdf": _nastran,
    ".nas": _nastran,
    ".fem": _nastran,
    ".msh": _gmsh,
    ".mesh": _medit,
    ".vtu": _vtu,
    ".xdmf": _xdmf,
    ".xmf": _xdmf,
}
