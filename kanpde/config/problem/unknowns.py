"""The `unknown_parameters` and `parameter_ranges` of a problem: numbers that are solved for, and
numbers that run over a range.

`unknown_parameters: {k: {start: 1.0, positive: true}}` · `parameter_ranges: {mu: [1, 10]}`
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kanpde.config.frozen_map import FrozenMap
from kanpde.config.reader import Reader

MOST_PARAMETERS, MOST_RANGES = 50, 100
_LARGEST = 1e100


@dataclass(frozen=True)
class UnknownParameter:
    """A number that is solved for with the field, from `start`; where `positive`, its logarithm
    is.
    """

    start: float = 1.0
    positive: bool = False


def read_unknown_parameters(entries: Mapping[str, Reader]) -> FrozenMap[UnknownParameter]:
    """What stands under each name: a mapping, or its start alone."""
    if len(entries) > MOST_PARAMETERS:
        first = next(iter(entries.values()))
        raise first.error(
            f"must be one of at most {MOST_PARAMETERS} unknown parameters, found {len(entries)}"
        )
    return FrozenMap({name: _unknown_parameter(entry) for name, entry in entries.items()})


def _unknown_parameter(node: Reader) -> UnknownParameter:
    if not isinstance(node.value, Mapping):
        return UnknownParameter(node.number(-_LARGEST, _LARGEST))
    fields = node.fields(("start", "positive"), ("start",))
    positive = fields["positive"].flag() if "positive" in fields else False
    start = fields["start"].number(-_LARGEST, _LARGEST)
    if positive and not start >= 1 / _LARGEST:
        raise fields["start"].wrong("a number greater than 0, since the parameter is positive")
    return UnknownParameter(start, positive)


def read_ranges(entries: Mapping[str, Reader]) -> FrozenMap[tuple[float, float]]:
    """The [lower, upper] under each name."""
    ranges = {}
    for name, node in entries.items():
        lower, upper = (
            item.number(-1e12, 1e12) for item in node.items("a range [lower, upper]", 2, 2)
        )
        if not upper - lower > 1e-12 * max(abs(lower), abs(upper)):
            raise node.error(
                f"must be a range [lower, upper] with lower < upper, found [{lower:g}, {upper:g}]"
            )
        ranges[name] = (lower, upper)
    if len(ranges) > MOST_RANGES:
        raise node.error(f"must be one of at most {MOST_RANGES} ranges, found {len(ranges)}")
    return FrozenMap(ranges)
