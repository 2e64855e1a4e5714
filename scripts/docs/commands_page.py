"""The reference of the commands, from what `kanpde VERB --help` prints."""

from __future__ import annotations

import os

from kanpde.cli.arguments import VERBS, help_of

HEAD = """# Commands

What `kanpde VERB --help` prints. Exit codes are [on a page of their own](exit_codes.md).

Written by `python -m scripts reference --write`.
"""


def commands_page() -> str:
    """The whole page."""
    os.environ["COLUMNS"] = "100"
    sections = [HEAD]
    for verb in VERBS:
        lines = [line.rstrip() for line in help_of(verb).splitlines()]
        sections.append(f"## {verb}\n\n```text\n" + "\n".join(lines).strip() + "\n```\n")
    return "\n".join(sections)
