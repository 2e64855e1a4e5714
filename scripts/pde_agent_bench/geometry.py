"""Domains of the suite in the plane as NGSolve's geometries."""

from __future__ import annotations

from typing import Any


def geometry(node: dict[str, Any], kind: str) -> Any:
    """A domain for NGSolve, marked where elements are graded: corners, and sides of a flow."""
    from netgen.occ import OCCGeometry

    face = _face(node)
    for vertex in face.vertices:
        vertex.hpref = 1
    if kind == "convection_diffusion":
        for edge in face.edges:
            edge.hpref = 1
    return OCCGeometry(face, dim=2)


def _face(node: dict[str, Any]) -> Any:
    from netgen.occ import Circle, MoveTo, Pnt

    (shape, what), *_ = node.items()
    if shape in ("difference", "union"):
        face = _face(what[0])
        for other in what[1:]:
            face = face - _face(other) if shape == "difference" else face + _face(other)
        return face
    if shape == "disk":
        face = Circle(Pnt(*what["center"], 0), what["radius"]).Face()
    elif shape == "rectangle":
        (a, b), (c, d) = what["lower"], what["upper"]
        face = MoveTo(a, b).Rectangle(c - a, d - b).Face()
        named = {(1, b): "bottom", (1, d): "top", (0, a): "left", (0, c): "right"}
        for edge in face.edges:
            for (axis, value), name in named.items():
                if all(abs(v.p[axis] - value) < 1e-9 for v in edge.vertices):
                    edge.name = name
    else:
        first, *others = what["vertices"]
        outline = MoveTo(*first)
        for vertex in others:
            outline = outline.LineTo(*vertex)
        face = outline.Close().Face()
    return face
