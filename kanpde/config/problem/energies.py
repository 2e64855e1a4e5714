"""The `energy` and `boundary_energy` nodes: a problem as the minimum of an integral instead of
equations.

    J(u) = ∫_Ω E(x, u, ∇u) dx + Σ_parts ∫_part e(x, n, u) ds

`energy: "0.5*dot(grad(u), grad(u)) - f*u"` · `boundary_energy: [{part: right, energy: "-g*u"}]`
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kanpde.config.reader import Reader


@dataclass(frozen=True)
class BoundaryEnergy:
    """The density e of an energy on some parts, where the condition on u is the natural one."""

    parts: tuple[str, ...]
    energy: str


def states_energy(node: Reader) -> bool:
    """Whether a problem node is in energy form, that is, without equations."""
    return isinstance(node.value, Mapping) and node.value.get("energy") is not None


def read_boundary_energies(
    node: Reader | None, parts: Collection[str]
) -> tuple[BoundaryEnergy, ...]:
    """The entries of `boundary_energy`; a part may stand once."""
    energies: list[BoundaryEnergy] = []
    for item in [] if node is None else node.items("a list of entries {part: ..., energy: ...}"):
        fields = item.fields(("part", "energy"), ("part", "energy"))
        names = tuple(
            part.choice(parts)
            for part in fields["part"].items_or_one("a part or a list of parts", 1)
        )
        taken = {name for entry in energies for name in entry.parts}
        twice = [name for k, name in enumerate(names) if name in taken or name in names[:k]]
        if twice:
            raise fields["part"].error(
                f"the part {twice[0]!r} has a boundary energy already; add the formulas"
            )
        energies.append(BoundaryEnergy(names, fields["energy"].formula()))
    return tuple(energies)


def natural_parts(energies: Sequence[BoundaryEnergy], node: Reader | None) -> list[Reader]:
    """The parts with a boundary energy, as entries of a list of parts that need no condition."""
    return (
        [node.child(name, name) for entry in energies for name in entry.parts]
        if node is not None
        else []
    )


def energies_tree(energies: Sequence[BoundaryEnergy]) -> list[dict[str, Any]]:
    """Plain data that reads back to equal entries."""
    return [{"part": list(entry.parts), "energy": entry.energy} for entry in energies]
