"""Parameters that run over a range: the domain times the range, and a solution for all of them at
once.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kanpde import api
from kanpde.config import BoxShape, DiskShape, TimeConfig
from kanpde.domains import Domain, build_domain
from kanpde.errors import ConfigError
from kanpde.solver.build import build
from kanpde.trial.chain import ProductChain

RANGES = ((1.0, 3.0), (-2.0, 0.0))
CASES: dict[str, Domain] = {
    "box": build_domain(BoxShape((0.0, 0.0), (2.0, 1.0)), None, RANGES[:1]),
    "disk": build_domain(DiskShape((0.5, 0.0), 1.0), None, RANGES[:1]),
    "two": build_domain(BoxShape((0.0,), (2.0,)), None, RANGES),
    "time": build_domain(BoxShape((0.0,), (2.0,)), TimeConfig(0.0, 1.0), RANGES[:1]),
}
MEASURES = {"box": 4.0, "disk": 2 * np.pi, "two": 8.0, "time": 4.0}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("kind", ["grid", "chebyshev", "sobol", "gauss"])
def test_points_lie_inside_and_their_weights_are_the_measure(name: str, kind: str) -> None:
    domain = CASES[name]
    points = domain.interior(500, kind, np.random.default_rng(0))
    assert domain.contains(points.x).all() and points.w.sum() == pytest.approx(
        MEASURES[name], rel=1e-9
    )
    for part in domain.parts:
        at = domain.part(part, 60, kind, np.random.default_rng(0))
        assert at.normal is not None and domain.contains(at.x, 1e-9).all()
        assert at.w.sum() == pytest.approx(domain.part_measure(part), rel=1e-9)
        assert np.linalg.norm(at.normal, axis=1) == pytest.approx(1.0)
        if part not in ("initial", "final"):
            assert not at.normal[:, domain.dimension - 1 - (name == "time")].any()


def test_the_divergence_theorem_in_space_for_every_parameter() -> None:
    """F = (x² μ, x y μ²): div F = 2 x μ + x μ² over the box times the range."""
    domain = CASES["box"]
    inside = domain.quadrature(3000)
    x, _, mu = inside.x.T
    flux = 0.0
    for part in domain.parts:
        at = domain.part_quadrature(part, 400)
        assert at.normal is not None
        a, b, m = at.x.T
        flux += float(at.w @ (a**2 * m * at.normal[:, 0] + a * b * m**2 * at.normal[:, 1]))
    assert inside.w @ (2 * x * mu + x * mu**2) == pytest.approx(flux, rel=1e-12)


def test_no_part_is_at_the_ends_of_a_range_and_the_mesh_fills_the_product() -> None:
    domain = CASES["box"]
    assert domain.parts == ("left", "right", "bottom", "top") and domain.dimension == 3
    mesh = domain.mesh(6)
    assert mesh.points.min(0) == pytest.approx([0, 0, 1]) and mesh.points.max(0) == pytest.approx(
        [2, 1, 3]
    )
    assert domain.periodic_shift("left", "right") == pytest.approx([2, 0, 0])
    assert not domain.contains(np.array([[0.5, 0.5, 3.1]]))[0]


# Problems
# --------------------------------------------------------------------------------------------------


def tree(**keys: Any) -> dict[str, Any]:
    problem = {
        "name": "family",
        "unknowns": ["u"],
        "domain": {"interval": {"lower": 0, "upper": 1}},
        "parameter_ranges": {"mu": [1, 2]},
        "equations": ["laplacian(u) + mu*d(u, mu) = 2*mu + mu*x**2"],
        "conditions": [
            {"part": "left", "equation": "u = 0"},
            {"part": "right", "equation": "dn(u) = 2*mu"},
        ],
        "exact": {"u": "mu*x**2"},
        **keys,
    }
    return {
        "problem": problem,
        "trial": {"width": [12], "degree": [5, 7], "intervals": [1, 2]},
        "sampler": {"interior": 300},
    }


def test_the_laplacian_and_the_normal_know_space_alone_and_the_parameter_can_be_differentiated_by() -> (
    None
):
    solution = api.solve(tree())
    assert solution.problem.coordinates == ("x", "mu") and solution.relative_l2["u"] is not None
    assert solution.relative_l2["u"] < 1e-8
    assert solution(np.array([[0.5, 1.5]]))[0, 0] == pytest.approx(0.375, abs=1e-8)
    with pytest.raises(ConfigError, match="1 points lie outside"):
        solution(np.array([[0.5, 2.5]]))


def test_the_parameter_stands_between_space_and_time() -> None:
    conditions = [
        {"part": ["left", "right"], "equation": "u = 0"},
        {"part": "initial", "equation": "u = sin(pi*x)"},
    ]
    node = tree(
        time={"interval": [0, 1]},
        equations=["dt(u) = mu*dxx(u)"],
        conditions=conditions,
        exact={"u": "sin(pi*x)*exp(-mu*pi**2*t)"},
    )
    assert build(api.configure(node)).problem.coordinates == ("x", "mu", "t")
    with pytest.raises(ConfigError, match="slabs: not with parameter_ranges"):
        api.solve({**node, "slabs": 3})


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        (
            {"parameter_ranges": {"mu": [2, 1]}},
            "parameter_ranges.mu: must be a range [lower, upper] with lower < upper",
        ),
        ({"parameter_ranges": {"x": [1, 2]}}, "'x' is already used for a coordinate"),
        ({"parameter_ranges": {"mu": [1]}}, "must hold exactly 2 elements"),
        ({"parameters": {"mu": 1}}, "'mu' is already used for a parameter with a range"),
        (
            {
                "equations": ["dxx(u) = 0"],
                "conditions": [
                    {"part": ["left", "right"], "equation": "dn(u) = 0"}, {"mean": "u = 0"},
                ],
                "exact": None,
            },
            "free by a constant",
        ),
    ],
)  # fmt: skip
def test_ranges_that_make_no_sense(keys: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build(api.configure(tree(**keys)))
    assert words in str(caught.value)


def test_the_shipped_family_is_solved_over_the_whole_range_and_exported(tmp_path: Path) -> None:
    solution = api.solve("parametric_poisson")
    assert solution.relative_l2["u"] is not None and solution.relative_l2["u"] < 1e-8
    for mu in (0.5, 1.3, 4.0):
        x = np.linspace(0, 1, 50)
        wanted = (np.log(1 + mu * x) / np.log(1 + mu) - x) / mu
        error = solution(np.column_stack([x, np.full(50, mu)]))[:, 0] - wanted
        assert np.abs(error).max() < 1e-7 * np.abs(wanted).max()
    head = solution.export(tmp_path / "u.csv", 8).read_text().splitlines()[0]
    assert head.startswith("x,mu,u,u_exact")


def test_a_range_beside_time_is_solved_by_a_chain_of_products() -> None:
    node = tree(
        time={"interval": [0, 0.2]},
        equations=["dt(u) = mu*dxx(u)"],
        conditions=[
            {"part": "left", "equation": "u = 0"},
            {"part": "right", "equation": "u = 0"},
            {"part": "initial", "equation": "u = mu*sin(pi*x)"},
        ],
        exact={"u": "mu*sin(pi*x)*exp(-mu*pi**2*t)"},
    )
    solution = api.solve({"problem": node["problem"]})
    assert isinstance(solution.trial, ProductChain)
    assert solution.relative_l2["u"] is not None and solution.relative_l2["u"] < 1e-8
    assert solution.result.estimate is not None and solution.result.estimate < 1e-6


def test_many_ranges_are_solved_at_once() -> None:
    ranges = {f"y{k}": [0, 1] for k in range(1, 11)}
    total = " + ".join(f"y{k}/{k}**2" for k in range(1, 11))
    node = tree(
        parameter_ranges=ranges,
        definitions={"a": total},
        equations=["-laplacian(u) = exp(-a)*pi**2*sin(pi*x)"],
        conditions=[{"part": ["left", "right"], "equation": "u = 0"}],
        exact={"u": "exp(-a)*sin(pi*x)"},
    )
    solution = api.solve({"problem": node["problem"]})
    assert solution.relative_l2["u"] is not None and solution.relative_l2["u"] < 1e-9
