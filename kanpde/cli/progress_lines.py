"""Lines on stderr that say how a solve goes, where no bar can be drawn or where they are asked for.

| options | what is shown |
|---|---|
| none, off a terminal | a line at the start, then one per stage, level or slab, at most one a second |
| `--verbose` | every one of them, and when each begins; on a terminal above the bar |
| `--verbose --json` | the same as JSON, one object a line |
| `--quiet`, `--json` | nothing |
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from kanpde.progress import StopReason
from kanpde.results.report import number

EVERY = 1.0
"""Seconds that lie between two lines at least, unless all are asked for."""


def _words(event: str, told: dict[str, Any]) -> str:
    """An event as a sentence."""
    if event == "start":
        return f"solving '{told['problem']}' into {told['folder']}"
    if event == "begin":
        return f"{told['name']}: at most {told['steps']} steps"
    if event == "end":
        size = number(told["objective"])
        return f"{told['name']}: objective {size}, {told['seconds']:.1f} s"
    return str(told["text"])


def _object(event: str, told: dict[str, Any]) -> str:
    """An event as one line of JSON."""
    return json.dumps({"event": event, **told}, allow_nan=False, default=str)


def to_stderr(line: str) -> None:
    """Write a line on stderr at once."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


@dataclass
class Lines:
    """Writes events of a solve as lines; with `every` not all of them."""

    write: Callable[[str], None] = to_stderr
    verbose: bool = False
    as_json: bool = False
    clock: Callable[[], float] = time.monotonic
    _last: float = field(default=float("-inf"), init=False)
    _begun: float = field(default=0.0, init=False)
    _name: str = field(default="", init=False)

    def started(self, problem: str, folder: str) -> None:
        """The solve begins."""
        self._tell("start", {"problem": problem, "folder": folder}, always=True)

    def stage_started(self, name: str, steps: int) -> None:
        """A stage begins."""
        self._begun, self._name = self.clock(), name
        if self.verbose:
            self._tell("begin", {"name": name, "steps": steps}, always=True)

    def stage_finished(self, objective: float, reason: StopReason) -> None:
        """A stage ended."""
        told = {
            "name": self._name,
            "objective": objective if abs(objective) < float("inf") else None,
            "seconds": round(self.clock() - self._begun, 3),
            "reason": reason.name.lower(),
        }
        self._tell("end", told)

    def message(self, text: str) -> None:
        """Something a user should know."""
        self._tell("message", {"text": text})

    def _tell(self, event: str, told: dict[str, Any], always: bool = False) -> None:
        now = self.clock()
        if not (always or self.verbose or now - self._last >= EVERY):
            return
        self._last = self._last if event == "start" else now
        shown = _object if self.as_json else _words
        self.write(shown(event, told))
