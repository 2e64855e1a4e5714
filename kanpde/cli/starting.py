"""The verbs that help to begin: a file to start from, and the schema by which editors check it."""

from __future__ import annotations

import argparse
from pathlib import Path

from kanpde.cli import terminal
from kanpde.config import shipped
from kanpde.errors import ConfigError, FolderInUseError
from kanpde.names import is_identifier
from kanpde.storage import dump_json, write_bytes, write_text

SCHEMA = "kanpde.schema.json"
HEADER = f"# yaml-language-server: $schema={SCHEMA}\n"
"""What editors look for in the first lines of a YAML file."""


def init(arguments: argparse.Namespace) -> int:
    """Write a commented file to start from, the data that it names, and the schema of its keys."""
    name = arguments.name.removesuffix(".yaml")
    if not is_identifier(name):
        raise ConfigError(
            f"init '{arguments.name}': a problem's name is made of letters, digits and _; choose"
            f" another"
        )
    template = arguments.template or "plate"
    text = HEADER + shipped.starter(template).replace("NAME", name)
    path = Path(f"{name}.yaml")
    data = [Path(file) for file in shipped.TEMPLATES[template]]
    for target in (path, *data):
        if target.exists() and not arguments.overwrite:
            raise FolderInUseError(f"'{target}' exists; choose another name or give --overwrite")
    for file in data:
        write_bytes(file, (shipped.data() / file).read_bytes())
    write_text(path, text)
    write_text(Path(SCHEMA), _schema())
    written = ", ".join(str(file) for file in (path, *data, SCHEMA))
    terminal.show_text(f"edit it, then: kanpde solve {path}\nfiles: {written}")
    return 0


def schema(arguments: argparse.Namespace) -> int:
    """Print the JSON Schema of a problem file, or write it."""
    if arguments.out is None:
        terminal.show_text(_schema())
        return 0
    path = Path(arguments.out)
    if path.suffix != ".json":
        raise ConfigError(f"--out '{path.name}' must end in .json")
    if path.exists() and not arguments.overwrite:
        raise FolderInUseError(f"'{path}' exists; choose another name or give --overwrite")
    write_text(path, _schema())
    terminal.show_text(f"files: {path}")
    return 0


def completion(arguments: argparse.Namespace) -> int:
    """Print what a shell completes `kanpde` by."""
    from kanpde.cli.completion import script

    terminal.show_text(script(arguments.shell))
    return 0


def _schema() -> str:
    from kanpde.config.schema import file_schema

    return dump_json(file_schema()) + "\n"
