"""The schema of domains: shapes, combinations, regions and meshes."""

from __future__ import annotations

from kanpde.config.problem.box_corners import FARTHEST, MOST_DIMENSIONS
from kanpde.config.problem.regions import MOST_REGIONS
from kanpde.config.problem.shapes import MOST_VERTICES
from kanpde.config.schema.nodes import (
    Schema,
    described,
    either,
    entries,
    formula,
    integer,
    items,
    mapping,
    number,
    one_or_more,
    reference,
    text,
)

_END = number(-FARTHEST, FARTHEST)
_NAME = described(
    text(), "Goes before the names of its parts, or is that of its one part.", example="plate"
)
_GROUP = either(text(), integer(0, 10**9))
_RADIUS = described(number(1 / FARTHEST, FARTHEST), "Greater than 0.", example=0.2)


def _point(count: int) -> Schema:
    return items(_END, count, count)


def _ends(count: int | None) -> dict[str, Schema]:
    listed = items(_END, count or 1, count or MOST_DIMENSIONS)
    side = listed if count else either(listed, _END)
    further = {}
    if count is None:
        further["dimensions"] = described(
            integer(1, MOST_DIMENSIONS),
            "How many coordinates, where an end is one number for all of them.",
            example=100,
        )
    return {
        "lower": described(side, "The lower end of every coordinate.", example=[0] * (count or 3)),
        "upper": described(
            side, "The upper ends, above the lower ones.", example=[1] * (count or 3)
        ),
        "name": _NAME,
        "inputs": described(
            one_or_more(text(), 1, MOST_DIMENSIONS),
            "Names of the coordinates, where they are not x, y, z or x1, x2, ...",
            example=["theta", "sigma"][: count or 2],
        ),
        **further,
    }


_MOVING_END = either(_END, formula())
_INTERVAL = mapping({"lower": _MOVING_END, "upper": _MOVING_END, "name": _NAME}, ("lower", "upper"))
_POLYGON = described(
    items(_point(2), 3, MOST_VERTICES), "Corners in their order; it closes by itself.",
    example=[[0, 0], [1, 0], [0, 1]],
)  # fmt: skip
_SEVERAL = items(reference("shape"), 2, MOST_VERTICES)

DEFS: dict[str, Schema] = {
    "shape": mapping(
        {
            "interval": described(
                either(items(_MOVING_END, 2, 2), _INTERVAL),
                "lower < x < upper; parts left, right. Ends may be formulas of t, parameters and"
                " unknowns of time.",
                example=[0, 1],
            ),
            "rectangle": described(
                mapping(_ends(2), ("lower", "upper")),
                "Parts left, right, bottom, top.",
                example={"lower": [0, 0], "upper": [2, 1]},
            ),
            "box": described(
                mapping(_ends(None), ("lower", "upper")),
                "Any number of coordinates; parts left, right, bottom, top, back, front, or x1_min,"
                " x1_max, ...",
                example={"lower": [0, 0, 0], "upper": [1, 1, 1]},
            ),
            "disk": described(
                mapping(
                    {"center": _point(2), "radius": _RADIUS, "name": _NAME}, ("center", "radius")
                ),
                "Part circle, or its name.",
                example={"center": [0, 0], "radius": 1},
            ),
            "ellipse": described(
                mapping(
                    {
                        "center": _point(2),
                        "radii": described(items(_RADIUS, 2, 2), "Half axes.", example=[2, 1]),
                        "angle": described(
                            number(-360, 360),
                            "Degrees by which the first axis is turned from x to the left.",
                            example=30,
                        ),
                        "name": _NAME,
                    },
                    ("center", "radii"),
                ),
                "Part ellipse, or its name; `angle` turns it, in degrees; not in extrusions.",
                example={"center": [0, 0], "radii": [2, 1]},
            ),
            "ball": described(
                mapping(
                    {"center": _point(3), "radius": _RADIUS, "name": _NAME}, ("center", "radius")
                ),
                "Part sphere, or its name.",
                example={"center": [0, 0, 0], "radius": 1},
            ),
            "polygon": described(
                either(_POLYGON, mapping({"vertices": _POLYGON, "name": _NAME}, ("vertices",))),
                "Parts edge1, edge2, ... in the order of the vertices.",
                example=[[0, 0], [1, 0], [0, 1]],
            ),
            "extrusion": described(
                mapping(
                    {"base": reference("shape"), "lower": _END, "upper": _END, "name": _NAME},
                    ("base", "lower", "upper"),
                ),
                "A shape in the plane times lower < z < upper; parts of the base, floor, ceiling.",
                example={"base": {"disk": {"center": [0, 0], "radius": 1}}, "lower": 0, "upper": 1},
            ),
            "mesh": described(
                either(text(), reference("mesh")),
                "The cells of a mesh file beside the problem file; its facet groups are the parts.",
                example={"file": "plate.msh"},
            ),
            "union": described(_SEVERAL, "All of two or more shapes of the plane, or of space."),
            "difference": described(_SEVERAL, "The first shape without the others."),
            "intersection": described(_SEVERAL, "What two or more shapes have in common."),
        }
    )
    | {"minProperties": 1, "maxProperties": 1},
    "mesh": mapping(
        {
            "file": described(
                text(), "In the folder of the problem file or below.", example="plate.msh"
            ),
            "boundary": described(
                one_or_more(_GROUP), "Only these groups are parts.", example=["walls", "hole"]
            ),
            "names": described(
                entries(one_or_more(_GROUP)), "Other names for groups.", example={"hole": "bore 1"}
            ),
            "sha256": described(text(), "Written by a run: the file that it was made with."),
        },
        ("file",),
    ),
    "domain": either(
        reference("shape"),
        mapping(
            {
                "regions": described(
                    {
                        **entries(reference("shape")),
                        "minProperties": 2,
                        "maxProperties": MOST_REGIONS,
                    },
                    "Disjoint shapes by name; a part that two of them have is an interface.",
                    example={"left": {"interval": [0, 1]}, "right": {"interval": [1, 2]}},
                )
            },
            ("regions",),
        ),
    ),
}
