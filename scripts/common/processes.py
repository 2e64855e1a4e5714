"""A program of this checkout in a process of its own, stopped after a time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Ended:
    """Exit code (None: out of time), all that was printed, wall seconds."""

    code: int | None
    text: str
    seconds: float


def python(arguments: Sequence[str], *, cwd: Path, seconds: float) -> Ended:
    """Run Python on these arguments in a folder, with this checkout first on its path.

    Its children are stopped with it when the time is over, or when this program is interrupted.
    """
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    code: int | None = None
    try:
        text, _ = process.communicate(timeout=seconds)
        code = process.returncode
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        text, _ = process.communicate()
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    return Ended(code, text, time.perf_counter() - began)


def json_of(path: Path) -> dict[str, Any]:
    """The mapping in a JSON file; empty where there is none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
