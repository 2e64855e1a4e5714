"""Files as newcomers mistype them, or as other programs spell them: one line that names the place
and the remedy.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from kanpde.cli import main

FLAT = """\
problem:
  name: flat
  unknowns: [u]
  domain: {rectangle: {lower: [0, 0], upper: [1, 1]}}
  equations: ["laplacian(u) = -1"]
  conditions:
    - {part: boundary, equation: "u = 0"}
"""
HOLED = """\
problem:
  name: holed
  unknowns: [T]
  domain:
    difference:
      - {rectangle: {lower: [0, 0], upper: [2, 1]}}
      - {disk: {center: [1, 0.5], radius: 0.2, name: hole}}
  equations: ["laplacian(T) = 0"]
  conditions:
    - {part: left, equation: "T = 1"}
    - {part: right, equation: "T = 0"}
    - {part: [bottom, top], equation: "dn(T) = 0"}
    - {part: hole, equation: "dn(T) = 0"}
"""
ROD = """\
problem:
  name: rod
  unknowns: [u]
  domain: {interval: [0, 1]}
  time: {from: 0, to: 1}
  equations: ["dt(u) = dxx(u)"]
  conditions:
    - {part: initial, equation: "u = sin(pi*x)"}
    - {part: [left, right], equation: "u = 0"}
"""
SQUARE = "rectangle: {lower: [0, 0], upper: [1, 1]}"
EDGE = '    - {part: boundary, equation: "u = 0"}\n'


def put(text: str, old: str, new: str) -> str:
    """The file with one change."""
    assert text.count(old) == 1, old
    return text.replace(old, new)


def right_side(formula: str) -> str:
    """The flat problem with another right side."""
    return put(FLAT, '= -1"', f'= {formula}"')


def operator(formula: str) -> str:
    """The flat problem with another left side."""
    return put(FLAT, "laplacian(u)", formula)


def shape(text: str) -> str:
    """The flat problem on another domain."""
    return put(FLAT, SQUARE, text)


def top(line: str) -> str:
    """The flat problem with one more key beside `problem`."""
    return FLAT + line + "\n"


# name: (file, words of the one line that answers it)
MISTAKEN = {
    "nabla and a power": (operator("nabla^2(u)"), ("equations[0]", "use '**' for powers")),
    "a delta": (operator("Δu"), ("equations[0]", "write laplacian(...)")),
    "deepxde": (operator("dde.grad.hessian(u, x)"), ("unexpected character '.'",)),
    "u_xx": (operator("u_xx + u_yy"), ("write dxx(u) for a derivative",)),
    "sympy's diff": (operator("diff(u, x, 2)"), ("write dx(u) or dxx(u)",)),
    "Derivative": (operator("Derivative(u, (x, 2))"), ("write dx(u) or dxx(u)",)),
    "a misspelt operator": (operator("laplacien(u)"), ("did you mean 'laplacian'?",)),
    "matlab's operator": (operator("laplace(u)"), ("write laplacian(u)",)),
    "an open parenthesis": (operator("div(grad(u)"), ("expected ')'",)),
    "two equal signs": (put(FLAT, " = -1", " == -1"), ("write '='", "(character 14)")),
    "no equal sign": (put(FLAT, " = -1", ""), ("exactly one '='",)),
    "no product sign": (right_side("-2x"), ("write '*' for a product",)),
    "a decimal comma": (right_side("-1,5"), ("a decimal number has a point",)),
    "a unit in a formula": (put(HOLED, "T = 1", "T = 100 degC"), ("a number without its unit",)),
    "a unit in a number": (put(FLAT, "[1, 1]", "[1 m, 1 m]"), ("upper[0]", "must be a number")),
    "Python's if": (right_side("1 if x > 0 else 0"), ("write where(condition, value, other)",)),
    "numpy": (right_side("np.sin(x)"), ("a function goes by its name alone",)),
    "ln": (right_side("ln(x + 1)"), ("write log",)),
    "the third coordinate": (right_side("-z"), ("unknown name 'z'; known are x, y, u",)),
    "no value of a parameter": (operator("k*laplacian(u)"), ("unknown name 'k'",)),
    "a small letter": (put(HOLED, "laplacian(T)", "laplacian(t)"), ("did you mean 'T'?",)),
    "tabs": (FLAT.replace("    - {part", "\t- {part"), ("line 7, column 1", "indent with spaces")),
    "an open quote": (
        put(FLAT, '"u = 0"', '"u = 0'), ("close the quote (opened in line 7, column 34)",)
    ),
    "curled quotes": (put(FLAT, '"u = 0"', "“u = 0”"), ("between plain quotes",)),
    "an open bracket": (put(FLAT, "[1, 1]}}", "[1, 1}}"), ("line 4", "a bracket is not closed")),
    "a colon in a text": (
        put(FLAT, '"u = 0"', "u: 0"), ("line 7", "put a text that holds ': ' between quotes")
    ),
    "a colon in a name": (put(FLAT, "name: flat", "name: a: b"), ("line 2", "between quotes")),
    "lines out of line": (
        put(FLAT, EDGE, f"   {EDGE.strip()}\n{EDGE}"), ("line 8", "begin in one column")
    ),
    "a key twice": (put(FLAT, "  equations", "  name: b\n  equations"), ("'name' stands twice",)),
    "no problem": ('name: p\nequations: ["u = 0"]\n', ("it belongs under 'problem'",)),
    "a part without condition": (
        put(HOLED, '    - {part: right, equation: "T = 0"}\n', ""),
        ("no condition on the part right",),
    ),
    "a misspelt part": (put(HOLED, "part: left", "part: lft"), ("did you mean 'left'?",)),
    "corners swapped": (
        put(FLAT, "lower: [0, 0], upper: [1, 1]", "lower: [1, 1], upper: [0, 0]"),
        ("lower must be less than upper",),
    ),
    "a square": (shape("square: 1"), ("use 'rectangle'",)),
    "width and height": (shape("rectangle: {width: 2, height: 1}"), ("use 'lower' and 'upper'",)),
    "a rectangle of ranges": (shape("rectangle: [[0, 1], [0, 1]]"), ("lower: [0, 0]", "a list")),
    "ranges by name": (shape("rectangle: {x: [0, 1], y: [0, 1]}"), ("use 'lower' and 'upper'",)),
    "type: box": (shape("type: box"), ("the kind of a shape is its key",)),
    "a value by name": (put(FLAT, 'equation: "u = 0"', "u: 0"), ('equation: "u = ..."',)),
    "a circle": (shape("circle: {r: 1}"), ("use 'disk'",)),
    "minus": (shape("minus: []"), ("a hole is cut by 'difference'",)),
    "a hole outside": (
        put(HOLED, "center: [1, 0.5]", "center: [9, 0.5]"), ("'hole'", "move its shape")
    ),
    "time as a number": (put(ROD, "{from: 0, to: 1}", "1"), ("as in {from: 0, to: 1}",)),
    "start and end": (put(ROD, "from: 0, to: 1", "start: 0, end: 1"), ("use 'from'",)),
    "time backwards": (put(ROD, "from: 0, to: 1", "from: 1, to: 0"), ("found 1 and 0",)),
    "t=0": (put(ROD, "part: initial", "part: t=0"), ("(parts: left, right, initial, final)",)),
    "no start": (
        put(ROD, '    - {part: initial, equation: "u = sin(pi*x)"}\n', ""),
        ("no condition on the part initial",),
    ),
    "a rate without time": (operator("dt(u) - laplacian(u)"), ("needs the coordinate 't'",)),
    "dirichlet": (put(FLAT, EDGE, "    - {type: dirichlet, value: 0}\n"), ("use 'equation'",)),
    "bcs": (put(FLAT, "conditions:", "bcs:"), ("use 'conditions'",)),
    "pde": (put(FLAT, "equations:", "pde:"), ("use 'equations'",)),
    "du/dn": (put(FLAT, '"u = 0"', '"du/dn = 0"'), ("dn(u) for the normal derivative",)),
    "a percentage": (top("tolerance: 1%"), ("tolerance: must be a number",)),
    "minutes": (top("seconds: 2min"), ("seconds: must be a number",)),
    "epochs": (top("epochs: 1000"), ("steps: 1000",)),
    "epochs of a stage": (top("schedule: [{optimizer: lbfgs, epochs: 9}]"), ("use 'steps'",)),
    "lr": (top("schedule: [{optimizer: adam, lr: 0.1, steps: 9}]"), ("use 'learning_rate'",)),
    "layers": (top("trial: {kind: mlp, layers: [2, 50, 1]}"), ("use 'width'",)),
    "another network": (top("trial: {kind: fno}"), ("must be one of kan, mlp",)),
    "units in numbers": (
        put(FLAT, "upper: [1, 1]", "upper: [200mm, 100 mm]"),
        ("upper[0]: must be a number, found '200mm'; a number has no unit here", "problem.units"),
    ),
    "a share as a percentage": (top("tolerance: 5 %"), ("must be a number, found '5 %'; write a share, 0.05",)),
    "a percent in a formula": (right_side("5%"), ("write 0.05 for 5 %",)),
    "degrees Celsius": (right_side("20°C"), ("U+00B0", "a formula has no units")),
    "LaTeX": (right_side(r"\\pi"), ("in place of LaTeX",)),
    "units on top": (top("units: {x: mm}"), ("units: unknown key; it belongs under 'problem'",)),
    "units of nothing": (
        put(FLAT, "  unknowns: [u]", "  unknowns: [u]\n  units: {U: K}"),
        ("problem.units.U: nothing is called 'U', did you mean 'u'",),
    ),
    "unit": (
        put(FLAT, "  unknowns: [u]", "  unknowns: [u]\n  unit: K"), ("use 'units': {x: mm, u: K}",)
    ),
    "tolerance in the problem": (
        put(FLAT, "  unknowns: [u]", "  unknowns: [u]\n  tolerance: 1e-6"),
        ("problem.tolerance: unknown key; it belongs beside 'problem'",),
    ),
    "num_domain": (top("sampler: {num_domain: 9}"), ("use 'interior', the number of points",)),
    "num_boundary": (top("sampler: {num_boundary: 9}"), ("use 'boundary', the number of points",)),
    "points without a network": (
        top('sampler: {points: {interior: {values: "x,y\\n0.5,0.5"}}}'), ("add a trial",)
    ),
    "a Greek letter": (operator("ν*laplacian(u)"), ("U+03BD", "write nu")),
    "a partial derivative": (operator("∂u"), ("U+2202", "write dx(u), dt(u) and so on")),
    "bars": (right_side("|x|"), ("abs(x) for a size",)),
    "a factorial": (right_side("3!"), ("n! is gamma(n + 1)",)),
    "d2u/dx2": (operator("d2u/dx2 + d2u/dy2"), ("unknown name 'd2u'; write dxx(u)",)),
    "du/dt": (put(ROD, "dt(u) =", "du/dt ="), ("unknown name 'du'; write dt(u)",)),
    "north": (put(HOLED, "part: left", "part: west"), ("unknown part 'west', did you mean 'left'?",)),
    "a shape for a part": (
        put(
            HOLED,
            "disk: {center: [1, 0.5], radius: 0.2, name: hole}",
            "rectangle: {lower: [0.5, 0.5], upper: [1, 0.8], name: hole}",
        ),
        ("its sides are parts: [hole_left, hole_right, hole_bottom, hole_top]",),
    ),
    "a diameter": (put(HOLED, "radius: 0.2", "diameter: 0.4"), ("use 'radius', half of",)),
    "equations by unknown": (
        put(FLAT, '["laplacian(u) = -1"]', '{u: "laplacian(u) = -1"}'),
        ("problem.equations: must be a list of equations, for example",),
    ),
    "the end of time": (put(ROD, "to: 1", "t_end: 1"), ("problem.time.t_end", "use 'to'")),
    "a span of time": (
        put(ROD, "time: {from: 0, to: 1}", "t_span: [0, 1]"),
        ("problem.t_span", "use 'time': {from: 0, to: 1}"),
    ),
    "a dimension": (
        put(FLAT, "  unknowns: [u]", "  unknowns: [u]\n  dimension: 2"),
        ("problem.dimension: unknown key; the domain says how many coordinates",),
    ),
    "net": (top("net: [2, 20, 1]"), ("use 'trial': {kind: kan, width: [10]}",)),
    "max_time": (top("max_time: 100"), ("use 'seconds'",)),
    "pictures": (top("output: {png: true}"), ("output.png", "use 'plots'")),
    "a folder in the file": (top("output: {folder: runs/x}"), ("--out FOLDER",)),
    "backend": (top("backend: jax"), ("every solve runs on torch",)),
    "columns with units": (
        put(FLAT, EDGE, EDGE + '    - {values: "x [mm],y [mm],T\\n0.5,0.5,1", equation: "u = T"}\n'),
        ("no column for the coordinate 'x'; write columns: {x: 'x [mm]'}",),
    ),
    "device": (top("device: cuda"), ("every solve runs on the processor",)),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKEN)
def test_a_mistaken_file_is_answered_by_one_line_with_the_remedy(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text, words = MISTAKEN[name]
    file = tmp_path / "mine.yaml"
    file.write_text(text, encoding="utf-8")
    code = main(["solve", str(file)])
    printed = capsys.readouterr().err
    assert code == 2
    assert printed.startswith("kanpde: error: ")
    assert printed.count("\n") == 1
    for expected in words:
        assert expected in printed


@pytest.mark.parametrize("text", [FLAT, HOLED, ROD])
def test_the_files_that_the_mistakes_are_made_in_have_none(text: str, tmp_path: Path) -> None:
    from kanpde.config import yaml_file
    from kanpde.config.validate import validate
    from kanpde.problem.formulas import Formulas

    Formulas.of(validate(yaml_file.loads(text, source="mine.yaml"), source="mine.yaml").problem)
