"""Users' problems at default settings, beside right answers that do not come from this package:
docs/cases.md.

    python -m scripts cases [--only NAME ...] [--kind KIND ...] [--seconds 150] [--json FILE]
                            [--keep DIR] [--list] [--write]

Each problem file of tests/cases is solved in a process of its own, `kanpde solve NAME.yaml`, and
compared with its answer; tests/cases/README.md says what the answers and the verdicts are. --write
puts the rows into the page, where the rows of other runs stay.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from scripts.cases import page
from scripts.cases.answers import FOLDER, Answer, Measured, answers
from scripts.cases.verdicts import Run, verdict
from scripts.common.processes import json_of, python


@dataclass(frozen=True)
class Row:
    """One case as it came out."""

    case: str
    kind: str
    verdict: str
    error: float | None
    estimate: float | None
    exit: int | None
    seconds: float
    says: str
    note: str

    @property
    def cells(self) -> list[str]:
        """The row of the page."""
        numbers = [
            _short(self.error),
            _short(self.estimate),
            "" if self.exit is None else self.exit,
        ]
        name = f"`{self.case}`"
        return [name, self.kind, self.verdict, *map(str, numbers), f"{self.seconds:.1f}"]


def main() -> None:
    """Run the cases that the command line names."""
    options = _options()
    names = _chosen(options)
    if options.list:
        print("\n".join(names))
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="cases-") as scratch:
        work = Path(options.keep or scratch).resolve()
        rows = []
        for name in names:
            row = judged(answers()[name], work / name, options.seconds)
            rows.append(row)
            cells = row.cells
            print(f"{' | '.join(cells)} | {row.says[:60]} {row.note}".rstrip(), flush=True)
            if options.json:
                text = json.dumps([asdict(row) for row in rows], indent=1)
                Path(options.json).write_text(text + "\n", encoding="utf-8")
            if options.write:
                page.put(cells, options.seconds)
    print("\n".join(page.counts([row.cells for row in rows])))


def judged(answer: Answer, folder: Path, seconds: float) -> Row:
    """One case, solved into `folder` within so many seconds."""
    shutil.rmtree(folder, ignore_errors=True)
    if answer.script is not None:
        folder.mkdir(parents=True)
        command = [str(FOLDER / answer.script), str(folder)]
    else:
        solve = ["-m", "kanpde", "solve", f"{answer.name}.yaml", "--quiet"]
        command = [*solve, "--out", str(folder)]
    ended = python(command, cwd=FOLDER, seconds=seconds)
    result = json_of(folder / "result.json") if ended.code is not None else {}
    run = Run(ended.code, ended.text, ended.seconds, result)
    refusal = run.code is None or run.crashed or run.code in answer.refuse_exits
    measured = Measured() if refusal or answer.script else answer.measure(run.result, folder)
    word, note = verdict(answer, run, measured)
    return Row(
        case=answer.name,
        kind=answer.kind,
        verdict=word,
        error=measured.error,
        estimate=run.estimate,
        exit=run.code,
        seconds=run.seconds,
        says=run.sentence(),
        note=note,
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    kinds = sorted({answer.kind for answer in answers().values()})
    parser.add_argument("--only", nargs="+", metavar="NAME", default=[], choices=list(answers()))
    parser.add_argument("--kind", nargs="+", metavar="KIND", choices=kinds)
    parser.add_argument("--seconds", type=float, default=150.0, help="limit of each case")
    parser.add_argument("--json", metavar="FILE", help="write the rows there")
    parser.add_argument("--keep", metavar="DIR", help="keep the run folders there")
    parser.add_argument("--list", action="store_true", help="print the names and stop")
    parser.add_argument("--write", action="store_true", help="put the rows into docs/cases.md")
    return parser.parse_args()


def _chosen(options: argparse.Namespace) -> list[str]:
    names = options.only or list(answers())
    return [name for name in names if not options.kind or answers()[name].kind in options.kind]


def _short(number: float | None) -> str:
    return "" if number is None else f"{number:.1e}"
