"""A mesh of a body, or of a plane section of one, given by a level function: a grid of tetrahedra,
or of triangles, cut where the level changes its sign.

Of a tetrahedron with one vertex inside a tetrahedron is inside, with two or three a wedge; of a
triangle a triangle or a quadrangle, which is the wedge (v_0 v_1 | w_0 w_1). The wedge
(v_0 v_1 v_2 | w_0 w_1 w_2) is split as in `mesh.extrude`; as its edges v_i are ordered by their
vertices inside, neighbours split a common face the same way. Cut points lie on the boundary
exactly; edges of the body that lie in no grid plane are bevelled within a cell.

Source: Doi & Koide, IEICE Transactions E74 (1991) 214–224 (marching tetrahedra).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from kanpde.domains.mesh import Indices, Mesh, extrude, line_mesh, simplex_mesh
from kanpde.numerics.quadrature import Array

HALVINGS = 50
"""Bisections of an edge, which find a cut point to 2^−50 of its length."""


def cut_grid(level: Callable[[Array], Array], axes: Sequence[Array], slack: float) -> Mesh:
    """The part of the grid over two or three increasing `axes` where level ≤ 0; vertices with a
    level of at most `slack` are inside. ConfigError where nothing is.
    """
    corners = len(axes) + 1
    grid = line_mesh(axes[0])
    for levels in axes[1:]:
        grid = extrude(grid, levels)
    points, cells = grid.points, np.sort(grid.cells[0][1], axis=1)
    inside = level(points) <= slack
    order = np.argsort(~inside[cells], axis=1, kind="stable")
    cells = np.take_along_axis(cells, order, axis=1)
    inside_count = inside[cells].sum(axis=1)
    crossed = np.unique(
        np.concatenate([_edges(cells[inside_count == k], k) for k in range(1, corners)]), axis=0
    )
    cuts = points[:0]
    if len(crossed):
        cuts = _roots(level, points[crossed[:, 0]], points[crossed[:, 1]], slack)
    keys = crossed @ np.array([len(points), 1])

    def at(cell: Indices, a: int, b: int) -> Indices:
        """The vertices on the edges from corner a (inside) to corner b (outside) of some cells."""
        positions = np.searchsorted(keys, cell[:, a] * len(points) + cell[:, b])
        return np.asarray(positions + len(points), dtype=np.int64)

    last = corners - 1
    with_one, with_last = cells[inside_count == 1], cells[inside_count == last]
    pieces = [
        cells[inside_count == corners],
        np.stack([with_one[:, 0], *(at(with_one, 0, k) for k in range(1, corners))], axis=1),
        *_wedge(
            [with_last[:, k] for k in range(last)], [at(with_last, k, last) for k in range(last)]
        ),
    ]
    if corners == 4:
        with_two = cells[inside_count == 2]
        pieces += _wedge(
            [with_two[:, 0], at(with_two, 0, 2), at(with_two, 0, 3)],
            [with_two[:, 1], at(with_two, 1, 2), at(with_two, 1, 3)],
        )
    return simplex_mesh(np.concatenate([points, cuts]), np.concatenate(pieces), thinnest=1e-10)


def _edges(cells: Indices, inside: int) -> Indices:
    """The edges (E, 2) of cells from their first `inside` corners to the others."""
    pairs = [(a, b) for a in range(inside) for b in range(inside, cells.shape[1])]
    return cells[:, pairs].reshape(-1, 2)


def _wedge(v: Sequence[Indices], w: Sequence[Indices]) -> list[Indices]:
    return [np.stack([*v[: i + 1], *w[i:]], axis=1) for i in range(len(v))]


def _roots(level: Callable[[Array], Array], a: Array, b: Array, slack: float) -> Array:
    """Points (E, d) between those of `a` inside and `b` outside where the level changes its sign,
    on the inner side.
    """
    low, high = np.zeros((len(a), 1)), np.ones((len(a), 1))
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        inside = (level(a + middle * (b - a)) <= slack)[:, None]
        low, high = np.where(inside, middle, low), np.where(inside, high, middle)
    return np.asarray(a + low * (b - a), dtype=np.float64)
