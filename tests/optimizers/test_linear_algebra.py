"""Contract of the seam for dense least squares: the factors are those of the matrix on every back
end, long factorizations come in pieces, and nothing else factors tall matrices.
"""

from __future__ import annotations

import ast
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest
import torch
from core_helpers import gap, uniform
from torch import Tensor

from kanpde.errors import NumericalError
from kanpde.optimizers.linear_algebra import (
    BACKENDS,
    Factor,
    back_substituted,
    factor,
    fit,
    householder,
    merged,
    on_triangle,
    thin,
    thin_svd,
)
from kanpde.optimizers.linear_algebra.cholesky_qr import CholeskyQR
from kanpde.optimizers.linear_algebra.householder import Blocked, OneCall, by_columns
from kanpde.optimizers.linear_algebra.stacked import FEW, Stacked

pytestmark = pytest.mark.usefixtures("one_thread")

Backend = Callable[[Tensor, int], Factor]
BACK_ENDS: dict[str, Backend] = {
    "one call": lambda matrix, triangular: OneCall(*torch.geqrf(matrix)),
    "blocked": Blocked.of,
    "cholesky": CholeskyQR.of,
}


@pytest.fixture(params=list(BACK_ENDS))
def backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Backend:
    """Every back end on CPU tensors, panels of 16 columns."""
    monkeypatch.setattr(householder, "WIDTH", householder.NARROWEST)
    return BACK_ENDS[request.param]


def stacked(rows: int, columns: int, epsilon: float) -> Tensor:
    """Random rows (R, P) above ε I, stored by columns."""
    matrix = torch.cat([uniform(rows, columns), epsilon * torch.eye(columns).double()])
    return by_columns(matrix)


# Factors
# --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_triangle", [False, True])
def test_a_triangle_on_rows_turns_what_stands_beside_them(is_triangle: bool) -> None:
    k, beside = 40, 7
    top, below = uniform(k, k).triu().numpy(), uniform(k if is_triangle else 23, k).numpy()
    below = np.triu(below) if is_triangle else below
    right = uniform(k + len(below), beside).numpy()
    whole = np.concatenate([np.concatenate([top, below]), right], axis=1)
    pentagon = on_triangle(top.copy(), below.copy(), is_triangle)
    turned = np.concatenate(pentagon.turned(right[:k].copy(), right[k:].copy()))
    zeros = np.zeros((len(below), k))
    reduced = np.concatenate([np.concatenate([np.triu(pentagon.triangle), zeros]), turned], axis=1)
    np.testing.assert_allclose(reduced.T @ reduced, whole.T @ whole, atol=1e-12)


@pytest.mark.parametrize(("rows", "columns"), [(90, 40), (20, 33), (1, 1), (50, 16), (60, 17)])
@pytest.mark.parametrize("epsilon", [0.0, 1e-3, 2.0])
def test_the_factors_give_the_matrix_back(
    backend: Backend, rows: int, columns: int, epsilon: float
) -> None:
    """S = Q₁ R, R upper triangular, Q₁ᵀ S = R, and nothing of S is left."""
    matrix = stacked(rows, columns, epsilon)
    if not epsilon:
        matrix = by_columns(uniform(rows + columns, columns))
    factors = backend(by_columns(matrix), columns if epsilon else 0)
    triangle = factors.triangle
    assert triangle.shape == (columns, columns) and torch.equal(triangle, triangle.triu())
    top, rest = factors.split(matrix)
    assert gap(top, triangle) < 1e-12
    assert float(rest.norm()) < 1e-12 * float(matrix.norm())
    assert gap(factors.join(triangle, None), matrix) < 1e-12
    assert gap(factors.back(triangle @ uniform(columns, 3)), uniform(columns, 3)) < 1e-9


@pytest.mark.parametrize("triangular", [True, False])
def test_splitting_rows_keeps_their_angles_and_joining_gives_them_back(
    backend: Backend, triangular: bool
) -> None:
    matrix, rows = stacked(70, 40, 0.1), uniform(110, 5, seed=2)
    factors = backend(by_columns(matrix), 40 if triangular else 0)
    top, rest = factors.split(rows)
    assert gap(top.T @ top + rest.T @ rest, rows.T @ rows) < 1e-11
    assert gap(factors.join(top, rest), rows) < 1e-12
    met, unmet = factors.join(top, None), factors.join(None, rest)
    assert float((matrix.T @ unmet).norm()) < 1e-12 * float(rows.norm()) * float(matrix.norm())
    assert gap(met + unmet, rows) < 1e-12


def test_the_minimiser_is_that_of_the_normal_equations(backend: Backend) -> None:
    matrix, right = stacked(70, 40, 1e-2), uniform(110, 3, seed=2)
    factors = backend(by_columns(matrix), 40)
    solution = factors.back(factors.split(right)[0])
    assert gap(solution, torch.linalg.solve(matrix.T @ matrix, matrix.T @ right)) < 1e-10


@pytest.mark.parametrize("name", ["blocked", "cholesky"])
def test_nothing_below_the_diagonal_of_the_triangle_is_read(name: str) -> None:
    """One call of LAPACK would read it; the solver's ε I has zeros there."""
    matrix = stacked(70, 40, 1e-2)
    dirty = by_columns(matrix)
    dirty[70:] += uniform(40, 40, seed=3).tril(-1)
    backend = BACK_ENDS[name]
    assert gap(backend(dirty, 40).triangle.abs(), backend(matrix, 40).triangle.abs()) < 1e-12


def test_columns_without_a_number_leave_the_others_alone(backend: Backend) -> None:
    """τ = 0: nothing to reflect."""
    matrix = stacked(70, 40, 1e-3)
    matrix[:70, [0, 15, 16, 39]] = 0
    wanted = uniform(40, 1, seed=5)
    wanted[[0, 15, 16, 39]] = 0
    factors = backend(by_columns(matrix), 40)
    assert gap(factors.back(factors.split(matrix @ wanted)[0]), wanted) < 1e-9


def test_single_precision_stays_single_precision(backend: Backend) -> None:
    matrix = stacked(70, 40, 1e-2).float()
    factors = backend(by_columns(matrix), 40)
    top, rest = factors.split(matrix[:, :2])
    solution = factors.back(top)
    assert {each.dtype for each in (factors.triangle, top, rest, solution)} == {torch.float32}
    assert gap(solution, torch.eye(40, 2)) < 1e-3


def test_a_matrix_with_more_columns_than_rows_has_a_trapezoid() -> None:
    matrix = uniform(30, 45)
    long, short = Blocked.of(by_columns(matrix), 0).triangle, factor(by_columns(matrix)).triangle
    assert long.shape == short.shape == (30, 45)
    assert gap(long.abs(), short.abs()) < 1e-12


def test_rows_of_epsilon_take_no_operations() -> None:
    """Reflections reach R rows below the triangle, not R + P: 2 R P² operations in all."""
    factors = Blocked.of(stacked(500, 300, 1e-13), 300)
    assert len(factors.panels) > 1
    assert all(panel.tail == slice(0, 500) for panel in factors.panels)
    assert all(panel.unit is None for panel in factors.panels)


def test_the_device_chooses_the_back_end_and_an_unknown_one_is_refused() -> None:
    assert BACKENDS["cpu"] is householder.factor and BACKENDS["cuda"] == CholeskyQR.of
    with pytest.raises(NumericalError, match="for tensors on meta; move them to one of cpu, cuda"):
        factor(torch.zeros(4, 2, device="meta"))


# Pieces
# --------------------------------------------------------------------------------------------------


def test_short_factorizations_are_one_call_and_long_ones_are_cut(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    matrix = stacked(300, 100, 1e-13)
    assert isinstance(factor(by_columns(matrix), 100), OneCall)
    monkeypatch.setattr(householder, "PIECE", 2 * 400 * 100**2 - 1)
    assert isinstance(factor(by_columns(matrix), 100), Blocked)


@pytest.mark.parametrize("triangular", [True, False])
def test_no_call_of_a_long_factorization_takes_more_operations_than_a_piece(
    triangular: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    geqrf, addmm = torch.geqrf, Tensor.addmm_

    def counted_geqrf(matrix: Tensor) -> tuple[Tensor, Tensor]:
        calls.append(2 * matrix.shape[0] * matrix.shape[1] ** 2)
        return geqrf(matrix)  # type: ignore[return-value]

    def counted_addmm(into: Tensor, a: Tensor, b: Tensor, alpha: float = 1) -> Tensor:
        calls.append(4 * a.numel() * b.shape[1])
        return addmm(into, a, b, alpha=alpha)

    monkeypatch.setattr(householder, "PIECE", 10**6)
    monkeypatch.setattr(torch, "geqrf", counted_geqrf)
    monkeypatch.setattr(Tensor, "addmm_", counted_addmm)
    matrix = stacked(900, 300, 0.1)
    factors = factor(by_columns(matrix), 300 if triangular else 0)
    assert gap(factors.split(matrix)[0], factors.triangle) < 1e-12
    assert len(calls) > 50 and max(calls) <= 10**6


def test_cutting_changes_nothing_but_rounding_and_not_from_run_to_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    matrix, right = stacked(300, 100, 1e-3), uniform(400, 150, seed=1)
    whole = factor(by_columns(matrix), 100)
    monkeypatch.setattr(householder, "PIECE", 10**6)
    cut, again = (factor(by_columns(matrix), 100) for _ in range(2))
    assert gap(whole.back(whole.split(right)[0]), cut.back(cut.split(right)[0])) < 1e-10
    assert torch.equal(cut.triangle, again.triangle)
    assert torch.equal(cut.split(right)[0], again.split(right)[0])
    assert gap(whole.split(right)[0][:, 140:], whole.split(right[:, 140:])[0]) < 1e-12


class Stop(Exception):
    """What the handler raises."""


def test_a_signal_is_answered_long_before_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Handlers run between two steps of Python: a long factorization has many, in each of which
    little is done.
    """
    matrix, factored, seen = stacked(2600, 1400, 1e-13), householder._Panel.of, list[int]()

    def stop(number: int, frame: FrameType | None) -> None:
        raise Stop

    def counted(*arguments: Any) -> Any:
        seen.append(arguments[1].stop - arguments[1].start)
        if len(seen) == signalled:
            signal.raise_signal(signal.SIGINT)
        return factored(*arguments)

    monkeypatch.setattr(householder._Panel, "of", counted)
    signalled = 0
    factor(by_columns(matrix), 1400)
    assert sum(seen) == 1400 and len(seen) >= 8 and max(seen) <= 0.2 * 1400
    seen.clear()
    signalled, before = 2, signal.signal(signal.SIGINT, stop)
    try:
        with pytest.raises(Stop):
            factor(by_columns(matrix), 1400)
    finally:
        signal.signal(signal.SIGINT, before)
    assert len(seen) == 2


# Triangles, thin factors, ranks
# --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 7, 60, 300, 400])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_merged_triangles_have_the_lengths_of_both(count: int, dtype: torch.dtype) -> None:
    """RᵀR = R₁ᵀR₁ + R₂ᵀR₂; 300 by LAPACK, 400 in panels. What is below the diagonals is not
    read.
    """
    upper, lower = (uniform(count, count, seed=seed).to(dtype) for seed in (1, 2))
    kept = upper.clone()
    triangle = merged(upper, lower)
    wanted = upper.triu().T @ upper.triu() + lower.triu().T @ lower.triu()
    assert torch.equal(triangle, triangle.triu()) and torch.equal(upper, kept)
    assert gap(triangle.T @ triangle, wanted) < (1e-13 if dtype is torch.float64 else 1e-5)


def test_merging_the_triangles_of_two_halves_solves_the_whole() -> None:
    """TSQR with the right-hand side as a further column; its last number is the residual's
    length.
    """
    matrix, right = uniform(200, 12), uniform(200, 1, seed=3)
    both = torch.cat([matrix, right], dim=1)
    first, second = (
        factor(by_columns(both[some])).triangle for some in (slice(70), slice(70, 200))
    )
    triangle = merged(first, second)
    solution = back_substituted(triangle[:12, :12], triangle[:12, 12:])
    assert gap(solution, fit(matrix, right)) < 1e-12
    residual = float((matrix @ solution - right).norm())
    assert abs(float(triangle[12, 12])) == pytest.approx(residual, rel=1e-12)


def test_substitution_goes_back_and_forth() -> None:
    triangle, right = uniform(9, 9).triu() + 3 * torch.eye(9).double(), uniform(9, 2, seed=1)
    assert gap(triangle @ back_substituted(triangle, right), right) < 1e-14
    assert gap(triangle.T @ back_substituted(triangle, right, transpose=True), right) < 1e-14


@pytest.mark.parametrize("piece", [10**10, 10**5])
def test_thin_factors_have_orthonormal_columns_even_where_columns_repeat(
    piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(householder, "PIECE", piece)
    matrix = uniform(120, 40)
    matrix[:, 20:] = matrix[:, :20]
    kept = matrix.clone()
    orthonormal, triangle = thin(matrix)
    assert torch.equal(matrix, kept) and orthonormal.shape == (120, 40)
    assert gap(orthonormal.T @ orthonormal, torch.eye(40).double()) < 1e-13
    assert gap(orthonormal @ triangle, matrix) < 1e-13


def test_a_fit_is_the_shortest_of_all_and_a_cutoff_drops_directions() -> None:
    matrix, right = uniform(2, 30, 4), uniform(2, 30, 3, seed=1)
    doubled = torch.cat([matrix, matrix], dim=2)
    solution = fit(doubled, right)
    assert gap(solution[:, :4], solution[:, 4:]) < 1e-12
    assert gap(2 * solution[:, :4], torch.linalg.pinv(matrix) @ right) < 1e-12
    flat = torch.diag(torch.tensor([1.0, 1e-3], dtype=torch.float64))
    ones = torch.ones(2, 1, dtype=torch.float64)
    assert gap(fit(flat, ones)[:, 0], torch.tensor([1.0, 1e3]).double()) < 1e-12
    assert gap(fit(flat, ones, 1e-2)[:, 0], torch.tensor([1.0, 0.0]).double()) < 1e-12


def test_a_thin_svd_gives_the_matrix_back() -> None:
    matrix = uniform(40, 3)
    left, values, right = thin_svd(matrix)
    assert left.shape == (40, 3) and gap((left * values) @ right, matrix) < 1e-14


# The seam
# --------------------------------------------------------------------------------------------------

PACKAGE = Path(__file__).resolve().parents[2] / "kanpde"
SEAM = "optimizers/linear_algebra/"
DECOMPOSITIONS = {
    *("qr", "geqrf", "ormqr", "orgqr", "householder_product", "lapack", "lu_factor", "pinv"),
    *("lstsq", "svd", "svdvals", "solve_triangular", "cholesky", "cholesky_ex", "cho_factor"),
}
ALLOWED = {
    "numerics/random_features.py": "activations of one layer, once for each degree, numpy",
    "problem/skewed.py": "2 × 2 tensors of diffusion, once a problem, numpy",
    "ansatz/surrogate.py": "a polynomial of a table's structure, once a fit, numpy",
    "trial/networks/kan.py": "QR of a random 3 × 3 matrix: a rotation",
    "solver/ritz.py": "roots of one small matrix per point, in batches",
    "domains/plane/chains.py": "a circle through points, 3 unknowns; domains know no torch",
    "eigen/krylov.py": "blocks of a few vectors, numpy",
    "eigen/spectrum.py": "the modes of one cluster, numpy",
    "inverse/field_search.py": "steps of a few constants, numpy",
    "inverse/fields.py": "rows of splines on a line or a rectangle, numpy",
    "inverse/least_squares.py": "steps of a few constants, numpy",
    "inverse/search.py": "steps of a few constants, numpy",
    "inverse/uncertainty.py": "information of a few constants, numpy",
    "problem/level_curves.py": "a line or a circle through points, 4 unknowns, numpy",
    "marching/lines/banded.py": "a square band, not least squares",
    "marching/plane/cells.py": "polynomials of one cell, numpy",
    "marching/plane/slab.py": "the stages of one slab, numpy",
    "marching/ordinary/statement.py": "initial values of a few unknowns, numpy",
    "patches/faces.py": "traces of one face, numpy",
    "problem/eigenvalues.py": "polynomials of low degree, once a statement, numpy",
    "products/chains.py": "cores of a chain, of few products, numpy",
    "products/elements.py": "values on one side, numpy",
    "products/lowest.py": "cores of a chain, of few products, numpy",
    "products/reduction.py": "a family on few functions, numpy",
    "products/solving.py": "the small system of GMRES, numpy",
    "products/sweeps.py": "cores of a chain, of few products, numpy",
    "products/univariate.py": "conditions of one coordinate, numpy",
    "references/fem/triangles.py": "the functions of one triangle, numpy",
    "symbolic/kan/rounding.py": "columns of one edge on a table, numpy",
    "symbolic/search/axis_spaces.py": "rank of samples along an axis, numpy",
    "symbolic/search/discover.py": "null spaces of tables of few columns, numpy",
    "symbolic/search/exponential_basis.py": "Hankel matrices of one axis, numpy",
    "symbolic/search/fit.py": "standard errors of a formula's few numbers, numpy",
    "symbolic/search/separable.py": "few products on a table, numpy",
    "symbolic/search/univariate.py": "two to six functions on a table, numpy",
}


def decompositions(text: str) -> Iterator[str]:
    """Names of decompositions that a source takes from torch, numpy or scipy."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Attribute) and node.attr in DECOMPOSITIONS:
            owner = ast.unparse(node.value)
            if owner in ("torch", "linalg", "scipy") or owner.endswith(".linalg"):
                yield node.attr
        elif isinstance(node, ast.ImportFrom) and node.module:
            numeric = node.module.split(".")[0] in ("torch", "numpy", "scipy")
            yield from {alias.name for alias in node.names if numeric} & DECOMPOSITIONS


def test_no_other_module_factors_matrices() -> None:
    users = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if list(decompositions(path.read_text(encoding="utf-8")))
    }
    outside = {name for name in users if not name.startswith(SEAM)}
    assert outside - set(ALLOWED) == set(), "factor matrices through optimizers.linear_algebra"
    assert set(ALLOWED) - outside == set(), "no longer needed"


@pytest.mark.parametrize(
    "line",
    [
        "torch.linalg.qr(a)",
        "torch.geqrf(a)",
        "np.linalg.lstsq(a, b)",
        "from scipy.linalg import lapack",
        "scipy.linalg.lapack.dgeqrf(a)",
        "from torch.linalg import svd",
        "linalg.solve_triangular(a, b)",
    ],
)
def test_the_search_for_decompositions_finds(line: str) -> None:
    assert list(decompositions(line))


@pytest.mark.parametrize("columns", [1, FEW + 1])
def test_few_columns_are_turned_as_many_are(columns: int) -> None:
    """One by one, or by blocks: Qᴴ of both parts of what Q R spans and of the rest."""
    generator = torch.Generator().manual_seed(0)
    matrices = torch.randn((3, 40, 12), dtype=torch.complex128, generator=generator)
    rows = torch.randn((3, 40, columns), dtype=torch.complex128, generator=generator)
    factors = Stacked.of(matrices)
    turned, given = factors.turned(rows), rows.clone()
    assert torch.equal(rows, given)
    assert torch.allclose(turned.norm(dim=1), rows.norm(dim=1))
    whole = matrices.mH @ rows
    assert torch.allclose(factors.triangle.mH @ turned[:, :12], whole)
