"""The right answers of the cases in tests/cases, and how far a run is from them.

A field is compared at the answer's points, relative in L2 for each unknown, the largest of all;
where the answer is zero the error is absolute. A constant k is right within its tolerance τ where
|k / k* - 1| ≤ τ. None of the answers was made by this package.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

FOLDER = Path(__file__).resolve().parents[2] / "tests" / "cases"
FLOOR = 3e-6
"""An error below this is right, whatever the answer's own error."""
COARSE = 1e-3
"""Exit code 0 with a larger error is the worst that can happen."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Measured:
    """A result beside the answer.

    Attributes:
        error: the largest relative error; None where nothing can be measured.
        limit: what it may be.
        coarse: above it a result that claims to be right is wrong.
        inside: whether every 95 % interval contains its constant.
        note: why nothing was measured.
    """

    error: float | None = None
    limit: float = FLOOR
    coarse: float = COARSE
    inside: bool = True
    note: str = ""


@dataclass(frozen=True)
class Answer:
    """What is right for one case.

    Attributes:
        name: of the file tests/cases/NAME.yaml.
        kind: steady, time, ode, inverse, flow, solvability, input, folder or products.
        refuse_exits: exit codes with which a refusal is right; empty where none is.
        refuse_says: a pattern of which one line must speak then.
        accept: a limit of the relative error where the data are noisy.
        constants: value and relative tolerance by name.
        interval: whether 95 % intervals must contain the constants.
        values: single values, or differences of two.
        values_error: their own relative error.
        script: a program of tests/cases that judges for itself: exit code 0 right, 1 wrong.
    """

    name: str
    kind: str = "steady"
    refuse_exits: tuple[int, ...] = ()
    refuse_says: str = ""
    accept: float | None = None
    constants: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    interval: bool = False
    values: tuple[Mapping[str, Any], ...] = ()
    values_error: float = 0.0
    script: str | None = None

    @property
    def file(self) -> Path:
        """Values of the field at points, where there are any."""
        return FOLDER / "answers" / f"{self.name}.npz"

    @property
    def measurable(self) -> bool:
        """Whether a field can be compared."""
        return bool(self.values) or self.file.exists()

    def measure(self, result: Mapping[str, Any], folder: Path) -> Measured:
        """The run in `folder` with the contents `result` of its result.json beside the answer."""
        measured = self._of_field(folder) if self.measurable else Measured()
        return self._of_constants(result, measured) if self.constants and result else measured

    def _of_field(self, folder: Path) -> Measured:
        try:
            error, own_error = self._compared(folder)
        except Exception as problem:  # no folder, no checkpoint, another shape: nothing to judge
            return Measured(note=f"no result: {type(problem).__name__}: {problem}"[:160])
        limit = max(FLOOR, 10 * own_error) if self.accept is None else self.accept
        return Measured(error, limit, max(COARSE, limit))

    def _compared(self, folder: Path) -> tuple[float, float]:
        """The largest relative error over the unknowns, and the answer's own error."""
        import kanpde

        solution = kanpde.load(folder)
        names = [str(name) for name in solution.config.problem.unknowns]
        if self.file.exists():
            with np.load(self.file) as stored:
                arrays = {key: np.array(stored[key]) for key in stored.files}
            own_error, at = float(arrays.pop("own_error")), arrays.pop("x")
            u = _values(solution, at)
            errors = [distance(u[:, names.index(key)], arrays[key]) for key in arrays]
            return max(errors), own_error
        values = [self._value(solution, names, row) for row in self.values]
        right = np.array([row["value"] for row in self.values], dtype=float)
        return distance(np.array(values), right), self.values_error

    @staticmethod
    def _value(solution: Any, names: list[str], row: Mapping[str, Any]) -> float:
        points = [row["at"], *([row["minus"]] if "minus" in row else [])]
        at = _values(solution, np.array(points, dtype=float))[:, names.index(row["of"])]
        return float(at[0] - at[1:].sum())

    def _of_constants(self, result: Mapping[str, Any], measured: Measured) -> Measured:
        stated = result.get("parameters")
        stated = stated if isinstance(stated, dict) else {}
        error, within, inside = 0.0, True, True
        for key, right in self.constants.items():
            row = stated.get(key)
            row = row if isinstance(row, dict) else {"value": row}
            value = numbers(row.get("value"))
            relative = abs(value[0] / right["value"] - 1) if value else math.inf
            error, within = max(error, relative), within and relative <= right["tolerance"]
            inside = inside and _contains(numbers(row.get("interval_95")), right["value"])
        limit = error if within else 0.0
        coarse = max(min(right["tolerance"] for right in self.constants.values()), limit)
        note = "" if inside or not self.interval else "a 95 % interval misses its constant"
        return Measured(max(error, measured.error or 0.0), limit, coarse, inside, note)


@cache
def answers() -> dict[str, Answer]:
    """All cases by name."""
    stated = json.loads((FOLDER / "answers.json").read_text(encoding="utf-8"))
    kinds = json.loads((FOLDER / "kinds.json").read_text(encoding="utf-8"))
    scripts = {name for name, row in stated.items() if "script" in row}
    names = sorted({path.stem for path in FOLDER.glob("*.yaml")} | scripts)
    return {name: _answer(name, kinds[name], stated.get(name, {})) for name in names}


def _answer(name: str, kind: str, row: Mapping[str, Any]) -> Answer:
    refuse = row.get("refuse", {})
    return Answer(
        name=name,
        kind=kind,
        refuse_exits=tuple(refuse.get("exit", ())),
        refuse_says=refuse.get("says", ""),
        accept=row.get("accept"),
        constants=row.get("constants", {}),
        interval=row.get("interval", False),
        values=tuple(row.get("values", ())),
        values_error=row.get("own_error", 0.0),
        script=row.get("script"),
    )


def numbers(value: object) -> list[float]:
    """Every finite number in a value that may be a number, a list or a mapping of them."""
    items = list(value.values()) if isinstance(value, dict) else value
    if isinstance(items, list | tuple):
        return list(chain.from_iterable(numbers(item) for item in items))
    plain = isinstance(items, int | float) and not isinstance(items, bool)
    return [float(items)] if plain and math.isfinite(items) else []


def distance(values: Array, right: Array) -> float:
    """Relative L2 distance of arrays (N,), absolute where the answer is zero; infinite where a
    value is not finite.
    """
    if not np.isfinite(values).all():
        return math.inf
    gap, size = float(np.linalg.norm(values - right)), float(np.linalg.norm(right))
    return gap / size if size > 0 else gap / math.sqrt(max(right.size, 1))


def _values(solution: Any, points: Array) -> Array:
    return np.asarray(solution(points, outside="allow"), dtype=float).reshape(len(points), -1)


def _contains(bounds: list[float], value: float) -> bool:
    """Whether an interval holds a value, up to the rounding of one that has its size."""
    slack = 1e-9 * abs(value)
    return len(bounds) == 2 and bounds[0] - slack <= value <= bounds[1] + slack
