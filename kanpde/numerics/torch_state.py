"""The state of torch that every computation of this package assumes.

A caller may stand inside `torch.no_grad()`, `inference_mode()`, `autocast` or `torch.device("meta")`,
or may have set another default device or number of threads. What enters the package by one of its
doors leaves that outside. The default dtype needs no door: no tensor of a solve is made without its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch

from kanpde.parallel.threads import alone


@contextmanager
def plain_torch() -> Iterator[None]:
    """Gradients, no inference mode, no automatic precision, the CPU as the device of new tensors, and
    libraries that work on one thread (see `threads`); a function that is decorated by
    `plain_torch()` runs inside.
    """
    with ExitStack() as stack:
        stack.enter_context(alone())
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        if torch.is_autocast_enabled("cpu"):
            stack.enter_context(torch.autocast("cpu", enabled=False))
        # every call of torch costs more below a device, so only where another one is set
        if torch.get_default_device().type != "cpu":
            stack.enter_context(torch.device("cpu"))
        yield
