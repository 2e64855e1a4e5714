"""Directions that stand in the formulas of a problem.

    tanh(2 x + y - z), (x + y)**4   →   (2, 1, -1)/√6, (1, 1, 0)/√2

A sum of functions of linear forms often solves an equation whose formulas are such sums: in five
coordinates even directions miss a single one.
"""

from __future__ import annotations

import numpy as np

from kanpde.expressions import Add, Call, Coordinate, Mul, Node, Number, Pow
from kanpde.expressions.tree import postorder
from kanpde.numerics.quadrature import Array
from kanpde.problem.problem import Problem

MOST_DIRECTIONS = 40
"""More directions are no reading of a formula any more."""

DIGITS = 12
"""Directions that agree to so many digits are one."""


def formula_directions(problem: Problem) -> tuple[tuple[float, ...], ...]:
    """Unit vectors of the linear forms of two and more coordinates in equations and conditions, and
    the axes of functions of one; none where there are no such forms, or too many.
    """
    dimension = len(problem.coordinates)
    nodes = (*problem.equations, *(condition.node for condition in problem.conditions))
    forms: dict[tuple[float, ...], None] = {}
    axes: dict[tuple[float, ...], None] = {}
    for part in postorder(nodes):
        form = _form(part, dimension)
        if form is not None and np.count_nonzero(form) > 1:
            forms[_unit(form)] = None
        if isinstance(part, Call | Pow):
            inside = {leaf.index for leaf in postorder((part,)) if isinstance(leaf, Coordinate)}
            if len(inside) == 1:
                axes[_unit(np.eye(dimension)[inside.pop()])] = None
    found = (*forms, *axes) if forms else ()
    return found if len(found) <= MOST_DIRECTIONS else ()


def _form(node: Node, dimension: int) -> Array | None:
    """The factors (d,) of a sum of numbers and multiples of coordinates, None for others."""
    if not isinstance(node, Add):
        return None
    form = np.zeros(dimension)
    for term in node.args:
        match term:
            case Number():
                pass
            case Coordinate(index=k):
                form[k] += 1.0
            case Mul(args=(Number(value=factor), Coordinate(index=k))):
                form[k] += factor
            case _:
                return None
    return form


def _unit(form: Array) -> tuple[float, ...]:
    """Of length one, the first factor that is not zero positive."""
    first = form[np.flatnonzero(form)[0]]
    unit = np.round(np.sign(first) * form / np.linalg.norm(form), DIGITS)
    return tuple(float(value) for value in unit / np.linalg.norm(unit))
