"""Where a field is sampled for a figure, and how its values are drawn there, by the number of
coordinates.

d = 1: a curve. d = 2: the triangles of the domain's mesh. d = 3: three slices through the middle,
or three instants when the last coordinate is time, cut where they leave the domain. d > 3: the
curve along the diagonal of the bounding box.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, Normalize
from matplotlib.tri import Triangulation
from numpy.typing import NDArray

from kanpde.config.problem.units import label
from kanpde.domains.plane.cutgrid import cut_grid
from kanpde.errors import ConfigError
from kanpde.results.plotting.canvas import KAN, logarithmic, tidy

if TYPE_CHECKING:
    from kanpde.domains import Domain, Mesh

Array = NDArray[np.float64]

_CURVE, _MESH, _SLICE = 600, 96, 91
_SINGLE, _PANEL = 4.5, 2.7
"""Inches across a picture that stands alone, and across one of several."""

_FLATTEST = 0.08
"""Height over width of the flattest picture with equal axes; a flatter one is stretched to it."""


class Scale(NamedTuple):
    """How the values of a field are shown: the name of a colour map, its range, and what they are
    called on a bar or an axis.
    """

    cmap: str
    norm: Normalize
    label: str = ""

    @property
    def colours(self) -> dict[str, Any]:
        """What matplotlib takes."""
        return {"cmap": self.cmap, "norm": self.norm}


class View(ABC):
    """Points (N, d) at which a field is wanted, and the panels that show it; a panel is `size`
    inches wide and high.
    """

    points: Array
    panels: int = 1
    coloured: bool = True
    size: tuple[float, float] = (_SINGLE, _SINGLE)
    regions: NDArray[np.int64] | None = None

    @abstractmethod
    def draw(
        self, axes: Sequence[Axes], values: Array, scale: Scale, title: str
    ) -> ScalarMappable | None:
        """Draw the values (N,) under a title into one axes per panel; returns what a colour bar
        explains, if any.
        """


@dataclass
class Curve(View):
    """Values along a line."""

    points: Array
    parameter: Array
    label: str
    regions: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        self.coloured = False
        self.size = (_SINGLE, 0.6 * _SINGLE)

    def draw(self, axes: Sequence[Axes], values: Array, scale: Scale, title: str) -> None:
        """A curve over the line's parameter."""
        axes[0].plot(self.parameter, values, color=KAN, linewidth=1.4)
        if isinstance(scale.norm, LogNorm):
            axes[0].set_yscale("log")
            axes[0].set_ylim(bottom=scale.norm.vmin)
            logarithmic(axes[0].yaxis, *axes[0].get_ylim())
        tidy(axes[0], self.label, scale.label, title=title)


@dataclass
class Triangles(View):
    """Values on a triangle mesh in two coordinates."""

    points: Array
    triangles: NDArray[np.int64]
    labels: tuple[str, str]
    equal: bool
    regions: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        width, height = np.ptp(self.points, axis=0)
        ratio = float(height / width) if self.equal else 0.75
        if not _FLATTEST <= ratio <= 1 / _FLATTEST:
            stretched, times = (1, _FLATTEST / ratio) if ratio < 1 else (0, _FLATTEST * ratio)
            names = list(self.labels)
            names[stretched] += f" (× {times:.2g})"
            self.labels, self.equal = (names[0], names[1]), False
        self.size = _within(_SINGLE, ratio, 1.6)

    @cached_property
    def _mesh(self) -> Triangulation:
        return Triangulation(self.points[:, 0], self.points[:, 1], self.triangles)

    def draw(self, axes: Sequence[Axes], values: Array, scale: Scale, title: str) -> ScalarMappable:
        """Colours interpolated inside each triangle."""
        drawn = axes[0].tripcolor(self._mesh, values, shading="gouraud", **scale.colours)
        tidy(axes[0], *self.labels, title=title).grid(False)
        axes[0].margins(0)
        axes[0].set_aspect("equal" if self.equal else "auto")
        return drawn


@dataclass(frozen=True)
class Slice:
    """One plane: labels of its axes, triangles over its first points (V, 2), its title."""

    labels: tuple[str, str]
    mesh: Triangulation
    title: str

    @property
    def count(self) -> int:
        """V."""
        return len(self.mesh.x)


@dataclass
class Slices(View):
    """Values on planes in three coordinates, in a window of `sides` (width, height) for each."""

    points: Array
    slices: tuple[Slice, ...]
    sides: Sequence[tuple[float, float]]

    def __post_init__(self) -> None:
        self.panels = len(self.slices)
        spans = [height / width for width, height in self.sides]
        self.size = (_PANEL, _PANEL * float(np.clip(max(spans), 0.4, 1.4)))

    def draw(self, axes: Sequence[Axes], values: Array, scale: Scale, title: str) -> ScalarMappable:
        """One picture per plane, all in one scale."""
        start = 0
        for plane, panel in zip(self.slices, axes, strict=True):
            shown = values[start : start + plane.count]
            start += plane.count
            drawn = panel.tripcolor(plane.mesh, shown, shading="gouraud", **scale.colours)
            head = f"{title}\n" if panel is axes[len(axes) // 2] else "\n" if title else ""
            tidy(panel, *plane.labels, title=head + plane.title).grid(False)
            panel.margins(0)
            panel.set_aspect("equal")
        return drawn


def _within(width: float, ratio: float, most: float) -> tuple[float, float]:
    """Width and height in a ratio, so that neither a flat nor a tall picture gets out of hand."""
    if ratio > most:
        return width * most / ratio, width * most
    return width, width * max(ratio, 0.05)


def view_of(
    domain: Domain,
    coordinates: Sequence[str],
    mesh: Mesh | None = None,
    units: Mapping[str, str] = MappingProxyType({}),
) -> View:
    """The view that fits the number of coordinates d of `domain`, which have `units`; a `mesh` of
    the whole domain, on which its fields are known, serves in one or two coordinates.
    """
    timed = coordinates[-1] == "t"
    labels = tuple(label(name, units) for name in coordinates)
    if domain.dimension == 1:
        if mesh is None or np.any(np.diff(mesh.points[:, 0]) < 0):
            x = np.linspace(domain.lower[0], domain.upper[0], _CURVE)
            return Curve(x[:, None], x, labels[0])
        return Curve(mesh.points, mesh.points[:, 0], labels[0], mesh.regions)
    if domain.dimension == 2:
        mesh = mesh or domain.mesh(_MESH)
        return Triangles(
            mesh.points, mesh.cells[0][1], (labels[0], labels[1]), not timed, mesh.regions
        )
    if domain.dimension == 3:
        return _instants(domain, labels) if timed else _middle_planes(domain, labels)
    return _diagonal(domain)


def _middle_planes(domain: Domain, names: Sequence[str]) -> View:
    middle = (domain.lower + domain.upper) / 2
    return _planes(domain, names, [(axis, float(middle[axis])) for axis in (2, 1, 0)])


def _instants(domain: Domain, names: Sequence[str]) -> View:
    times = np.linspace(domain.lower[2], domain.upper[2], 3)
    return _planes(domain, names, [(2, float(time)) for time in times])


def _planes(domain: Domain, names: Sequence[str], cuts: Sequence[tuple[int, float]]) -> View:
    """Pictures of those planes that meet the domain."""
    sections = [_section(domain, names, axis, level) for axis, level in cuts]
    points = [x for x, _, _ in sections if len(x)]
    if not points:
        return _diagonal(domain)
    slices = tuple(plane for _, plane, _ in sections if plane is not None)
    sides = [side for x, _, side in sections if len(x)]
    return Slices(np.concatenate(points), slices, sides)


def _section(
    domain: Domain, names: Sequence[str], axis: int, level: float
) -> tuple[Array, Slice | None, tuple[float, float]]:
    """The points (V, 3) of a picture of one plane, the plane, and the sides of its window; none
    where it does not meet the domain.
    """
    i, j = (k for k in range(3) if k != axis)
    lower, upper = domain.lower, domain.upper
    axes = tuple(np.linspace(lower[k], upper[k], _SLICE) for k in (i, j))

    def embedded(x: Array) -> Array:
        whole = np.full((len(x), 3), level)
        whole[:, i], whole[:, j] = x.T
        return whole

    def outside(x: Array) -> Array:
        return np.where(domain.contains(embedded(x)), -1.0, 1.0)

    sides = float(upper[i] - lower[i]), float(upper[j] - lower[j])
    try:
        section = cut_grid(outside, axes, 0.0)
    except ConfigError:  # no cell is left
        return np.empty((0, 3)), None, sides
    mesh = Triangulation(section.points[:, 0], section.points[:, 1], section.cells[0][1])
    title = f"{names[axis]} = {level:.3g}"
    return embedded(section.points), Slice((names[i], names[j]), mesh, title), sides


def _diagonal(domain: Domain) -> Curve:
    s = np.linspace(0.0, 1.0, _CURVE)
    x = domain.lower + s[:, None] * (domain.upper - domain.lower)
    inside = domain.contains(x)
    return Curve(x[inside], s[inside], "s, along the diagonal of the bounding box")
