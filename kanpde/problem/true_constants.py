"""The values of unknown numbers at the exact solution, where conditions on means say what they are.

mean of F(x, u, k) = 0,  F = a + b k   ->   k = -(mean of a) / (mean of b)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from kanpde.domains import Domain
from kanpde.expressions import Node, Number, constants, divide, partial, substitute
from kanpde.expressions import substitute_unknowns as at_exact
from kanpde.expressions.evaluate import evaluate
from kanpde.expressions.simplify import ZERO, is_zero
from kanpde.problem.conditions import Condition, MeanCondition

POINTS = 2500


def with_means(
    true: Mapping[Node, Node],
    exact: Sequence[Node] | None,
    conditions: Sequence[Condition],
    domain: Domain,
) -> dict[Node, Node]:
    """The values that are known, with those that follow from means of the exact solution."""
    known = dict(true)
    means = [each for each in conditions if isinstance(each, MeanCondition)]
    for _ in means if exact is not None else ():  # one may hold what another says
        for condition in means:
            node = substitute(condition.node, known)
            missing = constants(node)
            if len(missing) != 1:
                continue
            (number,) = missing
            slope = partial(node, number)
            if constants(slope) or is_zero(slope):
                continue
            fixed = substitute(node, {number: ZERO})
            assert exact is not None
            rule = condition.rule(domain, POINTS)
            normal = None if rule.normal is None else torch.tensor(rule.normal)
            x, w = torch.tensor(rule.x), torch.tensor(rule.w)
            values = evaluate([at_exact(each, exact) for each in (fixed, slope)], x, normal)
            total, by_number = (float((w * value).sum()) for value in values)
            known[number] = divide(Number(-total), Number(by_number))
    return known
