"""The page docs/pde_agent_bench.md: a row for each case, and counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from scripts.common import tables

PAGE = Path(__file__).resolve().parents[2] / "docs" / "pde_agent_bench.md"
COLUMNS = ("case", "equation", "domain", "verdict", "error", "estimate", "exit", "s")
VERDICTS = ("right", "solved", "unsure", "refused", "wrong", "crash", "timeout")
_HEAD = """\
# PDEAgent-Bench

Every second case of PDEAgent-Bench v2 (arXiv 2605.09636, CC BY 4.0; `scripts/data`) as a problem
file with `tolerance: 1e-6` and nothing else, beside the exact solution at random points. Errors are
relative, in L2, the largest over the unknowns, a pressure up to a constant. *right*: exit 0 and an
error below 3e-6; *unsure*: exit 8; *wrong*: exit 0 and a larger error. Seconds are those of the
whole process. Sources of cases in space that do not belong to their solutions are corrected, which
the program lists. *solved*: exit 0 where the suite has no solution; `python -m scripts
pde_agent_bench_references FOLDER` compares steady ones in the plane with finite elements of NGSolve. Made by

```
python -m scripts pde_agent_bench --all --write
```

"""
_COUNTED = "\nBy equation:\n\n"


def put(cells: Sequence[str]) -> None:
    """Put one row into the page, which is begun where there is none."""
    if not PAGE.exists():
        line = "| " + " | ".join(COLUMNS) + " |\n" + "|" + "---|" * len(COLUMNS) + "\n"
        PAGE.write_text(_HEAD + line + _COUNTED, encoding="utf-8")
    rows = tables.read(PAGE, COLUMNS)
    rows[(cells[0],)] = dict(zip(COLUMNS, cells, strict=True))
    ordered = sorted(rows.values(), key=lambda row: (row["equation"], row["case"]))
    tables.write(PAGE, COLUMNS, ordered)
    text, _, _ = PAGE.read_text(encoding="utf-8").partition(_COUNTED)
    lines = counts([[row[column] for column in COLUMNS] for row in ordered])
    counted = "\n".join(f"- {line}" for line in lines)
    PAGE.write_text(f"{text}{_COUNTED}{counted}\n", encoding="utf-8")


def counts(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines that count the verdicts by equation and in all."""
    kinds = sorted({row[1] for row in rows})
    lines = [_counted(kind, [row[3] for row in rows if row[1] == kind]) for kind in kinds]
    return [*lines, _counted("all", [row[3] for row in rows])]


def _counted(name: str, verdicts: Sequence[str]) -> str:
    count = Counter(verdicts)
    parts = [f"{count[word]} {word}" for word in VERDICTS if count[word]]
    return f"{name}: {len(verdicts)} cases, {', '.join(parts)}"
