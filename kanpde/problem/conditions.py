"""Conditions: what holds on boundary parts, at points, on average, or between periodic parts.

equation   F(x, n, u, ∂u, …) = 0 on named parts: Dirichlet, Neumann, Robin, initial
periodic   ∂_i^k u(a) - ∂_i^k u(b) = 0 for k below the equations' order in the coordinate i that the
           translation b - a runs along
mean       the average of F over the domain is 0 (pins what Neumann data leave free)
interface  F = 0 between two regions, F in the functions of both and the normal outward of the first
point      F = 0 at one point, or at one point of space at all times (pins a pressure, which is
           known up to a function of t)
natural    what the minimiser of an energy satisfies where nothing is given: it follows, and is reported and not imposed
data       F = 0 at measured points, where F may hold the columns measured there; divided by the
           noise where that is given
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from kanpde.config import ConditionConfig, Measurements, ProblemConfig
from kanpde.config.problem.tables import Table
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
)
from kanpde.numerics.jets import unit
from kanpde.numerics.quadrature import Array, chebyshev
from kanpde.problem.euler_lagrange import Energy
from kanpde.problem.formulas import between, condition_node


@dataclass(frozen=True)
class Condition:
    """One formula F = 0 and where it holds; `weight` multiplies its mean square, dimensionless.

    `label` is what it goes by in reports and weights: the name given in the file, else the part or
    the kind.

    `part` names the boundary part (of a periodic pair: the first), `other` the second part of a
    pair and `shift` the translation to it; `point` is set for kind `point`, without the time if it
    holds at all times; `data` for kind `data`, with `noise` true where F counts in standard
    deviations.
    """

    name: str
    kind: str
    node: Node
    weight: float = 1.0
    part: str | None = None
    other: str | None = None
    shift: tuple[float, ...] | None = None
    point: tuple[float, ...] | None = None
    label: str = ""
    data: Measurements | Table | None = None
    noise: bool = False

    def at(self, domain: Domain, instants: int) -> Array:
        """Where a condition at a point holds: there, or at Chebyshev instants of the time interval,
        (N, d).
        """
        point = np.array([self.point])
        if point.shape[1] == domain.dimension:
            return point
        t = domain.lower[-1] + (domain.upper[-1] - domain.lower[-1]) * chebyshev(instants)[0]
        return np.column_stack([np.repeat(point, instants, axis=0), t])


def read_conditions(
    configs: Sequence[ConditionConfig],
    domain: Domain,
    scope: Scope,
    equations: Sequence[Node],
    scopes: Sequence[Scope] = (),
) -> tuple[Condition, ...]:
    """Parse every condition; ConfigError names the entry. `scopes` are those of the regions of a
    composite domain.
    """
    found: list[Condition] = []
    for k, config in enumerate(configs):
        where = f"problem.conditions[{k}]"
        if isinstance(domain, Composite):
            found.extend(
                _regional(
                    config, domain, scope, dict(zip(domain.names, scopes, strict=True)), where
                )
            )
            continue
        if config.kind == "periodic":
            found.extend(_periodic(config, domain, scope, equations, where))
            continue
        node = condition_node(config, scope, where)
        if config.kind == "equation":
            found.extend(
                Condition(
                    part, "equation", node, config.weight, part=part, label=config.name or part
                )
                for part in config.parts
            )
            continue
        if config.data is not None:
            found.append(_measured(config, config.data, node, domain, (scope, where)))
            continue
        (label,) = config.names
        found.append(
            Condition(
                config.kind, config.kind, node, config.weight, point=config.point, label=label
            )
        )
        if config.point is not None and not domain.contains(found[-1].at(domain, 1))[0]:
            raise ConfigError(
                f"{where}: the point {list(config.point)} is not in the domain; choose one inside"
            )
    return tuple(found)


def fitted(config: ProblemConfig, domain: Domain) -> tuple[Condition, ...]:
    """u_o = the column of its numbers, at the rows of the table that a problem fits; ConfigError
    for a row outside the domain.
    """
    fit, d = config.fit, domain.dimension
    if fit is None or fit.train is None:
        return ()
    for name, one in (("fit", fit.train), ("fit.test", fit.test)):
        if one is not None:
            _check_inside(
                matrix(one)[:, :d], domain, f"problem.{name}: {{}} of {len(one)} rows lie"
            )
    nodes = (
        add(Derivative(o, (0,) * d), negate(Coordinate(d + o))) for o in range(len(config.unknowns))
    )
    return tuple(Condition("data", "data", node, label="data", data=fit.train) for node in nodes)


def matrix(data: Measurements | Table) -> Array:
    """The numbers (N, C) of measured values, coordinates first."""
    if isinstance(data, Table):
        return np.frombuffer(data.packed, dtype="<f8").reshape(len(data), -1).astype(np.float64)
    return np.array(data.rows)


def natural_conditions(
    energy: Energy, essential: Sequence[Condition], domain: Domain
) -> list[Condition]:
    """The natural condition of every unknown on every part where no condition gives it."""
    found = []
    for part in domain.parts:
        given = {
            jet.unknown for c in essential if part in (c.part, c.other) for jet in jets(c.node)
        }
        for unknown in sorted(set(range(energy.unknowns)) - given):
            node, name = energy.natural(part, unknown), f"natural {part}"
            if jets(node):
                found.append(Condition(name, "natural", node, part=part, label=name))
    return found


def _measured(
    config: ConditionConfig,
    data: Measurements,
    node: Node,
    domain: Domain,
    place: tuple[Scope, str],
) -> Condition:
    scope, where = place
    d = scope.dimension
    _check_inside(
        matrix(data)[:, :d], domain, f"{where}: {{}} of {len(data.rows)} measured points lie"
    )
    if isinstance(config.noise, str):
        node = divide(node, Coordinate(data.columns.index(config.noise)))
    elif config.noise is not None:
        node = divide(node, number(config.noise))
    (label,) = config.names
    return Condition(
        "data", "data", node, config.weight, label=label, data=data, noise=config.noise is not None
    )


def _check_inside(x: Array, domain: Domain, sentence: str) -> None:
    outside = ~domain.contains(x)
    if outside.any():
        row = int(outside.argmax())
        raise ConfigError(
            f"{sentence.format(int(outside.sum()))} outside the domain, the first in row {row + 1}"
            f" at {x[row].tolist()}; leave"
            " them out"
        )


def _regional(
    config: ConditionConfig, domain: Composite, shared: Scope, scopes: dict[str, Scope], where: str
) -> Iterator[Condition]:
    """A condition in the region that has the part, the point or the measured points, or between two
    regions.
    """
    label = config.names[0]
    if config.kind == "interface":
        names, sides = _sides(config, domain, where)
        node = condition_node(
            config, between({name: scopes[name] for name in names}, shared), where
        )
        yield Condition(label, "interface", node, config.weight, sides[0], sides[1], label=label)
    elif config.data is not None:
        d = shared.dimension
        owner = domain.number(np.array(config.data.rows)[:, :d])
        for k, scope in enumerate(scopes.values()):
            rows = tuple(row for row, at in zip(config.data.rows, owner, strict=True) if at == k)
            if rows:
                node = condition_node(config, scope, where)
                yield _measured(
                    config, replace(config.data, rows=rows), node, domain, (scope, where)
                )
    elif config.point is not None:
        at = Condition("point", "point", number(0.0), point=config.point).at(domain, 1)
        if not domain.contains(at)[0]:
            raise ConfigError(
                f"{where}: the point {list(config.point)} is not in the domain; choose one inside"
            )
        node = condition_node(config, scopes[domain.names[domain.number(at)[0]]], where)
        yield Condition("point", "point", node, config.weight, point=config.point, label=label)
    for part in config.parts if config.kind == "equation" else ():
        if not domain.owners(part):
            raise ConfigError(
                f"{where}: no region is bounded by the part {part!r}; list it under `free`"
            )
        for name in domain.owners(part):
            for other in domain.beyond(f"{name}.{part}"):
                raise ConfigError(
                    f"{where}: the part {part!r} of the region {name} borders on {other}; write"
                    f" `interface` for `part`, and"
                    f" {name}(u) = ... for what holds on one side"
                )
            node = condition_node(config, scopes[name], where)
            yield Condition(
                part, "equation", node, config.weight, f"{name}.{part}", label=config.name or part
            )


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
    found = []
    for unknown, name in enumerate(scope.unknowns):
        highest = max(
            (j.index[axis] for e in equations for j in jets(e) if j.unknown == unknown), default=0
        )
        if highest == 0:
            raise ConfigError(
                f"{where}: periodic in {scope.coordinates[axis]}, but no equation differentiates"
                f" {name} in it; remove it"
            )
        for k in range(highest):
            node = Derivative(unknown, unit(axis, dimension, k))
            text, (label,) = f"periodic {first}-{second} {name}" + "'" * k, config.names
            moved = tuple(map(float, shift))
            found.append(
                Condition(text, "periodic", node, config.weight, first, second, moved, label=label)
            )
    return found
