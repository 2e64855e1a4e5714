"""Terms that are narrow in the unknowns, between the points of a path."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kanpde.config import validate_problem
from kanpde.problem.passages import Numbers, Passages, Spans
from kanpde.problem.problem import Problem

ARRAY = np.ndarray[Any, np.dtype[np.float64]]


def passages(equation: str) -> Passages:
    tree = {
        "name": "passages",
        "unknowns": ["u"],
        "time": {"interval": [0, 1]},
        "equations": [equation],
        "conditions": [{"part": "initial", "equation": "u = 0"}],
    }
    return Passages.of(Problem.create(validate_problem(tree, "test")).equations, 1)


def risen(formula: str, least: float = 1e-9, scale: float = 1.0) -> ARRAY:
    """Where a formula may bend along u = t, between 25 points."""
    of_formula = passages(f"dt(u) = {formula}")

    def paths(_: Numbers, at: ARRAY) -> ARRAY:
        columns = {0: at, 1: np.ones_like(at)}
        return np.stack([at, *(columns[jet.index[0]] for jet in of_formula.jets)], axis=1)

    spans = Spans.of(np.linspace(0.0, 1.0, 25), 1)
    return of_formula.between(paths, spans, np.array([scale]), least).begin


@pytest.mark.parametrize(
    "formula",
    [
        "exp(-((u - 0.61371)/1e-6)**2)/1e-6",
        "1/(1 + ((u - 0.61371)/1e-6)**2)",
        "tanh((u - 0.61371)/1e-6)",
        "where(u > 0.61371, where(u < 0.613711, 1, 0), 0)",
        "1/sqrt((u - 0.61371)**2 + 1e-12)",
    ],
)
def test_what_is_narrow_in_u_is_found_at_any_width(formula: str) -> None:
    further = risen(formula, 1e-12)
    assert np.abs(further - 0.61371).min() < 2e-6
    assert len(further) < 1000


@pytest.mark.parametrize("formula", ["u**3 - u", "u*u", "sin(2*t)", "exp(-((t - 0.6)/1e-4)**2)"])
def test_gentle_terms_and_those_of_coordinates_alone_are_no_passages(formula: str) -> None:
    assert not passages(f"dt(u) = {formula}").terms


def test_smooth_terms_ask_for_few_points() -> None:
    assert len(risen("exp(-u)")) < 25


def test_what_cannot_count_is_not_looked_at() -> None:
    assert len(risen("exp(-((u - 0.61371)/1e-6)**2)", least=1e-2)) < 100
    assert len(risen("1e-9*exp(-((u - 0.61371)/1e-6)**2)", least=1e-6)) == 0


def test_a_narrow_term_does_not_make_its_formula_large() -> None:
    of_formula = passages("dt(u) = exp(-((u - 0.5)/1e-6)**2)/1e-6")
    points = np.array([[0.5, *(0.5 if jet.order == 0 else 1.0 for jet in of_formula.jets)]])
    scales = of_formula.scales(points, np.array([2.0]), np.array([4.0]))
    assert scales == pytest.approx([1.0])  # of dt(u), and 2/4 of the size of u over the time
