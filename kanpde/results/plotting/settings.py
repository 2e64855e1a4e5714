"""The settings of matplotlib that figures are drawn with: its defaults, whatever a user has set."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import matplotlib

_NOT_COMPARED = ("backend", "backend_fallback")
"""Reading `backend` would choose and load one."""


@contextmanager
def defaults() -> Iterator[None]:
    """matplotlib's defaults where a user has set others (TeX for all texts, say), restored after
    that. A function that is decorated by `defaults()` runs inside.
    """
    given, usual = matplotlib.rcParams, matplotlib.rcParamsDefault
    names = [name for name in usual if name not in _NOT_COMPARED]
    changed = {name: usual[name] for name in names if given[name] != usual[name]}
    if not changed:  # nothing global changes, so that threads may draw
        yield
        return
    with matplotlib.rc_context(changed):
        yield
