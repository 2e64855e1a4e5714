"""The verbs that look at files and change nothing: problems, meshes and run folders."""

from __future__ import annotations

import argparse
import os
import sys
import webbrowser
from pathlib import Path

from kanpde.cli import mesh_view, terminal
from kanpde.cli.loading import loading
from kanpde.config import shipped, validate, yaml_file
from kanpde.config.shipped import make_problem
from kanpde.errors import CheckpointError
from kanpde.results import folder_lock, report
from kanpde.results.web_page import REPORT, write_page
from kanpde.storage import binding, dump_json


def show(arguments: argparse.Namespace) -> int:
    """What a problem is and what its mesh holds, or the resolved config with which it would run."""
    if mesh_view.is_mesh(arguments.name):
        terminal.show_table(mesh_view.rows(mesh_view.mesh_file(arguments.name)), mesh_view.HEADER)
        return 0
    if arguments.name.endswith((".yaml", ".yml")):
        path, tree = Path(arguments.name), yaml_file.load(arguments.name)
    else:
        path = shipped.problem_yaml(arguments.name)
        tree = {"problem": yaml_file.load(path)}
    if not (arguments.resolved or arguments.json):
        terminal.show_text(path.read_text(encoding="utf-8"))
        shape = mesh_view.mesh_of(tree, path.name, path.parent)
        if shape is not None and arguments.name.endswith((".yaml", ".yml")):
            terminal.show_table(mesh_view.rows(shape), mesh_view.HEADER)
        return 0
    trusted = not arguments.name.endswith((".yaml", ".yml"))
    folder = shipped.data() if trusted else None
    config = validate(
        tree,
        source=path.name,
        base=path.parent,
        trusted=trusted,
        make_problem=make_problem,
        shipped=folder,
    )
    resolved = report.plain_tree(config)
    terminal.show_text(dump_json(resolved) if arguments.json else yaml_file.dumps(resolved))
    return 0


def open_page(arguments: argparse.Namespace) -> int:
    """Show report.html of a run in a browser; it is made where it is missing or older than the run."""
    folder = Path(arguments.run)
    folder_lock.refuse_links(folder)
    page = folder / REPORT
    results = [folder / name for name in ("result.json", "compare.json")]
    times = [path.stat().st_mtime for path in results if path.is_file()]
    if not page.is_file() or (times and page.stat().st_mtime < max(times)):
        with binding(folder, REPORT):
            page = write_page(folder)
    terminal.show_text(f"files: {page}")
    if _has_screen():
        webbrowser.open(page.resolve().as_uri())
    return 0


def _has_screen() -> bool:
    """Whether a browser with a window can be shown; one in the terminal would take it over."""
    if sys.platform.startswith(("win", "darwin")):
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def check(arguments: argparse.Namespace) -> int:
    """See whether the files of a run folder belong together and are as they were written."""
    with loading():
        from kanpde.api import checking

    entries = checking.examined(Path(arguments.run))
    terminal.show_table([(entry.file, entry.finding) for entry in entries], ("file", "found"))
    wrong = [entry for entry in entries if not entry.sound]
    if wrong:
        raise CheckpointError(
            f"{arguments.run}: {len(wrong)} of {len(entries)} files are not as this run wrote them,"
            f" the first {wrong[0].file}"
        )
    return 0
