"""Linear equations over ranges of parameters, whose coefficients jump or hold several of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import kanpde
from kanpde.config import validate
from kanpde.numerics.jets import JetSpace
from kanpde.numerics.piecewise import Line
from kanpde.problem.posing import posed
from kanpde.products import families
from kanpde.products.affine_terms import NotAffineError, WeakForms
from kanpde.products.families import begun
from kanpde.products.reduction import shortened
from kanpde.trial.surrogate import Surrogate


def tree(equation: str, **keys: Any) -> dict[str, Any]:
    problem = {
        "name": "family",
        "unknowns": ["u"],
        "domain": {"interval": [0, 1]},
        "parameter_ranges": {"a": [1, 4], "b": [1, 10]},
        "equations": [equation],
        "conditions": [{"part": ["left", "right"], "equation": "u = 0"}],
    }
    output = {"vtu": False, "plots": False}
    return {"problem": problem | keys, "output": output, "seconds": 1000}


TWO = "-d(where(x < 0.5, a, b)*d(u, x), x) = 1"


def two_materials(x: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """k u' = c - x with k = a left of 1/2 and b right of it, u = 0 at both ends."""
    c = (1 / 8 / a + 3 / 8 / b) / (1 / 2 / a + 1 / 2 / b)
    left = (c * x - x**2 / 2) / a
    right = (c * (x - 1) - (x**2 - 1) / 2) / b
    return np.asarray(np.where(x < 0.5, left, right))


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> tuple[kanpde.Solution, Path]:
    folder = tmp_path_factory.mktemp("family") / "run"
    return kanpde.solve(tree(TWO), out=folder), folder


def test_two_materials_are_solved_for_all_of_both(two: tuple[kanpde.Solution, Path]) -> None:
    solution, _ = two
    x = np.random.default_rng(0).uniform([0, 1, 1], [1, 4, 10], (500, 3))
    wanted = two_materials(*x.T)
    error = np.linalg.norm(solution(x)[:, 0] - wanted) / np.linalg.norm(wanted)
    assert error < 1e-6
    assert solution.result.estimate is not None and error < 3 * solution.result.estimate
    assert solution.result.verdict.trusted


def test_values_and_slopes_are_met() -> None:
    """k u' = 1 - x, u(0) = 2: u = 2 + (x - x²/2)/a up to 1/2, then on with b."""
    conditions = [
        {"part": "left", "equation": "u = 2"},
        {"part": "right", "equation": "dn(u) = 0"},
    ]
    solution = kanpde.solve(tree(TWO, conditions=conditions))
    assert isinstance(solution.trial, Surrogate)
    points = np.random.default_rng(0).uniform([0, 1, 1], [1, 4, 10], (300, 3))
    x, a, b = points.T
    left = 2 + (np.minimum(x, 0.5) - np.minimum(x, 0.5) ** 2 / 2) / a
    wanted = left + np.where(x > 0.5, (x - x**2 / 2 - 3 / 8) / b, 0.0)
    np.testing.assert_allclose(solution(points)[:, 0], wanted, rtol=1e-6)


def test_values_on_sides_are_met() -> None:
    """u = x + y² of -div((a + b x) grad u) = -b - 2 (a + b x)."""
    solution = kanpde.solve(
        tree(
            "div((a + b*x)*grad(u)) = b + 2*(a + b*x)",
            domain={"rectangle": {"lower": [0, 0], "upper": [1, 1]}},
            conditions=[{"part": ["left", "right", "bottom", "top"], "equation": "u = x + y**2"}],
        )
    )
    x = np.random.default_rng(0).uniform([0, 0, 1, 1], [1, 1, 4, 10], (200, 4))
    np.testing.assert_allclose(solution(x)[:, 0], x[:, 0] + x[:, 1] ** 2, rtol=1e-6)


def test_a_family_is_read_back_to_the_same_bits(two: tuple[kanpde.Solution, Path]) -> None:
    solution, folder = two
    again = kanpde.load(folder)
    x = np.array([[0.3, 2.0, 7.0], [0.9, 1.0, 10.0]])
    assert (again(x) == solution(x)).all()


def test_mean_and_variance_are_those_of_the_exact_solution(
    two: tuple[kanpde.Solution, Path],
) -> None:
    z, w = np.polynomial.legendre.leggauss(40)
    a, b = np.meshgrid(2.5 + 1.5 * z, 5.5 + 4.5 * z, indexing="ij")
    weights = np.outer(w, w) / 4
    places = np.array([0.2, 0.5, 0.7])
    over = two[0].sensitivity(places[:, None])
    for k, x in enumerate(places):
        values = two_materials(np.full_like(a, x), a, b)
        first, second = (weights * values).sum(), (weights * values**2).sum()
        assert over.mean[k] == pytest.approx(first, rel=3e-6)
        assert over.variance[k] == pytest.approx(second - first**2, rel=1e-4)


def test_derivatives_are_those_of_differences(two: tuple[kanpde.Solution, Path]) -> None:
    trial, h = two[0].trial, 1e-4
    x = torch.tensor([[0.31, 2.1, 7.3], [0.77, 1.7, 3.3]], dtype=torch.float64)
    space = JetSpace.closure([(2, 0, 0), (0, 1, 0), (1, 0, 1)], 3)
    with torch.no_grad():
        jet = trial.jet(trial.locate(x, space))

        def at(*shift: float) -> np.ndarray:
            return trial.evaluate(x + h * torch.tensor(shift, dtype=torch.float64))[:, 0].numpy()

        wanted = {
            (0, 0, 0): at(0, 0, 0),
            (2, 0, 0): (at(1, 0, 0) - 2 * at(0, 0, 0) + at(-1, 0, 0)) / h**2,
            (0, 1, 0): (at(0, 1, 0) - at(0, -1, 0)) / (2 * h),
            (1, 0, 1): (at(1, 0, 1) - at(-1, 0, 1) - at(1, 0, -1) + at(-1, 0, -1)) / (4 * h**2),
        }
    for index, values in wanted.items():
        np.testing.assert_allclose(jet.derivative(index)[0].numpy(), values, rtol=1e-5, atol=1e-7)


def test_squares_of_two_materials_meet_solutions_of_the_patches() -> None:
    """A product of two jumps, with a reaction, against the same problem at fixed numbers."""
    inside = "where(x > 0.25 and x < 0.5, where(y > 0.25 and y < 0.5, 1, 0), 0)"
    keys: dict[str, Any] = {
        "domain": {"rectangle": {"lower": [0, 0], "upper": [1, 1]}},
        "conditions": [{"part": ["left", "right", "bottom", "top"], "equation": "u = 0"}],
        "parameter_ranges": {"a": [0, 9], "b": [0, 20]},
        "equations": [f"-div((1 + a*{inside})*grad(u)) + b*u = 1"],
    }
    solution = kanpde.solve(tree("", **keys) | {"tolerance": 1e-3})
    assert isinstance(solution.trial, Surrogate)
    fixed = keys | {"parameters": {"a": 7.0, "b": 5.0}}
    del fixed["parameter_ranges"]
    problem = tree("", **fixed)
    del problem["problem"]["parameter_ranges"]
    beside = kanpde.solve(problem | {"tolerance": 1e-3})
    x = np.random.default_rng(0).uniform(0, 1, (300, 2))
    wanted = beside(x)[:, 0]
    values = solution(np.column_stack([x, np.full(300, 7.0), np.full(300, 5.0)]))[:, 0]
    assert np.linalg.norm(values - wanted) < 2e-3 * np.linalg.norm(wanted)


@pytest.mark.parametrize(
    ("equation", "words"),
    [
        ("-where(x < 0.5, a, b)*dxx(u) = 1", "divergence"),
        ("-d(where(x < 0.5, a, b)*d(u, x), x) + where(x < 0.5, a, b)*dx(u) = 1", None),
        ("-where(x < 0.5, a, b)*d((1 + x*where(x < 0.5, 1, 2))*d(u, x), x) = 1", "divergence"),
        ("-d(exp(a*b*x)*d(u, x), x) = 1", "functions of one parameter"),
        ("-d((1 + a*x)*d(u, x), x) + d(u, a) = b", "derivatives by space"),
    ],
)
def test_forms_are_those_under_a_divergence(equation: str, words: str | None) -> None:
    problem = posed(validate(tree(equation), source="test").problem)
    if words is None:
        text = [form for form in WeakForms.of(problem, 1).forms if form.tested == 0]
        assert len(text) == 2
    else:
        with pytest.raises(NotAffineError, match=words):
            WeakForms.of(problem, 1)


@pytest.mark.parametrize(
    "keys",
    [
        {"parameter_ranges": {"a": [1, 4]}, "equations": ["-d((1 + a*x)*d(u, x), x) = 1"]},
        {"conditions": [{"part": ["left", "right"], "equation": "u = a"}]},
        {"equations": ["-d((1 + a*exp(-1e9*(x - 0.3)**2) + b)*d(u, x), x) = 1"]},
    ],
    ids=["one parameter", "values of parameters", "narrow"],
)
def test_other_problems_are_left_to_other_ways(keys: dict[str, Any]) -> None:
    assert begun(validate(tree(TWO, **keys), source="test")) is None


def test_piecewise_polynomials_meet_at_the_places() -> None:
    line = Line.graded([0.0, 0.4, 1.0], 4, 2)
    assert len(line.places) == 7
    coefficients = np.random.default_rng(0).standard_normal(line.count)
    for place in line.places[1:-1]:
        numbers, values = line.rows(np.array([place - 1e-13, place]))
        left, right = (coefficients[numbers] * values).sum(axis=1)
        assert left == pytest.approx(right, abs=1e-9)
    slopes = line.rows(np.array([0.2]), 1)[1]
    before, behind = (line.rows(np.array([0.2 + s * 1e-6]))[1] for s in (-1, 1))
    np.testing.assert_allclose(slopes, (behind - before) / 2e-6, atol=1e-6)


def test_values_that_disagree_at_a_corner_go_another_way() -> None:
    """A coefficient of the grid cannot belong to two faces with two values."""
    square = {"rectangle": {"lower": [0, 0], "upper": [1, 1]}}

    def family(top: str) -> Any:
        conditions = [
            {"part": "top", "equation": f"u = {top}"},
            {"part": ["left", "right"], "equation": "u = y"},
            {"part": "bottom", "equation": "u = 0"},
        ]
        equation = "-div(where(x < 0.5, a, b)*grad(u)) = 1"
        return begun(validate(tree(equation, domain=square, conditions=conditions), source="t"))

    assert family("1") is not None
    assert family("1 + 1e-4") is None


def test_a_large_chain_is_cut_to_what_the_tolerance_asks_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = kanpde.solve(tree(TWO), tolerance=1e-5)
    monkeypatch.setattr(families, "LARGE", 0)
    shorter = kanpde.solve(tree(TWO), tolerance=1e-5)
    x = np.random.default_rng(0).uniform([0, 1, 1], [1, 4, 10], (500, 3))
    wanted = two_materials(*x.T)
    error = np.linalg.norm(shorter(x)[:, 0] - wanted) / np.linalg.norm(wanted)
    assert shorter.trial.parameter_count < whole.trial.parameter_count
    assert shorter.result.estimate is not None and shorter.result.estimate <= 1e-5
    assert 1e-7 < error < 1e-5


def test_layers_are_cut_within_the_error_that_is_allowed() -> None:
    """Of 1/(1 + p + q) on [0, 1]² by Legendre polynomials: ranks and degrees fall."""
    z, w = np.polynomial.legendre.leggauss(30)
    rows = np.polynomial.legendre.legvander(z, 29) * np.sqrt(2 * np.arange(30) + 1) * w[:, None] / 2
    table = rows.T @ (1 / (2 + (z[:, None] + z) / 2)) @ rows
    combinations, layers = shortened([np.eye(30)[None], table[:, :, None]], 1e-4)
    after = combinations[0] @ layers[0].reshape(layers[0].shape[0], -1)
    after = after.reshape(-1, layers[0].shape[2]) @ layers[1][:, :, 0]
    full = np.zeros((30, 30))
    full[: after.shape[0], : after.shape[1]] = after
    assert max(after.shape) < 10 and layers[1].shape[0] < 6
    assert np.linalg.norm(full - table) <= 1.2e-4 * np.linalg.norm(table)


def test_fields_of_many_waves_are_families() -> None:
    """A field of a Karhunen-Loève kind: -(k u')' = 1 with k of four waves, the fourth of which is narrow."""
    field = "2 + 0.5*a*cos(pi*x) + 0.25*b*cos(2*pi*x) + 0.1*c*cos(6*pi*x)"
    ranges = {"a": [-1, 1], "b": [-1, 1], "c": [-1, 1]}
    solution = kanpde.solve(tree(f"-d(({field})*d(u, x), x) = 1", parameter_ranges=ranges))
    assert isinstance(solution.trial, Surrogate) and solution.result.verdict.trusted
    z, w = np.polynomial.legendre.leggauss(200)
    generator = np.random.default_rng(0)
    for p in generator.uniform(-1, 1, (5, 3)):

        def integral(end: float, power: int, p: np.ndarray = p) -> float:
            x = (z + 1) / 2 * end
            k = 2 + np.cos(np.pi * np.outer(x, [1, 2, 6])) @ (p * [0.5, 0.25, 0.1])
            return float((w * x**power / k).sum() * end / 2)

        flux = integral(1, 1) / integral(1, 0)
        x = np.linspace(0.1, 0.9, 9)
        wanted = [flux * integral(end, 0) - integral(end, 1) for end in x]
        values = solution(np.column_stack([x, np.tile(p, (9, 1))]))[:, 0]
        assert np.linalg.norm(values - wanted) < 5e-6 * np.linalg.norm(wanted)


def test_a_resonance_in_the_ranges_is_told() -> None:
    """-a u'' - b u = 1 has none of its solutions where b = a π²."""
    solution = kanpde.solve(tree("-d(a*d(u, x), x) - 2*b*u = 1"))
    result = solution.result
    assert not result.verdict.trusted and result.estimate is None
    (warning,) = [text for text in result.verdict.warnings if "eigenvalue" in text]
    assert warning.startswith("between (a = 1, b = 1) and (a = ")
    assert "give parameter_ranges without such places" in warning
