"""The numbers among the quantities of a problem, parsed: integrals, means and values at points.

number = formula(value_1, value_2, ...),   value = ∫ F,  ∫ F / ∫ 1,  or F at a point
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from kanpde.config import ProblemConfig
from kanpde.config.problem.numbers import AT, Call, taken_apart
from kanpde.config.reader import Reader
from kanpde.domains import Composite, Domain
from kanpde.errors import ConfigError
from kanpde.expressions import Node, Scope, jets, parse_expression
from kanpde.expressions.evaluate import evaluate
from kanpde.problem.formulas import Formulas


@dataclass(frozen=True)
class Functional:
    """One value of a solution.

    Args:
        word: what is taken: `integral`, `mean` or `at`.
        nodes: F, or that of every region.
        part: the part of the boundary, NAME.PART of a region; None for the whole domain.
        point: the point (d,) of `at`.
    """

    word: str
    nodes: tuple[Node, ...]
    part: str | None = None
    point: tuple[float, ...] = ()


@dataclass(frozen=True)
class Number:
    """A formula of values of a solution, which are coordinates after those of the problem."""

    name: str
    outer: Node
    functionals: tuple[Functional, ...]


def read_numbers(config: ProblemConfig, domain: Domain, parsed: Formulas) -> tuple[Number, ...]:
    """Parse all numbers; ConfigError where a formula, a part or a point does not fit."""
    numbers = []
    for name, text in config.numbers.items():
        where = f"problem.quantities.{name}"
        taken = taken_apart(text, Reader(text, where))
        values = tuple(f"value_{k + 1}" for k in range(len(taken.calls)))
        outer = parse_expression(taken.outer, replace(parsed.scope, columns=values, where=where))
        if jets(outer):
            raise ConfigError(
                f"{where}: '{text}' holds an unknown outside of integral, mean and at; put it inside"
            )
        scopes = parsed.scopes or (parsed.scope,)
        functionals = [_functional(call, scopes, domain, where) for call in taken.calls]
        numbers.append(Number(name, outer, tuple(functionals)))
    return tuple(numbers)


def _functional(call: Call, scopes: Sequence[Scope], domain: Domain, where: str) -> Functional:
    on_part = call.word != AT and bool(call.rest)
    read = [replace(scope, where=where, normal=on_part) for scope in scopes]
    nodes = tuple(parse_expression(call.formula, scope) for scope in read)
    if call.word == AT:
        return Functional(call.word, nodes, point=_point(call, read[0], domain, where))
    if not on_part:
        return Functional(call.word, nodes)
    (part,) = call.rest
    return Functional(call.word, nodes, part=_part(part, domain, where))


def _part(part: str, domain: Domain, where: str) -> str:
    """A part of the boundary, of regions that of the only one with it."""
    if part in domain.parts:
        return part
    owners = domain.owners(part) if isinstance(domain, Composite) else ()
    if len(owners) == 1:
        return f"{owners[0]}.{part}"
    if owners:
        raise ConfigError(
            f"{where}: {part} is a part of {' and '.join(owners)}; write"
            f" {owners[0]}.{part} for the side of one"
        )
    raise ConfigError(
        f"{where}: no part of the boundary is called {part!r}; it has {', '.join(domain.parts)}"
    )


def _point(call: Call, scope: Scope, domain: Domain, where: str) -> tuple[float, ...]:
    """The coordinates of a point in the domain."""
    names = scope.coordinates
    if len(call.rest) != len(names):
        raise ConfigError(
            f"{where}: at(...) takes a formula and {', '.join(names)}, found"
            f" {len(call.rest)} coordinates in at({call.formula}, {', '.join(call.rest)})"
        )
    known = replace(scope, coordinates=("x",), time=False, unknowns=(), ranges=0, grids={})
    known = replace(known, definitions={}, constants=(), normal=False)
    nodes = [parse_expression(text, known) for text in call.rest]
    place = tuple(
        float(value[0])
        for value in evaluate(nodes, torch.full((1, 1), torch.nan, dtype=torch.float64))
    )
    x = torch.tensor([place], dtype=torch.float64).numpy()
    if not domain.contains(x)[0]:
        raise ConfigError(f"{where}: the point {list(place)} is not in the domain; choose another")
    return place
