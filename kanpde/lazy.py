"""Names of a package that load their module when they are first used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def attributes(package: str, modules: Mapping[str, str]) -> Callable[[str], Any]:
    """A module-level `__getattr__` for `package`.

    Args:
        package: its full name, `__name__` in its `__init__`.
        modules: for every name that it exports the module below it in which the name stands.

    Returns:
        A function from such a name to what it stands for; AttributeError for any other name.
    """

    def load(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{modules[name]}"), name)

    return load
