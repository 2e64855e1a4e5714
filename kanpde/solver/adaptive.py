"""Points and weights that follow the residual r.

Residual-adaptive distribution (RAD) draws all interior points from candidates with probability ∝
|r|^k / E|r|^k + c, refinement (RAR) adds those where |r| is largest (Wu, Zhu, Tan, Kartha & Lu,
CMAME 403, 2023). Weights stand in `weighing`.

Nothing here remembers anything: what is adapted is a new value of `TrainingPoints`, and equal ones
lead to equal bits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import singledispatch
from typing import Any, Protocol, Self

import numpy as np
import torch
from torch import Tensor

from kanpde.assembly.collocation import Collocation, Points
from kanpde.assembly.objective import Objective
from kanpde.assembly.residual import Assembly
from kanpde.assembly.terms import Term
from kanpde.config import AdaptPoints, AdaptWeights, OptimizerStage
from kanpde.domains import Domain
from kanpde.errors import CheckpointError, ConfigError
from kanpde.solver.weighing import Attention, Causal, GradientNorm, TangentKernel, Weigher, rows_of
from kanpde.trial.solution import TrialSolution

FIXED = "schedule: the quadrature points of an energy stay; remove points, weights and adapt_points"


class Refiner(Protocol):
    """A way to choose interior points."""

    def refine(
        self, present: Tensor, candidates: Tensor, magnitudes: Tensor, rng: np.random.Generator
    ) -> Tensor:
        """New points (N', d) from the present ones (N, d) and candidates (M, d) with |r| =
        `magnitudes` (M,) there.
        """


@dataclass(frozen=True)
class Distribution:
    """RAD: as many points as before, all of them new."""

    k: float
    c: float

    def refine(
        self, present: Tensor, candidates: Tensor, magnitudes: Tensor, rng: np.random.Generator
    ) -> Tensor:
        """Draw N of the candidates without replacement, p ∝ |r|^k / E|r|^k + c."""
        size = _array(magnitudes)
        size = (size / max(size.max(), 1e-300)) ** self.k
        density = size / max(size.mean(), 1e-300) + self.c
        with np.errstate(divide="ignore"):  # p = 0 comes last
            arrival = (
                rng.exponential(size=len(density)) / density
            )  # the order of draws without replacement
        chosen = np.sort(np.argsort(arrival, kind="stable")[: len(present)])
        return candidates[torch.as_tensor(chosen, device=candidates.device)]


@dataclass(frozen=True)
class Refinement:
    """RAR: the `add` worst candidates stand behind the present points."""

    add: int

    def refine(
        self, present: Tensor, candidates: Tensor, magnitudes: Tensor, rng: np.random.Generator
    ) -> Tensor:
        """Add them in the order of the candidates."""
        chosen = np.sort(np.argsort(-_array(magnitudes), kind="stable")[: self.add])
        return torch.cat([present, candidates[torch.as_tensor(chosen, device=candidates.device)]])


@dataclass(frozen=True)
class PointSource:
    """Where new interior points come from, and by which seed; `time` is the number of that
    coordinate, if there is one.
    """

    domain: Domain
    seed: int
    time: int | None


class TrainingPoints(Protocol):
    """The objective with the points and weights that a solve has at present."""

    @property
    def assembly(self) -> Objective:
        """The objective at the present points."""

    def adapted(self, stage: OptimizerStage, step: int, trial: TrialSolution) -> Self:
        """What the step number `step` of a stage is done on; the same object where nothing is due.

        Weights follow when points do. A stage begins with plain weights unless it keeps those of
        the stage before. ConfigError where nothing can follow the solution.
        """

    def refined(self, points: AdaptPoints, trial: TrialSolution) -> Self:
        """The same with interior points that follow the residual; ConfigError where they cannot."""

    def settled(self) -> Self:
        """The same points with the weights of the config."""

    def collocation(self, before: Collocation) -> Collocation:
        """The points of a config with the present interior ones; Σw stays."""

    def state(self) -> dict[str, Any]:
        """What a resumed run needs besides its config, as plain data under one key; nothing where
        nothing was adapted.
        """

    def restored(self, data: Mapping[str, Any], trial: TrialSolution) -> Self:
        """The points of a saved state; CheckpointError where they do not fit."""


@singledispatch
def training_points(objective: Objective, source: PointSource | None = None) -> TrainingPoints:
    """The points of an objective at the start of a solve; a kind whose points can follow the
    solution registers that here.
    """
    return FixedPoints(objective)


@training_points.register
def _(objective: Assembly, source: PointSource | None = None) -> TrainingPoints:
    return AdaptivePoints(objective.terms, objective, source)


@dataclass(frozen=True)
class AdaptivePoints:
    """Points and weights of residual rows, which may follow the residual: `plain` terms have the
    weights of the config.

    `count` is how often points were adapted. Without a `source` nothing adapts.
    """

    plain: tuple[Term, ...]
    assembly: Assembly
    source: PointSource | None = None
    count: int = 0

    def adapted(self, stage: OptimizerStage, step: int, trial: TrialSolution) -> AdaptivePoints:
        """See `TrainingPoints`."""
        points, weights = stage.points, stage.weights
        keeps = weights is not None and weights.method == "keep"
        present = self.settled() if step == 0 and not keeps else self
        moved = points is not None and step > 0 and step % points.every == 0
        if points is not None and moved:
            present = present.refined(points, trial)
        if weights is not None and not keeps and (moved or step % weights.every == 0):
            present = present.reweighed(weights, trial)
        return present

    def refined(self, points: AdaptPoints, trial: TrialSolution) -> AdaptivePoints:
        """The same with interior points that follow the residual; ConfigError without a source."""
        source, old = self._source(), self._interior
        rng = np.random.default_rng([source.seed, self.count])
        wanted = points.candidates * max(len(old), points.add)
        candidates = torch.tensor(source.domain.interior(wanted, "sobol", rng).x).to(old)
        refiner = _refiner(points)
        new = refiner.refine(old, candidates, self._magnitudes(candidates, len(old), trial), rng)
        grown = isinstance(refiner, Refinement)

        def placed(term: Term) -> Term:
            if not term.interior:
                return term
            kept = term.emphasis if grown else None
            more = None if kept is None else torch.cat([kept, kept.new_ones(len(new) - len(old))])
            return replace(term, x=new, emphasis=more)

        plain, present = map(placed, self.plain), map(placed, self.assembly.terms)
        return self._with(plain, present, trial, self.count + 1)

    def reweighed(self, weights: AdaptWeights, trial: TrialSolution) -> AdaptivePoints:
        """The same with other weights; ConfigError without a source."""
        terms = _weigher(weights, self._source()).reweigh(self.assembly, trial)
        if not all(_finite(term) for term in terms):
            return self  # the next step meets the same numbers and says so
        return replace(self, assembly=self.assembly.reweighed(terms))

    def settled(self) -> AdaptivePoints:
        """The same points with the weights of the config."""
        if self.assembly.terms is self.plain:
            return self
        return replace(self, assembly=self.assembly.reweighed(self.plain))

    def collocation(self, before: Collocation) -> Collocation:
        """The points of a config with the present interior ones; Σw stays."""
        if not self.count:
            return before
        x = self._interior
        w = (before.interior.w.sum() / len(x)).expand(len(x)).clone()
        return replace(before, interior=Points(x, w, None))

    def state(self) -> dict[str, Any]:
        """See `TrainingPoints`."""
        terms = self.assembly.terms
        if not self.count and terms is self.plain:
            return {}
        emphasis = [None if t.emphasis is None else t.emphasis.detach().clone() for t in terms]
        x, weights = self._interior.detach().clone(), [term.weight for term in terms]
        # the key is part of the checkpoint format
        return {"ground": {"count": self.count, "x": x, "weights": weights, "emphasis": emphasis}}

    def restored(self, data: Mapping[str, Any], trial: TrialSolution) -> AdaptivePoints:
        """The points of a saved state; CheckpointError where they do not fit."""
        if "ground" not in data:
            return self
        try:
            saved = self._read(data["ground"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise CheckpointError(
                f"checkpoint: its adapted points do not fit the config ({error}); use the run's"
                f" own config.yaml"
            ) from error
        plain = [replace(term, x=saved.x) if term.interior else term for term in self.plain]
        if saved.weights == [term.weight for term in plain] and not any(
            emphasis is not None for emphasis in saved.emphasis
        ):
            return self._with(plain, plain, trial, saved.count)
        present = [
            replace(term, weight=weight, emphasis=emphasis)
            for term, weight, emphasis in zip(plain, saved.weights, saved.emphasis, strict=True)
        ]
        return self._with(plain, present, trial, saved.count)

    def _read(self, saved: Mapping[str, Any]) -> _Saved:
        """A saved state; KeyError, TypeError, ValueError or AttributeError where it does not fit
        the terms.
        """
        x, count = saved["x"].to(self._interior), int(saved["count"])
        weights, emphasis = [float(weight) for weight in saved["weights"]], list(saved["emphasis"])
        sizes = [len(x) if term.interior else len(term.x) for term in self.plain]
        fits = x.ndim == 2 and x.shape[1] == self._interior.shape[1]
        fits = fits and min(count, len(x) - 1) >= 0
        fits = fits and len(weights) == len(emphasis) == len(sizes) and bool(x.isfinite().all())
        fits = fits and all(0 <= weight < float("inf") for weight in weights)
        if not fits:
            raise ValueError("shapes or numbers")
        for factors, size in zip(emphasis, sizes, strict=True):
            if factors is None:
                continue
            if factors.shape != (size,) or not bool(factors.isfinite().all()):
                raise ValueError("shapes or numbers")
        return _Saved(x, count, weights, emphasis)

    def _with(
        self, plain: Iterable[Term], present: Iterable[Term], trial: TrialSolution, count: int
    ) -> AdaptivePoints:
        plain, present = tuple(plain), tuple(present)
        same = all(
            a.weight == b.weight and b.emphasis is None for a, b in zip(plain, present, strict=True)
        )
        assembly = Assembly(plain if same else present, trial)
        return AdaptivePoints(plain, assembly, self.source, count)

    @property
    def _interior(self) -> Tensor:
        return next(term.x for term in self.plain if term.interior)

    def _source(self) -> PointSource:
        if self.source is None:
            raise ConfigError(
                "schedule: points and weights cannot adapt here; remove points, weights and"
                " adapt_points"
            )
        return self.source

    def _magnitudes(self, x: Tensor, piece: int, trial: TrialSolution) -> Tensor:
        """(Σ weight · r²)^{1/2} of the equations at x (M, d), (M,), `piece` points at a time."""
        magnitudes = []
        for part in torch.split(x, piece):
            terms = [replace(term, x=part) for term in self.plain if term.interior]
            rows = rows_of(Assembly(terms, trial), trial)
            squares = sum(t.weight * r.square() for t, r in zip(terms, rows, strict=True))
            magnitudes.append(torch.as_tensor(squares**0.5))
        sizes = torch.cat(magnitudes)
        return torch.where(sizes.isfinite(), sizes, torch.zeros_like(sizes))


@dataclass(frozen=True)
class _Saved:
    """Adapted points (N, d) and, per term, weights and factors of rows."""

    x: Tensor
    count: int
    weights: list[float]
    emphasis: Sequence[Tensor | None]


@dataclass(frozen=True)
class FixedPoints:
    """Points that stay, such as the quadrature of an energy."""

    assembly: Objective

    def adapted(self, stage: OptimizerStage, step: int, trial: TrialSolution) -> FixedPoints:
        """The same; ConfigError where the stage asks for more."""
        if stage.points is not None or stage.weights is not None:
            raise ConfigError(FIXED)
        return self

    def refined(self, points: AdaptPoints, trial: TrialSolution) -> FixedPoints:
        """ConfigError."""
        raise ConfigError(FIXED)

    def settled(self) -> FixedPoints:
        """The same."""
        return self

    def collocation(self, before: Collocation) -> Collocation:
        """Those of the config."""
        return before

    def state(self) -> dict[str, Any]:
        """Nothing."""
        return {}

    def restored(self, data: Mapping[str, Any], trial: TrialSolution) -> FixedPoints:
        """The same."""
        return self


def steps_until(stage: OptimizerStage, step: int) -> int:
    """Steps from `step` on until something may adapt; the steps of the stage where nothing does."""
    adapting = [which for which in (stage.points, stage.weights) if which is not None]
    every = [which.every for which in adapting if which.every]
    return min((each - step % each for each in every), default=stage.steps)


def _finite(term: Term) -> bool:
    emphasis = term.emphasis
    return np.isfinite(term.weight) and (emphasis is None or bool(emphasis.isfinite().all()))


def _refiner(points: AdaptPoints) -> Refiner:
    return Distribution(points.k, points.c) if points.method == "rad" else Refinement(points.add)


def _weigher(weights: AdaptWeights, source: PointSource) -> Weigher:
    if weights.method == "attention":
        return Attention(weights.decay, weights.rate)
    if weights.method != "causal":
        return (GradientNorm if weights.method == "gradient_norm" else TangentKernel)(
            weights.memory
        )
    assert source.time is not None
    start, end = (float(side[source.time]) for side in (source.domain.lower, source.domain.upper))
    return Causal(weights.epsilon, weights.bins, source.time, start, end)


def _array(values: Tensor) -> np.ndarray[Any, np.dtype[np.float64]]:
    return values.detach().double().cpu().numpy()
