"""The figures of a solve as files in memory."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from kanpde.results.pictures import Pictures
from kanpde.results.plotting.run import write_figures

if TYPE_CHECKING:
    from kanpde.results.solution import Solution


def draw_in_memory(solution: Solution) -> Pictures:
    """All figures of a solution, as `write_figures` draws them."""
    with tempfile.TemporaryDirectory() as folder:
        written = write_figures(Path(folder), solution)
        return Pictures({path.stem: path.read_bytes() for path in written})
