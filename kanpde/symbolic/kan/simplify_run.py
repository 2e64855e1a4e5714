"""The KAN of a saved run pruned, trained further, and written as a new run.

The new run starts as one that was stopped before its first stage, with the pruned network as its
checkpoint; its schedule is the training after pruning. So every verb can open it: resuming, loading,
exporting and plotting need to know nothing of pruning.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from kanpde import api
from kanpde.assembly.collocation import held_out
from kanpde.config import Config, OptimizerStage
from kanpde.config.solve.optimizers import STAGE
from kanpde.errors import ConfigError
from kanpde.names import did_you_mean
from kanpde.numerics.torch_state import plain_torch
from kanpde.progress import Progress, Silent
from kanpde.results import plotting, report, run_folder
from kanpde.results.solution import Solution
from kanpde.solver.build import build
from kanpde.solver.checkpoint import Store
from kanpde.solver.loop import Solver
from kanpde.storage import binding, dump_json, make_folder, write_bound
from kanpde.symbolic.kan.edge_editor import Symbolic, Written
from kanpde.symbolic.kan.retrain import Choice, choose
from kanpde.symbolic.search.library import LIBRARY
from kanpde.trial.networks import KAN, bare, beside
from kanpde.trial.networks.prune import THRESHOLD, Pruned, prune
from kanpde.trial.patchwork import Patchwork
from kanpde.trial.solution import TrialSolution

HELD_OUT = 4000
"""Points that pruning never looked at."""

MOST_STEPS = 1_000_000

OVERFIT = 3.0
"""Test errors this many times those of training are called an overfit."""


@dataclass(frozen=True)
class Wish:
    """What a user wants from the simplification.

    Attributes:
        units, edges: thresholds, shares of the largest variation of an edge in a layer.
        steps: of training afterwards.
        symbolic: whether edges become functions of the library where these fit.
        fix: edges (layer, input, output, from 1) and the names of their functions.
    """

    units: float = THRESHOLD
    edges: float = 0.0
    steps: int = 20
    symbolic: bool = False
    fix: tuple[tuple[int, int, int, str], ...] = ()


@dataclass(frozen=True)
class Simplified:
    """The new run.

    Attributes:
        folder: where it was written.
        solution: of the pruned network, trained.
        pruned: what was pruned.
        before: the solution of the old run.
        choice: how the training was chosen, for a fit to a table.
        symbolic: the network with functions on its edges, if wanted.
        written: its formulas.
    """

    folder: Path
    solution: Solution
    pruned: Pruned
    before: Solution
    choice: Choice | None = None
    symbolic: Symbolic | None = None
    written: Written | None = None

    def sentences(self) -> list[str]:
        """What happened, line by line."""
        old, new, pruned = self.before.result.trial, self.solution.result.trial, self.pruned
        units = ", ".join(f"{unit} of layer {layer}" for layer, unit in pruned.units) or "none"
        edges = ", ".join(f"{i}→{o} of layer {layer}" for layer, i, o in pruned.edges) or "none"
        return [
            f"units pruned: {units}",
            f"edges pruned: {edges}",
            f"network: {old['shape']} with {old['parameters']} parameters became {new['shape']}"
            f" with {edge_parameters(self.solution)}",
            f"pruning changed the function by {pruned.change:.1e} of its size on held-out points",
            *self._errors(),
            *self._functions(),
        ]

    def _errors(self) -> list[str]:
        """Of data the errors on rows of training and of the test, which show an overfit; else the
        held-out residual.
        """
        old, new = self.before.result.metrics.fit, self.solution.result.metrics.fit
        if old is None or new is None or self.solution.problem.data is None:
            then, now = self.before.residual_rms, self.solution.residual_rms
            return [f"residual rms on held-out points: {then:.2e} before, {now:.2e} now"]
        lines = [] if self.choice is None else [self.choice.sentence]
        for word, fit in (("before", old), ("now", new)):
            train, test = (_largest(fit[key]) for key in ("train", "test"))
            on_test = "unknown" if test is None else f"{test:.2e}"
            if test is not None and train and test >= OVERFIT * train:
                on_test += f" on the test: overfitted {test / train:.0f} times"
            else:
                on_test += " on the test"
            lines.append(f"RMSE {word}: {train:.2e} on rows of training, {on_test}")
        return lines

    def _functions(self) -> list[str]:
        if self.symbolic is None or self.written is None:
            return []
        plain = self.symbolic.as_dict(self.written)
        edges = ", ".join(
            f"{e['input']}→{e['output']} of layer {e['layer']} {e['function']}"
            for e in plain["edges"]
        )
        splines = ", ".join(f"{i}→{o} of layer {layer}" for layer, i, o in plain["splines"])
        remaining = f"; still splines: {splines}" if splines else ""
        lines = [f"functions: {edges or 'none'}{remaining}"]
        for name, text in plain["formulas"].items():
            size = plain["misfit"][name]
            misfit = "" if size is None else f"  (relative misfit {size:.1e})"
            lines.append(f"{name} = {text}{misfit}")
        return lines


def _largest(fit: Mapping[str, Any] | None) -> float | None:
    """The largest root mean square error of any unknown; None where none was measured."""
    return None if fit is None else float(max(fit["rmse"].values()))


@plain_torch()
def simplify(
    run: str | Path,
    *,
    units: float = THRESHOLD,
    edges: float = 0.0,
    steps: int = 20,
    symbolic: bool = False,
    out: str | Path | None = None,
    overwrite: bool = False,
) -> Simplified:
    """Prune the KAN of a run folder, train it and write a new run folder with diagrams.

    Args:
        run: the folder of a run.
        units, edges: thresholds, shares of the largest variation of an edge in a layer.
        steps: of training afterwards.
        symbolic: turn edges into functions and write symbolic.json beside
            (`kanpde.symbolic.kan.edge_editor.Symbolic` has the single operations).
        out: the new folder; without it one with the name of the problem.
        overwrite: whether `out` may hold an older run.

    Raises:
        ConfigError: for an MLP, time slabs and thresholds outside [0, 1).
    """
    wish = Wish(units=units, edges=edges, steps=steps, symbolic=symbolic)
    return simplify_into(run, out, wish, overwrite=overwrite)


@plain_torch()
def simplify_into(
    run: str | Path,
    out: str | Path | None,
    wish: Wish,
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Simplified:
    """`simplify` with all wishes and an observer."""
    if not 0 <= wish.steps <= MOST_STEPS:
        raise ConfigError(f"simplify: steps must be between 0 and {MOST_STEPS}, found {wish.steps}")
    before = api.load(run)
    pruned, network = _pruned(before, wish)
    _check_fixed(pruned.network, wish)  # before the folder is made, which may cost an old run
    config = _config(before, pruned.network, wish.steps)
    choice = choose(config, network)
    config = config if choice is None else choice.config
    parts = build(config)
    parts.trial.network, parts.trial.constants = network, before.trial.constants
    folder = run_folder.create(out, name=f"{config.problem.name}-simple", overwrite=overwrite)
    report.write_config(folder / "config.yaml", config)
    Solver(parts.trial, parts.assembly, config.schedule, Silent(), source=parts.source).keep(
        Store.at(folder)
    )
    solution = api.resume(folder, progress)
    functions, written = _functions(solution, wish)
    labels = None if functions is None else functions.labels()
    with binding(folder, "figures"):
        plotting.write_diagram(make_folder(folder / "figures") / "network_before.png", before)
        plotting.write_diagram(folder / "figures" / "network.png", solution, labels=labels)
    if functions is not None and written is not None:
        content = dump_json(functions.as_dict(written))
        write_bound(folder / "symbolic.json", content.encode())
    return Simplified(
        folder=folder,
        solution=solution,
        pruned=pruned,
        before=before,
        choice=choice,
        symbolic=functions,
        written=written,
    )


def _check_fixed(network: KAN, wish: Wish) -> None:
    """ConfigError where an edge that is to be fixed is not left after pruning, or for a function
    that is not in the library.
    """
    for layer, i, o, name in wish.fix:
        if name not in LIBRARY:
            raise ConfigError(
                f"simplify: --fix: function '{name}' is not in the"
                f" library{did_you_mean(name, LIBRARY)}"
            )
        exists = 1 <= layer <= len(network.stack)
        if exists:
            edges = network.stack[layer - 1].kept_edges
            outputs, inputs = edges.shape
            exists = 1 <= o <= outputs and 1 <= i <= inputs and bool(edges[o - 1, i - 1])
        if not exists:
            raise ConfigError(
                f"simplify: --fix: there is no edge {layer},{i},{o} after pruning; see"
                f" figures/network.png"
            )


def _functions(solution: Solution, wish: Wish) -> tuple[Symbolic | None, Written | None]:
    """Edges fixed to functions by name, the others too where asked for, all trained together; and
    their formula.
    """
    if not (wish.symbolic or wish.fix):
        return None, None
    functions = Symbolic.of(solution)
    for layer, i, o, name in wish.fix:
        functions = functions.fix(layer, i, o, name)
    functions = functions.auto() if wish.symbolic else functions.retrained()
    return functions, functions.formula()


def kan_of(solution: Solution) -> tuple[TrialSolution, KAN]:
    """The trial solution of a run and the KAN in it; ConfigError where there is no single one."""
    name, slabs = solution.problem.name, len(solution.trial.slab_ends)
    if slabs:
        raise ConfigError(
            f"simplify: '{name}' was solved on {slabs} time slabs, one network each; use slabs: 1"
        )
    if isinstance(solution.trial, Patchwork):
        raise ConfigError(
            f"simplify: '{name}' was solved on {solution.trial.count} patches, one network each;"
            f" remove trial.patches"
        )
    (trial,) = solution.trial.each
    network = bare(trial.network)
    if not isinstance(network, KAN):
        raise ConfigError(
            f"simplify: '{name}' was solved with an {trial.net.kind}; only a kan has edges that"
            f" are functions"
        )
    return trial, network


def edge_parameters(solution: Solution) -> int:
    """P without the parameters of edges that were pruned."""
    trial, network = kan_of(solution)
    pruned = 0
    for layer in network.stack:
        per_edge = layer.grid.size + (layer.base is not None)
        pruned += int((~layer.kept_edges).sum()) * per_edge
    return trial.parameter_count - pruned


def _pruned(solution: Solution, wish: Wish) -> tuple[Pruned, torch.nn.Module]:
    """The pruned KAN, with what stands beside it; the change is that of u."""
    trial, network = kan_of(solution)
    assert solution.points is not None
    x = held_out(solution.problem.domain, (), HELD_OUT, trial.scale.dtype).interior.x
    pruned = prune(
        network,
        trial.scaled(solution.points.interior.x),
        trial.scaled(x),
        units=wish.units,
        edges=wish.edges,
    )
    before, whole = trial.evaluate(x), trial.network
    smaller = beside(whole, pruned.network)
    # The trial solution of the old run is lent the smaller network and has its own again after.
    trial.network = smaller
    after = trial.evaluate(x)
    trial.network = whole
    change = float((after - before).norm() / before.norm().clamp_min(1e-300))
    return replace(pruned, change=change), smaller


def _config(solution: Solution, network: KAN, steps: int) -> Config:
    """The config of the run with the smaller network and the training after pruning.

    Starts that need a certain number of units are off: pruning may have removed some.
    """
    config = solution.config
    trial = replace(
        config.trial,
        width=tuple(network.shape[1:-1]),
        intervals=tuple(network.intervals),
        start="paper",
        radial=0,
        directions="even",
        centers="none",
    )
    name = "lbfgs" if solution.problem.energy is not None else "variable_projection"
    if name != "lbfgs" and (steps == 0 or not trial.width):
        name = "least_squares"
    keys = STAGE[name] if name == "least_squares" else {**STAGE[name], "steps": max(1, steps)}
    stage = OptimizerStage(name, **keys)
    return replace(config, trial=trial, schedule=(stage,), tolerance=None, seconds=None)
