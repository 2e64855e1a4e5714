"""A float is read as a number with a name only where chance would hardly have put it there.

    v ≈ (p / q) · B,  B in {1, π, π², 1/π, √2, √3, √5, √6, √π, e, ...} or a number of the problem

With an error τ of v about 2 τ/|B| · q · max(|p|, q) · w of all such numbers lie within τ by chance,
w the place of B in the list. Below `CHANCE` the simplest is taken, else none: so a float with few
digits stays a float.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import sympy

CHANCE = 1e-3
LARGEST = 2000  # denominators
NEAR, SHORT, LONGEST = 0.02, 6, 10
"""What counts as around a value, as a share of it; how many of BASES and which denominators make a
short number.
"""
_ROOTS = [sympy.sqrt(n) for n in (2, 3, 5, 6, 7)]
BASES: tuple[Any, ...] = (
    sympy.Integer(1), sympy.pi, sympy.pi**2, 1 / sympy.pi, *_ROOTS, sympy.sqrt(sympy.pi), sympy.E, sympy.pi**3,
    sympy.pi**4, 1 / sympy.pi**2, sympy.log(2), *(sympy.pi * root for root in _ROOTS[:3]),
    *(sympy.pi**2 * root for root in _ROOTS[:2]),
)  # fmt: skip


def recognise(value: float, error: float, known: Sequence[Any] = ()) -> Any | None:
    """The simplest number within `error` of `value` that is no chance, as sympy; None where there
    is none.

    `known` are numbers of the problem (sympy): they are tried as they stand and with small factors.
    """
    if not (math.isfinite(value) and math.isfinite(error)) or error < 0:
        return None
    if abs(value) <= error:
        return sympy.Integer(0) if error < CHANCE else None
    best: tuple[float, Any] | None = None
    for place, base in enumerate([*known, *BASES]):
        of_problem = place < len(known)
        size = float(base)
        if size == 0:
            continue
        if (found := _ratio(value / size, error / abs(size))) is None or (
            of_problem and found.denominator * abs(found.numerator) > 64
        ):
            continue
        cost = (
            found.denominator
            * max(abs(found.numerator), found.denominator)
            * (2 + place if of_problem else 1 + 2 * (place - len(known)))
        )
        chance = 2 * max(error / abs(size), 1e-16) * cost
        if chance < CHANCE and (best is None or cost < best[0]):
            best = cost, sympy.Rational(found.numerator, found.denominator) * base
    return best[1] if best else None


def recognise_sum(value: float, error: float) -> Any | None:
    """p + q B within `error` of `value`, B = π² or π, p and q small fractions, as sympy; None where
    there is none.

    About 10^5 such numbers lie between -50 and 50, so an error below 1e-9 is no chance.
    """
    if not math.isfinite(value) or not 0 <= error < 1e-9:
        return None
    shares = sorted(
        {Fraction(n, m) for m in (1, 2, 4, 5, 10) for n in range(1, 41)},
        key=lambda q: q.numerator * q.denominator,
    )
    for base in (sympy.pi**2, sympy.pi):
        for q in (sign * one for one in shares for sign in (1, -1)):
            rest = value - float(q) * float(base)
            p = Fraction(rest).limit_denominator(4)
            if p and abs(p) <= 50 and abs(float(p) - rest) <= error:
                return (
                    sympy.Rational(p.numerator, p.denominator)
                    + sympy.Rational(q.numerator, q.denominator) * base
                )
    return None


def near(value: float) -> list[Any]:
    """Short numbers around a value, the simplest first, as sympy: no claim, but what is worth a
    try.
    """
    found: dict[Any, float] = {sympy.Integer(0): 0.0} if abs(value) <= NEAR else {}
    for place, base in enumerate(BASES[:SHORT]):
        ratio = value / float(base)
        for share in (NEAR, NEAR / 4, NEAR / 20):
            fraction = _ratio(ratio, share * abs(ratio))
            if fraction is not None and fraction.denominator <= LONGEST:
                number = sympy.Rational(fraction.numerator, fraction.denominator) * base
                found.setdefault(
                    number, fraction.denominator + abs(fraction.numerator) / 10 + 3 * place
                )
    return sorted(found, key=lambda number: found[number])


def _ratio(value: float, error: float) -> Fraction | None:
    """A fraction with a small denominator within `error` of `value`, up to LARGEST."""
    if abs(value) > 1e9:
        return None
    for limit in (
        1,
        2,
        3,
        4,
        6,
        8,
        10,
        12,
        16,
        20,
        25,
        32,
        40,
        50,
        64,
        100,
        128,
        200,
        400,
        500,
        1000,
        LARGEST,
    ):
        found = Fraction(value).limit_denominator(limit)
        if found and abs(float(found) - value) <= error:
            return found
    return None


def exact(value: float, known: Sequence[Any] = ()) -> Any:
    """A float of a problem's file as the number that was meant: within 4 ulp of a named one that
    is, else its shortest decimal.
    """
    found = recognise(value, 4 * math.ulp(value), known) if value else sympy.Integer(0)
    shortest = Fraction(repr(float(value)))
    if found is None or (shortest.denominator <= LARGEST and shortest.numerator < 10**9):
        return sympy.Rational(shortest.numerator, shortest.denominator)
    return found
