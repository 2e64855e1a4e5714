"""Shapes as data: what a file says about a domain, its coordinates and the names of its boundary
parts.

`{rectangle: {lower: [0, 0], upper: [2, 1], name: plate}}` has the parts plate_left, plate_right,
plate_bottom and plate_top; without `name` they are left, right, bottom and top. Lengths are
dimensionless.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from kanpde.config.other_words import WRITTEN
from kanpde.config.problem.box_corners import FARTHEST, read_corners
from kanpde.config.problem.coordinate_names import read_inputs, usual
from kanpde.config.problem.intervals import (
    ENDS_OF_TIME,
    IntervalShape,
    TimeConfig,
    TimeShape,
    check_length,
    coordinate,
    part_name,
    read_interval,
)
from kanpde.config.problem.meshes import MeshShape, mesh_tree, read_mesh
from kanpde.config.problem.polygons import polygon_flaw
from kanpde.config.reader import Reader, listed, shown

MOST_VERTICES = 1000
FLATTEST = 100
"""Most that one half axis of an ellipse may be of the other."""

_SIDES = ("left", "right", "bottom", "top", "back", "front")


@dataclass(frozen=True)
class BoxShape:
    """lower_i < x_i < upper_i for d ≥ 1 coordinates.

    Parts: left, right, then bottom, top, then back, front; for d > 3 x1_min, x1_max, ... `inputs`
    are own names of coordinates.
    """

    lower: tuple[float, ...]
    upper: tuple[float, ...]
    name: str | None = None
    inputs: tuple[str, ...] = ()

    @property
    def dimension(self) -> int:
        """Number of space coordinates."""
        return len(self.lower)

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the boundary parts: the lower and the upper face of each coordinate."""
        return _box_parts(len(self.lower), self.name)


@dataclass(frozen=True)
class DiskShape:
    """|x − center| < radius in the plane; one part, `circle` unless named."""

    center: tuple[float, float]
    radius: float
    name: str | None = None

    dimension: ClassVar[int] = 2

    @property
    def parts(self) -> tuple[str, ...]:
        """The name of the one boundary part."""
        return (self.name or "circle",)


@dataclass(frozen=True)
class EllipseShape:
    """The inside of an ellipse with half axes `radii`, the first one turned from the x axis by
    `angle` degrees to the left; one part, `ellipse` unless named.
    """

    center: tuple[float, float]
    radii: tuple[float, float]
    angle: float = 0.0
    name: str | None = None

    dimension: ClassVar[int] = 2

    @property
    def parts(self) -> tuple[str, ...]:
        """The name of the one boundary part."""
        return (self.name or "ellipse",)


@dataclass(frozen=True)
class BallShape:
    """|x − center| < radius in space; one part, `sphere` unless named."""

    center: tuple[float, float, float]
    radius: float
    name: str | None = None

    dimension: ClassVar[int] = 3

    @property
    def parts(self) -> tuple[str, ...]:
        """The name of the one boundary part."""
        return (self.name or "sphere",)


@dataclass(frozen=True)
class PolygonShape:
    """A simple polygon; part edge1 leads from the first vertex to the second, and so on (NAME1, ...
    when named).
    """

    vertices: tuple[tuple[float, float], ...]
    name: str | None = None

    dimension: ClassVar[int] = 2

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the edges in the order of the vertices."""
        return tuple(f"{self.name or 'edge'}{i}" for i in range(1, len(self.vertices) + 1))


@dataclass(frozen=True)
class CombinedShape:
    """`union`, `intersection`, or `difference` (the first without the others) of shapes, all in the
    plane or all in space.
    """

    operation: str
    operands: tuple[Shape, ...]

    @property
    def dimension(self) -> int:
        """Number of space coordinates, the same for all operands."""
        return self.operands[0].dimension

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the boundary parts of all operands."""
        return tuple(part for operand in self.operands for part in operand.parts)


@dataclass(frozen=True)
class ExtrusionShape:
    """A shape in the plane times lower < z < upper; the parts of `base`, then floor and ceiling
    (NAME_floor when named).
    """

    base: Shape
    lower: float
    upper: float
    name: str | None = None

    dimension: ClassVar[int] = 3

    @property
    def caps(self) -> tuple[str, str]:
        """Names of the lower and the upper face."""
        prefix = "" if self.name is None else f"{self.name}_"
        return f"{prefix}floor", f"{prefix}ceiling"

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the parts of `base`, then the caps."""
        return (*self.base.parts, *self.caps)


@dataclass(frozen=True)
class RegionsShape:
    """Disjoint regions, each a shape, by name; parts that two of them have are interfaces (see
    `regions`).
    """

    names: tuple[str, ...]
    shapes: tuple[Shape, ...]

    @property
    def dimension(self) -> int:
        """Number of space coordinates, the same for all regions."""
        return self.shapes[0].dimension

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the boundary parts of all regions, each once."""
        names = (part for shape in self.shapes for part in shape.parts)
        return tuple(dict.fromkeys(names))


Simple = IntervalShape | BoxShape | DiskShape | EllipseShape | BallShape | PolygonShape | MeshShape
Shape = Simple | CombinedShape | ExtrusionShape | RegionsShape


def coordinates(
    shape: Shape, time: TimeConfig | None = None, ranges: Collection[str] = ()
) -> tuple[str, ...]:
    """Names of the coordinates: x | x, y | x, y, z | x1, ..., xd for d > 3, or a box's own;
    parameters with a range; then t. Where there is no space t comes first.
    """
    if isinstance(shape, TimeShape):
        return ("t", *ranges)
    inputs = shape.inputs if isinstance(shape, BoxShape) else ()
    return (*(inputs or usual(shape.dimension)), *ranges, *(() if time is None else ("t",)))


def part_names(shape: Shape, time: TimeConfig | None = None) -> tuple[str, ...]:
    """Names of the boundary parts in space and time; time adds `initial` and `final`."""
    return shape.parts if time is None else (*shape.parts, *ENDS_OF_TIME)


def _box_parts(count: int, name: str | None) -> tuple[str, ...]:
    """Names of the lower and upper faces of a box in `count` coordinates."""
    if count <= len(_SIDES) // 2:
        sides = _SIDES[: 2 * count]
    else:
        sides = tuple(f"x{i}_{end}" for i in range(1, count + 1) for end in ("min", "max"))
    return sides if name is None else tuple(f"{name}_{side}" for side in sides)


def read_shape(node: Reader) -> Shape:
    """The shape of a node that holds exactly one of interval, rectangle, ..., mesh or a
    combination.
    """
    fields = node.fields(_KINDS)
    if len(fields) != 1:
        kinds = listed(list(fields)) or "none"
        raise node.error(f"must hold exactly one shape ({listed(_KINDS)}), found {kinds}")
    ((kind, entry),) = fields.items()
    if kind in WRITTEN and not isinstance(entry.value, Mapping):
        raise entry.error(f"{WRITTEN[kind]}, found {shown(entry.value)}")
    if kind in _COMBINATIONS:
        return _combined(kind, entry)
    if kind == "extrusion":
        return _extrusion(entry)
    if kind == "mesh":
        return read_mesh(entry)
    if kind == "interval":
        lower, upper, name = read_interval(entry)
        return IntervalShape(lower, upper, name)
    if kind == "polygon":
        return _polygon(entry)
    if kind == "ellipse":
        return _ellipse(entry)
    return _box(entry, kind) if kind in ("rectangle", "box") else _round(entry, kind)


def _point(node: Reader, count: int) -> tuple[float, ...]:
    return tuple(
        coordinate(item) for item in node.items(f"a list of {count} numbers", count, count)
    )


def _box(node: Reader, kind: str) -> BoxShape:
    fields = node.fields(
        ("lower", "upper", "name", "inputs", *(["dimensions"] if kind == "box" else [])),
        ("lower", "upper"),
    )
    lower, upper = read_corners(node, fields, 2 if kind == "rectangle" else None)
    count = len(lower)
    for index, (low, high) in enumerate(zip(lower, upper, strict=True)):
        check_length(node, low, high, f" for coordinate {index + 1}")
    if abs(sum(math.log10(high - low) for low, high in zip(lower, upper, strict=True))) > 100:
        raise node.error("the volume must lie between 1e-100 and 1e100; scale the coordinates")
    return BoxShape(
        lower,
        upper,
        part_name(fields),
        read_inputs(fields["inputs"], count) if "inputs" in fields else (),
    )


def _round(node: Reader, kind: str) -> DiskShape | BallShape:
    fields = node.fields(
        ("center", "radius", "name"), ("center", "radius"), {"centre": "did you mean 'center'?"}
    )
    center = _point(fields["center"], 2 if kind == "disk" else 3)
    radius = _radius(fields["radius"], center)
    if kind == "disk":
        return DiskShape((center[0], center[1]), radius, part_name(fields))
    return BallShape((center[0], center[1], center[2]), radius, part_name(fields))


def _radius(node: Reader, center: tuple[float, ...]) -> float:
    radius = node.number(1 / FARTHEST, FARTHEST, above=0.0)
    if radius < 1e-10 * max(abs(value) for value in center):
        raise node.error(
            f"{radius!r} is too small beside the center for double precision; shift it"
        )
    return radius


def _ellipse(node: Reader) -> EllipseShape:
    fields = node.fields(
        ("center", "radii", "angle", "name"),
        ("center", "radii"),
        {"centre": "did you mean 'center'?", "radius": "did you mean 'radii'?"},
    )
    center = _point(fields["center"], 2)
    first, second = (
        _radius(item, center) for item in fields["radii"].items("a list of 2 numbers", 2, 2)
    )
    if max(first, second) > FLATTEST * min(first, second):
        raise fields["radii"].error(
            f"one must be at most {FLATTEST} times the other, found {first!r} and {second!r};"
            " use a rectangle"
        )
    angle = fields["angle"].number(-360.0, 360.0) if "angle" in fields else 0.0
    return EllipseShape((center[0], center[1]), (first, second), angle, part_name(fields))


def _polygon(node: Reader) -> PolygonShape:
    if isinstance(node.value, list | tuple):
        node = Reader({"vertices": node.value}, node.source, node.path)
    fields = node.fields(("vertices", "name"), ("vertices",))
    corners = [
        _point(item, 2)
        for item in fields["vertices"].items("a list of [x, y] points", 3, MOST_VERTICES)
    ]
    vertices = tuple((corner[0], corner[1]) for corner in corners)
    if flaw := polygon_flaw(vertices):
        raise fields["vertices"].error(flaw)
    return PolygonShape(vertices, part_name(fields))


def _combined(operation: str, node: Reader) -> CombinedShape:
    items = node.items("a list of two or more shapes", 2, MOST_VERTICES)
    operands = tuple(read_shape(item) for item in items)
    owner: dict[str, int] = {}
    for index, (item, operand) in enumerate(zip(items, operands, strict=True)):
        base = operand.base if isinstance(operand, ExtrusionShape) else operand
        if isinstance(base, MeshShape) or not 2 <= operand.dimension == operands[0].dimension <= 3:
            raise item.error(
                f"a {operation} takes shapes in the plane (disk, ...), or all in space (box, ball,"
                f" ...)"
            )
        for part in operand.parts:
            if owner.setdefault(part, index) != index:
                raise item.error(
                    f"the part name {part!r} is also used by element {owner[part]}; give one a"
                    f" `name:`"
                )
    return CombinedShape(operation, operands)


def _extrusion(node: Reader) -> ExtrusionShape:
    fields = node.fields(("base", "lower", "upper", "name"), ("base", "lower", "upper"))
    base = read_shape(fields["base"])
    if _has_ellipse(base):
        raise fields["base"].error("an extrusion takes no ellipse; use a disk or a polygon")
    if base.dimension != 2:
        raise fields["base"].error(
            "an extrusion takes a shape in the plane (rectangle, disk, polygon, mesh, ...)"
        )
    lower, upper = coordinate(fields["lower"]), coordinate(fields["upper"])
    check_length(node, lower, upper, "")
    shape = ExtrusionShape(base, lower, upper, part_name(fields))
    if taken := [cap for cap in shape.caps if cap in base.parts]:
        raise node.error(
            f"the part name {taken[0]!r} is also used by the base; give the extrusion a `name:`"
        )
    return shape


def _has_ellipse(shape: Shape) -> bool:
    if isinstance(shape, CombinedShape):
        return any(map(_has_ellipse, shape.operands))
    return isinstance(shape, EllipseShape)


_COMBINATIONS = ("union", "difference", "intersection")
_SIMPLE = (
    *("interval", "rectangle", "box", "disk", "ellipse", "ball", "polygon", "extrusion", "mesh"),
)
_KINDS = (*_SIMPLE, *_COMBINATIONS)


def shape_tree(shape: Shape) -> dict[str, Any]:
    """Plain data that `read_shape` reads back to an equal shape."""
    if isinstance(shape, CombinedShape):
        return {shape.operation: [shape_tree(operand) for operand in shape.operands]}
    if isinstance(shape, MeshShape):
        return mesh_tree(shape)
    if isinstance(shape, RegionsShape):
        return {"regions": dict(zip(shape.names, map(shape_tree, shape.shapes), strict=True))}
    name: dict[str, Any] = {} if shape.name is None else {"name": shape.name}
    match shape:
        case IntervalShape():
            return {"interval": {"lower": shape.lower, "upper": shape.upper, **name}}
        case BoxShape():
            kind = "rectangle" if len(shape.lower) == 2 else "box"
            name |= {"inputs": list(shape.inputs)} if shape.inputs else {}
            return {kind: {"lower": list(shape.lower), "upper": list(shape.upper), **name}}
        case DiskShape():
            return {"disk": {"center": list(shape.center), "radius": shape.radius, **name}}
        case EllipseShape():
            turned = {"angle": shape.angle} if shape.angle else {}
            axes = {"center": list(shape.center), "radii": list(shape.radii)}
            return {"ellipse": {**axes, **turned, **name}}
        case BallShape():
            return {"ball": {"center": list(shape.center), "radius": shape.radius, **name}}
        case ExtrusionShape():
            ends = {"lower": shape.lower, "upper": shape.upper}
            return {"extrusion": {"base": shape_tree(shape.base), **ends, **name}}
        case PolygonShape():
            return {"polygon": {"vertices": [list(vertex) for vertex in shape.vertices], **name}}
