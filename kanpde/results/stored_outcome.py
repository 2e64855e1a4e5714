"""What a solve said of itself as a string of JSON beside its arrays, and back to the same values."""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from tokenize import TokenError
from typing import Any, Concatenate, ParamSpec, TypeVar

from kanpde.errors import CheckpointError
from kanpde.progress import History, StageResult, StopReason

KEYS = ("history", "stages", "reason", "estimate", "warnings", "seconds")


Keys = ParamSpec("Keys")
Result = TypeVar("Result")

_DAMAGED = (
    *(zipfile.BadZipFile, zlib.error, EOFError, OSError, MemoryError, StopIteration),
    *(ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError),
    *(SyntaxError, TokenError),  # of the heads of arrays, which NumPy reads as Python literals
)
"""What arrays that were changed raise on the way to a solution."""


def refusing_damage(
    name: str,
) -> Callable[
    [Callable[Concatenate[Path, Keys], Result]], Callable[Concatenate[Path, Keys], Result]
]:
    """A decorator of what reads checkpoints/NAME of a run folder: it raises CheckpointError where
    the file does not hold a solution, however it is damaged.
    """

    def decorated(
        read: Callable[Concatenate[Path, Keys], Result],
    ) -> Callable[Concatenate[Path, Keys], Result]:
        @wraps(read)
        def guarded(folder: Path, /, *arguments: Keys.args, **keys: Keys.kwargs) -> Result:
            try:
                return read(folder, *arguments, **keys)
            except _DAMAGED as error:
                raise CheckpointError(
                    f"{folder / 'checkpoints' / name}: damaged"
                    f" ({type(error).__name__}); solve it again"
                ) from error

        return guarded

    return decorated


def packed(outcome: Any) -> str:
    """JSON of the fields KEYS of an outcome."""
    return json.dumps(
        {
            "history": vars(outcome.history),
            "stages": [vars(stage) for stage in outcome.stages],
            "reason": outcome.reason.name,
            "estimate": outcome.estimate,
            "warnings": list(outcome.warnings),
            "seconds": outcome.seconds,
        }
    )


def unpacked(text: str) -> dict[str, Any]:
    """The fields KEYS by name."""
    tree: dict[str, Any] = json.loads(text)
    return {
        "history": History(**{key: _frozen(value) for key, value in tree["history"].items()}),
        "stages": tuple(StageResult(**stage) for stage in tree["stages"]),
        "reason": StopReason[tree["reason"]],
        "estimate": tree["estimate"],
        "warnings": tuple(tree.get("warnings", ())),
        "seconds": tree["seconds"],
    }


def _frozen(values: list[Any]) -> tuple[Any, ...]:
    return tuple(tuple(value) if isinstance(value, list) else value for value in values)
