"""Facets of a mesh that are a part of the boundary by a test of their middles and normals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from kanpde.domains.meshed import MeshDomain
from kanpde.domains.plane.chosen_parts import Test, chosen, require


def relabelled(mesh: MeshDomain, tests: Mapping[str, Test]) -> MeshDomain:
    """A mesh whose facets are renamed; ConfigError where a test chooses nothing."""
    middles = mesh.points[mesh.facets].mean(axis=1)
    names, labels = (*mesh.parts, *tests), mesh.labels.copy()
    number = chosen(middles, mesh.facet_normals, tests)
    labels[number >= 0] = len(mesh.parts) + number[number >= 0]
    present = sorted(set(labels.tolist()))
    require(tests, {names[label] for label in present})
    order = {label: place for place, label in enumerate(present)}
    renumbered = np.array([order[label] for label in labels.tolist()], dtype=labels.dtype)
    return replace(mesh, labels=renumbered, parts=tuple(names[label] for label in present))
