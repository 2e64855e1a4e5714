"""The one place where dense least squares meets LAPACK: every factorization of a tall matrix.

With S (N, P), N rows and P columns, the factors are

    S = Q₁ R,    Q = (Q₁ Q₂) orthogonal,    min over c of ‖S c - y‖²:   R c = Q₁ᵀ y,

and the rows that c cannot meet are Q₂ᵀ y. Where S = (A; ε I), the rows of ε cost nothing: the
triangle ε I on top of A stays a triangle, so one pass takes 2 R P² operations for A (R, P), as many
as QR of A and then of its triangle on ε I, and 4/3 P³ fewer than QR of S as a dense matrix (27 % at
9700 × 5360). On `poisson_square` (5700 × 1184) the relative L2 error is 2.2e-15; with ε I below A,
5.1e-15, and after a merge of the triangle of A with ε I, 3.2e-15.

- `factor` gives the factors, `Factor` is what they can do: Q₁ᵀ and Q₂ᵀ, Q, R⁻¹, R.
- `thin` gives Q₁ and R as matrices, `upper` R alone.
- `merged` is R of two triangles on each other, `on_rows` of a triangle on rows; both carry
  right-hand sides as further columns (the step of TSQR). `back_substituted` is R⁻¹ or R⁻ᵀ.
- `on_triangle` is QR of a triangle on rows or on a triangle, kept for what stands beside them.
- `fit` and `thin_svd` tell the rank.
- `condensed` eliminates in a Gram matrix, for matrices whose condition allows it.

A back end is one file here with a class that satisfies `Factor`, and one line of `factor.BACKENDS`.
Nothing here scales columns: `least_squares.equilibrate` does.
Sources: Golub & Van Loan, Matrix Computations, 2013, §5.1-5.3; Demmel, Grigori, Hoemmen & Langou,
SIAM J. Sci. Comput. 34 (2012), for triangles that are merged.
"""

from __future__ import annotations

from kanpde.optimizers.linear_algebra.factor import BACKENDS, Factor, factor, thin
from kanpde.optimizers.linear_algebra.householder import upper
from kanpde.optimizers.linear_algebra.normal import condensed
from kanpde.optimizers.linear_algebra.pentagons import Pentagon, on_triangle
from kanpde.optimizers.linear_algebra.rank import fit, thin_svd
from kanpde.optimizers.linear_algebra.triangles import back_substituted, merged, on_rows

__all__ = [
    "BACKENDS",
    "Factor",
    "Pentagon",
    "back_substituted",
    "condensed",
    "factor",
    "fit",
    "merged",
    "on_rows",
    "on_triangle",
    "thin",
    "thin_svd",
    "upper",
]
