"""The formulas of a problem, parsed: definitions, equations, exact solution, quantities.

Imports no torch, so that a bad formula is answered at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from kanpde.config import ProblemConfig, coordinates
from kanpde.errors import ConfigError
from kanpde.expressions import Node, Scope, check_definition, jets, parse_equation, parse_expression
from kanpde.manufactured import derive_sources, sources


@dataclass(frozen=True)
class Quantity:
    """Formulas of the unknowns that are written under one name: one node, or the components of a vector."""

    name: str
    nodes: tuple[Node, ...]
    vector: bool


@dataclass(frozen=True)
class Formulas:
    """Equations F = 0 (manufactured sources derived), the exact solution or None, and the scope for conditions."""

    equations: tuple[Node, ...]
    exact: tuple[Node, ...] | None
    scope: Scope
    quantities: tuple[Quantity, ...] = ()

    @classmethod
    def of(cls, config: ProblemConfig) -> Formulas:
        """Parse everything; ConfigError is one line that names the key."""
        names = coordinates(config.domain, config.time)
        made = sources(config.definitions)
        kept = MappingProxyType({name: text for name, text in config.definitions.items() if name not in made})
        scope = Scope(names, config.time is not None, config.unknowns, config.parameters, kept)
        wide = replace(scope, unknowns=(*config.unknowns, *made))
        for name in kept:
            check_definition(name, replace(wide, normal=True, where="problem.definitions"))
        exact = None
        if config.exact is not None:
            bare, texts = replace(scope, unknowns=()), config.exact
            exact = tuple(
                parse_expression(texts[u], replace(bare, where=f"problem.exact.{u}")) for u in config.unknowns
            )
        equations = tuple(
            parse_equation(text, replace(wide, where=f"problem.equations[{k}]"))
            for k, text in enumerate(config.equations)
        )
        equations = derive_sources(equations, made, len(config.unknowns), exact)
        _check_unknowns(config, equations)
        for k, condition in enumerate(config.conditions):
            if condition.equation is not None:
                condition_node(condition.equation, condition.kind, condition.parts, scope, f"problem.conditions[{k}]")
        return cls(equations, exact, scope, _quantities(config, scope))


def condition_node(text: str, kind: str, parts: Sequence[str], scope: Scope, where: str) -> Node:
    """The formula of a condition; the outward normal exists on the sides of space only."""
    on_sides = kind == "equation" and not {"initial", "final"} & set(parts)
    node = parse_equation(text, replace(scope, normal=on_sides, where=where))
    if not jets(node):
        names = ", ".join(scope.unknowns)
        raise ConfigError(f"{where}: '{text}' holds no unknown; a condition says something about {names}")
    return node


def _quantities(config: ProblemConfig, scope: Scope) -> tuple[Quantity, ...]:
    scalars = (
        Quantity(name, (parse_expression(text, replace(scope, where=f"problem.quantities.{name}")),), vector=False)
        for name, text in config.quantities.items()
    )
    vectors = (
        Quantity(
            name,
            tuple(
                parse_expression(text, replace(scope, where=f"problem.vectors.{name}[{k}]"))
                for k, text in enumerate(texts)
            ),
            vector=True,
        )
        for name, texts in config.vectors.items()
    )
    return (*scalars, *vectors)


def _check_unknowns(config: ProblemConfig, equations: Sequence[Node]) -> None:
    found = set()
    for text, node in zip(config.equations, equations, strict=True):
        here = jets(node)
        if not here:
            raise ConfigError(f"problem '{config.name}': the equation '{text}' holds no unknown")
        found |= {jet.unknown for jet in here}
    for number, name in enumerate(config.unknowns):
        if number not in found:
            raise ConfigError(f"problem '{config.name}': no equation holds the unknown '{name}'; add one or remove it")
