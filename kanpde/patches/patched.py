"""What a search on patches ends with."""

from __future__ import annotations

from dataclasses import dataclass

from kanpde.assembly.collocation import Collocation
from kanpde.problem.problem import Problem
from kanpde.progress import History, StageResult, StopReason
from kanpde.trial.patchwork import Patchwork


@dataclass(frozen=True)
class Patched:
    """What a search ended with; `estimate` is of the relative L2 error, the largest of those by
    unknown, None where it cannot be told; `notes` say what it is an estimate of.
    """

    problem: Problem
    trial: Patchwork
    points: Collocation
    history: History
    stages: tuple[StageResult, ...]
    reason: StopReason
    estimate: float | None
    seconds: float
    warnings: tuple[str, ...] = ()
    by_unknown: tuple[float, ...] = ()
    notes: tuple[str, ...] = ()
