"""Config trees made in Python may hold arrays where a file has lists."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from kanpde.config.plain_tree import plain_tree
from kanpde.errors import ConfigError


class Series:
    """As a column of a table."""

    def __init__(self, values: list[float]) -> None:
        self.values = values

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.values)

    def tolist(self) -> list[float]:
        return self.values


@pytest.mark.parametrize(
    ("given", "plain"),
    [
        (np.float32(0.5), 0.5),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (torch.tensor(0.5), 0.5),
        (np.zeros((2, 2))[::-1], [[0.0, 0.0], [0.0, 0.0]]),
        (torch.ones(2, requires_grad=True), [1.0, 1.0]),
        ({"lower": np.zeros(2), "width": (8, np.int64(4))}, {"lower": [0.0, 0.0], "width": [8, 4]}),
        (range(3), [0, 1, 2]),
        (Series([1.0]), [1.0]),
        ("text", "text"),
        (None, None),
    ],
)
def test_arrays_become_lists(given: Any, plain: Any) -> None:
    found = plain_tree(given)
    assert found == plain and type(found) is type(plain)


def test_a_tree_that_holds_itself_is_refused() -> None:
    tree: dict[str, Any] = {}
    tree["problem"] = [tree]
    with pytest.raises(ConfigError, match="nested deeper than 60 levels, or holds itself"):
        plain_tree(tree)


def test_an_object_that_gives_no_numbers_is_refused() -> None:
    with pytest.raises(ConfigError, match="a Python Tensor cannot be read as numbers"):
        plain_tree({"tolerance": torch.zeros(2, device="meta")})
