"""Modes as the solution of a linear problem: their equations hold numbers in the place of λ.

    F_0(u_k) + λ_k F_1(u_k) = 0,    of a complex pair u = p + i q, λ = a + i b:
    F_0(p) + a F_1(p) - b F_1(q) = 0,    F_0(q) + a F_1(q) + b F_1(p) = 0

so that reports, figures and files know what to do with them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kanpde.config.problem.eigen import LAMBDA
from kanpde.expressions import Derivative, Node, add, jets, multiply, substitute
from kanpde.expressions.simplify import number
from kanpde.problem.pencils import at_value, rate
from kanpde.problem.problem import Problem

IMAGINARY = "imag"


@dataclass(frozen=True)
class Eigenvalue:
    """One eigenvalue: its parts, the relative estimates of its error and of that of its mode (in
    L2), None where they cannot be told, how many of the wanted ones agree with it, and its known
    value.
    """

    real: float
    imaginary: float
    estimate: float | None
    mode_estimate: float | None
    multiplicity: int = 1
    exact: tuple[float, float] | None = None

    @property
    def error(self) -> float | None:
        """The distance to the known value."""
        if self.exact is None:
            return None
        return abs(complex(self.real, self.imaginary) - complex(*self.exact))

    def as_dict(self) -> dict[str, Any]:
        """Plain data for result.json."""
        entry: dict[str, Any] = {
            "value": self.real,
            "imaginary": self.imaginary,
            "estimate": self.estimate,
            "mode_estimate": self.mode_estimate,
            "multiplicity": self.multiplicity,
        }
        known = {} if self.exact is None else {"exact": list(self.exact), "error": self.error}
        return entry | known

    @classmethod
    def from_dict(cls, entry: Mapping[str, Any]) -> Eigenvalue:
        """From the plain data of `as_dict`."""
        exact = entry.get("exact")
        return cls(
            real=entry["value"],
            imaginary=entry["imaginary"],
            estimate=entry["estimate"],
            mode_estimate=entry["mode_estimate"],
            multiplicity=entry["multiplicity"],
            exact=None if exact is None else (exact[0], exact[1]),
        )


def names_of(unknowns: Sequence[str], values: Sequence[Eigenvalue]) -> tuple[str, ...]:
    """The names of the fields: those of the first mode first, real parts before imaginary ones."""
    names = _names(unknowns, values, "")
    return names if len(set(names)) == len(names) else _names(unknowns, values, "_")


def _names(unknowns: Sequence[str], values: Sequence[Eigenvalue], between: str) -> tuple[str, ...]:
    names: list[str] = []
    for k, value in enumerate(values, start=1):
        real = [f"{unknown}{between}{k}" for unknown in unknowns]
        names += real
        if value.imaginary:
            names += [f"{name}_{IMAGINARY}" for name in real]
    return tuple(names)


def problem_of(problem: Problem, values: Sequence[Eigenvalue]) -> Problem:
    """The problem of the modes.

    Args:
        problem: with λ in its formulas.
        values: the eigenvalues.
    """
    equations: list[Node] = []
    conditions = []
    texts: list[str] = []
    first, count = 0, len(problem.unknowns)
    for value in values:
        for node, text in zip(problem.equations, problem.config.equations, strict=True):
            of_mode = _at_mode(node, value, first, count)
            equations += of_mode
            sentence = f"{text}, {LAMBDA} = {value.real:.12g}"
            if value.imaginary:
                sentence += f" + {value.imaginary:.12g} i"
            texts += [sentence] * len(of_mode)
        for condition in problem.conditions:
            for node in _at_mode(condition.node, value, first, count):
                conditions.append(replace(condition, node=node))
        first += count * (2 if value.imaginary else 1)
    names = problem.config.names or tuple(f"equation {k + 1}" for k in range(count))
    titles = []
    for k, value in enumerate(values, start=1):
        parts = ("", f" ({IMAGINARY})") if value.imaginary else ("",)
        titles += [f"{name} of mode {k}{part}" for name in names for part in parts]
    config = replace(
        problem.config,
        unknowns=names_of(problem.unknowns, values),
        equations=tuple(texts),
        names=tuple(titles),
        weights=(),
    )
    return replace(problem, config=config, equations=tuple(equations), conditions=tuple(conditions))


def _at_mode(node: Node, value: Eigenvalue, first: int, count: int) -> list[Node]:
    """F of one mode, whose unknowns are numbered from `first`; the real and the imaginary part."""
    if not value.imaginary:
        return [_moved(at_value(node, value.real), first)]
    fixed, slope = at_value(node, value.real), rate(node)
    turned = multiply(number(value.imaginary), slope)
    real, imaginary = first, first + count
    return [
        add(_moved(fixed, real), multiply(number(-1.0), _moved(turned, imaginary))),
        add(_moved(fixed, imaginary), _moved(turned, real)),
    ]


def _moved(node: Node, by: int) -> Node:
    """The node with the number of every unknown raised."""
    return substitute(node, {jet: Derivative(jet.unknown + by, jet.index) for jet in jets(node)})
