"""The budget: what a solve may take, what it is predicted to take, and what it took."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import kanpde
from kanpde.cli import main
from kanpde.errors import BudgetError, ConfigError, is_out_of_memory
from kanpde.patches.verdict import End
from kanpde.solver import memory
from kanpde.solver.loop import Solver
from kanpde.solver.memory import allowed, limit, shortage

ROOT = Path(__file__).resolve().parents[2]
NODE: dict[str, Any] = {
    "name": "corner",
    "unknowns": ["u"],
    "domain": {"rectangle": {"lower": [0, 0], "upper": [1, 1]}},
    "equations": ["laplacian(u) = -1/(0.02 + x**2 + y**2)"],
    "conditions": [{"part": ["left", "right", "bottom", "top"], "equation": "u = 0"}],
}
PATCHES = {"problem": NODE, "trial": {"kind": "kan", "patches": {"cells": 4, "degree": 4}}}


@pytest.mark.parametrize(
    ("text", "size"), [("8GiB", 8 << 30), ("500 MB", 500 << 20), ("1.5g", 3 << 29), ("4096", 4096)]
)
def test_the_variable_is_a_size(text: str, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_limits", lambda: iter([1 << 40]))
    monkeypatch.setenv("KANPDE_MEMORY", text)
    assert limit() == size
    assert allowed() == max(0, int(0.9 * size) - memory.PROGRAM)


@pytest.mark.parametrize("text", ["much", "-1", "0", "8 apples", "nan"])
def test_what_is_no_size_is_said(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KANPDE_MEMORY", text)
    with pytest.raises(ConfigError, match="KANPDE_MEMORY: must be a size such as 8GiB"):
        limit()


def test_the_machine_bounds_what_the_variable_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_limits", lambda: iter([2 << 30, 1 << 30]))
    monkeypatch.setenv("KANPDE_MEMORY", "64GiB")
    assert limit() == 1 << 30
    assert shortage(allowed()) is None
    assert "90% of 1 GiB" in str(shortage(allowed() + 1))


def test_the_first_level_on_patches_is_refused_and_a_later_one_ends_the_search(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(memory, "allowed", lambda: 10 << 20)
    with pytest.raises(BudgetError, match=r"16 patches would take .* lower trial\.patches"):
        kanpde.solve(PATCHES)
    monkeypatch.setattr(memory, "allowed", lambda: 50 << 20)
    solution = kanpde.solve(PATCHES, tolerance=1e-12)
    assert solution.stop_reason.name == "UNREACHED"
    assert End.MEMORY.value in " ".join(solution.result.verdict.warnings)


def test_out_of_memory_is_told_by_all_kinds_of_exceptions() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**55)
    assert is_out_of_memory(caught.value)
    assert is_out_of_memory(MemoryError())
    assert not is_out_of_memory(RuntimeError("shapes differ"))


def test_a_run_that_is_out_of_memory_keeps_its_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    stage = {"optimizer": "least_squares"}
    tree = {
        "problem": {**NODE, "exact": {"u": "0"}, "equations": ["laplacian(u) = 0"]},
        "trial": {"kind": "kan", "width": [4], "degree": 4, "intervals": 4},
        "schedule": [stage, stage],
        "sampler": {"interior": 100, "boundary": 40},
        "output": {"vtu": False, "plots": False},
    }
    Path("a.yaml").write_text(json.dumps(tree))
    real, calls = Solver._stage, []

    def short(self: Solver, *rest: Any) -> Any:
        calls.append(rest)
        if len(calls) == 2:
            torch.empty(2**55)
        return real(self, *rest)

    monkeypatch.setattr(Solver, "_stage", short)
    assert main(["solve", "a.yaml", "--out", "run"]) == 7
    assert "out of memory; lower sampler.interior" in capsys.readouterr().err
    assert "failed: out of memory" in Path("run/run.log").read_text()
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    assert main(["resume", "run", "--quiet"]) in (0, 8)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no ru_maxrss")
def test_what_is_predicted_is_measured() -> None:
    command = [sys.executable, "-m", "scripts", "memory", "--child", "kan 1-D"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    entry = json.loads(done.stdout.splitlines()[-1])
    assert 1 / 1.5 < entry["predicted"] / entry["measured"] < 1.5
