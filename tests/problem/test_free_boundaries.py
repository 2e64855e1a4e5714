"""Where a solution rests on its obstacle, and the problems that stand in for one with it."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from kanpde.api import configure
from kanpde.config import ProblemConfig
from kanpde.errors import ConfigError
from kanpde.numerics.quadrature import Array
from kanpde.problem.complementarity import obstacles, penalised, pressed_on
from kanpde.problem.free_boundaries import resting_in_the_plane, resting_on_a_line


def everywhere(x: Array) -> NDArray[np.bool_]:
    return np.ones(len(x), dtype=bool)


def box() -> tuple[Array, Array]:
    return np.array([-1.0, -1.0]), np.array([1.0, 1.0])


def stated(equation: str, unknowns: tuple[str, ...] = ("u",)) -> ProblemConfig:
    conditions = [{"part": "boundary", "equation": f"{name} = 0"} for name in unknowns]
    tree = {
        "unknowns": list(unknowns),
        "domain": {"interval": [0, 1]},
        "equations": [equation, *(f"dxx({name}) = 1" for name in unknowns[1:])],
        "conditions": conditions,
    }
    return configure({"problem": tree}).problem


def test_an_ellipse_is_met_by_waves() -> None:
    def gap(x: Array) -> Array:
        return np.asarray((x[:, 0] - 0.1) ** 2 / 0.36 + x[:, 1] ** 2 / 0.16 - 1)

    star = resting_in_the_plane(gap, everywhere, *box())
    assert star is not None
    assert star.inside
    assert np.abs(gap(star.rim()[0])).max() < 1e-2
    for _ in range(2):  # shorter steps keep finer waves
        x, _, normal = star.rim()
        slope = np.column_stack([2 * (x[:, 0] - 0.1) / 0.36, 2 * x[:, 1] / 0.16])
        star = star.moved(-gap(x) / np.einsum("ij,ij->i", slope, normal))
    assert np.abs(gap(star.rim()[0])).max() < 1e-5


def test_a_step_along_the_normals_of_a_circle_is_one_of_its_radius() -> None:
    star = resting_in_the_plane(lambda x: (x**2).sum(axis=1) - 0.25, everywhere, *box())
    assert star is not None
    moved = star.moved(np.full(len(star.rim()[0]), 0.125))
    assert moved.coefficients[0] == pytest.approx(0.625, abs=1e-12)
    assert moved.formula(["x", "y"]).count("atan2") == 0


def test_what_rests_around_a_free_middle_is_its_outside() -> None:
    star = resting_in_the_plane(lambda x: 0.25 - (x**2).sum(axis=1), everywhere, *box())
    assert star is not None
    assert not star.inside
    assert ">" in star.formula(["x", "y"])


def test_two_spots_are_no_star() -> None:
    def gap(x: Array) -> Array:
        return np.asarray((np.abs(x[:, 0]) - 0.6) ** 2 + x[:, 1] ** 2 - 0.04)

    assert resting_in_the_plane(gap, everywhere, *box()) is None


def test_intervals_of_a_line() -> None:
    rests = resting_on_a_line(lambda x: np.cos(2 * np.pi * x[:, 0]), 0.0, 1.0)
    assert rests.ends == pytest.approx(np.array([[0.25, 0.75]]), abs=1e-3)


@pytest.mark.parametrize("text", ["min(u - x, -dxx(u)) = 0", "min(-dxx(u), u - x) = 0"])
def test_the_equation_is_what_holds_derivatives(text: str) -> None:
    (obstacle,) = obstacles(stated(text))
    assert obstacle.text.equation == "-dxx(u)"
    assert obstacle.text.lower == "u - x"
    (equation,) = penalised(stated(text), [obstacle], [7.0]).equations
    assert equation == "(-dxx(u)) - 7.0*max(-(u - x), 0) = 0"


@pytest.mark.parametrize("text", ["min(-dxx(u), u**2 - x) = 0", "min(-dxx(u), u + v) = 0"])
def test_other_uses_of_min_are_no_obstacles(text: str) -> None:
    assert not obstacles(stated(text, ("u", "v")))


def test_an_equation_of_the_wrong_sign_is_refused() -> None:
    with pytest.raises(ConfigError, match="change the sign"):
        obstacles(stated("min(dxx(u), u - x) = 0"))


def test_what_presses_is_the_equation_at_the_obstacle() -> None:
    text = pressed_on("-dxx(u) + u**3", "u - x**2", "u", "x < 1")
    assert (
        text == "-dxx(u) + u**3 = where(x < 1, -dxx(-(0.0 - x ** 2)) + (-(0.0 - x ** 2)) ** 3, 0)"
    )
