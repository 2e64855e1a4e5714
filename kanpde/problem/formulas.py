"""The formulas of a problem, parsed: definitions, equations, exact solution, quantities.

Imports no torch, so that a bad formula is answered at once.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from kanpde.config import ConditionConfig, ProblemConfig
from kanpde.config.problem.conditions import InterfaceConfig
from kanpde.config.problem.eigen import LAMBDA
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
    """The formulas of a problem as trees.

    On R regions the formulas of the first region come first, then those of the second, and so on;
    unknown o of m in region r is the function number r·m + o.

    Attributes:
        equations: F = 0, manufactured sources derived; of an energy those of Euler and Lagrange.
        exact: the exact solution by unknown, where it is known.
        scope: the names for conditions; on regions what all of them share.
        true: values of the unknown parameters that belong to the exact solution.
        quantities: formulas of the unknowns that are written to the results.
        scopes: the names of each region.
        energy: what is minimised, where the problem states one.
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
        formulas = _of_regions(config) if config.regions else cls.of_one(config)
        _check_constants(config, formulas)
        return formulas

    @classmethod
    def of_one(cls, config: ProblemConfig) -> Formulas:
        """The formulas of a problem on one shape, or of one region."""
        manufactured = sources(config.definitions)
        definitions = {
            name: text for name, text in config.definitions.items() if name not in manufactured
        }
        plain = with_metric(
            Scope(
                coordinates=config.coordinates,
                time=config.time is not None,
                unknowns=config.unknowns,
                parameters=config.parameters,
                definitions=MappingProxyType(definitions),
                ranges=len(config.ranges),
                grids=config.grids,
            ),
            config.metric,
        )
        eigenvalue = () if config.eigen is None else (LAMBDA,)
        scope = replace(plain, constants=(*config.unknown_parameters, *eigenvalue))
        # The sources to be derived are read as further unknowns, until they have a formula.
        wide = replace(scope, unknowns=(*config.unknowns, *manufactured))
        for name in definitions:
            check_definition(name, replace(wide, normal=True, where="problem.definitions"))
        true, exact = _true(config, plain), _exact(config, plain)
        equations = _equations(config, wide, manufactured, exact)
        energy = Energy.of(config, scope)
        equations = equations if energy is None else energy.equations()
        if equations or config.fit is None:
            _check_unknowns(config, equations)
        formulas = cls(
            equations=equations,
            exact=exact,
            scope=scope,
            true=true,
            quantities=_quantities(config, scope),
            energy=energy,
        )
        _check_natural(config, formulas)
        return formulas


def with_metric(scope: Scope, factors: Sequence[str]) -> Scope:
    """A scope with scale factors, which hold coordinates and parameters alone."""
    bare = replace(scope, unknowns=(), definitions={}, where="problem.metric")
    return replace(scope, metric=tuple(parse_expression(text, bare) for text in factors))


def _equations(
    config: ProblemConfig, scope: Scope, manufactured: Sequence[str], exact: Sequence[Node] | None
) -> tuple[Node, ...]:
    """The equations with their manufactured sources derived from `exact`."""
    equations = []
    for k, text in enumerate(config.equations):
        equations.append(parse_equation(text, replace(scope, where=f"problem.equations[{k}]")))
    return derive_sources(equations, manufactured, len(config.unknowns), exact)


def _check_natural(config: ProblemConfig, formulas: Formulas) -> None:
    """Beside an energy no condition holds derivatives."""
    if formulas.energy is None:
        return
    for k, condition in enumerate(config.conditions):
        if condition.equation is None:
            continue
        where = f"problem.conditions[{k}]"
        if order(condition_node(condition, formulas.scope, where)) > 0:
            raise ConfigError(
                f"{where}: '{condition.equation}' holds derivatives; what an energy says of them"
                " on the boundary is its natural condition, so write a boundary_energy or list"
                " the part under 'free'"
            )


def _check_constants(config: ProblemConfig, formulas: Formulas) -> None:
    """Every unknown parameter stands in an equation or a condition."""
    nodes = list(formulas.equations)
    for k, condition in enumerate(config.conditions):
        if condition.equation is None:
            continue
        for scope in scopes_of(condition, config, formulas):
            nodes.append(condition_node(condition, scope, f"problem.conditions[{k}]"))
    used = {constant.index for node in nodes for constant in constants(node)}
    for number, name in enumerate(config.unknown_parameters):
        if number not in used:
            raise ConfigError(
                f"problem.unknown_parameters.{name}: no equation or condition holds it; remove it"
            )


def scopes_of(
    condition: ConditionConfig, config: ProblemConfig, formulas: Formulas
) -> tuple[Scope, ...]:
    """The scopes that a condition is read in: that of every region with its part, or the one
    between two regions.
    """
    if not config.regions:
        return (formulas.scope,)
    scopes = dict(zip(config.regions, formulas.scopes, strict=True))
    owners = by_region(config.domain, config.time)
    names = list(dict.fromkeys(name for part in condition.parts for name in owners[part]))
    if isinstance(condition, InterfaceConfig):
        return (between({name: scopes[name] for name in names[:2]}, formulas.scope),)
    return tuple(scopes[name] for name in names or config.regions)


def _of_regions(config: ProblemConfig) -> Formulas:
    """The formulas of all regions, one region after the other; unknown o of region r is r·m + o."""
    m = len(config.unknowns)
    regional = [Formulas.of_one(config.in_region(region)) for region in config.regions]
    first = regional[0]
    scopes: list[Scope] = []
    equations: list[Node] = []
    exact: list[Node] = []
    for r, formulas in enumerate(regional):
        scopes.append(replace(formulas.scope, first=r * m))
        equations += [_moved(node, r * m) for node in formulas.equations]
        exact += formulas.exact or ()
    shared = replace(
        first.scope, unknowns=(), parameters=config.parameters, definitions=_shared(config)
    )
    by_name = zip(*(formulas.quantities for formulas in regional), strict=True)
    return Formulas(
        equations=tuple(equations),
        exact=None if config.exact is None else tuple(exact),
        scope=shared,
        true=first.true,
        quantities=tuple(_over_regions(same, m) for same in by_name),
        scopes=tuple(scopes),
    )


def _over_regions(same: Sequence[Quantity], m: int) -> Quantity:
    """One quantity of all regions, with m unknowns each."""
    nodes: list[Node] = []
    for r, quantity in enumerate(same):
        nodes += [_moved(node, r * m) for node in quantity.nodes]
    return replace(same[0], nodes=tuple(nodes))


def _moved(node: Node, by: int) -> Node:
    """The node with every unknown's number raised."""
    return substitute(node, {jet: Derivative(jet.unknown + by, jet.index) for jet in jets(node)})


def _shared(config: ProblemConfig) -> Mapping[str, str]:
    """The definitions that mean the same in all regions: no unknown and nothing regional below
    them.
    """
    first = next(iter(config.regional.values()))
    regional = {*config.unknowns, *first.parameters, *first.definitions}
    regional |= set(sources(config.definitions))
    before = 0
    while len(regional) > before:  # a definition that uses a regional name is regional itself
        before = len(regional)
        for name, text in config.definitions.items():
            if regional & set(re.findall(r"[A-Za-z]\w*", text)):
                regional.add(name)
    return {name: text for name, text in config.definitions.items() if name not in regional}


def between(scopes: Mapping[str, Scope], shared: Scope) -> Scope:
    """The names at an interface of two regions: what all regions share, and each side's own by
    jump(e) or REGION(e).
    """
    sides = {name: replace(scope, normal=True) for name, scope in scopes.items()}
    return replace(shared, normal=True, sides=MappingProxyType(sides))


def _exact(config: ProblemConfig, scope: Scope) -> tuple[Node, ...] | None:
    """The exact solution, or the formula that is fitted, by unknown."""
    if config.exact is None:
        return None
    key = "fit" if config.fit else "exact"
    nodes = []
    for name in config.unknowns:
        bare = replace(scope, unknowns=(), where=f"problem.{key}.{name}")
        nodes.append(parse_expression(config.exact[name], bare))
    return tuple(nodes)


def _true(config: ProblemConfig, scope: Scope) -> dict[Node, Node]:
    """The values of the unknown parameters that `exact` states."""
    values: dict[Node, Node] = {}
    for number, name in enumerate(config.unknown_parameters if config.exact is not None else ()):
        if name not in (config.exact or {}):  # a condition on a mean says what it is
            continue
        where = f"problem.exact.{name}"
        text = (config.exact or {})[name]
        node = parse_expression(text, replace(scope, unknowns=(), where=where))
        if not isinstance(node, Number):
            raise ConfigError(
                f"{where}: must be a number, found '{text}'; an unknown parameter is the same"
                f" everywhere"
            )
        values[Constant(number)] = node
    return values


def condition_node(condition: ConditionConfig, scope: Scope, where: str) -> Node:
    """The formula of a condition; the outward normal exists on the sides of space only, columns of
    data at its points.
    """
    text, data = condition.equation or "", condition.data
    columns = () if data is None else data.columns[scope.dimension :]
    scope = replace(scope, normal=condition.has_normal, columns=columns, where=where)
    node = parse_equation(text, scope)
    if not jets(node):
        unknowns = [dict.fromkeys(side.unknowns) for side in (scope, *scope.sides.values())]
        names = ", ".join(itertools.chain.from_iterable(unknowns))
        raise ConfigError(
            f"{where}: '{text}' holds no unknown; a condition says something about {names}"
            f"{_real_side(text)}"
        )
    return node


def _real_side(text: str) -> str:
    """What to do where the imaginary half of what was read as complex says nothing."""
    if not text.startswith("im("):
        return ""
    return "; where an equation of complex names is real, write re(...) around its sides"


def _quantities(config: ProblemConfig, scope: Scope) -> tuple[Quantity, ...]:
    quantities = []
    for name, text in config.quantities.items():
        node = parse_expression(text, replace(scope, where=f"problem.quantities.{name}"))
        quantities.append(Quantity(name, (node,), vector=False))
    for name, texts in config.vectors.items():
        nodes = []
        for k, text in enumerate(texts):
            place = replace(scope, where=f"problem.vectors.{name}[{k}]")
            nodes.append(parse_expression(text, place))
        quantities.append(Quantity(name, tuple(nodes), vector=True))
    return tuple(quantities)


def _check_unknowns(config: ProblemConfig, equations: Sequence[Node]) -> None:
    present: set[int] = set()
    texts = config.equations or tuple(
        f"variation of the energy by {name}" for name in config.unknowns
    )
    for text, node in zip(texts, equations, strict=True):
        here = jets(node)
        if not here:
            raise ConfigError(
                f"problem '{config.name}': the equation '{text}' holds no unknown{_real_side(text)}"
            )
        present |= {jet.unknown for jet in here}
    for number, name in enumerate(config.unknowns):
        if number not in present:
            raise ConfigError(
                f"problem '{config.name}': no equation holds the unknown '{name}'; add one or"
                f" remove it"
            )
