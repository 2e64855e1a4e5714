"""A signal is answered within seconds, whatever the process is doing, and no result is lost."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import Any

import pytest
from patch_helpers import problem_tree

import kanpde
from kanpde.progress import Overdue, Silent, StopReason

START = """
import argparse, hashlib, sys, time
from kanpde.cli import signals
from kanpde.cli.errors import guarded
from kanpde.cli.terminal import watching
from kanpde.progress import StopReason
def action():
    with watching(argparse.Namespace(quiet=True, json=False)) as bar:
        bar.stage_started(0, 1, "stage", 1)
        print("ready", flush=True)
"""
END = "sys.exit(guarded(action))"
WORK = {
    "Python that never looks": "        while True: pass\n",
    "an exception that is swallowed": (
        "        while True:\n            try: time.sleep(0.01)\n"
        "            except Exception: pass\n"
    ),
    # half an hour of C code that looks at no signal, as a factorisation
    "C": "        hashlib.pbkdf2_hmac('sha256', b'', b'', 2**31 - 1)\n",
}


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("work", WORK)
def test_one_signal_ends_whatever_is_at_work(work: str, number: int, code: int) -> None:
    quick = "signals.PATIENCE, signals.LIMIT, signals.PAUSE = 0.2, 0.6, 0.1\n"
    command = [sys.executable, "-c", START + WORK[work] + quick + END]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        process.send_signal(number)
        try:
            _, errors = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == code
    assert "in the middle of a step; what was saved before stands" in errors


def test_a_report_is_not_broken_off() -> None:
    report = (
        "        while bar.stop is None: time.sleep(0.01)\n"
        "        bar.stage_finished(0, 0.0, bar.stop)\n"
        "        end = time.monotonic() + 2.0\n"
        "        while time.monotonic() < end: pass\n"
        "        print('reported', flush=True)\n"
        "        return bar.stop.exit_code\n"
    )
    quick = "signals.PATIENCE, signals.LIMIT, signals.PAUSE = 0.2, 0.6, 0.1\n"
    command = [sys.executable, "-c", START + report + quick + END]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=60)
    assert (process.returncode, output) == (143, "reported\n")


class Stopping(Silent):
    """An observer that is asked to stop from a stage on, which is then broken off."""

    def __init__(self, last: int) -> None:
        self.stop: StopReason | None = None
        self.last = last

    def stage_started(self, index: int, total: int, name: str, steps: int) -> None:
        if self.last == 0:
            self.stop = StopReason.TERMINATED
            raise Overdue(self.stop)
        self.last -= 1


SOURCE = {"equations": ["-laplacian(u) = exp(x*y)"]}
FINE = {"trial": {"patches": {"cells": 1, "degree": 4}}, "tolerance": 1e-12}


def test_levels_on_patches_before_the_one_that_is_broken_off_are_kept() -> None:
    tree = {"problem": problem_tree(**SOURCE), **FINE}
    solution = kanpde.solve(tree, progress=Stopping(2))
    assert solution.stop_reason is StopReason.TERMINATED
    assert solution.result.exit_code == 143 and len(solution.result.stages) == 2
    with pytest.raises(Overdue):
        kanpde.solve(tree, progress=Stopping(0))


def test_levels_of_a_network_before_the_one_that_is_broken_off_are_kept() -> None:
    tree: dict[str, Any] = {"problem": problem_tree(**SOURCE), "trial": {}, "tolerance": 1e-12}
    solution = kanpde.solve(tree, progress=Stopping(1))
    assert solution.stop_reason is StopReason.TERMINATED
    with pytest.raises(Overdue):
        kanpde.solve(tree, progress=Stopping(0))
