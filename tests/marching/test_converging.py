"""What is left of the difference of two marches in the finer one."""

from __future__ import annotations

import math
import time
from types import SimpleNamespace
from typing import Any, cast

import pytest

from kanpde.errors import NumericalError
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
    converge,
)
from kanpde.progress import Silent, StageResult, StopReason


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
    """Errors that fell by 100 with a tenth of the local error fall by 10 with its root; the least
    share is the root of that of a tenth.
    """
    root = 0.1**0.5
    assert _of_ladder([1e-2, 1e-4], [0.1, 0.1]) == pytest.approx(0.3)
    assert _of_ladder([1e-2, 1e-4], [0.1, root]) == pytest.approx(0.3**0.5)
    assert _of_ladder([1e-2, 2e-3], [0.1, root]) == pytest.approx(1.0)
    left = SURE * 0.05**0.5 / (1 - 0.05**0.5)
    assert _of_ladder([1e-2, 5e-4], [0.1, root]) == pytest.approx(left)


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

    assert _share(run(1e-11), run(0.0), (1e-9, 1e-10), BELIEVED, [1e-6]) == BELIEVED
    assert _share(run(1e-9), run(0.0), (1e-9, 1e-10), BELIEVED, [1e-6]) > 10
    assert _share(run(2e-10), run(0.0), (1e-9, 1e-10), BELIEVED, [1e-6]) == pytest.approx(1.0)
    assert _share(run(9e-10), run(1.8e-9), (1e-9, 1e-10), BELIEVED, [1e-6]) == pytest.approx(2.0)


def test_what_splines_miss_is_believed_to_fall_as_it_and_the_differences_did() -> None:
    def run(rough: float) -> Any:
        return cast("Any", SimpleNamespace(rough=rough))

    fell = [1e-6, 1e-8]
    assert _share(run(2e-9), run(1e-7), (1e-9, 1e-10), 1.0, fell) == pytest.approx(0.3)
    assert _share(run(2e-9), run(4e-9), (1e-9, 1e-10), 1.0, fell) == pytest.approx(2.0)
    assert _share(run(2e-9), run(1e-7), (1e-9, 1e-10), 1.0, [1e-6, 9e-7]) == pytest.approx(1.0)


def _searched(roughs: list[float], tolerance: float, finest: float) -> tuple[list[float], Any]:
    """The local errors of marches that leave these of the unknowns, and what a search of them ends
    with; the difference of two is what the coarser one leaves.
    """
    errors: list[float] = []

    def march(error: float, number: int, stopped: Any, before: Any) -> Any:
        errors.append(error)
        return SimpleNamespace(
            slabs=1,
            ended=None,
            rough=roughs[number],
            left=0.0,
            end=1.0,
            problem=SimpleNamespace(coordinates=("x", "t")),
            difference=lambda other: other.rough or 1e-14,
        )

    config = cast("Any", SimpleNamespace(tolerance=tolerance, seconds=60.0, dtype="float64"))
    return errors, converge(config, Silent(), march, finest, believed=1.0)


def test_marches_go_on_while_what_splines_miss_falls() -> None:
    errors, ended = _searched([1e-6, 3e-8, 1.5e-9], 1e-8, 1e-11)
    assert errors == pytest.approx([1e-8, HALF * 1e-8, 1e-9])
    assert ended.reason is StopReason.TOLERANCE
    errors, ended = _searched([1e-6, 9e-7, 8e-7], 1e-8, 1e-11)
    assert len(errors) == 2 and ended.reason is StopReason.UNREACHED


def test_a_tolerance_below_the_finest_local_error_has_two_marches() -> None:
    errors, ended = _searched([0.0, 0.0], 1e-13, 1e-12)
    assert errors == pytest.approx([1e-11, 1e-12]) and ended.estimate is not None


@pytest.mark.parametrize(("believed", "share"), [(0.2, 0.3), (1.0, 1.0)])
def test_a_ladder_leaves_at_least_what_is_believed(believed: float, share: float) -> None:
    """Differences of 1e-2 and 1e-4: 0.3 of the last one, or as much as its caller asks for."""
    falling = iter([1e-2, 1e-4])

    def march(error: float, number: int, *rest: Any) -> Any:
        run = {"slabs": 1, "ended": None, "rough": 0.0, "left": 0.0}
        return SimpleNamespace(**run, difference=lambda before: next(falling))

    config = cast("Any", SimpleNamespace(tolerance=2e-4, seconds=100.0))
    converged = converge(config, Silent(), march, 1e-9, Ladder(1e-2, 1e-9, 3.0), believed)
    assert converged.estimate == pytest.approx(share * 1e-4)


def test_a_march_that_solves_no_slab_leaves_the_one_before() -> None:
    """A finer march that cannot begin ends the search, not the run; the first one does."""

    def march(error: float, number: int, *rest: Any) -> Any:
        slabs = 1 if number in begins else 0
        ended = None if slabs else "does not go on at 0"
        problem = SimpleNamespace(domain=SimpleNamespace(dimension=2), coordinates=("x", "t"))
        run = {"slabs": slabs, "ended": ended, "rough": 0.0, "left": 0.0, "problem": problem}
        return SimpleNamespace(**run, difference=lambda before: 1e-3, end=1.0)

    problem = SimpleNamespace(name="fronts")
    config = cast("Any", SimpleNamespace(tolerance=1e-6, seconds=100.0, problem=problem))
    begins = {0, 1}
    converged = converge(config, Silent(), march, 1e-11)
    assert converged.reason is StopReason.UNREACHED and converged.run.slabs == 1
    begins = set()
    with pytest.raises(NumericalError, match="no slab from the start"):
        converge(config, Silent(), march, 1e-11)
