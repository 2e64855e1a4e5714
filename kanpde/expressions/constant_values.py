"""Special functions of one number, without a library.

    J_n(x) = 1/N Σ_k cos(nτ_k - x sin τ_k),  τ_k = 2πk/N,   up to J_{N-n}(x)
    ψ_n(x) = ψ_n(x + 1) - (-1)^n n!/x^{n+1},   and for large x its asymptotic series

Sources: Trefethen & Weideman, SIAM Review 56 (2014) 385; DLMF 5.15.5 and 5.15.8.
"""

from __future__ import annotations

import math

FAR = 20.0
"""From here on the asymptotic series of polygamma functions has all digits."""

EVEN_BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510)

MOST_POINTS = 100_000


def besselj(order: float, x: float) -> float:
    """J_n(x); OverflowError for an argument above 40 000 or so."""
    n = int(order)
    count = 2 * int(abs(x) + n) + 60
    if count > MOST_POINTS:
        raise OverflowError
    angles = [2 * math.pi * k / count for k in range(count)]
    return math.fsum(math.cos(n * angle - x * math.sin(angle)) for angle in angles) / count


def polygamma(order: float, x: float) -> float:
    """The derivative of log Γ of order n + 1; ValueError at 0, -1, -2, ..."""
    n = int(order)
    sign, factorial = (-1) ** (n + 1), math.factorial(n)
    total = 0.0
    while x < FAR + n:
        if x == 0:
            raise ValueError
        total += sign * factorial / x ** (n + 1)
        x += 1
    return total + _asymptotic(n, x, sign)


def _asymptotic(n: int, x: float, sign: int) -> float:
    terms = [math.factorial(n) / (2 * x ** (n + 1))]
    terms.append(math.factorial(n - 1) / x**n if n else -math.log(x))
    for k, bernoulli in enumerate(EVEN_BERNOULLI, start=1):
        terms.append(
            bernoulli * math.factorial(2 * k + n - 1) / (math.factorial(2 * k) * x ** (2 * k + n))
        )
    return sign * math.fsum(terms)
