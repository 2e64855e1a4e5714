"""Which solves a comparison of KAN and MLP consists of: the same problem, points and seed, three
ways to be fair.

    equal parameters   the MLP has as many numbers as the KAN and runs the KAN's schedule (grid stages left out)
    equal wall-clock   both run for the same seconds: after its schedule each goes on with L-BFGS on all parameters
    each at its best   the KAN as configured; the MLP as `compare.mlp` and `compare.mlp_schedule`
                       say, by default one wide hidden layer of random sine features and one
                       least-squares solve, its slopes chosen from SCALES by the held-out residual
                       (never by the error; of a fit, by the error on the points that are fitted)

Of a table the best MLP is the one of several sizes, none with more numbers than rows, that is best
on a share of the rows which it was not trained on (never on the rows of the test); it is then
trained on all of them.

A linear solve suits an MLP of random features as well as a KAN, so it gets that start wherever the
schedule begins with one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from kanpde.config import STAGE, AdaptPoints, Config, OptimizerStage, Pace, StageConfig, validate
from kanpde.config.problem.tables import Fit, split
from kanpde.results.solution import Result, Solution
from kanpde.solver.budget import parameter_count

FEATURES: Mapping[str, Any] = {"start": "features", "activation": "sine", "scale": 14.0}
"""Random features for a least-squares solve: of tanh and sine with slopes 2 … 14, measured on three
shipped problems.
"""

SCALES = (8.0, 14.0, 22.0)
"""Steepest slopes that the best MLP is tried with."""

BEST_WIDTH = 1500

LARGER = (1, 4, 16)
"""Parameters of the MLPs that are tried for a table, as multiples of the KAN's."""

SHARE, FEWEST = 0.2, 20
"""Share of the rows of a table that chooses among them; of fewer rows none does."""

LONGEST = 1_000_000_000


def kan_config(config: Config, seed: int) -> Config:
    """The KAN's side of `equal_parameters` and `best`."""
    return replace(config, seed=seed, chooses=False)


def equal_mlp(config: Config, seed: int, parameters: int | None = None) -> Config:
    """An MLP with as many parameters as the KAN (`parameters` if given), the same stages and
    points.
    """
    solved = _starts_linear(config.schedule)
    given = dict(config.compare.mlp or {})
    widths = given.pop("width", ())
    depth = 1 if solved else max(2, len(widths))
    trial = {"kind": "mlp", **(FEATURES if solved else {}), **given}
    target = parameters or parameter_count(config.trial, *_sizes(config))
    width = _width(config, depth, target)
    schedule = tuple(
        stage for stage in config.schedule if isinstance(stage, OptimizerStage | AdaptPoints)
    )
    return _mlp(config, {**_privileges(config), **trial, "width": [width] * depth}, schedule, seed)


def best_mlps(config: Config, seed: int) -> list[Config]:
    """The MLP as the `compare` node asks for it, or the candidates for the best that ships."""
    given = dict(config.compare.mlp or {})
    linear = OptimizerStage("least_squares", **STAGE["least_squares"])
    schedule = config.compare.mlp_schedule
    if schedule is None:
        schedule = (
            (linear,) if _starts_linear(config.schedule) else equal_mlp(config, seed).schedule
        )
    trial = {"kind": "mlp", **_privileges(config)}
    if not _starts_linear(schedule):
        shapes = [{}] if "width" in given or _most(config) is None else _shapes(config)
        return [_mlp(config, {**trial, **shape, **given}, schedule, seed) for shape in shapes]
    trial |= {"width": [min(BEST_WIDTH, _most(config) or BEST_WIDTH)], **FEATURES}
    scales = (given["scale"],) if "scale" in given else SCALES
    return [_mlp(config, {**trial, **given, "scale": scale}, schedule, seed) for scale in scales]


def _privileges(config: Config) -> dict[str, Any]:
    """What the KAN has beside its splines, the MLP has too."""
    kept = ("lifting", "periodic", "functions", "multipoles", "derivatives")
    return {key: getattr(config.trial, key) for key in kept}


def best_mlp(config: Config, seed: int, solve: Callable[[Config], Solution]) -> Solution:
    """The best of the candidates; of a table it is trained once more, on the rows that chose it
    too.
    """
    candidates = best_mlps(config, seed)
    rehearsals = [
        rehearsed_config
        for rehearsed_config in map(rehearsal, candidates)
        if rehearsed_config is not None
    ]
    if len(candidates) == 1 or not rehearsals:
        return min(map(solve, candidates), key=lambda solution: merit(solution.result))
    merits = [
        merit(solve(rehearsed_config).result, rehearsed=True) for rehearsed_config in rehearsals
    ]
    return solve(candidates[merits.index(min(merits))])


def rehearsal(config: Config) -> Config | None:
    """The same solve of a table with a share of its rows as the test, to choose by; None without a
    table that is long enough.
    """
    problem = config.problem
    if problem.fit is None or problem.fit.train is None or len(problem.fit.train) < FEWEST:
        return None
    return replace(config, problem=replace(problem, fit=Fit(*split(problem.fit.train, SHARE, 0))))


def merit(result: Result, rehearsed: bool = False) -> float:
    """What the best MLP is chosen by: the held-out residual; of a fit that is its test error, so
    there the training error, except in a rehearsal, whose test is a share of the rows.
    """
    errors = (result.metrics.fit or {}).get("test" if rehearsed else "train")
    return result.metrics.residual_rms if errors is None else math.hypot(*errors["rmse"].values())


def widest_mlp(config: Config, seed: int) -> Config:
    """One hidden layer of BEST_WIDTH random features with slopes of middle size."""
    candidates = best_mlps(config, seed)
    return candidates[len(candidates) // 2]


def parameters_of_widest(config: Config) -> int:
    """Parameters of an MLP with one hidden layer of BEST_WIDTH."""
    d, m = _sizes(config)
    return BEST_WIDTH * (d + m + 1) + m


def longer(config: Config, seconds: float) -> Config:
    """The same solve on given slabs, followed by L-BFGS on all parameters for `seconds` in all."""
    assert not isinstance(config.slabs, Pace)
    count = config.slabs if isinstance(config.slabs, int) else len(config.slabs)
    more = OptimizerStage("lbfgs", LONGEST, seconds=seconds / count)
    return replace(config, schedule=(*config.schedule, more))


def _mlp(
    config: Config, trial: Mapping[str, Any], schedule: tuple[StageConfig, ...], seed: int
) -> Config:
    tree = {key: value for key, value in config.as_tree().items() if key != "schedule"}
    checked = validate(
        {**tree, "trial": dict(trial), "compare": {}}, source="compare.mlp", base=config.base
    )
    return replace(
        checked, schedule=schedule, seed=seed, compare=config.compare, problem=config.problem
    )


def _starts_linear(schedule: tuple[StageConfig, ...]) -> bool:
    first = schedule[0]
    return isinstance(first, OptimizerStage) and first.optimizer == "least_squares"


def _sizes(config: Config) -> tuple[int, int]:
    return config.inputs, config.problem.outputs


def _most(config: Config) -> int | None:
    """The numbers that the rows of a table can decide; None without a table."""
    fit = config.problem.fit
    return (
        None
        if fit is None or fit.train is None
        else max(1, len(fit.train) * config.problem.outputs)
    )


def _shapes(config: Config) -> list[dict[str, Any]]:
    """Widths of two hidden layers for a table, with at most as many parameters as there are rows,
    or as the KAN has.
    """
    kan_parameters = parameter_count(config.trial, *_sizes(config))
    targets = [
        max(kan_parameters, min(factor * kan_parameters, _most(config) or kan_parameters))
        for factor in LARGER
    ]
    return [
        {"width": [width] * 2}
        for width in dict.fromkeys(_width(config, 2, target) for target in targets)
    ]


def _width(config: Config, depth: int, target: int) -> int:
    """The hidden width whose parameter count is nearest to `target`: (depth - 1) w² + (d + m +
    depth) w + m = target.
    """
    d, m = _sizes(config)
    a, b = depth - 1, d + m + depth
    root = (target - m) / b if a == 0 else (math.sqrt(b * b + 4 * a * (target - m)) - b) / (2 * a)
    return max(1, round(root))
