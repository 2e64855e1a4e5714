"""Points of the user's own, where equations and conditions are to be met: `sampler.points`.

    points:
      interior: {data: inside.csv}            # columns: the coordinates
      left: {values: "x,y\n0,0.25\n0,0.5"}    # a part, or `boundary`: whatever part each lies on

What is not given is sampled. From Python they are arrays (N, d).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from kanpde.config.frozen_map import FrozenMap
from kanpde.config.problem.statement import ProblemConfig
from kanpde.config.problem.tables import Table, read_sheet
from kanpde.config.reader import Reader
from kanpde.config.solve.trial import TrialConfig

INTERIOR, BOUNDARY = "interior", "boundary"
_FORMS = "{data: FILE.csv} or {values: CSV text}, from Python an array (N, d)"


def read_points(node: Reader | None, coordinates: Sequence[str]) -> FrozenMap[Table]:
    """The points by the name of their place, columns in the order of the coordinates."""
    entries = {} if node is None else node.entries()
    return FrozenMap({name: _table(entry, coordinates) for name, entry in entries.items()})


def _table(node: Reader, coordinates: Sequence[str]) -> Table:
    if isinstance(node.value, Table):  # columns without names
        count = len(node.value.columns)
        if count != len(coordinates):
            wanted = f"needs points of shape (N, {len(coordinates)}) for {tuple(coordinates)}"
            raise node.error(f"{wanted}, found ({len(node.value)}, {count})")
        return replace(node.value, columns=tuple(coordinates))
    if not isinstance(node.value, Mapping):
        raise node.wrong(_FORMS)
    given = node.fields(("data", "values"))
    if len(given) != 1:
        raise node.error(f"needs either 'data' or 'values', as in {_FORMS}")
    (source,) = given.values()
    sheet = read_sheet(source)
    return sheet.columns(
        [sheet.at(name, source, f"the coordinate {name!r}") for name in coordinates]
    )


def require_network(points: Mapping[str, Table], settled: Collection[str], root: Reader) -> None:
    """ConfigError where nothing says which network meets the points: the program would choose a way
    that lays out its own, and the network that is the default has more numbers than most give rows.
    """
    if points and not {"trial", "schedule"} & set(settled):
        raise (
            root.child("sampler", {})
            .child("points", {})
            .error(
                "go with one network, and none is stated; add a trial, as in trial: {width: [24]}, or a"
                " schedule"
            )
        )


def points_tree(points: Mapping[str, Table]) -> dict[str, Any]:
    """Plain data, but for tables too long for text, that reads back to the same."""
    return {name: table.tree() for name, table in points.items()}


def stored_points(points: Mapping[str, Table]) -> FrozenMap[Table]:
    """The same with the tables in files beside a config."""
    return FrozenMap(
        {
            name: replace(table, file=f"points_{number}.npz")
            for number, (name, table) in enumerate(points.items())
        }
    )


def unsuited_to_points(config: Any) -> Iterator[tuple[tuple[str, ...], str]]:
    """Points of the user's own in a whole `Config` (which stands above this file) that is solved in
    a way that lays out points by itself.
    """
    if not config.sampler.points:
        return
    trial: TrialConfig = config.trial
    problem: ProblemConfig = config.problem
    reasons = {
        "a tolerance chooses its points; remove one of them": config.tolerance is not None,
        "slabs have points of their own; remove them or give slabs: 1": config.slabs != 1,
        "a stretched trial has points of its own": trial.start == "stretched",
        "patches have points of their own; leave trial.patches out": trial.patches is not None,
        "products meet no points; leave trial.nodes out": trial.nodes == "product",
        "an energy needs a quadrature; write equations": problem.energy is not None,
        "the points of a fit are the rows of its table": problem.fit is not None,
        "an eigenproblem is solved on patches, which have points of their own": (
            problem.eigen is not None
        ),
    }
    for reason, refused in reasons.items():
        if refused:
            yield ("sampler", "points"), reason
