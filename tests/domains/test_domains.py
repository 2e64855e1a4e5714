"""Contract of every domain, in mathematics: points inside, Σw = measure, outward normals, the
divergence theorem.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from core_helpers import slowly
from mesh_helpers import CAVITY, PLATE, mesh_shape

from kanpde.config.problem.shapes import (
    BallShape,
    BoxShape,
    CombinedShape,
    DiskShape,
    ExtrusionShape,
    IntervalShape,
    PolygonShape,
    Shape,
    TimeConfig,
    part_names,
)
from kanpde.domains import (
    Ball,
    Box,
    Disk,
    Domain,
    Mesh,
    MeshDomain,
    Planar,
    Solid,
    SpaceTime,
    build_domain,
)
from kanpde.domains.mesh import signed_measures
from kanpde.domains.plane.curves import TURN, Arc, Segment, split
from kanpde.domains.plane.regions import Combination, PolygonRegion
from kanpde.domains.plane.slices import gauss_rule
from kanpde.errors import ConfigError
from kanpde.numerics.quadrature import KINDS, SEQUENCES

SQUARE = BoxShape((-1.0, -1.0), (1.0, 1.0))
CHANNEL = BoxShape((0.0, 0.0), (2.0, 1.0))
HOLES = tuple(
    DiskShape((0.5 * a, 0.5 * b), 0.25, f"hole{a + 1}{b + 1}")
    for a, b in product((-1, 1), repeat=2)
)
CORNER = ((0.0, 0.0), (2.0, 0.0), (2.0, 1.0), (1.0, 1.0), (1.0, 2.0), (0.0, 2.0))
LENS = 2 * np.pi / 3 - np.sqrt(3) / 2
NESTED = 1.44 * np.pi - 4 * (1.44 * np.arccos(1 / 1.2) - np.sqrt(0.44)) + 0.15


def combined(operation: str, *operands: Shape) -> CombinedShape:
    return CombinedShape(operation, operands)


NOTCH = combined(
    "difference", BoxShape((0.0, 0.0), (2.0, 2.0)), BoxShape((1.0, 1.0), (2.0, 2.0), "notch")
)
CUBE = BoxShape((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
SPACES: dict[str, tuple[Shape, float]] = {
    "interval": (IntervalShape(-1.0, 2.0), 3.0),
    "rectangle": (CHANNEL, 2.0),
    "named_rectangle": (BoxShape((1.0, -3.0), (1.5, 0.0), "plate"), 1.5),
    "box": (BoxShape((0.0, -1.0, 2.0), (1.0, 1.0, 5.0)), 6.0),
    "box4": (BoxShape((0.0,) * 4, (1.0, 2.0, 1.0, 0.5)), 1.0),
    "box5": (BoxShape((-1.0,) * 5, (1.0,) * 5), 32.0),
    "disk": (DiskShape((0.5, -0.2), 0.7), 0.49 * np.pi),
    "ball": (BallShape((1.0, 2.0, 3.0), 0.5), np.pi / 6),
    "corner": (PolygonShape(CORNER), 3.0),
    "corner_clockwise": (PolygonShape(CORNER[::-1], "side"), 3.0),
    "triangle": (PolygonShape(((0.0, 0.0), (3.0, 1.0), (1.0, 4.0))), 5.5),
    "four_holes": (combined("difference", SQUARE, *HOLES), 4 - np.pi / 4),
    "notched": (NOTCH, 3.0),
    "keyhole": (combined("union", CHANNEL, DiskShape((2.0, 0.5), 0.3)), 2 + np.pi * 0.045),
    "stadium": (combined("union", CHANNEL, DiskShape((0.0, 0.5), 0.5, "west"), DiskShape((2.0, 0.5), 0.5, "east")),
                2 + np.pi / 4),
    "lens": (combined("intersection", DiskShape((0.0, 0.0), 1.0, "a"), DiskShape((1.0, 0.0), 1.0, "b")), LENS),
    "bitten_plate": (combined("difference", CHANNEL, DiskShape((0.0, 0.3), 0.2, "hole")), 2 - 0.02 * np.pi),
    "annulus": (combined("difference", DiskShape((0.0, 0.0), 1.0, "outer"), DiskShape((0.1, 0.2), 0.5, "inner")),
                0.75 * np.pi),
    "overlapping_edges": (combined("union", CHANNEL, BoxShape((1.0, 0.0), (3.0, 1.0), "east")), 3.0),
    "two_islands": (combined("union", DiskShape((0.0, 0.0), 1.0, "a"), DiskShape((3.0, 0.5), 0.5, "b")), 1.25 * np.pi),
    "nested": (combined("union", combined("intersection", SQUARE, DiskShape((0.0, 0.0), 1.2)),
                        PolygonShape(((0.0, 0.0), (2.0, -0.1), (2.0, 0.1)), "needle")), NESTED),
    "cylinder": (ExtrusionShape(DiskShape((0.5, -0.2), 0.7), 1.0, 3.0), 0.98 * np.pi),
    "drilled_block": (ExtrusionShape(combined("difference", CHANNEL, DiskShape((0.5, 0.5), 0.25, "bore")),
                                     0.0, 0.5, "block"), 1 - np.pi / 32),
    "drilled_cube": (combined("difference", CUBE, BallShape((0.5, 0.5, 0.5), 0.3)), 1 - 4 / 3 * np.pi * 0.027),
    "bored_cube": (combined("difference", CUBE, ExtrusionShape(DiskShape((0.5, 0.5), 0.2), 0.0, 1.0)),
                   1 - 0.04 * np.pi),
    "two_balls": (combined("union", BallShape((0.0, 0.0, 0.0), 1.0, "a"), BallShape((0.6, 0.0, 0.8), 1.0, "b")),
                  8 / 3 * np.pi - 5 / 12 * np.pi),
    "cut_corner": (combined("difference", CUBE, BallShape((1.0, 1.0, 1.0), 0.4)), 1 - np.pi / 6 * 0.064),
    "extruded_mesh": (ExtrusionShape(mesh_shape(PLATE), 0.0, 1.0), 1.36),
    "meshed_plate": (mesh_shape(PLATE), 1.36),
    "meshed_cavity": (mesh_shape(CAVITY), 26 / 27),
}  # fmt: skip
SPAN = TimeConfig(0.5, 2.0)
CASES = [(name, None) for name in SPACES] + [(name, SPAN) for name in SPACES if name != "box5"]


LONG = [
    *[("drilled_cube", time) for time in (None, SPAN)],
    *[(name, SPAN) for name in ("bored_cube", "cut_corner", "two_balls")],
]


@pytest.fixture(
    params=slowly(CASES, LONG), ids=lambda case: case[0] + ("" if case[1] is None else "_in_time")
)
def case(request: pytest.FixtureRequest) -> tuple[Domain, float, tuple[str, ...]]:
    name, time = request.param
    shape, measure = SPACES[name]
    return (
        build_domain(shape, time),
        measure * (1.0 if time is None else 1.5),
        part_names(shape, time),
    )


@pytest.fixture
def domain(case: tuple[Domain, float, tuple[str, ...]]) -> Domain:
    return case[0]


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def kinds(domain: Domain) -> tuple[str, ...]:
    return KINDS if domain.dimension <= 3 else SEQUENCES


def polynomial(dimension: int) -> tuple[np.ndarray, np.ndarray]:
    """All exponents (M, d) of degree ≤ 4 and random coefficients (M, d) of a vector field."""
    exponents = np.array([e for e in product(range(5), repeat=dimension) if sum(e) <= 4])
    return exponents, rng(7).standard_normal((len(exponents), dimension))


def powers(x: np.ndarray, exponents: np.ndarray) -> np.ndarray:
    return np.prod(x[:, None, :] ** exponents[None], axis=2)


def scaled(domain: Domain, x: np.ndarray) -> np.ndarray:
    return (2 * x - domain.lower - domain.upper) / (domain.upper - domain.lower).max()


def test_measure_and_names(case: tuple[Domain, float, tuple[str, ...]]) -> None:
    domain, measure, names = case
    assert domain.measure == pytest.approx(measure, rel=1e-13)
    assert domain.parts == tuple(name for name in names if name not in domain.vanished)
    assert set(domain.parts) | set(domain.vanished) == set(names)
    assert domain.dimension == len(domain.lower) == len(domain.upper)
    assert domain.box == (
        isinstance(domain, Box) or (isinstance(domain, SpaceTime) and isinstance(domain.space, Box))
    )


def test_interior_points(domain: Domain) -> None:
    for kind in kinds(domain):
        points = domain.interior(3000, kind, rng())
        assert points.normal is None
        assert domain.contains(points.x).all(), kind
        assert points.w.sum() == pytest.approx(domain.measure, rel=1e-12), kind
        assert (points.w > 0).all()
        assert 1500 <= len(points) <= (12000 if kind == "gauss" else 6000), kind
        assert len(np.unique(points.x, axis=0)) == len(points)


def test_boundary_points(domain: Domain) -> None:
    size = (domain.upper - domain.lower).max()
    for name, kind in product(domain.parts, kinds(domain)):
        points = domain.part(name, 200, kind, rng())
        assert points.normal is not None
        assert np.linalg.norm(points.normal, axis=1) == pytest.approx(1.0, abs=1e-12)
        assert points.w.sum() == pytest.approx(domain.part_measure(name), rel=1e-12), (name, kind)
        assert domain.contains(points.x).all(), (name, kind)
        assert not domain.contains(points.x + 1e-6 * size * points.normal).any(), (name, kind)
        most = 800 if kind == "gauss" else 400
        assert (len(points) == 1) if domain.dimension == 1 else (100 <= len(points) <= most), (
            name,
            kind,
        )


def test_weights_give_the_first_and_second_moments(domain: Domain) -> None:
    exact = domain.quadrature(20000)
    for kind, power in product(kinds(domain), (1, 2)):
        points = domain.interior(4000, kind, rng(), 0.2)
        moment = exact.w @ scaled(domain, exact.x) ** power
        assert (
            np.abs(points.w @ scaled(domain, points.x) ** power - moment).max()
            < 0.03 * domain.measure
        ), kind


def test_divergence_theorem(domain: Domain) -> None:
    exponents, coefficients = polynomial(domain.dimension)
    inside = domain.quadrature(6000)
    size = (domain.upper - domain.lower).max() / 2
    volume = 0.0
    for k in range(domain.dimension):
        lowered = exponents - np.eye(domain.dimension, dtype=int)[k]
        slope = exponents[:, k] * powers(scaled(domain, inside.x), np.maximum(lowered, 0)) / size
        volume += inside.w @ slope @ coefficients[:, k]
    flux, magnitude = 0.0, 0.0
    for name in domain.parts:
        points = domain.part_quadrature(name, 400)
        assert points.normal is not None
        row = points.w * np.sum(
            powers(scaled(domain, points.x), exponents) @ coefficients * points.normal, axis=1
        )
        flux, magnitude = flux + row.sum(), magnitude + np.abs(row).sum()
    tolerance = 1e-11 if domain.dimension <= 4 else 5e-2
    space = domain.space if isinstance(domain, SpaceTime) else domain
    tolerance = max(tolerance, 1e-7 if isinstance(space, Solid) else 0.0)
    assert abs(volume - flux) <= tolerance * magnitude


def test_quadrature_is_deterministic_inside_and_positive(domain: Domain) -> None:
    first, again = domain.quadrature(1500), domain.quadrature(1500)
    assert np.array_equal(first.x, again.x) and np.array_equal(first.w, again.w)
    assert domain.contains(first.x).all() and (first.w > 0).all()
    assert first.w.sum() == pytest.approx(domain.measure, rel=1e-12)


def test_quadrature_converges_spectrally(domain: Domain) -> None:
    if domain.dimension > 3:
        pytest.skip("product rules for at most 3 coordinates")
    values = []
    for count in (8000, 30000):
        points = domain.quadrature(count)
        values.append(points.w @ np.exp(np.sin(scaled(domain, points.x).sum(axis=1))))
    tolerance = 1e-10 if domain.dimension < 3 else 1e-8
    if isinstance(domain, MeshDomain) and domain.dimension == 3:
        tolerance = 1e-6  # four nodes per axis in each of 156 cells
    assert values[0] == pytest.approx(values[1], rel=tolerance)


def test_the_seed_decides_the_points(domain: Domain) -> None:
    for kind in kinds(domain):
        same = [domain.interior(300, kind, rng(3)).x for _ in range(2)]
        assert np.array_equal(*same)
        other_seed = domain.interior(300, kind, rng(4)).x
        moved = same[0].shape != other_seed.shape or not np.array_equal(same[0], other_seed)
        assert moved == (kind != "gauss"), kind
        still = [domain.interior(300, kind, rng(seed), 0.0).x for seed in (3, 4)]
        assert np.array_equal(*still), kind
        for name in domain.parts:
            still = [domain.part(name, 40, kind, rng(seed), 0.0).x for seed in (3, 4)]
            assert np.array_equal(*still), (name, kind)
            assert np.array_equal(
                domain.part(name, 40, kind, rng(3)).x, domain.part(name, 40, kind, rng(3)).x
            )


def test_mesh(domain: Domain) -> None:
    if domain.dimension > 3:
        with pytest.raises(
            ConfigError, match="more than 3 coordinates cannot be exported as a mesh"
        ):
            domain.mesh(4)
        return
    mesh = domain.mesh(24)
    ((kind, cells),) = mesh.cells
    measures = signed_measures(mesh.points, cells)
    assert kind == {1: "line", 2: "triangle", 3: "tetra"}[domain.dimension]
    assert domain.contains(mesh.points).all()
    assert set(cells.ravel()) == set(range(len(mesh.points)))
    assert (measures > 0).all()
    assert measures.sum() == pytest.approx(domain.measure, rel=1e-12 if domain.box else 0.02)
    edges = np.linalg.norm(mesh.points[cells][:, :, None] - mesh.points[cells][:, None], axis=-1)
    assert edges.max() < 6 * (domain.upper - domain.lower).max() / 24
    facets = np.sort(
        np.concatenate([np.delete(cells, i, axis=1) for i in range(cells.shape[1])]), axis=1
    )
    assert np.unique(facets, axis=0, return_counts=True)[1].max() <= 2


@pytest.mark.parametrize("gap", [0.1, 0.01, 0.001])
def test_mesh_keeps_thin_gaps_open(gap: float) -> None:
    # the gap lies opposite the middle of a chord of the outer circle, which reaches 0.0034 into the
    # disk at first
    center = (0.5 - gap) * np.array([np.cos(np.pi / 38), np.sin(np.pi / 38)])
    inner = DiskShape((float(center[0]), float(center[1])), 0.5, "inner")
    domain = build_domain(combined("difference", DiskShape((0.0, 0.0), 1.0, "outer"), inner))
    mesh = domain.mesh(12)
    ((_, cells),) = mesh.cells
    assert domain.contains(mesh.points).all()
    assert signed_measures(mesh.points, cells).sum() == pytest.approx(domain.measure, rel=0.03)
    edges, counts = np.unique(
        np.sort(cells[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1), axis=0, return_counts=True
    )
    rim = edges[counts == 1]
    assert np.bincount(rim.ravel())[np.unique(rim)].tolist() == [2] * len(rim)
    middle = mesh.points[rim].mean(axis=1)
    from_outer, from_inner = (
        1 - np.linalg.norm(middle, axis=1),
        0.5 - np.linalg.norm(middle - center, axis=1),
    )
    assert np.minimum(np.abs(from_outer), np.abs(from_inner)).max() < 0.01


def test_unknown_part_and_kind(domain: Domain) -> None:
    with pytest.raises(
        ConfigError, match=rf"part '{domain.parts[0]}x': the domain has .* did you mean '"
    ):
        domain.part(domain.parts[0] + "x", 10, "sobol", rng())
    with pytest.raises(ConfigError, match=r"must be one of grid, chebyshev, .* found 'halton'"):
        domain.interior(10, "halton", rng())
    with pytest.raises(ConfigError, match="jitter: must lie in"):
        domain.interior(10, "sobol", rng(), 1.5)
    with pytest.raises(ConfigError, match="number of points: must be a whole number ≥ 1, found 0"):
        domain.quadrature(0)


@pytest.mark.parametrize("name", ["interval", "rectangle", "box", "box5"])
@pytest.mark.parametrize("time", [None, SPAN])
def test_periodic_shift_maps_a_face_onto_the_opposite_one(
    name: str, time: TimeConfig | None
) -> None:
    domain = build_domain(SPACES[name][0], time)
    pairs = list(zip(domain.parts[::2], domain.parts[1::2], strict=True))
    for a, b in pairs:
        for first, second, sign in ((a, b, 1), (b, a, -1)):
            points, target = (domain.part_quadrature(part, 50) for part in (first, second))
            shift = domain.periodic_shift(first, second)
            assert np.allclose(points.x + shift, target.x, rtol=0, atol=1e-14)
            assert np.allclose(shift, sign * domain.periodic_shift(a, b))
    wrong = [(pairs[0][0], pairs[0][0])] + ([(pairs[0][0], pairs[1][1])] if len(pairs) > 1 else [])
    for a, b in wrong:
        with pytest.raises(ConfigError, match="opposite faces of a box"):
            domain.periodic_shift(a, b)


def test_round_domains_have_no_periodic_parts() -> None:
    for name in ("disk", "ball", "four_holes"):
        domain = build_domain(SPACES[name][0])
        with pytest.raises(ConfigError, match="opposite faces of a box"):
            domain.periodic_shift(domain.parts[0], domain.parts[-1])


def test_boxes_take_equal_counts_per_axis() -> None:
    points = build_domain(CHANNEL).interior(4900, "chebyshev", rng()).x
    assert (
        len(points) == 4900 and len(np.unique(points[:, 0])) == len(np.unique(points[:, 1])) == 70
    )
    assert points[:, 0].min() < 2e-3 and points[:, 0].max() > 2 - 2e-3
    assert len(build_domain(SPACES["box"][0], None).interior(12167, "grid", rng())) == 23**3


@pytest.mark.parametrize("name", ["box4", "ball"])
@pytest.mark.parametrize("kind", ["grid", "chebyshev", "gauss"])
def test_product_rules_stop_at_three_coordinates(name: str, kind: str) -> None:
    domain = build_domain(SPACES[name][0], SPAN)
    with pytest.raises(ConfigError, match=r"at most 3 coordinates, found [45]; use 'sobol'"):
        domain.interior(100, kind, rng())
    with pytest.raises(ConfigError, match="use 'sobol'"):
        domain.part(domain.parts[0], 100, kind, rng())


def test_initial_and_final() -> None:
    domain = build_domain(DiskShape((0.0, 0.0), 1.0), SPAN)
    for name, t, sign in (("initial", 0.5, -1.0), ("final", 2.0, 1.0)):
        points = domain.part(name, 100, "chebyshev", rng())
        assert (points.x[:, -1] == t).all() and (points.normal == [0.0, 0.0, sign]).all()
        assert domain.part_measure(name) == pytest.approx(np.pi)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        (combined("intersection", DiskShape((0.0, 0.0), 1.0, "a"), DiskShape((3.0, 0.0), 1.0, "b")), "an empty set"),
        (combined("difference", CHANNEL, BoxShape((-1.0, -1.0), (3.0, 3.0), "all")), "found an empty set"),
        (combined("difference", CHANNEL, BoxShape((0.0, 0.0), (2.0, 1.0), "same")), "found an empty set"),
        (combined("difference", CHANNEL, DiskShape((0.5, 0.25), 0.25, "kiss")), r"\(or almost touch\) at \(0.5, 0\)"),
        (combined("union", DiskShape((0.0, 0.0), 1.0, "a"), DiskShape((2.0, 0.0), 1.0, "b")), r"at \(1, 0\); move or"),
        (combined("union", SQUARE, BoxShape((1.0, 1.0), (2.0, 2.0), "next")), r"at \(1, 1\); move or resize"),
        (combined("union", SQUARE, BallShape((0.0, 0.0, 0.0), 1.0)), "takes shapes in the plane, found BallShape"),
        (PolygonShape(((0.0, 0.0), (1.0, 1.0), (1.0, 0.0), (0.0, 1.0))), "polygon: the polygon intersects itself"),
        (BoxShape((0.0, 1.0), (1.0, 1.0)), "upper must exceed lower on every axis"),
        (BoxShape((0.0,) * 40, (1e-12,) * 40), "box: the measure must be representable"),
        (DiskShape((0.0, 0.0), 0.0), "disk: the radius must be positive"),
        (DiskShape((1e14, 0.0), 1.0, "far"), "resolvable at the center, found 1.0"),
        (BallShape((0.0, 0.0), 1.0), "ball: center must hold 3 numbers"),
    ],
)  # fmt: skip
def test_degenerate_shapes(shape: Shape, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        build_domain(shape)
    assert "\n" not in str(caught.value)


def test_wrong_arguments_of_constructors() -> None:
    with pytest.raises(ConfigError, match="2 coordinates need 4 part names, found 1"):
        Box(np.zeros(2), np.ones(2), ("left",))
    with pytest.raises(ConfigError, match="the end must exceed the start"):
        SpaceTime(Disk(np.zeros(2), 1.0), 1.0, 1.0)
    with pytest.raises(ConfigError, match="needs 3 or more"):
        PolygonRegion(np.zeros((2, 2)), ("a", "b"))
    with pytest.raises(ConfigError, match="must be one of union, difference, intersection"):
        Combination("xor", ())
    with pytest.raises(ConfigError, match="cells must be one of line, triangle, tetra"):
        Mesh(np.zeros((4, 2)), (("quad", np.arange(4)[None]),))
    with pytest.raises(ConfigError, match="triangle cells need 3 indices below 2"):
        Mesh(np.zeros((2, 2)), (("triangle", np.arange(3)[None]),))
    assert Ball(np.zeros(3), 1.0).parts == ("sphere",)


def test_a_vanished_part_is_named() -> None:
    domain = build_domain(SPACES["notched"][0], SPAN)
    assert domain.vanished == ("notch_right", "notch_top")
    with pytest.raises(
        ConfigError,
        match=r"part 'notch_top': must bound the domain, found none of it left .* `free`",
    ):
        domain.part("notch_top", 10, "grid", rng())


def test_a_part_cut_in_two_keeps_its_name() -> None:
    domain = build_domain(SPACES["bitten_plate"][0])
    assert domain.part_measure("left") == pytest.approx(0.6, rel=1e-14)
    assert domain.part_measure("hole") == pytest.approx(0.2 * np.pi, rel=1e-13)
    points = domain.part("left", 100, "grid", rng()).x
    assert (points[:, 0] == 0).all() and not ((points[:, 1] > 0.1) & (points[:, 1] < 0.5)).any()
    assert (points[:, 1] < 0.1).sum() == pytest.approx(100 / 6, abs=2)


def test_edges_that_lie_on_each_other_count_once() -> None:
    domain = build_domain(SPACES["overlapping_edges"][0])
    assert [domain.part_measure(name) for name in ("bottom", "east_bottom")] == pytest.approx(
        [2.0, 1.0]
    )
    assert domain.vanished == ("right", "east_left")


def test_break_points_that_round_apart_cut_once() -> None:
    circle = Arc(np.zeros(2), 1.0, 0.0, TURN, "circle")
    (piece,) = split(circle, np.array([[1.0, 1e-15], [1.0, -1e-15], [1.0, 0.0]]), 1e-9)
    assert piece.closed
    pieces = split(
        Segment(np.zeros(2), np.array([2.0, 0.0]), "edge"),
        np.array([[1.0, 0.0], [1 + 1e-15, 0], [0, 0]]),
        1e-9,
    )
    assert [piece.length for piece in pieces] == pytest.approx([1.0, 1.0])


def test_slices_give_the_area_of_green_before_scaling() -> None:
    for shape, measure in SPACES.values():
        domain = build_domain(shape)
        if isinstance(domain, Planar):
            assert gauss_rule(domain._slabs, 4000)[1].sum() == pytest.approx(measure, rel=1e-10)


def test_far_from_the_origin() -> None:
    shift = 1e5
    shape = combined(
        "difference",
        BoxShape((shift, shift), (shift + 1, shift + 1)),
        DiskShape((shift, shift), 0.5, "hole"),
    )
    domain = build_domain(shape)
    assert domain.measure == pytest.approx(1 - np.pi / 16, rel=1e-9)
    assert domain.contains(domain.interior(500, "chebyshev", rng()).x).all()


def test_sequences_give_fewer_points_of_a_thin_domain() -> None:
    thin = build_domain(PolygonShape(((0.0, 0.0), (1.0, 1.0), (1.0, 1.0 + 1e-4))))
    points = thin.interior(1000, "sobol", rng()).x
    assert 1000 // 16 < len(points) < 500 and thin.contains(points).all()


def test_slivers_of_the_bounding_box_are_refused_by_sequences() -> None:
    domain = build_domain(PolygonShape(((0.0, 0.0), (1.0, 1.0), (1.0, 1.0 + 1e-6))))
    assert len(domain.interior(100, "chebyshev", rng())) >= 18
    with pytest.raises(
        ConfigError, match=r"the domain fills only 5.0e-07 parts; use 'chebyshev' or 'gauss'"
    ):
        domain.interior(100, "sobol", rng())
