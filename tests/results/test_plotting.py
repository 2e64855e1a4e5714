"""Figures: every kind of domain gives readable pictures, and nothing global is touched."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import matplotlib
import numpy as np
import pytest
import torch
from core_helpers import slowly
from matplotlib.image import imread

import kanpde
from kanpde.config.problem.shapes import (
    BallShape,
    BoxShape,
    DiskShape,
    EllipseShape,
    IntervalShape,
    TimeConfig,
)
from kanpde.domains import Domain, build_domain
from kanpde.errors import StorageError
from kanpde.results.comparison import Comparison, Entry
from kanpde.results.fields import sample
from kanpde.results.plotting import write_comparison, write_figures
from kanpde.results.plotting.canvas import FIELD, SIGNED, decades, field_scale
from kanpde.results.plotting.curves import draw_comparison, draw_edges, draw_history
from kanpde.results.plotting.run import _magnitudes
from kanpde.results.plotting.views import Slices, Triangles, view_of

SQUARE = BoxShape((-1.0, -1.0), (1.0, 1.0), None)
DOMAINS: dict[str, tuple[Domain, tuple[str, ...]]] = {
    "interval": (build_domain(IntervalShape(0.0, 1.0, None)), ("x",)),
    "disk": (build_domain(DiskShape((0.0, 0.0), 1.0, None)), ("x", "y")),
    "heat": (build_domain(IntervalShape(0.0, 1.0, None), TimeConfig(0.0, 2.0)), ("x", "t")),
    "ball": (build_domain(BallShape((0.0,) * 3, 1.0, None)), ("x", "y", "z")),
    "heat in the plane": (build_domain(SQUARE, TimeConfig(0.0, 2.0)), ("x", "y", "t")),
    "five": (build_domain(BoxShape((0.0,) * 5, (1.0,) * 5, None)), ("x1", "x2", "x3", "x4", "x5")),
}


class Layer:
    """A stand-in for a layer of a KAN; edge k is k times a sine."""

    def __init__(self, inputs: int, outputs: int) -> None:
        self.shape = (inputs, outputs)

    def edge_functions(self, samples: int) -> tuple[torch.Tensor, torch.Tensor]:
        inputs, outputs = self.shape
        grid = torch.linspace(-1, 1, samples).expand(inputs, samples)
        return grid, torch.arange(inputs * outputs).reshape(inputs, outputs, 1) * torch.sin(
            3 * grid
        )[:, None]


def history(steps: int = 50) -> Any:
    step = np.arange(1, steps + 1)
    events = ((steps // 2, "extend_grid 10"),)
    return SimpleNamespace(
        step=step, objective=np.exp(-step / 9.0), seconds=0.1 * step, stage=0 * step, events=events
    )


def solution(
    name: str, kind: str = "kan", exact: bool = True, unknowns: tuple[str, ...] = ("u",)
) -> Any:
    domain, coordinates = DOMAINS[name]

    def fields(points: np.ndarray, regions: object = None) -> dict[str, np.ndarray]:
        assert domain.contains(points).all()
        values: dict[str, np.ndarray] = {}
        for unknown in unknowns:
            values[unknown] = np.sin(points.sum(axis=1))
            if exact:
                values |= {
                    f"{unknown}_exact": values[unknown],
                    f"{unknown}_error": 0 * values[unknown],
                }
        return values | {"residual": np.cos(9 * points[:, 0])}

    figures = dict.fromkeys(unknowns, 1e-9 if exact else None)
    trial = {
        "kind": kind,
        "shape": [2, 3, 1],
        "degree": [3, 3],
        "intervals": [5, 5],
        "parameters": 72,
    }
    result = {
        "problem": name,
        "trial": trial,
        "relative_l2": figures,
        "max_error": figures,
        "residual_rms": 0.1,
    }
    return SimpleNamespace(
        result=SimpleNamespace(as_dict=lambda: result),
        problem=SimpleNamespace(
            domain=domain,
            coordinates=coordinates,
            unknowns=unknowns,
            data=None,
            config=SimpleNamespace(time=name if "heat" in name else None, units={}),
        ),
        fields=fields,
        history=history(),
        trial=SimpleNamespace(network=SimpleNamespace(stack=[Layer(2, 3), Layer(3, 1)])),
    )


@pytest.mark.parametrize("name", DOMAINS)
def test_every_domain_gives_six_pictures(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kanpde.results.plotting.run.write_volume", lambda *_: Path("volume.json"))
    written = write_figures(tmp_path / "figures", solution(name))
    if name == "ball":
        *written, volume = written
        assert volume.name == "volume.json"
    assert [path.stem for path in written] == [
        "solution",
        "exact",
        "error",
        "residual",
        "history",
        "edges",
    ]
    for path in written:
        pixels = imread(path)
        assert min(pixels.shape[:2]) > 100
        assert pixels[..., :3].std() > 0.01  # something is drawn


def test_what_does_not_exist_is_left_out(tmp_path: Path) -> None:
    written = write_figures(tmp_path, solution("disk", "mlp", exact=False, unknowns=("u", "v")))
    assert [path.stem for path in written] == ["solution", "residual", "history"]
    tall, single = imread(written[0]), imread(written[1])
    assert tall.shape[0] > 1.5 * single.shape[0]  # one row per unknown


def test_space_has_equal_axes_and_time_has_not() -> None:
    views = {name: view_of(*DOMAINS[name]) for name in ("disk", "heat")}
    assert [view.equal for view in views.values() if isinstance(view, Triangles)] == [True, False]


def test_three_coordinates_are_cut_in_the_middle_or_at_instants() -> None:
    titles = {}
    for name in ("ball", "heat in the plane"):
        view = view_of(*DOMAINS[name])
        assert isinstance(view, Slices)
        titles[name] = [plane.title for plane in view.slices]
    assert titles["ball"] == ["z = 0", "y = 0", "x = 0"]
    assert titles["heat in the plane"] == ["t = 0", "t = 1", "t = 2"]


def test_planes_end_at_the_boundary_of_the_domain() -> None:
    """Whole cells of a grid would leave stairs: 1 % of the area of a disk."""
    view = view_of(*DOMAINS["ball"])
    assert isinstance(view, Slices)
    for plane in view.slices:
        x, y = plane.mesh.x[plane.mesh.triangles], plane.mesh.y[plane.mesh.triangles]
        across = (x[:, 1] - x[:, 0]) * (y[:, 2] - y[:, 0]) - (x[:, 2] - x[:, 0]) * (
            y[:, 1] - y[:, 0]
        )
        assert np.abs(across).sum() / 2 == pytest.approx(np.pi, rel=1e-3)
        rim = np.hypot(plane.mesh.x, plane.mesh.y)
        assert (np.abs(rim - 1) < 1e-9).sum() > 200


def test_most_triangles_of_a_flat_domain_have_a_corner_inside() -> None:
    flat = build_domain(EllipseShape((0.0, 0.0), (1.0, 0.02), 0.0, None))
    view = view_of(flat, ("x", "y"))
    assert isinstance(view, Triangles)
    on_rim = np.abs(np.hypot(view.points[:, 0], view.points[:, 1] / 0.02) - 1) < 1e-6
    assert on_rim[view.triangles].all(axis=1).mean() < 0.1
    assert view.labels[1] == "y (× 4)"
    assert not view.equal


def test_a_field_of_both_signs_is_white_at_zero() -> None:
    cmap, norm = field_scale(np.array([-1.0, 3.0, np.nan]))
    assert (cmap, norm.vmin, norm.vmax) == (SIGNED, -3.0, 3.0)
    cmap, norm = field_scale(np.array([-1e-9, 3.0]))
    assert (cmap, norm.vmin, norm.vmax) == (FIELD, -1e-9, 3.0)


def test_magnitudes_span_at_most_eight_decades_and_survive_zero_and_nan() -> None:
    view = view_of(*DOMAINS["interval"])
    values = np.zeros(len(view.points))
    values[3:5] = 1.0, np.nan
    for field in (values, 0 * values):
        low, high = _magnitudes(view, [("|e|", field)], "e", ["e"]).axes[0].get_ylim()
        assert high / low < 1e10


def test_wide_layers_show_the_48_largest_edges_and_say_so() -> None:
    parts = [
        tuple(p.numpy() for p in Layer(*shape).edge_functions(20))
        for shape in ((2, 64), (64, 1), (2, 10))
    ]
    figure = draw_edges(parts, "edges")  # type: ignore[arg-type]
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == [
        "layer 1: 2 inputs × 64 outputs = 128 edges, the 48 largest shown",
        "layer 2: 64 inputs × 1 outputs = 64 edges, the 48 largest shown",
        "layer 3: 2 inputs × 10 outputs = 20 edges",
    ]
    assert [len(axes.texts) for axes in figure.axes] == [48, 48, 20]
    assert figure.axes[0].texts[-1].get_text() == "2→64"
    assert figure.axes[0].texts[0].get_text() == "2→17"


def test_history_marks_the_grid_events_in_both_panels() -> None:
    figure = draw_history(history(), "line")
    for axes in figure.axes:
        assert axes.get_yscale() == "log"
        dashed = [line for line in axes.lines if line.get_linestyle() == "--"]
        assert len(dashed) == 1
    assert dashed[0].get_xdata()[0] == pytest.approx(2.5)  # type: ignore[index]
    assert [text.get_text().strip() for text in figure.axes[0].texts] == ["extend_grid 10"]


def test_an_empty_history_is_drawn(tmp_path: Path) -> None:
    empty = SimpleNamespace(step=(), objective=(), seconds=(), stage=(), events=())
    assert "last none" in draw_history(empty, "line").get_suptitle()  # type: ignore[arg-type]


def test_the_comparison_shows_seeds_and_medians_and_skips_what_is_not_finite(
    tmp_path: Path,
) -> None:
    trial = {"shape": [2, 10, 1], "parameters": 40}
    errors = (("kan", 1e-9), ("kan", 1e-8), ("mlp", 1e-3), ("mlp", float("nan")), ("mlp", 1e-4))
    entries = tuple(
        Entry(
            "best", {"relative_l2": {"u": error}, "seconds": 2.0, "trial": {"kind": kind, **trial}}
        )
        for kind, error in errors
    )
    comparison = Comparison("line", entries)
    axes = draw_comparison(comparison).axes[0]
    assert axes.get_xscale() == axes.get_yscale() == "log"
    assert len(axes.lines) == 4 + 2
    assert imread(write_comparison(tmp_path / "picture.png", comparison)).shape[1] > 600


def test_a_folder_that_cannot_be_made_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot be made"):
        write_figures(tmp_path / "file" / "figures", solution("interval"))


@pytest.mark.parametrize(
    "backend", slowly(["module://matplotlib_inline.backend_inline", "nonsense"], {"nonsense"})
)
def test_a_backend_that_is_not_installed_does_not_matter(backend: str) -> None:
    program = "import os; from kanpde.results.plotting import write_figures; print(os.environ['MPLBACKEND'])"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "MPLBACKEND": backend},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stdout) == (0, f"{backend}\n"), done.stderr


def test_the_settings_of_the_user_change_no_picture(tmp_path: Path) -> None:
    result = {
        "relative_l2": {"u": 1e-3},
        "seconds": 2.0,
        "trial": {"kind": "kan", "shape": [1, 1], "parameters": 4},
    }
    comparison = Comparison("line", (Entry("best", result),))
    plain = write_comparison(tmp_path / "plain.png", comparison).read_bytes()
    theirs = {"text.usetex": True, "font.size": 40.0, "savefig.dpi": 10, "axes.grid": True}
    with matplotlib.rc_context(theirs):
        assert write_comparison(tmp_path / "theirs.png", comparison).read_bytes() == plain
        assert matplotlib.rcParams["font.size"] == 40.0


def test_pyplot_is_never_imported() -> None:
    program = (
        "import sys, kanpde.results.plotting.run; sys.exit('matplotlib.pyplot' in sys.modules)"
    )
    root = Path(__file__).resolve().parents[2]
    assert subprocess.run([sys.executable, "-c", program], cwd=root, timeout=120).returncode == 0


def test_the_field_is_evaluated_once_for_the_file_and_the_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts: list[int] = []

    def counted(problem: Any, trial: Any, points: np.ndarray, *others: Any) -> Any:
        counts.append(len(points))
        return sample(problem, trial, points, *others)

    monkeypatch.setattr("kanpde.results.solution.sample", counted)
    square = {
        "name": "square",
        "unknowns": ["u"],
        "domain": {"rectangle": {"lower": [0, 0], "upper": [1, 1]}},
        "equations": ["laplacian(u) = 2"],
        "conditions": [{"part": ["left", "right", "bottom", "top"], "equation": "u = x**2"}],
    }
    config = {
        "problem": square,
        "trial": {"kind": "kan", "width": [4], "degree": [3, 3], "intervals": [2, 2]},
        "sampler": {"interior": 64, "boundary": 32},
    }
    written = kanpde.solve(config, out=tmp_path / "run")
    assert {path.name for path in (tmp_path / "run").iterdir()} >= {"field.vtu", "figures"}
    assert counts == [len(written.mesh().points)]


def test_figures_do_not_change_what_a_file_holds(tmp_path: Path) -> None:
    """A field known on a mesh of the domain is drawn as it is, without being evaluated again."""
    shown = solution("disk")
    mesh = DOMAINS["disk"][0].mesh(12)
    fields = shown.fields(mesh.points)
    shown.fields = None  # any evaluation would fail
    sampled = SimpleNamespace(mesh=mesh, fields=fields)
    assert len(write_figures(tmp_path, shown, sampled)) == 6


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        (1e-3, 1.0, ["10⁻³", "10⁻²", "10⁻¹", "10⁰"]),
        (2e-16, 9e-15, ["2×10⁻¹⁶", "5×10⁻¹⁶", "10⁻¹⁵", "2×10⁻¹⁵", "5×10⁻¹⁵"]),
        (1e-20, 1e-6, [f"10{text}" for text in ("⁻²⁰", "⁻¹⁷", "⁻¹⁴", "⁻¹¹", "⁻⁸")]),
        (3.1e7, 3.2e7, ["3.1e+07", "3.2e+07"]),
    ],
)
def test_labels_of_a_logarithmic_axis(low: float, high: float, labels: list[str]) -> None:
    values, written = decades(low, high)
    assert written == labels
    assert all(low <= value <= high for value in values)
