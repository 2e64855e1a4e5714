"""References: what a problem may name, what a file must hold, what the errors are, and that the
shipped values are right.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse
import scipy.sparse.linalg
import torch
from core_helpers import LINE, SIDES, SQUARE, create, problem_node, slowly
from numpy.typing import NDArray

from kanpde import api
from kanpde.config import shipped, validate_problem, yaml_file
from kanpde.config.problem.statement import problem_tree
from kanpde.errors import ConfigError, StorageError
from kanpde.problem.problem import Problem
from kanpde.problem.stored_reference import Reference, cached_path, read, statement_digest
from kanpde.results.comparison import Entry
from kanpde.results.report import result_rows

pytestmark = pytest.mark.usefixtures("quick")

Array = NDArray[Any]

EXACT = "x**2 - y**2 + x*y"
NODE = problem_node(SQUARE, ["laplacian(u) = 0"], [{"part": SIDES, "equation": f"u = {EXACT}"}])
KEYS: dict[str, Any] = {
    "trial": {"width": [2], "degree": [3, 3], "intervals": [1, 1]},
    "sampler": {"interior": 100, "boundary": 40},
}


def arrays(**changes: Any) -> dict[str, Any]:
    """Values of the saddle at five points of the square, with weights."""
    x = np.array([[0.0, 0.5], [-0.5, 0.1], [0.9, -0.9], [1.0, 1.0], [-1.0, 0.3]])
    values = (x[:, 0] ** 2 - x[:, 1] ** 2 + x[:, 0] * x[:, 1])[:, None]
    saddle = {"x": x, "w": np.arange(1.0, 6.0), "values": values, "error": np.array(3e-15)}
    saddle["digest"] = np.array(statement_digest(validate_problem(NODE, "small.yaml")))
    return saddle | changes


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The references of a pretended installation, with one called `saddle`."""
    references = tmp_path / "references"
    references.mkdir()
    np.savez_compressed(references / "saddle.npz", **arrays())
    monkeypatch.setattr(shipped, "problems", lambda: tmp_path)
    return references


def refusal(node: dict[str, Any]) -> str:
    """The one line that refuses a problem node."""
    with pytest.raises(ConfigError) as caught:
        create(node)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# What a problem may name
# ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["../saddle", "a/saddle", "saddle.npz", "/saddle", ".", "s" * 41, "0saddle", "..\\saddle"],
)
def test_a_reference_is_a_name_and_no_path(name: str, folder: Path) -> None:
    np.savez(folder.parent / "saddle.npz", **arrays())
    message = refusal({**NODE, "reference": name})
    assert (
        "reference: must be the name of a shipped reference (letters, digits and _; no path), found"
        in message
    )


@pytest.mark.parametrize("value", [3, 1.5, True, ["saddle"], {"name": "saddle"}], ids=str)
def test_a_reference_is_text(value: Any, folder: Path) -> None:
    assert "reference: must be" in refusal({**NODE, "reference": value})


def test_exact_and_reference_exclude_each_other(folder: Path) -> None:
    message = refusal({**NODE, "exact": {"u": EXACT}, "reference": "saddle"})
    assert message == (
        "small.yaml: reference: does not go with 'exact', which needs no reference; remove one of"
        " them"
    )


def test_an_unknown_reference_is_answered_with_the_nearest(folder: Path) -> None:
    message = refusal({**NODE, "reference": "sadle"})
    assert message.startswith(
        "problem.reference: unknown reference 'sadle', did you mean 'saddle'?"
    )


def test_a_reference_derives_no_source(folder: Path) -> None:
    node = {
        **NODE,
        "equations": ["laplacian(u) = f"],
        "definitions": {"f": "manufactured"},
        "reference": "saddle",
    }
    assert "'manufactured' needs an exact solution" in refusal(node)


def test_a_reference_survives_the_way_through_a_file(folder: Path) -> None:
    config = validate_problem({**NODE, "reference": "saddle"}, "small.yaml")
    assert config.reference == "saddle"
    assert (
        validate_problem(
            yaml_file.loads(yaml_file.dumps(problem_tree(config)), source="again.yaml"),
            "again.yaml",
        )
        == config
    )
    assert "reference" not in problem_tree(validate_problem(NODE, "small.yaml"))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"domain": LINE, "conditions": [{"part": ["left", "right"], "equation": "u = 0"}]},
            "1 unknowns in 2 coord",
        ),
        (
            {"unknowns": ["u", "v"], "equations": ["laplacian(u) = 0", "v = u"]},
            "but the problem has 2 in 2",
        ),
        (
            {"domain": {"rectangle": {"lower": [-1, -1], "upper": [0.95, 1]}}},
            "1 of 5 points outside the domain",
        ),
    ],
    ids=["coordinates", "unknowns", "domain"],
)
def test_the_reference_of_another_problem_is_refused(
    changes: dict[str, Any], words: str, folder: Path
) -> None:
    message = refusal({**NODE, **changes, "reference": "saddle"})
    assert message.startswith("problem.reference: 'saddle' h") and words in message


# For which problem
# --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"equations": ["laplacian(u) = 1"]},
        {"equations": ["laplacian(u) = c"], "parameters": {"c": 0.0}},
        {"conditions": [{"part": SIDES, "equation": f"u = 2*({EXACT})"}]},
        {"domain": {"rectangle": {"lower": [-1, -1], "upper": [1, 1.5]}}},
    ],
    ids=["equation", "parameter", "condition", "domain"],
)
def test_a_reference_does_not_serve_another_statement(
    changes: dict[str, Any], folder: Path
) -> None:
    node = {**NODE, **changes, "reference": "saddle"}
    if "domain" in changes:
        node["conditions"] = [
            {"part": ["left", "right", "bottom", "top"], "equation": f"u = {EXACT}"}
        ]
    message = refusal(node)
    assert message.startswith(
        "problem.reference: 'saddle' was computed for another problem: its equations, conditions"
    )
    assert "problem.reference=null" in message and "kanpde reference" in message


def test_wording_that_says_the_same_keeps_a_reference(folder: Path) -> None:
    node = {
        **NODE,
        "name": "other",
        "description": "words",
        "equations": ["laplacian( u )  =  0"],
        "reference": "saddle",
    }
    node["conditions"] = [{**NODE["conditions"][0], "weight": 3.0}]
    node["recommended"] = {"trial": {"width": [3]}}
    assert create(node).reference is not None


def test_a_computed_reference_is_found_by_what_the_problem_says(folder: Path) -> None:
    path = cached_path(statement_digest(validate_problem(NODE, "small.yaml")))
    assert create(NODE).reference is None
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **arrays())
    try:
        reference = create(NODE).reference
        assert reference is not None and reference.error == 3e-15
        assert create({**NODE, "equations": ["laplacian(u) = 1"]}).reference is None
        assert create({**NODE, "exact": {"u": EXACT}}).reference is None
    finally:
        path.unlink()


# What a file must hold
# -----------------------------------------------------------------------------------------------

HOLE = np.array([[np.nan], [1.0], [1.0], [1.0], [1.0]])
WRONG: dict[str, dict[str, Any]] = {
    "single precision": {"values": arrays()["values"].astype(np.float32)},
    "integers": {"w": np.arange(1, 6)},
    "nan": {"values": HOLE},
    "infinite point": {"x": np.full((5, 2), np.inf)},
    "negative weight": {"w": np.array([1.0, 2.0, -1.0, 1.0, 1.0])},
    "zero weight": {"w": np.zeros(5)},
    "too few weights": {"w": np.ones(4)},
    "too many points": {"w": np.ones(4), "values": np.ones((4, 1))},
    "too many values": {"values": np.ones((6, 1))},
    "flat values": {"values": np.ones(5)},
    "flat points": {"x": np.ones(5)},
    "no points": {"x": np.ones((0, 2)), "w": np.ones(0), "values": np.ones((0, 1))},
    "many errors": {"error": np.ones(5)},
    "negative error": {"error": np.array(-1.0)},
    "no number as error": {"error": np.array(np.nan)},
    "text as error": {"error": np.array("small")},
    "number as digest": {"digest": np.array(3.0)},
    "many digests": {"digest": np.array(["a", "b"])},
}


@pytest.mark.parametrize("changes", WRONG.values(), ids=WRONG)
def test_a_file_that_does_not_hold_a_reference_is_refused(
    changes: dict[str, Any], folder: Path
) -> None:
    np.savez(folder / "saddle.npz", **arrays(**changes))
    with pytest.raises(
        StorageError, match=r"saddle.npz: a reference needs finite float64 arrays .* install"
    ):
        create({**NODE, "reference": "saddle"})


@pytest.mark.parametrize("key", ["x", "w", "values", "error", "digest"])
def test_a_missing_array_is_refused(key: str, folder: Path) -> None:
    np.savez(
        folder / "saddle.npz", **{name: value for name, value in arrays().items() if name != key}
    )
    with pytest.raises(StorageError, match="cannot be read as a reference"):
        create({**NODE, "reference": "saddle"})


class Payload:
    """What a pickle would run."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Callable[[Path], None], tuple[Path]]:
        return os.mkdir, (self.target,)


@pytest.mark.parametrize("key", ["x", "w", "values", "error", "digest"])
def test_a_pickle_inside_is_never_run(key: str, folder: Path) -> None:
    hostile = np.array([Payload(folder / "owned")], dtype=object)
    np.savez(folder / "saddle.npz", **arrays(**{key: hostile}))
    with pytest.raises(StorageError, match="cannot be read as a reference"):
        create({**NODE, "reference": "saddle"})
    assert not (folder / "owned").exists()


def test_a_damaged_file_is_refused_and_never_used(folder: Path) -> None:
    """A flipped bit is noticed, or hits a byte that means nothing."""
    path, wanted = folder / "saddle.npz", arrays()
    good = path.read_bytes()
    noticed = 0
    for place in range(0, len(good), 5):
        path.write_bytes(good[:place] + bytes([good[place] ^ 16]) + good[place + 1 :])
        try:
            reread = read(path, "saddle")
        except StorageError:
            noticed += 1
        else:
            assert all(np.array_equal(getattr(reread, key), wanted[key]) for key in wanted)
    assert noticed > len(good) // 10


@pytest.mark.parametrize("content", [b"", b"x = 1", b"PK\x03\x04", b"\x93NUMPY"], ids=repr)
def test_what_is_no_archive_is_refused(content: bytes, folder: Path) -> None:
    (folder / "saddle.npz").write_bytes(content)
    with pytest.raises(StorageError, match="cannot be read as a reference"):
        create({**NODE, "reference": "saddle"})


def test_a_bare_array_is_refused(folder: Path) -> None:
    with (folder / "saddle.npz").open("wb") as file:
        np.save(file, np.ones((5, 2)))
    with pytest.raises(StorageError, match="cannot be read as a reference"):
        create({**NODE, "reference": "saddle"})


# What the errors are
# -------------------------------------------------------------------------------------------------


def test_errors_are_measured_at_the_points_of_the_reference(folder: Path) -> None:
    values = arrays()["values"] + np.array([[0.1], [0.0], [0.0], [0.0], [-0.3]])
    np.savez(folder / "saddle.npz", **arrays(values=values))
    solution = api.solve({"problem": {**NODE, "reference": "saddle"}}, **KEYS)
    at, w = arrays()["x"], arrays()["w"]
    error = solution(at) - values
    assert solution.relative_l2["u"] == pytest.approx(
        float(np.sqrt((w @ error**2 / (w @ values**2))[0])), rel=1e-12
    )
    assert solution.max_error["u"] == pytest.approx(float(np.abs(error).max()), rel=1e-12)
    assert json.loads(json.dumps(solution.result.as_dict()))["reference"] == {
        "name": "saddle",
        "error": 3e-15,
    }
    assert Entry("best", solution.result.as_dict()).as_dict()["reference"] == {
        "name": "saddle",
        "error": 3e-15,
    }
    rows = dict(result_rows(solution.result.as_dict()))
    assert rows["error against"] == "reference 'saddle' (its own error 3.00e-15)"
    assert "relative L2 error" in rows and "error" not in rows


def test_without_a_reference_none_is_reported() -> None:
    report = api.solve({"problem": {**NODE, "exact": {"u": EXACT}}}, **KEYS).result.as_dict()
    assert report["reference"] is None and report["relative_l2"]["u"] is not None
    assert "error against" not in dict(result_rows(report))


def test_single_precision_has_errors_too(folder: Path) -> None:
    error = api.solve(
        {"problem": {**NODE, "reference": "saddle"}}, dtype="float32", **KEYS
    ).relative_l2["u"]
    assert error is not None and 0 < error < 1


@pytest.mark.parametrize(
    "schedule", [[{"optimizer": "least_squares"}], [{"optimizer": "lbfgs", "steps": 3}]], ids=str
)
def test_the_reference_changes_no_bit_of_any_coefficient(schedule: list[Any], folder: Path) -> None:
    solutions = [
        api.solve({"problem": node}, schedule=schedule, **KEYS)
        for node in (NODE, {**NODE, "reference": "saddle"})
    ]
    assert torch.equal(solutions[0].coefficients(), solutions[1].coefficients())
    assert solutions[0].history.objective == solutions[1].history.objective
    assert solutions[0].relative_l2["u"] is None and solutions[1].relative_l2["u"] is not None


# The shipped values
# --------------------------------------------------------------------------------------------------

REFERENCES = sorted(path.stem for path in (shipped.problems() / "references").glob("*.npz"))
CANTILEVER = "elasticity_cantilever"
Flow = Callable[[Array, Array], Array]
"""(wave numbers i k, coefficients) → time derivative of the coefficients."""


def product(d: Array, v: Array) -> Array:
    """Coefficients of u u_x."""
    return d / 2 * np.fft.rfft(np.fft.irfft(v) ** 2)


"""References without time, checked below by what they conserve."""

FLOWS: dict[str, tuple[Flow, str, int, int, float]] = {
    "allen_cahn": (
        lambda d, v: 1e-4 * d**2 * v + 5 * v - 5 * np.fft.rfft(np.fft.irfft(v) ** 3),
        "x**2*cos(pi*x)", 1024, 400, 1e-5,
    ),
    "burgers": (lambda d, v: 0.01 * d**2 * v - product(d, v), "-sin(pi*x)", 512, 3000, 1e-11),
    "burgers_sharp": (lambda d, v: 0.01 / np.pi * d**2 * v - product(d, v), "-sin(pi*x)", 768, 3000, 1e-6),
    "kdv": (lambda d, v: -(0.022**2) * d**3 * v - product(d, v), "cos(pi*x)", 256, 15000, 1e-9),
    "kuramoto_sivashinsky": (
        lambda d, v: -100 / 256 * d**2 * v - 100 / 65536 * d**4 * v - 100 / 16 * product(d, v),
        "cos(x)*(1 + sin(x))", 144, 16000, 2e-5,
    ),
}  # fmt: skip
"""Right-hand side, initial value, Fourier modes, steps, and how closely a coarse solution must
agree.
"""


def initial(text: str, x: Array) -> Array:
    """The values of one of the initial formulas."""
    return {
        "x**2*cos(pi*x)": x**2 * np.cos(np.pi * x),
        "-sin(pi*x)": -np.sin(np.pi * x),
        "cos(pi*x)": np.cos(np.pi * x),
        "cos(x)*(1 + sin(x))": np.cos(x) * (1 + np.sin(x)),
    }[text]


def coarse(name: str, known: Reference, lower: float, upper: float) -> Array:
    """A Fourier solution in double precision, advanced by the classical Runge–Kutta method; (N,
    1).
    """
    flow, text, points, steps, _ = FLOWS[name]
    (x, i), (t, k) = (np.unique(axis, return_inverse=True) for axis in known.x.T)
    d = 2j * np.pi / (upper - lower) * np.arange(points // 2 + 1)
    d[-1] = 0  # the highest mode has no slope
    v = np.fft.rfft(initial(text, lower + (upper - lower) * np.arange(points) / points))
    states = []
    for length in np.diff(t, prepend=0.0):
        count = int(np.ceil(steps * length))
        h = length / count
        for _ in range(count):
            a = flow(d, v)
            b = flow(d, v + h / 2 * a)
            c = flow(d, v + h / 2 * b)
            v = v + h / 6 * (a + 2 * b + 2 * c + flow(d, v + h * c))
        states.append(v)
    waves = np.exp(np.outer(x - lower, d)) / points * np.where(np.arange(len(d)) > 0, 2, 1)
    return (waves @ np.array(states).T).real[i, k][:, None]


LSHAPE = "poisson_lshape_source"


def test_the_reference_of_the_l_shape_agrees_with_finite_differences() -> None:
    """The five-point formula on even grids: its values at grid points, extrapolated, beside the
    reference's mean and maximum.
    """
    problem = Problem.create(api.configure(LSHAPE).problem)
    known = problem.reference
    assert (
        known is not None
        and known.error < 2e-13
        and known.w.sum() == pytest.approx(problem.domain.measure, rel=1e-13)
    )
    means = [finite_difference_mean(n) for n in (16, 32, 64)]
    mean = float(known.w @ known.values[:, 0])
    errors = [abs(coarse / mean - 1) for coarse in means]
    assert errors[2] < 2e-3 and errors[0] / errors[1] > 2 and errors[1] / errors[2] > 2, errors
    mirrored = -known.x[:, ::-1]
    order, mirrored_order = np.lexsort(known.x.round(12).T), np.lexsort(mirrored.round(12).T)
    assert abs(known.values[order] - known.values[mirrored_order]).max() < 1e-13


def finite_difference_mean(n: int) -> float:
    """The integral of the discrete solution of -Δu = 1 on the L-shape with steps 1/n."""
    axis = np.arange(-n + 1, n)
    i, j = (grid.ravel() for grid in np.meshgrid(axis, axis, indexing="ij"))
    inside = ~((i >= 0) & (j <= 0))
    number = np.full((2 * n + 1, 2 * n + 1), -1)
    number[i[inside] + n, j[inside] + n] = np.arange(inside.sum())
    rows, columns = [], []
    for di, dj in ((1, 0), (-1, 0), (0, 1), (0, -1)):
        neighbour = number[i[inside] + n + di, j[inside] + n + dj]
        rows.append(np.flatnonzero(neighbour >= 0))
        columns.append(neighbour[neighbour >= 0])
    count = int(inside.sum())
    at = np.concatenate(rows), np.concatenate(columns)
    matrix = 4 * scipy.sparse.eye_array(count) - scipy.sparse.coo_array(
        (np.ones(len(at[0])), at), shape=(count, count)
    )
    return float(scipy.sparse.linalg.spsolve(matrix.tocsc(), np.full(count, n**-2.0)).sum() / n**2)


def test_every_shipped_reference_is_used_checked_and_small() -> None:
    used = {name: api.configure(name).problem.reference for name in shipped.names()}
    known = {name for name, reference in used.items() if reference}
    assert (
        known
        == set(REFERENCES)
        == {*FLOWS, LSHAPE, CANTILEVER, "poisson_holes", "poisson_mesh", "cavity"}
    )
    for name in REFERENCES:
        assert used[name] == name and shipped.reference(name).stat().st_size < 300_000


@pytest.mark.parametrize("name", slowly(FLOWS, {"kuramoto_sivashinsky", "kdv"}))
def test_a_shipped_reference_agrees_with_a_coarse_computation(name: str) -> None:
    problem = Problem.create(api.configure(name).problem)
    known = problem.reference
    assert known is not None and 8000 <= len(known.x) <= 12000 and 0 < known.error < 1e-10
    assert known.x[:, 1].max() == 1.0 and known.w.sum() == pytest.approx(
        problem.domain.measure, rel=1e-12
    )
    assert (initial_text := problem.config.conditions[0].equation) is not None
    assert initial_text == f"u = {FLOWS[name][1]}"
    lower, upper = (float(side[0]) for side in (problem.domain.lower, problem.domain.upper))
    error = coarse(name, known, lower, upper) - known.values
    distance = float(np.sqrt((known.w @ error**2 / (known.w @ known.values**2))[0]))
    assert distance < FLOWS[name][-1]


def test_the_shipped_cantilever_agrees_with_cubic_elements_on_a_coarse_mesh() -> None:
    config = api.configure(CANTILEVER).problem
    known = Problem.create(config).reference
    assert known is not None and 1000 <= len(known.x) <= 12000 and 0 < known.error < 1e-5
    assert (
        known.w.sum() == pytest.approx(4.0, rel=1e-12) and (known.w @ known.values**2).min() > 1e-3
    )
    assert config.parameters == {"young": 1.0, "poisson": 0.3, "load": 0.01}
    error = cubic(known.x) - known.values
    assert np.sqrt(known.w @ error**2 / (known.w @ known.values**2)).max() < 2e-3


def test_the_beams_corner_functions_have_the_exponents_of_williams_and_make_its_clamp_bearable() -> (
    None
):
    config = api.configure(CANTILEVER)
    a, b, c = (float(config.problem.definitions[name]) for name in "abc")
    kappa = 3 - 4 * config.problem.parameters["poisson"]
    for root in (a, complex(b, c)):
        assert (
            abs(np.sin(root * np.pi / 2) ** 2 - (kappa + 1) ** 2 / (4 * kappa) + root**2 / kappa)
            < 1e-14
        )
    assert {condition.weight for condition in config.problem.conditions} == {1.0}
    solution = api.solve(config)
    assert (
        solution.result.metrics.reference
        and max(e or 1 for e in solution.relative_l2.values()) < 1e-5
    )


def cubic(x: Array) -> Array:
    """The beam of E = 1, nu = 0.3 under a load of 0.01 by triangles of degree 3, 32 x 8 x 2 of
    them; (N, 2) at points (N, 2).
    """
    fem = pytest.importorskip("skfem")
    young, nu = 1.0, 0.3
    plane = (
        young
        / (1 + nu)
        / (1 - 2 * nu)
        * np.array([[1 - nu, nu, 0], [nu, 1 - nu, 0], [0, 0, 0.5 - nu]])
    )

    def work(u, v, w):  # type: ignore[no-untyped-def]
        strains = [
            np.array([g.grad[0][0], g.grad[1][1], g.grad[0][1] + g.grad[1][0]]) for g in (u, v)
        ]
        return np.einsum("i...,ij,j...->...", strains[0], plane, strains[1])

    mesh = fem.MeshTri.init_tensor(
        np.linspace(0, 1, 33) ** 2 * 4, (1 - np.cos(np.pi * np.linspace(0, 1, 9))) / 2
    )
    basis = fem.Basis(mesh, fem.ElementVector(fem.ElementTriP3()))
    end = fem.FacetBasis(mesh, basis.elem, facets=mesh.facets_satisfying(lambda p: p[0] == 4))
    load = fem.LinearForm(lambda v, w: -0.06 * w.x[1] * (1 - w.x[1]) * v[1]).assemble(end)
    clamped = basis.get_dofs(mesh.facets_satisfying(lambda p: p[0] == 0))
    u = fem.solve(*fem.condense(fem.BilinearForm(work).assemble(basis), load, D=clamped))
    single = basis.split_bases()[0]
    return np.stack([single.interpolator(u[part])(x.T) for part in basis.split_indices()], axis=1)


def test_the_cavity_lets_no_flow_through() -> None:
    """No net flow crosses any vertical or horizontal line of a closed box, so both velocities have
    mean zero.
    """
    with np.load(shipped.reference("cavity")) as known:
        w, values = known["w"], known["values"]
    assert abs(w.sum() - 1) < 1e-12
    assert abs(w @ values[:, :2]).max() < 1e-6 < 0.01 < abs(w @ values[:, :2] ** 2).min()
