"""From an exception to one line on stderr and an exit code."""

from __future__ import annotations

import os
import traceback
import warnings
from collections.abc import Callable

from kanpde.cli.terminal import show_error, show_warning
from kanpde.errors import KanpdeError
from kanpde.progress import Overdue, StopReason


def guarded(action: Callable[[], int]) -> int:
    """Do `action` and return its exit code; an exception becomes one line, and a traceback only
    with KANPDE_DEBUG=1. A warning is a line, too.
    """
    try:
        with warnings.catch_warnings():
            warnings.showwarning = show_warning
            return action()
    except KanpdeError as error:
        return _report(f"error: {error}", error.exit_code)
    except Overdue as error:
        return _report(str(error), error.reason.exit_code)
    except KeyboardInterrupt:
        return _report("interrupted", StopReason.INTERRUPTED.exit_code)
    except BrokenPipeError:
        os.dup2(
            os.open(os.devnull, os.O_WRONLY), 1
        )  # whoever read our output is gone; nothing is left to say
        return 0
    except MemoryError:
        return _report(
            "error: out of memory; lower sampler.interior, trial.width or trial.intervals", 7
        )
    except Exception as error:
        return _report(
            f"internal error: {type(error).__name__}: {error}; KANPDE_DEBUG=1 shows where", 1
        )


def _report(line: str, code: int) -> int:
    if os.environ.get("KANPDE_DEBUG") == "1":
        traceback.print_exc()
    show_error(line)
    return code
