"""Floats read as numbers with names, where that is hardly by chance.

    v ≈ (p / q) · B,  B in {1, π, π², 1/π, √2, √3, √5, √6, √π, e, ...} or a number of the problem

With an error τ of v about 2 τ/|B| · q · max(|p|, q) · w of all such numbers lie within τ by chance,
w the place of B in the list. Below `CHANCE` the simplest is taken, else none: so a float with few
digits stays a float.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import sympy

CHANCE = 1e-3
"""Expected number of simpler numbers within the error, below which a reading is no chance."""

LARGEST = 2000
"""The largest denominator."""

DENOMINATORS = (
    *(1, 2, 3, 4, 6, 8, 10, 12, 16, 20, 25, 32, 40, 50, 64),
    *(100, 128, 200, 400, 500, 1000, LARGEST),
)
"""Limits of denominators, tried in this order."""

NEAR, SHORT, LONGEST = 0.02, 6, 10
"""What counts as around a value, as a share of it; how many of BASES and which denominators make a
short number.
"""
_ROOTS = [sympy.sqrt(n) for n in (2, 3, 5, 6, 7)]
BASES: tuple[Any, ...] = (
    sympy.Integer(1), sympy.pi, sympy.pi**2, 1 / sympy.pi, *_ROOTS, sympy.sqrt(sympy.pi), sympy.E,
    sympy.pi**3, sympy.pi**4, 1 / sympy.pi**2, sympy.log(2),
    *(sympy.pi * root for root in _ROOTS[:3]), *(sympy.pi**2 * root for root in _ROOTS[:2]),
)  # fmt: skip


def recognise(value: float, error: float, known: Sequence[Any] = ()) -> Any | None:
    """The simplest number that a float may be read as, as sympy; None where there is none.

    value: the float. error: how far the number may be from it. known: numbers of the problem
    (sympy), tried as they are and with small factors.
    """
    if not (math.isfinite(value) and math.isfinite(error)) or error < 0:
        return None
    if abs(value) <= error:
        return sympy.Integer(0) if error < CHANCE else None
    least, simplest = math.inf, None
    for place, base in enumerate([*known, *BASES]):
        of_problem = place < len(known)
        size = float(base)
        if size == 0:
            continue
        ratio = _ratio(value / size, error / abs(size))
        if ratio is None:
            continue
        p, q = ratio.numerator, ratio.denominator
        if of_problem and q * abs(p) > 64:  # small factors alone
            continue
        weight = 2 + place if of_problem else 1 + 2 * (place - len(known))
        cost = q * max(abs(p), q) * weight
        chance = 2 * max(error / abs(size), 1e-16) * cost
        if chance < CHANCE and cost < least:
            least, simplest = cost, sympy.Rational(p, q) * base
    return simplest


def recognise_sum(value: float, error: float) -> Any | None:
    """p + q B within `error` of `value`, B = π² or π, p and q small fractions, as sympy; None where
    there is none.

    About 10^5 such numbers lie between -50 and 50, so an error below 1e-9 is no chance.
    """
    if not math.isfinite(value) or not 0 <= error < 1e-9:
        return None
    pairs = itertools.product((1, 2, 4, 5, 10), range(1, 41))
    shares = sorted({Fraction(n, m) for m, n in pairs}, key=lambda q: q.numerator * q.denominator)
    for base, share, sign in itertools.product((sympy.pi**2, sympy.pi), shares, (1, -1)):
        q = sign * share
        remainder = value - float(q) * float(base)
        p = Fraction(remainder).limit_denominator(4)
        if p and abs(p) <= 50 and abs(float(p) - remainder) <= error:
            return (
                sympy.Rational(p.numerator, p.denominator)
                + sympy.Rational(q.numerator, q.denominator) * base
            )
    return None


def near(value: float) -> list[Any]:
    """Short numbers around a value, the simplest first, as sympy, to be tried in its place."""
    lengths: dict[Any, float] = {sympy.Integer(0): 0.0} if abs(value) <= NEAR else {}
    for place, base in enumerate(BASES[:SHORT]):
        ratio = value / float(base)
        for share in (NEAR, NEAR / 4, NEAR / 20):
            fraction = _ratio(ratio, share * abs(ratio))
            if fraction is not None and fraction.denominator <= LONGEST:
                p, q = fraction.numerator, fraction.denominator
                lengths.setdefault(sympy.Rational(p, q) * base, q + abs(p) / 10 + 3 * place)
    return sorted(lengths, key=lambda number: lengths[number])


def _ratio(value: float, error: float) -> Fraction | None:
    """A fraction with a small denominator within `error` of `value`, up to LARGEST."""
    if abs(value) > 1e9:
        return None
    for limit in DENOMINATORS:
        fraction = Fraction(value).limit_denominator(limit)
        if fraction and abs(float(fraction) - value) <= error:
            return fraction
    return None


def exact(value: float, known: Sequence[Any] = ()) -> Any:
    """A float of a problem's file as the number that was meant: a named one within 4 ulp, else its
    shortest decimal.
    """
    named = recognise(value, 4 * math.ulp(value), known) if value else sympy.Integer(0)
    shortest = Fraction(repr(float(value)))
    if named is None or (shortest.denominator <= LARGEST and shortest.numerator < 10**9):
        return sympy.Rational(shortest.numerator, shortest.denominator)
    return named
