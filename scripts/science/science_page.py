"""docs/science.md: the sections and pictures of knots and mobility edges, from what their scripts
found.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kanpde.results.plotting.canvas import FIELD, INK, MLP, blank, save, tidy
from scripts.science.lattices import AUBRY_ANDRE, MOSAIC, States

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE, FIGURES = DOCS / "science.md", DOCS / "figures"


def section(heading: str, text: str) -> None:
    """Put `text` below `## heading`, in place of what stood there up to the next one; a new section
    goes to the end.
    """
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    start = next((k for k, line in enumerate(lines) if line == f"## {heading}"), len(lines))
    end = next((k for k in range(start + 1, len(lines)) if lines[k].startswith("## ")), len(lines))
    page = [
        *lines[:start],
        *([""] if start == len(lines) else []),
        f"## {heading}",
        "",
        *text.strip().splitlines(),
        "",
        *lines[end:],
    ]
    PAGE.write_text("\n".join(page).rstrip() + "\n", encoding="utf-8")


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = ["| " + " | ".join(line) + " |" for line in (columns, *rows)]
    lines.insert(1, "|" + "---|" * len(columns))
    return "\n".join(lines)


def written(terms: Mapping[str, float]) -> str:
    """The equation Σ c m = 0 with its first term, whose c is -1, on the other side."""
    (first, _), *others = terms.items()
    text = " ".join(
        f"{'−' if c < 0 else '+'} {abs(c):.4g} {name}" for name, c in others
    ).removeprefix("+ ")
    return f"{text} = {first}".replace("|", "\\|")


def mobility(
    studies: Mapping[tuple[str, float, int], Mapping[str, Any]], shown: Mapping[str, States]
) -> None:
    """The section of mobility edges: what was found by (model, threshold, seed), and test states to
    draw.
    """
    names = ("KAN", "MLP", "formula found", "known edge", "commonest")
    rows = [
        [name, f"{threshold:g}", str(seed), *(f"{study['accuracy'][key]:.4f}" for key in names)]
        for (name, threshold, seed), study in studies.items()
    ]
    formulas = [
        [
            name,
            f"{threshold:g}",
            str(seed),
            written(study["terms"]),
            f"{study['misfit']:.1e}",
            str(len(study["points"])),
        ]
        for (name, threshold, seed), study in studies.items()
    ]
    sizes = {name: study["sizes"] for (name, _, _), study in studies.items()}
    (kan, mlp), (kan3, mlp3) = (sizes[model.name].values() for model in (MOSAIC, AUBRY_ANDRE))
    text = f"""
`python -m scripts mobility_edge --write`. Two quasi-periodic chains with hopping 1 (conventions and
sources in `scripts/science/lattices.py`): the mosaic chain, V = 2λ cos(2πbn + φ) at every second
site, known edge {MOSAIC.known}; the generalised Aubry–André chain, V = 2λ cos(2πbn + φ) / (1 − α
cos(2πbn + φ)), known edge {AUBRY_ANDRE.known}. Eigenvectors on rings of {MOSAIC.sites} and
{AUBRY_ANDRE.sites} sites by numpy, parameters and phases at random; a state counts as localised
where its fractal dimension D is below the threshold. Networks learn this label from 5000 states:
KAN [2, 1, 1] with {kan} parameters and [3, 3, 1] with {kan3}, tanh MLPs with {mlp} and {mlp3},
L-BFGS for all. Accuracies are those on the states of other chains; the known edge is that of
infinite chains, and no network and no formula is chosen by it.

{table(("chain", "D below", "seed", *names), rows)}

The formula is an equation of two or three monomials of degree two at most in the parameters and E
(or its modulus): of the ten with the least misfit at the KAN's boundary points, where its output
and the labels change between neighbouring energies, the first whose share of right labels of the
training chains is within 0.005 of the best one's. The set is small and holds the known edges, so
this shows that they are picked out of {_count(6)} and {_count(10)} equations, not that anything
could have been found. Shapes, the widest gap and this rule were settled on with the known edges in
view.

{table(("chain", "D below", "seed", "formula found", "misfit", "points"), formulas)}

The label itself carries an error: at finite size a state just beyond the edge still extends over
many sites, so a low threshold moves the boundary into the localised side and a high one back. That
is why the constants depend on the threshold, and why a network can agree with the labels better
than the known edge does. Beyond λ ≈ 1.1 the mosaic chain's edge lies in a gap of the spectrum,
where no state tells; and an equation of three terms is hardly held by four or five points.

![Fractal dimensions of test states, the known edge and the KAN's boundary](figures/mobility_edge.png)
"""
    section("Mobility edges", text)
    draw_mobility(studies, shown)


def _count(count: int) -> int:
    """How many equations of two or three of `count` monomials there are."""
    return count * (count - 1) // 2 + count * (count - 1) * (count - 2) // 6


def draw_mobility(
    studies: Mapping[tuple[str, float, int], Mapping[str, Any]], shown: Mapping[str, States]
) -> None:
    """D of test states over the parameters, the known edges and the boundaries of the first
    seed.
    """
    figure = blank(9.4, 3.7)
    panels = figure.subplots(1, 2)
    lines = np.linspace(0.3, 1.8, 200)
    for axes, model in zip(panels, (MOSAIC, AUBRY_ANDRE), strict=True):
        mosaic = model is MOSAIC
        x = shown[model.name].rows[::3]
        d = shown[model.name].dimension.reshape(-1)[::3]
        threshold = next(key[1] for key in studies if key[0] == model.name)
        points = studies[model.name, threshold, 0]["points"]
        # the energy, or α times it
        y = x[:, 1] if mosaic else x[:, 1] * x[:, 2]
        at = points[:, 1] if mosaic else points[:, 1] * points[:, 2]
        tidy(axes, "λ", "E" if mosaic else "αE", f"{model.name}: {model.known}")
        image = axes.scatter(
            x[:, 0], y, c=d, s=1.5, cmap=FIELD, vmin=0, vmax=1, rasterized=True, linewidths=0
        )
        axes.plot(
            points[:, 0],
            at,
            "o",
            color=MLP,
            markersize=3.5,
            label=f"boundary of the KAN, D < {threshold:g}",
        )
        axes.plot(
            lines,
            1 / lines if mosaic else 2 - 2 * lines,
            color=INK,
            linewidth=1.0,
            label="known edge",
        )
        axes.set_ylim(-4, 4)
        axes.legend(fontsize=7, loc="lower right")
    figure.colorbar(image, ax=panels, label="fractal dimension D")
    save(figure, FIGURES / "mobility_edge.png")
