"""docs/interpretability.md from what scripts/kan_paper/interpret.py measured."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image

DOCS = Path(__file__).resolve().parents[2] / "docs"
HEAD = """# What a KAN can be read as

Every row starts from a wide KAN on 1000 samples by L-BFGS with `sparsify`, pruned by `kanpde simplify`, trained on 800 of the rows
while the other 200 choose optimizer and steps, and turned into functions of the library by `--symbolic`. Of the thresholds
0.03, 0.1 and 0.3 of pruning the one whose formula is best on those 200 rows is taken (two splines count a digit), and where it
is not exact to 1e-6 there the network is pruned and trained once more. `python -m scripts interpret --write` makes
this page. The test RMSE is on 1000 samples that nothing saw; a seed draws the samples and starts the network.

Examples *tuned on* are those whose width, intervals or penalty, or the method itself, were changed after results on them
were seen; the others were run as they stand. "splines" counts edges that no function of the library fits, or that would make
the network clearly worse as one; the formula is then that of the network with these splines. Where the test RMSE of a formula
is above that of its network, the formula is wrong.

| example | tuned on | seed | network before → after | wide KAN | pruned KAN | formula | splines |
|---|---|---|---|---|---|---|---|
"""


def line(result: dict[str, Any]) -> str:
    """One row of the table, or what was found without supervision."""
    if "failed" in result:
        return f"| {result['example']} | | {result['seed']} | failed: {result['failed']} | | | | |"
    if result["example"] == "unsupervised":
        texts = [
            f"{r['text']} = 0 ({r['held_out']:.1e} on other rows)" for r in result["relations"]
        ]
        return f"unsupervised, seed {result['seed']}: classifier {result['classifier']:.3f} on {result['used']}; {'; '.join(texts)}"
    before, after = result["shapes"]
    errors = " | ".join(f"{error:.1e}" for error in result["errors"])
    tuned = "yes" if result["tuned"] else "no"
    return f"| {result['text']} | {tuned} | {result['seed']} | {before} → {after} | {errors} | {result['splines']} |"


def write(results: Sequence[dict[str, Any]], missing: Sequence[str]) -> None:
    """The page and its pictures; `missing` are the examples that were not run."""
    names = list(dict.fromkeys(result["example"] for result in results))
    by_name = {name: [result for result in results if result["example"] == name] for name in names}
    supervised = [name for name in names if name != "unsupervised"]
    rows = [line(result) for name in supervised for result in by_name[name]]
    parts = [
        _section(name, [result for result in by_name[name] if "failed" not in result])
        for name in supervised
    ]
    if "unsupervised" in by_name:
        parts.append(_unsupervised(by_name["unsupervised"]))
    not_run = f"Not run for this page: {', '.join(missing)}.\n\n" if missing else ""
    (DOCS / "interpretability.md").write_text(
        HEAD + "\n".join(rows) + "\n\n" + not_run + "\n".join(parts), encoding="utf-8"
    )


def _section(name: str, results: Sequence[dict[str, Any]]) -> str:
    """The formulas of all seeds, and of the seed that is best on held-out rows the steps and
    pictures.
    """
    if not results:
        return f"## {name}\n\nfailed for every seed\n"
    best = min(results, key=lambda result: (result["splines"], result["held_out"]))
    formulas = "\n".join(f"- seed {result['seed']}: `{result['formula']}`" for result in results)
    steps = "\n".join(f"- {text}" for text in best["sentences"])
    which = f"Seed {best['seed']}, pruned at {best['threshold']:g}:"
    return "\n\n".join([f"## {best['text']}", formulas, which, steps, _pictures(name, best)])


def _pictures(name: str, result: dict[str, Any]) -> str:
    lines = []
    for stem, suffix, word in (
        ("network_before", "before", "before"),
        ("network", "after", "after"),
    ):
        target = f"interpret_{name}_{suffix}.png"
        with Image.open(Path(result["pictures"]) / f"{stem}.png") as picture:
            picture.convert("RGB").quantize(32).save(DOCS / "figures" / target, optimize=True)
        lines.append(f"![{name}, {word}](figures/{target})\n")
    return "\n".join(lines)


def _unsupervised(results: Sequence[dict[str, Any]]) -> str:
    texts = [
        "## Without supervision: f(x1, …, x6) = 0\n",
        "x3 = exp(sin x1 + x2²), x5 = x4³, x1, x2, x4, x6 uniform in [−1, 1]; 1000 rows, and 1000"
        " more for the errors.\n",
        "A KAN [6, 1, 1] that tells rows from rows shuffled column by column. Its RMSE on other"
        " rows, all edges splines, stands",
        "beside 0.5, that of a coin; the last edge is no Gaussian yet, though the picture carries"
        " the name that was asked for:\n",
    ]
    for result in results:
        texts.append(
            f"- seed {result['seed']}: {result['classifier']:.3f}; looks at"
            f" {', '.join(result['used']) or 'nothing'}"
        )
    texts += [
        "\nThe smallest Var Σφᵢ(xᵢ) / Σ Var φᵢ(xᵢ) over all splines φ of two or three columns, by"
        " an SVD without training",
        "(`scripts/science/additive_relations.py`); the figure is its root on the rows fitted and on"
        " others, and then with every φ",
        "replaced by a function of the library:\n",
    ]
    for result in results:
        texts += [
            f"- seed {result['seed']}: `{r['text']} = const`: {r['fitted']:.1e}, {r['held_out']:.1e},"
            f" {r['left']:.1e}"
            for r in result["relations"]
        ] or [f"- seed {result['seed']}: none"]
    return "\n".join(texts) + "\n\n" + _pictures("unsupervised", results[0])
