"""Reads the `conditions` node: equations on boundary parts, between regions, at points and at
measured values, periodic pairs, a pinned mean.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from kanpde.config.frozen_map import FrozenMap
from kanpde.config.problem.box_corners import FARTHEST
from kanpde.config.problem.conditions import (
    WHOLE,
    BoundaryConfig,
    ConditionConfig,
    InterfaceConfig,
    MeanConfig,
    MeasuredConfig,
    PeriodicConfig,
    PointConfig,
)
from kanpde.config.problem.inequalities import INEQUALITY
from kanpde.config.problem.intervals import TimeConfig, TimeShape
from kanpde.config.problem.measurements import (
    MOST_BYTES,
    Columns,
    Measurements,
    read_file,
    read_values,
)
from kanpde.config.problem.meshes import group_name
from kanpde.config.problem.shapes import CombinedShape, Shape, part_names
from kanpde.config.reader import Reader, listed
from kanpde.errors import BudgetError
from kanpde.names import did_you_mean, is_identifier

MOST_CONDITIONS, HEAVIEST = 1000, 1e30
OUTSIDE = " (also the side of a shape that is no boundary of the whole)"
_MARKS = {
    "part": "equation",
    "periodic": "periodic",
    "mean": "mean",
    "integral": "mean",
    "point": "point",
    "data": "data",
    "values": "data",
    "interface": "interface",
}
_KEYS = {
    "equation": ("part", "equation", INEQUALITY, "name", "weight"),
    "periodic": ("periodic", "name", "weight"),
    "mean": ("mean", "integral", "part", "name", "weight"),
    "point": ("point", "equation", "name", "weight"),
    "data": ("data", "values", "columns", "equation", "noise", "name", "weight"),
    "interface": ("interface", "equation", "name", "weight"),
}
_EVERY = (
    "part",
    "interface",
    "equation",
    INEQUALITY,
    "periodic",
    "mean",
    "integral",
    "point",
    "data",
    "values",
    "columns",
    "noise",
    "name",
    "weight",
)
_PIECE = re.compile(r"boundary|rest|outer[0-9]*|hole[0-9]+|initial|final")
"""Parts of a mesh without groups, and of time."""
_HINTS = {
    "true": "use 'part' (YAML 1.1 reads the key 'on' as true)",
    "sigma": "use 'noise'",
}


Fields = Mapping[str, Reader]
"""The values of a condition by key."""


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
    def sides(self) -> tuple[str, ...]:
        """The parts of the boundary of space."""
        return self.parts[:-2] if self.timed else self.parts

    @property
    def timed(self) -> bool:
        """Whether the last coordinate is the time."""
        return self.coordinates[-1] == "t"


def read_conditions(node: Reader, around: Surroundings) -> tuple[ConditionConfig, ...]:
    """The conditions of a list, one for each equation; every part exists."""
    items = node.items(
        'a list of conditions, for example [{part: left, equation: "u = 0"}]', 0, MOST_CONDITIONS
    )
    conditions: list[ConditionConfig] = []
    for item in items:
        conditions.extend(_condition(item, around))
    measured = [condition for condition in conditions if condition.data is not None]
    if len({condition.noise is None for condition in measured}) > 1:
        raise node.error(
            "noise: give it for all measured values or for none, where it is estimated"
        )
    # Conditions on several equations share one table, which counts once.
    tables = {condition.data.text() for condition in measured if condition.data}
    if sum(map(len, tables)) > 2 * MOST_BYTES:
        text = f"measured values hold more than {2 * MOST_BYTES} bytes; leave out points"
        raise BudgetError(str(node.error(text)))
    return tuple(conditions)


def _condition(node: Reader, around: Surroundings) -> list[ConditionConfig]:
    hints = {
        name: f'write equation: "{name} = ..."'
        for name in around.names
        if name not in around.coordinates
    }
    fields = node.fields(_EVERY, hints={**hints, **_HINTS})
    marks = [key for key in fields if key in _MARKS]
    if {"mean", "integral"} & {*marks}:
        marks = [key for key in marks if key != "part"]  # which says where it is taken
    if len(marks) != 1:
        present = listed(marks) or "none of them"
        raise node.error(
            f"must hold one of part, interface, periodic, mean, integral, point, data, found"
            f" {present}"
        )
    kind = _MARKS[marks[0]]
    for key, entry in fields.items():
        if key not in _KEYS[kind]:
            raise entry.error(
                f"does not go with {marks[0]!r}; remove it (keys: {listed(_KEYS[kind])})"
            )
    common = _Common(
        weight=fields["weight"].number(0.0, HEAVIEST) if "weight" in fields else 1.0,
        name=_name(fields["name"]) if "name" in fields else None,
    )
    if kind == "periodic":
        return [PeriodicConfig(parts=_pair(fields["periodic"], around.parts), **vars(common))]
    if kind == "mean":
        parts = _one_part(fields["part"], around) if "part" in fields else ()
        (mark,) = marks
        text = fields[mark].formula()
        return [MeanConfig(equation=text, parts=parts, total=mark == "integral", **vars(common))]
    if "equation" not in fields:
        raise node.error(f"missing key 'equation' beside {marks[0]!r}")
    items = fields["equation"].items_or_one("an equation or a list of them", 1)
    equations = [item.formula() for item in items]
    return _STATED[kind](fields, equations, common, around)


@dataclass(frozen=True)
class _Common:
    """What every condition may carry."""

    weight: float
    name: str | None


def _boundary(
    fields: Fields, equations: Sequence[str], common: _Common, around: Surroundings
) -> list[ConditionConfig]:
    parts, whole = _all_or_some(fields["part"], around)
    return [
        BoundaryConfig(parts=parts, equation=text, whole=whole, **vars(common))
        for text in equations
    ]


def _one_part(node: Reader, around: Surroundings) -> tuple[str, ...]:
    """The part of the boundary of space over which a mean is taken."""
    parts = _parts(node, around.sides)
    if len(parts) > 1:
        raise node.error("a mean or an integral is taken over one part; write one for each")
    return parts


def _all_or_some(node: Reader, around: Surroundings) -> tuple[tuple[str, ...], bool]:
    """The parts that a condition names, and whether it says `boundary` for all of them."""
    if is_whole(node, around.parts):
        return around.sides, True
    return _parts(node, around.parts), False


def is_whole(node: Reader, parts: Sequence[str]) -> bool:
    """Whether an entry says `boundary`, which is no part's name."""
    return node.value in (WHOLE, [WHOLE]) and WHOLE not in parts


def _between(
    fields: Fields, equations: Sequence[str], common: _Common, around: Surroundings
) -> list[ConditionConfig]:
    parts = _interface(fields["interface"], around)
    return [InterfaceConfig(parts=parts, equation=text, **vars(common)) for text in equations]


def _at_point(
    fields: Fields, equations: Sequence[str], common: _Common, around: Surroundings
) -> list[ConditionConfig]:
    count = len(around.coordinates)
    least = count - 1 if around.timed else count
    items = fields["point"].items("a list of coordinates", least, count)
    point = tuple(item.number(-FARTHEST, FARTHEST) for item in items)
    return [PointConfig(point=point, equation=text, **vars(common)) for text in equations]


def _name(node: Reader) -> str:
    if not is_identifier(name := node.text()):
        raise node.wrong(
            "a name that begins with a letter and holds at most 40 letters, digits and _"
        )
    return name


def _measured(
    fields: Fields, equations: Sequence[str], common: _Common, around: Surroundings
) -> list[ConditionConfig]:
    given = fields["columns"].entries() if "columns" in fields else {}
    columns = Columns(around.coordinates, around.names, given)
    key, read = ("data", read_file) if "data" in fields else ("values", read_values)
    table = read(fields[key], columns)
    noise = _noise(fields["noise"], table, around) if "noise" in fields else None
    return [
        MeasuredConfig(equation=text, data=table, noise=noise, **vars(common)) for text in equations
    ]


def _noise(node: Reader, table: Measurements, around: Surroundings) -> float | str:
    """A standard deviation, or the column of the table that holds one for every row."""
    text = node.value
    if isinstance(text, str) and text in table.columns[len(around.coordinates) :]:
        for row, value in enumerate(table.column(text), start=1):
            if not value > 0:
                raise node.error(
                    f"row {row}, column {text!r}: a standard deviation must exceed 0, found"
                    f" {value:g}"
                )
        return text
    if isinstance(text, str) and is_identifier(text):
        raise node.error(f"no column {text[:60]!r} in the data (columns: {listed(table.columns)})")
    return node.number(most=HEAVIEST, above=0.0)


_STATED: Mapping[str, Callable[..., list[ConditionConfig]]] = {
    "equation": _boundary,
    "interface": _between,
    "point": _at_point,
    "data": _measured,
}
"""How the conditions with an `equation` are read, by kind."""


_SIDES = {
    **dict.fromkeys(("west", "xmin", "x0", "x_min", "inlet"), "left"),
    **dict.fromkeys(("east", "xmax", "x1", "x_max", "outlet"), "right"),
    **dict.fromkeys(("south", "ymin", "y0", "y_min", "down", "lower"), "bottom"),
    **dict.fromkeys(("north", "ymax", "y1", "y_max", "up", "upper", "lid"), "top"),
    **dict.fromkeys(("start", "t0", "ic", "t=0"), "initial"),
}
"""Sides as other programs call them."""


def _hint(name: str, known: Sequence[str]) -> str:
    """What may be meant by an unknown part."""
    if name == WHOLE or name.lower() in ("all", "everywhere", "walls", "on_boundary", "outer"):
        return f"; the whole boundary is part: {WHOLE}, alone"
    side = _SIDES.get(name.lower().replace(" ", "").replace("=min", "min").replace("=max", "max"))
    if side in known:
        return f", did you mean '{side}'?"
    pieces = [part for part in known if part.startswith(f"{name}_")]
    if pieces:
        return f"; its sides are parts: [{', '.join(pieces)}]"
    return did_you_mean(name, known)


def _parts(node: Reader, known: Sequence[str]) -> tuple[str, ...]:
    names: list[str] = []
    for item in node.items_or_one("a part name or a list of them", 1):
        name = group_name(item)
        if name not in known:
            raise item.error(
                f"unknown part {name[:60]!r}{_hint(name, known)} (parts: {listed(known)})"
                f"{_unnamed(known)}"
            )
        if name in names:
            raise item.error(f"the part {name!r} stands twice in this list; remove one")
        names.append(name)
    return tuple(names)


def _unnamed(known: Sequence[str]) -> str:
    """What to do where all parts are pieces of a mesh that names none."""
    if not all(_PIECE.fullmatch(part) for part in known):
        return ""
    return (
        "; the mesh names no sides: name them where it was made, or divide its boundary by formulas"
        ' of place, as in `parts: {left: "x < 1e-6"}` beside `domain`'
    )


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


def said_by_a_mean(name: str, conditions: Sequence[ConditionConfig]) -> bool:
    """Whether a mean or an integral is an equation for an unknown number."""
    texts = [each.equation or "" for each in conditions if isinstance(each, MeanConfig)]
    return any(re.search(rf"(?<![\w.]){name}(?!\w)", text) for text in texts)


def means_first(
    names: Collection[str], conditions: Sequence[ConditionConfig]
) -> tuple[ConditionConfig, ...]:
    """As many conditions on means as unknown numbers, those that hold one first."""
    means = [each for each in conditions if isinstance(each, MeanConfig)]
    holding = [each for each in means if any(said_by_a_mean(name, [each]) for name in names)]
    others = [each for each in means if each not in holding]
    return tuple((holding + others)[: len(names)])


def _pair(node: Reader, known: Sequence[str]) -> tuple[str, ...]:
    node.items("a list of two opposite parts, for example [left, right]", 2, 2)
    return _parts(node, known)


def check_parts(
    node: Reader,
    conditions: Sequence[ConditionConfig],
    free: Sequence[Reader],
    shape: Shape,
    time: TimeConfig | None,
    chosen: Collection[str] = (),
) -> None:
    """Every part has a condition or is free; `final` needs neither, and where parts are `chosen` by
    formulas only these are looked at: what is left of the others is known with the domain.
    """
    known = part_names(shape, time)
    if chosen:
        known = (*part_names(shape), *chosen, *known[len(shape.parts) :])
    pointwise = [condition for condition in conditions if not isinstance(condition, MeanConfig)]
    constrained = {part for condition in pointwise for part in condition.parts}
    unconditioned: set[str] = set()
    for item in free:
        (part,) = _parts(item, known)
        if part in constrained:
            raise item.error(f"the part {part!r} is free and has a condition; remove one of them")
        if part in unconditioned:
            raise item.error(f"the part {part!r} stands twice in this list; remove one")
        unconditioned.add(part)
    timed = time is not None or isinstance(shape, TimeShape)
    missing = [
        part
        for part in known
        if part not in constrained | unconditioned and (not timed or part != "final")
    ]
    if chosen:
        missing = [part for part in missing if part in chosen]
    if missing:
        plural = "parts" if len(missing) > 1 else "part"
        raise node.error(
            f"no condition on the {plural} {listed(missing)}; add one, or list under 'free' what"
            f" has none{OUTSIDE if isinstance(shape, CombinedShape) else ''}"
        )
