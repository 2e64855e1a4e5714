"""The `problem` node: a boundary value problem as data.

On a domain Ω with boundary parts Γ_i: equations F(x, u, ∂u, ...) = 0 in Ω, conditions on Γ_i.
Formulas stay text here; what they mean is checked by the parser of formulas. Where a file says
`manufactured` for a definition, the formula is derived from `exact`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import Any

from kanpde.config.frozen_map import FrozenMap, freeze, thaw
from kanpde.config.problem.condition_reader import (
    Surroundings,
    check_parts,
    is_whole,
    means_first,
    read_conditions,
    said_by_a_mean,
)
from kanpde.config.problem.conditions import ConditionConfig
from kanpde.config.problem.delays import Delay, delays_tree, read_delays
from kanpde.config.problem.eigen import LAMBDA, EigenConfig, read_beside
from kanpde.config.problem.energies import (
    BoundaryEnergy,
    energies_tree,
    natural_parts,
    read_boundary_energies,
    states_energy,
)
from kanpde.config.problem.equations import equations_tree, read_equations
from kanpde.config.problem.gridded_fields import Grid, split_grids
from kanpde.config.problem.inequalities import FORM
from kanpde.config.problem.intervals import ENDS_OF_TIME, TimeConfig, TimeShape
from kanpde.config.problem.meshes import MeshShape, group_name
from kanpde.config.problem.metrics import read_metric
from kanpde.config.problem.nodal_fields import Nodal
from kanpde.config.problem.parameters import derived
from kanpde.config.problem.quantities import read_quantities, read_vectors
from kanpde.config.problem.regions import (
    JUMP,
    Regional,
    by_region,
    read_place,
    read_regional,
    region_names,
    regional_tree,
    shape_of,
    split,
)
from kanpde.config.problem.shapes import (
    Shape,
    coordinates,
    part_names,
    shape_tree,
)
from kanpde.config.problem.tables import STATED, Fit
from kanpde.config.problem.taken_names import Names
from kanpde.config.problem.unknowns import UnknownParameter, read_ranges, read_unknown_parameters
from kanpde.config.reader import Reader
from kanpde.names import is_identifier

MOST_UNKNOWNS = 20
RECOMMENDED = ("trial", "schedule", "sampler", "weights", "slabs")
PROBLEM_KEYS = (
    "name", "description", "unknowns", "domain", "parts", "time",
    "parameters", "unknown_parameters", "parameter_ranges", "definitions",
    "equations", "energy", "boundary_energy", "conditions",
    "free", "metric", "exact", "reference", "quantities", "vectors", "recommended", "python", "fit",
    "eigen", "units", "history", "delays",
)  # fmt: skip
_NEEDED = ("unknowns", "domain", "equations", "conditions")
_BESIDE = f"write it beside an equation: {FORM}"
_BESIDE_PROBLEM = ("tolerance", "seconds", "output", "compare", "dtype", "seed")
_HINTS = {
    "equation": "did you mean 'equations'?",
    "boundary": "did you mean 'conditions'?",
    **dict.fromkeys(("inequalities", "inequality", "obstacle"), _BESIDE),
    "solution": "did you mean 'exact'?",
    **dict.fromkeys(RECOMMENDED, "it belongs beside 'problem', or under 'recommended'"),
    **dict.fromkeys(_BESIDE_PROBLEM, "it belongs beside 'problem'"),
}
_KINDS = {
    "parameters": "a parameter",
    "definitions": "a definition",
    "unknown_parameters": "an unknown parameter",
    "parameter_ranges": "a parameter with a range",
}
ENDINGS = ("_exact", "_error")
"""Of fields that are written beside unknowns."""
DERIVED = ("gradient", "reference", "kan", "mlp")
"""What is written of an unknown u as u_gradient and so on, if it is asked for."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}", re.ASCII)


@dataclass(frozen=True)
class ProblemConfig:
    """Unknowns on a domain, equations inside, conditions on parts, and what the author recommends.

    `quantities` and `vectors` are formulas of the unknowns that are written beside them, `numbers`
    those quantities that are integrals, means or values at points. `exact`
    serves errors and `manufactured` definitions only; `reference` names computed values that serve
    errors where no `exact` exists. `names` and `weights` are those of the equations; one with a
    weight other than 1 is a wish (as a smoothness is) and need not hold for `exact`. With an
    `energy` there are no equations. `regional` is what stands by region: those parameters,
    definitions and exact solutions are not among the others; `grids` are definitions by values of a
    file; `chosen` are boundary parts by a comparison. Parameters that are formulas of others are
    among the definitions. `python` is the name of the file that made the problem. A `fit` states
    equations and `exact`, or has a table in their place (see `fits`). With `eigen` the equations hold
    an eigenvalue. `units` are for labels alone. `delays` are unknowns that stand for others at
    earlier places.
    """

    name: str
    unknowns: tuple[str, ...]
    domain: Shape
    equations: tuple[str, ...]
    conditions: tuple[ConditionConfig, ...]
    description: str = ""
    time: TimeConfig | None = None
    parameters: Mapping[str, float] = field(default_factory=FrozenMap)
    definitions: Mapping[str, str] = field(default_factory=FrozenMap)
    free: tuple[str, ...] = ()
    exact: Mapping[str, str] | None = None
    reference: str | None = None
    quantities: Mapping[str, str] = field(default_factory=FrozenMap)
    vectors: Mapping[str, tuple[str, ...]] = field(default_factory=FrozenMap)
    numbers: Mapping[str, str] = field(default_factory=FrozenMap)
    names: tuple[str, ...] = ()
    weights: tuple[float, ...] = ()
    unknown_parameters: Mapping[str, UnknownParameter] = field(default_factory=FrozenMap)
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=FrozenMap)
    energy: str | None = None
    boundary_energy: tuple[BoundaryEnergy, ...] = ()
    recommended: Mapping[str, Any] = field(default_factory=FrozenMap)
    regional: Mapping[str, Regional] = field(default_factory=FrozenMap)
    grids: Mapping[str, Grid | Nodal] = field(default_factory=FrozenMap)
    fit: Fit | None = None
    chosen: Mapping[str, str] = field(default_factory=FrozenMap)
    python: str | None = field(default=None, compare=False)
    eigen: EigenConfig | None = None
    metric: tuple[str, ...] = ()
    units: Mapping[str, str] = field(default_factory=FrozenMap)
    delays: Mapping[str, Delay] = field(default_factory=FrozenMap)

    @property
    def coordinates(self) -> tuple[str, ...]:
        """Names of the d coordinates, time last."""
        return coordinates(self.domain, self.time, tuple(self.ranges))

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the boundary parts."""
        time = ENDS_OF_TIME if self.time is not None else ()
        return (*part_names(self.domain), *self.chosen, *time)

    @property
    def regions(self) -> tuple[str, ...]:
        """Names of the R regions of the domain, none where it is one shape."""
        return region_names(self.domain)

    @property
    def outputs(self) -> int:
        """Number of functions of a trial solution: one per unknown and region."""
        return len(self.unknowns) * max(1, len(self.regions))

    @property
    def determining(self) -> tuple[ConditionConfig, ...]:
        """The conditions on means that say what unknown parameters are: those that hold one, then
        others.
        """
        return means_first(self.unknown_parameters, self.conditions)

    def in_region(self, name: str) -> ProblemConfig:
        """The problem as one region sees it: its shape and values, without conditions."""
        regional = self.regional.get(name, Regional())
        exact = None if self.exact is None else FrozenMap({**self.exact, **regional.exact})
        values = (
            FrozenMap({**self.parameters, **regional.parameters}),
            FrozenMap({**self.definitions, **regional.definitions}),
        )
        seen = replace(
            self, domain=shape_of(self.domain, name), parameters=values[0], definitions=values[1]
        )
        return replace(seen, exact=exact, conditions=(), regional=FrozenMap())


def read_statement(node: Reader) -> ProblemConfig:
    """The problem of a node without `python` whose keys go together (`compatibility`);
    `recommended` is read as plain data.
    """
    minimised = states_energy(node)
    fields = _fields(node, minimised)
    eigen = read_beside(fields)
    shape, time = read_place(fields)
    place = fields["domain"] if "domain" in fields else fields["time"]
    regions = region_names(shape)
    # Names are taken in the order of the keys, so that a message names the later one.
    names = Names(coordinates(shape, time))
    if eigen is not None:
        names.take(LAMBDA, "the eigenvalue", fields["eigen"])
    for name in regions:
        names.take(name, "a region", place)
    if regions:
        names.take(JUMP, "the jump at an interface", place)
    ranges = read_ranges(_entries(fields, "parameter_ranges", names))
    unknowns = _unknowns(fields["unknowns"], names)
    parameters, formulas = derived(_entries(fields, "parameters", names))
    constants = read_unknown_parameters(_entries(fields, "unknown_parameters", names))
    definitions = formulas | _entries(fields, "definitions", names)
    chosen = _chosen(fields["parts"], shape) if "parts" in fields else FrozenMap()
    parts = (*shape.parts, *chosen, *part_names(shape, time)[len(shape.parts) :])
    around = Surroundings(
        parts=parts,
        coordinates=coordinates(shape, time, tuple(ranges)),
        names=names.taken,
        owners=by_region(shape, time),
    )
    space = coordinates(shape)
    definitions, grids = split_grids(definitions, space, around.coordinates[len(space) :])
    conditions = read_conditions(fields["conditions"], around)
    free = tuple(fields["free"].items_or_one("a list of part names")) if "free" in fields else ()
    if "free" in fields and is_whole(fields["free"], around.parts):
        free = tuple(fields["free"].child(part, part) for part in around.sides)
    boundary = read_boundary_energies(fields.get("boundary_energy"), around.sides)
    given = (*free, *natural_parts(boundary, fields.get("boundary_energy")))
    check_parts(fields["conditions"], conditions, given, shape=shape, time=time, chosen=chosen)
    wanted = (*unknowns, *constants)
    needed = [name for name in wanted if not said_by_a_mean(name, conditions)]
    solved = fields["exact"].fields(wanted, needed) if "exact" in fields else {}
    kept = [split(entries, regions) for entries in (parameters, definitions, solved)]
    (parameters, _), (definitions, _), (solved, _) = kept
    regional = read_regional(regions, *(by_name for _, by_name in kept))
    equations, titles, weights = ((), (), ()) if minimised else read_equations(fields["equations"])
    return ProblemConfig(
        name=_problem_name(fields, node),
        unknowns=unknowns,
        domain=shape,
        equations=equations,
        conditions=conditions,
        description=fields["description"].text() if "description" in fields else "",
        time=time,
        parameters=FrozenMap({name: entry.number() for name, entry in parameters.items()}),
        definitions=_formulas(definitions),
        free=tuple(map(group_name, free)),
        exact=_formulas(solved) if "exact" in fields else None,
        reference=_reference(fields["reference"]) if "reference" in fields else None,
        quantities=read_quantities(fields.get("quantities"), names.take, unknowns),
        vectors=read_vectors(fields.get("vectors"), names.take, unknowns),
        names=titles,
        weights=weights,
        unknown_parameters=constants,
        ranges=ranges,
        energy=fields["energy"].formula() if minimised else None,
        boundary_energy=boundary,
        recommended=_recommended(fields),
        regional=regional,
        grids=grids,
        chosen=chosen,
        eigen=eigen,
        delays=read_delays(fields.get("delays"), unknowns),
        metric=read_metric(fields["metric"], shape, space) if "metric" in fields else (),
    )


def _chosen(node: Reader, shape: Shape) -> FrozenMap[str]:
    """The parts of the boundary that comparisons choose, by name."""
    entries = node.entries()
    plane = shape.dimension == 2 and not region_names(shape)
    if entries and not plane and not isinstance(shape, MeshShape):
        raise node.error(
            "parts are chosen by a formula on shapes in the plane and on meshes; elsewhere give the"
            " shapes names"
        )
    for name, entry in entries.items():
        if name in shape.parts or name in ("initial", "final"):
            raise entry.error(f"the part {name!r} exists already; choose another name")
        if not is_identifier(name):
            raise entry.error(
                f"a name must begin with a letter and hold at most 40 letters, digits and _, found"
                f" {name[:60]!r}"
            )
    return _formulas(entries)


def _fields(node: Reader, minimised: bool) -> dict[str, Reader]:
    """The entries of a problem node, which has equations unless it is in energy form."""
    if isinstance(node.value, str) and is_identifier(node.value):
        raise node.error(
            f"must be a mapping, found {node.value!r}; for a shipped problem give"
            f" problem={node.value} on the command line instead of a file"
        )
    if isinstance(node.value, str):
        raise node.error(f"must be a mapping, found {node.value[:60]!r}")
    needed = [key for key in _NEEDED if key != "equations" or not minimised]
    if isinstance(node.value, Mapping) and node.value.get("time") is not None:
        needed.remove("domain")  # a problem of time alone
    return node.fields(PROBLEM_KEYS, needed, _HINTS)


def _formulas(entries: Mapping[str, Reader]) -> FrozenMap[str]:
    return FrozenMap({name: entry.formula() for name, entry in entries.items()})


def _unknowns(node: Reader, names: Names) -> tuple[str, ...]:
    items = node.items_or_one("a list of names", 1, MOST_UNKNOWNS)
    unknowns = tuple(item.text() for item in items)
    for name, item in zip(unknowns, items, strict=True):
        names.take(name, "an unknown", item)
        of_another = [f"{other}_{what}" for other in unknowns for what in DERIVED]
        if name.startswith("residual") or name.endswith(ENDINGS) or name in of_another:
            raise item.error(
                f"{name!r} would collide with a field of the output; choose another name"
            )
    return unknowns


def _entries(fields: Mapping[str, Reader], key: str, names: Names) -> dict[str, Reader]:
    entries = fields[key].entries() if key in fields else {}
    for name, entry in entries.items():
        names.take(name, _KINDS[key], entry)
    return entries


def _reference(node: Reader) -> str:
    if not is_identifier(name := node.text()):
        raise node.wrong("the name of a shipped reference (letters, digits and _; no path)")
    return name


def _problem_name(fields: Mapping[str, Reader], node: Reader) -> str:
    if "name" not in fields:
        stem = PurePath(node.source).stem
        return stem if _NAME.fullmatch(stem) else "problem"
    name = fields["name"].text()
    if not _NAME.fullmatch(name):
        raise fields["name"].wrong("at most 60 letters, digits and . _ - (it names folders)")
    return name


def _recommended(fields: Mapping[str, Reader]) -> FrozenMap[Any]:
    parts = fields["recommended"].fields(RECOMMENDED) if "recommended" in fields else {}
    return FrozenMap({key: freeze(_without_null(entry.value)) for key, entry in parts.items()})


def _without_null(tree: Any) -> Any:
    if isinstance(tree, Mapping):
        return {key: value for key, value in tree.items() if value is not None}
    return tree


def problem_tree(problem: ProblemConfig) -> dict[str, Any]:
    """Plain data that reads back to an equal `ProblemConfig`; keys that hold nothing are left
    out.
    """
    by_region = regional_tree(problem.regional)
    alone = isinstance(problem.domain, TimeShape)
    time = problem.domain if isinstance(problem.domain, TimeShape) else problem.time
    tree = {
        "name": problem.name,
        "description": problem.description,
        "unknowns": list(problem.unknowns),
        "domain": None if alone else shape_tree(problem.domain),
        "parts": thaw(problem.chosen),
        "time": time and {"interval": [time.lower, time.upper]},
        "parameters": thaw(problem.parameters) | by_region["parameters"],
        "unknown_parameters": {
            name: dict(vars(parameter)) for name, parameter in problem.unknown_parameters.items()
        },
        "parameter_ranges": {name: list(ends) for name, ends in problem.ranges.items()},
        "definitions": thaw(problem.definitions)
        | by_region["definitions"]
        | {name: grid.tree(problem.coordinates) for name, grid in problem.grids.items()},
        "equations": equations_tree(problem.equations, problem.names, problem.weights),
        "energy": problem.energy,
        "boundary_energy": energies_tree(problem.boundary_energy),
        "conditions": [condition.tree() for condition in problem.conditions],
        "free": list(problem.free),
        "metric": list(problem.metric),
        "units": thaw(problem.units),
        "delays": delays_tree(problem.delays),
        "exact": thaw(problem.exact or {}) | by_region["exact"],
        "reference": problem.reference,
        "quantities": thaw(problem.quantities) | thaw(problem.numbers),
        "vectors": thaw(problem.vectors),
        "recommended": thaw(problem.recommended),
        "eigen": problem.eigen and problem.eigen.tree(),
        "fit": problem.fit and problem.fit.tree(problem.unknowns, problem.exact),
    }
    stated = STATED if problem.fit else ()
    return {
        key: value
        for key, value in tree.items()
        if (value or key == "conditions") and key not in stated
    }
