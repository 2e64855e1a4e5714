"""Named conditions, quantities and vectors, time series: files hold what the solution says, value
by value.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import pyvista
import torch
from core_helpers import problem_node

from kanpde import api
from kanpde.cli import main
from kanpde.config import Config, validate
from kanpde.errors import ConfigError
from kanpde.marching.march import begin, march
from kanpde.marching.slab import Slab
from kanpde.problem.problem import Problem
from kanpde.progress import Silent, StopReason
from kanpde.results import plotting, report
from kanpde.results.fields import bridged
from kanpde.results.series import Series, export_points, instants
from kanpde.results.solution import Solution

pytestmark = pytest.mark.usefixtures("quick")

# u + i v = exp(x + i y): harmonic, du/dx = u, du/dy = -v
PLANE = problem_node(
    {"rectangle": {"lower": [0, 0], "upper": [1, 1]}},
    ["laplacian(u) = 0", "laplacian(v) = 0"],
    [
        {
            "part": ["left", "right"],
            "equation": ["u = exp(x)*cos(y)", "v = exp(x)*sin(y)"],
            "name": "walls",
        },
        {"part": ["bottom", "top"], "equation": ["u = exp(x)*cos(y)", "v = exp(x)*sin(y)"]},
    ],
    unknowns=["u", "v"],
    exact={"u": "exp(x)*cos(y)", "v": "exp(x)*sin(y)"},
    parameters={"k": 3.0},
    quantities={"size": "sqrt(u**2 + v**2)", "shear": "dy(u) + dx(v)"},
    vectors={"flow": ["u", "v"], "flux": ["-k*dx(u)", "-k*dy(u)"], "lone": ["dxx(u)"]},
)
HEAT = problem_node(
    {"interval": {"lower": -1, "upper": 1}},
    ["dt(u) = dxx(u)/pi**2"],
    [
        {"part": "initial", "equation": "u = sin(pi*x)", "name": "start"},
        {"part": ["left", "right"], "equation": "u = 0", "name": "ends"},
    ],
    time={"interval": [0, 1]},
    exact={"u": "sin(pi*x)*exp(-t)"},
    vectors={"flux": ["-dx(u)"]},
)
STRETCHED = {
    "kind": "kan",
    "start": "stretched",
    "width": [6],
    "degree": [7, 7],
    "intervals": [12, 12],
}


def plane(**changes: Any) -> Config:
    tree = {
        "problem": PLANE,
        "trial": {"kind": "kan", "width": [16], "degree": [5, 11], "intervals": [2, 4]},
        "sampler": {"interior": 400, "boundary": 120},
    }
    return validate({**tree, **changes}, source="test")


def heat(slabs: int = 3, **changes: Any) -> Config:
    tree = {
        "problem": HEAT,
        "trial": STRETCHED,
        "sampler": {"interior": 300, "boundary": 40},
        "slabs": slabs,
    }
    return validate({**tree, **changes}, source="test")


@pytest.fixture(scope="module")
def in_plane() -> Solution:
    return api.solve(plane())


# Names
# --------------------------------------------------------------------------------------------------


def test_conditions_are_reported_by_name(in_plane: Solution) -> None:
    conditions = in_plane.result.as_dict()["conditions"]
    # without a name a condition goes by its part
    assert list(conditions) == ["walls", "bottom", "top"]
    assert max(conditions.values()) == in_plane.boundary_max
    (row,) = [
        text
        for name, text in report.result_rows(in_plane.result.as_dict())
        if name.startswith("conditions")
    ]
    assert row.split()[0] == max(conditions, key=conditions.__getitem__)


def test_the_largest_violation_belongs_to_the_condition_that_is_violated(
    in_plane: Solution,
) -> None:
    """u + 1e-3 x: wrong by 1e-3 on the right side, by less than x on the others, by nothing on the
    left.
    """
    config = plane(problem={**PLANE, "conditions": [
        {"part": [part], "equation": ["u = exp(x)*cos(y) + 1e-3*x", "v = exp(x)*sin(y)"], "name": f"on_{part}"}
        for part in ("left", "right", "bottom", "top")
    ], "exact": None})  # fmt: skip
    from kanpde.problem.problem import Problem
    from kanpde.results.metrics import measure

    assert in_plane.points is not None
    conditions = measure(Problem.create(config.problem), in_plane.trial, in_plane.points).conditions
    assert conditions["on_right"] == pytest.approx(1e-3, rel=1e-4)
    assert conditions["on_left"] < 1e-7
    assert conditions["on_bottom"] == pytest.approx(1e-3, rel=0.01)
    assert conditions["on_bottom"] < conditions["on_right"]


def test_a_weight_by_name_is_that_of_the_condition() -> None:
    """The same points, and the objective of `terms: {walls: 7}` is that of `weight: 7` on these
    conditions.
    """
    named = plane(weights={"conditions": 10, "terms": {"walls": 7, "top": 0.5}})
    rows = [dict(row) for row in PLANE["conditions"]]
    rows[0]["weight"] = 7
    rows[1:] = [{**rows[1], "part": "bottom"}, {**rows[1], "part": "top", "weight": 0.5}]
    given = plane(problem={**PLANE, "conditions": rows}, weights={"conditions": 10})

    def weights(config: Config) -> list[tuple[str, float]]:
        from kanpde.solver.build import build

        return sorted((term.name, term.weight) for term in build(config).assembly.terms)

    assert weights(named) == weights(given)
    assert weights(named) != weights(plane(weights={"conditions": 10}))
    again = validate(named.as_tree(), source="again")
    assert again == named
    assert again.weights.terms == {"walls": 7.0, "top": 0.5}


def test_a_slab_is_checked_without_weights_by_name() -> None:
    from kanpde.marching.slab import build_slab
    from kanpde.problem.problem import Problem

    def slab(**weights: Any) -> Slab:
        config = heat(weights=weights)
        return build_slab(config, Problem.create(config.problem), (0.0, 0.5), None)

    plain, weighed = slab(), slab(terms={"ends": 9.0})
    assert [t.weight for t, _ in plain.checked] == [t.weight for t, _ in weighed.checked]
    ratio = [
        b.weight / a.weight
        for a, b in zip(plain.parts.assembly.terms, weighed.parts.assembly.terms, strict=True)
    ]
    assert ratio == pytest.approx([1, 1, 9, 9])


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (
            {"wall": 2},
            r"terms\.wall: no condition goes by that name, did you mean 'walls'\? \(names: walls,"
            r" bottom, top\)",
        ),
        ({"left": 2}, r"weights\.terms\.left: no condition goes by that name"),
        ({"walls": 0}, r"weights\.terms\.walls: must be a number greater than 0"),
    ],
)  # fmt: skip
def test_a_weight_of_an_unknown_name_is_refused(weights: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        plane(weights={"terms": weights})


def test_a_condition_needs_a_plain_name() -> None:
    rows = [
        {
            "part": ["left", "right", "bottom", "top"],
            "equation": ["u = 0", "v = 0"],
            "name": "no name",
        }
    ]
    with pytest.raises(
        ConfigError, match=r"conditions\[0\]\.name: must be a name that begins with a letter"
    ):
        plane(problem={**PLANE, "exact": None, "conditions": rows})


# Quantities and vectors
# --------------------------------------------------------------------------------------------------


def test_quantities_and_vectors_are_formulas_of_the_solution(in_plane: Solution) -> None:
    x = np.random.default_rng(0).uniform(0, 1, (50, 2))
    fields = in_plane.fields(x, gradients=True)
    u, v = np.exp(x[:, 0]) * np.cos(x[:, 1]), np.exp(x[:, 0]) * np.sin(x[:, 1])
    nothing = 0 * u
    expected = {
        "size": np.exp(x[:, 0]),
        "shear": nothing,
        "flow": np.stack([u, v, nothing], axis=1),
        "flux": np.stack([-3 * u, 3 * v, nothing], axis=1),
        "lone": np.stack([u, nothing, nothing], axis=1),
        "u_gradient": np.stack([u, -v, nothing], axis=1),
        "v_gradient": np.stack([v, u, nothing], axis=1),
    }
    for name, values in expected.items():
        np.testing.assert_allclose(fields[name], values, atol=2e-5, err_msg=name)
    np.testing.assert_allclose(fields["flow"][:, :2], in_plane(x), rtol=0, atol=1e-12)
    assert "u_gradient" not in in_plane.fields(x)


def test_paraview_reads_the_vectors_of_a_field(in_plane: Solution, tmp_path: Path) -> None:
    grid = pyvista.read(in_plane.export(tmp_path / "field.vtu", 12))
    x = np.asarray(grid.points)[:, :2]
    fields = in_plane.fields(x)
    assert set(grid.point_data.keys()) == set(fields)
    for name, values in fields.items():
        assert np.asarray(grid.point_data[name]).shape == values.shape
        np.testing.assert_allclose(
            np.asarray(grid.point_data[name]), values, rtol=0, atol=1e-11, err_msg=name
        )
    assert np.asarray(grid["flux"]).shape == (len(x), 3)


def test_a_table_has_a_column_per_component(in_plane: Solution, tmp_path: Path) -> None:
    header = in_plane.export(tmp_path / "field.csv", 4).read_text().splitlines()[0].split(",")
    assert header[:2] == ["x", "y"]
    assert [name for name in header if name.startswith("flow")] == ["flow_x", "flow_y", "flow_z"]
    with np.load(in_plane.export(tmp_path / "field.npz", 4)) as back:
        assert back["flow"].shape == (len(back["points"]), 3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"quantities": {"u_error": "u"}},
            r"quantities\.u_error: the name 'u_error' is that of a field that is written anyway",
        ),
        ({"quantities": {"residual_2": "u"}}, r"quantities\.residual_2: the name 'residual_2' is that of a field"),
        ({"quantities": {"k": "u"}}, r"quantities\.k: the name 'k' is already used for a parameter"),
        ({"vectors": {"size": ["u"]}}, r"vectors\.size: the name 'size' is already used for a quantity"),
        ({"vectors": {"a": ["u"] * 4}}, r"vectors\.a: must hold at most 3 elements, found 4"),
        (
            {"vectors": {"a": "u"}},
            r"vectors\.a: must be a list of one to three formulas, for example \[u, v\], found 'u'",
        ),
        ({"quantities": {f"q{k}": "u" for k in range(101)}}, r"quantities: must hold at most 100 entries, found 101"),
    ],
)  # fmt: skip
def test_what_cannot_be_written_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        plane(problem={**PLANE, **changes})


def test_a_mistake_in_a_formula_is_found_before_the_solve() -> None:
    config = plane(problem={**PLANE, "vectors": {"flux": ["dx(u)", "dy(w)"]}})
    with pytest.raises(ConfigError, match=r"problem\.vectors\.flux\[1\]: .*'w'"):
        api.prepare(config)
    config = plane(problem={**PLANE, "quantities": {"q": "dn(u)"}})
    with pytest.raises(
        ConfigError, match=r"problem\.quantities\.q: .*'dn' is only defined on boundary parts"
    ):
        api.prepare(config)


def test_the_saved_config_keeps_names_formulas_and_instants() -> None:
    config = heat(output={"series": [0, 0.25, 1.0], "gradients": True})
    assert validate(config.as_tree(), source="again") == config
    assert config.output.series == (0.0, 0.25, 1.0)
    assert plane().as_tree()["problem"]["vectors"]["flow"] == ["u", "v"]
    assert validate(plane().as_tree(), source="again") == plane()


# Time series
# --------------------------------------------------------------------------------------------------


def collection(path: Path) -> list[tuple[float, Path]]:
    """Times and files of a .pvd, as ParaView's format has them."""
    root = ElementTree.fromstring(path.read_text())
    assert (root.tag, root.get("type")) == ("VTKFile", "Collection")
    return [
        (float(data_set.attrib["timestep"]), path.parent / data_set.attrib["file"])
        for data_set in root.iter("DataSet")
    ]


def test_a_series_holds_the_solution_at_every_instant(tmp_path: Path) -> None:
    solution = api.solve(heat(output={"series": 5, "gradients": True}))
    path = solution.export(tmp_path / "a b.pvd", 20)
    frames = collection(path)
    assert [t for t, _ in frames] == [0, 0.25, 0.5, 0.75, 1]
    reader = pyvista.get_reader(str(path))
    assert reader.time_values == [t for t, _ in frames]
    for t, file in frames:
        reader.set_active_time_value(t)
        (grid,) = reader.read()
        x = np.asarray(grid.points)
        assert np.array_equal(
            x[:, 0], np.linspace(-1, 1, 21)
        )  # the mesh of space: time is no coordinate of it
        assert np.array_equal(x[:, 1:], np.zeros((21, 2)))
        at = np.stack([x[:, 0], np.full(21, t)], axis=1)
        np.testing.assert_allclose(np.asarray(grid["u"]), solution(at)[:, 0], rtol=0, atol=1e-13)
        np.testing.assert_allclose(
            np.asarray(grid["u_exact"]), np.sin(np.pi * x[:, 0]) * np.exp(-t), atol=1e-15
        )
        assert np.array_equal(
            np.asarray(grid["u_error"]), np.asarray(grid["u"]) - np.asarray(grid["u_exact"])
        )
        np.testing.assert_allclose(
            np.asarray(grid["flux"]), -np.asarray(grid["u_gradient"]), rtol=0, atol=1e-12
        )
        assert {"residual", "flux"} <= set(grid.point_data.keys())
        assert file.parent == tmp_path / "a b"


def test_a_shorter_series_leaves_nothing_of_a_longer_one(tmp_path: Path) -> None:
    solution = api.solve(heat(1))
    for count in (5, 2):
        path = solution.export_series(tmp_path / "s.pvd", count, 8)
        assert sorted((tmp_path / "s").iterdir()) == [file for _, file in collection(path)]
    assert [t for t, _ in collection(path)] == [0, 1]
    assert [t for t, _ in collection(solution.export_series(path, (0.25, 0.5), 8))] == [0.25, 0.5]


def test_a_series_is_written_slab_by_slab(tmp_path: Path) -> None:
    """After slab k of three the list holds what lies in the first k thirds, and every file of it
    exists.
    """
    seen: list[list[float]] = []
    config = heat(3)
    series = Series(tmp_path / "s.pvd", api.solve(heat(1)).problem, instants_of(config, 7), 8)

    def each(slab: Slab) -> None:
        series.add(slab.parts.trial, slab.end)
        frames = collection(tmp_path / "s.pvd")
        assert all(file.is_file() for _, file in frames)
        seen.append([t for t, _ in frames])

    march(begin(config), Silent(), each=each)
    assert [len(times) for times in seen] == [3, 5, 7]
    for third, times in enumerate(seen, start=1):
        assert times[-1] <= third / 3 + 1e-15


def instants_of(config: Config, count: int) -> tuple[float, ...]:
    from kanpde.problem.problem import Problem

    return instants(Problem.create(config.problem), count)


def test_a_run_leaves_the_series_of_its_slabs_and_of_one_solve(tmp_path: Path) -> None:
    for slabs in (2, 1):
        trial = (
            STRETCHED
            if slabs > 1
            else {"kind": "kan", "width": [12], "degree": [5, 9], "intervals": [2, 4]}
        )
        output = {"series": [0, 0.5, 0.75], "vtu": False, "plots": False}
        solution = api.solve(heat(slabs, trial=trial, output=output), out=tmp_path / f"run{slabs}")
        frames = collection(tmp_path / f"run{slabs}" / "series.pvd")
        assert [t for t, _ in frames] == [0, 0.5, 0.75]
        for t, file in frames:
            grid = pyvista.read(file)
            at = np.stack([np.asarray(grid.points)[:, 0], np.full(grid.n_points, t)], axis=1)
            np.testing.assert_allclose(
                np.asarray(grid["u"]), solution(at)[:, 0], rtol=0, atol=1e-13
            )
        api.solve(
            heat(slabs, trial=trial, output=output), out=tmp_path / f"run{slabs}", overwrite=True
        )  # no foreign file


def test_a_run_that_was_stopped_has_a_series_as_far_as_it_got(tmp_path: Path) -> None:
    class StopAtSecond(Silent):
        count = 0

        def stage_started(self, index: int, total: int, name: str, steps: int) -> None:
            self.count += 1
            if self.count == 2:
                self.stop = StopReason.INTERRUPTED

    output = {"series": 7, "vtu": False, "plots": False}
    stopped = api.solve(heat(3, output=output), out=tmp_path / "run", progress=StopAtSecond())
    assert stopped.stop_reason is StopReason.INTERRUPTED
    assert [t for t, _ in collection(tmp_path / "run" / "series.pvd")] == pytest.approx(
        [0, 1 / 6, 1 / 3]
    )
    reached = stopped.instants(7)
    assert 1 / 3 <= reached[-1] < 1
    with pytest.raises(ConfigError, match=r"0\.9 is not in the time interval \[0\.0, 0\.\d+\]"):
        stopped.instants((0.9, 1.0))
    api.resume(tmp_path / "run")
    assert len(collection(tmp_path / "run" / "series.pvd")) == 7


@pytest.mark.parametrize(
    ("series", "message"),
    [
        (1, r"output\.series: must be an integer from 2 to 10000, found 1"),
        (
            [0, 2],
            r"output\.series: times must increase within the time interval \[0\.0, 1\.0\], found \[0\.0, 2\.0\]",
        ),
        ([0.5, 0.5], r"output\.series: times must increase"),
    ],
)
def test_instants_lie_in_the_time_interval(series: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        heat(output={"series": series})


def test_a_series_needs_a_mesh_of_space() -> None:
    node = problem_node(
        {"box": {"lower": [0] * 4, "upper": [1] * 4}},
        ["dt(u) = laplacian(u)"],
        [{"part": "initial", "equation": "u = 0"}],
        free=[f"x{k}_{end}" for k in range(1, 5) for end in ("min", "max")],
        time={"interval": [0, 1]},
    )
    with pytest.raises(
        ConfigError,
        match=r"output\.series: a time series needs at most 3 coordinates of space, found 4",
    ):
        validate({"problem": node, "output": {"series": 3}}, source="test")


def test_a_problem_without_time_has_no_series(in_plane: Solution, tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"output\.series: a time series, but the problem has no time; remove it"
    ):
        plane(output={"series": 3})
    with pytest.raises(ConfigError, match="the problem has no time; export it to vtu"):
        in_plane.export(tmp_path / "s.pvd")
    with pytest.raises(ConfigError, match="the problem has no time"):
        plotting.write_animation(tmp_path / "a.gif", in_plane, (0.0,))
    with pytest.raises(
        ConfigError, match=re.escape("a time series: 2.0 is not in the time interval [0.0, 1.0]")
    ):
        instants(api.solve(heat(1)).problem, (2.0,))


# Points
# --------------------------------------------------------------------------------------------------


def test_the_points_of_a_solve_are_vertices_with_their_parts_and_weights(
    in_plane: Solution, tmp_path: Path
) -> None:
    (path,), parts = in_plane.export_points(tmp_path)
    assert parts == ("interior", "left", "right", "bottom", "top")
    cloud, points = pyvista.read(path), in_plane.points
    assert points is not None
    assert set(cloud.celltypes) == {1}  # VTK_VERTEX
    number = np.asarray(cloud["part"])
    assert number.dtype == np.int64
    for k, (name, part) in enumerate({"interior": points.interior, **points.parts}.items()):
        here = number == k
        assert np.array_equal(np.asarray(cloud.points)[here, :2], part.x.numpy())
        assert np.array_equal(np.asarray(cloud["weight"])[here], part.w.numpy())
        field = f"on_{name}" if k else name
        assert np.array_equal(np.asarray(cloud[field]), here.astype(int))
    assert np.asarray(cloud["weight"])[number == 1].sum() == pytest.approx(1.0)


def test_parts_may_be_called_as_the_program_calls_its_own_points(
    in_plane: Solution, tmp_path: Path
) -> None:
    points = in_plane.points
    assert points is not None
    names = ("interior", "part", "left wall", "oberfläche <&'>")
    parts = dict(zip(names, points.parts.values(), strict=True))
    called = export_points(tmp_path / "points.vtu", replace(points, parts=parts))
    assert called == ("interior", *names)
    cloud = pyvista.read(tmp_path / "points.vtu")
    number = np.asarray(cloud["part"])
    assert np.bincount(number).tolist() == [
        len(points.interior.x),
        *map(len, (p.x for p in parts.values())),
    ]
    for k, name in enumerate(names, start=1):
        assert np.array_equal(np.asarray(cloud[f"on_{name}"]), (number == k).astype(int))
    assert np.array_equal(np.asarray(cloud["interior"]), (number == 0).astype(int))


def test_a_reference_is_written_where_it_is_known(tmp_path: Path) -> None:
    config = api.configure(
        "burgers",
        trial={"intervals": 8, "width": [4], "degree": 7},
        sampler={"interior": 100, "boundary": 10},
    )
    solution = api.solve(replace(config, slabs=1, schedule=config.schedule[:1]))
    (_, path), parts = solution.export_points(tmp_path)
    assert parts[:2] == ("interior", "initial")
    cloud, known = pyvista.read(path), solution.problem.reference
    assert known is not None
    assert np.array_equal(np.asarray(cloud["u_reference"]), known.values[:, 0])
    np.testing.assert_allclose(np.asarray(cloud["u"]), solution(known.x)[:, 0], rtol=0, atol=1e-13)
    error = np.asarray(cloud["u_error"])
    relative = np.sqrt((known.w * error**2).sum() / (known.w * known.values[:, 0] ** 2).sum())
    assert relative == pytest.approx(solution.relative_l2["u"])
    assert "u_exact" not in solution.fields(np.array([[0.0, 0.5]]))


# Films
# --------------------------------------------------------------------------------------------------


def test_a_film_has_one_frame_per_instant_in_one_scale(tmp_path: Path) -> None:
    from PIL import Image

    solution = api.solve(heat(2))
    path = plotting.write_animation(tmp_path / "new" / "u.gif", solution, solution.instants(4))
    with Image.open(path) as film:
        assert film.n_frames == 4
        frames = []
        for k in range(4):
            film.seek(k)
            frames.append(np.asarray(film.convert("RGB")).astype(int))
    blue = [np.argwhere((f[:, :, 2] > 120) & (f[:, :, 0] < 60)) for f in frames]  # the line
    heights = [float(np.ptp(line[:, 0])) for line in blue]
    assert heights[3] / heights[0] == pytest.approx(np.exp(-1), abs=0.05)
    assert path.stat().st_size < 400_000


def test_a_film_in_the_plane_keeps_its_colours(tmp_path: Path) -> None:
    from PIL import Image

    node = problem_node(
        {"rectangle": {"lower": [0, 0], "upper": [1, 1]}},
        ["dt(u) = -u + 0*laplacian(u)"],
        [{"part": "initial", "equation": "u = 1"}],
        free=["left", "right", "bottom", "top"],
        time={"interval": [0, 1]},
    )
    trial = {"kind": "kan", "width": [6], "degree": [5, 7], "intervals": [1, 2]}
    tree = {"problem": node, "trial": trial, "sampler": {"interior": 216, "boundary": 36}}
    solution = api.solve(validate(tree, source="test"))
    path = plotting.write_animation(tmp_path / "u.gif", solution, (0.0, 1.0))
    with Image.open(path) as film:
        assert film.n_frames == 2
        first = np.asarray(film.convert("RGB")).astype(int)
        film.seek(1)
        last = np.asarray(film.convert("RGB")).astype(int)
    middle = (first.shape[0] // 2, first.shape[1] // 2)
    assert (
        first[middle][0] > 200 > 120 > last[middle][0]
    )  # yellow at u = 1, violet at the least value of all instants


def test_what_cannot_be_filmed_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    solution = api.solve(heat(1))
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ConfigError, match="an mp4 animation needs the program ffmpeg"):
        plotting.write_animation(tmp_path / "u.mp4", solution, (0.0,))
    with pytest.raises(
        ConfigError, match=r"an animation must end in \.gif or \.mp4, found 'u\.avi'"
    ):
        plotting.write_animation(tmp_path / "u.avi", solution, (0.0,))
    assert list(tmp_path.iterdir()) == []


# The command line
# --------------------------------------------------------------------------------------------------


def test_the_command_line_writes_series_points_and_films(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    def tell(*words: str) -> tuple[int, str, str]:
        return main(words), *capsys.readouterr()

    trial = {"kind": "kan", "width": [8], "degree": [5, 7], "intervals": [2, 2]}
    api.solve(heat(1, trial=trial, output={"vtu": False, "plots": False}), out="run")
    assert tell("export", "run", "--to", "pvd", "--times", "3", "--resolution", "6") == (
        0,
        "files: run/series.pvd\n",
        "",
    )
    assert [t for t, _ in collection(Path("run/series.pvd"))] == [0, 0.5, 1]
    code, out, _ = tell("export", "run", "--points")
    assert (code, out) == (
        0,
        "part: 0 interior, 1 initial, 2 left, 3 right\nfiles: run/points.vtu\n",
    )
    assert tell("plot", "run", "--animate", "gif", "--times", "2") == (
        0,
        "files: run/figures/animation.gif\n",
        "",
    )
    for words, message in (
        (
            ("export", "run", "--times", "3"),
            "--times 3 goes with --to pvd; add it or remove --times",
        ),
        (
            ("plot", "run", "--times", "3"),
            "--times 3 goes with --animate; add it or remove --times",
        ),
        (
            ("export", "run", "--to", "pvd", "--times", "1"),
            "--times must be between 2 and 10000, found 1",
        ),
    ):
        assert tell(*words) == (2, "", f"kanpde: error: {message}\n")


# Words
# --------------------------------------------------------------------------------------------------


def test_a_run_in_slabs_says_how_many() -> None:
    trial = api.solve(heat(3)).result.trial
    assert trial["slabs"] == 3
    assert report.describe_trial(trial).startswith(
        "KAN [2, 6, 1] on 3 slabs, degree 7, intervals 12 on the last, "
    )
    trial = api.solve(heat(1)).result.trial
    assert report.describe_trial(trial).startswith(
        "KAN [2, 6, 1] on 1 slab, degree 7, intervals 12, "
    )


@pytest.mark.parametrize(
    ("optimizer", "row"),
    [
        ("variable_projection", ("Jacobian of variable projection", "1080 × 100, 843.8 KiB")),
        ("levenberg_marquardt", ("Jacobian of Levenberg-Marquardt", "1140 × 100, 890.6 KiB")),
        ("broyden", ("inverse Hessian of Broyden", "100 × 100, 78.1 KiB")),
    ],
)
def test_sizes_name_the_matrices_of_every_stage(optimizer: str, row: tuple[str, str]) -> None:
    trial = {"kind": "kan", "width": [4], "degree": [3, 5], "intervals": [2, 5]}
    config = validate(
        {"problem": HEAT, "trial": trial, "schedule": [{"optimizer": optimizer}]}, source="test"
    )
    rows = report.size_rows(config, 100, 1040, 40)
    assert row in rows
    assert not any(name == "least-squares matrix" for name, _ in rows)
    assert torch.get_default_dtype() is torch.float32


def test_a_single_vertex_without_a_value_is_bridged() -> None:
    """A linear field comes back exactly where the neighbours are symmetric; gaps of two vertices
    and unknowns stay.
    """
    problem = Problem.create(plane().problem)
    mesh = problem.domain.mesh(8)
    line = 1 + 2 * mesh.points[:, 0] - 3 * mesh.points[:, 1]
    inside = int(np.argmin(np.linalg.norm(mesh.points - 0.5, axis=1)))
    neighbours = np.unique(mesh.cells[0][1][(mesh.cells[0][1] == inside).any(axis=1)])
    hole, pair = line.copy(), line.copy()
    hole[inside], pair[neighbours[:2]] = np.nan, np.inf
    fields = {
        "residual_1": hole,
        "flow": np.stack([hole, line, 0 * line], axis=1),
        "size": pair,
        "u": hole,
    }
    without_hole = bridged(problem, fields, mesh)
    np.testing.assert_allclose(without_hole["residual_1"], line, atol=1e-14)
    np.testing.assert_allclose(without_hole["flow"][:, 1], line, atol=1e-14)
    np.testing.assert_array_equal(without_hole["flow"][:, 0], without_hole["residual_1"])
    np.testing.assert_array_equal(without_hole["size"], pair)
    np.testing.assert_array_equal(without_hole["u"], hole)
    assert np.isnan(hole[inside]), "what is given stays"


def test_a_field_file_has_values_at_a_singular_corner(tmp_path: Path) -> None:
    tree = plane().as_tree()
    tree["trial"]["functions"] = ["(x**2 + y**2 + 1e-60)**0.35*cos(0.7*atan2(y, x))"]
    solution = api.solve(tree)
    corner = np.zeros((1, 2))
    assert not np.isfinite(solution.fields(corner)["residual_1"]).all()
    read = pyvista.read(solution.export(tmp_path / "u.vtu"))
    for name in read.point_data:
        assert np.isfinite(read.point_data[name]).all(), name
