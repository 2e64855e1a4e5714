"""How modules are loaded that take longer to load than a small problem to solve."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def loading() -> Iterator[None]:
    """Load modules without looking for garbage among what they make.

    torch alone makes half a million objects that live as long as the process. Visiting them again
    and again, at the end of the process too, took 0.5 s of a run; they are left out from then on.
    """
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if before:
            gc.enable()
