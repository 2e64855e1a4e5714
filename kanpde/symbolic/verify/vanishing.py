"""Whether sympy turns expressions into 0, in a process of its own that ends when it has spent its
processor time.

Square roots of numbers become symbols S with S² = the number: sympy multiplies e^(x √(4π² + 400))
out slowly, e^(S x) at once.
"""

from __future__ import annotations

import multiprocessing
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import sympy

DIGITS = 30
"""Digits to which an expression is evaluated before it is simplified."""

PATIENCE = 6.0
"""How many times `seconds` by the clock an expression may take on a machine that is busy."""


def vanishing(expressions: Mapping[int, Any], seconds: float) -> list[int]:
    """Which of the expressions sympy turns into 0, each within `seconds` of processor time; none in
    a process without children.
    """
    if multiprocessing.current_process().daemon:
        return []
    context: Any = multiprocessing.get_context(
        "fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn"
    )
    remaining, zero = dict(expressions), []
    while remaining:
        mine, theirs = context.Pipe(duplex=False)
        worker = context.Process(target=_work, args=(theirs, remaining, seconds), daemon=True)
        with _nameless_main():
            worker.start()
        theirs.close()
        try:
            for k in list(remaining):
                if not mine.poll(PATIENCE * seconds):
                    del remaining[k]  # too long: go on with the others in a new process
                    break
                if mine.recv():
                    zero.append(k)
                del remaining[k]
        except EOFError:  # the signal at the end of its processor time ended the process
            remaining.pop(next(iter(remaining)))
        finally:
            worker.kill()
            worker.join()
            mine.close()
    return zero


@contextmanager
def _nameless_main() -> Iterator[None]:
    """A spawned process runs the script of its parent again up to its guard; without a name there
    is none to run.
    """
    main = sys.modules["__main__"]
    names = [name for name in ("__file__", "__spec__") if hasattr(main, name)]
    before = {name: getattr(main, name) for name in names}
    for name in names:
        setattr(main, name, None)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(main, name, value)


def _work(answers: Any, expressions: Mapping[int, Any], seconds: float) -> None:
    for expression in expressions.values():
        if hasattr(signal, "ITIMER_PROF"):  # not on Windows, where the clock alone counts
            signal.setitimer(signal.ITIMER_PROF, seconds)
        answers.send(is_zero(expression))
    answers.close()


def is_zero(expression: Any) -> bool:
    """Whether sympy turns the expression into 0, by ways from cheap to dear; takes any time."""
    if sympy.expand(expression) == 0:
        return True
    if not _small(expression):
        return False
    waves = (sympy.sin, sympy.cos, sympy.tan, sympy.sinh, sympy.cosh, sympy.tanh)
    ways = (
        _rooted,
        lambda e: sympy.expand(_even(sympy.expand(e))),
        lambda e: sympy.powsimp(sympy.expand(e.rewrite(waves, sympy.exp), complex=False)),
        lambda e: sympy.expand(sympy.expand_trig(sympy.expand(e))),
        _with_exponentials,
        lambda e: sympy.trigsimp(sympy.expand(e)),
        lambda e: sympy.powsimp(sympy.expand(_top(e.rewrite(waves, sympy.exp)))),
        sympy.simplify,
    )
    return any(way(expression) == 0 for way in ways)


def _with_exponentials(expression: Any) -> Any:
    """The numerator with angle sums expanded and sinh, cosh as exponentials."""
    plain = sympy.expand_trig(expression).rewrite((sympy.sinh, sympy.cosh), sympy.exp)
    return sympy.expand(_even(sympy.expand(_top(plain))))


def _rooted(expression: Any) -> Any:
    """Expanded with S for every square root of a number, sin² as 1 - cos², and even powers of S as
    powers of that number.
    """
    half = sympy.Rational(1, 2)
    powers = [p for p in expression.atoms(sympy.Pow) if not p.free_symbols and abs(p.exp) == half]
    bases = tuple(dict.fromkeys(p.base for p in powers))
    symbols = {base: sympy.Dummy(f"S{k}", positive=True) for k, base in enumerate(bases)}

    def power(p: Any) -> Any:
        return symbols[p.base] ** (2 * p.exp)

    e = expression.replace(
        lambda p: p.is_Pow and p.base in symbols and (2 * p.exp).is_Integer, power
    )
    e = sympy.expand(_even(sympy.expand(e)))
    for base, symbol in symbols.items():
        reduced = e.replace(
            lambda p, s=symbol: p.is_Pow and p.base == s and p.exp.is_Integer,
            lambda p, b=base: _reduced(p, b),
        )
        e = sympy.expand(reduced)
    return e


def _reduced(power: Any, base: Any) -> Any:
    """S^n as base^(n // 2) · S^(n % 2)."""
    return base ** (power.exp // 2) * power.base ** (power.exp % 2)


def _top(expression: Any) -> Any:
    """The numerator over one denominator."""
    return sympy.numer(sympy.together(expression))


def _even(expression: Any) -> Any:
    """sin² as 1 - cos² wherever it stands."""
    return expression.replace(
        lambda e: e.is_Pow and isinstance(e.base, sympy.sin) and e.exp.is_Integer and e.exp > 1,
        lambda e: (1 - sympy.cos(e.base.args[0]) ** 2) ** (e.exp // 2) * e.base ** (e.exp % 2),
    )


def _small(expression: Any) -> bool:
    """Whether the value at arbitrary numbers is below 1e-9 in 30 digits, so that simplifying is
    worth it.
    """
    rng = np.random.default_rng(3)
    at = {
        s: sympy.Rational(int(rng.integers(1, 999)), 1499)
        for s in sorted(expression.free_symbols, key=str)
    }
    try:
        value = complex(expression.xreplace(at).evalf(DIGITS))
    except (TypeError, ValueError):
        return True
    return abs(value) < 1e-9
