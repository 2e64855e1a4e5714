"""The command line: `kanpde VERB ...`. The only part that imports Hydra, prints, or ends the
process.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from kanpde.cli.arguments import SUMMARY, VERBS, parse
from kanpde.cli.errors import guarded
from kanpde.cli.mistakes import unknown_verb
from kanpde.cli.ranked import is_idle
from kanpde.errors import ConfigError
from kanpde.parallel import ranks
from kanpde.version import VERSION


def main(words: Sequence[str] | None = None) -> int:
    """Run the command line `words` (default: those of the process) and return the exit code.

    0 finished, 1 a bug, 2 bad input, 3 numerical failure, 4 files, 5 bad checkpoint, 6 folder in
    use, 7 over budget, 8 tolerance not met, 9 another rank was killed, 130 and 143 stopped by a
    signal.
    """
    given = list(sys.argv[1:] if words is None else words)
    if ranks.launched() == 1:
        return guarded(lambda: _dispatch(given))
    ranks.watch()
    ranks.leave(ranks.end(guarded(lambda: _dispatch(given))))


def _dispatch(words: list[str]) -> int:
    from kanpde.cli import looking, starting, terminal, verbs

    if not words or words[0] in ("-h", "--help", "help"):
        terminal.show_text(SUMMARY)
        return 0
    if words[0] in ("--version", "-V"):
        terminal.show_text(f"kanpde {VERSION}")
        return 0
    actions = {
        "solve": verbs.solve,
        "compare": verbs.compare,
        "reference": verbs.reference,
        "resume": verbs.resume,
        "export": verbs.export,
        "plot": verbs.plot,
        "formula": verbs.formula,
        "simplify": verbs.simplify,
        "mesh": verbs.mesh,
        "list": verbs.list_problems,
        "show": looking.show,
        "init": starting.init,
        "schema": starting.schema,
        "doctor": verbs.doctor,
        "check": looking.check,
        "open": looking.open_page,
        "completion": starting.completion,
    }
    if words[0] not in actions:
        raise ConfigError(unknown_verb(words[0], VERBS))
    if is_idle(words[0]):
        return 0
    return actions[words[0]](parse(words[0], words[1:]))
