"""Keys that do not go together are refused where the config is checked, before anything is built.

Each pair is refused with one sentence, by the door of files and by that of Python alike.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from kanpde import api
from kanpde.config import Config, Pace, validate, validate_problem
from kanpde.config.compatibility import check, check_comparison
from kanpde.config.solve.adaptive import AdaptPoints, AdaptWeights
from kanpde.config.solve.stages import OptimizerStage, Sparsify
from kanpde.errors import ConfigError

HEAT: dict[str, Any] = {
    "unknowns": ["u"],
    "domain": {"interval": [0, 1]},
    "time": {"interval": [0, 1]},
    "equations": ["dt(u) = dxx(u)"],
    "conditions": [
        {"part": ["left", "right"], "equation": "u = 0"},
        {"part": "initial", "equation": "u = sin(pi*x)"},
    ],
}
PLATE: dict[str, Any] = {
    "unknowns": ["u"],
    "domain": {"interval": [0, 1]},
    "equations": ["dxx(u) = 1"],
    "conditions": [{"part": ["left", "right"], "equation": "u = 0"}],
}
LEAST: dict[str, Any] = {
    **{key: value for key, value in PLATE.items() if key != "equations"},
    "energy": "0.5*dx(u)**2 + u",
}
TABLE: dict[str, Any] = {"fit": {"values": "x,u\n0,1\n0.5,2\n1,4\n", "columns": ["u"]}}
WAVE: dict[str, Any] = {
    **HEAT,
    "conditions": [{"periodic": ["left", "right"]}, HEAT["conditions"][1]],
}
TWO: dict[str, Any] = {
    **PLATE,
    "domain": {"regions": {"low": {"interval": [0, 0.5]}, "high": {"interval": [0.5, 1]}}},
}
ADAPTS = [{"optimizer": "adam", "points": "rad"}]


def whole(problem: dict[str, Any], **keys: Any) -> Config:
    return validate({"problem": problem, **keys}, source="my.yaml")


@pytest.mark.parametrize(
    ("problem", "keys", "sentence"),
    [
        (HEAT, {"slabs": 4, "trial": {"lifting": True}}, "trial.lifting: not with time slabs"),
        (WAVE, {"slabs": 4, "trial": {"periodic": True}}, "trial.periodic: not with time slabs"),
        (HEAT, {"slabs": 4, "trial": {"functions": ["x"]}}, "trial.functions: do not go with slabs"),
        (HEAT, {"slabs": 4, "tolerance": 1e-3}, "tolerance: slabs are chosen for trial.start"),
        (
            HEAT,
            {"slabs": {"error": 1e-3}, "weights": {"scaled": False}},
            "weights.scaled: slabs are chosen by an error",
        ),
        (HEAT, {"slabs": 4, "schedule": ADAPTS}, "schedule: points and weights do not adapt"),
        (
            HEAT,
            {"trial": {"start": "stretched", "base": "silu"}},
            "trial.start: stretched needs a kan with one hidden layer, base none",
        ),
        (
            {**HEAT, "conditions": [*HEAT["conditions"], {"part": "final", "equation": "u = 0"}]},
            {"slabs": 4},
            "slabs: the condition 'final' holds over the whole time interval",
        ),
        (PLATE, {"slabs": 4}, "slabs: time slabs, but the problem has no time"),
        (PLATE, {"trial": {"start": "stretched"}}, "trial.start: stretched needs a problem with"),
        (PLATE, {"trial": {"periodic": True}}, "trial.periodic: problem 'my' has no periodic"),
        (
            PLATE,
            {"compare": {"mlp_schedule": [{"optimizer": "adam", "weights": "causal"}]}},
            "compare.mlp_schedule[0]: causal weights need a problem with time",
        ),
        (
            PLATE,
            {"tolerance": 1e-3, "trial": {"kind": "mlp"}},
            "tolerance: only the resolution of a kan is chosen",
        ),
        (
            PLATE,
            {"tolerance": 1e-3, "trial": {"basis": "rbf"}},
            "tolerance: chooses the resolution of B-splines on edges",
        ),
        (LEAST, {"tolerance": 1e-3}, "tolerance: is measured by the residual"),
        (LEAST, {"schedule": ADAPTS}, "schedule: the quadrature points of an energy stay"),
        (
            LEAST,
            {"schedule": [{"optimizer": "least_squares", "keep": True}]},
            "schedule[0]: least_squares with keep does not go with an energy",
        ),
        (
            LEAST,
            {"compare": {"mlp_schedule": [{"optimizer": "levenberg_marquardt"}]}},
            "compare.mlp_schedule[0]: levenberg_marquardt needs residual rows",
        ),
        (TABLE, {"tolerance": 1e-3}, "tolerance: needs a formula or equations"),
        (TABLE, {"schedule": ADAPTS}, "schedule: the points of a fit of data are its rows"),
    ],
)  # fmt: skip
def test_a_file_is_refused_before_anything_is_built(
    problem: dict[str, Any], keys: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        whole(problem, **keys)
    assert str(caught.value).startswith(f"my.yaml: {sentence}")


@pytest.mark.parametrize(
    ("problem", "sentence"),
    [
        ({**LEAST, "time": {"interval": [0, 1]}}, "time: an energy has no time"),
        ({**PLATE, "energy": "u"}, "equations: a problem has either equations or an energy"),
        ({**PLATE, "boundary_energy": []}, "boundary_energy: needs 'energy' beside it"),
        ({**PLATE, "exact": {"u": "x"}, "reference": "r"}, "reference: does not go with 'exact'"),
        ({**PLATE, "definitions": {"f": "manufactured"}}, "definitions.f: 'manufactured' needs an"),
        ({**TWO, "reference": "r"}, "reference: does not go with a domain of regions"),
        (
            {**TWO, "definitions": {"f": {"low": 1, "high": "manufactured"}}},
            "definitions.f.high: 'manufactured' needs an exact solution",
        ),
        (
            {**PLATE, "conditions": [{"interface": "left", "equation": "jump(u) = 0"}]},
            "conditions[0].interface: lies between two regions, and this domain has none",
        ),
        ({**TABLE, "time": {"interval": [0, 1]}}, "time: does not go with the data of a fit"),
        (
            {"domain": TWO["domain"], "fit": {"u": "x"}},
            "domain: a fit takes one shape, not regions",
        ),
    ],
)  # fmt: skip
def test_keys_of_a_problem_are_refused(problem: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        validate_problem(problem, "plate.yaml")
    assert str(caught.value).startswith(f"plate.yaml: {sentence}")


def test_the_number_of_a_condition_is_that_in_the_file() -> None:
    """A condition with two equations counts once."""
    conditions = [
        {"part": ["left", "right"], "equation": ["u = 0", "v = 0"]},
        {"values": "x,m\n0.5,1\n", "equation": "u = m"},
    ]
    problem = {**LEAST, "unknowns": ["u", "v"], "conditions": conditions}
    with pytest.raises(ConfigError, match=r"conditions\[1\]: measured values do not go with"):
        validate_problem(problem, "plate.yaml")


def test_what_is_recommended_must_go_together_too() -> None:
    advice = {"slabs": 4, "trial": {"lifting": True}}
    sentence = r"^heat.yaml: recommended\.trial\.lifting: not with time slabs"
    with pytest.raises(ConfigError, match=sentence):
        validate_problem({**HEAT, "recommended": advice}, "heat.yaml")


def test_a_message_names_the_recommended_key_that_a_given_one_does_not_go_with() -> None:
    problem = {**HEAT, "recommended": {"schedule": ADAPTS}}
    sentence = r"problem\.recommended\.schedule: points and weights do not adapt on time slabs"
    with pytest.raises(ConfigError, match=sentence):
        whole(problem, slabs=4)
    with pytest.raises(ConfigError, match=r"my\.yaml: schedule: points and weights do not adapt"):
        whole(problem, slabs=4, schedule=ADAPTS)


Change = Callable[[Config], Config]


def staged(stage: Any) -> Change:
    return lambda config: replace(config, chooses=False, schedule=(*config.schedule, stage))


def tried(**keys: Any) -> Change:
    return lambda config: replace(config, chooses=False, trial=replace(config.trial, **keys))


@pytest.mark.parametrize(
    ("problem", "change", "sentence"),
    [
        (HEAT, lambda config: tried(lifting=True)(replace(config, slabs=3)), "trial.lifting: not"),
        (HEAT, lambda config: replace(config, slabs=Pace(1e-3), tolerance=1e-3), "tolerance: slabs"),
        (PLATE, tried(periodic=True), "trial.periodic: problem 'my' has no periodic condition"),
        (LEAST, staged(OptimizerStage("gauss_newton_cg", 3)), "schedule[1]: gauss_newton_cg needs"),
        (LEAST, staged(AdaptPoints("rar", add=3)), "schedule: the quadrature points of an energy"),
        (
            PLATE,
            staged(OptimizerStage("adam", 3, weights=AdaptWeights("causal", 1))),
            "schedule[1]: causal weights need a problem with time",
        ),
    ],
)  # fmt: skip
def test_a_config_that_python_changed_is_refused_as_a_file_is(
    problem: dict[str, Any], change: Change, sentence: str
) -> None:
    changed = change(whole(problem))
    with pytest.raises(ConfigError) as caught:
        check(changed)
    assert str(caught.value).startswith(sentence)
    with pytest.raises(ConfigError) as caught:
        api.solve(changed)
    assert str(caught.value).startswith(sentence)


def test_a_comparison_refuses_before_it_makes_a_folder(tmp_path: Any) -> None:
    to_tolerance = whole(PLATE, tolerance=1e-3, trial={"width": [8]})
    penalised = staged(OptimizerStage("adam", 3, learning_rate=1e-3, sparsify=Sparsify(1.0)))
    for config, sentence in (
        (to_tolerance, "tolerance: not in a comparison"),
        (penalised(whole(PLATE)), r"schedule\[1\]\.sparsify: not in a comparison"),
    ):
        with pytest.raises(ConfigError, match=sentence):
            check_comparison(config)
        with pytest.raises(ConfigError, match=sentence):
            api.compare(config, out=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_the_rules_need_no_torch() -> None:
    program = "import sys; import kanpde.config.compatibility; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "False", done.stderr
