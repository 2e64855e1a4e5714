"""Demos of other packages: every file is a problem whose exact solution meets it, or states a value."""

from __future__ import annotations

import pytest

from kanpde.config import yaml_file
from kanpde.config.validate import validate
from kanpde.problem.problem import Problem
from scripts.cases.demos import Demo, demos


@pytest.mark.parametrize("name", demos())
def test_a_demo_is_a_problem_with_an_answer(name: str) -> None:
    """`Problem.create` puts `exact` into every equation and condition."""
    demo = demos()[name]
    tree = yaml_file.load(demo.path)
    config = validate(tree, source=demo.path.name, base=demo.path.parent)
    problem = Problem.create(config.problem)
    modes = config.problem.eigen
    known = problem.exact is not None or (modes is not None and len(modes.exact) == modes.count)
    assert known == (demo.value is None)
    assert demo.package and demo.title and "trial" not in tree and "schedule" not in tree


def test_a_value_at_a_point_is_read() -> None:
    demo: Demo = demos()["skfem_ex02_kirchhoff_plate"]
    assert (demo.unknown, demo.point, demo.value) == ("w", (0.5, 0.5), 0.00126531909)
