"""docs/demos_said.md lists every demo that was read, and says how many can be written down."""

from __future__ import annotations

import csv
import re
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "demos_said.md").read_text(encoding="utf-8")
ROWS = [line.strip("| ").split(" | ") for line in PAGE.splitlines() if line.startswith("| ")][1:]
FILES = {path.stem for path in (ROOT / "docs" / "examples" / "demos").glob("*.yaml")}
SHIPPED = {path.stem for path in (ROOT / "conf" / "problem").glob("*.yaml")}
PREFIXES = (
    "deepxde_",
    "pina_",
    "modulus_",
    "neurodiffeq_",
    "jaxkan_",
    "fenicsx_",
    "skfem_",
    "classical_",
)


def test_every_demo_has_a_row() -> None:
    with (ROOT / "tests" / "cases" / "demos.csv").open(encoding="utf-8", newline="") as table:
        read = [(row["package"], row["demo"]) for row in csv.DictReader(table)]
    assert [tuple(row[:2]) for row in ROWS] == read


def test_the_counts_are_those_of_the_rows() -> None:
    counts = Counter(row[2] for row in ROWS)
    said = re.search(r"(\d+) can be written down without a trick, (\d+) with one, (\d+) not", PAGE)
    assert said is not None
    assert [int(group) for group in said.groups()] == [
        counts["yes"],
        counts["with a trick"],
        counts["no"],
    ]


def test_files_and_shipped_problems_exist() -> None:
    named = {word for row in ROWS for word in re.findall(r"`(\w+)`", row[3])}
    files = {word for word in named if word.startswith(PREFIXES)}
    assert files <= FILES
    assert all(name in SHIPPED for name in ("allen_cahn", "cavity", "poisson_lshape_source"))
    assert len(files) >= 60
