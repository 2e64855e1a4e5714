"""Newton's matrix of a slab as a band: the same system as the blocks make without any order."""

from __future__ import annotations

import numpy as np
import pytest

from kanpde.marching.lines.banded import Band, Block, Factors
from kanpde.marching.lines.space import Line

STAGES, UNKNOWNS = 3, 2


def blocks_of(line: Line, positions: list[np.ndarray]) -> list[Block]:
    """Random ones: a formula for each unknown, and conditions that hold both."""
    rng = np.random.default_rng(0)
    blocks = []
    for formula, position in enumerate(positions):
        shape = (len(position), STAGES, line.degree + 1, STAGES)
        for unknown in range(UNKNOWNS):
            blocks.append(Block(formula, unknown, rng.normal(size=shape) * 10.0 ** (3 * formula)))
    return blocks


def dense(line: Line, band: Band, blocks: list[Block]) -> np.ndarray:
    """Rows by formula, point and instant, columns by unknown, spline and instant."""
    size = UNKNOWNS * line.size * STAGES
    matrix = np.zeros((size, size))
    first = np.cumsum([0, *(len(points) for points in band.points)])
    for block in blocks:
        for n, splines in enumerate(band.columns[block.formula]):
            row = (first[block.formula] + n) * STAGES
            for w, spline in enumerate(splines):
                column = (block.unknown * line.size + spline) * STAGES
                values = block.values[n, :, w]
                matrix[row : row + STAGES, column : column + STAGES] = values
    return matrix


def posed(periodic: bool) -> tuple[Line, list[np.ndarray]]:
    """60 intervals; without a seam an equation of second order, one of first and three ends."""
    line = Line(np.linspace(-1.0, 1.0, 61), periodic, 0.0, 1.0)
    if periodic:
        return line, [line.points(), line.points()]
    ends = [np.array([1.0]), np.array([-1.0]), np.array([1.0])]
    return line, [line.points(2), line.points(1), *ends]


@pytest.mark.parametrize("periodic", [False, True])
def test_a_band_solves_what_its_blocks_say(periodic: bool) -> None:
    line, positions = posed(periodic)
    columns = [line.local(position).columns for position in positions]
    band = Band.of(line, positions, columns, STAGES)
    blocks = blocks_of(line, positions)
    matrix = dense(line, band, blocks)
    factors = band.factored(blocks)
    assert factors is not None
    right = np.random.default_rng(1).normal(size=len(matrix))
    found = factors.solve(right)
    assert found is not None
    left = np.abs(matrix @ found - right) / np.abs(matrix).max(axis=1)
    assert left.max() < 1e-11
    assert max(factors.widths) < 0.3 * len(matrix)


def test_a_singular_band_and_numbers_that_are_none_have_no_solution() -> None:
    line, positions = posed(False)
    band = Band.of(line, positions, [line.local(s).columns for s in positions], STAGES)
    blocks = blocks_of(line, positions)
    factors = band.factored(blocks)
    assert isinstance(factors, Factors)
    assert factors.solve(np.full(len(factors.by_row), np.nan)) is None
    blocks[0].values[3] = blocks[1].values[3] = 0.0
    assert band.factored(blocks) is None
    blocks[0].values[3] = np.inf
    assert band.factored(blocks) is None
