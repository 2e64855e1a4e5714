"""Narrow features of sources, coefficients and data, found before a solve.

A formula is narrow where a function bends within a small part of the domain: `exp(a)` within a
change of a by one, `tanh(a)` around a = 0, 1/a where a is small. Smooth formulas are settled by
one enclosure on the whole domain, all others by a search of boxes (`feature_search`).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kanpde.errors import ConfigError
from kanpde.expressions import Node, text
from kanpde.expressions.intervals import enclose_all
from kanpde.expressions.tree import postorder
from kanpde.numerics.quadrature import Array
from kanpde.problem.bending import activity, bending_of, inner_of
from kanpde.problem.feature_search import DEEPEST, SETTLED, Feature, Search
from kanpde.problem.findings import Finding
from kanpde.problem.formula_places import Formula, counted

NARROWEST = 1e-6
"""Relative width below which a feature that is no jump is refused."""


@dataclass(frozen=True)
class Probe:
    """The features of a problem, narrowest first, and the formulas that could not be probed."""

    features: tuple[Feature, ...]
    unprobed: tuple[str, ...]


def probe(formulas: Sequence[Formula], coordinates: Sequence[str]) -> Probe:
    """Look for features in the formulas of a problem."""
    features: list[Feature] = []
    unprobed: list[str] = []
    for formula in formulas:
        suspects = _suspects(formula)
        for node, place in itertools.product(suspects, formula.places if suspects else ()):
            search = Search(node, place)
            search.run()
            feature = search.feature(formula, coordinates)
            if feature is not None and not _known(feature, features):
                features.append(feature)
            elif feature is None and search.exhausted and not search.turns_little:
                unprobed.append(text(node, coordinates, limit=80))
    features.sort(key=lambda each: each.width)
    return Probe(tuple(features), tuple(dict.fromkeys(unprobed)))


def require(found: Probe) -> None:
    """ConfigError for a feature that no method resolves."""
    for feature in found.features:
        if feature.width < NARROWEST and not feature.sharp:
            raise ConfigError(
                f"problem: {feature.formula} in {feature.where} has a {feature.kind} near"
                f" {_written(feature.place)} of width {feature.width:.1e} of the domain, too narrow"
                f" to be resolved (limit {NARROWEST:.0e}); widen it, or state it as a jump between"
                f" regions"
            )


def remarks(found: Probe) -> tuple[Finding, ...]:
    """What could not be probed."""
    findings = []
    for formula in found.unprobed:
        sentence = f"{formula} could not be probed: features of it between points may be missed"
        findings.append(Finding("not probed", sentence, warns=False))
    return tuple(findings)


def unresolved(features: Sequence[Feature], points: Array, sides: Array) -> tuple[Finding, ...]:
    """The features that points (N, d) of a global method are too coarse for; `sides` (d,) are
    those of the domain.
    """
    findings = []
    for feature in features:
        offsets = (points - np.array(feature.place)) / sides
        across = offsets @ np.array(feature.direction)
        around = np.linalg.norm(offsets, axis=1)
        # a layer or wave needs points across it, wherever along it; a peak needs them around it
        distance = around if feature.kind == "peak" else np.abs(across)
        wanted = ENOUGH * (points.shape[1] if feature.kind == "peak" else 1)
        if not feature.sharp and np.sum(distance < NEAR * feature.width) < wanted:
            sentence = (
                f"not resolved: the {feature.kind} of {feature.formula} near"
                f" {_written(feature.place)}, {feature.width:.1e} of the domain wide, lies between"
                f" the points; try trial.patches or more points"
            )
            findings.append(Finding("not resolved", sentence))
    return tuple(findings)


ENOUGH, NEAR = 4, 1.5
"""Points by coordinate that a feature needs within so many widths of its middle."""


def _written(place: Sequence[float]) -> str:
    return "(" + ", ".join(f"{value:.6g}" for value in place) + ")"


def _known(feature: Feature, features: Sequence[Feature]) -> bool:
    """Whether the same feature was found by another part of a formula."""
    place = np.array(feature.place)
    for other in features:
        reach = 3 * max(feature.width, other.width, DEEPEST)
        scale = np.maximum(1.0, np.abs(place))
        near = np.abs((place - np.array(other.place)) / scale).max() < reach
        if near and feature.kind == other.kind and feature.width > 0.3 * other.width:
            return True
    return False


def _outside_of_tests(node: Node) -> list[Node]:
    """The parts of a formula that do not stand in tests alone."""
    outside: dict[Node, None] = {}
    waiting = [node]
    while waiting:
        part = waiting.pop()
        if part in outside:
            continue
        outside[part] = None
        waiting += counted(part)
    return [part for part in postorder((node,)) if part in outside]


def _suspects(formula: Formula) -> list[Node]:
    """The functions in a formula that bend more than a box may hold on the whole domain."""
    suspects, domain = [], formula.domain
    parts = _outside_of_tests(formula.node)
    bent = [node for node in parts if bending_of(node) is not None]
    leaves = [node for node in parts if not node.children]
    try:
        known = enclose_all([*leaves, *bent], domain.lower[None], domain.upper[None])
    except ValueError:  # values of a file are as they are
        return []
    for node in bent:
        bending = bending_of(node)
        assert bending is not None
        inner = inner_of(node, known)
        with np.errstate(all="ignore"):
            bends = bending(inner.values, float(activity(node, inner.centre)[0]))
        if not (bends <= SETTLED).all():
            suspects.append(node)
    return suspects
