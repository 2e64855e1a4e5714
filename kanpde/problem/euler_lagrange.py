"""The first variation of an energy: what its minimiser satisfies, as formulas.

    J(u) = ∫_Ω E(x, u, ∇u) dx + Σ_parts ∫_part e(x, n, u) ds

    ∂E/∂u_k - Σ_i D_i ∂E/∂(∂_i u_k) = 0 in Ω   (Euler, Lagrange),
    Σ_i n_i ∂E/∂(∂_i u_k) + ∂e/∂u_k = 0 where u_k is not given   (the natural condition).

Source: Courant & Hilbert, Methods of Mathematical Physics I, 1953, ch. IV §3, §5. Imports no torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from kanpde.config import ProblemConfig
from kanpde.errors import ConfigError
from kanpde.expressions import (
    Derivative,
    Node,
    Normal,
    Number,
    Scope,
    add,
    differentiate,
    jets,
    multiply,
    negate,
    order,
    parse_expression,
    partial,
)


@dataclass(frozen=True)
class Energy:
    """The density of an energy.

    Attributes:
        inside: E, a formula of the unknowns and their first derivatives.
        unknowns: m.
        dimension: d, the number of coordinates.
        parts: e by boundary part, where there is one.
    """

    inside: Node
    unknowns: int
    dimension: int
    parts: Mapping[str, Node] = field(default_factory=dict)

    @classmethod
    def of(cls, config: ProblemConfig, scope: Scope) -> Energy | None:
        """The energy of a problem, None where it has equations; ConfigError names the key."""
        if config.energy is None:
            return None
        where = "problem.energy"
        parts: dict[str, Node] = {}
        inside = parse_expression(config.energy, replace(scope, where=where))
        if order(inside) > 1:
            raise ConfigError(
                f"{where}: holds derivatives of order {order(inside)}; an energy is a formula of"
                f" the unknowns and their first"
                " derivatives"
            )
        for k, entry in enumerate(config.boundary_energy):
            where = f"problem.boundary_energy[{k}]"
            node = parse_expression(entry.energy, replace(scope, where=where, normal=True))
            if not jets(node) or order(node) > 0:
                raise ConfigError(
                    f"{where}: '{entry.energy}' must hold an unknown and no derivatives; those"
                    f" belong to the energy inside"
                )
            parts |= dict.fromkeys(entry.parts, node)
        return cls(inside, len(config.unknowns), len(config.coordinates), parts)

    def equations(self) -> tuple[Node, ...]:
        """The Euler-Lagrange equation of every unknown."""
        return tuple(self._equation(k) for k in range(self.unknowns))

    def _equation(self, unknown: int) -> Node:
        value = Derivative(unknown, (0,) * self.dimension)
        moved = [differentiate(slope, axis) for axis, slope in self._fluxes(unknown)]
        return add(partial(self.inside, value), negate(add(*moved)))

    def natural(self, part: str, unknown: int) -> Node:
        """The natural condition of an unknown on a part; the number 0 where the energy says nothing
        there.
        """
        value = Derivative(unknown, (0,) * self.dimension)
        through = [multiply(Normal(axis), slope) for axis, slope in self._fluxes(unknown)]
        return add(*through, partial(self.parts.get(part, Number(0.0)), value))

    def _fluxes(self, unknown: int) -> list[tuple[int, Node]]:
        """∂E/∂(∂_i u_k) by axis i."""
        present = jets(self.inside)
        fluxes = []
        for axis in range(self.dimension):
            index = tuple(int(i == axis) for i in range(self.dimension))
            slope = Derivative(unknown, index)
            if slope in present:
                fluxes.append((axis, partial(self.inside, slope)))
        return fluxes
