"""How SIGINT and SIGTERM reach a solve.

| seconds after the first signal | |
|---|---|
| 0 | the solve is asked to end; it looks between two steps, saves its state and reports |
| `PATIENCE` | the stage at work is broken off (`Overdue`) between two steps of Python |
| `LIMIT` | a process whose Python has not run since (a factorisation) ends at once |
| `ENDING` | so does one that has not finished its report |

A second signal stops the solve at once, and ends the process `GRACE` seconds later. Files are
written atomically, so whatever ends the process leaves the last checkpoint.
"""

from __future__ import annotations

import _thread
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Protocol

from kanpde.progress import Overdue, StopReason

SIGNALS = {signal.SIGINT: StopReason.INTERRUPTED, signal.SIGTERM: StopReason.TERMINATED}

PATIENCE, LIMIT, ENDING, GRACE, PAUSE = 2.0, 4.5, 15.0, 2.0, 0.5
"""Seconds: see above; `PAUSE` lies between two attempts to break off."""


class Stoppable(Protocol):
    """An observer that can be asked to end its solve."""

    @property
    def stop(self) -> StopReason | None:
        """Why the solve should end early, or None to go on."""

    @property
    def breakable(self) -> bool:
        """Whether a stage is at work or none has begun, so that no result is lost."""

    def request_stop(self, reason: StopReason) -> None:
        """Ask the solve to save its state and end."""


@contextmanager
def interruptible(bar: Stoppable) -> Iterator[None]:
    """Let SIGINT and SIGTERM ask the solve behind `bar` to stop, as the table above says."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals belong to the main thread
        return
    watch = _Watch(bar)
    before = {number: signal.signal(number, watch.handle) for number in SIGNALS}
    try:
        with watch.listening():
            yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@dataclass
class _Watch:
    """A thread that reads the numbers of signals, and the handler that runs in the main thread.

    Handlers run between two steps of Python, so not within a factorisation; a thread does.
    """

    bar: Stoppable
    over: threading.Event = field(default_factory=threading.Event)
    nudged: bool = False
    """The thread has called the handler, not a user."""
    answered: bool = False
    """The handler has run since `PATIENCE` was over."""
    broken: bool = False

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Called by Python in the main thread."""
        if self.nudged:
            self.nudged, self.answered = False, True
            if self.bar.stop is not None and self.bar.breakable and not self.broken:
                self.broken = True
                raise Overdue(self.bar.stop)
        elif self.bar.stop is None:
            self.bar.request_stop(SIGNALS[signal.Signals(number)])
        elif number == signal.SIGINT:
            raise KeyboardInterrupt
        else:
            raise SystemExit(StopReason.TERMINATED.exit_code)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Watch until the block ends."""
        mine, theirs = socket.socketpair()
        theirs.setblocking(False)
        before = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
        threading.Thread(target=self._watch, args=(mine,), daemon=True).start()
        try:
            yield
        finally:
            self.over.set()
            signal.set_wakeup_fd(before)
            theirs.close()  # and the thread ends

    def _watch(self, numbers: socket.socket) -> None:
        with numbers:
            byte = _signal(numbers)
            if byte is None:
                return
            number, began = signal.Signals(byte), time.monotonic()
            numbers.settimeout(PATIENCE)
            while not self.over.is_set():
                try:
                    byte = _signal(numbers)
                except TimeoutError:
                    self._overdue(number, time.monotonic() - began)
                    numbers.settimeout(PAUSE)
                    continue
                if byte is None:
                    return
                if self.nudged:  # our own call of the handler arrives here, too
                    continue
                if not self.over.wait(GRACE):
                    _leave(signal.Signals(byte))

    def _overdue(self, number: signal.Signals, seconds: float) -> None:
        """Break off what is at work, or end the process."""
        if seconds > (ENDING if self.answered else LIMIT):
            _leave(number)
        if not self.broken:
            self.nudged = True
            _thread.interrupt_main(number)


def _signal(numbers: socket.socket) -> int | None:
    """The next of our signals, None at the end; TimeoutError where none comes."""
    while byte := numbers.recv(1):
        if byte[0] in SIGNALS:
            return byte[0]
    return None


def _leave(number: signal.Signals) -> None:
    reason = SIGNALS[number]
    os.write(2, f"kanpde: {Overdue(reason)}\n".encode())
    os._exit(reason.exit_code)
