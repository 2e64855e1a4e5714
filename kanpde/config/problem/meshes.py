"""Mesh files as data: `{mesh: {file: plate.msh, boundary: [walls, hole], names: {hole: "bore 1"}}}`.

What reads a mesh file may end the process, hang or use all memory, so another process reads and
checks it (`kanpde/domains/meshes/reader_process.py`), under limits of time and memory. It answers
with JSON and an array file; no code travels. The file is copied before it is read, so what was
checked is what is used. Coordinates are dimensionless.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from kanpde.config.reader import Reader, listed
from kanpde.errors import BudgetError, ConfigError
from kanpde.names import is_identifier, label

SUFFIXES = (
    ".msh", ".vtu", ".vtk", ".inp", ".mesh", ".meshb", ".xdmf", ".xmf", ".bdf", ".nas", ".fem",
    ".med", ".stl", ".su2",
)  # fmt: skip
"""Formats that are read: gmsh 2.2 and 4.1, VTK, Abaqus, Medit, XDMF, Nastran, MED, STL, SU2."""

MOST_BYTES, MOST_MEMORY, SECONDS = 64 << 20, 4 << 30, 120.0
"""Size of a file in bytes, memory of the process that reads it in bytes, and how long that may
take.
"""

MOST_NAMES = 1000
_READER = "kanpde.domains.meshes.reader_process"


@dataclass(frozen=True)
class MeshContent:
    """A checked mesh: `source` as it came, `arrays` as an uncompressed .npz, and what a config must
    know. `notes` say what was made of the file.

    Two contents are equal when the sha256 of their sources is.
    """

    sha256: str
    suffix: str = field(compare=False)
    dimension: int = field(compare=False)
    parts: tuple[str, ...] = field(compare=False)
    regions: tuple[str, ...] = field(compare=False)
    source: bytes = field(compare=False, repr=False)
    arrays: bytes = field(compare=False, repr=False)
    fields: tuple[str, ...] = field(default=(), compare=False)
    notes: tuple[str, ...] = field(default=(), compare=False)

    @property
    def name(self) -> str:
        """What the mesh file is called in a run folder."""
        return f"mesh{self.suffix}"


@dataclass(frozen=True)
class GroupChoice:
    """Which facet groups are parts, None for all, and groups by the names of the problem."""

    boundary: tuple[str, ...] | None = None
    renamed: tuple[tuple[str, tuple[str, ...]], ...] = ()


ALL_GROUPS = GroupChoice()


@dataclass(frozen=True)
class MeshShape:
    """The cells of a mesh `file`, relative to `base`; boundary parts are its facet groups, or those
    in `boundary`, under their own names or those of `renamed`.
    """

    file: str = field(compare=False)
    boundary: tuple[str, ...] | None
    content: MeshContent
    base: Path = field(default=Path(), compare=False)
    renamed: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def dimension(self) -> int:
        """Number of space coordinates."""
        return self.content.dimension

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the boundary parts."""
        return self.content.parts


def read_mesh(node: Reader) -> MeshShape:
    """The mesh of a node `{file, boundary, names, sha256}`; ConfigError names the file and what is wrong
    with it.
    """
    if isinstance(node.value, str):
        node = Reader({"file": node.value}, node.source, node.path, node.folders)
    fields = node.fields(("file", "boundary", "names", "sha256"), ("file",))
    entry = fields["file"]
    choice = GroupChoice(
        boundary=_boundary(fields["boundary"]) if "boundary" in fields else None,
        renamed=_renamed(fields["names"]) if "names" in fields else (),
    )
    name, content = read_content(entry, fields.get("sha256"), choice)
    return MeshShape(name, choice.boundary, content, node.base, choice.renamed)


def read_content(
    entry: Reader, sha256: Reader | None, choice: GroupChoice = ALL_GROUPS
) -> tuple[str, MeshContent]:
    """The name and the checked content of the mesh file that a node names, with the facet groups of
    a choice as parts.
    """
    name = entry.text()
    source = _bytes(entry, name)
    digest = hashlib.sha256(source).hexdigest()
    if sha256 is not None and sha256.text() != digest:
        raise entry.error(
            f"{name!r} is not the mesh that this config was made with (its sha256 is"
            f" {digest[:12]}…, not"
            f" {sha256.text()[:12]}…); put the old file back, or remove 'sha256'"
        )
    try:
        return name, _examined(source, Path(name).suffix.lower(), choice)
    except ConfigError as error:
        raise entry.error(f"{name!r} {error}") from None


def mesh_tree(shape: MeshShape) -> dict[str, Any]:
    """Plain data that reads back to an equal mesh where the file lies in the folder of the
    config.
    """
    boundary = {} if shape.boundary is None else {"boundary": list(shape.boundary)}
    names = {name: list(groups) for name, groups in shape.renamed}
    renamed = {"names": names} if names else {}
    return {"mesh": {"file": shape.file, **boundary, **renamed, "sha256": shape.content.sha256}}


def _boundary(node: Reader) -> tuple[str, ...]:
    items = node.items_or_one("a list of group names", 1, MOST_NAMES)
    names = [group_name(item) for item in items]
    for index, name in enumerate(names):
        if name in names[:index]:
            raise node.error(f"must list each group once, found {name[:60]!r} twice; remove one")
    return tuple(names)


def _renamed(node: Reader) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Names of the problem, each with the groups that it means."""
    owners: dict[str, str] = {}
    renamed = []
    for name, entry in node.entries().items():
        if not is_identifier(name):
            raise entry.error(
                "a name must begin with a letter and hold at most 40 letters, digits and _; put the"
                " group's own name behind it"
            )
        items = entry.items_or_one("a group of the file or a list of them", 1, MOST_NAMES)
        groups = tuple(group_name(item) for item in items)
        for group in groups:
            if group in owners:
                raise entry.error(f"the group {group[:60]!r} is {owners[group]!r} already")
            owners[group] = name
        renamed.append((name, groups))
    return tuple(renamed)


def group_name(node: Reader) -> str:
    """The name of a group that a node says, a number as its digits; ConfigError where it is none.

    Args:
        node: text, or a whole number, which YAML makes of a name of digits.

    Returns:
        The name as the mesh reader compares it.

    Raises:
        ConfigError: the node holds something else.
    """
    value = node.value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str) or not (name := label(value)):
        raise node.wrong("the name of a group, quoted where YAML reads it as something else")
    return name


def _bytes(node: Reader, name: str) -> bytes:
    """The content of a regular file below the folder of the config."""
    if Path(name).suffix.lower() not in SUFFIXES:
        raise node.error(
            f"a mesh file must end in one of {listed(SUFFIXES)}, found {name[-60:]!r}; convert it"
        )
    places = [(folder.resolve(), (folder / name).resolve()) for folder in node.folders]
    base, path = next(((base, path) for base, path in places if os.path.isfile(path)), places[0])
    if Path(name).is_absolute() or not path.is_relative_to(base):
        raise node.error(
            f"{name!r} leaves the folder of the config; copy the mesh beside the config"
        )
    if not os.path.isfile(path):  # False, too, where the system refuses the name
        flaw = (
            "is not a regular file" if os.path.exists(path) else "does not exist beside the config"
        )
        raise node.error(f"{name!r} {flaw}")
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise node.error(f"{name!r} cannot be read ({error.strerror})") from None
    if len(content) > MOST_BYTES:
        raise BudgetError(
            f"{name!r} is larger than {MOST_BYTES >> 20} MiB; save a coarser mesh, or a binary one"
        )
    return content


@lru_cache(maxsize=4)
def _examined(source: bytes, suffix: str, choice: GroupChoice) -> MeshContent:
    """What the other process says about the content of a mesh file; ConfigError begins with a
    verb.
    """
    with tempfile.TemporaryDirectory(prefix="kanpde-mesh-") as name:
        folder = Path(name)
        (folder / f"mesh{suffix}").write_bytes(source)
        question = {
            "file": f"mesh{suffix}",
            "boundary": choice.boundary,
            "names": dict(choice.renamed),
            "memory": MOST_MEMORY,
        }
        (folder / "question.json").write_text(json.dumps(question), encoding="utf-8")
        _run(folder, suffix)
        try:
            answer: Mapping[str, Any] = json.loads(
                (folder / "answer.json").read_text(encoding="utf-8")
            )
        except (OSError, ValueError):
            raise ConfigError(
                f"cannot be read as a {suffix} mesh (its reader ended without an answer); save it"
                f" again"
            ) from None
        if "error" in answer:
            raise ConfigError(str(answer["error"]))
        arrays = (folder / "arrays.npz").read_bytes()
    parts, regions, fields = (tuple(answer[key]) for key in ("parts", "regions", "fields"))
    digest = hashlib.sha256(source).hexdigest()
    return MeshContent(
        sha256=digest,
        suffix=suffix,
        dimension=int(answer["dimension"]),
        parts=parts,
        regions=regions,
        source=source,
        arrays=arrays,
        fields=fields,
        notes=tuple(answer["notes"]),
    )


def _run(folder: Path, suffix: str) -> None:
    """Let another Python read the mesh in `folder`; it finds this package wherever it lies, and
    nothing in the current one.
    """
    package = str(Path(__file__).resolve().parents[3])
    path = os.pathsep.join(part for part in (package, os.environ.get("PYTHONPATH", "")) if part)
    environment = {
        **os.environ,
        "PYTHONPATH": path,
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-P", "-m", _READER, str(folder)]
    quiet = subprocess.DEVNULL
    try:
        subprocess.run(
            command,
            stdin=quiet,
            stdout=quiet,
            stderr=quiet,
            timeout=SECONDS,
            env=environment,
            check=False,
            cwd=folder,
        )
    except subprocess.TimeoutExpired:
        raise ConfigError(
            f"takes longer than {SECONDS:g} s to read as a {suffix} mesh; save a coarser one"
        ) from None
    except OSError as error:
        raise ConfigError(
            f"cannot be read: no other Python can be started ({error.strerror})"
        ) from None
