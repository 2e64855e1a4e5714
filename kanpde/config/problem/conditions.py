"""The `conditions` node: equations on boundary parts, periodic pairs, a pinned mean, pinned points,
measured values.

`{part: [left, right], equation: "u = 0", weight: 1.0}` · `{periodic: [left, right]}` · `{mean: "u =
0"}` · `{point: [0, 0], equation: "u = 0"}`, which without the time is a point of space at all times
· `{data: obs.csv, equation: "u = measured", noise: 0.01}`; between two regions `{interface: circle,
equation: "jump(u) = 0"}`. Each may carry a `name`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kanpde.config.frozen_map import FrozenMap
from kanpde.config.problem.measurements import MOST_BYTES, Measurements, read_file, read_values
from kanpde.config.problem.shapes import FARTHEST, Shape, TimeConfig, part_names
from kanpde.config.reader import Reader, listed
from kanpde.errors import BudgetError
from kanpde.names import did_you_mean, is_identifier

MOST_CONDITIONS, HEAVIEST = 1000, 1e30
_MARKS = {
    "part": "equation",
    "periodic": "periodic",
    "mean": "mean",
    "point": "point",
    "data": "data",
    "values": "data",
    "interface": "interface",
}
_KEYS = {
    "equation": ("part", "equation", "name", "weight"),
    "periodic": ("periodic", "name", "weight"),
    "mean": ("mean", "name", "weight"),
    "point": ("point", "equation", "name", "weight"),
    "data": ("data", "values", "equation", "noise", "name", "weight"),
    "interface": ("interface", "equation", "name", "weight"),
}
_EVERY = (
    "part",
    "interface",
    "equation",
    "periodic",
    "mean",
    "point",
    "data",
    "values",
    "noise",
    "name",
    "weight",
)
_HINTS = {
    "on": "use 'part'",
    "true": "use 'part' (YAML 1.1 reads the key 'on' as true)",
    "where": "use 'part'",
    "value": 'write an equation, for example equation: "u = 0"',
    "sigma": "use 'noise'",
}


@dataclass(frozen=True)
class ConditionConfig:
    """One condition: kind is equation (on `parts`), interface (a part of two regions, or one of
    each), periodic (two parts), mean (over the domain), point or data.

    Conditions may share a name; one without goes by its part, or by its kind. A point of a problem
    with time may have one coordinate less: it holds at all times. `noise` is the standard deviation
    of measured values in the units of the equation, or the column that holds it.
    """

    kind: str
    parts: tuple[str, ...] = ()
    equation: str | None = None
    weight: float = 1.0
    point: tuple[float, ...] | None = None
    name: str | None = None
    data: Measurements | None = None
    noise: float | str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """What it goes by in reports and weights."""
        if self.name or self.kind not in ("equation", "interface"):
            return (self.name or self.kind,)
        return self.parts if self.kind == "equation" else self.parts[:1]


@dataclass(frozen=True)
class Surroundings:
    """What conditions may refer to: boundary parts, coordinates, the other names in use, and which
    regions have a part.
    """

    parts: tuple[str, ...]
    coordinates: tuple[str, ...]
    names: tuple[str, ...]
    owners: Mapping[str, tuple[str, ...]] = field(default_factory=FrozenMap)

    @property
    def timed(self) -> bool:
        """Whether the last coordinate is the time."""
        return self.coordinates[-1] == "t"


def read_conditions(node: Reader, around: Surroundings) -> tuple[ConditionConfig, ...]:
    """The conditions of a list, one for each equation; every part exists."""
    items = node.items(
        'a list of conditions, for example [{part: left, equation: "u = 0"}]', 0, MOST_CONDITIONS
    )
    conditions = tuple(condition for item in items for condition in _condition(item, around))
    measured = [condition for condition in conditions if condition.data is not None]
    if len({condition.noise is None for condition in measured}) > 1:
        raise node.error(
            "noise: give it for all measured values or for none, where it is estimated"
        )
    if sum(len(text) for text in {c.data.text() for c in measured if c.data}) > 2 * MOST_BYTES:
        raise BudgetError(
            str(
                node.error(
                    f"measured values hold more than {2 * MOST_BYTES} bytes; leave out points"
                )
            )
        )
    return conditions


def _condition(node: Reader, around: Surroundings) -> list[ConditionConfig]:
    fields = node.fields(_EVERY, hints=_HINTS)
    marks = [key for key in fields if key in _MARKS]
    if len(marks) != 1:
        present = listed(marks) or "none of them"
        raise node.error(
            f"must hold one of part, interface, periodic, mean, point, data, found {present}"
        )
    kind = _MARKS[marks[0]]
    for key, entry in fields.items():
        if key not in _KEYS[kind]:
            raise entry.error(
                f"does not go with {marks[0]!r}; remove it (keys: {listed(_KEYS[kind])})"
            )
    weight = fields["weight"].number(0.0, HEAVIEST) if "weight" in fields else 1.0
    name = _name(fields["name"]) if "name" in fields else None
    if kind == "periodic":
        return [
            ConditionConfig(kind, _pair(fields["periodic"], around.parts), weight=weight, name=name)
        ]
    if kind == "mean":
        return [ConditionConfig(kind, equation=fields["mean"].formula(), weight=weight, name=name)]
    if "equation" not in fields:
        raise node.error(f"missing key 'equation' beside {marks[0]!r}")
    equations = [
        item.formula()
        for item in fields["equation"].items_or_one("an equation or a list of them", 1)
    ]
    if kind == "data":
        return _measured(fields, marks[0], equations, (weight, name), around)
    if kind == "point":
        count = len(around.coordinates)
        least = count - 1 if around.timed else count
        items = fields["point"].items("a list of coordinates", least, count)
        place = tuple(item.number(-FARTHEST, FARTHEST) for item in items)
        return [
            ConditionConfig(kind, equation=equation, weight=weight, point=place, name=name)
            for equation in equations
        ]
    chosen = (
        _parts(fields["part"], around.parts)
        if kind == "equation"
        else _interface(fields["interface"], around)
    )
    return [ConditionConfig(kind, chosen, equation, weight, name=name) for equation in equations]


def _name(node: Reader) -> str:
    if not is_identifier(name := node.text()):
        raise node.wrong(
            "a name that begins with a letter and holds at most 40 letters, digits and _"
        )
    return name


def _measured(
    fields: Mapping[str, Reader],
    mark: str,
    equations: Sequence[str],
    weight_and_name: tuple[float, str | None],
    around: Surroundings,
) -> list[ConditionConfig]:
    read = read_file if mark == "data" else read_values
    table = read(fields[mark], around.coordinates, around.names)
    noise: float | str | None = None
    if "noise" in fields:
        node = fields["noise"]
        if isinstance(node.value, str) and node.value in table.columns[len(around.coordinates) :]:
            noise = node.value
            for row, value in enumerate(table.column(noise), start=1):
                if not value > 0:
                    raise node.error(
                        f"row {row}, column {noise!r}: a standard deviation must exceed 0, found"
                        f" {value:g}"
                    )
        elif isinstance(node.value, str) and is_identifier(node.value):
            raise node.error(
                f"no column {node.value[:60]!r} in the data (columns: {listed(table.columns)})"
            )
        else:
            noise = node.number(most=HEAVIEST, above=0.0)
    weight, name = weight_and_name
    return [
        ConditionConfig(
            "data", equation=equation, weight=weight, name=name, data=table, noise=noise
        )
        for equation in equations
    ]


def _parts(node: Reader, known: Sequence[str]) -> tuple[str, ...]:
    names: list[str] = []
    for item in node.items_or_one("a part name or a list of them", 1):
        name = item.text()
        if name not in known:
            raise item.error(
                f"unknown part {name[:60]!r}{did_you_mean(name, known)} (parts: {listed(known)})"
            )
        if name in names:
            raise item.error(f"the part {name!r} stands twice in this list; remove one")
        names.append(name)
    return tuple(names)


def _interface(node: Reader, around: Surroundings) -> tuple[str, ...]:
    """A part that regions share, or a part of one region and that of another which it coincides
    with.
    """
    chosen = _parts(node, around.parts)
    owners = [around.owners[part] for part in chosen]
    if len(chosen) == 1 and len(owners[0]) < 2:
        raise node.error(
            f"the part {chosen[0]!r} belongs to the region {owners[0][0]} alone; name the two"
            f" parts that coincide:"
            f" [{chosen[0]}, ...]"
        )
    if len(chosen) > 1 and (
        len(chosen) > 2 or len({*owners[0], *owners[1]}) < 2 or max(map(len, owners)) > 1
    ):
        raise node.error(
            f"must be a part that two regions share, or two parts of one region each, found"
            f" {listed(chosen)}"
        )
    return chosen


def _pair(node: Reader, known: Sequence[str]) -> tuple[str, ...]:
    node.items("a list of two opposite parts, for example [left, right]", 2, 2)
    return _parts(node, known)


def check_parts(
    node: Reader,
    conditions: Sequence[ConditionConfig],
    free: Sequence[Reader],
    shape: Shape,
    time: TimeConfig | None,
) -> None:
    """Every part has a condition or is free; `final` needs neither."""
    known = part_names(shape, time)
    constrained = {part for condition in conditions for part in condition.parts}
    unconstrained: set[str] = set()
    for item in free:
        (part,) = _parts(item, known)
        if part in constrained:
            raise item.error(f"the part {part!r} is free and has a condition; remove one of them")
        if part in unconstrained:
            raise item.error(f"the part {part!r} stands twice in this list; remove one")
        unconstrained.add(part)
    missing = [
        part
        for part in known
        if part not in constrained | unconstrained and (time is None or part != "final")
    ]
    if missing:
        plural = "parts" if len(missing) > 1 else "part"
        raise node.error(
            f"no condition on the {plural} {listed(missing)}; add one, or list under 'free' what"
            f" has none"
        )


def condition_tree(condition: ConditionConfig) -> dict[str, Any]:
    """Plain data that reads back to an equal `ConditionConfig`."""
    weight: dict[str, Any] = {
        **({"name": condition.name} if condition.name else {}),
        "weight": condition.weight,
    }
    match condition.kind:
        case "periodic":
            return {"periodic": list(condition.parts), **weight}
        case "mean":
            return {"mean": condition.equation, **weight}
        case "point":
            return {"point": list(condition.point or ()), "equation": condition.equation, **weight}
        case "data":
            noise = {} if condition.noise is None else {"noise": condition.noise}
            table = condition.data.text() if condition.data else ""
            return {"values": table, "equation": condition.equation, **noise, **weight}
        case _:
            parts, key = (
                list(condition.parts),
                "part" if condition.kind == "equation" else "interface",
            )
            return {
                key: parts[0] if len(parts) == 1 else parts,
                "equation": condition.equation,
                **weight,
            }
