"""The `conditions` node: equations on boundary parts, periodic pairs, a pinned mean, pinned points.

`{part: [left, right], equation: "u = 0", weight: 1.0}` · `{periodic: [left, right]}` · `{mean: "u = 0"}` ·
`{point: [0, 0], equation: "u = 0"}`, which without the time is a point of space at all times; each may carry a `name`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kanpde.config.reader import Reader, listed
from kanpde.config.shapes import FARTHEST, Shape, TimeConfig, coordinates, part_names
from kanpde.names import did_you_mean, is_identifier

MOST_CONDITIONS, HEAVIEST = 1000, 1e30
_MARKS = {"part": "equation", "periodic": "periodic", "mean": "mean", "point": "point"}
_KEYS = {
    "equation": ("part", "equation", "name", "weight"),
    "periodic": ("periodic", "name", "weight"),
    "mean": ("mean", "name", "weight"),
    "point": ("point", "equation", "name", "weight"),
}
_EVERY = ("part", "equation", "periodic", "mean", "point", "name", "weight")
_HINTS = {
    "on": "use 'part'",
    "true": "use 'part' (YAML 1.1 reads the key 'on' as true)",
    "where": "use 'part'",
    "value": 'write an equation, for example equation: "u = 0"',
}


@dataclass(frozen=True)
class ConditionConfig:
    """One condition: kind is equation (on `parts`), periodic (two parts), mean (over the domain) or point.

    Conditions may share a name; one without goes by its part, or by its kind. A point of a problem with time may have one
    coordinate less: it holds at all times.
    """

    kind: str
    parts: tuple[str, ...] = ()
    equation: str | None = None
    weight: float = 1.0
    point: tuple[float, ...] | None = None
    name: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """What it goes by in reports and weights."""
        return (self.name,) if self.name else self.parts if self.kind == "equation" else (self.kind,)


def read_conditions(node: Reader, shape: Shape, time: TimeConfig | None) -> tuple[ConditionConfig, ...]:
    """The conditions of a list, one for each equation; every part exists."""
    items = node.items('a list of conditions, for example [{part: left, equation: "u = 0"}]', 0, MOST_CONDITIONS)
    parts, count = part_names(shape, time), len(coordinates(shape, time))
    least = count if time is None else count - 1
    return tuple(condition for item in items for condition in _condition(item, parts, (least, count)))


def _condition(node: Reader, parts: Sequence[str], counts: tuple[int, int]) -> list[ConditionConfig]:
    fields = node.fields(_EVERY, hints=_HINTS)
    marks = [key for key in fields if key in _MARKS]
    if len(marks) != 1:
        found = listed(marks) or "none of them"
        raise node.error(f"must hold one of part, periodic, mean, point, found {found}")
    kind = _MARKS[marks[0]]
    for key, entry in fields.items():
        if key not in _KEYS[kind]:
            raise entry.error(f"does not go with {marks[0]!r}; remove it (keys: {listed(_KEYS[kind])})")
    weight = fields["weight"].number(0.0, HEAVIEST) if "weight" in fields else 1.0
    name = _name(fields["name"]) if "name" in fields else None
    if kind == "periodic":
        return [ConditionConfig(kind, _pair(fields["periodic"], parts), weight=weight, name=name)]
    if kind == "mean":
        return [ConditionConfig(kind, equation=fields["mean"].formula(), weight=weight, name=name)]
    if "equation" not in fields:
        raise node.error(f"missing key 'equation' beside {marks[0]!r}")
    equations = [item.formula() for item in fields["equation"].items_or_one("an equation or a list of them", 1)]
    if kind == "point":
        items = fields["point"].items("a list of coordinates", *counts)
        place = tuple(item.number(-FARTHEST, FARTHEST) for item in items)
        return [ConditionConfig(kind, (), equation, weight, place, name) for equation in equations]
    chosen = _parts(fields["part"], parts)
    return [ConditionConfig(kind, chosen, equation, weight, name=name) for equation in equations]


def _name(node: Reader) -> str:
    if not is_identifier(name := node.text()):
        raise node.wrong("a name that begins with a letter and holds at most 40 letters, digits and _")
    return name


def _parts(node: Reader, known: Sequence[str]) -> tuple[str, ...]:
    names: list[str] = []
    for item in node.items_or_one("a part name or a list of them", 1):
        name = item.text()
        if name not in known:
            raise item.error(f"unknown part {name[:60]!r}{did_you_mean(name, known)} (parts: {listed(known)})")
        if name in names:
            raise item.error(f"the part {name!r} stands twice in this list; remove one")
        names.append(name)
    return tuple(names)


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
    left: set[str] = set()
    for item in free:
        (part,) = _parts(item, known)
        if part in constrained:
            raise item.error(f"the part {part!r} is free and has a condition; remove one of them")
        if part in left:
            raise item.error(f"the part {part!r} stands twice in this list; remove one")
        left.add(part)
    missing = [part for part in known if part not in constrained | left and (time is None or part != "final")]
    if missing:
        plural = "parts" if len(missing) > 1 else "part"
        raise node.error(f"no condition on the {plural} {listed(missing)}; add one, or list under 'free' what has none")


def condition_tree(condition: ConditionConfig) -> dict[str, Any]:
    """Plain data that reads back to an equal `ConditionConfig`."""
    weight: dict[str, Any] = {**({"name": condition.name} if condition.name else {}), "weight": condition.weight}
    match condition.kind:
        case "periodic":
            return {"periodic": list(condition.parts), **weight}
        case "mean":
            return {"mean": condition.equation, **weight}
        case "point":
            return {"point": list(condition.point or ()), "equation": condition.equation, **weight}
        case _:
            parts = list(condition.parts)
            return {"part": parts[0] if len(parts) == 1 else parts, "equation": condition.equation, **weight}
