"""What a solve said of itself as a string of JSON beside its arrays, and back to the same values."""

from __future__ import annotations

import json
from typing import Any

from kanpde.progress import History, StageResult, StopReason

KEYS = ("history", "stages", "reason", "estimate", "warnings", "seconds")


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
