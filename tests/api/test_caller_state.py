"""A solve gives the same bits whatever its caller has set in torch, NumPy or Python."""

from __future__ import annotations

import functools
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import numpy as np
import pytest
import torch

import kanpde
from kanpde.numerics.torch_state import plain_torch

NODE = {
    "name": "square",
    "unknowns": ["u"],
    "domain": {"rectangle": {"lower": [0, 0], "upper": [1, 1]}},
    "equations": ["-laplacian(u) = 1"],
    "conditions": [{"part": ["left", "right", "bottom", "top"], "equation": "u = 0"}],
}
SMALL = {"problem": NODE, "sampler": {"interior": 64, "boundary": 32}}
CASES: dict[str, dict[str, Any]] = {
    "adam": {**SMALL, "trial": {"width": [4]}, "schedule": [{"optimizer": "adam", "steps": 2}]},
    "lbfgs": {**SMALL, "trial": {"width": [4]}, "schedule": [{"optimizer": "lbfgs", "steps": 2}]},
    "variable_projection": {
        **SMALL,
        "trial": {"kind": "mlp", "width": [4]},
        "schedule": [{"optimizer": "variable_projection", "steps": 2}],
    },
    "patches": {
        "problem": NODE,
        "trial": {"patches": {"cells": 1, "degree": 4, "refine": False}},
    },
}
X = np.array([[0.2, 0.3], [0.7, 0.4]])


@contextmanager
def default_device() -> Iterator[None]:
    torch.set_default_device("meta")
    try:
        yield
    finally:
        torch.set_default_device(None)


@contextmanager
def deterministic() -> Iterator[None]:
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(False)


@contextmanager
def strict() -> Iterator[None]:
    with warnings.catch_warnings(), np.errstate(all="raise"):
        warnings.simplefilter("error")
        yield


@contextmanager
def seeded() -> Iterator[None]:
    with torch.random.fork_rng():
        torch.manual_seed(5)
        np.random.seed(5)  # noqa: NPY002
        yield


STATES: dict[str, Callable[[], AbstractContextManager[Any]]] = {
    "no gradients": torch.no_grad,
    "inference": torch.inference_mode,
    "default device": default_device,
    "device": lambda: torch.device("meta"),
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "deterministic": deterministic,
    "anomalies": torch.autograd.detect_anomaly,
    "strict": strict,
    "seeds": seeded,
}


@functools.cache
def plain(name: str) -> np.ndarray:
    return kanpde.solve(CASES[name])(X)


@pytest.mark.filterwarnings("ignore:Anomaly Detection")
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("name", CASES)
def test_the_state_of_the_caller_changes_no_bit(name: str, state: str, quick: None) -> None:
    expected = plain(name)
    with STATES[state]():
        solution = kanpde.solve(CASES[name])
        inside = solution(X)
        fields = solution.fields(X)
    assert np.array_equal(inside, expected)
    assert np.array_equal(fields["u"], expected[:, 0])


def test_a_solve_in_a_thread_gives_the_same_bits(quick: None) -> None:
    expected, values = plain("adam"), []
    thread = threading.Thread(target=lambda: values.append(kanpde.solve(CASES["adam"])(X)))
    thread.start()
    thread.join()
    assert np.array_equal(values[0], expected)


def test_the_state_of_the_caller_stays() -> None:
    with torch.inference_mode(), torch.device("meta"):
        with plain_torch():
            assert torch.is_grad_enabled() and not torch.is_inference_mode_enabled()
            assert torch.ones(1).device.type == "cpu"
        assert torch.is_inference_mode_enabled() and torch.ones(1).device.type == "meta"
