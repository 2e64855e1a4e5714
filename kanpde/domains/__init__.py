"""Sets with a measure, named boundary parts and outward normals; `build_domain` makes one from a
shape of a file.

A shape's module is loaded when its name is first used: most problems have one shape.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kanpde.lazy import attributes

if TYPE_CHECKING:
    from kanpde.domains.base import Domain
    from kanpde.domains.box import Box
    from kanpde.domains.build import body_of, build_domain, planar
    from kanpde.domains.composite import Composite
    from kanpde.domains.mesh import Mesh
    from kanpde.domains.meshed import MeshDomain
    from kanpde.domains.plane.disk import Disk
    from kanpde.domains.plane.planar import Planar
    from kanpde.domains.space.ball import Ball
    from kanpde.domains.space.cylinder import Extrusion, Ranged, SpaceTime
    from kanpde.domains.space.solid import Solid

_HOME = {
    "Ball": "space.ball",
    "Box": "box",
    "Composite": "composite",
    "Disk": "plane.disk",
    "Domain": "base",
    "Extrusion": "space.cylinder",
    "Mesh": "mesh",
    "MeshDomain": "meshed",
    "Planar": "plane.planar",
    "Ranged": "space.cylinder",
    "Solid": "space.solid",
    "SpaceTime": "space.cylinder",
    "body_of": "build",
    "build_domain": "build",
    "planar": "build",
}

__all__ = [
    "Ball",
    "Box",
    "Composite",
    "Disk",
    "Domain",
    "Extrusion",
    "Mesh",
    "MeshDomain",
    "Planar",
    "Ranged",
    "Solid",
    "SpaceTime",
    "body_of",
    "build_domain",
    "planar",
]

__getattr__ = attributes(__name__, _HOME)
