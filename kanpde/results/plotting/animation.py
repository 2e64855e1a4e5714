"""A solution that moves: one frame per instant, a line over one coordinate of space or colours over
two, in one fixed scale.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib import colormaps
from matplotlib.animation import AbstractMovieWriter, FFMpegWriter, PillowWriter
from matplotlib.axes import Axes
from matplotlib.colors import Colormap
from matplotlib.contour import ContourSet
from matplotlib.figure import Figure
from matplotlib.tri import Triangulation
from numpy.typing import NDArray

from kanpde.config.problem.units import label
from kanpde.errors import ConfigError
from kanpde.results.plotting.canvas import arranged, field_scale
from kanpde.results.plotting.settings import defaults
from kanpde.results.plotting.views import Scale, Triangles, View, view_of
from kanpde.results.series import at_time, space_of
from kanpde.storage import make_folder, replacing

if TYPE_CHECKING:
    from kanpde.results.solution import Solution

Array = NDArray[np.float64]
Update = Callable[[Array], None]

FRAMES_PER_SECOND = 12
_DPI = 80
_LEVELS = 48
"""Colours of a field: bands make a GIF several times smaller than a smooth scale."""


@defaults()
def write_animation(path: Path, solution: Solution, times: Sequence[float]) -> Path:
    """Draw every unknown at `times` into one film.

    Args:
        path: file to write, ending in .gif or .mp4; the latter needs ffmpeg.
        solution: of a problem with time and one or two coordinates of space.
        times: instants in their order, as `solution.instants` gives them.

    Raises:
        ConfigError: the problem has no time or too many coordinates, or there is no ffmpeg.
        StorageError: the file cannot be written.
    """
    problem = solution.problem
    space = space_of(problem).space
    if space.dimension > 2:
        raise ConfigError(
            f"an animation of '{problem.name}' needs one or two coordinates of space, found"
            f" {space.dimension};"
            " export it to pvd and play it in ParaView"
        )
    writer = _writer(path)
    make_folder(path.parent)
    units = problem.config.units
    view = view_of(space, problem.coordinates[:-1], units=units)
    values = np.stack([solution(at_time(view.points, t), outside="allow") for t in times])
    time = f" {units['t']}" if "t" in units else ""
    figure, update = _first(view, values, [label(name, units) for name in problem.unknowns])
    with replacing(path) as temporary, writer.saving(figure, str(temporary), _DPI):
        for t, frame in zip(times, values, strict=True):
            figure.suptitle(f"{problem.name}, t = {t:.4g}{time}", fontsize=10)
            update(frame)
            writer.grab_frame()
    return path


def _writer(path: Path) -> AbstractMovieWriter:
    if path.suffix == ".gif":
        return PillowWriter(fps=FRAMES_PER_SECOND)
    if path.suffix != ".mp4":
        raise ConfigError(f"an animation must end in .gif or .mp4, found '{path.name}'")
    if not FFMpegWriter.isAvailable():
        raise ConfigError(
            "an mp4 animation needs the program ffmpeg, which is not on the path; install it or"
            " take gif"
        )
    return FFMpegWriter(fps=FRAMES_PER_SECOND)


def _first(view: View, values: Array, names: Sequence[str]) -> tuple[Figure, Update]:
    """The figure of the first of the values (T, V, m), and what draws another instant (V, m) into
    it.
    """
    height = 5.0 * view.size[1] / view.size[0]
    figure = arranged(5.4 + 0.9 * view.coloured, len(names) * (height + 0.6) + 0.5, "compressed")
    figure.suptitle("t\n", fontsize=10)
    panels = [
        _panel(figure, axes, view, values[:, :, o], name)
        for o, (axes, name) in enumerate(
            zip(figure.subplots(len(names), 1, squeeze=False)[:, 0], names, strict=True)
        )
    ]
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # else the axes would move from frame to frame

    def update(frame: Array) -> None:
        for o, panel in enumerate(panels):
            panel(frame[:, o])

    return figure, update


def _panel(figure: Figure, axes: Axes, view: View, values: Array, name: str) -> Update:
    """One unknown (T, V): its scale spans all instants."""
    cmap, norm = field_scale(values)
    low, high = float(norm.vmin or 0.0), float(norm.vmax or 0.0)
    drawn = view.draw([axes], values[0], Scale(cmap, norm, name), name)
    if isinstance(view, Triangles) and drawn is not None:
        colours = colormaps[cmap].resampled(_LEVELS)
        drawn.set_cmap(colours)
        bar = figure.colorbar(drawn, ax=axes, pad=0.02, aspect=25)
        bar.ax.tick_params(labelsize=8)
        bar.set_label(name, fontsize=9)
        axes.collections[0].remove()
        return _bands(axes, view, (low, high), colours)
    line, margin = axes.lines[0], 0.05 * (high - low)
    axes.set_ylim(low - margin, high + margin)
    return lambda frame: line.set_ydata(frame)


def _bands(axes: Axes, view: Triangles, ends: tuple[float, float], colours: Colormap) -> Update:
    """What draws values (V,) between two `ends` as bands of one colour; what is not finite
    has the lowest.
    """
    low, high = ends
    mesh = Triangulation(view.points[:, 0], view.points[:, 1], view.triangles)
    levels = np.linspace(low, high, _LEVELS + 1)
    levels[-1] = np.nextafter(high, np.inf)  # a band does not hold its upper end
    shown: list[ContourSet] = []

    def update(frame: Array) -> None:
        while shown:
            shown.pop().remove()
        field = np.where(np.isfinite(frame), frame, low)
        shown.append(
            axes.tricontourf(mesh, field, levels=levels, cmap=colours, vmin=low, vmax=high)
        )

    return update
