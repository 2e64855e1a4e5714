"""Where the shipped configs and problems lie: `conf/` and `problems/` in a checkout, inside the
package in a wheel.
"""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kanpde.config import yaml_file
from kanpde.errors import ConfigError, StorageError
from kanpde.names import did_you_mean

TEMPLATES: Mapping[str, tuple[str, ...]] = {
    "plate": (),
    "heat": (),
    "elasticity": (),
    "flow": (),
    "inverse": ("inverse_diffusivity.csv",),
    "eigen": (),
    "ode": (),
    "fit": ("fit_csv.csv",),
    "mesh": ("plate.msh",),
}
"""The files that `kanpde init` hands out, each with the data that it names."""

_PACKAGE = Path(__file__).resolve().parents[1]


def conf() -> Path:
    """Folder of the shipped YAML files.

    Raises:
        StorageError: the installation lacks it.
    """
    return _folder("_conf", "conf")


def problems() -> Path:
    """Folder of the shipped problems that need Python, and of the references.

    Raises:
        StorageError: the installation lacks it.
    """
    return _folder("_problems", "problems")


def names() -> tuple[str, ...]:
    """Names of the shipped problems, sorted."""
    return tuple(sorted(path.stem for path in (conf() / "problem").glob("*.yaml")))


def problem_yaml(name: str) -> Path:
    """The file `conf/problem/NAME.yaml`.

    Raises:
        ConfigError: there is no such problem; the message names the nearest.
    """
    known = names()
    if name not in known:
        raise ConfigError(unknown("problem", name, known))
    return conf() / "problem" / f"{name}.yaml"


def problem_python(name: str) -> Path:
    """The file `problems/NAME.py`.

    Raises:
        ConfigError: there is no such file; the message names the nearest.
    """
    known = tuple(
        sorted(path.stem for path in problems().glob("*.py") if not path.stem.startswith("_"))
    )
    if name not in known:
        raise ConfigError(unknown("python problem", name, known))
    return problems() / f"{name}.py"


def reference(name: str) -> Path:
    """The file `problems/references/NAME.npz`.

    Raises:
        ConfigError: there is no such file; the message names the nearest.
    """
    known = tuple(sorted(path.stem for path in (problems() / "references").glob("*.npz")))
    if name not in known:
        raise ConfigError(f"problem.reference: {unknown('reference', name, known)}")
    return problems() / "references" / f"{name}.npz"


def data() -> Path:
    """The folder `problems/data` with the measured values of shipped problems."""
    return problems() / "data"


def description(name: str) -> str:
    """The description of a shipped problem, without importing anything: from its YAML, or its
    Python file's docstring.

    Raises:
        ConfigError: there is no such problem, or its file is wrong.
    """
    node = yaml_file.load(problem_yaml(name))
    if "python" in node:
        text = (
            ast.get_docstring(
                ast.parse(problem_python(str(node["python"])).read_text(encoding="utf-8"))
            )
            or ""
        )
        return text.partition("\n")[0]
    return str(node.get("description", ""))


def starter(template: str = "plate") -> str:
    """Text of a commented file that `kanpde init` hands out.

    Raises:
        ConfigError: there is no such template; the message names the nearest.
    """
    if template not in TEMPLATES:
        raise ConfigError(unknown("template", template, tuple(TEMPLATES)))
    if template == "plate":
        return (conf() / "starter.yaml").read_text(encoding="utf-8")
    return (conf() / "templates" / f"{template}.yaml").read_text(encoding="utf-8")


def unknown(what: str, name: str, known: tuple[str, ...]) -> str:
    """One line: `name` is not a known `what`, the nearest one, and all of them."""
    hint = did_you_mean(name, known)
    return f"unknown {what} {name[:80]!r}{hint or ';'} known: {', '.join(known) or 'none'}"


def _folder(inside: str, beside: str) -> Path:
    for folder in (_PACKAGE / inside, _PACKAGE.parent / beside):
        if folder.is_dir():
            return folder
    raise StorageError(
        f"incomplete installation: neither kanpde/{inside} nor {beside}/ exists; install kanpde"
        f" again"
    )


def make_problem(name: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """The problem node that `problem(**parameters)` of problems/NAME.py returns; ConfigError if it
    has no such function.
    """
    path = problem_python(name)
    spec = importlib.util.spec_from_file_location(f"kanpde_problem_{name}", path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"problems/{name}.py: cannot be loaded as a Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    function = getattr(module, "problem", None)
    if not callable(function):
        raise ConfigError(
            f"problems/{name}.py: needs a function problem(**parameters) that returns a problem"
            f" node"
        )
    try:
        node = function(**parameters)
    except TypeError as error:
        raise ConfigError(f"problems/{name}.py: {error}") from error
    if not isinstance(node, Mapping):
        raise ConfigError(
            f"problems/{name}.py: problem() must return a mapping, found {type(node).__name__}"
        )
    return node
