"""Solve, compare, load and resume from Python: plain functions that need neither Hydra nor the
command line.

solution = kanpde.solve("poisson_square")
solution.relative_l2["u"], solution(points), solution.export("u.vtu")
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from kanpde.config import Config, ProblemConfig, shipped, validate, yaml_file
from kanpde.config.config import in_slabs
from kanpde.config.problem.attached_files import folder_of_files
from kanpde.config.problem.statement import problem_tree
from kanpde.config.shipped import make_problem
from kanpde.errors import ConfigError
from kanpde.marching.march import Marched, march, prepare
from kanpde.marching.tolerance import choose_slabs
from kanpde.marching.watcher import watcher
from kanpde.problem.problem import Problem
from kanpde.progress import History, Progress, Silent, StageResult, StopReason
from kanpde.results import report, run_files, run_folder
from kanpde.results.metrics import measure
from kanpde.results.parameter_intervals import findings
from kanpde.results.solution import Result, Solution, describe_trial
from kanpde.solver.budget import check_budget
from kanpde.solver.build import Parts, build, with_source
from kanpde.solver.checkpoint import Store, go_on
from kanpde.solver.loop import Solver
from kanpde.solver.tolerance import begin, choose
from kanpde.trial.piecewise import Slabs
from kanpde.version import VERSION

Source = str | Path | Mapping[str, Any] | Config | ProblemConfig | Problem


def configure(
    problem: Source,
    *,
    trial: Mapping[str, Any] | None = None,
    schedule: Sequence[Mapping[str, Any]] | None = None,
    sampler: Mapping[str, Any] | None = None,
    weights: Mapping[str, Any] | None = None,
    compare: Mapping[str, Any] | None = None,
    parameters: Mapping[str, float] | None = None,
    dtype: str | None = None,
    seed: int | None = None,
    tolerance: float | None = None,
    seconds: float | None = None,
) -> Config:
    """The checked config of a problem with some keys given here.

    `problem` is the name of a shipped problem, the path of a YAML file, a whole config tree (with a
    `problem` node), a `Config` or a `Problem`. Keys of `trial`, `sampler`, `weights`, `compare` and
    `parameters` are merged key by key; `schedule` is replaced. Raises ConfigError.
    """
    tree, source, trusted, base = _tree(problem)
    given = {"trial": trial, "sampler": sampler, "weights": weights, "compare": compare}
    tree |= {
        key: _merged(tree.get(key), value) for key, value in given.items() if value is not None
    }
    plain_keys = {
        "schedule": schedule,
        "dtype": dtype,
        "seed": seed,
        "tolerance": tolerance,
        "seconds": seconds,
    }
    tree |= {key: plain for key, plain in plain_keys.items() if plain is not None}
    if parameters is not None:
        node = tree.get("problem")
        inner = node.get("parameters") if isinstance(node, Mapping) else None
        tree["problem"] = _merged(node, {"parameters": _merged(inner, parameters)})
    own = shipped.data() if trusted else None
    return validate(
        tree, source=source, base=base, trusted=trusted, make_problem=make_problem, shipped=own
    )


def solve(
    problem: Source,
    *,
    out: str | Path | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
    after: Solution | None = None,
    **keys: Any,
) -> Solution:
    """Solve a problem; further keywords are those of `configure`. It starts from the parameters of
    `after`, if given.

    With `out` a run folder is made there with config, checkpoints, history and result; without it
    nothing is written. Raises the KanpdeError that names what is wrong.
    """
    config = problem if isinstance(problem, Config) and not keys else configure(problem, **keys)
    if after is not None and (
        config.tolerance is not None or in_slabs(config) or in_slabs(after.config)
    ):
        raise ConfigError(
            "after: goes with neither time slabs nor a tolerance, which begin anew; leave it out"
        )
    if out is None:
        return _solve(config, None, progress or Silent(), after=after)
    prepare(config)  # a mistake must neither leave a folder nor cost an old run
    folder = run_folder.create(out, name=config.problem.name, overwrite=overwrite)
    return solve_into(config, folder, progress, after)


def solve_into(
    config: Config, folder: Path, progress: Progress | None = None, after: Solution | None = None
) -> Solution:
    """Solve in a run folder that `run_folder.create` made, and leave report, field and figures
    there.
    """
    with run_folder.locked(folder):
        report.write_config(folder / "config.yaml", config)
        solution = _solve(
            config, folder, run_folder.RunLog(folder, progress or Silent()), after=after
        )
        run_files.write(folder, solution)
    return solution


def resume(folder: str | Path, progress: Progress | None = None) -> Solution:
    """Go on with an interrupted run from its last checkpoint, to the same bits on the same machine
    and thread count.
    """
    path, config = _saved(folder)
    with run_folder.locked(path):
        solution = _solve(config, path, run_folder.RunLog(path, progress or Silent()), again=True)
        run_files.write(path, solution)
    return solution


def load(folder: str | Path) -> Solution:
    """The solution of a run folder, as its last checkpoint holds it."""
    path, config = _saved(folder)
    if in_slabs(config):
        found = march(config, Silent(), path, read_only=True)
        return _solution(
            config, found, found.history, found.stages, found.reason, seconds=found.seconds
        )
    parts = build(config)
    store = Store(path / "checkpoints")
    solver = Solver(
        parts.trial, parts.assembly, config.schedule, Silent(), store, supply=parts.supply
    )
    solver.resume(config.trial)
    return _solution(config, _stood(parts, solver), *solver.outcome(), seconds=solver.seconds)


def available() -> tuple[tuple[str, str], ...]:
    """Name and description of every shipped problem."""
    return tuple((name, configure(name).problem.description) for name in shipped.names())


def _solve(
    config: Config,
    folder: Path | None,
    progress: Progress,
    again: bool = False,
    after: Solution | None = None,
) -> Solution:
    began = time.perf_counter()
    problem = Problem.create(config.problem)
    config = with_source(config, problem)
    if config.tolerance is not None and in_slabs(config):
        paced = choose_slabs(config, progress, folder, again)
        if folder is not None:
            report.write_config(folder / "config.yaml", paced.config)
        found, spent = paced.marched, max(paced.marched.seconds, time.perf_counter() - began)
        return _solution(
            paced.config, found, found.history, found.stages, paced.reason, spent, paced.estimate
        )
    if config.tolerance is not None and not again:
        chosen = choose(config, progress, begin(config))
        if folder is not None:
            report.write_config(folder / "config.yaml", chosen.config)
            chosen.solver.keep(Store.at(folder))
        history, stages, _ = chosen.solver.outcome()
        spent = time.perf_counter() - began
        return _solution(
            chosen.config, chosen.parts, history, stages, chosen.reason, spent, chosen.estimate
        )
    if in_slabs(config):
        check_budget(config)
        found = march(config, progress, folder, again, each=watcher(config, problem, folder))
        return _solution(
            config, found, found.history, found.stages, found.reason, seconds=found.seconds
        )
    parts = build(config, problem)
    if after is not None and not isinstance(after.trial, Slabs):
        go_on(parts.trial, after.trial, config.trial)
    store = None if folder is None else Store.at(folder)
    solver = Solver(
        parts.trial, parts.assembly, config.schedule, progress, store, supply=parts.supply
    )
    if again:
        solver.resume(config.trial)
    earlier = solver.seconds
    history, stages, reason = solver.run()
    spent = earlier + time.perf_counter() - began
    return _solution(config, _stood(parts, solver), history, stages, reason, seconds=spent)


def _stood(parts: Parts, solver: Solver) -> Parts:
    """The parts with the points that a solve ended on."""
    ground = solver.ground.settled()
    return replace(parts, points=ground.points(parts.points), assembly=ground.assembly)


def _solution(
    config: Config,
    parts: Parts | Marched,
    history: History,
    stages: tuple[StageResult, ...],
    reason: StopReason,
    seconds: float,
    estimate: float | None = None,
) -> Solution:
    result = Result(
        problem=config.problem.name,
        trial=describe_trial(parts.trial),
        metrics=measure(parts.problem, parts.trial, parts.points),
        seconds=seconds,
        stop_reason=reason,
        seed=config.seed,
        dtype=config.dtype,
        threads=torch.get_num_threads(),
        stages=stages,
        points={"interior": len(parts.points.interior.x), "boundary": parts.points.boundary_count},
        version=VERSION,
        tolerance=config.tolerance,
        estimate=estimate,
        **(
            {}
            if isinstance(parts, Marched)
            else findings(parts.problem, parts.assembly, parts.trial)
        ),
    )
    return Solution(config, parts.problem, parts.trial, result, history, parts.points)


def _tree(problem: Source) -> tuple[dict[str, Any], str, bool, Path]:
    """Config tree, how messages call it, whether it may name a Python file, and the folder of the
    files that it names.
    """
    if isinstance(problem, Config):
        return problem.as_tree(), f"config of '{problem.problem.name}'", False, problem.base
    problem = problem.config if isinstance(problem, Problem) else problem
    if isinstance(problem, ProblemConfig):
        return (
            {"problem": problem_tree(problem)},
            f"problem '{problem.name}'",
            False,
            folder_of_files(problem),
        )
    if isinstance(problem, Mapping):
        return dict(problem), "config", False, Path()
    if isinstance(problem, Path) or (
        isinstance(problem, str) and problem.endswith((".yaml", ".yml"))
    ):
        return yaml_file.load(problem), str(problem), False, Path(problem).parent
    if isinstance(problem, str):
        path = shipped.problem_yaml(problem)
        return {"problem": yaml_file.load(path)}, f"problem '{problem}'", True, path.parent
    raise ConfigError(
        f"problem: needs a name, a path, a mapping or a Problem, found {type(problem).__name__}"
    )


def _merged(below: Any, above: Any) -> Any:
    """The keys of `above` over those of `below`; what is no mapping is left for the validator to
    refuse.
    """
    if not isinstance(above, Mapping):
        return above
    return {**(below if isinstance(below, Mapping) else {}), **above}


def _saved(folder: str | Path) -> tuple[Path, Config]:
    path = Path(folder)
    if not (source := path / "config.yaml").is_file():
        raise ConfigError(
            f"{path}: not a run folder (it has no config.yaml); give the folder that a solve"
            f" printed"
        )
    return path, validate(yaml_file.load(source), source=str(source), base=path)
