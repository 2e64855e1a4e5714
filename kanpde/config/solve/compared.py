"""What a comparison of a KAN and an MLP does not go with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kanpde.config.solve.stages import OptimizerStage


def not_compared(config: Any) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """The keys of a whole `Config` that one side of a comparison cannot have, or chooses for itself,
    each with the reason.
    """
    reason = "not in a comparison, which solves both sides as configured; remove it"
    fixed = not config.chooses and config.trial.patches is None
    aimed = ["tolerance"] if fixed and config.tolerance is not None else []
    given = (*config.starts.given, *aimed)
    yield from (((key,), reason) for key in given)
    if config.trial.nodes == "product":
        yield ("trial", "nodes"), "not in a comparison yet, which knows one network; remove it"
    if config.problem.fit is not None and config.problem.fit.search is not None:
        yield ("problem", "fit", "search"), reason
    reason = "not in a comparison, whose mlp has no edges and runs the same stages; remove it"
    for number, stage in enumerate(config.schedule):
        if isinstance(stage, OptimizerStage) and stage.sparsify is not None:
            yield ("schedule", number, "sparsify"), reason
