"""Ellipses and level sets: smooth curves as polynomials of their arc length."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from kanpde.config.problem.shapes import EllipseShape, read_shape, shape_tree
from kanpde.config.reader import Reader
from kanpde.domains.build import build_domain
from kanpde.domains.outline import corners
from kanpde.domains.plane.bends import ellipse
from kanpde.domains.plane.level_sets import negative
from kanpde.domains.plane.planar import Planar
from kanpde.errors import ConfigError
from kanpde.numerics.outlines import encloses
from kanpde.numerics.quadrature import Array

CENTER, RADII, TURN = np.array([0.3, -0.2]), (2.0, 0.7), 25.0


def planar(tree: object) -> Planar:
    domain = build_domain(read_shape(Reader(tree, "test", ("problem", "domain"))))
    assert isinstance(domain, Planar)
    return domain


def an_ellipse(center: Array = CENTER, radii: tuple[float, float] = RADII) -> dict[str, object]:
    return {"ellipse": {"center": center.tolist(), "radii": list(radii), "angle": TURN}}


def local(x: Array) -> Array:
    """Coordinates in which the ellipse is the unit circle."""
    along = np.array([math.cos(math.radians(TURN)), math.sin(math.radians(TURN))])
    away = x - CENTER
    return np.stack([away @ along, away @ [-along[1], along[0]]], axis=1) / RADII


def test_length_and_area_of_an_ellipse() -> None:
    from scipy.special import ellipe

    domain = planar(an_ellipse())
    assert domain.measure == pytest.approx(math.pi * math.prod(RADII), rel=1e-13)
    around = 4 * RADII[0] * ellipe(1 - (RADII[1] / RADII[0]) ** 2)
    assert domain.part_measure("ellipse") == pytest.approx(around, rel=1e-13)
    assert len(corners(domain.curves)) == 0


def test_points_and_normals_of_an_ellipse() -> None:
    points = planar(an_ellipse()).part_quadrature("ellipse", 200)
    assert points.normal is not None
    assert np.linalg.norm(local(points.x), axis=1) == pytest.approx(
        np.ones(len(points.x)), abs=1e-12
    )
    outward = local(points.x + 1e-6 * points.normal)
    assert (np.linalg.norm(outward, axis=1) > 1).all()
    # ∫ x n_x ds is the area
    area = points.w @ (points.x[:, 0] * points.normal[:, 0])
    assert area == pytest.approx(math.pi * math.prod(RADII), rel=1e-7)


def test_what_an_ellipse_encloses() -> None:
    x = np.random.default_rng(0).uniform(-2.5, 2.5, (4000, 2))
    inside = np.linalg.norm(local(x), axis=1) < 1
    assert (planar(an_ellipse()).contains(x, 0.0) == inside).all()
    bends = ellipse(CENTER, RADII, math.radians(TURN), "rim")
    assert (encloses(np.array([bend.coefficients for bend in bends]), x) == inside).all()


OTHERS: dict[str, object] = {
    "disk": {"disk": {"center": [1.5, 0.4], "radius": 0.8}},
    "rectangle": {"rectangle": {"lower": [0, -1], "upper": [1, 0.1]}},
    "ellipse": {"ellipse": {"center": [1, 0.3], "radii": [0.5, 1.5], "name": "other"}},
    "hole": {"disk": {"center": [0.4, -0.1], "radius": 0.2}},
}


@pytest.mark.parametrize("other", OTHERS)
def test_unions_and_intersections_with_an_ellipse(other: str) -> None:
    first, second = an_ellipse(), OTHERS[other]
    apart = (
        planar(first).measure
        + build_domain(read_shape(Reader(second, "test", ("problem", "domain")))).measure
    )
    union, both = ({name: [first, second]} for name in ("union", "intersection"))
    assert planar(union).measure + planar(both).measure == pytest.approx(apart, rel=1e-11)
    without = planar({"difference": [first, second]})
    assert without.measure + planar(both).measure == pytest.approx(planar(first).measure, rel=1e-11)
    rule = without.quadrature(2000)
    mean = rule.w @ rule.x[:, 0]
    rim = [without.part_quadrature(part, 2000) for part in without.parts]
    by_rim = sum(p.w @ (p.x[:, 0] ** 2 / 2 * p.normal[:, 0]) for p in rim if p.normal is not None)
    assert mean == pytest.approx(by_rim, rel=1e-6, abs=1e-8)


LEVELS: dict[str, tuple[Callable[[Array], Array], float | None]] = {
    "quartic": (lambda x: x[:, 0] ** 4 + x[:, 1] ** 4 - 0.1, 3.708149354602744 * math.sqrt(0.1)),
    "wave": (lambda x: x[:, 1] - 0.3 * np.sin(3 * x[:, 0]), None),
    "two": (lambda x: np.sum((x**2 - [0.2, 0]) ** 2 * [1, 3], axis=1) - 0.02, None),
}


@pytest.mark.parametrize("name", LEVELS)
def test_level_sets(name: str) -> None:
    f, area = LEVELS[name]
    region = negative(f, np.array([-1.03, -1.02]), np.array([1.01, 1.04]), "rim")
    assert region is not None
    x = np.random.default_rng(0).uniform(-1, 1, (3000, 2))
    assert ((region.level(x) < 0) == (f(x) < 0)).all()
    if area is not None:
        assert Planar(region, ("rim",)).measure == pytest.approx(area, rel=1e-12)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.sum(x**2, axis=1) ** 2 - 0.25 * (x[:, 0] ** 2 - x[:, 1] ** 2),
        lambda x: np.abs(x).max(axis=1) - 0.3,
        lambda x: np.sqrt(x[:, 0]) - 0.3,
    ],
    ids=["crosses itself", "corners", "undefined"],
)
@pytest.mark.filterwarnings("ignore:invalid value")
def test_level_sets_without_smooth_curves(f: object) -> None:
    assert negative(f, np.array([-1.03, -1.02]), np.array([1.01, 1.04]), "rim") is None  # type: ignore[arg-type]


def test_an_ellipse_is_read_and_written() -> None:
    tree = {"ellipse": {"center": [0.0, 1.0], "radii": [2.0, 1.0], "angle": 30.0, "name": "rim"}}
    shape = read_shape(Reader(tree, "test", ("problem", "domain")))
    assert shape == EllipseShape((0.0, 1.0), (2.0, 1.0), 30.0, "rim")
    assert shape_tree(shape) == tree


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"ellipse": {"center": [0, 0], "radii": [1, 0.001]}}, "at most 100 times the other"),
        ({"ellipse": {"center": [0, 0], "radii": 1}}, "a list of 2 numbers"),
        ({"ellipse": {"center": [0, 0], "radius": [1, 1]}}, "did you mean 'radii'"),
        (
            {"extrusion": {"base": an_ellipse(), "lower": 0, "upper": 1}},
            "an extrusion takes no ellipse",
        ),
    ],
)
def test_wrong_ellipses(tree: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_shape(Reader(tree, "test", ("problem", "domain")))
