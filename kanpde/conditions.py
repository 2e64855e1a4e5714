"""Conditions: what holds on boundary parts, at points, on average, or between periodic parts.

equation   F(x, n, u, ∂u, …) = 0 on named parts: Dirichlet, Neumann, Robin, initial
periodic   ∂_i^k u(a) - ∂_i^k u(b) = 0 for k below the equations' order in the coordinate i that the translation b - a runs along
mean       the average of F over the domain is 0 (pins what Neumann data leave free)
point      F = 0 at one point, or at one point of space at all times (pins a pressure, which is known up to a function of t)
natural    what the minimiser of an energy satisfies where nothing is given: it follows, and is reported and not imposed
data       F = 0 at measured points, where F may hold the columns measured there; divided by the noise where that is given
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kanpde.config import ConditionConfig, Measurements
from kanpde.domains import Domain
from kanpde.errors import ConfigError
from kanpde.expressions import Coordinate, Jet, Node, Scope, divide, jets, number
from kanpde.formulas import condition_node
from kanpde.jets import unit
from kanpde.quadrature import Array, chebyshev
from kanpde.variation import Energy


@dataclass(frozen=True)
class Condition:
    """One formula F = 0 and where it holds; `weight` multiplies its mean square, dimensionless.

    `label` is what it goes by in reports and weights: the name given in the file, else the part or the kind.

    `part` names the boundary part (of a periodic pair: the first), `other` the second part of a pair and `shift` the
    translation to it; `point` is set for kind `point`, without the time if it holds at all times; `data` for kind `data`, with
    `noise` true where F counts in standard deviations.
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
    data: Measurements | None = None
    noise: bool = False

    def at(self, domain: Domain, instants: int) -> Array:
        """Where a condition at a point holds: there, or at Chebyshev instants of the time interval, (N, d)."""
        point = np.array([self.point])
        if point.shape[1] == domain.dimension:
            return point
        t = domain.lower[-1] + (domain.upper[-1] - domain.lower[-1]) * chebyshev(instants)[0]
        return np.column_stack([np.repeat(point, instants, axis=0), t])


def read_conditions(
    configs: Sequence[ConditionConfig], domain: Domain, scope: Scope, equations: Sequence[Node]
) -> tuple[Condition, ...]:
    """Parse every condition; ConfigError names the entry."""
    found: list[Condition] = []
    for k, config in enumerate(configs):
        where = f"problem.conditions[{k}]"
        if config.kind == "periodic":
            found.extend(_periodic(config, domain, scope, equations, where))
            continue
        node = condition_node(config, scope, where)
        if config.kind == "equation":
            found.extend(
                Condition(part, "equation", node, config.weight, part=part, label=config.name or part)
                for part in config.parts
            )
            continue
        if config.data is not None:
            found.append(_measured(config, config.data, node, domain, (scope, where)))
            continue
        (label,) = config.names
        found.append(Condition(config.kind, config.kind, node, config.weight, point=config.point, label=label))
        if config.point is not None and not domain.contains(found[-1].at(domain, 1))[0]:
            raise ConfigError(f"{where}: the point {list(config.point)} is not in the domain; choose one inside")
    return tuple(found)


def natural_conditions(energy: Energy, essential: Sequence[Condition], domain: Domain) -> list[Condition]:
    """The natural condition of every unknown on every part where no condition gives it."""
    found = []
    for part in domain.parts:
        given = {jet.unknown for c in essential if part in (c.part, c.other) for jet in jets(c.node)}
        for unknown in sorted(set(range(energy.unknowns)) - given):
            node, name = energy.natural(part, unknown), f"natural {part}"
            if jets(node):
                found.append(Condition(name, "natural", node, part=part, label=name))
    return found


def _measured(
    config: ConditionConfig, data: Measurements, node: Node, domain: Domain, place: tuple[Scope, str]
) -> Condition:
    scope, where = place
    d = scope.dimension
    outside = ~domain.contains(np.array(data.rows)[:, :d])
    if outside.any():
        row = int(outside.argmax())
        raise ConfigError(
            f"{where}: {int(outside.sum())} of {len(data.rows)} measured points lie outside the domain, the first in row"
            f" {row + 1} at {list(data.rows[row][:d])}; leave them out"
        )
    if isinstance(config.noise, str):
        node = divide(node, Coordinate(data.columns.index(config.noise)))
    elif config.noise is not None:
        node = divide(node, number(config.noise))
    (label,) = config.names
    return Condition("data", "data", node, config.weight, label=label, data=data, noise=config.noise is not None)


def _periodic(
    config: ConditionConfig, domain: Domain, scope: Scope, equations: Sequence[Node], where: str
) -> list[Condition]:
    first, second = config.parts
    shift = domain.periodic_shift(first, second)
    axis = int(np.abs(shift).argmax())
    dimension = len(scope.coordinates)
    found = []
    for unknown, name in enumerate(scope.unknowns):
        highest = max((j.index[axis] for e in equations for j in jets(e) if j.unknown == unknown), default=0)
        if highest == 0:
            raise ConfigError(
                f"{where}: periodic in {scope.coordinates[axis]}, but no equation differentiates {name} in it; remove it"
            )
        for k in range(highest):
            node = Jet(unknown, unit(axis, dimension, k))
            text, (label,) = f"periodic {first}-{second} {name}" + "'" * k, config.names
            moved = tuple(map(float, shift))
            found.append(Condition(text, "periodic", node, config.weight, first, second, moved, label=label))
    return found
