"""Which keys do not go together: every rule of that kind, on configs alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kanpde.config.problem.statement import ProblemConfig
from kanpde.config.reader import Reader, listed
from kanpde.config.solve.stages import OptimizerStage, StageConfig, adapts
from kanpde.config.solve.trial import TrialConfig


def refuse(
    root: Reader, regions: Sequence[str], trial: TrialConfig, slabs: Any, tolerance: float | None
) -> None:
    """ConfigError for what a domain of regions does not go with."""
    if not regions:
        return
    wrong = {
        "tolerance": (tolerance is not None, "remove it and give the resolution"),
        "slabs": (slabs != 1, "use one slab"),
        "trial.lifting": (trial.lifting, "set it to false"),
        "trial.start": (trial.start == "stretched", "use ridge"),
        "trial.directions": (
            isinstance(trial.directions, str) and trial.directions != "even",
            "use even, or list them",
        ),
        "trial.centers": (
            isinstance(trial.centers, str) and trial.centers != "none",
            "use none, or list them",
        ),
    }
    for key, (found, remedy) in wrong.items():
        if found:
            raise root.error(
                f"{key}: does not go with a domain of regions ({listed(regions)}); {remedy}"
            )


def refuse_for_data(
    root: Reader, problem: ProblemConfig, schedule: Sequence[StageConfig], tolerance: float | None
) -> None:
    """ConfigError for what needs more points than a table has."""
    if problem.fit is None or problem.fit.train is None:
        return
    if tolerance is not None:
        raise root.error(
            "tolerance: needs a formula or equations, which hold at any point; remove it for a fit"
            " of data"
        )
    if adapts(schedule):
        raise root.error(
            "schedule: the points of a fit of data are its rows; remove points, weights and"
            " adapt_points"
        )


MINIMISERS = ("least_squares", "adam", "lbfgs", "broyden")


def check_minimised(
    root: Reader, fields: Mapping[str, Reader], stages: Sequence[StageConfig]
) -> None:
    """What a solve of an energy cannot do: a tolerance, and optimizers that need residual rows."""
    if "tolerance" in fields:
        raise fields["tolerance"].error(
            "is measured by the residual that a solve minimises; an energy has none, remove it"
        )
    for number, stage in enumerate(stages):
        if isinstance(stage, OptimizerStage) and stage.optimizer not in MINIMISERS:
            raise (
                root.child("schedule", None)
                .child(number, None)
                .error(
                    f"{stage.optimizer} needs residual rows, and an energy has none; use one of"
                    f" {listed(MINIMISERS)}"
                )
            )


def check_adaptive(
    node: Reader, schedule: tuple[StageConfig, ...], problem: ProblemConfig, in_slabs: bool
) -> None:
    """Points and weights that follow the residual need all of the domain at once, and causal ones a
    time.
    """
    if in_slabs and adapts(schedule):
        raise node.error(
            "points and weights do not adapt on time slabs, which follow the solution by"
            " themselves; remove points, weights and"
            " adapt_points, or give slabs: 1 and trial.start: ridge"
        )
    weighers = [stage.weights for stage in schedule if isinstance(stage, OptimizerStage)]
    if problem.time is None and any(one is not None and one.method == "causal" for one in weighers):
        raise node.error(
            "causal weights need a problem with time; use attention, gradient_norm or ntk"
        )
