"""Single precision stays single precision in every stage, and no tensor is made without saying of
which dtype and where.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from core_helpers import LINE, config, problem_node, uniform
from torch import Tensor

from kanpde import api
from kanpde.assembly.outer_system import OuterSystem
from kanpde.config import Config
from kanpde.optimizers.broyden import _identity
from kanpde.optimizers.damped_qr import Damped
from kanpde.progress import Silent
from kanpde.results.metrics import measure
from kanpde.solver.build import Parts, build
from kanpde.solver.loop import Solver

pytestmark = pytest.mark.usefixtures("quick")

BENT = problem_node(
    LINE,
    ["dxx(u) + u**2 = dxx(s) + s**2"],
    [{"part": ["left", "right"], "equation": "u = s"}],
    definitions={"s": "sin(2*x)"},
    exact={"u": "s"},
)
HEAT = problem_node(
    LINE,
    ["dt(u) = dxx(u)/pi**2"],
    [
        {"part": "initial", "equation": "u = sin(pi*x)"},
        {"part": ["left", "right"], "equation": "u = 0"},
    ],
    time={"interval": [0, 0.1]},
    exact={"u": "sin(pi*x)*exp(-t)"},
)
LINEAR: dict[str, Any] = {"optimizer": "least_squares"}
SCHEDULES: dict[str, list[dict[str, Any]]] = {
    "least_squares": [LINEAR],
    "levenberg_marquardt": [LINEAR, {"optimizer": "levenberg_marquardt", "steps": 20}],
    "variable_projection": [LINEAR, {"optimizer": "variable_projection", "steps": 4}],
    "broyden": [{"optimizer": "broyden", "steps": 30}],
    "gauss_newton_cg": [LINEAR, {"optimizer": "gauss_newton_cg", "steps": 3}],
    "adam": [LINEAR, {"optimizer": "adam", "steps": 20, "learning_rate": 1e-6}],
    "lbfgs": [LINEAR, {"optimizer": "lbfgs", "steps": 20}],
    "grid stages": [
        LINEAR,
        {"update_grid": 0.2},
        {"extend_grid": [3, 9]},
        {"extend_grid": [6, 18]},
        LINEAR,
    ],
}
KINDS: dict[str, dict[str, Any]] = {
    "kan": {"kind": "kan", "width": [2], "degree": [3, 5], "intervals": [2, 6]},
    "chebyshev": {
        "kind": "kan",
        "basis": "chebyshev",
        "width": [2],
        "degree": [2, 5],
        "intervals": [1, 6],
    },
    "nodes": {"kind": "kan", "on": "nodes", "width": [2], "degree": 5, "intervals": 6},
    "mlp": {"kind": "mlp", "width": [12], "start": "features", "activation": "sine", "scale": 4.0},
}
CASES = [
    (kind, name) for kind in KINDS for name in SCHEDULES if kind == "kan" or name != "grid stages"
]


def small(kind: str, name: str, dtype: str = "float32") -> Config:
    keys: dict[str, Any] = {
        "sampler": {"interior": 60, "boundary": 2},
        "weights": {"conditions": 10.0},
    }
    schedule = (
        [LINEAR, *SCHEDULES[name]] if kind != "kan" and name == "broyden" else SCHEDULES[name]
    )  # alone it stops early
    return config(BENT, trial=KINDS[kind], schedule=schedule, dtype=dtype, **keys)


def ran(settings: Config) -> Parts:
    parts = build(settings)
    Solver(parts.trial, parts.assembly, settings.schedule, Silent()).run()
    return parts


def vector(parts: Parts) -> Tensor:
    return torch.cat([parameter.detach().reshape(-1) for parameter in parts.trial.parameters()])


# Single precision
# --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_every_stage_stays_in_single_precision_and_solves(kind: str, name: str) -> None:
    parts = ran(small(kind, name))
    trial, assembly = parts.trial, parts.assembly
    tensors = [
        *trial.parameters(),
        *trial.buffers(),
        *(term.x for term in assembly.terms),
        assembly.positions,
    ]
    tensors += [
        assembly.weighted(trial),
        assembly.jacobian(trial),
        *OuterSystem(assembly, trial).linearised(),
    ]
    tensors += [trial(parts.points.interior.x), assembly.objective(trial)]
    assert {tensor.dtype for tensor in tensors if tensor.dtype is not torch.bool} == {torch.float32}
    error = measure(parts.problem, trial, parts.points).relative_l2["u"]
    assert error is not None and error < 1e-3, error


def test_a_march_of_two_slabs_stays_in_single_precision_and_solves() -> None:
    stretched = {
        "kind": "kan",
        "start": "stretched",
        "width": [6],
        "degree": [5, 5],
        "intervals": [12, 12],
    }
    settings = config(
        HEAT, trial=stretched, sampler={"interior": 400, "boundary": 40}, slabs=2, dtype="float32"
    )
    solution = api.solve(settings)
    assert {parameter.dtype for parameter in solution.trial.parameters()} == {torch.float32}
    assert solution.coefficients().dtype == torch.float32 and len(solution.result.stages) == 2
    assert solution.relative_l2["u"] is not None and solution.relative_l2["u"] < 1e-3, (
        solution.relative_l2
    )


@pytest.mark.parametrize("damping", [1e-3, 1e30, 1e100])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_damping_without_end_leaves_a_finite_step(dtype: torch.dtype, damping: float) -> None:
    """In single precision √λ overflowed, and the step was NaN (MKL stops with an error) instead of
    nothing.
    """
    rows, right = uniform(8, 3).to(dtype), uniform(8, seed=1).to(dtype)
    step, predicted = Damped(rows, right).step(damping)
    assert step.dtype == dtype and bool(step.isfinite().all()) and predicted >= 0
    assert float(step.norm()) < (10 if damping < 1 else 1e-10)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_first_inverse_is_finite_where_the_gradient_vanishes(dtype: torch.dtype) -> None:
    inverse = _identity(torch.zeros(3, dtype=dtype))
    assert inverse.dtype == dtype and bool((inverse @ torch.zeros(3, dtype=dtype) == 0).all())


# Neither the default dtype nor the default device matters
# ------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", list(SCHEDULES))
def test_the_default_dtype_changes_no_bit(name: str, dtype: str) -> None:
    settings = small("kan", name, dtype)
    wanted = vector(ran(settings))
    before = torch.get_default_dtype()
    assert before == torch.float32
    torch.set_default_dtype(torch.float64 if dtype == "float32" else torch.bfloat16)
    try:
        assert torch.equal(vector(ran(settings)), wanted)
    finally:
        torch.set_default_dtype(before)


@pytest.mark.parametrize("name", [name for name in SCHEDULES if name not in ("adam", "lbfgs")])
def test_a_stage_makes_no_tensor_on_the_default_device(name: str) -> None:
    """What is made without a device lands on `meta`, holds no numbers and cannot be mixed;
    PyTorch's own Adam does that.
    """
    settings = small("kan", name)
    parts, wanted = build(settings), vector(ran(settings))
    with torch.device("meta"):
        Solver(parts.trial, parts.assembly, settings.schedule, Silent()).run()
    assert torch.equal(vector(parts), wanted)


# Sources
# --------------------------------------------------------------------------------------------------

PACKAGE = Path(api.__file__).resolve().parents[1]
STAGES = [
    *(
        path
        for folder in ("optimizers", "trial/networks", "trial/bases")
        for path in sorted((PACKAGE / folder).rglob("*.py"))
    ),
    PACKAGE / "assembly" / "residual.py",
    PACKAGE / "numerics" / "jets.py",
    PACKAGE / "solver" / "least_squares_problem.py",
    PACKAGE / "solver" / "loop.py",
    PACKAGE / "trial" / "solution.py",
]
CREATORS = {
    *(
        "tensor",
        "as_tensor",
        "zeros",
        "ones",
        "full",
        "empty",
        "eye",
        "arange",
        "linspace",
        "logspace",
        "from_numpy",
    ),
    *("rand", "randn", "randint", "randperm"),
}
COUNTING = {"arange", "randint", "randperm"}
HOST = {
    "trial/networks/kan.py: build_kan": "a start is made on the host, in the dtype asked for; `Module.to` moves it",
    "trial/networks/kan.py: ridges": "as above",
    "trial/networks/nodes.py: build_nodes": "as above",
    "trial/networks/kan.py: directions": "directions are worked out on the host in float64, then rounded",
    "trial/networks/mlp.py: build_mlp": "a start is drawn on the host in float64, then rounded",
    "trial/networks/mlp.py: _features": "as above",
    "trial/networks/scaled.py: scale": "as above",
    "trial/networks/scaled.py: _smooth": "as above",
    "optimizers/windowed_qr.py: _planned": "indices from numpy; LAPACK needs the numbers on the host anyway",
    "optimizers/linear_algebra/triangles.py: merged": "LAPACK needs the numbers on the host",
    "optimizers/linear_algebra/triangles.py: on_rows": "as above",
}
"""Where a tensor may be made on the host, and why."""


def loose(text: str) -> Iterator[tuple[str, str]]:
    """(function, call) of every creation of a tensor that takes its dtype and device from no other
    tensor.

    Numbers drawn from a generator come from the host; they may say a dtype alone. Counting needs a
    device alone.
    """
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]
    for function in functions:
        for node in ast.walk(function):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            if ast.unparse(node.func.value) != "torch" or node.func.attr not in CREATORS:
                continue
            keywords = {
                k.arg for k in node.keywords if ast.unparse(k.value).endswith((".dtype", ".device"))
            }
            drawn = any(k.arg == "generator" for k in node.keywords)
            needed = (
                {"device"}
                if node.func.attr in COUNTING
                else {"dtype"}
                if drawn
                else {"dtype", "device"}
            )
            if not needed <= keywords:
                yield function.name, ast.unparse(node)


@pytest.mark.parametrize("path", STAGES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_stages_take_dtype_and_device_from_a_tensor(path: Path) -> None:
    where = path.relative_to(PACKAGE).as_posix()
    calls = [f"{where}: {name}: {call}" for name, call in loose(path.read_text(encoding="utf-8"))]
    assert [text for text in calls if text.rsplit(": ", 1)[0] not in HOST] == []


@pytest.mark.parametrize(
    "call",
    [
        "torch.zeros(3)",
        "torch.eye(3, dtype=x.dtype)",
        "torch.tensor([1.0], dtype=torch.float64, device=x.device)",
        "torch.arange(3)",
        "torch.linspace(0, 1, 3, device=x.device)",
        "torch.rand(3, generator=g)",
    ],
)
def test_the_search_for_loose_tensors_finds(call: str) -> None:
    assert list(loose(f"def f(x):\n    return {call}\n")) == [("f", call)]


@pytest.mark.parametrize(
    "call",
    [
        "x.new_zeros(3)",
        "torch.zeros_like(x)",
        "torch.eye(3, dtype=x.dtype, device=x.device)",
        "torch.arange(3, device=x.device)",
    ],
)
def test_the_search_for_loose_tensors_passes(call: str) -> None:
    assert list(loose(f"def f(x):\n    return {call}\n")) == []
