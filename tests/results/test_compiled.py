"""A solution goes through torch.compile and torch.export, whatever it is made of."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import kanpde
from kanpde.errors import ConfigError
from kanpde.results.compiled import handle_of, values

NETWORK: dict[str, Any] = {"trial": {"width": [4]}, "sampler": {"interior": 60, "boundary": 40}}
HEAT: dict[str, Any] = {
    "domain": {"interval": {"lower": 0, "upper": 1}},
    "time": {"interval": [0, 0.1]},
    "equations": "dt(u) = dxx(u)",
    "conditions": {"boundary": "u = 0", "initial": "u = sin(pi*x)"},
}
POISSON: dict[str, Any] = {
    "domain": {"rectangle": {"lower": [0, 0], "upper": [1, 1]}},
    "equations": "-laplacian(u) = 1",
    "conditions": {"boundary": "u = 0"},
}
WAYS = {
    "network": (POISSON, NETWORK),
    "patches": (POISSON, {"tolerance": 1e-2}),
    "march": (HEAT, {"tolerance": 1e-2}),
}


@pytest.fixture(scope="module", params=WAYS)
def solution(request: pytest.FixtureRequest) -> Any:
    stated, keys = WAYS[request.param]
    return kanpde.solve(kanpde.Problem(unknowns="u", **stated), **keys)


def points(solution: Any) -> Tensor:
    lower, upper = (torch.tensor(end) for end in (solution.problem.domain.lower, [1.0, 0.1]))
    return lower + torch.linspace(0.1, 0.9, 5, dtype=torch.float64)[:, None] * (upper - lower)


def test_it_is_one_operator_of_a_compiled_function(solution: Any) -> None:
    u, x = solution.function, points(solution).requires_grad_()
    compiled = torch.compile(lambda x: (u(x) ** 2).sum(), backend="aot_eager", fullgraph=True)
    expected = (u(x) ** 2).sum()
    assert torch.allclose(compiled(x), expected)
    slopes = [torch.autograd.grad(value, x)[0] for value in (compiled(x), expected)]
    assert torch.allclose(*slopes) and bool((slopes[0] != 0).any())


def test_it_is_exported_for_any_number_of_points(solution: Any) -> None:
    u, x = solution.function, points(solution)

    class Field(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return u(x)

    rows = {"x": {0: torch.export.Dim("rows")}}
    program = torch.export.export(Field(), (x,), dynamic_shapes=rows).module()
    assert torch.equal(program(x[:3]), u(x[:3]))


def test_an_operator_without_its_solution_says_so() -> None:
    class Gone:
        """A solution that nobody holds."""

    handle = handle_of(Gone(), lambda *_: torch.zeros(1))
    with pytest.raises(ConfigError, match="is gone; keep a reference"):
        values(torch.zeros(1, 2), handle, (0, 0))
