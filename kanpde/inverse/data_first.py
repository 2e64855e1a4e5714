"""Where constants may begin: from splines that follow the measured values first.

Equations count more and more (`fields.FIRST`, then `fields.BINDS`): at first constants are those of
a regression of the equations on fields that fit the data, at last both hold.
"""

from __future__ import annotations

import math

from kanpde.inverse.constants import Numbers
from kanpde.inverse.field_search import FEW, SPACES, is_field_problem
from kanpde.inverse.fields import BINDS, FIRST, System, begun
from kanpde.inverse.least_squares import Array
from kanpde.inverse.measured import Measured
from kanpde.inverse.tensor import Tensor
from kanpde.problem.problem import Problem


def start(problem: Problem, numbers: Numbers, measured: Measured) -> Array | None:
    """Numbers s (q,) to begin with, None where splines cannot solve the problem."""
    if not is_field_problem(problem) or len(problem.equations) < len(problem.unknowns):
        return None
    intervals, count = SPACES[problem.domain.dimension][0]
    space = Tensor.of(problem.domain, intervals, count)
    system = System(problem, space, measured, numbers, ())
    state, noise = begun(problem, space, numbers, ()), measured.first_noise()
    for binds in (*FIRST, BINDS):
        fitted = system.fit(state, noise, 0.0, 3 * FEW, binds)
        if not math.isfinite(fitted.total):
            return None
        state = fitted.state
    return state.s
