"""Small problems and networks that several test files share."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import Any

import pytest
import torch
from torch import Tensor

from kanpde.config import Config, validate, validate_problem
from kanpde.expressions import Node, Scope, parse_expression
from kanpde.problem.problem import Problem
from kanpde.progress import StopReason
from kanpde.solver.build import Parts, build
from kanpde.trial.networks import KAN, MLP, build_kan, build_mlp

LINE = {"interval": {"lower": -1, "upper": 1}}
SQUARE = {"rectangle": {"lower": [-1, -1], "upper": [1, 1]}}
PLATE = {"rectangle": {"lower": [0, -1], "upper": [2, 0.5]}}
CUBE = {"box": {"lower": [0, 0, -1], "upper": [1, 2, 1]}}
DISK = {"disk": {"center": [0.2, -0.1], "radius": 0.8}}
ENDS = ["left", "right"]
SIDES = ["left", "right", "bottom", "top"]


def slowly(values: Iterable[Any], slow: Container[Any]) -> list[Any]:
    """Parameters of a test, of which those in `slow` are left to `make test-all`."""
    return [pytest.param(v, marks=pytest.mark.slow) if v in slow else v for v in values]


def generator(seed: int = 0) -> torch.Generator:
    """A seeded generator."""
    return torch.Generator().manual_seed(seed)


def uniform(*shape: int, seed: int = 0, lower: float = -1.0, upper: float = 1.0) -> Tensor:
    """Random numbers between `lower` and `upper`, float64."""
    return lower + (upper - lower) * torch.rand(
        *shape, generator=generator(seed), dtype=torch.float64
    )


def gap(computed: Tensor, wanted: Tensor) -> float:
    """Largest difference, relative to the largest wanted number."""
    assert computed.shape == wanted.shape, f"{tuple(computed.shape)} is not {tuple(wanted.shape)}"
    computed, wanted = computed.detach(), wanted.detach()
    return float((computed - wanted).abs().max() / wanted.abs().max().clamp_min(1e-300))


def problem_node(
    domain: Mapping[str, Any], equations: list[str], conditions: list[Any], **keys: Any
) -> dict[str, Any]:
    """A `problem` node; keys that are None are left out."""
    node = {
        "name": "small",
        "unknowns": ["u"],
        "domain": domain,
        "equations": equations,
        "conditions": conditions,
    }
    return {key: value for key, value in {**node, **keys}.items() if value is not None}


def create(node: Mapping[str, Any]) -> Problem:
    """The problem of a node."""
    return Problem.create(validate_problem(node, "small.yaml"))


def config(node: Mapping[str, Any], **keys: Any) -> Config:
    """The config of a problem node and the other keys of a file; nothing is written but data."""
    quiet = {"output": {"vtu": False, "plots": False}}
    return validate({"problem": node, **quiet, **keys}, source="small.yaml")


def parts(node: Mapping[str, Any], **keys: Any) -> Parts:
    """Problem, trial solution, points and assembly of a small config."""
    return build(config(node, **keys))


def formula(text: str, *coordinates: str) -> Node:
    """A parsed formula of coordinates."""
    return parse_expression(text, Scope(coordinates=coordinates))


def scramble(network: torch.nn.Module, seed: int = 0, size: float = 0.3) -> None:
    """Give every parameter a random value."""
    state = generator(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(
                size * torch.randn(parameter.shape, generator=state, dtype=torch.float64)
            )


def kan(
    shape: list[int], degree: int = 4, intervals: int = 3, base: bool = False, seed: int = 0
) -> KAN:
    """A KAN whose parameters are all random."""
    layers = len(shape) - 1
    network = build_kan(
        shape, [degree] * layers, [intervals] * layers, "paper", base, generator(seed)
    )
    scramble(network, seed)
    return network


def without_edges(network: KAN) -> KAN:
    """A KAN without every third edge of each layer, whose parameters are all random
    nevertheless.
    """
    masks = [
        torch.arange(layer.kept_edges.numel()).reshape(layer.kept_edges.shape) % 3 != 1
        for layer in network.stack
    ]
    masked = KAN([layer.masked(mask) for layer, mask in zip(network.stack, masks, strict=True)])
    scramble(masked, 7)
    return masked


def mlp(shape: list[int], activation: str = "tanh", seed: int = 0) -> MLP:
    """An MLP whose parameters are all random."""
    network = build_mlp(shape, activation, "xavier", 1.0, generator(seed))
    scramble(network, seed, 0.7)
    return network


class StopAfter:
    """An observer that asks to stop after so many calls of `step`; 0 never asks."""

    def __init__(self, calls: int = 0, reason: StopReason = StopReason.INTERRUPTED) -> None:
        self.calls, self.reason, self.seen = calls, reason, 0
        self.log: list[tuple[Any, ...]] = []

    @property
    def stop(self) -> StopReason | None:
        """The reason, once it is time."""
        return self.reason if self.calls and self.seen >= self.calls else None

    def stage_started(self, index: int, total: int, name: str, steps: int) -> None:
        """Note it."""
        self.log.append(("started", index, total, name, steps))

    def step(self, done: int, objective: float) -> None:
        """Count it."""
        self.seen += 1
        self.log.append(("step", done, objective))

    def stage_finished(self, index: int, objective: float, reason: StopReason) -> None:
        """Note it."""
        self.log.append(("finished", index, reason))

    def message(self, text: str) -> None:
        """Note it."""
        self.log.append(("message", text))
