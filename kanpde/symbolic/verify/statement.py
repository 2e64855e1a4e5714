"""The equations and conditions of a problem with π and the parameters kept as symbols.

The parser folds 1 - 17 π² into one float, and nothing exact can be said about a float. Here the
same texts are read once more with π and every parameter declared as unknown constants, which stay
in the tree; sympy then has their exact values.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import sympy

from kanpde.config import ProblemConfig
from kanpde.config.frozen_map import FrozenMap
from kanpde.config.problem.unknowns import UnknownParameter
from kanpde.errors import ConfigError
from kanpde.expressions import Node, parse_expression
from kanpde.problem.condition_reader import natural_conditions, read_conditions
from kanpde.problem.conditions import Condition
from kanpde.problem.formulas import Formulas
from kanpde.problem.problem import Problem
from kanpde.symbolic.search.numbers import exact
from kanpde.symbolic.verify.translate import translate

PI = "circle_ratio"
_WORD = re.compile(r"\bpi\b")


@dataclass(frozen=True)
class Statement:
    """Equations and conditions; `constants` are the values (sympy) of their constants, `numbers`
    those of the problem's parameters and of its definitions that hold no coordinate.
    """

    equations: tuple[Node, ...]
    conditions: tuple[Condition, ...]
    constants: Mapping[int, Any]
    numbers: tuple[Any, ...]

    @classmethod
    def of(cls, problem: Problem, estimates: Mapping[str, float]) -> Statement:
        """Of a problem, with the values of its unknown parameters; where it cannot be read so (a
        manufactured source), as it is.
        """
        own = {name: _unknown(estimates[name]) for name in problem.constants}
        given = {name: exact(float(value)) for name, value in problem.config.parameters.items()}
        everything = {**own, **given, PI: sympy.pi}
        values = dict(enumerate(everything.values()))
        try:
            config = _symbolic(problem.config, tuple(everything))
            formulas = Formulas.of_one(config)
            conditions = read_conditions(
                config.conditions, problem.domain, formulas.scope, formulas.equations
            )
        except ConfigError:
            return cls(
                problem.equations,
                problem.conditions,
                dict(enumerate(own.values())),
                tuple(given.values()),
            )
        if formulas.energy is not None:
            conditions = (
                *conditions,
                *natural_conditions(formulas.energy, conditions, problem.domain),
            )
        found = [one for one in given.values() if one not in (0, 1)]
        found += [f(one) for one in given.values() if one != 0 for f in (sympy.cos, sympy.sin)]
        for name, text in config.definitions.items():
            try:
                value = translate(
                    parse_expression(text, replace(formulas.scope, unknowns=(), where=name)),
                    (),
                    (),
                    (),
                    (),
                    values,
                )
            except (ConfigError, IndexError, KeyError):
                continue  # holds coordinates or unknowns
            found += [value, 2 * value, value / sympy.pi]
        numbers = [one for one in found if not one.free_symbols and one.is_real and one.is_finite]
        return cls(formulas.equations, conditions, values, tuple(dict.fromkeys(numbers)))


def _unknown(value: float) -> Any:
    return sympy.Float(value, 17)


def _symbolic(config: ProblemConfig, names: tuple[str, ...]) -> ProblemConfig:
    """The config with π and the parameters as unknown constants, and without what only reports
    need.
    """
    return replace(
        config,
        equations=tuple(map(_spelled, config.equations)),
        definitions=FrozenMap({name: _spelled(text) for name, text in config.definitions.items()}),
        conditions=tuple(
            c if c.equation is None else replace(c, equation=_spelled(c.equation))
            for c in config.conditions
        ),
        energy=None if config.energy is None else _spelled(config.energy),
        boundary_energy=tuple(
            replace(entry, energy=_spelled(entry.energy)) for entry in config.boundary_energy
        ),
        exact=None,
        quantities=FrozenMap({}),
        vectors=FrozenMap({}),
        parameters=FrozenMap({}),
        unknown_parameters=FrozenMap({name: UnknownParameter() for name in names}),
    )


def _spelled(text: str) -> str:
    return _WORD.sub(PI, text)
