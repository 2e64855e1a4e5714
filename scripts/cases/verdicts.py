"""What a run is worth: a pure function of what the program said and how far it is from the answer.

OK        exit 0 and error <= max(3e-6, 10 × the answer's own), or `accept`, or every constant
          within its tolerance; or refused as it should be
COARSE    exit 0, an error up to 1e-3 and nothing said; or a 95 % interval misses its constant
UNSURE    a result with another exit code; or exit 0, a warning, and an estimate of at least a
          third of the error
REFUSED   no result, a message
WRONG     exit 0 and a larger error, or exit 0 where only a refusal is right
CRASH     an internal error, a traceback, a signal
TIMEOUT   nothing within the limit
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from scripts.cases.answers import Answer, Measured, numbers

VERDICTS = ("OK", "COARSE", "UNSURE", "REFUSED", "WRONG", "CRASH", "TIMEOUT")
_WARNS = re.compile(
    r"\b(warning|not resolved|unresolved|not reached|not met|not converged|unreliable"
    r"|not trustworthy|do not trust|not accurate)\b",
    re.IGNORECASE,
)
_BROKEN = ("internal error", "Traceback (most recent call last)")
BAD_INPUT = 2


@dataclass(frozen=True)
class Run:
    """What a program said: its exit code (None: out of time), all it printed, wall seconds and the
    contents of its result.json.
    """

    code: int | None
    text: str = ""
    seconds: float = 0.0
    result: Mapping[str, Any] = field(default_factory=dict)

    @property
    def estimate(self) -> float | None:
        """The program's own opinion of its relative error, the largest over the unknowns."""
        return max(numbers(self.result.get("estimate")), default=None)

    @property
    def crashed(self) -> bool:
        """Whether it ended as nothing should."""
        ended = self.code is not None and (self.code == 1 or self.code < 0)
        return ended or any(words in self.text for words in _BROKEN)

    @property
    def warned(self) -> bool:
        """Whether a reader was told that the result is not to be trusted."""
        told = " ".join(str(self.result.get(key, "")) for key in ("verdict", "stop_message"))
        listed = bool(self.result.get("warnings") or self.result.get("notes"))
        return listed or bool(_WARNS.search(f"{self.text}\n{told}"))

    def sentence(self) -> str:
        """The verdict in its own words, or its last line."""
        for key in ("verdict", "stop_message", "stop_reason"):
            if self.code in (0, 8) and self.result.get(key):
                return str(self.result[key])
        lines = [line.strip() for line in self.text.splitlines() if line.strip()]
        return re.sub(r"^kanpde: error: (\S+\.yaml: )?", "", lines[-1]) if lines else ""

    def names(self, answer: Answer) -> bool:
        """Whether a line gives the reason that a refusal needs; a file's name is none."""
        keys = ("verdict", "stop_message", "warnings")
        told = " ".join([self.text, *(str(self.result.get(key, "")) for key in keys)])
        lines = told.replace(answer.name, "").splitlines()
        reason = answer.refuse_says
        return bool(reason) and any(re.search(reason, line, re.IGNORECASE) for line in lines)


def verdict(answer: Answer, run: Run, measured: Measured) -> tuple[str, str]:
    """One of `VERDICTS`, and a note."""
    if run.code is None:
        return "TIMEOUT", ""
    if answer.script is not None:
        return {0: "OK", 1: "WRONG"}.get(run.code, "CRASH"), ""
    if run.crashed:
        return "CRASH", ""
    if run.code in answer.refuse_exits:
        named = run.names(answer)
        unnamed = "REFUSED" if run.code == BAD_INPUT else "UNSURE"
        return ("OK", "") if named else (unnamed, "the reason is not named")
    if answer.refuse_exits and not answer.measurable:
        return _unrefused(answer, run)
    return _of_error(answer, run, measured), measured.note if run.code != BAD_INPUT else ""


def _unrefused(answer: Answer, run: Run) -> tuple[str, str]:
    """Nothing can be right but a refusal, and this was none that is accepted."""
    if run.code != 0 or (run.warned and run.names(answer)):
        return "UNSURE", ""
    return "WRONG", "finished without a word"


def _of_error(answer: Answer, run: Run, measured: Measured) -> str:
    error, estimate = measured.error, run.estimate
    if error is None:
        return "WRONG" if run.code == 0 else "REFUSED"
    if run.code == 0 and error <= measured.limit:
        return "OK" if measured.inside or not answer.interval else "COARSE"
    if run.code != 0:
        return "REFUSED" if run.code == BAD_INPUT else "UNSURE"
    if estimate is not None and estimate >= error / 3 and run.warned:
        return "UNSURE"
    return "COARSE" if error <= measured.coarse else "WRONG"
