"""The page docs/peers.md and its picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kanpde.version import VERSION

DOCS = Path(__file__).resolve().parents[2] / "docs"
PICTURE = "figures/peers.png"

TITLES = {
    "plate": "README's plate",
    "lshape": "L-shape, -Δu = 1",
    "franke": "Franke's function",
    "cube": "cube, exp(x) sin πy sin πz",
}

_HEAD = """\
# Beside other programs

![error against CPU seconds]({picture})

Four problems by this package to the tolerances 1e-4, 1e-6 and 1e-8 with nothing else given, by
NGSolve with elements of order p graded to the corners by hand (the corners are told to it) and with
quadratic elements refined by an estimate, by scikit-fem on uniform meshes, and by DeepXDE with one
tanh network of 3 × 50 units trained by Adam. Errors are relative, at the points of answers that do not
come from this package (of the plate and the L-shape they are 6e-9 and about 1e-8 wrong themselves);
CPU seconds are those of meshing, assembly and solve, on one thread beside other work; the first
solve of a program also loads what it needs. scikit-fem has no mesher for the plate and no quartic tetrahedra. Made by

```
python -m scripts peers --write
```

with version {version}; `pip install ngsolve deepxde` for the others.{missing}

"""


def write(rows: Sequence[Any], missing: Sequence[str]) -> None:
    """Write the page and the picture."""
    left = f" Not installed and left out: {', '.join(missing)}." if missing else ""
    text = _HEAD.format(picture=PICTURE, version=VERSION, missing=left)
    for problem in dict.fromkeys(row.problem for row in rows):
        own = [row for row in rows if row.problem == problem]
        text += f"## {TITLES[problem]}\n\n{verdict(own)}\n\n"
        text += "| program | unknowns | error | CPU s |\n|---|---|---|---|\n"
        for row in own:
            text += f"| {row.method} | {row.unknowns} | {row.error:.1e} | {row.seconds:.2f} |\n"
        text += "\n"
    (DOCS / "peers.md").write_text(text.rstrip() + "\n", encoding="utf-8")
    draw(rows)


def verdict(rows: Sequence[Any]) -> str:
    """By how much this package takes more or less than the fastest other program, at the errors
    that both reach.
    """
    sentences = []
    for mine in (row for row in rows if row.method == "kanpde"):
        others = [r for r in rows if r.method != "kanpde" and r.error <= mine.error]
        if not others:
            sentences.append(f"no other run here reaches {mine.error:.1e} ({mine.seconds:.1f} s)")
            continue
        best = min(others, key=lambda row: row.seconds)
        ratio = mine.seconds / max(best.seconds, 0.01)
        word = "more" if ratio >= 1 else "less"
        times = ratio if ratio >= 1 else 1 / ratio
        sentences.append(
            f"for {mine.error:.1e} `kanpde` takes {times:.0f} times {word} CPU time than"
            f" {best.method}"
        )
    text = "; ".join(sentences)
    return f"{text[:1].upper()}{text[1:]}."


def draw(rows: Sequence[Any]) -> None:
    """Error against CPU seconds, a panel for each problem."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    problems = list(dict.fromkeys(row.problem for row in rows))
    methods = list(dict.fromkeys(row.method for row in rows))
    figure, panels = pyplot.subplots(1, len(problems), figsize=(3.2 * len(problems), 3.6))
    for axes, problem in zip([panels] if len(problems) == 1 else panels, problems, strict=True):
        for k, method in enumerate(methods):
            own = [row for row in rows if row.problem == problem and row.method == method]
            if own:
                x, y = [max(row.seconds, 0.01) for row in own], [row.error for row in own]
                axes.loglog(x, y, "os^vDP"[k] + "-", color=f"C{k}", label=method, markersize=4)
        axes.set_title(TITLES[problem], fontsize=9)
        axes.set_xlabel("CPU s")
        axes.grid(alpha=0.3)
    figure.axes[0].set_ylabel("relative error")
    handles = {h.get_label(): h for axes in figure.axes for h in axes.get_lines()}
    figure.legend(handles.values(), handles.keys(), loc="lower center", ncols=6, fontsize=8)
    figure.tight_layout(rect=(0, 0.09, 1, 1))
    figure.savefig(DOCS / PICTURE, dpi=110)
