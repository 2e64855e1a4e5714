"""The KAN of a saved run made smaller, trained on, and left as a new run that every verb can open.

The new run starts as one that was stopped before its first stage, with the pruned network as its
checkpoint; its schedule is the training after pruning, so resuming, loading, exporting and plotting
need to know nothing of it.
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
from kanpde.progress import Progress, Silent
from kanpde.results import plotting, report, run_folder
from kanpde.results.solution import Solution
from kanpde.solver.build import build
from kanpde.solver.checkpoint import Store
from kanpde.solver.loop import Solver
from kanpde.storage import dump_json, make_folder, write_text
from kanpde.symbolic.kan.edge_editor import Symbolic, Written
from kanpde.symbolic.kan.retrain import Choice, choose
from kanpde.symbolic.search.library import LIBRARY
from kanpde.trial.networks import KAN, bare, beside
from kanpde.trial.networks.prune import prune
from kanpde.trial.networks.pruning import THRESHOLD, Pruned
from kanpde.trial.solution import TrialSolution

HELD_OUT = 4000
"""Points that pruning never looked at."""

MOST_STEPS = 1_000_000

OVERFIT = 3.0
"""Test errors this many times those of training are called an overfit."""


@dataclass(frozen=True)
class Wish:
    """What is asked for: thresholds of units and of edges as shares of a layer's largest, and steps
    of training afterwards.
    """

    units: float = THRESHOLD
    edges: float = 0.0
    steps: int = 20
    symbolic: bool = False
    fix: tuple[tuple[int, int, int, str], ...] = ()


@dataclass(frozen=True)
class Simplified:
    """The new run: its folder and solution, what was pruned, the solution before, and the edges
    that became functions with the formula that they make, where asked for.
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
        old, new, gone = self.before.result.trial, self.solution.result.trial, self.pruned
        units = ", ".join(f"{unit} of layer {layer}" for layer, unit in gone.units) or "none"
        edges = ", ".join(f"{i}→{o} of layer {layer}" for layer, i, o in gone.edges) or "none"
        return [
            f"units pruned: {units}",
            f"edges pruned: {edges}",
            f"network: {old['shape']} with {old['parameters']} parameters became {new['shape']}"
            f" with {edge_parameters(self.solution)}",
            f"pruning changed the function by {gone.change:.1e} of its size on held-out points",
            *self._errors(),
            *self._functions(),
        ]

    def _errors(self) -> list[str]:
        """Of data the errors on rows of training and of the test, which show an overfit; else the
        held-out residual.
        """
        old, new = (one.result.metrics.fit for one in (self.before, self.solution))
        if old is None or new is None or self.solution.problem.data is None:
            then, now = self.before.residual_rms, self.solution.residual_rms
            return [f"residual rms on held-out points: {then:.2e} before, {now:.2e} now"]
        lines = [] if self.choice is None else [self.choice.sentence]
        for word, fit in (("before", old), ("now", new)):
            train, test = (_largest(fit[key]) for key in ("train", "test"))
            gap = (
                ""
                if test is None or not train or test < OVERFIT * train
                else f": overfitted {test / train:.0f} times"
            )
            lines.append(
                f"RMSE {word}: {train:.2e} on rows of training,"
                f" {'unknown' if test is None else f'{test:.2e}'} on the test{gap}"
            )
        return lines

    def _functions(self) -> list[str]:
        if self.symbolic is None or self.written is None:
            return []
        plain = self.symbolic.as_dict(self.written)
        edges = ", ".join(
            f"{e['input']}→{e['output']} of layer {e['layer']} {e['function']}"
            for e in plain["edges"]
        )
        left = ", ".join(f"{i}→{o} of layer {layer}" for layer, i, o in plain["splines"])
        lines = [f"functions: {edges or 'none'}" + (f"; still splines: {left}" if left else "")]
        for name, text in plain["formulas"].items():
            size = plain["misfit"][name]
            lines.append(
                f"{name} = {text}" + ("" if size is None else f"  (relative misfit {size:.1e})")
            )
        return lines


def _largest(fit: Mapping[str, Any] | None) -> float | None:
    """The largest root mean square error of any unknown; None where none was measured."""
    return None if fit is None else float(max(fit["rmse"].values()))


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
    """Prune the KAN of a run folder, train it for `steps` steps and write a new run folder with
    diagrams of before and after.

    `units` and `edges` are thresholds, shares of the largest variation of an edge in a layer.
    `symbolic` turns edges into functions and writes symbolic.json beside
    (`kanpde.symbolic.kan.edge_editor.Symbolic` has the single buttons). Raises ConfigError for an MLP, time
    slabs and thresholds outside [0, 1).
    """
    return simplify_into(run, out, Wish(units, edges, steps, symbolic), overwrite=overwrite)


def simplify_into(
    run: str | Path,
    out: str | Path | None,
    wish: Wish,
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Simplified:
    """The same with an observer."""
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
    make_folder(folder / "figures")
    plotting.write_diagram(folder / "figures" / "network_before.png", before)
    solution = api.resume(folder, progress)
    functions, written = _functions(solution, wish)
    labels = None if functions is None else functions.labels()
    plotting.write_diagram(folder / "figures" / "network.png", solution, labels=labels)
    if functions is not None and written is not None:
        write_text(folder / "symbolic.json", dump_json(functions.as_dict(written)))
    return Simplified(folder, solution, pruned, before, choice, functions, written)


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
        left = network.stack[layer - 1].left if 1 <= layer <= len(network.stack) else None
        if left is None or not (
            1 <= o <= len(left) and 1 <= i <= left.shape[1] and bool(left[o - 1, i - 1])
        ):
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
    found = Symbolic.of(solution)
    for layer, i, o, name in wish.fix:
        found = found.fix(layer, i, o, name)
    found = found.auto() if wish.symbolic else found.retrained()
    return found, found.formula()


def kan_of(solution: Solution) -> tuple[TrialSolution, KAN]:
    """The trial solution of a run and the KAN in it; ConfigError where there is no single one."""
    name, slabs = solution.problem.name, len(solution.trial.slab_ends)
    if slabs:
        raise ConfigError(
            f"simplify: '{name}' was solved on {slabs} time slabs, one network each; use slabs: 1"
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
    """P of the edges that are left and of all that is no edge."""
    trial, network = kan_of(solution)
    gone = sum(
        int((~layer.left).sum()) * (layer.grid.size + (layer.base is not None))
        for layer in network.stack
    )
    return trial.parameter_count - gone


def _pruned(solution: Solution, wish: Wish) -> tuple[Pruned, torch.nn.Module]:
    """The pruned KAN, with what stands beside it; the change is that of u."""
    trial, network = kan_of(solution)
    assert solution.points is not None
    other = held_out(solution.problem.domain, (), HELD_OUT, trial.scale.dtype).interior.x
    found = prune(
        network,
        trial.scaled(solution.points.interior.x),
        trial.scaled(other),
        wish.units,
        wish.edges,
    )
    before, kept = trial.evaluate(other), trial.network
    trial.network = beside(kept, found.network)
    after, smaller, trial.network = trial.evaluate(other), trial.network, kept
    change = float((after - before).norm() / before.norm().clamp_min(1e-300))
    return replace(found, change=change), smaller


def _config(solution: Solution, network: KAN, steps: int) -> Config:
    """That of the run with the smaller network and the training after pruning; starts that count
    units are off.
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
    stage = OptimizerStage(
        name, **{**STAGE[name], **({} if name == "least_squares" else {"steps": max(1, steps)})}
    )
    return replace(config, trial=trial, schedule=(stage,), tolerance=None, seconds=None)
