"""Equations that hold in some regions only, and unknowns that live in some.

    unknowns: [T, {v: fluid}]                          ->  unknowns: [T, v]
    - {region: fluid, equation: "laplacian(v) = p"}    ->  equation_1 = 0, which is the definition
                                                           {fluid: laplacian(v) - p, solid: v}

Where an unknown does not live it is 0. Every region has as many equations as unknowns live in it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from kanpde.config.problem.complex_unknowns import KINDS
from kanpde.config.problem.texts import listed, mapping
from kanpde.config.reader import Reader

REGION = "region"
_FORM = f'{{{REGION}: fluid, equation: "laplacian(v) = 1"}}'


def in_all_regions(node: Reader) -> Reader:
    """The problem node with equations that hold everywhere; ConfigError where regions differ in
    number.
    """
    if not isinstance(node.value, Mapping):
        return node
    tree = {key: value for key, value in node.value.items() if value is not None}
    stated = [
        item
        for item in listed(tree.get("equations"))
        if isinstance(item, Mapping) and REGION in item
    ]
    homes = list(_homes(node, tree))
    has_regions = bool(mapping(mapping(tree, "domain"), "regions"))
    if not stated and not (homes and has_regions):
        return node
    regions = _regions(node, tree)
    living = {name: _known(place, regions) for name, place in homes}
    plain, by_region = _sorted(node, tree, regions)
    for name, home in living.items():
        for region in regions:
            if region not in home:
                by_region[region].append(f"{name} = 0")
    _check_counts(node, by_region, living, len(listed(tree.get("unknowns"))), len(plain))
    taken = set(mapping(tree, "definitions")) | set(mapping(tree, "parameters"))
    definitions: dict[str, dict[str, str]] = {}
    for number, texts in enumerate(zip(*by_region.values(), strict=True), start=1):
        name = f"equation_{number}"
        while name in taken:
            name += "_"
        definitions[name] = {
            region: _residual(node, text) for region, text in zip(by_region, texts, strict=True)
        }
    tree["unknowns"] = [_bare(item, living) for item in listed(tree.get("unknowns"))]
    tree["equations"] = [*plain, *(f"{name} = 0" for name in definitions)]
    tree["definitions"] = {**mapping(tree, "definitions"), **definitions}
    return Reader(tree, node.source, node.path, node.folders)


def _homes(node: Reader, tree: Mapping[str, Any]) -> Iterator[tuple[str, Reader]]:
    """The unknowns of some regions, each with the node that says which."""
    place = node.child("unknowns", None)
    for k, item in enumerate(listed(tree.get("unknowns"))):
        for name, home in item.items() if isinstance(item, Mapping) else ():
            if not (isinstance(home, str) and home in KINDS):
                yield str(name), place.child(k, item).child(str(name), home)


def _regions(node: Reader, tree: Mapping[str, Any]) -> tuple[str, ...]:
    regions = mapping(mapping(tree, "domain"), "regions")
    if not regions:
        raise node.child("equations", None).error(
            f"a {REGION} is named, and this domain has none; give the domain `regions`, or write the"
            " equation alone"
        )
    return tuple(map(str, regions))


def _known(node: Reader, regions: Collection[str]) -> tuple[str, ...]:
    """The names of regions in a node."""
    items = node.items_or_one("a region or a list of regions", 1)
    for item in items:
        item.choice(tuple(regions))
    return tuple(str(item.value) for item in items)


def _sorted(
    node: Reader, tree: Mapping[str, Any], regions: Sequence[str]
) -> tuple[list[Any], dict[str, list[str]]]:
    """The equations that hold everywhere, and those of every region."""
    plain: list[Any] = []
    by_region: dict[str, list[str]] = {region: [] for region in regions}
    place = node.child("equations", None)
    for k, item in enumerate(listed(tree.get("equations"))):
        if not isinstance(item, Mapping) or REGION not in item:
            plain.append(item)
            continue
        fields = place.child(k, item).fields((REGION, "equation"), (REGION, "equation"))
        for region in _known(fields[REGION], regions):
            by_region[region].append(fields["equation"].formula())
    return plain, by_region


def _check_counts(
    node: Reader,
    by_region: Mapping[str, Sequence[str]],
    living: Mapping[str, Collection[str]],
    unknowns: int,
    plain: int,
) -> None:
    for region, texts in by_region.items():
        absent = sum(region not in home for home in living.values())
        stated = plain + len(texts) - absent
        if plain + len(texts) != unknowns:
            raise node.child("equations", None).error(
                f"region '{region}' has {stated} equations for {unknowns - absent} unknowns; write as"
                f" many, those of one region as {_FORM}, and unknowns of one as {{v: fluid}}"
            )


def _residual(node: Reader, text: str) -> str:
    """left - right of an equation."""
    sides = text.split("=")
    if len(sides) != 2 or not all(side.strip() for side in sides):
        raise node.child("equations", None).error(
            f"an equation needs exactly one '=', found {text[:60]!r}"
        )
    return f"{sides[0].strip()} - ({sides[1].strip()})"


def _bare(item: Any, living: Mapping[str, Collection[str]]) -> Any:
    """An unknown without its regions."""
    names = list(item) if isinstance(item, Mapping) else []
    return names[0] if len(names) == 1 and names[0] in living else item
