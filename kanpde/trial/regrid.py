"""Other grids for the same function: extension (finer knots) and update (knots that move to where
the inputs are).

Where knots do not nest the function cannot stay exactly; its change is measured, and a change that
is too large is refused.
"""

from __future__ import annotations

from torch import Tensor

from kanpde.config import ExtendGrid, UpdateGrid
from kanpde.errors import ConfigError, NumericalError
from kanpde.trial.networks import KAN, bare, beside
from kanpde.trial.solution import TrialSolution

LARGEST_CHANGE = 0.5
"""By what share of its size a function may change when its grids do."""


def regrid(
    trial: TrialSolution, stage: ExtendGrid | UpdateGrid, sample: Tensor, name: str
) -> float:
    """Give the trial solution other grids; returns the relative change of the function at `sample`
    (N, d).

    Raises ConfigError for an MLP, and NumericalError for a change that is too large; the old grids
    then stay.
    """
    network = bare(trial.network)
    if not isinstance(network, KAN):
        raise ConfigError(
            "schedule: only a kan has grids to extend or update; remove the stage for an mlp"
        )
    if isinstance(stage, ExtendGrid):
        counts = stage.intervals
        if not isinstance(counts, tuple):
            counts = (counts,) * len(network.stack)
        changed = network.extended(counts, trial.scaled(sample))
    else:
        changed = network.updated(trial.scaled(sample), stage.mix, stage.room)
    before = trial.evaluate(sample)
    present, trial.network = trial.network, beside(trial.network, changed)
    change = float((trial.evaluate(sample) - before).norm() / before.norm().clamp_min(1e-300))
    if not change <= LARGEST_CHANGE:
        trial.network = present
        raise NumericalError(
            f"{name}: the function changes by {change:.1e} of its size, more than"
            f" {LARGEST_CHANGE:g}; extend by a multiple of the present intervals, which is exact"
        )
    return change
