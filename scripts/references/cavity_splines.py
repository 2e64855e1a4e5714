"""The regularised lid-driven cavity by splines: a reference for the steady Navier-Stokes equations

    u·∇u + ∇p = Δu / Re,   ∇·u = 0  on [0, 1]²,   u = (4x(1 - x), 0) at y = 1, u = 0 elsewhere, p(1/2, 0) = 0.

Where the lid meets a wall the velocity is Lipschitz only, ψ ~ r² f(θ), and the pressure behaves
like log r (Moffatt, J. Fluid Mech. 18, 1964, has the local solutions). So the intervals shrink
geometrically towards the two upper corners. Velocity and pressure are tensor splines of degrees k +
1 and k, both with k - 1 continuous derivatives, the isogeometric Taylor-Hood pair (Buffa, de Falco
& Sangalli, Int. J. Numer. Meth. Fluids 65, 2011). Newton's method on the weak form.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy import sparse
from scipy.interpolate import BSpline
from scipy.sparse.linalg import splu

Array = np.ndarray[Any, Any]
PIN = np.array([[0.5, 0.0]])


def breakpoints(levels: int, even: int, both_ends: bool) -> Array:
    """Ends of intervals on [0, 1]: `even` on each half, the last at 1 (and the first at 0 if
    `both_ends`) halved `levels` times.
    """
    half = np.linspace(0.5, 1, even + 1)
    near = 1 - (1 - half[-2]) * 2.0 ** -np.arange(1, levels + 1)
    upper = np.concatenate([half[:-1], near, [1.0]])
    return np.concatenate(
        [1 - upper[:0:-1] if both_ends else np.linspace(0, 0.5, even + 1)[:-1], upper]
    )


def gauss(ends: Array, nodes: int) -> tuple[Array, Array]:
    """Gauss-Legendre nodes and weights on every interval."""
    s, w = np.polynomial.legendre.leggauss(nodes)
    half, middle = np.diff(ends) / 2, (ends[1:] + ends[:-1]) / 2
    return (middle[:, None] + half[:, None] * s).ravel(), (half[:, None] * w).ravel()


@dataclass(frozen=True)
class Splines:
    """Tensor splines of one degree on the intervals of both axes, inner knots as often as
    `multiplicity` says.
    """

    axes: tuple[Array, Array]
    degree: int
    multiplicity: int

    def knots(self, axis: int) -> Array:
        """The knots of an axis."""
        ends = self.axes[axis]
        inner = np.repeat(ends[1:-1], self.multiplicity)
        return np.concatenate(
            [[ends[0]] * (self.degree + 1), inner, [ends[-1]] * (self.degree + 1)]
        )

    def size(self, axis: int) -> int:
        """The number of splines of an axis."""
        return len(self.knots(axis)) - self.degree - 1

    def along(self, axis: int, x: Array, order: int) -> Any:
        """The splines of an axis or their first derivatives at x, sparse (len(x), size)."""
        every = BSpline(self.knots(axis), np.eye(self.size(axis)), self.degree)
        return sparse.csr_array((every.derivative() if order else every)(x))

    def interpolating(self, axis: int) -> tuple[Array, Array]:
        """Greville points (means of neighbouring knots), as many as splines, and the splines
        there.
        """
        knots, size = self.knots(axis), self.size(axis)
        points = np.array([knots[k + 1 : k + 1 + self.degree].mean() for k in range(size)])
        return points, self.along(axis, points, 0).toarray()

    def at(self, x: Array, y: Array, dx: int = 0, dy: int = 0) -> Any:
        """The same of the tensor splines on the grid of x and y."""
        return sparse.kron(self.along(0, x, dx), self.along(1, y, dy), format="csr")


class Cavity:
    """The discrete problem: pressure of degree `degree`, intervals as `breakpoints` has them."""

    def __init__(self, re: float, degree: int, levels: int, even: int) -> None:
        self.re = re
        self.axes = breakpoints(levels, even, True), breakpoints(levels, even, False)
        self.velocity = Splines(self.axes, degree + 1, 2)
        self.pressure = Splines(self.axes, degree, 1)
        (x, wx), (y, wy) = (gauss(ends, degree + 4) for ends in self.axes)
        self.w = np.outer(wx, wy).ravel()
        self.value, self.dx, self.dy = (
            self.velocity.at(x, y, *order) for order in ((0, 0), (1, 0), (0, 1))
        )
        self.pressed = self.pressure.at(x, y)
        self.n, self.m = self.value.shape[1], self.pressed.shape[1]

    @cached_property
    def stokes(self) -> tuple[Any, Any, Any]:
        """(∇a, ∇b) / Re and -(q, ∂_x a), -(q, ∂_y a)."""
        stiffness = (self.form(self.dx, 1.0, self.dx) + self.form(self.dy, 1.0, self.dy)) / self.re
        return (
            stiffness,
            -self.form(self.pressed, 1.0, self.dx),
            -self.form(self.pressed, 1.0, self.dy),
        )

    def form(self, test: Any, factor: Any, trial: Any) -> Any:
        """∫ test · factor · trial."""
        return test.T @ (trial.multiply((self.w * factor)[:, None]).tocsr())

    def start(self, before: Solved | None) -> tuple[Array, Array]:
        """Zero but for the velocity of the lid, or an earlier velocity; and which coefficients are
        free.
        """
        nx, ny = self.velocity.size(0), self.velocity.size(1)
        (x, along), (y, up) = (self.velocity.interpolating(axis) for axis in (0, 1))
        velocity = np.zeros((2, nx, ny))
        if before is not None:
            velocity = np.moveaxis(
                before[0].values(before[1], x, y)[:, :2].reshape(nx, ny, 2), 2, 0
            )
        velocity[0, :, -1] = 4 * x * (1 - x)
        inside = np.zeros((nx, ny), dtype=bool)
        inside[1:-1, 1:-1] = True
        free = np.concatenate([inside.ravel(), inside.ravel(), np.arange(self.m) > 0])
        interpolated = np.linalg.solve(along, velocity) @ np.linalg.inv(up).T
        return np.concatenate([interpolated.ravel(), np.zeros(self.m)]), np.flatnonzero(free)

    def linearised(self, state: Array) -> tuple[Any, Array]:
        """Newton's matrix and the residual at a state."""
        u, v, p = np.split(state, [self.n, 2 * self.n])
        stiffness, by_x, by_y = self.stokes
        carried = (
            stiffness
            + self.form(self.value, self.value @ u, self.dx)
            + self.form(self.value, self.value @ v, self.dy)
        )
        ux, uy, vx, vy = (
            self.form(self.value, slope @ c, self.value)
            for c in (u, v)
            for slope in (self.dx, self.dy)
        )
        matrix = sparse.block_array(
            [[carried + ux, uy, by_x.T], [vx, carried + vy, by_y.T], [by_x, by_y, None]]
        )
        residual = [carried @ u + by_x.T @ p, carried @ v + by_y.T @ p, by_x @ u + by_y @ v]
        return matrix.tocsc(), np.concatenate(residual)

    def solve(self, before: Solved | None = None, tolerance: float = 1e-6) -> Array:
        """Newton's method, from an earlier solution if one is given, until it moves the velocity by
        less than `tolerance` of itself: the error is the square of that.
        """
        state, free = self.start(before)
        for _ in range(20):
            matrix, residual = self.linearised(state)
            step = splu(matrix[free][:, free]).solve(-residual[free])
            state[free] += step
            if np.linalg.norm(step[: 1 - self.m]) < tolerance * np.linalg.norm(state[: 2 * self.n]):
                break
        return state

    def values(self, state: Array, x: Array, y: Array) -> Array:
        """u, v and p, zero at the pin, on a grid, (len(x) · len(y), 3)."""
        u, v, p = np.split(state, [self.n, 2 * self.n])
        at, pressed = self.velocity.at(x, y), self.pressure.at(x, y)
        pin = (self.pressure.at(*PIN.T) @ p)[0]
        return np.stack([at @ u, at @ v, pressed @ p - pin], axis=1)


Solved = tuple[Cavity, Array]
"""A problem and its solution."""
