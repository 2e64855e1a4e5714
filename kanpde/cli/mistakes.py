"""What is answered to a command line that is none: the nearest command that is one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from pathlib import Path

from kanpde.names import did_you_mean
from kanpde.results.run_folder import SAVED

_VERBS_ELSEWHERE = {
    **dict.fromkeys(("run", "train", "fit", "start", "simulate", "go"), "solve"),
    **dict.fromkeys(("new", "create", "template"), "init"),
    **dict.fromkeys(("view", "report", "browse", "load"), "open"),
    **dict.fromkeys(("convert", "write", "paraview", "vtk", "vtu"), "export"),
    **dict.fromkeys(("draw", "picture", "animate", "figure"), "plot"),
    **dict.fromkeys(("continue", "restart"), "resume"),
    **dict.fromkeys(("problems", "ls", "catalogue"), "list"),
    **dict.fromkeys(("verify", "validate"), "check"),
    **dict.fromkeys(("test", "selftest", "diagnose"), "doctor"),
    **dict.fromkeys(("prune", "shrink"), "simplify"),
    **dict.fromkeys(("info", "print", "cat", "explain"), "show"),
}
_PROCESSOR = "every solve runs on the processor; remove it"
_PROCESSES = "processes share a solve by torchrun: torchrun --nproc-per-node=4 -m kanpde solve ..."
_SCHEDULE = "a stage of the schedule has steps: schedule='[{optimizer: lbfgs, steps: 1000}]'"
_ANSWERS = {
    **dict.fromkeys(("--gpu", "--cuda", "--device"), _PROCESSOR),
    **dict.fromkeys(("-n", "-np", "-j", "--np", "--jobs", "--workers", "--nproc"), _PROCESSES),
    **dict.fromkeys(("--epochs", "--iterations", "--steps", "--niter"), _SCHEDULE),
    **dict.fromkeys(("--units", "--unit"), "write problem.units.x=mm problem.units.u=K"),
    **dict.fromkeys(("--timeout", "--time-limit"), "write seconds=100 without dashes"),
    **dict.fromkeys(
        ("--threads", "--cores", "--cpus"), "write OMP_NUM_THREADS=4 before the command"
    ),
    **dict.fromkeys(("--resume", "--continue"), "kanpde resume RUN goes on with a run"),
    **dict.fromkeys(
        ("--file", "--config", "-c", "--input", "-i"), "a file is given without an option"
    ),
    **dict.fromkeys(("--tol", "--rtol", "--accuracy"), "write tolerance=1e-8 without dashes"),
}
"""Options of other programs that have no option here."""
_MESHES = (".msh", ".vtu", ".vtk", ".inp", ".mesh", ".xdmf", ".bdf", ".med")
_KEYS = ("tolerance", "seconds", "seed", "dtype")
"""Keys of a file that other programs take as options."""
_FORMATS = ("vtu", "pvd", "vtk", "csv", "npz")
_OPTIONS_ELSEWHERE = {
    **dict.fromkeys(("-o", "--output", "--output-dir", "--outdir", "--dir", "--folder"), "--out"),
    **dict.fromkeys(("--force", "-f"), "--overwrite"),
    **dict.fromkeys(("-q", "--silent"), "--quiet"),
    **dict.fromkeys(("-v", "--debug"), "--verbose"),
    **dict.fromkeys(("--format", "-t"), "--to"),
    **dict.fromkeys(("--sweep", "--multi"), "--multirun"),
}


def unknown_verb(word: str, verbs: Sequence[str]) -> str:
    """The sentence for a first word that is no verb."""
    if word in ("version", "-V"):
        return "'version' is no verb; write kanpde --version"
    if word.endswith((".yaml", ".yml")):
        return f"'{word}' is no verb; write kanpde solve {word}"
    meant = _VERBS_ELSEWHERE.get(word)
    hint = f", did you mean '{meant}'?" if meant else did_you_mean(word, verbs) or ";"
    return f"unknown verb '{word}'{hint} known: {', '.join(verbs)}"


def bare_word(word: str, problems: Iterable[str]) -> str:
    """The sentence for a word that is neither a problem file nor `key=value`."""
    sentence = f"'{word}' is neither a .yaml file nor key=value"
    known = tuple(problems)
    path = Path(word)
    beside = path.with_suffix(".yaml")
    if path.is_dir():
        return f"{sentence}; it is a folder: kanpde resume goes on with a run, kanpde open shows it"
    if beside.is_file():
        return f"{sentence}; did you mean {beside}?"
    if path.suffix == SAVED:
        return f"{sentence}; a saved solution is read by kanpde export"
    if path.is_file() and path.suffix in _MESHES:
        return f"{sentence}; it is a mesh: kanpde init NAME --template mesh writes a file for one"
    if path.is_file():
        return f"{sentence}; a problem file ends in .yaml"
    near = [word] if word in known else difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    if near:
        return f"{sentence}; did you mean problem={near[0]}?"
    return f"{sentence}; a shipped problem is problem=NAME (kanpde list shows them)"


def no_problem(problems: Sequence[str]) -> str:
    """The sentence for a command that names no problem."""
    first = "poisson_square" if "poisson_square" in problems else next(iter(problems), "NAME")
    return (
        f"no problem given; name a .yaml file, or a shipped problem as in problem={first}"
        f" (kanpde list shows all {len(problems)})"
    )


def unknown_option(message: str, options: Iterable[str]) -> str:
    """What to write for the first of the arguments that argparse did not recognise, or ''."""
    start = "unrecognized arguments: "
    if not message.startswith(start):
        return ""
    word, _, rest = message.removeprefix(start).partition(" ")
    name, _, value = word.partition("=")
    key = name.lstrip("-")
    if key in _KEYS and name.startswith("-"):
        value = value or rest.partition(" ")[0] or "..."
        return f"; write {key}={value} without dashes"
    known = tuple(options)
    if name in _FORMATS and "--to" in known:
        return f"; write --to {name}"
    if name in _ANSWERS and name not in known:
        return f"; {_ANSWERS[name]}"
    meant = _OPTIONS_ELSEWHERE.get(name)
    if meant in known:
        return f"; write {meant}"
    return did_you_mean(name, known) if name.startswith("-") else ""
