"""The conda recipe asks for what pyproject.toml asks for, under the names of conda-forge."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ELSEWHERE = {"torch": "pytorch", "matplotlib": "matplotlib-base"}


def test_the_recipe_has_the_version_and_the_packages_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    recipe = (ROOT / "conda" / "meta.yaml").read_text("utf-8")
    assert f'set version = "{project["version"]}"' in recipe
    run = recipe.partition("  run:\n")[2].partition("\n\n")[0]
    stated = {tuple(line.strip("- ").split(maxsplit=1)) for line in run.splitlines()}
    wanted = {("python", project["requires-python"])}
    for dependency in project["dependencies"]:
        name, bounds = re.fullmatch(r"([\w-]+)(.*)", dependency).groups()  # type: ignore[union-attr]
        wanted.add((ELSEWHERE.get(name, name), bounds))
    assert stated == wanted
