"""Run folders: nobody shares one, nothing foreign is removed, and the log says what happened."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kanpde.errors import ConfigError, FolderInUseError, StorageError
from kanpde.progress import Silent, StopReason
from kanpde.results import folder_lock, run_folder


def test_default_names_are_dated_and_never_shared(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        folders = list(
            pool.map(
                lambda _: run_folder.create(None, name="poisson", root=tmp_path / "runs"), range(24)
            )
        )
    assert len(set(folders)) == 24
    assert all(folder.is_dir() and folder.name.startswith("poisson-2") for folder in folders)
    assert any(folder.name.endswith("-2") for folder in folders)


def test_one_of_many_gets_the_folder_asked_for(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()  # exists, but is empty

    def attempt(_: int) -> bool:
        try:
            run_folder.create(tmp_path / "run", name="x")
        except FolderInUseError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, range(16))) == 1


def test_who_comes_second_to_an_empty_folder_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_folder, "_asked", lambda folder, overwrite: folder)  # both saw it empty
    (tmp_path / "run").mkdir()
    run_folder.create(tmp_path / "run", name="x")
    with pytest.raises(
        FolderInUseError, match="was taken by another process; choose another --out"
    ):
        run_folder.create(tmp_path / "run", name="x")


def test_an_existing_run_is_refused_unless_overwritten(tmp_path: Path) -> None:
    folder = run_folder.create(tmp_path / "deep" / "run", name="x")
    (folder / "result.json").write_text("{}")
    (folder / "figures").mkdir()
    (folder / "figures" / "error.png").write_text("")
    with pytest.raises(FolderInUseError, match="exists; choose another --out or give --overwrite"):
        run_folder.create(folder, name="x")
    assert (folder / "result.json").exists()
    assert run_folder.create(folder, name="x", overwrite=True) == folder
    assert [path.name for path in folder.iterdir()] == [run_folder.LOG]


def test_a_sweep_is_overwritten_as_a_whole(tmp_path: Path) -> None:
    folder = run_folder.create(tmp_path / "sweep", name="x")
    (folder / "multirun.yaml").write_text("")
    for job in ("0", "1"):
        (run_folder.create(folder / job, name="x") / "field.vtu").write_text("")
    assert run_folder.create(folder, name="x", overwrite=True) == folder
    assert [path.name for path in folder.iterdir()] == [run_folder.LOG]


@pytest.mark.parametrize("foreign", ["thesis.tex", "0/thesis.tex", ".git/config"])
def test_overwriting_never_removes_what_kanpde_did_not_write(foreign: str, tmp_path: Path) -> None:
    folder = run_folder.create(tmp_path / "run", name="x")
    (folder / foreign).parent.mkdir(exist_ok=True)
    (folder / foreign).write_text("years of work")
    with pytest.raises(FolderInUseError, match="not written by kanpde; choose another --out"):
        run_folder.create(folder, name="x", overwrite=True)
    assert (folder / foreign).read_text() == "years of work"


def test_overwriting_does_not_follow_links(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept.txt").write_text("kept")
    folder = run_folder.create(tmp_path / "run", name="x")
    (folder / "figures").symlink_to(outside)
    run_folder.create(folder, name="x", overwrite=True)
    assert (outside / "kept.txt").exists()
    assert not (folder / "figures").exists()


def test_a_file_in_the_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    with pytest.raises(FolderInUseError, match="is a file; choose another --out"):
        run_folder.create(tmp_path / "run", name="x", overwrite=True)


@pytest.mark.parametrize("name", ["", ".", "..", "a b", "a/b", "a" * 81, "ä", "a\nb", "$(id)"])
def test_names_outside_the_allowed_characters_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="must be 1 to 80 of the characters"):
        run_folder.check_name(name)


def test_a_folder_that_cannot_be_made_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot be made"):
        run_folder.create(tmp_path / "file" / "run", name="x")


def test_a_lock_keeps_other_processes_out_and_ends_with_its_process(tmp_path: Path) -> None:
    folder = run_folder.create(tmp_path / "run", name="x")
    program = (
        "import sys, time; from pathlib import Path; from kanpde.results import folder_lock\n"
        "with folder_lock.locked(Path(sys.argv[1])): print('locked', flush=True); time.sleep(60)"
    )
    root = str(Path(run_folder.__file__).parents[2])
    environment = {**os.environ, "PYTHONPATH": root}
    command = [sys.executable, "-c", program, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "locked\n"
        with (
            pytest.raises(FolderInUseError, match="is in use by another process; wait for it"),
            folder_lock.locked(folder),
        ):
            pass
        with pytest.raises(FolderInUseError, match="in use"):
            run_folder.create(folder, name="x", overwrite=True)
        other.kill()
        other.wait()
    with folder_lock.locked(folder):
        assert (folder / ".lock").exists()
    assert not (folder / ".lock").exists()


def test_locking_a_folder_that_is_not_there_is_a_storage_error(tmp_path: Path) -> None:
    with (
        pytest.raises(StorageError, match="cannot be locked"),
        folder_lock.locked(tmp_path / "none"),
    ):
        pass


def test_the_log_has_one_dated_line_per_event(tmp_path: Path) -> None:
    folder = run_folder.create(tmp_path / "run", name="x")
    seen: list[str] = []

    class Inner(Silent):
        stop = StopReason.INTERRUPTED

        def message(self, text: str) -> None:
            seen.append(text)

    log = run_folder.RunLog(folder, Inner())
    log.stage_started(0, 2, "lbfgs", 500)
    log.step(7, 0.5)
    log.stage_finished(0, 0.25, StopReason.STALLED)
    log.message("two\nlines")
    lines = [line.split(" ", 1)[1] for line in (folder / run_folder.LOG).read_text().splitlines()]
    assert lines == [
        "created run",
        "stage 1/2 lbfgs: at most 500 steps",
        "stage 1 ended after 7 steps: objective 2.500000e-01, the objective stopped decreasing",
        "two lines",
    ]
    assert seen == ["two\nlines"]
    assert log.stop is StopReason.INTERRUPTED


def test_only_a_folder_without_results_is_discarded(tmp_path: Path) -> None:
    empty, full = (
        run_folder.create(tmp_path / "empty", name="x"),
        run_folder.create(tmp_path / "full", name="x"),
    )
    (empty / "config.yaml").write_text("")
    (full / "checkpoints").mkdir()
    (full / "checkpoints" / "last.pt").write_text("")
    for folder in (empty, full):
        run_folder.discard(folder)
    assert not empty.exists()
    assert full.exists()
