"""The memory of solves of all kinds, predicted and measured.

    python -m scripts memory [NAME ...] [--write]

Each case is solved in a process of its own. Measured is the most that the process held (`VmHWM`, else
`ru_maxrss`) less what it held when all of `kanpde` was loaded; predicted is the largest number that the budget
looked at. With --write the rows go to docs/memory.md; those of other names stay.
"""

from __future__ import annotations

import json
import pkgutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from scripts.benchmarks.memory_cases import CASES
from scripts.common.tables import read, write

PAGE = Path(__file__).resolve().parents[2] / "docs" / "memory.md"
COLUMNS = ("solve", "predicted, MiB", "measured, MiB", "ratio")
CHILD = "--child"


def held() -> float:
    """MiB that this process has held at most."""
    status = Path("/proc/self/status")
    if status.is_file():  # what getrusage says begins with what the parent held
        (line,) = (row for row in status.read_text().splitlines() if row.startswith("VmHWM"))
        return float(line.split()[1]) / 2**10
    import resource  # POSIX only

    kibibytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kibibytes / (2**20 if sys.platform == "darwin" else 2**10)


def measure(name: str) -> dict[str, Any]:
    """Solve one case in this process."""
    import kanpde

    for module in pkgutil.walk_packages(kanpde.__path__, "kanpde."):
        if "__main__" not in module.name and "kanpde.cli" not in module.name:
            import_module(module.name)
    from kanpde import api
    from kanpde.solver import memory

    asked: list[float] = []
    shortage = memory.shortage

    def noted(needed: float) -> str | None:
        asked.append(needed / 2**20)
        return shortage(needed)

    memory.shortage = noted
    config, before = api.configure(CASES[name]()), held()
    api.solve(config)
    return {"solve": name, "predicted": max(asked), "measured": held() - before}


def row(entry: dict[str, Any]) -> dict[str, str]:
    """The cells of a case."""
    ratio = entry["predicted"] / entry["measured"]
    cells = (
        entry["solve"],
        f"{entry['predicted']:.0f}",
        f"{entry['measured']:.0f}",
        f"{ratio:.2f}",
    )
    return dict(zip(COLUMNS, cells, strict=True))


def main() -> None:
    words = [word for word in sys.argv[1:] if word != "--write"]
    if words[:1] == [CHILD]:
        print(json.dumps(measure(words[1])))
        return
    rows = read(PAGE, COLUMNS)
    for name in words or CASES:
        command = [sys.executable, "-m", "scripts", "memory", CHILD, name]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        rows[(name,)] = row(json.loads(done.stdout.splitlines()[-1]))
        print(*rows[(name,)].values(), sep="  ", flush=True)
        if "--write" in sys.argv:
            write(PAGE, COLUMNS, [rows[key] for key in ((name,) for name in CASES) if key in rows])


if __name__ == "__main__":
    main()
