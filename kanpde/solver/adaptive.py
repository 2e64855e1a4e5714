"""Points and weights that follow the residual r.

Residual-adaptive distribution (RAD) draws all interior points from candidates with probability ∝
|r|^k / E|r|^k + c, refinement (RAR) adds those where |r| is largest (Wu, Zhu, Tan, Kartha & Lu,
CMAME 403, 2023). Weights stand in `weighing`.

Nothing here remembers anything: what is adapted is a new `Ground`, and equal grounds lead to equal
bits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from kanpde.assembly.collocation import Collocation, Points
from kanpde.assembly.energy import EnergyObjective
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
class Supply:
    """Where new interior points come from, and by which seed; `time` is the number of that
    coordinate, if there is one.
    """

    domain: Domain
    seed: int
    time: int | None


@dataclass(frozen=True)
class Ground:
    """The points and weights that a solve stands on at present: `plain` terms have the weights of
    the config.

    `count` is how often points were adapted.
    """

    plain: tuple[Term, ...]
    assembly: Assembly
    supply: Supply | None = None
    count: int = 0

    def adapted(self, stage: OptimizerStage, step: int, trial: TrialSolution) -> Ground:
        """What the step number `step` of a stage is done on; the same object where nothing is due.

        Weights follow when points do. A stage begins with plain weights unless it keeps those of
        the stage before.
        """
        points, weights = stage.points, stage.weights
        keeps = weights is not None and weights.method == "keep"
        ground = self.settled() if step == 0 and not keeps else self
        moved = points is not None and step > 0 and step % points.every == 0
        if points is not None and moved:
            ground = ground.refined(points, trial)
        if weights is not None and not keeps and (moved or step % weights.every == 0):
            ground = ground.reweighed(weights, trial)
        return ground

    def refined(self, points: AdaptPoints, trial: TrialSolution) -> Ground:
        """The same with interior points that follow the residual; ConfigError without a supply."""
        supply, old = self._supply(), self._interior
        rng = np.random.default_rng([supply.seed, self.count])
        drawn = supply.domain.interior(
            points.candidates * max(len(old), points.add), "sobol", rng
        ).x
        candidates = torch.tensor(drawn).to(old)
        refiner = _refiner(points)
        new = refiner.refine(old, candidates, self._magnitudes(candidates, len(old), trial), rng)
        grown = isinstance(refiner, Refinement)

        def placed(term: Term) -> Term:
            if not term.interior:
                return term
            kept = term.emphasis if grown else None
            more = None if kept is None else torch.cat([kept, kept.new_ones(len(new) - len(old))])
            return replace(term, x=new, emphasis=more)

        return self._with(
            map(placed, self.plain), map(placed, self.assembly.terms), trial, self.count + 1
        )

    def reweighed(self, weights: AdaptWeights, trial: TrialSolution) -> Ground:
        """The same with other weights; ConfigError without a supply."""
        found = _weigher(weights, self._supply()).reweigh(self.assembly, trial)
        if not all(
            np.isfinite(t.weight) and (t.emphasis is None or bool(t.emphasis.isfinite().all()))
            for t in found
        ):
            return self  # the next step meets the same numbers and says so
        return replace(self, assembly=self.assembly.reweighed(found))

    def settled(self) -> Ground:
        """The same points with the weights of the config."""
        if self.assembly.terms is self.plain:
            return self
        return replace(self, assembly=self.assembly.reweighed(self.plain))

    def points(self, before: Collocation) -> Collocation:
        """The points of a config with the present interior ones; Σw stays."""
        if not self.count:
            return before
        x = self._interior
        return replace(
            before,
            interior=Points(x, (before.interior.w.sum() / len(x)).expand(len(x)).clone(), None),
        )

    def state(self) -> dict[str, Any]:
        """What a resumed run needs besides its config, as plain data under one key; nothing where
        nothing was adapted.
        """
        if not self.count and self.assembly.terms is self.plain:
            return {}
        found = self.assembly.terms
        emphasis = [None if t.emphasis is None else t.emphasis.detach().clone() for t in found]
        x, weights = self._interior.detach().clone(), [term.weight for term in found]
        return {"ground": {"count": self.count, "x": x, "weights": weights, "emphasis": emphasis}}

    def restored(self, data: Mapping[str, Any], trial: TrialSolution) -> Ground:
        """The ground of a saved state; CheckpointError where it does not fit."""
        if "ground" not in data:
            return self
        try:
            saved = data["ground"]
            x, count, number = saved["x"].to(self._interior), int(saved["count"]), float
            weights, emphasis = (
                [number(weight) for weight in saved["weights"]],
                list(saved["emphasis"]),
            )
            sizes = [len(x) if term.interior else len(term.x) for term in self.plain]
            fits = (
                x.ndim == 2
                and x.shape[1] == self._interior.shape[1]
                and min(count, len(x) - 1) >= 0
            )
            fits = fits and len(weights) == len(emphasis) == len(sizes) and bool(x.isfinite().all())
            fits = fits and all(0 <= weight < float("inf") for weight in weights)
            found = [e for e in zip(emphasis, sizes, strict=True) if e[0] is not None]
            if not fits or any(
                e.shape != (size,) or not bool(e.isfinite().all()) for e, size in found
            ):
                raise ValueError("shapes or numbers")
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise CheckpointError(
                f"checkpoint: its adapted points do not fit the config ({error}); use the run's"
                f" own config.yaml"
            ) from error
        plain = [replace(term, x=x) if term.interior else term for term in self.plain]
        if weights == [term.weight for term in plain] and not found:
            return self._with(plain, plain, trial, count)
        told = [
            replace(t, weight=w, emphasis=e)
            for t, w, e in zip(plain, weights, emphasis, strict=True)
        ]
        return self._with(plain, told, trial, count)

    def _with(self, plain: Any, present: Any, trial: TrialSolution, count: int) -> Ground:
        plain, present = tuple(plain), tuple(present)
        same = all(
            a.weight == b.weight and b.emphasis is None for a, b in zip(plain, present, strict=True)
        )
        return Ground(plain, Assembly(plain if same else present, trial), self.supply, count)

    @property
    def _interior(self) -> Tensor:
        return next(term.x for term in self.plain if term.interior)

    def _supply(self) -> Supply:
        if self.supply is None:
            raise ConfigError(
                "schedule: points and weights cannot adapt here; remove points, weights and"
                " adapt_points"
            )
        return self.supply

    def _magnitudes(self, x: Tensor, piece: int, trial: TrialSolution) -> Tensor:
        """(Σ weight · r²)^{1/2} of the equations at x (M, d), (M,), `piece` points at a time."""
        found = []
        for part in torch.split(x, piece):
            terms = [replace(term, x=part) for term in self.plain if term.interior]
            rows = rows_of(Assembly(terms, trial), trial)
            found.append(
                sum(t.weight * r.square() for t, r in zip(terms, rows, strict=True)) ** 0.5
            )
        sizes = torch.cat([torch.as_tensor(part) for part in found])
        return torch.where(sizes.isfinite(), sizes, torch.zeros_like(sizes))


@dataclass(frozen=True)
class Fixed:
    """The quadrature of an energy: it stays."""

    assembly: EnergyObjective

    def adapted(self, stage: OptimizerStage, step: int, trial: TrialSolution) -> Fixed:
        """The same; ConfigError where the stage asks for more."""
        if stage.points is not None or stage.weights is not None:
            raise ConfigError(FIXED)
        return self

    def refined(self, points: AdaptPoints, trial: TrialSolution) -> Fixed:
        """ConfigError."""
        raise ConfigError(FIXED)

    def settled(self) -> Fixed:
        """The same."""
        return self

    def points(self, before: Collocation) -> Collocation:
        """Those of the config."""
        return before

    def state(self) -> dict[str, Any]:
        """Nothing."""
        return {}

    def restored(self, data: Mapping[str, Any], trial: TrialSolution) -> Fixed:
        """The same."""
        return self


def ground_of(
    objective: Assembly | EnergyObjective, supply: Supply | None = None
) -> Ground | Fixed:
    """The points and weights of an objective; without a supply they stay."""
    return (
        Ground(objective.terms, objective, supply)
        if isinstance(objective, Assembly)
        else Fixed(objective)
    )


def steps_until(stage: OptimizerStage, step: int) -> int:
    """Steps from `step` on until something may adapt; the steps of the stage where nothing does."""
    every = [one.every for one in (stage.points, stage.weights) if one is not None and one.every]
    return min((each - step % each for each in every), default=stage.steps)


def _refiner(points: AdaptPoints) -> Refiner:
    return Distribution(points.k, points.c) if points.method == "rad" else Refinement(points.add)


def _weigher(weights: AdaptWeights, supply: Supply) -> Weigher:
    if weights.method == "attention":
        return Attention(weights.decay, weights.rate)
    if weights.method != "causal":
        return (GradientNorm if weights.method == "gradient_norm" else TangentKernel)(
            weights.memory
        )
    assert supply.time is not None
    start, end = (float(side[supply.time]) for side in (supply.domain.lower, supply.domain.upper))
    return Causal(weights.epsilon, weights.bins, supply.time, start, end)


def _array(values: Tensor) -> np.ndarray[Any, np.dtype[np.float64]]:
    return values.detach().double().cpu().numpy()
