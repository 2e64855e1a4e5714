"""Where a solution rests on its obstacle: intervals on a line, star-shaped sets in the plane.

On its rim Γ both w = u - g and ∂_n w are 0. Where u = g is prescribed on a guess of Γ, the slope of
w there says how far Γ is, and since ∂_n w = 0 at the solution nothing else counts to first order:

    δ = -∂_n w/∂_nn w,     taken from outside: Newton's method, whose steps are squared each time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from kanpde.numerics.quadrature import Array

SAMPLES = 4001
"""Points of a line at which a set is looked for."""

ANGLES, WAVES = 96, 24
"""Directions in which a rim is looked for, and waves of its radius."""

GRID = 161
"""Points along the sides of a box at which a set is looked for."""

NEGLIGIBLE, GUESS, ROUNDED = 0.01, 0.05, 1e-9
"""Waves below this share of the last step are left out, so that a circle stays one; how far off the
first guess is, as a share of the set; and what no step is below.
"""

HALVINGS = 50

Inside = Callable[[Array], NDArray[np.bool_]]
"""From points (N, d) to whether each is in the domain, (N,)."""

Values = Callable[[Array], Array]
"""From points (N, d) to values (N,)."""


@dataclass(frozen=True)
class Intervals:
    """Where it rests on a line: rows (K, 2) of ends, those at an end of the domain among them."""

    ends: Array

    def formula(self, names: Sequence[str]) -> str:
        """What is true on the set."""
        x = names[0]
        return " or ".join(f"({a!r} < {x} and {x} < {b!r})" for a, b in self.ends.tolist())

    @property
    def arrays(self) -> dict[str, Array]:
        """For a file."""
        return {"ends": self.ends}


@dataclass(frozen=True)
class Star:
    """Where it rests in the plane: |x - center| < c_0 + Σ c_k cos kθ + s_k sin kθ, with the
    coefficients (c_0, c_1, s_1, c_2, …), or outside of that.
    """

    center: Array
    coefficients: Array
    inside: bool = True

    def formula(self, names: Sequence[str]) -> str:
        """What is true on the set."""
        x, y = (f"({n} - ({c!r}))" for n, c in zip(names, self.center.tolist(), strict=True))
        radius = [repr(float(self.coefficients[0]))]
        for number, value in enumerate(self.coefficients[1:].tolist(), start=1):
            if value:
                word = "cos" if number % 2 else "sin"
                radius.append(f"({value:.15g})*{word}({(number + 1) // 2}*atan2({y}, {x}))")
        less = "<" if self.inside else ">"
        if len(radius) == 1:
            return f"{x}**2 + {y}**2 {less} {radius[0]}**2"
        return f"sqrt({x}**2 + {y}**2) {less} {' + '.join(radius)}"

    @property
    def arrays(self) -> dict[str, Array]:
        """For a file."""
        side = np.array(self.inside)
        return {"center": self.center, "coefficients": self.coefficients, "inside": side}

    @classmethod
    def through(cls, center: Array, radii: Array, known_to: float) -> Star:
        """By the radii (ANGLES,) where these are known to a length."""
        c = 2 / ANGLES * radii @ _waves(_angles())  # which are orthogonal at even angles
        c[0] /= 2
        c[np.abs(c) < NEGLIGIBLE * max(known_to, abs(c[0]) * ROUNDED)] = 0.0
        return cls(center, c)

    def rim(self) -> tuple[Array, Array, Array]:
        """Points (N, 2) in the directions (N, 2) from the center, and the outward normals there."""
        angles = _angles()
        out = np.column_stack([np.cos(angles), np.sin(angles)])
        along = np.column_stack([-np.sin(angles), np.cos(angles)])
        radii, slopes = _waves(angles) @ self.coefficients, _waves(angles, 1) @ self.coefficients
        normal = radii[:, None] * out - slopes[:, None] * along
        normal /= np.linalg.norm(normal, axis=1)[:, None]
        return self.center + radii[:, None] * out, out, normal

    def moved(self, steps: Array) -> Star:
        """By steps (N,) along the normals."""
        x, out, normal = self.rim()
        radii = np.einsum("ij,ij->i", x - self.center, out)
        along = steps / np.einsum("ij,ij->i", out, normal)
        moved = Star.through(self.center, radii + along, float(np.abs(along).max()))
        return replace(moved, inside=self.inside)


def _angles() -> Array:
    return np.asarray(2 * np.pi * np.arange(ANGLES) / ANGLES)


def _waves(angles: Array, derivative: int = 0) -> Array:
    """1, cos θ, sin θ, cos 2θ, … (N, 2·WAVES + 1), or their slopes."""
    k = np.arange(1, WAVES + 1)
    cosines, sines = np.cos(angles[:, None] * k), np.sin(angles[:, None] * k)
    if derivative:
        cosines, sines = -k * sines, k * cosines
    waves = np.stack([cosines, sines], axis=2).reshape(len(angles), -1)
    first = np.full((len(angles), 1), 0.0 if derivative else 1.0)
    return np.concatenate([first, waves], axis=1)


def resting_on_a_line(gap: Values, lower: float, upper: float) -> Intervals:
    """Where a gap is negative between two ends."""
    x = np.linspace(lower, upper, SAMPLES)
    rests = np.concatenate([[False], gap(x[:, None]) < 0, [False]])
    begins = np.flatnonzero(~rests[:-1] & rests[1:])
    ends = np.flatnonzero(rests[:-1] & ~rests[1:]) - 1
    return Intervals(np.column_stack([x[begins], x[ends]]))


def resting_in_the_plane(gap: Values, inside: Inside, lower: Array, upper: Array) -> Star | None:
    """Where a gap is negative; None where neither that nor the rest is a set that is seen whole from
    its middle and lies inside the domain.
    """
    rests = _seen_whole(gap, inside, lower, upper)
    if rests is not None:
        return rests
    free = _seen_whole(lambda x: np.where(gap(x) < 0, 1.0, -1.0), inside, lower, upper)
    return None if free is None else replace(free, inside=False)


def _seen_whole(gap: Values, inside: Inside, lower: Array, upper: Array) -> Star | None:
    """Where a gap is negative, if all rays from the middle leave that set once and in the domain."""
    axes = [np.linspace(low, high, GRID) for low, high in zip(lower, upper, strict=True)]
    x = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    x = x[inside(x)]
    rests = x[gap(x) < 0]
    if len(rests) < 4 * WAVES:
        return None
    center = rests.mean(axis=0)
    digits = 3 - int(np.floor(np.log10(float((upper - lower).max()))))
    center = np.round(center, digits) + 0.0  # formulas are short, and symmetric sets stay so
    angles = _angles()
    out = np.column_stack([np.cos(angles), np.sin(angles)])
    reach = 1.5 * float(np.linalg.norm(rests - center, axis=1).max())
    shares = np.linspace(0, 1, GRID)
    along = center + reach * shares[None, :, None] * out[:, None, :]
    is_inside = inside(along.reshape(-1, 2)).reshape(ANGLES, GRID)
    signs = np.zeros((ANGLES, GRID))
    signs[is_inside] = gap(along[is_inside])
    negative = signs < 0
    turns = (negative[:, :-1] != negative[:, 1:]).sum(axis=1)
    first = negative.argmin(axis=1)
    if (
        (turns != 1).any()
        or not negative[:, 0].all()
        or not is_inside[np.arange(ANGLES), first].all()
    ):
        return None
    low, high = reach * shares[first - 1], reach * shares[first]
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        below = gap(center + middle[:, None] * out) < 0
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return Star.through(center, (low + high) / 2, reach * GUESS)
