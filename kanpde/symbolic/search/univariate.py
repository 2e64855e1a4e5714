"""A curve against the library: y ≈ c f(a x + b) + d for every f, ranked.

For given (a, b) the best c and d are a regression on one column, so a grid of (a, b) is searched by
the squared correlation of f(a x + b) with y, as Liu et al., KAN (2024), section 2.5 do.
Levenberg-Marquardt then takes all of a, b, c, d to rounding. Arguments are searched in s = (x -
middle) / half width, and constants come back in x.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.optimize import least_squares

from kanpde.errors import ConfigError
from kanpde.names import did_you_mean
from kanpde.symbolic.search.library import LIBRARY, Function

SAMPLES = 200
"""Points of a curve, at most."""

COARSE = 60
"""How many of them the grid search of smooth functions uses."""

FLOOR = 1e-14
"""Relative misfits below this count as equal."""

_WAVES = np.arange(0.25, 110.0, 0.25)
"""Angular frequencies on [-1, 1]: 30π over the interval and some more."""

_SLOPES = np.concatenate([w * np.geomspace(0.08, 24.0, 26) for w in (1.0, -1.0)])
_SHIFTS = np.linspace(-8.0, 8.0, 49)
"""The grid of (a, b) of smooth functions."""


@dataclass(frozen=True)
class Match:
    """y ≈ c f(a x + b) + d; `rmse` in units of y, `r2` the coefficient of determination
    (dimensionless).
    """

    name: str
    a: float
    b: float
    c: float
    d: float
    rmse: float
    r2: float

    @property
    def function(self) -> Function:
        """The entry of the library."""
        return LIBRARY[self.name]

    def value(self, x: Any) -> Any:
        """c f(a x + b) + d at x (numpy array or torch tensor)."""
        return self.c * self.function.value(self.a * x + self.b) + self.d

    def symbol(self, x: Any) -> Any:
        """The match as a sympy expression of the expression x."""
        return self.c * self.function.symbol(self.a * x + self.b) + self.d


def match(x: np.ndarray, y: np.ndarray, names: Sequence[str] | None = None) -> list[Match]:
    """The functions of the library (or those named) fitted to y (N,) at x (N,), the best first.

    Ranked by log10 of the misfit relative to the spread of y, plus a third of a digit per unit of
    complexity. A curve that does not vary gives one Match with c = 0. Raises ConfigError for fewer
    than 8 points, values that are not finite, or an unknown name.
    """
    x, y = _checked(x, y)
    functions = [_known(name) for name in names] if names is not None else list(LIBRARY.values())
    middle, half = (x.max() + x.min()) / 2, (x.max() - x.min()) / 2
    spread = float(np.std(y))
    if spread <= FLOOR * max(1e-300, float(np.abs(y).max())):
        return [Match("x", a=1.0, b=0.0, c=0.0, d=float(y.mean()), rmse=spread, r2=1.0)]
    s = (x - middle) / half
    fits = [_fit(function, s, y) for function in functions]
    matches = [_in_x(m, middle, half) for m in fits if m is not None]
    return sorted(matches, key=lambda m: _score(m, spread))


def _score(m: Match, spread: float) -> float:
    return math.log10(max(m.rmse / spread, FLOOR)) + m.function.complexity / 3


def _checked(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    x, y = np.asarray(x, float).ravel(), np.asarray(y, float).ravel()
    if x.size != y.size or x.size < 8:
        raise ConfigError(f"a curve needs at least 8 points (x, y); found {x.size} and {y.size}")
    if not (np.isfinite(x).all() and np.isfinite(y).all()) or x.max() <= x.min():
        raise ConfigError(
            "a curve needs finite values over an interval; found others: give finite points with"
            " distinct x"
        )
    if x.size <= SAMPLES:
        return x, y
    chosen = np.argsort(x, kind="stable")[np.linspace(0, x.size - 1, SAMPLES).round().astype(int)]
    return x[chosen], y[chosen]


def _known(name: str) -> Function:
    if name not in LIBRARY:
        raise ConfigError(f"function '{name}' is not in the library{did_you_mean(name, LIBRARY)}")
    return LIBRARY[name]


def _fit(function: Function, s: np.ndarray, y: np.ndarray) -> Match | None:
    """The best of the polished starts, in s; None where no start stays inside the natural
    domain.
    """
    best: Match | None = None
    for a, b in _starts(function, s, y):
        candidate = _polish(function, s, y, a=a, b=b)
        if candidate is not None and (best is None or candidate.rmse < best.rmse):
            best = candidate
        if best is not None and best.r2 > 1 - 1e-20:
            break
    return best


def _starts(
    function: Function, s: np.ndarray, y: np.ndarray, keep: int = 3
) -> list[tuple[float, float]]:
    if function.free == "":
        return [(1.0, 0.0)]
    if function.name in ("sin", "cos"):
        return _waves(s, y, 0.0 if function.name == "sin" else -math.pi / 2)
    coarse = np.unique(np.linspace(0, len(s) - 1, COARSE).round().astype(int))
    a, b = _grid(function)
    argument = a[:, None] * s[coarse] + b[:, None]
    allowed = function.inside(argument)
    a, b, argument = a[allowed], b[allowed], argument[allowed]
    with np.errstate(all="ignore"):
        values = function.value(argument)
        values = values - values.mean(1, keepdims=True)
        target = y[coarse] - y[coarse].mean()
        quality = (values @ target) ** 2 / np.maximum(np.einsum("ij,ij->i", values, values), 1e-300)
    quality[~np.isfinite(quality)] = -1.0
    return [(float(a[i]), float(b[i])) for i in _peaks(quality, a, b, keep)]


def _peaks(quality: np.ndarray, a: np.ndarray, b: np.ndarray, keep: int) -> list[int]:
    """The best indices whose (a, b) are not neighbours of a better one."""
    chosen: list[int] = []
    for i in np.argsort(-quality)[:200]:
        if not any(_alike(a[i], b[i], a[j], b[j]) for j in chosen):
            chosen.append(int(i))
        if len(chosen) == keep:
            break
    return chosen


def _alike(a: float, b: float, near_a: float, near_b: float) -> bool:
    """Whether two starts lie so near each other that they lead to one minimum."""
    return abs(math.log(abs(a / near_a))) < 0.5 and a * near_a > 0 and abs(b - near_b) < 0.7


def _grid(function: Function) -> tuple[np.ndarray, np.ndarray]:
    """Starts (a, b) in s; where a is absorbed it is a sign, and b then measures the distance of the
    origin from the interval.
    """
    if function.free == "a":
        return _SLOPES, np.zeros_like(_SLOPES)
    if function.free == "b" and math.isfinite(function.low):
        b = 1 + np.geomspace(1e-3, 30.0, 40)
        return np.repeat([1.0, -1.0], len(b)), np.tile(b, 2)
    if function.free == "b":
        b = np.concatenate(
            [np.linspace(-1.2, 1.2, 41), np.geomspace(1.3, 10, 10), -np.geomspace(1.3, 10, 10)]
        )
        return np.ones_like(b), b
    if math.isfinite(function.high):  # |a| < high, and b within what is left
        a, share = np.meshgrid(
            np.linspace(0.05, 0.999, 24) * function.high,
            np.linspace(-0.99, 0.99, 21),
            indexing="ij",
        )
        return a.ravel(), (share * (function.high - a)).ravel()
    slopes, centres = np.meshgrid(_SLOPES[: len(_SLOPES) // 2], _SHIFTS, indexing="ij")
    return slopes.ravel(), centres.ravel()


def _waves(s: np.ndarray, y: np.ndarray, phase: float, keep: int = 3) -> list[tuple[float, float]]:
    """Starts of sin(a s + b): for each frequency the regression on sin, cos and 1."""
    target = y - y.mean()
    waves: list[tuple[float, float, float]] = []  # misfit, frequency, phase
    for a in _WAVES:
        columns = np.stack([np.sin(a * s), np.cos(a * s), np.ones_like(s)], 1)
        solution, *_ = np.linalg.lstsq(columns, target, rcond=1e-10)
        misfit = float(np.sum((columns @ solution - target) ** 2))
        sine, cosine, _ = solution
        waves.append((misfit, float(a), math.atan2(cosine, sine)))
    chosen: list[tuple[float, float]] = []
    for _, frequency, b in sorted(waves):
        if all(abs(frequency - a) > 0.6 for a, _ in chosen):
            chosen.append((frequency, b + phase))
        if len(chosen) == keep:
            break
    return chosen


def _polish(function: Function, s: np.ndarray, y: np.ndarray, a: float, b: float) -> Match | None:
    """Levenberg-Marquardt on c, d and the free ones of (a, b), from the best c and d at (a, b)."""
    free = [i for i, letter in enumerate("ab") if letter in function.free]
    scale = float(np.std(y))

    def unpack(theta: np.ndarray) -> list[float]:
        """a, b, c, d."""
        full = [a, b, *map(float, theta[-2:])]
        for i, value in zip(free, theta[:-2], strict=True):
            full[i] = float(value)
        return full

    def residual(theta: np.ndarray) -> np.ndarray:
        aa, bb, c, d = unpack(theta)
        argument = aa * s + bb
        if not function.inside(argument):
            return np.full_like(s, 1e6)
        r = (c * function.value(argument) + d - y) / scale
        return np.where(np.isfinite(r), r, 1e6)

    def jacobian(theta: np.ndarray) -> np.ndarray:
        aa, bb, c, _ = unpack(theta)
        argument = aa * s + bb
        slope = c * function.slope(np, argument)
        by_a_and_b = [slope * s, slope]
        columns = [by_a_and_b[i] for i in free] + [function.value(argument), np.ones_like(s)]
        return np.nan_to_num(np.stack(columns, 1) / scale, posinf=1e6, neginf=-1e6)

    with np.errstate(all="ignore"):
        values = function.value(a * s + b)
        if not np.isfinite(values).all():
            return None
        (c, d), *_ = np.linalg.lstsq(np.stack([values, np.ones_like(s)], 1), y, rcond=1e-14)
        start = np.array([*[(a, b)[i] for i in free], c, d])
        try:
            fit = least_squares(
                residual,
                start,
                jac=jacobian,
                method="lm",
                x_scale="jac",
                xtol=1e-15,
                ftol=1e-15,
                gtol=1e-15,
                max_nfev=150,
            )
        except (ValueError, np.linalg.LinAlgError):
            return None
        aa, bb, c, d = unpack(fit.x)
        rmse = float(np.sqrt(np.mean(residual(fit.x) ** 2))) * scale
    if not rmse < 1e5 * scale:
        return None
    return Match(function.name, a=aa, b=bb, c=c, d=d, rmse=rmse, r2=1 - (rmse / scale) ** 2)


def _in_x(m: Match, middle: float, half: float) -> Match:
    """Constants in x for a match in s = (x - middle) / half, in their usual form."""
    a, b, c, d = m.a / half, m.b - m.a * middle / half, m.c, m.d
    function = m.function
    if function.power is not None:  # a becomes a sign
        c, b, a = c * abs(a) ** function.power, b / abs(a), math.copysign(1.0, a)
        if float(function.power).is_integer() and a < 0:
            sign = 1.0 if function.name == "abs" else (-1.0) ** int(function.power)
            a, b, c = 1.0, -b, c * sign
        if function.name == "x":
            d, b = d + c * b, 0.0
    elif m.name == "log":
        d, b, a = d + c * math.log(abs(a)), b / abs(a), math.copysign(1.0, a)
    elif m.name == "exp":
        c, b = c * math.exp(b), 0.0
    elif m.name in ("sin", "cos"):
        if a < 0:
            c = c if m.name == "cos" else -c
            a, b = -a, -b
        b = math.remainder(b, 2 * math.pi)
        if abs(b) > math.pi / 2 + 1e-9:
            b, c = b - math.copysign(math.pi, b), -c
    return replace(m, a=float(a), b=float(b), c=float(c), d=float(d))
