"""sum and prod over the coordinates of space: values, ranges of indices, errors, cost."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from kanpde.errors import ConfigError
from kanpde.expressions import Scope, parse_equation, parse_expression
from kanpde.expressions.evaluate import evaluate


def scope(count: int = 4, **keys: object) -> Scope:
    """x1 … xd and the unknown u, with what `keys` add."""
    return Scope(
        tuple(f"x{k}" for k in range(1, count + 1)),
        unknowns=("u",),
        **keys,  # type: ignore[arg-type]
    )


X = np.random.default_rng(0).uniform(-1, 1, (7, 4))
VALUES = {
    "sum(i, x[i]**2)": (X**2).sum(axis=1),
    "prod(k, 1 + x[k])": np.prod(1 + X, axis=1),
    "sum(i, i*x[i])": X @ [1, 2, 3, 4],
    "sum(i, i < 4, x[i]*x[i + 1])": (X[:, :-1] * X[:, 1:]).sum(axis=1),
    "sum(i, i >= 2 and i != 3, x[i])": X[:, 1] + X[:, 3],
    "sum(i, i > 4, x[i])": np.zeros(7),
    "prod(i, i > 4, x[i])": np.ones(7),
    "sum(i, sum(j, j > i, x[i]*x[j]))": (X.sum(axis=1) ** 2 - (X**2).sum(axis=1)) / 2,
    "x[2] - x2 + x[1 + 2]": X[:, 2],
    "sum(i, sin(x[i])*prod(j, j != i, cos(x[j])))": (
        np.tan(X).sum(axis=1) * np.cos(X).prod(axis=1)
    ),
}


@pytest.mark.parametrize("formula", VALUES)
def test_values(formula: str) -> None:
    (values,) = evaluate((parse_expression(formula, scope()),), torch.tensor(X))
    np.testing.assert_allclose(
        np.broadcast_to(values.numpy(), (7,)), VALUES[formula], rtol=1e-12, atol=1e-14
    )


def test_indices_stand_for_coordinates_in_derivatives() -> None:
    by_index = parse_equation("-sum(i, d(u, x[i], x[i])) = 1", scope())
    assert by_index == parse_equation("-laplacian(u) = 1", scope())


def test_time_and_the_names_of_coordinates_do_not_count() -> None:
    named = Scope(("x", "r", "t"), time=True, unknowns=("u",))
    assert parse_expression("sum(i, x[i])", named) == parse_expression("x + r", named)


def test_an_index_is_bound_in_definitions_as_in_formulas_and_not_handed_to_them() -> None:
    given = scope(definitions={"r2": "sum(i, x[i]**2)", "wrong": "i + 1"})
    assert parse_expression("sum(i, r2)", given) == parse_expression("r2 + r2 + r2 + r2", given)
    with pytest.raises(ConfigError, match=r"definition 'wrong'.*unknown name 'i'"):
        parse_expression("sum(i, wrong)", given)


def test_names_of_the_problem_come_before_sum_and_prod() -> None:
    given = scope(parameters={"sum": 3.0})
    with pytest.raises(ConfigError, match="'sum' is not a function; write 'sum\\*"):
        parse_expression("sum(i, x[i])", given)


def test_vectors_are_added_by_components() -> None:
    plane = Scope(("x", "y"), unknowns=("u",))
    summed = parse_expression("div(sum(i, i*grad(u)))", plane)
    assert summed == parse_expression("div(3*grad(u))", plane)


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        ("sum(i, x[i + 1])", r"x\[5\] does not exist, .*restrict the index, as in sum\(i, i < 4"),
        ("x[0]", r"x\[0\] does not exist"),
        ("x[1.5]", "x.* takes a whole number or an index"),
        ("x[u]", "x.* takes a whole number or an index"),
        ("u[1]", "'u' takes no index, x.* alone does"),
        ("sum(x1, 1)", "'x1' has a meaning already and cannot be an index"),
        ("sum(sin, 1)", "'sin' has a meaning already and cannot be an index"),
        ("sum(i, sum(i, 1))", "'i' is an index here already; take another name"),
        ("sum(3, 1)", "'sum' begins with the name of an index"),
        ("sum(i, x1, 3)", "the condition of an index is a comparison, as in j != i, found ','"),
        ("sum(i, x1 > 0, 3)", "the condition of an index compares indices and numbers alone"),
        ("i + sum(i, x[i])", r"unknown name 'i'; write sum\(i, ...\)"),
        ("sum(i)", "expected ',', found"),
        ("x1 != 2", "found '!='; compare by < or >"),
    ],
)
def test_mistakes_have_their_rule_and_remedy(formula: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_expression(formula, scope())


def test_a_hundred_coordinates_fit_and_three_nested_sums_of_them_do_not() -> None:
    many = scope(100)
    node = parse_expression("sum(i, sin(2*pi*x[i])*prod(j, j != i, cos(pi*x[j]/2)))", many)
    assert len(node.children) == 100
    assert len(parse_expression("sum(i, sum(j, x[i]*x[j]))", many).children) == 5050
    with pytest.raises(ConfigError, match="it expands to more than"):
        parse_expression("sum(i, sum(j, sum(k, x[i]*x[j]*x[k])))", many)
