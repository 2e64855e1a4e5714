"""Small things that reports rest on."""

from __future__ import annotations

import math
from functools import reduce

import pytest

from kanpde.results.metrics import _larger

NAN = math.nan


@pytest.mark.parametrize(
    "values", [[NAN, 1.0], [1.0, NAN], [0.0, NAN, 2.0], [NAN, NAN], [2.0, 1.0, NAN]]
)
def test_what_is_no_number_is_never_dropped(values: list[float]) -> None:
    assert math.isnan(reduce(_larger, values, 0.0))


def test_the_larger_number_is_kept() -> None:
    assert reduce(_larger, [1.0, 3.0, 2.0], 0.0) == 3.0
    assert _larger(math.inf, 1.0) == _larger(1.0, math.inf) == math.inf
