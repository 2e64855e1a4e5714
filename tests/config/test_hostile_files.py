"""A file that is wrong or hostile is answered with one line, at once, and nothing in it is
executed.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from kanpde.config import validate, yaml_file
from kanpde.errors import BudgetError, ConfigError

GOOD = """\
problem:
  name: plate
  unknowns: [u]
  domain: {rectangle: {lower: [0, 0], upper: [2, 1]}}
  parameters: {k: 2.0}
  definitions: {f: "10*exp(-x**2)"}
  equations: ["-k*laplacian(u) = f"]
  conditions:
    - {part: [left, right], equation: "u = 0"}
    - {part: [bottom, top], equation: "dn(u) = 0", weight: 1.0}
trial: {kind: kan, width: [10], degree: [7, 9], intervals: [4, 12]}
schedule:
  - {optimizer: least_squares}
sampler: {interior: 400, boundary: 80, kind: chebyshev}
weights: {equations: 1.0, conditions: 100.0}
seed: 0
"""
RECTANGLE = "{rectangle: {lower: [0, 0], upper: [2, 1]}}"
CONDITIONS = GOOD[GOOD.index("    - {part: [left") : GOOD.index("trial:")]
DISK = "{disk: {center: [1, 0.5], radius: 0.2}}"


def put(old: str, new: str) -> str:
    """The good file with one change."""
    assert GOOD.count(old) == 1, old
    return GOOD.replace(old, new)


def domain(shape: str, conditions: str = "    - {part: left, equation: 'u = 0'}\n") -> str:
    """The good file on another domain."""
    return put(RECTANGLE, shape).replace(CONDITIONS, conditions)


def condition(line: str) -> str:
    """The good file with one more condition."""
    return put("weight: 1.0}\n", f"weight: 1.0}}\n    - {line}\n")


# name: (content, words that the message must contain)
WRONG: dict[str, tuple[str, tuple[str, ...]]] = {
    # typing mistakes
    "typo at the top": (
        put("trial:", "tiral:"),
        ("tiral: unknown key, did you mean 'trial'?", "known keys: problem"),
    ),
    "typo in trial": (put("width", "widht"), ("trial.widht: unknown key, did you mean 'width'?",)),
    "typo in problem": (
        put("unknowns", "unknown"),
        ("problem.unknown: unknown key, did you mean 'unknowns'?",),
    ),
    "typo in a condition": (
        put("weight:", "wieght:"),
        ("problem.conditions[1].wieght", "did you mean 'weight'?"),
    ),
    "typo in a shape": (
        put("rectangle", "rectangel"),
        ("problem.domain.rectangel", "did you mean 'rectangle'?"),
    ),
    "typo in an optimizer": (
        put("least_squares", "least_sqares"),
        ("schedule[0].optimizer", "'least_squares'?"),
    ),
    "typo in a sampler": (
        put("chebyshev", "chebychev"),
        ("sampler.kind: must be one of grid", "mean 'chebyshev'?"),
    ),
    "typo in a part": (
        put("[left, right]", "[left, rihgt]"),
        ("part[1]: unknown part 'rihgt', did you mean 'right'?",),
    ),
    "misplaced key": (
        GOOD + "equations: [u = 0]\n",
        ("equations: unknown key; it belongs under 'problem'",),
    ),
    "settings in the problem": (
        put("  name: plate", "  seed: 3"),
        ("problem.seed: unknown key; it belongs beside",),
    ),
    # wrong types
    "text for a number": (
        put("400", "many"),
        ("sampler.interior: must be an integer from 1", "found 'many'"),
    ),
    "bool for a number": (
        put("seed: 0", "seed: true"),
        ("seed: must be an integer from 0", "found true"),
    ),
    "fraction of an integer": (
        put("400", "400.5"),
        ("sampler.interior: must be an integer", "found 400.5"),
    ),
    "number for a flag": (
        GOOD + "output: {vtu: 2}\n",
        ("output.vtu: must be true or false, found 2",),
    ),
    "no for a flag": (
        GOOD + "output: {vtu: no}\n",
        ("output.vtu: must be true or false, found 'no'",),
    ),
    "list for a mapping": (
        put("{k: 2.0}", "[2.0]"),
        ("problem.parameters: must be a mapping", "found a list of 1"),
    ),
    "mapping for a list": (
        put("[10]", "{a: 10}"),
        ("trial.width: must be a list", "found a mapping"),
    ),
    "sexagesimal": (put("400", "1:30"), ("sampler.interior", "found '1:30'")),
    "octal": (put("400", "0777"), ("sampler.interior", "found '0777'")),
    "null for a number": (
        put("k: 2.0", "k: null"),
        ("problem.parameters.k: must be a number, found null",),
    ),
    "name of a shipped problem": (
        "problem: poisson_square\n",
        ("problem: must be a", "problem=poisson_square"),
    ),
    "stage as a word": (
        put("{optimizer: least_squares}", "adam"),
        ("schedule[0]", "{optimizer: adam}"),
    ),
    # numbers
    "nan": (
        put("k: 2.0", "k: .nan"),
        ("problem.parameters.k: must be a finite number, found nan",),
    ),
    "infinity": (put("100.0", ".inf"), ("weights.conditions: must be a finite number, found inf",)),
    "huge exponent": (
        put("k: 2.0", "k: 1e999"),
        ("problem.parameters.k: must be a finite number, found '1e999'",),
    ),
    "huge integer": (
        put("400", "9" * 5000),
        ("sampler.interior: must be an integer from 1 to 100000000, found '999",),
    ),
    "too many points": (
        put("400", "1000000000000"),
        ("sampler.interior: must be an integer from 1 to",),
    ),
    "negative weight": (
        put("100.0", "-1"),
        ("weights.conditions: must be a number greater than 0", "found -1"),
    ),
    "no weight": (
        put("1.0, conditions: 100.0", "0, conditions: 0"),
        ("weights.equations: must be a number greater than 0",),
    ),
    "degree 0": (put("[7, 9]", "0"), ("trial.degree: must be an integer from 1 to 30, found 0",)),
    "degree 31": (
        put("[7, 9]", "[7, 31]"),
        ("trial.degree[1]: must be an integer from 1 to 30, found 31",),
    ),
    "no intervals": (
        put("[4, 12]", "0"),
        ("trial.intervals: must be an integer from 1 to 100000",),
    ),
    "wide layer": (put("[10]", "[5000]"), ("trial.width[0]: must be an integer from 1 to 4096",)),
    "many layers": (
        put("[10]", f"{[1] * 17}"),
        ("trial.width: must hold at most 16 elements, found 17",),
    ),
    "negative seed": (
        put("seed: 0", "seed: -1"),
        ("seed: must be an integer from 0 to 9223372036854775807",),
    ),
    "seed beyond int64": (put("seed: 0", f"seed: {2**63}"), ("seed: must be an integer from 0",)),
    "learning rate 0": (
        put("{optimizer: least_squares}", "{optimizer: adam, learning_rate: 0}"),
        ("schedule[0].learning_rate: must be a number greater than 0 and at most 1000, found 0",),
    ),
    # shapes of settings
    "degree not matching layers": (
        put("[7, 9]", "[7, 9, 9]"),
        (
            "trial.degree: must hold one value per layer",
            "width [10] makes 2 layers, found 3 values",
        ),
    ),
    "degree of an mlp": (put("kind: kan", "kind: mlp"), ("trial.degree: an mlp has no 'degree'",)),
    "activation of a kan": (
        put("kind: kan", "activation: tanh"),
        ("trial.activation: a kan has no 'activation'",),
    ),
    "learning rate of least squares": (
        put("least_squares}", "least_squares, learning_rate: 1}"),
        ("schedule[0].learning_rate: least_squares has no 'learning_rate'",),
    ),
    "empty schedule": (
        put("\n  - {optimizer: least_squares}", " []"),
        ("schedule: must hold at least 1 element",),
    ),
    "schedule without optimizer": (
        put("optimizer: least_squares", "extend_grid: 24"),
        ("at least one optimizer",),
    ),
    "grid made coarser": (
        put("least_squares}\n", "least_squares}\n  - {extend_grid: 6}\n"),
        ("schedule[1]: extend_grid to 6 intervals, but layer 2 has 12",),
    ),
    "two stages in one": (
        put("least_squares}", "adam, extend_grid: 9}"),
        ("schedule[0]: must hold only one of",),
    ),
    "float16": (
        GOOD + "dtype: float16\n",
        ("dtype: must be one of float64, float32, found 'float16'",),
    ),
    # the problem
    "no problem": ("trial: {kind: kan}\n", ("missing key 'problem'",)),
    "missing domain": (
        put(f"  domain: {RECTANGLE}\n", ""),
        ("problem: missing key 'domain' (needed:",),
    ),
    "unconstrained part": (
        put("[bottom, top]", "bottom"),
        ("no condition on the part top", "'free'"),
    ),
    "free and constrained": (
        put("  name: plate", "  free: [top]"),
        ("problem.free[0]", "free and has a condition"),
    ),
    "unknown free part": (
        put("  name: plate", "  free: [topp]"),
        ("problem.free[0]: unknown part 'topp'", "'top'?"),
    ),
    "part twice": (put("[left, right]", "[left, left, right]"), ("the part 'left' stands twice",)),
    "key on": (
        put("{part: [left, right]", "{on: [left, right]"),
        ("problem.conditions[0].on: unknown key; use 'part'",),
    ),
    "two kinds of condition": (
        condition("{periodic: [left, right], mean: u = 0}"),
        ("must hold one of part, interface, periodic",),
    ),
    "no kind of condition": (
        condition("{equation: u = 0}"),
        ("problem.conditions[2]: must hold one of part",),
    ),
    "part without equation": (
        condition("{part: left}"),
        ("problem.conditions[2]: missing key 'equation'",),
    ),
    "periodic with one part": (
        condition("{periodic: [left]}"),
        ("periodic: must hold exactly 2 elements, found 1",),
    ),
    "weight of periodic": (
        condition("{periodic: [left, right], weight: -1}"),
        ("conditions[2].weight",),
    ),
    "point in three dimensions": (
        condition("{point: [0, 0, 0], equation: u = 0}"),
        ("conditions[2].point: must hold exactly 2",),
    ),
    "unknown named sin": (
        put("[u]", "[sin]"),
        ("problem.unknowns[0]: the name 'sin' has a meaning in formulas",),
    ),
    "unknown named dx": (
        put("[u]", "[dx]"),
        ("problem.unknowns[0]: the name 'dx' has a meaning in formulas",),
    ),
    "parameter named x": (
        put("{k: 2.0}", "{x: 2.0}"),
        ("problem.parameters.x", "already used for a coordinate"),
    ),
    "parameter named as the unknown": (
        put("{k: 2.0}", "{u: 2.0}"),
        ("problem.parameters.u", "used for an unknown"),
    ),
    "definition named as a parameter": (
        put("{f:", "{k:"),
        ("problem.definitions.k", "already used for a parameter"),
    ),
    "unknown with code in its name": (
        put("[u]", "[\"__import__('os').system('id')\"]"),
        ("problem.unknowns[0]: a name must begin with a letter",),
    ),
    "very long name": (
        put("[u]", f"[{'u' * 41}]"),
        ("problem.unknowns[0]: a name must begin", "at most 40"),
    ),
    "unknown like an output": (
        put("[u]", "[u_exact]"),
        ("problem.unknowns[0]: 'u_exact' would collide",),
    ),
    "name with a path": (
        put("name: plate", "name: ../../etc/passwd"),
        ("problem.name: must be at most 60 letters",),
    ),
    "exact of another unknown": (
        put("  name: plate", "  exact: {v: x}"),
        ("problem.exact.v: unknown key",),
    ),
    "manufactured without exact": (
        put('"10*exp(-x**2)"', "manufactured"),
        ("problem.definitions.f", "needs an exact"),
    ),
    "long formula": (
        put("10*exp(-x**2)", "x+" * 2001 + "x"),
        ("problem.definitions.f: must have at most 4000",),
    ),
    "formula with a control character": (
        put("10*exp(-x**2)", r"x\u0007"),
        (r"control character \x07",),
    ),
    "formula that is a list": (
        put('"10*exp(-x**2)"', "[x]"),
        ("problem.definitions.f: must be a formula",),
    ),
    "empty formula": (put('"10*exp(-x**2)"', '" "'), ("problem.definitions.f: must not be empty",)),
    "python": (
        put("  name: plate", "  python: os"),
        ("problem.python: a data file cannot run Python",),
    ),
    "recommended in recommended": (
        put("  name: plate", "  recommended: {recommended: {}}"),
        ("recommended.recommended",),
    ),
    "typo in recommended": (
        put("  name: plate", "  recommended: {trial: {degre: 3}}"),
        ("problem.recommended.trial.degre: unknown key, did you mean 'degree'?",),
    ),
    # shapes
    "zero-size rectangle": (
        domain("{rectangle: {lower: [0, 0], upper: [0, 1]}}"),
        ("lower must be less than upper",),
    ),
    "thin rectangle": (
        domain("{rectangle: {lower: [1, 0], upper: [1.00000000000001, 1]}}"),
        ("too thin",),
    ),
    "rectangle in 3-D": (
        domain("{rectangle: {lower: [0, 0, 0], upper: [1, 1, 1]}}"),
        ("rectangle.lower: must hold exactly 2 elements",),
    ),
    "box of unequal ends": (
        domain("{box: {lower: [0, 0], upper: [1, 1, 1]}}"),
        ("equally long, found 2 and 3",),
    ),
    "box of no dimension": (
        domain("{box: {lower: [], upper: []}}"),
        ("domain.box.lower: must hold at least 1 element,",),
    ),
    "vast box": (
        domain(f"{{box: {{lower: {[0] * 50}, upper: {[1000] * 50}}}}}"),
        ("the volume must lie between",),
    ),
    "distant rectangle": (
        domain("{rectangle: {lower: [0, 0], upper: [1e308, 1]}}"),
        ("magnitude at most 1e+12",),
    ),
    "two shapes": (
        domain("{interval: [0, 1], disk: {center: [0, 0], radius: 1}}"),
        ("must hold exactly one shape",),
    ),
    "no shape": (domain("{}"), ("problem.domain: must hold exactly one shape",)),
    "radius 0": (
        domain("{disk: {center: [0, 0], radius: 0}}"),
        ("disk.radius: must be a number greater than 0",),
    ),
    "radius negative": (
        domain("{disk: {center: [0, 0], radius: -1}}"),
        ("disk.radius", "found -1"),
    ),
    "self-intersecting polygon": (
        domain("{polygon: {vertices: [[0, 0], [1, 1], [1, 0], [0, 1]]}}"),
        ("problem.domain.polygon.vertices: the polygon intersects itself: edges 1 and 3 meet",),
    ),
    "polygon of two vertices": (
        domain("{polygon: [[0, 0], [1, 1]]}"),
        ("vertices: must hold at least 3 elements",),
    ),
    "polygon with a vertex twice": (
        domain("{polygon: [[0, 0], [1, 0], [1, 0], [0, 1]]}"),
        ("vertices 2 and 3 coincide",),
    ),
    "polygon on a line": (
        domain("{polygon: [[0, 0], [1, 1], [2, 2]]}"),
        ("the edges at vertex", "lie on each other"),
    ),
    "reversed time": (
        put("  name: plate", "  time: {interval: [1, 0]}"),
        ("problem.time.interval: lower must be less",),
    ),
    "duplicate part names": (
        domain(f"{{difference: [{RECTANGLE}, {DISK}, {DISK}]}}"),
        (
            "problem.domain.difference[2]: the part name 'circle' is also used by element 1",
            "`name:`",
        ),
    ),
    "part named initial": (
        domain("{disk: {center: [0, 0], radius: 1, name: initial}}").replace(
            "  name: plate", "  time: {interval: [0, 1]}"
        ),
        ("problem.domain: the part name 'initial'",),
    ),
    "union in 1-D": (
        domain("{union: [{interval: [0, 1]}, {interval: [2, 3]}]}"),
        ("takes shapes in the plane",),
    ),
    "union of one": (
        domain(f"{{union: [{RECTANGLE}]}}"),
        ("domain.union: must hold at least 2 elements",),
    ),
    # hostile YAML
    "empty file": ("", ("is empty",)),
    "only comments": ("# nothing\n", ("is empty",)),
    "list at the top": (
        "- problem\n",
        ("must hold a mapping (key: value) at the top, found a list of 1",),
    ),
    "text at the top": ("hello\n", ("must hold a mapping (key: value) at the top, found 'hello'",)),
    "target": (
        put("  name: plate", "  _target_: os.system"),
        ("keys beginning with _ are refused", "'_target_'"),
    ),
    "hydra": (GOOD + "hydra: {run: {dir: /tmp}}\n", ("the key 'hydra' is refused",)),
    "hydra inside": (put("  name: plate", "  hydra: {}"), ("the key 'hydra' is refused",)),
    "environment": (
        put("name: plate", "name: ${oc.env:HOME}"),
        ("${...} may only name a key of this file",),
    ),
    "nested interpolation": (
        put("name: plate", "name: '${a.${b}}'"),
        ("${...} may only name a key of this file",),
    ),
    "interpolated key": (
        put("  name: plate", "  '${name}': plate"),
        ("a key must not hold ${...}",),
    ),
    "reference to nothing": (
        put("name: plate", "name: ${problem.nam}"),
        ("names nothing in this file ('nam' not found)",),
    ),
    "reference in a circle": (put("name: plate", "name: ${problem.name}"), ("go in a circle",)),
    "reference to a mapping": (
        put("name: plate", "name: ${trial}"),
        ("must name a text or a number",),
    ),
    "defaults list": (GOOD + "defaults: [/hydra/callbacks]\n", ("defaults: unknown key",)),
    "package": ("# @package _global_\n" + GOOD, ("'# @package' is refused",)),
    "package without space": ("#@package hydra\n" + GOOD, ("'# @package' is refused",)),
    "python object": (
        put("plate", "!!python/object/apply:os.system ['touch {marker}']"),
        ("tags are refused",),
    ),
    "python name": (
        put("plate", "!!python/name:os.system"),
        ("tags are refused", "python/name:os.system"),
    ),
    "binary tag": (put("plate", "!!binary R0lGOD"), ("tags are refused",)),
    "own tag": (put("plate", "!include /etc/passwd"), ("tags are refused", "'!include'")),
    "tag directive": (
        "%TAG ! tag:yaml.org,2002:python/\n---\n" + put("plate", "!name:os.system x"),
        ("tags are refused",),
    ),
    "alias bomb": (
        "a: &a [x, x]\n"
        + "".join(f"{b}: &{b} [*{a}, *{a}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)),
        ("line 1, column 4: anchors and aliases (& and *) are refused",),
    ),
    "recursive alias": ("problem: &p\n  unknowns: *p\n", ("anchors and aliases",)),
    "merge key": ("problem:\n  <<: {name: plate}\n", ("problem.'<<': unknown key",)),
    "deep nesting": ("problem: " + "[" * 100_000, ("nested more than 20 levels deep",)),
    "deep mappings": ("{a: " * 30 + "1" + "}" * 30, ("nested more than 20 levels deep",)),
    "duplicate key": (GOOD + "seed: 1\n", ("the key 'seed' stands twice; remove one",)),
    "key that is a list": ("? [a, b]\n: 1\n", ("a key must be a plain word",)),
    "two documents": (GOOD + "---\nseed: 1\n", ("a second document (---) is refused",)),
    "NUL byte": (put("plate", "pla\0te"), (r"must be a text file, found the character \x00",)),
    "escape sequence": (put("plate", '"pla\\ete"'), (r"control character \x1b",)),
    "terminal codes in a key": (put("  name", '  "\\x1b[2Jname"'), (r"control character \x1b",)),
    "newline in a key": (
        put("  name", '  "na\\nme"'),
        (r"problem.'na\nme': unknown key, did you mean 'name'?",),
    ),
    "escape beyond Unicode": (put("plate", '"\\UFFFFFFFF"'), ("is not YAML",)),
    "surrogate": (put("plate", '"\\ud800"'), (r"control character \ud800",)),
    "vast YAML version": ("%YAML 1." + "9" * 5000 + "\n---\n" + GOOD, ("is not YAML",)),
    "tab for indentation": (
        put("  name", "\tname"),
        ("line 2, column 1", "cannot start any token"),
    ),
    "unclosed bracket": (put("[u]", "[u"), ("line 4", "expected ',' or ']'")),
    "unclosed quote": (GOOD + 'dtype: "float64\n', ("unexpected end of stream",)),
    "right-to-left text": (
        put("[u]", "[\u202eu]"),
        ("problem.unknowns[0]: a name must", r"'\u202eu'"),
    ),
}

BYTES: dict[str, tuple[bytes, str]] = {
    "binary": (bytes(range(256)) * 40, "must be UTF-8 text"),
    "PNG": (b"\x89PNG\r\n\x1a\n" + b"\0" * 100, "must be UTF-8 text, found the byte 0x89"),
    "pickle": (b"cos\nsystem\n(S'touch marker'\ntR.", "must hold a mapping"),
    "UTF-16": (GOOD.encode("utf-16"), "must be UTF-8 text"),
    "latin-1": (
        put("plate", "plat\xe9").encode("latin-1"),
        "must be UTF-8 text, found the byte 0xe9",
    ),
    "zip": (b"PK\x03\x04" + b"\0" * 30, r"must be a text file, found the character \x03"),
}

LARGE: dict[str, tuple[str, str]] = {
    "2 MB of comments": ("# padding\n" * 200_000, "larger than 1000000 bytes"),
    "2 MB of text": (put("plate", "p" * 2_000_000), "larger than 1000000 bytes"),
    "many list elements": (put("[10]", "[" + "1, " * 20_000 + "1]"), "more than 10000 nodes"),
    "many keys": ("".join(f"k{i}: {i}\n" for i in range(20_000)), "more than 10000 nodes"),
}


def refusal(path: Path, kind: type[Exception]) -> str:
    """The message with which `path` is refused, which is one line and comes at once."""
    start = time.perf_counter()
    with pytest.raises(kind) as caught:
        validate(yaml_file.load(path), source=path.name, base=path.parent)
    message = str(caught.value)
    assert type(caught.value) is kind
    assert time.perf_counter() - start < 2.0
    assert message.startswith("my.yaml: ")
    assert message.isprintable(), "one line, nothing a terminal would obey"
    assert len(message) < 500
    return message


def test_the_unchanged_file_is_good(tmp_path: Path) -> None:
    path = tmp_path / "my.yaml"
    path.write_text(GOOD, encoding="utf-8")
    assert validate(yaml_file.load(path), source="my.yaml", base=tmp_path).problem.name == "plate"


@pytest.mark.parametrize("name", WRONG)
def test_wrong_files_are_refused_with_a_helpful_line(name: str, tmp_path: Path) -> None:
    content, words = WRONG[name]
    path = tmp_path / "my.yaml"
    path.write_text(
        content.replace("{marker}", str(tmp_path / "marker")), encoding="utf-8", newline=""
    )
    message = refusal(path, ConfigError)
    for word in words:
        assert word in message
    assert [entry.name for entry in tmp_path.iterdir()] == ["my.yaml"], "nothing was executed"


@pytest.mark.parametrize("name", BYTES)
def test_files_that_are_not_text_are_refused(name: str, tmp_path: Path) -> None:
    content, word = BYTES[name]
    path = tmp_path / "my.yaml"
    path.write_bytes(content)
    assert word in refusal(path, ConfigError)


@pytest.mark.parametrize("name", LARGE)
def test_oversized_files_are_over_budget(name: str, tmp_path: Path) -> None:
    content, word = LARGE[name]
    path = tmp_path / "my.yaml"
    path.write_text(content, encoding="utf-8")
    message = refusal(path, BudgetError)
    assert word in message
    assert BudgetError.exit_code == 7
