"""What a solve says off a terminal: a line at its start and at most one a second, every one with
--verbose, JSON with --json, and nothing with --quiet.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kanpde.cli import main
from kanpde.cli.progress_lines import Lines
from kanpde.progress import StopReason

LINE = """\
problem:
  unknowns: [u]
  domain: {interval: [0, 1]}
  equations: ["dxx(u) = 1"]
  conditions: [{part: [left, right], equation: "u = 0"}]
output: {vtu: false, plots: false}
"""


def watched(verbose: bool, **further: bool) -> list[str]:
    """The lines of ten stages that take 0.3 seconds each."""
    lines: list[str] = []
    now = [0.0]
    shown = Lines(lines.append, verbose=verbose, clock=lambda: now[0], **further)
    shown.started("plate", "runs/plate")
    for index in range(10):
        shown.stage_started(f"slab {index + 1}", 1)
        now[0] += 0.3
        shown.stage_finished(10.0**-index, StopReason.SOLVED)
    return lines


def test_lines_come_once_a_second_at_most() -> None:
    lines = watched(verbose=False)
    assert lines[0] == "solving 'plate' into runs/plate"
    assert lines[1] == "slab 1: objective 1, 0.3 s"
    assert len(lines) == 4


def test_every_stage_is_told_when_asked_for() -> None:
    lines = watched(verbose=True)
    assert len(lines) == 21
    assert lines[1:3] == ["slab 1: at most 1 steps", "slab 1: objective 1, 0.3 s"]


def test_lines_of_json_are_objects() -> None:
    events = [json.loads(line) for line in watched(verbose=True, as_json=True)]
    assert events[0] == {"event": "start", "problem": "plate", "folder": "runs/plate"}
    assert events[2] == {
        "event": "end",
        "name": "slab 1",
        "objective": 1.0,
        "seconds": 0.3,
        "reason": "solved",
    }


def test_an_objective_that_is_not_finite_is_null() -> None:
    lines: list[str] = []
    shown = Lines(lines.append, verbose=True, as_json=True)
    shown.stage_started("adam", 5)
    shown.stage_finished(float("nan"), StopReason.NON_FINITE)
    assert json.loads(lines[1])["objective"] is None


@pytest.mark.parametrize(
    ("options", "first"),
    [
        ([], "solving 'line' into run"),
        (["--verbose"], "solving 'line' into run"),
        (["--verbose", "--json"], '{"event": "start"'),
        (["--quiet"], ""),
        (["--json"], ""),
    ],
)
def test_a_solve_off_a_terminal_says_how_it_goes(
    options: list[str],
    first: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("line.yaml").write_text(LINE)
    assert main(["solve", "line.yaml", "--out", "run", *options]) == 0
    out, err = capsys.readouterr()
    assert err.startswith(first) if first else err == ""
    if "--json" in options:
        assert json.loads(out)["problem"] == "line"
    elif "--quiet" not in options:
        assert out.splitlines()[-2].startswith("verdict")
