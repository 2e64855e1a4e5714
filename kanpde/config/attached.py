"""The mesh file that a shape names, wherever in the shape it stands."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from kanpde.config.meshes import MeshContent, MeshShape
from kanpde.config.shapes import ExtrusionShape, Shape


def folder_of(shape: Shape) -> Path:
    """The folder that the mesh file of a shape is relative to."""
    if isinstance(shape, ExtrusionShape):
        return folder_of(shape.base)
    return shape.base if isinstance(shape, MeshShape) else Path()


def beside(shape: Shape) -> tuple[Shape, MeshContent | None]:
    """The shape as it reads where its mesh file, if it has one, lies beside the config under a name of its own."""
    if isinstance(shape, ExtrusionShape):
        base, content = beside(shape.base)
        return replace(shape, base=base), content
    if isinstance(shape, MeshShape):
        return replace(shape, file=shape.content.name), shape.content
    return shape, None
