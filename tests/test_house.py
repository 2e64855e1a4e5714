"""The house keeps its own rules: floors, doors, forbidden calls, pinned versions, sizes,
documents.
"""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from types import ModuleType

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import kanpde
from kanpde.cli.arguments import VERBS
from scripts.__main__ import programs

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
SOURCES = sorted(
    path for folder in ("kanpde", "problems") for path in (ROOT / folder).rglob("*.py")
)
BINARY = {".png", ".vtu", ".gz", ".npy", ".npz"}
IGNORED = {
    ".git",
    ".venv",
    ".hypothesis",
    "runs",
    "outputs",
    "multirun",
    "build",
    "dist",
    "__pycache__",
}
TEXTS = sorted(
    path
    for path in ROOT.rglob("*")
    if path.is_file()
    and not any(part in IGNORED or part.endswith("_cache") for part in path.relative_to(ROOT).parts)
)


def name_of(path: Path) -> str:
    """A path relative to the root, for messages."""
    return path.relative_to(ROOT).as_posix()


# Floors and doors
# --------------------------------------------------------------------------------------------------


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter on the package in `folder`."""
    program = "import sys; from importlinter.cli import lint_imports as check; sys.exit(check(no_cache=True))"
    return subprocess.run(
        [sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, timeout=120
    )


def test_every_import_contract_is_kept() -> None:
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("errors", "import kanpde.solver", "Rooms"),
        ("trial/solution", "import kanpde.assembly", "Rooms"),
        ("solver/loop", "import hydra", "hydra"),
        ("results/report", "import meshio", "meshio"),
        ("results/export", "import matplotlib.pyplot", "matplotlib"),
        ("config/reader", "import torch", "Light"),
        ("numerics/quadrature", "import torch", "Geometry"),
        ("solver/build", "import pickle", "Nowhere"),
        ("newcomer", "", "Rooms"),
    ],
)
def test_a_planted_import_breaks_a_contract(
    module: str, line: str, contract: str, tmp_path: Path
) -> None:
    shutil.copytree(
        ROOT / "kanpde", tmp_path / "kanpde", ignore=shutil.ignore_patterns("__pycache__")
    )
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    shutil.copy(ROOT / ".importlinter", tmp_path)
    with (tmp_path / "kanpde" / f"{module}.py").open("a", encoding="utf-8") as file:
        file.write(f"\n{line}\n")
    done = lint_imports(tmp_path)
    assert done.returncode == 1, done.stdout
    broken = [text for text in done.stdout.splitlines() if "BROKEN" in text]
    assert any(contract in text for text in broken), done.stdout


@pytest.mark.parametrize("module", ["kanpde", "kanpde.config", "kanpde.config.yaml_file"])
def test_reading_a_file_needs_no_torch(module: str) -> None:
    program = f"import sys, {module}; sys.exit(bool({{'torch', 'hydra', 'matplotlib', 'sympy'}} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, timeout=120).returncode == 0


POSIX_ONLY = ("fcntl", "grp", "pty", "pwd", "resource", "syslog", "termios", "tty")
EVERY_MODULE = f"""
import pkgutil, sys
from importlib import import_module
sys.modules.update(dict.fromkeys({POSIX_ONLY!r}))
import kanpde, scripts
names = [info.name for package in (kanpde, scripts)
         for info in pkgutil.walk_packages(package.__path__, package.__name__ + ".")]
for name in names:
    if not name.endswith("__main__"):
        import_module(name)
print(len(names))
"""


def test_every_module_loads_where_posix_modules_are_missing() -> None:
    done = subprocess.run(
        [sys.executable, "-c", EVERY_MODULE], cwd=ROOT, capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 100


# Forbidden calls
# --------------------------------------------------------------------------------------------------

CALLS = {
    "eval",
    "exec",
    "compile",
    "__import__",
    "sympify",
    "parse_expr",
    "lambdify",
    "instantiate",
    "import_module",
}
METHODS = {
    *("sympify", "parse_expr", "lambdify", "instantiate", "import_module", "exec_module"),
    *("builtins.eval", "builtins.exec", "builtins.compile"),
    *("pickle.load", "pickle.loads", "pickle.Unpickler", "os.system", "os.popen"),
    *("yaml.load", "yaml.load_all", "yaml.unsafe_load", "yaml.full_load"),
}
KEYWORDS = {("weights_only", False), ("allow_pickle", True), ("shell", True)}
ALLOWED = {
    "kanpde/lazy.py": {"import_module"},
    "kanpde/config/shipped.py": {"exec_module"},
}  # own modules; problems/NAME.py
MODULES = {
    "pickle",
    "dill",
    "cloudpickle",
    "shelve",
    "marshal",
    "sympy",
    "hydra.utils",
    "runpy",
    "code",
}


def forbidden(text: str) -> Iterator[str]:
    """Every call, argument or import of a source text that could run what a file says."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called in CALLS or called in METHODS or called.rpartition(".")[2] in METHODS:
                yield called.rpartition(".")[2]
            keywords = {
                (k.arg, k.value.value) for k in node.keywords if isinstance(k.value, ast.Constant)
            }
            yield from (f"{key}={value}" for key, value in keywords & KEYWORDS)
            if called == "torch.load" and ("weights_only", True) not in keywords:
                yield "torch.load without weights_only=True"
        elif isinstance(node, ast.Import):
            yield from {
                name for alias in node.names for name in (alias.name, alias.name.split(".")[0])
            } & MODULES
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = {
                node.module,
                node.module.split(".")[0],
                *(f"{node.module}.{alias.name}" for alias in node.names),
            }
            yield from names & MODULES


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_no_source_can_run_what_a_file_says(path: Path) -> None:
    allowed = (
        {"sympy"}
        if name_of(path).startswith("kanpde/symbolic/")
        else ALLOWED.get(name_of(path), set())
    )
    assert set(forbidden(path.read_text(encoding="utf-8"))) - allowed == set()


@pytest.mark.parametrize(
    "line",
    [
        "eval(text)",
        "exec(text)",
        "sympy.sympify(text)",
        "parse_expr(text)",
        "pickle.load(file)",
        "import pickle",
        "from sympy import Symbol",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "np.load(path, allow_pickle=True)",
        "yaml.load(text, Loader)",
        "subprocess.run(text, shell=True)",
        "hydra.utils.instantiate(config)",
        "from hydra.utils import instantiate",
        "from hydra import utils",
        "importlib.import_module(name)",
    ],
)
def test_the_search_for_forbidden_calls_finds(line: str) -> None:
    assert list(forbidden(line))


# Versions
# --------------------------------------------------------------------------------------------------


def test_constraints_pin_every_version_exactly() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert [
        pin for pin in pins if not re.fullmatch(r"[A-Za-z0-9_.-]+==[0-9][A-Za-z0-9.]*", pin)
    ] == []
    pinned = {canonicalize_name(pin.split("==")[0]): pin.split("==")[1] for pin in pins}
    assert len(pinned) == len(pins)
    assert pinned["torch"] == "2.13.0"
    required = PROJECT["dependencies"] + PROJECT["optional-dependencies"]["test"]
    assert installed_closure(required) - set(pinned) == set()
    for requirement in map(Requirement, required):
        assert requirement.specifier.contains(pinned[canonicalize_name(requirement.name)]), (
            requirement
        )


def installed_closure(required: list[str]) -> set[str]:
    """Canonical names of all packages that `required` pulls in, as the installed metadata tells."""
    packages: set[str] = set()
    queue = [(Requirement(text), "") for text in required]
    while queue:
        requirement, extra = queue.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        name = canonicalize_name(requirement.name)
        if name not in packages:
            packages.add(name)
            further = [Requirement(text) for text in metadata.requires(name) or []]
            for extra in requirement.extras or {""}:
                queue += [(item, extra) for item in further]
    return packages


def test_one_version_number() -> None:
    assert kanpde.__version__ == PROJECT["version"]
    assert f"## {PROJECT['version']}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_no_public_name_is_hidden_by_a_module() -> None:
    loaded = [
        getattr(kanpde, name) for name in kanpde.__all__
    ]  # loads every module behind the names
    assert len(loaded) == len(kanpde.__all__)
    assert [name for name in kanpde.__all__ if isinstance(getattr(kanpde, name), ModuleType)] == []


# Sizes and paths
# --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("folder", "limit"), [("kanpde", 420), ("problems", 150), ("scripts", 220)]
)
def test_one_noun_per_file_keeps_files_short(folder: str, limit: int) -> None:
    lengths = {
        name_of(p): len(p.read_text(encoding="utf-8").splitlines())
        for p in (ROOT / folder).rglob("*.py")
    }
    assert {name: length for name, length in lengths.items() if length > limit} == {}


def test_no_file_is_large() -> None:
    assert [name_of(path) for path in TEXTS if path.stat().st_size > 500_000] == []


def test_no_file_names_a_machine_or_a_registry() -> None:
    machine, registry = (
        r"/(?:work|home|root|Users|opt|mnt)/\w",
        r"file://|\bpypi\b|pythonhosted|index-url|find-links",
    )
    pattern, lines = re.compile(f"{machine}|{registry}", re.IGNORECASE), []
    for path in TEXTS:
        if path != Path(__file__).resolve() and path.suffix not in BINARY:
            lines += [
                f"{name_of(path)}: {m.group()}"
                for m in pattern.finditer(path.read_text(encoding="utf-8"))
            ]
    assert lines == []


# Documents
# --------------------------------------------------------------------------------------------------


def test_architecture_names_every_module_and_no_other() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    children = {
        p.name + "/" * p.is_dir() for p in (ROOT / "kanpde").iterdir() if p.name[:2] != "__"
    }
    assert {name for name in children - {"py.typed"} if f"`{name}`" not in text} == set()
    mentioned = set(re.findall(r"`(\w+\.py)`", text))
    assert {name for name in mentioned if not list((ROOT / "kanpde").rglob(name))} == set()


def readme_commands() -> list[str]:
    """The command lines in the fenced blocks of the README, without comments."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```(?:sh|bash|console|text)?\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    lines = [
        line.removeprefix("$ ").split(" #")[0].strip()
        for block in blocks
        for line in block.splitlines()
    ]
    return [line for line in lines if re.match(r"(make|kanpde|python|\.venv/bin/\w+) ", line)]


def test_readme_shows_the_two_commands() -> None:
    assert {"make demo", "make test"} <= set(readme_commands())


def test_every_command_in_the_readme_exists() -> None:
    targets = set(
        re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    )
    for command in readme_commands():
        program, first, *_ = command.split()
        if program == "make":
            assert first in targets, command
        elif program.endswith("kanpde"):
            assert first in VERBS, command
        elif command.startswith("python -m scripts "):
            assert command.split()[3] in programs(), command
        for group, name in re.findall(r"\b(problem|experiment)=([\w,]+)", command):
            for value in name.split(","):
                assert (ROOT / "conf" / group / f"{value}.yaml").is_file(), command
