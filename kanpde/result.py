"""How a solve can end."""

from __future__ import annotations

from enum import Enum


class StopReason(Enum):
    """Why a stage or a solve stopped; the value is the sentence a user reads."""

    FINISHED = "all stages finished"
    SOLVED = "the linear system was solved"
    MAX_STEPS = "the number of steps was reached"
    TOLERANCE = "the tolerance was reached"
    UNREACHED = "the tolerance was not reached; the result is saved"
    STALLED = "the objective stopped decreasing"
    TIME_LIMIT = "the time limit was reached"
    NON_FINITE = "the objective became non-finite; the last finite parameters were kept"
    INTERRUPTED = "interrupted by the user; the state was saved"
    TERMINATED = "terminated by a signal; the state was saved"

    @property
    def exit_code(self) -> int:
        """Exit code of a command that ends this way."""
        codes = {
            StopReason.NON_FINITE: 3,
            StopReason.UNREACHED: 8,
            StopReason.INTERRUPTED: 130,
            StopReason.TERMINATED: 143,
        }
        return codes.get(self, 0)
