"""Figures of a solve and of a comparison: the sole door to matplotlib.

Everything is drawn through figure objects (no pyplot), so threads may draw. Neither the backend
(MPLBACKEND) nor the settings of the user (matplotlibrc) matter: see `plotting.settings`.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from kanpde.lazy import attributes

if TYPE_CHECKING:
    from kanpde.results.plotting.animation import write_animation
    from kanpde.results.plotting.curves import write_comparison
    from kanpde.results.plotting.diagram import write_diagram
    from kanpde.results.plotting.in_memory import draw_in_memory
    from kanpde.results.plotting.run import write_figures

_HOME = {
    "draw_in_memory": "in_memory",
    "write_animation": "animation",
    "write_comparison": "curves",
    "write_diagram": "diagram",
    "write_figures": "run",
}

__all__ = [
    "draw_in_memory",
    "write_animation",
    "write_comparison",
    "write_diagram",
    "write_figures",
]

_load = attributes(__name__, _HOME)


def __getattr__(name: str) -> Any:
    if "matplotlib" in sys.modules:
        return _load(name)
    # matplotlib refuses to load where MPLBACKEND names a backend that is not installed, such as
    # that of a notebook in a process that the notebook started
    backend = os.environ.pop("MPLBACKEND", None)
    try:
        return _load(name)
    finally:
        if backend is not None:
            os.environ["MPLBACKEND"] = backend
