"""Vector unknowns are read as their components."""

from __future__ import annotations

from typing import Any

import pytest

from kanpde.config.problem.statement import ProblemConfig, problem_tree
from kanpde.config.validate import validate_problem
from kanpde.errors import ConfigError
from kanpde.problem.problem import Problem


def read(equations: Any, **keys: Any) -> ProblemConfig:
    tree: dict[str, Any] = {
        "unknowns": [{"u": "vector"}],
        "domain": {"rectangle": {"lower": [0, 0], "upper": [1, 1]}},
        "equations": equations,
        "conditions": [{"part": "boundary", "equation": "u = 0"}],
    }
    return validate_problem(tree | keys, "my.yaml")


def test_an_equation_of_vectors_is_one_for_each_component() -> None:
    sigma = {"sigma": "2*sym(grad(u)) + trace(grad(u))*eye"}
    problem = read("-div(sigma) = [x, 1]", definitions=sigma)
    assert problem.unknowns == ("ux", "uy")
    assert problem.equations == (
        "dot(-div(sigma), [1, 0]) = dot([x, 1], [1, 0])",
        "dot(-div(sigma), [0, 1]) = dot([x, 1], [0, 1])",
    )
    assert problem.conditions[0].equation == "dot(u, [1, 0]) = 0"
    assert problem.vectors == {"u_vector": ("ux", "uy")}
    assert validate_problem(problem_tree(problem), "my.yaml") == problem


def test_scalars_stand_beside_them() -> None:
    problem = read(
        ["-laplacian(u) + grad(p) = 0", {"equation": "div(u) = 0", "name": "mass"}],
        unknowns=[{"u": "vector"}, "p"],
        conditions=[{"part": "boundary", "equation": "u = 0"}, {"mean": "p = 0"}],
    )
    assert problem.unknowns == ("ux", "uy", "p")
    assert problem.names == ("equation 1", "equation 2", "mass")


def test_elasticity_in_space_is_that_of_components() -> None:
    """`Problem.create` puts the exact solution into the equations."""
    problem = read(
        "-div(2*sym(grad(u)) + trace(grad(u))*eye) = [-2, -2, -2]",
        domain={"box": {"lower": [0, 0, 0], "upper": [1, 1, 1]}},
        conditions=[{"part": "boundary", "equation": "u = [x*y, y*z, x*z]"}],
        exact={"u": "[x*y, y*z, x*z]"},
    )
    assert len(Problem.create(problem).equations) == 3


def test_modes_of_a_vector_are_written_by_components() -> None:
    problem = read("-div(sym(grad(u))) = lambda*u", eigen={"count": 2})
    assert problem.equations[0] == "dot(-div(sym(grad(u))), [1, 0]) = dot(lambda*u, [1, 0])"
    assert not problem.vectors


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"equations": "-laplacian(u) = x"}, "one side is a vector and the other a scalar"),
        ({"exact": {"u": ["x"]}}, "must be a vector with 2 components"),
        ({"domain": {"interval": [0, 1]}}, "take a shape in the plane or in space"),
        ({"unknowns": [{"u": "vektor"}]}, "must be one of real, complex"),
    ],
)
def test_a_message_says_what_is_wrong(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read(**({"equations": "-laplacian(u) = 0"} | keys))
