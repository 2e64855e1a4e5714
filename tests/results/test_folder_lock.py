"""Nothing is written through a link, and the next process removes what a killed one left behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kanpde.errors import StorageError
from kanpde.results import folder_lock, run_folder


def dead() -> int:
    """The number of a process that is no more."""
    process = subprocess.Popen([sys.executable, "-c", "pass"])
    process.wait()
    return process.pid


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = run_folder.create(tmp_path / "run", name="x")
    for part in ("checkpoints/slab00001", "figures", "series"):
        (made / part).mkdir(parents=True)
    return made


@pytest.mark.parametrize(
    "place",
    ["run.log", ".lock", "config.yaml", "field.vtu", "figures", "checkpoints/slab00001/last.pt"],
)
@pytest.mark.parametrize("there", [True, False])
def test_a_link_in_a_run_folder_is_refused(
    place: str, there: bool, folder: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    if there:
        outside.mkdir() if place == "figures" else outside.write_text("kept")
    target = folder / place
    if target.is_dir():
        target.rmdir()
    target.unlink(missing_ok=True)
    target.symlink_to(outside)
    with (
        pytest.raises(StorageError, match=f"'{place}' is a symbolic link, and nothing is written"),
        folder_lock.locked(folder),
    ):
        pass
    assert outside.exists() is there
    assert not outside.is_file() or outside.read_text() == "kept"


def test_the_log_is_not_written_through_a_link(folder: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.txt"
    outside.write_text("kept")
    (folder / "run.log").unlink()
    (folder / "run.log").symlink_to(outside)
    with pytest.raises(StorageError, match=r"run.log: cannot be written"):
        run_folder.append_log(folder, "spoilt")
    assert outside.read_text() == "kept"


def test_a_run_folder_may_itself_be_a_link(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folder)
    with folder_lock.locked(tmp_path / "link"):
        run_folder.append_log(tmp_path / "link", "written")
    assert "written" in (folder / "run.log").read_text()


def test_what_a_killed_process_left_is_removed_and_nothing_else(folder: Path) -> None:
    gone, number = dead(), os.getpid()
    left = [
        folder / f".field-{gone}-0123abcd.vtu",
        folder / f".result-{gone}-0123abcd.json",
        folder / "checkpoints" / "slab00001" / f".last-{gone}-0123abcd.pt",
        folder / "figures" / f".error-{gone}-0123abcd.png",
        folder / "series" / f".series_0001-{gone}-0123abcd.vtu",
    ]
    kept = [
        folder / f".field-{number}-0123abcd.vtu",  # of a process that is writing it
        folder / "figures" / "error.png",
        folder / ".field-notes.vtu",
    ]
    for path in (*left, *kept):
        path.write_text("")
    with folder_lock.locked(folder):
        assert [path for path in left if path.exists()] == []
        assert all(path.exists() for path in kept)


def test_what_a_killed_process_left_does_not_forbid_to_overwrite(folder: Path) -> None:
    (folder / f".field-{dead()}-0123abcd.vtu").write_text("")
    run_folder.create(folder, name="x", overwrite=True)
    assert [path.name for path in folder.iterdir()] == [run_folder.LOG]


def test_text_files_end_their_lines_alike_on_every_platform(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "linesep", "\r\n")
    run_folder.append_log(folder, "one\r\ntwo")
    assert b"\r" not in (folder / "run.log").read_bytes()
