"""A config tree that was made in Python, as the lists, mappings and numbers that a file gives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kanpde.errors import ConfigError

DEEPEST = 60
"""Levels of a tree; one that holds itself has more."""


def plain_tree(value: Any, depth: int = 0) -> Any:
    """`value` with arrays, tensors, columns of tables and ranges as lists, and their single numbers
    as numbers; anything else is left to the validator. ConfigError where it is too deep.
    """
    if depth > DEEPEST:
        raise ConfigError(f"config: is nested deeper than {DEEPEST} levels, or holds itself")
    if isinstance(value, Mapping):
        return {key: plain_tree(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple | range):
        return [plain_tree(item, depth + 1) for item in value]
    if hasattr(value, "__array__") and hasattr(value, "tolist"):
        try:
            return value.tolist()
        except Exception as error:  # whatever a foreign object raises
            raise ConfigError(
                f"config: a Python {type(value).__name__} cannot be read as numbers"
                f" ({type(error).__name__}); give a list"
            ) from error
    return value
