"""The JSON Schema of a problem file, for editors and for the reference of its keys.

It says what a key may hold; which keys go together is the validator's to say (`config.validate`).
"""

from __future__ import annotations

from kanpde.config.schema import shapes, solve, starts, statement
from kanpde.config.schema.nodes import Schema, described, mapping, reference

DRAFT = "https://json-schema.org/draft/2020-12/schema"


def file_schema() -> Schema:
    """The schema of a whole file, as plain data."""
    problem = described(reference("problem"), "What is solved.", example={"name": "my_plate"})
    whole = mapping({"problem": problem, **solve.TOP, **starts.TOP}, ("problem",))
    named = {
        "problem": statement.PROBLEM,
        **shapes.DEFS,
        **statement.DEFS,
        **solve.DEFS,
        **starts.DEFS,
    }
    return {
        "$schema": DRAFT,
        "title": "A problem file of kanpde",
        **whole,
        "$defs": named,
    }
