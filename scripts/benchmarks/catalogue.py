"""Every shipped problem solved once at its recommended settings: docs/catalogue.md and the pictures
of docs/gallery.md.

    python -m scripts catalogue [--write] [--seed S] [--draw] [name ...]

A row holds the goal, the relative L2 error on held-out points (the largest over the unknowns, and
the relative error of unknown constants), wall seconds, the own error of the reference where there
is no exact solution, and what the goal says of it. Rows of other runs stay; --draw makes the
gallery page from the pictures that are there, without solving.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from PIL import Image

import kanpde
from kanpde.api.solving import available, configure
from kanpde.config import ProblemConfig
from scripts.common import tables
from scripts.common.goals import CATALOGUE

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE, GALLERY, PICTURES = DOCS / "catalogue.md", DOCS / "gallery.md", DOCS / "gallery"
COLUMNS = ("problem", "goal", "reached", "s", "measured against", "verdict")
COLOURS, WIDEST = 128, 640


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--draw", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    every = [name for name, _ in available()]
    for name in [] if arguments.draw else arguments.names or every:
        cells = row(name, arguments.seed, arguments.write)
        print(cells, flush=True)
        if arguments.write:
            rows = tables.read(PAGE, COLUMNS)
            rows[cells["problem"],] = cells
            keys = [(f"`{known}`",) for known in every]
            tables.write(PAGE, COLUMNS, [rows[key] for key in keys if key in rows])
    if arguments.write or arguments.draw:
        GALLERY.write_text(gallery(every), encoding="utf-8")


def row(name: str, seed: int, draw: bool) -> dict[str, str]:
    """The cells of one solve; its picture goes into the gallery."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / name
        solution = kanpde.solve(configure(name, seed=seed), out=out)
        if draw:
            shrink(out / "figures" / "solution.png", PICTURES / f"{name}.png")
    errors = [error for error in solution.relative_l2.values() if error is not None]
    constants = [constant for constant in solution.parameters.values() if constant.true]
    errors += [abs(constant.value / constant.true - 1) for constant in constants]
    reference = solution.result.metrics.reference
    against = "exact"
    if reference is not None:
        against = f"`{reference['name']}`, own error {float(reference['error']):.0e}"
    goal, limit = CATALOGUE.get(name, (None, None))
    within = f" in {limit:g} s" if limit else ""
    reached = max(errors) if errors else None
    return {
        "problem": f"`{name}`",
        "goal": "–" if goal is None else f"{goal:.0e}{within}",
        "reached": "–" if reached is None else f"{reached:.1e}",
        "s": f"{solution.seconds:.1f}",
        "measured against": against if errors else "–",
        "verdict": verdict(reached, goal, solution.seconds, limit),
    }


def verdict(reached: float | None, goal: float | None, seconds: float, limit: float | None) -> str:
    """Whether an error and its seconds meet the goal, and by what factor they miss it."""
    if reached is None or goal is None:
        return "–"
    late = f", {seconds / limit:.1f} times as long" if limit and seconds > limit else ""
    return ("met" if reached <= goal else f"missed {reached / goal:.1f} times") + late


def shrink(source: Path, target: Path) -> None:
    """A picture of few colours and at most 640 pixels width."""
    target.parent.mkdir(exist_ok=True)
    with Image.open(source) as picture:
        small = picture.convert("RGB")
        small.thumbnail((WIDEST, 2 * WIDEST))
        small.quantize(COLOURS).save(target, optimize=True)


def gallery(names: list[str]) -> str:
    """The page of all pictures that are there."""
    command = "`python -m scripts catalogue --write [name ...]`"
    parts = [
        f"# Gallery\n\nEvery shipped problem at its recommended settings, made by {command}.\n"
    ]
    for name in names:
        if (PICTURES / f"{name}.png").is_file():
            parts.append(entry(configure(name).problem))
    return "\n".join(parts)


def entry(problem: ProblemConfig) -> str:
    """A problem's heading, equations and picture."""
    source = "problems" if problem.python else "conf/problem"
    suffix = "py" if problem.python else "yaml"
    formulas = "\n".join(str(equation) for equation in problem.equations)
    return (
        f"## {problem.name}\n\n{problem.description}"
        f" ([file](../{source}/{problem.name}.{suffix}))\n\n```\n{formulas}\n```\n\n"
        f"`kanpde solve problem={problem.name}`\n\n![{problem.name}](gallery/{problem.name}.png)\n"
    )
