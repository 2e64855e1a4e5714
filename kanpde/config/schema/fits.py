"""The schema of fits of a table, and of the search for a small network."""

from __future__ import annotations

from kanpde.config.problem.fits import FEWEST
from kanpde.config.problem.searches import (
    LARGEST_SHARE,
    MOST_GRIDS,
    MOST_INTERVALS,
    MOST_ROUNDS,
    MOST_STARTS,
    MOST_STEPS,
    Search,
)
from kanpde.config.schema.nodes import (
    Schema,
    described,
    either,
    entries,
    integer,
    mapping,
    number,
    one_or_more,
    reference,
    text,
)

_SEARCH = Search()
_TABLE: Schema = {
    "data": described(text(), "A CSV or .npz file.", example="table.csv"),
    "values": described(
        either(text(), {"type": "object"}),
        "CSV text in place of a file.",
        example="x,y\n0,1\n1,2\n",
    ),
    "columns": described(
        either(one_or_more(text()), entries(text())),
        "Unknowns with the columns that hold them; needed unless inputs says which are coordinates.",
        example={"u": "measured"},
    ),
    "inputs": described(
        either(one_or_more(text()), entries(text())),
        "The columns that are coordinates, in their order, or coordinates with their columns.",
        "all other columns",
        ["x", "y"],
    ),
    "test": described(
        either(
            number(0.0, 1.0),
            text(),
            mapping({"values": either(text(), {"type": "object"}), "data": text()}),
        ),
        f"A share of the rows, or a file, that serves errors only; {FEWEST} rows must be left.",
        example=0.2,
    ),
    "seed": described(integer(0, 2**63 - 1), "Draws the rows of the test.", 0, 1),
    "search": described(reference("search"), "Looks for a small network.", example={}),
}

FIT = mapping(_TABLE)

SEARCH = mapping(
    {
        "intervals": described(
            one_or_more(integer(1, MOST_INTERVALS), 1, MOST_GRIDS),
            "Of one polish after the other, increasing.",
            _SEARCH.intervals,
            [5, 10, 20],
        ),
        "starts": described(integer(1, MOST_STARTS), "Of a round.", _SEARCH.starts, 4),
        "polished": described(
            one_or_more(integer(0, MOST_STARTS), 1, MOST_GRIDS),
            "How many of the best starts are polished on the grids without the first none, one, ...",
            _SEARCH.polished,
            [2],
        ),
        "rounds": described(integer(1, MOST_ROUNDS), "At most.", _SEARCH.rounds, 1),
        "steps": described(
            integer(1, MOST_STEPS), "That a start is trained for.", _SEARCH.steps, 10
        ),
        "rows": described(integer(2, 10**9), "That a start is trained on.", _SEARCH.rows, 200),
        "mix": described(
            number(0.0, 1.0), "Moves knots to the quantiles of their inputs.", _SEARCH.mix, 0.5
        ),
        "validation": described(
            number(most=LARGEST_SHARE, above=0.0),
            "Share of the rows that decide.",
            _SEARCH.validation,
            0.2,
        ),
        "target": described(
            number(0.0, 1.0), "Validation error that ends the search.", _SEARCH.target, 1e-4
        ),
    }
)
