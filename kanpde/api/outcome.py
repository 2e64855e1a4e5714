"""What a way to solve offers, and what it gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, Self

from kanpde.assembly.collocation import Collocation
from kanpde.config import Config
from kanpde.problem.problem import Problem
from kanpde.progress import History, Progress, StageResult, StopReason
from kanpde.results.numbers import Value
from kanpde.results.verdict import Aim
from kanpde.solver.build import Parts
from kanpde.trial.piecewise import AnyTrial

Keep = Callable[[Path], None]


@dataclass(frozen=True)
class Outcome:
    """What a plan gives: `config` as it was solved, `seconds` of wall clock with all sittings, the
    `estimate` of the relative L2 error that a search gives (None where it cannot tell) and those
    `by_unknown` where it tells them apart, the `aim` that it had, `warnings` and `notes` of the
    solve itself, the `findings` of a solve with measured values, the `branches` that were found
    beside this one, the `quantities` that are numbers where the solve tells how wrong they are, and
    `keep`, which writes into a folder what `load` of the plan reads (None where only a run folder
    holds it).
    """

    config: Config
    problem: Problem
    trial: AnyTrial
    points: Collocation
    history: History
    stages: tuple[StageResult, ...]
    reason: StopReason
    seconds: float
    estimate: float | None = None
    aim: Aim = field(default_factory=Aim)
    warnings: tuple[str, ...] = ()
    findings: Mapping[str, Any] = field(default_factory=dict)
    by_unknown: tuple[float, ...] = ()
    notes: tuple[str, ...] = ()
    branches: tuple[Outcome, ...] = ()
    quantities: Mapping[str, Value] = field(default_factory=dict)
    keep: Keep | None = None


def also(write: Keep, rest: Keep | None) -> Keep | None:
    """What a plan keeps of its own, and after it what the plan within it keeps."""
    if rest is None:
        return None

    def both(folder: Path) -> None:
        write(folder)
        rest(folder)

    return both


class Plan(Protocol):
    """A way to solve a config."""

    @property
    def config(self) -> Config:
        """The config as it is given."""

    def prepare(self) -> Self:
        """The plan with everything that it builds first, for one run: that trains what is built.

        ConfigError, BudgetError or NumericalError say what is wrong with the config.
        """

    def first(self) -> tuple[Config, Parts | None]:
        """What it builds first, None where nothing has a size yet, and the config of that."""

    def run(self, progress: Progress, folder: Path | None = None) -> Outcome:
        """Solve; with a run folder everything that a resumed run needs is kept there."""

    def resume(self, progress: Progress, folder: Path) -> Outcome:
        """Go on from what a run folder keeps."""

    def load(self, folder: Path) -> Outcome:
        """What a run folder keeps, without a step."""
