"""Threads of one solve: libraries work on one each, and independent pieces run side by side.

    threads    KANPDE_THREADS, else OMP_NUM_THREADS, else as many as there are processors to use

OpenMP in torch and OpenBLAS in numpy and scipy share even a small product among all processors, and
their threads wait for each other in a loop: where other programs need a processor too, 576 patches
took 95 CPU s and 372 s on two threads, 25 CPU s and 61 s on one. So `alone` sets these libraries to
one thread, and what is independent (patches, groups of a tree, columns of a large factorization)
is shared by `each` and `follow`; numpy and LAPACK leave Python's lock while they work.

Who waits works too, and what nobody has begun is done by who needs it. So pieces may have pieces of
their own, and no number of threads waits for itself. Pieces do not depend on the number of threads,
so neither do the bits of a solution.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from contextvars import copy_context
from functools import cache, partial
from heapq import heappop, heappush
from itertools import count as counted
from pathlib import Path
from typing import Any, TypeVar

from kanpde.errors import ConfigError

NAMES = "KANPDE_THREADS", "OMP_NUM_THREADS"
"""Variables of the environment; the first that is set counts."""

SYMBOLS = {"numpy": "scipy_openblas_{}64_", "scipy": "scipy_openblas_{}"}
"""Packages with an OpenBLAS of their own, and how its functions are called."""

FIRST = -1
"""The rank of pieces of a piece, which others wait for; those of `follow` have theirs from 0 on."""

Item = TypeVar("Item")
Made = TypeVar("Made")


def count() -> int:
    """Threads of a solve, the calling one among them; ConfigError where a variable is no number."""
    for name in NAMES:
        text = os.environ.get(name, "").split(",")[0].strip()
        if not text:
            continue
        if not text.isdigit() or int(text) < 1:
            raise ConfigError(f"{name}: must be a number of threads from 1 on, found '{text}'")
        return int(text)
    usable = getattr(os, "sched_getaffinity", None)
    return len(usable(0)) if usable else os.cpu_count() or 1


class _Pool:
    """Threads that take what is waiting, the lowest rank first."""

    def __init__(self, workers: int) -> None:
        self.changed = threading.Condition()
        self._waiting: list[Any] = []
        self._numbers = counted()
        for _ in range(workers):
            threading.Thread(target=self._work, name="kanpde", daemon=True).start()

    def submit(self, rank: int, call: Callable[[], Made]) -> Future[Made]:
        """Have this done by some thread."""
        future: Future[Made] = Future()
        # what a caller has set for its own context, as numpy's errstate, holds for its pieces
        inside = partial(copy_context().run, call)
        with self.changed:
            entry: Any = (rank, next(self._numbers), future, inside)
            heappush(self._waiting, entry)
            self.changed.notify()
        return future

    def help(self) -> bool:
        """Do one of what is waiting, if anything is."""
        with self.changed:
            if not self._waiting:
                return False
            *_, future, call = heappop(self._waiting)
        if future.set_running_or_notify_cancel():
            try:
                future.set_result(call())
            except BaseException as error:
                future.set_exception(error)
        return True

    def is_idle(self) -> bool:
        """Whether nothing is waiting; the caller holds `changed`."""
        return not self._waiting

    def _work(self) -> None:
        import torch

        torch.set_num_threads(1)
        while True:
            with self.changed:
                self.changed.wait_for(lambda: bool(self._waiting))
            self.help()


@cache
def _pool(workers: int, process: int) -> _Pool:
    """The threads beside the calling one, of a process: a child that forks has none of them."""
    return _Pool(workers)


def _beside() -> _Pool | None:
    """The threads beside the calling one, if any."""
    workers = count() - 1
    return _pool(workers, os.getpid()) if workers else None


def each(function: Callable[[Item], Made], items: Sequence[Item]) -> list[Made]:
    """The results of a function for items that do not depend on each other, in their order."""
    pool = _beside()
    if pool is None or len(items) < 2:
        return [function(item) for item in items]
    begun = [pool.submit(FIRST, partial(function, item)) for item in items[1:]]
    try:
        results = [function(items[0])]
        for item, future in zip(items[1:], begun, strict=True):
            results.append(function(item) if future.cancel() else future.result())
    finally:
        for future in begun:
            future.cancel()
    return results


def follow(
    function: Callable[[int, Sequence[Made]], Made], before: Sequence[Sequence[int]]
) -> list[Made]:
    """The results of a function for the numbers of `before`, each from those of the smaller numbers
    that stand there; every number stands there once at most.
    """
    pool = _beside()
    if pool is None:
        results: list[Made] = []
        for number, others in enumerate(before):
            results.append(function(number, [results[other] for other in others]))
        return results
    return _Following(function, before, pool).results()


class _Following:
    """One call of `follow`: `missing` numbers before each, and the number `after` it."""

    def __init__(
        self,
        function: Callable[[int, Sequence[Made]], Made],
        before: Sequence[Sequence[int]],
        pool: _Pool,
    ) -> None:
        self.function, self.before, self.pool = function, before, pool
        self.made: dict[int, Any] = {}
        self.missing = [len(others) for others in before]
        self.after: list[int | None] = [None] * len(before)
        for number, others in enumerate(before):
            for other in others:
                self.after[other] = number
        # the longest way to the end first
        self.rank = [len(before)] * len(before)
        for number in reversed(range(len(before))):
            for other in before[number]:
                self.rank[other] = self.rank[number] - 1
        self.error: BaseException | None = None

    def results(self) -> list[Any]:
        """All of them."""
        try:
            for number, others in enumerate(self.before):
                if not others:
                    self._submit(number)
            while self._is_unfinished():
                if not self.pool.help():
                    with self.pool.changed:
                        self.pool.changed.wait_for(self._has_news)
        except BaseException as error:
            self.error = error
            raise
        if self.error is not None:
            raise self.error
        return [self.made[number] for number in range(len(self.before))]

    def _is_unfinished(self) -> bool:
        return self.error is None and len(self.made) < len(self.before)

    def _has_news(self) -> bool:
        return not self.pool.is_idle() or not self._is_unfinished()

    def _submit(self, number: int) -> None:
        self.pool.submit(self.rank[number], partial(self._run, number))

    def _run(self, number: int) -> None:
        if self.error is not None:
            return
        try:
            made = self.function(number, [self.made[other] for other in self.before[number]])
        except BaseException as error:
            made, self.error = None, error
        with self.pool.changed:
            self.made[number] = made
            following = self.after[number]
            if following is not None:
                self.missing[following] -= 1
            is_next = following is not None and not self.missing[following]
            self.pool.changed.notify_all()
        if is_next and following is not None:
            self._submit(following)


@contextmanager
def alone() -> Iterator[None]:
    """Torch and OpenBLAS work on one thread inside, and on as many as before afterwards; ConfigError
    where `count` has none.
    """
    count()
    torch = sys.modules.get("torch")
    before = torch.get_num_threads() if torch is not None else 1
    blas = [(library, library.get()) for library in libraries()]
    if torch is not None and before != 1:
        torch.set_num_threads(1)
    for library, threads in blas:
        if threads != 1:
            library.put(1)
    try:
        yield
    finally:
        if torch is not None and before != 1:
            torch.set_num_threads(before)
        for library, threads in blas:
            if threads != 1:
                library.put(threads)


class Library:
    """The OpenBLAS of a package."""

    def __init__(self, package: str, file: Path) -> None:
        self.package = package
        loaded, symbol = ctypes.CDLL(str(file)), SYMBOLS[package]
        self._get = loaded[symbol.format("get_num_threads")]
        self._put = loaded[symbol.format("set_num_threads")]

    def get(self) -> int:
        """Its number of threads."""
        return int(self._get())

    def put(self, threads: int) -> None:
        """Set its number of threads."""
        self._put(ctypes.c_int(threads))


@cache
def libraries() -> tuple[Library, ...]:
    """Every OpenBLAS that is found beside its package; what is missing keeps its threads."""
    import numpy

    found = []
    packages = Path(numpy.__file__).parent.parent
    for package in SYMBOLS:
        for file in sorted(packages.glob(f"{package}.libs/*openblas*")):
            try:
                found.append(Library(package, file))
            except (OSError, AttributeError):  # another build has other names
                continue
    return tuple(found)
