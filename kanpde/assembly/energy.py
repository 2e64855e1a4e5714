"""The energy of a trial solution, the objective of the Ritz method:

    J(u) = Σ_q w_q E(x_q, u, ∇u) + Σ_q w_q e(x_q, n_q, u) + κ Σ_conditions weight · mean(r²),    Σ_q w_q = measure.

A minimiser sees the quadrature, not the integral: with too few points for its freedom it lowers the
sum between them, so the points are those of a Gauss rule, and a report compares J at the points of
the solve with J at held-out ones. Conditions that no lifting meets are penalties; they move the
minimiser by about 1 / weight. κ is the size of the second derivatives of E.
Source: E & Yu, Commun. Math. Stat. 6, 2018, 1-12 (deep Ritz).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from kanpde.assembly.collocation import Collocation, Points, share
from kanpde.assembly.residual import Assembly, reader, terms
from kanpde.config import SamplerConfig, WeightsConfig
from kanpde.domains import Domain
from kanpde.errors import NumericalError
from kanpde.expressions import Derivative, Node, jets, partial
from kanpde.expressions.evaluate import evaluate
from kanpde.numerics.jets import Jet, JetSpace
from kanpde.problem.conditions import Condition, MeanCondition, NaturalCondition
from kanpde.problem.euler_lagrange import Energy
from kanpde.problem.problem import Problem
from kanpde.trial.piecewise import AnyTrial
from kanpde.trial.solution import Located, TrialSolution

MOST_AVERAGED = 2500
"""Quadrature points of an average."""


@dataclass(frozen=True)
class Density:
    """E or e at quadrature points: the `jets` z_a that it holds, ∂E/∂z_a and ∂²E/∂z_a∂z_b as
    formulas.
    """

    node: Node
    points: Points
    at: Located
    jets: tuple[Derivative, ...]
    slopes: tuple[Node, ...]
    curvatures: tuple[Node, ...]

    @classmethod
    def of(cls, node: Node, points: Points, trial: AnyTrial) -> Density:
        """At the points, for trial solutions of this kind."""
        present = tuple(sorted(jets(node), key=lambda jet: (jet.unknown, jet.index)))
        slopes = tuple(partial(node, jet) for jet in present)
        curvatures = tuple(partial(slope, jet) for slope in slopes for jet in present)
        at = trial.locate(
            points.x, JetSpace.closure((jet.index for jet in present), points.x.shape[1])
        )
        return cls(node, points, at, present, slopes, curvatures)

    @property
    def quadratic(self) -> bool:
        """Whether it is quadratic in its jets."""
        return not any(jets(node) for node in self.curvatures)

    def values(self, nodes: Sequence[Node], jet: Jet) -> list[Tensor]:
        """Formulas at all points, (N,) each."""
        return evaluate(nodes, self.points.x, self.points.normal, reader(jet, None))


class EnergyObjective:
    """J of a problem in energy form at fixed points, for any parameters of one trial solution's
    kind.

    `essential` are the conditions that no lifting meets, None if there are none. Has what a solver
    asks of any objective.
    """

    def __init__(
        self, problem: Problem, points: Collocation, weights: WeightsConfig, trial: TrialSolution
    ) -> None:
        energy = _energy(problem)
        inside = Density.of(energy.inside, points.interior, trial)
        on_parts = (
            Density.of(node, points.parts[part], trial) for part, node in energy.parts.items()
        )
        self.densities = (inside, *on_parts)
        self.terms = [term for term in terms(posed(problem), points, weights) if not term.interior]
        if weights.scaled and self.terms:
            size = _size(inside, trial)
            self.terms = [replace(term, weight=term.weight * size) for term in self.terms]
        self.essential = Assembly(self.terms, trial) if self.terms else None

    @property
    def residual(self) -> None:
        """None: an energy is no sum of squares."""
        return None

    @property
    def points(self) -> Tensor:
        """Where the solution is looked at when grids change, (N, d)."""
        return self.densities[0].points.x

    @property
    def linear(self) -> bool:
        """Whether J is quadratic in the unknowns, so that its minimiser solves a linear system."""
        return all(density.quadratic for density in self.densities) and (
            self.essential is None or self.essential.linear
        )

    @property
    def rows(self) -> int:
        """R of the least-squares problem whose matrix has the Hessian of J as its normal
        equations.
        """
        densities = sum(len(density.jets) * len(density.points.x) for density in self.densities)
        return densities + (0 if self.essential is None else self.essential.rows)

    def objective(self, trial: TrialSolution) -> Tensor:
        """J, a scalar that autograd follows to the parameters."""
        total = torch.stack([part.sum() for part in self.weighted(trial)]).sum()
        return total if self.essential is None else total + self.essential.objective(trial)

    def weighted(self, trial: TrialSolution) -> list[Tensor]:
        """w E at the points of every density, (N,) each."""
        parts = []
        for density in self.densities:
            (value,) = density.values((density.node,), trial.jet(density.at))
            parts.append(density.points.w * value)
        return parts


def posed(problem: Problem) -> Problem:
    """The problem with the conditions that restrict the minimiser: the natural ones follow from
    it.
    """
    imposed = [c for c in problem.conditions if not isinstance(c, NaturalCondition)]
    return replace(problem, conditions=tuple(imposed))


def quadrature(problem: Problem, sampler: SamplerConfig, dtype: torch.dtype) -> Collocation:
    """Gauss points of the domain and of the parts that carry a density or a condition, whatever the
    kind of the sampler.
    """
    domain: Domain = problem.domain
    parts = tuple(dict.fromkeys((*posed(problem).parts, *_energy(problem).parts)))
    inside = Points.of(domain.quadrature(sampler.interior), dtype)
    counts = share(domain, parts, sampler.boundary)
    return Collocation(
        inside,
        {
            part: Points.of(domain.part_quadrature(part, count), dtype)
            for part, count in counts.items()
        },
        Points.of(domain.quadrature(min(sampler.interior, MOST_AVERAGED)), dtype)
        if _averaged(problem.conditions)
        else None,
    )


def integral(problem: Problem, trial: AnyTrial, points: Collocation) -> float:
    """∫ E dx + Σ ∫ e ds by the quadrature of the points, without penalties."""
    energy = _energy(problem)
    total = 0.0
    with torch.no_grad():
        for node, at in (
            (energy.inside, points.interior),
            *((e, points.parts[part]) for part, e in energy.parts.items()),
        ):
            density = Density.of(node, at, trial)
            (value,) = density.values((node,), trial.jet(density.at))
            total += float((at.w * value).sum())
    return total


def _averaged(conditions: Sequence[Condition]) -> bool:
    return any(isinstance(condition, MeanCondition) for condition in conditions)


def _energy(problem: Problem) -> Energy:
    if problem.energy is None:
        raise ValueError(f"problem '{problem.name}' has equations, not an energy")
    return problem.energy


def _size(density: Density, trial: TrialSolution) -> float:
    """The largest root mean square of ∂²E/∂z_a² at u = 0, in coordinates in which the domain is as
    long as [-1, 1]^d.
    """
    a, x = len(density.jets), density.points.x
    zero = {jet: torch.zeros_like(x[:, 0]) for jet in density.jets}
    diagonal = density.curvatures[:: a + 1]
    values = evaluate(diagonal, x, density.points.normal, lambda leaf: zero[leaf])  # type: ignore[index]
    measure = float(density.points.w.sum())
    sizes = [
        float(
            value.square().mean().sqrt()
            * torch.prod(trial.scale ** (2 * trial.scale.new_tensor(jet.index)))
        )
        * measure
        for jet, value in zip(density.jets, values, strict=True)
    ]
    size = max(sizes)
    if not size < float("inf"):
        raise NumericalError(
            "energy: its second derivatives at u = 0 are not finite; set weights.scaled to false"
        )
    return size or 1.0
