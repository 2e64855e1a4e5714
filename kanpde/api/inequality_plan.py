"""The plan of problems with inequalities (`problem.complementarity`).

| stage | what is solved | ends with |
|---|---|---|
| 1 | a penalty of moderate strength, roughly | the size of u, the strength that is needed |
| 2, if steady with one unknown | u = g where it may rest (`api.rims`) | the rim of that |
| 3 after 2 | the equation outside of it, u = g inside | the solution |
| 3 without 2, or where 2 does not settle | the penalty of that strength | the solution |

Penetration counts as error.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

from kanpde.api.outcome import Outcome, Plan, also
from kanpde.api.penetration import penetration, require_room
from kanpde.api.rims import Rest, Rims
from kanpde.config import Config
from kanpde.config.problem.conditions import BoundaryConfig
from kanpde.config.solve.defaults import SECONDS, TOLERANCE
from kanpde.expressions import is_linear
from kanpde.problem.complementarity import Obstacle, obstacles, penalised
from kanpde.problem.free_boundaries import Intervals, Star
from kanpde.problem.problem import Problem
from kanpde.problem.starts import Start
from kanpde.progress import Progress, Silent, StopReason
from kanpde.results import report
from kanpde.results.stored_arrays import read_arrays, write_arrays
from kanpde.results.stored_outcome import refusing_damage
from kanpde.trial.piecewise import AnyTrial

NAME = "inequalities.npz"

FIRST_STRENGTH = 1e3
"""Of a penalty, over the square of the length of the domain."""

ROUGH, FIRST_SHARE, LATEST = 1e-3, 0.2, 0.6
"""The tolerance of the first solve, its share of the seconds, and where the last one begins."""

FACTOR = 30.0
"""By what the strength of a penalty rises at a time."""

PENETRATION, IN_TIME = 0.1, 1e-5
"""Share of the tolerance that a penalty may add to the error; and what it may at least add where
there is time, since a march takes short steps where it is strong.
"""

SAMPLES = 4000


@dataclass(frozen=True)
class Inequalities:
    """Equations with inequalities beside them, by solves of equations by the way `at` chooses."""

    config: Config
    at: Callable[..., Plan]
    known: tuple[Obstacle, ...] = ()

    def prepare(self) -> Inequalities:
        """What cannot be solved is said at once."""
        require_room(Problem.create(self.config.problem), self.known)
        self.at(self._penalised([1.0] * len(self.known), SECONDS, 1.0))
        return self

    def first(self) -> tuple[Config, None]:
        """Nothing that has a size: the solves find it."""
        return self.config, None

    def run(self, progress: Progress, folder: Path | None = None) -> Outcome:
        """Rough, where it rests, and then to the tolerance."""
        began = time.perf_counter()
        seconds = self.config.seconds or SECONDS
        first, scale, pressed, rough = self._begin(progress, FIRST_SHARE * seconds)
        rest = None
        if self._is_sharp:
            rest = self._rims.found(rough, progress, began + LATEST * seconds)
        final: list[float] = []
        start = None
        if rest is None:
            share = PENETRATION * self._tolerance
            if self._evolves:
                share = max(share, IN_TIME)
            final = [
                max(1.0, amount / (share * scale)) * strength
                for strength, amount in zip(first, pressed, strict=True)
            ]
            start = self._followed((first, final), rough, seconds)
        spent = time.perf_counter() - began
        inner = self._final(final, rest, max((1 - LATEST) * seconds, seconds - spent))
        outcome = self.at(inner, start).run(progress, folder)
        if folder is not None:
            report.write_config(folder / "config.yaml", self.config)
            _write(folder, final, rest)
        return self._outcome(_keeping(outcome, final, rest), spent, rest)

    def resume(self, progress: Progress, folder: Path) -> Outcome:
        """All solves from the first one, which give the same bits."""
        return self.run(progress, folder)

    def load(self, folder: Path) -> Outcome:
        """What the solve ended with."""
        final, rest = _read(folder)
        outcome = self.at(self._final(final, rest, SECONDS)).load(folder)
        return self._outcome(_keeping(outcome, final, rest), 0.0, rest)

    @property
    def _tolerance(self) -> float:
        return self.config.tolerance or TOLERANCE[self.config.dtype]

    @property
    def _rims(self) -> Rims:
        return Rims(self.config, self.at, self.known[0])

    @property
    def _is_sharp(self) -> bool:
        """Whether the rim of what it rests on can be a line of cells."""
        problem = self.config.problem
        plain = all(isinstance(each, BoundaryConfig) for each in problem.conditions)
        (first, *others) = self.known
        return (
            plain
            and not others
            and not first.on
            and len(problem.unknowns) == 1
            and len(problem.coordinates) <= 2
            and problem.time is None
            and (len(problem.coordinates) == 1 or is_linear(first.equation))
        )

    @property
    def _evolves(self) -> bool:
        return self.config.problem.time is not None

    def _followed(
        self, strengths: tuple[Sequence[float], Sequence[float]], rough: Outcome, seconds: float
    ) -> Start | None:
        """What the last penalty begins with: rough solutions of rising ones, each from the one
        before.
        """
        first, last = map(np.array, strengths)
        steps = int(np.ceil(np.log(max(last / first)) / np.log(FACTOR)))
        if self._evolves or steps < 1:
            return None
        start = _start(rough.trial)
        for step in range(1, steps):
            each = (first * (last / first) ** (step / steps)).tolist()
            config = self._penalised(each, FIRST_SHARE * seconds / steps, ROUGH / self._tolerance)
            start = _start(self.at(config, start).run(Silent()).trial)
        return start

    def _begin(
        self, progress: Progress, seconds: float
    ) -> tuple[list[float], float, list[float], Outcome]:
        """The first strengths, the size of u, the penetration of each, and the rough solution."""
        problem = Problem.create(self.config.problem)
        length = float((problem.domain.upper - problem.domain.lower).max())
        strengths = [FIRST_STRENGTH / length ** (1 if each.on else 2) for each in self.known]
        progress.message("inequalities: a penalty first")
        rough = self.at(self._penalised(strengths, seconds, ROUGH / self._tolerance))
        outcome = rough.run(Silent())
        x = torch.tensor(problem.domain.quadrature(SAMPLES).x)
        scale = float(np.sqrt(np.mean(outcome.trial.evaluate(x).double().numpy() ** 2))) or 1.0
        pressed = [penetration(each, outcome.trial, problem.domain) for each in self.known]
        return strengths, scale, pressed, outcome

    def _penalised(self, strengths: Sequence[float], seconds: float, coarser: float) -> Config:
        problem = penalised(self.config.problem, self.known, strengths)
        tolerance = self.config.tolerance if coarser == 1 else coarser * self._tolerance
        return replace(self.config, problem=problem, seconds=seconds, tolerance=tolerance)

    def _final(self, strengths: Sequence[float], rest: Rest | None, seconds: float) -> Config:
        if rest is None:
            return self._penalised(strengths, seconds, 1.0)
        return replace(self._rims.resting(rest), seconds=seconds)

    def _outcome(self, outcome: Outcome, spent: float, rest: Rest | None) -> Outcome:
        """What the solution is of the problem with inequalities."""
        problem = Problem.create(self.config.problem)
        trial, domain = outcome.trial, problem.domain
        x = torch.tensor(domain.quadrature(SAMPLES).x)
        size = float(np.sqrt(np.mean(trial.evaluate(x).double().numpy() ** 2))) or 1.0
        missed = max(penetration(each, trial, domain) for each in self.known) / size
        if outcome.estimate is None:
            return replace(outcome, config=self.config, problem=self._solved(problem, outcome))
        estimate = outcome.estimate + missed
        reason = outcome.reason
        if estimate > self._tolerance and reason in _REACHED:
            reason = StopReason.UNREACHED
        what = "the inequality is missed by at most" if rest is None else "the obstacle is met to"
        return replace(
            outcome,
            config=self.config,
            problem=self._solved(problem, outcome),
            estimate=estimate,
            by_unknown=tuple(each + missed for each in outcome.by_unknown),
            reason=reason,
            seconds=outcome.seconds + spent,
            notes=(*outcome.notes, f"{what} {missed:.1e} of the solution"),
        )

    def _solved(self, problem: Problem, outcome: Outcome) -> Problem:
        """The problem with inequalities on what it was solved on."""
        return replace(problem, domain=outcome.problem.domain, pieces=outcome.problem.pieces)


def _start(trial: AnyTrial) -> Start:
    return lambda x: np.asarray(trial.evaluate(torch.tensor(x)).double().numpy())


_REACHED = (StopReason.TOLERANCE, StopReason.ACCURATE)


def by_inequalities(config: Config, at: Callable[..., Plan]) -> Plan | None:
    """The plan of a config with inequalities, None for any other."""
    known = obstacles(config.problem)
    return Inequalities(config, at, known) if known else None


def _keeping(outcome: Outcome, strengths: Sequence[float], rest: Rest | None) -> Outcome:
    """With what is kept beside the solve within."""
    own = partial(_write, strengths=strengths, rest=rest)
    return replace(outcome, keep=also(own, outcome.keep))


def _write(folder: Path, strengths: Sequence[float], rest: Rest | None) -> None:
    arrays = {"strengths": np.array(strengths)}
    write_arrays(folder, NAME, arrays | ({} if rest is None else rest.arrays))


@refusing_damage(NAME)
def _read(folder: Path) -> tuple[list[float], Rest | None]:
    stored = read_arrays(folder, NAME)
    strengths = stored["strengths"].tolist()
    if "ends" in stored:
        return strengths, Intervals(stored["ends"])
    if "center" in stored:
        return strengths, Star(stored["center"], stored["coefficients"], bool(stored["inside"]))
    return strengths, None
