"""A wheel, installed without dependencies and used outside the checkout, finds its problems and
solves one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def run(*command: str | Path, cwd: Path) -> str:
    """Standard output of a command that must succeed, run without the checkout on its path."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    done = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, f"{command}: {done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
    run(
        *pip,
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--wheel-dir",
        folder,
        ROOT,
        cwd=folder,
    )
    (built,) = folder.glob("kanpde-*.whl")
    return built


@pytest.fixture(scope="module")
def environment(wheel: Path) -> Path:
    """A fresh virtual environment: only the wheel is installed, all other packages are borrowed
    from the running one.

    A .pth file adds the borrowed folder, so .pth files inside it (an editable install of the
    checkout) are not read.
    """
    folder = wheel.parent / "environment"
    run(sys.executable, "-m", "venv", "--without-pip", folder, cwd=wheel.parent)
    python = folder / "bin" / "python"
    run(
        sys.executable,
        "-m",
        "pip",
        "--python",
        python,
        "install",
        "--quiet",
        "--no-deps",
        wheel,
        cwd=wheel.parent,
    )
    borrowed = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (site_packages(folder) / "borrowed.pth").write_text(
        "\n".join(sorted(borrowed)), encoding="utf-8"
    )
    return folder


def site_packages(environment: Path) -> Path:
    """The one site-packages folder of a virtual environment."""
    (folder,) = environment.glob("lib/python*/site-packages")
    return folder


def test_wheel_holds_the_package_and_every_shipped_problem(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {name.split("/")[0].split("-")[0] for name in names} == {"kanpde"}
    for source, target in (
        ("kanpde", "kanpde"),
        ("conf", "kanpde/_conf"),
        ("problems", "kanpde/_problems"),
    ):
        files = [
            path
            for suffix in ("py", "yaml", "npz", "typed")
            for path in (ROOT / source).rglob(f"*.{suffix}")
        ]
        assert {f"{target}/{path.relative_to(ROOT / source).as_posix()}" for path in files} <= names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not [
        name for name in names if name.startswith(("tests/", "scripts/", "conf/", "problems/"))
    ]


def test_nothing_named_conf_or_problems_is_installed(environment: Path) -> None:
    assert {path.name.split("-")[0] for path in site_packages(environment).iterdir()} == {
        "kanpde",
        "borrowed.pth",
    }
    installed = site_packages(environment) / "kanpde"
    assert (installed / "_conf" / "problem" / "poisson_square.yaml").is_file()


def test_installed_package_is_not_the_checkout(environment: Path, tmp_path: Path) -> None:
    program = "import kanpde, sys; print(kanpde.__file__); print(*sys.path, sep='\\n')"
    file, *path = run(environment / "bin" / "python", "-c", program, cwd=tmp_path).splitlines()
    assert Path(file).is_relative_to(environment)
    assert str(ROOT) not in path


def test_installed_command_lists_and_solves_outside_the_checkout(
    environment: Path, tmp_path: Path
) -> None:
    command = environment / "bin" / "kanpde"
    assert "poisson_square" in run(command, "list", cwd=tmp_path)
    run(command, "solve", "problem=poisson_square", "--out", "square", cwd=tmp_path)
    result = json.loads((tmp_path / "square" / "result.json").read_text(encoding="utf-8"))
    assert result["relative_l2"]["u"] < 1e-11


@pytest.mark.slow
def test_installed_package_solves_from_python_outside_the_checkout(
    environment: Path, tmp_path: Path
) -> None:
    program = "import kanpde; print(kanpde.solve('poisson_square', trial={'width': [24]}).relative_l2['u'])"
    printed = run(environment / "bin" / "python", "-c", program, cwd=tmp_path)
    assert float(printed.split()[-1]) < 1e-4
    assert list(tmp_path.iterdir()) == []
