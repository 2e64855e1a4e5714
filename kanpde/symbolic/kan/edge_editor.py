"""Suggest, fix, automatic: the edges of a solution's KAN become functions of the library, one
formula comes out.

Each button gives a new value; the solution stays. Edges are (layer, input, output), all from 1 as
in the figures of a run.
Source: Liu et al., KAN, arXiv 2404.19756, §2.5.2 (the user's buttons).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

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
from kanpde.symbolic.kan.symbolic_kan import Place, SymbolicKAN
from kanpde.symbolic.search.univariate import Match, match
from kanpde.trial.networks import KAN
from kanpde.trial.networks.pruning import thinned
from kanpde.trial.solution import TrialSolution

LADDER = (0.2, 0.05, 0.01, 1e-3, 1e-4)
"""Misfits of an edge, as shares of its spread, up to which `auto` takes the simplest function for
it, tried in this order.
"""

TRAINED = 1e-9
"""What the values of a network that was trained on rows may change by when its constants become
simple, as a share.
"""

ENOUGH = 2.0
"""How much larger than that of the splines the objective's root may be after training with
functions.
"""

FEW = 30
"""Steps of training for an edge more."""


@dataclass(frozen=True)
class Written:
    """Formulas of the unknowns (sympy), and their misfit to the field or to the data of a fit,
    relative root mean squares.
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
        if trial.slab_ends or not isinstance(trial.network, KAN) or solution.points is None:
            raise ConfigError(
                f"symbolic: '{name}' needs a saved run with one kan (no mlp, no time slabs, no"
                f" trial.functions, no"
                " trial.multipoles)"
            )
        if trial.each[0].wrapping is not None:
            raise ConfigError(
                f"symbolic: '{name}' was solved with trial.periodic, whose kan sees circles; use"
                f" kanpde formula"
            )
        found = cls(solution, SymbolicKAN.of(trial.network))
        return cls(solution, found.network.centred(found._points))

    def suggest(self, layer: int, i: int, o: int) -> list[Match]:
        """Functions for an edge, the best first."""
        place = self._place(layer, i, o)
        return match(*self.network.curve(place, self._points))

    def fix(self, layer: int, i: int, o: int, name: str) -> Symbolic:
        """The edge as the function of that name, with the affine parameters that fit it best;
        ConfigError for unknown names.
        """
        place = self._place(layer, i, o)
        found = match(*self.network.curve(place, self._points), [name])
        if not found:
            raise ConfigError(
                f"symbolic: edge {layer},{i},{o} does not fit into the domain of '{name}'; choose"
                f" another"
            )
        return Symbolic(self.solution, self.network.fixed(place, found[0]))

    def auto(self, steps: int = 100) -> Symbolic:
        """Every spline as the simplest function that fits it up to some share of its spread,
        trained; the first share of LADDER that leaves the objective as low as the splines did, or
        else the one that makes it lowest, where a spline that is left counts a digit. Where the
        objective is clearly larger even so, the edges are tried one by one, and splines stay where
        functions would make it so.
        """
        rows = self._rows()
        known = {
            place: match(*self.network.curve(place, self._points))
            for place in self.network.places
            if place not in self.network.names
        }
        found: list[tuple[float, int, SymbolicKAN]] = []
        own, tried = _size(rows(self.network)), []
        for share in LADDER:
            network = self.network
            for place, matches in known.items():
                fitting = [one for one in matches if 1 - one.r2 <= share**2]
                if fitting:
                    network = network.fixed(place, min(fitting, key=_cost))
            if network.names in tried:
                continue
            tried.append(network.names)
            network = network.retrained(rows, steps)
            size, splines = _size(rows(network)), len(network.places) - len(network.names)
            found.append((math.log10(max(size, 1e-300)) + splines, len(found), network))
            if size <= ENOUGH * own:
                break
        best = min(found)[2]
        if _size(rows(best)) > ENOUGH * own:
            best = self._one_by_one(known, rows, ENOUGH * own)
        return Symbolic(self.solution, best.trimmed(self._points))

    def _one_by_one(
        self,
        known: Mapping[Place, Sequence[Match]],
        rows: Callable[[SymbolicKAN], Tensor],
        most: float,
    ) -> SymbolicKAN:
        """Edges in the order of how well a function fits; what makes the objective's root larger
        than `most` stays a spline.
        """
        network = self.network
        fitting = {
            place: matches[0]
            for place, matches in known.items()
            if matches and 1 - matches[0].r2 < LADDER[0] ** 2
        }
        for place in sorted(fitting, key=lambda one: 1 - fitting[one].r2):
            tried = network.fixed(place, fitting[place]).retrained(rows, FEW)
            network = tried if _size(rows(tried)) <= most else network
        return network

    def retrained(self, steps: int = 100) -> Symbolic:
        """With affine parameters trained by Levenberg-Marquardt on the residual rows of the run."""
        return Symbolic(
            self.solution, self.network.retrained(self._rows(), steps).trimmed(self._points)
        )

    def _rows(self) -> Callable[[SymbolicKAN], Tensor]:
        """The residual rows (R,) of the run for a network; values of the field less those of the
        run where an energy has no rows or a function of the library not the derivatives that the
        equations need.
        """
        trial, assembly = self._trial, build(self.solution.config).assembly.residual
        with torch.no_grad():
            wanted = trial.network(self._points)

        def values(network: SymbolicKAN) -> Tensor:
            with torch.no_grad():
                found: Tensor = network(self._points) - wanted
            return found.reshape(-1)

        if assembly is None or "j0" in self.network.names.values():
            return values
        own = Assembly(assembly.terms, _with(trial, self.network))
        return lambda network: own.weighted(_with(trial, network)).detach()

    def formula(self) -> Written:
        """The formulas of the unknowns with simple constants where these fit as well."""
        trial, problem = self._trial, self.solution.problem
        inputs = [sympy.Symbol(name, real=True) for name in problem.coordinates]
        scaled = [
            one if (shift, scale) == (0.0, 1.0) else scale * one - scale * shift
            for one, shift, scale in zip(
                inputs, trial.shift.tolist(), trial.scale.tolist(), strict=True
            )
        ]
        x, field, y, least = self._values()
        found, misfits = {}, {}
        for o, expression in enumerate(self.network.expressions(scaled)):
            name = problem.outputs[o]
            found[name], misfits[name] = expression, float("nan")
            if not expression.atoms(sympy.core.function.AppliedUndef) and trial.lifting is None:
                found[name] = simplest(expression, inputs, x, y[:, o], least)[0]
                size = max(float(np.sqrt(np.mean(field[:, o] ** 2))), 1e-300)
                misfits[name] = misfit(found[name], inputs, x, field[:, o]) / size
        return Written(found, misfits)

    def labels(self) -> dict[Place, str]:
        """The names of the functions by (layer, input, output) from 0, for a diagram."""
        return dict(self.network.names)

    def as_dict(self, written: Written) -> dict[str, Any]:
        """Plain data for JSON."""
        edges = [
            {
                "layer": k + 1,
                "input": i + 1,
                "output": o + 1,
                "function": name,
                **dict(zip("abcd", numbers, strict=True)),
            }
            for ((k, i, o), name), numbers in zip(
                self.network.names.items(), self.network.affine.detach().tolist(), strict=True
            )
        ]
        return {
            "problem": self.solution.problem.name,
            "formulas": {name: str(one) for name, one in written.expressions.items()},
            "trees": {
                name: plain(one)
                for name, one in written.expressions.items()
                if not np.isnan(written.misfit[name])
            },
            "misfit": {
                name: None if np.isnan(one) else one for name, one in written.misfit.items()
            },
            "edges": edges,
            "splines": [
                [k + 1, i + 1, o + 1]
                for k, i, o in self.network.places
                if (k, i, o) not in self.network.names
            ],
        }

    def _values(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
        """Points x (N, d), the field there or the measured values of a fit (N, m), what constants
        must keep, and up to which share of it: the measured values, or else those of the network,
        which was trained on the rows of the run.
        """
        terms = list(getattr(build(self.solution.config).assembly, "terms", ()))
        outputs = len(self.solution.problem.outputs)
        if (
            self.solution.config.problem.fit is not None
            and len(terms) == outputs == 1
            and terms[0].columns is not None
        ):
            measured = terms[0].columns.double().numpy()
            return terms[0].x.double().numpy(), measured, measured, ROUNDING
        assert self.solution.points is not None
        x = thinned(self.solution.points.interior.x)
        with torch.no_grad():
            own = self.network(self._trial.scaled(x)).double().numpy()
        points = x.double().numpy()
        return points, np.asarray(self.solution(points, outside="allow")), own, TRAINED

    def _place(self, layer: int, i: int, o: int) -> Place:
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


def _with(trial: TrialSolution, network: SymbolicKAN) -> TrialSolution:
    """The trial solution with another network, its derivatives by autograd."""
    lower, upper = trial.shift - 1 / trial.scale, trial.shift + 1 / trial.scale
    return TrialSolution(network, lower, upper, trial.lifting, "autograd", trial.constants)


def _cost(found: Match) -> tuple[float, float]:
    """Simple functions of few parameters first, equally simple ones by their misfit."""
    return found.function.complexity + len(found.function.free) / 2, found.rmse


def _size(rows: Tensor) -> float:
    """The root of the objective; not finite numbers are infinite."""
    size = float(rows.square().sum().sqrt())
    return size if np.isfinite(size) else float("inf")
