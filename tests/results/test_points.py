"""What people give as points of a solution."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from kanpde.errors import ConfigError
from kanpde.results.solution import plain_points

X = np.arange(6.0).reshape(3, 2)


@pytest.mark.parametrize(
    "points",
    [
        X.tolist(),
        tuple(map(tuple, X)),
        X[::-1][::-1],
        np.asfortranarray(X),
        X.astype(np.float16),
        X.astype(int),
        np.ma.array(X),
        torch.tensor(X, requires_grad=True),
        torch.tensor(X).float(),
    ],
)
def test_points_of_any_kind_are_read(points: Any) -> None:
    plain = plain_points(points)
    assert plain.dtype == np.float64 and (plain == X).all()


@pytest.mark.parametrize(
    ("points", "message"),
    [
        (np.ma.array(X, mask=X < 2), "found masked ones"),
        (X + 1j, "must be real numbers, found complex128"),
        ("0.5", "must be real numbers"),
        ([[0.0, 1.0], [2.0]], "rows of equal length"),
        ([None, 1.0], "must be real numbers, found object"),
    ],
)
def test_what_is_no_point_is_refused(points: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        plain_points(points)
