"""The doors at which data of strangers enters, as functions of bytes."""

from __future__ import annotations

import functools
import hashlib
import io
import re
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import kanpde
from kanpde.cli import main as command
from kanpde.config import validate, yaml_file
from kanpde.expressions import Scope, parse_equation
from kanpde.solver.checkpoint import MAGIC

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
SQUARE = {
    "name": "square",
    "unknowns": ["u"],
    "domain": {"rectangle": {"lower": [0, 0], "upper": [1, 1]}},
    "equations": ["-laplacian(u) = 1"],
    "conditions": [{"part": ["left", "right", "bottom", "top"], "equation": "u = 0"}],
}
SMALL = {"sampler": {"interior": 40, "boundary": 16}, "output": {"vtu": False, "plots": False}}
RUNS = {
    "network": {"problem": SQUARE, **SMALL, "trial": {"width": [2], "intervals": 2}},
    "patches": {
        "problem": SQUARE,
        "output": SMALL["output"],
        "trial": {"patches": {"cells": 1, "degree": 3, "refine": False}},
    },
}


@dataclass(frozen=True)
class Door:
    """What takes bytes in a folder and gives an exit code or raises, good inputs, pieces of them,
    and the processor seconds that an answer may take.
    """

    enter: Callable[[bytes, Path], int]
    seeds: Callable[[], Sequence[bytes]]
    tokens: Sequence[bytes]
    seconds: float


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
    (folder / f"t.{suffix}").write_bytes(data)
    (folder / "fit.yaml").write_text(FIT.format(file=f"t.{suffix}"), encoding="utf-8")
    return _validated(folder / "fit.yaml")


def _archive() -> bytes:
    stream = io.BytesIO()
    np.savez(stream, x=np.linspace(0, 1, 5), u=np.linspace(1, 2, 5))
    return stream.getvalue()


@functools.cache
def _run(kind: str) -> Path:
    """A finished run in a folder that lasts as long as the process."""
    folder = Path(_place().name) / kind
    kanpde.solve(RUNS[kind], out=folder)
    return folder


@functools.cache
def _place() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="kanpde-fuzz-runs-")


def _state() -> bytes:
    return (_run("network") / "checkpoints" / "last.pt").read_bytes().partition(b"\n")[2]


def _checkpoint(data: bytes, folder: Path) -> int:
    """Bytes behind a digest that is theirs: as made by someone else."""
    shutil.copytree(_run("network"), folder / "run", dirs_exist_ok=True)
    head = MAGIC + hashlib.sha256(data).hexdigest().encode() + b"\n"
    (folder / "run" / "checkpoints" / "last.pt").write_bytes(head + data)
    (folder / "run" / "checkpoints" / "previous.pt").unlink(missing_ok=True)
    kanpde.load(folder / "run")
    return 0


def _patches(data: bytes, folder: Path) -> int:
    shutil.copytree(_run("patches"), folder / "patches", dirs_exist_ok=True)
    (folder / "patches" / "checkpoints" / "patches.npz").write_bytes(data)
    kanpde.load(folder / "patches")
    return 0


def _settings(data: bytes, folder: Path) -> int:
    """The config of a run."""
    shutil.copytree(_run("network"), folder / "run", dirs_exist_ok=True)
    (folder / "run" / "config.yaml").write_bytes(data)
    kanpde.load(folder / "run")
    return 0


def _words(data: bytes, folder: Path) -> int:
    """A command line that solves nothing."""
    (folder / "my.yaml").write_bytes(yaml_file.dumps(RUNS["network"]).encode())
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


EQUATIONS = (
    b"-laplacian(u) = f",
    b"dx(k*dx(u)) + dot(wind, grad(u)) = sin(pi*x)**2/(1 + y**2)",
    b"dt(u) = where(x < 0.5, u**3, sqrt(abs(u)))",
)
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
LETTERS = (*re.findall(rb"\w+|\W", b" ".join(EQUATIONS)), b"((((", b"\xff", b"\x00")
KEYS = (b"{", b"}", b"[", b"]", b": ", b"- ", b"\n  ", b"*a", b"&a ", b"!!python/none ", b"${x}")
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
BYTES = (b"\x00", b"\xff" * 4, b"PK\x03\x04", b"\x80\x02", b".", b"q\x00", b"<f8", b"nan", b"(2,)")
DOORS = {
    "formula": Door(_formula, lambda: EQUATIONS, LETTERS, 2.0),
    "file": Door(_file, _files, (*KEYS, *LETTERS), 2.0),
    "csv": Door(functools.partial(_table, "csv"), lambda: [TABLE], (b",", b";", b'"', b"\r"), 2.0),
    "npz": Door(functools.partial(_table, "npz"), lambda: [_archive()], BYTES, 2.0),
    "words": Door(_words, lambda: LINES, WORDS, 10.0),
    "checkpoint": Door(_checkpoint, lambda: [_state()], BYTES, 10.0),
    "patches": Door(
        _patches,
        lambda: [(_run("patches") / "checkpoints" / "patches.npz").read_bytes()],
        BYTES,
        10.0,
    ),
    "settings": Door(
        _settings, lambda: [(_run("network") / "config.yaml").read_bytes()], KEYS, 10.0
    ),
}
