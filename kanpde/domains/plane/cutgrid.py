"""A tetrahedral mesh of a body given by a level function: a grid of tetrahedra cut where the level
changes its sign.

A tetrahedron with one vertex inside leaves a tetrahedron, with two or three a wedge. The wedge (v_0
v_1 v_2 | w_0 w_1 w_2) is split as in `mesh.extrude`; as its edges v_i are ordered by their vertices
inside, neighbours split a common face the same way. Cut points lie on the boundary exactly; edges
of the body that no grid plane holds are bevelled within a cell.

Source: Doi & Koide, IEICE Transactions E74 (1991) 214–224 (marching tetrahedra).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from kanpde.domains.mesh import Indices, Mesh, extrude, line_mesh, simplex_mesh
from kanpde.numerics.quadrature import Array

HALVINGS = 50
_CORNERS = 4


def cut_grid(level: Callable[[Array], Array], axes: Sequence[Array], slack: float) -> Mesh:
    """The part of the grid over three increasing `axes` where level ≤ 0; vertices with a level of
    at most `slack` are inside.
    """
    grid = line_mesh(axes[0])
    for levels in axes[1:]:
        grid = extrude(grid, levels)
    points, cells = grid.points, np.sort(grid.cells[0][1], axis=1)
    inside = level(points) <= slack
    order = np.argsort(~inside[cells], axis=1, kind="stable")
    cells = np.take_along_axis(cells, order, axis=1)
    held = inside[cells].sum(axis=1)
    crossed = np.unique(np.concatenate([_edges(cells[held == k], k) for k in (1, 2, 3)]), axis=0)
    cuts = (
        _roots(level, points[crossed[:, 0]], points[crossed[:, 1]], slack)
        if len(crossed)
        else points[:0]
    )
    keys = crossed @ np.array([len(points), 1])

    def at(cell: Indices, a: int, b: int) -> Indices:
        """The vertices on the edges from corner a (inside) to corner b (outside) of some cells."""
        found = np.searchsorted(keys, cell[:, a] * len(points) + cell[:, b])
        return np.asarray(found + len(points), dtype=np.int64)

    one, two, three = (cells[held == k] for k in (1, 2, 3))
    pieces = [
        cells[held == _CORNERS],
        np.stack([one[:, 0], at(one, 0, 1), at(one, 0, 2), at(one, 0, 3)], axis=1),
        *_wedge(
            [two[:, 0], at(two, 0, 2), at(two, 0, 3)], [two[:, 1], at(two, 1, 2), at(two, 1, 3)]
        ),
        *_wedge([three[:, k] for k in range(3)], [at(three, k, 3) for k in range(3)]),
    ]
    return simplex_mesh(np.concatenate([points, cuts]), np.concatenate(pieces), thinnest=1e-10)


def _edges(cells: Indices, held: int) -> Indices:
    """The edges (E, 2) of cells from their first `held` corners to the others."""
    pairs = [(a, b) for a in range(held) for b in range(held, _CORNERS)]
    return cells[:, pairs].reshape(-1, 2)


def _wedge(v: Sequence[Indices], w: Sequence[Indices]) -> list[Indices]:
    return [np.stack([*v[: i + 1], *w[i:]], axis=1) for i in range(3)]


def _roots(level: Callable[[Array], Array], a: Array, b: Array, slack: float) -> Array:
    """Points (E, 3) between those of `a` inside and `b` outside where the level changes its sign,
    on the inner side.
    """
    low, high = np.zeros((len(a), 1)), np.ones((len(a), 1))
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        inside = (level(a + middle * (b - a)) <= slack)[:, None]
        low, high = np.where(inside, middle, low), np.where(inside, high, middle)
    return np.asarray(a + low * (b - a), dtype=np.float64)
