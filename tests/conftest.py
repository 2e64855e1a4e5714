"""What several test files ask for by name."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from kanpde import metrics


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Report errors at a hundred held-out points, and do tiny sums on one thread, so that a busy machine does no harm."""
    monkeypatch.setattr(metrics, "COUNT", dict.fromkeys(range(1, 4), 100))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
