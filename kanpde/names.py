"""The words a formula knows, and what a name of the user's may look like.

One place for both the schema and the parser of formulas, so that a name accepted in a file can be
used in a formula.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable

LETTERS = ("x", "y", "z", "t")
"""Letters of named coordinates; `dxx`, `dxt`, ... are built from them."""

FUNCTIONS = (
    "sin", "cos", "tan", "exp", "log", "sqrt", "tanh", "sinh", "cosh", "asin", "acos", "atan", "atan2", "abs",
)  # fmt: skip
"""Functions of a formula; all but `atan2` take one argument."""

FURTHER = (
    "sign", "heaviside", "max", "min", "where", "erf", "erfc", "gamma", "lgamma", "besselj",
)  # fmt: skip
"""Functions whose names a problem may use for something of its own: gamma is a parameter of many."""

NORMALS = ("nx", "ny", "nz", "tx", "ty")
"""Components of the outward normal, and of the tangent that it becomes by a quarter turn to the
left; their names may be used for something else too.
"""

OPERATORS = ("d", "dn", "grad", "div", "laplacian", "dot")
COMPLEX = ("re", "im", "conj", "arg")
TENSORS = ("sym", "trace", "transpose", "det", "inv", "matmul")
FURTHER_OPERATORS = ("curl", *TENSORS, *COMPLEX)
"""Differential operators and `dot`, then those whose names may be used for something else, those of
tensors and parts of complex values among them; besides them `d` followed by one to four coordinate letters.
"""

BINDERS = ("sum", "prod")
"""What binds an index that runs over the coordinates of space; may be used for something else."""

CONSTANTS = ("pi",)
"""Named constants."""

IDENTITY = "eye"
"""The identity tensor of space; may be used for something else."""

IMAGINARY_UNIT = "I"
"""The imaginary unit; may be used for something else in problems without complex unknowns."""

MANUFACTURED = "manufactured"
"""As a definition: the formula is derived from the exact solution."""

LONGEST_NAME = 40
"""Most characters of an unknown, a parameter, a definition or a part."""

LONGEST_LABEL = 127
"""Most characters of the name of a mesh group, as in gmsh."""

_IDENTIFIER = re.compile(rf"[A-Za-z][A-Za-z0-9_]{{0,{LONGEST_NAME - 1}}}", re.ASCII)
_DERIVATIVE = re.compile(r"d[xyzt]{1,4}")


def is_identifier(name: str) -> bool:
    """Whether `name` is made of letters, digits and _, begins with a letter and is at most 40
    characters long.
    """
    return _IDENTIFIER.fullmatch(name) is not None


def label(text: str) -> str:
    """The name of a mesh group as it is compared: one line, in composed Unicode (NFC), without
    blanks around it; empty where nothing printable is left or it is longer than 127 characters.
    """
    name = " ".join(unicodedata.normalize("NFC", text).split())
    return name if name.isprintable() and len(name) <= LONGEST_LABEL else ""


def is_derivative(name: str) -> bool:
    """Whether `name` is `d` followed by one to four of the letters x, y, z, t."""
    return _DERIVATIVE.fullmatch(name) is not None


def is_reserved(name: str) -> bool:
    """Whether `name` already means a function, an operator or a constant in every formula
    (coordinates apart).
    """
    return name in FUNCTIONS + OPERATORS + CONSTANTS + (MANUFACTURED,) or is_derivative(name)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`", did you mean 'width'?"` for the known name nearest to `word`, or an empty text when none
    is near.
    """
    candidates = {name.lower(): name for name in known if name != word}
    near = difflib.get_close_matches(word[:LONGEST_NAME].lower(), candidates, n=1, cutoff=0.6)
    return f", did you mean {candidates[near[0]]!r}?" if near else ""
