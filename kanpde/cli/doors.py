"""The two doors: a data file, which can run no code, and Hydra overrides, which are trusted. Both
end in a `Config`. What stands beside a data file as key=value is data too, and Hydra never sees it.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kanpde.cli.mistakes import bare_word, no_problem
from kanpde.config import Config, shipped, validate, yaml_file
from kanpde.config.overrides import Override, named
from kanpde.config.shipped import make_problem
from kanpde.errors import ConfigError
from kanpde.names import did_you_mean
from kanpde.problem.formulas import Formulas

Task = Callable[[Any], Any]
"""What Hydra calls with a composed config."""

_FILE = "file="


def is_file(arguments: argparse.Namespace) -> bool:
    """Whether the command line opens the data door: one of its words ends in .yaml or .yml, or is
    file=FILE.

    Raises:
        ConfigError: two files, or a file and an option of Hydra's or `problem=` side by side.
    """
    files = _files(arguments.what)
    if not files:
        return False
    others = [word for word in arguments.what if word.startswith("problem=")]
    others += files[1:]
    options = ("config_dir", "cfg", "package", "resolve")
    for name in options[1:] if arguments.multirun else options:
        if getattr(arguments, name):
            others.append(f"--{name.replace('_', '-')}")
    if others:
        raise ConfigError(
            f"'{files[0]}' is a data file and cannot be mixed with '{others[0]}'; edit the file,"
            f" give its keys as key.path=value, or use problem=NAME"
        )
    return True


def file_config(arguments: argparse.Namespace) -> Config:
    """The config of the data file that stands on the command line, with the keys that stand beside
    it.

    Raises:
        ConfigError: the file, or a key in it or beside it, is wrong.
        BudgetError: the file is too large.
    """
    path = Path(_files(arguments.what)[0].removeprefix(_FILE))
    overrides = [Override.read(word) for word in arguments.what if not _names_file(word)]
    tree = yaml_file.load(path, lambda read: _edited(read, overrides, arguments))
    try:
        config = validate(tree, source=path.name, base=path.parent)
    except ConfigError as error:
        raise named(error, path.name, overrides) from error
    for override in overrides:
        override.require_use(tree)
    try:
        Formulas.of(config.problem)
    except ConfigError as error:
        raise named(ConfigError(f"{path.name}: {error}"), path.name, overrides) from error
    return config


def _edited(
    tree: dict[str, Any], overrides: Sequence[Override], arguments: argparse.Namespace
) -> dict[str, Any]:
    """The tree of a file with the overrides, in their order, then --seed and --seeds."""
    for override in overrides:
        tree = override.applied(tree)
    options = {"seed": "seed", "seeds": "compare.seeds"}
    for name, key in options.items():
        number = getattr(arguments, name, None)
        if number is not None:
            tree = Override.read(f"{key}={number}").applied(tree)
    return tree


def _files(words: Sequence[str]) -> list[str]:
    return [word for word in words if _names_file(word)]


def _names_file(word: str) -> bool:
    return word.startswith(_FILE) or ("=" not in word and word.endswith((".yaml", ".yml")))


def job(arguments: argparse.Namespace) -> tuple[int, dict[str, str]]:
    """The number of the job that Hydra runs, and what it alone was given, by key."""
    from hydra.core.hydra_config import HydraConfig

    known = HydraConfig.get()
    given = [str(word).lstrip("+") for word in known.overrides.task]
    words = [word.partition("=") for word in given if word not in _common(arguments.what)]
    return int(known.job.num), {key: value for key, _, value in words}


def _common(words: Sequence[str]) -> set[str]:
    """What all jobs of a sweep are given alike."""
    alike = {word for word in words if not _is_swept(word)}
    return alike | {_FILE + _quoted(Path(word)) for word in alike if _names_file(word)}


def job_config(composed: Any, arguments: argparse.Namespace) -> Config:
    """The config of the job that Hydra runs: what it composed, or the data file with the keys of
    the job in it.
    """
    if not is_file(arguments):
        return hydra_config(composed)
    from hydra.core.hydra_config import HydraConfig
    from hydra.core.override_parser.overrides_parser import OverridesParser

    swept = OverridesParser.create().parse_overrides(list(HydraConfig.get().overrides.task))
    words = [f"{_FILE}{entry.value()}" for entry in swept if entry.key_or_group == "file"]
    words += [word for word in arguments.what if not (_names_file(word) or _is_swept(word))]
    words += [
        f"{entry.key_or_group}={json.dumps(entry.value())}"
        for entry in swept
        if entry.key_or_group != "file"
    ]
    return file_config(argparse.Namespace(**vars(arguments) | {"what": words}))


def _swept_words(words: Sequence[str]) -> list[str]:
    """What Hydra is to see of the words of a sweep over a data file: the file, keys with several
    values, and its own. All others are data, which are checked here.
    """
    seen = []
    for word in words:
        if _names_file(word):
            seen.append(word if word.startswith(_FILE) else _FILE + _quoted(Path(word)))
        elif _is_of_hydra(word):
            seen.append(word)
        elif _is_swept(word):
            seen.append("++" + word)
        else:
            Override.read(word)
    return seen


def _is_of_hydra(word: str) -> bool:
    return word.lstrip("+~").startswith(("hydra.", "hydra/"))


def _is_swept(word: str) -> bool:
    """Whether a word is Hydra's: a key with several values, or a key of its own."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    if _is_of_hydra(word):
        return True
    try:
        return bool(OverridesParser.create().parse_override(word).is_sweep_override())
    except HydraException:  # not its grammar: YAML, then
        return False


def check_words(arguments: argparse.Namespace) -> None:
    """Check what Hydra would answer in its own words.

    Raises:
        ConfigError: no problem, a bare word, or an option of the data door.
    """
    if not arguments.what:
        raise ConfigError(no_problem(shipped.names()))
    for word in arguments.what:
        if "=" not in word and not word.startswith("~"):
            raise ConfigError(bare_word(word, shipped.names()))
    for name in ("seed", "seeds"):
        if getattr(arguments, name, None) is not None:
            raise ConfigError(
                f"--{name} belongs to a data file; with overrides use"
                f" {name}={getattr(arguments, name)}"
            )


def shipped_config(arguments: argparse.Namespace) -> Config | None:
    """The config of a shipped problem where the command line says `problem=NAME` and nothing else,
    None otherwise.

    Hydra composes the same from conf/, where all other keys are null, in half a second; where a
    plugin may add to what it composes, it is asked.
    """
    options = (arguments.cfg, arguments.config_dir, arguments.package)
    if len(arguments.what) != 1 or any(option is not None for option in options):
        return None
    key, _, name = arguments.what[0].partition("=")
    if arguments.resolve or key != "problem" or name not in shipped.names():
        return None
    if importlib.util.find_spec("hydra_plugins") is not None:
        return None
    return _trusted({"problem": yaml_file.load(shipped.problem_yaml(name))})


def hydra_config(composed: Any) -> Config:
    """The config that Hydra composed.

    Raises:
        ConfigError: a key, an interpolation or a value is wrong.
    """
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    try:
        tree = OmegaConf.to_container(composed, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        raise ConfigError(f"command line: {_first_line(error)}") from error
    return _trusted(tree)


def _trusted(tree: Any) -> Config:
    """The config of a tree that may name a Python file; null means "not given"."""
    given = _given(tree)
    seeds, stages = given.pop("seeds", None), given.pop("stages", None)
    if seeds is not None:
        given["compare"] = {**given.get("compare", {}), "seeds": seeds}
    if stages is not None:
        given["schedule"] = stages
    folder = shipped.data()
    return validate(
        given, source="command line", trusted=True, make_problem=make_problem, shipped=folder
    )


def run_hydra(arguments: argparse.Namespace, task: Task, sweep: Path | None = None) -> None:
    """Let Hydra compose the overrides and call `task`: once, once per job of a sweep, or never with
    --cfg.

    Hydra makes no folder and changes no logging; only a sweep keeps its multirun.yaml, in `sweep`.

    Raises:
        ConfigError: whatever Hydra refuses, in one line.
    """
    import hydra

    flags = ["--multirun"] if sweep is not None else []
    for name in ("config_dir", "cfg", "package"):
        if getattr(arguments, name) is not None:
            flags += [f"--{name.replace('_', '-')}", getattr(arguments, name)]
    flags += ["--resolve"] if arguments.resolve else []
    configs, words = shipped.conf(), [_stages(word) for word in arguments.what]
    if is_file(arguments):
        configs, words = configs / "sweep", _swept_words(arguments.what)
    if sweep is not None:
        words += [f"hydra.sweep.dir={_quoted(sweep)}", "hydra.sweep.subdir=."]
    decorated = hydra.main(config_path=str(configs), config_name="config", version_base="1.3")(task)
    with _command_line(flags + words):
        try:
            decorated()
        except Exception as error:  # Hydra raises many kinds; those of a task never come here
            raise ConfigError(f"command line: {_explain(error)}") from error


@contextmanager
def _command_line(words: Sequence[str]) -> Iterator[None]:
    """Hydra reads sys.argv, and raises its errors instead of printing them when HYDRA_FULL_ERROR is
    set.
    """
    argv, full = sys.argv, os.environ.get("HYDRA_FULL_ERROR")
    sys.argv = ["kanpde", *words]
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        yield
    finally:
        sys.argv = argv
        if full is None:
            del os.environ["HYDRA_FULL_ERROR"]
        else:
            os.environ["HYDRA_FULL_ERROR"] = full


def _given(tree: Any) -> dict[str, Any]:
    """`tree` without keys that are null and without mappings that are then empty: those are not
    given.
    """
    kept: dict[str, Any] = {}
    for key, value in tree.items():
        inner = _given(value) if isinstance(value, Mapping) else value
        if inner is not None and not (isinstance(value, Mapping) and value and not inner):
            kept[str(key)] = inner
    return kept


def _stages(word: str) -> str:
    """`schedule=[{...}]` as `stages=[{...}]`: to Hydra a list after the name of a group means files
    of that group.
    """
    key, _, value = word.partition("=")
    return (
        f"stages={value}" if key == "schedule" and value.replace(" ", "").startswith("[{") else word
    )


def _quoted(path: Path) -> str:
    text = str(path).replace("\\", "\\\\").replace("'", "\\'")
    return f"'{text}'"


def _explain(error: Exception) -> str:
    """One line for what Hydra raised, with the nearest known name where one is missing."""
    missing, options = getattr(error, "missing_cfg_file", None), getattr(error, "options", None)
    if missing is not None and options is not None:
        group, _, name = str(missing).rpartition("/")
        return shipped.unknown(group, name, tuple(options))
    if str(error).startswith("You must specify 'problem'"):
        return no_problem(tuple(line.strip() for line in str(error).splitlines()[2:]))
    cause = error.__cause__
    parent, key = getattr(cause, "parent_node", None), getattr(cause, "key", None)
    if isinstance(parent, Mapping) and isinstance(key, str) and key not in parent:
        known = [str(name) for name in parent if name != "hydra"]
        path = getattr(cause, "full_key", None) or key
        return f"{path}: unknown key{did_you_mean(key, known)} (known keys: {', '.join(known)})"
    if str(error).startswith("Ambiguous value"):
        return f"{_first_line(error)}: a list is written [a,b], a text 'a,b', and a sweep needs --multirun"
    return _first_line(error) + (f" ({_first_line(cause)})" if isinstance(cause, Exception) else "")


def _first_line(error: BaseException) -> str:
    return next(
        (line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__
    )
