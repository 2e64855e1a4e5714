"""What a solve or a comparison leaves behind as data: JSON, CSV, the resolved config, and tables as
plain rows.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from kanpde.config import (
    AdaptPoints,
    Config,
    OptimizerStage,
    Sizes,
    StageConfig,
    UpdateGrid,
    added_points,
    yaml_file,
)
from kanpde.config.problem.attached_files import portable
from kanpde.config.problem.units import label
from kanpde.config.solve.points import stored_points
from kanpde.results.number_rows import number_rows
from kanpde.results.spectrum import eigenvalue_rows
from kanpde.storage import dump_json, write_bound, write_bytes

if TYPE_CHECKING:
    from kanpde.progress import History
    from kanpde.results.comparison import Comparison
    from kanpde.results.solution import Solution

Row = tuple[str, ...]

EXPLOITED = 1e-6
"""Share of an energy by which its value at the points of the solve may differ from that at held-out
ones without a word.
"""


def write_run(folder: Path, solution: Solution) -> None:
    """Write result.json, history.csv and config.yaml of a solve into its run folder, each
    atomically.

    Raises:
        StorageError: a file cannot be written.
    """
    write_config(folder / "config.yaml", solution.config)
    write_history(folder / "history.csv", solution.history)
    content = dump_json(solution.result.as_dict()) + "\n"
    write_bound(folder / "result.json", content.encode())


def write_config(path: Path, config: Config) -> Path:
    """Write the resolved config as YAML that the data door loads again to the same `Config`, and
    beside it the meshes and the tables it names.

    Raises:
        StorageError: a file cannot be written.
    """
    problem, files = portable(config.problem)
    for name, content in files.items():
        write_bytes(path.with_name(name), content)  # the config is of no use without them
    fit = problem.fit and problem.fit.stored()
    tables = dict(files)
    for name, table in fit.files.items() if fit else ():
        tables[name] = table.archive()
    points = stored_points(config.sampler.points)
    for table in points.values():
        tables[str(table.file)] = table.archive()
    sampler = replace(config.sampler, points=points)
    kept = replace(config, problem=replace(problem, fit=fit), sampler=sampler)
    text = yaml_file.dumps(kept.as_tree())
    write_bound(path, text.encode(), yaml_file.loads(text, source=path.name))
    for name, archive in tables.items():
        write_bound(path.with_name(name), archive)
    return path


def plain_tree(config: Config) -> dict[str, Any]:
    """The tree of a config for reading: a table too long for text stands there as the file that a
    run keeps it in.
    """
    fit = config.problem.fit
    if fit is not None and any(
        not isinstance(table.tree()["values"], str) for table in (fit.train, fit.test) if table
    ):
        config = replace(config, problem=replace(config.problem, fit=fit.stored()))
    points = config.sampler.points
    if any(not isinstance(table.tree().get("values", ""), str) for table in points.values()):
        config = replace(config, sampler=replace(config.sampler, points=stored_points(points)))
    return config.as_tree()


def write_history(path: Path, history: History) -> Path:
    """Write the history as CSV: step, stage (from 1), seconds since the start, objective
    (dimensionless), event.

    Raises:
        StorageError: the file cannot be written.
    """
    events: dict[int, list[str]] = {}
    for step, text in history.events:
        events.setdefault(step, []).append(text)
    rows: list[Sequence[object]] = []
    columns = zip(history.step, history.stage, history.seconds, history.objective, strict=True)
    for step, stage, seconds, objective in columns:
        text = "; ".join(events.pop(step, []))
        rows.append((step, stage + 1, f"{seconds:.6f}", repr(float(objective)), text))
    rows.extend((step, "", "", "", "; ".join(texts)) for step, texts in events.items())
    rows.sort(key=lambda row: int(str(row[0])))
    text = dump_csv(("step", "stage", "seconds", "objective", "event"), rows)
    return write_bound(path, text.encode())


def write_comparison(folder: Path, comparison: Comparison) -> None:
    """Write compare.json (solves, medians, verdicts) and compare.csv (one line per solve) of a
    comparison.

    Raises:
        StorageError: a file cannot be written.
    """
    content = dump_json(comparison.as_dict()) + "\n"
    write_bound(folder / "compare.json", content.encode())
    measures = ("relative_l2", "max_error", "residual_rms", "boundary_max")
    fitted = ("rmse",) if any(e.rmse is not None for e in comparison.entries) else ()
    header = ("mode", "kind", "seed", "parameters", "seconds", *measures, *fitted)
    rows = []
    for e in comparison.entries:
        measured = [*map(e.worst_of, measures), *([e.rmse] if fitted else [])]
        rows.append(
            (
                e.mode,
                e.kind,
                e.result["seed"],
                e.parameters,
                f"{e.seconds:.6f}",
                *map(_cell, measured),
            )
        )
    write_bound(folder / "compare.csv", dump_csv(header, rows).encode())


def dump_csv(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table as CSV text with Unix line ends."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return stream.getvalue()


def _solution(entry: Mapping[str, Any]) -> str:
    """One of several solutions in a line."""
    sizes = ", ".join(
        f"{name} from {number(low)} to {number(high)}"
        for name, (low, high) in entry["ranges"].items()
    )
    told = "cannot be told" if entry["estimate"] is None else number(entry["estimate"])
    return f"{sizes}; estimated relative L2 error {told}; in {entry['folder']}"


def result_rows(result: Mapping[str, Any]) -> list[Row]:
    """The two-column table of a solve, from the content of result.json.

    Without an exact solution it says so; the held-out residual then stands for itself and is not
    called an error.
    """
    trial = result["trial"]
    rows: list[Row] = [
        ("problem", str(result["problem"])),
        ("trial solution", describe_trial(trial)),
    ]
    rows += fit_rows(result.get("fit"), result["trial"]["parameters"])
    rows += eigenvalue_rows(result.get("eigenvalues", ()))
    rows += [
        (f"solution {each['number']}", _solution(each)) for each in result.get("solutions", ())
    ]
    errors = {name: value for name, value in result["relative_l2"].items() if value is not None}
    if errors:
        rows.append(("relative L2 error", _per_field(errors)))
        rows.append(("max error", _per_field(result["max_error"], result.get("units", {}))))
        if known := result.get("reference"):
            rows.append(
                (
                    "error against",
                    f"reference '{known['name']}' (its own error {number(known['error'])})",
                )
            )
    elif "fit" not in result and not result.get("eigenvalues"):
        rows.append(
            (
                "error",
                "unknown: no exact or reference solution; the residuals below were held out of"
                " training",
            )
        )
    rows += energy_rows(result.get("energy"))
    if "fit" not in result:
        rows.append(("residual (held out, rms)", number(result["residual_rms"])))
        rows.append(("boundary (held out, max)", number(result["boundary_max"])))
    rows.extend(_condition_rows(result.get("conditions") or {}))
    if result.get("lifted"):
        rows.append(("by construction (held out, max)", _per_field(result["lifted"])))
    if result.get("lifting_note"):
        rows.append(("lifting", str(result["lifting_note"])))
    rows += [*parameter_rows(result), *number_rows(result)]
    if result.get("validation") is not None:
        rows.append(("relative L2 (validation)", number(result["validation"])))
    points = result.get("points")
    if points:
        rows.append(("points", f"{points['interior']} interior, {points['boundary']} boundary"))
    if result.get("outside_share"):
        rows.append(("inputs outside a grid", f"{100 * result['outside_share']:.2f} %"))
    rows.append(
        ("seconds", f"{result['seconds']:.2f} ({result['threads']} threads, {result['dtype']})")
    )
    rows.append(("stopped", str(result["stop_message"])))
    warnings = result.get("warnings") or ()
    for sentence in result.get("verdict") or ():
        rows.append(("warning" if sentence in warnings else "verdict", str(sentence)))
    return rows


def fit_rows(fit: Mapping[str, Any] | None, parameters: int = 0) -> list[Row]:
    """Root mean square errors of a fit at the points of its test and at those of the solve; a note
    where parameters are as many as the numbers that they were fitted to.
    """
    if not fit:
        return []
    rows: list[Row] = [
        (f"{name} RMSE", f"{_per_field(errors['rmse'])} ({errors['points']} points)")
        for name in ("test", "train")
        if (errors := fit[name]) is not None
    ]
    if fit["test"] is None:
        rows.append(
            (
                "test RMSE",
                "unknown: no test; give `test: 0.2` or a file, or the error is that of what was"
                " fitted",
            )
        )
    numbers = fit["train"]["points"] * len(fit["train"]["rmse"]) if fit["train"] else 0
    if 0 < numbers <= parameters:
        rows.append(
            (
                "note",
                f"{parameters} parameters for {numbers} numbers meet any of them; lower"
                f" trial.width or trial.intervals",
            )
        )
    return rows


def energy_rows(energy: Mapping[str, float] | None) -> list[Row]:
    """J of a problem in energy form; where its quadratures differ, the solve has used its points'
    error.
    """
    if not energy:
        return []
    trained, held_out = energy["trained"], energy["held_out"]
    text, gap = f"{held_out:.12g} (held out)", abs(trained - held_out)
    if not gap <= EXPLOITED * abs(held_out):
        text += (
            f", {trained:.12g} at the points of the solve: too few of them, raise sampler.interior"
        )
    return [("energy", text)]


def _condition_rows(conditions: Mapping[str, float | None]) -> list[Row]:
    """The largest residual of every condition by name, the largest first; what is not finite is
    larger than any.
    """
    ordered = sorted(
        conditions.items(), key=lambda item: math.inf if item[1] is None else item[1], reverse=True
    )
    shown = [
        f"{name} {'not finite' if value is None else number(value)}" for name, value in ordered
    ]
    return [("conditions (held out, max)", ", ".join(shown))] if len(shown) > 1 else []


def parameter_rows(result: Mapping[str, Any]) -> list[Row]:
    """One row per unknown parameter, and one for the misfit of measured values."""
    rows: list[Row] = []
    for name, estimate in result.get("parameters", {}).items():
        text = f"{estimate['value']:.8g}"
        if estimate["standard_error"] is not None:
            low, high = estimate["interval_95"]
            text += f" ± {estimate['standard_error']:.2g} (95 %: {low:.6g} to {high:.6g})"
        if "error" in estimate:
            text += f", error {estimate['error']:.1e}"
        rows.append((f"parameter {label(name, result.get('units', {}))}", text))
    if data := result.get("data"):
        rows.append(
            (
                "misfit of data (rms)",
                f"{number(data['misfit_rms'])} in units of {data['in_units_of']}",
            )
        )
    return rows


def stage_rows(result: Mapping[str, Any]) -> list[Row]:
    """One row per stage: number, name, steps, objective at its end, seconds."""
    return [
        (str(i), str(s["name"]), str(s["steps"]), number(s["objective"]), f"{s['seconds']:.2f}")
        for i, s in enumerate(result["stages"], start=1)
    ]


def size_rows(config: Config, parameters: int, rows: int, outer: int) -> list[Row]:
    """What a solve would take: P trained numbers, `outer` of them in the outer layer, R residual
    rows, and bytes.
    """
    size = 8 if config.dtype == "float64" else 4
    trial = config.trial
    shape = [config.inputs, *trial.width, config.problem.outputs]
    each = " per slab" if config.slabs != 1 else ""
    added = added_points(config.schedule) * len(config.problem.equations)
    lines: list[Row] = [
        ("trial solution", f"{trial.kind.upper()} {shape}, {parameters} parameters{each}"),
        (
            "residual rows",
            f"{rows}{each}" + (f", {added} more by adaptive points" if added else ""),
        ),
        ("schedule", ", ".join(describe_stage(stage) for stage in config.schedule)),
    ]
    sizes = Sizes(rows, outer, parameters)
    stages = [stage for stage in config.schedule if isinstance(stage, OptimizerStage)]
    for matrix in dict.fromkeys(stage.traits.matrix for stage in stages):
        if matrix is not None:
            tall, wide = matrix.shape(sizes)
            lines.append((matrix.name, f"{tall} × {wide}, {_bytes(tall * wide * size)}"))
    lines.append(("checkpoint", _bytes(parameters * size * 3)))
    return lines


def describe_stage(stage: StageConfig) -> str:
    """A stage of a schedule in a few words."""
    if isinstance(stage, OptimizerStage):
        steps = "" if stage.traits.outer_only else f" {stage.steps} steps"
        points, weights = stage.points, stage.weights
        details = [f"{points.method} points"] if points else []
        if weights:
            details.append(
                "kept weights" if weights.method == "keep" else f"{weights.method} weights"
            )
        return stage.optimizer + steps + (f" with {' and '.join(details)}" if details else "")
    if isinstance(stage, AdaptPoints):
        return f"adapt_points {stage.method}" + f" adds {stage.add}" * (stage.add > 0)
    if isinstance(stage, UpdateGrid):
        return f"update_grid {stage.mix:g}"
    return f"extend_grid {_short(stage.intervals)}"


def describe_trial(trial: Mapping[str, Any]) -> str:
    """A trial solution in a few words, from the `trial` node of result.json."""
    if trial.get("nodes") == "product":
        ranks = max(trial["ranks"], default=1)
        return (
            f"{str(trial['kind']).upper()} of products: {len(trial['degree'])} layers of degree"
            f" {max(trial['degree'])}, ranks up to {ranks}, {trial['parameters']} parameters"
        )
    text, slabs = f"{str(trial['kind']).upper()} {list(trial['shape'])}", trial.get("slabs")
    if slabs:
        text += f" on {slabs} slab{'s' if slabs > 1 else ''}"
    if trial.get("patches"):
        return f"{text} on each of {trial['patches']} patches, {trial['parameters']} parameters"
    if trial.get("degree") is not None:
        last = " on the last" if slabs and slabs > 1 else ""
        text += f", degree {_short(trial['degree'])}, intervals {_short(trial['intervals'])}{last}"
    return f"{text}, {trial['parameters']} parameters"


def number(value: float | None) -> str:
    """A measured number with three digits, or "unknown"."""
    if value is None:
        return "unknown"
    return f"{value:.3g}" if value == 0 or 1e-3 <= abs(value) < 1e3 else f"{value:.2e}"


def _cell(value: float | None) -> str:
    return "" if value is None else repr(value)


def _bytes(count: int) -> str:
    return f"{count / 2**20:.1f} MiB" if count >= 2**20 else f"{count / 2**10:.1f} KiB"


def _per_field(
    values: Mapping[str, float | None], units: Mapping[str, str] = MappingProxyType({})
) -> str:
    shown = {
        name: f"{number(value)} {units.get(name, '')}".strip() for name, value in values.items()
    }
    if len(shown) == 1:
        return next(iter(shown.values()))
    return ", ".join(f"{name} {text}" for name, text in shown.items())


def _short(values: Any) -> str:
    """One number when all are equal, the list otherwise."""
    if isinstance(values, Sequence) and not isinstance(values, str):
        return str(values[0]) if len(set(values)) == 1 else str(list(values))
    return str(values)
