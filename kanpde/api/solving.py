"""Solve, compare, load and resume from Python: plain functions that need neither Hydra nor the
command line.

solution = kanpde.solve("poisson_square")
solution.relative_l2["u"], solution(points), solution.export("u.vtu")
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from torch import nn

from kanpde.api.arrays import own_points
from kanpde.api.beginning import beginning
from kanpde.api.checking import CONFIG, require_run, require_whole
from kanpde.api.outcome import Outcome, Plan
from kanpde.api.planning import plan_of
from kanpde.config import Config, ProblemConfig, shipped, validate, yaml_file
from kanpde.config.plain_tree import plain_tree
from kanpde.config.problem.attached_files import folder_of_files
from kanpde.config.problem.statement import problem_tree
from kanpde.config.shipped import make_problem
from kanpde.errors import CheckpointError, ConfigError
from kanpde.numerics.torch_state import plain_torch
from kanpde.parallel import threads
from kanpde.problem.posing import features, findings
from kanpde.problem.probing import unresolved
from kanpde.problem.problem import Problem
from kanpde.progress import Progress, Silent
from kanpde.results import folder_lock, report, run_files, run_folder
from kanpde.results.branches import with_branches
from kanpde.results.metrics import Metrics, measure
from kanpde.results.numbers import untold
from kanpde.results.plausibility import CONSTANT, doubts
from kanpde.results.saving import SUFFIX, saved_solution
from kanpde.results.solution import Result, Solution, describe_trial
from kanpde.results.spectrum import estimates_of
from kanpde.results.verdict import Verdict, judge
from kanpde.storage import require_values
from kanpde.version import VERSION

Source = str | Path | Mapping[str, Any] | Config | ProblemConfig | Problem


def configure(
    problem: Source,
    *,
    trial: Mapping[str, Any] | None = None,
    schedule: Sequence[Mapping[str, Any]] | None = None,
    sampler: Mapping[str, Any] | None = None,
    points: Mapping[str, Any] | None = None,
    weights: Mapping[str, Any] | None = None,
    compare: Mapping[str, Any] | None = None,
    parameters: Mapping[str, float] | None = None,
    dtype: str | None = None,
    seed: int | None = None,
    tolerance: float | None = None,
    seconds: float | None = None,
    **others: Any,
) -> Config:
    """The checked config of a problem with some keys given here.

    `problem` is the name of a shipped problem, the path of a YAML file, a whole config tree (with a
    `problem` node), a `Config` or a `Problem`. Keys of `trial`, `sampler`, `weights`, `compare` and
    `parameters` are merged key by key; `schedule` is replaced. `points` are points of your own for
    one network, arrays (N, d) of what is called `interior`, `boundary` or as a part of the boundary;
    what is not given is sampled. `others` are further keys of a file: slabs, start, output, ...
    Raises ConfigError.
    """
    tree, source, trusted, base = _tree(problem)
    tree = plain_tree(tree)
    if points is not None:
        sampler = {**(sampler or {}), "points": own_points(points)}
    given = {"trial": trial, "sampler": sampler, "weights": weights, "compare": compare}
    tree |= {
        key: _merged(tree.get(key), plain_tree(value))
        for key, value in given.items()
        if value is not None
    }
    plain_keys = {
        "schedule": schedule,
        "dtype": dtype,
        "seed": seed,
        "tolerance": tolerance,
        "seconds": seconds,
    }
    plain_keys |= others
    tree |= {key: plain_tree(value) for key, value in plain_keys.items() if value is not None}
    if parameters is not None:
        node = tree.get("problem")
        inner = node.get("parameters") if isinstance(node, Mapping) else None
        tree["problem"] = _merged(node, {"parameters": _merged(inner, plain_tree(parameters))})
    shipped_files = shipped.data() if trusted else None
    return validate(
        tree,
        source=source,
        base=base,
        trusted=trusted,
        make_problem=make_problem,
        shipped=shipped_files,
    )


@plain_torch()
def solve(
    problem: Source,
    *,
    out: str | Path | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
    after: Solution | None = None,
    module: nn.Module | None = None,
    **keys: Any,
) -> Solution:
    """Solve a problem; further keywords are those of `configure`. It starts from the parameters of
    `after`, if given.

    A `module` of your own, (N, d) coordinates scaled to [-1, 1] → (N, unknowns), takes the place of
    the KAN: a copy of it is trained, by adam and lbfgs where no `schedule` is given, with
    derivatives by autograd.

    With `out` a run folder is made there with config, checkpoints, history and result; without it
    nothing is written. Raises the KanpdeError that names what is wrong.
    """
    if module is not None:
        keys["trial"] = {**(keys.get("trial") or {}), "kind": "module"}
    config = problem if isinstance(problem, Config) and not keys else configure(problem, **keys)
    # a mistake must neither leave a folder nor cost an old run
    plan = prepare(config, after, module)
    if out is None:
        return solution_of(plan.run(progress or Silent()))
    folder = run_folder.create(out, name=config.problem.name, overwrite=overwrite)
    return solve_into(plan, folder, progress)


@plain_torch()
def prepare(config: Config, after: Solution | None = None, module: nn.Module | None = None) -> Plan:
    """Build everything that a solve needs first; it serves one solve. Raises the KanpdeError that
    names what is wrong.
    """
    return plan_of(config, after, beginning(config, load), module).prepare()


@plain_torch()
def solve_into(plan: Plan, folder: Path, progress: Progress | None = None) -> Solution:
    """Solve what was prepared in a run folder that `run_folder.create` made, and leave report,
    field and figures there.
    """
    with folder_lock.locked(folder):
        report.write_config(folder / "config.yaml", plan.config)
        log = run_folder.RunLog(folder, progress or Silent())
        solution = solution_of(plan.run(log, folder))
        run_files.write(folder, solution)
    return solution


@plain_torch()
def resume(
    folder: str | Path, progress: Progress | None = None, module: nn.Module | None = None
) -> Solution:
    """Go on with an interrupted run from its last checkpoint, to the same bits on the same machine;
    a run with a `module` of your own needs it again.
    """
    path, config = _saved(folder)
    with folder_lock.locked(path):
        log = run_folder.RunLog(path, progress or Silent())
        solution = solution_of(
            plan_of(config, None, beginning(config, load), module).resume(log, path)
        )
        run_files.write(path, solution)
    return solution


@plain_torch()
def load(folder: str | Path, module: nn.Module | None = None) -> Solution:
    """The solution of a run folder, as its last checkpoint holds it, or of a file that
    `solution.save` wrote; one with a `module` of your own needs it again.
    """
    if Path(folder).suffix == SUFFIX:
        return saved_solution(Path(folder), partial(load, module=module))
    path, config = _saved(folder)
    outcome = plan_of(config, module=module).load(path)
    if not all(bool(values.isfinite().all()) for values in outcome.trial.parameters()):
        raise CheckpointError(f"{path}: its parameters are not finite; solve it again")
    solution = solution_of(outcome)
    beside = sorted((path / "branches").glob("[0-9]*"), key=lambda branch: int(branch.name))
    if not beside:
        return solution
    return with_branches(solution, tuple(load(branch) for branch in beside))


def available() -> tuple[tuple[str, str], ...]:
    """Name and description of every shipped problem."""
    return tuple((name, configure(name).problem.description) for name in shipped.names())


@plain_torch()
def solution_of(outcome: Outcome) -> Solution:
    """The solution of what a plan gave, with its errors measured."""
    config, points = outcome.config, outcome.points
    metrics = measure(outcome.problem, outcome.trial, points)
    fitted = outcome.problem.config.fit is not None
    verdict = Verdict() if fitted else _judged(outcome, metrics)
    result = Result(
        problem=config.problem.name,
        trial=describe_trial(outcome.trial),
        metrics=metrics,
        seconds=outcome.seconds,
        stop_reason=outcome.reason,
        seed=config.seed,
        dtype=config.dtype,
        threads=threads.count(),
        stages=outcome.stages,
        points={"interior": len(points.interior.x), "boundary": points.boundary_count},
        version=VERSION,
        tolerance=outcome.aim.tolerance,
        verdict=verdict,
        validation=outcome.estimate if fitted else None,
        quantities=outcome.quantities or untold(outcome.problem, outcome.trial),
        units=config.problem.units,
        **outcome.findings,
    )
    solution = Solution(
        config, outcome.problem, outcome.trial, result, outcome.history, points, keep=outcome.keep
    )
    return with_branches(solution, tuple(map(solution_of, outcome.branches)))


def _judged(outcome: Outcome, metrics: Metrics) -> Verdict:
    """The verdict, with what was noticed about the problem before and about its solution."""
    problem = outcome.problem
    noticed = findings(problem) + doubts(problem, outcome.trial)
    if outcome.config.starts.given:  # which solution is meant was said
        noticed = tuple(finding for finding in noticed if finding.kind != CONSTANT)
    if not outcome.aim.local and not outcome.trial.slab_ends:  # points are those of all times
        sides = problem.domain.upper - problem.domain.lower
        points = outcome.points.interior.x.double().cpu().numpy()
        noticed += unresolved(features(problem), points, sides)
    warnings = [finding.sentence for finding in noticed if finding.warns]
    notes = [finding.sentence for finding in noticed if not finding.warns]
    notes += outcome.notes
    remarks = (*outcome.warnings, *warnings)
    estimates = outcome.by_unknown or (outcome.estimate,) * len(problem.unknowns)
    verdict = judge(problem.unknowns, outcome.aim, estimates, metrics, remarks, notes)
    entries = outcome.findings.get("eigenvalues")
    if not entries:
        return verdict
    return replace(verdict, estimate=estimates_of(problem.unknowns, entries))


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
    require_run(path)
    source = path / CONFIG
    tree = yaml_file.load(source)
    require_values(path, source.name, tree)
    require_whole(path)
    return path, validate(tree, source=str(source), base=path)
