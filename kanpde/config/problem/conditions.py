"""The conditions of a problem as a file states them, one class for each way to say where they hold.

`{part: [left, right], equation: "u = 0", weight: 1.0}` · `{periodic: [left, right]}` · `{mean: "u =
0"}`, `{integral: "dn(u) = 2", part: hole}` · `{point: [0, 0], equation: "u = 0"}`, which without
the time is a point of space at all times · `{data: obs.csv, equation: "u = measured", noise: 0.01}`;
between two regions `{interface: circle, equation: "jump(u) = 0"}`. Each may carry a `name`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from kanpde.config.problem.measurements import Measurements

WHOLE = "boundary"
"""The whole boundary of space, unless a part of it has this name."""


@dataclass(frozen=True, kw_only=True)
class ConditionConfig:
    """One condition as a file states it; its subclass says where it holds.

    Every field can be asked of every condition, and is empty where it does not apply.

    Attributes:
        parts: the boundary parts where it holds, two for a periodic pair.
        equation: F = 0 as typed; None for a periodic pair.
        weight: factor of its mean square, dimensionless.
        point: the coordinates of a condition at a point, without the time if it holds at all times.
        name: what it goes by in reports; conditions may share one.
        data: the measured points and values.
        noise: the standard deviation of measured values in the units of the equation, or the name
            of the column that holds it.
    """

    parts: tuple[str, ...] = ()
    equation: str | None = None
    weight: float = 1.0
    point: tuple[float, ...] | None = None
    name: str | None = None
    data: Measurements | None = None
    noise: float | str | None = None

    kind: ClassVar[str]
    """The word for it in messages and reports; to tell conditions apart, ask for their class."""

    @property
    def names(self) -> tuple[str, ...]:
        """What it goes by in reports and weights: its name, else its kind."""
        return (self.name or self.kind,)

    @property
    def has_normal(self) -> bool:
        """Whether its equation may hold the outward normal: on sides of space, not of time."""
        return False

    def _keys(self) -> dict[str, Any]:
        """The keys of a file that are its own, as plain data."""
        raise NotImplementedError

    def tree(self) -> dict[str, Any]:
        """Plain data that reads back to an equal condition."""
        name = {"name": self.name} if self.name else {}
        return {**self._keys(), **name, "weight": self.weight}


# `field()` without a default makes a field required that the base class leaves empty.


@dataclass(frozen=True, kw_only=True)
class _PartsConfig(ConditionConfig):
    """An equation on boundary parts, of one region or between two; `whole` where it is stated for
    the whole boundary of space, whose parts need not all be left of the shapes.
    """

    whole: bool = False

    key: ClassVar[str]

    @property
    def has_normal(self) -> bool:
        return not {"initial", "final"} & set(self.parts)

    def _keys(self) -> dict[str, Any]:
        parts = self.parts[0] if len(self.parts) == 1 else list(self.parts)
        if self.whole:
            parts = WHOLE
        return {self.key: parts, "equation": self.equation}


class BoundaryConfig(_PartsConfig):
    """An equation on each of its parts."""

    kind, key = "equation", "part"

    @property
    def names(self) -> tuple[str, ...]:
        """Its name, else the parts."""
        return (self.name,) if self.name else self.parts


class InterfaceConfig(_PartsConfig):
    """An equation between two regions: on the part they share, or on one part of each."""

    kind, key = "interface", "interface"

    @property
    def names(self) -> tuple[str, ...]:
        """Its name, else the first part."""
        return (self.name,) if self.name else self.parts[:1]


class PeriodicConfig(ConditionConfig):
    """All unknowns agree on two opposite parts, with the derivatives that the equations need."""

    kind = "periodic"

    def _keys(self) -> dict[str, Any]:
        return {"periodic": list(self.parts)}


@dataclass(frozen=True, kw_only=True)
class MeanConfig(ConditionConfig):
    """An equation that holds on average over the domain or one part of its boundary; a `total` one
    says what the integral of its left side is.
    """

    kind = "mean"
    total: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Its name, else what it is."""
        return (self.name or ("integral" if self.total else self.kind),)

    @property
    def has_normal(self) -> bool:
        """Whether it is taken over a side of space."""
        return bool(self.parts) and not {"initial", "final"} & set(self.parts)

    def _keys(self) -> dict[str, Any]:
        part = {"part": self.parts[0]} if self.parts else {}
        return {"integral" if self.total else "mean": self.equation, **part}


@dataclass(frozen=True, kw_only=True)
class PointConfig(ConditionConfig):
    """An equation at one point, or at one point of space at all times."""

    kind = "point"
    point: tuple[float, ...] = field()

    def _keys(self) -> dict[str, Any]:
        return {"point": list(self.point), "equation": self.equation}


@dataclass(frozen=True, kw_only=True)
class MeasuredConfig(ConditionConfig):
    """An equation at measured points, which may hold the columns measured there."""

    kind = "data"
    data: Measurements = field()

    def _keys(self) -> dict[str, Any]:
        noise = {} if self.noise is None else {"noise": self.noise}
        return {"values": self.data.text(), "equation": self.equation, **noise}
