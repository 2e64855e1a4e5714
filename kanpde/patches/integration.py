"""Quadrature over the cells of patches, on which a solution is a polynomial."""

from __future__ import annotations

import numpy as np

from kanpde.numerics.quadrature import Array, PointSet
from kanpde.patches.cells import Cell
from kanpde.patches.covers import cover_of
from kanpde.patches.preparation import in_best_coordinates
from kanpde.problem.problem import Problem
from kanpde.results.numbers import Rule, Rules, panels
from kanpde.trial.patchwork import Patchwork

FEWER, MORE = 2, 8
"""Nodes beyond the degree of a patch, of two rules."""


def rules_of(problem: Problem, trial: Patchwork, further: int = MORE) -> Rules:
    """Rules of the cells of a trial solution, or of their pieces of a part."""

    def rule(part: str | None) -> Rule:
        domain = problem.domain
        if domain.dimension == 1 and not problem.regions:
            if part is None:
                return Rule(panels(float(domain.lower[0]), float(domain.upper[0])))
            return Rule(domain.part_quadrature(part, 1))
        points, region = of_cells(problem, trial, part, further)
        return Rule(points, region if problem.regions else None)

    return rule


def of_cells(
    problem: Problem, trial: Patchwork, part: str | None, further: int = FEWER
) -> tuple[PointSet, np.ndarray[tuple[int, ...], np.dtype[np.int64]]]:
    """Points of all cells, or of their pieces of a part (of regions NAME.PART), and the region of
    each.
    """
    tiles, skew = trial.tiles, trial.tiles.skew
    in_cells = in_best_coordinates(problem)[0] if len(skew) else problem
    cover = cover_of(in_cells, skew=skew if len(skew) else None)
    pieces: list[tuple[Array, Array, Array | None, int]] = []
    name, dot, rest = (part or "").partition(".")
    owner = problem.regions.index(name) if dot and name in problem.regions else None
    wanted = part if owner is None else rest
    for levels, indices, patch in zip(tiles.levels, tiles.indices, tiles.owner, strict=True):
        cell = Cell(tuple(levels.tolist()), tuple(indices.tolist()))
        region = int(tiles.region[patch])
        member = cover.members[region] if cover.members else cover
        nodes = int(tiles.degrees[patch]) + further
        if part is None:
            pieces.append((*member.integrated(cell, nodes), None, region))
        elif owner is None or owner == region:
            rim = [points for name, points in member.boundary(cell, nodes) if name == wanted]
            pieces += [(points.x, points.w, points.normal, region) for points in rim]
    x, w = (np.concatenate([piece[k] for piece in pieces]) for k in range(2))
    normals = [piece[2] for piece in pieces if piece[2] is not None]
    region_of = np.concatenate([np.full(len(piece[0]), piece[3]) for piece in pieces])
    points = PointSet(x, w, np.concatenate(normals) if normals else None)
    return (stated(points, skew) if len(skew) else points), region_of


def stated(points: PointSet, skew: Array) -> PointSet:
    """Points in coordinates ξ = S x, inside or on the boundary, in the coordinates x; |det S| is 1.

    n ds = Sᵀ n_ξ ds_ξ
    """
    x = np.asarray(np.linalg.solve(skew, points.x.T).T, dtype=np.float64)
    if points.normal is None:
        return PointSet(x, points.w)
    normal = points.normal @ skew
    length = np.linalg.norm(normal, axis=1)
    return PointSet(x, points.w * length, normal / length[:, None])
