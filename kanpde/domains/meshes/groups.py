"""Groups of a mesh file as boundary parts and regions.

A group of lines (in the plane) or of triangles and quads (in space) is a boundary part, a group of
cells a region. A set of points is the part of the boundary facets between them. A facet belongs to
at most one part. Boundary facets without a group make the part `boundary` (`rest` where a group has
that name), which then needs a condition as any part does: a forgotten edge is noticed. With a list
of names only those groups are parts, so that groups inside the domain can stay. Names are those of
the file, whatever they hold; `names` gives others.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from kanpde.domains.mesh import Indices
from kanpde.domains.meshes.blocks import Blocks
from kanpde.domains.meshes.files import RawMesh
from kanpde.errors import ConfigError
from kanpde.names import did_you_mean, label

REST = ("boundary", "rest")
"""What the part of boundary facets without a group is called: the first that no group has."""

OF_TIME = ("initial", "final")
"""Parts of a time interval, which no group may be called."""

MOST_GROUPS = 1000
Renamed = Mapping[str, Sequence[str]]
"""Names of a problem for groups: each with the groups of the file that it means."""


@dataclass(frozen=True, eq=False)
class Groups:
    """Groups by name: sorted facets (n, d) of each, and cells (n,) of each; `called` are the names
    of all groups and sets of points of the file.
    """

    facets: Mapping[str, Indices]
    cells: Mapping[str, Indices]
    called: Mapping[str, str]

    @classmethod
    def of(cls, raw: RawMesh, blocks: Blocks, renamed: Renamed) -> Groups:
        """The groups of a file whose cells became the simplices of `blocks`; ConfigError for a
        name that cannot be told from another or is not one line of text.
        """
        names = dict.fromkeys((*(name for name, _, _ in raw.groups), *raw.point_sets))
        called = _called(tuple(names), renamed)
        facets: dict[str, list[Indices]] = {}
        cells: dict[str, list[Indices]] = {}
        for group, block, members in raw.groups:
            name = called[group]
            if len(members) and not 0 <= members.min() <= members.max() < len(raw.blocks[block][1]):
                raise ConfigError(
                    f"has a group {name[:60]!r} with cells that do not exist; save it again"
                )
            if block in blocks.facets:
                own = blocks.facets[block][members]
                facets.setdefault(name, []).append(np.sort(own.reshape(-1, own.shape[2]), axis=1))
            elif block in blocks.numbers:
                cells.setdefault(name, []).append(blocks.numbers[block][members].ravel())
        if len(facets) + len(cells) > MOST_GROUPS:
            raise ConfigError(
                f"has {len(facets) + len(cells)} groups, more than {MOST_GROUPS}; join some"
            )
        return cls(
            facets={
                name: np.unique(np.concatenate(blocks), axis=0) for name, blocks in facets.items()
            },
            cells={name: np.unique(np.concatenate(blocks)) for name, blocks in cells.items()},
            called=called,
        )

    def with_points(self, sets: Mapping[str, Indices], rim: Indices) -> Groups:
        """The same with the facets of the boundary `rim` (F, d) all of whose corners lie in a set
        of points; a facet of several sets belongs to the smallest, one of a group to no set.
        """
        taken = [members for members in self.facets.values() if len(members)]
        free = np.ones(len(rim), dtype=bool)
        if taken and sets:
            stacked = np.concatenate([*taken, rim])
            _, index = np.unique(stacked, axis=0, return_inverse=True)
            index = index.ravel()
            free = ~np.isin(index[-len(rim) :], index[: -len(rim)])
        facets = dict(self.facets)
        for name in sorted(sets, key=lambda name: len(sets[name])):
            within = free & np.isin(rim, sets[name]).all(axis=1)
            if within.any() and self.called[name] not in self.facets:
                facets[self.called[name]] = np.unique(
                    np.concatenate([facets.get(self.called[name], rim[:0]), rim[within]]), axis=0
                )
                free &= ~within
        return replace(self, facets=facets)

    def apart(self, preferred: Collection[str]) -> tuple[Groups, tuple[str, ...]]:
        """The groups without those whose facets all belong to others, and their names: of groups
        that are the same the first one is kept, or the one that is `preferred`; a group that others
        make up is left out.
        """
        rank = {name: k for k, name in enumerate(self.facets)}
        order = sorted(
            self.facets,
            key=lambda name: (len(self.facets[name]), name not in preferred, rank[name]),
        )
        kept: list[str] = []
        covered = np.zeros((0, 0), dtype=np.int64)
        for name in order:
            facets = self.facets[name]
            covered = covered.reshape(-1, facets.shape[1])
            both = np.concatenate([covered, facets])
            if len(np.unique(both, axis=0)) == len(covered):
                continue
            kept.append(name)
            covered = np.unique(both, axis=0)
        names = [name for name in self.facets if name in kept]
        dropped = tuple(name for name in self.facets if name not in kept)
        return replace(self, facets={name: self.facets[name] for name in names}), dropped


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
    if not unlabelled.any():
        return labels, names
    labels[unlabelled] = len(names)
    # a list of names may leave out a group that is called like the rest
    return labels, (*names, next(name for name in (*REST, "rest_") if name not in groups.facets))


def _called(groups: Sequence[str], renamed: Renamed) -> dict[str, str]:
    """The name in a problem of every group of a file."""
    called: dict[str, str] = {}
    for group in groups:
        name = label(group)
        if not name:
            raise ConfigError(
                f"has a group {group[:60]!r}: a name must be one line of 1 to 127 printable"
                " characters; rename it in the mesh"
            )
        called[group] = name
    for name, meant in renamed.items():
        for group in meant:
            known = [raw for raw in groups if label(raw) == label(group)]
            if not known:
                raise ConfigError(
                    f"has no group {group[:60]!r}{did_you_mean(group, groups)} (groups:"
                    f" {', '.join(groups) or 'none'}); correct `names`"
                )
            called |= dict.fromkeys(known, name)
    _check_names(called, renamed)
    return called


def _check_names(called: Mapping[str, str], renamed: Renamed) -> None:
    """No group keeps a name that another was given, and none has one of the program's."""
    for group, name in called.items():
        meant = [label(each) for each in renamed.get(name, (group,))]
        if label(group) not in meant:
            raise ConfigError(
                f"has a group {name!r}, and `names` calls another so; choose another name, or list"
                f" both under it"
            )
        if name in OF_TIME:
            raise ConfigError(
                f"has a group {name!r}, the name of a part of the time interval; give it another,"
                f" as in `names: {{{name}_side: {name}}}`"
            )


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
