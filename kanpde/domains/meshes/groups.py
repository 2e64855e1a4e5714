"""Groups of a mesh file as boundary parts and regions.

A group of lines (in the plane) or triangles (in space) is a boundary part, a group of cells a
region. A facet belongs to at most one part. Boundary facets without a group make the part
`boundary`, which then needs a condition as any part does: a forgotten edge is noticed. With a list
of names only those groups are parts, so that groups inside the domain can stay.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kanpde.domains.mesh import Indices
from kanpde.domains.meshes.files import RawMesh
from kanpde.errors import ConfigError
from kanpde.names import did_you_mean, is_identifier

REST = "boundary"
"""The part of boundary facets without a group."""

MOST_GROUPS = 1000
_LATER = "; rename it in the mesh"


@dataclass(frozen=True, eq=False)
class Groups:
    """Groups by name: sorted facets (n, d) of each, and cells (n,) of each."""

    facets: Mapping[str, Indices]
    cells: Mapping[str, Indices]

    @classmethod
    def of(cls, raw: RawMesh, dimension: int, origin: list[tuple[int, Indices]]) -> Groups:
        """The groups of a file; `origin` maps the cells of a block to numbers (n, copies).
        ConfigError for a bad name.
        """
        numbers = dict(origin)
        kind = "line" if dimension == 2 else "triangle"
        facets: dict[str, list[Indices]] = {}
        cells: dict[str, list[Indices]] = {}
        for name, block, members in raw.groups:
            block_kind, block_cells = raw.blocks[block]
            if len(members) and not 0 <= members.min() <= members.max() < len(block_cells):
                raise ConfigError(
                    f"has a group {name[:60]!r} with cells that do not exist; save it again"
                )
            if block_kind == kind:
                facets.setdefault(name, []).append(np.sort(block_cells[members], axis=1))
            elif block in numbers:
                cells.setdefault(name, []).append(numbers[block][members].ravel())
        for name in (*facets, *cells):
            if not is_identifier(name):
                raise ConfigError(
                    f"has a group {name[:60]!r}: a name must begin with a letter and hold at most"
                    f" 40 letters, digits and _" + _LATER
                )
        if len(facets) + len(cells) > MOST_GROUPS:
            raise ConfigError(
                f"has {len(facets) + len(cells)} groups, more than {MOST_GROUPS}; join some"
            )
        return cls(
            facets={
                name: np.unique(np.concatenate(blocks), axis=0) for name, blocks in facets.items()
            },
            cells={name: np.unique(np.concatenate(blocks)) for name, blocks in cells.items()},
        )


def cell_regions(groups: Groups, count: int) -> dict[str, NDArray[np.bool_]]:
    """A mask (C,) per region."""
    masks = {}
    for name, members in groups.cells.items():
        masks[name] = np.zeros(count, dtype=bool)
        masks[name][members] = True
    return masks


def boundary_labels(
    groups: Groups, facets: Indices, cells: Indices, boundary: tuple[str, ...] | None
) -> tuple[Indices, tuple[str, ...]]:
    """The number of the part of every boundary facet (F,), and the names of the parts; ConfigError
    for a wrong group.
    """
    for name in boundary or ():
        if name not in groups.facets:
            raise ConfigError(
                f"has no group {name!r} of facets{did_you_mean(name, groups.facets)} (groups:"
                f" {', '.join(groups.facets) or 'none'}); correct `boundary`"
            )
    names = tuple(boundary if boundary is not None else groups.facets)
    count = int(max(cells.max(), 0)) + 1
    keys = _keys(facets, count)
    order = np.argsort(keys)
    labels = np.full(len(facets), -1, dtype=np.int64)
    for number, name in enumerate(names):
        members = groups.facets[name]
        member_keys = _keys(members, count)
        place = np.minimum(np.searchsorted(keys[order], member_keys), len(keys) - 1)
        no_facet = (keys[order][place] != member_keys) | (members >= count).any(axis=1)
        if no_facet.any():
            raise ConfigError(_misplaced(name, members[np.argmax(no_facet)], cells))
        numbers = order[place]
        labelled_before = np.flatnonzero(labels[numbers] >= 0)
        if len(labelled_before):
            raise ConfigError(
                f"has a facet (vertices {listed(members[labelled_before[0]])}) in the groups"
                f" {names[labels[numbers[labelled_before[0]]]]!r} and {name!r}; a facet has one, or"
                " choose with `boundary`"
            )
        labels[numbers] = number
    unlabelled = labels < 0
    if unlabelled.any() and REST in names:
        raise ConfigError(
            f"has a group {REST!r}, but facet (vertices {listed(facets[unlabelled][0])}) is in no"
            f" group, and the rest of the boundary is called {REST!r} too{_LATER}"
        )
    labels[unlabelled] = len(names)
    return labels, (*names, REST) if unlabelled.any() else names


def _keys(facets: Indices, count: int) -> Indices:
    """One number per sorted facet."""
    key = facets[:, 0]
    for axis in range(1, facets.shape[1]):
        key = key * count + facets[:, axis]
    return key


def listed(vertices: Indices) -> str:
    """Numbers of vertices or cells as a message lists them."""
    return ", ".join(str(int(vertex)) for vertex in vertices)


def _misplaced(name: str, facet: Indices, cells: Indices) -> str:
    inside = np.isin(cells, facet).sum(axis=1).max() == len(facet)
    where = "inside the domain" if inside else "on no cell at all"
    return (
        f"has a group {name!r} with the facet (vertices {listed(facet)}) {where}, not on its"
        " boundary; list the groups that bound the domain under `boundary`"
    )
