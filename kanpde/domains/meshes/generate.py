"""Meshes of shapes: the sole door to gmsh, which is optional (`pip install 'kanpde[mesh]'`).

A shape in the plane is meshed inside the chords of its boundary (`outline`), one in space as a
solid of gmsh (solids.py). The boundary parts become physical groups of their names, the cells
one called `domain`. Vertices lie on the exact boundary, the facets of a round one do not: with
edges of length h on a circle of radius R they are at most h²/8R inside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from kanpde.config.problem.meshes import MeshShape
from kanpde.config.problem.shapes import ExtrusionShape, RegionsShape, Shape
from kanpde.domains.base import length_scale
from kanpde.domains.build import body_of, build_domain, planar
from kanpde.domains.mesh import KIND_OF_DIMENSION, Indices
from kanpde.domains.meshes import files as meshfile
from kanpde.domains.meshes.check import CheckedMesh, checked
from kanpde.domains.meshes.solids import add_body, surfaces_of_parts
from kanpde.domains.plane import chains
from kanpde.domains.plane.boundary import JOIN
from kanpde.domains.plane.triangulation import outline
from kanpde.errors import ConfigError
from kanpde.numerics.outlines import crosses_ray
from kanpde.numerics.quadrature import Array
from kanpde.storage import replacing

COARSEST, FINEST = 1.0, 1e-3
"""Edges as shares of the longest side."""
DEFAULT = 0.05
BODY = "domain"
"""Name of the physical group of all cells."""


def write_mesh(shape: Shape, path: Path, size: float | None = None) -> tuple[int, int]:
    """Mesh a shape with edges of about `size` into `path`; the numbers of its vertices and cells.

    A .msh file (4.1, ASCII) keeps the names of parts; in .vtu and .vtk they are the groups 1, 2,
    ... of boundary cells.

    Raises:
        ConfigError: the shape, the size or the suffix cannot be meshed, or gmsh is not installed.
        StorageError: the file cannot be written.
    """
    _require_meshable(shape, path)
    with replacing(path) as temporary, _session() as gmsh:
        groups = _plane(gmsh, shape, size) if shape.dimension == 2 else _solid(gmsh, shape, size)
        for name, members in groups.items():
            gmsh.model.addPhysicalGroup(shape.dimension - 1, members, name=name)
        body = [tag for _, tag in gmsh.model.getEntities(shape.dimension)]
        gmsh.model.addPhysicalGroup(shape.dimension, body, name=BODY)
        if shape.dimension == 2:
            gmsh.model.mesh.generate(2)
        gmsh.option.setNumber("Mesh.MshFileVersion", 4.1)
        msh_path = temporary.with_suffix(".msh")
        try:
            gmsh.write(str(msh_path))
            mesh = checked(meshfile.read(msh_path))
            if msh_path != temporary:
                _write_plain(temporary, mesh)
        finally:
            if msh_path != temporary:
                msh_path.unlink(missing_ok=True)
    return len(mesh.points), len(mesh.cells)


def _require_meshable(shape: Shape, path: Path) -> None:
    """Raise ConfigError for a suffix that cannot be written or a shape that gmsh does not mesh."""
    if path.suffix not in (".msh", *meshfile.FORMATS):
        raise ConfigError(
            f"mesh file '{path.name}' must end in .msh, which keeps the names of parts, or .vtu or"
            " .vtk, which number them"
        )
    if isinstance(shape, RegionsShape):
        raise ConfigError(
            "problem.domain: has regions, which gmsh does not mesh here; give one shape"
        )
    base = shape.base if isinstance(shape, ExtrusionShape) else shape
    if isinstance(base, MeshShape):
        reason = "is a mesh already"
    elif shape.dimension not in (2, 3):
        reason = f"has {shape.dimension} coordinates"
    else:
        return
    raise ConfigError(f"problem.domain: {reason}; gmsh meshes shapes of two or three coordinates")


def _write_plain(path: Path, mesh: CheckedMesh) -> None:
    """A mesh with its boundary facets, and the number of the part of each, from 1."""
    k = mesh.cells.shape[1]
    points = np.pad(mesh.points, ((0, 0), (0, 3 - mesh.points.shape[1])))
    blocks = [(KIND_OF_DIMENSION[k - 1], mesh.cells), (KIND_OF_DIMENSION[k - 2], mesh.facets)]
    groups = [np.zeros(len(mesh.cells), dtype=np.int64), mesh.labels.astype(np.int64) + 1]
    meshfile.write(path, points, blocks, point_data={}, groups=groups)


@contextmanager
def _session() -> Iterator[Any]:
    """gmsh, silent, and closed afterwards; its own errors become one line."""
    try:
        import gmsh
    except (ImportError, OSError) as error:  # OSError: a library that gmsh needs is missing
        reason = " ".join(str(error).split())[:80]
        raise ConfigError(
            f"mesh: gmsh cannot be loaded ({reason}); install it with pip install 'kanpde[mesh]'"
        ) from error
    gmsh.initialize(readConfigFiles=False, interruptible=False)
    try:
        gmsh.option.setNumber("General.Terminal", 0)
        yield gmsh
    except Exception as error:
        if type(error) is not Exception:  # gmsh's own are plain exceptions
            raise
        raise ConfigError(
            f"mesh: gmsh says: {' '.join(str(error).split())[:200]}; change the shape or the size"
        ) from error
    finally:
        gmsh.finalize()


def _length(lower: Array, upper: Array, size: float | None) -> float:
    longest = float(np.max(upper - lower))
    if size is not None and not FINEST * longest <= size <= COARSEST * longest:
        raise ConfigError(
            f"--size must be between {FINEST * longest:g} and {COARSEST * longest:g}, found"
            f" {size:g}"
        )
    return DEFAULT * longest if size is None else size


def _plane(gmsh: Any, shape: Shape, size: float | None) -> Mapping[str, list[int]]:
    """The chords of a plane shape as lines of gmsh, and its surfaces; the lines of every part."""
    domain = planar(shape)
    length = _length(domain.lower, domain.upper, size)
    points, chords, curve = outline(
        domain.curves, length, JOIN * length_scale(domain.lower, domain.upper)
    )
    geo = gmsh.model.geo
    # the size wanted at a vertex is that of the shorter of its two chords
    reach = np.full(len(points), np.inf)
    chord_length = np.linalg.norm(points[chords[:, 1]] - points[chords[:, 0]], axis=1)
    np.minimum.at(reach, chords.ravel(), np.repeat(chord_length, 2))
    vertices = [
        geo.addPoint(x, y, 0.0, h)
        for (x, y), h in zip(points.tolist(), reach.tolist(), strict=True)
    ]
    lines = [geo.addLine(vertices[a], vertices[b]) for a, b in chords.tolist()]
    loops = chains.loops(chords)
    outer: list[Indices] = []
    holes: list[Indices] = []
    tags: dict[int, int] = {}
    for loop in loops:
        encloses = chains.encloses(points[chords[loop, 0]])
        (outer if encloses else holes).append(loop)
        tags[id(loop)] = geo.addCurveLoop([lines[k] for k in loop])
    for around in outer:
        inside = [hole for hole in holes if _smallest(hole, outer, points, chords) is around]
        geo.addPlaneSurface([tags[id(around)], *(tags[id(hole)] for hole in inside)])
    geo.synchronize()
    for line in lines:
        gmsh.model.mesh.setTransfiniteCurve(line, 2)  # a chord is one edge
    gmsh.option.setNumber("Mesh.MeshSizeMax", length)
    lines_of_parts: dict[str, list[int]] = {part: [] for part in domain.parts}
    for line, k in zip(lines, curve, strict=True):
        lines_of_parts[domain.curves[k].part].append(line)
    return lines_of_parts


def _smallest(hole: Indices, outer: list[Indices], points: Array, chords: Indices) -> Indices:
    """The innermost of the `outer` loops that a hole lies in: the one around it with the shortest
    box.
    """
    start = points[chords[hole[:1], 0]]
    around = []
    for loop in outer:
        crossings = sum(int(crosses_ray(points[a], points[b], start)[0]) for a, b in chords[loop])
        if crossings % 2:
            around.append((float(np.ptp(points[chords[loop, 0]], axis=0).max()), loop))
    return min(around, key=lambda item: item[0])[1]


def _solid(gmsh: Any, shape: Shape, size: float | None) -> Mapping[str, list[int]]:
    """Mesh a body of boxes, balls and extrusions; the surfaces of every part."""
    domain, body = build_domain(shape), body_of(shape)
    length = _length(domain.lower, domain.upper, size)
    add_body(gmsh, body)
    gmsh.model.occ.synchronize()
    gmsh.option.setNumber("Mesh.MeshSizeMax", length)
    gmsh.option.setNumber("Mesh.MeshSizeMin", length / 2)
    gmsh.model.mesh.generate(3)
    return surfaces_of_parts(gmsh, body, domain.parts, length_scale(domain.lower, domain.upper))
