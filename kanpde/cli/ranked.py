"""`torchrun -m kanpde solve FILE`: which solves all ranks share, and what the others do."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from kanpde.config import Config
from kanpde.parallel import ranks

if TYPE_CHECKING:
    from kanpde.api.outcome import Plan

PLANE = 2
SHARED_VERB = "solve"


def is_idle(verb: str) -> bool:
    """Whether this process is a rank that has nothing to do with a verb."""
    return ranks.number() > 0 and verb != SHARED_VERB


def why_alone(config: Config) -> str | None:
    """Why one rank solves a problem alone, or None where all share it."""
    if config.trial.patches is None or config.problem.eigen is not None:
        return "only what `trial: {patches: {}}` solves is shared"
    if len(config.problem.coordinates) > PLANE:
        return f"patches are shared in up to {PLANE} coordinates"
    return None


def by_ranks(plan: Plan, config: Config, run: Callable[[], int]) -> int:
    """Run what prints and writes on rank 0, and beside it the same solve on the others."""
    if ranks.launched() == 1:
        return run()
    reason = why_alone(config)
    if reason is not None:
        if ranks.number():
            return 0  # it ends when rank 0 does
        from kanpde.cli import terminal

        terminal.show_error(f"note: rank 0 of {ranks.launched()} solves alone: {reason}")
        return run()
    with ranks.shared():
        if not ranks.number():
            return run()
        from kanpde.numerics.torch_state import plain_torch
        from kanpde.progress import Silent

        with plain_torch():
            plan.run(Silent())
    return 0
