"""What a command line changes in a data file: `trial.patches.degree=10`, `~tolerance`.

A key path is words joined by dots, a number picks an element of a list. The value is YAML, read as
the file itself is; it takes the place of what stood there, and `~path` takes a key out. A path
reaches no key that a file may not hold either: words that begin with `_`, and `hydra`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kanpde.config import yaml_file
from kanpde.config.reader import dotted, shown
from kanpde.errors import ConfigError
from kanpde.names import did_you_mean

_WORD = re.compile(r"[^\W\d_][\w-]{0,39}")
_INDEX = re.compile(r"[0-9]{1,5}", re.ASCII)
_PLUS = "Hydra's + is not needed behind a data file; write {}, which adds a key that is not there"


@dataclass(frozen=True)
class Override:
    """One change of a data file.

    Attributes:
        word: the argument as messages quote it.
        path: the keys from the top of the file; an integer counts elements of a list from 0.
        value: what is put there; None where the key is taken out.
        removes: whether the key is taken out.
    """

    word: str
    path: tuple[str | int, ...]
    value: Any = None
    removes: bool = False

    @staticmethod
    def read(word: str) -> Override:
        """The override that an argument says.

        Raises:
            ConfigError: it is not `key.path=value` or `~key.path`, or its value is not YAML.
            BudgetError: its value is too large.
        """
        name = _quoted(word)
        if word.startswith("+"):
            raise ConfigError(f"{name}: {_PLUS.format(_quoted(word.lstrip('+')))}")
        removes = word.startswith("~")
        keys, equals, text = word.removeprefix("~").partition("=")
        if removes and equals:
            raise ConfigError(f"{name}: a key is taken out by ~{keys} alone; remove ={text[:40]}")
        if not (removes or equals):
            raise ConfigError(f"{name}: must be key=value, as in tolerance=1e-8, found no '='")
        path = _path(keys, name)
        return Override(name, path, None if removes else _value(text, name, len(path)), removes)

    def applied(self, tree: dict[str, Any]) -> dict[str, Any]:
        """A tree with this change; mappings on the way that are missing are made.

        Raises:
            ConfigError: on the way stands something that holds no keys, or nothing to take out.
        """
        changed = self._at(tree, 0)
        assert isinstance(changed, dict)
        return changed

    def speaks_of(self, place: str) -> bool:
        """Whether a message about `place`, as in `trial.patches.degree`, is about this value."""
        rest = place.removeprefix(dotted(self.path))
        return rest != place and rest[:1] in ("", ".", "[")

    def require_use(self, tree: Mapping[str, Any]) -> None:
        """Refuse the value of a parameter that nothing in the file holds: it would change nothing.

        Raises:
            ConfigError: the parameter is not found in any other text of the problem.
        """
        if self.removes or self.path[:2] != ("problem", "parameters") or len(self.path) != 3:
            return
        name = str(self.path[2])
        problem = dict(tree["problem"])
        own = problem.get("parameters")
        known = [key for key in own if key != name] if isinstance(own, Mapping) else []
        problem["parameters"] = (
            {key: own[key] for key in known} if isinstance(own, Mapping) else own
        )
        if not any(re.search(rf"\b{re.escape(name)}\b", text) for text in _texts(problem)):
            raise ConfigError(
                f"{self.word}: nothing in the problem holds the parameter {name!r}, so that its value"
                f" would change nothing{did_you_mean(name, known)}"
            )

    def _at(self, node: Any, depth: int) -> dict[str, Any] | list[Any]:
        """`node`, at the first `depth` keys of the path, with the change below it."""
        key, last = self.path[depth], depth == len(self.path) - 1
        changed = self._opened(node, depth)
        if self.removes and last:
            if isinstance(changed, list) or key not in changed:
                raise self._error(depth, f"has no key {shown(key)} to take out", changed)
            return {name: value for name, value in changed.items() if name != key}
        if isinstance(changed, list):
            assert isinstance(key, int)
            changed[key] = self.value if last else self._at(changed[key], depth + 1)
        else:
            key = str(key)
            changed[key] = self.value if last else self._at(changed.get(key), depth + 1)
        return changed

    def _opened(self, node: Any, depth: int) -> dict[str, Any] | list[Any]:
        """A copy of the node that the next key looks into; a missing one is an empty mapping."""
        key = self.path[depth]
        if isinstance(node, list) and isinstance(key, int) and key < len(node):
            return list(node)
        if isinstance(node, list):
            raise self._error(depth, f"is a list of {len(node)}, counted from 0")
        if node is None or isinstance(node, dict):
            return dict(node or {})
        raise self._error(depth, f"holds {shown(node)}, which has no key {shown(key)}")

    def _error(self, depth: int, rule: str, node: Any = None) -> ConfigError:
        place = dotted(self.path[:depth]) or "the file"
        known = [str(name) for name in node] if isinstance(node, dict) else []
        return ConfigError(f"{self.word}: {place} {rule}{did_you_mean(str(self.path[-1]), known)}")


def named(error: ConfigError, source: str, overrides: Sequence[Override]) -> ConfigError:
    """The error with the override that it speaks of in place of the file `source`, if it does."""
    message = str(error).removeprefix(f"{source}: ")
    place, colon, rule = message.partition(": ")
    for override in reversed(overrides):
        if colon and override.speaks_of(place):
            inside = place.removeprefix(dotted(override.path)).removeprefix(".")
            return ConfigError(": ".join(text for text in (override.word, inside, rule) if text))
    return error


def _texts(node: Any) -> Iterator[str]:
    """All texts in `node`, keys and values."""
    if isinstance(node, Mapping):
        for key, value in node.items():
            yield str(key)
            yield from _texts(value)
    elif isinstance(node, list):
        for value in node:
            yield from _texts(value)
    elif isinstance(node, str):
        yield node


def _path(keys: str, name: str) -> tuple[str | int, ...]:
    """The keys of a path; the first is a word."""
    path: list[str | int] = []
    for key in keys.split("."):
        if path and _INDEX.fullmatch(key):
            path.append(int(key))
        elif _WORD.fullmatch(key) and key != "hydra":
            path.append(key)
        else:
            raise ConfigError(
                f"{name}: a key must be words joined by dots, as in trial.patches.degree=10, found"
                f" {shown(keys)}"
            )
    return tuple(path)


def _value(text: str, name: str, depth: int) -> Any:
    return yaml_file.value(text, source=name, depth=depth + 1)


def _quoted(word: str) -> str:
    """An argument as a message quotes it: itself, where it is short and printable."""
    return word if word.isprintable() and len(word) <= 60 else shown(word)
