"""The verbs: each takes its arguments and returns an exit code."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kanpde.cli import doors, terminal
from kanpde.cli.loading import loading
from kanpde.cli.ranked import by_ranks
from kanpde.cli.sweep import Resume, Run, run_sweep
from kanpde.config import Config, shipped, validate, yaml_file
from kanpde.errors import (
    BudgetError,
    CheckpointError,
    ConfigError,
    FolderInUseError,
    KanpdeError,
    ToleranceError,
    is_out_of_memory,
)
from kanpde.parallel.ranks import launched, number
from kanpde.progress import Overdue
from kanpde.results import folder_lock, report, run_folder
from kanpde.storage import altered, binding, dump_json, write_text

if TYPE_CHECKING:
    from kanpde.api.outcome import Plan

COMPARED, SYMBOLIC = "error_vs_seconds.png", "symbolic.json"
"""The figure of a comparison, and the edges of a simplified network as functions."""


def solve(arguments: argparse.Namespace) -> int:
    """Solve one problem, or one per job of a sweep."""
    return _through_a_door(arguments, _solve, _resume)


def compare(arguments: argparse.Namespace) -> int:
    """Compare KAN and MLP on one problem, or on one per job of a sweep."""
    return _through_a_door(arguments, _compare)


def reference(arguments: argparse.Namespace) -> int:
    """Compute a reference for one problem."""
    return _through_a_door(arguments, _reference)


def resume(arguments: argparse.Namespace) -> int:
    """Go on with an interrupted run."""
    return _resume(Path(arguments.run), arguments)


def _resume(folder: Path, arguments: argparse.Namespace) -> int:
    """Go on with the run of a folder and print what came out."""
    with loading():
        from kanpde import api

    with terminal.watching(arguments) as bar:
        solution = api.resume(folder, bar)
    run_folder.end_log(folder, f"ended: {solution.stop_reason.value}")
    terminal.show_result(
        solution.result.as_dict(), folder, quiet=arguments.quiet, as_json=arguments.json
    )
    return solution.result.exit_code


def export(arguments: argparse.Namespace) -> int:
    """Write the field of a run to a file."""
    with loading():
        from kanpde import api

    folder, series = Path(arguments.run), arguments.to == "pvd"
    saved = folder.suffix == run_folder.SAVED and folder.is_file()
    if not saved:
        folder_lock.refuse_links(folder)
        folder_lock.tidy(folder)
    if arguments.points:
        return _export_points(folder)
    target = folder / ("series.pvd" if series else f"field.{arguments.to}")
    if saved:
        target = folder.with_suffix(f".{arguments.to}")
    if arguments.out:
        target = Path(arguments.out)
    if target.suffix != f".{arguments.to}":
        raise ConfigError(
            f"--out '{target.name}' must end in .{arguments.to}, as --to {arguments.to} asks for"
        )
    if arguments.resolution is not None and not 1 <= arguments.resolution <= 4000:
        raise ConfigError(f"--resolution must be between 1 and 4000, found {arguments.resolution}")
    _check_times(arguments.times, "--to pvd", series)
    if arguments.degree is not None and arguments.to != "vtu":
        raise ConfigError(f"--degree {arguments.degree} goes with --to vtu; remove one")
    solution = api.load(folder)
    with nullcontext() if saved else binding(folder, *_inside(folder, target)):
        if series:
            written = solution.export_series(target, arguments.times, arguments.resolution)
        else:
            written = solution.export(target, arguments.resolution, degree=arguments.degree or 1)
    if solution.problem.reference is not None:
        terminal.show_text(
            "the reference is known at scattered points only, not on a mesh; --points writes it"
        )
    terminal.show_text(f"files: {written}")
    return 0


def plot(arguments: argparse.Namespace) -> int:
    """Draw the figures of a run or of a comparison again, or a film of a run."""
    folder = Path(arguments.run)
    folder_lock.refuse_links(folder)
    folder_lock.tidy(folder)
    _check_times(arguments.times, "--animate", arguments.animate is not None)
    with binding(folder, "figures", COMPARED):
        written = _drawn(folder, arguments)
    terminal.show_text(f"files: {', '.join(str(path) for path in written)}")
    return 0


def _drawn(folder: Path, arguments: argparse.Namespace) -> tuple[Path, ...]:
    if arguments.diagram:
        with loading():
            from kanpde import api
        from kanpde.results import plotting

        if arguments.animate:
            raise ConfigError("--diagram and --animate: draw one at a time; remove one")
        return (plotting.write_diagram(folder / "figures" / "network.png", api.load(folder)),)
    if arguments.animate:
        with loading():
            from kanpde import api
        from kanpde.results import plotting

        solution = api.load(folder)
        times = solution.instants(arguments.times)
        target = folder / "figures" / f"animation.{arguments.animate}"
        return (plotting.write_animation(target, solution, times),)
    if (folder / "compare.json").is_file():
        from kanpde.results import plotting
        from kanpde.results.comparison import Comparison
        from kanpde.storage import read_unaltered

        comparison = Comparison.from_dict(
            read_unaltered(folder, "compare.json"), str(folder / "compare.json")
        )
        return (plotting.write_comparison(folder / COMPARED, comparison),)
    with loading():
        from kanpde import api
    from kanpde.results import plotting

    return plotting.write_figures(folder / "figures", api.load(folder))


def _inside(folder: Path, target: Path) -> tuple[str, ...]:
    """Where in a run folder a file and the folder of its series lie; nothing outside it."""
    if not target.resolve().is_relative_to(folder.resolve()):
        return ()
    place = target.resolve().relative_to(folder.resolve())
    return place.as_posix(), place.with_suffix("").as_posix()


def formula(arguments: argparse.Namespace) -> int:
    """Look for the formula of a run, and say what it satisfies."""
    with loading():
        from kanpde import api
    from kanpde.symbolic.formula import formula as find
    from kanpde.symbolic.formula import rows
    from kanpde.symbolic.kan import json_expressions as plain
    from kanpde.symbolic.verify import translate

    folder = Path(arguments.run)
    target = Path(arguments.out) if arguments.out else folder / "formula.json"
    if target.suffix != ".json":
        raise ConfigError(f"--out '{target.name}' must end in .json")
    if not arguments.seconds > 0:
        raise ConfigError(f"--seconds must be positive, found {arguments.seconds:g}")
    solution = api.load(folder)
    if altered(folder, SYMBOLIC):
        raise CheckpointError(
            f"{folder / SYMBOLIC}: was changed after `kanpde simplify` wrote it; put the old file"
            f" back, or simplify the run again"
        )
    names = solution.problem.coordinates
    edge_formulas, splines = plain.read(
        folder / SYMBOLIC, dict(zip(names, translate.coordinates(names), strict=True))
    )
    outcome = find(solution, arguments.seconds, edge_formulas)
    if splines and not outcome.expressions:
        terminal.show_text(
            f"{splines} edges of the simplified network are still splines, which have no formula"
        )
    with binding(folder, *_inside(folder, target)):
        write_text(target, dump_json(outcome.as_dict()))
    if arguments.json:
        terminal.show_text(dump_json(outcome.as_dict()))
    else:
        terminal.show_table(rows(outcome), (outcome.problem, outcome.sentence))
        terminal.show_text(f"files: {target}")
    return 0 if outcome.holds else ToleranceError.exit_code


def simplify(arguments: argparse.Namespace) -> int:
    """Make the KAN of a run smaller, as a new run."""
    from kanpde.symbolic.kan.simplify_run import Wish, simplify_into

    fix = tuple(_edge(word) for word in arguments.fix)
    wish = Wish(arguments.prune, arguments.prune_edges, arguments.steps, arguments.symbolic, fix)
    out = None if arguments.out is None else Path(arguments.out)
    with terminal.watching(arguments) as bar:
        simplified = simplify_into(
            arguments.run, out, wish, overwrite=arguments.overwrite, progress=bar
        )
    if not (arguments.quiet or arguments.json):
        for line in simplified.sentences():
            terminal.show_text(line)
    result = simplified.solution.result.as_dict()
    terminal.show_result(result, simplified.folder, quiet=arguments.quiet, as_json=arguments.json)
    return simplified.solution.result.exit_code


def _edge(word: str) -> tuple[int, int, int, str]:
    """Layer, input, output and function of `--fix L,I,O=NAME`."""
    place, _, name = word.partition("=")
    numbers = place.split(",")
    if not name or len(numbers) != 3 or not all(number.strip().isdigit() for number in numbers):
        raise ConfigError(f"--fix '{word}' must be layer,input,output=function, as in 1,2,1=sin")
    layer, i, o = (int(number) for number in numbers)
    return layer, i, o, name


def mesh(arguments: argparse.Namespace) -> int:
    """Mesh the domain of a data file with gmsh."""
    from kanpde.domains.meshes.generate import write_mesh

    path, target = Path(arguments.what), Path(arguments.to)
    if target.exists() and not arguments.overwrite:
        raise FolderInUseError(f"'{target}' exists; choose another name or give --overwrite")
    config = validate(yaml_file.load(path), source=path.name, base=path.parent)
    vertices, cells = write_mesh(config.problem.domain, target, arguments.size)
    terminal.show_text(
        f"{vertices} vertices, {cells} cells, parts {', '.join(config.problem.parts)}\nfiles:"
        f" {target}"
    )
    return 0


def list_problems(arguments: argparse.Namespace) -> int:
    """The shipped problems."""
    rows = [(name, shipped.description(name)) for name in shipped.names()]
    if arguments.json:
        terminal.show_text(dump_json(dict(rows)))
    else:
        terminal.show_table(rows, ("problem=", "description"))
    return 0


def doctor(arguments: argparse.Namespace) -> int:
    """Check the installation."""
    from kanpde.cli.doctor import examine

    rows, wrong = examine()
    terminal.show_table(rows, ("what", "found"))
    if wrong is not None:
        raise wrong
    return 0


def _export_points(folder: Path) -> int:
    """Write the collocation points, and the points of the reference where there is one."""
    with loading():
        from kanpde import api

    with binding(folder, "points.vtu", "reference.vtu"):
        files, parts = api.load(folder).export_points(folder)
    terminal.show_text(
        "part: " + ", ".join(f"{number} {name}" for number, name in enumerate(parts))
    )
    terminal.show_text(f"files: {', '.join(str(path) for path in files)}")
    return 0


def _check_times(times: int | None, option: str, given: bool) -> None:
    if times is not None and not given:
        raise ConfigError(f"--times {times} goes with {option}; add it or remove --times")
    if times is not None and not 2 <= times <= 10_000:
        raise ConfigError(f"--times must be between 2 and 10000, found {times}")


def _through_a_door(arguments: argparse.Namespace, run: Run, resume: Resume | None = None) -> int:
    """Find the config behind the data door or the Hydra door, and run it in a folder of its own."""
    out = None if arguments.out is None else Path(arguments.out)
    of_file = doors.is_file(arguments)
    if not of_file:
        doors.check_words(arguments)
    if arguments.multirun and arguments.cfg is None:
        if launched() > 1:
            raise ConfigError(
                "--multirun: runs many solves, found one that torchrun shares among ranks; start it"
                " without torchrun"
            )
        return run_sweep(arguments, run.__name__.strip("_"), run, resume)
    if of_file:
        return run(doors.file_config(arguments), out, arguments)
    config = doors.shipped_config(arguments)
    if config is not None:
        return run(config, out, arguments)
    composed: list[Any] = []
    doors.run_hydra(arguments, composed.append)
    return run(doors.hydra_config(composed[0]), out, arguments) if composed else 0


def _solve(config: Config, out: Path | None, arguments: argparse.Namespace) -> int:
    """Solve one config and print what came out."""
    with loading():
        from kanpde import api

    plan = api.prepare(config)  # a mistake must neither leave a folder nor cost an old run
    if arguments.dry_run:
        return 0 if number() else _dry_run(plan)

    def run() -> int:
        opened = _folder(config, out, arguments.overwrite)
        with opened as folder, terminal.watching(arguments) as bar:
            bar.started(config.problem.name, folder)
            solution = api.solve_into(plan, folder, bar)
            run_folder.end_log(folder, f"ended: {solution.stop_reason.value}")
        terminal.show_result(
            solution.result.as_dict(), folder, quiet=arguments.quiet, as_json=arguments.json
        )
        return solution.result.exit_code

    return by_ranks(plan, config, run)


def _compare(config: Config, out: Path | None, arguments: argparse.Namespace) -> int:
    """Compare KAN and MLP on one config and print who won."""
    with loading():
        from kanpde import api

    plan = api.prepare_comparison(config)  # before the folder, as in _solve
    if arguments.dry_run:
        return _dry_run(plan)
    with _folder(config, out, arguments.overwrite) as folder, terminal.watching(arguments) as bar:
        bar.started(config.problem.name, folder)
        comparison = api.compare_into(plan, folder, bar)
        for verdict in comparison.verdicts():
            run_folder.end_log(folder, verdict.sentence())
    terminal.show_comparison(comparison, folder, quiet=arguments.quiet, as_json=arguments.json)
    return bar.stop.exit_code if bar.stop is not None else 0


def _reference(config: Config, out: Path | None, arguments: argparse.Namespace) -> int:
    """Compute the reference of one config, a line per resolution."""
    from kanpde.references import compute as references

    if out is not None and out.suffix != ".npz":
        raise ConfigError(f"--out '{out.name}' must end in .npz")
    tell = (lambda text: None) if arguments.quiet else terminal.show_text
    reference = references.make(config.problem, arguments.error, arguments.seconds, out, tell)
    tell(reference.sentence())
    terminal.show_text(f"files: {reference.path}")
    return 0 if reference.reached else ToleranceError.exit_code


def _dry_run(plan: Plan) -> int:
    """Print the sizes of what was built, of a search those of its first level; solve nothing."""
    config, parts = plan.first()
    if parts is None:
        rows: list[report.Row] = [
            ("trial solution", "KANs on patches or slabs, whose number is found")
        ]
        terminal.show_table(rows, (f"{config.problem.name}", "would take"))
        return 0
    trial: Any = parts.trial
    rows = report.size_rows(
        config, trial.parameter_count, parts.assembly.rows, trial.network.outer.numel()
    )
    takes = "would take" if config.tolerance is None else "would take at first"
    terminal.show_table(rows, (f"{config.problem.name}", takes))
    return 0


@contextmanager
def _folder(config: Config, out: Path | None, overwrite: bool) -> Iterator[Path]:
    """A new run folder; bad input leaves none behind, and anything else that fails stands in its
    log.
    """
    folder = run_folder.create(out, name=config.problem.name, overwrite=overwrite)
    try:
        yield folder
    except (ConfigError, BudgetError):
        run_folder.discard(folder)
        raise
    except KanpdeError as error:
        run_folder.append_log(folder, f"failed: {error}")
        raise
    except Overdue as error:
        run_folder.append_log(folder, f"ended: {error}")
        raise
    except (MemoryError, RuntimeError) as error:
        if is_out_of_memory(error):
            run_folder.append_log(folder, "failed: out of memory")
        raise
