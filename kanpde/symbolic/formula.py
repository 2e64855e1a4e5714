"""From a saved solution to a formula: discover, fit, name the constants, put it into the equations,
report the verdict.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import sympy

from kanpde.errors import ConfigError
from kanpde.numerics.quadrature import Array
from kanpde.numerics.torch_state import plain_torch
from kanpde.results.solution import Solution
from kanpde.symbolic.formula_search import FormulaSearch
from kanpde.symbolic.search.models import spent, values
from kanpde.symbolic.verify.statement import Statement
from kanpde.symbolic.verify.supports import places
from kanpde.symbolic.verify.translate import coordinates
from kanpde.symbolic.verify.verify import Check, Verdict, rank, weakest


@dataclass(frozen=True)
class Formula:
    """The formulas of a solution and their verdict; call it at points (N, d) to get values (N, m).

    Attributes:
        problem: its name.
        coordinates: their names, d of them.
        expressions: by unknown (sympy); empty where none was found.
        how: by unknown, the structure that was found.
        misfit: by unknown, to the field: relative root mean square.
        checks: the verdict on every equation and condition, or on the data of a regression.
        unchecked: what could not be checked, one line each.
        seconds: of the processor.
        constants: the parameters that an inverse problem estimates, as they were put in.
    """

    problem: str
    coordinates: tuple[str, ...]
    expressions: Mapping[str, Any]
    how: Mapping[str, str]
    misfit: Mapping[str, float]
    checks: tuple[Check, ...]
    unchecked: tuple[str, ...]
    seconds: float
    constants: Mapping[str, str] = field(default_factory=dict)

    @property
    def verdict(self) -> Verdict:
        """The weakest verdict of all checks."""
        return weakest(self.checks).verdict if self.checks else Verdict.NOTHING

    @property
    def sentence(self) -> str:
        """The verdict in words."""
        return weakest(self.checks).sentence if self.checks else Verdict.NOTHING.value

    @property
    def verified(self) -> bool:
        """Whether every check holds, exactly or numerically."""
        return self.verdict in (Verdict.EXACT, Verdict.NUMERIC)

    @property
    def holds(self) -> bool:
        """Whether it is verified or, for a regression, fits the data: exit code 0."""
        return self.verified or self.verdict is Verdict.FITS

    @property
    def text(self) -> dict[str, str]:
        """The formulas as text, by unknown."""
        return {name: str(expression) for name, expression in self.expressions.items()}

    def __call__(self, points: Array) -> Array:
        """The values (N, m) at points (N, d); ConfigError where no formula was found or for points
        of another shape.
        """
        if not self.expressions:
            raise ConfigError(
                f"formula of '{self.problem}': none was found; use the solution itself"
            )
        if points.ndim != 2 or points.shape[1] != len(self.coordinates):
            raise ConfigError(
                f"formula of '{self.problem}': needs points of shape (N, {len(self.coordinates)}),"
                f" found {points.shape}"
            )
        at = dict(zip(coordinates(self.coordinates), np.asarray(points, float).T, strict=True))
        columns = [np.asarray(values(e, at), float) for e in self.expressions.values()]
        return np.stack([np.broadcast_to(column, len(points)) for column in columns], 1)

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "problem": self.problem,
            "verdict": self.verdict.value,
            "sentence": self.sentence,
            "formulas": self.text,
            "latex": {name: sympy.latex(e) for name, e in self.expressions.items()},
            "how": dict(self.how),
            "misfit": dict(self.misfit),
            "constants": dict(self.constants),
            "checks": [
                {"what": c.what, "verdict": c.verdict.value, "residual": c.residual}
                for c in self.checks
            ],
            "unchecked": list(self.unchecked),
            "seconds": self.seconds,
        }


@plain_torch()
def formula(
    solution: Solution, seconds: float = 120.0, edges: Mapping[str, Any] | None = None
) -> Formula:
    """The formula of a solution, with its verdict.

    The search sees values of the trial solution and the problem's equations, conditions and
    parameters, never `exact`.

    Args:
        solution: a solved problem.
        seconds: of the processor, for the search; verifying comes on top.
        edges: formulas by unknown that the edges of a simplified network make
            (`json_expressions.read`), candidates like others.

    Raises:
        ConfigError: the problem has several regions.
    """
    began = spent()
    problem = solution.problem
    if problem.regions:
        raise ConfigError(
            f"formula of '{problem.name}': has the regions {', '.join(problem.regions)}; one"
            f" formula per region is not sought"
        )
    estimates = {name: estimate.value for name, estimate in solution.parameters.items()}
    statement = Statement.of(problem, estimates)
    where, unchecked = places(problem, statement) if problem.config.fit is None else ([], [])
    search = FormulaSearch.of(solution, where, statement, began + seconds)
    search = replace(search, edges=edges)
    return replace(_searched(search, unchecked), seconds=spent() - began)


def _searched(search: FormulaSearch, unchecked: Sequence[str]) -> Formula:
    """The formula that a search gives; without expressions where an unknown has none."""
    problem = search.solution.problem
    nothing = Formula(
        problem=problem.name,
        coordinates=problem.coordinates,
        expressions={},
        how={},
        misfit={},
        checks=(),
        unchecked=tuple(unchecked),
        seconds=0.0,
    )
    by_unknown = {name: search.unknown(k) for k, name in enumerate(problem.unknowns)}
    fits = {name: best for name, best in by_unknown.items() if best is not None}
    if len(fits) < len(by_unknown):
        missing = [f"{name}: no structure found" for name in by_unknown if name not in fits]
        return replace(nothing, unchecked=(*unchecked, *missing))
    models = [best.fit.model for best in fits.values()]
    verified = search.verified(models)
    # Parameters of an inverse problem are tried as numbers with names too.
    sharper = search.estimated()
    if sharper.constants != search.constants:
        again = sharper.verified(models)
        if rank(again.checks) > rank(verified.checks):
            search, verified = sharper, again
    expressions = dict(zip(problem.unknowns, verified.expressions, strict=True))
    return replace(
        nothing,
        expressions=expressions,
        how={name: best.how for name, best in fits.items()},
        misfit={name: search.misfit(k, e) for k, (name, e) in enumerate(expressions.items())},
        checks=verified.checks,
        constants={name: str(search.constants[k]) for k, name in enumerate(problem.constants)},
    )


def rows(formula: Formula) -> list[tuple[str, str]]:
    """The formula, how it was found and the verdict of every check, for a table of two columns."""
    table = list(formula.text.items())
    for name, how in formula.how.items():
        table.append((f"{name} found as", f"{how}, {formula.misfit[name]:.1e} from the field"))
    table += formula.constants.items()
    table += [(check.what, check.sentence) for check in formula.checks]
    table += [("not checked", text) for text in formula.unchecked]
    return [*table, ("processor seconds", f"{formula.seconds:.1f}")]
