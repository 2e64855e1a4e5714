"""Arrays of a run: back to the same bits, known by their run, refused however they are damaged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kanpde.api import integral_plan
from kanpde.errors import CheckpointError, ConfigError
from kanpde.inverse import store
from kanpde.results.stored_arrays import read_arrays, write_arrays
from kanpde.storage import write_bound

READERS: dict[str, Callable[[Path], Any]] = {
    store.NAME: store.read,
    store.FIELDS: store.read_fields,
    integral_plan.NAME: integral_plan._read,
}


def begun(folder: Path, seed: int = 0) -> Path:
    """A run folder that has a config only."""
    folder.mkdir()
    write_bound(folder / "config.yaml", b"seed: 0\n", {"seed": seed})
    return folder


def test_arrays_come_back_and_know_their_run(tmp_path: Path) -> None:
    ours, theirs = begun(tmp_path / "ours"), begun(tmp_path / "theirs", 1)
    write_arrays(ours, "any.npz", {"a": np.arange(3.0), "text": np.array("ä")})
    arrays = read_arrays(ours, "any.npz")
    assert arrays["a"].tolist() == [0, 1, 2] and str(arrays["text"]) == "ä" and len(arrays) == 2
    (theirs / "checkpoints").mkdir()
    (theirs / "checkpoints" / "any.npz").write_bytes(
        (ours / "checkpoints" / "any.npz").read_bytes()
    )
    with pytest.raises(CheckpointError, match=r"any.npz: belongs to another run than config.yaml"):
        read_arrays(theirs, "any.npz")
    with pytest.raises(ConfigError, match=r"none.npz: is missing, so the run was not finished"):
        read_arrays(ours, "none.npz")


def test_arrays_of_earlier_versions_are_read(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    np.savez(tmp_path / "checkpoints" / "any.npz", a=np.ones(2))
    assert read_arrays(tmp_path, "any.npz")["a"].tolist() == [1, 1]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x80\x02."])
@pytest.mark.parametrize("name", READERS)
def test_what_is_no_archive_is_refused(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / name).write_bytes(content)
    with pytest.raises(CheckpointError, match=rf"{name}: damaged \(\w+\); solve it again"):
        READERS[name](tmp_path)


@pytest.mark.parametrize(
    "arrays",
    [{}, {"words": "{"}, {"words": "[]", "values": [0]}, {"words": '{"free": 1}'}],
    ids=["none", "no json", "a list", "no tuples"],
)
@pytest.mark.parametrize("name", READERS)
def test_other_arrays_are_refused(name: str, arrays: dict[str, Any], tmp_path: Path) -> None:
    folder = begun(tmp_path / "run")
    write_arrays(folder, name, {key: np.array(value) for key, value in arrays.items()})
    with pytest.raises(CheckpointError, match=rf"{name}: damaged \(\w+\); solve it again"):
        READERS[name](folder)
