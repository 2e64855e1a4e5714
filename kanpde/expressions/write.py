"""A node as text, in the notation that `parse` reads (but for derivatives of gamma, which cannot be
typed).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kanpde.expressions.tree import (
    Add,
    Call,
    Constant,
    Coordinate,
    Derivative,
    Field,
    Mul,
    Node,
    Normal,
    Number,
    Pow,
    postorder,
)

SUM, PRODUCT, POWER, ATOM = range(4)
"""How tightly the outermost operation binds; what binds less tightly than its place takes
brackets.
"""

Written = tuple[str, int]
"""A text and how tightly it binds."""


def text(
    node: Node, coordinates: Sequence[str] = (), unknowns: Sequence[str] = (), limit: int = 200
) -> str:
    """The formula of the node, every part of it cut after `limit` characters by '...'.

    coordinates and unknowns: their names; without them x1, x2 ... and u1, u2 ...
    """
    written: dict[Node, Written] = {}
    for part in postorder((node,)):
        full, rank = _write(part, written) if part.children else _leaf(part, coordinates, unknowns)
        written[part] = (full if len(full) <= limit else full[: limit - 3] + "...", rank)
    return written[node][0]


def _leaf(node: Node, coordinates: Sequence[str], unknowns: Sequence[str]) -> Written:
    def name(index: int) -> str:
        return coordinates[index] if index < len(coordinates) else f"x{index + 1}"

    match node:
        case Number(value=value):
            return _number(value), ATOM if value >= 0 else SUM
        case Coordinate(index=index):
            return name(index), ATOM
        case Normal(index=index):
            return f"n{name(index)}", ATOM
        case Field(grid=grid, index=alpha):
            along = [name(i) for i in _axes(alpha)]
            return f"d({', '.join([grid.name, *along])})" if along else grid.name, ATOM
        case Constant(index=index):
            return f"k{index + 1}", ATOM
        case Derivative(unknown=unknown, index=alpha):
            field = unknowns[unknown] if unknown < len(unknowns) else f"u{unknown + 1}"
            along = [name(i) for i in _axes(alpha)]
            if not along:
                return field, ATOM
            if all(len(letter) == 1 for letter in along):
                return f"d{''.join(along)}({field})", ATOM
            return f"d({', '.join([field, *along])})", ATOM
    raise AssertionError(f"no leaf {node!r}")


def _axes(index: Sequence[int]) -> list[int]:
    """The coordinates that a multi-index differentiates by, each as often as it does."""
    axes: list[int] = []
    for axis, times in enumerate(index):
        axes += [axis] * times
    return axes


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)


def _at(child: Node, written: Mapping[Node, Written], least: int) -> str:
    inner, rank = written[child]
    return inner if rank >= least else f"({inner})"


def _write(node: Node, written: Mapping[Node, Written]) -> Written:
    match node:
        case Add(args=args):
            first, *further = (_at(arg, written, SUM) for arg in args)
            signed = [f" - {term[1:]}" if term[0] == "-" else f" + {term}" for term in further]
            return first + "".join(signed), SUM
        case Mul(args=args):
            return _product(args, written)
        case Pow(base=base, exponent=Number(value=0.5)):
            return f"sqrt({_at(base, written, SUM)})", ATOM
        case Pow(base=base, exponent=exponent):
            return f"{_at(base, written, ATOM)}**{_at(exponent, written, ATOM)}", POWER
        case Call(name="where", args=(test, *values)):
            shown = ", ".join(_at(value, written, SUM) for value in values)
            return f"where({_at(test, written, SUM)} > 0, {shown})", ATOM
        case Call(name=name, args=args):
            return f"{name}({', '.join(_at(arg, written, SUM) for arg in args)})", ATOM
    raise AssertionError(f"no rule for {node!r}")


def _product(args: Sequence[Node], written: Mapping[Node, Written]) -> Written:
    sign, factors = "", list(args)
    match factors:
        case [Number(value=-1.0), *factors]:
            sign = "-"
        case [Number(value=value), *further] if value < 0:
            sign, factors = "-", [Number(-value), *further]
    shown = [
        _number(part.value) if isinstance(part, Number) else _at(part, written, POWER)
        for part in factors
    ]
    return sign + "*".join(shown), SUM if sign else PRODUCT
