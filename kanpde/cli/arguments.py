"""What may stand on the command line."""

from __future__ import annotations

import argparse
from typing import NoReturn

from kanpde.cli.mistakes import unknown_option
from kanpde.config.shipped import TEMPLATES
from kanpde.errors import ConfigError

SUMMARY = """\
usage: kanpde VERB ...

solve partial differential equations with Kolmogorov-Arnold networks

  solve FILE.yaml | problem=NAME ...    solve a problem
  compare FILE.yaml | problem=NAME ...  solve it with a KAN and with an MLP, and say who won
  resume RUN                            go on with an interrupted run
  export RUN --to vtu|pvd|vtk|csv|npz|py write the field of a run, or its time series (pvd)
  plot RUN [--animate gif|mp4]          draw the figures of a run or of a comparison again, or a film
  plot RUN --diagram                    draw its network, every edge as its function
  simplify RUN [--prune 1e-2]           take out of a run's KAN what hardly matters, into a new run
  formula RUN                           a formula for the field of a run, put back into the equations
  mesh FILE.yaml --to FILE.msh|vtu|vtk  mesh the domain of a problem with gmsh
  list                                  the shipped problems
  show NAME | FILE.yaml | MESH          what a problem is or a mesh holds, and with which settings it would run
  reference FILE.yaml | problem=NAME    compute what errors are measured against where no exact solution is known
  init NAME [--template heat|flow|...]  write NAME.yaml, a commented file to start from
  schema [--out FILE.json]              the JSON Schema of a problem file, for editors
  open RUN                              show its report in a browser
  check RUN                             see whether the files of a run are as it wrote them
  doctor                                check the installation
  completion bash|zsh                   a script by which the shell completes verbs, options and problems

  kanpde VERB --help says more; kanpde --version
"""

_DOORS = """\
FILE.yaml is data: it can run no code. What stands beside it as key.path=value is data too: the value is YAML,
goes through the same checks and takes the place of what the file says; ~key.path takes a key out:
  FILE.yaml tolerance=1e-8 trial.patches.degree=10 'problem.parameters.k=3' problem.conditions.0.equation='u = 1'
problem=NAME opens the other door: Hydra overrides (trial.width=[64] schedule=adam_lbfgs experiment=paper_poisson),
with --config-dir and --cfg job. Hydra configs can run code: use that door only with configs you trust.
--multirun solves one job per combination of values, of problem=NAME or file=FILE.yaml: seed=1,2,3 …
"""

_FORMATS = ("vtu", "pvd", "vtk", "csv", "npz", "py")


class Parser(argparse.ArgumentParser):
    """A parser whose mistakes are a `ConfigError` of one line."""

    def error(self, message: str) -> NoReturn:
        """Raise the mistake instead of ending the process."""
        options = [option for action in self._actions for option in action.option_strings]
        remedy = unknown_option(message, options)
        raise ConfigError(
            f"{message}{remedy}{'' if remedy.endswith('?') else ';'} see {self.prog} --help"
        )


def parse(verb: str, words: list[str]) -> argparse.Namespace:
    """The arguments of `verb`.

    Raises:
        ConfigError: a word is unknown or missing.
    """
    return parser_of(verb).parse_intermixed_args(words)


def help_of(verb: str) -> str:
    """What `kanpde VERB --help` prints."""
    return parser_of(verb).format_help()


def parser_of(verb: str) -> Parser:
    """The parser of a verb."""
    parser = Parser(
        prog=f"kanpde {verb}",
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _FILL[verb](parser)
    return parser


def _solve(parser: Parser) -> None:
    parser.description = _DOORS
    parser.add_argument(
        "what",
        nargs="*",
        metavar="FILE.yaml | problem=NAME",
        help="the problem, then key=value: of the file, or Hydra overrides",
    )
    parser.add_argument("--out", metavar="DIR", help="run folder (default: runs/NAME-DATE-TIME)")
    parser.add_argument("--overwrite", action="store_true", help="replace an existing run folder")
    parser.add_argument(
        "--dry-run", action="store_true", help="check everything, print sizes, solve nothing"
    )
    parser.add_argument(
        "--seed", type=int, metavar="N", help="with FILE.yaml: another seed than the file's"
    )
    _shown(parser)
    hydra = _hydra(parser)
    hydra.add_argument(
        "-m",
        "--multirun",
        action="store_true",
        help="one run per combination of a=1,2 b=3,4, of a file too; the same command again goes on",
    )
    hydra.add_argument(
        "--objective",
        choices=("error", "estimate", "seconds"),
        help="with --multirun: what a sweeper lowers (default: the error, else the estimate)",
    )


def _shown(parser: Parser) -> None:
    """The options that say what is printed."""
    parser.add_argument("--quiet", action="store_true", help="print only where the files are")
    parser.add_argument(
        "--verbose",
        action="store_true",
        help="a line on stderr for every stage, level and slab; with --json one JSON object each",
    )
    parser.add_argument(
        "--json", action="store_true", help="print the result as JSON, and nothing else, on stdout"
    )


def _hydra(parser: Parser) -> argparse._ArgumentGroup:
    hydra = parser.add_argument_group("with problem=NAME or --multirun (Hydra)")
    hydra.add_argument(
        "-cd", "--config-dir", metavar="DIR", help="more configs, e.g. DIR/problem/NAME.yaml"
    )
    hydra.add_argument(
        "-c",
        "--cfg",
        choices=("job", "hydra", "all"),
        help="print the composed config, solve nothing",
    )
    hydra.add_argument("-p", "--package", metavar="KEY", help="with --cfg: only this part")
    hydra.add_argument("--resolve", action="store_true", help="with --cfg: resolve interpolations")
    return hydra


def _compare(parser: Parser) -> None:
    _solve(parser)
    parser.add_argument("--seeds", type=int, metavar="N", help="with FILE.yaml: number of seeds")


def _reference(parser: Parser) -> None:
    parser.description = (
        "Compute a reference from the equations alone, by finite elements (elliptic, parabolic;"
        " one unknown; linear steady systems and meshes in the plane) or Fourier series"
        " (periodic, in time), and refine it until its own error is small. Solves of the same"
        " problem are measured against it"
        " from then on: it is kept in the user's cache ($KANPDE_REFERENCES) under a digest of what"
        " the problem says.\n\n" + _DOORS
    )
    parser.add_argument(
        "what",
        nargs="*",
        metavar="FILE.yaml | problem=NAME",
        help="the problem, then key=value: of the file, or Hydra overrides",
    )
    parser.add_argument(
        "--error",
        type=float,
        default=1e-6,
        metavar="E",
        help="own relative L2 error to reach (1e-6)",
    )
    parser.add_argument(
        "--seconds",
        type=float,
        default=300.0,
        metavar="S",
        help="stop refining after about S s (300)",
    )
    parser.add_argument(
        "--out", metavar="FILE.npz", help="write it there instead of into the cache"
    )
    parser.add_argument("--quiet", action="store_true", help="print only where the file is")
    _hydra(parser)
    parser.set_defaults(multirun=False, seed=None)


def _run(parser: Parser, meaning: str) -> None:
    parser.description = meaning
    parser.add_argument("run", metavar="RUN", help="a run folder")


def _export(parser: Parser) -> None:
    _run(
        parser,
        "Write the field of a run: u, the residual, and the exact solution, the error, quantities"
        " and vectors where they exist;"
        " with --to pvd as a time series on the mesh of space.",
    )
    parser.add_argument(
        "--to",
        choices=_FORMATS,
        default="vtu",
        help="format (default: vtu, for ParaView; pvd: a series; py: products, for numpy alone)",
    )
    parser.add_argument(
        "--out", metavar="FILE", help="file (default: RUN/field.FORMAT, RUN/series.pvd)"
    )
    parser.add_argument("--resolution", type=int, metavar="N", help="cells along the longest side")
    parser.add_argument(
        "--degree", type=int, metavar="N", help="with --to vtu: of its cells, to 10 (default: 1)"
    )
    parser.add_argument(
        "--times",
        type=int,
        metavar="N",
        help="with --to pvd: instants (default: output.series, or 51)",
    )
    parser.add_argument(
        "--points", action="store_true", help="write RUN/points.vtu (and RUN/reference.vtu) instead"
    )


def _plot(parser: Parser) -> None:
    _run(
        parser,
        "Draw the figures of a run (RUN/figures) or of a comparison (RUN/error_vs_seconds.png)"
        " again.",
    )
    parser.add_argument(
        "--animate", choices=("gif", "mp4"), help="RUN/figures/animation.gif or .mp4 instead"
    )
    parser.add_argument(
        "--times",
        type=int,
        metavar="N",
        help="with --animate: frames (default: output.series, or 51)",
    )
    parser.add_argument(
        "--diagram",
        action="store_true",
        help="RUN/figures/network.png instead: the network of a kan",
    )


def _simplify(parser: Parser) -> None:
    _run(
        parser,
        "Prune the KAN of a finished run, train what is left on the run's own equations, and leave"
        " it as a new run beside\n"
        "diagrams of before and after. Thresholds are shares of the largest edge of a layer.",
    )
    parser.add_argument(
        "--prune",
        type=float,
        default=1e-2,
        metavar="T",
        help="hidden units below go (1e-2; 0: none)",
    )
    parser.add_argument(
        "--prune-edges", type=float, default=0.0, metavar="T", help="edges below go (0: none)"
    )
    parser.add_argument(
        "--steps", type=int, default=20, metavar="N", help="steps of training after it (20)"
    )
    parser.add_argument(
        "--symbolic", action="store_true", help="edges become functions; DIR/symbolic.json"
    )
    parser.add_argument(
        "--fix",
        action="append",
        default=[],
        metavar="L,I,O=NAME",
        help="this edge is that function",
    )
    parser.add_argument(
        "--out", metavar="DIR", help="the new run folder (default: runs/NAME-simple-DATE-TIME)"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an existing run folder")
    _shown(parser)


def _formula(parser: Parser) -> None:
    _run(
        parser,
        "Look for formulas of the unknowns in the values of a run, put them into every equation"
        " and condition, and say which of"
        " them hold: exactly, numerically to what, or not; of a regression, how well it fits the"
        " data. Exit code 8 where no formula"
        " is verified or fits.",
    )
    parser.add_argument("--out", metavar="FILE.json", help="file (default: RUN/formula.json)")
    parser.add_argument(
        "--seconds",
        type=float,
        default=120.0,
        metavar="S",
        help="search for at most about S processor s (120)",
    )
    parser.add_argument(
        "--json", action="store_true", help="print the formula as JSON, and nothing else, on stdout"
    )


def _resume(parser: Parser) -> None:
    _run(parser, "Go on with an interrupted run from its last checkpoint.")
    _shown(parser)


def _mesh(parser: Parser) -> None:
    parser.description = (
        "Mesh the domain of a problem with gmsh. Its boundary parts become groups, unnamed in .vtu"
        " and .vtk."
    )
    parser.add_argument("what", metavar="FILE.yaml", help="a data file")
    parser.add_argument("--to", metavar="FILE.msh", required=True, help="the mesh to write")
    parser.add_argument(
        "--size",
        type=float,
        metavar="H",
        help="longest edge wanted (default: 1/20 of the longest side)",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an existing file")


def _list(parser: Parser) -> None:
    parser.description = "The shipped problems."
    parser.add_argument("--json", action="store_true", help="print as JSON")


def _show(parser: Parser) -> None:
    parser.description = (
        "What a problem is and which parts its mesh has; with --resolved the whole config with which it would"
        " run, as a data file."
    )
    parser.add_argument(
        "name",
        metavar="NAME | FILE.yaml | MESH",
        help="a shipped problem, a data file or a mesh file",
    )
    parser.add_argument("--resolved", action="store_true", help="the resolved config as YAML")
    parser.add_argument("--json", action="store_true", help="the resolved config as JSON")


def _init(parser: Parser) -> None:
    parser.description = (
        "Write NAME.yaml into the current directory, a commented problem to start from, with the data"
        " that it names, and kanpde.schema.json, by which editors complete and check its keys."
    )
    parser.add_argument("name", metavar="NAME", help="letters, digits and _")
    parser.add_argument(
        "--template",
        metavar="KIND",
        help="plate (default), " + ", ".join(name for name in TEMPLATES if name != "plate"),
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an existing file")


def _schema(parser: Parser) -> None:
    parser.description = (
        "The JSON Schema of a whole problem file: print it, or write it where an editor looks."
    )
    parser.add_argument("--out", metavar="FILE.json", help="write it there")
    parser.add_argument("--overwrite", action="store_true", help="replace an existing file")


def _doctor(parser: Parser) -> None:
    parser.description = (
        "Versions, threads, a self-test solve of about a second, whether runs can be written here,"
        " and whether two processes can share a solve."
    )


def _open(parser: Parser) -> None:
    _run(
        parser,
        "Show RUN/report.html in a browser, and print where it is; it is made where it is missing.",
    )


def _check(parser: Parser) -> None:
    _run(
        parser,
        "See whether the files of a run folder belong together and are as they were written.",
    )


def _completion(parser: Parser) -> None:
    parser.description = (
        "Print a script by which the shell completes verbs, options, problems, files and runs:"
        ' eval "$(kanpde completion bash)" in ~/.bashrc, or the same with zsh in ~/.zshrc.'
    )
    parser.add_argument("shell", choices=("bash", "zsh"), help="the shell that reads it")


_FILL = {
    "solve": _solve,
    "compare": _compare,
    "reference": _reference,
    "resume": _resume,
    "export": _export,
    "plot": _plot,
    "formula": _formula,
    "simplify": _simplify,
    "mesh": _mesh,
    "list": _list,
    "show": _show,
    "init": _init,
    "schema": _schema,
    "doctor": _doctor,
    "check": _check,
    "open": _open,
    "completion": _completion,
}
VERBS = tuple(_FILL)
"""Everything `kanpde` can be told to do."""
