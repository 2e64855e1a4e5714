"""What a solution passes through without seeing it: terms that are narrow in the unknowns.

    |F| > 0.3 Σ_j |F_j|,   F = Σ_j F_j,   where a term is narrow in the values of the solution

Lines along every axis are halved where such a term may bend between two of their points
(`problem.passages`), and the residual is looked at where it does. `results.passed_over` does the same
for formulas of coordinates alone, whose features are known before a solve.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from kanpde.config.solve.defaults import TOLERANCE
from kanpde.expressions import jets, text
from kanpde.numerics.quadrature import Array
from kanpde.problem.findings import Finding
from kanpde.problem.passages import Numbers, Passages, Spans, Term, parts_of
from kanpde.problem.problem import Problem
from kanpde.results.fields import formula_values
from kanpde.trial.piecewise import AnyTrial
from kanpde.trial.surrogate import Surrogate

PASSED, OUTSIDE = 0.3, 0.3
"""Shares of the terms that a residual, and of its largest value that a peak of a term, must exceed."""

LINES, MARKS, SAMPLES = 12, 255, 512
"""Lines along every axis, points of each, and points that tell how large the unknowns are."""

REACHES = (1, 4, 16)
"""How many points away a term is smaller, or larger, on both sides of a peak; it is on one side of a
step.
"""


def passed_through(problem: Problem, trial: AnyTrial) -> list[Finding]:
    """The terms of the equations that a solution passes through without seeing them."""
    other_kind = problem.energy is not None or problem.regions or problem.config.fit is not None
    if other_kind or any(weight != 1 for weight in problem.weights):
        return []
    if isinstance(trial, Surrogate):
        return []  # of weak solutions, whose residual is not small everywhere
    passages = Passages.of(problem.equations, problem.domain.dimension)
    return _Lines(problem, trial, passages).findings() if passages.terms else []


@dataclass(frozen=True)
class _Lines:
    """Lines through a domain along every axis."""

    problem: Problem
    trial: AnyTrial
    passages: Passages

    def findings(self) -> list[Finding]:
        """The terms that are not seen along them, each where that is worst."""
        marks, domain = np.linspace(0.0, 1.0, MARKS + 2)[1:-1], self.problem.domain
        spans = Spans.of(marks, len(self._starts) * domain.dimension)
        even = self(spans.line, spans.begin)
        scales = self.passages.scales(even, self._sizes, domain.upper - domain.lower)
        further = self.passages.between(self, spans, scales, TOLERANCE["float64"])
        if not len(further.line):
            return []
        cell = np.searchsorted(marks, further.begin)
        at = self(further.line, further.begin)
        exact = self.passages.values(at)
        loudest, away = np.abs(exact).max(axis=1), np.zeros_like(exact)
        for reach in REACHES:
            sides = (np.maximum(cell - reach, 0), np.minimum(cell + reach - 1, MARKS - 1))
            ends = [self(further.line, marks[side]) for side in sides]
            beside = np.array([self.passages.values(points) for points in ends])
            loudest = np.maximum(loudest, np.abs(beside).max(axis=(0, 2)))
            outside = np.maximum(exact - beside.max(axis=0), beside.min(axis=0) - exact)
            away = np.maximum(away, outside)
        hidden = away > OUTSIDE * loudest[:, None]
        every = zip(self.passages.terms, hidden, strict=True)
        return [
            finding
            for term, chosen in every
            if chosen.any() and (finding := self._finding(term, at[chosen])) is not None
        ]

    def __call__(self, line: Numbers, at: Array) -> Array:
        """Coordinates and jets, (N, d + J), at positions from 0 to 1 of lines; not numbers outside
        of the domain.
        """
        domain = self.problem.domain
        start, axis = np.divmod(line, domain.dimension)
        x = self._starts[start].copy()
        x[np.arange(len(x)), axis] = domain.lower[axis] + (domain.upper - domain.lower)[axis] * at
        inside = domain.contains(x, 0.0)
        points = np.full((len(x), domain.dimension + len(self.passages.jets)), np.nan)
        values = formula_values(self.passages.jets, self.trial, self._tensor(x[inside]))
        points[inside] = np.column_stack([x[inside], *values])
        return points

    @cached_property
    def _probes(self) -> Array:
        return self.problem.domain.interior(SAMPLES, "sobol", np.random.default_rng(0)).x

    @cached_property
    def _values(self) -> Array:
        """The unknowns at probes, (SAMPLES, m)."""
        return np.asarray(self.trial.evaluate(self._tensor(self._probes)).detach().double().numpy())

    @cached_property
    def _starts(self) -> Array:
        """Points (L, d) that lines go through: any, and those where an unknown is largest or
        smallest.
        """
        if self.problem.domain.dimension == 1:
            return self._probes[:1]
        ends = [self._values.argmax(axis=0), self._values.argmin(axis=0)]
        return np.vstack([self._probes[:LINES], *(self._probes[number] for number in ends)])

    @property
    def _sizes(self) -> Array:
        return np.asarray(np.abs(self._values).max(axis=0))

    def _finding(self, term: Term, at: Array) -> Finding | None:
        """What is told of a term that acts at points (N, d + J), None where the equation holds."""
        x, node = at[:, : self.passages.dimension], self.passages.formulas[term.equation]
        residual, *rest = formula_values([node, *parts_of(node)], self.trial, self._tensor(x))
        shares = np.abs(residual) / np.maximum(np.abs(rest).sum(axis=0), 1e-300)
        worst = int(shares.argmax())
        if not shares[worst] > PASSED:
            return None
        problem = self.problem
        held = {jet: at[worst, len(x[0]) + k] for k, jet in enumerate(self.passages.jets)}
        where = ", ".join(
            f"{text(jet, problem.coordinates, problem.unknowns)} = {held[jet]:.6g}"
            for jet in sorted(jets(term.node), key=lambda jet: (jet.unknown, jet.index))
        )
        place = ", ".join(f"{value:.6g}" for value in x[worst])
        formula = text(term.node, problem.coordinates, problem.unknowns, limit=80)
        sentence = (
            f"not seen: the term {formula} of '{problem.names[term.equation]}' acts near ({place}),"
            f" where {where}, between the points of the solve: the residual there is"
            f" {shares[worst]:.0%} of its terms; make it wider in the unknowns, or ask for a smaller"
            f" tolerance"
        )
        return Finding("not seen", sentence)

    def _tensor(self, x: Array) -> torch.Tensor:
        return torch.tensor(x).to(self.trial.scale.dtype)
