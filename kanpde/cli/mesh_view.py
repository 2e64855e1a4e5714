"""What a mesh file holds, in the words that a problem file uses: its parts, regions and values."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from kanpde.config import MeshShape
from kanpde.config.problem.meshes import SUFFIXES, read_mesh
from kanpde.config.reader import Reader

Row = tuple[str, str, str]
HEADER = ("name", "what", "where")


def is_mesh(name: str) -> bool:
    """Whether a file is a mesh by its suffix."""
    return Path(name).suffix.lower() in SUFFIXES


def mesh_of(tree: Mapping[str, Any], source: str, base: Path) -> MeshShape | None:
    """The mesh of a problem file, None where it has none; ConfigError where it cannot be read.

    Args:
        tree: the file as plain data.
        source: its name, for messages.
        base: its folder.
    """
    problem = tree.get("problem")
    domain = problem.get("domain") if isinstance(problem, Mapping) else None
    if not isinstance(domain, Mapping) or "mesh" not in domain:
        return None
    path = ("problem", "domain", "mesh")
    return read_mesh(Reader(domain["mesh"], source, path, (base,)))


def mesh_file(name: str) -> MeshShape:
    """The mesh in a file by itself."""
    path = Path(name)
    return read_mesh(Reader({"file": path.name}, path.name, folders=(path.parent,)))


def rows(shape: MeshShape) -> list[Row]:
    """What a mesh holds: the whole of it, boundary parts with their boxes, regions, values at its
    points, and what was made of the file.
    """
    content = shape.content
    with np.load(io.BytesIO(content.arrays), allow_pickle=False) as arrays:
        points, cells, facets = (arrays[name] for name in ("points", "cells", "facets"))
        labels, regions = arrays["labels"], arrays["regions"]
    kinds = {2: ("triangles", "edges"), 3: ("tetrahedra", "triangles")}[content.dimension]
    table = [(shape.file, f"mesh of {len(cells)} {kinds[0]}", _box(points))]
    for number, part in enumerate(content.parts):
        own = facets[labels == number]
        table.append((part, f"part of {len(own)} {kinds[1]}", _box(points[own.ravel()])))
    for region, mask in zip(content.regions, regions, strict=True):
        own = cells[mask]
        table.append((region, f"region of {len(own)} {kinds[0]}", _box(points[own.ravel()])))
    table += [(field, "values at the points", "") for field in content.fields]
    return table + [("note", "", note) for note in content.notes]


def _box(points: np.ndarray[Any, np.dtype[np.float64]]) -> str:
    """The box around points (N, d)."""
    ends = [points.min(axis=0), points.max(axis=0)]
    low, high = (", ".join(f"{value:.5g}" for value in end) for end in ends)
    return f"({low}) to ({high})"
