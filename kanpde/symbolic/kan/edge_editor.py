"""Suggest, fix, automatic: the edges of a solution's KAN become functions of the library, and the
network a formula.

Every operation returns a new `Symbolic`; the solution stays as it is. Edges are (layer, input,
output), all from 1 as in the figures of a run.
Source: Liu et al., KAN, arXiv 2404.19756, §2.5.2 (the user's buttons).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import sympy
import torch
from torch import Tensor

from kanpde.assembly.residual import Assembly
from kanpde.errors import ConfigError
from kanpde.results.solution import Solution
from kanpde.solver.build import build
from kanpde.symbolic.kan.json_expressions import plain
from kanpde.symbolic.kan.rounding import ROUNDING, misfit, simplest
from kanpde.symbolic.kan.symbolic_kan import Edge, SymbolicKAN
from kanpde.symbolic.search.library import LIBRARY
from kanpde.symbolic.search.univariate import Match, match
from kanpde.trial.networks import KAN
from kanpde.trial.networks.edge_sizes import thinned
from kanpde.trial.patchwork import Patchwork
from kanpde.trial.solution import TrialSolution

LADDER = (0.2, 0.05, 0.01, 1e-3, 1e-4)
"""Misfits of an edge, as shares of its spread, up to which `auto` takes the simplest function for
it, tried in this order.
"""

TRAINED = 1e-9
"""Share by which the values of a network may change when its constants become simple."""

ENOUGH = 2.0
"""How many times larger than with splines the root of the objective may be with functions."""

FEW = 30
"""Steps of training after one more edge became a function."""


@dataclass(frozen=True)
class Written:
    """The formulas of a network.

    Attributes:
        expressions: by unknown (sympy); a spline is a function phi_layer_input_output.
        misfit: to the field or to the data of a fit, relative root mean square; nan where a spline
            or a lifting stands in the formula.
    """

    expressions: dict[str, Any]
    misfit: dict[str, float]


@dataclass(frozen=True)
class Symbolic:
    """The KAN of a solution with some edges fixed to functions."""

    solution: Solution
    network: SymbolicKAN

    @classmethod
    def of(cls, solution: Solution) -> Symbolic:
        """All edges still splines; ConfigError where the trial solution is more than one KAN."""
        name, trial = solution.problem.name, solution.trial
        single = not trial.slab_ends and not isinstance(trial, Patchwork)
        if not single or not isinstance(trial.network, KAN) or solution.points is None:
            raise ConfigError(
                f"symbolic: '{name}' needs a saved run with one kan (no mlp, no time slabs, no"
                " trial.functions, no trial.multipoles)"
            )
        if trial.each[0].wrapping is not None:
            raise ConfigError(
                f"symbolic: '{name}' was solved with trial.periodic, whose kan sees circles; use"
                f" kanpde formula"
            )
        splines = cls(solution, SymbolicKAN.of(trial.network))
        return cls(solution, splines.network.centred(splines._points))

    def suggest(self, layer: int, i: int, o: int) -> list[Match]:
        """Functions for an edge, the best first."""
        place = self._place(layer, i, o)
        return match(*self.network.curve(place, self._points))

    def fix(self, layer: int, i: int, o: int, name: str) -> Symbolic:
        """The edge as the function of that name, with the affine parameters that fit it best;
        ConfigError for unknown names.
        """
        place = self._place(layer, i, o)
        matches = match(*self.network.curve(place, self._points), names=[name])
        if not matches:
            raise ConfigError(
                f"symbolic: edge {layer},{i},{o} does not fit into the domain of '{name}'; choose"
                f" another"
            )
        return Symbolic(self.solution, self.network.fixed(place, matches[0]))

    def auto(self, steps: int = 100) -> Symbolic:
        """Every spline as the simplest function that fits it up to a share of its spread, trained.

        The first share of LADDER counts that leaves the objective as low as the splines did, else
        the one that makes it lowest, where every remaining spline counts like a digit. Where the
        objective is clearly larger even so, the edges are tried one by one, and those stay splines
        whose functions make it so.
        """
        rows = self._rows()
        known = {
            place: match(*self.network.curve(place, self._points))
            for place in self.network.places
            if place not in self.network.names
        }
        enough = ENOUGH * _size(rows(self.network))
        best, least = self.network, math.inf
        tried: list[dict[Edge, str]] = []
        for share in LADDER:
            network = self.network
            for place, matches in known.items():
                fitting = [function for function in matches if 1 - function.r2 <= share**2]
                if fitting:
                    network = network.fixed(place, min(fitting, key=_cost))
            if network.names in tried:
                continue
            network = network.retrained(rows, steps)
            size, splines = _size(rows(network)), len(network.places) - len(network.names)
            price = math.log10(max(size, 1e-300)) + splines
            if not tried or price < least:
                best, least = network, price
            tried.append(network.names)
            if size <= enough:
                break
        if _size(rows(best)) > enough:
            best = self._edge_by_edge(known, rows, enough)
        return Symbolic(self.solution, best.trimmed(self._points))

    def _edge_by_edge(
        self,
        known: Mapping[Edge, Sequence[Match]],
        rows: Callable[[SymbolicKAN], Tensor],
        most: float,
    ) -> SymbolicKAN:
        """The edges in the order of how well a function fits them; one stays a spline if its
        function makes the root of the objective larger than `most`.
        """
        network = self.network
        fitting = {
            place: matches[0]
            for place, matches in known.items()
            if matches and 1 - matches[0].r2 < LADDER[0] ** 2
        }
        for place in sorted(fitting, key=lambda edge: 1 - fitting[edge].r2):
            tried = network.fixed(place, fitting[place]).retrained(rows, FEW)
            network = tried if _size(rows(tried)) <= most else network
        return network

    def retrained(self, steps: int = 100) -> Symbolic:
        """With affine parameters trained by Levenberg-Marquardt on the residual rows of the run."""
        network = self.network.retrained(self._rows(), steps)
        return Symbolic(self.solution, network.trimmed(self._points))

    def _rows(self) -> Callable[[SymbolicKAN], Tensor]:
        """The residual rows (R,) of the run as a function of the network.

        Where an energy has no rows, or a function of the library not the derivatives that the
        equations need, they are its values less those of the run.
        """
        trial, assembly = self._trial, build(self.solution.config).assembly.residual
        with torch.no_grad():
            wanted = trial.network(self._points)

        def values(network: SymbolicKAN) -> Tensor:
            with torch.no_grad():
                apart: Tensor = network(self._points) - wanted
            return apart.reshape(-1)

        if assembly is None or "j0" in self.network.names.values():
            return values
        bound = Assembly(assembly.terms, _with(trial, self.network))
        return lambda network: bound.weighted(_with(trial, network)).detach()

    def formula(self) -> Written:
        """The formulas of the unknowns with simple constants where these fit as well."""
        trial, problem = self._trial, self.solution.problem
        inputs = [sympy.Symbol(name, real=True) for name in problem.coordinates]
        scaled = []
        for symbol, shift, scale in zip(
            inputs, trial.shift.tolist(), trial.scale.tolist(), strict=True
        ):
            unscaled = (shift, scale) == (0.0, 1.0)
            scaled.append(symbol if unscaled else scale * symbol - scale * shift)
        data = self._values()
        formulas, misfits = {}, {}
        for o, expression in enumerate(self.network.expressions(scaled)):
            name = problem.outputs[o]
            formulas[name], misfits[name] = expression, float("nan")
            if not expression.atoms(sympy.core.function.AppliedUndef) and trial.lifting is None:
                formula, _ = simplest(
                    expression, inputs, data.x, data.trained[:, o], least=data.share
                )
                field = data.field[:, o]
                size = max(float(np.sqrt(np.mean(field**2))), 1e-300)
                formulas[name] = formula
                misfits[name] = misfit(formula, inputs, data.x, field) / size
        return Written(formulas, misfits)

    def labels(self) -> dict[Edge, str]:
        """The names of the functions by (layer, input, output) from 0, for a diagram."""
        return dict(self.network.names)

    def as_dict(self, written: Written) -> dict[str, Any]:
        """Plain data for JSON."""
        edges = []
        numbers = self.network.affine.detach().tolist()
        for ((k, i, o), name), (a, b, c, d) in zip(
            self.network.names.items(), numbers, strict=True
        ):
            place = {"layer": k + 1, "input": i + 1, "output": o + 1}
            edges.append({**place, "function": name, "a": a, "b": b, "c": c, "d": d})
        splines = [edge for edge in self.network.places if edge not in self.network.names]
        whole = {
            name: formula
            for name, formula in written.expressions.items()
            if not np.isnan(written.misfit[name])
        }
        return {
            "problem": self.solution.problem.name,
            "formulas": {name: str(formula) for name, formula in written.expressions.items()},
            "trees": {name: plain(formula) for name, formula in whole.items()},
            "misfit": {
                name: size if name in whole else None for name, size in written.misfit.items()
            },
            "edges": edges,
            "splines": [[k + 1, i + 1, o + 1] for k, i, o in splines],
        }

    def _values(self) -> _Values:
        """What the constants of the formulas are fitted to: the measured values of a fit, else the
        network itself, which was trained on the rows of the run.
        """
        terms = list(getattr(build(self.solution.config).assembly, "terms", ()))
        outputs = len(self.solution.problem.outputs)
        if self.solution.config.problem.fit is not None and len(terms) == outputs == 1:
            (term,) = terms
            if term.columns is not None:
                measured = term.columns.double().numpy()
                return _Values(term.x.double().numpy(), measured, measured, ROUNDING)
        assert self.solution.points is not None
        x = thinned(self.solution.points.interior.x)
        with torch.no_grad():
            trained = self.network(self._trial.scaled(x)).double().numpy()
        points = x.double().numpy()
        field = np.asarray(self.solution(points, outside="allow"))
        return _Values(points, field, trained, TRAINED)

    def _place(self, layer: int, i: int, o: int) -> Edge:
        place = (layer - 1, i - 1, o - 1)
        if place not in self.network.places:
            known = ", ".join(f"{k + 1},{a + 1},{b + 1}" for k, a, b in self.network.places[:20])
            raise ConfigError(
                f"symbolic: there is no edge {layer},{i},{o}; edges (layer, input, output) are"
                f" {known}"
            )
        return place

    @property
    def _trial(self) -> TrialSolution:
        (trial,) = self.solution.trial.each
        return trial

    @property
    def _points(self) -> Tensor:
        assert self.solution.points is not None
        return self._trial.scaled(thinned(self.solution.points.interior.x))


class _Values(NamedTuple):
    """Points x (N, d); the field there or the measured values of a fit (N, m); the values that the
    formulas are fitted to (N, m), and the share of them that a change of constants may cost.
    """

    x: np.ndarray
    field: np.ndarray
    trained: np.ndarray
    share: float


def _with(trial: TrialSolution, network: SymbolicKAN) -> TrialSolution:
    """The trial solution with another network, its derivatives by autograd."""
    lower, upper = trial.shift - 1 / trial.scale, trial.shift + 1 / trial.scale
    return TrialSolution(
        network,
        lower,
        upper,
        lifting=trial.lifting,
        engine="autograd",
        constants=trial.constants,
    )


def _cost(fitted: Match) -> tuple[float, float, int]:
    """Simple functions of few parameters first, equally simple ones by their misfit to two digits,
    then in the order of the library: a sine and a cosine fit equally well, up to rounding.
    """
    simplicity = fitted.function.complexity + len(fitted.function.free) / 2
    misfit = round(math.log10(max(fitted.rmse, 1e-300)), 2)
    return simplicity, misfit, list(LIBRARY).index(fitted.function.name)


def _size(rows: Tensor) -> float:
    """The root of the objective; infinite where it is not finite."""
    size = float(rows.square().sum().sqrt())
    return size if np.isfinite(size) else float("inf")
