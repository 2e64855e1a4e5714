"""When the tables of docs were measured: at the foot of every page with errors in a table stands the
version of every table, with the commits that its rows are from.

    python -m scripts ages           # says which pages lack it or have it wrong; exit code 1
    python -m scripts ages --write   # writes it

A row is from the commit that wrote its words last, as `git blame` knows it, and was measured with
that commit or the one before; a row that is not committed yet is from today. A test refuses a page
with a table of errors that the foot does not name.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import NamedTuple

from kanpde.version import VERSION

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
HEAD = "## When these tables were measured"
_ERROR = re.compile(r"\d(?:\.\d+)?e-\d\d?\b")
_NEW = "0" * 40
_IGNORED = ("--ignore-revs-file", ".git-blame-ignore-revs")


class Table(NamedTuple):
    """The heading above a table, its first two column titles, and its rows as line numbers."""

    section: str
    titles: str
    first: int
    last: int

    @property
    def name(self) -> str:
        """How the foot calls it."""
        place = f"{self.section}: " if self.section else ""
        return f"{place}{self.titles}, {self.last - self.first + 1} rows"


class Commit(NamedTuple):
    """When a row was written last."""

    when: int
    name: str

    def __str__(self) -> str:
        day = datetime.fromtimestamp(self.when, UTC).date().isoformat()
        return day if self.name == _NEW else f"{day} ({self.name[:7]})"


def tables(text: str) -> Iterator[Table]:
    """The tables of a page that hold errors in at least two rows."""
    lines, section, start = text.partition(HEAD)[0].splitlines(), "", 0
    for number, line in enumerate([*lines, ""]):
        if line.startswith("#"):
            section = line.strip("# ") if line.startswith("##") else ""
        if line.startswith("|"):
            start = start or number + 1
            continue
        rows = lines[start + 1 : number] if start else []
        if sum(bool(_ERROR.search(row)) for row in rows) >= 2:
            titles = [cell.strip() for cell in lines[start - 1].strip("|").split("|")]
            yield Table(section, " | ".join(titles[:2]), start + 2, number)
        start = 0


def pages() -> list[Path]:
    """The pages of docs that have such tables; those of the reference measure nothing."""
    with_errors = [
        page for page in sorted(DOCS.rglob("*.md")) if any(tables(page.read_text("utf-8")))
    ]
    return [
        page for page in with_errors if page.parent != DOCS / "reference" and page.stem != "words"
    ]


def unnamed(page: Path) -> list[str]:
    """The tables of a page that its foot does not name with a version."""
    foot = page.read_text("utf-8").partition(HEAD)[2]
    stated = {line.rpartition(": version ")[0] for line in foot.splitlines()}
    return [
        table.name for table in tables(page.read_text("utf-8")) if f"- {table.name}" not in stated
    ]


def aged(page: Path) -> str:
    """The page with the foot that it should have."""
    text = page.read_text("utf-8").partition(HEAD)[0].rstrip("\n")
    by_line = _blame(page)
    lines = []
    for table in tables(text):
        commits = sorted(by_line[line] for line in range(table.first, table.last + 1))
        counts = Counter(_version(commit.name) for commit in commits)
        versions = [f"{version} ({count} rows)" for version, count in sorted(counts.items())]
        if len(counts) == 1:
            versions = [*counts]
        days = sorted({commits[0], commits[-1]})
        span = " to ".join(map(str, days))
        lines.append(f"- {table.name}: version {', '.join(versions)}, {span}")
    return "\n".join([text, "", HEAD, "", *lines, ""])


def _blame(page: Path) -> dict[int, Commit]:
    """The commit of every line of a page, by its number."""
    told = _git("blame", "--line-porcelain", *_IGNORED, "--", str(page.relative_to(ROOT)))
    commits, name, line = {}, "", 0
    for text in told.splitlines():
        if match := re.fullmatch(r"([0-9a-f]{40}) \d+ (\d+)(?: \d+)?", text):
            name, line = match[1], int(match[2])
        elif text.startswith("committer-time "):
            commits[line] = Commit(int(text.split()[1]), name)
    return commits


@cache
def _version(commit: str) -> str:
    """The version of the program at a commit."""
    if commit == _NEW:
        return VERSION
    match = re.search(
        r'^version = "([^"]+)"', _git("show", f"{commit}:pyproject.toml"), re.MULTILINE
    )
    return match[1] if match else VERSION


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout


def main() -> None:
    """Write the feet, or say which pages lack one."""
    if "--write" in sys.argv[1:]:
        for page in pages():
            page.write_text(aged(page), encoding="utf-8", newline="\n")
        return
    wrong = [f"{page.relative_to(DOCS)}: {name}" for page in pages() for name in unnamed(page)]
    if wrong:
        sys.exit("\n".join(["without a version; python -m scripts ages --write", *wrong]))
