"""Writing mesh files: the sole door to meshio.

`meshio.read` ends the process on a bad file and accepts cell indices out of range, so nothing here reads.
meshio's XDMF writer puts its data file into the current directory, so XDMF is not offered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kanpde.errors import ConfigError

FORMATS = (".vtu", ".vtk")
"""Suffixes of the mesh files that can be written."""

Values = NDArray[np.float64] | NDArray[np.int64]


def write(
    path: Path,
    points: NDArray[np.float64],
    cells: Sequence[tuple[str, NDArray[np.int64]]],
    point_data: Mapping[str, Values],
) -> None:
    """Write a mesh with one value or vector per point to `path`; the format follows the suffix.

    Args:
        path: file to write, ending in .vtu (XML, compressed) or .vtk (legacy, binary).
        points: (V, 3), in the problem's own units.
        cells: blocks (kind, (C, k) indices into the points), kind as meshio names it: "line", "triangle", "quad", ...
        point_data: arrays (V,) or, for vectors, (V, 3), one per name.

    Raises:
        ConfigError: the suffix, a shape or an index is wrong.
        OSError: the file cannot be written.
    """
    _check(path, points, cells, point_data)
    import meshio  # heavy, and only needed here

    mesh = meshio.Mesh(points, [(kind, block) for kind, block in cells], point_data=dict(point_data))
    meshio.write(path, mesh, file_format=path.suffix[1:])


def _check(
    path: Path,
    points: NDArray[np.float64],
    cells: Sequence[tuple[str, NDArray[np.int64]]],
    point_data: Mapping[str, Values],
) -> None:
    if path.suffix not in FORMATS:
        raise ConfigError(f"mesh file '{path.name}' must end in one of {', '.join(FORMATS)}, found '{path.suffix}'")
    if points.ndim != 2 or points.shape[1] != 3:
        raise ConfigError(f"points of a mesh file must have the shape (V, 3), found {points.shape}")
    for kind, block in cells:
        if block.size and not 0 <= block.min() <= block.max() < len(points):
            raise ConfigError(f"cells '{kind}' point to vertices outside 0…{len(points) - 1}")
    for name, values in point_data.items():
        if values.shape not in ((len(points),), (len(points), 3)):
            raise ConfigError(f"field '{name}' must have the shape ({len(points)},), or (…, 3), found {values.shape}")
