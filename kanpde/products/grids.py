"""Which problems over ranges are solved as families, and on which grids."""

from __future__ import annotations

import math
from collections.abc import Iterable

from kanpde.domains.box import Box
from kanpde.domains.space.cylinder import Ranged
from kanpde.expressions import Call, Node, Normal, Number, divide, is_zero, linear_parts, negate
from kanpde.expressions.tree import postorder
from kanpde.problem.conditions import BoundaryCondition
from kanpde.problem.kinks import SWITCHES, factors
from kanpde.problem.problem import Problem
from kanpde.products.affine_terms import WeakForms
from kanpde.products.elements import Face, meet
from kanpde.products.separable import depends_on

SMOOTH = ((6, 0), (10, 0), (16, 0), (24, 0), (36, 0), (52, 0))
GRADED = ((3, 1), (4, 1), (4, 2), (6, 3), (8, 4))
"""Degrees, and thinner intervals at each side of a place where formulas jump, grid after grid: of an
interval or where no two such places cross, and else.
"""

ACROSS = 1.5
"""Degrees over one width of a peak or a layer, as a share of the domain, of the first grid."""


def fixed_faces(problem: Problem, dimension: int) -> tuple[Face, ...] | None:
    """The faces where u is given, of a problem with a value without parameters or a zero slope on every
    face; None for others.
    """
    config, space = problem.config, problem.domain
    while isinstance(space, Ranged):
        space = space.space
    single = len(problem.outputs) == 1 and len(problem.equations) == 1
    plain = config.fit is None and problem.energy is None and not problem.constants
    if not (isinstance(space, Box) and dimension <= 2 and single and plain):
        return None
    known: dict[str, Node | None] = {}
    for condition in problem.conditions:
        if not isinstance(condition, BoundaryCondition) or condition.part in known:
            return None
        try:
            slopes, rest = linear_parts(condition.node)
        except ValueError:
            return None
        orders = {sum(jet.index) for jet in slopes}
        if orders == {0} and all(k < dimension for k in depends_on(rest)):
            (factor,) = slopes.values()
            if not isinstance(factor, Number):
                return None
            known[condition.part] = divide(negate(rest), factor)
        elif orders == {1} and is_zero(rest) and _is_normal_slope(slopes.values()):
            known[condition.part] = None
        else:
            return None
    if set(known) != set(space.parts):
        return None
    given = [(k, known[part]) for k, part in enumerate(space.parts)]
    faces = tuple(Face(k // 2, k % 2, value) for k, value in given if value is not None)
    return faces if faces and meet(faces, space.lower, space.upper) else None


def fits_a_grid(problem: Problem, forms: WeakForms, closed: bool) -> bool:
    """Whether jumps and kinks lie across one coordinate each, nothing is too narrow to be seen, and zero
    slopes, where values are not given all around, are zero fluxes.
    """
    first = problem.domain.dimension - len(problem.config.ranges)
    for feature in problem.probed.features:
        if feature.sharp or any(feature.direction[first:]):
            return False
    coefficients = [form.coefficient for form in (*forms.forms, *forms.loads)]
    for part in postorder(coefficients):
        if not (isinstance(part, Call) and part.name in SWITCHES):
            continue
        if any(len(depends_on(factor)) > 1 for factor in factors(part.args[0])):
            return False
    return closed or all(form.tested in (-1, form.derived) for form in forms.forms)


def _is_normal_slope(slopes: Iterable[Node]) -> bool:
    """Whether coefficients of first derivatives are components of the normal."""
    return all(isinstance(slope, Normal) for slope in slopes)


def levels_of(problem: Problem, dimension: int) -> tuple[tuple[int, int], ...]:
    """Grids one after the other, none of which passes over a peak or a layer."""
    crossing = dimension == 2 and all(map(len, problem.kinks[:2]))
    narrowest = min((feature.width for feature in problem.probed.features), default=math.inf)
    levels = GRADED if crossing else SMOOTH
    return tuple(level for level in levels if level[0] >= ACROSS / narrowest)
