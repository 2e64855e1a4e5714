"""Vector unknowns: a problem of v is one of its components vx, vy, vz.

    unknowns: [{v: vector}]         ->  unknowns: [vx, vy], and v is the definition [vx, vy]
    "-div(2*sym(grad(v))) = [0, 1]" ->  one equation for each component

What is a vector is read off the formula: grad raises the rank by one, div lowers it, and so on. An
equation of a vector and 0 says that all components are 0.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kanpde.config.problem.coordinate_names import space_of
from kanpde.config.problem.formula_trees import TreeError, parsed
from kanpde.config.problem.texts import listed, mapping
from kanpde.config.reader import Reader
from kanpde.names import IDENTITY, is_derivative

VECTOR = "vector"
_KEEPS = ("laplacian", "dn", "d", "sym", "transpose", "inv")
_NOT_BESIDE = ("fit", "reference")
_DEEPEST = 30


def in_components(node: Reader) -> Reader:
    """The problem node with scalar unknowns and equations alone; ConfigError where it cannot be told."""
    given = node.value.get("unknowns") if isinstance(node.value, Mapping) else None
    items = listed(given)
    names = [
        str(name)
        for item in items
        if isinstance(item, Mapping)
        for name, kind in item.items()
        if kind == VECTOR
    ]
    if not names:
        return node
    tree = {key: value for key, value in node.value.items() if value is not None}
    for key in _NOT_BESIDE:
        if key in tree:
            raise node.child(key, None).error(
                "does not go with vector unknowns; write their components as unknowns"
            )
    space = space_of(tree)
    if space is None or len(space) not in (2, 3):
        raise node.child("unknowns", items).error(
            "vector unknowns take a shape in the plane or in space; on a mesh write the components"
        )
    vectors = _Vectors(
        node, tree, {name: [f"{name}{letter}" for letter in space] for name in names}
    )
    tree["unknowns"] = list(vectors.unknowns(items))
    whole = {name: f"[{', '.join(parts)}]" for name, parts in vectors.parts.items()}
    tree["definitions"] = {**whole, **mapping(tree, "definitions")}
    if "eigen" not in tree:  # modes are written by components
        shown = {f"{name}_{VECTOR}": parts for name, parts in vectors.parts.items()}
        tree["vectors"] = {**shown, **mapping(tree, "vectors")}
    if "equations" in tree:
        stated = listed(tree["equations"])
        tree["equations"] = [each for item in stated for each in vectors.of_item(item)]
    if isinstance(tree.get("conditions"), list | tuple):
        tree["conditions"] = [
            each for item in tree["conditions"] for each in vectors.of_condition(item)
        ]
    if isinstance(tree.get("exact"), Mapping):
        tree["exact"] = dict(vectors.exact(tree["exact"]))
    return Reader(tree, node.source, node.path, node.folders)


class _Vectors:
    """Vector unknowns with their components, in a problem `tree`."""

    def __init__(
        self, node: Reader, tree: Mapping[str, Any], parts: Mapping[str, Sequence[str]]
    ) -> None:
        self.parts = parts
        self._node = node
        self._texts = mapping(tree, "definitions")
        self._count = len(next(iter(parts.values())))

    def unknowns(self, items: Sequence[Any]) -> Iterator[Any]:
        """The list with components."""
        for item in items:
            if not isinstance(item, Mapping):
                yield item
                continue
            for name, kind in item.items():
                if kind == VECTOR:
                    yield from self.parts[name]
                else:
                    yield {name: kind}

    def of_item(self, item: Any) -> list[Any]:
        """An entry of the equations, once for every component."""
        if not isinstance(item, Mapping):
            return self._scalars(item)
        texts = self._scalars(item.get("equation"))
        if len(texts) == 1:
            return [item]
        named = isinstance(item.get("name"), str)
        return [
            {**item, "equation": text} | ({"name": f"{item['name']}_{k}"} if named else {})
            for k, text in enumerate(texts, start=1)
        ]

    def of_condition(self, item: Any) -> list[Any]:
        """A condition with an equation for every component, a mean once for each."""
        if not isinstance(item, Mapping):
            return [item]
        for key in ("mean", "integral"):
            if isinstance(item.get(key), str):
                return [{**item, key: text} for text in self._scalars(item[key])]
        stated = item.get("equation")
        if not isinstance(stated, str | list | tuple):
            return [item]
        texts = [each for text in listed(stated) for each in self._scalars(text)]
        return [{**item, "equation": texts}]

    def exact(self, entries: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        """The components of exact solutions."""
        for name, value in entries.items():
            if name not in self.parts:
                yield name, value
                continue
            given = value if isinstance(value, list | tuple) else [None]
            for k, part in enumerate(self.parts[name]):
                whole = isinstance(value, str)
                if not whole and len(given) != self._count:
                    raise (
                        self._node.child("exact", entries)
                        .child(name, value)
                        .error(
                            f"must be a vector with {self._count} components, as in [{', '.join('0' * self._count)}]"
                        )
                    )
                yield part, self._component(value, k) if whole else given[k]

    def _scalars(self, text: Any) -> list[Any]:
        """An equation of vectors as one for each component."""
        sides = text.split("=") if isinstance(text, str) else []
        if len(sides) != 2 or not all(side.strip() for side in sides):
            return [text]
        try:
            ranks = [self._rank(parsed(side), 0) for side in sides]
        except TreeError:
            return [text]  # the parser of formulas says what is wrong
        if max(ranks) != 1:
            return [text]
        halves = []
        for k in range(self._count):
            parts = [
                self._component(side, k) if rank == 1 else side.strip()
                for side, rank in zip(sides, ranks, strict=True)
            ]
            halves.append(" = ".join(parts))
        if min(ranks) == 0 and "0" not in [side.strip() for side in sides]:
            raise self._node.error(
                f"{text[:60]!r}: one side is a vector and the other a scalar; write [a, b], or 0"
            )
        return halves

    def _component(self, text: str, number: int) -> str:
        unit = ", ".join("1" if k == number else "0" for k in range(self._count))
        return f"dot({text.strip()}, [{unit}])"

    def _rank(self, tree: ast.expr, depth: int) -> int:
        """0 for a scalar, 1 for a vector, 2 for a tensor."""
        if depth > _DEEPEST:
            return 0
        if isinstance(tree, ast.List):
            return 1 + max((self._rank(each, depth + 1) for each in tree.elts), default=0)
        if isinstance(tree, ast.Name):
            return self._of_name(tree.id, depth)
        if isinstance(tree, ast.BinOp):
            return max(self._rank(tree.left, depth), self._rank(tree.right, depth))
        if isinstance(tree, ast.UnaryOp):
            return self._rank(tree.operand, depth)
        if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name):
            ranks = [self._rank(each, depth + 1) for each in tree.args]
            return _of_call(tree.func.id, ranks, self._count)
        return 0

    def _of_name(self, name: str, depth: int) -> int:
        if name in self.parts:
            return 1
        text = self._texts.get(name)
        if isinstance(text, Mapping):
            text = next(iter(text.values()), None)
        if isinstance(text, str):
            return self._rank(parsed(text), depth + 1)
        return 2 if name == IDENTITY else 0


def _of_call(name: str, ranks: Sequence[int], space: int) -> int:
    """The rank of a call by those of its arguments."""
    first = ranks[0] if ranks else 0
    if name == "grad":
        return first + 1
    if name == "div":
        return max(first - 1, 0)
    if name in _KEEPS or is_derivative(name):
        return first
    if name == "where":
        return max(ranks[1:], default=0)
    if name == "curl":
        return 1 if space == 3 else 0
    if name == "dot":
        return 1 if sorted(ranks) == [1, 2] else 0
    return 2 if name == "matmul" else 0
