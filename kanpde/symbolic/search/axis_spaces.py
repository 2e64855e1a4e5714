"""The functions of one coordinate that a field is made of, from its values along that axis.

    u(x) = Σ_jk… C_jk… f_j(x_1) g_k(x_2) …,    r_i functions of coordinate i

The values on many lines along axis i span those r_i functions. The left singular vectors of the
matrix of lines are a basis of the span, and r_i is where the singular values drop (De Lathauwer,
De Moor, Vandewalle, SIAM J. Matrix Anal. Appl. 21 (2000) 1253).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from kanpde.numerics.quadrature import Array

LINES = 24
"""Lines along an axis."""

NODES = 121
"""Points on a line."""

MOST = 8
"""Functions per axis."""

Field = Callable[[Array], Array]
"""(N, d) → (N,)."""


@dataclass(frozen=True)
class Box:
    """A box inside a domain, `lower` and `upper` (d,)."""

    lower: Array
    upper: Array

    def points(self, count: int, rng: np.random.Generator) -> Array:
        """Random points (N, d)."""
        return self.lower + (self.upper - self.lower) * rng.random((count, len(self.lower)))


@dataclass(frozen=True)
class Space:
    """A space of functions of one coordinate.

    Attributes:
        s: even nodes (n,).
        basis: an orthonormal basis U (n, r) by its values there.
        noise: the first singular value left out, relative to the last one used.
    """

    s: Array
    basis: Array
    noise: float

    @property
    def rank(self) -> int:
        """Number of functions r."""
        return int(self.basis.shape[1])


def inner_box(
    contains: Callable[[Array], np.ndarray], lower: Array, upper: Array, rng: np.random.Generator
) -> Box:
    """A large box within a domain; the bounding box where that lies inside.

    contains: (N, d) → whether each point lies in the domain. lower, upper: the bounding box (d,).
    A box is taken to lie inside where random points in it, on its faces and at its corners do.
    """
    d, half = len(lower), (upper - lower) / 2
    centres = [(lower + upper) / 2, *(lower + (upper - lower) * rng.random((400, d)))]
    probes = 2 * rng.random((300, d)) - 1
    largest = np.abs(probes).max(1, keepdims=True)
    probes = np.concatenate([probes, probes / largest, np.sign(probes)])
    best, size = Box(lower, upper), 0.0
    for k, centre in enumerate(centres):
        low, high = 0.0, 1.0
        room = np.minimum(half, np.minimum(centre - lower, upper - centre)) if k else half
        if room.min() <= 0 or not contains(centre[None])[0]:
            continue
        if float(np.prod(room)) <= size:
            continue
        # The whole room is tried first, then the largest share of it is found by halving.
        for step in range(12):
            middle = 1.0 if step == 0 else (low + high) / 2
            inside = contains(centre + middle * room * probes).all()
            low, high = (middle, high) if inside else (low, middle)
            if low == 1.0:
                break
        if low > 0 and (volume := float(np.prod(low * room))) > size:
            best, size = Box(centre - low * room, centre + low * room), volume
        if k == 0 and low == 1.0:
            break
    return best


def lines(field: Field, box: Box, axis: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Even nodes s (n,) of an axis and the values (n, M) of the field along M lines."""
    s = np.linspace(box.lower[axis], box.upper[axis], NODES)
    base = box.points(LINES, rng)
    x = np.repeat(base, NODES, axis=0)
    x[:, axis] = np.tile(s, LINES)
    return s, field(x).reshape(LINES, NODES).T


def spaces(s: Array, data: Array) -> list[Space]:
    """The spaces that the singular values suggest, the clearest drop first; none where nothing
    drops.
    """
    if not np.isfinite(data).all():
        return []
    u, sizes, _ = np.linalg.svd(data, full_matrices=False)
    if sizes[0] == 0:
        return []
    sizes = np.maximum(sizes / sizes[0], 1e-16)
    drops = [(sizes[r] / sizes[r - 1], r) for r in range(1, min(MOST, len(sizes) - 1) + 1)]
    good = sorted((ratio, r) for ratio, r in drops if ratio < 1e-2 and sizes[r] < 1e-3)
    return [Space(s, u[:, :r], float(ratio)) for ratio, r in good[:2]]
