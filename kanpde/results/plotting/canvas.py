"""The look of all figures, and how one becomes a file."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from kanpde.storage import replacing

KAN, MLP, INK, QUIET = "#0072B2", "#D55E00", "#222222", "#8A8A8A"
"""Colours that colour-blind readers tell apart (Okabe and Ito), and two greys."""

FIELD, MAGNITUDE = "viridis", "magma"
"""Perceptually uniform colour maps of a field and of a magnitude."""

_DPI = 140


def blank(
    width: float, height: float, layout: Literal["constrained", "compressed"] = "constrained"
) -> Figure:
    """An empty figure of `width` × `height` inches; "compressed" keeps axes of a fixed aspect close
    together.
    """
    figure = Figure(figsize=(width, height), dpi=_DPI, layout=layout, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def tidy(axes: Axes, xlabel: str = "", ylabel: str = "", title: str = "") -> Axes:
    """Label `axes` and draw its frame and grid lightly."""
    axes.set_xlabel(xlabel)
    axes.set_ylabel(ylabel)
    axes.set_title(title, fontsize=10)
    axes.tick_params(labelsize=8, color=QUIET)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.grid(True, which="major", color="#E4E4E4", linewidth=0.6)
    axes.set_axisbelow(True)
    return axes


def save(figure: Figure, path: Path) -> Path:
    """Write `figure` as PNG to `path`, atomically.

    Raises:
        StorageError: the file cannot be written.
    """
    with replacing(path) as temporary:
        figure.savefig(
            temporary,
            format="png",
            bbox_inches="tight",
            pad_inches=0.12,
            metadata={"Software": "kanpde"},
        )
    return path
