"""The `quantities` and `vectors` nodes: formulas of the unknowns whose values are written beside
them.

`quantities: {p_total: "p + (u**2 + v**2)/2"}` · `vectors: {velocity: [u, v], flux: ["-k*dx(u)",
"-k*dy(u)"]}`
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from kanpde.config.frozen_map import FrozenMap
from kanpde.config.reader import Reader

MOST_QUANTITIES, MOST_COMPONENTS = 100, 3
WRITTEN = ("exact", "error", "gradient")
"""What is written of every unknown as NAME_exact and so on."""

_RESIDUAL = re.compile(r"residual(_\d+)?", re.ASCII)

Take = Callable[[str, str, Reader], None]
"""(name, what it names, node): registers a name or refuses it."""


def read_quantities(node: Reader | None, take: Take, unknowns: Sequence[str]) -> FrozenMap[str]:
    """Scalar formulas by name."""
    return FrozenMap(
        {n: entry.formula() for n, entry in _entries(node, "a quantity", take, unknowns).items()}
    )


def read_vectors(
    node: Reader | None, take: Take, unknowns: Sequence[str]
) -> FrozenMap[tuple[str, ...]]:
    """The formulas of one to three components by name."""
    vectors = {}
    for name, entry in _entries(node, "a vector", take, unknowns).items():
        components = entry.items(
            "a list of one to three formulas, for example [u, v]", 1, MOST_COMPONENTS
        )
        vectors[name] = tuple(component.formula() for component in components)
    return FrozenMap(vectors)


def _entries(
    node: Reader | None, kind: str, take: Take, unknowns: Sequence[str]
) -> Mapping[str, Reader]:
    entries = {} if node is None else node.entries()
    if node is not None and len(entries) > MOST_QUANTITIES:
        raise node.error(
            f"must hold at most {MOST_QUANTITIES} entries, found {len(entries)}; remove some"
        )
    written = {f"{unknown}_{what}" for unknown in unknowns for what in WRITTEN}
    for name, entry in entries.items():
        if name in written or _RESIDUAL.fullmatch(name):
            raise entry.error(
                f"the name {name!r} is that of a field that is written anyway; choose another for"
                f" {kind}"
            )
        take(name, kind, entry)
    return entries
