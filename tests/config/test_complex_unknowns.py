"""Complex unknowns become their real and imaginary parts where a problem is read."""

from __future__ import annotations

from typing import Any

import pytest

from kanpde.config.problem.statement import ProblemConfig, problem_tree
from kanpde.config.validate import validate_problem
from kanpde.errors import ConfigError

SIDES = ["left", "right"]


def read(**keys: Any) -> ProblemConfig:
    tree: dict[str, Any] = {
        "unknowns": [{"u": "complex"}],
        "domain": {"interval": [0, 1]},
        "equations": ["dxx(u) + k**2*u = 0"],
        "parameters": {"k": 3},
        "conditions": [{"part": SIDES, "equation": "dn(u) - I*k*u = 0"}],
    }
    return validate_problem(tree | keys, "my.yaml")


def test_an_unknown_and_all_that_holds_it_become_two() -> None:
    problem = read(
        exact={"u": "exp(I*k*x)"},
        quantities={"flux": "dx(u)", "power": "im(conj(u)*dx(u))"},
        vectors={"g": ["u", "x"]},
    )
    assert problem.unknowns == ("u_re", "u_im")
    assert problem.definitions == {"u": "u_re + I*u_im"}
    assert problem.equations == (
        "re(dxx(u) + k**2*u) = re(0)",
        "im(dxx(u) + k**2*u) = im(0)",
    )
    assert [condition.equation for condition in problem.conditions] == [
        "re(dn(u) - I*k*u) = re(0)",
        "im(dn(u) - I*k*u) = im(0)",
    ]
    assert problem.exact == {"u_re": "re(exp(I*k*x))", "u_im": "im(exp(I*k*x))"}
    assert problem.quantities == {
        "u_abs": "abs(u)",
        "u_arg": "arg(u)",
        "flux_re": "re(dx(u))",
        "flux_im": "im(dx(u))",
        "power": "im(conj(u)*dx(u))",
    }
    assert problem.vectors == {"g_re": ("re(u)", "re(x)"), "g_im": ("im(u)", "im(x)")}


def test_what_is_written_reads_back() -> None:
    problem = read(exact={"u": "exp(I*k*x)"})
    assert validate_problem(problem_tree(problem), "my.yaml") == problem


def test_real_equations_stay_one() -> None:
    problem = read(
        unknowns=[{"u": "complex"}, "T"],
        definitions={"heat": "abs(u)**2", "eps": "2 + I*x", "c": "3*heat"},
        equations=[
            {"equation": "dxx(u) + eps*u = 0", "name": "wave"},
            "-dxx(T) = c + re(eps*u) + im( (u) )",
        ],
        conditions=[{"part": SIDES, "equation": ["u = 1", "T = 0"]}],
    )
    assert problem.unknowns == ("u_re", "u_im", "T")
    assert problem.names == ("wave_re", "wave_im", "equation 3")
    assert problem.equations[2] == "-dxx(T) = c + re(eps*u) + im( (u) )"
    assert [condition.equation for condition in problem.conditions] == [
        "re(u) = re(1)",
        "im(u) = im(1)",
        "T = 0",
    ]


def test_a_mean_and_a_manufactured_source() -> None:
    problem = read(
        equations=["dxx(u) + k**2*u = f"],
        definitions={"f": "manufactured"},
        exact={"u": "x*(1 + I*x)"},
        conditions=[{"mean": "u = 0"}, {"part": SIDES, "equation": "dn(u) = 0"}],
    )
    assert problem.definitions == {
        "u": "u_re + I*u_im",
        "f": "f_re + I*f_im",
        "f_re": "manufactured",
        "f_im": "manufactured",
    }
    assert [c.equation for c in problem.conditions if c.kind == "mean"] == [
        "re(u) = re(0)",
        "im(u) = im(0)",
    ]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"unknowns": [{"u": "complexx"}]}, "found 'complexx', did you mean 'complex'?"),
        ({"parameters": {"k": 1, "I": 2}}, "parameters.I: the name 'I' has a meaning beside"),
        ({"definitions": {"re": "x"}}, "definitions.re: the name 're' has a meaning beside"),
        ({"parameters": {"k": 1, "u_re": 2}}, "'u_re' is what a part of the complex unknown 'u'"),
        ({"unknowns": [{"u": "complex"}, "u_im"]}, "the name 'u_im' is already used"),
        ({"eigen": {"count": 2}}, "eigen: does not go with complex unknowns"),
    ],
)
def test_what_is_refused(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(**keys)
    assert message in str(caught.value)
