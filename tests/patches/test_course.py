"""How a search on patches ends: it keeps its time, keeps the best, and says why it ended."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from patch_helpers import EDGES, LSHAPE, problem_of, solved, tree_of

import kanpde
from kanpde.numerics.quadrature import Array
from kanpde.patches import estimates as estimates_of_levels
from kanpde.patches import search
from kanpde.patches.elimination import Elimination
from kanpde.patches.levels import Cells, Ground, Level
from kanpde.patches.pace import Pace, work
from kanpde.patches.statement import Statement
from kanpde.patches.verdict import Course, End, is_falling, is_late, sentence
from kanpde.progress import Silent, StopReason

CORNER = {
    "domain": LSHAPE,
    "equations": ["-laplacian(u) = 1"],
    "conditions": [{"part": EDGES, "equation": "u = 0"}],
}


class Heard(Silent):
    """Keeps the messages and the names of the levels of a solve."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.levels: list[str] = []

    def message(self, text: str) -> None:
        """Keep it."""
        self.messages.append(text)

    def stage_started(self, index: int, total: int, name: str, steps: int) -> None:
        """Keep its name."""
        self.levels.append(name)


COUNTS = (8, 8)


def level_of(**keys: Any) -> Level:
    solution = solved(problem_of(**keys), cells=2, degree=4)
    ground = Ground(solution.cover, solution.problem.domain.quadrature(500))
    cells = Cells(dict.fromkeys(solution.cover.start(), 4), solution.patches)
    return ground.solved(Statement.of(solution.problem), cells, Elimination(solution.cover.counts))


def test_work_counts_what_is_new() -> None:
    patches = solved(problem_of(), cells=8, degree=4).patches
    keys = frozenset(patch.key for patch in patches)
    everything, nothing = work(patches, 1, COUNTS), work(patches, 1, COUNTS, keys)
    assert nothing < 0.2 * everything
    but_one = work(patches, 1, COUNTS, keys - {patches[17].key})
    assert nothing < but_one < nothing + 0.2 * (everything - nothing)
    rich = [replace(patch, degree=16) for patch in patches]
    assert work(rich, 4, COUNTS) > 10 * work(rich, 1, COUNTS)


def test_work_of_uniform_cells_grows_like_their_number_to_the_power_of_one_and_a_half() -> None:
    few, many = (
        work(solved(problem_of(), cells, degree=3).patches, 8, (cells, cells)) for cells in (8, 16)
    )
    assert 4.0 < many / few < 8.0


def test_a_pace_is_that_of_the_last_levels() -> None:
    pace = Pace()
    assert pace.seconds(1e9) == 0.0
    for seconds in (100.0, 1.0, 1.0, 1.0):
        pace.tell(1e9, seconds)
    assert 1.0 <= pace.seconds(1e9) <= 2.0


def test_no_level_begins_that_would_not_end_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second level is expected to take longer than there is; the first one is checked."""
    monkeypatch.setattr(Pace, "seconds", lambda self, amount: 100.0)
    heard = Heard()
    solution = kanpde.solve(tree_of(**CORNER), tolerance=1e-8, seconds=90, progress=heard)
    assert [name.split(",")[1:] for name in heard.levels] == [[], [" two degrees more"]]
    assert solution.stop_reason is StopReason.UNREACHED
    assert solution.result.estimate is not None
    assert heard.messages[-1].endswith("give more seconds")


def test_a_part_is_refined_where_more_is_too_much_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """The aimed second level is too much work, a smaller one is not."""
    amounts: list[float] = []

    def second(self: Pace, amount: float) -> bool:
        amounts.append(amount)
        return len(amounts) > 1

    monkeypatch.setattr(Pace, "allows", second)
    heard = Heard()
    kanpde.solve(tree_of({"most": 13}, **CORNER), tolerance=1e-8, seconds=600, progress=heard)
    assert amounts[1] < amounts[0]
    assert len(heard.levels) > 2


def test_the_clock_chooses_no_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the next level does not end in time, none begins that is smaller."""
    asked: list[float] = []

    def never(self: Any, amount: float) -> bool:
        asked.append(amount)
        return False

    monkeypatch.setattr(search._Search, "_fits", never)
    heard = Heard()
    kanpde.solve(tree_of(**CORNER), tolerance=1e-8, seconds=600, progress=heard)
    assert len(asked) == 1
    assert len(heard.levels) == 2


def test_work_grows_by_a_factor_from_level_to_level() -> None:
    pace = Pace()
    assert pace.allows(1e9)
    assert not pace.allows(1e12)
    for seconds in (1.0, 1e6):
        pace.tell(5e11, seconds)
    assert pace.allows(2.9e12)
    assert not pace.allows(3.1e12)


def test_what_is_kept_has_the_least_estimate(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every level is checked, and all estimates but the first are a million times larger."""
    factors = iter([1.0, *[1e6] * 20])
    estimates: list[float] = []
    check = search._Search._check

    def recorded(self: Any, level: Level, before: Level | None) -> Any:
        checked = check(self, level, before)
        estimates.append(checked.estimate)
        return checked

    monkeypatch.setattr(estimates_of_levels, "slowness", lambda rich, level: next(factors))
    monkeypatch.setattr(search._Search, "_is_worth_checking", lambda self, *levels: True)
    monkeypatch.setattr(search._Search, "_check", recorded)
    solution = kanpde.solve(tree_of({"most": 15}, **CORNER), tolerance=1e-8)
    assert len(estimates) > 1
    assert solution.result.estimate == estimates[0] == min(estimates)


def test_more_patches_are_asked_for_where_they_ran_out() -> None:
    heard = Heard()
    kanpde.solve(tree_of({"most": 13}, **CORNER), tolerance=1e-8, progress=heard)
    assert heard.messages[-1].endswith("give more patches (trial.patches.most)")


FALLS, STAYS = (1e-1, 1e-2, 1e-3, 1e-4), (0.5, 0.6, 0.4, 0.55)


@pytest.mark.parametrize(
    ("changes", "falls"),
    [(FALLS, True), (STAYS, False), ((math.inf, 0.1), True), ((0.1, 0.3, 0.9), False)],
)
def test_changes_fall_or_not(changes: tuple[float, ...], falls: bool) -> None:
    assert is_falling(changes) is falls


def course(changes: tuple[float, ...] = FALLS, end: End = End.TIME) -> Course:
    return Course(changes=changes, end=end, tolerance=1e-6)


@pytest.mark.parametrize(
    ("estimate", "singular", "given", "words"),
    [
        (1e-7, False, course(), "estimated relative L2 error 1.0e-07 on 4 patches"),
        (1e-3, False, course(), "give more seconds"),
        (1e-3, False, course(end=End.PATCHES), "give more patches (trial.patches.most)"),
        (1e-3, False, course(end=End.GIVEN), "give more trial.patches.cells or a higher"),
        (1e-3, False, course(STAYS), "does not fall with refinement; the largest residual is at ("),
        (3.0, False, course(), "the problem may have no solution or more than one"),
        (1e-3, True, course(), "the system is singular: the problem has no solution or more"),
    ],
)
def test_a_verdict_says_why(estimate: float, singular: bool, given: Course, words: str) -> None:
    level = level_of(equations=["-laplacian(u) = 1"])
    assert words in sentence(level, estimate, singular, given)


def test_a_verdict_on_a_stall_says_where() -> None:
    level = level_of(equations=["-laplacian(u) = 1"])
    squares: Array = np.array([0.0, 1.0, 0.0, 0.0])
    stalled = replace(level, stall="no share of a step lowers the residuals much", squares=squares)
    words = sentence(stalled, math.inf, False, course())
    middle = (level.patches[1].lower + level.patches[1].upper) / 2
    assert "Newton's method stalled on 4 patches: no share of a step lowers" in words
    assert f"({middle[0]:.4g}, {middle[1]:.4g})" in words


def test_an_equation_without_a_solution_is_said_to_have_none() -> None:
    """-Δu = 2π²u + f at an eigenvalue, with f not orthogonal to its function."""
    heard = Heard()
    tree = tree_of({"most": 100}, equations=["laplacian(u) + 2*pi**2*u = sin(pi*x)*sin(pi*y)"])
    solution = kanpde.solve(tree, tolerance=1e-6, progress=heard)
    assert solution.stop_reason.exit_code == 8
    assert "no solution or more than one" in heard.messages[-1]
    assert "most" not in heard.messages[-1]


def test_the_clock_ends_newtons_method_too() -> None:
    """What was solved before is kept, with no estimate that was not made."""
    tree = tree_of(equations=["-laplacian(u) + 50*u**3 = 200*exp(x)"])
    solution = kanpde.solve(tree, seconds=1e-3, tolerance=1e-10)
    assert solution.stop_reason is StopReason.UNREACHED and solution.result.exit_code == 8
    assert solution.result.estimate is None


def test_changes_that_fall_too_slowly_are_late() -> None:
    """A tenth of the change in four times the time is soon at 1e-6, a third of it is not."""
    ends, slow = [1.0, 2.0, 8.0, 32.0], [math.inf, 3e-2, 1e-2, 3e-3]
    assert is_late(slow, ends, 1e-6, 100.0)
    assert not is_late([math.inf, 1e-2, 1e-3, 1e-4], ends, 1e-6, 100.0)
    assert not is_late(slow[:3], ends[:3], 1e-6, 100.0)
    assert not is_late(slow, ends, 1e-3, 100.0)
