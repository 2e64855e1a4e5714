"""Sets with a measure, named boundary parts and outward normals; `build_domain` makes one from a
shape of a file.
"""

from __future__ import annotations

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
