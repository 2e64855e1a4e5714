"""Training after pruning: optimizer and steps are chosen by the error on rows that are held out.

    stage, k = argmin over the candidates and over k of  Σ over held-out rows of |u(x; θ_k) - y|²,   θ_k after k steps

A pruned KAN may still have more parameters than rows, and knots that no row reaches; variable
projection solves for all of these, Levenberg-Marquardt damps them. Where none lowers the held-out
error, the one that raises it least is chosen, and the report says so.
Source: Prechelt, Early stopping - but when?, LNCS 1524 (1998).
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, replace
from typing import Any

import torch

from kanpde.config import Config, OptimizerStage
from kanpde.config.problem.tables import Fit, split
from kanpde.config.solve.optimizers import STAGE
from kanpde.progress import Silent, StopReason
from kanpde.solver.build import Parts, build
from kanpde.solver.loop import Solver

SHARE, FEWEST = 0.2, 20
"""Share of the rows that is held out; of fewer rows none is."""

LOST = 100.0
"""Held-out errors this many times the best one end a candidate."""

_Keys = tuple[tuple[str, dict[str, Any]], ...]
_STEADY: _Keys = (
    ("variable_projection", {}),
    ("variable_projection", {"regularisation": 1e-5}),
    ("levenberg_marquardt", {}),
)
_AT_ONCE: _Keys = tuple(
    ("least_squares", {"regularisation": value}) for value in (1e-13, 1e-8, 1e-5, 1e-3)
)
"""Candidates for a number of steps, and for a single solve of the outer coefficients."""


@dataclass(frozen=True)
class Choice:
    """The training of a pruned network.

    Attributes:
        config: that of the run with its rows divided and the stage as its schedule.
        stage: what was chosen.
        rows: how many rows were held out.
        before, after: root mean square error on them, in the units of the data.
    """

    config: Config
    stage: OptimizerStage
    rows: int
    before: float
    after: float

    @property
    def sentence(self) -> str:
        """The choice and the errors that made it."""
        worse = "; no training lowered it" if self.after > self.before else ""
        return (
            f"training: {self.stage.steps} steps of {self.stage.optimizer}, regularisation"
            f" {self.stage.regularisation:g}, chosen by {self.rows} rows held out from it:"
            f" RMSE {self.before:.1e} pruned, {self.after:.1e} trained{worse}"
        )


def choose(config: Config, network: torch.nn.Module) -> Choice | None:
    """The best training of a pruned network on the data of a fit.

    config: with one stage, whose steps are the most. network: the pruned network, left as it is.
    None where the config fits no table, or one of fewer than FEWEST rows. The rows of a test are
    never evaluated; without one those held out become the test (the network before pruning has seen
    them).
    """
    problem = config.problem
    if problem.fit is None or problem.fit.train is None or len(problem.fit.train) < FEWEST:
        return None
    train, held_out = split(problem.fit.train, SHARE, 0)
    divided = replace(config, problem=replace(problem, fit=Fit(train, held_out)))
    (longest,) = config.schedule
    assert isinstance(longest, OptimizerStage)
    best: Watch | None = None
    for stage in _candidates(longest):
        parts = build(replace(divided, schedule=(stage,)))
        parts.trial.network = copy.deepcopy(network)
        watch = Watch(parts, math.inf if best is None else best.least)
        Solver(parts.trial, parts.assembly, (stage,), watch, source=parts.source).run()
        if best is None or watch.least < best.least:
            once = stage.optimizer == "least_squares"
            best, chosen = watch, stage if once else replace(stage, steps=max(1, watch.steps))
    assert best is not None
    rows = replace(problem, fit=Fit(train, problem.fit.test or held_out))
    return Choice(
        config=replace(config, problem=rows, schedule=(chosen,)),
        stage=chosen,
        rows=len(held_out),
        before=best.errors[0],
        after=best.least,
    )


class Watch(Silent):
    """An observer that measures the held-out error, root mean square over rows and outputs, before
    the first step and after each.

    It ends the solve where that is LOST times the least so far, here or in an earlier candidate.
    """

    def __init__(self, parts: Parts, earlier: float = math.inf) -> None:
        assert parts.problem.data is not None
        _, _, x, y = parts.problem.data
        self._trial, self._earlier = parts.trial, earlier
        self._x, self._y = torch.tensor(x).to(parts.trial.scale.dtype), torch.tensor(y)
        self.errors = [self._error()]

    @property
    def least(self) -> float:
        """The least error after a step."""
        return min(self.errors[1:], default=math.inf)

    @property
    def steps(self) -> int:
        """After how many steps that was."""
        return 1 + self.errors[1:].index(self.least) if len(self.errors) > 1 else 0

    def step(self, done: int, objective: float) -> None:
        """Measure the error, which stands for the steps since the last report too."""
        self.errors += [self._error()] * (done + 1 - len(self.errors))
        if self.errors[-1] > LOST * min(self._earlier, *self.errors):
            self.stop = StopReason.INTERRUPTED

    def _error(self) -> float:
        with torch.no_grad():
            apart = self._trial.evaluate(self._x).double() - self._y
        error = float(apart.square().mean().sqrt())
        return error if math.isfinite(error) else math.inf


def _candidates(stage: OptimizerStage) -> list[OptimizerStage]:
    at_once = stage.optimizer == "least_squares"
    steps = {} if at_once else {"steps": stage.steps}
    candidates = []
    for name, keys in _AT_ONCE if at_once else _STEADY:
        candidates.append(OptimizerStage(name, **{**STAGE[name], **keys, **steps}))
    return candidates
