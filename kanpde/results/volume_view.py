"""The view of `report.html` that can be turned: a section of the page, its data and its script.

The page allows this one script by its digest, and still no network. A browser without WebGL 2 or
scripts does not show the section; the pictures above it show the same field on planes.
"""

from __future__ import annotations

import base64
import hashlib
import json
from functools import cache
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

from kanpde.errors import StorageError
from kanpde.storage import read_json

VOLUME = "figures/volume.json"
MOST_BYTES = 1_500_000

STYLE = """
#volume canvas{width:100%;height:26rem;touch-action:none;cursor:grab;border:1px solid var(--line)}
#volume label{display:inline-block;margin:.2rem 1.2rem .2rem 0}#volume-bar{height:1rem;max-width:24rem}
.ends{display:flex;justify-content:space-between;max-width:24rem}
"""


@cache
def _script() -> str:
    return (files("kanpde.results") / "volume_view.js").read_text(encoding="utf-8")


def policy() -> str:
    """What the page may run: this script and no other."""
    digest = hashlib.sha256(_script().encode()).digest()
    return f"script-src 'sha256-{base64.b64encode(digest).decode()}'"


def volume_section(folder: Path) -> str:
    """The section of a run folder; empty where the run has no such data, or too much."""
    path = folder / VOLUME
    if not path.is_file() or path.is_symlink() or path.stat().st_size > MOST_BYTES:
        return ""
    try:
        data = read_json(path)
        return _markup(data)
    except (StorageError, KeyError, TypeError):
        return ""


def _markup(data: dict[str, Any]) -> str:
    options = "".join(f"<option>{escape(field['name'])}</option>" for field in data["fields"])
    cuts = "".join(
        f'<label>cut at {escape(name)} = <output id="volume-at-{k}"></output><br>'
        f'<input type="range" id="volume-cut-{k}" min="0" max="200" value="100"></label>'
        for k, name in enumerate(data["axes"])
    )
    # a text of the file can end no script: < is written as a number
    content = json.dumps(data).replace("<", "\\u003c")
    return (
        '<section id="volume" hidden><h2>In three dimensions</h2>\n'
        "<p>Drag or use the arrow keys to turn it, + and - to come nearer; the sliders move the cuts."
        "</p>\n"
        f'<label>shown <select id="volume-field">{options}</select></label>{cuts}\n'
        '<canvas id="volume-canvas" tabindex="0" role="img"'
        ' aria-label="The body with a corner cut out, coloured by the field"></canvas>\n'
        '<div id="volume-bar" role="presentation"></div><div class="ends">'
        '<span id="volume-low"></span><span id="volume-name"></span><span id="volume-high"></span>'
        f'</div>\n<script type="application/json" id="volume-data">{content}</script>\n'
        f"<script>{_script()}</script></section>"
    )
