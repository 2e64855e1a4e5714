"""The 14 domains of PDEAgent-Bench as shapes of a problem file, and which points lie in them.

The suite states boxes [x_min, x_max, y_min, y_max], circles, and stars and gears of n points: 2n
vertices whose radii alternate, the first of a gear on the x axis, of a star below the centre.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.path import Path
from numpy.typing import NDArray

Array = NDArray[np.float64]
Inside = Callable[[Array], NDArray[np.bool_]]
Node = Mapping[str, Any]


@dataclass(frozen=True)
class Place:
    """A domain.

    Attributes:
        shape: its node in a problem file.
        sides: the names of its boundary parts.
        vanished: parts of its shapes that do not bound it.
        lower, upper: a box around it, (d,).
        inside: whether points (N, d) lie in it, (N,).
    """

    shape: dict[str, Any]
    sides: tuple[str, ...]
    lower: Sequence[float]
    upper: Sequence[float]
    inside: Inside
    vanished: tuple[str, ...] = ()

    def minus(self, holes: Sequence[Place]) -> Place:
        """This domain without the holes, which lie inside it."""
        shape = {"difference": [self.shape, *(hole.shape for hole in holes)]}
        sides = (*self.sides, *(side for hole in holes for side in hole.sides))

        def inside(x: Array) -> NDArray[np.bool_]:
            out = np.array([~hole.inside(x) for hole in holes])
            return np.asarray(self.inside(x) & out.all(0))

        return Place(shape, sides, self.lower, self.upper, inside)

    @property
    def is_box(self) -> bool:
        """Whether it is a rectangle or a box."""
        return bool({"rectangle", "box"} & {*self.shape})

    def points(self, count: int, seed: int) -> Array:
        """Random points of the domain, (count, d)."""
        generator, kept = np.random.default_rng(seed), np.empty((0, len(self.lower)))
        while len(kept) < count:
            x = generator.uniform(self.lower, self.upper, (4 * count, len(self.lower)))
            kept = np.vstack([kept, x[self.inside(x)]])
        return kept[:count]


def place(domain: Node) -> Place:
    """The domain of a case."""
    return _KINDS[domain["type"]](domain.get("geometry_params", {}), domain)


def _box(lower: Sequence[float], upper: Sequence[float], name: str | None = None) -> Place:
    lower, upper = [float(end) for end in lower], [float(end) for end in upper]
    sides = ("left", "right", "bottom", "top", "back", "front")[: 2 * len(lower)]
    named = {} if name is None else {"name": name}
    kind = "rectangle" if len(lower) == 2 else "box"
    shape = {kind: {"lower": lower, "upper": upper, **named}}
    parts = sides if name is None else tuple(f"{name}_{side}" for side in sides)

    def inside(x: Array) -> NDArray[np.bool_]:
        return np.asarray(((x > lower) & (x < upper)).all(1))

    return Place(shape, parts, lower, upper, inside)


def _rectangle(box: Sequence[float], name: str | None = None) -> Place:
    return _box((box[0], box[2]), (box[1], box[3]), name)


def _disk(center: Sequence[float], radius: float, name: str) -> Place:
    middle = np.array(center, dtype=float)
    shape = {"disk": {"center": middle.tolist(), "radius": float(radius), "name": name}}

    def inside(x: Array) -> NDArray[np.bool_]:
        return np.asarray(np.linalg.norm(x - middle, axis=1) < radius)

    return Place(shape, (name,), middle - radius, middle + radius, inside)


def _polygon(vertices: Array | Sequence[Sequence[float]], name: str = "edge") -> Place:
    corners = np.array(vertices, dtype=float)
    sides = tuple(f"{name}{number + 1}" for number in range(len(corners)))
    shape = {"polygon": {"vertices": corners.tolist(), "name": name}}
    inside = Path(corners).contains_points
    return Place(shape, sides, corners.min(0).tolist(), corners.max(0).tolist(), inside)


def _alternating(points: int, radii: tuple[float, float], start: float, node: Node) -> Place:
    """A polygon of 2 × points vertices about the centre, with two radii in turn."""
    x, y = node.get("center", (0.0, 0.0))
    angles = start + np.arange(2 * points) * math.pi / points
    rim = np.array(radii * points)[:, None] * np.column_stack([np.cos(angles), np.sin(angles)])
    return _polygon(np.array([x, y]) + rim)


def _l_shape(node: Node, domain: Node) -> Place:
    if "vertices" in node:
        return _polygon(node["vertices"])
    (x0, x1, y0, y1), (x, _, y, _) = domain["outer_bbox"], domain["cutout_bbox"]
    return _polygon([[x0, y0], [x1, y0], [x1, y], [x, y], [x, y1], [x0, y1]])


def _square_with_hole(node: Node, domain: Node) -> Place:
    hole = node["inner_hole"]
    if hole["type"] == "circle":
        return _rectangle(node["outer"]).minus([_disk(hole["center"], hole["radius"], "hole")])
    if hole["type"] == "rect":
        return _rectangle(node["outer"]).minus([_rectangle(hole["bbox"], "hole")])
    return _rectangle(node["outer"]).minus([_polygon(hole["vertices"], "hole")])


def _multi_hole(node: Node, domain: Node) -> Place:
    holes = [
        _disk(hole["c"], hole["r"], f"hole{number}") for number, hole in enumerate(node["holes"], 1)
    ]
    return _rectangle(node["outer"]).minus(holes)


def _annulus(node: Node, domain: Node) -> Place:
    hole = _disk(node["center"], node["inner_r"], "inner")
    return _disk(node["center"], node["outer_r"], "outer").minus([hole])


def _eccentric(node: Node, domain: Node) -> Place:
    if "outer_circle" not in node:
        return _annulus(node, domain)
    outer, inner = node["outer_circle"], node["inner_circle"]
    return _disk(outer["c"], outer["r"], "outer").minus([_disk(inner["c"], inner["r"], "inner")])


def _t_junction(node: Node, domain: Node) -> Place:
    """A bar on a stem, which meets its lower side."""
    (x0, x1, y0, y1), (a, b, bottom, _) = node["horizontal_rect"], node["vertical_rect"]
    return _polygon(
        [[a, bottom], [b, bottom], [b, y0], [x1, y0], [x1, y1], [x0, y1], [x0, y0], [a, y0]]
    )


def _sector(node: Node, domain: Node) -> Place:
    """0 < angle < α in a disk: its intersection with a polygon that reaches beyond it."""
    (x, y), radius = node["center"], float(node["radius"])
    turns = np.linspace(0, math.radians(node["angle"]), 6)
    rim = np.array([x, y]) + 2 * radius * np.column_stack([np.cos(turns), np.sin(turns)])
    wedge, disk = _polygon(np.vstack([[x, y], rim])), _disk((x, y), radius, "arc")

    def inside(points: Array) -> NDArray[np.bool_]:
        return np.asarray(wedge.inside(points) & disk.inside(points))

    sides = (wedge.sides[0], wedge.sides[-1], "arc")
    shape = {"intersection": [disk.shape, wedge.shape]}
    return Place(shape, sides, disk.lower, disk.upper, inside, wedge.sides[1:-1])


def _dumbbell(node: Node, domain: Node) -> Place:
    """Two disks and a bar from centre to centre."""
    if "bridge" in node:
        disks = [(node[side]["c"], node[side]["r"]) for side in ("left_circle", "right_circle")]
        bar = [node["bridge"][key] for key in ("x_min", "x_max", "y_min", "y_max")]
    else:
        (x0, y), (x1, _), half = node["left_center"], node["right_center"], node["bar_width"] / 2
        disks = [((x0, y), node["radius"]), ((x1, y), node["radius"])]
        bar = [x0, x1, y - half, y + half]
    names = ("west", "east")
    pieces = [_disk(*disk, name) for disk, name in zip(disks, names, strict=True)]
    pieces.append(_rectangle(bar, "bar"))

    def inside(x: Array) -> NDArray[np.bool_]:
        return np.asarray(np.any([piece.inside(x) for piece in pieces], axis=0))

    lower = np.min([piece.lower for piece in pieces], axis=0)
    upper = np.max([piece.upper for piece in pieces], axis=0)
    shape = {"union": [piece.shape for piece in pieces]}
    middle = np.array([[(bar[0] + bar[1]) / 2, bar[3]]])
    covered = any(disk.inside(middle)[0] for disk in pieces[:2])  # then the disks overlap
    ends, rims = ("bar_left", "bar_right"), ("bar_bottom", "bar_top")
    sides, vanished = (names, ends + rims) if covered else (names + rims, ends)
    return Place(shape, sides, lower, upper, inside, vanished)


_KINDS: Mapping[str, Callable[[Node, Node], Place]] = {
    "unit_square": lambda node, domain: _rectangle((0, 1, 0, 1)),
    "unit_cube": lambda node, domain: _box((0, 0, 0), (1, 1, 1)),
    "periodic_square": lambda node, domain: _rectangle(node.get("extents") or node["bounds"]),
    "circle": lambda node, domain: _disk(node["center"], node["radius"], "circle"),
    "annulus": _eccentric,
    "eccentric_annulus": _eccentric,
    "l_shape": _l_shape,
    "square_with_hole": _square_with_hole,
    "multi_hole": _multi_hole,
    "t_junction": _t_junction,
    "sector": _sector,
    "dumbbell": _dumbbell,
    "star": lambda node, domain: _alternating(
        node["points"], (node["outer_r"], node["inner_r"]), -math.pi / 2, node
    ),
    "gear": lambda node, domain: _alternating(
        node["teeth"], (node["base_r"] + node["tooth_h"], node["base_r"]), 0.0, node
    ),
}
DOMAINS = tuple(_KINDS)
