"""What splines on a line must follow: waves between their points, unknowns without a rate, and
equations of several materials.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import kanpde
from kanpde import api
from kanpde.api.choice import chosen_plan
from kanpde.api.in_turn import InTurn
from kanpde.api.march_plan import Evolving
from kanpde.api.patch_plan import Patches
from kanpde.config import validate_problem
from kanpde.errors import ConfigError
from kanpde.marching.lines import marching, search, steps
from kanpde.marching.lines.slab import System
from kanpde.marching.lines.space import Line
from kanpde.marching.lines.statement import evolution
from kanpde.problem.problem import Problem

ENDS = {"part": ["left", "right"], "equation": "u = 0"}


def tree_of(equations: list[str], conditions: list[Any], **keys: Any) -> dict[str, Any]:
    return {
        "problem": {
            "name": "followed",
            "unknowns": ["u"],
            "domain": {"interval": {"lower": 0, "upper": 1}},
            "time": {"interval": [0, 0.05]},
            "equations": equations,
            "conditions": conditions,
            **keys,
        },
        "output": {"vtu": False, "plots": False},
    }


def evolution_of(tree: dict[str, Any]) -> Any:
    return evolution(Problem.create(validate_problem(tree["problem"], "test")))


HINGED = tree_of(
    ["dtt(u) = -dxxxx(u)"],
    [
        {"part": "initial", "equation": ["u = sin(3*pi*x)", "dt(u) = 0"]},
        {"part": ["left", "right"], "equation": ["u = 0", "dxx(u) = 0"]},
    ],
)


def test_a_beam_keeps_its_pitch() -> None:
    """Splines that interpolate it to 1e-5 miss u_xxxx by much more, and so how fast it swings."""
    run = search.as_run(
        evolution_of(HINGED), steps.march(evolution_of(HINGED), 1e-5, lambda: False)
    )
    x = np.random.default_rng(0).uniform([0.0, 0.0], [1.0, 0.05], (200, 2))
    exact = np.sin(3 * np.pi * x[:, 0]) * np.cos(9 * np.pi**2 * x[:, 1])
    away = run.trial.evaluate(torch.from_numpy(x)).numpy()[:, 0] - exact
    assert np.linalg.norm(away) < 2e-5 * np.linalg.norm(exact)


def test_what_a_beam_misses_between_its_points_falls_with_the_fourth_power() -> None:
    beam, found = evolution_of(HINGED), []
    for intervals in (16, 32):
        march = marching.Marching(beam, 1e-6, 1.0)
        march.move(Line(np.linspace(-1.0, 1.0, intervals + 1), False, 0.0, 1.0))
        system = System.of(beam, 0.0, 1e-4, march.line, march.state, 8)
        strip = system.solve(np.zeros((1, march.line.size, 8)), np.array([1e-9]))
        assert strip is not None
        found.append(system.astray(strip.top)[0] / (9 * np.pi**2) ** 2)
    assert found[0] < 0.1
    assert found[0] / found[1] > 12


CHARGES = ["dt(u) = dx(dx(u) - u*dx(v))", "dxx(v) = -u"]
POTENTIAL = [
    {"part": "left", "equation": "v = 0"},
    {"part": "right", "equation": "v = 1"},
    {"part": "initial", "equation": "u = 1"},
]


@pytest.mark.parametrize(
    ("ends", "places"), [("dx(u) - u*dx(v) = 0", {-1.0, 1.0}), ("dx(u) = 0", set())]
)
def test_a_flux_that_an_unknown_without_a_rate_asks_for_is_seen(
    ends: str, places: set[float]
) -> None:
    """Charges begin even, and their potential drives them against closed ends."""
    sides = [*POTENTIAL, {"part": ["left", "right"], "equation": ends}]
    tree = tree_of(CHARGES, sides, unknowns=["u", "v"])
    march = marching.Marching(evolution_of(tree), 1e-4, 1.0)
    assert set(march.line.graded) == places


LAYERED = tree_of(
    ["dt(u) = dx(a*dx(u)) - s*sin(t)"],
    [
        {"part": "initial", "equation": "u = s"},
        {"part": "left", "equation": "u = 0"},
        {"part": "right", "equation": "u = cos(t)"},
    ],
    definitions={"a": "where(x < 0.5, 1, 3)", "s": "where(x < 0.5, 1.5*x, 0.5 + 0.5*x)"},
)


def test_equations_of_several_materials_are_solved_on_cells() -> None:
    assert isinstance(chosen_plan(api.configure(HINGED)), Evolving)
    plan = chosen_plan(api.configure(LAYERED))
    assert isinstance(plan, InTurn) and isinstance(plan.field, Patches)
    solution = kanpde.solve(LAYERED)
    x = np.random.default_rng(0).uniform([0.0, 0.0], [1.0, 0.05], (200, 2))
    profile = np.where(x[:, 0] < 0.5, 1.5 * x[:, 0], 0.5 + 0.5 * x[:, 0])
    assert np.abs(solution(x)[:, 0] - profile * np.cos(x[:, 1])).max() < 1e-6
    assert solution.result.exit_code == 0


def test_several_materials_that_cells_do_not_take_are_marched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refused(self: Patches) -> Patches:
        raise ConfigError("no cells")

    monkeypatch.setattr(Patches, "prepare", refused)
    assert isinstance(chosen_plan(api.configure(LAYERED)), Evolving)


def test_short_waves_that_run_fast_are_not_what_slabs_follow() -> None:
    """What splines miss of KdV is such waves: with a tenth of the local error 135 slabs are taken."""
    tree = tree_of(
        ["dt(u) + u*dx(u) + 0.03**2*dxxx(u) = 0"],
        [{"part": "initial", "equation": "u = cos(pi*x)"}, {"periodic": ["left", "right"]}],
        domain={"interval": [-1, 1]},
        time={"interval": [0, 0.5]},
    )
    evolving = evolution(Problem.create(validate_problem(tree["problem"], "test")))
    assert evolving is not None
    marched = steps.march(evolving, 1e-5, lambda: False)
    assert marched.ended is None and len(marched.strips) < 30
