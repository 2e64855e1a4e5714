"""Reads the conditions of a problem: formulas parsed, parts and points checked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from kanpde.config import ConditionConfig, Measurements, ProblemConfig
from kanpde.config.problem.conditions import (
    BoundaryConfig,
    InterfaceConfig,
    MeanConfig,
    MeasuredConfig,
    PeriodicConfig,
    PointConfig,
)
from kanpde.domains import Composite, Domain
from kanpde.errors import ConfigError
from kanpde.expressions import (
    Coordinate,
    Derivative,
    Node,
    Scope,
    add,
    divide,
    jets,
    negate,
    number,
    parse_expression,
)
from kanpde.expressions.tree import postorder
from kanpde.numerics.jets import unit
from kanpde.numerics.quadrature import Array
from kanpde.problem.conditions import (
    BoundaryCondition,
    Condition,
    InterfaceCondition,
    MeanCondition,
    MeasuredCondition,
    NaturalCondition,
    PeriodicCondition,
    PointCondition,
    matrix,
    points_at,
)
from kanpde.problem.euler_lagrange import Energy
from kanpde.problem.formulas import between, condition_node


def read_conditions(
    configs: Sequence[ConditionConfig],
    domain: Domain,
    scope: Scope,
    equations: Sequence[Node],
    scopes: Sequence[Scope] = (),
) -> tuple[Condition, ...]:
    """Parse every condition; `scopes` are those of the regions of a composite domain.

    Raises:
        ConfigError: a formula, a part or a point does not fit; the message names the entry.
    """
    conditions: list[Condition] = []
    for k, config in enumerate(configs):
        where = f"problem.conditions[{k}]"
        if isinstance(domain, Composite):
            by_region = dict(zip(domain.names, scopes, strict=True))
            if isinstance(config, BoundaryConfig) and config.whole:
                config = _outer(config, domain, configs, where)
            conditions.extend(
                _regional(config, domain, shared=scope, scopes=by_region, where=where)
            )
        elif isinstance(config, PeriodicConfig):
            conditions.extend(_periodic(config, domain, scope, equations=equations, where=where))
        else:
            node = condition_node(config, scope, where)
            conditions.extend(_on_one_shape(config, node, domain, scope=scope, where=where))
    return tuple(conditions)


def _on_one_shape(
    config: ConditionConfig, node: Node, domain: Domain, scope: Scope, where: str
) -> Iterator[Condition]:
    """The conditions of an entry, one for each part, on a domain without regions."""
    weight = config.weight
    match config:
        case BoundaryConfig():
            for part in config.parts:
                if part in domain.vanished:
                    if config.whole:
                        continue
                    raise ConfigError(f"{where}: {domain.vanished_part(part)}")
                label = config.name or part
                yield BoundaryCondition(name=part, node=node, weight=weight, part=part, label=label)
        case MeasuredConfig():
            yield _measured(config, config.data, node, domain=domain, where=where)
        case PointConfig():
            _check_point(config.point, domain, where)
            yield _at_point(config, node)
        case MeanConfig():
            (label,) = config.names
            over = config.parts[0] if config.parts else None
            if config.total:
                node = _of_total(config, node, domain=domain, scope=scope, where=where)
            yield MeanCondition(name=label, node=node, weight=weight, label=label, over=over)
        case _:
            raise AssertionError(f"{where}: no rule for {type(config).__name__}")


def _of_total(config: MeanConfig, node: Node, domain: Domain, scope: Scope, where: str) -> Node:
    """Of ∫ F = c, whose difference F - c is the `node`: F - c over the measure."""
    right = parse_expression((config.equation or "").split("=")[1], replace(scope, where=where))
    if any(isinstance(part, Derivative | Coordinate) for part in postorder((right,))):
        raise ConfigError(
            f"{where}: '{config.equation}': the right side of an integral is a number or a formula of"
            " parameters; bring the rest under the integral"
        )
    measure = domain.part_measure(config.parts[0]) if config.parts else domain.measure
    return add(node, right, negate(divide(right, number(measure))))


def _at_point(config: PointConfig, node: Node) -> PointCondition:
    (label,) = config.names
    return PointCondition(
        name="point", node=node, weight=config.weight, point=config.point, label=label
    )


def _check_point(point: tuple[float, ...], domain: Domain, where: str) -> None:
    if not domain.contains(points_at(point, domain, 1))[0]:
        raise ConfigError(
            f"{where}: the point {list(point)} is not in the domain; choose one inside"
        )


def fitted(config: ProblemConfig, domain: Domain) -> tuple[Condition, ...]:
    """u_o = the column of its numbers, at the rows of the table that a problem fits; ConfigError
    for a row outside the domain.
    """
    fit, d = config.fit, domain.dimension
    if fit is None or fit.train is None:
        return ()
    for name, table in (("fit", fit.train), ("fit.test", fit.test)):
        if table is not None:
            sentence = f"problem.{name}: {{}} of {len(table)} rows lie"
            _check_inside(matrix(table)[:, :d], domain, sentence)
    nodes = (
        add(Derivative(o, (0,) * d), negate(Coordinate(d + o))) for o in range(len(config.unknowns))
    )
    return tuple(
        MeasuredCondition(name="data", node=node, label="data", data=fit.train) for node in nodes
    )


def natural_conditions(
    energy: Energy, essential: Sequence[Condition], domain: Domain
) -> list[Condition]:
    """The natural condition of every unknown on every part where no condition gives it."""
    natural: list[Condition] = []
    for part in domain.parts:
        nodes = [condition.node for condition in essential if part in condition.parts]
        prescribed = {jet.unknown for jet in set[Derivative]().union(*map(jets, nodes))}
        for unknown in sorted(set(range(energy.unknowns)) - prescribed):
            node, name = energy.natural(part, unknown), f"natural {part}"
            if jets(node):
                natural.append(NaturalCondition(name=name, node=node, part=part, label=name))
    return natural


def _measured(
    config: MeasuredConfig, data: Measurements, node: Node, domain: Domain, where: str
) -> MeasuredCondition:
    """F = 0 at the rows of `data`, divided by its noise."""
    sentence = f"{where}: {{}} of {len(data.rows)} measured points lie"
    _check_inside(matrix(data)[:, : domain.dimension], domain, sentence)
    if isinstance(config.noise, str):
        node = divide(node, Coordinate(data.columns.index(config.noise)))
    elif config.noise is not None:
        node = divide(node, number(config.noise))
    (label,) = config.names
    return MeasuredCondition(
        name="data",
        node=node,
        weight=config.weight,
        label=label,
        data=data,
        noise=config.noise is not None,
    )


def _check_inside(x: Array, domain: Domain, sentence: str) -> None:
    outside = ~domain.contains(x)
    if outside.any():
        row = int(outside.argmax())
        raise ConfigError(
            f"{sentence.format(int(outside.sum()))} outside the domain, the first in row {row + 1}"
            f" at {x[row].tolist()}; leave them out"
        )


def _regional(
    config: ConditionConfig, domain: Composite, shared: Scope, scopes: dict[str, Scope], where: str
) -> Iterator[Condition]:
    """A condition in the region that has the part, the point or the measured points, or between two
    regions.
    """
    match config:
        case InterfaceConfig():
            names, sides = _sides(config, domain, where)
            beside = between({name: scopes[name] for name in names}, shared)
            yield InterfaceCondition(
                name=config.names[0],
                node=condition_node(config, beside, where),
                weight=config.weight,
                part=sides[0],
                opposite=sides[1],
                label=config.names[0],
            )
        case MeasuredConfig():
            owners = domain.number(np.array(config.data.rows)[:, : shared.dimension])
            for k, scope in enumerate(scopes.values()):
                rows = [row for row, r in zip(config.data.rows, owners, strict=True) if r == k]
                if rows:
                    node = condition_node(config, scope, where)
                    data = replace(config.data, rows=tuple(rows))
                    yield _measured(config, data, node, domain=domain, where=where)
        case PointConfig():
            _check_point(config.point, domain, where)
            region = domain.number(points_at(config.point, domain, 1))[0]
            yield _at_point(config, condition_node(config, scopes[domain.names[region]], where))
        case BoundaryConfig():
            for part in config.parts:
                yield from _on_part(config, part, domain, scopes=scopes, where=where)


def _on_part(
    config: BoundaryConfig, part: str, domain: Composite, scopes: dict[str, Scope], where: str
) -> Iterator[Condition]:
    """A condition on a part in every region that the part bounds."""
    if not domain.owners(part):
        raise ConfigError(
            f"{where}: no region is bounded by the part {part!r}; list it under `free`"
        )
    for name in domain.owners(part):
        for neighbour in domain.beyond(f"{name}.{part}"):
            raise ConfigError(
                f"{where}: the part {part!r} of the region {name} borders on {neighbour}; write"
                f" `interface` for `part`, and {name}(u) = ... for what holds on one side"
            )
        yield BoundaryCondition(
            name=part,
            node=condition_node(config, scopes[name], where),
            weight=config.weight,
            part=f"{name}.{part}",
            label=config.name or part,
        )


def _outer(
    config: BoundaryConfig, domain: Composite, configs: Sequence[ConditionConfig], where: str
) -> BoundaryConfig:
    """A condition on the whole boundary, without the interfaces, which have conditions of their
    own.
    """
    others = {
        part for other in configs if isinstance(other, InterfaceConfig) for part in other.parts
    }
    outer = []
    for part in config.parts:
        owners = domain.owners(part)
        inner = [name for name in owners if domain.beyond(f"{name}.{part}")]
        if inner and part not in others:
            raise ConfigError(
                f"{where}: the part {part!r} of the region {inner[0]} borders on another region and"
                " has no `interface` condition; add one"
            )
        if owners and not inner:
            outer.append(part)
    return replace(config, parts=tuple(outer))


def _sides(
    config: ConditionConfig, domain: Composite, where: str
) -> tuple[tuple[str, ...], list[str]]:
    """The two regions of an interface and their parts NAME.PART."""
    pairs = [(name, part) for part in config.parts for name in domain.owners(part)]
    shown = " and ".join(config.parts)
    if len(pairs) != 2:
        raise ConfigError(
            f"{where}: the interface {shown} must bound two regions, found"
            f" {', '.join(n for n, _ in pairs) or 'none'}; give"
            " the parts names of their own"
        )
    sides = [f"{name}.{part}" for name, part in pairs]
    if not domain.coincide(*sides):
        raise ConfigError(
            f"{where}: {sides[0]} and {sides[1]} must be the same set, found parts that differ;"
            f" cut the shapes so that each"
            " interface is a part of its own"
        )
    return tuple(name for name, _ in pairs), sides


def _periodic(
    config: ConditionConfig, domain: Domain, scope: Scope, equations: Sequence[Node], where: str
) -> list[Condition]:
    first, second = config.parts
    shift = domain.periodic_shift(first, second)
    axis = int(np.abs(shift).argmax())
    dimension = len(scope.coordinates)
    conditions: list[Condition] = []
    for unknown, name in enumerate(scope.unknowns):
        present = set[Derivative]().union(*map(jets, equations))
        orders = [jet.index[axis] for jet in present if jet.unknown == unknown]
        highest = max(orders, default=0)
        if highest == 0:
            raise ConfigError(
                f"{where}: periodic in {scope.coordinates[axis]}, but no equation differentiates"
                f" {name} in it; remove it"
            )
        for k in range(highest):
            node = Derivative(unknown, unit(axis, dimension, k))
            (label,) = config.names
            conditions.append(
                PeriodicCondition(
                    name=f"periodic {first}-{second} {name}" + "'" * k,
                    node=node,
                    weight=config.weight,
                    part=first,
                    opposite=second,
                    shift=tuple(map(float, shift)),
                    label=label,
                )
            )
    return conditions
