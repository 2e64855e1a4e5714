"""The cost of one Adam step (residual, gradient, update; Laplacian, 2500 points), side by side in
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
from collections.abc import Callable, Mapping

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


def own_networks(generator: torch.Generator) -> dict[str, KAN | MLP]:
    """The networks of this package that are compared."""

    def kan(intervals: int, base: bool) -> KAN:
        return build_kan(
            [2, 10, 1],
            degrees=[3, 3],
            intervals=[intervals, intervals],
            start="paper",
            base=base,
            generator=generator,
        )

    kan10, kan200, based = kan(10, False), kan(200, False), kan(10, True)
    mlp = build_mlp(
        [2, 18, 18, 1], activation="tanh", start="xavier", scale=1.0, generator=generator
    )
    return {"KAN G=10": kan10, "KAN G=200": kan200, "KAN G=10 + silu": based, "MLP": mlp}


def pykan_network() -> nn.Module | None:
    """The same KAN in pykan, None where it is not installed."""
    try:
        import kan as pykan
    except ImportError:
        print(
            "pykan is not installed, so its row is left out (pip install pykan scikit-learn pandas"
            " tqdm)"
        )
        return None
    torch.set_default_dtype(torch.float64)
    network: nn.Module = pykan.KAN(
        width=[2, 10, 1],
        grid=10,
        k=3,
        symbolic_enabled=False,
        save_act=False,
        auto_save=False,
        seed=0,
    )
    return network


def timed(steps: Mapping[str, Callable[[], None]], rounds: int) -> dict[str, list[float]]:
    """Seconds of every step but the first of five, the rounds of all networks interleaved."""
    times: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(rounds + 1):  # the first round warms up
        for name, step in steps.items():
            for k in range(5):
                began = time.perf_counter()
                step()
                if turn and k:
                    times[name].append(time.perf_counter() - began)
    return times


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    generator = torch.Generator().manual_seed(0)
    x = 2 * torch.rand(2500, 2, generator=generator, dtype=torch.float64) - 1
    networks: dict[str, nn.Module] = {}
    steps = {}
    for name, network in own_networks(generator).items():
        networks[name], steps[name] = network, closed_form(network, x)
    if (theirs := pykan_network()) is not None:
        networks["pykan G=10"], steps["pykan G=10"] = theirs, nested(theirs, x)
    times = timed(steps, rounds)
    medians = {name: statistics.median(values) for name, values in times.items()}
    print(
        f"threads {torch.get_num_threads()}, {rounds}"
        f" rounds\n{'':16s}{'parameters':>11s}{'median ms':>11s}{'min ms':>9s}"
    )
    for name, values in times.items():
        count = sum(parameter.numel() for parameter in networks[name].parameters())
        print(f"{name:16s}{count:11d}{1e3 * medians[name]:11.2f}{1e3 * min(values):9.2f}")
    for name, reference in PAIRS:
        if name in medians:
            print(f"{name} / {reference}: {medians[name] / medians[reference]:.2f}")
