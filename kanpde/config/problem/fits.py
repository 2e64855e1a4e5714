"""Regression as a problem without derivatives: `fit` in place of equations and conditions.

    fit: {u: "exp(sin(pi*x) + y**2)"}                          # u = the formula at the points
    fit: {data: table.csv, columns: {u: measured}, test: 0.2}  # u = the numbers of a table
    fit: {data: table.csv, search: {intervals: [5, 10]}, ...}  # and a search for a small network

A formula becomes the equation u = formula and is `exact`. Of a table the columns that are not
unknowns are the coordinates (`inputs` says which, in which order), the domain is their bounding box
unless one is given, and `test` is a share of the rows that `seed` draws, or a file of its own. The
rows of `test` are for errors only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from kanpde.config.problem.coordinate_names import usual
from kanpde.config.problem.regions import read_domain
from kanpde.config.problem.searches import Search, read_search, recommended
from kanpde.config.problem.shapes import BoxShape, coordinates, shape_tree
from kanpde.config.problem.statement import ProblemConfig, read_statement
from kanpde.config.problem.tables import Fit, Sheet, Table, read_sheet, split
from kanpde.config.reader import Reader, listed, shown
from kanpde.names import is_identifier, is_reserved

KEYS = (
    "name",
    "units",
    "description",
    "domain",
    "time",
    "parameters",
    "definitions",
    "fit",
    "quantities",
    "vectors",
    "recommended",
)
"""What a problem may hold beside `fit`."""

_STATED = (
    "unknowns", "equations", "conditions", "exact", "energy", "boundary_energy", "free",
    "reference", "unknown_parameters", "parameter_ranges", "python",
)  # fmt: skip
_DATA_KEYS = ("data", "values", "columns", "inputs", "test", "seed", "search")
FEWEST = 2
"""Rows that a fit and its test need at least; of one row there is no box."""

LARGEST, SMALLEST = 1e100, 1e-100
"""Between these the squares of values are numbers, and so are errors and weights."""


def states_fit(value: Any) -> bool:
    """Whether a problem node has a fit."""
    return isinstance(value, Mapping) and value.get("fit") is not None


def read_fit(node: Reader) -> ProblemConfig:
    """The problem of a node with `fit`; ConfigError names the key."""
    hints = dict.fromkeys(_STATED, "it does not go with 'fit', which states the problem; remove it")
    fields = node.fields(KEYS, ("fit",), hints)
    entries = fields["fit"].entries()
    if {"data", "values"} & entries.keys():
        return _measured(node, fields)
    if not entries:
        raise fields["fit"].error('must give formulas, as in {u: "sin(x)"}, or data: FILE')
    formulas = {name: entry.formula() for name, entry in entries.items()}
    shape = read_domain(node.fields(KEYS, ("domain",), hints)["domain"])
    free = [*shape.parts, *(("initial",) if "time" in fields else ())]
    statement = {
        "equations": [f"{name} = {text}" for name, text in formulas.items()],
        "exact": formulas,
        "free": free,
    }
    return replace(_stated(node, fields, tuple(formulas), statement), fit=Fit())


def _stated(
    node: Reader,
    fields: Mapping[str, Reader],
    unknowns: tuple[str, ...],
    statement: Mapping[str, Any],
) -> ProblemConfig:
    """The problem in the words of one without `fit`."""
    kept = {key: entry.value for key, entry in fields.items() if key != "fit"}
    tree = {**kept, "unknowns": list(unknowns), "conditions": [], **statement}
    return read_statement(Reader(tree, node.source, node.path, node.folders))


def _measured(node: Reader, fields: Mapping[str, Reader]) -> ProblemConfig:
    fit = fields["fit"].fields(_DATA_KEYS)
    if len(fit.keys() & {"data", "values"}) != 1:
        raise fields["fit"].error(
            "must hold one of data (the name of a file) and values (its text)"
        )
    renamed = _renamed(fit.get("inputs"))
    sheet = read_sheet(fit["data"] if "data" in fit else fit["values"]).called(renamed)
    shape = read_domain(fields["domain"]) if "domain" in fields else None
    chosen = _outputs(fit["columns"]) if "columns" in fit else {}
    inputs = _inputs(
        fit.get("inputs"), sheet, coordinates(shape) if shape is not None else None, chosen
    )
    if not chosen:
        outputs = [name for name in sheet.names if name not in inputs]
        if ("inputs" not in fit and shape is None) or not outputs:
            raise fields["fit"].error(
                "columns: needed, as in {u: measured}, to tell what is fitted from the coordinates"
                f" (columns: {listed(sheet.names)})"
            )
        chosen = {name: fields["fit"].child("columns", name) for name in outputs}
    names = (*inputs, *(entry.text() for entry in chosen.values()))
    given, held_out = _tables(fit, sheet, names, (fit.get("columns", fields["fit"]), len(inputs)))
    train, test = (
        (given, held_out) if not isinstance(held_out, float) else _split(given, held_out, fit)
    )
    _check(train, test, len(inputs), fit.get("inputs", sheet.node))
    box = shape if shape is not None else _box((train, test), inputs)
    statement = {"domain": shape_tree(box), "equations": ["0 = 0"], "free": list(box.parts)}
    search = _search(fit["search"], train) if "search" in fit else None
    if search is not None:
        advised = fields["recommended"].entries() if "recommended" in fields else {}
        given_advice = {key: entry.value for key, entry in advised.items()}
        statement["recommended"] = recommended(given_advice)
    problem = _stated(node, fields, tuple(chosen), statement)
    stated = Fit(train, test, search)
    return replace(problem, equations=(), names=(), weights=(), free=(), fit=stated)


def _search(node: Reader, train: Table) -> Search:
    """The search, whose validation leaves rows to fit."""
    search = read_search(node)
    count = round(search.validation * len(train))
    if count < 1 or len(train) - count < FEWEST:
        raise node.error(
            f"validation: a share of {search.validation:g} of {len(train)} rows leaves"
            f" {len(train) - count} to fit and {count} to validate; at least {FEWEST} and 1 are"
            f" needed; change the share or add points"
        )
    return search


def _outputs(node: Reader) -> dict[str, Reader]:
    """Unknowns with the columns that hold them; a list means columns of the same name."""
    if isinstance(node.value, Mapping):
        columns = node.entries()
    else:
        columns = {
            item.text(): item
            for item in node.items_or_one("{unknown: column} or a list of columns", 1)
        }
    if not columns:
        raise node.error("must name at least one column, as in {u: measured}")
    return columns


def _renamed(node: Reader | None) -> dict[str, Reader]:
    """Coordinates with the columns that hold them, where `inputs` is such a mapping."""
    if node is None or not isinstance(node.value, Mapping):
        return {}
    renamed = node.entries()
    for name, entry in renamed.items():
        if not is_identifier(name) or is_reserved(name):
            raise entry.error(
                f"{name[:60]!r} cannot name a coordinate (letters, digits and _, not reserved);"
                f" rename it"
            )
    return renamed


def _inputs(
    node: Reader | None, sheet: Sheet, names: tuple[str, ...] | None, chosen: Mapping[str, Reader]
) -> tuple[str, ...]:
    """The columns that are coordinates: those named, those of the domain, or all that are not
    fitted.
    """
    if node is not None:
        columns = tuple(_renamed(node))
        if not columns:
            items = node.items_or_one("a list of columns, or {coordinate: column}", 1)
            columns = tuple(item.text() for item in items)
        if names is not None and columns != names:
            raise node.error(
                f"must be the coordinates of the domain ({listed(names)}); leave one of the two out"
            )
        if len(set(columns)) < len(columns):
            raise node.error("a column stands twice in this list; remove one")
        return columns
    fitted = {entry.text() for entry in chosen.values()}
    columns = (
        names if names is not None else tuple(name for name in sheet.names if name not in fitted)
    )
    if not columns:
        raise sheet.node.error(
            f"{sheet.title}: no column beside those that are fitted; add the coordinates"
        )
    for at, name in enumerate(columns):
        if not is_identifier(name) or is_reserved(name):
            raise sheet.node.error(
                f"{sheet.title}: column {at + 1}, {shown(name)}, is not fitted and cannot name a"
                f" coordinate (letters, digits and _, not reserved); rename it, or say under"
                f" 'inputs' which columns are coordinates (columns: {listed(sheet.names)})"
            )
    return columns


def _tables(
    fit: Mapping[str, Reader], sheet: Sheet, names: Sequence[str], roles: tuple[Reader, int]
) -> tuple[Table, Table | float | None]:
    """The table of `names`, and that of the test, or its share of the rows."""
    node, inputs = roles
    renamed = _renamed(fit.get("inputs"))

    def of(source: Sheet) -> Table:
        words = ["a coordinate" if k < inputs else "an unknown" for k in range(len(names))]
        if repeated := [name for k, name in enumerate(names) if name in names[:k]]:
            raise node.error(
                f"the column {repeated[0][:60]!r} is asked for twice; each is a coordinate or one"
                f" unknown"
            )
        return source.columns(
            [source.at(name, node, word) for name, word in zip(names, words, strict=True)]
        )

    table, test = of(sheet), fit.get("test")
    if test is None:
        return table, None
    if isinstance(test.value, Mapping):
        entry = test.fields(("values", "data"))
        if len(entry) != 1:
            raise test.error("must be a share of the rows, the name of a file, or {values: TEXT}")
        return table, of(read_sheet(next(iter(entry.values()))).called(renamed))
    if isinstance(test.value, str):
        return table, of(read_sheet(test).called(renamed))
    share = test.number(0.0, 1.0)
    if not 0 < share < 1:
        raise test.error(
            f"must lie between 0 and 1, both left out, found {share:g}; for no test remove the key"
        )
    return table, share


def _split(table: Table, share: float, fit: Mapping[str, Reader]) -> tuple[Table, Table]:
    count = round(share * len(table))
    if count < 1 or len(table) - count < FEWEST:
        raise fit["test"].error(
            f"a share of {share:g} of {len(table)} rows leaves {len(table) - count} to fit and"
            f" {count} to test; at least"
            f" {FEWEST} and 1 are needed"
        )
    return split(table, share, fit["seed"].integer(0, 2**63 - 1) if "seed" in fit else 0)


def _check(train: Table, test: Table | None, inputs: int, node: Reader) -> None:
    if len(train) < FEWEST:
        raise node.error(f"a fit needs at least {FEWEST} rows, found {len(train)}; add points")
    for name in train.columns[:inputs]:
        numbers = train.column(name)
        if min(numbers) == max(numbers):
            raise node.error(
                f"the input {name!r} is {numbers[0]:g} in every row to fit, so nothing depends on"
                f" it; leave the column out"
            )
    for name in train.columns[inputs:]:
        largest = max(
            max(map(abs, rows.column(name)), default=0.0)
            for rows in (train, test)
            if rows is not None
        )
        if largest > LARGEST or 0 < largest < SMALLEST:
            raise node.error(
                f"the values of {name!r} must have a size between {SMALLEST:g} and {LARGEST:g},"
                f" found {largest:g}; change the unit"
            )


def _box(tables: Sequence[Table | None], inputs: tuple[str, ...]) -> BoxShape:
    """The bounding box of all rows."""
    numbers = [[table.column(name) for table in tables if table is not None] for name in inputs]
    lower = tuple(min(min(part) for part in parts) for parts in numbers)
    upper = tuple(max(max(part) for part in parts) for parts in numbers)
    return BoxShape(lower, upper, None, () if inputs == usual(len(inputs)) else inputs)
