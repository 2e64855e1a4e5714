"""A problem without YAML: formulas, or Python functions, in the words of a problem file.

problem = kanpde.Problem(
    unknowns="u",
    domain={"rectangle": {"lower": [0, 0], "upper": [1, 1]}},
    equations=lambda u: u.xx + u.yy + 1,
    conditions={"boundary": "u = 0"},
)
kanpde.solve(problem).u(0.5, 0.5)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kanpde.api.tracing import equation_of
from kanpde.config import coordinates, validate_problem
from kanpde.config.plain_tree import plain_tree
from kanpde.config.problem.regions import read_place
from kanpde.config.reader import Reader
from kanpde.errors import ConfigError
from kanpde.problem.problem import Problem as Built

Stated = str | Callable[..., Any] | Mapping[str, Any]
"""An equation as a file writes it, or a function of names of the problem."""

_NAMED = ("parameters", "unknown_parameters", "parameter_ranges", "definitions")


class Problem(Built):
    """A boundary value problem, stated in Python."""

    def __repr__(self) -> str:
        """Name, unknowns and coordinates."""
        unknowns, coordinates = ", ".join(self.unknowns), ", ".join(self.coordinates)
        return f"<Problem {self.config.name!r}: {unknowns} at ({coordinates})>"

    def __init__(
        self,
        *,
        unknowns: str | Sequence[str],
        equations: Stated | Sequence[Stated],
        domain: Mapping[str, Any] | None = None,
        conditions: Mapping[str, Any] | Sequence[Mapping[str, Any]] = (),
        name: str = "problem",
        **keys: Any,
    ) -> None:
        """State a problem.

        Args:
            unknowns: names of the m unknowns.
            equations: texts such as "laplacian(u) = f", or functions of names of the problem whose
                value is zero, or that compare by `==`: `lambda u, x: u.xx == x*u`.
            domain: a shape, as in a file: {"disk": {"center": [0, 0], "radius": 1}}; with `time`
                alone among the keys t is the only coordinate.
            conditions: as in a file, or a mapping of a part to what holds there, an equation or a
                list of them; `initial` is the start of time.
            name: names run folders.
            **keys: further keys of a problem: time, parameters, definitions, exact, vectors, ...

        Raises:
            ConfigError: something is wrong; the message names the key.
        """
        tree: dict[str, Any] = {"name": name, "unknowns": unknowns, "domain": domain, **keys}
        known = _names(tree)
        tree["equations"] = _texts(equations, known, "equations")
        tree["conditions"] = _conditions(conditions, known)
        built = Built.create(validate_problem(plain_tree(tree), source=f"problem '{name}'"))
        for key, value in vars(built).items():
            object.__setattr__(self, key, value)


def _names(tree: Mapping[str, Any]) -> tuple[str, ...]:
    """What the arguments of functions may be called."""
    root = Reader(plain_tree(tree), "problem")
    fields = {key: entry for key, entry in root.entries().items() if entry.value is not None}
    if "domain" not in fields and "time" not in fields:
        raise root.error("missing key 'domain' (without it, `time` is the only coordinate)")
    shape, time = read_place(fields)
    unknowns = tree["unknowns"]
    unknowns = (unknowns,) if isinstance(unknowns, str) else unknowns
    # what is no list and no mapping is refused with the rest of the problem
    listed = [unknowns, *(tree.get(key) for key in _NAMED)]
    named = [name for names in listed if isinstance(names, Mapping | Sequence) for name in names]
    return (*named, *coordinates(shape, time), "nx", "ny", "nz")


def _texts(stated: Any, known: Sequence[str], where: str) -> list[Any]:
    several = list(stated) if isinstance(stated, list | tuple) else [stated]
    return [_text(entry, known, where) for entry in several]


def _text(entry: Any, known: Sequence[str], where: str) -> Any:
    if callable(entry):
        return equation_of(entry, known, where)
    if isinstance(entry, Mapping) and callable(entry.get("equation")):
        return {**entry, "equation": equation_of(entry["equation"], known, where)}
    return entry


def _conditions(stated: Any, known: Sequence[str]) -> list[Any]:
    """Conditions as a file has them."""
    if isinstance(stated, Mapping):
        return [
            {"part": part, "equation": _texts(equations, known, f"conditions[{part!r}]")}
            for part, equations in stated.items()
        ]
    if not isinstance(stated, list | tuple):
        raise ConfigError(
            f"conditions: must be a mapping of parts to equations, or a list as in a file, found"
            f" {type(stated).__name__}"
        )
    whole = []
    for entry in stated:
        equation = entry.get("equation") if isinstance(entry, Mapping) else None
        if isinstance(equation, list | tuple):
            whole.append({**entry, "equation": _texts(equation, known, "conditions")})
        else:
            whole.append(_text(entry, known, "conditions"))
    return whole
