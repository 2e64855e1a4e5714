"""The verbs: each takes its arguments and returns an exit code."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kanpde import datafile, report, runs, shipped
from kanpde.cli import doors, terminal
from kanpde.cli.sweep import Run, run_sweep
from kanpde.config import Config, validate
from kanpde.errors import BudgetError, ConfigError, FolderInUseError, KanpdeError
from kanpde.names import is_identifier
from kanpde.storage import dump_json, write_text


def solve(arguments: argparse.Namespace) -> int:
    """Solve one problem, or one per job of a sweep."""
    return _through_a_door(arguments, _solve)


def compare(arguments: argparse.Namespace) -> int:
    """Compare KAN and MLP on one problem, or on one per job of a sweep."""
    return _through_a_door(arguments, _compare)


def resume(arguments: argparse.Namespace) -> int:
    """Go on with an interrupted run."""
    from kanpde import api

    folder = Path(arguments.run)
    with terminal.watching(arguments) as bar:
        solution = api.resume(folder, bar)
    runs.append_log(folder, f"ended: {solution.stop_reason.value}")
    terminal.show_result(solution.result.as_dict(), folder, quiet=arguments.quiet, as_json=arguments.json)
    return solution.stop_reason.exit_code


def export(arguments: argparse.Namespace) -> int:
    """Write the field of a run to a file."""
    from kanpde import api

    folder = Path(arguments.run)
    target = Path(arguments.out) if arguments.out else folder / f"field.{arguments.to}"
    if target.suffix != f".{arguments.to}":
        raise ConfigError(f"--out '{target.name}' must end in .{arguments.to}, as --to {arguments.to} asks for")
    if arguments.resolution is not None and not 1 <= arguments.resolution <= 4000:
        raise ConfigError(f"--resolution must be between 1 and 4000, found {arguments.resolution}")
    terminal.show_text(f"files: {api.load(folder).export(target, arguments.resolution)}")
    return 0


def plot(arguments: argparse.Namespace) -> int:
    """Draw the figures of a run or of a comparison again."""
    folder = Path(arguments.run)
    if (folder / "compare.json").is_file():
        from kanpde import plotting
        from kanpde.comparison import Comparison
        from kanpde.storage import read_json

        comparison = Comparison.from_dict(read_json(folder / "compare.json"), str(folder / "compare.json"))
        written: tuple[Path, ...] = (plotting.write_comparison(folder / "error_vs_seconds.png", comparison),)
    else:
        from kanpde import api, plotting

        written = plotting.write_figures(folder / "figures", api.load(folder))
    terminal.show_text(f"files: {', '.join(str(path) for path in written)}")
    return 0


def list_problems(arguments: argparse.Namespace) -> int:
    """The shipped problems."""
    rows = [(name, shipped.description(name)) for name in shipped.names()]
    if arguments.json:
        terminal.show_text(dump_json(dict(rows)))
    else:
        terminal.show_table(rows, ("problem=", "description"))
    return 0


def show(arguments: argparse.Namespace) -> int:
    """What a problem is, or the resolved config with which it would run."""
    if arguments.name.endswith((".yaml", ".yml")):
        path, tree = Path(arguments.name), datafile.load(arguments.name)
    else:
        path = shipped.problem_yaml(arguments.name)
        tree = {"problem": datafile.load(path)}
    if not (arguments.resolved or arguments.json):
        terminal.show_text(path.read_text(encoding="utf-8"))
        return 0
    trusted = not arguments.name.endswith((".yaml", ".yml"))
    folder = shipped.data() if trusted else None
    maker = doors.make_problem
    config = validate(tree, source=path.name, base=path.parent, trusted=trusted, make_problem=maker, shipped=folder)
    terminal.show_text(dump_json(config.as_tree()) if arguments.json else datafile.dumps(config.as_tree()))
    return 0


def init(arguments: argparse.Namespace) -> int:
    """Write a commented file to start from."""
    name = arguments.name.removesuffix(".yaml")
    if not is_identifier(name):
        raise ConfigError(f"init '{arguments.name}': a problem's name is made of letters, digits and _; choose another")
    path = Path(f"{name}.yaml")
    if path.exists() and not arguments.overwrite:
        raise FolderInUseError(f"'{path}' exists; choose another name or give --overwrite")
    write_text(path, shipped.starter().replace("NAME", name))
    terminal.show_text(f"edit it, then: kanpde solve {path}\nfiles: {path}")
    return 0


def doctor(arguments: argparse.Namespace) -> int:
    """Check the installation."""
    from kanpde.cli.doctor import examine

    rows, wrong = examine()
    terminal.show_table(rows, ("what", "found"))
    if wrong is not None:
        raise wrong
    return 0


def _through_a_door(arguments: argparse.Namespace, run: Run) -> int:
    """Find the config behind the data door or the Hydra door, and run it in a folder of its own."""
    out = None if arguments.out is None else Path(arguments.out)
    if doors.is_file(arguments):
        return run(doors.file_config(arguments), out, arguments)
    doors.check_words(arguments)
    if arguments.multirun and arguments.cfg is None:
        return run_sweep(arguments, run)
    composed: list[Any] = []
    doors.run_hydra(arguments, composed.append)
    return run(doors.hydra_config(composed[0]), out, arguments) if composed else 0


def _solve(config: Config, out: Path | None, arguments: argparse.Namespace) -> int:
    """Solve one config and print what came out."""
    from kanpde import api

    if arguments.dry_run:
        return _dry_run(config)
    with _folder(config, out, arguments.overwrite) as folder, terminal.watching(arguments) as bar:
        solution = api.solve_into(config, folder, bar)
        runs.append_log(folder, f"ended: {solution.stop_reason.value}")
    terminal.show_result(solution.result.as_dict(), folder, quiet=arguments.quiet, as_json=arguments.json)
    return solution.stop_reason.exit_code


def _compare(config: Config, out: Path | None, arguments: argparse.Namespace) -> int:
    """Compare KAN and MLP on one config and print who won."""
    from kanpde import api

    if arguments.dry_run:
        return _dry_run(config)
    with _folder(config, out, arguments.overwrite) as folder, terminal.watching(arguments) as bar:
        comparison = api.compare_into(config, folder, bar)
        for verdict in comparison.verdicts():
            runs.append_log(folder, verdict.sentence())
    terminal.show_comparison(comparison, folder, quiet=arguments.quiet, as_json=arguments.json)
    return bar.stop.exit_code if bar.stop is not None else 0


def _dry_run(config: Config) -> int:
    """Build everything, print the sizes, solve nothing."""
    from kanpde.marching import prepare

    parts = prepare(config)
    rows = report.size_rows(config, parts.trial.parameter_count, parts.assembly.rows)
    terminal.show_table(rows, (f"{config.problem.name}", "would take"))
    return 0


@contextmanager
def _folder(config: Config, out: Path | None, overwrite: bool) -> Iterator[Path]:
    """A new run folder; bad input leaves none behind, and anything else that fails stands in its log."""
    from kanpde.marching import prepare

    prepare(config)  # a mistake in the new config must neither leave a folder nor cost an old run
    folder = runs.create(out, name=config.problem.name, overwrite=overwrite)
    try:
        yield folder
    except (ConfigError, BudgetError):
        runs.discard(folder)
        raise
    except KanpdeError as error:
        runs.append_log(folder, f"failed: {error}")
        raise
