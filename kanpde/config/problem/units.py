"""`units` of a problem: what its coordinates and values are measured in, for labels alone.

    units: {x: mm, u: K}

Nothing is converted: formulas and values stay as they are typed. What is derived from an unknown u
and has its unit (u_exact, u_error and so on) is labelled with it; a gradient has one where all
coordinates of space have the same.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from kanpde.config.frozen_map import FrozenMap
from kanpde.config.reader import Reader
from kanpde.names import did_you_mean

LONGEST = 40
_OF_UNKNOWNS = ("_exact", "_error", "_reference", "_kan", "_mlp")
_COMPONENTS = ("x", "y", "z", "r", "_vector", "_re", "_im", "_abs")
_TIME, _GRADIENT = "t", "_gradient"


def whole_unknowns(problem: object) -> tuple[str, ...]:
    """The vector and complex unknowns of a problem node, which is solved for their components."""
    unknowns = problem.get("unknowns") if isinstance(problem, Mapping) else None
    items = unknowns if isinstance(unknowns, list | tuple) else [unknowns]
    return tuple(str(name) for item in items if isinstance(item, Mapping) for name in item)


def read_units(node: Reader, known: Collection[str], whole: Collection[str] = ()) -> FrozenMap[str]:
    """The unit of each name, which must be one of those `known`, or a `whole` unknown, whose unit
    is that of its components; ConfigError otherwise.
    """
    units: dict[str, str] = {}
    for name, entry in node.entries().items():
        components = [name + end for end in _COMPONENTS if name in whole and name + end in known]
        if name not in known and not components:
            listed = ", ".join(known)
            raise entry.error(
                f"nothing is called {name[:60]!r}{did_you_mean(name, known)} (known: {listed})"
            )
        unit = "1" if entry.value == 1 else entry.text().strip()
        if (
            not unit
            or len(unit) > LONGEST
            or not unit.isprintable()
            or set(unit) & set('[],"<>&$\\')
        ):
            raise entry.wrong(
                f"a unit such as mm, K or W/(m*K), of at most {LONGEST} characters without"
                ' brackets [], commas, quotes, $ and \\; 1 or "1" for none'
            )
        units |= dict.fromkeys(components or [name], unit)
    return FrozenMap(units)


def unit_of(name: str, units: Mapping[str, str], space: Sequence[str] = ()) -> str | None:
    """The unit of a coordinate or of a field, of coordinates of `space`; None where it is not known."""
    if name in units:
        return units[name]
    stem = next((name.removesuffix(end) for end in _OF_UNKNOWNS if name.endswith(end)), None)
    if stem is not None:
        return unit_of(stem, units, space)
    if name.endswith(_GRADIENT) and name.removesuffix(_GRADIENT) in units:
        lengths = {units.get(coordinate) for coordinate in space if coordinate != _TIME}
        (length,) = lengths if len(lengths) == 1 else (None,)
        if length is not None:
            return f"{units[name.removesuffix(_GRADIENT)]}/{_factor(length)}"
    return None


def _factor(unit: str) -> str:
    return f"({unit})" if set(unit) & set("*/ ·") else unit


def label(name: str, units: Mapping[str, str], space: Sequence[str] = ()) -> str:
    """The name with its unit in brackets, `u [K]`; the name alone where there is no unit."""
    unit = unit_of(name, units, space)
    return name if unit is None else f"{name} [{unit}]"


def units_of(
    names: Sequence[str], units: Mapping[str, str], space: Sequence[str]
) -> dict[str, str]:
    """The units of those of the names that have one."""
    each = ((name, unit_of(name, units, space)) for name in names)
    return {name: unit for name, unit in each if unit is not None}
