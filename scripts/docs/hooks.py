"""Hooks of the documentation site: shipped problem files are part of it, pages that name another
page as `docs/NAME.md` link to it, and the search has a name.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
_PAGE = re.compile(r"(?<!\[)`docs/([\w/]+\.md)`")


def on_files(files: Any, config: Any) -> Any:
    """Add the shipped problems as files of the site."""
    from mkdocs.structure.files import File

    for path in sorted((ROOT / "conf" / "problem").glob("*.yaml")):
        place = f"problems/{path.name}"
        files.append(File.generated(config, place, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Point links at the files of the site."""
    here = posixpath.dirname(page.file.src_uri)
    text = markdown.replace("](../conf/problem/", "](problems/")

    def link(match: re.Match[str]) -> str:
        if files.get_file_from_path(match[1]) is None:
            return match[0]
        target = posixpath.relpath(match[1], here or ".")
        return f"[`{match[1]}`]({target})"

    return _PAGE.sub(link, text)


def on_post_page(output: str, page: Any, config: Any) -> str:
    """Name the dialog of the search, which the theme leaves without a name for screen readers."""
    return output.replace('role="dialog"', 'role="dialog" aria-label="Search"', 1)
