"""What is left of the difference of two marches in the finer one."""

from __future__ import annotations

import math
import time
from types import SimpleNamespace
from typing import Any, cast

import pytest

from kanpde.marching.converging import (
    BELIEVED,
    FINER,
    HALF,
    SURE,
    Ladder,
    _fallen,
    _of_ladder,
    _Search,
    _share,
)
from kanpde.progress import StageResult


def test_a_march_that_is_much_finer_is_believed_as_errors_fell_before() -> None:
    """Errors of 2e-3 and 4e-4 for local errors of 1e-6 and 1e-7: the power 0.7 of the ratio."""
    rate = math.log(0.2) / math.log(0.1)
    assert _fallen([2e-3, 4e-4], [0.1, 1e-4], 0.2) == pytest.approx(SURE * 1e-4**rate)
    assert _fallen([2e-3, 1e-6], [0.1, 1e-4], 0.2) == pytest.approx(SURE * 1e-4)
    assert _fallen([2e-3, 4e-4], [0.1, 0.1], 0.2) == 0.2


def test_nothing_is_believed_of_errors_that_do_not_fall() -> None:
    """The first difference, and one that is no smaller than the one before."""
    assert _fallen([4e-4], [1e-4], 0.2) == 0.2
    assert _fallen([4e-4, 4e-4], [0.1, 1e-4], 0.2) == 0.2


def test_what_is_left_on_a_ladder_follows_the_fall() -> None:
    """All of one difference, 0.3 of two that fall fast, less where they did so twice."""
    assert _of_ladder([1e-2]) == 1.0
    assert _of_ladder([1e-2, 1e-4]) == pytest.approx(0.3)
    assert _of_ladder([1e-2, 5e-3]) == 1.0
    assert _of_ladder([1e-2, 1e-4, 1e-6]) == pytest.approx(0.2)
    assert _of_ladder([1e-2, 3e-3, 3e-5]) == pytest.approx(0.3)
    assert _of_ladder([1e-2, 1e-4, 3e-5]) == 1.0
    assert _of_ladder([1e-2, 1e-2, 1e-2]) == 1.0


def test_a_march_that_is_half_as_much_finer_falls_half_as_far() -> None:
    """Errors that fell by 100 with a tenth of the local error fall by 10 with its root."""
    root = 0.1**0.5
    assert _of_ladder([1e-2, 1e-4], [0.1, 0.1]) == pytest.approx(0.3)
    assert _of_ladder([1e-2, 1e-4], [0.1, root]) == pytest.approx(SURE * 0.1 / 0.9)


def test_where_a_tenth_takes_too_long_its_root_is_marched() -> None:
    """Marches of 1 and 3 seconds: one of 9 does not fit into 0.85 · 12, one of 3 √3 does."""
    config = cast("Any", SimpleNamespace(tolerance=1e-6, seconds=12.0))
    nothing = cast("Any", None)
    search = _Search(config, nothing, nothing, 1e-9, Ladder(1e-2, 1e-9, 3.0))
    search.began = time.perf_counter() - 4.0
    search.stages = [StageResult("march", 1, 0.1, seconds, "solved") for seconds in (1.0, 3.0)]
    assert search._too_long(1e-3, FINER)
    assert not search._too_long(1e-3, HALF)


def test_a_misfit_below_the_local_error_makes_no_estimate_larger() -> None:
    """Only what is more than a slab may add says how slowly errors fall."""

    def run(rough: float) -> Any:
        return cast("Any", SimpleNamespace(rough=rough))

    assert _share(run(1e-11), run(0.0), (1e-9, 1e-10), BELIEVED) == BELIEVED
    assert _share(run(1e-9), run(0.0), (1e-9, 1e-10), BELIEVED) > 10
    assert _share(run(2e-10), run(0.0), (1e-9, 1e-10), BELIEVED) == pytest.approx(1.0)
    assert _share(run(9e-10), run(1.8e-9), (1e-9, 1e-10), BELIEVED) == pytest.approx(2.0)
