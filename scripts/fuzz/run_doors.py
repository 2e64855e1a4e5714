"""The doors of a run folder: its files as someone else may have made them, behind digests that are theirs."""

from __future__ import annotations

import functools
import hashlib
import shutil
import tempfile
from pathlib import Path

import kanpde
from kanpde.cli import main as command
from kanpde.config import yaml_file
from kanpde.solver.checkpoint import MAGIC
from kanpde.storage import binding, dump_json, write_bound, write_kept
from scripts.fuzz import folders
from scripts.fuzz.door import BYTES, KEYS, Door, consistent

STATES = {
    "patches": "patches.npz",
    "lines": "slabs.npz",
    "carried": "slabs.npz",
    "modes": "modes.npz",
    "chain": "chain.npz",
    "constants": "constants.npz",
    "fields": "fields.npz",
    "means": "integrals.npz",
}
"""The file of arrays of a kind of run."""


@functools.cache
def run_of_kind(kind: str) -> Path:
    """A finished run in a folder that lasts as long as the process."""
    folder = Path(place().name) / kind
    folders.make(kind, folder)
    return folder


@functools.cache
def place() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="kanpde-fuzz-runs-")


def _copy(kind: str, folder: Path) -> Path:
    shutil.copytree(run_of_kind(kind), folder / kind, dirs_exist_ok=True)
    return folder / kind


def _network() -> bytes:
    return (run_of_kind("network") / "checkpoints" / "last.pt").read_bytes().partition(b"\n")[2]


def _checkpoint(data: bytes, folder: Path) -> int:
    """Bytes behind digests that are theirs: as made by someone else."""
    run, data = _copy("network", folder), consistent(data)
    head = MAGIC + hashlib.sha256(data).hexdigest().encode() + b"\n"
    with binding(run, "checkpoints"):
        (run / "checkpoints" / "last.pt").write_bytes(head + data)
        (run / "checkpoints" / "previous.pt").unlink(missing_ok=True)
    _used(run)
    return 0


def _state(kind: str, data: bytes, folder: Path) -> int:
    """The same for arrays of other ways to solve."""
    run = _copy(kind, folder)
    write_kept(run, STATES[kind], consistent(data))
    _used(run)
    return 0


def _used(run: Path) -> None:
    """Read a run and take values of its solution."""
    solution = kanpde.load(run)
    solution(solution.problem.domain.quadrature(9).x, outside="allow")
    dump_json(solution.result.as_dict())


def _settings(data: bytes, folder: Path) -> int:
    """The config of a run."""
    run = _copy("network", folder)
    (run / "config.yaml").write_bytes(data)
    write_bound(run / "config.yaml", data, yaml_file.load(run / "config.yaml"))
    _used(run)
    return 0


def _result(data: bytes, folder: Path) -> int:
    """The result of a run, which its page is made of, and its check."""
    run = _copy("network", folder)
    write_bound(run / "result.json", data)
    code = command(["open", str(run)])
    return max(code, command(["check", str(run)]))


def _digests(data: bytes, folder: Path) -> int:
    run = _copy("network", folder)
    (run / "digests.json").write_bytes(data)
    code = command(["check", str(run)])
    return max(code, command(["export", str(run), "--to", "csv", "--resolution", "2"]))


def _of_network(name: str) -> list[bytes]:
    return [(run_of_kind("network") / name).read_bytes()]


def _arrays_of(kind: str) -> list[bytes]:
    return [(run_of_kind(kind) / "checkpoints" / STATES[kind]).read_bytes()]


RUN_DOORS = {
    "checkpoint": Door(_checkpoint, lambda: [_network()], BYTES, 10.0),
    "settings": Door(_settings, functools.partial(_of_network, "config.yaml"), KEYS, 10.0),
    "result": Door(_result, functools.partial(_of_network, "result.json"), KEYS, 10.0),
    "digests": Door(_digests, functools.partial(_of_network, "digests.json"), KEYS, 10.0),
    **{
        kind: Door(
            functools.partial(_state, kind), functools.partial(_arrays_of, kind), BYTES, 10.0
        )
        for kind in STATES
    },
}
