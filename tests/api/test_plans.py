"""Each way to solve builds everything once, and a mistake costs no old run."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from core_helpers import LINE, SIDES, SQUARE, StopAfter, config, problem_node

from kanpde import api
from kanpde.ansatz import projection_pursuit
from kanpde.api.outcome import Plan
from kanpde.api.planning import plan_of
from kanpde.api.plans import OneNetwork, Search
from kanpde.api.slab_plans import March, SlabSearch
from kanpde.cli import main
from kanpde.config import Config
from kanpde.errors import ConfigError
from kanpde.problem.problem import Problem
from kanpde.progress import StopReason
from kanpde.trial.solution import TrialSolution

pytestmark = pytest.mark.usefixtures("quick")

WAVE = problem_node(
    SQUARE,
    ["laplacian(u) = -exp(-4*(x + 2*y)**2)"],
    [{"part": SIDES, "equation": "u = 0"}],
)
RIDGES = {"width": [12], "degree": [5, 7], "intervals": [2, 4], "directions": "source"}
FEW = {"interior": 200, "boundary": 60}
HEAT = problem_node(
    LINE,
    ["dt(u) = dxx(u)/pi**2"],
    [
        {"part": "initial", "equation": "u = sin(pi*x)"},
        {"part": ["left", "right"], "equation": "u = 0"},
    ],
    time={"interval": [0, 1]},
)
STRETCHED = {"start": "stretched", "width": [6], "degree": [7, 7], "intervals": [16, 16]}


def wave(**keys: Any) -> Config:
    return config(WAVE, **{"trial": RIDGES, "sampler": FEW, **keys})


def heat(**keys: Any) -> Config:
    return config(HEAT, **{"trial": STRETCHED, "sampler": FEW, **keys})


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often problems were made, trial solutions were made, and a source was pursued."""
    counts: Counter[str] = Counter()
    create, new, pursued = Problem.create, TrialSolution.__init__, projection_pursuit._pursued

    def counted(name: str, real: Any) -> Any:
        def call(*given: Any, **keys: Any) -> Any:
            counts[name] += 1
            return real(*given, **keys)

        return call

    monkeypatch.setattr(Problem, "create", counted("problems", create))
    monkeypatch.setattr(TrialSolution, "__init__", counted("trials", new))
    monkeypatch.setattr(projection_pursuit, "_pursued", counted("pursuits", pursued))
    return counts


def take(counts: Counter[str]) -> dict[str, int]:
    """What was counted so far; counting begins anew."""
    taken = dict(counts)
    counts.clear()
    return taken


def messages(log: list[tuple[Any, ...]], word: str) -> int:
    return sum(entry[0] == "message" and word in entry[1] for entry in log)


@pytest.mark.parametrize(
    ("given", "plan"),
    [
        (wave(), OneNetwork),
        (wave(tolerance=1e-3), Search),
        (heat(slabs=3), March),
        (heat(), March),
        (heat(tolerance=1e-3), SlabSearch),
    ],
)
def test_the_plan_of_a_config(given: Config, plan: type[Plan]) -> None:
    assert type(plan_of(given)) is plan


def test_a_solve_builds_once(built: Counter[str], tmp_path: Path) -> None:
    once = {"problems": 1, "trials": 1, "pursuits": 1}
    api.solve(wave())
    assert take(built) == once
    solution = api.solve(wave(), out=tmp_path / "run")
    assert take(built) == once
    assert solution.config.trial.directions != "source"
    api.load(tmp_path / "run")  # the directions stand in its config now
    assert take(built) == {"problems": 1, "trials": 1}
    api.resume(tmp_path / "run")
    assert take(built) == {"problems": 1, "trials": 1}


def test_the_command_line_builds_once(built: Counter[str], tmp_path: Path) -> None:
    (tmp_path / "wave.yaml").write_text(yaml.safe_dump(wave().as_tree()))
    assert main(["solve", str(tmp_path / "wave.yaml"), "--out", str(tmp_path / "run")]) == 8
    assert take(built) == {"problems": 1, "trials": 1, "pursuits": 1}
    assert main(["solve", str(tmp_path / "wave.yaml"), "--dry-run"]) == 0
    assert take(built) == {"problems": 1, "trials": 1, "pursuits": 1}


def test_a_search_builds_once_per_level(built: Counter[str], tmp_path: Path) -> None:
    watch = StopAfter()
    solution = api.solve(wave(tolerance=1e-3), out=tmp_path / "run", progress=watch)
    assert solution.stop_reason is StopReason.TOLERANCE
    levels = messages(watch.log, "held-out residual")
    assert levels > 1
    assert take(built) == {"problems": 1, "trials": levels, "pursuits": 1}


def test_a_march_builds_every_slab_once(built: Counter[str], tmp_path: Path) -> None:
    api.solve(heat(slabs=3), out=tmp_path / "run")
    assert take(built) == {"problems": 1, "trials": 3}
    api.resume(tmp_path / "run")
    assert take(built) == {"problems": 1, "trials": 3}
    watch = StopAfter()
    api.solve(heat(slabs={"error": 1e-2}), out=tmp_path / "paced", progress=watch)
    assert take(built) == {"problems": 1, "trials": messages(watch.log, "adds")}


@pytest.mark.slow
def test_a_search_of_slabs_builds_every_attempt_once(built: Counter[str], tmp_path: Path) -> None:
    watch = StopAfter()
    api.solve(heat(tolerance=1e-2), out=tmp_path / "run", progress=watch)
    counts, attempts = take(built), messages(watch.log, "adds")
    # knots that were moved and did not come closer are built and not solved, once here
    assert counts == {"problems": 1, "trials": attempts + 1}


def test_a_comparison_builds_its_first_solve_once(built: Counter[str], tmp_path: Path) -> None:
    given = wave(compare={"seeds": 1, "modes": ["equal_parameters"]})
    api.compare(given, out=tmp_path / "run")
    assert take(built)["trials"] == 2


def test_a_mistake_costs_no_old_run(tmp_path: Path) -> None:
    run = tmp_path / "run"
    api.solve(wave(), out=run)
    network = replace(wave(trial={"kind": "mlp", "width": [8]}), tolerance=1e-3)
    with pytest.raises(ConfigError, match="only the resolution of a kan is chosen"):
        api.solve(network, out=run, overwrite=True)
    other = {**WAVE, "domain": {"rectangle": {"lower": [0, 0], "upper": [1, 1]}}}
    elsewhere = api.solve(config(other, trial=RIDGES, sampler=FEW))
    with pytest.raises(ConfigError, match="the earlier solution has another domain"):
        api.solve(wave(), out=run, overwrite=True, after=elsewhere)
    assert api.load(run).stop_reason is StopReason.SOLVED
