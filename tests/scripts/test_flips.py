"""Whoever damages, edits and mixes run folders finds what nobody notices."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from kanpde.api.checking import Examined
from scripts.fuzz import flips, folders, mixed_folders, whole_run


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    for name, scale in (("run", 1.0), ("twin", 1.25)):
        folders.make("patches", folder / name, scale)
    return folder


@pytest.fixture(scope="module")
def run(place: Path) -> whole_run.Run:
    return whole_run.Run.of(place / "run", place / "twin")


def test_loading_opens_the_files_that_it_needs(run: whole_run.Run) -> None:
    needed = {"config.yaml", "digests.json", "result.json", "checkpoints/patches.npz"}
    assert run.opened == needed


def test_flipped_bits_are_seen(run: whole_run.Run) -> None:
    draw = random.Random(1)
    assert [flips.flip(run, path, draw) for path in run.files() for _ in range(3)].count(None) == 18
    assert whole_run.meaning(run.folder) == run.means  # and taken back


@pytest.mark.parametrize("change", mixed_folders.CHANGES, ids=lambda change: change.__name__)
def test_changed_folders_are_seen(
    change: object, run: whole_run.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mixed_folders, "CHANGES", (change,))
    for seed in range(3):
        what, unseen = mixed_folders.mixed(run, random.Random(seed), tmp_path)
        assert unseen is None, what


def test_what_is_not_seen_is_told(run: whole_run.Run, monkeypatch: pytest.MonkeyPatch) -> None:
    path = run.folder / "history.csv"
    with monkeypatch.context() as blind:
        blind.setattr(whole_run, "examined", lambda folder: (Examined("any", "sound"),))
        answer = flips.flip(run, path, random.Random(2))
    assert answer is not None and answer.startswith("check: bit ")
    monkeypatch.setattr(whole_run, "meaning", lambda folder: ("another",))
    answer = flips.flip(run, run.folder / "result.json", random.Random(2))
    assert answer is not None and answer.startswith("load: bit ")
