"""Manufactured sources: a definition that reads `manufactured` is derived so that `exact` solves
its equation.

An equation that is affine in the source f reads F(u) = A(u) + B·f with B free of unknowns, so f =
-A(exact) / B.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kanpde.errors import ConfigError
from kanpde.expressions import (
    Derivative,
    Node,
    divide,
    is_zero,
    jets,
    linear_parts,
    negate,
    substitute,
    substitute_unknowns,
)

KEYWORD = "manufactured"


def sources(definitions: Mapping[str, str]) -> tuple[str, ...]:
    """The names of the definitions that are to be derived."""
    return tuple(name for name, text in definitions.items() if text.strip() == KEYWORD)


def derive_sources(
    equations: Sequence[Node], names: Sequence[str], first: int, exact: Sequence[Node] | None
) -> tuple[Node, ...]:
    """Replace the sources, parsed as the extra unknowns number `first`, `first` + 1, …, in every
    equation.

    Raises ConfigError without `exact`, or when a source is not found once, undifferentiated and
    linearly.
    """
    solved = list(equations)
    for number, name in enumerate(names, start=first):
        holders = [k for k, node in enumerate(solved) if number in _unknowns(node)]
        if exact is None:
            raise ConfigError(
                f"problem.definitions.{name}: 'manufactured' needs `exact`; give it, or write the"
                f" formula"
            )
        if len(holders) != 1:
            raise ConfigError(
                f"problem.definitions.{name}: a manufactured source must stand in exactly one"
                f" equation, found in {len(holders)}"
            )
        k = holders[0]
        source = Derivative(number, (0,) * len(_any_index(solved[k])))
        solved[k] = substitute(solved[k], {source: _source(solved[k], source, name, exact)})
    return tuple(solved)


def _source(equation: Node, source: Derivative, name: str, exact: Sequence[Node]) -> Node:
    known = [jet for jet in jets(equation) if jet.unknown < source.unknown]
    filled = substitute(equation, {jet: substitute_unknowns(jet, exact) for jet in known})
    try:
        coefficients, remainder = linear_parts(filled)
    except ValueError as error:
        raise ConfigError(
            f"problem.definitions.{name}: the equation is not linear in {name}; write its formula"
        ) from error
    factor = coefficients.pop(source, None)
    if factor is None or coefficients or is_zero(factor):
        raise ConfigError(
            f"problem.definitions.{name}: may not be differentiated or multiplied away; write its"
            f" formula"
        )
    return negate(divide(remainder, factor))


def _unknowns(node: Node) -> set[int]:
    return {jet.unknown for jet in jets(node)}


def _any_index(equation: Node) -> tuple[int, ...]:
    return next(iter(jets(equation))).index
