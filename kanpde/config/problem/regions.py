"""The `regions` of a domain, and values that a file gives by region.

`domain: {regions: {inner: {disk: ...}, outer: {difference: [...]}}}` · `parameters: {k: {inner: 1,
outer: 10}}` · `definitions: {f: {inner: "x", outer: 0}}` · `exact: {u: {inner: "r**2", outer:
"r"}}`

A part name that two regions have is an interface where the parts coincide. A domain of regions with
anything that one smooth function per region does not fit is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kanpde.config.frozen_map import FrozenMap
from kanpde.config.problem.intervals import ENDS_OF_TIME, TimeConfig, TimeShape, read_time
from kanpde.config.problem.shapes import RegionsShape, Shape, part_names, read_shape
from kanpde.config.reader import Reader

MOST_REGIONS = 20
JUMP = "jump"
"""jump(e) at an interface is e of the first region minus e of the second."""


@dataclass(frozen=True)
class Regional:
    """What one region has of its own: parameters, definitions, and exact solutions by unknown."""

    parameters: Mapping[str, float] = field(default_factory=FrozenMap)
    definitions: Mapping[str, str] = field(default_factory=FrozenMap)
    exact: Mapping[str, str] = field(default_factory=FrozenMap)


def read_domain(node: Reader) -> Shape:
    """One shape, or `regions`: two or more shapes of one dimension by name."""
    if not (isinstance(node.value, Mapping) and "regions" in node.value):
        return read_shape(node)
    entries = node.fields(("regions",), ("regions",))["regions"].entries()
    if not 2 <= len(entries) <= MOST_REGIONS:
        raise node.error(
            f"regions: must be from 2 to {MOST_REGIONS} shapes by name, found {len(entries)}"
        )
    shapes = tuple(read_shape(entry) for entry in entries.values())
    for entry, shape in zip(entries.values(), shapes, strict=True):
        if shape.dimension != shapes[0].dimension:
            raise entry.error(
                f"must have as many coordinates as the first region ({shapes[0].dimension}),"
                f" found {shape.dimension}"
            )
    return RegionsShape(tuple(entries), shapes)


def region_names(shape: Shape) -> tuple[str, ...]:
    """The names of the regions, none of one shape."""
    return shape.names if isinstance(shape, RegionsShape) else ()


def shape_of(shape: Shape, name: str) -> Shape:
    """The shape of one region."""
    assert isinstance(shape, RegionsShape)
    return shape.shapes[shape.names.index(name)]


def read_place(fields: Mapping[str, Reader]) -> tuple[Shape, TimeConfig | None]:
    """The shape of space and the interval of time of a problem; time alone is a shape."""
    time = read_time(fields["time"]) if "time" in fields else None
    if time is not None and "domain" not in fields:
        return TimeShape(time.lower, time.upper), None
    shape = read_domain(fields["domain"])
    if time is not None and (taken := {*shape.parts} & {*ENDS_OF_TIME}):
        raise fields["domain"].error(
            f"the part name {min(taken)!r} is that of a part of the time interval; rename it"
        )
    return shape, time


def by_region(shape: Shape, time: TimeConfig | None) -> FrozenMap[tuple[str, ...]]:
    """The regions that have each part, in their order."""
    if not isinstance(shape, RegionsShape):
        return FrozenMap()
    parts_of = {
        name: part_names(part_shape, time)
        for name, part_shape in zip(shape.names, shape.shapes, strict=True)
    }
    return FrozenMap(
        {
            part: tuple(n for n in parts_of if part in parts_of[n])
            for part in part_names(shape, time)
        }
    )


Entries = Mapping[str, Reader]


def split(
    entries: Entries, regions: Sequence[str]
) -> tuple[dict[str, Reader], dict[str, dict[str, Reader]]]:
    """The entries that hold everywhere, and those that are a mapping region: value, which names
    every region.
    """
    by_name = {
        name: entry.fields(regions, regions)
        for name, entry in entries.items()
        if regions and isinstance(entry.value, Mapping)
    }
    return {name: entry for name, entry in entries.items() if name not in by_name}, by_name


def read_regional(
    regions: Sequence[str],
    parameters: Mapping[str, Entries],
    definitions: Mapping[str, Entries],
    exact: Mapping[str, Entries],
) -> FrozenMap[Regional]:
    """What each region has of its own."""
    return FrozenMap(
        {
            region: Regional(
                FrozenMap(
                    {name: by_region[region].number() for name, by_region in parameters.items()}
                ),
                FrozenMap(
                    {name: by_region[region].formula() for name, by_region in definitions.items()}
                ),
                FrozenMap({name: by_region[region].formula() for name, by_region in exact.items()}),
            )
            for region in regions
        }
    )


def regional_tree(regional: Mapping[str, Regional]) -> dict[str, dict[str, Any]]:
    """Plain data that `split` and `read_regional` read back: name → region → value under each
    key.
    """
    tree: dict[str, dict[str, Any]] = {}
    for key in ("parameters", "definitions", "exact"):
        by_region = {region: getattr(values_of, key) for region, values_of in regional.items()}
        names = tuple(next(iter(by_region.values()), ()))
        tree[key] = {
            name: {region: values[name] for region, values in by_region.items()} for name in names
        }
    return tree
