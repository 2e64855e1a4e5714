"""KAN against MLP on one problem, at equal parameters, equal time and each at its best."""

from __future__ import annotations

from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from typing import Any

from kanpde.api import contenders, rivals
from kanpde.api.outcome import Plan
from kanpde.api.planning import plan_of
from kanpde.api.solving import Source, configure, solution_of
from kanpde.config import Config, Pace
from kanpde.config.compatibility import check_comparison
from kanpde.config.solve.defaults import TOLERANCE
from kanpde.numerics.torch_state import plain_torch
from kanpde.progress import Progress, Silent
from kanpde.results import export, folder_lock, report, run_folder
from kanpde.results.comparison import Comparison, Entry
from kanpde.results.solution import Solution
from kanpde.results.web_page import REPORT, write_page
from kanpde.storage import bind_start, binding


@plain_torch()
def compare(
    problem: Source,
    *,
    out: str | Path | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
    **keys: Any,
) -> Comparison:
    """KAN against MLP on one problem; further keywords are those of `configure` (seeds and modes
    are in `compare`).

    With `out` a folder is made there with compare.json, compare.csv, a picture and one VTU with
    both fields.
    """
    plan = prepare_comparison(configure(problem, **keys))  # before the folder, as in solve
    if out is None:
        return _compare(plan, progress or Silent())[0]
    folder = run_folder.create(out, name=plan.config.problem.name, overwrite=overwrite)
    return compare_into(plan, folder, progress)


@plain_torch()
def prepare_comparison(config: Config) -> Plan:
    """Build everything that the first solve of a comparison needs first; it serves one comparison.
    Raises the KanpdeError that names what is wrong.
    """
    check_comparison(config)
    if rivals.are_met(config):
        if config.trial.patches is not None:
            kan = replace(config.trial.patches, network="kan")
            config = replace(config, trial=replace(config.trial, patches=kan))
        return plan_of(config).prepare()
    return plan_of(contenders.kan_config(config, config.seed)).prepare()


@plain_torch()
def compare_into(plan: Plan, folder: Path, progress: Progress | None = None) -> Comparison:
    """Compare what was prepared in a folder that `run_folder.create` made."""
    config = plan.config
    with folder_lock.locked(folder):
        report.write_config(folder / "config.yaml", config)
        comparison, kan, mlp = _compare(plan, run_folder.RunLog(folder, progress or Silent()))
        report.write_comparison(folder, comparison)
        with binding(folder, "error_vs_seconds.png", REPORT, "both.vtu"):
            if config.output.plots:
                from kanpde.results import plotting

                plotting.write_comparison(folder / "error_vs_seconds.png", comparison)
                write_page(folder)
            if config.output.vtu and kan is not None and mlp is not None and kan.meshable:
                mesh = kan.mesh()
                fields = export.merge_fields(*(side.fields_on(mesh) for side in (kan, mlp)))
                export.write_field(folder / "both.vtu", mesh, fields, kan.problem.coordinates)
        bind_start(folder, run_folder.LOG)
    return comparison


def _compare(plan: Plan, progress: Progress) -> tuple[Comparison, Solution | None, Solution | None]:
    """All solves, the first of which was prepared; also the first pair of solutions, for the
    pictures. Stops early when the observer asks for it.
    """
    config = plan.config
    if rivals.are_met(config):
        return _met_by_rivals(plan, progress)
    entries: list[Entry] = []
    pair: tuple[Solution | None, Solution | None] = (None, None)
    for seed in takewhile(
        lambda _: progress.stop is None, range(config.seed, config.seed + config.compare.seeds)
    ):
        if seed != config.seed:
            plan = plan_of(contenders.kan_config(config, seed))
        kan = solution_of(plan.run(progress))
        same, parameters = _settled_slabs(config, kan)
        equal = _solved(contenders.equal_mlp(same, seed, parameters), progress)
        for mode in config.compare.modes:
            if progress.stop is not None:
                break
            both = _mode(same, mode, seed, kan, equal, progress)
            if progress.stop is not None:
                break  # half a solve says nothing about its kind
            entries += [Entry(mode, solution.result.as_dict()) for solution in both]
            pair = pair if pair[0] is not None else both
    return Comparison(config.problem.name, tuple(entries)), *pair


def _met_by_rivals(
    plan: Plan, progress: Progress
) -> tuple[Comparison, Solution | None, Solution | None]:
    """What the program chooses beside patches of MLPs, which draw nothing: one seed is enough."""
    config, entries = plan.config, list[Entry]()
    aim = config.tolerance or TOLERANCE[config.dtype]
    kan = solution_of(plan.run(progress))
    beside, first = rivals.Rivals(config, kan, progress), None
    for mode in config.compare.modes:
        if progress.stop is not None:
            break
        mlp = beside.solved(mode)
        if progress.stop is not None:
            break
        entries += [Entry(mode, kan.result.as_dict()), Entry(mode, mlp.result.as_dict())]
        first = first or mlp
    return Comparison(config.problem.name, tuple(entries), aim), kan, first


def _settled_slabs(config: Config, kan: Solution) -> tuple[Config, int | None]:
    """The config with the slabs that a KAN chose for itself and its parameters per slab."""
    slabs = kan.trial.slab_ends
    if not isinstance(config.slabs, Pace) or not slabs:
        return config, None
    return replace(config, slabs=slabs), kan.trial.parameter_count // len(slabs)


def _mode(
    config: Config, mode: str, seed: int, kan: Solution, equal: Solution, progress: Progress
) -> tuple[Solution, Solution]:
    if mode == "equal_parameters":
        return kan, equal
    if mode == "best":
        return kan, contenders.best_mlp(config, seed, lambda given: _solved(given, progress))
    seconds = config.compare.seconds or max(kan.seconds, equal.seconds)
    return _fill(kan, seconds, progress), _fill(equal, seconds, progress)


def _fill(solution: Solution, seconds: float, progress: Progress) -> Solution:
    """The same solve given `seconds` in all; what already took about that long stands, and what
    paced itself.
    """
    remaining = seconds - solution.seconds
    if remaining < 0.05 * seconds or isinstance(solution.config.slabs, Pace):
        return solution
    return _solved(contenders.longer(solution.config, remaining), progress)


def _solved(config: Config, progress: Progress) -> Solution:
    return solution_of(plan_of(config).run(progress))
