"""KAN against MLP on one problem, at equal parameters, equal time and each at its best."""

from __future__ import annotations

from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from typing import Any

from kanpde.api import contenders
from kanpde.api.solving import Source, _solve, configure
from kanpde.config import Config, Pace
from kanpde.config.compatibility import check_comparison
from kanpde.marching.march import prepare
from kanpde.progress import Progress, Silent
from kanpde.results import export, report, run_folder
from kanpde.results.comparison import Comparison, Entry
from kanpde.results.solution import Solution
from kanpde.trial.piecewise import Slabs


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
    config = configure(problem, **keys)
    check_comparison(config)
    if out is None:
        return _compare(config, progress or Silent())[0]
    prepare(config)  # as in solve
    return compare_into(
        config, run_folder.create(out, name=config.problem.name, overwrite=overwrite), progress
    )


def compare_into(config: Config, folder: Path, progress: Progress | None = None) -> Comparison:
    """Compare in a folder that `run_folder.create` made."""
    check_comparison(config)
    with run_folder.locked(folder):
        report.write_config(folder / "config.yaml", config)
        comparison, kan, mlp = _compare(config, run_folder.RunLog(folder, progress or Silent()))
        report.write_comparison(folder, comparison)
        if config.output.plots:
            from kanpde.results import plotting

            plotting.write_comparison(folder / "error_vs_seconds.png", comparison)
        if config.output.vtu and kan is not None and mlp is not None and kan.meshable:
            mesh = kan.mesh()
            fields = export.merge_fields(*(one.fields_on(mesh) for one in (kan, mlp)))
            export.write_field(folder / "both.vtu", mesh, fields, kan.problem.coordinates)
    return comparison


def _compare(
    config: Config, progress: Progress
) -> tuple[Comparison, Solution | None, Solution | None]:
    """All solves; also the first pair of solutions, for the pictures. Stops early when the observer
    asks for it.
    """
    entries: list[Entry] = []
    pair: tuple[Solution | None, Solution | None] = (None, None)
    for seed in takewhile(
        lambda _: progress.stop is None, range(config.seed, config.seed + config.compare.seeds)
    ):
        kan = _solve(contenders.kan_config(config, seed), None, progress)
        same, parameters = _settled_slabs(config, kan)
        equal = _solve(contenders.equal_mlp(same, seed, parameters), None, progress)
        for mode in config.compare.modes:
            if progress.stop is not None:
                break
            both = _mode(same, mode, seed, kan, equal, progress)
            if progress.stop is not None:
                break  # half a solve says nothing about its kind
            entries += [Entry(mode, solution.result.as_dict()) for solution in both]
            pair = pair if pair[0] is not None else both
    return Comparison(config.problem.name, tuple(entries)), *pair


def _settled_slabs(config: Config, kan: Solution) -> tuple[Config, int | None]:
    """The config with the slabs that a KAN chose for itself and its parameters per slab."""
    if not isinstance(config.slabs, Pace) or not isinstance(kan.trial, Slabs):
        return config, None
    slabs = kan.trial.edges[1:].tolist()
    return replace(config, slabs=tuple(slabs)), kan.trial.parameter_count // len(slabs)


def _mode(
    config: Config, mode: str, seed: int, kan: Solution, equal: Solution, progress: Progress
) -> tuple[Solution, Solution]:
    if mode == "equal_parameters":
        return kan, equal
    if mode == "best":
        return kan, contenders.best_mlp(config, seed, lambda one: _solve(one, None, progress))
    seconds = config.compare.seconds or max(kan.seconds, equal.seconds)
    return _fill(kan, seconds, progress), _fill(equal, seconds, progress)


def _fill(solution: Solution, seconds: float, progress: Progress) -> Solution:
    """The same solve given `seconds` in all; what already took about that long stands, and what
    paced itself.
    """
    left = seconds - solution.seconds
    if left < 0.05 * seconds or isinstance(solution.config.slabs, Pace):
        return solution
    return _solve(contenders.longer(solution.config, left), None, progress)
