"""figures/volume.json of a run in three coordinates: what `report.html` turns in the hand.

The outer triangles of the domain's mesh with the values at their vertices, and the values in the
middle of the cells of an even grid, for sections. Values are bytes over the range of a figure
(see `colour_range`), positions are two bytes over the longest side; both are base64.
"""

from __future__ import annotations

import base64
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import colormaps
from numpy.typing import NDArray

from kanpde.config.problem.units import label
from kanpde.results.plotting.canvas import field_scale
from kanpde.storage import write_json

if TYPE_CHECKING:
    from kanpde.domains import Domain, Mesh
    from kanpde.results.solution import Sampled, Solution

Array = NDArray[np.float64]

VOLUME = "volume.json"
_CELLS, _MOST_FIELDS = 40, 6
"""Of the grid along the longest side, and fields that can be chosen from."""
_RESOLUTION = 24
"""Of the mesh where none is known."""


def write_volume(folder: Path, solution: Solution, sampled: Sampled | None) -> Path:
    """Write volume.json of a solution in three coordinates into a folder.

    Raises:
        StorageError: the file cannot be written.
    """
    problem = solution.problem
    sampled = sampled or solution.sampled(_RESOLUTION)
    lower, upper = problem.domain.lower, problem.domain.upper
    vertices, triangles = _outside(sampled.mesh)
    counts, inside, values = _grid(problem.domain, solution)
    side = float((upper - lower).max())
    fields = []
    for number, name in enumerate(problem.unknowns[:_MOST_FIELDS]):
        at_vertices = sampled.fields[name][vertices]
        known = values[inside, number]
        cmap, norm = field_scale(np.concatenate([at_vertices, known]))
        ends = float(norm.vmin or 0.0), float(norm.vmax or 0.0)
        fields.append(
            {
                "name": label(name, problem.config.units),
                "range": ends,
                "colours": _text((colormaps[cmap](np.arange(256))[:, :3] * 255).astype(np.uint8)),
                "surface": _text(_bytes(at_vertices, ends)),
                "grid": _text(_bytes(values[:, number], ends)),
            }
        )
    points = (sampled.mesh.points[vertices] - lower) / side
    data: dict[str, Any] = {
        "axes": [label(name, problem.config.units) for name in problem.coordinates],
        "lower": lower.tolist(),
        "upper": upper.tolist(),
        "points": _text(np.round(points * 65535).astype("<u2")),
        "triangles": _text(triangles.astype("<u4")),
        "counts": list(counts),
        "inside": _text(np.where(inside, 255, 0).astype(np.uint8)),
        "fields": fields,
    }
    return write_json(folder / VOLUME, data)


def _outside(mesh: Mesh) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The vertices (V,) of the outer triangles of a mesh of tetrahedra, and these (T, 3) by them."""
    tetra = np.concatenate([cells for kind, cells in mesh.cells if kind == "tetra"])
    corners = ((1, 2, 3), (0, 2, 3), (0, 1, 3), (0, 1, 2))
    faces = np.sort(np.concatenate([tetra[:, list(face)] for face in corners]), axis=1)
    unique, times = np.unique(faces, axis=0, return_counts=True)
    vertices, renumbered = np.unique(unique[times == 1], return_inverse=True)
    return vertices, renumbered.reshape(-1, 3)


def _grid(domain: Domain, solution: Solution) -> tuple[tuple[int, ...], NDArray[np.bool_], Array]:
    """Cells along each side, which of their middles are inside (first axis fastest), and the values
    there (N, m), outside those of the nearest inside.
    """
    from scipy.ndimage import distance_transform_edt

    sides = domain.upper - domain.lower
    counts = tuple(np.maximum(2, np.ceil(_CELLS * sides / sides.max())).astype(int).tolist())
    axes = [
        low + (np.arange(count) + 0.5) * (high - low) / count
        for low, high, count in zip(domain.lower, domain.upper, counts, strict=True)
    ]
    z, y, x = np.meshgrid(*axes[::-1], indexing="ij")
    points = np.column_stack([x.ravel(), y.ravel(), z.ravel()])
    inside = domain.contains(points)
    nearest = distance_transform_edt(
        ~inside.reshape(x.shape), return_distances=False, return_indices=True
    )
    values = np.zeros((len(points), len(solution.problem.unknowns)))
    values[inside] = solution(points[inside])
    place = np.ravel_multi_index(tuple(nearest), x.shape).ravel()
    return counts, inside, values[place]


def _bytes(values: Array, ends: tuple[float, float]) -> NDArray[np.uint8]:
    share = (values - ends[0]) / (ends[1] - ends[0])
    return np.round(np.clip(np.nan_to_num(share), 0.0, 1.0) * 255).astype(np.uint8)


def _text(array: NDArray[Any]) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
