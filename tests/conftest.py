"""What several test files ask for by name."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from hypothesis import settings

from kanpde.problem import stored_reference
from kanpde.results import metrics

settings.register_profile("kanpde", deadline=None)  # no test races a clock
settings.load_profile("kanpde")


@pytest.fixture(autouse=True)
def no_computed_references(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a user has computed changes no test."""
    monkeypatch.setenv(stored_reference.FOLDER, str(tmp_path_factory.getbasetemp() / "references"))


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Tiny sums on one thread: faster on a busy machine, and the same bits everywhere in a file."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def quick(one_thread: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Report errors at a hundred held-out points, on one thread."""
    monkeypatch.setattr(metrics, "COUNT", dict.fromkeys(range(1, 4), 100))
