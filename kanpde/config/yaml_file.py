"""The data door: a small, strict reader of YAML in which a file can be nothing but data.

The scalars are those of YAML 1.2 (`true`, `null`, `12`, `1e-9`, `.inf`); everything else is text,
so `1:30`, `no` and `2024-01-01` stay what they look like. Refused: anchors, aliases, tags,
duplicate keys, keys that begin with `_`, the key `hydra`, `# @package`, several documents, and
`${...}` other than a reference to a text or number of the same file.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from kanpde.config.reader import INTEGER, LONGEST_TEXT, NUMBER, control_character, shown
from kanpde.errors import BudgetError, ConfigError
from kanpde.names import did_you_mean

Edit = Callable[[dict[str, Any]], dict[str, Any]]
"""What is done to the tree of a file before its references are looked up."""

MOST_BYTES = 1_000_000
MOST_NODES = 10_000
DEEPEST = 20
LONGEST_CHAIN = 20
_WORDS: Mapping[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_SPECIAL = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
# what PyYAML says, and what to do
_REMEDIES = (
    ("'\\t'", "; indent with spaces, not with tabs"),
    ("unexpected end of stream", "; close the quote"),
    ("but got ':'", "; put a text that holds ': ' between quotes"),
    ("mapping values are not allowed", "; put a text that holds ': ' between quotes"),
    ("expected ',' or '", "; a bracket is not closed, or a comma is missing"),
    ("expected <block end>", "; lines of one list or mapping begin in one column"),
)
_PACKAGE = re.compile(r"^[ \t]*#[ \t]*@[ \t]*package", re.MULTILINE)
_REFERENCE = re.compile(r"\$\{([A-Za-z][A-Za-z0-9_]*(?:\.[A-Za-z0-9][A-Za-z0-9_]*)*)\}", re.ASCII)


def load(path: str | Path, edit: Edit | None = None) -> dict[str, Any]:
    """The mapping in the YAML file at `path`, with references resolved; `ConfigError` or
    `BudgetError` otherwise. What `edit` makes of it is what the references are looked up in.
    """
    return loads(_read(Path(path)), source=Path(path).name, edit=edit)


def loads(text: str, *, source: str, edit: Edit | None = None) -> dict[str, Any]:
    """The mapping in the YAML `text`, as `load`; messages name `source`."""
    source = source if source.isprintable() else repr(source)
    tree = _built(text, source)
    if tree is None:
        raise ConfigError(f"{source}: is empty; it must hold a mapping with the key 'problem'")
    if not isinstance(tree, dict):
        raise ConfigError(
            f"{source}: must hold a mapping (key: value) at the top, found {shown(tree)}"
        )
    return _References(tree if edit is None else edit(tree), source).resolved()


def value(text: str, *, source: str, depth: int) -> Any:
    """The one YAML value of `text`, within the limits of a file and with its references as they
    stand; it is to stand `depth` levels deep. An empty text is null.
    """
    return _built(text, source, depth)


def _built(text: str, source: str, depth: int = 1) -> Any:
    """The tree of the one document of `text`, None where there is none."""
    if len(text) > MOST_BYTES:
        raise BudgetError(f"{source}: is larger than {MOST_BYTES} bytes")
    character = control_character(text.replace("\r", ""))
    if character:
        raise ConfigError(f"{source}: must be a text file, found the character {character}")
    if _PACKAGE.search(text):
        raise ConfigError(f"{source}: '# @package' is refused in a data file; remove the line")
    try:
        return _Builder(source).build(yaml.parse(text, Loader=yaml.SafeLoader), depth)
    except (
        yaml.YAMLError,
        ValueError,
        OverflowError,
    ) as error:  # PyYAML lets int() and chr() fail in escapes
        raise ConfigError(f"{source}: {_explain(error)}") from None


def dumps(tree: Mapping[str, Any]) -> str:
    """YAML text that `loads` reads back to an equal tree."""
    return yaml.dump(
        tree,
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        width=110,
        default_flow_style=None,
    )


def _near(path: Path) -> str:
    """What may be meant by the name of a problem file that is not there."""
    if not path.parent.is_dir():
        return f"; there is no folder {path.parent.name}"
    beside = [file.name for file in path.parent.iterdir() if file.suffix in (".yaml", ".yml")]
    return did_you_mean(path.name, sorted(beside))


def _read(path: Path) -> str:
    source = path.name if path.name.isprintable() else repr(path.name)
    try:
        if not path.is_file():
            missing = "is not a regular file" if path.exists() else f"no such file{_near(path)}"
            raise ConfigError(f"{source}: {missing}")
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{source}: cannot be read ({error.strerror})") from None
    if len(content) > MOST_BYTES:
        raise BudgetError(
            f"{source}: is larger than {MOST_BYTES} bytes; a problem file is a page of text"
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{source}: must be UTF-8 text, found the byte {content[error.start]:#04x}"
        ) from None


def _explain(error: Exception) -> str:
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "is not YAML"
    mark = getattr(error, "problem_mark", None)
    place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    opened = getattr(error, "context_mark", None)
    remedy = next((answer for words, answer in _REMEDIES if words in problem), "")
    if remedy and opened and mark and opened.line != mark.line:
        remedy += f" (opened in line {opened.line + 1}, column {opened.column + 1})"
    return f"{place}{' '.join(ascii(problem)[1:-1].split())}{remedy}"


def scalar(text: str) -> Any:
    """The value of a plain scalar in YAML 1.2: null, bool, int, float, or the text itself (also
    beyond 1e308).
    """
    if text in _WORDS:
        return _WORDS[text]
    if _SPECIAL.fullmatch(text):
        return float(text.replace(".", "", 1))
    if not NUMBER.fullmatch(text) or math.isinf(float(text)):
        return text
    return int(text) if INTEGER.fullmatch(text) else float(text)


class _Builder:
    """Nested dicts and lists from the events of one document, counted as they come."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._nodes = 0
        self._documents = 0

    def build(self, events: Iterator[Any], depth: int) -> Any:
        """The one document of `events`, its top `depth` levels deep; None where there is none."""
        tree: Any = None
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                self._documents += 1
                if self._documents > 1:
                    raise self._error(
                        event, "a second document (---) is refused; keep one per file"
                    )
            elif isinstance(event, yaml.NodeEvent):
                tree = self._node(event, events, depth)
        return tree

    def _error(self, event: Any, message: str) -> ConfigError:
        mark = event.start_mark
        return ConfigError(
            f"{self._source}: line {mark.line + 1}, column {mark.column + 1}: {message}"
        )

    def _node(self, event: Any, events: Iterator[Any], depth: int) -> Any:
        self._check(event, depth)
        if isinstance(event, yaml.ScalarEvent):
            return scalar(event.value) if event.implicit[0] else self._text(event)
        if isinstance(event, yaml.SequenceStartEvent):
            items = []
            while not isinstance(inner := next(events), yaml.SequenceEndEvent):
                items.append(self._node(inner, events, depth + 1))
            return items
        mapping: dict[str, Any] = {}
        while not isinstance(inner := next(events), yaml.MappingEndEvent):
            self._check(inner, depth + 1)
            key = self._key(inner, mapping)
            mapping[key] = self._node(next(events), events, depth + 1)
        return mapping

    def _check(self, event: Any, depth: int) -> None:
        self._nodes += 1
        if self._nodes > MOST_NODES:
            raise BudgetError(
                f"{self._source}: holds more than {MOST_NODES} nodes; a problem file is a page of"
                f" text"
            )
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            raise self._error(
                event, "anchors and aliases (& and *) are refused in a data file; write it out"
            )
        if event.tag is not None:
            raise self._error(
                event, f"tags are refused in a data file, found {shown(event.tag)}; remove it"
            )
        if depth > DEEPEST:
            raise self._error(event, f"nested more than {DEEPEST} levels deep; flatten it")

    def _text(self, event: Any) -> str:
        text: str = event.value
        character = control_character(text)
        if character:
            raise self._error(
                event, f"a text must not hold the control character {character}; remove it"
            )
        return text

    def _key(self, event: Any, mapping: Mapping[str, Any]) -> str:
        if not isinstance(event, yaml.ScalarEvent):
            raise self._error(event, "a key must be a plain word")
        key = self._text(event)
        if key in mapping:
            raise self._error(event, f"the key {shown(key)} stands twice; remove one")
        if key.startswith("_"):
            raise self._error(
                event,
                f"keys beginning with _ are refused in a data file, found {shown(key)}; remove it",
            )
        if key == "hydra":
            raise self._error(event, "the key 'hydra' is refused in a data file; remove it")
        if "${" in key:
            raise self._error(event, f"a key must not hold ${{...}}, found {shown(key)}")
        return key


class _References:
    """`${a.b}` is replaced by the text or number at the path a.b of the same tree."""

    def __init__(self, tree: dict[str, Any], source: str) -> None:
        self._tree = tree
        self._source = source
        self._known: dict[str, Any] = {}

    def resolved(self) -> dict[str, Any]:
        """The tree without references."""
        return {key: self._node(value) for key, value in self._tree.items()}

    def _node(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self._node(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self._node(inner) for inner in value]
        return self._text(value, ()) if isinstance(value, str) else value

    def _text(self, text: str, chain: tuple[str, ...]) -> Any:
        if "${" not in text:
            return text
        if "${" in _REFERENCE.sub("", text):
            raise ConfigError(
                f"{self._source}: ${{...}} may only name a key of this file, as in"
                f" ${{problem.parameters.k}},"
                f" found {shown(text)}"
            )
        whole = _REFERENCE.fullmatch(text)
        if whole:
            return self._value(whole.group(1), chain)
        pieces: list[str] = []
        length = end = 0
        for match in _REFERENCE.finditer(text):
            pieces += [text[end : match.start()], _written(self._value(match.group(1), chain))]
            end = match.end()
            length += len(pieces[-1])
            if length > LONGEST_TEXT:
                raise ConfigError(
                    f"{self._source}: {shown(text)} becomes longer than {LONGEST_TEXT} characters"
                )
        return "".join((*pieces, text[end:]))

    def _value(self, name: str, chain: tuple[str, ...]) -> Any:
        if name in chain:
            raise ConfigError(
                f"{self._source}: the references {' -> '.join((*chain, name))} go in a circle"
            )
        if len(chain) >= LONGEST_CHAIN:
            raise ConfigError(
                f"{self._source}: a chain of more than {LONGEST_CHAIN} references; shorten it"
            )
        if name not in self._known:
            value = self._find(name)
            self._known[name] = (
                self._text(value, (*chain, name)) if isinstance(value, str) else value
            )
        return self._known[name]

    def _find(self, name: str) -> Any:
        node: Any = self._tree
        for key in name.split("."):
            if isinstance(node, dict) and key in node:
                node = node[key]
            elif isinstance(node, list) and key.isdigit() and len(key) < 6 and int(key) < len(node):
                node = node[int(key)]
            else:
                where = f"({key[:40]!r} not found)"
                raise ConfigError(
                    f"{self._source}: ${{{name[:60]}}} names nothing in this file {where}"
                )
        if isinstance(node, dict | list):
            raise ConfigError(
                f"{self._source}: ${{{name[:60]}}} must name a text or a number, found"
                f" {shown(node)}"
            )
        return node


def _written(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return shown(value)
    return str(value)


class _Dumper(yaml.SafeDumper):
    """A safe dumper that writes no anchors and quotes every text that `scalar` would read as
    something else.
    """

    def ignore_aliases(self, data: Any) -> bool:
        """Repeat shared data instead of writing anchors."""
        return True

    def represent_str(self, data: str) -> yaml.ScalarNode:
        """Text, quoted unless it reads back as itself."""
        style = "|" if "\n" in data else None if isinstance(scalar(data), str) else "'"
        return self.represent_scalar("tag:yaml.org,2002:str", data, style=style)


_Dumper.add_representer(str, _Dumper.represent_str)
