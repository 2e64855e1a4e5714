"""The names a formula may use, and the sentence for a name it may not."""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from kanpde.config.problem.gridded_fields import Grid
from kanpde.config.problem.nodal_fields import Nodal
from kanpde.errors import ConfigError
from kanpde.expressions.calculus import MAX_ORDER
from kanpde.expressions.simplify import LARGEST
from kanpde.expressions.tree import Node
from kanpde.names import (
    BINDERS,
    CONSTANTS,
    FUNCTIONS,
    FURTHER,
    FURTHER_OPERATORS,
    LETTERS,
    LONGEST_NAME,
    NORMALS,
    OPERATORS,
    did_you_mean,
    is_derivative,
    is_identifier,
    is_reserved,
)

SHOWN_NAMES = 12
"""Names that a message lists."""

HABITS = {
    "nabla": "grad(u), div(v) or laplacian(u)", "delta": "laplacian(u)", "ln": "log",
    "arcsin": "asin", "arccos": "acos", "arctan": "atan", "arctan2": "atan2", "fabs": "abs",
    "sgn": "sign", "step": "heaviside", "ifelse": "where(condition, value, other)",
    "maximum": "max", "minimum": "min", "np": "the function alone: exp(x)", "e": "exp(1)",
    "jv": "besselj", "j0": "besselj(0, x)", "j1": "besselj(1, x)", "inner": "dot",
    "real": "re(...)", "imag": "im(...)", "conjugate": "conj(...)", "angle": "arg(...)",
    "tr": "trace", "identity": "eye", "Identity": "eye",
    **dict.fromkeys(("diff", "Derivative", "D", "partial"), "dx(u) or dxx(u) for a derivative"),
    "diracdelta": "dirac(x - a)",
    "rot": "curl", "laplace": "laplacian(u)",
    "lambda": "'eigen: {count: 6}' beside the equations for an eigenvalue",
    "i": "sum(i, ...) or prod(i, ...) around an index",
    "j": "sum(j, ...) or prod(j, ...) around an index",
}  # fmt: skip
"""Words of other notations, and what to write here."""

JUMP = "jump"
"""What takes an expression to its jump at an interface."""


@dataclass(frozen=True)
class Scope:
    """What the names in a formula stand for; checks itself on construction (ConfigError).

    Attributes:
        coordinates: all of them: those of space, `ranges` parameters that run over a range, time.
        time: whether the last coordinate is the time.
        unknowns: () where none may appear.
        parameters: numbers.
        definitions: formulas by name, parsed when first used.
        normal: whether the outward normal exists, so that `dn` does.
        where: the prefix of every message.
        constants: numbers that are solved for.
        columns: values that are known at the points alone, numbered after the coordinates.
        ranges: how many coordinates are parameters.
        first: the number of the first unknown.
        grids: functions of the coordinates of space by their values.
        sides: at an interface the scope of each region, the first one first; jump(e) is e there
            minus e in the second.
        edges: whether jumps keep what their derivatives are concentrated on: `where(a > 0, p, q)`
            is q + edge(0, a) (p - q), and the derivative of edge(k, a) is edge(k + 1, a) a'.
        metric: scale factors of the coordinates of space and of directions along which nothing
            changes; () where all are 1.
    """

    coordinates: tuple[str, ...]
    time: bool = False
    unknowns: tuple[str, ...] = ()
    parameters: Mapping[str, float] = field(default_factory=dict)
    definitions: Mapping[str, str] = field(default_factory=dict)
    normal: bool = False
    where: str = "formula"
    constants: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    ranges: int = 0
    first: int = 0
    grids: Mapping[str, Grid | Nodal] = field(default_factory=dict)
    sides: Mapping[str, Scope] = field(default_factory=dict)
    edges: bool = False
    metric: tuple[Node, ...] = ()

    def __post_init__(self) -> None:
        roles: dict[str, str] = {}
        for role, names in self._roles():
            for name in names:
                self._check(role, name)
                if name in roles:
                    raise ConfigError(
                        f"{self.where}: the name '{name}' is both {roles[name]} and {role}; rename"
                        f" one"
                    )
                roles[name] = role
        for name, value in self.parameters.items():
            if not abs(value) <= LARGEST:
                raise ConfigError(
                    f"{self.where}: parameter '{name}' is {value}, but must be finite (≤"
                    f" {LARGEST:g})"
                )

    def _roles(self) -> tuple[tuple[str, Collection[str]], ...]:
        return (
            ("a coordinate", self.coordinates),
            ("an unknown", self.unknowns),
            ("a parameter", self.parameters),
            ("an unknown parameter", self.constants),
            ("a column of the data", self.columns),
            ("a definition", self.definitions),
            ("a field of a file", self.grids),
        )

    def _check(self, role: str, name: str) -> None:
        if not is_identifier(name):
            shown = ascii(name[:LONGEST_NAME])
            rule = f"use letters, digits and _, a letter first, at most {LONGEST_NAME} characters"
            raise ConfigError(f"{self.where}: {shown} cannot name {role}; {rule}")
        if is_reserved(name):
            raise ConfigError(
                f"{self.where}: '{name}' cannot name {role}, it is reserved in formulas; rename it"
            )

    @property
    def dimension(self) -> int:
        """Number of coordinates d, time included."""
        return len(self.coordinates)

    @property
    def spatial(self) -> range:
        """The numbers of the space coordinates."""
        return range(self.dimension - self.time - self.ranges)

    def value_names(self) -> list[str]:
        """Every name that has a value."""
        names: list[str] = []
        for _, of_role in self._roles():
            names += of_role
        return [*names, *CONSTANTS]

    def call_names(self) -> list[str]:
        """Every name that takes arguments, derivatives beyond the second order left out."""
        letters = [name for name in self.coordinates if name in LETTERS]
        pairs = itertools.product(letters, ("", *letters))
        derivatives = [f"d{first}{second}" for first, second in pairs]
        further = [*self._further(), *derivatives, *self.side_names()]
        return [*FUNCTIONS, *OPERATORS, *further]

    def _further(self) -> list[str]:
        """Functions and operators whose names the problem does not use otherwise."""
        values = self.value_names()
        return [name for name in (*FURTHER, *FURTHER_OPERATORS, *BINDERS) if name not in values]

    def normal_names(self) -> list[str]:
        """Components of the normal, and in the plane of the tangent, as far as their names are not
        used otherwise.
        """
        letters = [self.coordinates[axis] for axis in self.spatial]
        names = [f"n{letter}" for letter in letters]
        names += [f"t{letter}" for letter in letters if len(letters) == 2]
        values = self.value_names()
        return [name for name in names if name in NORMALS and name not in values]

    def is_normal(self, name: str) -> bool:
        """Whether the name is a component of the normal or the tangent."""
        return name in NORMALS and name in self.normal_names()

    def side_names(self) -> tuple[str, ...]:
        """What takes an expression to one side of an interface, or to both."""
        return (JUMP, *self.sides) if self.sides else ()

    def is_call(self, name: str) -> bool:
        """Whether the name takes arguments here."""
        if is_derivative(name):
            return set(name[1:]) <= set(self.coordinates)
        known = name in FUNCTIONS or name in OPERATORS or name in self.side_names()
        return known or name in self._further()

    def unknown_value(self, name: str) -> str:
        """The sentence for a name used as a value that is none."""
        if self.is_call(name):
            return f"'{name}' needs arguments: {name}(...)"
        values = self.value_names()
        if any(name in side.value_names() for side in self.sides.values()):
            ways = ", ".join(f"{side}({name})" for side in self.side_names())
            return f"'{name}' has a value on each side of an interface: write one of {ways}"
        normals = self.normal_names() if self.normal else []
        hint = self._habit(name) or did_you_mean(name, values + self.call_names() + normals)
        return f"unknown name '{name}'{hint or '; known are ' + ', '.join(values[:SHOWN_NAMES])}"

    def unknown_call(self, name: str) -> str:
        """The sentence for a name used with arguments that takes none."""
        if name in self.value_names():
            return f"'{name}' is not a function; write '{name}*(...)' for a product"
        along = name[1:] if name[0] == "d" else ""
        if along in self.coordinates:
            return f"unknown function '{name}', write d(..., {along})"
        if along and set(along) <= set(LETTERS):
            missing = [letter for letter in along if letter not in self.coordinates]
            if missing:
                known = ", ".join(self.coordinates)
                return f"'{name}' needs the coordinate '{missing[0]}', but there are {known}"
            return f"'{name}' has differential order {len(along)}, the limit is {MAX_ORDER}"
        hint = self._habit(name) or did_you_mean(name, self.call_names())
        return f"unknown function '{name}'{hint}"

    def _habit(self, name: str) -> str:
        """What to write for a name of another notation, or an empty text."""
        fields = "|".join(map(re.escape, self.unknowns)) or "u"
        letters = "".join(letter for letter in self.coordinates if letter in LETTERS)
        derivative = re.fullmatch(rf"({fields})_?([{letters or 'x'}]+)", name)
        if derivative is not None:
            return f"; write d{derivative[2]}({derivative[1]}) for a derivative"
        if re.fullmatch(rf"d({fields})", name):
            along = "dt" if self.time else "dx"
            return f"; write {along}({name[1:]}), and dn({name[1:]}) for the normal derivative"
        if re.fullmatch(rf"d[2-4]({fields})", name):
            return f"; write dxx({name[2:]}), or d({name[2:]}, x, x), for a derivative"
        return f"; write {HABITS[name]}" if name in HABITS else ""
