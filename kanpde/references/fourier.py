"""Fourier solutions with every space coordinate periodic, by exponential time differencing.

    u_t = L u + N(x, t, u, ∂u, …)

L has constant coefficients and is diagonal in Fourier space; N is evaluated at grid points. ETDRK4
(Cox & Matthews, J. Comput. Phys. 176, 2002) with its phi functions as means over a circle around L
h (Kassam & Trefethen, SIAM J. Sci. Comput. 26, 2005), in the precision of the arrays it is given. L
is read off the parsed equation: the constant part of every ∂N/∂(∂^α u) at u = 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from scipy import fft
from scipy.special import roots_jacobi

from kanpde.domains import Box, SpaceTime
from kanpde.errors import ConfigError, NumericalError
from kanpde.expressions import (
    Constant,
    Derivative,
    Node,
    Number,
    add,
    divide,
    jets,
    linear_parts,
    multiply,
    negate,
    number,
    partial,
    substitute,
)
from kanpde.expressions.evaluate import evaluate
from kanpde.numerics.jets import unit
from kanpde.problem.conditions import PeriodicCondition, periodic_parts
from kanpde.problem.problem import Problem

Array = np.ndarray[Any, Any]
CIRCLE = 32
"""Points on the circle over which phi functions are averaged."""
TIMES, NODES = 16, {1: 256, 2: 32}
"""Times of a reference and its points per axis, by the number of axes."""
EARLY = 12
"""Halvings of the first interval of time: initial values may be rough."""

Known = dict[Derivative | Constant, torch.Tensor]
"""Values of jets at points."""

Nonlinear = Callable[[Array, Any], Array]
"""(Fourier coefficients, time) → Fourier coefficients of N."""


def advance(v: Array, linear: Array, nonlinear: Nonlinear, start: Any, h: Any, steps: int) -> Array:
    """Some steps of ETDRK4 in the notation of Kassam and Trefethen.

    Args:
        v: Fourier coefficients at the time `start`.
        linear: the factors of L, of the shape of v.
        nonlinear: N in Fourier space.
        start: the time of v.
        h: the length of a step.
        steps: how many.

    Returns:
        The coefficients after the last step.
    """
    real = type(linear.real.ravel()[0])
    turn = (np.arange(CIRCLE, dtype=real) + real(0.5)) / CIRCLE
    circle = np.exp(2j * (4 * np.arctan(real(1))) * turn)
    z = h * linear[..., None] + circle
    e, e2 = np.exp(h * linear), np.exp(h * linear / 2)
    q = h * np.mean((np.exp(z / 2) - 1) / z, axis=-1)
    f1 = h * np.mean((-4 - z + np.exp(z) * (4 - 3 * z + z**2)) / z**3, axis=-1)
    f2 = h * np.mean((2 + z + np.exp(z) * (z - 2)) / z**3, axis=-1)
    f3 = h * np.mean((-4 - 3 * z - z**2 + np.exp(z) * (4 - z)) / z**3, axis=-1)
    for k in range(steps):
        t = start + k * h
        nv = nonlinear(v, t)
        a = e2 * v + q * nv
        na = nonlinear(a, t + h / 2)
        b = e2 * v + q * na
        nb = nonlinear(b, t + h / 2)
        nc = nonlinear(e2 * a + q * (2 * nb - nv), t + h)
        v = e * v + nv * f1 + 2 * (na + nb) * f2 + nc * f3
    return v


@dataclass(frozen=True)
class Flow:
    """u_t = Σ linear[α] ∂^α u + nonlinear(x, t, u, …) on a periodic box, u = initial at `start`."""

    box: Box
    start: float
    linear: dict[Derivative, float]
    nonlinear: Node
    initial: Node

    @cached_property
    def _jets(self) -> tuple[Derivative, ...]:
        return tuple(sorted(jets(self.nonlinear), key=lambda jet: jet.index))

    def waves(self, points: int) -> tuple[Array, ...]:
        """ik along every axis (numbers per axis: points, … points // 2 + 1), shaped to
        broadcast.
        """
        d, side = self.box.dimension, self.box.upper - self.box.lower
        waves = []
        for axis in range(d):
            # A real transform stores half of the last axis.
            k = np.arange(points // 2 + 1) if axis == d - 1 else np.fft.fftfreq(points, 1 / points)
            shape = [1] * d
            shape[axis] = -1
            waves.append((2j * np.pi / side[axis] * k).reshape(shape))
        return tuple(waves)

    def symbol(self, jet: Derivative, points: int) -> Array:
        """The factor of ∂^α in Fourier space; the highest wave has no slope of odd order."""
        product: Array = np.ones((1,) * self.box.dimension, dtype=complex)
        for wave, times in zip(self.waves(points), jet.index, strict=False):
            factor = wave**times
            if times % 2:
                factor = np.where(np.abs(wave) == np.abs(wave).max(), 0, factor)
            product = product * factor
        return product

    def grid(self, points: int) -> Array:
        """The grid points (points^d, d)."""
        d, side = self.box.dimension, self.box.upper - self.box.lower
        axes = [self.box.lower[i] + side[i] * np.arange(points) / points for i in range(d)]
        return np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")], axis=1)

    def solve(self, points: int, steps: int, times: Array, nodes: int) -> Array:
        """u at equally spaced nodes and at some times.

        Args:
            points: grid points per axis.
            steps: time steps in all; between two times there are 4 at least.
            times: increasing, (T,).
            nodes: nodes per axis, a divisor of `points`.

        Returns:
            (T, nodes^d).

        Raises:
            NumericalError: the solution grows without bound.
        """
        d = self.box.dimension
        shape = (points,) * d
        linear = self._symbol_of_linear(points)
        nonlinear, v = self._nonlinear_part(points)
        now, values, every = self.start, [], max(1, points // nodes)
        early = self.start + (times[0] - self.start) * 2.0 ** np.arange(-EARLY, 0)
        length = (times[-1] - self.start) / steps
        with np.errstate(all="ignore"):
            for end in [*early, *times]:
                count = max(4, int(np.ceil((end - now) / length)))
                v = advance(v, linear, nonlinear, start=now, h=(end - now) / count, steps=count)
                now = end
                if not np.isfinite(v).all():
                    raise NumericalError(
                        f"reference: the Fourier solution grows without bound with {points} points"
                    )
                if end in times:
                    u = fft.irfftn(v, shape)
                    values.append(u[(slice(None, None, every),) * d].ravel())
        return np.array(values)

    def _symbol_of_linear(self, points: int) -> Array:
        """The factors of L in Fourier space."""
        symbol = np.zeros((1,) * self.box.dimension, dtype=complex)
        for jet, c in self.linear.items():
            symbol = symbol + c * self.symbol(jet, points)
        return np.broadcast_to(symbol, (points,) * (self.box.dimension - 1) + (points // 2 + 1,))

    def _nonlinear_part(self, points: int) -> tuple[Nonlinear, Array]:
        """N as a function of Fourier coefficients, and the coefficients of the initial values."""
        d = self.box.dimension
        shape = (points,) * d
        x = torch.tensor(np.column_stack([self.grid(points), np.zeros(points**d)]))
        symbols = [self.symbol(jet, points) for jet in self._jets]

        def nonlinear(v: Array, t: float) -> Array:
            x[:, -1] = t
            values = [torch.from_numpy(fft.irfftn(s * v, shape).ravel()) for s in symbols]
            known: Known = dict(zip(self._jets, values, strict=True))
            (term,) = evaluate([self.nonlinear], x, jet=known)
            return np.asarray(fft.rfftn(term.numpy().reshape(shape)))

        x[:, -1] = self.start
        (initial,) = evaluate([self.initial], x)
        return nonlinear, fft.rfftn(initial.numpy().reshape(shape))


@dataclass(frozen=True)
class Fourier:
    """The values of a flow for a state (points per axis, time steps): a `Method` of `compute`.

    Attributes:
        flow: what is solved.
        x: points (N, d + 1), equally spaced in space, at Radau times.
        w: their weights (N,).
        times: (T,), increasing.
        nodes: points per axis.
    """

    flow: Flow
    x: Array
    w: Array
    times: Array
    nodes: int

    @classmethod
    def of(cls, problem: Problem) -> Fourier:
        """The method for a problem; ConfigError when it is none for it."""
        moved = flow(problem)
        d, length = moved.box.dimension, float(problem.domain.upper[-1]) - moved.start
        nodes = NODES.get(d, 16)
        inner, w = roots_jacobi(TIMES - 1, 1, 0)
        times = moved.start + length * np.append((1 + inner) / 2, 1.0)
        weights = length * np.append(w / (1 - inner) / 2, 1 / TIMES**2)
        grid = moved.grid(nodes)
        x = np.column_stack([np.tile(grid, (TIMES, 1)), np.repeat(times, len(grid))])
        w = np.repeat(weights * moved.box.measure / len(grid), len(grid))
        return cls(moved, x, w, times=times, nodes=nodes)

    @property
    def start(self) -> tuple[int, ...]:
        """The coarsest state."""
        return (self.nodes, 200)

    def finer(self, state: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
        """A state for every way to refine: space, time."""
        points, steps = state
        return (2 * points, steps), (points, 2 * steps)

    def values(self, state: tuple[int, ...]) -> Array:
        """u at the points (N,); NumericalError when it grows without bound."""
        points, steps = state
        return self.flow.solve(points, steps, self.times, self.nodes).ravel()

    def describe(self, state: tuple[int, ...]) -> str:
        """A state in words."""
        points, steps = state
        return f"{points} Fourier modes per axis, {steps} time steps"


def flow(problem: Problem) -> Flow:
    """The flow of a problem; ConfigError says what of it is not of this kind."""
    domain = problem.domain
    if not isinstance(domain, SpaceTime) or not isinstance(domain.space, Box):
        raise _refused(problem, "it has no time, or its domain is no box")
    if len(problem.unknowns) != 1 or len(problem.equations) != 1:
        raise _refused(problem, f"it has {len(problem.unknowns)} unknowns")
    d = domain.space.dimension
    if periodic_parts(problem.conditions) != set(domain.space.parts):
        raise _refused(problem, "not every coordinate of space is periodic")
    (equation,) = problem.equations
    rate = Derivative(0, unit(d, d + 1, 1))
    mass = partial(equation, rate)
    if (
        not isinstance(mass, Number)
        or mass.value == 0
        or any(jet.index[-1] and jet != rate for jet in jets(equation))
    ):
        raise _refused(problem, "its equation is not u_t = N(u) with a constant factor of u_t")
    right = negate(divide(substitute(equation, {rate: number(0.0)}), mass))
    linear: dict[Derivative, float] = {}
    zeros: dict[Node, Node] = dict.fromkeys(jets(right), number(0.0))
    for jet in sorted(jets(right), key=lambda jet: jet.index):
        slope = substitute(partial(right, jet), zeros)
        if isinstance(slope, Number) and slope.value != 0:
            linear[jet] = slope.value
    nonlinear = add(right, *(multiply(number(-c), jet) for jet, c in linear.items()))
    return Flow(
        box=domain.space,
        start=domain.start,
        linear=linear,
        nonlinear=nonlinear,
        initial=_initial(problem, d),
    )


def _initial(problem: Problem, d: int) -> Node:
    initial = [c.node for c in problem.conditions if c.part == "initial"]
    value = Derivative(0, (0,) * (d + 1))
    further = [
        condition
        for condition in problem.conditions
        if condition.part != "initial" and not isinstance(condition, PeriodicCondition)
    ]
    if len(initial) == 1 and not further and jets(initial[0]) == {value}:
        slopes, remainder = linear_parts(initial[0])
        return negate(divide(remainder, slopes[value]))
    raise _refused(problem, "its only other condition must be u = f at first")


def _refused(problem: Problem, reason: str) -> ConfigError:
    return ConfigError(f"problem '{problem.name}': no Fourier reference: {reason}")
