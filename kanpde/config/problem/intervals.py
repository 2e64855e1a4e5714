"""An interval, of space or of time, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from kanpde.config.problem.box_corners import FARTHEST
from kanpde.config.reader import Reader
from kanpde.names import is_identifier

ENDS, ENDS_OF_TIME = ("left", "right"), ("initial", "final")
"""Parts of an interval of space, and of time."""


@dataclass(frozen=True)
class IntervalShape:
    """lower < x < upper; parts left, right."""

    lower: float
    upper: float
    name: str | None = None

    dimension: ClassVar[int] = 1

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the boundary parts."""
        return tuple(end if self.name is None else f"{self.name}_{end}" for end in ENDS)


@dataclass(frozen=True)
class TimeShape(IntervalShape):
    """lower < t < upper where there is no space; parts initial, final."""

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the boundary parts."""
        return ENDS_OF_TIME


@dataclass(frozen=True)
class TimeConfig:
    """The time interval lower < t < upper; adds the coordinate t and the parts initial and
    final.
    """

    lower: float
    upper: float


def read_interval(node: Reader, *, named: bool = True) -> tuple[float, float, str | None]:
    """Ends (and name) of `[0, 1]` or `{lower: 0, upper: 1}`."""
    if isinstance(node.value, list | tuple):
        lower, upper = node.items("[lower, upper] or {lower: .., upper: ..}", 2, 2)
        fields: dict[str, Reader] = {}
    else:
        fields = node.fields(
            ("lower", "upper", "name") if named else ("lower", "upper"), ("lower", "upper")
        )
        lower, upper = fields["lower"], fields["upper"]
    low, high = coordinate(lower), coordinate(upper)
    check_length(node, low, high, "")
    return low, high, part_name(fields)


def read_time(node: Reader) -> TimeConfig:
    """The ends of `{from: 0, to: 1}`, of `[0, 1]`, or of `{interval: ...}`."""
    if isinstance(node.value, list | tuple):
        lower, upper, _ = read_interval(node, named=False)
        return TimeConfig(lower, upper)
    if not isinstance(node.value, Mapping):
        raise node.wrong("the ends, as in {from: 0, to: 1} or [0, 1]")
    fields = node.fields(("from", "to", "interval"))
    if "interval" in fields:
        if len(fields) > 1:
            raise node.error("must hold either from and to, or interval; remove one of them")
        lower, upper, _ = read_interval(fields["interval"], named=False)
        return TimeConfig(lower, upper)
    fields = node.fields(("from", "to", "interval"), ("from", "to"))
    lower, upper = coordinate(fields["from"]), coordinate(fields["to"])
    check_length(node, lower, upper, "")
    return TimeConfig(lower, upper)


def part_name(fields: Mapping[str, Reader]) -> str | None:
    """The name that parts begin with, None where none is given."""
    if "name" not in fields:
        return None
    name = fields["name"].text()
    if not is_identifier(name):
        raise fields["name"].wrong(
            "a name of at most 40 letters, digits and _ that begins with a letter"
        )
    return name


def coordinate(node: Reader) -> float:
    """One coordinate of a place."""
    return node.number(-FARTHEST, FARTHEST)


def check_length(node: Reader, lower: float, upper: float, where: str) -> None:
    """Refuse an interval that is empty or too thin."""
    if not lower < upper:
        raise node.error(f"lower must be less than upper, found {lower:g} and {upper:g}{where}")
    if upper - lower < max(1 / FARTHEST, 1e-10 * max(abs(lower), abs(upper))):
        raise node.error(
            f"from {lower!r} to {upper!r}{where} is too thin for double precision; shift or scale"
            f" it"
        )
