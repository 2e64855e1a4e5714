"""Compute a reference: refine until the values stop changing, and say how far they are from that.

A method has values u_s for a state s and a finer state s_k for every way k to refine it (degree,
corners, time, …). The error of
u_s is estimated by  Σ_k ‖u_{s_k} - u_s‖ / ‖u‖  and the values are  u_s + Σ_k (u_{s_k} - u_s) (the
combination technique: Griebel, Schneider & Zenger, 1992), which are better: the error stated for
them is that of u_s. The next state is refined in every way whose change is at least a quarter of
the largest. Errors are relative L2 norms over the stored points (dimensionless).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from kanpde.config import ProblemConfig
from kanpde.errors import ConfigError, NumericalError
from kanpde.problem.problem import Problem
from kanpde.problem.stored_reference import Reference, cached_path, statement_digest, write

Array = NDArray[np.float64]
State = tuple[int, ...]
Tell = Callable[[str], None]

ROUNDING = 1e-13
GROWTH = 3.0
"""How much longer a round may take than the one before."""


class Method(Protocol):
    """Values at points x (N, d) with weights w (N,), for states that can be refined in several
    ways.
    """

    @property
    def x(self) -> Array:
        """The points."""

    @property
    def w(self) -> Array:
        """Their weights."""

    @property
    def start(self) -> State:
        """The coarsest state."""

    def finer(self, state: State) -> tuple[State, ...]:
        """The state refined in every way, one at a time."""

    def values(self, state: State) -> Array:
        """u at the points (N,); NumericalError when that state has none."""

    def describe(self, state: State) -> str:
        """A state in words."""


@dataclass(frozen=True)
class Computed:
    """A reference, the sentence that says how it ended, and whether its own error reached the
    goal.
    """

    reference: Reference
    reason: str
    reached: bool
    path: Path

    def sentence(self) -> str:
        """One line for the user."""
        known = self.reference
        return f"reference '{known.name}': {len(known.x)} points, own error {known.error:.1e}; {self.reason}"


def make(
    config: ProblemConfig,
    error: float = 1e-6,
    seconds: float = 300.0,
    out: Path | None = None,
    tell: Tell = lambda text: None,
) -> Computed:
    """Compute the reference of a problem without reading `exact`, and write it to `out` or where a
    solve finds it.

    It ends when its own relative L2 error is at most `error`, or before a round that would end
    after `seconds`. Raises ConfigError when no method fits the problem, NumericalError when none of
    its states could be solved.
    """
    if not 0 < error < 1 or not seconds > 0:
        raise ConfigError(
            f"--error must lie between 0 and 1 and --seconds above 0, found {error:g} and"
            f" {seconds:g}"
        )
    problem = replace(Problem.create(replace(config, reference=None)), exact=None)
    method = method_of(problem)
    values, own, reason = refine(method, error, seconds, tell)
    digest = statement_digest(config)
    name = problem.name if out is None else out.stem
    reference = Reference(name, method.x, method.w, values[:, None], max(own, 2.0**-52), digest)
    path = cached_path(digest) if out is None else out
    write(path, reference)
    return Computed(reference, reason, own <= error, path)


def method_of(problem: Problem) -> Method:
    """Fourier where every coordinate of space is periodic and time is there, else finite
    elements.
    """
    paired = {
        part for c in problem.conditions if c.kind == "periodic" for part in (c.part, c.other)
    }
    if problem.config.time is not None and paired >= set(problem.domain.parts) - {
        "initial",
        "final",
    }:
        from kanpde.references.fourier import Fourier

        return Fourier.of(problem)
    try:
        from kanpde.references.fem import FiniteElements
    except ImportError as missing:
        raise ConfigError(
            "a reference by finite elements needs scikit-fem; pip install 'kanpde[fem]'"
        ) from missing
    return FiniteElements.of(problem)


def refine(method: Method, goal: float, seconds: float, tell: Tell) -> tuple[Array, float, str]:
    """Values (N,), their own error and why it ended."""
    began = time.perf_counter()
    state, known = method.start, dict[State, Array]()
    best, own, worse, rounds, last = np.zeros(0), np.inf, 0, 0, 0.0
    while True:
        started = time.perf_counter()
        finer = method.finer(state)
        known = {s: known[s] if s in known else _values(method, s) for s in (state, *finer)}
        combined = known[state] + sum((known[s] - known[state] for s in finer), np.zeros(1))
        changes = [_distance(known[s], known[state], combined, method.w) for s in finer]
        found, rounds = sum(changes), rounds + 1
        tell(f"{method.describe(state)}: own error {found:.1e}")
        worse = 0 if found < 0.5 * own else worse + 1
        if found < own:
            best, own = combined, max(found, ROUNDING)
        last, spent = time.perf_counter() - started, time.perf_counter() - began
        if own <= goal and rounds > 1:
            return best, own, f"its own error reached {goal:g}"
        if (own <= 1e-9 and worse > 1) or worse > 4:
            return _ended(best, own, "it no longer improves")
        if spent + GROWTH * last > seconds and rounds > 1:
            return _ended(best, own, f"the next round would end after {seconds:g} s")
        largest = max(changes)
        state = _raised(
            state, [s for s, c in zip(finer, changes, strict=True) if not c < largest / 4]
        )


def _ended(best: Array, own: float, reason: str) -> tuple[Array, float, str]:
    if not np.isfinite(own):
        raise NumericalError(f"reference: no two resolutions gave finite values; {reason}")
    return best, own, reason


def _raised(state: State, finer: list[State]) -> State:
    """All refinements at once: the change of every number that changes."""
    return tuple(
        next((s[i] for s in finer if s[i] != value), value) for i, value in enumerate(state)
    )


def _values(method: Method, state: State) -> Array:
    try:
        return method.values(state)
    except NumericalError:
        return np.full(len(method.w), np.nan)


def _distance(u: Array, v: Array, scale: Array, w: Array) -> float:
    """‖u - v‖ / ‖scale‖; infinite where a value is not finite."""
    size, gap = float((w * scale**2).sum()), float((w * (u - v) ** 2).sum())
    return (
        np.sqrt(gap / size)
        if np.isfinite(gap) and np.isfinite(size) and size > 0
        else (0.0 if gap == 0 else np.inf)
    )
