"""What one Adam step costs (residual, gradient, update; Laplacian, 2500 points), side by side in
one run.

    python -m scripts step_cost [rounds]

KAN [2, 10, 1], degree 3, against an MLP with as many parameters under the same derivative engine, a
KAN on a 20 times finer grid, and, where it is installed, pykan on the same points by nested
autograd. Rounds of five steps are interleaved, the first of the five only warms the cache; medians
are compared.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from kanpde.numerics.jets import JetSpace, coordinates
from kanpde.trial.networks import KAN, MLP, build_kan, build_mlp

PAIRS = (
    ("KAN G=10", "MLP"),
    ("KAN G=200", "KAN G=10"),
    ("pykan G=10", "KAN G=10"),
    ("pykan G=10", "KAN G=10 + silu"),
)


def step_of(module: nn.Module, residual: Callable[[], Tensor]) -> Callable[[], None]:
    adam = torch.optim.Adam(module.parameters(), lr=1e-4)

    def step() -> None:
        adam.zero_grad()
        residual().square().mean().backward()
        adam.step()

    return step


def closed_form(network: KAN | MLP, x: Tensor) -> Callable[[], None]:
    at = coordinates(
        x,
        JetSpace.closure([(2, 0), (0, 2)], 2),
        torch.ones(2, dtype=x.dtype),
        torch.zeros(2, dtype=x.dtype),
    )
    return step_of(network, lambda: network.jet(at).laplacian[0] - 1)


def nested(module: nn.Module, x: Tensor) -> Callable[[], None]:
    def residual() -> Tensor:
        points = x.clone().requires_grad_(True)
        (first,) = torch.autograd.grad(module(points).sum(), points, create_graph=True)
        seconds = [
            torch.autograd.grad(first[:, i].sum(), points, create_graph=True)[0][:, i]
            for i in range(2)
        ]
        return seconds[0] + seconds[1] - 1

    return step_of(module, residual)


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    generator = torch.Generator().manual_seed(0)
    x = 2 * torch.rand(2500, 2, generator=generator, dtype=torch.float64) - 1
    kan10, kan200 = (
        build_kan([2, 10, 1], [3, 3], [g, g], "paper", False, generator) for g in (10, 200)
    )
    based = build_kan([2, 10, 1], [3, 3], [10, 10], "paper", True, generator)
    mlp = build_mlp([2, 18, 18, 1], "tanh", "xavier", 1.0, generator)
    sizes = {"KAN G=10": kan10, "KAN G=200": kan200, "KAN G=10 + silu": based, "MLP": mlp}
    steps = {name: closed_form(network, x) for name, network in sizes.items()}
    counts = {name: sum(p.numel() for p in network.parameters()) for name, network in sizes.items()}
    try:
        import kan as pykan

        torch.set_default_dtype(torch.float64)
        theirs = pykan.KAN(
            width=[2, 10, 1],
            grid=10,
            k=3,
            symbolic_enabled=False,
            save_act=False,
            auto_save=False,
            seed=0,
        )
        steps["pykan G=10"], counts["pykan G=10"] = (
            nested(theirs, x),
            sum(p.numel() for p in theirs.parameters()),
        )
    except ImportError:
        print(
            "pykan is not installed, so its row is left out (pip install pykan scikit-learn pandas"
            " tqdm)"
        )
    times: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(rounds + 1):
        for name, step in steps.items():
            for k in range(5):
                began = time.perf_counter()
                step()
                if turn and k:
                    times[name].append(time.perf_counter() - began)
    base = {name: statistics.median(values) for name, values in times.items()}
    print(
        f"threads {torch.get_num_threads()}, {rounds}"
        f" rounds\n{'':16s}{'parameters':>11s}{'median ms':>11s}{'min ms':>9s}"
    )
    for name, values in times.items():
        print(f"{name:16s}{counts[name]:11d}{1e3 * base[name]:11.2f}{1e3 * min(values):9.2f}")
    for name, other in PAIRS:
        if name in base:
            print(f"{name} / {other}: {base[name] / base[other]:.2f}")
