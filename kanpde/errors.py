"""What can be wrong: one class per exit code of the command line."""

from __future__ import annotations


class KanpdeError(Exception):
    """Anything `kanpde` refuses or cannot do; the message is one line: name, rule, what was found,
    what to do.
    """

    exit_code = 1


class ConfigError(KanpdeError):
    """Bad input: a file, a key, a formula, a shape or an argument."""

    exit_code = 2


class NumericalError(KanpdeError):
    """A computation became non-finite or a factorisation failed."""

    exit_code = 3


class StorageError(KanpdeError):
    """A file could not be read or written."""

    exit_code = 4


class CheckpointError(KanpdeError):
    """A checkpoint is damaged, of another version, or does not fit its config."""

    exit_code = 5


class FolderInUseError(KanpdeError):
    """A run folder already exists or is locked by another process."""

    exit_code = 6


class BudgetError(KanpdeError):
    """The work asked for is larger than the limit; the message names the key to lower."""

    exit_code = 7


class ToleranceError(KanpdeError):
    """The requested tolerance was not met (the result is saved all the same)."""

    exit_code = 8


class RankError(KanpdeError):
    """Another process of a solve that several share has ended."""

    exit_code = 9


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that memory ran out: Python's and numpy's is `MemoryError`, torch's a
    `RuntimeError` that only its text or its name tells.
    """
    said = f"{type(error).__name__} {error}".lower()
    signs = ("outofmemory", "out of memory", "can't allocate memory", "not enough memory")
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(sign in said for sign in signs)
    )
