"""The `search` of a fit: how a small network for a table is looked for.

    fit: {data: table.csv, search: {intervals: [5, 10, 20, 40], starts: 8, rounds: 3, validation: 0.15, target: 1e-6}}

Every key may be left out. What the search does with them stands in `solver.regression_search`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from kanpde.config.frozen_map import FrozenMap
from kanpde.config.reader import Reader

MOST_STARTS, MOST_ROUNDS, MOST_GRIDS, MOST_INTERVALS, MOST_STEPS = 1000, 1000, 100, 100_000, 100_000
LARGEST_SHARE = 0.9
"""Of the rows, for validation."""

POLISH: FrozenMap[Any] = FrozenMap(
    {
        "optimizer": "variable_projection",
        "steps": 150,
        "tolerance": 1e-3,
        "regularisation": 1e-12,
    }
)
"""What trains a network on each grid where a file has no schedule."""

TRIAL: FrozenMap[Any] = FrozenMap({"width": (4,), "degree": 5})
"""The network where a file says nothing: splines of degree 5 in every layer."""


@dataclass(frozen=True)
class Search:
    """`intervals` of one polish after the other, `starts` of each of at most `rounds`.

    A start is trained for `steps` steps on `rows` rows; then the best `polished[n]` of a round are
    polished on the grids without the first n of them, since a good start may not fit on the
    coarsest one. `mix` ∈ [0, 1] moves the knots from even ones to the quantiles of their inputs.
    The share `validation` of the rows decides; a validation error below `target`, root mean square
    over the deviation of the values (dimensionless), ends the search.
    """

    intervals: tuple[int, ...] = (5, 10, 20, 40)
    starts: int = 8
    polished: tuple[int, ...] = (2, 4)
    rounds: int = 3
    steps: int = 25
    rows: int = 600
    mix: float = 0.0
    validation: float = 0.15
    target: float = 1e-6

    def tree(self) -> dict[str, Any]:
        """Plain data that reads back to an equal search."""
        lists = {"intervals": list(self.intervals), "polished": list(self.polished)}
        return {**vars(self), **lists}


def read_search(node: Reader) -> Search:
    """The search of a `search` node; ConfigError names the key."""
    fields = node.fields(tuple(vars(Search())), hints={"seed": "it belongs beside 'problem'"})
    readers: dict[str, Callable[[Reader], Any]] = {
        "intervals": lambda entry: _counts(entry, 1, MOST_INTERVALS),
        "starts": lambda entry: entry.integer(1, MOST_STARTS),
        "polished": lambda entry: _counts(entry, 0, MOST_STARTS),
        "rounds": lambda entry: entry.integer(1, MOST_ROUNDS),
        "steps": lambda entry: entry.integer(1, MOST_STEPS),
        "rows": lambda entry: entry.integer(2, 10**9),
        "mix": lambda entry: entry.number(0.0, 1.0),
        "validation": lambda entry: entry.number(above=0.0, most=LARGEST_SHARE),
        "target": lambda entry: entry.number(0.0, 1.0),
    }
    search = Search(**{key: readers[key](entry) for key, entry in fields.items()})
    for before, after in zip(search.intervals, search.intervals[1:], strict=False):
        if after <= before:
            raise fields["intervals"].error(
                f"each polish needs more intervals than the one before, found {after} after"
                f" {before}; sort them"
            )
    if len(search.polished) > len(search.intervals) or not any(search.polished):
        raise fields.get("polished", node).error(
            f"polished: needs one number of starts for each of at most {len(search.intervals)}"
            f" first grids and one above 0, found {list(search.polished)}; give fewer numbers, or"
            f" more intervals"
        )
    return search


def recommended(given: Mapping[str, Any]) -> dict[str, Any]:
    """What a problem recommends, with what a search needs where it says nothing."""
    trial = given.get("trial") or {}
    kan = trial.get("kind", "kan") == "kan"
    needed = {"trial": {**TRIAL, **trial}, "schedule": (POLISH,)} if kan else {}
    rest = {key: value for key, value in given.items() if value is not None and key != "trial"}
    return {**({"trial": trial} if trial else {}), **needed, **rest}


def _counts(node: Reader, least: int, most: int) -> tuple[int, ...]:
    items = node.items_or_one("a number or a list of numbers", 1, MOST_GRIDS)
    return tuple(item.integer(least, most) for item in items)
