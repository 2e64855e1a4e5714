"""Parabolic equations: finite elements in space, Radau collocation in time.

    M u' + ρ(t, u) = 0;    Σ_j D_ij M u_j / h + ρ(t_i, u_i) = 0 at the nodes c_i of a step, c_s = 1

with u_0 known and D the slopes of the Lagrange polynomials on 0, c_1, …, c_s: the method Radau IIA
of order 2s - 1 (Hairer & Wanner, Solving Ordinary Differential Equations II, IV.5). All nodes of a
step are solved for at once by Newton's method.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import BarycentricInterpolator
from scipy.sparse import block_diag, csc_matrix, identity, kron
from scipy.special import roots_jacobi

from kanpde.errors import ConfigError, NumericalError
from kanpde.expressions import Coordinate, Node, number, substitute
from kanpde.references.fem.solve import assemble_full, constraints, given_values, project, solved
from kanpde.references.fem.space import Space
from kanpde.references.fem.weak import Flux, Given, Mean, WeakForm

Array = NDArray[np.float64]

STAGES = 5
"""s, so the order is 9."""

MOST_STEPS = 25
"""Newton steps for one step in time."""

EARLY = 10
"""Halvings of the first step towards the start, where the conditions may contradict each other."""


@dataclass(frozen=True, eq=False)
class Evolution:
    """A parabolic problem on a space of finite elements over [start, end].

    Attributes:
        form: its weak form.
        space: the finite elements.
        initial: u at the start.
        start, end: the time interval, in the units of the problem.
    """

    form: WeakForm
    space: Space
    initial: Node
    start: float
    end: float

    @cached_property
    def _free(self) -> csc_matrix:
        return constraints(self.form, self.space, condensed=False)

    def at(self, t: float) -> WeakForm:
        """The form with the time put in."""
        return frozen_time(self.form, t)

    def solve(self, steps: int, times: Array) -> list[Array]:
        """Coefficients (N,) at increasing times in (start, end], for `steps` equal steps and finer
        ones at first.
        """
        h = (self.end - self.start) / steps
        ends = [self.start + h * 0.5**k for k in range(EARLY, 0, -1)]
        ends += [self.start + h * k for k in range(1, steps + 1)]
        rule = radau(STAGES)
        u = project(self.initial, self.space)
        states: list[Array] = []
        now = self.start
        for end in ends:
            stages = self._step(u, now, end - now, rule)
            # The last end may miss the last time by rounding.
            inside = [t for t in times if now < t <= end or (end == ends[-1] and t > end)]
            if inside:
                curve = BarycentricInterpolator(np.append(0.0, rule.nodes), np.vstack([u, stages]))
                states += [np.asarray(curve((t - now) / (end - now))) for t in inside]
            u, now = stages[-1], end
        return states

    def _step(self, u: Array, now: float, h: float, rule: Radau) -> Array:
        """The coefficients (s, N) at the nodes of a step of length h."""
        free, slopes, count = self._free, rule.slopes, len(rule.nodes)
        forms = [self.at(now + c * h) for c in rule.nodes]
        prescribed = [given_values(form, self.space) for form in forms]
        fixed = np.asarray(free @ np.ones(free.shape[1])) == 0
        stages = np.tile(u, (count, 1))
        for k in range(count):
            stages[k, fixed] = prescribed[k][fixed]
        for _ in range(MOST_STEPS):
            parts = [
                assemble_full(form, self.space, v) for form, v in zip(forms, stages, strict=True)
            ]
            masses = [free.T @ part.mass for part in parts]
            every = np.vstack([u, stages])
            loads = [
                free.T @ part.load + mass @ (slope @ every) / h
                for part, mass, slope in zip(parts, masses, slopes, strict=True)
            ]
            mass = block_diag([of_node @ free for of_node in masses])
            matrix = block_diag([free.T @ part.matrix @ free for part in parts])
            time = kron(csc_matrix(slopes[:, 1:] / h), identity(free.shape[1]))
            move = solved(csc_matrix(matrix + mass @ time), -np.concatenate(loads))
            step = move.reshape(count, -1) @ free.T
            stages = stages + step
            if self.form.linear or np.abs(step).max() <= 1e-12 * max(1.0, np.abs(stages).max()):
                return np.asarray(stages)
        raise NumericalError(
            f"reference: Newton's method does not converge in the step from t = {now:.4g}; take"
            f" more steps"
        )


def at_time(form: WeakForm, node: Node, t: float) -> Node:
    """A formula at one time."""
    return substitute(node, {Coordinate(len(form.jets) - 1): number(t)})


def frozen_time(form: WeakForm, t: float) -> WeakForm:
    """The form at one time."""

    def put(nodes: Sequence[Node]) -> tuple[Node, ...]:
        return tuple(at_time(form, node, t) for node in nodes)

    conditions: list[Given | Flux | Mean] = []
    for condition in form.conditions:
        if isinstance(condition, Given) and condition.part != "initial":
            conditions.append(Given(condition.part, *put([condition.value])))
        elif isinstance(condition, Flux):
            value, rate = put((condition.value, condition.rate))
            conditions.append(Flux(condition.part, put(condition.slopes), value, rate))
    return replace(
        form,
        matrix=tuple(map(put, form.matrix)),
        densities=put(form.densities),
        slopes=tuple(map(put, form.slopes)),
        mass=None if form.mass is None else at_time(form, form.mass, t),
        conditions=tuple(conditions),
    )


def initial_value(form: WeakForm, start: float) -> Node:
    """u at the first instant, a formula that may hold the time too; ConfigError without it."""
    for condition in form.conditions:
        if isinstance(condition, Given) and condition.part == "initial":
            return at_time(form, condition.value, start)
    raise ConfigError("no reference by finite elements: the condition on 'initial' must be u = f")


class Radau(NamedTuple):
    """Radau IIA with s stages: nodes c (s,) in (0, 1], slopes (s, s + 1) at them of the Lagrange
    polynomials on 0, c, and weights (s,); dimensionless.
    """

    nodes: Array
    slopes: Array
    weights: Array


def radau(count: int) -> Radau:
    """The rule with s = `count` stages (Hairer & Wanner, IV.5)."""
    inner, w = roots_jacobi(count - 1, 1, 0)
    nodes = np.append((1 + inner) / 2, 1.0)
    every = np.append(0.0, nodes)
    gaps = every[:, None] - every + np.eye(count + 1)
    weights = 1 / gaps.prod(axis=1)
    slopes = weights / weights[:, None] / gaps
    np.fill_diagonal(slopes, 0.0)
    np.fill_diagonal(slopes, -slopes.sum(axis=1))
    return Radau(nodes, slopes[1:], np.append(w / (1 - inner) / 2, 1 / count**2))
