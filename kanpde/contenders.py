"""Which solves a comparison of KAN and MLP consists of: the same problem, points and seed, three ways to be fair.

    equal parameters   the MLP has as many numbers as the KAN and runs the KAN's schedule (grid stages left out)
    equal wall-clock   both run for the same seconds: after its schedule each goes on with L-BFGS on all parameters
    each at its best   the KAN as configured; the MLP as `compare.mlp` and `compare.mlp_schedule` say, by default one wide
                       hidden layer of random sine features and one least-squares solve, its slopes chosen from SCALES by the
                       held-out residual (never by the error; of a fit, by the error on the points that are fitted)

A linear solve suits an MLP of random features as well as a KAN, so it gets that start wherever the schedule begins with one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from kanpde.budget import parameter_count
from kanpde.config import STAGE, AdaptPoints, Config, OptimizerStage, Pace, StageConfig, validate
from kanpde.solution import Result

FEATURES: Mapping[str, Any] = {"start": "features", "activation": "sine", "scale": 14.0}
"""Random features for a least-squares solve: of tanh and sine with slopes 2 … 14, measured on three shipped problems."""

SCALES = (8.0, 14.0, 22.0)
"""Steepest slopes that the best MLP is tried with."""

BEST_WIDTH = 1500
LONGEST = 1_000_000_000


def kan_config(config: Config, seed: int) -> Config:
    """The KAN's side of `equal_parameters` and `best`."""
    return replace(config, seed=seed)


def equal_mlp(config: Config, seed: int, parameters: int | None = None) -> Config:
    """An MLP with as many parameters as the KAN (`parameters` if given), the same stages and points."""
    solved = _starts_linear(config.schedule)
    given = dict(config.compare.mlp or {})
    asked = given.pop("width", ())
    depth = 1 if solved else max(2, len(asked))
    trial = {"kind": "mlp", **(FEATURES if solved else {}), **given}
    target = parameters or parameter_count(config.trial, *_sizes(config))
    width = _width(config, depth, target)
    schedule = tuple(stage for stage in config.schedule if isinstance(stage, OptimizerStage | AdaptPoints))
    return _mlp(config, {**_privileges(config), **trial, "width": [width] * depth}, schedule, seed)


def best_mlps(config: Config, seed: int) -> list[Config]:
    """The MLP as the `compare` node asks for it, or the candidates for the best that ships."""
    given = dict(config.compare.mlp or {})
    linear = OptimizerStage("least_squares", **STAGE["least_squares"])
    schedule = config.compare.mlp_schedule
    if schedule is None:
        schedule = (linear,) if _starts_linear(config.schedule) else equal_mlp(config, seed).schedule
    trial = {"kind": "mlp", **_privileges(config)}
    if not _starts_linear(schedule):
        return [_mlp(config, {**trial, **given}, schedule, seed)]
    trial |= {"width": [BEST_WIDTH], **FEATURES}
    scales = (given["scale"],) if "scale" in given else SCALES
    return [_mlp(config, {**trial, **given, "scale": scale}, schedule, seed) for scale in scales]


def _privileges(config: Config) -> dict[str, Any]:
    """What the KAN has beside its splines, the MLP has too."""
    kept = ("lifting", "periodic", "functions", "multipoles", "derivatives")
    return {key: getattr(config.trial, key) for key in kept}


def merit(result: Result) -> float:
    """What the best MLP is chosen by: the held-out residual; of a fit that is its test error, so there the training error."""
    train = (result.metrics.fit or {}).get("train")
    return result.metrics.residual_rms if train is None else math.hypot(*train["rmse"].values())


def longer(config: Config, seconds: float) -> Config:
    """The same solve on given slabs, followed by L-BFGS on all parameters for `seconds` in all."""
    assert not isinstance(config.slabs, Pace)
    count = config.slabs if isinstance(config.slabs, int) else len(config.slabs)
    more = OptimizerStage("lbfgs", LONGEST, seconds=seconds / count)
    return replace(config, schedule=(*config.schedule, more))


def _mlp(config: Config, trial: Mapping[str, Any], schedule: tuple[StageConfig, ...], seed: int) -> Config:
    tree = {key: value for key, value in config.as_tree().items() if key != "schedule"}
    checked = validate({**tree, "trial": dict(trial), "compare": {}}, source="compare.mlp", base=config.base)
    return replace(checked, schedule=schedule, seed=seed, compare=config.compare, problem=config.problem)


def _starts_linear(schedule: tuple[StageConfig, ...]) -> bool:
    first = schedule[0]
    return isinstance(first, OptimizerStage) and first.optimizer == "least_squares"


def _sizes(config: Config) -> tuple[int, int]:
    return config.inputs, config.problem.outputs


def _width(config: Config, depth: int, target: int) -> int:
    """The hidden width whose parameter count is nearest to `target`: (depth - 1) w² + (d + m + depth) w + m = target."""
    d, m = _sizes(config)
    a, b = depth - 1, d + m + depth
    root = (target - m) / b if a == 0 else (math.sqrt(b * b + 4 * a * (target - m)) - b) / (2 * a)
    return max(1, round(root))
