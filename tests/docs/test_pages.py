"""README and docs hold what they say: links and pictures exist, every YAML block is one that a file
may hold, Python blocks run, commands parse, pages made from the program are current.
"""

from __future__ import annotations

import ast
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from core_helpers import slowly
from schema_helpers import mistakes

from kanpde import api
from kanpde.cli.arguments import VERBS, parse
from kanpde.config import validate, yaml_file
from kanpde.config.problem.statement import PROBLEM_KEYS
from kanpde.config.schema import file_schema
from kanpde.results.report import result_rows
from scripts.__main__ import programs
from scripts.docs import ages
from scripts.docs.reference import outdated

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
SCHEMA = file_schema()
DEFS = SCHEMA["$defs"]
FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```", re.DOTALL | re.MULTILINE)


class Block(NamedTuple):
    """A fenced block of a page."""

    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT).as_posix()}:{self.line}"


def blocks(*languages: str) -> Iterator[Block]:
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for match in FENCE.finditer(text):
            if match[2] in languages:
                lines = [line.removeprefix(match[1]) for line in match[3].splitlines()]
                line = text.count("\n", 0, match.start()) + 1
                yield Block(page, line, match[2], "\n".join(lines) + "\n")


# Links and pictures
# --------------------------------------------------------------------------------------------------


def anchors(page: Path) -> set[str]:
    """What headings of a page are called in links."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_and_pictures_exist(page: Path) -> None:
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    text = re.sub(r"`[^`\n]*`", "", text)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"https?://", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.is_file(), target
        assert not anchor or anchor in anchors(file), target


def test_every_page_is_in_the_navigation_of_the_site() -> None:
    site = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    named = set(re.findall(r"([\w/]+\.md)", site))
    pages = {page.relative_to(ROOT / "docs").as_posix() for page in PAGES[1:]}
    assert pages == named


# YAML
# --------------------------------------------------------------------------------------------------


def unfit(tree: Any) -> list[str]:
    """What is wrong with a block: a file, or keys of one node, or elements of a list."""
    if isinstance(tree, list):
        lists = [{"items": DEFS[name]} for name in ("condition", "equation", "stage")]
        return min((list(mistakes(node, tree, SCHEMA)) for node in lists), key=len)
    if "problem" in tree:
        return list(mistakes(SCHEMA, tree, SCHEMA))
    inner = {key: value for key, value in tree.items() if key in PROBLEM_KEYS}
    outer = {key: value for key, value in tree.items() if key not in inner}
    open_file = {key: value for key, value in SCHEMA.items() if key != "required"}
    open_problem = {key: value for key, value in DEFS["problem"].items() if key != "anyOf"}
    wrong = list(mistakes(open_file, outer, SCHEMA)) + list(mistakes(open_problem, inner, SCHEMA))
    others = [
        list(mistakes(node, tree, SCHEMA)) for name, node in DEFS.items() if name != "problem"
    ]
    return min([wrong, *others], key=len)


@pytest.mark.parametrize("block", [*blocks("yaml")], ids=str)
def test_every_yaml_block_is_what_a_file_may_hold(block: Block) -> None:
    if block.text.lstrip().startswith("- "):
        tree = yaml_file.loads("list:\n" + block.text, source=str(block))["list"]
    else:
        tree = yaml_file.loads(block.text, source=str(block))
    assert unfit(tree) == []
    named = re.search(r"\b(data|file|field): \S+\.\w+", block.text)
    if isinstance(tree, dict) and "problem" in tree and not named:
        validate(tree, source=str(block))


def test_a_misspelt_key_in_a_block_is_found() -> None:
    for wrong in ("trial: {widht: [4]}", "conditions: [{part: left, equatoin: 1}]", "domian: {}"):
        assert unfit(yaml_file.loads(wrong, source="test"))


# Python and commands
# --------------------------------------------------------------------------------------------------


PROGRAMS = sorted({block.page for block in blocks("python")})
LONG = {page for page in PROGRAMS if page.stem == "python"}


@pytest.mark.parametrize("page", slowly(PROGRAMS, LONG), ids=lambda page: page.stem)
def test_python_blocks_of_a_page_run_one_after_the_other(page: Path, tmp_path: Path) -> None:
    code = "\n".join(block.text for block in blocks("python") if block.page == page)
    compile(code, str(page), "exec")
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", sorted((ROOT / "docs").rglob("*.ipynb")), ids=lambda p: p.stem)
def test_what_a_notebook_imports_exists(path: Path) -> None:
    """`python -m scripts notebooks` runs them, which takes a minute."""
    cells = json.loads(path.read_text("utf-8"))["cells"]
    code = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "code")
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom):
            module = import_module(str(node.module))
            assert [name.name for name in node.names if not hasattr(module, name.name)] == []


def commands() -> Iterator[tuple[str, str]]:
    """Every command line of the fenced blocks, with its place."""
    for block in blocks("", "sh", "bash", "console"):
        for line in block.text.splitlines():
            for part in line.removeprefix("$ ").split(" #")[0].split(" && "):
                if re.match(r"(make|kanpde|python) ", part.strip()):
                    yield str(block), part.strip()


def test_every_command_exists_with_its_options() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    seen = 0
    for place, command in commands():
        program, *words = shlex.split(command)
        seen += 1
        if program == "make":
            assert words[0] in targets, (place, command)
        elif program == "kanpde" and not words[0].startswith("-"):
            assert words[0] in VERBS, (place, command)
            given = [word for word in words[1:] if not re.fullmatch(r"\[.*\]|T|N", word)]
            parse(words[0], given)
        elif words[:2] == ["-m", "scripts"]:
            assert words[2] in programs(), (place, command)
        for group, names in re.findall(r"\b(problem|experiment)=([\w,]+)", command):
            for name in names.split(","):
                assert name == "NAME" or (ROOT / "conf" / group / f"{name}.yaml").is_file(), command
    assert seen > 40


# Pages from the program
# --------------------------------------------------------------------------------------------------


def test_the_reference_is_what_the_program_says() -> None:
    assert outdated() == []


def test_every_table_of_errors_says_its_version() -> None:
    assert {page.name: ages.unnamed(page) for page in ages.pages() if ages.unnamed(page)} == {}


def test_a_table_that_grew_without_its_version_is_found(tmp_path: Path) -> None:
    table = "## Plates\n\n| case | error |\n|---|---|\n| a | 1e-7 |\n| b | 2.5e-08 |\n"
    foot = f"\n{ages.HEAD}\n\n- Plates: case | error, 2 rows: version 0.2.0, 2026-11-30\n"
    page = tmp_path / "page.md"
    page.write_text(table + foot, encoding="utf-8")
    assert ages.unnamed(page) == []
    page.write_text(table + "| c | 1e-9 |\n" + foot, encoding="utf-8")
    assert ages.unnamed(page) == ["Plates: case | error, 3 rows"]


def test_readme_fits_on_a_screen_and_shows_one_picture() -> None:
    text = PAGES[0].read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 120
    assert len(re.findall(r"!\[", text)) == 1


def test_readme_prints_what_it_shows() -> None:
    """The lines of the plate with a hole; numbers may differ a little from machine to machine."""
    (plate,) = [block for block in blocks("yaml") if block.page == PAGES[0]]
    (shown,) = [block.text for block in blocks("text") if block.page == PAGES[0]]
    tree = yaml_file.loads(plate.text, source="README.md")
    solution = api.solve({**tree, "output": {"vtu": False, "plots": False}})
    rows = dict(result_rows(solution.result.as_dict()))
    number = r"[0-9][0-9.e+-]*"
    for line in shown.splitlines():
        key, _, value = line.partition("  ")
        printed, told = rows[key], value.strip()
        assert re.sub(number, "#", printed) == re.sub(number, "#", told)
        pairs = zip(re.findall(number, printed), re.findall(number, told), strict=True)
        assert all(float(b) / 10 <= float(a) <= 10 * float(b) for a, b in pairs), printed
