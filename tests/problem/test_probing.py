"""Narrow features of formulas are found wherever they are, and smooth formulas have none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kanpde import api
from kanpde.errors import ConfigError
from kanpde.problem.feature_search import Feature
from kanpde.problem.posing import features, posed
from kanpde.problem.probing import unresolved
from kanpde.problem.problem import Problem

LINE = {"interval": {"lower": 0, "upper": 1}}
SQUARE = {"rectangle": {"lower": [0, 0], "upper": [1, 1]}}
DISK = {"disk": {"center": [0, 0], "radius": 1}}
BALL = {"ball": {"center": [0, 0, 0], "radius": 1}}
CUBE = {"box": {"lower": [0, 0, 0], "upper": [1, 1, 1]}}
RING = {"difference": [DISK, {"disk": {"center": [0, 0], "radius": 0.5, "name": "hole"}}]}
SIDES: dict[str, list[str]] = {
    "interval": ["left", "right"], "rectangle": ["left", "right", "bottom", "top"],
    "disk": ["circle"], "ball": ["sphere"], "polygon": [f"edge{k}" for k in range(1, 7)],
    "difference": ["circle", "hole"],
    "box": ["left", "right", "front", "back", "bottom", "top"],
}  # fmt: skip


def config(source: str, domain: Any, **keys: Any) -> Any:
    """-Δu = f with u = 0 on all sides, of heat with `time`."""
    rate = "dt(u) " if "time" in keys else ""
    (shape,) = domain
    conditions = [{"part": SIDES[shape], "equation": "u = 0"}]
    if rate:
        conditions.append({"part": "initial", "equation": "u = 0"})
    plain = {
        "name": "small",
        "unknowns": ["u"],
        "domain": domain,
        "equations": [f"{rate}- laplacian(u) = {source}"],
        "conditions": conditions,
    }
    return api.configure({"problem": plain | keys}).problem


def found(source: str, domain: Any, **keys: Any) -> tuple[Feature, ...]:
    return features(Problem.create(config(source, domain, **keys)))


PEAK_2D = "exp(-((x - 0.371234)**2 + (y - 0.6128)**2)/1e-6)"
FOUND = {
    "a peak": ("exp(-((x - 0.3712)/1e-5)**2)", LINE, (0.3712,), 1.17e-5, "peak"),
    "a tall peak": ("1e5*exp(-((x - 0.3712)/1e-5)**2)", LINE, (0.3712,), 1.17e-5, "peak"),
    "beside a wave": ("sin(3*x) + exp(-((x - 0.7)/1e-4)**2)", LINE, (0.7,), 1.17e-4, "peak"),
    "a resonance": ("1/(1e-8 + (x - 0.3)**2)", LINE, (0.3,), 1.5e-4, "peak"),
    "a front": ("tanh((x - 0.3)/1e-4)", LINE, (0.3,), 2e-4, "layer"),
    "a slow front": ("atan((x - 0.7)/1e-4)", LINE, (0.7,), 3.1e-4, "layer"),
    "a logistic front": ("1/(1 + exp(-(x - 0.2)/1e-4))", LINE, (0.2,), 4e-4, "layer"),
    "an end": ("exp(-x/1e-4)", LINE, (0.0,), 1e-4, "layer"),
    "a power of itself": ("cosh(1e3*(x - 0.4))**(-2)", LINE, (0.4,), 1.3e-3, "peak"),
    "a peak in the plane": (PEAK_2D, SQUARE, (0.371234, 0.6128), 1.17e-3, "peak"),
    "in a disk": (
        "exp(-((x - 0.31)**2 + (y + 0.2)**2)/1e-8)", DISK, (0.31, -0.2), 5.8e-5, "peak"
    ),
    "a bubble": ("exp(-((x - 0.3)**2 + y**2 + z**2)/1e-6)", BALL, (0.3, 0, 0), 5.8e-4, "peak"),
    "a corner": ("exp(-1e3*(x + y))", SQUARE, (0, 0), 7e-4, "layer"),
    "steep across, flat along": (
        "(2 + y)*exp(-((x - 0.4)/1e-4)**2)", SQUARE, (0.4, None), 1.17e-4, "peak"
    ),
    "in the middle of a cube": (
        "exp(-((x - 0.2)**2 + (y - 0.7)**2 + (z - 0.6)**2)/1e-6)", CUBE, (0.2, 0.7, 0.6), 1.17e-3,
        "peak",
    ),
    "a waves": ("sin(1e4*x)", LINE, (None,), 2e-4, "wave"),
    "a kink": ("abs(x - 0.37)", LINE, (0.37,), 0.0, "kink"),
    "a pole": ("1/((x - 0.3)**2 + (y - 0.3)**2)", SQUARE, (0.3, 0.3), 0.0, "pole"),
    "a jump": ("1 + 50*(1 + abs(x - 0.37)/(x - 0.37))", LINE, (0.37,), 0.0, "jump"),
}  # fmt: skip


@pytest.mark.parametrize("name", FOUND)
def test_found_with_its_place_and_width(name: str) -> None:
    source, domain, place, width, kind = FOUND[name]
    feature = found(source, domain)[0]
    assert feature.kind == kind
    assert feature.width == pytest.approx(width, rel=0.25)
    size = max(width, 1e-6) * 3
    for value, expected in zip(feature.place, place, strict=True):
        assert expected is None or abs(value - expected) < size


def test_a_ring_that_crosses_every_cell_is_found() -> None:
    feature = found("tanh((x**2 + y**2 - 0.25)/1e-4)", DISK)[0]
    assert np.hypot(*feature.place) == pytest.approx(0.5, abs=1e-4)
    assert feature.width == pytest.approx(1e-4, rel=0.1) and feature.kind == "layer"


def test_a_pulse_in_time_and_a_source_that_moves() -> None:
    pulse = found("exp(-((t - 0.3)/1e-4)**2)", SQUARE, time={"interval": [0, 2]})[0]
    assert pulse.place[2] == pytest.approx(0.3, abs=1e-4)
    assert pulse.width == pytest.approx(0.58e-4, rel=0.1)
    moving = found("exp(-((x - 0.5*t)/1e-3)**2)", LINE, time={"interval": [0, 1]})[0]
    assert moving.place[0] == pytest.approx(0.5 * moving.place[1], abs=2e-3)


def test_data_on_a_face_and_on_a_circle() -> None:
    spot = {"part": "top", "equation": "u = exp(-((x - 0.3)/1e-4)**2)"}
    others = {"part": ["left", "right", "bottom"], "equation": "u = 0"}
    on_face = found("0", SQUARE, conditions=[spot, others])[0]
    assert on_face.place == pytest.approx((0.3, 1.0), abs=1e-4) and "'top'" in on_face.where
    hot = {"part": "circle", "equation": "u = exp(-((x - 1)**2 + y**2)/1e-4)"}
    on_circle = found("0", DISK, conditions=[hot])[0]
    assert on_circle.place == pytest.approx((1.0, 0.0), abs=2e-2)


def test_coefficients_count_too() -> None:
    equations = ["-d(dx(u)/(1 + 1e5*exp(-((x - 0.3712)/1e-5)**2)), x) = 0"]
    kinds = {each.kind for each in found("0", LINE, equations=equations)}
    assert kinds == {"layer", "peak"}


def test_each_of_several_peaks_is_found() -> None:
    places = (0.1137, 0.3411, 0.5573, 0.9171)
    source = " + ".join(f"exp(-((x - {place})/1e-4)**2)" for place in places)
    assert sorted(each.place[0] for each in found(source, LINE)) == pytest.approx(
        list(places), abs=1e-4
    )


STAR = {"polygon": {"vertices": [[1, 0], [0.3, 0.3], [0, 1], [-0.3, 0.2], [-1, -0.1], [0.1, -0.6]]}}
SLANTED = [f"edge{k}" for k in range(1, 7)]


def test_a_wave_along_slanted_edges_and_circles_is_no_feature() -> None:
    edges = [{"part": SLANTED, "equation": "u = sin(pi*x)*cos(pi*y)"}]
    assert found("0", STAR, conditions=edges) == ()
    circle = [{"part": "circle", "equation": "u = sin(pi*x) + log(2 + x**2 + y**2)"}]
    assert found("0", DISK, conditions=circle) == ()


KITE = {
    "polygon": {"vertices": [[0.3, 0.4], [1, 0.2], [1.2, 0.8], [1, 1.3], [0.5, 1.4], [0.1, 1.2]]}
}
RADIUS, ANGLE = "((x - 0.3)**2 + (y - 0.4)**2)", "atan2(y - 0.4, x - 0.3)"


@pytest.mark.parametrize("source", [f"{RADIUS}**0.25", f"{RADIUS}**0.75*sin(1.5*{ANGLE})"])
def test_a_power_at_a_vertex_is_no_layer(source: str) -> None:
    rest = found(f"-laplacian({source})", KITE) if "sin" in source else found(source, KITE)
    assert not [each for each in rest if not each.sharp]


def test_a_layer_at_a_vertex_is_one() -> None:
    assert found(f"exp(-sqrt({RADIUS})/1e-3)", KITE)[0].kind in ("layer", "peak")
    assert found("tanh((x - 0.3 + y - 0.4)/1e-3)", KITE)[0].kind == "layer"


SMOOTH = {
    "a polynomial": ("x**4*y - 3*x*y**2 + 1", SQUARE),
    "waves": ("sin(3*x)*cos(2*y) + exp(x*y)", SQUARE),
    "a rational function": ("1/(1 + x**2 + y**2)", DISK),
    "wide": ("exp(-((x - 0.5)**2 + y**2)/0.5)", SQUARE),
    "a root": ("sqrt(1 + x**2 + y**2)", DISK),
    "in a hole": ("exp(-((x - 0.1)**2 + y**2)/1e-4)", RING),
    "a pole in a hole": ("1/(x**2 + y**2)", RING),
    "beyond an end": ("exp(-((x - 2)/0.01)**2)", LINE),
    "too small to matter": ("1 + 1e-9*exp(-((x - 0.3712)/1e-5)**2)", LINE),
    "a root of all sides": ("sqrt(x*(1 - x)*y*(1 - y))", SQUARE),
    "powers of each other": ("x**y", SQUARE),
    "three coordinates": ("exp(x + y*z)*sin(x - 2*z)", CUBE),
}


@pytest.mark.parametrize("name", SMOOTH)
def test_nothing_is_found_in_what_is_smooth(name: str) -> None:
    source, domain = SMOOTH[name]
    assert found(source, domain) == ()


REFUSED = {
    "a front": ("tanh(1e7*(x - 0.37))", LINE, r"tanh\(.* has a layer near \(0.37\) of width 2.0e-07"),
    "a front at an angle": ("tanh(1e7*(x - y))", SQUARE, "too narrow to be resolved"),
    "a peak": ("exp(-1e15*(x - 0.3)**2)", LINE, r"a peak near \(0.3\) of width 3.7e-08"),
    "a peak in a disk": ("exp(-1e15*((x - 0.3)**2 + y**2))", DISK, "a peak near .* too narrow"),
    "a wave": ("sin(1e8*x)", LINE, "has a wave near"),
    "a fine resonance": ("1/(1e-16 + (x - 0.3)**2)", LINE, r"a peak near \(0.3\)"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_nothing_resolves_is_refused(name: str) -> None:
    source, domain, message = REFUSED[name]
    with pytest.raises(ConfigError, match=message):
        posed(config(source, domain))


def test_angles_turn_about_a_point_without_being_a_wave() -> None:
    """r^a sin(a φ) and Bessel functions in polar coordinates are smooth enough; a bare angle is not,
    and a fast wave is one."""
    angle = "atan2(-x - y, y - x) + 3*pi/4"
    posed(config(f"(x**2 + y**2)**(1/3)*sin(2*({angle})/3)", DISK))
    posed(config("besselj(2, 3*sqrt(x**2 + y**2))*cos(2*atan2(y, x))", DISK))
    for narrow in ("cos(2*atan2(y, x))", "cos(1e8*x)"):
        with pytest.raises(ConfigError, match="too narrow"):
            posed(config(narrow, DISK))


def test_a_jump_at_a_known_place_is_not_refused() -> None:
    posed(config(FOUND["a jump"][0], LINE))


def test_points_that_are_too_coarse_are_told() -> None:
    problem = Problem.create(config(PEAK_2D, SQUARE))
    sides = problem.domain.upper - problem.domain.lower
    rng = np.random.default_rng(0)
    few = unresolved(features(problem), rng.uniform(size=(2000, 2)), sides)
    (warning,) = few
    assert warning.warns and "not resolved: the peak of exp(" in warning.sentence
    dense = np.array([0.371234, 0.6128]) + 0.003 * rng.normal(size=(2000, 2))
    assert unresolved(features(problem), dense, sides) == ()


def test_conditions_of_where_are_no_features() -> None:
    wave = "where(sqrt(x**2 + y**2) < 0.5 + 0.01*cos(21*atan2(y, x)), 1, 0)"
    assert not any("atan2" in feature.formula for feature in found(wave, DISK))
