"""A case of PDEAgent-Bench as a problem file without any setting, and its solution beside it.

What a case states of its solution is checked: the source, the values on the boundary and at the
beginning, and that a velocity has no divergence. What does not belong to the solution is replaced
and noted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray

from scripts.pde_agent_bench import equations, solutions
from scripts.pde_agent_bench.domains import Place, place
from scripts.pde_agent_bench.equations import FLOWS, IN_TIME, LETTERS, VELOCITIES
from scripts.pde_agent_bench.solutions import SYMBOLS, Expression, formula

SEED, CHECKED = 20, 200
_SIDES = {"x0": "left", "x1": "right", "y0": "bottom", "y1": "top"}
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Case:
    """A case and its problem file.

    Attributes:
        name: its id in the suite.
        kind: of its equation.
        domain: of its domain.
        place: the domain.
        problem: the node `problem` of the file.
        times: beginning and end, where it depends on time.
        solution: formulas of its unknowns; empty where none is known.
        linear: whether the equation is.
        notes: what was replaced.
    """

    name: str
    kind: str
    domain: str
    place: Place
    problem: dict[str, Any]
    times: tuple[float, float] | None
    solution: tuple[Expression, ...]
    linear: bool
    notes: tuple[str, ...]

    @property
    def coordinates(self) -> tuple[str, ...]:
        """Their names, time last."""
        return (*LETTERS[: len(self.place.lower)], *(("t",) if self.times else ()))

    def points(self, count: int, seed: int) -> Array:
        """Random points (count, d) of the domain, and of time."""
        x = self.place.points(count, seed)
        if self.times is None:
            return x
        return np.column_stack([x, np.random.default_rng(seed + 1).uniform(*self.times, count)])

    def exact(self, points: Array) -> Array:
        """Values of the solution (N, m)."""
        columns = [solutions.values(u, points, self.coordinates) for u in self.solution]
        return np.column_stack(columns)


def convert(row: Mapping[str, Any]) -> Case:
    """The case of one line of the suite."""
    config = row["oracle_config"]
    pde, kind = config["pde"], config["pde"]["type"]
    in_time = kind in IN_TIME or "time" in pde
    where, times = place(config["domain"]), _times(pde) if in_time else None
    dimension = len(where.lower)
    parameters = {**pde.get("pde_params", {}), "kappa": _kappa(pde), "in_time": in_time}
    stated = pde.get("manufactured_solution")
    solution = solutions.unknowns(kind, stated) if stated else []
    draft = Case(
        name=row["id"],
        kind=kind,
        domain=config["domain"]["type"],
        place=where,
        problem={},
        times=times,
        solution=tuple(solution),
        linear=equations.is_linear(kind, parameters),
        notes=(),
    )
    notes: list[str] = []
    sources = _sources(draft, pde, parameters, notes)
    text = equations.text(kind, parameters, dimension)
    velocity = [f"{name}" for name in VELOCITIES[: len(sources)]]
    problem: dict[str, Any] = {
        "name": row["id"],
        "unknowns": [*velocity, "p"] if kind in FLOWS else velocity,
        "domain": where.shape,
        "parameters": text.parameters,
        "definitions": {
            **text.definitions,
            **{f"f{i}": source for i, source in enumerate(sources, 1)},
        },
        "equations": text.equations,
        "conditions": _boundary(draft, config["bc"], notes) + _initial(draft, pde, notes),
    }
    if where.vanished:
        problem["free"] = list(where.vanished)
    if times is not None:
        problem["time"] = {"interval": list(times)}
    return Case(**{**draft.__dict__, "problem": problem, "notes": tuple(notes)})


def _times(pde: Mapping[str, Any]) -> tuple[float, float]:
    """Beginning and end; the suite's own solver ends at 0.1 where a case says nothing."""
    time = pde.get("time", {})
    return float(time.get("t0", 0.0)), float(time.get("t_end", pde.get("t_final", 0.1)))


def _kappa(pde: Mapping[str, Any]) -> str:
    node = pde.get("coefficients", {}).get("kappa", {"value": 1.0})
    return str(node.get("expr", node.get("value")))


def _sources(
    case: Case, pde: Mapping[str, Any], parameters: Mapping[str, Any], notes: list[str]
) -> list[str]:
    stated = pde.get("source_term", 0.0)
    texts = [str(text) for text in (stated if isinstance(stated, list) else [stated])]
    if not case.solution:
        return texts
    dimension = len(case.place.lower)
    right = solutions.sources(case.kind, parameters, case.solution, dimension)
    if case.kind in FLOWS:
        excess = solutions.divergence(case.solution, dimension)
        if not _agree(case, excess, sympy.Integer(0)):
            notes.append("the velocity has a divergence")
    for i, expression in enumerate(right):
        if not _agree(case, formula(texts[i]), expression):
            notes.append(f"the source {i + 1} does not belong to the solution")
            texts[i] = str(expression)
    return texts


def _agree(case: Case, first: Expression, second: Expression, points: Array | None = None) -> bool:
    """Whether two formulas are the same at points of the domain, up to rounding of their digits."""
    points = case.points(CHECKED, SEED) if points is None else points
    a, b = (solutions.values(form, points, case.coordinates) for form in (first, second))
    return bool(np.abs(a - b).max() <= 1e-9 * max(1.0, np.abs(b).max()))


def _boundary(case: Case, conditions: Mapping[str, Any], notes: list[str]) -> list[dict[str, Any]]:
    """Conditions on the sides; where a flow or a body has none, it is free."""
    given = conditions.get("dirichlet", [])
    free, nodes = list(case.place.sides), _periodic(conditions.get("periodic"))
    for node in nodes:
        free = [side for side in free if side not in node["periodic"]]
    for node in given if isinstance(given, list) else [given]:
        sides = free if node["on"] == "all" else [_SIDES[node["on"]]]
        free = [side for side in free if side not in sides]
        at = _on_faces(case, node["on"])
        nodes.append({"part": sides, "equation": _values(case, node["value"], at, notes)})
    if case.kind in FLOWS and not free:
        nodes.append({"mean": "p = 0"})
    return nodes + [{"part": side, "equation": _free(case.kind, side)} for side in free]


def _periodic(node: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    pairs = {"x": ["left", "right"], "y": ["bottom", "top"]}
    directions = [] if node is None else node.get("on", node.get("direction"))
    return [{"periodic": pairs[direction]} for direction in directions]


def _on_faces(case: Case, side: str) -> Array:
    """Points on a face of a box, x0 as an example, or on all of them; of other domains inside."""
    points = case.points(CHECKED, SEED)
    if not case.place.is_box:
        return points
    faces = []
    for axis, letter in enumerate(LETTERS[: len(case.place.lower)]):
        for name, end in ((f"{letter}0", case.place.lower), (f"{letter}1", case.place.upper)):
            if side in ("all", name):
                face = points.copy()
                face[:, axis] = end[axis]
                faces.append(face)
    return np.vstack(faces)


def _values(case: Case, stated: Any, at: Array, notes: list[str]) -> list[str]:
    """u = g for every component, and Δu = Δg of the fourth order."""
    texts = [str(text) for text in (stated if isinstance(stated, list) else [stated])]
    for i, text in enumerate(texts):
        if case.solution and not _agree(case, formula(text), case.solution[i], at):
            notes.append(f"the boundary values {i + 1} are not those of the solution")
            texts[i] = str(case.solution[i])
    lines = [f"{VELOCITIES[i]} = {text}" for i, text in enumerate(texts)]
    if case.kind == "biharmonic":
        exact = case.solution[0] if case.solution else texts[0]
        lines.append(f"laplacian(u) = laplacian({exact})")
    return lines


def _free(kind: str, side: str) -> list[str]:
    """No traction on a side of the unit square."""
    letter = "x" if side in ("left", "right") else "y"
    if kind == "linear_elasticity":
        return [f"sigma_{min(letter, other)}{max(letter, other)} = 0" for other in "xy"]
    return [f"nu*d{letter}({u}) - p = 0" if x == letter else f"nu*d{letter}({u}) = 0"
            for u, x in zip("uv", "xy", strict=True)]  # fmt: skip


def _initial(case: Case, pde: Mapping[str, Any], notes: list[str]) -> list[dict[str, Any]]:
    if case.times is None:
        return []
    texts = [("u", "initial_condition", 0)]
    texts += [("dt(u)", "initial_velocity", 1)] if case.kind == "wave" else []
    lines = []
    for left, key, order in texts:
        text = str(pde.get(key, 0.0))
        if case.solution:
            right = sympy.diff(case.solution[0], SYMBOLS["t"], order)
            right = right.subs(SYMBOLS["t"], case.times[0])
            if not _agree(case, formula(text), right):
                notes.append(f"the {key.replace('_', ' ')} is not that of the solution")
                text = str(right)
        lines.append(f"{left} = {text}")
    return [{"part": "initial", "equation": lines}]


def order_of(case: Case) -> Sequence[int]:
    """Steady cases with a solution come first, those in the plane before those in space."""
    return (not case.solution, case.times is not None, len(case.place.lower))
