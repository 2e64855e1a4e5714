"""What a solve leaves in its run folder: report, field, time series, figures and a page of them."""

from __future__ import annotations

from pathlib import Path

from kanpde.config.problem.intervals import TimeShape
from kanpde.config.problem.units import label
from kanpde.progress import StopReason
from kanpde.results import report
from kanpde.results.paraview import SCRIPT, write_script
from kanpde.results.run_folder import LOG, branch_folder
from kanpde.results.series import SERIES
from kanpde.results.solution import Solution
from kanpde.results.web_page import REPORT, write_page
from kanpde.storage import bind_part, bind_start, binding

MADE = ("field.vtu", "field.csv", SCRIPT, SERIES, Path(SERIES).stem, "figures", REPORT)
"""What is made of a solution beside its report, as places in the folder."""


def write(folder: Path, solution: Solution) -> None:
    """Report, field, series and figures; after a signal the report alone, so that Ctrl-C ends soon
    (other verbs make the rest).
    """
    for number, branch in enumerate(solution.branches, 2):
        write(branch_folder(folder, number), branch)
        bind_part(folder, f"branches/{number}")
    report.write_run(folder, solution)
    with binding(folder, *_states(folder)):
        pass  # they were written while the solve went on, and are what it ended with
    if solution.stop_reason in (StopReason.INTERRUPTED, StopReason.TERMINATED):
        return
    with binding(folder, *MADE):
        _write_made(folder, solution)
    bind_start(folder, LOG)


def _states(folder: Path) -> list[str]:
    """The checkpoints of networks, as places in the folder."""
    states = sorted((folder / "checkpoints").rglob("*.pt"))
    return [path.relative_to(folder).as_posix() for path in states]


def _write_made(folder: Path, solution: Solution) -> None:
    output = solution.config.output
    sampled = solution.sampled() if output.vtu and solution.meshable else None
    if sampled is not None:
        solution.export(folder / "field.vtu", sampled=sampled)
        names, units = solution.problem.coordinates, solution.problem.config.units
        titles = {name: label(name, units, names) for name in sampled.fields}
        write_script(folder, sampled.fields, (SERIES, "field.vtu"), titles)
    if sampled is not None and isinstance(solution.config.problem.domain, TimeShape):
        solution.export(folder / "field.csv", sampled=sampled)
    if output.series is not None and not (
        solution.trial.slab_ends and solution.config.tolerance is None
    ):
        solution.export_series(folder / SERIES)
    if output.plots:
        from kanpde.results import plotting

        plotting.write_figures(folder / "figures", solution, sampled)
        write_page(folder)
