"""What the fuzzer found before is refused, it finds what is wrong, and its inputs come again."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from kanpde.errors import ConfigError
from scripts.fuzz import fuzz
from scripts.fuzz.door import Door
from scripts.fuzz.doors import DOORS

CORPUS = sorted(fuzz.CORPUS.glob("*/*"))
FAST = ("formula", "file", "csv", "npz", "patches", "chain", "digests")


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_what_was_found_is_refused(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert fuzz.flaw(DOORS[path.parent.name], path.read_bytes(), tmp_path) is None


@pytest.mark.parametrize("name", FAST)
def test_a_few_mutations_are_answered(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    draw, door = random.Random(name), DOORS[name]
    seeds = fuzz.seeds_of(name, door)
    assert all(fuzz.flaw(door, seed, tmp_path) is None for seed in seeds[:3])
    for _ in range(15):
        data = fuzz.mutated(seeds, door.tokens, draw)
        assert fuzz.flaw(door, data, tmp_path) is None, data


def door(enter: object) -> Door:
    return Door(enter, lambda: [b"a"], [b"b"], 5.0)  # type: ignore[arg-type]


def test_the_fuzzer_tells_refusals_from_flaws(tmp_path: Path) -> None:
    def failing(data: bytes, folder: Path) -> int:
        raise KeyError("x")

    def leaving(data: bytes, folder: Path) -> int:
        raise SystemExit(1)

    def refusing(data: bytes, folder: Path) -> int:
        raise ConfigError("name: rule")

    def chatting(data: bytes, folder: Path) -> int:
        raise ConfigError("two\nlines")

    assert fuzz.flaw(door(failing), b"", tmp_path) == "KeyError: 'x'"
    assert fuzz.flaw(door(leaving), b"", tmp_path) == "SystemExit: 1"
    assert fuzz.flaw(door(refusing), b"", tmp_path) is None
    assert fuzz.flaw(door(chatting), b"", tmp_path) is not None
    assert fuzz.flaw(door(lambda data, folder: 1), b"", tmp_path) is not None
    assert fuzz.flaw(door(lambda data, folder: 2), b"", tmp_path) is None


def test_a_flaw_is_kept_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(data: bytes, folder: Path) -> int:
        raise ValueError(f"at {len(data)}")

    monkeypatch.setitem(DOORS, "formula", door(failing))
    assert fuzz.attack("formula", 0.05, random.Random(1), tmp_path) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["formula-001"]


def test_the_same_seed_gives_the_same_inputs() -> None:
    first, second = (
        [fuzz.mutated([b"abcdef", b"xyz"], [b"1"], random.Random(3)) for _ in range(5)]
        for _ in range(2)
    )
    assert first == second
