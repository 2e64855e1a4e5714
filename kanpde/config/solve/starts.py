"""Where the solve of a nonlinear problem begins: the keys `start`, `continuation` and `solutions`.

start: {u: {formula: "x*(1 - x)"}, v: {run: runs/coarse}, w: {table: guess.csv}}
continuation: {re: [10, 100, 1000]}
solutions: 2
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kanpde.config.frozen_map import FrozenMap
from kanpde.config.problem.gridded_fields import Grid, read_grid
from kanpde.config.problem.nodal_fields import Nodal
from kanpde.config.problem.statement import ProblemConfig
from kanpde.config.reader import Reader, listed

MOST_SOLUTIONS, MOST_VALUES = 20, 100


@dataclass(frozen=True)
class StartConfig:
    """What one unknown begins with: a formula of the coordinates, what the run folder `run` holds
    of it, or a `table` of values on a grid.
    """

    formula: str | None = None
    run: str | None = None
    table: Grid | None = None

    def tree(self, coordinates: tuple[str, ...]) -> dict[str, Any]:
        """Plain data that reads back to an equal start."""
        if self.table is not None:
            return self.table.tree(coordinates)
        return {"formula": self.formula} if self.run is None else {"run": self.run}


@dataclass(frozen=True)
class StartsConfig:
    """The starts by unknown (others begin at zero), the values of one parameter on the way to that
    of the problem, and how many solutions are looked for.
    """

    start: Mapping[str, StartConfig] = FrozenMap()
    continuation: Mapping[str, tuple[float, ...]] = FrozenMap()
    solutions: int = 1

    @property
    def given(self) -> tuple[str, ...]:
        """The keys of a file that it holds."""
        several = self.solutions > 1
        held = {"start": self.start, "continuation": self.continuation, "solutions": several}
        return tuple(key for key, value in held.items() if value)

    def tree(self, problem: ProblemConfig) -> dict[str, Any]:
        """The keys of a file, as plain data."""
        starts = {name: each.tree(problem.coordinates) for name, each in self.start.items()}
        values = {name: list(values) for name, values in self.continuation.items()}
        every = {"start": starts, "continuation": values, "solutions": self.solutions}
        return {key: every[key] for key in self.given}

    def at_target(self) -> StartsConfig:
        """Without the way to the parameter's value."""
        return replace(self, continuation=FrozenMap())


def read_starts(fields: Mapping[str, Reader], problem: ProblemConfig) -> StartsConfig:
    """The three keys among those of a file."""
    start: dict[str, StartConfig] = {}
    if "start" in fields:
        nodes = fields["start"].fields(problem.unknowns)
        start = {name: _start(node, name, problem) for name, node in nodes.items()}
    continuation = (
        _continuation(fields["continuation"], problem) if "continuation" in fields else {}
    )
    solutions = fields["solutions"].integer(1, MOST_SOLUTIONS) if "solutions" in fields else 1
    return StartsConfig(FrozenMap(start), FrozenMap(continuation), solutions)


def _start(node: Reader, name: str, problem: ProblemConfig) -> StartConfig:
    of_table = ("table", "values", "name", "interpolation")
    fields = node.fields(("formula", "run", *of_table))
    ways = [key for key in ("formula", "run", "table", "values") if key in fields]
    if len(ways) != 1:
        raise node.error(
            f"must hold one of formula, run (a run folder) and table (a CSV file), found"
            f" {listed(ways) or 'none'}"
        )
    if strays := {*fields} & {"name", "interpolation"} if ways[0] in ("formula", "run") else ():
        raise fields[min(strays)].error(f"belongs to a table; remove it, or {ways[0]}")
    if "formula" in fields:
        return StartConfig(formula=fields["formula"].formula())
    if "run" in fields:
        text = fields["run"].text()
        folder = next((base / text for base in node.folders if (base / text).is_dir()), Path(text))
        return StartConfig(run=str(folder.resolve()))
    kept = {("field" if key == "table" else key): entry.value for key, entry in fields.items()}
    table = read_grid(name, Reader(kept, node.source, node.path, node.folders), problem.coordinates)
    if isinstance(table, Nodal):
        raise fields["table"].error("must be a CSV or NPZ file of values on a grid")
    return StartConfig(table=table)


def _continuation(node: Reader, problem: ProblemConfig) -> dict[str, tuple[float, ...]]:
    entries = node.fields(tuple(problem.parameters))
    if len(entries) != 1:
        raise node.error(
            f"must hold one parameter and its values, found {len(entries)} (parameters:"
            f" {listed(problem.parameters) or 'none'})"
        )
    ((name, entry),) = entries.items()
    values = tuple(item.number() for item in entry.items("a list of numbers", 1, MOST_VALUES))
    if values[-1] != problem.parameters[name]:
        raise entry.error(
            f"must end with the value that the problem's parameters give {name},"
            f" {problem.parameters[name]:g}, found {values[-1]:g}; change one of them"
        )
    return {name: values}


def unsuited_to_starts(config: Any) -> Iterator[tuple[tuple[str, ...], str]]:
    """The keys of a whole `Config` (which stands above this file) that have nowhere to begin, or
    no second solution to look for.
    """
    problem: ProblemConfig = config.problem
    network = not (config.chooses or config.trial.patches is not None)
    refused = {
        "an energy": problem.energy is not None,
        "a fit": problem.fit is not None,
        "eigenvalues": problem.eigen is not None,
        "regions, whose equations are linear": bool(problem.regions),
        "unknown parameters, which have starts of their own": bool(problem.unknown_parameters),
        "time slabs, which begin with the initial values": config.slabs != 1,
        "trial.start: stretched, which marches": config.trial.start == "stretched",
        "products, which are linear": config.trial.nodes == "product",
    }
    for key in config.starts.given:
        for what, refuses in refused.items():
            if refuses:
                yield (key,), f"does not go with {what}; remove it"
        if network and key == "solutions":
            yield (key,), "several solutions are looked for on patches; remove trial and schedule"
        if network and config.tolerance is not None:
            reason = "goes with patches, or with one network without a tolerance"
            yield (key,), f"{reason}; remove the tolerance, or trial and schedule"
