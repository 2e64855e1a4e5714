"""The look of all figures, where their parts stand, and how one becomes a file.

Axes are placed in inches: a layout engine draws a figure twice to measure its texts, and cutting
the edges off draws it a third time. Labels of logarithmic axes are plain text with raised digits,
which takes a tenth of the time of a formula.
"""

from __future__ import annotations

import math
import zlib
from pathlib import Path
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator
from numpy.typing import NDArray

from kanpde.results.colour_range import colour_range
from kanpde.storage import replacing

KAN, MLP, INK, QUIET = "#0072B2", "#D55E00", "#222222", "#8A8A8A"
"""Colours that colour-blind readers tell apart (Okabe and Ito), and two greys."""

FIELD, MAGNITUDE, SIGNED = "viridis", "magma", "RdBu_r"
"""Perceptually uniform colour maps of a field and of a magnitude; of a field of both signs one that
is white at zero.
"""

LINE, LEFT, RIGHT, BELOW = 0.23, 0.85, 0.2, 0.55
"""Inches of a line of a heading, and beside and below axes for ticks and labels."""

_DPI = 140

# Half the time of the default, and files as large: pictures are runs of equal or similar pixels.
_COMPRESSION = {"compress_level": 1, "compress_type": zlib.Z_RLE}

_TICKS, _TICK_INCHES = 6, 0.3
"""Ticks of an axis at most, and the inches that one needs."""
_SMALLEST = 6.0
"""Points of a heading at least, however long it is."""

_MOST_DECADES = 7
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def blank(width: float, height: float) -> Figure:
    """An empty figure of `width` × `height` inches."""
    figure = Figure(figsize=(width, height), dpi=_DPI, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def arranged(
    width: float, height: float, layout: Literal["constrained", "compressed"] = "constrained"
) -> Figure:
    """An empty figure whose parts an engine of matplotlib arranges, which takes its time;
    "compressed" keeps axes of a fixed aspect close together.
    """
    figure = blank(width, height)
    figure.set_layout_engine(layout)
    return figure


def place(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Axes of `width` × `height` inches, `left` and `top` from the figure's upper left corner."""
    across, down = figure.get_size_inches()
    return figure.add_axes(
        (left / across, 1 - (top + height) / down, width / across, height / down)
    )


def heading(figure: Figure, text: str) -> None:
    """Write lines at the top of a placed figure, smaller where they are too long for it."""
    across, down = figure.get_size_inches()
    drawn = figure.suptitle(text, fontsize=11, y=1 - 0.08 / down, va="top")
    width = drawn.get_window_extent().width / figure.dpi
    if width > across - 0.2:
        drawn.set_fontsize(max(_SMALLEST, 11 * (across - 0.2) / width))


def tidy(axes: Axes, xlabel: str = "", ylabel: str = "", title: str = "") -> Axes:
    """Label `axes` and draw its frame and grid lightly."""
    axes.set_xlabel(xlabel)
    axes.set_ylabel(ylabel)
    axes.set_title(title, fontsize=10, y=1.0)  # a place of its own, or it is searched for
    width, height = _inches(axes)
    for axis, inches in ((axes.xaxis, width), (axes.yaxis, height)):
        if axis.get_scale() == "linear":
            axis.set_major_locator(_locator(inches))
    axes.tick_params(labelsize=8, color=QUIET)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.grid(True, which="major", color="#E4E4E4", linewidth=0.6)
    axes.set_axisbelow(True)
    return axes


def _inches(axes: Axes) -> tuple[float, float]:
    """Width and height."""
    figure = axes.get_figure(root=True)
    across, down = (0.0, 0.0) if figure is None else figure.get_size_inches()
    place_in_figure = axes.get_position()
    return float(across * place_in_figure.width), float(down * place_in_figure.height)


def _locator(inches: float) -> MaxNLocator:
    """Ticks of an axis of so many inches."""
    count = int(np.clip(inches / _TICK_INCHES, 1, _TICKS))
    return MaxNLocator(count, steps=[1, 2, 2.5, 5, 10], min_n_ticks=min(2, count))


def field_scale(values: NDArray[np.float64]) -> tuple[str, Normalize]:
    """The colour map and the range of a field."""
    low, high, signed = colour_range(values)
    return SIGNED if signed else FIELD, Normalize(low, high)


def logarithmic(axis: Axis, low: float, high: float) -> None:
    """Ticks of a logarithmic axis from `low` to `high`, both positive."""
    values, labels = decades(low, high)
    axis.set_ticks(values, labels)
    axis.set_minor_locator(NullLocator())


def decades(low: float, high: float) -> tuple[list[float], list[str]]:
    """Powers of ten between two positive numbers and their labels, at most eight; where there are
    fewer than two, twice and five times a power of ten too.
    """
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    powers = [k for k in range(first, last + 1) if low <= 10.0**k <= high]
    if len(powers) >= 2:
        step = -(-len(powers) // _MOST_DECADES)
        return [10.0**k for k in powers[::step]], [_power(1, k) for k in powers[::step]]
    ticks = [
        (m, k) for k in range(first, last + 1) for m in (1, 2, 5) if low <= m * 10.0**k <= high
    ]
    if len(ticks) < 2:
        ends = [low, high]
        return ends, [f"{end:.3g}" for end in ends]
    return [m * 10.0**k for m, k in ticks], [_power(m, k) for m, k in ticks]


def _power(mantissa: int, exponent: int) -> str:
    power = f"10{str(exponent).translate(_RAISED)}"
    return power if mantissa == 1 else f"{mantissa}×{power}"


def scale_bar(axes: Axes, cmap: str, norm: Normalize, label: str = "") -> None:
    """Fill `axes` with the colours of a scale, its ticks and what it shows on the right."""
    low, high = float(norm.vmin or 0.0), float(norm.vmax or 0.0)
    logarithm = isinstance(norm, LogNorm)
    ends = (math.log10(low), math.log10(high)) if logarithm else (low, high)
    colours = np.linspace(0.0, 1.0, 256)[:, None]
    axes.imshow(colours, cmap=cmap, aspect="auto", origin="lower", extent=(0.0, 1.0, *ends))
    axes.set_xticks([])
    axes.yaxis.set_major_locator(_locator(_inches(axes)[1]))
    if logarithm:
        values, labels = decades(low, high)
        axes.set_yticks([math.log10(value) for value in values], labels)
    axes.yaxis.tick_right()
    axes.tick_params(labelsize=8)
    axes.yaxis.set_label_position("right")
    axes.set_ylabel(label, fontsize=9)
    for spine in axes.spines.values():
        spine.set_visible(False)


def save(figure: Figure, path: Path) -> Path:
    """Write `figure` as PNG to `path`, atomically.

    Raises:
        StorageError: the file cannot be written.
    """
    with replacing(path) as temporary:
        figure.savefig(
            temporary,
            format="png",
            bbox_inches=None if figure.get_layout_engine() is None else "tight",
            pad_inches=0.12,
            metadata={"Software": "kanpde"},
            pil_kwargs=_COMPRESSION,
        )
    return path
