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
        torch.tensor(X).bfloat16(),
        torch.tensor(X).to_sparse(),
        torch.tensor(X[:, ::-1].copy()).flip(1),
        X.astype(">f8"),
        X.astype(object),
        memoryview(X),
        type("Table", (), {"__array__": lambda self, dtype=None, copy=None: X.copy()})(),
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
        (torch.zeros(1, 2, device="meta"), "found Tensor that is none"),
        (np.zeros((1, 2), "M8[s]"), "must be real numbers, found datetime64"),
    ],
)
def test_what_is_no_point_is_refused(points: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        plain_points(points)
