"""The steady cases on patches of KANs and on patches of MLPs, with the same search and the same limit
of seconds: docs/kan_and_mlp_cases.md.

    python -m scripts compare_cases [--only NAME ...] [--seconds 20] [--write]

Every file of tests/cases of the kind `steady` is solved twice, by `kanpde solve NAME.yaml
trial.patches.network=kan seconds=S` and `… mlp …`, each in a process of its own, to the tolerance
of the file, 1e-6 by default. Errors are those beside the answers of tests/cases, which do not come
from this package; the smaller one wins where it is smaller by a factor of two. --write puts the
rows into the page, where the rows of other runs stay.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kanpde.results.comparison import CLEAR
from kanpde.version import VERSION
from scripts.cases.answers import FLOOR, FOLDER, Answer, answers
from scripts.common import tables
from scripts.common.processes import json_of, python

PAGE = Path(__file__).resolve().parents[2] / "docs" / "kan_and_mlp_cases.md"
NETWORKS = ("kan", "mlp")
MEASURED = ("error", "estimate", "parameters", "CPU s")
COLUMNS = ("case", *(f"{n.upper()} {what}" for n in NETWORKS for what in MEASURED), "smaller error")
FURTHER = 4
"""How many times its seconds a process may take before it is stopped."""

Cells = dict[str, str]


@dataclass(frozen=True)
class Side:
    """What one network came to; None where nothing can be said."""

    error: float | None
    estimate: float | None
    parameters: int | None
    seconds: float

    @property
    def cells(self) -> list[str]:
        """Of the page."""
        count = "" if self.parameters is None else str(self.parameters)
        return [_short(self.error), _short(self.estimate), count, f"{self.seconds:.1f}"]


def main() -> None:
    """Solve the cases that the command line names."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    steady = [answer.name for answer in answers().values() if answer.kind == "steady"]
    parser.add_argument("--only", nargs="+", metavar="NAME", default=steady, choices=steady)
    parser.add_argument("--seconds", type=float, default=20.0, help="limit of each solve")
    parser.add_argument("--write", action="store_true", help=f"put the rows into docs/{PAGE.name}")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="compared-") as scratch:
        for name in options.only:
            sides = [
                side_of(answers()[name], network, options.seconds, Path(scratch) / network)
                for network in NETWORKS
            ]
            cells = [f"`{name}`", *sides[0].cells, *sides[1].cells, winner(*sides)]
            print(" | ".join(cells), flush=True)
            if options.write:
                put(dict(zip(COLUMNS, cells, strict=True)), options.seconds)


def side_of(answer: Answer, network: str, seconds: float, folder: Path) -> Side:
    """One solve of a case."""
    shutil.rmtree(folder, ignore_errors=True)
    keys = [f"trial.patches.network={network}", f"seconds={seconds:g}"]
    command = ["-m", "kanpde", "solve", f"{answer.name}.yaml", *keys, "--quiet", "--out"]
    before = _cpu()
    ended = python([*command, str(folder)], cwd=FOLDER, seconds=FURTHER * seconds)
    taken, result = _cpu() - before, json_of(folder / "result.json")
    if not result:
        return Side(None, None, None, taken)
    known = list((result.get("estimate") or {}).values())
    told = bool(known) and None not in known
    return Side(
        error=answer.measure(result, folder).error if ended.code is not None else None,
        estimate=max(known) if told else None,
        parameters=int(result["trial"]["parameters"]),
        seconds=taken,
    )


def winner(kan: Side, mlp: Side) -> str:
    """Whose error is smaller by a factor of two, as far as the answers tell; a refused solve has
    lost.
    """
    errors = kan.error, mlp.error
    if errors == (None, None):
        return ""
    values = [float("inf") if error is None else max(error, 1e-300) for error in errors]
    if max(values) <= FLOOR / CLEAR:
        return "both at the answer"
    if max(values) < CLEAR * min(values):
        return "neither"
    return NETWORKS[values.index(min(values))].upper()


def put(cells: Mapping[str, str], seconds: float) -> None:
    """Put one row into the page, and the counts below the table."""
    rows = tables.read(PAGE, COLUMNS)
    rows[(cells["case"],)] = dict(cells)
    ordered: Sequence[Cells] = [rows[key] for key in sorted(rows)]
    tables.write(PAGE, COLUMNS, ordered)
    mark = "\nCounted by "
    text, _, _ = PAGE.read_text(encoding="utf-8").partition(mark)
    count = Counter(row[COLUMNS[-1]] or "no answer" for row in ordered)
    words = ", ".join(f"{word}: {number}" for word, number in sorted(count.items()))
    line = f"`python -m scripts compare_cases --seconds {seconds:g}`, version {VERSION}: {words}.\n"
    PAGE.write_text(f"{text}{mark}{line}", encoding="utf-8")


def _cpu() -> float:
    """CPU seconds of all children that have ended."""
    import resource  # which Windows lacks

    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _short(value: float | None) -> str:
    return "" if value is None else f"{value:.1e}"


if __name__ == "__main__":
    main()
