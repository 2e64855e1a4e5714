"""Evolutions on a box in the plane: patches in space and time first, then slabs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kanpde
from kanpde.api.choice import chosen_plan
from kanpde.api.in_turn import InTurn
from kanpde.api.march_plan import Evolving
from kanpde.api.patch_plan import Patches
from kanpde.api.solving import configure
from kanpde.progress import Silent, StopReason

SQUARE = {"rectangle": {"lower": [0, 0], "upper": [1, 1]}}
WARMS = ["dt(u) = laplacian(u) + dt(w) - dxx(w)"]


def tree_of(unknowns: list[str], equations: list[str], values: list[str]) -> dict[str, Any]:
    return {
        "problem": {
            "name": "evolves",
            "unknowns": unknowns,
            "domain": SQUARE,
            "time": {"interval": [0, 1]},
            "definitions": {"w": "sin(x + t)"},
            "equations": equations,
            "conditions": [
                {"part": "initial", "equation": values},
                {"part": "boundary", "equation": values},
            ],
        },
        "output": {"vtu": False, "plots": False},
    }


def prepared(tree: dict[str, Any]) -> InTurn:
    plan = chosen_plan(configure(tree | {"tolerance": 1e-2}))
    assert isinstance(plan, InTurn)
    return plan


def test_a_box_is_solved_by_patches_where_these_do_and_by_slabs_where_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The result is one of slabs where patches have no estimate; both come back from their folders
    to the same bits.
    """
    tree = tree_of(["u"], WARMS, ["u = w"])
    x = np.random.default_rng(0).uniform(0.0, 1.0, (200, 3))
    kept = {}
    patched = prepared(tree).field.solved(Silent(), 1.0)
    lost = replace(patched, reason=StopReason.UNREACHED, estimate=None)
    for result, name in ((patched, "patches.npz"), (lost, "slabs.npz")):
        monkeypatch.setattr(Patches, "solved", lambda *_, result=result: result)
        folder = tmp_path / name
        solution = kanpde.solve(tree, tolerance=1e-2, out=folder)
        assert solution.result.exit_code == 0
        assert np.abs(solution(x)[:, 0] - np.sin(x[:, 0] + x[:, 2])).max() < 3e-2
        assert np.array_equal(kanpde.load(folder)(x), solution(x))
        kept[name] = {path.name for path in (folder / "checkpoints").iterdir()}
    assert "patches.npz" in kept["patches.npz"] and "slabs.npz" not in kept["patches.npz"]
    assert "slabs.npz" in kept["slabs.npz"] and "patches.npz" not in kept["slabs.npz"]


def test_the_smaller_estimate_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slabs that do not say how wrong they are leave the result to patches."""
    plan = prepared(tree_of(["u"], WARMS, ["u = w"]))
    patched = plan.field.solved(Silent(), 1.0)
    rough = replace(patched, reason=StopReason.UNREACHED, estimate=0.5)
    marched = plan.slabs.solved(Silent(), 1e-3)
    monkeypatch.setattr(Patches, "solved", lambda *_: rough)
    monkeypatch.setattr(Evolving, "solved", lambda *_: marched)
    assert marched.estimate is None
    assert plan.run(Silent()).estimate == 0.5


def test_a_pressure_has_no_rate_and_is_left_to_patches() -> None:
    flow = ["dt(u) + dx(p) = laplacian(u)", "dt(v) + dy(p) = laplacian(v)", "dx(u) + dy(v) = 0"]
    tree = tree_of(["u", "v", "p"], flow, ["u = 0", "v = 0"])
    tree["problem"]["conditions"].append({"point": [0, 0], "equation": "p = 0"})
    chosen = chosen_plan(configure(tree))
    assert isinstance(chosen, Patches)
    heat = chosen_plan(configure(tree_of(["u"], WARMS, ["u = w"])))
    assert isinstance(heat, InTurn)


def test_patches_that_do_not_see_the_solution_give_way_to_slabs() -> None:
    """A narrow pulse: no level is enriched for an estimate that would say nothing."""
    tree = tree_of(["u"], ["dtt(u) = laplacian(u)"], ["u = 0"])
    start = ["u = exp(-((x - 0.4)**2 + (y - 0.6)**2)/0.002)", "dt(u) = 0"]
    tree["problem"]["conditions"][0]["equation"] = start
    plan = prepared(tree | {"seconds": 2})
    patched = plan.field.solved(Silent(), 0.4)
    assert patched.estimate is None and patched.reason is StopReason.UNREACHED
    assert "cannot be told without a finer level" in patched.warnings[0]
    assert not any("two degrees" in stage.name for stage in patched.stages)
    alone = plan.field.solved(Silent(), 1.0)
    assert any("two degrees" in stage.name for stage in alone.stages)
