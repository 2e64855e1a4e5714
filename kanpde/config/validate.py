"""From the tree of a file to a checked `Config`.

explicit keys  >  problem.recommended  >  defaults by the number of coordinates
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from kanpde.config.compatibility import check, check_problem
from kanpde.config.config import Config
from kanpde.config.frozen_map import FrozenMap
from kanpde.config.problem.complex_unknowns import in_real_parts
from kanpde.config.problem.delays import with_delays_as_unknowns
from kanpde.config.problem.fits import read_fit, states_fit
from kanpde.config.problem.inequalities import with_least_and_largest
from kanpde.config.problem.integrals import with_integrals_as_numbers
from kanpde.config.problem.kernels import with_kernels_as_products
from kanpde.config.problem.moving_ends import with_fixed_ends
from kanpde.config.problem.numbers import require_free, without_numbers
from kanpde.config.problem.point_sources import without_point_sources
from kanpde.config.problem.region_equations import in_all_regions
from kanpde.config.problem.statement import PROBLEM_KEYS, ProblemConfig, read_statement
from kanpde.config.problem.units import read_units, whole_unknowns
from kanpde.config.problem.vector_unknowns import in_components
from kanpde.config.reader import Reader
from kanpde.config.solve.defaults import BY_GRADIENTS, WEIGHTS, schedule_defaults
from kanpde.config.solve.points import require_network
from kanpde.config.solve.settings import (
    CompareConfig,
    OutputConfig,
    SamplerConfig,
    WeightsConfig,
    read_compare,
    read_output,
    read_sampler,
    read_weights,
    sampler_fields,
    weights_fields,
)
from kanpde.config.solve.slabs import read_slabs
from kanpde.config.solve.stages import (
    StageConfig,
    by_gradients,
    read_schedule,
)
from kanpde.config.solve.starts import read_starts
from kanpde.config.solve.trial import TrialConfig, given_kind, read_trial, trial_fields
from kanpde.names import is_identifier

_SETTLED = frozenset(("trial", "schedule", "sampler", "slabs"))
"""With one of these keys given or recommended the resolution is not the program's choice."""

MakeProblem = Callable[[str, Mapping[str, float]], Mapping[str, Any]]
"""(name, parameters) → problem node: what runs `problem(**parameters)` of problems/NAME.py."""


DTYPES = ("float64", "float32")


_KEYS = (
    *("problem", "trial", "schedule", "sampler", "weights", "slabs"),
    *("start", "continuation", "solutions"),
    *("tolerance", "seconds", "output", "compare", "dtype", "seed"),
)


def validate(
    tree: Mapping[str, Any],
    *,
    source: str,
    base: Path = Path(),
    trusted: bool = False,
    make_problem: MakeProblem | None = None,
    shipped: Path | None = None,
) -> Config:
    """The checked config of `tree`; `ConfigError` names `source`, the key path, the rule and what
    was found.

    Null means not given. `problem.python` is refused unless `trusted`, and is then handed to
    `make_problem`. Files that it names are looked for in `base`, then in the folder `shipped`.
    """
    hints = dict.fromkeys(PROBLEM_KEYS, "it belongs under 'problem'")
    root = Reader(tree, source, folders=(base,) if shipped is None else (base, shipped))
    fields = root.fields(_KEYS, ("problem",), hints)
    problem = _problem(fields["problem"], trusted, make_problem)
    recommended = _recommended(problem, fields["problem"])
    trial, schedule, sampler, weights = _discretisation(root, fields, recommended, problem)
    config = Config(
        problem=problem,
        trial=trial,
        schedule=schedule,
        sampler=sampler,
        weights=weights,
        slabs=read_slabs(fields.get("slabs", recommended.get("slabs")), problem),
        starts=read_starts(fields, problem),
        **_read_rest(root, fields, problem),
        chooses=problem.fit is None and not _SETTLED & {*fields, *recommended},
        base=base,
    )
    # A message names the file's own key where there is one, else the recommended one.
    advised = {key: recommended[key] for key in ("schedule", "slabs") if key in recommended}
    check(config, root, {key: node for key, node in advised.items() if key not in fields})
    require_network(sampler.points, {*fields, *recommended}, root)
    return config


def _read_rest(
    root: Reader, fields: Mapping[str, Reader], problem: ProblemConfig
) -> dict[str, Any]:
    """The values of the keys that no problem recommends; a key that is left out has its default."""
    dimension = len(problem.coordinates)
    output = fields.get("output", root.child("output", {}))
    compare = fields.get("compare", root.child("compare", {}))
    values: dict[str, Any] = {
        "output": read_output(output, problem.time, dimension),
        "compare": read_compare(compare, dimension),
    }
    if "tolerance" in fields:
        values["tolerance"] = fields["tolerance"].number(most=1.0, above=0.0)
    if "seconds" in fields:
        values["seconds"] = fields["seconds"].number(most=1e9, above=0.0)
    if "dtype" in fields:
        values["dtype"] = fields["dtype"].choice(DTYPES)
    if "seed" in fields:
        values["seed"] = fields["seed"].integer(0, 2**63 - 1)
    return values


def validate_problem(
    tree: Mapping[str, Any],
    source: str,
    trusted: bool = False,
    make_problem: MakeProblem | None = None,
    base: Path = Path(),
) -> ProblemConfig:
    """The checked problem of a file that holds exactly the `problem` node."""
    return _problem(Reader(tree, source, folders=(base,)), trusted, make_problem)


def _problem(node: Reader, trusted: bool, make_problem: MakeProblem | None) -> ProblemConfig:
    python = None
    if isinstance(node.value, Mapping) and node.value.get("python") is not None:
        python, node = _made(node, trusted, make_problem)
    node = with_fixed_ends(node)
    declared = whole_unknowns(node.value)
    node, numbers = without_numbers(with_least_and_largest(node))
    node = with_kernels_as_products(
        in_real_parts(in_all_regions(without_point_sources(in_components(node))))
    )
    node = with_integrals_as_numbers(with_delays_as_unknowns(node))
    check_problem(node)
    problem = read_fit(node) if states_fit(node.value) else read_statement(node)
    if numbers:
        taken = {*problem.unknowns, *problem.coordinates, *problem.parameters}
        taken |= {*problem.definitions, *problem.unknown_parameters}
        require_free(numbers, taken | {*problem.quantities, *problem.vectors}, node)
        problem = replace(problem, numbers=FrozenMap(numbers))
    if python is not None:
        problem = replace(problem, python=python)
    if "units" in (given := node.entries()):
        problem = replace(problem, units=read_units(given["units"], _with_units(problem), declared))
    _check_recommended(problem, node)
    return problem


def _with_units(problem: ProblemConfig) -> tuple[str, ...]:
    """The names that a unit may be stated for."""
    names = [*problem.coordinates, *problem.unknowns, *problem.quantities, *problem.vectors]
    names += [*problem.numbers, *problem.unknown_parameters]
    names += [*problem.parameters, *problem.definitions]
    for regional in problem.regional.values():
        names += [*regional.parameters, *regional.definitions]
    return tuple(dict.fromkeys((*names, *problem.grids)))


def _check_recommended(problem: ProblemConfig, node: Reader) -> None:
    """What the author recommends is right by itself, whatever a file takes of it."""
    recommended = _recommended(problem, node)
    trial, schedule, sampler, weights = _discretisation(node, {}, recommended, problem)
    config = Config(
        problem=problem,
        trial=trial,
        schedule=schedule,
        sampler=sampler,
        weights=weights,
        slabs=read_slabs(recommended.get("slabs"), problem),
        output=OutputConfig(),
        compare=CompareConfig(),
    )
    check(config, node.child("recommended", problem.recommended))


def _made(node: Reader, trusted: bool, make_problem: MakeProblem | None) -> tuple[str, Reader]:
    entry = node.child("python", node.value["python"])
    if not trusted or make_problem is None:
        raise entry.error(
            "a data file cannot run Python; write the problem as formulas, or start it by name"
        )
    fields = node.fields(("python", "parameters", "name"))
    name = entry.text()
    if not is_identifier(name):
        raise entry.wrong("the name of a file in problems/, without .py")
    given = fields["parameters"].entries() if "parameters" in fields else {}
    parameters = {key: _argument(value) for key, value in given.items()}
    return name, Reader(make_problem(name, parameters), f"problems/{name}.py", folders=node.folders)


def _argument(node: Reader) -> float:
    return node.integer(-(2**53), 2**53) if isinstance(node.value, int) else node.number()


def _recommended(problem: ProblemConfig, node: Reader) -> dict[str, Reader]:
    place = node.child("recommended", problem.recommended)
    return {key: place.child(key, value) for key, value in problem.recommended.items()}


def _discretisation(
    root: Reader,
    given: Mapping[str, Reader],
    recommended: Mapping[str, Reader],
    problem: ProblemConfig,
) -> tuple[TrialConfig, tuple[StageConfig, ...], SamplerConfig, WeightsConfig]:
    """Trial, schedule, sampler and weights: given keys over recommended ones over defaults."""
    nodes = ("trial", "schedule", "sampler", "weights")
    place = {key: given.get(key, root.child(key, {})) for key in nodes}
    nothing = {key: node.child("", {}) for key, node in place.items()}
    stated = {key: given.get(key, nothing[key]) for key in nodes}
    advice = {key: recommended.get(key, nothing[key]) for key in nodes}
    dimension = len(problem.coordinates)

    explicit, advised = trial_fields(stated["trial"]), trial_fields(advice["trial"])
    kind = given_kind(explicit) or given_kind(advised) or "kan"
    # A recommended trial and schedule belong to the recommended kind.
    dropped = kind != (given_kind(advised) or "kan")
    trial = read_trial(explicit, {} if dropped else advised, kind, dimension, place["trial"])

    schedule = given.get("schedule")
    if schedule is None and not dropped:
        schedule = recommended.get("schedule")
    if schedule is None:
        schedule = root.child("schedule", schedule_defaults(kind))
    sampler = read_sampler(
        sampler_fields(stated["sampler"]),
        sampler_fields(advice["sampler"]),
        problem.coordinates,
        place["sampler"],
    )
    stages = read_schedule(schedule, trial)
    # a penalty beside an energy is as exact as it is large, however it is minimised
    walks = problem.energy is None and by_gradients(stages)
    weights = read_weights(
        weights_fields(stated["weights"]),
        weights_fields(advice["weights"]),
        dict.fromkeys(name for condition in problem.conditions for name in condition.names),
        BY_GRADIENTS if walks else WEIGHTS["conditions"],
    )
    return trial, stages, sampler, weights
