"""The schema of the keys that say where a solve begins: start, continuation, solutions."""

from __future__ import annotations

from kanpde.config.problem.gridded_fields import INTERPOLATIONS
from kanpde.config.schema.nodes import (
    UNSET,
    Schema,
    choice,
    described,
    entries,
    formula,
    integer,
    items,
    mapping,
    number,
    reference,
    text,
)
from kanpde.config.solve.starts import MOST_SOLUTIONS, MOST_VALUES

TOP: dict[str, Schema] = {
    "start": described(
        entries(reference("start")),
        "What Newton's method begins with, by unknown; others begin at zero.",
        "the linear part",
        {"u": {"formula": "x*(1 - x)"}},
    ),
    "continuation": described(
        entries(items(number(), 1, MOST_VALUES)),
        "Values of one parameter that are solved for on the way to that of the problem, the last.",
        {},
        {"re": [10, 100, 1000]},
    ),
    "solutions": described(integer(1, MOST_SOLUTIONS), "How many are looked for.", 1, 2),
}

DEFS: dict[str, Schema] = {
    "start": mapping(
        {
            "formula": described(formula(), "Of the coordinates.", UNSET, "x*(1 - x)"),
            "run": described(text(), "The folder of a run of the same unknown.", UNSET, "runs/a"),
            "table": described(text(), "A CSV or NPZ file: values on a grid.", UNSET, "guess.csv"),
            "values": described(text(), "The same table as text.", UNSET, "x,u\n0,0\n1,2\n"),
            "name": described(text(), "Its column.", UNSET, "u"),
            "interpolation": described(
                choice(INTERPOLATIONS), "Between its points.", UNSET, "linear"
            ),
        }
    ),
}
