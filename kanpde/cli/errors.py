"""From an exception to one line on stderr and an exit code."""

from __future__ import annotations

import os
import traceback
import warnings
from collections.abc import Callable

from kanpde.cli.terminal import show_error, show_warning
from kanpde.errors import BudgetError, KanpdeError, StorageError, is_out_of_memory
from kanpde.parallel import ranks
from kanpde.progress import Overdue, StopReason

OUT_OF_MEMORY = (
    "error: out of memory; lower sampler.interior, trial.width, trial.intervals or trial.patches, or"
    " resume the run where there is more of it: its last checkpoint is whole"
)


def guarded(action: Callable[[], int], tell: Callable[[str], None] = show_error) -> int:
    """Do `action` and return its exit code; an exception becomes one line for `tell`, and a
    traceback only with KANPDE_DEBUG=1. A warning is a line, too.
    """

    def report(line: str, code: int) -> int:
        if os.environ.get("KANPDE_DEBUG") == "1":
            traceback.print_exc()
        # of ranks that fail alike one speaks
        if ranks.launched() == 1 or ranks.is_first_to_fail(code):
            tell(line)
        return code

    try:
        with warnings.catch_warnings():
            warnings.showwarning = show_warning
            return action()
    except KanpdeError as error:
        return report(f"error: {error}", error.exit_code)
    except Overdue as error:
        return report(str(error), error.reason.exit_code)
    except KeyboardInterrupt:
        return report("interrupted", StopReason.INTERRUPTED.exit_code)
    except BrokenPipeError:
        os.dup2(
            os.open(os.devnull, os.O_WRONLY), 1
        )  # whoever read our output is gone; nothing is left to say
        return 0
    except Exception as error:
        if is_out_of_memory(error):
            return report(OUT_OF_MEMORY, BudgetError.exit_code)
        if isinstance(error, OSError) and error.filename is not None:  # the system refuses a path
            return report(f"error: {error.strerror}: {error.filename!r}", StorageError.exit_code)
        return report(
            f"internal error: {type(error).__name__}: {error}; KANPDE_DEBUG=1 shows where", 1
        )
