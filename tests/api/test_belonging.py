"""A run folder is one thing: files of another run and changed ones are refused with the reason."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path
from typing import Any

import pytest

import kanpde
from kanpde import api, storage
from kanpde.api.checking import examined
from kanpde.cli import main
from kanpde.errors import CheckpointError, KanpdeError
from kanpde.results import run_folder
from kanpde.storage import (
    DIGESTS,
    altered,
    bind_part,
    forget,
    leaf_digests,
    require_values,
    write_bound,
    write_kept,
)
from scripts.fuzz import folders

SQUARE = {"rectangle": {"lower": [0, 0], "upper": [1, 1]}}


def tree(rim: str = "0", **keys: Any) -> dict[str, Any]:
    return {
        "problem": {
            "name": "small",
            "unknowns": ["u"],
            "domain": SQUARE,
            "equations": ["laplacian(u) = 1"],
            "conditions": [{"part": ["left", "right", "bottom", "top"], "equation": f"u = {rim}"}],
        },
        "trial": {"width": [4]},
        "sampler": {"interior": 100, "boundary": 40},
        "output": {"vtu": False, "plots": False},
        **keys,
    }


PATCHED = {"trial": {"patches": {"cells": 1, "degree": 4, "refine": False}}}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    for name, keys in (("network", {}), ("patches", PATCHED)):
        for rim in "01":
            config = {**tree(rim), **keys}
            if name == "patches":
                del config["sampler"]
            api.solve(config, out=folder / f"{name}{rim}")
    return folder


@pytest.fixture
def runs(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "runs")
    return tmp_path / "runs"


@pytest.mark.parametrize("kind", ["network", "patches"])
def test_checkpoints_of_another_run_are_refused(kind: str, runs: Path) -> None:
    ours, theirs = runs / f"{kind}0", runs / f"{kind}1"
    for path in (theirs / "checkpoints").iterdir():
        shutil.copy(path, ours / "checkpoints" / path.name)
    message = {
        "network": r"last.pt: belongs to another run than config.yaml",
        "patches": r"checkpoints/patches.npz: is not as this run wrote it",
    }[kind]
    for use in (api.load, api.resume):
        with pytest.raises(CheckpointError, match=message) as caught:
            use(ours)
        assert caught.value.exit_code == 5
    assert main(["check", str(ours)]) == 5 and main(["check", str(theirs)]) == 0


@pytest.mark.parametrize("kind", ["network", "patches"])
def test_a_changed_config_is_told_by_its_keys(kind: str, runs: Path) -> None:
    path = runs / f"{kind}0" / "config.yaml"
    text = path.read_text()
    path.write_text(
        text.replace("laplacian(u) = 1", "laplacian(u) = 2").replace("seed: 0", "seed: 1")
    )
    with pytest.raises(CheckpointError, match=r"other values of problem.equations\[0\], seed; put"):
        api.load(path.parent)
    path.write_text(f"# a comment changes nothing\n{text}")
    api.load(path.parent)
    shutil.copy(runs / f"{kind}1" / "config.yaml", path)
    with pytest.raises(
        CheckpointError, match=r"other values of problem.conditions\[0\].equation; put"
    ):
        api.load(path.parent)


def test_a_changed_result_is_noticed(runs: Path) -> None:
    path = runs / "network0" / "result.json"
    path.write_text(path.read_text().replace('"seed": 0', '"seed": 1'))
    with pytest.raises(CheckpointError, match=r"result.json: is not as this run wrote it; put"):
        api.load(path.parent)
    wrong = [entry for entry in examined(path.parent) if not entry.sound]
    assert [(entry.file, entry.finding) for entry in wrong] == [
        ("result.json", "changed after the run wrote it")
    ]


def test_a_flipped_bit_in_any_file_of_a_run_is_found(tmp_path: Path) -> None:
    folder, draw = tmp_path / "run", random.Random(0)
    api.solve(tree(output={"vtu": True, "plots": True}), out=folder)
    assert main(["export", str(folder), "--to", "csv"]) == 0
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    files = [path for path in files if path.name not in {DIGESTS, ".lock"}]
    assert {"field.vtu", "field.csv", "report.html", "history.csv"} <= {p.name for p in files}
    assert all(entry.sound for entry in examined(folder))
    for path in files:
        content = path.read_bytes()
        flipped = bytearray(content)
        flipped[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        path.write_bytes(flipped)
        wrong = [entry.file for entry in examined(folder) if not entry.sound]
        assert wrong[:1] == [path.relative_to(folder).as_posix()] or path.name == "config.yaml"
        path.write_bytes(content)


def test_what_is_drawn_again_belongs_to_the_run(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    api.solve(tree(), out=folder)
    assert main(["plot", str(folder)]) == 0
    (figure, *_) = sorted((folder / "figures").glob("*.png"))
    figure.write_bytes(figure.read_bytes() + b"more")
    assert main(["check", str(folder)]) == 5
    assert main(["plot", str(folder)]) == 0
    assert main(["check", str(folder)]) == 0


def test_what_says_that_files_belong_together_cannot_be_left_out(runs: Path) -> None:
    (runs / "network0" / DIGESTS).unlink()
    with pytest.raises(CheckpointError, match="belongs to another run"):
        api.load(runs / "network0")
    (runs / "patches0" / DIGESTS).write_text("{}")
    with pytest.raises(CheckpointError, match=r"digests.json: damaged"):
        api.load(runs / "patches0")


def test_folders_of_earlier_versions_are_read_and_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kanpde.results import report
    from kanpde.storage import write_bytes

    with monkeypatch.context() as earlier:
        earlier.setattr(
            report, "write_bound", lambda path, content, values=None: write_bytes(path, content)
        )
        solution = api.solve(tree(), out=tmp_path / "old")
    assert not (tmp_path / "old" / DIGESTS).exists()
    assert (api.load(tmp_path / "old").coefficients() == solution.coefficients()).all()
    api.resume(tmp_path / "old")  # writes its files anew, but its checkpoints are still old ones
    assert (api.load(tmp_path / "old").coefficients() == solution.coefficients()).all()
    found = examined(tmp_path / "old")
    assert all(entry.sound for entry in found) and "earlier versions" in found[0].finding


def test_runs_of_one_config_are_known_by_one_name(tmp_path: Path, made: Path) -> None:
    api.solve(tree(), out=tmp_path / "again")
    ours, theirs = (
        json.loads((folder / DIGESTS).read_text())
        for folder in (tmp_path / "again", made / "network0")
    )
    assert ours["run"] == theirs["run"]


def test_links_are_found(runs: Path) -> None:
    (runs / "network0" / "field.vtu").symlink_to("/dev/null")
    entries = {entry.file: entry for entry in examined(runs / "network0")}
    assert not entries["field.vtu"].sound and "a link" in entries["field.vtu"].finding


@pytest.fixture(scope="module")
def of_slabs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("slabs") / "run"
    folders.make("slabs", folder)
    return folder


@pytest.fixture
def marched(of_slabs: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(of_slabs, tmp_path / "marched"))


def test_checkpoints_of_another_slab_or_moment_are_refused(marched: Path) -> None:
    first, second = (marched / "checkpoints" / f"slab0000{k}" for k in (1, 2))
    kept = (second / "last.pt").read_bytes()
    shutil.copy(first / "last.pt", second / "last.pt")
    with pytest.raises(CheckpointError, match="belongs to another part of the run, 'slab00001'"):
        api.load(marched)
    shutil.copy(second / "previous.pt", second / "last.pt")
    assert kept != (second / "last.pt").read_bytes()
    with pytest.raises(CheckpointError, match=r"slab00002/last.pt: is not as this run wrote it"):
        api.load(marched)
    assert main(["check", str(marched)]) == 5


def test_a_slab_that_was_removed_is_missed(marched: Path) -> None:
    whole = api.load(marched)
    (marched / "checkpoints" / "slab00002" / "last.pt").unlink()
    with pytest.warns(UserWarning, match="the checkpoint before it is used instead"):
        assert api.load(marched).trial.slab_ends == whole.trial.slab_ends
    shutil.rmtree(marched / "checkpoints" / "slab00002")
    with pytest.raises(CheckpointError, match=r"slab00002/\w+.pt: is missing; put it back"):
        api.load(marched)


def test_a_run_that_goes_on_is_bound_anew(marched: Path) -> None:
    before = {entry.file for entry in examined(marched)}
    forget(marched, "checkpoints/slab00002/last.pt")  # as a kill leaves it
    api.resume(marched)
    assert {entry.file for entry in examined(marched) if entry.sound} == before


def test_arrays_know_their_run_without_digests(runs: Path) -> None:
    path = runs / "patches0" / "config.yaml"
    path.write_text(path.read_text().replace("laplacian(u) = 1", "laplacian(u) = 2"))
    (runs / "patches0" / DIGESTS).unlink()
    with pytest.raises(CheckpointError, match=r"patches.npz: belongs to another run than config"):
        api.load(path.parent)
    assert main(["check", str(path.parent)]) == 5


@pytest.mark.parametrize("name", [DIGESTS, run_folder.LOG])
def test_a_changed_log_and_changed_digests_are_found(name: str, runs: Path) -> None:
    path = runs / "patches0" / name
    content = path.read_bytes()
    path.write_bytes(content + b"\n")
    assert all(entry.sound for entry in examined(path.parent))  # a log grows
    for at in range(0, len(content), max(1, len(content) // 20)):
        path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        wrong = [entry.file for entry in examined(path.parent) if not entry.sound]
        assert name in wrong, content[at - 20 : at + 20]


def test_a_kill_between_a_digest_and_its_file_leaves_no_stranger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(path: Path, content: bytes) -> Path:
        raise KeyboardInterrupt

    path = write_bound(tmp_path / "config.yaml", b"seed: 0\n", {"seed": 0})
    write_kept(tmp_path, "any.npz", b"old")
    with monkeypatch.context() as dying:
        dying.setattr(storage, "write_bytes", killed)
        with pytest.raises(KeyboardInterrupt):
            write_bound(path, b"seed: 1\n", {"seed": 1})
        with pytest.raises(KeyboardInterrupt):
            write_kept(tmp_path, "any.npz", b"new")
    for name in ("config.yaml", "checkpoints/any.npz"):
        assert not altered(tmp_path, name)
    for seed in (0, 1):  # the file is that of before, or that of after
        require_values(tmp_path, "config.yaml", {"seed": seed})
    with pytest.raises(CheckpointError, match="other values of seed; put the old file back"):
        require_values(tmp_path, "config.yaml", {"seed": 2})


def test_a_file_that_the_run_did_not_write_is_found(runs: Path) -> None:
    folder = runs / "patches0"
    (folder / "notes.txt").write_text("of the user")
    assert all(entry.sound for entry in examined(folder))
    (folder / "field.csv").write_text("x,y,u\n0,0,1\n")
    entries = {entry.file: entry for entry in examined(folder)}
    assert "not written by this run" in entries["field.csv"].finding
    assert main(["check", str(folder)]) == 5


def test_further_solutions_of_another_run_are_refused(runs: Path) -> None:
    folder, place = runs / "patches0", runs / "patches0" / "branches" / "2"
    shutil.copytree(runs / "patches1", place)
    with pytest.raises(
        CheckpointError, match=r"branches: holds solutions that are not of this run"
    ):
        api.load(folder)
    bind_part(folder, "branches/2")
    assert len(api.load(folder).branches) == 1
    assert all(entry.sound for entry in examined(folder))
    shutil.rmtree(place)
    assert {entry.file for entry in examined(folder) if not entry.sound} == {"branches/2"}
    shutil.copytree(runs / "network1", place)
    with pytest.raises(CheckpointError, match=r"branches/2: belongs to another run; put"):
        api.load(folder)
    assert {entry.file for entry in examined(folder) if not entry.sound} == {"branches/2"}


def test_no_picture_or_page_is_made_of_changed_results(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webbrowser.open", lambda url: True)
    folder = runs / "patches0"
    path = folder / "result.json"
    path.write_text(path.read_text().replace('"seed": 0', '"seed": 1'))
    assert main(["open", str(folder)]) == 5
    write_bound(folder / "compare.json", b'{"problem": "small"}')
    (folder / "compare.json").write_bytes(b'{"problem": "other"}')
    assert main(["plot", str(folder)]) == 5


@pytest.mark.parametrize("name", ["config.yaml", "result.json", DIGESTS, "checkpoints/patches.npz"])
def test_flipped_bits_change_no_meaning(name: str, made: Path, tmp_path: Path) -> None:
    shutil.copytree(made / "patches0", tmp_path / "run")
    path = tmp_path / "run" / name
    content, rng = path.read_bytes(), random.Random(0)
    whole = {entry.file: entry for entry in examined(tmp_path / "run")}
    assert all(entry.sound for entry in whole.values())
    meaning = api.load(tmp_path / "run")
    for _ in range(8):
        at = rng.randrange(len(content))
        flipped = bytes([content[at] ^ 1 << rng.randrange(8)])
        path.write_bytes(content[:at] + flipped + content[at + 1 :])
        try:
            seen = api.load(tmp_path / "run")
        except KanpdeError:
            continue
        assert seen.config == meaning.config and (seen([[0.3, 0.3]]) == meaning([[0.3, 0.3]])).all()


def test_every_file_of_an_equation_in_time_alone_belongs_to_its_run(tmp_path: Path) -> None:
    problem = {
        "name": "decay",
        "unknowns": ["u"],
        "time": {"interval": [0, 1]},
        "equations": ["dt(u) = -u"],
        "conditions": [{"part": "initial", "equation": "u = 1"}],
    }
    kanpde.solve({"problem": problem}, out=tmp_path / "run")
    assert (tmp_path / "run" / "field.csv").is_file()
    assert all(entry.sound for entry in examined(tmp_path / "run"))


def test_a_text_is_another_value_than_the_number_that_it_looks_like() -> None:
    number, text = (leaf_digests({"seed": value}) for value in (1, "1"))
    assert number != text
