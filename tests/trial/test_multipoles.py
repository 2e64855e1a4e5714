"""Multipoles about round holes: harmonic, exact in their derivatives, complete around a hole, and
what a solve makes of them.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from core_helpers import SIDES, SQUARE, config, create, formula, gap, parts, problem_node
from torch import Tensor

from kanpde import api
from kanpde.api.contenders import equal_mlp
from kanpde.cli import main
from kanpde.errors import ConfigError
from kanpde.expressions.evaluate import evaluate
from kanpde.numerics.jets import JetSpace, by_autograd
from kanpde.numerics.quadrature import Array
from kanpde.progress import Silent
from kanpde.solver.build import build
from kanpde.solver.loop import Solver
from kanpde.symbolic.kan.edge_editor import Symbolic
from kanpde.trial.networks import Enriched, Multipoles

pytestmark = pytest.mark.usefixtures("one_thread")

CENTRES = {2: (0.1, 0.2), 3: (0.1, 0.2, -0.3)}
"""By dimension."""
R = 0.4


def around(dimension: int, count: int, reach: float = 1.0) -> Tensor:
    """Random points at distances R to (1 + reach) R from the centre, (N, d)."""
    generator = torch.Generator().manual_seed(5)
    way = torch.randn(count, dimension, generator=generator, dtype=torch.float64)
    far = R * (1 + reach * torch.rand(count, 1, generator=generator, dtype=torch.float64))
    return torch.tensor(CENTRES[dimension], dtype=torch.float64) + far * way / way.norm(
        dim=1, keepdim=True
    )


def values(multipoles: Multipoles, x: Tensor) -> Tensor:
    """(N, K)."""
    return multipoles.jet(x, JetSpace.closure((), x.shape[1])).value.T


@pytest.mark.parametrize("dimension", [2, 3])
def test_the_first_ones_are_known(dimension: int) -> None:
    x = around(dimension, 7)
    d = x - torch.tensor(CENTRES[dimension], dtype=torch.float64)
    r, computed = d.norm(dim=1), values(Multipoles(CENTRES[dimension], R, 2), x)
    if dimension == 2:
        angle = torch.atan2(d[:, 1], d[:, 0])
        expected = [torch.log(r / R), *(R / r * torch.cos(angle), -R / r * torch.sin(angle))]
    else:
        expected = [
            R / r,
            R**2 * d[:, 2] / r**3,
            *(-(R**2) * d[:, axis] / r**3 / 2**0.5 for axis in (0, 1)),
        ]
    assert gap(computed[:, : len(expected)], torch.stack(expected, dim=1)) < 1e-14
    assert (
        computed.shape[1] == Multipoles(CENTRES[dimension], R, 2).count == {2: 5, 3: 9}[dimension]
    )


@pytest.mark.parametrize("dimension", [2, 3])
def test_they_are_harmonic_and_of_their_order(dimension: int) -> None:
    """Δ f = 0, and f of order l falls like t^{-l-1} in space, like t^{-l} in the plane, at t times
    the distance.
    """
    multipoles, x = Multipoles(CENTRES[dimension], R, 6), around(dimension, 20)
    second = [tuple(2 * (i == k) for i in range(dimension)) for k in range(dimension)]
    jet = multipoles.jet(x, JetSpace.closure(second, dimension))
    assert float(jet.laplacian.abs().max()) < 1e-12 * float(jet.derivative(second[0]).abs().max())
    centre = torch.tensor(CENTRES[dimension], dtype=torch.float64)
    orders = [0, *(n for n in range(1, 7) for _ in range(2 if dimension == 2 else 2 * n + 1))]
    share = 2.0 ** -(torch.tensor(orders, dtype=torch.float64) + (dimension == 3))
    near, far = values(multipoles, x), values(multipoles, centre + 2 * (x - centre))
    assert gap((near * share)[:, 1:], far[:, 1:]) < 1e-14


@pytest.mark.parametrize("dimension", [2, 3])
def test_derivatives_are_those_of_nested_autograd(dimension: int) -> None:
    multipoles, x = Multipoles(CENTRES[dimension], R, 2), around(dimension, 3)
    space = JetSpace.closure(
        [alpha[:dimension] for alpha in ((2, 0, 0), (1, 1, 0), (0, 2, 0), (0, 1, 1))], dimension
    )
    ours, theirs = (
        multipoles.jet(x, space),
        by_autograd(lambda at: values(multipoles, at), x, space),
    )
    for alpha in space.indices:
        assert gap(ours.derivative(alpha), theirs.derivative(alpha).detach()) < 1e-11, alpha


@pytest.mark.parametrize("dimension", [2, 3])
def test_a_charge_in_the_hole_is_a_sum_of_them(dimension: int) -> None:
    """About another point at distance q R from the charge the error falls like q^L."""
    x, q = around(dimension, 1500), 0.5
    charge = torch.tensor(CENTRES[dimension], dtype=torch.float64) + q * R / dimension**0.5
    r = (x - charge).norm(dim=1)
    expected = torch.log(r) if dimension == 2 else 1 / r
    errors = []
    for most in (4, 8, 12):
        frame = values(Multipoles(CENTRES[dimension], R, most), x)
        frame = torch.cat([frame, torch.ones(len(x), 1, dtype=torch.float64)], dim=1)
        fit = frame @ torch.linalg.lstsq(frame, expected[:, None], driver="gelsd").solution
        errors.append(float((fit[:, 0] - expected).norm() / expected.norm()))
    assert errors[2] < 1e-4 and all(b < 2 * q**4 * a for a, b in pairwise(errors)), errors


BALL = {"ball": {"center": [0.1, 0, 0], "radius": 0.4}}
CUBE = {"box": {"lower": [-1, -1, -1], "upper": [1, 1, 1]}}
FACES = ["left", "right", "bottom", "top", "back", "front"]
DRILLED = problem_node(
    {"difference": [CUBE, BALL]},
    ["laplacian(u) = 0"],
    [{"part": FACES, "equation": "u = s"}, {"part": "sphere", "equation": "dn(u) = dn(s)"}],
    definitions={"s": "1/sqrt((x - 0.2)**2 + (y - 0.05)**2 + z**2) + x*y"},
    exact={"u": "s"},
)
HOLED = problem_node(
    {
        "difference": [
            {"rectangle": {"lower": [0, -1], "upper": [4, 1]}},
            {"disk": {"center": [1, 0.2], "radius": 0.3, "name": "a"}},
            {"disk": {"center": [3, -0.1], "radius": 0.5, "name": "b"}},
        ]
    },
    ["laplacian(u) = 0"],
    [{"part": [*SIDES, "a", "b"], "equation": "u = s"}],
    definitions={
        "s": "log((x - 1.1)**2 + (y - 0.2)**2) - (y + 0.3)/((x - 3)**2 + (y + 0.3)**2) + x*y"
    },
    exact={"u": "s"},
)
KAN: dict[str, Any] = {"kind": "kan", "width": [12], "degree": [4, 6], "intervals": [1, 1]}
FEW: dict[str, Any] = {"sampler": {"interior": 300, "boundary": 300}}


def error(dimension: int, most: int) -> float:
    """Relative, at points close to a hole, after a solve."""
    node, x = (
        (HOLED, around(2, 500) + torch.tensor([0.9, 0.0]))
        if dimension == 2
        else (DRILLED, around(3, 500))
    )
    x = x + (0.0 if dimension == 2 else torch.tensor([0.0, -0.2, 0.3]).double())
    built = parts(node, trial={**KAN, "multipoles": most}, **FEW)
    Solver(built.trial, built.assembly, config(node, trial=KAN, **FEW).schedule, Silent()).run()
    text, scope = node["definitions"]["s"], "xyz"[:dimension]
    expected = torch.stack(evaluate([formula(text, *scope)], x), dim=1)
    return float((built.trial.evaluate(x) - expected).norm() / expected.norm())


@pytest.mark.parametrize("dimension", [2, 3])
def test_what_comes_from_a_hole_is_found(dimension: int) -> None:
    """With charges at q R, q ≤ 0.4, the error falls like q^L in a solve too; without multipoles it
    stays large.
    """
    errors = [error(dimension, most) for most in (0, 5, 10)]
    assert errors[2] < 1e-5 and errors[2] < 0.05 * errors[1] < 0.005 * errors[0], errors


def test_a_hole_gets_two_points_per_multipole() -> None:
    without, beside = (
        parts(DRILLED, trial={**KAN, "multipoles": most}, **FEW).points.parts for most in (0, 10)
    )
    assert len(without["sphere"].x) < 50 and len(beside["sphere"].x) == 2 * 11**2
    assert len(without["left"].x) == len(beside["left"].x)


def sphere_points(shape: dict[str, Any], count: int) -> tuple[Array, Array, Array]:
    points = create({**DRILLED, "domain": shape}).domain.part(
        "sphere", count, "chebyshev", np.random.default_rng(0), 1.0
    )
    assert points.normal is not None
    return points.x, points.w, points.normal


@pytest.mark.parametrize("most", [6, 12, 20])
def test_points_on_a_whole_sphere_of_a_body_tell_harmonics_apart(most: int) -> None:
    """At two points per multipole all of them up to order L are independent, with singular values
    near to each other.
    """
    harmonics = Multipoles((0.1, 0.0, 0.0), R, most)
    x, w, normal = sphere_points({"difference": [CUBE, BALL]}, 2 * harmonics.count)
    matrix = values(harmonics, torch.tensor(x)).numpy()
    sizes = np.linalg.svd(matrix / np.linalg.norm(matrix, axis=0), compute_uv=False)
    assert len(x) == 2 * harmonics.count and sizes[-1] > 0.2 * sizes[0]
    assert gap(torch.tensor(normal), torch.tensor([0.1, 0, 0] - x).double() / R) < 1e-12
    assert w.sum() == pytest.approx(4 * np.pi * R**2, rel=1e-12)


def test_a_sphere_that_is_cut_has_points_where_it_is_left() -> None:
    corner = {"ball": {"center": [1, 1, 1], "radius": 0.4}}
    x, w, normal = sphere_points({"difference": [CUBE, corner]}, 200)
    assert (x <= 1).all() and w.sum() == pytest.approx(np.pi * R**2 / 2, rel=1e-9)
    assert (normal @ np.ones(3) > 0).all()


def test_a_run_with_multipoles_is_read_and_compared(tmp_path: Path) -> None:
    chosen = config(HOLED, trial={**KAN, "multipoles": 3, "functions": ["exp(x)"]}, **FEW)
    solution = api.solve(chosen, out=tmp_path / "run")
    network = solution.trial.network
    assert isinstance(network, Enriched) and network.coefficients.shape == (1 + 2 * 7, 1)
    x = np.array([[0.3, 0.1], [2.0, -0.9], [3.6, 0.5]])
    assert np.array_equal(np.asarray(api.load(tmp_path / "run")(x)), np.asarray(solution(x)))
    assert equal_mlp(chosen, 0).trial.multipoles == 3


def test_a_dry_run_counts_them_in_the_outer_layer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    linear = [{"optimizer": "least_squares", "steps": 1}]
    chosen = config(
        HOLED,
        trial={**KAN, "multipoles": 3, "functions": ["exp(x)"]},
        **{**FEW, "schedule": linear},
    )
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(chosen.as_tree()))
    assert main(["solve", str(tmp_path / "run.yaml"), "--dry-run"]) == 0
    built = build(chosen)
    wide = built.trial.network.outer.numel()
    assert wide > 15
    assert f"{built.assembly.rows + wide} × {wide}," in capsys.readouterr().out


def test_steps_of_simplify_name_them_where_they_are_refused() -> None:
    solution = api.solve(config(HOLED, trial={**KAN, "multipoles": 3}, **FEW))
    with pytest.raises(ConfigError, match=r"no trial\.multipoles"):
        Symbolic.of(solution)


IN_ROW = [
    {"ball": {"center": [-0.6 + 0.6 * k, 0, 0], "radius": 0.2, "name": f"b{k}"}} for k in range(3)
]
INNER = {"disk": {"center": [0, 0], "radius": 0.5, "name": "rim"}}
REGIONS = problem_node(
    {"regions": {"inner": INNER, "outer": {"difference": [SQUARE, INNER]}}},
    ["laplacian(u) = 0"],
    [
        {"part": SIDES, "equation": "u = x"},
        {"interface": "rim", "equation": ["jump(u) = 0", "jump(dn(u)) = 0"]},
    ],
)
CUBE_FACES = [{"part": FACES, "equation": "u = s"}]
IN_CUBE = [{"part": [*FACES, "b0", "b1", "b2"], "equation": "u = s"}]
REFUSED: dict[str, tuple[dict[str, Any], int, str]] = {
    "no hole": (
        {**DRILLED, "domain": CUBE, "conditions": CUBE_FACES},
        4,
        "no disk or ball is cut out",
    ),
    "many": (
        {**DRILLED, "domain": {"difference": [CUBE, *IN_ROW]}, "conditions": IN_CUBE},
        60,
        "11163 functions",
    ),
    "order": (DRILLED, 61, "60"),
    "regions": (REGIONS, 2, "has regions"),
    "time": (
        {
            **HOLED,
            "time": {"interval": [0, 1]},
            "conditions": [{"part": [*SIDES, "a", "b", "initial"], "equation": "u = s"}],
        },
        2,
        "depends on time; use 0",
    ),
}


@pytest.mark.parametrize("case", list(REFUSED))
def test_refused_multipoles(case: str) -> None:
    node, most, message = REFUSED[case]
    with pytest.raises(ConfigError, match=rf"trial\.multipoles: .*{message}"):
        parts(node, trial={**KAN, "multipoles": most}, **FEW)


def test_multipoles_do_not_go_with_slabs() -> None:
    with pytest.raises(ConfigError, match=r"trial\.multipoles: do not go with slabs; use 0"):
        config(REFUSED["time"][0], trial={**KAN, "multipoles": 2}, slabs=2, **FEW)
