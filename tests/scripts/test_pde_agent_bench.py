"""PDEAgent-Bench as problem files: every solution satisfies the file that is made of its case."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kanpde.config import validate
from kanpde.errors import ConfigError
from kanpde.problem.formulas import Formulas
from kanpde.problem.problem import Problem
from scripts.common.processes import Ended
from scripts.pde_agent_bench import page, solutions
from scripts.pde_agent_bench.case import Case
from scripts.pde_agent_bench.convert import convert
from scripts.pde_agent_bench.domains import place
from scripts.pde_agent_bench.equations import EQUATIONS, FLOWS
from scripts.pde_agent_bench.pde_agent_bench import DATA, verdict

ROWS = [json.loads(line) for line in DATA.read_text(encoding="utf-8").splitlines()]
BY_NAME = {row["id"]: row for row in ROWS}


def kinds() -> list[str]:
    """The first case of every pair of equation and domain that has a solution."""
    first: dict[tuple[str, str], str] = {}
    for row in ROWS:
        pde, domain = row["oracle_config"]["pde"], row["oracle_config"]["domain"]["type"]
        if "manufactured_solution" in pde:
            first.setdefault((pde["type"], domain), row["id"])
    return sorted(first.values())


def stated(case: Case) -> dict[str, Any]:
    """The problem with its solution, and the pressure of a flow pinned to it."""
    exact = dict(zip(case.problem["unknowns"], map(str, case.solution), strict=True))
    conditions = [node for node in case.problem["conditions"] if "mean" not in node]
    if case.kind in FLOWS:
        point = case.points(1, 5)
        pressure = case.exact(point)[0, -1]
        conditions.append({"point": point[0].tolist(), "equation": f"p = {pressure}"})
    return {**case.problem, "conditions": conditions, "exact": exact}


@pytest.mark.parametrize("name", kinds())
def test_a_solution_satisfies_equations_and_conditions(name: str) -> None:
    case = convert(BY_NAME[name])
    Problem.create(validate({"problem": stated(case)}, source=name).problem)


def test_a_wrong_solution_does_not() -> None:
    case = convert(BY_NAME["poisson_basic"])
    problem = {**stated(case), "exact": {"u": "sin(pi*x)*sin(2*pi*y)"}}
    with pytest.raises(ConfigError, match="exact does not satisfy"):
        Problem.create(validate({"problem": problem}, source="wrong").problem)


@pytest.mark.parametrize("kind", EQUATIONS)
def test_a_case_without_a_solution_is_a_valid_problem(kind: str) -> None:
    rows = [row for row in ROWS if row["oracle_config"]["pde"]["type"] == kind]
    for row in rows:
        if "manufactured_solution" not in row["oracle_config"]["pde"]:
            Formulas.of(validate({"problem": convert(row).problem}, source=row["id"]).problem)


def test_the_sources_that_do_not_belong_to_their_solutions_are_corrected() -> None:
    case = convert(BY_NAME["poisson_3d_smooth_trig"])
    assert case.notes == ("the source 1 does not belong to the solution",)
    source = solutions.formula(case.problem["definitions"]["f1"])
    assert np.allclose(
        solutions.values(source, np.array([[0.5, 0.5, 0.5]]), "xyz"), 3 * np.pi**2, rtol=1e-14
    )
    assert convert(BY_NAME["poisson_basic"]).notes == ()
    assert "the solution is not periodic in x" in convert(BY_NAME["burgers_periodic_v5"]).notes


@pytest.mark.parametrize(
    ("domain", "inside", "outside"),
    [
        ({"type": "star", "geometry_params": {"points": 5, "inner_r": 0.4, "outer_r": 0.8}},
         [[0, -0.79], [0, 0.39]], [[0, 0.41], [0.3, -0.79]]),
        ({"type": "gear", "geometry_params": {"teeth": 8, "base_r": 0.5, "tooth_h": 0.2}},
         [[0.69, 0], [0, 0.69]], [[0.71, 0], [0.6, 0.25]]),
        ({"type": "sector", "geometry_params": {"center": [0, 0], "radius": 1, "angle": 120}},
         [[0.1, 0.99], [-0.4, 0.7]], [[-0.6, 0.7], [0.5, -0.01]]),
        ({"type": "t_junction", "geometry_params": {"horizontal_rect": [0, 2, 1.5, 2],
          "vertical_rect": [0.8, 1.2, 0, 1.5]}}, [[0.1, 1.6], [1, 0.1]], [[0.1, 1.4]]),
    ],
)  # fmt: skip
def test_a_domain_is_what_the_suite_says(
    domain: dict[str, Any], inside: list[list[float]], outside: list[list[float]]
) -> None:
    where = place(domain)
    assert where.inside(np.array(inside)).all() and not where.inside(np.array(outside)).any()
    assert where.inside(where.points(50, 0)).all()


@pytest.mark.parametrize(
    "text", ["__import__('os')", "x.real", "open(x)", "x; y", "lambda: 0", "e"]
)
def test_a_formula_is_nothing_but_a_formula(text: str) -> None:
    with pytest.raises(ValueError, match="no plain formula"):
        solutions.formula(text)


@pytest.mark.parametrize(
    ("code", "error", "word"),
    [
        (0, 1e-7, "right"),
        (0, 4e-6, "wrong"),
        (0, None, "wrong"),
        (8, 1e-7, "unsure"),
        (2, None, "refused"),
        (1, None, "crash"),
        (-9, None, "crash"),
        (None, None, "timeout"),
    ],
)
def test_a_verdict_is_one_word(code: int | None, error: float | None, word: str) -> None:
    case = convert(BY_NAME["poisson_basic"])
    assert verdict(case, Ended(code, "", 1.0), error) == word


def test_the_page_keeps_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "PAGE", tmp_path / "page.md")
    page.put(["`b`", "poisson", "star", "wrong", "1e-3", "", "0", "2.0"])
    page.put(["`a`", "heat", "star", "right", "1e-7", "", "0", "2.0"])
    page.put(["`b`", "poisson", "star", "right", "1e-8", "", "0", "2.0"])
    text = page.PAGE.read_text(encoding="utf-8")
    assert "- heat: 1 cases, 1 right\n- poisson: 1 cases, 1 right\n- all: 2 cases, 2 right" in text
    assert "1e-3" not in text
