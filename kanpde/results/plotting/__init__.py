"""Figures of a solve and of a comparison: the sole door to matplotlib.

Everything is drawn through figure objects (no pyplot), so no global state is read or changed and
threads may draw.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kanpde.lazy import attributes

if TYPE_CHECKING:
    from kanpde.results.plotting.animation import write_animation
    from kanpde.results.plotting.curves import write_comparison
    from kanpde.results.plotting.diagram import write_diagram
    from kanpde.results.plotting.run import write_figures

_HOME = {
    "write_animation": "animation",
    "write_comparison": "curves",
    "write_diagram": "diagram",
    "write_figures": "run",
}

__all__ = ["write_animation", "write_comparison", "write_diagram", "write_figures"]

__getattr__ = attributes(__name__, _HOME)
