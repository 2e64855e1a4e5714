"""The page docs/cases.md: a row for each case, the counts of verdicts by kind, and how the
estimates of the program compare with the errors.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from scripts.cases.verdicts import VERDICTS
from scripts.common import tables

PAGE = Path(__file__).resolve().parents[2] / "docs" / "cases.md"
COLUMNS = ("case", "kind", "verdict", "error", "estimate", "exit", "s")
_HEAD = """\
# Users' problems at default settings

Problem files as users write them (`tests/cases`), with nothing tuned, beside answers that do not
come from this package. `tests/cases/README.md` says where the answers are from and what the
verdicts mean. Errors are relative, in L2; the estimate is what the program says of itself; seconds
are those of the whole process. Made by

```
python -m scripts cases --write
```

"""
_COUNTED = "\nVerdicts by kind, and the estimates beside the errors:\n\n"


def put(cells: Sequence[str], seconds: float) -> None:
    """Put one row into the page, which is begun where there is none."""
    if not PAGE.exists():
        line = "| " + " | ".join(COLUMNS) + " |\n" + "|" + "---|" * len(COLUMNS) + "\n"
        PAGE.write_text(_HEAD + line + _COUNTED, encoding="utf-8")
    rows = tables.read(PAGE, COLUMNS)
    rows[(cells[0],)] = dict(zip(COLUMNS, cells, strict=True))
    ordered = [rows[key] for key in sorted(rows)]
    tables.write(PAGE, COLUMNS, ordered)
    text, _, _ = PAGE.read_text(encoding="utf-8").partition(_COUNTED)
    lines = counts([[row[column] for column in COLUMNS] for row in ordered])
    limit = f"The last run gave each case {seconds:g} s."
    counted = "\n".join(f"- {line}" for line in lines)
    PAGE.write_text(f"{text}{_COUNTED}{counted}\n\n{limit}\n", encoding="utf-8")


def counts(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines that count the verdicts of `rows`, kind by kind and in all, and compare estimates."""
    kinds = sorted({row[1] for row in rows})
    lines = [_counted(kind, [row[2] for row in rows if row[1] == kind]) for kind in kinds]
    lines.append(_counted("all", [row[2] for row in rows]))
    ratios = [float(row[3]) / float(row[4]) for row in rows if row[3] and row[4] and float(row[4])]
    if ratios:
        lines.append(_ratios(ratios))
    return lines


def _counted(kind: str, verdicts: Sequence[str]) -> str:
    count = Counter(verdicts)
    parts = [f"{count[word]} {word}" for word in VERDICTS if count[word]]
    return f"{kind}: {len(verdicts)} cases, {', '.join(parts)}"


def _ratios(ratios: Sequence[float]) -> str:
    """How many errors are so far above or below their estimates."""
    most = {bound: sum(ratio <= bound for ratio in ratios) for bound in (3, 10)}
    least = {bound: sum(ratio >= 1 / bound for ratio in ratios) for bound in (30, 100)}
    return (
        f"of {len(ratios)} errors {most[3]} are at most 3 and {most[10]} at most 10 times their"
        f" estimate; {least[30]} estimates are at most 30 and {least[100]} at most 100 times the"
        f" error"
    )
