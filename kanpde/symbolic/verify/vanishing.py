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
    left, zero = dict(expressions), []
    while left:
        mine, theirs = context.Pipe(duplex=False)
        worker = context.Process(target=_work, args=(theirs, left, seconds), daemon=True)
        with _nameless_main():
            worker.start()
        theirs.close()
        try:
            for k in list(left):
                if not mine.poll(PATIENCE * seconds):
                    del left[k]  # too long: go on with the others in a new process
                    break
                if mine.recv():
                    zero.append(k)
                del left[k]
        except EOFError:
            left.pop(next(iter(left)))
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
    kept = {name: getattr(main, name) for name in ("__file__", "__spec__") if hasattr(main, name)}
    for name in kept:
        setattr(main, name, None)
    try:
        yield
    finally:
        for name, value in kept.items():
            setattr(main, name, value)


def _work(answers: Any, expressions: Mapping[int, Any], seconds: float) -> None:
    for one in expressions.values():
        if hasattr(signal, "ITIMER_PROF"):  # not on Windows, where the clock alone counts
            signal.setitimer(signal.ITIMER_PROF, seconds)
        answers.send(is_zero(one))
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
        lambda e: sympy.expand(
            _even(
                sympy.expand(
                    _top(sympy.expand_trig(e).rewrite((sympy.sinh, sympy.cosh), sympy.exp))
                )
            )
        ),
        lambda e: sympy.trigsimp(sympy.expand(e)),
        lambda e: sympy.powsimp(sympy.expand(_top(e.rewrite(waves, sympy.exp)))),
        sympy.simplify,
    )
    return any(way(expression) == 0 for way in ways)


def _rooted(expression: Any) -> Any:
    """Expanded with S for every square root of a number, sin² as 1 - cos², and even powers of S as
    what they are.
    """
    roots = [
        p
        for p in expression.atoms(sympy.Pow)
        if not p.free_symbols and abs(p.exp) == sympy.Rational(1, 2)
    ]
    bases = tuple(dict.fromkeys(p.base for p in roots))
    symbols = {base: sympy.Dummy(f"S{k}", positive=True) for k, base in enumerate(bases)}

    def power(p: Any) -> Any:
        return symbols[p.base] ** (2 * p.exp)

    e = expression.replace(
        lambda p: p.is_Pow and p.base in symbols and (2 * p.exp).is_Integer, power
    )
    e = sympy.expand(_even(sympy.expand(e)))
    for base, own in symbols.items():
        e = sympy.expand(
            e.replace(
                lambda p, s=own: p.is_Pow and p.base == s and p.exp.is_Integer,
                lambda p, b=base: _reduced(p, b),
            )
        )
    return e


def _reduced(power: Any, base: Any) -> Any:
    return base ** (power.exp // 2) * power.base ** (power.exp % 2)


def _top(expression: Any) -> Any:
    return sympy.numer(sympy.together(expression))


def _even(expression: Any) -> Any:
    """sin² as 1 - cos² wherever it stands."""
    return expression.replace(
        lambda e: e.is_Pow and isinstance(e.base, sympy.sin) and e.exp.is_Integer and e.exp > 1,
        lambda e: (1 - sympy.cos(e.base.args[0]) ** 2) ** (e.exp // 2) * e.base ** (e.exp % 2),
    )


def _small(expression: Any) -> bool:
    """Whether the value at some numbers in 30 digits is nothing beside its terms, so that
    simplifying is worth it.
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
