"""Partial differential equations solved with Kolmogorov–Arnold networks.

    import kanpde
    solution = kanpde.solve("poisson_square")
    solution.relative_l2["u"], solution(points), solution.export("u.vtu")

Names are loaded when first used, so that `import kanpde` costs nothing and bad input is answered
before torch is imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kanpde.lazy import attributes
from kanpde.version import VERSION as __version__

if TYPE_CHECKING:
    from kanpde.api.comparing import compare
    from kanpde.api.fitting import fit
    from kanpde.api.solving import available, configure, load, resume, solve
    from kanpde.api.statements import Problem
    from kanpde.errors import KanpdeError
    from kanpde.progress import StopReason
    from kanpde.results.solution import Solution
    from kanpde.symbolic.formula import Formula, formula

_HOME = {
    "Formula": "symbolic.formula",
    "KanpdeError": "errors",
    "Problem": "api.statements",
    "Solution": "results.solution",
    "StopReason": "progress",
    "available": "api.solving",
    "compare": "api.comparing",
    "configure": "api.solving",
    "fit": "api.fitting",
    "formula": "symbolic.formula",
    "load": "api.solving",
    "resume": "api.solving",
    "solve": "api.solving",
}

__all__ = [
    "Formula",
    "KanpdeError",
    "Problem",
    "Solution",
    "StopReason",
    "__version__",
    "available",
    "compare",
    "configure",
    "fit",
    "formula",
    "load",
    "resume",
    "solve",
]

__getattr__ = attributes(__name__, _HOME)
