"""Threads of a solve: results in order, errors passed on, libraries on one thread, and the same
bits for any number.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from contextlib import suppress

import numpy as np
import pytest
import torch

import kanpde
from kanpde.errors import ConfigError
from kanpde.optimizers.linear_algebra import condensed, householder, upper
from kanpde.parallel import threads

PLATE = {
    "problem": {
        "name": "cut_plate",
        "unknowns": ["u"],
        "domain": {
            "difference": [
                {"rectangle": {"lower": [0, 0], "upper": [2, 1]}},
                {"disk": {"center": [0.6, 0.5], "radius": 0.2}},
            ]
        },
        "equations": ["-div((1 + x*y)*grad(u)) + dx(u) = exp(x)*cos(3*y)"],
        "conditions": [{"part": "boundary", "equation": "u = x*y"}],
    },
    "trial": {"patches": {"cells": 5, "degree": 6, "refine": False}},
}


@pytest.fixture(params=[1, 2, 5])
def many(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setenv("KANPDE_THREADS", str(request.param))
    return int(request.param)


def test_results_are_in_the_order_of_their_items(many: int) -> None:
    """Those of pieces of pieces too."""
    numbers = list(range(40))
    nested = threads.each(lambda k: sum(threads.each(lambda m: m * k, range(9))), numbers)
    assert nested == [36 * k for k in numbers]


def test_pieces_run_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three that wait for each other end only if three threads work."""
    monkeypatch.setenv("KANPDE_THREADS", "3")
    together = threading.Barrier(3, timeout=20)
    assert sorted(threads.each(lambda _: together.wait(), range(3))) == [0, 1, 2]
    assert sorted(threads.follow(lambda number, _: together.wait(), [[], [], []])) == [0, 1, 2]


def test_a_piece_follows_those_before_it(many: int) -> None:
    """A tree that is a chain at one end, as one that is graded to a corner."""
    before: list[list[int]] = [[] for _ in range(30)]
    before += [[0, 1], *([28 + k, k] for k in range(2, 29))]

    def total(number: int, parts: Sequence[int]) -> int:
        return sum(threads.each(lambda part: part, range(3))) - 3 + number + sum(parts)

    expected: list[int] = []
    for number, others in enumerate(before):
        expected.append(number + sum(expected[other] for other in others))
    assert threads.follow(total, before) == expected


def test_an_error_of_a_piece_is_raised_and_the_next_call_works(many: int) -> None:
    with pytest.raises(ZeroDivisionError):
        threads.each(lambda k: 1 / (k - 7), range(20))
    with pytest.raises(ZeroDivisionError):
        threads.follow(lambda number, _: 1 / (number - 7), [[] for _ in range(20)])
    assert threads.each(abs, [-1, -2]) == [1, 2]


def test_what_a_caller_has_set_holds_in_its_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """On all three threads, which wait for each other."""
    monkeypatch.setenv("KANPDE_THREADS", "3")
    together = threading.Barrier(3, timeout=20)

    def state(_: int) -> str:
        together.wait()
        return np.geterr()["divide"]

    with np.errstate(divide="raise"):
        assert threads.each(state, range(3)) == ["raise"] * 3


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_of_fork_has_threads_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of its parent do not exist there."""
    monkeypatch.setenv("KANPDE_THREADS", "2")
    threads.each(abs, range(4))
    child = os.fork()
    if not child:
        together = threading.Barrier(2, timeout=20)
        right = False
        with suppress(threading.BrokenBarrierError):
            right = sorted(threads.each(lambda _: together.wait(), range(2))) == [0, 1]
        os._exit(0 if right else 1)
    assert os.waitpid(child, 0)[1] == 0


@pytest.mark.parametrize("text", ["0", "-2", "two", "1.5"])
def test_a_wrong_number_of_threads_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KANPDE_THREADS", text)
    with pytest.raises(ConfigError, match=f"KANPDE_THREADS: must be a number.* found '{text}'"):
        kanpde.solve(PLATE)


def test_the_first_variable_that_is_set_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7,2")
    monkeypatch.delenv("KANPDE_THREADS", raising=False)
    assert threads.count() == 7
    monkeypatch.setenv("KANPDE_THREADS", "3")
    assert threads.count() == 3
    monkeypatch.delenv("KANPDE_THREADS")
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert 1 <= threads.count() <= (os.cpu_count() or 1)


def test_libraries_work_on_one_thread_inside_and_as_before_outside() -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        for library in threads.libraries():
            library.put(2)
        with threads.alone():
            assert torch.get_num_threads() == 1
            assert {library.get() for library in threads.libraries()} <= {1}
        assert torch.get_num_threads() == 3
        assert {library.get() for library in threads.libraries()} <= {2}
    finally:
        torch.set_num_threads(before)
        for library in threads.libraries():
            library.put(1)


def test_patches_give_the_same_bits_on_any_number_of_threads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    coefficients = []
    for number in ("1", "3"):
        monkeypatch.setenv("KANPDE_THREADS", number)
        solution = kanpde.solve(PLATE)
        assert solution.result.threads == int(number)
        coefficients.append([values.detach() for values in solution.trial.parameters()])
    assert all(torch.equal(*pair) for pair in zip(*coefficients, strict=True))


def test_a_shared_factorization_has_the_same_bits_and_is_right(
    many: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R of a matrix by panels, and the elimination in its Gram matrix, in pieces of 16 columns."""
    monkeypatch.setattr(householder, "SHARED", 10)
    monkeypatch.setattr(householder, "WIDE", 16)
    matrix = torch.from_numpy(np.random.default_rng(3).standard_normal((90, 61)))
    triangle = upper(householder.by_columns(matrix))
    assert torch.equal(triangle, triangle.triu())
    assert torch.allclose(triangle.T @ triangle, matrix.T @ matrix, rtol=1e-12, atol=1e-12)
    parts = condensed(matrix.T @ matrix, 25)
    assert parts is not None
    assert torch.allclose(parts[0].abs(), triangle[:25].abs(), rtol=1e-9, atol=1e-9)
    rest = triangle[25:, 25:].T @ triangle[25:, 25:]
    assert torch.allclose(parts[1], rest, rtol=1e-9, atol=1e-9)
    monkeypatch.setenv("KANPDE_THREADS", "1")
    assert torch.equal(triangle, upper(householder.by_columns(matrix)))
    again = condensed(matrix.T @ matrix, 25)
    assert again is not None
    assert torch.equal(parts[0], again[0])
    assert torch.equal(parts[1], again[1])
