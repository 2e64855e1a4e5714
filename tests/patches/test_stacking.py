"""Blocks that are merged with their triangles: the same sums of squares as of full matrices."""

from __future__ import annotations

import numpy as np
import pytest

from kanpde.patches.blocks import Block, FaceKey, numbers
from kanpde.patches.elimination import merged
from kanpde.patches.leaves import triangle
from kanpde.patches.stacking import order_of, stacked

WIDTHS = {"a": 3, "b": 1, "c": 4, "d": 2, "e": 3}
TREE = ((0, 1), 2)


def block_of(faces: str, rows: int, seed: int) -> Block:
    """Random rows on the traces of some faces."""
    rng = np.random.default_rng(seed)
    keys: list[FaceKey] = [(name,) for name in faces]
    pairs = tuple((key, WIDTHS[str(key[0])]) for key in keys)
    matrix = rng.standard_normal((rows, sum(width for _, width in pairs)))
    head = np.zeros((0, matrix.shape[1] + 1))
    return Block(next(numbers), pairs, matrix, rng.standard_normal(rows), (), head)


def test_a_triangle_below_rows_gives_r_of_all() -> None:
    rng = np.random.default_rng(0)
    rows, below = rng.standard_normal((7, 5)), np.triu(rng.standard_normal((5, 5)))
    stack = np.asfortranarray(np.concatenate([rows, below]))
    r = triangle(stack.copy(order="F"), 5)
    assert np.abs(np.tril(r, -1)).max() == 0.0
    assert r.T @ r == pytest.approx(stack.T @ stack, abs=1e-13)


def test_faces_go_in_the_order_of_the_tree() -> None:
    leaves: list[list[FaceKey]] = [
        [("c",), ("a",), ("b",)],
        [("b",), ("d",), ("a",)],
        [("d",), ("c",)],
    ]
    order = order_of(TREE, leaves)
    assert sorted(order, key=lambda key: order[key])[:2] == [("a",), ("b",)]
    assert sorted(order.values()) == list(range(4))


@pytest.mark.parametrize(
    ("first", "second"), [("ebac", "adb"), ("ab", "ab"), ("ac", "de"), ("cab", "b")]
)
@pytest.mark.parametrize("rows", [6, 20])
def test_a_merged_block_is_that_of_full_matrices(first: str, second: str, rows: int) -> None:
    """Of few rows (a leaf with free traces) and of many, with and without faces in common."""
    halves = block_of(first, rows, 1), block_of(second, 20, 2)
    order = order_of((0, 1), [[key for key, _ in half.faces] for half in halves])
    block, expected = stacked(*halves, order), merged(*halves)
    assert dict(block.faces) == dict(expected.faces) and set(block.inner) == set(expected.inner)
    rng = np.random.default_rng(3)
    for _ in range(2):
        traces = {key: rng.standard_normal(width) for key, width in block.faces}
        # up to the squares that no traces change
        zero = {key: np.zeros(width) for key, width in block.faces}
        rise, wanted = (b.residual(traces) - b.residual(zero) for b in (block, expected))
        assert rise == pytest.approx(wanted, rel=1e-10, abs=1e-12)
        if rows == 6:
            continue
        inner, of_full = (inner_of(b, traces) for b in (block, expected))
        for key, values in inner.items():
            np.testing.assert_allclose(values, of_full[key], rtol=1e-9, atol=1e-12)


def inner_of(block: Block, traces: dict[FaceKey, np.ndarray]) -> dict[FaceKey, np.ndarray]:
    """The inner traces of a block by their faces."""
    if not block.inner:
        return {}
    ends = np.cumsum([width for _, width in block.inner])[:-1]
    keys = [key for key, _ in block.inner]
    return dict(zip(keys, np.split(block.eliminated(traces), ends), strict=True))
