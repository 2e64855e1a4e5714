"""Where a field is sampled for a figure, and how its values are drawn there, by the number of
coordinates.

d = 1: a curve. d = 2: the triangles of the domain's mesh. d = 3: three slices through the middle,
or three instants when the last coordinate is time. d > 3: the curve along the diagonal of the
bounding box.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, Normalize
from matplotlib.tri import Triangulation
from numpy.typing import NDArray

from kanpde.results.plotting.canvas import KAN, logarithmic, tidy

if TYPE_CHECKING:
    from kanpde.domains import Domain, Mesh

Array = NDArray[np.float64]

_CURVE, _MESH, _SLICE = 600, 96, 91
_SINGLE, _PANEL = 4.5, 2.7
"""Inches across a picture that stands alone, and across one of several."""


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
        self, axes: Sequence[Axes], values: Array, cmap: str, norm: Normalize, title: str
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

    def draw(
        self, axes: Sequence[Axes], values: Array, cmap: str, norm: Normalize, title: str
    ) -> None:
        """A curve over the line's parameter."""
        axes[0].plot(self.parameter, values, color=KAN, linewidth=1.4)
        if isinstance(norm, LogNorm):
            axes[0].set_yscale("log")
            axes[0].set_ylim(bottom=norm.vmin)
            logarithmic(axes[0].yaxis, *axes[0].get_ylim())
        tidy(axes[0], self.label, title=title)


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
        self.size = _within(_SINGLE, ratio, 1.6)

    @cached_property
    def _mesh(self) -> Triangulation:
        return Triangulation(self.points[:, 0], self.points[:, 1], self.triangles)

    def draw(
        self, axes: Sequence[Axes], values: Array, cmap: str, norm: Normalize, title: str
    ) -> ScalarMappable:
        """Colours interpolated inside each triangle."""
        drawn = axes[0].tripcolor(self._mesh, values, shading="gouraud", cmap=cmap, norm=norm)
        tidy(axes[0], *self.labels, title=title).grid(False)
        axes[0].margins(0)
        axes[0].set_aspect("equal" if self.equal else "auto")
        return drawn


@dataclass(frozen=True)
class Slice:
    """One plane: labels of its axes, grid (S,) along each, its title, which grid points lie in the
    domain (S, S).
    """

    labels: tuple[str, str]
    first: Array
    second: Array
    title: str
    inside: NDArray[np.bool_]
    equal: bool


@dataclass
class Slices(View):
    """Values on planes in three coordinates."""

    points: Array
    slices: tuple[Slice, ...]

    def __post_init__(self) -> None:
        self.panels = len(self.slices)
        spans = [float(np.ptp(plane.second) / np.ptp(plane.first)) for plane in self.slices]
        self.size = (_PANEL, _PANEL * float(np.clip(max(spans), 0.4, 1.4)))

    def draw(
        self, axes: Sequence[Axes], values: Array, cmap: str, norm: Normalize, title: str
    ) -> ScalarMappable:
        """One picture per plane, all in one scale."""
        start = 0
        for plane, panel in zip(self.slices, axes, strict=True):
            count = int(plane.inside.sum())
            picture = np.full(plane.inside.shape, np.nan)
            picture[plane.inside] = values[start : start + count]
            start += count
            drawn = panel.pcolormesh(
                plane.first, plane.second, picture.T, cmap=cmap, norm=norm, shading="nearest"
            )
            head = f"{title}\n" if panel is axes[len(axes) // 2] else "\n" if title else ""
            tidy(panel, *plane.labels, title=head + plane.title).grid(False)
            panel.set_aspect("equal" if plane.equal else "auto")
        return drawn


def _within(width: float, ratio: float, most: float) -> tuple[float, float]:
    """Width and height in a ratio, so that neither a flat nor a tall picture gets out of hand."""
    if ratio > most:
        return width * most / ratio, width * most
    return width, width * max(ratio, 0.05)


def view_of(domain: Domain, coordinates: Sequence[str], mesh: Mesh | None = None) -> View:
    """The view that fits the number of coordinates d of `domain`; a `mesh` of the whole domain, on
    which its fields are known, serves in one or two coordinates.
    """
    timed = coordinates[-1] == "t"
    if domain.dimension == 1:
        if mesh is None or np.any(np.diff(mesh.points[:, 0]) < 0):
            x = np.linspace(domain.lower[0], domain.upper[0], _CURVE)
            return Curve(x[:, None], x, coordinates[0])
        return Curve(mesh.points, mesh.points[:, 0], coordinates[0], mesh.regions)
    if domain.dimension == 2:
        mesh = mesh or domain.mesh(_MESH)
        return Triangles(
            mesh.points, mesh.cells[0][1], (coordinates[0], coordinates[1]), not timed, mesh.regions
        )
    if domain.dimension == 3:
        return _instants(domain, coordinates) if timed else _middle_planes(domain, coordinates)
    return _diagonal(domain)


def _middle_planes(domain: Domain, names: Sequence[str]) -> Slices:
    middle = (domain.lower + domain.upper) / 2
    return _planes(domain, names, [(axis, float(middle[axis])) for axis in (2, 1, 0)], equal=True)


def _instants(domain: Domain, names: Sequence[str]) -> Slices:
    times = np.linspace(domain.lower[2], domain.upper[2], 3)
    return _planes(domain, names, [(2, float(time)) for time in times], equal=True)


def _planes(
    domain: Domain, names: Sequence[str], cuts: Sequence[tuple[int, float]], *, equal: bool
) -> Slices:
    slices, points = [], []
    for axis, level in cuts:
        i, j = (k for k in range(3) if k != axis)
        first = np.linspace(domain.lower[i], domain.upper[i], _SLICE)
        second = np.linspace(domain.lower[j], domain.upper[j], _SLICE)
        x = np.full((_SLICE, _SLICE, 3), level)
        x[:, :, i], x[:, :, j] = np.meshgrid(first, second, indexing="ij")
        inside = domain.contains(x.reshape(-1, 3)).reshape(_SLICE, _SLICE)
        points.append(x[inside])
        slices.append(
            Slice(
                (names[i], names[j]), first, second, f"{names[axis]} = {level:.3g}", inside, equal
            )
        )
    return Slices(np.concatenate(points), tuple(slices))


def _diagonal(domain: Domain) -> Curve:
    s = np.linspace(0.0, 1.0, _CURVE)
    x = domain.lower + s[:, None] * (domain.upper - domain.lower)
    inside = domain.contains(x)
    return Curve(x[inside], s[inside], "s, along the diagonal of the bounding box")
