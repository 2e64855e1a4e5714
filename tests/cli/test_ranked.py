"""Solves that torchrun starts on several ranks: the same field, and one end for all."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from core_helpers import slowly

import kanpde
from kanpde.cli.ranked import why_alone
from kanpde.config import yaml_file
from kanpde.parallel.ranks import Ranks
from kanpde.patches.covers import cover_of
from kanpde.patches.layout import balanced, layout
from kanpde.patches.order import members_of, over_leaves
from kanpde.patches.sharing import Share
from kanpde.problem.posing import posed
from scripts.benchmarks.ranks import ranks_of

SHARED = """
problem:
  name: insulated
  unknowns: [u]
  domain: {rectangle: {lower: [0, 0], upper: [2, 1]}}
  equations: ["-laplacian(u) = cos(pi*x) + cos(2*pi*y)"]
  conditions:
    - {part: [left, right, bottom, top], equation: "dn(u) = 0"}
    - {mean: "u = 0"}
trial: {patches: {cells: 4, degree: 6, refine: false}}
tolerance: 1e-3
"""
LONG = """
problem:
  name: long
  unknowns: [u]
  domain: {polygon: {vertices: [[0, 0], [1, 0], [1, 0.5], [0.5, 0.5], [0.5, 1], [0, 1]]}}
  equations: ["-laplacian(u) = 1"]
  conditions: [{part: boundary, equation: "u = 0"}]
trial: {patches: {cells: 12}}
tolerance: 1e-13
seconds: 600
"""
PATIENCE = 150


def torchrun(count: int, *words: str) -> list[str]:
    run = [sys.executable, "-m", "torch.distributed.run", f"--nproc-per-node={count}"]
    return [*run, "-m", "kanpde", *words]


def started(folder: Path, count: int, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        torchrun(count, *words),
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "shared.yaml").write_text(SHARED)
    (tmp_path / "long.yaml").write_text(LONG)
    (tmp_path / "wrong.yaml").write_text(SHARED.replace("dn(u) = 0", "dn(w) = 0"))
    return tmp_path


@pytest.mark.parametrize("count", slowly([2, 4], {4}))
def test_ranks_give_the_field_of_one_process(folder: Path, count: int) -> None:
    """With a sum over all patches that is 0, which passes through the tree as well."""
    process = started(folder, count, "solve", "shared.yaml", "--out", "run", "--quiet")
    text, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, text
    x = np.random.default_rng(0).uniform(0, 1, (300, 2))
    alone = np.asarray(kanpde.solve(folder / "shared.yaml")(x))
    shared = np.asarray(kanpde.load(folder / "run")(x))
    assert np.abs(alone - shared).max() <= 1e-10 * np.abs(alone).max()


def test_a_wrong_file_is_told_once_and_all_ranks_end_with_its_code(folder: Path) -> None:
    process = started(folder, 2, "solve", "wrong.yaml", "--out", "run")
    text, _ = process.communicate(timeout=PATIENCE)
    assert text.count("kanpde: error:") == 1, text
    assert set(re.findall(r"exitcode +: (\S+)", text)) == {"2"}, text
    assert not (folder / "run").exists()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
@pytest.mark.parametrize("which", slowly([0, 1, None], {1, None}))
def test_a_rank_that_is_killed_ends_the_others(folder: Path, which: int | None) -> None:
    """And so does a signal to the launcher."""
    process = started(folder, 2, "solve", "long.yaml", "--out", "run", "--verbose")
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if "patches: objective" in line:
                break
        ranks = sorted(ranks_of(process.pid))
        assert len(ranks) == 2
        if which is None:
            process.terminate()
        else:
            os.kill(ranks[which], signal.SIGKILL)
        process.communicate(timeout=PATIENCE)
        assert process.returncode
        until = time.monotonic() + PATIENCE
        while any(Path(f"/proc/{rank}").exists() for rank in ranks):
            assert time.monotonic() < until, "a rank hangs"
            time.sleep(0.1)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7, 40])
def test_every_leaf_belongs_to_one_rank_and_halves_meet(folder: Path, count: int) -> None:
    tree = yaml_file.load(folder / "shared.yaml")
    cover = cover_of(posed(kanpde.configure(tree).problem), 4)
    patches = layout(cover, balanced(cover, dict.fromkeys(cover.start(), 5)))
    over = over_leaves([patch.cells[0] for patch in patches], cover.counts)
    shares = [Share.of(over, [[p] for p in patches], Ranks(k, count)) for k in range(count)]
    owned = [leaf for share in shares for leaf in share.mine]
    assert sorted(owned) == sorted(members_of(over))
    assert sum(bool(share.mine) for share in shares) == min(count, len(patches))
    sent = {(number, share.above) for number, share in enumerate(shares) if share.above is not None}
    merged = {(other, number) for number, share in enumerate(shares) for other in share.below}
    assert sent == merged
    assert len(sent) == min(count, len(patches)) - 1


@pytest.mark.parametrize(
    ("tree", "reason"),
    [
        ({}, None),
        ({"trial": {"kind": "kan", "width": [4]}}, "only what `trial: {patches: {}}` solves"),
    ],
)
def test_what_is_not_shared_says_why(folder: Path, tree: dict[str, object], reason: str) -> None:
    given = {**yaml_file.load(folder / "shared.yaml"), **tree}
    found = why_alone(kanpde.configure(given))
    assert found is None if reason is None else found is not None and found.startswith(reason)
