"""Point sources leave an equation with their singular part."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import kanpde
from kanpde.config.problem.statement import ProblemConfig, problem_tree
from kanpde.config.validate import validate_problem
from kanpde.errors import ConfigError


def tree_of(equation: str, **keys: Any) -> dict[str, Any]:
    tree: dict[str, Any] = {
        "unknowns": ["u"],
        "domain": {"disk": {"center": [0, 0], "radius": 1}},
        "equations": [equation],
        "conditions": [{"part": "boundary", "equation": "u = 0"}],
    }
    return tree | keys


def read(equation: str, **keys: Any) -> ProblemConfig:
    return validate_problem(tree_of(equation, **keys), "my.yaml")


def test_the_smooth_part_is_the_unknown() -> None:
    problem = read("-div(k*grad(u)) + u = 3*dirac(x - 0.2, y)", parameters={"k": 2})
    assert problem.unknowns == ("u_smooth",)
    assert "u_smooth" in problem.equations[0]
    assert "dirac" not in problem.equations[0]
    assert (
        problem.definitions["u"] == "u_smooth + (-1.5)*log((x - (0.2))**2 + (y - (-0.0))**2)/(4*pi)"
    )
    assert problem.quantities == {"u_total": "u"}
    assert validate_problem(problem_tree(problem), "my.yaml") == problem


def test_a_load_on_a_string() -> None:
    place = {"interval": [0, 1]}
    exact = "where(x < 0.3, 0.7*x, 0.3*(1 - x))"
    tree = tree_of("-2*dxx(u) = 2*dirac(x - 0.3)", domain=place, exact={"u": exact})
    solution = kanpde.solve({"problem": tree, "output": {"vtu": False, "plots": False}})
    assert solution.relative_l2["u_smooth"] < 1e-12


def test_the_function_of_green_of_a_disk() -> None:
    image = "((0.3*x - 1)**2 + (0.3*y)**2)"
    exact = f"-log(((x - 0.3)**2 + y**2)/{image})/(4*pi)"
    tree = tree_of("-laplacian(u) = dirac(x - 0.3, y)", exact={"u": exact})
    solution = kanpde.solve({"problem": tree, "output": {"vtu": False, "plots": False}})
    assert solution.relative_l2["u_smooth"] < 1e-8
    assert np.isfinite(solution(np.array([[0.3, 0.0]]))).all()


@pytest.mark.parametrize(
    ("equation", "keys", "message"),
    [
        ("-laplacian(u) = dirac(x - 0.2)", {}, "takes x - a, y - a here"),
        ("-laplacian(u) = dirac(2*x, y)", {}, "takes x minus a number"),
        ("-laplacian(u) = u*dirac(x, y)", {}, "strength of a point source must be a number"),
        ("dx(u) + dy(u) = dirac(x, y)", {}, r"needs laplacian\(u\)"),
        ("-x*laplacian(u) = dirac(x, y)", {}, "is 0 at"),
        ("-laplacian(u) = dirac(x, y)**2", {}, "stands in equations"),
        ("dt(u) - laplacian(u) = dirac(x, y)", {"time": {"interval": [0, 1]}}, "beside time"),
        ("-laplacian(u) = dirac(x, y)", {"eigen": {"count": 1}}, "does not go with point sources"),
    ],
)
def test_a_message_says_what_is_wrong(equation: str, keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read(equation, **keys)
