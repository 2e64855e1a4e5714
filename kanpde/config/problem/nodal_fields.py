"""Coefficients from mesh files: `definitions: {k: {field: rock.vtu, name: kappa}}`, values at the
vertices of a mesh.

The file is read and checked by another process, as the mesh of a domain is (meshes.py); its
triangles or tetrahedra must cover the domain, need not be those of the problem, and may reach
beyond. Between vertices values are linear: exact to O(h²) for cells of size h, their first
derivatives, constant on a cell, to O(h), and there are no others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Any, ClassVar

from kanpde.config.problem.meshes import GroupChoice, MeshContent, read_content
from kanpde.config.reader import Reader, listed
from kanpde.names import did_you_mean

SUFFIXES = (".vtu", ".vtk")


@dataclass(frozen=True)
class Nodal:
    """The values called `column` of the mesh `file`, relative to `base`, by the definition's
    `name`.
    """

    name: str = field(compare=False)
    file: str = field(compare=False)
    column: str
    content: MeshContent
    base: Path = field(default=Path(), compare=False)
    kind: ClassVar[str] = "linear between the vertices of a mesh file, has a first derivative"

    @cached_property
    def digest(self) -> bytes:
        """Of the file and the name of the values."""
        return blake2b(f"{self.content.sha256} {self.column}".encode(), digest_size=16).digest()

    @property
    def stored(self) -> str:
        """What the file is called in a run folder."""
        return f"mesh_{self.name}{self.content.suffix}"

    def has(self, index: tuple[int, ...]) -> bool:
        """Whether the derivative ∂^index exists."""
        return sum(index) <= 1

    def tree(self, coordinates: Sequence[str]) -> dict[str, Any]:
        """Plain data that reads back to equal values where the file lies in the folder of the
        config.
        """
        return {"field": self.file, "name": self.column, "sha256": self.content.sha256}


def read_nodal(
    name: str, node: Reader, fields: Mapping[str, Reader], space: Sequence[str]
) -> Nodal:
    """The values of a node `{field, name, sha256}`; ConfigError names the file and what is wrong
    with it.
    """
    entry = fields["field"]
    file, content = read_content(entry, fields.get("sha256"), GroupChoice(boundary=()))
    if content.dimension != len(space):
        raise entry.error(
            f"{file!r} is a mesh of {content.dimension} coordinates, but the domain has"
            f" {len(space)}"
        )
    known = content.fields
    if not known:
        raise entry.error(
            f"{file!r} has no numbers at its vertices (point data); in ParaView: Cell Data to"
            f" Point Data"
        )
    if "name" not in fields and len(known) > 1:
        raise node.error(f"name: needed, since {file!r} has the point data {listed(known)}")
    column = fields["name"].text() if "name" in fields else known[0]
    if column not in known:
        raise fields["name"].error(
            f"no point data {column[:60]!r} in {file!r}{did_you_mean(column, known)} (point data:"
            f" {listed(known)})"
        )
    return Nodal(name=name, file=file, column=column, content=content, base=entry.base)
