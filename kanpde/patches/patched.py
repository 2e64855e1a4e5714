"""What a search on patches ends with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from kanpde.assembly.collocation import Collocation
from kanpde.problem.problem import Problem
from kanpde.progress import History, StageResult, StopReason
from kanpde.results.numbers import Value
from kanpde.trial.patchwork import Patchwork


@dataclass(frozen=True)
class Patched:
    """What a search ended with; `estimate` is of the relative L2 error, the largest of those by
    unknown, None where it cannot be told; `notes` say what it is an estimate of;
    `quantities` are the numbers that the problem asks for.
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
    quantities: Mapping[str, Value] = field(default_factory=dict)
