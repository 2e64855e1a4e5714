"""Parameters that are formulas of other parameters, such as `l: "Re/2 - sqrt(Re**2/4 + pi**2)"`.

They are read as definitions, which fold to numbers where they are used; only what may stand in them
is checked here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from kanpde.config.reader import NUMBER, Reader
from kanpde.names import COMPLEX, CONSTANTS, FUNCTIONS, FURTHER, IMAGINARY_UNIT, did_you_mean

_WORD = re.compile(r"(?<![\w.])[A-Za-z]\w*")

_OPERATOR = re.compile(r"[*/(]")

Entries = Mapping[str, Reader]


def derived(parameters: Entries) -> tuple[dict[str, Reader], dict[str, Reader]]:
    """The parameters that are numbers or go by region, and those that are formulas; ConfigError
    where one of these holds another name than that of a parameter.
    """
    numbers: dict[str, Reader] = {}
    formulas: dict[str, Reader] = {}
    for name, entry in parameters.items():
        value = entry.value
        is_formula = isinstance(value, str) and _states_formula(value)
        (formulas if is_formula else numbers)[name] = entry
    known = (*parameters, *CONSTANTS, *FUNCTIONS, *FURTHER)
    for entry in formulas.values():
        for word in _WORD.findall(entry.formula()):
            if word not in (*known, IMAGINARY_UNIT, *COMPLEX):
                raise entry.error(
                    f"must be a number or a formula of other parameters, found"
                    f" {word!r}{did_you_mean(word, known)}; what varies is a definition"
                )
    return numbers, formulas


def _states_formula(text: str) -> bool:
    """Whether a text is no number and has a name or an operator."""
    if NUMBER.fullmatch(text.strip()) is not None:
        return False
    return _WORD.search(text) is not None or _OPERATOR.search(text) is not None
