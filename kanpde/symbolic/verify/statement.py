"""The equations and conditions of a problem with π and the parameters kept as symbols.

The parser folds 1 - 17 π² into one float, and nothing exact can be said about a float. Here the
same texts are read once more with π and every parameter declared as unknown constants, which stay
in the tree; sympy then has their exact values.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import sympy

from kanpde.config import ConditionConfig, ProblemConfig
from kanpde.config.frozen_map import FrozenMap
from kanpde.config.problem.unknowns import UnknownParameter
from kanpde.errors import ConfigError
from kanpde.expressions import Node, Scope, parse_expression
from kanpde.problem.condition_reader import natural_conditions, read_conditions
from kanpde.problem.conditions import Condition
from kanpde.problem.formulas import Formulas
from kanpde.problem.problem import Problem
from kanpde.symbolic.search.numbers import exact
from kanpde.symbolic.verify.translate import translate

PI = "circle_ratio"
"""The name of π as an unknown constant: `pi` itself is reserved in formulas."""

_WORD = re.compile(r"\bpi\b")


@dataclass(frozen=True)
class Statement:
    """A problem with its numbers as symbols.

    Attributes:
        equations: F = 0.
        conditions: on parts, at points, on average.
        constants: the values (sympy) of the constants in both, by number.
        numbers: the values (sympy) of parameters, and of definitions without coordinates.
    """

    equations: tuple[Node, ...]
    conditions: tuple[Condition, ...]
    constants: Mapping[int, Any]
    numbers: tuple[Any, ...]

    @classmethod
    def of(cls, problem: Problem, estimates: Mapping[str, float]) -> Statement:
        """Of a problem, with the estimates of its unknown parameters.

        Where it cannot be read with symbols (a manufactured source), it is taken as it is.
        """
        estimated = {name: _unknown(estimates[name]) for name in problem.constants}
        parameters = {
            name: exact(float(value)) for name, value in problem.config.parameters.items()
        }
        everything = {**estimated, **parameters, PI: sympy.pi}
        values = dict(enumerate(everything.values()))
        try:
            config = _symbolic(problem.config, tuple(everything))
            formulas = Formulas.of_one(config)
            conditions = read_conditions(
                config.conditions, problem.domain, formulas.scope, formulas.equations
            )
        except ConfigError:
            return cls(
                equations=problem.equations,
                conditions=problem.conditions,
                constants=dict(enumerate(estimated.values())),
                numbers=tuple(parameters.values()),
            )
        if formulas.energy is not None:
            conditions = (
                *conditions,
                *natural_conditions(formulas.energy, conditions, problem.domain),
            )
        candidates = [value for value in parameters.values() if value not in (0, 1)]
        for value in parameters.values():
            if value != 0:  # it may be an angle
                candidates += [sympy.cos(value), sympy.sin(value)]
        for value in _defined(config.definitions, formulas.scope, values):
            candidates += [value, 2 * value, value / sympy.pi]
        numbers = dict.fromkeys(value for value in candidates if _is_number(value))
        return cls(formulas.equations, conditions, values, tuple(numbers))


def _defined(
    definitions: Mapping[str, str], scope: Scope, constants: Mapping[int, Any]
) -> Iterator[Any]:
    """The values of those definitions that hold neither coordinates nor unknowns."""
    for name, text in definitions.items():
        bare = replace(scope, unknowns=(), where=name)
        try:
            yield translate(parse_expression(text, bare), (), (), constants=constants)
        except (ConfigError, IndexError, KeyError):
            continue


def _is_number(value: Any) -> bool:
    return bool(not value.free_symbols and value.is_real and value.is_finite)


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
        conditions=tuple(map(_spelled_condition, config.conditions)),
        energy=None if config.energy is None else _spelled(config.energy),
        boundary_energy=tuple(
            replace(entry, energy=_spelled(entry.energy)) for entry in config.boundary_energy
        ),
        exact=None,
        quantities=FrozenMap({}),
        numbers=FrozenMap({}),
        vectors=FrozenMap({}),
        parameters=FrozenMap({}),
        unknown_parameters=FrozenMap({name: UnknownParameter() for name in names}),
    )


def _spelled_condition(condition: ConditionConfig) -> ConditionConfig:
    if condition.equation is None:
        return condition
    return replace(condition, equation=_spelled(condition.equation))


def _spelled(text: str) -> str:
    return _WORD.sub(PI, text)
