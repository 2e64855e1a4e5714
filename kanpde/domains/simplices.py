"""Simplices: maps onto them, rules on them, and their uniform refinement.

    x = Σ_i λ_i v_i,    λ_1 = r_1,  λ_2 = (1 − r_1) r_2, …  with  r_i = 1 − (1 − u_i)^{1/(k−i+1)},  u in [0, 1]^k

maps the cube onto a simplex of k dimensions and keeps ratios of measure. Gauss–Jacobi nodes r_i for
the weight (1 − r)^{k−i}, n of them per axis, integrate polynomials of degree 2n − 1 exactly with
positive weights. Refinement halves every edge: a triangle gives 4 similar ones, a tetrahedron 8 of
at most three shapes.

Source: Stroud, Approximate Calculation of Multiple Integrals (1971), §2.4 (conical products);
Bey, Computing 55 (1995) 355–378 (refinement).
"""

from __future__ import annotations

from functools import lru_cache
from itertools import combinations

import numpy as np

from kanpde.domains.mesh import Indices
from kanpde.numerics import quadrature as rules
from kanpde.numerics.quadrature import Array

MOST_NODES = 64
_OCTAHEDRON = ((0, 5, 1, 2), (0, 5, 2, 4), (0, 5, 4, 3), (0, 5, 3, 1))
"""Four tetrahedra around the diagonal from the middle of edge 01 to that of edge 23; edges as
`combinations` has them.
"""


def barycentric(u: Array) -> Array:
    """Barycentric coordinates (N, k + 1) of points `u` (N, k) of the unit cube; the map keeps
    ratios of measure.
    """
    count, k = u.shape
    remaining = np.ones(count)
    shares = np.empty((count, k + 1))
    for i in range(k):
        after = remaining * (1.0 - u[:, i]) ** (1.0 / (k - i))
        shares[:, i + 1] = remaining - after
        remaining = after
    shares[:, 0] = remaining
    return shares


@lru_cache(maxsize=MOST_NODES)
def gauss(nodes: int, k: int) -> rules.Rule:
    """Barycentric nodes (nodes^k, k + 1) and weights, Σw = 1, exact for degree 2·`nodes` − 1."""
    axes = [_jacobi(nodes, k - 1 - i) for i in range(k)]
    r, w = rules.tensor(axes)
    u = np.stack([1.0 - (1.0 - r[:, i]) ** (k - i) for i in range(k)], axis=1) if k else r
    return barycentric(u), w / w.sum()


def _jacobi(nodes: int, power: int) -> rules.Rule:
    """Gauss–Jacobi nodes and weights on [0, 1] for the weight (1 − r)^power."""
    from scipy.special import roots_jacobi

    x, w = roots_jacobi(nodes, power, 0.0)
    return (x + 1.0) / 2.0, w / w.sum()


def measures(points: Array, simplices: Indices) -> Array:
    """The length, area or volume (S,) of simplices (S, k + 1) of any dimension k in d coordinates,
    k ≤ d ≤ 3.
    """
    edges = points[simplices[:, 1:]] - points[simplices[:, :1]]
    k, d = edges.shape[1:]
    if k == 0:
        return np.ones(len(simplices))
    if k == 1:
        return np.asarray(np.linalg.norm(edges[:, 0], axis=1))
    if k == d:
        return np.asarray(np.abs(np.linalg.det(edges)) / (2.0 if k == 2 else 6.0))
    return np.asarray(np.linalg.norm(np.cross(edges[:, 0], edges[:, 1]), axis=1) / 2.0)


def refine(points: Array, cells: Indices) -> tuple[Array, Indices]:
    """The mesh of triangles or tetrahedra with every edge halved: points (V', d) that begin with
    the old, cells (C', d + 1).
    """
    k = cells.shape[1]
    pairs = list(combinations(range(k), 2))
    edges = np.sort(cells[:, pairs].reshape(-1, 2), axis=1)
    unique, inverse = np.unique(edges, axis=0, return_inverse=True)
    middle = len(points) + inverse.reshape(len(cells), len(pairs))
    middles = (points[unique[:, 0]] + points[unique[:, 1]]) / 2
    children = []
    for i in range(k):  # the child at corner i: the corner and the middles of its edges
        corner = [
            middle[:, pairs.index((min(i, j), max(i, j)))] if i != j else cells[:, i]
            for j in range(k)
        ]
        children.append(np.stack(corner, axis=1))
    inner = ((0, 1, 2),) if k == 3 else _OCTAHEDRON
    children += [middle[:, list(corners)] for corners in inner]
    return np.concatenate([points, middles]), np.concatenate(children).astype(np.int64)


def longest_edge(points: Array, cells: Indices) -> float:
    """The length of the longest edge of the cells (C, k)."""
    return max(
        float(np.max(np.linalg.norm(points[cells[:, i]] - points[cells[:, j]], axis=1)))
        for i, j in combinations(range(cells.shape[1]), 2)
    )


def in_morton_order(centres: Array) -> Indices:
    """The order (C,) of points (C, d) along a Z-curve: neighbours in the order are neighbours in
    space.
    """
    low = centres.min(axis=0)
    size = max(float((centres.max(axis=0) - low).max()), 1e-300)
    grid = np.minimum((centres - low) / size * 2**16, 2**16 - 1).astype(np.int64)
    key = np.zeros(len(centres), dtype=np.int64)
    for bit in range(16):
        for axis in range(centres.shape[1]):
            key |= ((grid[:, axis] >> bit) & 1) << (bit * centres.shape[1] + axis)
    return np.argsort(key, kind="stable").astype(np.int64)
