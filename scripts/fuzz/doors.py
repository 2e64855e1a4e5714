"""The doors at which data of strangers enters, as functions of bytes."""

from __future__ import annotations

import functools
import io
from pathlib import Path

import numpy as np

from kanpde.cli import main as command
from kanpde.config import validate, yaml_file
from kanpde.expressions import Scope, parse_equation
from scripts.fuzz import folders
from scripts.fuzz.door import BYTES, EQUATIONS, KEYS, LETTERS, Door, consistent
from scripts.fuzz.python_doors import PYTHON_DOORS
from scripts.fuzz.run_doors import RUN_DOORS, place

ROOT = Path(__file__).resolve().parents[2]
SCOPE = Scope(
    coordinates=("x", "y"),
    unknowns=("u",),
    parameters={"k": 2.0},
    definitions={"f": "exp(-x**2)", "wind": "[y, -x]"},
    where="equations[0]",
)
TABLE = b"x,u\n0,1\n0.5,2\n1,2.5\n2,0\n"
FIT = """problem:
  name: table
  fit: {{data: {file}, columns: {{u: u}}, inputs: [x]}}
trial: {{width: [2]}}
"""
MESHED = """problem:
  name: plate
  unknowns: [u]
  domain: {{mesh: {{file: {file}}}}}
  equations: ["-laplacian(u) = 1"]
  conditions: [{{part: boundary, equation: "u = 0"}}]
"""


def _formula(data: bytes, folder: Path) -> int:
    parse_equation(data.decode("utf-8", "replace"), SCOPE)
    return 0


def _validated(path: Path) -> int:
    validate(yaml_file.load(path), source=path.name, base=path.parent)
    return 0


def _file(data: bytes, folder: Path) -> int:
    (folder / "my.yaml").write_bytes(data)
    return _validated(folder / "my.yaml")


def _table(suffix: str, data: bytes, folder: Path) -> int:
    (folder / f"t.{suffix}").write_bytes(consistent(data))
    (folder / "fit.yaml").write_text(FIT.format(file=f"t.{suffix}"), encoding="utf-8")
    return _validated(folder / "fit.yaml")


def _archive() -> bytes:
    stream = io.BytesIO()
    np.savez(stream, x=np.linspace(0, 1, 5), u=np.linspace(1, 2, 5))
    return stream.getvalue()


def _mesh(suffix: str, data: bytes, folder: Path) -> int:
    (folder / f"plate.{suffix}").write_bytes(data)
    (folder / "mesh.yaml").write_text(MESHED.format(file=f"plate.{suffix}"), encoding="utf-8")
    return _validated(folder / "mesh.yaml")


def _words(data: bytes, folder: Path) -> int:
    """A command line that solves nothing."""
    (folder / "my.yaml").write_bytes(yaml_file.dumps(folders.trees()["network"]).encode())
    words = [word for word in data.decode("utf-8", "replace").split() if word]
    if words and words[0] in ("solve", "compare"):
        words.append("--dry-run")
    elif words and words[0] in ("doctor", "reference", "formula", "simplify", "resume", "mesh"):
        words[1:2] = ["missing"]
    return command(words)


def _files() -> list[bytes]:
    paths = [
        *(ROOT / "tests" / "cases").glob("*.yaml"),
        *(ROOT / "conf" / "problem").glob("*.yaml"),
    ]
    return [path.read_bytes() for path in sorted(paths)]


def _meshes() -> list[bytes]:
    paths = (ROOT / "tests" / "cases").glob("*.msh")
    return [path.read_bytes() for path in sorted(paths) if path.stat().st_size < 40_000]


@functools.cache
def _vtu() -> bytes:
    import meshio

    corners = np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]])
    mesh = meshio.Mesh(np.pad(corners, ((0, 0), (0, 1))), [("triangle", [[0, 1, 2], [0, 2, 3]])])
    path = Path(place().name) / "plate.vtu"
    mesh.write(path, binary=False)
    return path.read_bytes()


LINES = (
    b"solve my.yaml trial.width=[4] tolerance=1e-3 ~seed",
    b"solve problem=poisson_square trial.width=[4] --out r",
    b"compare my.yaml --quiet",
    b"export r --to csv --resolution 3",
    b"plot r --animate gif --times 4",
    b"show poisson_square --resolved",
    b"list --json",
    b"init plate",
    b"simplify r --fix 1,1,1=sin --steps 3",
    b"formula r --seconds 1",
)
WORDS = (
    b" ",
    b"=",
    b"++",
    b"~",
    b" --out ",
    b" -h",
    b" --multirun",
    b"@",
    b"'",
    b'"',
    b" \xc3\xa9",
)
DOORS = {
    "formula": Door(_formula, lambda: EQUATIONS, LETTERS, 2.0),
    "file": Door(_file, _files, (*KEYS, *LETTERS), 2.0),
    "csv": Door(functools.partial(_table, "csv"), lambda: [TABLE], (b",", b";", b'"', b"\r"), 2.0),
    "npz": Door(functools.partial(_table, "npz"), lambda: [_archive()], BYTES, 2.0),
    "words": Door(_words, lambda: LINES, WORDS, 10.0),
    "msh": Door(functools.partial(_mesh, "msh"), _meshes, (*LETTERS, b"$EndNodes"), 10.0),
    "vtu": Door(
        functools.partial(_mesh, "vtu"), lambda: [_vtu()], (*LETTERS, b"</DataArray>"), 10.0
    ),
    **RUN_DOORS,
    **PYTHON_DOORS,
}
