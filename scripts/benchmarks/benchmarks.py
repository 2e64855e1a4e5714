"""The table of docs/benchmarks.md: error and seconds of the shipped problems at their recommended
settings, beside their goals.

    python -m scripts benchmarks [--columns kan,mlp,fem] [--seeds N] [--write] [name ...]

Problems in time that recommend nothing have their goal as `tolerance`. Without names every row of
GOALS is made. kan (the default): N seeds (3), which jitter the points and turn the directions;
errors are relative L2 on held-out points, the largest over the unknowns, median and worst over the
seeds and ANGLES. mlp: the MLP of `kanpde compare`, same engine, with
equal parameters, with equal time, and at its best; one seed. fem: finite elements
(scripts/benchmarks/fem_column.py) where the problem is elliptic. --write puts the requested columns
into the rows of docs/benchmarks.md and keeps the others.
"""

from __future__ import annotations

import argparse
import statistics
from itertools import product
from pathlib import Path

import kanpde
from kanpde.api.solving import configure
from kanpde.cli.doors import hydra_config
from kanpde.config import Config, shipped
from kanpde.config.config import in_slabs
from kanpde.errors import KanpdeError
from scripts.benchmarks import fem_column
from scripts.common import tables
from scripts.common.goals import ANGLES, GOALS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "benchmarks.md"
CELLS = ("problem", "goal", "trial solution", "parameters", "median", "worst", "seeds", "median s")
MODES = {
    "equal_parameters": "MLP, equal parameters",
    "equal_time": "MLP, equal time",
    "best": "MLP at its best",
}
FEM = "FEM, best of P1 to P4"
COLUMNS = (*CELLS, *MODES.values(), FEM)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--columns", default="kan")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    columns = arguments.columns.split(",")
    if not set(columns) <= {"kan", "mlp", "fem"}:
        parser.error("--columns: of kan, mlp, fem")
    for name in arguments.names or GOALS:
        cells = row(name, columns, arguments.seeds)
        print(name, cells, flush=True)
        if arguments.write:
            write(cells)


def config_of(name: str) -> Config:
    """The config of a shipped problem or of a shipped experiment."""
    if (shipped.conf() / "experiment" / f"{name}.yaml").is_file():
        from hydra import compose, initialize_config_dir

        with initialize_config_dir(str(shipped.conf()), version_base="1.3"):
            return hydra_config(compose("config", overrides=[f"experiment={name}"]))
    return configure(name)


def row(name: str, columns: list[str], seeds: int) -> dict[str, str]:
    """The cells of the requested columns, by the name of their column."""
    goal, limit = GOALS[name]
    cells = {
        "problem": f"`{name}`",
        "goal": f"{goal:.0e}" + ("" if limit is None else f" in {limit:g} s"),
    }
    config = config_of(name)
    if config.chooses and config.problem.time is not None:
        config = configure(config, tolerance=goal)
    if "kan" in columns:
        cells |= kan(config, ANGLES.get(name, ()), seeds)
    if "mlp" in columns:
        cells |= mlp(config)
    if "fem" in columns:
        has_fem = config.problem.name in fem_column.NAMES
        cells[FEM] = str(fem_column.column(config)) if has_fem else "–"
    return cells


def kan(config: Config, angles: tuple[float, ...], seeds: int) -> dict[str, str]:
    """Errors and seconds of the trial solution over seeds and angles."""
    turned = [configure(config, parameters={"angle": angle}) for angle in angles] or [config]
    solutions, errors = [], []
    for config_at_angle, seed in product(turned, range(seeds)):
        solution = kanpde.solve(configure(config_at_angle, seed=seed))
        solutions.append(solution)
        errors.append(max(e for e in solution.relative_l2.values() if e is not None))
    trial = solutions[0].result.trial
    first = solutions[0].trial
    slabs = f" on {len(first.slab_ends)} slabs" if first.slab_ends else ""
    shown = (
        f"{trial['kind'].upper()} {trial['shape']}{slabs}",
        str(trial["parameters"]),
        f"{statistics.median(errors):.1e}",
        f"{max(errors):.1e}",
        f"{seeds} x {len(angles)} angles" if angles else str(seeds),
        f"{statistics.median(s.seconds for s in solutions):.1f}",
    )
    return dict(zip(CELLS[2:], shown, strict=True))


def mlp(config: Config) -> dict[str, str]:
    """Error and seconds of the MLP in every mode of `kanpde compare`; on slabs not at its best,
    which takes too long.
    """
    modes = [mode for mode in MODES if mode != "best" or not in_slabs(config)]
    try:
        comparison = kanpde.compare(config, compare={"seeds": 1, "modes": modes})
    except KanpdeError as failure:
        return {MODES["equal_parameters"]: str(failure)}
    entries = {entry.mode: entry for entry in comparison.entries if entry.kind == "mlp"}
    return {
        MODES[mode]: f"{entry.worst_of('relative_l2') or float('nan'):.1e}, {entry.seconds:.1f} s"
        for mode, entry in entries.items()
    }


def write(cells: dict[str, str]) -> None:
    """Put cells into the page's table; other cells of the row, other rows and the text stay."""
    rows = {key[0]: cells_of_row for key, cells_of_row in tables.read(PAGE, COLUMNS).items()}
    key = cells["problem"]
    rows[key] = rows.get(key, {}) | cells
    tables.write(PAGE, COLUMNS, [rows[f"`{n}`"] for n in GOALS if f"`{n}`" in rows])
