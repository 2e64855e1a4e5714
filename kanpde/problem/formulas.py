"""The formulas of a problem, parsed: definitions, equations, exact solution, quantities.

Imports no torch, so that a bad formula is answered at once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from kanpde.config import ConditionConfig, ProblemConfig
from kanpde.config.problem.regions import by_region
from kanpde.errors import ConfigError
from kanpde.expressions import (
    Constant,
    Derivative,
    Node,
    Number,
    Scope,
    check_definition,
    constants,
    jets,
    order,
    parse_equation,
    parse_expression,
    substitute,
)
from kanpde.problem.euler_lagrange import Energy
from kanpde.problem.manufactured import derive_sources, sources


@dataclass(frozen=True)
class Quantity:
    """Formulas of the unknowns that are written under one name: one node, or the components of a
    vector; where there are regions those of the first region, then those of the second, and so on.
    """

    name: str
    nodes: tuple[Node, ...]
    vector: bool


@dataclass(frozen=True)
class Formulas:
    """Equations F = 0 (manufactured sources derived), the exact solution or None, and the scope for
    conditions.

    `true` are the values of the unknown parameters that belong to the exact solution. Of an
    `energy` the equations are those of Euler and Lagrange. On R regions the formulas of the first
    region come first, then those of the second, ...; unknown o of region r is the function number
    r·m + o, `scopes` are the names of each region, and `scope` holds what all of them share.
    """

    equations: tuple[Node, ...]
    exact: tuple[Node, ...] | None
    scope: Scope
    true: Mapping[Node, Node]
    quantities: tuple[Quantity, ...] = ()
    scopes: tuple[Scope, ...] = ()
    energy: Energy | None = None

    @classmethod
    def of(cls, config: ProblemConfig) -> Formulas:
        """Parse everything; ConfigError is one line that names the key."""
        found = _of_regions(config) if config.regions else cls.of_one(config)
        _check_constants(config, found)
        return found

    @classmethod
    def of_one(cls, config: ProblemConfig) -> Formulas:
        """The formulas of a problem on one shape, or of one region."""
        names, unknown = config.coordinates, tuple(config.unknown_parameters)
        made = sources(config.definitions)
        kept = MappingProxyType(
            {name: text for name, text in config.definitions.items() if name not in made}
        )
        plain = Scope(
            names,
            config.time is not None,
            config.unknowns,
            config.parameters,
            kept,
            ranges=len(config.ranges),
            grids=config.grids,
        )
        scope = replace(plain, constants=unknown)
        wide = replace(scope, unknowns=(*config.unknowns, *made))
        for name in kept:
            check_definition(name, replace(wide, normal=True, where="problem.definitions"))
        exact, true = None, _true(config, plain)
        if config.exact is not None:
            bare, texts = replace(plain, unknowns=()), config.exact
            exact = tuple(
                parse_expression(
                    texts[u], replace(bare, where=f"problem.{'fit' if config.fit else 'exact'}.{u}")
                )
                for u in config.unknowns
            )
        equations = tuple(
            parse_equation(text, replace(wide, where=f"problem.equations[{k}]"))
            for k, text in enumerate(config.equations)
        )
        equations = derive_sources(equations, made, len(config.unknowns), exact)
        energy = Energy.of(config, scope)
        equations = equations if energy is None else energy.equations()
        if equations or config.fit is None:
            _check_unknowns(config, equations)
        found = cls(equations, exact, scope, true, _quantities(config, scope), energy=energy)
        _check_natural(config, found)
        return found


def _check_natural(config: ProblemConfig, found: Formulas) -> None:
    """Beside an energy no condition holds derivatives."""
    for k, condition in enumerate(config.conditions if found.energy is not None else ()):
        if condition.equation is None:
            continue
        if order(condition_node(condition, found.scope, f"problem.conditions[{k}]")) > 0:
            raise ConfigError(
                f"problem.conditions[{k}]: '{condition.equation}' holds derivatives; what an"
                f" energy says of them on the"
                " boundary is its natural condition, so write a boundary_energy or list the part"
                " under 'free'"
            )


def _check_constants(config: ProblemConfig, found: Formulas) -> None:
    """Every unknown parameter stands in an equation or a condition."""
    nodes = list(found.equations)
    for k, condition in enumerate(config.conditions):
        where = f"problem.conditions[{k}]"
        for scope in scopes_of(condition, config, found) if condition.equation is not None else ():
            nodes.append(condition_node(condition, scope, where))
    used = {one.index for node in nodes for one in constants(node)}
    for number, name in enumerate(config.unknown_parameters):
        if number not in used:
            raise ConfigError(
                f"problem.unknown_parameters.{name}: no equation or condition holds it; remove it"
            )


def scopes_of(
    condition: ConditionConfig, config: ProblemConfig, found: Formulas
) -> tuple[Scope, ...]:
    """The scopes that a condition is read in: that of every region with its part, or the one
    between two regions.
    """
    if not config.regions:
        return (found.scope,)
    own = dict(zip(config.regions, found.scopes, strict=True))
    owners = by_region(config.domain, config.time)
    names = list(dict.fromkeys(name for part in condition.parts for name in owners[part]))
    if condition.kind == "interface":
        return (between({name: own[name] for name in names[:2]}, found.scope),)
    return tuple(own[name] for name in names or config.regions)


def _of_regions(config: ProblemConfig) -> Formulas:
    m, own = (
        len(config.unknowns),
        [Formulas.of_one(config.in_region(region)) for region in config.regions],
    )
    scopes = tuple(replace(one.scope, first=r * m) for r, one in enumerate(own))
    equations = tuple(_moved(node, r * m) for r, one in enumerate(own) for node in one.equations)
    exact = None if config.exact is None else tuple(node for one in own for node in one.exact or ())
    quantities = tuple(
        replace(
            same[0],
            nodes=tuple(_moved(node, r * m) for r, one in enumerate(same) for node in one.nodes),
        )
        for same in zip(*(one.quantities for one in own), strict=True)
    )
    shared = replace(
        own[0].scope, unknowns=(), parameters=config.parameters, definitions=_shared(config)
    )
    return Formulas(equations, exact, shared, own[0].true, quantities, scopes)


def _moved(node: Node, by: int) -> Node:
    """The node with every unknown's number raised."""
    return substitute(node, {jet: Derivative(jet.unknown + by, jet.index) for jet in jets(node)})


def _shared(config: ProblemConfig) -> Mapping[str, str]:
    """The definitions that mean the same in all regions: no unknown and nothing regional below
    them.
    """
    first = next(iter(config.regional.values()))
    apart, before = (
        {*config.unknowns, *first.parameters, *first.definitions, *sources(config.definitions)},
        0,
    )
    while len(apart) > before:
        before = len(apart)
        apart |= {
            name
            for name, text in config.definitions.items()
            if apart & set(re.findall(r"[A-Za-z]\w*", text))
        }
    return {name: text for name, text in config.definitions.items() if name not in apart}


def between(scopes: Mapping[str, Scope], shared: Scope) -> Scope:
    """The names at an interface of two regions: what all regions share, and each side's own by
    jump(e) or REGION(e).
    """
    sides = {name: replace(scope, normal=True) for name, scope in scopes.items()}
    return replace(shared, normal=True, sides=MappingProxyType(sides))


def _true(config: ProblemConfig, scope: Scope) -> dict[Node, Node]:
    """What `exact` says about the unknown parameters."""
    found: dict[Node, Node] = {}
    for number, name in enumerate(config.unknown_parameters if config.exact is not None else ()):
        where = f"problem.exact.{name}"
        text = (config.exact or {})[name]
        node = parse_expression(text, replace(scope, unknowns=(), where=where))
        if not isinstance(node, Number):
            raise ConfigError(
                f"{where}: must be a number, found '{text}'; an unknown parameter is the same"
                f" everywhere"
            )
        found[Constant(number)] = node
    return found


def condition_node(condition: ConditionConfig, scope: Scope, where: str) -> Node:
    """The formula of a condition; the outward normal exists on the sides of space only, columns of
    data at its points.
    """
    text, data = condition.equation or "", condition.data
    on_sides = condition.kind in ("equation", "interface") and not {"initial", "final"} & set(
        condition.parts
    )
    columns = () if data is None else data.columns[scope.dimension :]
    node = parse_equation(text, replace(scope, normal=on_sides, columns=columns, where=where))
    if not jets(node):
        names = ", ".join(
            name for one in (scope, *scope.sides.values()) for name in dict.fromkeys(one.unknowns)
        )
        raise ConfigError(
            f"{where}: '{text}' holds no unknown; a condition says something about {names}"
        )
    return node


def _quantities(config: ProblemConfig, scope: Scope) -> tuple[Quantity, ...]:
    scalars = (
        Quantity(
            name,
            (parse_expression(text, replace(scope, where=f"problem.quantities.{name}")),),
            vector=False,
        )
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
    texts = config.equations or tuple(
        f"variation of the energy by {name}" for name in config.unknowns
    )
    for text, node in zip(texts, equations, strict=True):
        here = jets(node)
        if not here:
            raise ConfigError(f"problem '{config.name}': the equation '{text}' holds no unknown")
        found |= {jet.unknown for jet in here}
    for number, name in enumerate(config.unknowns):
        if number not in found:
            raise ConfigError(
                f"problem '{config.name}': no equation holds the unknown '{name}'; add one or"
                f" remove it"
            )
