"""Partial differential equations solved with Kolmogorov–Arnold networks.

    import kanpde
    solution = kanpde.solve("poisson_square")
    solution.relative_l2["u"], solution(points), solution.export("u.vtu")

Names are loaded when first used, so that `import kanpde` costs nothing and bad input is answered before torch is imported.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from kanpde.version import VERSION as __version__

if TYPE_CHECKING:
    from kanpde.api import available, compare, configure, load, resume, solve
    from kanpde.errors import KanpdeError
    from kanpde.fitting import fit
    from kanpde.problem import Problem
    from kanpde.result import StopReason
    from kanpde.solution import Solution

_HOME = {
    "KanpdeError": "errors",
    "Problem": "problem",
    "Solution": "solution",
    "StopReason": "result",
    "available": "api",
    "compare": "api",
    "configure": "api",
    "fit": "fitting",
    "load": "api",
    "resume": "api",
    "solve": "api",
}

__all__ = [
    "KanpdeError",
    "Problem",
    "Solution",
    "StopReason",
    "__version__",
    "available",
    "compare",
    "configure",
    "fit",
    "load",
    "resume",
    "solve",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'kanpde' has no attribute {name!r}")
    return getattr(import_module(f"kanpde.{_HOME[name]}"), name)
