"""The `equations` node: formulas, or mappings that give one a weight and a name.

`- "laplacian(u) = f"` · `- {equation: "dx(f) = 0", weight: 1e-6, name: smoothness}`
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kanpde.config.reader import Reader
from kanpde.names import is_identifier

MOST_EQUATIONS, HEAVIEST = 100, 1e30
_KEYS = {"equation", "inequality", "weight", "name"}


def read_equations(node: Reader) -> tuple[tuple[str, ...], tuple[str, ...], tuple[float, ...]]:
    """Formulas, names and weights; without a name of its own number k is `equation k`."""
    if isinstance(node.value, Mapping) and not _KEYS & {*node.value}:
        raise node.wrong('a list of equations, for example ["laplacian(u) = -1"]')
    items = (
        [node]
        if isinstance(node.value, Mapping)
        else node.items_or_one("a list of equations", 1, MOST_EQUATIONS)
    )
    formulas, names, weights = [], [], []
    for number, item in enumerate(items, start=1):
        fields = {"equation": item}
        if isinstance(item.value, Mapping):
            fields = item.fields(tuple(sorted(_KEYS)), ("equation",))
        formulas.append(fields["equation"].formula())
        names.append(fields["name"].text() if "name" in fields else f"equation {number}")
        weights.append(
            fields["weight"].number(most=HEAVIEST, above=0.0) if "weight" in fields else 1.0
        )
        if "name" in fields and not is_identifier(names[-1]):
            raise fields["name"].wrong("a name of letters, digits and _ that begins with a letter")
        if names[-1] in names[:-1]:
            raise item.error(f"the name {names[-1]!r} stands twice; rename one")
    return tuple(formulas), tuple(names), tuple(weights)


def equations_tree(
    formulas: Sequence[str], names: Sequence[str], weights: Sequence[float]
) -> list[Any]:
    """Plain data that reads back to equal formulas, names and weights."""
    tree: list[Any] = []
    for number, formula in enumerate(formulas, start=1):
        name = names[number - 1] if names else f"equation {number}"
        weight = weights[number - 1] if weights else 1.0
        given = ({"name": name} if name != f"equation {number}" else {}) | (
            {"weight": weight} if weight != 1 else {}
        )
        tree.append({"equation": formula, **given} if given else formula)
    return tree
