"""The schema: what a file may say, what is taken where it says nothing, and that nothing is lost on
the way back.
"""

from __future__ import annotations

import copy
import pickle
from collections.abc import Mapping
from dataclasses import FrozenInstanceError
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from kanpde.config import (
    BallShape,
    BoxShape,
    CombinedShape,
    Config,
    DiskShape,
    ExtendGrid,
    IntervalShape,
    OptimizerStage,
    PolygonShape,
    SamplerConfig,
    TimeConfig,
    UpdateGrid,
    WeightsConfig,
    coordinates,
    part_names,
    validate,
    validate_problem,
    yaml_file,
)
from kanpde.config.frozen_map import FrozenMap, freeze, thaw
from kanpde.config.problem.conditions import (
    BoundaryConfig,
    MeanConfig,
    PeriodicConfig,
    PointConfig,
)
from kanpde.config.problem.polygons import polygon_flaw
from kanpde.config.problem.shapes import read_shape, shape_tree
from kanpde.config.reader import Reader
from kanpde.errors import ConfigError
from kanpde.names import FUNCTIONS, OPERATORS, did_you_mean, is_identifier, is_reserved

SQUARE = {"rectangle": {"lower": [-1, -1], "upper": [1, 1]}}
WALLS = {"part": ["left", "right", "bottom", "top"], "equation": "u = 0"}


def problem(**changes: Any) -> dict[str, Any]:
    """A small valid problem node with some keys changed; None removes a key."""
    tree = {
        "name": "p",
        "unknowns": ["u"],
        "domain": SQUARE,
        "equations": ["laplacian(u) = 1"],
        "conditions": [WALLS],
    }
    return {key: value for key, value in {**tree, **changes}.items() if value is not None}


def config(**tree: Any) -> Config:
    """The config of `problem` and other keys of a file."""
    return validate({"problem": problem(), **tree}, source="my.yaml")


def message(tree: Mapping[str, Any], **options: Any) -> str:
    """The message with which `tree` is refused."""
    with pytest.raises(ConfigError) as caught:
        validate(tree, source="my.yaml", **options)
    return str(caught.value)


# Shapes
# --------------------------------------------------------------------------------------------------

SHAPES: list[tuple[dict[str, Any], Any, tuple[str, ...], tuple[str, ...]]] = [
    ({"interval": [0, 1]}, IntervalShape(0.0, 1.0), ("x",), ("left", "right")),
    (
        {"interval": {"lower": 0, "upper": 1, "name": "rod"}},
        IntervalShape(0.0, 1.0, "rod"),
        ("x",),
        ("rod_left", "rod_right"),
    ),
    (SQUARE, BoxShape((-1.0, -1.0), (1.0, 1.0)), ("x", "y"), ("left", "right", "bottom", "top")),
    ({"box": {"lower": [0], "upper": [2]}}, BoxShape((0.0,), (2.0,)), ("x",), ("left", "right")),
    (
        {"box": {"lower": [0, 0, 0], "upper": [1, 1, 1], "name": "b"}},
        BoxShape((0.0,) * 3, (1.0,) * 3, "b"),
        ("x", "y", "z"),
        ("b_left", "b_right", "b_bottom", "b_top", "b_back", "b_front"),
    ),
    (
        {"box": {"lower": [0] * 4, "upper": [1] * 4}},
        BoxShape((0.0,) * 4, (1.0,) * 4),
        ("x1", "x2", "x3", "x4"),
        ("x1_min", "x1_max", "x2_min", "x2_max", "x3_min", "x3_max", "x4_min", "x4_max"),
    ),
    (
        {"disk": {"center": [0, 1], "radius": 2}},
        DiskShape((0.0, 1.0), 2.0),
        ("x", "y"),
        ("circle",),
    ),
    (
        {"disk": {"center": [0, 1], "radius": 2, "name": "hole"}},
        DiskShape((0.0, 1.0), 2.0, "hole"),
        ("x", "y"),
        ("hole",),
    ),
    (
        {"ball": {"center": [0, 0, 0], "radius": 1}},
        BallShape((0.0,) * 3, 1.0),
        ("x", "y", "z"),
        ("sphere",),
    ),
    (
        {"polygon": [[0, 0], [1, 0], [0, 1]]},
        PolygonShape(((0.0, 0.0), (1.0, 0.0), (0.0, 1.0))),
        ("x", "y"),
        ("edge1", "edge2", "edge3"),
    ),
    (
        {"polygon": {"vertices": [[0, 0], [0, 1], [1, 0]], "name": "w"}},
        PolygonShape(((0.0, 0.0), (0.0, 1.0), (1.0, 0.0)), "w"),
        ("x", "y"),
        ("w1", "w2", "w3"),
    ),
    (
        {
            "difference": [
                SQUARE,
                {
                    "union": [
                        {"disk": {"center": [0, 0], "radius": 0.5}},
                        {"polygon": [[0, 0], [1, 0], [0, 1]]},
                    ]
                },
            ]
        },
        CombinedShape(
            "difference",
            (
                BoxShape((-1.0, -1.0), (1.0, 1.0)),
                CombinedShape(
                    "union",
                    (
                        DiskShape((0.0, 0.0), 0.5),
                        PolygonShape(((0.0, 0.0), (1.0, 0.0), (0.0, 1.0))),
                    ),
                ),
            ),
        ),
        ("x", "y"),
        ("left", "right", "bottom", "top", "circle", "edge1", "edge2", "edge3"),
    ),
]


@pytest.mark.parametrize(("tree", "shape", "axes", "parts"), SHAPES)
@pytest.mark.parametrize("time", [None, [0, 2]])
def test_shapes_have_coordinates_and_parts(
    tree: dict[str, Any],
    shape: Any,
    axes: tuple[str, ...],
    parts: tuple[str, ...],
    time: list[int] | None,
) -> None:
    node = problem(domain=tree, conditions=[{"part": list(parts), "equation": "u = 0"}])
    if time:
        node["time"] = {"interval": time}
        node["conditions"] += [{"part": "initial", "equation": "u = 0"}]
        axes, parts = (*axes, "t"), (*parts, "initial", "final")
    checked = validate({"problem": node}, source="my.yaml")
    assert checked.problem.domain == shape
    assert checked.problem.time == (TimeConfig(0.0, 2.0) if time else None)
    assert coordinates(shape, checked.problem.time) == checked.problem.coordinates == axes
    assert part_names(shape, checked.problem.time) == checked.problem.parts == parts
    assert validate(checked.as_tree(), source="config.yaml") == checked


def test_the_side_of_a_shape_that_lies_outside_may_be_free() -> None:
    rectangle = {"rectangle": {"lower": [0, -2], "upper": [2, 0], "name": "cut"}}
    node = {
        "name": "sector",
        "unknowns": ["u"],
        "domain": {"difference": [{"disk": {"center": [0, 0], "radius": 1}}, rectangle]},
        "equations": ["laplacian(u) = 0"],
        "conditions": [{"part": ["circle", "cut_left", "cut_top"], "equation": "u = 0"}],
    }
    wanted = "parts cut_right, cut_bottom; add one, or list under 'free' what has none (also the"
    assert wanted in message({"problem": node})


def test_final_needs_no_condition_but_initial_does() -> None:
    node = problem(time={"interval": [0, 1]})
    assert "problem.conditions: no condition on the part initial" in message({"problem": node})
    node["conditions"] = [
        WALLS,
        {"part": "initial", "equation": "u = 0"},
        {"part": "final", "equation": "u = 1"},
    ]
    assert validate_problem(node, "p.yaml").conditions[2].parts == ("final",)


def test_named_operands_may_be_alike() -> None:
    holes = [
        {"disk": {"center": [x, 0], "radius": 0.1, "name": f"hole{i}"}}
        for i, x in enumerate((-0.5, 0.5))
    ]
    node = problem(domain={"difference": [SQUARE, *holes]}, free=["hole0", "hole1"])
    assert validate_problem(node, "p.yaml").parts[-2:] == ("hole0", "hole1")


@pytest.mark.parametrize(
    ("vertices", "flaw"),
    [
        ([(0, 0), (1, 0), (1, 1), (0, 1)], None),
        ([(0, 0), (0, 1), (1, 1), (1, 0)], None),
        ([(0, 0), (2, 0), (2, 2), (1, 1), (0, 2)], None),
        ([(0, 0), (1, 0), (2, 0), (2, 1)], None),
        ([(0, 0), (2, 0), (2, 2), (1, 0), (0, 2)], "edges 1 and 3 meet"),
        ([(0, 0), (2, 2), (2, 0), (0, 2)], "edges 1 and 3 meet"),
        ([(0, 0), (1, 0), (0.5, 0), (0.5, 1)], "the edges at vertex 2 lie on each other"),
        ([(0, 0), (1, 0), (1, 1), (0, 0)], "vertices 4 and 1 coincide"),
        ([(1e9, 0), (1e9 + 1e-3, 0), (1e9, 1)], "vertices 1 and 2 coincide"),
    ],
)
def test_polygons_are_simple(vertices: list[tuple[float, float]], flaw: str | None) -> None:
    for k in range(3):
        scaled = [(10.0**k * x, 10.0**k * y) for x, y in vertices]
        message = polygon_flaw(scaled)
        assert message is None if flaw is None else flaw in (message or "")


# Problems
# --------------------------------------------------------------------------------------------------


def test_conditions_of_every_kind() -> None:
    rows = [
        {"part": "top", "equation": ["u = 0", "v = dn(u)"], "weight": 2},
        {"periodic": ["left", "right"], "weight": "1e-3"},
        {"part": ["bottom"], "equation": "v  =\n 1"},
        {"mean": "u = 0"},
        {"point": [0, 0.5], "equation": "v = 1", "weight": None},
    ]
    assert validate_problem(problem(unknowns=["u", "v"], conditions=rows), "p.yaml").conditions == (
        BoundaryConfig(parts=("top",), equation="u = 0", weight=2.0),
        BoundaryConfig(parts=("top",), equation="v = dn(u)", weight=2.0),
        PeriodicConfig(parts=("left", "right"), weight=1e-3),
        BoundaryConfig(parts=("bottom",), equation="v = 1"),
        MeanConfig(equation="u = 0"),
        PointConfig(equation="v = 1", point=(0.0, 0.5)),
    )


def test_formulas_may_be_numbers_and_lists_may_be_single() -> None:
    node = problem(
        unknowns="u", equations="laplacian(u) = f", definitions={"f": 1, "g": 2.5}, exact={"u": 0}
    )
    checked = validate_problem(node, "p.yaml")
    assert checked.unknowns == ("u",)
    assert checked.equations == ("laplacian(u) = f",)
    assert checked.definitions == {"f": "1", "g": "2.5"}
    assert checked.exact == {"u": "0"}


def test_exact_needs_every_unknown() -> None:
    node = problem(unknowns=["u", "v"], exact={"u": "x"})
    assert "problem.exact: missing key 'v'" in message({"problem": node})


@pytest.mark.parametrize(
    ("source", "name"), [("heat_1d.yaml", "heat_1d"), ("a b.yaml", "problem"), ("/x/y.yaml", "y")]
)
def test_a_problem_without_name_is_called_as_its_file(source: str, name: str) -> None:
    assert validate_problem(problem(name=None), source).name == name


def test_messages_of_a_bare_problem_name_no_problem_key() -> None:
    with pytest.raises(
        ConfigError, match=r"^p\.yaml: equation: unknown key; did you mean 'equations'\?"
    ):
        validate_problem(problem(equation="u = 0"), "p.yaml")
    with pytest.raises(
        ConfigError, match=r"^p\.yaml: recommended\.trial\.degree: must be an integer from 1 to 30"
    ):
        validate_problem(problem(recommended={"trial": {"degree": 99}}), "p.yaml")
    with pytest.raises(
        ConfigError, match=r"^p\.yaml: recommended\.schedule\[0\]\.steps: must be an integer"
    ):
        validate_problem(
            problem(recommended={"schedule": [{"optimizer": "adam", "steps": 0}]}), "p.yaml"
        )


@pytest.mark.parametrize(
    "name", [*FUNCTIONS, *OPERATORS, "pi", "manufactured", "dx", "dtt", "dxyz", "dzzzz"]
)
@pytest.mark.parametrize("key", ["parameters", "definitions"])
def test_words_of_formulas_cannot_be_redefined(name: str, key: str) -> None:
    assert is_reserved(name)
    assert f"problem.{key}.{name}: the name {name!r} has a meaning" in message(
        {"problem": problem(**{key: {name: 1}})}
    )


@pytest.mark.parametrize("name", ["u", "U1", "f_x", "dxq", "delta", "e", "z", "t", "a" * 40])
def test_other_words_are_free(name: str) -> None:
    assert is_identifier(name)
    assert not is_reserved(name)
    assert validate_problem(problem(parameters={name: 1}, unknowns=["w"]), "p.yaml").parameters == {
        name: 1.0
    }


@pytest.mark.parametrize("name", ["", "_u", "1u", "u v", "u-v", "ü", "u.v", "a" * 41, "u\n", "١"])
def test_names_are_plain_words(name: str) -> None:
    assert not is_identifier(name)
    assert "a name must begin with a letter" in message({"problem": problem(parameters={name: 1})})


def test_suggestions_are_near_or_absent() -> None:
    assert did_you_mean("WIDHT", ["width", "degree"]) == ", did you mean 'width'?"
    assert did_you_mean("bananas", ["width", "degree"]) == ""


def test_a_python_problem_needs_a_trusted_door() -> None:
    calls: list[tuple[str, Mapping[str, float]]] = []

    def make(name: str, parameters: Mapping[str, float]) -> Mapping[str, Any]:
        calls.append((name, parameters))
        return problem(parameters={"k": parameters["k"]}, recommended={"trial": {"width": [3]}})

    tree = {"problem": {"python": "plates", "parameters": {"n": 4, "k": 0.5}}}
    refusal = "my.yaml: problem.python: a data file cannot run Python"
    assert refusal in message(tree, make_problem=make)
    assert refusal in message(tree, trusted=True)
    assert calls == []

    checked = validate(tree, source="my.yaml", trusted=True, make_problem=make)
    assert calls == [("plates", {"n": 4, "k": 0.5})]
    assert checked.problem.python == "plates"
    assert checked.trial.width == (3,)
    assert validate(checked.as_tree(), source="config.yaml") == checked, (
        "what was made needs no Python any more"
    )

    outside = {"problem": {"python": "../plates"}}
    assert "problem.python: must be the name of a file in problems/" in message(
        outside, trusted=True, make_problem=make
    )

    tree["problem"]["equations"] = ["u = 0"]
    assert "problem.equations: unknown key" in message(tree, trusted=True, make_problem=make)


# Defaults and merging
# ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "width", "degree", "intervals", "sampler"),
    [
        (1, (), (11,), (64,), SamplerConfig(512, 2, "chebyshev")),
        (2, (64,), (5, 11), (2, 24), SamplerConfig(4900, 800, "chebyshev")),
        (3, (160,), (5, 9), (2, 6), SamplerConfig(12167, 4800, "chebyshev")),
        (4, (300,), (5, 9), (2, 1), SamplerConfig(8000, 4000, "sobol")),
        (10, (300,), (5, 9), (2, 1), SamplerConfig(8000, 4000, "sobol")),
    ],
)
def test_defaults_follow_the_number_of_coordinates(
    count: int,
    width: tuple[int, ...],
    degree: tuple[int, ...],
    intervals: tuple[int, ...],
    sampler: SamplerConfig,
) -> None:
    box = {"box": {"lower": [0] * count, "upper": [1] * count}}
    parts = BoxShape((0.0,) * count, (1.0,) * count).parts
    checked = validate(
        {"problem": problem(domain=box, conditions=[{"part": list(parts), "equation": "u = 0"}])},
        source="my.yaml",
    )
    trial = checked.trial
    assert (trial.kind, trial.width, trial.degree, trial.intervals) == (
        "kan",
        width,
        degree,
        intervals,
    )
    assert (trial.start, trial.base, trial.lifting, trial.derivatives) == (
        "ridge",
        "none",
        False,
        "taylor",
    )
    assert checked.sampler == sampler
    assert checked.weights == WeightsConfig(1.0, 1e4, True)
    assert [type(stage) for stage in checked.schedule] == [OptimizerStage]
    assert checked.schedule[0].optimizer == "least_squares"  # type: ignore[union-attr]
    assert (checked.dtype, checked.seed) == ("float64", 0)
    assert checked.output.vtu
    assert checked.output.plots
    assert checked.compare.modes == ("equal_parameters", "equal_time", "best")


@pytest.mark.parametrize(
    "spelling", [[0, 2], {"from": 0, "to": 2}, {"interval": {"lower": 0, "upper": 2}}]
)
def test_the_ends_of_time_are_spelled_like_those_of_an_interval(spelling: Any) -> None:
    sides = {"part": ["left", "right", "initial"], "equation": "u = 0"}
    node = problem(domain={"interval": [0, 1]}, time=spelling, conditions=[sides])
    assert validate({"problem": node}, source="my.yaml").problem.time == TimeConfig(0.0, 2.0)


def test_time_counts_as_a_coordinate() -> None:
    walls = {"part": ["left", "right", "initial"], "equation": "u = 0"}
    node = problem(domain={"interval": [0, 1]}, time={"interval": [0, 1]}, conditions=[walls])
    assert validate({"problem": node}, source="my.yaml").trial.width == (64,)


def test_defaults_of_an_mlp() -> None:
    checked = config(trial={"kind": "mlp"})
    assert (checked.trial.width, checked.trial.degree, checked.trial.intervals) == (
        (100, 100),
        (),
        (),
    )
    assert (checked.trial.start, checked.trial.activation, checked.trial.scale) == (
        "xavier",
        "tanh",
        1.0,
    )
    adam, lbfgs = checked.schedule
    assert adam == OptimizerStage("adam", 2000, learning_rate=1e-3)
    assert lbfgs == OptimizerStage("lbfgs", 2000)


RECOMMENDED = {
    "trial": {"width": [48], "degree": 9, "intervals": [4, 16]},
    "schedule": [
        {"optimizer": "least_squares"},
        {"extend_grid": 32},
        {"optimizer": "lbfgs", "steps": 7},
    ],
    "sampler": {"interior": 100, "kind": "sobol"},
    "weights": {"conditions": 7},
}


def advised(**tree: Any) -> Config:
    """The config of a problem with recommendations."""
    return validate({"problem": problem(recommended=RECOMMENDED), **tree}, source="my.yaml")


def test_explicit_wins_over_recommended_over_default() -> None:
    checked = advised(trial={"degree": [7, 8]}, sampler={"interior": 200}, weights={"equations": 3})
    assert advised(weights={"conditions": 5}).weights == WeightsConfig(1.0, 5.0, True)
    assert (checked.trial.width, checked.trial.degree, checked.trial.intervals) == (
        (48,),
        (7, 8),
        (4, 16),
    )
    assert len(checked.schedule) == 3
    assert checked.sampler == SamplerConfig(200, 800, "sobol")
    assert checked.weights == WeightsConfig(3.0, 7.0, True)
    assert len(advised(schedule=[{"optimizer": "adam"}]).schedule) == 1


def test_recommended_values_per_layer_belong_to_the_recommended_width() -> None:
    deeper = advised(trial={"width": [8, 8]})
    assert (deeper.trial.degree, deeper.trial.intervals) == ((9, 9, 9), (2, 2, 24))
    single = validate({"problem": problem(), "trial": {"width": []}}, source="my.yaml")
    assert (single.trial.degree, single.trial.intervals) == ((11,), (24,))


def test_another_kind_drops_the_recommended_trial_and_schedule() -> None:
    checked = advised(trial={"kind": "mlp"})
    assert checked.trial.width == (100, 100)
    assert [stage.optimizer for stage in checked.schedule] == ["adam", "lbfgs"]  # type: ignore[union-attr]
    assert checked.sampler.interior == 100
    assert checked.weights.conditions == 7.0
    same = advised(trial={"kind": "kan"})
    assert same.trial.width == (48,)


def test_keys_of_the_other_kind_are_refused_wherever_the_kind_is_said() -> None:
    node = problem(recommended={"trial": {"kind": "mlp"}})
    assert "trial.degree: an mlp has no 'degree'" in message(
        {"problem": node, "trial": {"degree": 3}}
    )
    assert validate(
        {"problem": node, "trial": {"kind": "kan", "degree": 3}}, source="my.yaml"
    ).trial.degree == (3, 3)


def test_null_means_not_given() -> None:
    keys = (
        "kind",
        "width",
        "degree",
        "intervals",
        "start",
        "base",
        "lifting",
        "activation",
        "derivatives",
        "scale",
    )
    empty = {
        "trial": dict.fromkeys(keys),
        "schedule": None,
        "sampler": dict.fromkeys(("interior", "boundary", "kind", "jitter")),
        "weights": {"equations": None, "conditions": None},
        "output": {"vtu": None, "plots": None},
        "compare": dict.fromkeys(("seeds", "modes", "mlp", "mlp_schedule", "seconds")),
        "dtype": None,
        "seed": None,
    }
    assert advised(**empty) == advised()
    assert (
        validate({"problem": problem(time=None, exact=None, free=None)}, source="my.yaml")
        == config()
    )


# Stages and the other nodes
# ------------------------------------------------------------------------------------------


def test_stages_of_every_kind() -> None:
    stages = [
        {"optimizer": "least_squares", "regularisation": "1e-10", "steps": 3, "seconds": 5},
        {"extend_grid": [4, 48]},
        {"update_grid": 0.5},
        {"optimizer": "adam", "steps": 1e3, "learning_rate": 1e-2, "tolerance": 1e-8},
        {"update_grid": {"mix": 1}},
        {"extend_grid": 48},
        {"optimizer": "lbfgs"},
    ]
    assert config(schedule=stages).schedule == (
        OptimizerStage("least_squares", 3, tolerance=0.1, seconds=5.0, regularisation=1e-10),
        ExtendGrid((4, 48)),
        UpdateGrid(0.5),
        OptimizerStage("adam", 1000, learning_rate=1e-2, tolerance=1e-8),
        UpdateGrid(1.0),
        ExtendGrid(48),
        OptimizerStage("lbfgs", 500),
    )


@pytest.mark.parametrize(
    ("stages", "kind", "words"),
    [
        ([{"steps": 3}], "kan", "schedule[0]: missing key 'optimizer'"),
        (
            [{"optimizer": "adam"}, {"extend_grid": 9}],
            "mlp",
            "schedule[1]: an mlp has no grid; remove extend_grid",
        ),
        (
            [{"optimizer": "adam"}, {"update_grid": 1}],
            "mlp",
            "schedule[1]: an mlp has no grid; remove update_grid",
        ),
        (
            [{"optimizer": "adam"}, {"extend_grid": [30]}],
            "kan",
            "schedule[1]: extend_grid must hold one value per layer: 2",
        ),
        (
            [{"optimizer": "adam"}, {"update_grid": 1.5}],
            "kan",
            "schedule[1].update_grid: must be a number from 0 to 1",
        ),
        (
            [{"optimizer": "adam", "lr": 1}],
            "kan",
            "schedule[0].lr: unknown key; use 'learning_rate'",
        ),
        (
            [{"optimizer": "lbfgs", "learning_rate": 1}],
            "kan",
            "schedule[0].learning_rate: lbfgs has no 'learning_rate'",
        ),
        (
            [{"optimizer": "adam", "regularisation": 1}],
            "kan",
            "schedule[0].regularisation: adam has no",
        ),
        (
            [{"optimizer": "adam", "tolerance": -1}],
            "kan",
            "schedule[0].tolerance: must be a number from 0 to 1",
        ),
        (
            [{"optimizer": "adam", "seconds": 0}],
            "kan",
            "schedule[0].seconds: must be a number greater than 0",
        ),
        ({"optimizer": "adam"}, "kan", "schedule: must be a list of stages"),
    ],
)
def test_wrong_stages(stages: Any, kind: str, words: str) -> None:
    assert words in message({"problem": problem(), "trial": {"kind": kind}, "schedule": stages})


def test_a_second_extension_starts_from_the_first() -> None:
    stages = [{"optimizer": "least_squares"}, {"extend_grid": 40}, {"extend_grid": 30}]
    assert (
        "schedule[2]: extend_grid to 30 intervals, but layer 1 has 40; give 40 or more"
        in message({"problem": problem(), "schedule": stages})
    )


def test_a_recommended_schedule_that_does_not_fit_is_to_be_replaced() -> None:
    tree = {"problem": problem(recommended=RECOMMENDED), "trial": {"intervals": 64}}
    words = (
        "problem.recommended.schedule[1]: extend_grid to 32 intervals, but layer 1 has 64; give a"
        " schedule of your own"
    )
    assert words in message(tree)
    assert validate(
        {**tree, "schedule": [{"optimizer": "adam"}]}, source="my.yaml"
    ).trial.intervals == (64, 64)


def test_compare_holds_a_partial_mlp() -> None:
    compare = {
        "seeds": 5,
        "modes": "best",
        "mlp": {"width": [20]},
        "mlp_schedule": [{"optimizer": "lbfgs"}],
        "seconds": 9,
    }
    checked = config(compare=compare)
    assert checked.compare.mlp == {"width": (20,)}
    assert checked.compare.mlp_schedule == (OptimizerStage("lbfgs", 500),)
    assert (checked.compare.seeds, checked.compare.modes, checked.compare.seconds) == (
        5,
        ("best",),
        9.0,
    )
    assert validate(checked.as_tree(), source="config.yaml") == checked


@pytest.mark.parametrize(
    ("tree", "words"),
    [
        ({"compare": {"mlp": {"kind": "kan"}}}, "compare.mlp.kind: must be one of mlp"),
        ({"compare": {"mlp": {"degree": 3}}}, "compare.mlp.degree: an mlp has no 'degree'"),
        ({"compare": {"mlp": {"width": []}}}, "compare.mlp.width: must hold at least 1 element"),
        (
            {"compare": {"mlp_schedule": [{"extend_grid": 3}]}},
            "compare.mlp_schedule: must hold at least one optimizer",
        ),
        ({"compare": {"modes": ["best", "best"]}}, "compare.modes: holds a mode twice"),
        ({"compare": {"seeds": 0}}, "compare.seeds: must be an integer from 1"),
        ({"sampler": {"jitter": 1.1}}, "sampler.jitter: must be a number from 0 to 1"),
        ({"trial": {"kind": "mlp", "scale": 0}}, "trial.scale: must be a number greater than 0"),
        ({"trial": {"start": "xavier"}}, "trial.start: must be one of ridge, paper"),
        (
            {"trial": {"kind": "mlp", "start": "ridge"}},
            "trial.start: must be one of xavier, features",
        ),
        ({"trial": {"grid": 5}}, "trial.grid: unknown key; did you mean 'intervals'?"),
        ({1: 2}, "a key must be text, found 1; YAML 1.1 reads on"),
        ({"seed": 10**5000}, "seed: must be an integer from 0"),
        ({"seed": float("nan")}, "seed: must be an integer from 0"),
        (
            {"trial": {"width": np.zeros(3)}},
            "trial.width: must be a list of hidden sizes, for example [48], found a Python",
        ),
        ({"output": object()}, "output: must be a mapping (key: value), found a Python object"),
    ],
)
def test_wrong_nodes(tree: dict[str, Any], words: str) -> None:
    assert words in message({"problem": problem(), **tree})


def test_the_root_must_be_a_mapping() -> None:
    assert message([], trusted=True) == "my.yaml: must be a mapping (key: value), found a list of 0"  # type: ignore[arg-type]


def test_data_that_never_ends_is_refused() -> None:
    shape: dict[str, Any] = {}
    shape["union"] = [shape, shape]
    assert "nested more than 40 levels deep" in message({"problem": problem(domain=shape)})


@pytest.mark.parametrize("value", ["1e-9", "1E-9", 1e-9, np.float64(1e-9), np.float32(1e-9)])
def test_numbers_may_be_written_as_text(value: Any) -> None:
    assert config(weights={"conditions": value}).weights.conditions == pytest.approx(1e-9)


@pytest.mark.parametrize(
    "value", ["1:30", "0x10", "1_0", "010", "ten", "", "1e", "nan", "inf", "١", True, None, [1], 1j]
)
def test_other_text_is_no_number(value: Any) -> None:
    node = problem(parameters={"k": value})
    assert "problem.parameters.k: must be a" in message({"problem": node})


# Both doors, and the way back
# ----------------------------------------------------------------------------------------

FILE = """
problem:
  name: p
  unknowns: [u]
  domain: {rectangle: {lower: [0, 0], upper: [1, 1]}}
  parameters: {k: 1e-9, e: 1.5e3}
  equations: ["-k*laplacian(u) = 1"]
  conditions: [{part: [left, right, bottom, top], equation: "u = 0"}]
trial: {kind: null, width: [8]}
schedule: [{optimizer: adam, learning_rate: 1e-3, steps: 100}]
weights: {conditions: 1e4}
output: {vtu: false}
"""


def test_both_doors_read_the_same() -> None:
    hydra_door = OmegaConf.to_container(OmegaConf.create(FILE), resolve=True)
    assert isinstance(hydra_door, dict)
    data_door = yaml_file.loads(FILE, source="p.yaml")
    assert validate(hydra_door, source="p.yaml", trusted=True) == validate(
        data_door, source="p.yaml"
    )  # type: ignore[arg-type]


COUNTS = st.integers(1, 60)
KAN = st.integers(0, 3).flatmap(
    lambda hidden: st.fixed_dictionaries(
        {"width": st.lists(COUNTS, min_size=hidden, max_size=hidden)},
        optional={
            "kind": st.just("kan"),
            "degree": st.integers(1, 30)
            | st.lists(st.integers(1, 30), min_size=hidden + 1, max_size=hidden + 1),
            "intervals": COUNTS | st.lists(COUNTS, min_size=hidden + 1, max_size=hidden + 1),
            "start": st.sampled_from(["ridge", "paper"]),
            "base": st.sampled_from(["none", "silu"]),
            "lifting": st.booleans(),
            "periodic": st.booleans(),
            "derivatives": st.sampled_from(["taylor", "autograd"]),
        },
    )
)
MLP = st.fixed_dictionaries(
    {"kind": st.just("mlp")},
    optional={
        "width": st.lists(COUNTS, min_size=1, max_size=3),
        "activation": st.sampled_from(["tanh", "silu", "sine"]),
    },
)
FILES = st.fixed_dictionaries(
    {},
    optional={
        "trial": KAN | MLP,
        "schedule": st.lists(
            st.fixed_dictionaries(
                {"optimizer": st.sampled_from(["adam", "lbfgs"])}, optional={"steps": COUNTS}
            ),
            min_size=1,
            max_size=3,
        ),
        "sampler": st.fixed_dictionaries(
            {}, optional={"interior": COUNTS, "jitter": st.floats(0, 1)}
        ),
        "weights": st.fixed_dictionaries({}, optional={"conditions": st.floats(1e-30, 1e30)}),
        "seed": st.integers(0, 2**63 - 1),
        "dtype": st.sampled_from(["float64", "float32"]),
    },
)


@given(tree=FILES, recommended=st.none() | st.just(RECOMMENDED))
@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
def test_a_config_survives_the_way_through_a_file(
    tree: dict[str, Any], recommended: dict[str, Any] | None
) -> None:
    whole = {"problem": problem(recommended=recommended), **tree}
    before = copy.deepcopy(whole)
    try:
        checked = validate(whole, source="my.yaml")
    except ConfigError as error:
        wrong = ("extend_grid to 32 intervals", "trial.periodic: problem 'p' has no periodic")
        assert any(words in str(error) for words in wrong), "only these pairs may not fit"
        return
    assert whole == before, "the tree is not edited"
    text = yaml_file.dumps(checked.as_tree())
    assert validate(yaml_file.loads(text, source="config.yaml"), source="config.yaml") == checked


def test_a_config_is_frozen_hashable_and_can_be_sent_to_a_process() -> None:
    checked = advised(compare={"mlp": {"width": [3]}})
    with pytest.raises(FrozenInstanceError):
        checked.seed = 1  # type: ignore[misc]
    with pytest.raises(TypeError):
        checked.problem.parameters["k"] = 1.0  # type: ignore[index]
    for copied in (pickle.loads(pickle.dumps(checked)), copy.deepcopy(checked)):
        assert copied == checked
        assert hash(copied) == hash(checked)


def test_frozen_data_thaws_to_what_it_was() -> None:
    tree = {"a": [1, {"b": [2, None]}], "c": "d"}
    frozen = freeze(tree)
    assert isinstance(frozen, FrozenMap)
    assert frozen["a"][1]["b"] == (2, None)
    assert thaw(frozen) == tree
    assert repr(FrozenMap({"a": 1})) == "FrozenMap({'a': 1})"


def test_a_parameter_may_be_a_formula_of_others() -> None:
    node = problem(parameters={"Re": 20, "l": "Re/2 - sqrt(Re**2/4 + 4*pi**2)", "half": "1/2"})
    read = validate({"problem": node}, source="my.yaml").problem
    assert dict(read.parameters) == {"Re": 20.0}
    assert read.definitions["l"] == "Re/2 - sqrt(Re**2/4 + 4*pi**2)"
    found = message({"problem": problem(parameters={"Re": 20, "l": "R/2"})})
    assert "problem.parameters.l: must be a number or a formula of other parameters" in found
    assert "found 'R'" in found
    assert "; what varies is a definition" in found


def test_one_number_stands_for_all_coordinates_beside_dimensions() -> None:
    node = Reader({"box": {"lower": -1, "upper": [1, 1, 2], "dimensions": 3}}, "file", ())
    shape = read_shape(node)
    assert shape == BoxShape((-1.0, -1.0, -1.0), (1.0, 1.0, 2.0))
    assert read_shape(Reader(shape_tree(shape), "file", ())) == shape


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ({"lower": -1, "upper": 1}, "one number for all coordinates beside `dimensions`"),
        ({"lower": [0, 0], "upper": 1, "dimensions": 3}, "must hold exactly 3 elements"),
        ({"lower": 0, "upper": 1, "dimensions": 101}, "100"),
    ],
)
def test_corners_of_boxes_are_numbers_of_all_coordinates(box: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_shape(Reader({"box": box}, "file", ()))


@pytest.mark.parametrize(
    ("schedule", "weight"),
    [
        ([{"optimizer": "adam", "steps": 5}, {"optimizer": "lbfgs", "steps": 5}], 10.0),
        ([{"optimizer": "least_squares"}, {"optimizer": "lbfgs", "steps": 5}], 1e4),
    ],
)
def test_conditions_weigh_less_where_only_gradients_lead(
    schedule: list[dict[str, Any]], weight: float
) -> None:
    problem = {"name": "rod", "unknowns": ["u"], "domain": {"interval": [0, 1]}}
    problem |= {
        "equations": ["dxx(u) = 1"],
        "conditions": [{"part": "boundary", "equation": "u = 0"}],
    }
    config = validate({"problem": problem, "schedule": schedule}, source="rod")
    assert config.weights.conditions == weight
    again = validate(config.as_tree(), source="rod")
    assert again.weights == config.weights
    given = {"problem": problem, "schedule": schedule, "weights": {"conditions": 3.0}}
    assert validate(given, source="rod").weights.conditions == 3.0
