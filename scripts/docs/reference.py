"""The pages of docs/reference that the program can tell by itself: the keys of a file and the
commands.

    python -m scripts reference           # says which page is not current; exit code 1
    python -m scripts reference --write   # writes them
"""

from __future__ import annotations

import sys
from pathlib import Path

from scripts.docs.commands_page import commands_page
from scripts.docs.keys_page import keys_page

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "reference"
PAGES = {"keys.md": keys_page, "commands.md": commands_page}


def outdated() -> list[str]:
    """The names of the pages that differ from what the program says."""
    return [
        name
        for name, page in PAGES.items()
        if not (FOLDER / name).is_file() or (FOLDER / name).read_text(encoding="utf-8") != page()
    ]


def main() -> None:
    """Write the pages, or say which are not current."""
    if "--write" in sys.argv[1:]:
        for name, page in PAGES.items():
            (FOLDER / name).write_text(page(), encoding="utf-8", newline="\n")
        return
    if names := outdated():
        sys.exit(f"not current: {', '.join(names)}; python -m scripts reference --write")
