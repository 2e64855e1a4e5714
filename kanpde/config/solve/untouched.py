"""Whether a file leaves the way to solve to the program."""

from __future__ import annotations

from collections.abc import Sequence

from kanpde.config.reader import Reader
from kanpde.config.solve.defaults import schedule_defaults
from kanpde.config.solve.stages import StageConfig, read_schedule
from kanpde.config.solve.trial import TrialConfig, read_trial

NOWHERE = Reader(None, source="")


def untouched(trial: TrialConfig, schedule: Sequence[StageConfig], dimension: int) -> bool:
    """Whether trial and schedule are those that a file without these keys has, in so many
    coordinates.
    """
    usual = read_trial({}, {}, "kan", dimension, NOWHERE)
    stages = read_schedule(NOWHERE.child("schedule", schedule_defaults("kan")), usual)
    return trial == usual and tuple(schedule) == tuple(stages)
