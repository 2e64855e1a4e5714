"""Small run folders of every kind, which hold every kind of file that a run leaves."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import kanpde
from kanpde.cli import main as command
from kanpde.config import yaml_file

ROOT = Path(__file__).resolve().parents[2]
BARE = {"output": {"vtu": False, "plots": False}}
SMALL = {"interior": 40, "boundary": 16}
UNIT = {"interval": {"lower": 0, "upper": 1}}
SIDES = ["left", "right", "bottom", "top"]
ENDS = {"part": ["left", "right"], "equation": "u = 0"}


def _tree(domain: Any, equations: list[str], conditions: list[Any], **keys: Any) -> dict[str, Any]:
    return {
        "name": "small",
        "unknowns": ["u"],
        "domain": domain,
        "equations": equations,
        "conditions": conditions,
        **keys,
    }


def _started(*equations: str) -> list[dict[str, Any]]:
    return [{"part": "initial", "equation": list(equations)}]


def _table(values: Callable[[Any], Any], count: int, name: str = "x") -> str:
    rows = [(x, float(values(x))) for x in np.linspace(0.05, 0.95, count).tolist()]
    return f"{name},m\n" + "".join(f"{x!r},{m!r}\n" for x, m in rows)


_FACES = [f"x{k}_{end}" for k in range(1, 5) for end in ("min", "max")]


def trees(scale: float = 1.0) -> dict[str, dict[str, Any]]:
    """Configs by kind, whose equations hold a number."""
    c = f"{scale!r}"
    square = _tree(
        {"rectangle": {"lower": [0, 0], "upper": [1, 1]}},
        [f"-laplacian(u) = {c}"],
        [{"part": SIDES, "equation": "u = 0"}],
    )
    heat = _tree(
        UNIT,
        [f"dt(u) = 0.1*{c}*dxx(u)"],
        [*_started("u = sin(pi*x)"), ENDS],
        time={"interval": [0, 0.2]},
    )
    sizes = _table(lambda x: np.exp(-2 * x), 12)
    sines = _table(lambda x: np.sin(np.pi * x), 30)
    return {
        "network": {
            "problem": square,
            "sampler": SMALL,
            "trial": {"width": [2], "intervals": 2},
            "schedule": [{"optimizer": "least_squares"}, {"optimizer": "adam", "steps": 3}],
        },
        "patches": {
            "problem": square,
            "trial": {"patches": {"cells": 1, "degree": 3, "refine": False}},
        },
        "branches": {
            "problem": _tree(UNIT, [f"dxx(u) + 2*{c}*exp(u) = 0"], [ENDS]),
            "solutions": 2,
            "tolerance": 1e-3,
            "seconds": 1000,
        },
        "modes": {
            "problem": _tree(UNIT, [f"-{c}*dxx(u) = lambda*u"], [ENDS], eigen={"count": 2}),
            "tolerance": 1e-3,
        },
        "chain": {
            "problem": _tree(
                {"box": {"lower": [0] * 4, "upper": [1] * 4}},
                [f"-laplacian(u) = {c}*sin(x1 + 2*x2 - x3 + x4)"],
                [{"part": _FACES, "equation": "u = 0"}],
            ),
            "tolerance": 1e-1,
        },
        "slabs": {
            "problem": heat,
            "slabs": 2,
            "sampler": SMALL,
            "trial": {"width": [3], "intervals": 2},
        },
        "lines": {"problem": heat, "tolerance": 1e-3},
        "carried": {
            "problem": _tree(
                UNIT,
                [f"dt(u) + {c}*dx(u) = 0"],
                [*_started("u = where(x < 0.5, 1, 0)"), {"part": "left", "equation": "u = 1"}],
                time={"interval": [0, 0.3]},
                free=["right"],
            ),
            "output": {"vtu": False, "plots": False, "series": 3},
        },
        "constants": {
            "problem": _tree(
                {"box": {"lower": [0], "upper": [1], "inputs": ["x"]}},
                [f"d(u, x) = -{c}*k*u"],
                [
                    {"part": "left", "equation": "u = 1"},
                    {"values": sizes, "equation": "u = m"},
                ],
                unknown_parameters={"k": 1.0},
                free=["right"],
            ),
        },
        "fields": {
            "problem": {
                **_tree(
                    UNIT,
                    [f"-{c}*dxx(u) + k*u = (pi**2 + 2 + cos(2*pi*x))*sin(pi*x)"],
                    [ENDS, {"values": sines, "equation": "u = m"}],
                ),
                "unknowns": ["u", "k"],
            },
        },
        "means": {
            "problem": _tree(UNIT, [f"-{c}*dxx(u) + 3*integral(u) = sin(pi*x)"], [ENDS]),
            "tolerance": 1e-4,
        },
    }


def _fit(folder: Path, scale: float) -> Path:
    """Tables too long for the config."""
    rng = np.random.default_rng(0)
    for name in ("train.csv", "test.csv"):
        lines = [f"{x!r},{scale * x * x!r}" for x in rng.uniform(size=3000).tolist()]
        (folder / name).write_text("x,u\n" + "\n".join(lines) + "\n", encoding="utf-8")
    fit = {"data": "train.csv", "test": "test.csv", "inputs": ["x"], "columns": {"u": "u"}}
    return _written(folder, {"problem": {"name": "table", "fit": fit}, "trial": {"width": [2]}})


def _meshed(folder: Path, scale: float) -> Path:
    """A mesh of a file, which a run copies."""
    source = (ROOT / "tests" / "cases" / "mesh_no_groups.msh").read_bytes()
    (folder / "plate.msh").write_bytes(source)
    shape = {"mesh": {"file": "plate.msh"}}
    rim = [{"part": "boundary", "equation": "u = 0"}]
    tree = {
        "problem": _tree(shape, [f"-laplacian(u) = {scale!r}"], rim),
        "trial": {"width": [2], "intervals": 2},
        "sampler": {"interior": 300, "boundary": 60},
    }
    return _written(folder, tree)


def _written(folder: Path, tree: dict[str, Any]) -> Path:
    path = folder / "own.yaml"
    path.write_text(yaml_file.dumps(BARE | tree), encoding="utf-8")
    return path


FILES: dict[str, Callable[[Path, float], Path]] = {"fit": _fit, "meshed": _meshed}


def make(kind: str, out: Path, scale: float = 1.0) -> None:
    """A run folder of a kind, by a config that differs in a number."""
    if kind in FILES:
        with tempfile.TemporaryDirectory() as place:
            kanpde.solve(FILES[kind](Path(place), scale), out=out)
    elif kind == "compared":
        kanpde.compare(BARE | trees(scale)["network"], out=out)
    else:
        kanpde.solve(BARE | trees(scale)[kind], out=out)


def make_everything(out: Path, scale: float = 1.0) -> None:
    """A run folder with all that other verbs write beside a solution."""
    drawn = {"output": {"vtu": True, "plots": True}}
    kanpde.solve(trees(scale)["network"] | drawn, out=out)
    for kind in ("csv", "vtk", "npz"):
        command(["export", str(out), "--to", kind, "--resolution", "4"])
    command(["export", str(out), "--points"])
    command(["formula", str(out), "--seconds", "1"])


def kind_maker(kind: str) -> Callable[[Path, float], None]:
    """What makes a folder of a kind."""
    return functools.partial(make, kind)


KINDS = (*trees(), *FILES)
