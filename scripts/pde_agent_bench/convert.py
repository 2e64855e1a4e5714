"""A case of PDEAgent-Bench as a problem file without any setting, and its solution beside it.

What a case states of its solution is checked: the source, the values on the boundary and at the
beginning, and that a velocity has no divergence. What does not belong to the solution is replaced
and noted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import sympy

from scripts.pde_agent_bench import equations, solutions
from scripts.pde_agent_bench.case import Array, Case, agree, on_faces
from scripts.pde_agent_bench.domains import place
from scripts.pde_agent_bench.equations import FLOWS, IN_TIME, LETTERS, VELOCITIES
from scripts.pde_agent_bench.solutions import SYMBOLS, formula

_SIDES = {"x0": "left", "x1": "right", "y0": "bottom", "y1": "top"}


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
    velocity = list(VELOCITIES[: len(sources)])
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
    return replace(draft, problem=problem, notes=tuple(notes))


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
        if not agree(case, excess, sympy.Integer(0)):
            notes.append("the velocity has a divergence")
    for i, expression in enumerate(right):
        if not agree(case, formula(texts[i]), expression):
            notes.append(f"the source {i + 1} does not belong to the solution")
            texts[i] = str(expression)
    return texts


def _boundary(case: Case, conditions: Mapping[str, Any], notes: list[str]) -> list[dict[str, Any]]:
    """Conditions on the sides; where a flow or a body has none, it is free."""
    given = conditions.get("dirichlet", [])
    free, nodes = list(case.place.sides), _periodic(case, conditions.get("periodic"), notes)
    for node in nodes:
        free = [side for side in free if side not in node.get("periodic", node.get("part"))]
    for node in given if isinstance(given, list) else [given]:
        sides = free if node["on"] == "all" else [_SIDES[node["on"]]]
        free = [side for side in free if side not in sides]
        at = on_faces(case, node["on"])
        nodes.append({"part": sides, "equation": _values(case, node["value"], at, notes)})
    if case.kind in FLOWS and not free:
        nodes.append({"mean": "p = 0"})
    return nodes + [{"part": side, "equation": _free(case.kind, side)} for side in free]


def _periodic(case: Case, node: Mapping[str, Any] | None, notes: list[str]) -> list[dict[str, Any]]:
    """Periodic pairs; the solution's own values where it is not periodic."""
    conditions = []
    for letter in [] if node is None else node.get("on", node.get("direction")):
        axis = LETTERS.index(letter)
        pair = [_SIDES[f"{letter}0"], _SIDES[f"{letter}1"]]
        shift = case.place.upper[axis] - case.place.lower[axis]
        moved = [u.subs(SYMBOLS[letter], SYMBOLS[letter] + shift) for u in case.solution]
        if all(map(partial(agree, case), case.solution, moved)):
            conditions.append({"periodic": pair})
        else:
            notes.append(f"the solution is not periodic in {letter}")
            values = [f"{VELOCITIES[i]} = {u}" for i, u in enumerate(case.solution)]
            conditions.append({"part": pair, "equation": values})
    return conditions


def _values(case: Case, stated: Any, at: Array, notes: list[str]) -> list[str]:
    """u = g for every component, and Δu = Δg of the fourth order."""
    texts = [str(text) for text in (stated if isinstance(stated, list) else [stated])]
    for i, text in enumerate(texts):
        if case.solution and not agree(case, formula(text), case.solution[i], at):
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
            if not agree(case, formula(text), right):
                notes.append(f"the {key.replace('_', ' ')} is not that of the solution")
                text = str(right)
        lines.append(f"{left} = {text}")
    return [{"part": "initial", "equation": lines}]
