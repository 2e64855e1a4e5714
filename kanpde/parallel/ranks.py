"""Ranks: processes that torchrun starts and that work on one solve together, and how all of them
end.

    torchrun --nproc-per-node=N -m kanpde solve plate.yaml

All ranks do the same and take the same decisions: what depends on a clock or on a signal is what
rank 0 says (`Ranks.agreed`), what is known to one rank each is added up (`Ranks.summed`). Only what
is asked for by these words and by `send` and `receive` passes between them (gloo).

One entry in the store of torchrun holds the exit code of all. The first that fails writes it, or
rank 0 when everything is written; a thread in every rank looks for it, and ends the process. A rank
that is killed closes its connections: the others fail at their next exchange, if torchrun has not
ended them before. This module is the door to torch.distributed.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, NoReturn

from kanpde.errors import RankError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

ENDED, SEEN = "kanpde/ended", "kanpde/seen"
"""Keys of the store: the exit code of all ranks, and how many have seen it."""

LOOK, LEAVE = 0.2, 5.0
"""Seconds between two looks at the store, and after which the first that failed waits no longer."""

PROBED = 120
"""Seconds after which two processes that add up two numbers are given up."""

SIGNALS, GRACE = (signal.SIGINT, signal.SIGTERM), 7.0

PATIENCE = timedelta(hours=12)
"""How long an exchange waits for a rank that lives: one may be at work on a large factorization."""


def launched() -> int:
    """How many ranks torchrun has started, 1 without it."""
    known = all(name in os.environ for name in ("RANK", "MASTER_ADDR", "MASTER_PORT"))
    return int(os.environ.get("WORLD_SIZE", "1")) if known else 1


def number() -> int:
    """Which of them this process is."""
    return int(os.environ["RANK"]) if launched() > 1 else 0


@dataclass(frozen=True)
class Ranks:
    """This process, the `number`-th of `count`."""

    number: int = 0
    count: int = 1

    def summed(self, array: Array) -> Array:
        """The sum over all ranks; exact where every number is nonzero on one of them at most."""
        if self.count == 1:
            return array
        import numpy as np
        import torch
        import torch.distributed

        total = torch.from_numpy(np.array(array, dtype=np.float64))
        with _told():
            torch.distributed.all_reduce(total)
        return np.asarray(total.numpy())

    def agreed(self, value: float) -> float:
        """What rank 0 gives."""
        if self.count == 1:
            return value
        import numpy as np

        return float(self.summed(np.array([value if self.number == 0 else 0.0]))[0])

    def send(self, words: Any, arrays: list[Array], to: int) -> None:
        """Send what JSON can say, and arrays."""
        import numpy as np
        import torch
        import torch.distributed

        shapes = [list(array.shape) for array in arrays]
        head = np.frombuffer(json.dumps([words, shapes]).encode(), dtype=np.uint8)
        body = np.concatenate([np.ravel(array) for array in arrays])
        sizes = np.array([len(head), len(body)], dtype=np.int64)
        with _told():
            for part in (sizes, head.copy(), body):
                if len(part):
                    torch.distributed.send(torch.from_numpy(part), to)

    def receive(self, source: int) -> tuple[Any, list[Array]]:
        """What another rank sends."""
        import numpy as np
        import torch
        import torch.distributed

        with _told():
            sizes = torch.zeros(2, dtype=torch.int64)
            torch.distributed.recv(sizes, source)
            head = torch.zeros(int(sizes[0]), dtype=torch.uint8)
            torch.distributed.recv(head, source)
            body = torch.zeros(int(sizes[1]), dtype=torch.float64)
            if len(body):
                torch.distributed.recv(body, source)
        words, shapes = json.loads(head.numpy().tobytes())
        ends = np.cumsum([int(np.prod(shape)) for shape in shapes])[:-1]
        pieces = np.split(body.numpy(), ends)
        return words, [piece.reshape(shape) for piece, shape in zip(pieces, shapes, strict=True)]


ALONE = Ranks()
_present: ContextVar[Ranks] = ContextVar("ranks", default=ALONE)


def present() -> Ranks:
    """The ranks that share what is being solved."""
    return _present.get()


@contextmanager
def shared() -> Iterator[Ranks]:
    """What is solved inside is shared by all ranks that torchrun has started."""
    import torch.distributed

    with _told():
        torch.distributed.init_process_group("gloo", timeout=PATIENCE)
    ranks = Ranks(torch.distributed.get_rank(), torch.distributed.get_world_size())
    token = _present.set(ranks)
    try:
        yield ranks
    finally:
        _present.reset(token)
    torch.distributed.destroy_process_group()


@contextmanager
def _told() -> Iterator[None]:
    """A failed exchange as a RankError."""
    try:
        yield
    except RuntimeError as error:
        first = str(error).partition("\n")[0]
        raise RankError(
            f"ranks: rank {number()} reaches another one no longer ({first}); see what that one"
            f" printed, and solve again"
        ) from error


@cache
def _store() -> Any:
    """The store of torchrun, by a connection of its own."""
    import torch.distributed

    address, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    tcp_store: Any = vars(torch.distributed)["TCPStore"]
    return tcp_store(address, port, is_master=False, timeout=timedelta(seconds=30))


_decided = threading.Event()
"""Whether this process itself has said how all end."""


def watch() -> None:
    """End this process when another rank says that all have ended. Signals are for rank 0 to answer;
    where it does not, another rank ends `GRACE` seconds after one.
    """
    if number() and hasattr(signal, "pthread_sigmask"):
        # threads that begin later have them blocked too, so that the one that waits gets them
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        threading.Thread(target=_outlast, name="kanpde signals", daemon=True).start()
    threading.Thread(target=_watch, name="kanpde ranks", daemon=True).start()


def _outlast() -> None:
    got = signal.sigwait(SIGNALS)
    time.sleep(GRACE)
    os._exit(128 + got)


def _watch() -> None:
    while True:
        code = _code_of_all()
        if _decided.is_set():
            return
        if code is not None:
            with suppress(RuntimeError):
                _store().add(SEEN, 1)
            leave(code)
        time.sleep(LOOK)


def _code_of_all() -> int | None:
    """The exit code in the store, if there is one; that of a RankError where the store is gone."""
    try:
        store = _store()
        return int(store.get(ENDED)) if store.check([ENDED]) else None
    except RuntimeError:
        return RankError.exit_code


def leave(code: int) -> NoReturn:
    """End this process at once."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def is_first_to_fail(code: int) -> bool:
    """Write the exit code of all ranks unless one stands there; whether this rank has written it."""
    mine = f"{code}/{number()}"
    try:
        return bool(_store().compare_set(f"{ENDED}/by", "", mine).decode() == mine)
    except RuntimeError:
        return True


def end(code: int) -> int:
    """The exit code of this process, with which all ranks end.

    Rank 0 decides how a solve without failures ends, the first that fails how any other does.
    """
    # torchrun ends all others by a signal as soon as one has failed
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        if number() == 0 or code:
            _decided.set()
            by = _store().compare_set(f"{ENDED}/by", "", f"{code}/{number()}").decode()
            code = int(by.partition("/")[0])
            _store().set(ENDED, str(code))
            _store().add(SEEN, 1)
            until = time.monotonic() + LEAVE
            # whoever ends with a failure makes torchrun end the others with a signal
            while int(_store().add(SEEN, 0)) < launched() and time.monotonic() < until:
                time.sleep(LOOK / 4)
            return code
        while True:  # the watching thread ends this process
            time.sleep(LEAVE)
    except RuntimeError:
        return code or RankError.exit_code


def probe() -> None:
    """What each of two processes of `add_up` does."""
    import numpy as np

    with shared() as ranks:
        total = ranks.summed(np.array([ranks.number + 1.0]))
    sys.exit(0 if float(total[0]) == 3.0 else 1)


def add_up() -> float:
    """Have two processes on this machine add up two numbers; the seconds that takes, RankError where
    they cannot.
    """
    began = time.monotonic()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    given = {**os.environ, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2"}
    given.pop("TORCHELASTIC_USE_AGENT_STORE", None)
    command = [sys.executable, "-c", "from kanpde.parallel.ranks import probe; probe()"]
    begun = [
        subprocess.Popen(
            command,
            env={**given, "RANK": str(rank)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        for rank in range(2)
    ]
    try:
        told = [process.communicate(timeout=PROBED)[1].decode() for process in begun]
    except subprocess.TimeoutExpired as error:
        raise RankError(f"ranks: two processes did not meet within {PROBED} s") from error
    finally:
        for process in begun:
            process.kill()
            process.wait()
    if any(process.returncode for process in begun):
        last = next(text for text in told if text).strip().splitlines()[-1]
        raise RankError(f"ranks: two processes cannot add up two numbers ({last})")
    return time.monotonic() - began
