"""One solve shared by several ranks: seconds, memory, the same field; and ranks that are killed.

    python -m scripts ranks [--cells 12 40 128] [--degree 7] [--ranks 1 2 4] [--kills 10]
    python -m scripts ranks --file plate.yaml --ranks 1 2 4

Poisson's equation on a square of n × n equal patches, or any file whose problem is solved on
patches, by `torchrun --nproc-per-node=N -m kanpde solve`. CPU seconds are those of all ranks, memory is the
most that a rank held less what one holds that has four small patches (the largest and the smallest
of the ranks), both looked at five times a second in /proc; difference is
the largest of the field from that of the first row, relative to its size, on about 2000 points. With
--kills one of the ranks is killed at a random moment, so many times: the seconds until all have
ended, and what the resumed run gives beside one that was not disturbed.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from scripts.common.processes import ROOT, json_of

SQUARE = """\
problem:
  unknowns: [u]
  domain: {{rectangle: {{lower: [0, 0], upper: [1, 1]}}}}
  equations: ["-laplacian(u) = 2*pi**2*sin(pi*x)*sin(pi*y)"]
  conditions: [{{part: boundary, equation: "u = 0"}}]
  exact: {{u: "sin(pi*x)*sin(pi*y)"}}
trial: {{patches: {{cells: {cells}, degree: {degree}, refine: false}}}}
"""
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Watched:
    """What the processes of a launcher have used: MiB at most and CPU seconds, by process."""

    memory: dict[int, float] = field(default_factory=dict)
    cpu: dict[int, float] = field(default_factory=dict)

    def look(self, launcher: int) -> None:
        """Look once at every rank that lives."""
        for rank in ranks_of(launcher):
            try:
                status = Path(f"/proc/{rank}/status").read_text()
                times = Path(f"/proc/{rank}/stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            most = next((row for row in status.splitlines() if row.startswith("VmHWM")), None)
            if most is not None:
                self.memory[rank] = float(most.split()[1]) / 2**10
                self.cpu[rank] = (int(times[11]) + int(times[12])) / TICKS


def ranks_of(launcher: int) -> Iterator[int]:
    """The processes that a launcher has started."""
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(entry.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if parent == launcher:
            yield int(entry.parent.name)


def started(count: int, folder: Path, *words: str) -> subprocess.Popen[str]:
    """`kanpde` on so many ranks, in a session of its own."""
    run = [sys.executable, "-m", "torch.distributed.run", f"--nproc-per-node={count}"]
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return subprocess.Popen(
        [*run, "-m", "kanpde", *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def followed(file: Path, count: int, out: Path) -> tuple[float, Watched]:
    """Solve a file on so many ranks: the seconds, and what they have used."""
    began = time.perf_counter()
    process = started(count, out.parent, "solve", str(file), "--out", str(out))
    watched = Watched()
    while process.poll() is None:
        watched.look(process.pid)
        time.sleep(0.2)
    if not (out / "result.json").is_file():
        assert process.stderr is not None
        sys.exit(process.stderr.read())
    return time.perf_counter() - began, watched


def shared(file: Path, counts: list[int], folder: Path) -> None:
    """Solve a file on each number of ranks and print a row."""
    import kanpde

    x, first = None, None
    tiny = folder / "tiny.yaml"
    tiny.write_text(SQUARE.format(cells=2, degree=3))
    imported = min(followed(tiny, 2, folder / "tiny")[1].memory.values())
    print(f"{imported:.0f} MiB are held by a rank of a solve of four patches of degree 3")
    for count in counts:
        out = folder / f"{file.stem}_{count}"
        seconds, watched = followed(file, count, out)
        result, solution = json_of(out / "result.json"), kanpde.load(out)
        if x is None:
            x = np.asarray(solution.problem.domain.quadrature(2000).x)
        values = np.asarray(solution(x))
        first = values if first is None else first
        difference = np.abs(values - first).max() / np.abs(first).max()
        above = [most - imported for most in watched.memory.values()]
        print(
            f"{count} ranks  {solution.trial.parameter_count} coefficients  {seconds:.0f} s  "
            f"{sum(watched.cpu.values()):.0f} CPU s  {max(above):.0f} to {min(above):.0f} MiB  "
            f"difference {difference:.1e}  residual {result['residual_rms']:.4e}",
            flush=True,
        )


def killed(file: Path, count: int, times: int, folder: Path) -> None:
    """Kill one of `count` ranks at a random moment, so many times, and go on from there."""
    import kanpde

    rng = np.random.default_rng(0)
    began = time.perf_counter()
    started(count, folder, "solve", str(file), "--out", str(folder / "whole")).wait()
    length = time.perf_counter() - began
    whole = kanpde.load(folder / "whole")
    x = np.asarray(whole.problem.domain.quadrature(2000).x)
    truth = np.asarray(whole(x))
    print(f"undisturbed: {length:.0f} s")
    for k in range(times):
        out = folder / f"killed{k}"
        moment, which = rng.uniform(0.1, 0.95) * length, int(rng.integers(count))
        process = started(count, folder, "solve", str(file), "--out", str(out))
        time.sleep(moment)
        ranks = sorted(ranks_of(process.pid))
        if len(ranks) <= which:
            process.wait()
            print(f"{moment:.0f} s: had ended before")
            continue
        os.kill(ranks[which], signal.SIGKILL)
        began = time.perf_counter()
        while any(map(alive, ranks)):
            time.sleep(0.05)
        seconds = time.perf_counter() - began
        process.wait()
        text = "no folder yet"
        if out.is_dir():
            code = started(1, folder, "resume", str(out)).wait()
            values = (
                np.asarray(kanpde.load(out)(x)) if code in (0, 8) else np.full_like(truth, np.nan)
            )
            difference = np.abs(values - truth).max() / np.abs(truth).max()
            text = f"resumed: exit {code}, difference {difference:.1e}"
        print(
            f"{moment:.0f} s: rank {which} killed, all ended after {seconds:.1f} s; {text}",
            flush=True,
        )


def alive(process: int) -> bool:
    """Whether a process still runs (one that has ended and was not yet waited for does not)."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def main() -> None:
    """Solve on several ranks, and kill some, as the command line says."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--file", type=Path)
    parser.add_argument("--cells", type=int, nargs="+", default=[12, 40])
    parser.add_argument("--degree", type=int, default=7)
    parser.add_argument("--ranks", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--kills", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        files = [options.file.resolve()] if options.file else []
        for cells in [] if options.file else options.cells:
            files.append(folder / f"square{cells}.yaml")
            files[-1].write_text(SQUARE.format(cells=cells, degree=options.degree))
        for file in files:
            print(f"{file.name}:")
            if options.kills:
                killed(file, options.ranks[-1], options.kills, folder)
            else:
                shared(file, options.ranks, folder)


if __name__ == "__main__":
    main()
