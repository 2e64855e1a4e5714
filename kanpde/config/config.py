"""What a run depends on, checked and frozen."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kanpde.config.problem.conditions import PeriodicConfig
from kanpde.config.problem.statement import ProblemConfig, problem_tree
from kanpde.config.solve.settings import (
    CompareConfig,
    OutputConfig,
    SamplerConfig,
    WeightsConfig,
    compare_tree,
)
from kanpde.config.solve.slabs import SlabsConfig, slabs_tree
from kanpde.config.solve.stages import (
    StageConfig,
    schedule_tree,
)
from kanpde.config.solve.starts import StartsConfig
from kanpde.config.solve.trial import TrialConfig, trial_tree


@dataclass(frozen=True)
class Config:
    """Everything a run depends on.

    With a `tolerance` on the relative L2 error the resolution is chosen, within `seconds`. If the
    program `chooses`, neither `trial` nor `schedule` is given: they hold the defaults of one
    network, which is one of the ways to be chosen from. Relative inputs are resolved against
    `base`, which is not part of the file.
    """

    problem: ProblemConfig
    trial: TrialConfig
    schedule: tuple[StageConfig, ...]
    sampler: SamplerConfig
    weights: WeightsConfig
    output: OutputConfig
    compare: CompareConfig
    slabs: SlabsConfig = 1
    starts: StartsConfig = field(default_factory=StartsConfig)
    tolerance: float | None = None
    seconds: float | None = None
    dtype: str = "float64"
    seed: int = 0
    chooses: bool = False
    base: Path = field(default=Path(), compare=False)

    @property
    def inputs(self) -> int:
        """Inputs of the network: the coordinates, each that is periodic by construction twice."""
        pairs = {
            frozenset(condition.parts)
            for condition in self.problem.conditions
            if isinstance(condition, PeriodicConfig)
        }
        return len(self.problem.coordinates) + (len(pairs) if self.trial.periodic else 0)

    @property
    def seeks_constants(self) -> bool:
        """Whether there are unknown parameters that no solves at parameters find from means."""
        said = self.problem.determining if self.chooses else ()
        return len(said) < len(self.problem.unknown_parameters)

    def as_tree(self) -> dict[str, Any]:
        """Plain data, fit for YAML or JSON, that validates to an equal `Config`."""
        return {
            "problem": problem_tree(self.problem),
            "trial": None if self.chooses else trial_tree(self.trial),
            "schedule": None if self.chooses else schedule_tree(self.schedule),
            "sampler": None if self.chooses else self.sampler.as_tree(),
            "weights": self.weights.as_tree(),
            "slabs": None if self.chooses else slabs_tree(self.slabs),
            **self.starts.tree(self.problem),
            "tolerance": self.tolerance,
            "seconds": self.seconds,
            "output": self.output.as_tree(),
            "compare": compare_tree(self.compare),
            "dtype": self.dtype,
            "seed": self.seed,
        }


def in_slabs(config: Config) -> bool:
    """Whether a config is solved slab by slab."""
    return config.slabs != 1 or config.trial.start == "stretched"


def searched_for_a_fit(config: Config) -> bool:
    """Whether the network of a fit is looked for, not given."""
    return config.problem.fit is not None and config.problem.fit.search is not None
