"""Starts and instants at which an evolution in the plane is not smooth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

import kanpde
from kanpde.api.solving import configure
from kanpde.marching.converging import Ladder
from kanpde.marching.ordinary.collocation import rule
from kanpde.marching.plane import search
from kanpde.marching.plane.choice import only_marches
from kanpde.marching.plane.features import seen
from kanpde.marching.plane.search import PlaneRun, cover_of, march
from kanpde.marching.plane.statement import Evolution, evolution
from kanpde.problem.problem import Problem

SQUARE = {"rectangle": {"lower": [0, 0], "upper": [1, 1]}}
SIDES = ["left", "right", "bottom", "top"]
MODE = "sin(2*pi*x)*sin(pi*y)"


def _tree(equation: str, start: str, sides: Mapping[str, str]) -> dict[str, Any]:
    problem = {
        "name": "starts",
        "unknowns": ["u"],
        "domain": SQUARE,
        "time": {"interval": [0, 0.5]},
        "equations": [equation],
        "conditions": [
            {"part": "initial", "equation": f"u = {start}"},
            *({"part": side, "equation": condition} for side, condition in sides.items()),
        ],
    }
    return {"problem": problem, "output": {"vtu": False, "plots": False}}


def _evolution(equation: str, start: str, sides: Mapping[str, str]) -> Evolution:
    posed = evolution(Problem.create(configure(_tree(equation, start, sides)).problem))
    assert posed is not None
    return posed


def _marched(posed: Evolution, error: float, number: int) -> PlaneRun:
    none = np.zeros(1)
    return march(posed, cover_of(posed), error, number, none, lambda: False, 1e-6)


def _error(run: PlaneRun, exact: Any) -> float:
    x = run.problem.domain.interior(1000, "sobol", np.random.default_rng(0)).x
    right = exact(*x.T)
    return float(np.linalg.norm(run.values(x)[:, 0] - right) / np.linalg.norm(right))


def test_slabs_end_where_a_source_is_switched_on() -> None:
    """A slab that holds the instant errs by 1e-3 of u however fine it is."""
    posed = _evolution(
        "dt(u) = laplacian(u) + where(t > 0.3, 20, 0)*sin(pi*x)*sin(pi*y)",
        f"0.1*{MODE}",
        dict.fromkeys(SIDES, "u = 0"),
    )
    rate = 2 * np.pi**2

    def exact(x: Any, y: Any, t: Any) -> Any:
        before = 0.1 * np.sin(2 * np.pi * x) * np.sin(np.pi * y) * np.exp(-5 * np.pi**2 * t)
        since = np.maximum(t - 0.3, 0.0)
        behind = 20 / rate * (1 - np.exp(-rate * since))
        return before + behind * np.sin(np.pi * x) * np.sin(np.pi * y)

    run = _marched(posed, 1e-3, 1)
    assert np.isclose(run.edges, 0.3).any()
    assert run.end == 0.5
    assert _error(run, exact) < 1e-4


def test_steps_that_marches_have_in_common_count() -> None:
    """u is linear in space and nearly so in time: two marches differ by less than what Newton's
    method leaves in both.
    """
    u = "x*y*exp(-t)"
    posed = _evolution(
        f"dt(u) - 0.05*laplacian(u) + u**3 - u = ({u})**3 - 2*{u}",
        "x*y",
        dict.fromkeys(SIDES, f"u = {u}"),
    )
    first, second = _marched(posed, 1e-2, 0), _marched(posed, 1e-3, 1)
    error = _error(second, lambda x, y, t: x * y * np.exp(-t))
    assert 0 < second.left < 1e-6
    assert error < second.difference(first) + second.left


@pytest.mark.parametrize(
    ("start", "left", "unfit"),
    [
        ("0", "u = 1", ("left",)),
        ("0", "dn(u) = 1 - u", ("left",)),
        (MODE, "u = 0", ()),  # which is 1e-17 on the sides
        (MODE, "u = t", ()),
        ("0", "u = sin(pi*(x - 1))", ()),  # -1e-16, which is not 0
    ],
)
def test_parts_whose_conditions_the_start_does_not_meet(
    start: str, left: str, unfit: tuple[str, ...]
) -> None:
    """What is far away is marched at once, without one field over space and time."""
    sides = dict.fromkeys(SIDES, "u = 0") | {"left": left}
    posed = _evolution("dt(u) = laplacian(u)", start, sides)
    assert posed.unfit == unfit
    assert posed.fits is not bool(unfit)
    assert only_marches(posed) is bool(unfit)


def test_a_start_that_jumps_is_marched_at_once() -> None:
    """The conditions are met, but one field would not see the jump fade."""
    sides = dict.fromkeys(SIDES, "dn(u) = 0")
    posed = _evolution("dt(u) = laplacian(u)", "where(x < 0.4, 1, 0)", sides)
    assert not posed.unfit
    assert not posed.fits
    assert only_marches(posed)


def test_a_start_that_does_not_fit_is_told_with_what_is_left_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The steep layer at the start holds most of the error."""
    monkeypatch.setattr(search, "LADDER", Ladder(1e-1, 5e-2, 3.0))
    sides = {"left": "u = 1"} | dict.fromkeys(SIDES[1:], "dn(u) = 0")
    solution = kanpde.solve(_tree("dt(u) = laplacian(u)", "0", sides))
    assert solution.result.exit_code == 8
    (told,) = (text for text in solution.result.verdict.warnings if "initial values" in text)
    assert "do not meet the conditions on left" in told
    assert "behind t = 0.05 the last two marches differ by" in told


def _hides(posed: Evolution, slab: tuple[float, float]) -> bool:
    """Whether three Radau points of a slab miss something."""
    table = rule(3)
    begin, end = slab
    return posed.pulses.hidden(begin, end - begin, table.nodes, lambda at: table.at(at, 0), 0)


@pytest.mark.parametrize("width", [1e-5, 0.001, 0.01])
def test_a_pulse_between_the_points_of_a_slab_is_seen_before_it_is_missed(width: float) -> None:
    """A march that misses it agrees with the finer one, which misses it too."""
    pulse = f"exp(-((t - 0.157)/{width})**2)/({width}*sqrt(pi))"
    posed = _evolution(f"dt(u) = laplacian(u) + {pulse}", "1", dict.fromkeys(SIDES, "dn(u) = 0"))
    assert _hides(posed, (0.0, 0.4))
    assert not _hides(posed, (0.157 - width / 5, 0.157 + width / 5))
    assert not _hides(posed, (0.22, 0.5))


def test_a_pulse_that_the_points_of_a_slab_meet_but_do_not_follow_is_seen() -> None:
    """Of ten on six widths the largest value was 0.9, the polynomial 0.08 off, and the field 7e-4."""
    pulse = "20*exp(-((t - 0.21)/0.01)**2)"
    posed = _evolution(f"dt(u) = laplacian(u) + {pulse}", "1", dict.fromkeys(SIDES, "dn(u) = 0"))
    table = rule(10)
    slab = (0.1875, 0.0625)
    assert posed.pulses.hidden(*slab, table.nodes, lambda at: table.at(at, 0), 0)
    assert not posed.pulses.hidden(*slab, table.nodes, lambda at: table.at(at, 0), 0, 0.5)


def test_a_pulse_of_data_on_a_side_is_seen_too() -> None:
    pulse = "1 + 50*exp(-((t - 0.157)/0.001)**2)"
    sides = {**dict.fromkeys(SIDES, "dn(u) = 0"), "left": f"u = {pulse}"}
    posed = _evolution("dt(u) = laplacian(u)", "1", sides)
    assert _hides(posed, (0.0, 0.4))
    assert not _hides(posed, (0.2, 0.5))


def test_a_pulse_of_a_coefficient_is_not_missed() -> None:
    """It was looked for in terms without unknowns alone, and all marches agreed on u = 1."""
    pulse = "exp(-((t - 0.157)/0.002)**2)/(0.002*sqrt(pi))"
    sides = dict.fromkeys(SIDES, "dn(u) = 0")
    run = _marched(_evolution(f"dt(u) = laplacian(u) - u*{pulse}", "1", sides), 1e-2, 0)
    (end,) = run.values(np.array([[0.3, 0.4, 0.5]]))[0]
    assert end == pytest.approx(np.exp(-1), abs=2e-3)


def test_a_pulse_at_a_small_spot_is_not_missed() -> None:
    """Between the points of cells and between those of slabs; what it brings stays inside."""
    spot, pulse = "exp(-((x - 0.313)**2 + (y - 0.577)**2)/5e-5)", "exp(-((t - 0.285)/0.015)**2)"
    source = f"{spot}*{pulse}/(5e-5*pi*0.015*sqrt(pi))"
    sides = dict.fromkeys(SIDES, "dn(u) = 0")
    posed = _evolution(f"dt(u) = laplacian(u) + {source}", "cos(pi*x)", sides)
    run = _marched(posed, 1e-1, 0)
    x, w = run.posed.space.quadrature(400).x, run.posed.space.quadrature(400).w
    end = run.values(np.column_stack([x, np.full(len(x), 0.5)]))[:, 0]
    assert w @ end == pytest.approx(1.0, abs=0.05)


def test_cells_see_a_narrow_rate_at_the_start() -> None:
    """The equation of a wave does not hold it."""
    rate = "exp(-((x - 0.313)**2 + (y - 0.577)**2)/1e-4)"
    tree = _tree("dtt(u) = laplacian(u)", "0", dict.fromkeys(SIDES, "u = 0"))
    tree["problem"]["conditions"].append({"part": "initial", "equation": f"dt(u) = {rate}"})
    posed = evolution(Problem.create(configure(tree).problem))
    assert posed is not None
    cover = cover_of(posed)
    first = dict.fromkeys(cover.start(), 6)
    assert len(seen(posed, cover, first)) > len(first)
