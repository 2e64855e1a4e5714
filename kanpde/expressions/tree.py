"""Nodes of a formula.

A node is a value: immutable, with a digest of its structure made from the digests of its children,
so that `==` and `hash` cost O(1) at any size, equal subtrees are found in a dictionary, and no
table of nodes has to be kept anywhere. Sums and products are n-ary, and their digest does not
depend on the order of their arguments: x + y == y + x. Build them with the functions of `simplify`,
never with the classes Add, Mul, Pow, Call, which simplify nothing.

    Number c · Constant k_j · Coordinate x_i · Normal n_i · Derivative ∂^α u_k · Field ∂^α g
    Call f(a, ...) · Add a + b + ... · Mul a·b·... · Pow a**b
"""

from __future__ import annotations

import struct
from collections.abc import Container, Iterable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import final

from kanpde.config.problem.gridded_fields import Grid
from kanpde.config.problem.nodal_fields import Nodal
from kanpde.errors import ConfigError


class FormulaError(ConfigError):
    """A formula has no real value or is too large; the message names no place, the parser adds
    it.
    """


class TooLargeError(FormulaError):
    """A formula that takes more work to write down than is allowed."""


@dataclass(frozen=True, eq=False, repr=False)
class Node:
    """A subtree of a formula; equal if and only if the structure is equal."""

    digest: bytes = field(init=False)

    @property
    def children(self) -> tuple[Node, ...]:
        """The direct subtrees, empty for a leaf."""
        return ()

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Node) and self.digest == other.digest)

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.digest.hex()[:8]}>"

    def _seal(self, *parts: bytes) -> None:
        """Set the digest, once, at the end of the construction."""
        digest = blake2b(type(self).__name__.encode() + b"".join(parts), digest_size=16).digest()
        object.__setattr__(self, "digest", digest)


@final
@dataclass(frozen=True, eq=False, repr=False)
class Number(Node):
    """A constant, finite and at most 1e300 in magnitude (use `number` to have that checked)."""

    value: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", float(self.value) + 0.0)  # -0.0 becomes 0.0
        self._seal(struct.pack("<d", self.value))

    def __repr__(self) -> str:
        return f"Number({self.value!r})"


@final
@dataclass(frozen=True, eq=False, repr=False)
class Coordinate(Node):
    """The coordinate x_i; time is the last one."""

    index: int

    def __post_init__(self) -> None:
        self._seal(b"%d" % self.index)

    def __repr__(self) -> str:
        return f"Coordinate({self.index})"


@final
@dataclass(frozen=True, eq=False, repr=False)
class Normal(Node):
    """Component i of the outward unit normal (dimensionless)."""

    index: int

    def __post_init__(self) -> None:
        self._seal(b"%d" % self.index)

    def __repr__(self) -> str:
        return f"Normal({self.index})"


@final
@dataclass(frozen=True, eq=False, repr=False)
class Derivative(Node):
    """The derivative ∂^α u_k of unknown number `unknown`; `index` is the multi-index α of
    length d.
    """

    unknown: int
    index: tuple[int, ...]

    def __post_init__(self) -> None:
        self._seal(repr((self.unknown, self.index)).encode())

    def __repr__(self) -> str:
        return f"Derivative({self.unknown}, {self.index})"

    @property
    def order(self) -> int:
        """The differential order |α|."""
        return sum(self.index)


@final
@dataclass(frozen=True, eq=False, repr=False)
class Constant(Node):
    """The unknown constant number `index`: solved for like a jet, but the same number at every
    point.
    """

    index: int

    def __post_init__(self) -> None:
        self._seal(b"%d" % self.index)

    def __repr__(self) -> str:
        return f"Constant({self.index})"


@final
@dataclass(frozen=True, eq=False, repr=False)
class Field(Node):
    """The derivative ∂^α of the function through values of a file; α counts the coordinates of
    space alone.
    """

    grid: Grid | Nodal
    index: tuple[int, ...]

    def __post_init__(self) -> None:
        self._seal(self.grid.digest, repr(self.index).encode())

    def __repr__(self) -> str:
        return f"Field({self.grid.name}, {self.index})"


@final
@dataclass(frozen=True, eq=False, repr=False)
class Call(Node):
    """A function of FUNCTIONS applied to its arguments."""

    name: str
    args: tuple[Node, ...]

    def __post_init__(self) -> None:
        self._seal(self.name.encode(), b"(", *(a.digest for a in self.args))

    @property
    def children(self) -> tuple[Node, ...]:
        """The arguments."""
        return self.args


@final
@dataclass(frozen=True, eq=False, repr=False)
class Add(Node):
    """A sum of at least two terms, none of them a sum; a constant stands last."""

    args: tuple[Node, ...]

    def __post_init__(self) -> None:
        self._seal(*sorted(a.digest for a in self.args))

    @property
    def children(self) -> tuple[Node, ...]:
        """The arguments."""
        return self.args


@final
@dataclass(frozen=True, eq=False, repr=False)
class Mul(Node):
    """A product of at least two factors, none of them a product; a constant stands first."""

    args: tuple[Node, ...]

    def __post_init__(self) -> None:
        self._seal(*sorted(a.digest for a in self.args))

    @property
    def children(self) -> tuple[Node, ...]:
        """The arguments."""
        return self.args


@final
@dataclass(frozen=True, eq=False, repr=False)
class Pow(Node):
    """base ** exponent."""

    base: Node
    exponent: Node

    def __post_init__(self) -> None:
        self._seal(self.base.digest, self.exponent.digest)

    @property
    def children(self) -> tuple[Node, ...]:
        """Base and exponent."""
        return (self.base, self.exponent)


def postorder(roots: Iterable[Node], skip: Container[Node] = ()) -> list[Node]:
    """Every distinct node below the roots, once, children before parents, except those in `skip`
    and below them.
    """
    order: list[Node] = []
    seen: set[Node] = set()
    stack = [(root, False) for root in roots][::-1]
    while stack:
        node, expanded = stack.pop()
        if expanded:
            order.append(node)
        elif node not in seen and node not in skip:
            seen.add(node)
            stack.append((node, True))
            stack.extend((child, False) for child in reversed(node.children))
    return order
