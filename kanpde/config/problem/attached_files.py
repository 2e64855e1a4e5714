"""The mesh files that a problem names: one in its shape, wherever it stands there, and one per
coefficient of that kind.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from kanpde.config.frozen_map import FrozenMap
from kanpde.config.problem.meshes import MeshContent, MeshShape
from kanpde.config.problem.nodal_fields import Nodal
from kanpde.config.problem.shapes import ExtrusionShape, Shape
from kanpde.config.problem.statement import ProblemConfig


def folder_of(shape: Shape) -> Path:
    """The folder that the mesh file of a shape is relative to."""
    if isinstance(shape, ExtrusionShape):
        return folder_of(shape.base)
    return shape.base if isinstance(shape, MeshShape) else Path()


def mesh_notes(shape: Shape) -> tuple[str, ...]:
    """What was made of the mesh file of a shape, one sentence each."""
    if isinstance(shape, ExtrusionShape):
        return mesh_notes(shape.base)
    return shape.content.notes if isinstance(shape, MeshShape) else ()


def folder_of_files(problem: ProblemConfig) -> Path:
    """The folder that the files of a problem are relative to."""
    folders = [
        folder_of(problem.domain),
        *(grid.base for grid in problem.grids.values() if isinstance(grid, Nodal)),
    ]
    return next((folder for folder in folders if folder != Path()), Path())


def portable(problem: ProblemConfig) -> tuple[ProblemConfig, dict[str, bytes]]:
    """The problem as it reads where its mesh files lie beside the config under names of their own,
    and those files by name.
    """
    shape, content = beside(problem.domain)
    nodal = {name: grid for name, grid in problem.grids.items() if isinstance(grid, Nodal)}
    files = {grid.stored: grid.content.source for grid in nodal.values()}
    files |= {} if content is None else {content.name: content.source}
    kept = {name: replace(grid, file=grid.stored) for name, grid in nodal.items()}
    return replace(problem, domain=shape, grids=FrozenMap({**problem.grids, **kept})), files


def beside(shape: Shape) -> tuple[Shape, MeshContent | None]:
    """The shape as it reads where its mesh file, if it has one, lies beside the config under a name
    of its own.
    """
    if isinstance(shape, ExtrusionShape):
        base, content = beside(shape.base)
        return replace(shape, base=base), content
    if isinstance(shape, MeshShape):
        return replace(shape, file=shape.content.name), shape.content
    return shape, None
