"""paraview.py of a run folder: a script that opens its field or its series in ParaView with colour
maps that fit.

    paraview --script=runs/plate/paraview.py

An unknown or a quantity of both signs is blue and red around white at zero; one of one sign is
viridis over its range; vectors are coloured by their magnitude; errors and residuals are signed.
Colour maps belong to the names of arrays there, so another field that is chosen in ParaView has its
own at once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from kanpde.results.colour_range import colour_range
from kanpde.storage import write_text

SCRIPT = "paraview.py"
_SIGNED, _FIELD = "Cool to Warm", "Viridis (matplotlib)"
_TEXT = '''"""Opens this run in ParaView: paraview --script=paraview.py (or pvpython, in this folder)."""
import os

from paraview.simple import (
    ColorBy, GetActiveViewOrCreate, GetAnimationScene, GetColorTransferFunction, GetScalarBar,
    OpenDataFile, Render, Show,
)

FILES = {files}
# name: (components, lowest, highest, colour map)
FIELDS = {fields}
TITLES = {titles}
SHOWN = {shown}

folders = [os.getcwd()]
if "__file__" in globals():
    folders.insert(0, os.path.dirname(os.path.abspath(__file__)))
paths = [os.path.join(folder, name) for folder in folders for name in FILES]
path = next((path for path in paths if os.path.isfile(path)), None)
if path is None:
    raise SystemExit("no " + " or ".join(FILES) + " in " + " or ".join(folders))

view = GetActiveViewOrCreate("RenderView")
source = OpenDataFile(path)
GetAnimationScene().UpdateAnimationUsingDataTimeSteps()
display = Show(source, view)
for name, (components, lowest, highest, colours) in FIELDS.items():
    colouring = GetColorTransferFunction(name)
    colouring.ApplyPreset(colours, True)
    if components > 1:
        colouring.VectorMode = "Magnitude"
    colouring.RescaleTransferFunction(lowest, highest)
    bar = GetScalarBar(colouring, view)
    bar.Title, bar.ComponentTitle = TITLES[name], "magnitude" if components > 1 else ""
    bar.Visibility = 0  # asking for a bar shows it, of every field
ColorBy(display, ("POINTS", SHOWN))
display.SetScalarBarVisibility(view, True)
bounds = source.GetDataInformation().GetBounds()
if bounds[4] == bounds[5]:
    view.InteractionMode = "2D"
view.ResetCamera()
Render(view)
'''


def write_script(
    folder: Path,
    fields: Mapping[str, NDArray[np.float64]],
    files: Sequence[str],
    titles: Mapping[str, str] = MappingProxyType({}),
) -> Path:
    """Write the script into a run folder.

    Args:
        folder: of the run.
        fields: arrays (V,) or (V, k) by name, the one to show first.
        files: what may lie in the folder, the one to open first.
        titles: what bars are called where it is not the name of the field.

    Raises:
        StorageError: the file cannot be written.
    """
    scales = {name: _scale(values) for name, values in fields.items()}
    rows = "".join(f"    {json.dumps(name)}: {scale!r},\n" for name, scale in scales.items())
    text = _TEXT.format(
        files=repr(list(files)),
        fields="{\n" + rows + "}",
        titles=json.dumps({name: titles.get(name, name) for name in fields}, ensure_ascii=False),
        shown=json.dumps(next(iter(fields))),
    )
    return write_text(folder / SCRIPT, text)


def _scale(values: NDArray[np.float64]) -> tuple[int, float, float, str]:
    """Components, ends of the colours and the name of a colour map in ParaView."""
    components = 1 if values.ndim == 1 else values.shape[1]
    shown = values if components == 1 else np.linalg.norm(values, axis=1)
    low, high, signed = colour_range(shown)
    return components, low, high, _SIGNED if signed else _FIELD
