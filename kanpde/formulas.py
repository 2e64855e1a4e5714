"""The formulas of a problem, parsed: definitions, equations, exact solution, quantities.

Imports no torch, so that a bad formula is answered at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from kanpde.config import ConditionConfig, ProblemConfig
from kanpde.errors import ConfigError
from kanpde.expressions import (
    Constant,
    Node,
    Number,
    Scope,
    check_definition,
    constants,
    jets,
    order,
    parse_equation,
    parse_expression,
)
from kanpde.manufactured import derive_sources, sources
from kanpde.variation import Energy


@dataclass(frozen=True)
class Quantity:
    """Formulas of the unknowns that are written under one name: one node, or the components of a vector."""

    name: str
    nodes: tuple[Node, ...]
    vector: bool


@dataclass(frozen=True)
class Formulas:
    """Equations F = 0 (manufactured sources derived), the exact solution or None, and the scope for conditions.

    `true` are the values of the unknown parameters that belong to the exact solution. Of an `energy` the equations are those of
    Euler and Lagrange.
    """

    equations: tuple[Node, ...]
    exact: tuple[Node, ...] | None
    scope: Scope
    true: Mapping[Node, Node]
    quantities: tuple[Quantity, ...] = ()
    energy: Energy | None = None

    @classmethod
    def of(cls, config: ProblemConfig) -> Formulas:
        """Parse everything; ConfigError is one line that names the key."""
        names, unknown = config.coordinates, tuple(config.unknown_parameters)
        made = sources(config.definitions)
        kept = MappingProxyType({name: text for name, text in config.definitions.items() if name not in made})
        plain = Scope(
            names, config.time is not None, config.unknowns, config.parameters, kept, ranges=len(config.ranges)
        )
        scope = replace(plain, constants=unknown)
        wide = replace(scope, unknowns=(*config.unknowns, *made))
        for name in kept:
            check_definition(name, replace(wide, normal=True, where="problem.definitions"))
        exact, true = None, _true(config, plain)
        if config.exact is not None:
            bare, texts = replace(plain, unknowns=()), config.exact
            exact = tuple(
                parse_expression(texts[u], replace(bare, where=f"problem.exact.{u}")) for u in config.unknowns
            )
        equations = tuple(
            parse_equation(text, replace(wide, where=f"problem.equations[{k}]"))
            for k, text in enumerate(config.equations)
        )
        if made and unknown:
            raise ConfigError(
                f"problem.definitions.{made[0]}: 'manufactured' does not go with unknown_parameters; write the formula"
            )
        equations = derive_sources(equations, made, len(config.unknowns), exact)
        energy = Energy.of(config, scope)
        equations = equations if energy is None else energy.equations()
        _check_unknowns(config, equations)
        nodes = list(equations)
        for k, condition in enumerate(config.conditions):
            if condition.equation is not None:
                nodes.append(condition_node(condition, scope, f"problem.conditions[{k}]"))
                if energy is not None and order(nodes[-1]) > 0:
                    raise ConfigError(
                        f"problem.conditions[{k}]: '{condition.equation}' holds derivatives; what an energy says of them on the"
                        " boundary is its natural condition, so write a boundary_energy or list the part under 'free'"
                    )
        used = {one.index for node in nodes for one in constants(node)}
        for number, name in enumerate(unknown):
            if number not in used:
                raise ConfigError(f"problem.unknown_parameters.{name}: no equation or condition holds it; remove it")
        return cls(equations, exact, scope, true, _quantities(config, scope), energy)


def _true(config: ProblemConfig, scope: Scope) -> dict[Node, Node]:
    """What `exact` says about the unknown parameters."""
    found: dict[Node, Node] = {}
    for number, name in enumerate(config.unknown_parameters if config.exact is not None else ()):
        where = f"problem.exact.{name}"
        text = (config.exact or {})[name]
        node = parse_expression(text, replace(scope, unknowns=(), where=where))
        if not isinstance(node, Number):
            raise ConfigError(f"{where}: must be a number, found '{text}'; an unknown parameter is the same everywhere")
        found[Constant(number)] = node
    return found


def condition_node(condition: ConditionConfig, scope: Scope, where: str) -> Node:
    """The formula of a condition; the outward normal exists on the sides of space only, columns of data at its points."""
    text, data = condition.equation or "", condition.data
    on_sides = condition.kind == "equation" and not {"initial", "final"} & set(condition.parts)
    columns = () if data is None else data.columns[scope.dimension :]
    node = parse_equation(text, replace(scope, normal=on_sides, columns=columns, where=where))
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
    texts = config.equations or tuple(f"variation of the energy by {name}" for name in config.unknowns)
    for text, node in zip(texts, equations, strict=True):
        here = jets(node)
        if not here:
            raise ConfigError(f"problem '{config.name}': the equation '{text}' holds no unknown")
        found |= {jet.unknown for jet in here}
    for number, name in enumerate(config.unknowns):
        if number not in found:
            raise ConfigError(f"problem '{config.name}': no equation holds the unknown '{name}'; add one or remove it")
