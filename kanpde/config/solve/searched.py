"""What the search of a fit does not go with: it makes plain networks, and grids of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kanpde.config.solve.stages import OptimizerStage, StageConfig
from kanpde.config.solve.trial import TrialConfig


def not_searched(
    trial: TrialConfig, schedule: Sequence[StageConfig]
) -> Iterator[tuple[tuple[str, ...], str]]:
    """The path of each key that a search refuses, and in one line why and how to change it."""
    if not all(isinstance(stage, OptimizerStage) for stage in schedule):
        reason = "the grids of a search are those of fit.search.intervals"
        yield ("schedule",), f"{reason}; remove extend_grid and update_grid"
    refused = {
        "width": (not trial.width, "give hidden sizes"),
        "basis": (bool({*trial.bases} - {"bspline"}), "use bspline"),
        "on": (trial.on != "edges", "use edges"),
        "base": (trial.base != "none", "use none"),
        "ends": (trial.ends != "extended", "use extended"),
        "start": (trial.start == "stretched", "leave it out"),
        "functions": (bool(trial.functions), "remove them"),
        "multipoles": (trial.multipoles > 0, "use 0"),
        "periodic": (trial.periodic, "set it to false"),
        "lifting": (trial.lifting, "set it to false"),
    }
    for key, (refuses, remedy) in refused.items():
        if refuses:
            yield ("trial", key), f"does not go with fit.search; {remedy}"
