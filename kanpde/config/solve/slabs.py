"""The `slabs` node: into which parts of the time interval a solve is cut."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from kanpde.config.problem.statement import ProblemConfig
from kanpde.config.reader import Reader
from kanpde.errors import ConfigError

MOST_SLABS = 100_000


@dataclass(frozen=True)
class Pace:
    """Lengths and intervals are chosen so that all slabs together add about `error`, relative
    to u.
    """

    error: float


SlabsConfig = int | tuple[float, ...] | Pace
"""How many equal slabs, the ends of all slabs, or the error that they are chosen by."""


def read_slabs(node: Reader | None, problem: ProblemConfig) -> SlabsConfig:
    """A number of equal slabs, a list of increasing times where slabs end, or {error: ε}."""
    if node is None:
        return 1
    slabs: SlabsConfig
    if isinstance(node.value, Mapping):
        slabs = Pace(node.fields(("error",), ("error",))["error"].number(most=1.0, above=0.0))
    elif isinstance(node.value, list | tuple):
        slabs = tuple(item.number() for item in node.items("times where slabs end", 1, MOST_SLABS))
    else:
        try:
            slabs = node.integer(1, MOST_SLABS)
        except ConfigError:
            raise node.wrong(
                f"a number of equal slabs from 1 to {MOST_SLABS}, a list of times where slabs end"
                f" or {{error: 1e-6}}"
            ) from None
    if isinstance(slabs, tuple) and problem.time is not None:
        ends = (problem.time.lower, *slabs)
        if any(b <= a for a, b in pairwise(ends)) or slabs[-1] > problem.time.upper:
            raise node.error(
                f"the ends of slabs must increase within the time interval"
                f" {[problem.time.lower, problem.time.upper]}, found"
                f" {list(slabs)}"
            )
        if slabs[-1] < problem.time.upper:
            slabs = (*slabs, problem.time.upper)
    return slabs


def slabs_tree(slabs: SlabsConfig) -> Any:
    """Plain data that reads back to the same."""
    if isinstance(slabs, Pace):
        return {"error": slabs.error}
    return list(slabs) if isinstance(slabs, tuple) else slabs
