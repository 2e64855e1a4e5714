"""Which keys do not go together: every rule of that kind, in the order in which they are looked at.

`check_problem` looks at a problem node before it is read, since some keys decide how others are
read; `check` looks at a whole `Config`, however it was made; `check_comparison` at one that a KAN
and an MLP are to be compared on. A rule yields what it refuses, and the first refusal is raised.

Elsewhere stand the rules inside one node that its reader needs to go on, and those that take more
than keys to see: parsed formulas (`trial.lifting`) or geometry (`trial.multipoles`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from kanpde.config.config import Config, in_slabs
from kanpde.config.problem.conditions import BoundaryConfig, MeanConfig, PeriodicConfig
from kanpde.config.reader import Reader, listed
from kanpde.config.solve.compared import not_compared
from kanpde.config.solve.optimizers import MINIMISERS
from kanpde.config.solve.patches import unsuited_to_patches
from kanpde.config.solve.points import unsuited_to_points
from kanpde.config.solve.products import unsuited_to_products
from kanpde.config.solve.searched import not_searched
from kanpde.config.solve.slabs import Pace
from kanpde.config.solve.stages import OptimizerStage, StageConfig, adapts
from kanpde.config.solve.starts import unsuited_to_starts
from kanpde.names import MANUFACTURED

Path = tuple[str | int, ...]
Refusals = Iterator[tuple[Path, str]]
"""The path of a key to change, and in one line why and how."""

NOWHERE = Reader(None, source="")
"""The root of a config that no file holds."""
NO_PLACES: Mapping[str, Reader] = {}


def check_problem(node: Reader) -> None:
    """Refuse keys of a problem node before any of them is read; ConfigError as in `check`."""
    if not isinstance(node.value, Mapping):
        return  # its reader says what it must be
    given = {key: value for key, value in node.value.items() if value is not None}
    _refuse(_PROBLEM_RULES, given, node, NO_PLACES)


def check(config: Config, root: Reader = NOWHERE, places: Mapping[str, Reader] = NO_PLACES) -> None:
    """Refuse keys of a config that do not go together.

    Args:
        config: every value by itself is right.
        root: where messages say that the config stands.
        places: where a top-level key stands if not below `root` (under `recommended`).

    Raises:
        ConfigError: the key to change, the rule and the remedy.
    """
    _refuse(_RULES, config, root, places)


def check_comparison(config: Config) -> None:
    """Refuse what a comparison of KAN and MLP does not go with; ConfigError as above."""
    _refuse((not_compared,), config, NOWHERE, NO_PLACES)


def _refuse(
    rules: Iterable[Callable[[Any], Refusals]],
    subject: Any,
    root: Reader,
    places: Mapping[str, Reader],
) -> None:
    for rule in rules:
        for path, reason in rule(subject):
            first, *rest = path
            place = places.get(str(first)) or root.child(first, None)
            for key in rest:
                place = place.child(key, None)
            raise place.error(reason)


# Keys of a problem
# --------------------------------------------------------------------------------------------------

Given = Mapping[str, Any]
"""Its entries that are not null."""
_PAIRS = {
    ("energy", "equations"): "a problem has either equations or an energy; remove one of them",
    ("energy", "time"): "an energy has no time; write equations",
    ("energy", "unknown_parameters"): "unknown parameters are found from equations; write these"
    " instead of an energy",
    ("energy", "parameter_ranges"): "an energy takes no parameter ranges; give the parameter a"
    " value, or write equations",
    ("exact", "reference"): "does not go with 'exact', which needs no reference; remove one of"
    " them",
}
"""A key, another one that does not go beside it, and what is said of the other."""


def _pairs_of_keys(given: Given) -> Refusals:
    for (key, other), reason in _PAIRS.items():
        if key in given and other in given:
            yield (other,), reason
    if "boundary_energy" in given and "energy" not in given:
        reason = "needs 'energy' beside it; write Neumann conditions otherwise"
        yield ("boundary_energy",), reason


def _values_beside_an_energy(given: Given) -> Refusals:
    """Measured values are met by residual rows beside equations."""
    for path, condition in _conditions(given) if "energy" in given else ():
        if condition.get("data") is not None or condition.get("values") is not None:
            yield path, "measured values do not go with an energy; write equations"


def _regions_of_a_problem(given: Given) -> Refusals:
    """One smooth function per region fits neither into a box of parameters nor round a period, and
    only between two of them is an interface.
    """
    if "domain" not in given:
        return
    if not _has_regions(given):
        reason = "lies between two regions, and this domain has none; use 'part', or give the"
        yield from _keys_of_conditions(given, ("interface",), f"{reason} domain `regions`")
        return
    if "fit" in given:
        yield ("domain",), "a fit takes one shape, not regions; fit each region by itself"
    for key in ("parameter_ranges", "reference", "energy"):
        if key in given:
            reason = "does not go with a domain of regions; remove it, or use one shape"
            yield (key,), reason
    reason = "does not go with a domain of regions; pin a value by a point, or use one shape"
    yield from _keys_of_conditions(given, ("periodic", "mean"), reason)


def _manufactured_sources(given: Given) -> Refusals:
    """A definition that is derived needs the exact solution, and equations of known numbers."""
    if "fit" in given:
        return  # its formulas are the exact solution
    name = repr(MANUFACTURED)
    for path in _manufactured_paths(given):
        if "exact" not in given:
            yield path, f"{name} needs an exact solution; give 'exact' or a formula"
        if "energy" in given:
            yield path, f"{name} is derived from equations, not from an energy; write the formula"
        if "unknown_parameters" in given:
            yield path, f"{name} does not go with unknown_parameters; write the formula"


def _formulas_beside_a_table(given: Given) -> Refusals:
    fit = given.get("fit")
    if not isinstance(fit, Mapping) or not {"data", "values"} & {*fit}:
        return
    for key in ("time", "parameters", "definitions"):
        if key in given:
            yield (key,), "does not go with the data of a fit, which holds no formula; remove it"


_PROBLEM_RULES = (
    _pairs_of_keys,
    _values_beside_an_energy,
    _regions_of_a_problem,
    _manufactured_sources,
    _formulas_beside_a_table,
)


def _has_regions(given: Given) -> bool:
    domain = given.get("domain")
    return isinstance(domain, Mapping) and "regions" in domain


def _conditions(given: Given) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Path and entries of each condition that is a mapping; others their reader refuses."""
    conditions = given.get("conditions")
    if isinstance(conditions, list | tuple):
        for number, condition in enumerate(conditions):
            if isinstance(condition, Mapping):
                yield ("conditions", number), condition


def _keys_of_conditions(given: Given, keys: tuple[str, ...], reason: str) -> Refusals:
    for path, condition in _conditions(given):
        for key in keys:
            if condition.get(key) is not None:
                yield (*path, key), reason


def _manufactured_paths(given: Given) -> Iterator[Path]:
    """Where definitions are derived, those that regions have of their own last."""
    definitions = given.get("definitions")
    if not isinstance(definitions, Mapping):
        return
    for name, value in definitions.items():
        if value == MANUFACTURED:
            yield "definitions", name
    for name, value in definitions.items():
        if isinstance(value, Mapping) and _has_regions(given):
            for region, formula in value.items():
                if formula == MANUFACTURED:
                    yield "definitions", name, region


# A whole config
# --------------------------------------------------------------------------------------------------


def _energy(config: Config) -> Refusals:
    """An energy has no residual rows, and the points of its quadrature stay."""
    if config.problem.energy is None:
        return
    if config.tolerance is not None:
        reason = "is measured by the residual that a solve minimises; an energy has none, remove it"
        yield ("tolerance",), reason
    remedy = f"use one of {listed(MINIMISERS)}"
    for path, stage in _optimizer_stages(config):
        if stage.traits.needs_rows:
            name = stage.optimizer
            yield path, f"{name} needs residual rows, and an energy has none; {remedy}"
    stay = "the quadrature points of an energy stay; remove points, weights and adapt_points"
    yield from _adaptive_schedules(config, stay)


def _table(config: Config) -> Refusals:
    """What needs more points than a table has, or does not go with a search."""
    if config.problem.fit is None or config.problem.fit.train is None:
        return
    if config.tolerance is not None:
        reason = "needs a formula or equations, which hold at any point"
        yield ("tolerance",), f"{reason}; remove it for a fit of data"
    stay = "the points of a fit of data are its rows; remove points, weights and adapt_points"
    yield from _adaptive_schedules(config, stay)
    if config.problem.fit.search is not None:
        yield from not_searched(config.trial, config.schedule)


def _tolerance(config: Config) -> Refusals:
    """A tolerance chooses the resolution of B-splines, or slabs, for which `_slabs` has rules."""
    path, trial = ("tolerance",), config.trial
    if config.tolerance is None:
        return
    if {*trial.bases} - {"bspline"} or trial.on == "nodes":
        remedy = "remove it, or trial.basis and trial.on"
        yield path, f"chooses the resolution of B-splines on edges; {remedy}"
    if in_slabs(config):
        return
    if trial.kind != "kan":
        yield path, "only the resolution of a kan is chosen; remove it or give trial.kind: kan"
    if config.seeks_constants or _has_measurements(config):
        yield path, "not with unknown_parameters or measured values; remove it and give a trial"


def _regions(config: Config) -> Refusals:
    """What one network per region, solved for together, cannot have."""
    trial, regions = config.trial, config.problem.regions
    if not regions:
        return
    unmet = config.tolerance is not None and not (trial.patches or config.chooses)
    searched = trial.directions in ("characteristic", "source")
    refused: tuple[tuple[Path, bool, str], ...] = (
        (("tolerance",), unmet, "remove it and give the resolution, or add trial.patches"),
        (("slabs",), config.slabs != 1, "use one slab"),
        (("trial", "lifting"), trial.lifting, "set it to false"),
        (("trial", "start"), trial.start == "stretched", "use ridge"),
        (("trial", "directions"), searched, "use even, or list them"),
        (("trial", "centers"), trial.centers == "source", "use none, or list them"),
    )
    for path, refuses, remedy in refused:
        if refuses:
            yield path, f"does not go with a domain of regions ({listed(regions)}); {remedy}"


def _time(config: Config) -> Refusals:
    """What needs a problem with time."""
    if config.problem.time is not None:
        return
    if config.slabs != 1:
        yield ("slabs",), "time slabs, but the problem has no time; remove it"
    if config.trial.start == "stretched":
        yield ("trial", "start"), "stretched needs a problem with time; use ridge"
    if config.output.series is not None:
        yield ("output", "series"), "a time series, but the problem has no time; remove it"
    for path, stage in _optimizer_stages(config):
        if stage.weights is not None and stage.weights.method == "causal":
            yield path, "causal weights need a problem with time; use attention or ntk"


def _slabs(config: Config) -> Refusals:
    if in_slabs(config):
        yield from _ways_of_slabs(config)
        yield from _problem_in_slabs(config)
        yield from _trial_in_slabs(config)


def _ways_of_slabs(config: Config) -> Refusals:
    """How slabs are chosen, and that they follow the solution by themselves."""
    if config.tolerance is not None and config.trial.start != "stretched":
        remedy = "remove it or give slabs: 1"
        yield ("tolerance",), f"slabs are chosen for trial.start: stretched only; {remedy}"
    chosen = isinstance(config.slabs, Pace) or config.tolerance is not None
    if chosen and not config.weights.scaled:
        reason = "slabs are chosen by an error, which only scaled weights measure; set it to true"
        yield ("weights", "scaled"), reason
    stay = (
        "points and weights do not adapt on time slabs, which follow the solution by themselves;"
        " remove points, weights and adapt_points, or give slabs: 1 and trial.start: ridge"
    )
    yield from _adaptive_schedules(config, stay)


def _problem_in_slabs(config: Config) -> Refusals:
    """What belongs to all times at once, or to their end."""
    problem = config.problem
    whole = (
        ("unknown_parameters", bool(problem.unknown_parameters)),
        ("parameter_ranges", bool(problem.ranges)),
        ("measured values", _has_measurements(config)),
    )
    for name, given in whole:
        if given:
            reason = f"not with {name}, which belong to all times at once; use slabs: 1"
            yield ("slabs",), reason
    for condition in problem.conditions:
        if isinstance(condition, MeanConfig) or "final" in condition.parts:
            name = "final" if isinstance(condition, BoundaryConfig) else condition.kind
            where = f"the condition '{name}' holds over the whole time interval or at its end"
            remedy = "use slabs: 1 and trial.start: ridge"
            yield ("slabs",), f"{where}, which a march from the start cannot meet; {remedy}"


def _trial_in_slabs(config: Config) -> Refusals:
    """What no march builds."""
    trial = config.trial
    if trial.lifting:
        yield ("trial", "lifting"), "not with time slabs; set it to false"
    if trial.periodic:
        reason = "not with time slabs, whose stretched start has periodic splines; set it to false"
        yield ("trial", "periodic"), reason
    if trial.functions:
        yield ("trial", "functions"), "do not go with slabs; remove one of the two keys"
    if trial.multipoles:
        yield ("trial", "multipoles"), "do not go with slabs; use 0"
    maps_a_line = len(trial.width) == 1 and len(config.problem.coordinates) == 2
    if trial.start == "stretched" and not (maps_a_line and trial.base == "none"):
        needs = (
            "stretched needs a kan with one hidden layer, base none, and one coordinate of space"
        )
        yield ("trial", "start"), f"{needs} beside the time; use ridge"


def _constructions(config: Config) -> Refusals:
    """What a trial solution meets by construction, the problem must ask for."""
    problem, trial = config.problem, config.trial
    if trial.periodic and not any(isinstance(c, PeriodicConfig) for c in problem.conditions):
        reason = f"problem '{problem.name}' has no periodic condition; set it to false"
        yield ("trial", "periodic"), reason
    if trial.multipoles and problem.time is not None:
        yield ("trial", "multipoles"), f"'{problem.name}' depends on time; use 0"
    if trial.multipoles and problem.regions:
        reason = f"'{problem.name}' has regions, and one may fill the hole of another; use 0"
        yield ("trial", "multipoles"), reason


def _kept_solves(config: Config) -> Refusals:
    """A solve that keeps what its rows do not determine takes rows without unknown constants."""
    what = "an energy" if config.problem.energy is not None else "unknown parameters"
    if config.problem.energy is None and not config.problem.unknown_parameters:
        return
    for path, stage in _optimizer_stages(config):
        if stage.keep:
            yield path, f"{stage.optimizer} with keep does not go with {what}; remove keep"


_RULES = (
    unsuited_to_patches,
    unsuited_to_products,
    unsuited_to_points,
    _energy,
    _table,
    _tolerance,
    _regions,
    _time,
    _slabs,
    _constructions,
    _kept_solves,
    unsuited_to_starts,
)


def _schedules(config: Config) -> Iterator[tuple[Path, Sequence[StageConfig]]]:
    """The stages of the solve, and those that an MLP is compared by."""
    yield ("schedule",), config.schedule
    if config.compare.mlp_schedule is not None:
        yield ("compare", "mlp_schedule"), config.compare.mlp_schedule


def _adaptive_schedules(config: Config, reason: str) -> Refusals:
    """Schedules by which points or weights follow the residual, refused for that `reason`."""
    return ((path, reason) for path, stages in _schedules(config) if adapts(stages))


def _optimizer_stages(config: Config) -> Iterator[tuple[Path, OptimizerStage]]:
    for path, stages in _schedules(config):
        for number, stage in enumerate(stages):
            if isinstance(stage, OptimizerStage):
                yield (*path, number), stage


def _has_measurements(config: Config) -> bool:
    return any(condition.data for condition in config.problem.conditions)
