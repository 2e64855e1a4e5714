"""Periodic by construction: points on circles in front of any network, so that both sides agree in
every derivative.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from core_helpers import (
    DISK,
    LINE,
    PLATE,
    SQUARE,
    config,
    formula,
    gap,
    generator,
    kan,
    mlp,
    parts,
    problem_node,
    scramble,
    uniform,
)
from torch import Tensor

from kanpde import api
from kanpde.api.contenders import equal_mlp
from kanpde.errors import ConfigError
from kanpde.numerics.jets import JetSpace, coordinates
from kanpde.problem.conditions import PeriodicCondition
from kanpde.results.plotting.diagram import write_diagram
from kanpde.results.solution import Solution
from kanpde.solver.budget import parameter_count
from kanpde.solver.build import build
from kanpde.symbolic.kan.edge_editor import Symbolic
from kanpde.trial.bases import BASES
from kanpde.trial.networks import KAN, MLP, Circles, build_kan, build_nodes
from kanpde.trial.networks.enriched import jet_of
from kanpde.trial.solution import Lifting, TrialSolution, Wrapping

pytestmark = pytest.mark.usefixtures("one_thread")

LOWER, UPPER = torch.tensor([0.3, -1.0]).double(), torch.tensor([2.0, 0.5]).double()
FOURTH = JetSpace.closure([(4, 0), (2, 2), (0, 4), (3, 1)], 2)
SPACE = JetSpace.closure([(2, 0), (1, 1), (0, 2), (3, 0)], 2)
ALONG, BOTH = Circles((0,), 2), Circles((0, 1), 2)
LIFTING = Lifting((formula("y**2 + 1", "x", "y"),) * 2, (formula("(y + 1)*exp(y)", "x", "y"),) * 2)
SMALL = {"width": [20], "degree": [5, 9], "intervals": [2, 6]}
SAMPLE = {"interior": 900, "boundary": 160}
QUIET = {"output": {"vtu": False, "plots": False}}
SIDES = {"periodic": ["left", "right"]}
CAPS = {"periodic": ["bottom", "top"]}
WAVES = "exp(sin(pi*x))*sin(2*y)"


def on_basis(name: str, inputs: int) -> KAN:
    network = build_kan(
        [inputs, 5, 2], [7, 7], [3, 3], "paper", True, generator(), bases=(name, name)
    )
    scramble(network)
    return network


def on_nodes(inputs: int) -> KAN:
    network = build_nodes([inputs, 5, 2], [("bspline", 7, 3)], "paper", False, generator())
    scramble(network)
    return network


NETWORKS: dict[str, Callable[[int], KAN | MLP]] = {
    **{name: lambda inputs, name=name: on_basis(name, inputs) for name in BASES},
    "nodes": on_nodes,
    "deep": lambda inputs: kan([inputs, 4, 3, 2], degree=7, base=True),
    **{
        name: lambda inputs, name=name: mlp([inputs, 6, 5, 2], name)
        for name in ("tanh", "silu", "sine")
    },
}


def wrapped(
    name: str, circles: Circles = ALONG, lifting: Lifting | None = None, engine: str = "taylor"
) -> TrialSolution:
    network = NETWORKS[name](circles.inputs)
    return TrialSolution(network, LOWER, UPPER, lifting, engine, wrapping=Wrapping(circles))


def inside(count: int = 9) -> Tensor:
    return LOWER + (UPPER - LOWER) * uniform(count, 2, seed=3, lower=0.0)


def opposite(axis: int, count: int = 9) -> tuple[Tensor, Tensor]:
    """Points of two opposite sides."""
    low, high = inside(count), inside(count)
    low[:, axis], high[:, axis] = LOWER[axis], UPPER[axis]
    return low, high


# The map
# --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("circles", [ALONG, Circles((1,), 2), BOTH])
def test_the_jet_of_the_map_is_that_of_its_formulas(circles: Circles) -> None:
    x, names = inside(), ("x", "y")
    scale, shift = 2 / (UPPER - LOWER), (LOWER + UPPER) / 2
    texts = [
        text
        for k, s in enumerate(
            f"({name} - {b!r})*{a!r}"
            for name, a, b in zip(names, scale.tolist(), shift.tolist(), strict=True)
        )
        for text in ((f"cos(pi*{s})", f"sin(pi*{s})") if k in circles.axes else (s,))
    ]
    assert circles.inputs == len(texts) == 2 + len(circles.axes)
    computed, expected = (
        circles.jet(coordinates(x, FOURTH, scale, shift)),
        jet_of([formula(t, *names) for t in texts], x, FOURTH),
    )
    assert gap(computed.value.T, circles((x - shift) * scale)) == 0
    for alpha in FOURTH.indices:
        assert gap(computed.derivative(alpha), expected.derivative(alpha)) < 1e-13, alpha


def test_lines_fill_the_grids_behind_circles() -> None:
    """The largest input of each unit, over all points, is 1 but for rounding; without it some would
    use 0.7 of their grid.
    """
    for trial in (SMALL, {"width": [20], "on": "nodes", "degree": 9, "intervals": 6}):
        network = parts(CHANNEL, trial={"periodic": True, **trial}).trial.network
        assert isinstance(network, KAN)
        angle = torch.linspace(-1, 1, 2001).double()
        ends = torch.cat(
            [torch.stack([angle, torch.full_like(angle, y)], dim=1) for y in (-1.0, 1.0)]
        )
        largest = network.every[0](ALONG(ends).T).abs().amax(dim=1)
        assert largest.max() < 1 and largest.min() > 1 - 1e-5


# Whatever the network
# ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lifted", [False, True])
@pytest.mark.parametrize("name", list(NETWORKS))
def test_both_sides_agree_in_every_derivative(name: str, lifted: bool) -> None:
    trial = wrapped(name, ALONG if lifted else BOTH, LIFTING if lifted else None)
    for axis in trial.wrapping.circles.axes if trial.wrapping else ():
        first, second = (trial.jet(trial.locate(x, FOURTH)) for x in opposite(axis))
        assert (
            float(first.data.detach()[1:].abs().amax(dim=(1, 2)).min()) > 1e-3
        )  # nothing is zero anyway
        for alpha in FOURTH.indices:
            assert gap(first.derivative(alpha), second.derivative(alpha)) < 1e-12, (axis, alpha)


def test_without_circles_the_sides_differ() -> None:
    trial = TrialSolution(NETWORKS["tanh"](2), LOWER, UPPER)
    low, high = opposite(0)
    assert gap(trial(low), trial(high)) > 1e-2


@pytest.mark.parametrize("name", list(NETWORKS))
def test_closed_form_jets_are_those_of_nested_autograd(name: str) -> None:
    x = inside()
    taylor, nested = wrapped(name), wrapped(name, engine="autograd")
    ours, theirs = taylor.jet(taylor.locate(x, SPACE)), nested.jet(nested.locate(x, SPACE))
    assert gap(ours.value.T, taylor(x)) < 1e-13
    for alpha in SPACE.indices:
        assert gap(ours.derivative(alpha), theirs.derivative(alpha)) < 1e-9, alpha


@pytest.mark.parametrize("lifted", [False, True])
@pytest.mark.parametrize("name", ["bspline", "nodes", "tanh"])
def test_rows_of_outer_and_inner_parameters_give_the_functional(name: str, lifted: bool) -> None:
    """F(u) = M θ + F(g) for the outer parameters, and ∂F/∂θ by autograd for the inner ones."""
    trial, x = wrapped(name, ALONG, LIFTING if lifted else None), inside()
    at, functional = trial.locate(x, SPACE), uniform(len(SPACE.indices), 2, len(x), seed=4)
    features = trial.features(at)
    rows, jet = features.rows(functional, range(2)), trial.jet(at).data
    for o in range(2):
        parameters = (
            trial.net.outer[:, o, None]
            if features.columns is None
            else trial.net.outer[features.columns, o]
        )
        constant = 0.0 if at.extension is None else (functional * at.extension.data).sum(0)[o]
        assert gap((rows[o] * parameters).sum(0) + constant, (functional * jet).sum(0)[o]) < 1e-11
    matrix = trial.inner_rows(at, functional)
    for n in (0, 5):
        value = (functional * trial.jet(at).data)[:, :, n].sum()
        slopes = torch.autograd.grad(value, trial.net.inner)
        assert gap(matrix[n], torch.cat([slope.reshape(-1) for slope in slopes])) < 1e-10


def test_prepared_points_and_number_formats() -> None:
    trial = wrapped("bspline")
    at, expected = trial.locate(inside(), SPACE), trial(inside())
    assert gap(trial.jet(at.rows(2, 6)).data, trial.jet(at).data[:, :, 2:6]) < 1e-13
    single = trial.float()
    jet = single.jet(single.locate(inside().float(), SPACE))
    assert jet.data.dtype == torch.float32 and gap(jet.value.T.double(), expected) < 1e-4


# Problems
# --------------------------------------------------------------------------------------------------


def posed(
    domain: Mapping[str, Any], conditions: list[Any], exact: str = WAVES, **keys: Any
) -> dict[str, Any]:
    """-Δu = f with a known solution."""
    keys_of_problem = {"definitions": {"w": exact}, "exact": {"u": "w"}, **keys}
    return problem_node(domain, ["-laplacian(u) = -laplacian(w)"], conditions, **keys_of_problem)


CHANNEL = posed(PLATE, [SIDES, {"part": ["bottom", "top"], "equation": "u = w"}])
TORUS = posed(SQUARE, [SIDES, CAPS, {"mean": "u = w"}], "exp(sin(pi*x) + cos(pi*y))")


def solved(node: Mapping[str, Any], trial: Mapping[str, Any], **keys: Any) -> Solution:
    return api.solve(
        {
            "problem": dict(node),
            "trial": {"periodic": True, **trial},
            **QUIET,
            "sampler": SAMPLE,
            **keys,
        }
    )


SOLVES: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any], float]] = {
    "channel": (CHANNEL, SMALL, {}, 1e-6),
    "torus": (TORUS, {**SMALL, "width": [40]}, {}, 1e-7),
    "nodes": (CHANNEL, {"width": [20], "on": "nodes", "degree": 9, "intervals": 6}, {}, 1e-6),
    "chebyshev": (CHANNEL, {**SMALL, "basis": "chebyshev"}, {}, 1e-6),
    "mlp": (
        CHANNEL,
        {"kind": "mlp", "width": [200], "start": "features", "activation": "sine", "scale": 5.0},
        {"schedule": [{"optimizer": "least_squares"}]},
        1e-5,
    ),
    "time": (
        problem_node(
            LINE,
            ["dt(u) + dx(u) = 0"],
            [SIDES, {"part": "initial", "equation": "u = w"}],
            definitions={"w": "exp(sin(pi*(x - t)))"},
            exact={"u": "w"},
            time={"interval": [0, 0.5]},
        ),
        SMALL,
        {},
        1e-3,
    ),
    "fourth order": (
        problem_node(
            LINE,
            ["d(u, x, x, x, x) + u = (pi**4 + 1)*sin(pi*x)"],
            [SIDES],
            exact={"u": "sin(pi*x)"},
        ),
        {"width": [4], "degree": [5, 11], "intervals": [2, 6]},
        {},
        1e-9,
    ),
    "extrusion": (
        posed(
            {"extrusion": {"base": DISK, "lower": 0, "upper": 2}},
            [{"periodic": ["floor", "ceiling"]}, {"part": "circle", "equation": "u = w"}],
            "cos(pi*z)*exp(x)",
        ),
        {**SMALL, "width": [40]},
        {"sampler": {"interior": 1500, "boundary": 700}},
        1e-3,
    ),
}


@pytest.mark.parametrize("name", list(SOLVES))
def test_a_solve_meets_its_periodic_conditions_to_rounding(name: str) -> None:
    node, trial, keys, least = SOLVES[name]
    solution = solved(node, trial, **keys)
    error, lifted = solution.relative_l2["u"], solution.result.metrics.lifted
    assert error is not None and error < least
    assert lifted and len(lifted) == len(
        [c for c in solution.problem.conditions if isinstance(c, PeriodicCondition)]
    )
    assert max(lifted.values()) < 1e-8 and solution.result.metrics.conditions["periodic"] == max(
        lifted.values()
    )


def test_a_source_that_jumps_at_the_seam_needs_rows() -> None:
    """u - u'' = x, whose u'' jumps from one end to the other: no function on a circle has that, and
    the residual shows it.
    """
    node = problem_node(LINE, ["u - dxx(u) = x"], [SIDES], exact={"u": "x - sinh(x)/sinh(1)"})
    rows, circles = (solved(node, {"width": [8], "periodic": wrap}) for wrap in (False, True))
    assert rows.relative_l2["u"] < 1e-11 and circles.relative_l2["u"] > 1e-3  # type: ignore[operator]
    assert rows.residual_rms < 1e-10 and circles.residual_rms > 1e-2


def test_points_are_even_along_circles_and_chebyshevs_elsewhere() -> None:
    """Rows are turned against each other, so that no wave between twenty columns goes unseen."""
    sampler = {"interior": 400, "boundary": 60, "jitter": 0.0}
    plain, even = (
        parts(CHANNEL, trial={"periodic": wrap, **SMALL}, sampler=sampler).points
        for wrap in (False, True)
    )
    x, y = even.interior.x.unbind(1)
    rows = [x[y == level].sort().values for level in y.unique()]
    for row in rows:
        assert gap(row.diff(), torch.full_like(row[1:], 2 / 20)) < 1e-9
    assert (
        torch.equal(y, plain.interior.x[:, 1])
        and len({round(float(row[0]), 9) for row in rows}) == 20
    )
    ends = plain.interior.x[:, 0].unique().diff()
    assert ends.max() > 5 * ends.min()
    for points, plain_points in (
        (even.interior, plain.interior),
        (even.parts["top"], plain.parts["top"]),
    ):
        assert gap(points.w.sum(), plain_points.w.sum()) < 1e-14
    share = even.interior.w / even.interior.w.sum()
    assert abs(float(share @ x.cos()) - math.sin(2) / 2) < 1e-3  # the mean over 0 < x < 2
    top = even.parts["top"].x[:, 0].unique().diff()
    assert gap(top, top.mean().expand_as(top)) < 1e-9


def test_a_side_of_a_periodic_axis_keeps_its_points() -> None:
    """A condition on a side that is one of the pair too: its points do not move off it."""
    node = posed(PLATE, [SIDES, {"part": ["bottom", "top", "left"], "equation": "u = w"}])
    points = parts(node, trial={"periodic": True, **SMALL}, sampler=SAMPLE).points
    assert not points.parts["left"].x[:, 0].any() and len(points.parts["left"].x) > 10
    assert torch.isfinite(points.parts["left"].w).all()


def test_other_kinds_of_points_stay() -> None:
    for kind in ("grid", "sobol", "gauss", "latin_hypercube"):
        sampler = {"interior": 100, "boundary": 40, "kind": kind}
        plain, even = (
            parts(CHANNEL, trial={"periodic": wrap, **SMALL}, sampler=sampler).points
            for wrap in (False, True)
        )
        assert torch.equal(plain.interior.x, even.interior.x) and torch.equal(
            plain.interior.w, even.interior.w
        )


def test_what_holds_by_construction_leaves_the_rows() -> None:
    names = {
        term.name
        for term in parts(CHANNEL, trial={"periodic": True, **SMALL}, sampler=SAMPLE).assembly.terms
    }
    assert not any("periodic" in name for name in names) and {"bottom", "top"} <= names
    assert any(
        "periodic" in term.name
        for term in parts(CHANNEL, trial=SMALL, sampler=SAMPLE).assembly.terms
    )


def test_a_lifting_of_other_sides_goes_with_it() -> None:
    node = posed(PLATE, [SIDES, {"part": ["bottom", "top"], "equation": "u = w"}])
    solution = solved(node, {**SMALL, "lifting": True})
    assert solution.relative_l2["u"] < 1e-6  # type: ignore[operator]
    lifted = solution.result.metrics.lifted or {}
    assert set(lifted) == {"bottom", "top", "periodic left-right u", "periodic left-right u'"}
    assert max(lifted.values()) < 1e-12


def test_an_energy_is_minimised_among_periodic_functions() -> None:
    node = problem_node(
        LINE,
        [],
        [SIDES],
        energy="0.5*dx(u)**2 + 0.5*u**2 - (pi**2 + 1)*sin(pi*x)*u",
        exact={"u": "sin(pi*x)"},
    )
    del node["equations"]
    solution = solved(node, {"width": [6], "degree": [5, 9], "intervals": [2, 6]})
    assert (
        solution.relative_l2["u"] < 1e-7
        and max((solution.result.metrics.lifted or {"": 1.0}).values()) < 1e-13
    )  # type: ignore[operator]


def test_every_stage_knows_the_inputs() -> None:
    stages = [
        {"optimizer": "adam", "steps": 2},
        {"optimizer": "variable_projection", "steps": 1},
        {"extend_grid": 4},
        {"update_grid": {"mix": 0.0}},
        {"optimizer": "least_squares"},
    ]
    solution = solved(
        CHANNEL,
        {"width": [12], "degree": 5, "intervals": 2},
        schedule=stages,
        sampler={"interior": 600, "boundary": 80},
    )
    assert solution.trial.net.shape == [3, 12, 1] and solution.relative_l2["u"] < 1e-2  # type: ignore[operator]
    assert max((solution.result.metrics.lifted or {"": 1.0}).values()) < 1e-9


# Saved runs
# --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "trial", [SMALL, {"kind": "mlp", "width": [8], "start": "features"}], ids=["kan", "mlp"]
)
def test_a_saved_run_gives_the_same_bits(trial: dict[str, Any], tmp_path: Path) -> None:
    whole = {"problem": CHANNEL, "trial": {"periodic": True, **trial}, **QUIET, "sampler": SAMPLE}
    solution = api.solve(whole, schedule=[{"optimizer": "least_squares"}], out=tmp_path / "run")
    loaded, x = api.load(tmp_path / "run"), inside(50).numpy()
    assert np.array_equal(loaded(x), solution(x))
    period = np.array([2.0, 0.0])
    assert loaded(np.array([[0.0, 0.1]])) == loaded(np.array([[0.0, 0.1]]) + period)
    assert loaded.config.trial.periodic


def test_an_earlier_solution_needs_the_same_circles() -> None:
    node, stage = (
        copy.deepcopy(CHANNEL),
        [{"optimizer": "adam", "steps": 1, "learning_rate": 1e-14}],
    )
    first = solved(node, SMALL)
    on = api.solve(
        {"problem": node, "trial": {"periodic": True, **SMALL}, **QUIET, "sampler": SAMPLE},
        schedule=stage,
        after=first,
    )
    assert on.relative_l2["u"] < 1e-5  # type: ignore[operator]
    with pytest.raises(
        ConfigError,
        match="after: the earlier solution is periodic in other coordinates; give both the same",
    ):
        api.solve(
            {"problem": node, "trial": SMALL, **QUIET, "sampler": SAMPLE},
            schedule=stage,
            after=first,
        )


def test_parameters_are_counted_without_building() -> None:
    for trial in (
        SMALL,
        {"width": [7], "on": "nodes", "degree": 5, "intervals": 3},
        {"kind": "mlp", "width": [8, 5]},
    ):
        for node, inputs in ((CHANNEL, 3), (TORUS, 4)):
            counted = config(node, trial={"periodic": True, **trial})
            assert counted.inputs == inputs
            assert (
                parameter_count(counted.trial, counted.inputs, 1)
                == build(counted).trial.parameter_count
            )
    twin = equal_mlp(config(CHANNEL, trial={"periodic": True, **SMALL}), 0)
    assert twin.trial.periodic and config(CHANNEL, trial=SMALL).inputs == 2


def test_pictures_name_the_circle_and_symbols_are_refused(tmp_path: Path) -> None:
    assert BOTH.names(("x", "y")) == ("cos x", "sin x", "cos y", "sin y")
    assert ALONG.names(("x", "t")) == ("cos x", "sin x", "t")
    solution = solved(CHANNEL, {"width": [3], "degree": 5, "intervals": 2})
    assert write_diagram(tmp_path / "diagram.png", solution).stat().st_size > 1000
    with pytest.raises(
        ConfigError,
        match=r"symbolic: 'small' was solved with trial.periodic, whose kan sees circles",
    ):
        Symbolic.of(solution)


# Refused
# --------------------------------------------------------------------------------------------------

HEAT = problem_node(
    LINE,
    ["dt(u) = dxx(u)"],
    [SIDES, {"part": "initial", "equation": "u = sin(pi*x)"}],
    time={"interval": [0, 1]},
)
REFUSED: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "nothing periodic": (
        problem_node(LINE, ["dxx(u) = 0"], [{"part": ["left", "right"], "equation": "u = 0"}]),
        {},
        "trial.periodic: problem 'small' has no periodic condition; set it to false",
    ),
    "no box": (
        problem_node(DISK, ["laplacian(u) = 0"], [{"periodic": ["circle", "circle"]}]),
        {},
        "periodic",
    ),
    "part of a side": (
        problem_node(
            {
                "union": [
                    {"rectangle": {"lower": [0, 0], "upper": [2, 1], "name": "low"}},
                    {"rectangle": {"lower": [0, 1], "upper": [1, 2], "name": "high"}},
                ]
            },
            ["laplacian(u) = 0"],
            [
                {"periodic": ["high_left", "high_right"]},
                {
                    "part": [
                        "low_bottom",
                        "low_top",
                        "low_left",
                        "low_right",
                        "high_top",
                    ],
                    "equation": "u = 0",
                },
            ],
            free=["high_bottom"],
        ),
        {},
        r"trial.periodic: needs sides that are as far apart as the domain is wide, but .* 1 of 2",
    ),
    "not opposite": (
        problem_node(
            SQUARE,
            ["laplacian(u) = 0"],
            [{"periodic": ["left", "top"]}, {"part": ["right", "bottom"], "equation": "u = 0"}],
        ),
        {},
        r"periodic: \[left, top\] must be opposite faces of a box",
    ),
    "lifted values": (
        problem_node(
            PLATE, ["laplacian(u) = 0"], [SIDES, {"part": ["bottom", "top"], "equation": "u = x"}]
        ),
        {"lifting": True},
        r"trial.lifting: with trial.periodic the lifted values must be periodic too, but"
        r" 'periodic left-right u' fails for them \(by 2.0e\+00\); set one of the two to false",
    ),
    "lifted slope": (
        problem_node(
            PLATE,
            ["laplacian(u) = 0"],
            [SIDES, {"part": ["bottom", "top"], "equation": "u = x*(2 - x)"}],
        ),
        {"lifting": True},
        r"but 'periodic left-right u'' fails for them \(by 4.0e\+00\)",
    ),
    "lifted on a periodic side": (
        problem_node(
            PLATE,
            ["laplacian(u) = 0"],
            [
                SIDES,
                {"part": "left", "equation": "u = 0"},
                {"part": ["bottom", "top"], "equation": "u = 0"},
            ],
        ),
        {"lifting": True},
        "trial.lifting: with trial.periodic the lifted values must be periodic too",
    ),
    "functions": (
        CHANNEL,
        {"functions": ["x*y"]},
        "trial.functions: do not go with periodic: true",
    ),
    "multipoles": (CHANNEL, {"multipoles": 4}, "trial.multipoles: do not go with periodic: true"),
    "directions": (
        CHANNEL,
        {"directions": "source"},
        "trial.directions: does not go with periodic: true, whose units see points on circles;"
        " write directions: even",
    ),
    "centers": (CHANNEL, {"centers": [[0, 0]]}, "trial.centers: does not go with periodic: true"),
    "radial": (CHANNEL, {"radial": 2}, "trial.radial: does not go with periodic: true"),
    "no flag": (CHANNEL, {"periodic": "exact"}, "trial.periodic: must be true or false"),
}


@pytest.mark.parametrize("name", list(REFUSED))
def test_what_cannot_be_periodic_by_construction_is_refused(name: str) -> None:
    node, trial, message = REFUSED[name]
    with pytest.raises(ConfigError, match=message) as refusal:
        build(config(node, trial={"periodic": True, **trial}))
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    "keys",
    [{"slabs": 2}, {"trial": {"periodic": True, "start": "stretched"}}],
    ids=["slabs", "stretched"],
)
def test_slabs_are_refused(keys: dict[str, Any]) -> None:
    with pytest.raises(
        ConfigError,
        match=r"trial\.periodic: not with time slabs, whose stretched start has periodic splines",
    ):
        api.solve({"problem": HEAT, "trial": {"periodic": True}, **QUIET, **keys})
