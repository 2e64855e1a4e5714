"""The mathematics of patches: rows are residuals, elimination is one QR, polynomials are exact."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from patch_helpers import HOLE, SIDES, SQUARE, error, first, problem_of, solved

from kanpde.expressions.evaluate import evaluate
from kanpde.numerics.jets import JetSpace, by_autograd
from kanpde.numerics.polynomials import size
from kanpde.patches.cells import Cell
from kanpde.patches.covers import cover_of
from kanpde.patches.elimination import Elimination
from kanpde.patches.faces import face_rows
from kanpde.patches.kans import patchwork
from kanpde.patches.layout import balanced, layout
from kanpde.patches.refinement import refined
from kanpde.patches.rows import System, boundary, interior, rows

VARIABLE = {
    "domain": {"difference": [SQUARE, HOLE]},
    "unknowns": ["u", "v"],
    "equations": [
        "-dx((1 + x*y)*dx(u)) - 2*dy(dy(u)) + dx(dy(v)) + u = sin(x)",
        "-laplacian(v) + y*dx(u) = exp(y)",
    ],
    "conditions": [
        {"part": SIDES, "equation": ["u = x", "v + u = y"]},
        {"part": "hole", "equation": ["(1 + x)*dn(u) + u = 1", "dn(v) + dx(u) = 0"]},
    ],
}


def test_rows_of_a_cut_patch_are_its_residuals_by_autograd() -> None:
    problem = problem_of(**VARIABLE)
    cover, system = cover_of(problem, 4), System.of(problem)
    patches = layout(cover, balanced(cover, dict.fromkeys(cover.start(), 6)))
    rng = np.random.default_rng(3)
    coefficients = [rng.standard_normal((size(6, 2), 2)) for _ in patches]
    trial = patchwork(cover, patches, coefficients)
    number = next(k for k, patch in enumerate(patches) if set(boundary(cover, patch)) == {"hole"})
    patch, piece = patches[number], trial.piece(number)
    (patch_rows,) = rows(system, cover, [patch])
    residuals = patch_rows.matrix @ coefficients[number].T.ravel() - patch_rows.right
    space = JetSpace.closure([(2, 0), (1, 1), (0, 2)], 2)

    def residual(node: object, x: np.ndarray, normal: np.ndarray | None) -> np.ndarray:
        jet = by_autograd(piece, torch.tensor(x), space)
        normals = None if normal is None else torch.tensor(normal)
        read = {}
        for unknown in (0, 1):
            for index in space.indices:
                read[unknown, index] = jet.derivative(index)[unknown]
        values = evaluate(
            [node], torch.tensor(x), normals, lambda jet: read[jet.unknown, jet.index]
        )
        return values[0].detach().numpy()

    inner, at = interior(cover, patch), 0
    blocks = [(node, inner) for node in problem.equations]
    hole = boundary(cover, patch)["hole"]
    blocks += [(c.node, hole) for c in problem.conditions if c.part == "hole"]
    for node, points in blocks:
        expected = residual(node, points.x, points.normal) * np.sqrt(points.w)
        block = residuals[at : at + len(points.x)]
        factor = (block @ expected) / (expected @ expected)
        assert factor > 0
        np.testing.assert_allclose(block, factor * expected, atol=1e-9 * np.abs(block).max())
        mean = residuals[at + len(points.x)]
        share = np.sqrt(points.w / points.w.sum())
        assert mean == pytest.approx(patch_rows.mean * (share @ block), rel=1e-8)
        at += len(points.x) + 1


def test_elimination_gives_what_one_dense_qr_gives() -> None:
    problem = problem_of(**VARIABLE)
    level = solved(problem, cells=2, degree=4, split=[first(0, 0)])
    rows_of_patches = rows(level.system, level.cover, level.patches)
    start, column = {}, 0
    for number, patch in enumerate(level.patches):
        start[number] = column
        column += 2 * size(patch.degree, 2)
    for patch in level.patches:
        for face, degree in patch.faces:
            if face.key not in start:
                start[face.key] = column
                column += face_rows(patch, face, degree, rows_of_patches[0])[1].shape[1]
    stacked, right = [], []
    for number, (patch, local) in enumerate(zip(level.patches, rows_of_patches, strict=True)):
        n, at = local.matrix.shape[1], start[number]
        block = np.zeros((len(local.matrix), column))
        block[:, at : at + n] = local.matrix
        stacked.append(block)
        right.append(local.right)
        for face, degree in patch.faces:
            matrix, taken = face_rows(patch, face, degree, local)
            block = np.zeros((len(matrix), column))
            block[:, at : at + n] = matrix
            block[:, start[face.key] : start[face.key] + taken.shape[1]] = -taken
            stacked.append(block)
            right.append(np.zeros(len(matrix)))
    dense = np.linalg.lstsq(np.concatenate(stacked), np.concatenate(right), rcond=None)[0]
    for number, coefficients in enumerate(level.coefficients):
        flat = coefficients.T.ravel()
        expected = dense[start[number] : start[number] + len(flat)]
        np.testing.assert_allclose(flat, expected, atol=1e-8 * np.abs(dense).max())
    residual = np.concatenate(stacked) @ dense - np.concatenate(right)
    assert level.squares.sum() == pytest.approx(residual @ residual, rel=1e-6)


def test_a_second_solve_of_known_patches_gives_the_same_bits() -> None:
    problem = problem_of(**VARIABLE)
    level = solved(problem, cells=3, degree=5)
    elimination = Elimination(level.cover.counts)
    for patch, patch_rows in zip(
        level.patches, rows(level.system, level.cover, level.patches), strict=True
    ):
        elimination.add(patch, patch_rows)
    first, *_ = elimination.solve(level.patches)
    assert not elimination.missing(level.patches)
    again, *_ = elimination.solve(level.patches)
    assert all((a == b).all() for a, b in zip(first, again, strict=True))


@pytest.mark.parametrize("split", [[], [first(2, 2), first(0, 1)]])
def test_polynomials_are_exact_on_cut_cells_with_hanging_faces(
    split: list[Cell],
) -> None:
    exact = "x**3 - 2*x*y**2 + y + 0.5"
    problem = problem_of(
        domain={"difference": [SQUARE, HOLE]},
        equations=["-laplacian(u) + x*dx(u) = -6*x + 4*x + x*(3*x**2 - 2*y**2)"],
        exact={"u": exact},
        conditions=[
            {"part": SIDES, "equation": f"u = {exact}"},
            {
                "part": "hole",
                "equation": "dn(u) = dn(x)*(3*x**2 - 2*y**2) + dn(y)*(1 - 4*x*y)",
            },
        ],
    )
    assert error(solved(problem, cells=4, degree=6, split=split).trial, problem) < 1e-11


def test_refinement_keeps_a_polynomial_and_the_cells_of_all_others() -> None:
    problem = problem_of(exact={"u": "x*x - y*y"}, conditions=[
        {"part": SIDES, "equation": "u = x*x - y*y"}
    ])  # fmt: skip
    level = solved(problem, cells=3, degree=4)
    degrees = {cell: patch.degree for patch in level.patches for cell in patch.cells}
    squares = np.zeros(len(level.patches))
    squares[4] = 1.0
    finer = refined(level.cover, degrees, level.patches, level.coefficients, squares)
    marked = set(level.patches[4].cells)
    assert set(degrees) - marked == set(finer) - set(finer).difference(degrees) - marked
    again = solved(problem, cells=3, degree=4, split=sorted(marked))
    x = torch.tensor(problem.domain.quadrature(500).x)
    assert (again.trial.evaluate(x) - level.trial.evaluate(x)).abs().max() < 1e-11


def test_fluxes_balance_around_a_polygonal_hole() -> None:
    """What flows in flows out, though no polynomial meets the condition on the polygon."""
    angle = 2 * np.pi * np.arange(16) / 16
    ring = np.stack([0.5 + 0.2 * np.cos(angle), 0.5 + 0.2 * np.sin(angle)], axis=1).tolist()
    names = [f"h{k}" for k in range(1, 17)]
    hole = {"polygon": {"vertices": ring, "name": "h"}}
    problem = problem_of(
        domain={"difference": [SQUARE, hole]},
        conditions=[
            {"part": "left", "equation": "u = 1"},
            {"part": "right", "equation": "u = 0"},
            {"part": ["bottom", "top", *names], "equation": "dn(u) = 0"},
        ],
    )
    level = solved(problem, cells=4, degree=8)
    z, w = np.polynomial.legendre.leggauss(40)
    y = (z + 1) / 2
    through = []
    for x in (0.0, 1.0):
        points = torch.tensor(np.stack([np.full(40, x), y], axis=1))
        at = level.trial.locate(points, JetSpace.closure([(1, 0)], 2))
        through.append(float(w @ level.trial.jet(at).derivative((1, 0))[0].numpy() / 2))
    assert through[0] == pytest.approx(through[1], rel=2e-3)


def test_a_wall_that_convection_runs_along_is_not_left_out() -> None:
    """With the layers there counted by their width alone u = x has the least residual."""
    problem = problem_of(equations=["-0.00001*laplacian(u) + dx(u) = 1"])
    solution = solved(problem, 4, 8)
    wall = np.array([[0.7, 0.0], [0.8, 1.0]])
    assert np.abs(solution.trial.evaluate(torch.tensor(wall)).numpy()).max() < 0.2
