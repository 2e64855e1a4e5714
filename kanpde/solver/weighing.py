"""Weights that follow the residual r of an assembly. Of points, as factors of the equations' rows:

    attention   λ ← γ λ + η |r| / max |r|              (Anagnostopoulos, Toscano, Stergiopulos &
                Karniadakis, CMAME 421, 2024)
    causal      λ² = w_i = exp(-ε Σ_{k<i} L_k)         (Wang, Sankaran & Perdikaris, CMAME 421, 2024)

with L_k the weighted mean square of the equations over the points of bin k of time. Of terms, the
sum of their weights kept:

    gradient_norm   weight_i ∝ 1 / ‖∇ mean(r_i²)‖      (Wang, Teng & Perdikaris, SIAM J. Sci.
                    Comput. 43, 2021, with norms)
    ntk             weight_i ∝ N_i / tr(J_i J_iᵀ)      (Wang, Yu & Perdikaris, J. Comput. Phys. 449,
                    2022), J_i = ∂r_i/∂θ

so that the gradients of all weighted terms are equally long, or their tangent kernels have equal
traces. What an object here gives are new terms; it remembers nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor

from kanpde.assembly.outer_system import OuterSystem
from kanpde.assembly.residual import Assembly
from kanpde.assembly.terms import Term
from kanpde.trial.solution import TrialSolution

TRACED = 512
"""Most points of a term that the trace of its tangent kernel is taken over; all of them weigh the
same in the mean.
"""

GOLDEN = (5**0.5 - 1) / 2

IDLE = 1e-12
"""A term whose gradient is below this share of the largest has nothing to balance and keeps its
weight.
"""


class Weigher(Protocol):
    """A way to choose weights."""

    def reweigh(self, assembly: Assembly, trial: TrialSolution) -> tuple[Term, ...]:
        """The terms with new weights or emphasis, and nothing else changed."""


@dataclass(frozen=True)
class Attention:
    """Factors λ of the equations' rows that grow where |r| stays large, at most η / (1 - γ) in the
    end; they begin at one.
    """

    decay: float
    rate: float

    def reweigh(self, assembly: Assembly, trial: TrialSolution) -> tuple[Term, ...]:
        """λ ← γ λ + η |r| / max |r|."""

        def emphasis(term: Term, rows: Tensor) -> Tensor:
            before = torch.ones_like(rows) if term.emphasis is None else term.emphasis
            return self.decay * before + self.rate * rows.abs() / rows.abs().max().clamp_min(1e-300)

        return _emphasised(assembly, trial, emphasis)


@dataclass(frozen=True)
class Causal:
    """Points count once the equations hold at all earlier times; coordinate `axis` is time, in
    [`start`, `end`].
    """

    epsilon: float
    bins: int
    axis: int
    start: float
    end: float

    def reweigh(self, assembly: Assembly, trial: TrialSolution) -> tuple[Term, ...]:
        """λ = √w of the bin that a point stands in; an empty bin adds nothing."""
        losses = torch.zeros(self.bins, dtype=torch.float64)
        for term, rows in zip(assembly.terms, rows_of(assembly, trial), strict=True):
            if term.interior:
                number = self._bin(term.x).cpu()
                total = losses.new_zeros(self.bins).index_add_(
                    0, number, rows.square().double().cpu()
                )
                losses += term.weight * total / number.bincount(minlength=self.bins).clamp_min(1)
        factors = torch.exp(-self.epsilon / 2 * (losses.cumsum(0) - losses))
        return _emphasised(assembly, trial, lambda term, rows: factors.to(rows)[self._bin(term.x)])

    def _bin(self, x: Tensor) -> Tensor:
        share = (x[:, self.axis] - self.start) / (self.end - self.start)
        return (share * self.bins).long().clamp(0, self.bins - 1)


@dataclass(frozen=True)
class GradientNorm:
    """Weights of terms by which the gradients of all of them are equally long; a share `memory` of
    the old ones stays.
    """

    memory: float

    def reweigh(self, assembly: Assembly, trial: TrialSolution) -> tuple[Term, ...]:
        """weight_i ∝ 1 / ‖∇ mean(r_i²)‖."""
        trained, strengths = trial.trained, []
        for rows in assembly.residuals(trial):
            gradients = torch.autograd.grad(
                rows.square().mean(), trained, retain_graph=True, allow_unused=True
            )
            strengths.append(
                float(sum(g.square().sum() for g in gradients if g is not None)) ** 0.5
            )
        return _balanced(assembly.terms, strengths, self.memory)


@dataclass(frozen=True)
class TangentKernel:
    """Weights of terms by which the traces of their neural tangent kernels are equal; a share
    `memory` of the old ones stays.
    """

    memory: float

    def reweigh(self, assembly: Assembly, trial: TrialSolution) -> tuple[Term, ...]:
        """weight_i ∝ N_i / tr(J_i J_iᵀ)."""
        return _balanced(
            assembly.terms, [trace(term, trial) for term in assembly.terms], self.memory
        )


def trace(term: Term, trial: TrialSolution) -> float:
    """tr(J Jᵀ) / N of the unweighted rows of a term, over at most TRACED of its points."""
    alone = Assembly([_thinned(replace(term, weight=1.0, emphasis=None))], trial)
    with torch.no_grad():
        return float(
            alone.jacobian(trial).square().sum() + OuterSystem(alone, trial).matrix().square().sum()
        )


def _balanced(terms: Sequence[Term], strengths: Sequence[float], memory: float) -> tuple[Term, ...]:
    """The terms with weights ∝ 1 / strength and the old sum; measured values and idle terms keep
    theirs.
    """
    least = IDLE * max(strengths)
    shares = {
        k: 1 / s
        for k, (t, s) in enumerate(zip(terms, strengths, strict=True))
        if t.columns is None and s > least
    }
    total, size = sum(terms[k].weight for k in shares), sum(shares.values())
    new = {
        k: memory * terms[k].weight + (1 - memory) * total * share / size
        for k, share in shares.items()
    }
    return tuple(replace(term, weight=new.get(k, term.weight)) for k, term in enumerate(terms))


def _emphasised(
    assembly: Assembly, trial: TrialSolution, emphasis: Callable[[Term, Tensor], Tensor]
) -> tuple[Term, ...]:
    pairs = zip(assembly.terms, rows_of(assembly, trial), strict=True)
    return tuple(
        replace(term, emphasis=emphasis(term, rows)) if term.interior else term
        for term, rows in pairs
    )


def _thinned(term: Term) -> Term:
    """A term at TRACED of its points; they follow no line of a grid."""
    if term.average is not None or len(term.x) <= TRACED:
        return term
    at = (
        (torch.arange(TRACED, dtype=torch.float64) * GOLDEN % 1 * len(term.x))
        .long()
        .to(term.x.device)
    )
    cut = {key: getattr(term, key) for key in ("x", "normal", "data", "columns")}
    return replace(term, **{key: value[at] for key, value in cut.items() if value is not None})


def rows_of(assembly: Assembly, trial: TrialSolution) -> list[Tensor]:
    """The unweighted rows of every term, without a graph."""
    with torch.no_grad():
        return assembly.residuals(trial)
