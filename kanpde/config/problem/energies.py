"""The `energy` and `boundary_energy` nodes: a problem as the minimum of an integral instead of
equations.

    J(u) = ∫_Ω E(x, u, ∇u) dx + Σ_parts ∫_part e(x, n, u) ds

`energy: "0.5*dot(grad(u), grad(u)) - f*u"` · `boundary_energy: [{part: right, energy: "-g*u"}]`
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kanpde.config.problem.conditions import ConditionConfig
from kanpde.config.reader import Reader

_ALONE = {
    "equations": "a problem has either equations or an energy; remove one of them",
    "time": "an energy has no time; write equations",
    "unknown_parameters": "unknown parameters are found from equations; write these instead of an energy",
    "parameter_ranges": "an energy takes no parameter ranges; give the parameter a value, or write equations",
}


@dataclass(frozen=True)
class BoundaryEnergy:
    """The density e of an energy on some parts, where the condition on u is the natural one."""

    parts: tuple[str, ...]
    energy: str


def states_energy(node: Reader) -> bool:
    """Whether a problem node is in energy form; ConfigError when it also holds what goes with
    equations only.
    """
    if not isinstance(node.value, Mapping) or node.value.get("energy") is None:
        if isinstance(node.value, Mapping) and node.value.get("boundary_energy") is not None:
            raise node.child("boundary_energy", None).error(
                "needs 'energy' beside it; write Neumann conditions otherwise"
            )
        return False
    for key, reason in _ALONE.items():
        if node.value.get(key) is not None:
            raise node.child(key, None).error(reason)
    return True


def read_boundary_energies(
    node: Reader | None, parts: Collection[str]
) -> tuple[BoundaryEnergy, ...]:
    """The entries of `boundary_energy`; a part may stand once."""
    found: list[BoundaryEnergy] = []
    for item in [] if node is None else node.items("a list of entries {part: ..., energy: ...}"):
        fields = item.fields(("part", "energy"), ("part", "energy"))
        names = tuple(
            one.choice(parts) for one in fields["part"].items_or_one("a part or a list of parts", 1)
        )
        taken = {name for entry in found for name in entry.parts}
        twice = [name for k, name in enumerate(names) if name in taken or name in names[:k]]
        if twice:
            raise fields["part"].error(
                f"the part {twice[0]!r} has a boundary energy already; add the formulas"
            )
        found.append(BoundaryEnergy(names, fields["energy"].formula()))
    return tuple(found)


def natural_parts(energies: Sequence[BoundaryEnergy], node: Reader | None) -> list[Reader]:
    """The parts with a boundary energy, as entries of a list of parts that need no condition."""
    return (
        [node.child(name, name) for entry in energies for name in entry.parts]
        if node is not None
        else []
    )


def check_measured(node: Reader, conditions: Sequence[ConditionConfig]) -> None:
    """Measured values are met by residual rows beside equations."""
    for number, condition in enumerate(conditions):
        if condition.kind == "data":
            raise node.child(number, None).error(
                "measured values do not go with an energy; write equations"
            )


def energies_tree(energies: Sequence[BoundaryEnergy]) -> list[dict[str, Any]]:
    """Plain data that reads back to equal entries."""
    return [{"part": list(entry.parts), "energy": entry.energy} for entry in energies]
