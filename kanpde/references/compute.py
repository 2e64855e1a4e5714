"""Compute a reference: refine until the values stop changing, and estimate their error.

    error(u_s) ≈ Σ_k ‖u_{s_k} - u_s‖ / ‖u‖,    u = u_s + Σ_k (u_{s_k} - u_s)

A method has values u_s for a state s and a finer state s_k for every way k to refine it (degree,
corners, time, …). The values u (the combination technique: Griebel, Schneider & Zenger, 1992) are
better than u_s, and the error stated for them is that of u_s. The next state is refined in every
way whose change is at least a quarter of the largest. Errors are relative L2 norms over the stored
points (dimensionless).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from kanpde.config import ProblemConfig
from kanpde.domains import MeshDomain
from kanpde.errors import ConfigError, NumericalError
from kanpde.problem.conditions import periodic_parts
from kanpde.problem.problem import Problem
from kanpde.problem.stored_reference import Reference, cached_path, statement_digest, write

Array = NDArray[np.float64]
State = tuple[int, ...]
Tell = Callable[[str], None]

ROUNDING = 1e-13
"""The least error that is stated: two values may agree by chance."""

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
        """u at the points, one unknown after the other (m·N,); NumericalError when that state has
        none.
        """

    def describe(self, state: State) -> str:
        """A state in words."""


@dataclass(frozen=True)
class Computed:
    """A reference that was computed.

    Attributes:
        reference: the values with their estimated error.
        reason: why the refinement ended.
        reached: whether the error is at most the one that was wanted.
        path: where it was written.
    """

    reference: Reference
    reason: str
    reached: bool
    path: Path

    def sentence(self) -> str:
        """One line for the user."""
        known = self.reference
        return (
            f"reference '{known.name}': {len(known.x)} points, own error {known.error:.1e};"
            f" {self.reason}"
        )


def make(
    config: ProblemConfig,
    error: float = 1e-6,
    seconds: float = 300.0,
    out: Path | None = None,
    tell: Tell = lambda text: None,
) -> Computed:
    """Compute the reference of a problem without reading `exact`, and write it.

    Args:
        config: the problem.
        error: relative L2 error at which the refinement ends, dimensionless.
        seconds: it ends before a round that would end later than that.
        out: the file; without it the place where a solve looks for it.
        tell: called with one line after every round.

    Raises:
        ConfigError: no method fits the problem.
        NumericalError: none of the states could be solved.
        StorageError: the file cannot be written.
    """
    if not 0 < error < 1 or not seconds > 0:
        raise ConfigError(
            f"--error must lie between 0 and 1 and --seconds above 0, found {error:g} and"
            f" {seconds:g}"
        )
    if config.eigen is not None:
        raise ConfigError(
            f"a reference of '{config.name}': there is none for problem.eigen; give known values as"
            f" eigen.exact"
        )
    problem = replace(Problem.create(replace(config, reference=None)), exact=None)
    method = method_of(problem)
    refined = refine(method, error, seconds, tell)
    digest = statement_digest(config)
    reference = Reference(
        name=problem.name if out is None else out.stem,
        x=method.x,
        w=method.w,
        values=refined.values.reshape(-1, len(method.w)).T,
        error=max(refined.error, 2.0**-52),
        digest=digest,
    )
    path = cached_path(digest) if out is None else out
    write(path, reference)
    return Computed(reference, refined.reason, refined.error <= error, path)


def method_of(problem: Problem) -> Method:
    """Fourier where every coordinate of space is periodic and time is there, else finite elements:
    on triangles for systems and meshes, else on curved cells.
    """
    in_space = set(problem.domain.parts) - {"initial", "final"}
    if problem.config.time is not None and periodic_parts(problem.conditions) >= in_space:
        from kanpde.references.fourier import Fourier

        return Fourier.of(problem)
    try:
        from kanpde.references.fem import FiniteElements, Triangles
    except ImportError as missing:
        raise ConfigError(
            "a reference by finite elements needs scikit-fem; pip install 'kanpde[fem]'"
        ) from missing
    if len(problem.unknowns) > 1 or isinstance(problem.domain, MeshDomain):
        return Triangles.of(problem)
    return FiniteElements.of(problem)


class Refined(NamedTuple):
    """Values (m·N,), their estimated error and why the refinement ended."""

    values: Array
    error: float
    reason: str


def refine(method: Method, goal: float, seconds: float, tell: Tell) -> Refined:
    """The values of a method, refined until their error is at most `goal` or `seconds` are over."""
    began = time.perf_counter()
    state, known = method.start, dict[State, Array]()
    best, least, stalled, rounds = np.zeros(0), np.inf, 0, 0
    while True:
        started = time.perf_counter()
        finer = method.finer(state)
        # A state that was the finer one of the round before is not solved again.
        known = {s: known[s] if s in known else _values(method, s) for s in (state, *finer)}
        combined = known[state] + sum((known[s] - known[state] for s in finer), np.zeros(1))
        changes = [_distance(known[s], known[state], combined, method.w) for s in finer]
        error, rounds = sum(changes), rounds + 1
        tell(f"{method.describe(state)}: own error {error:.1e}")
        stalled = 0 if error < 0.5 * least else stalled + 1
        if error < least:
            best, least = combined, max(error, ROUNDING)
        last, spent = time.perf_counter() - started, time.perf_counter() - began
        # The first round never ends it: two coarse states may agree on a wrong solution.
        if least <= goal and rounds > 1:
            return Refined(best, least, f"its own error reached {goal:g}")
        if (least <= 1e-9 and stalled > 1) or stalled > 4:
            return _ended(best, least, "it no longer improves")
        if spent + GROWTH * last > seconds and rounds > 1:
            return _ended(best, least, f"the next round would end after {seconds:g} s")
        largest = max(changes)
        chosen = [s for s, change in zip(finer, changes, strict=True) if not change < largest / 4]
        state = _raised(state, chosen)


def _ended(best: Array, error: float, reason: str) -> Refined:
    if not np.isfinite(error):
        raise NumericalError(f"reference: no two resolutions gave finite values; {reason}")
    return Refined(best, error, reason)


def _raised(state: State, finer: list[State]) -> State:
    """All refinements at once: the change of every number that changes."""
    raised = list(state)
    for refined in reversed(finer):  # where two change the same number, the first one counts
        for i, value in enumerate(refined):
            if value != state[i]:
                raised[i] = value
    return tuple(raised)


def _values(method: Method, state: State) -> Array:
    try:
        return method.values(state)
    except NumericalError:
        return np.full(len(method.w), np.nan)


def _distance(u: Array, v: Array, scale: Array, w: Array) -> float:
    """‖u - v‖ / ‖scale‖, the largest over the unknowns; infinite where a value is not finite.

    An unknown that is everywhere 1e-12 of the largest counts relative to that.
    """
    size = np.sqrt((w * scale.reshape(-1, len(w)) ** 2).sum(1))
    gap = np.sqrt((w * (u - v).reshape(-1, len(w)) ** 2).sum(1))
    size = np.maximum(size, 1e-12 * size.max())
    if np.isfinite(gap).all() and np.isfinite(size).all() and size.max() > 0:
        return float((gap / size).max())
    return 0.0 if (gap == 0).all() else np.inf
