"""Narrow features of a problem that a solution has passed over.

    max |F| > 0.3 max Σ_j |F_j|,   F = Σ_j F_j,   across a peak, a layer or a wave of a formula

unless max |F| stays below 1e-6 of the largest Σ_j |F_j| in the whole domain: where the terms vanish
across a feature, as u - sin(4πx) sin(3πy) on x = 0, a residual is all of them and says nothing.

Points that a solve has met, and those that its residuals are held out on, may all lie beside what
is narrow; where that is, is known before a solve (`problem.probing`).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from kanpde.domains import Domain
from kanpde.expressions import Node
from kanpde.numerics.quadrature import Array
from kanpde.problem.conditions import BoundaryCondition
from kanpde.problem.feature_search import Feature
from kanpde.problem.findings import Finding
from kanpde.problem.passages import terms_of
from kanpde.problem.problem import Problem
from kanpde.results.fields import formula_values
from kanpde.trial.piecewise import AnyTrial

PASSED = 0.3
"""A residual above this share of the terms across a feature says that it was not seen."""

ACROSS = np.linspace(-2.0, 2.0, 17)
"""Points across a feature, in its widths."""

FLAT, ON_PART = 1e-12, 32

INSIDE, NOTHING = 256, 1e-6
"""Points of the domain for the size of all terms, and the share of it that is none."""


def passed_over(problem: Problem, trial: AnyTrial) -> list[Finding]:
    """The features of one shape's problem across which an equation or a condition is not met."""
    wished = problem.energy is not None or any(weight != 1 for weight in problem.weights)
    if wished or problem.regions or problem.config.fit is not None:
        return []
    findings = []
    for feature in problem.probed.features:
        if feature.sharp:
            continue
        shares = [_share(*rule, trial, problem.domain) for rule in _rules(problem, feature)]
        if max(shares, default=0.0) > PASSED:
            place = ", ".join(f"{value:.6g}" for value in feature.place)
            sentence = (
                f"not seen: the {feature.kind} of {feature.formula} near ({place}) in"
                f" {feature.where}, {feature.width:.1e} of the domain wide: the residual there is"
                f" {max(shares):.0%} of its terms; widen it, or give trial.patches"
            )
            findings.append(Finding("not seen", sentence))
    return findings


def _rules(problem: Problem, feature: Feature) -> Iterator[tuple[Node, Array, Array | None]]:
    """What must hold across a feature: formulas with points (N, d) and, on a part, normals."""
    domain, place = problem.domain, np.array(feature.place)
    sides = domain.upper - domain.lower
    x = place + feature.width * ACROSS[:, None] * sides * np.array(feature.direction)
    if ((domain.lower < place) & (place < domain.upper)).all() and domain.contains(place[None])[0]:
        x = x[domain.contains(x, 0.0)]
        yield from ((node, x, None) for node in problem.equations if len(x))
    for condition in problem.conditions:
        if not isinstance(condition, BoundaryCondition):
            continue
        rule = domain.part_quadrature(condition.part, ON_PART)
        flat = np.ptp(rule.x, axis=0) <= FLAT * sides
        if rule.normal is None or not flat.any():
            continue
        gaps = np.abs(place - rule.x[0])[flat]
        if (gaps <= FLAT * sides[flat]).all():
            on_part = np.clip(x, rule.x.min(axis=0), rule.x.max(axis=0))
            yield condition.node, on_part, np.repeat(rule.normal[:1], len(x), axis=0)


def _share(node: Node, x: Array, normal: Array | None, trial: AnyTrial, domain: Domain) -> float:
    """The largest residual beside the largest sum of the sizes of its terms."""
    terms = terms_of(node)
    if len(terms) < 2:
        return 0.0  # a residual is no share of itself

    def residual_and_size(points: Array) -> tuple[float, float]:
        at = torch.tensor(points).to(trial.scale.dtype)
        unit = None if normal is None else torch.tensor(normal[:1]).to(at).expand(len(at), -1)
        with torch.no_grad():
            residual, *values = formula_values([node, *terms], trial, at, normal=unit)
        sizes = np.abs(values).sum(axis=0)
        return float(np.abs(residual).max()), float(sizes[np.isfinite(sizes)].max(initial=0.0))

    residual, across = residual_and_size(x)
    if across == 0 or residual <= PASSED * across:
        return 0.0
    inside = domain.interior(INSIDE, "sobol", np.random.default_rng(0)).x
    return residual / across if residual > NOTHING * residual_and_size(inside)[1] else 0.0
