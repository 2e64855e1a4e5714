"""Unknowns at earlier places: `u(t - 1)` is an unknown of its own, which a march reads from the past.

    dt(u) = -u(t - 1),  history: {u: φ}   ->  dt(u) = -u_ago_1,   u_ago_1 = φ(t - 1),
                                              delays: {u_ago_1: [u, 1]}

The equation of u_ago_1 holds up to start + 1; from there on u_ago_1 is u(t - 1)
(`marching/ordinary`).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kanpde.config.frozen_map import FrozenMap
from kanpde.config.problem.coordinate_names import space_of
from kanpde.config.problem.formula_trees import (
    DEEPEST,
    TreeError,
    parsed,
    value_of,
    with_values,
    written,
)
from kanpde.config.problem.texts import arguments, listed, mapping, replaced, texts
from kanpde.config.reader import Reader

AGO = "ago"
FORM = 'dt(u) = -u(t - 1) with history: {u: "1"}'
_NOT_BESIDE = (
    "eigen", "parameter_ranges", "energy", "fit", "reference", "metric",
)  # fmt: skip
MOST_DELAYS = 10


@dataclass(frozen=True)
class Delay:
    """The unknown whose value is wanted, and how far back along the only coordinate."""

    of: str
    by: float


def read_delays(node: Reader | None, unknowns: tuple[str, ...]) -> FrozenMap[Delay]:
    """The `delays` node: for each unknown that stands for a delayed one, that one and the delay."""
    delays = {}
    for name, entry in ({} if node is None else node.entries()).items():
        of, by = entry.items("an unknown and a delay", 2, 2)
        if name not in unknowns or of.text() not in unknowns or name == of.text():
            raise entry.error(f"must name two of the unknowns, found {name!r} and {of.value!r}")
        delays[name] = Delay(of.text(), by.number(above=0.0))
    return FrozenMap(delays)


def delays_tree(delays: Mapping[str, Delay]) -> dict[str, list[Any]]:
    """Plain data that reads back to the same."""
    return {name: [delay.of, delay.by] for name, delay in delays.items()}


def with_delays_as_unknowns(node: Reader) -> Reader:
    """The problem node without unknowns at earlier places; ConfigError where one cannot be read."""
    if not isinstance(node.value, Mapping):
        return node
    tree = {key: value for key, value in node.value.items() if value is not None}
    names = [name for name in listed(tree.get("unknowns")) if isinstance(name, str)]
    call = re.compile(rf"(?<!\w)({'|'.join(map(re.escape, names))})\s*\(")
    if not names or not any(map(call.search, texts(tree))):
        if "history" in tree:
            others = sorted(set(mapping(tree, "history")) - set(names))
            if others:
                raise node.child("history", None).error(
                    f"{others[0]!r} is no real unknown of the problem; write the parts of a complex or a"
                    f" vector unknown as unknowns of their own"
                )
            raise node.child("history", None).error(
                f"is the past of unknowns that an equation holds at earlier places, as in {FORM}; leave"
                f" it out"
            )
        return node
    for key in _NOT_BESIDE:
        if key in tree:
            raise node.child(key, None).error(
                "does not go with unknowns at earlier places; leave it out"
            )
    past = _Past(tree, call)
    for key in ("equations", "definitions", "quantities"):
        if key in tree:
            place = node.child(key, None)
            try:
                tree[key] = replaced(tree[key], past.put)
            except TreeError as error:
                raise place.error(str(error)) from None
    if any(map(call.search, texts(tree))):
        raise node.child("conditions", None).error(
            f"an unknown at an earlier place stands in equations, as in {FORM}"
        )
    place = node.child("history", tree.pop("history", None))
    try:
        equations = past.equations(place.value)
        if isinstance(solution := tree.get("exact"), Mapping):
            tree["exact"] = {**solution, **past.exact(place.value, solution)}
    except TreeError as error:
        raise place.error(str(error)) from None
    tree["unknowns"] = [*listed(tree["unknowns"]), *past.delays]
    tree["equations"] = [*listed(tree.get("equations")), *equations]
    tree["delays"] = {**mapping(tree, "delays"), **delays_tree(past.delays)}
    return Reader(tree, node.source, node.path, node.folders)


@dataclass
class _Past:
    """The delayed unknowns of a problem `tree`, which `call` finds in a text."""

    tree: Mapping[str, Any]
    call: re.Pattern[str]
    delays: dict[str, Delay] = field(default_factory=dict)

    def put(self, text: str) -> str:
        """A formula with names for unknowns at earlier places."""
        start = 0
        while (match := self.call.search(text, start)) is not None:
            inside, end = arguments(text, match.end())
            name = self._name(match[1], inside, text[match.start() : end])
            text, start = f"{text[: match.start()]}{name}{text[end:]}", match.start() + len(name)
        return text

    def equations(self, history: Any) -> list[str]:
        """What delayed unknowns are up to the start and their delay."""
        past = history if isinstance(history, Mapping) else {}
        wanted = dict.fromkeys(delay.of for delay in self.delays.values())
        missing = [name for name in wanted if name not in past]
        if missing or (history is not None and not isinstance(history, Mapping)):
            name = next(iter(missing or wanted))
            raise TreeError(f'{name} is needed before the start; give history: {{{name}: "1"}}')
        for name in past:
            if name not in wanted:
                raise TreeError(f"{name!r} is held at no earlier place; leave it out")
        return [f"{name} = {self._until(past[d.of], name, d)}" for name, d in self.delays.items()]

    def exact(self, history: Mapping[str, Any], solution: Mapping[str, Any]) -> dict[str, str]:
        """The exact solution of delayed unknowns, as far as that of the others is known."""
        return {
            name: self._until(history[d.of], self._earlier(solution[d.of], d), d)
            for name, d in self.delays.items()
            if d.of in solution
        }

    def _name(self, unknown: str, inside: list[str], whole: str) -> str:
        """The name of an unknown at a place."""
        along = self._along
        form = f"{unknown}({along} - 1)"
        if len(inside) != 1:
            raise TreeError(f"an unknown at an earlier place is {form}, found {whole[:60]}")
        at = [self._place(inside[0], along, number, form) for number in (0.0, 1.0, 2.0)]
        delay = -at[0]
        if max(abs(at[1] - at[0] - 1), abs(at[2] - at[0] - 2)) > 1e-12 * (1 + abs(delay)):
            raise TreeError(
                f"an unknown at an earlier place is {form} with a delay that is a number, found"
                f" {whole[:60]}"
            )
        if delay < 0:
            raise TreeError(f"{whole[:60]} is the future of {unknown}, found a delay of {delay:g}")
        if delay == 0:
            return unknown
        for name, known in self.delays.items():
            if known == Delay(unknown, delay):
                return name
        if len(self.delays) == MOST_DELAYS:
            raise TreeError(f"at most {MOST_DELAYS} unknowns at earlier places, found more")
        number = len(self.delays) + 1
        while f"{unknown}_{AGO}_{number}" in self._taken:
            number += 1
        name = f"{unknown}_{AGO}_{number}"
        self.delays[name] = Delay(unknown, delay)
        return name

    def _place(self, argument: str, along: str, number: float, form: str) -> float:
        try:
            return value_of(parsed(argument), {along: number}, self._known)
        except TreeError:
            raise TreeError(
                f"an unknown at an earlier place is {form} with a delay that is a number, found"
                f" {argument[:60]}"
            ) from None

    def _until(self, history: Any, behind: str, delay: Delay) -> str:
        """A history at the earlier place until the delay is over, then another formula."""
        until = self._start + delay.by  # behind it a history may be undefined
        return f"where({self._along} < {until!r}, {self._earlier(history, delay)}, {behind})"

    def _earlier(self, formula: Any, delay: Delay) -> str:
        """A known formula at the earlier place, definitions written out."""
        tree, definitions = parsed(str(formula)), mapping(self.tree, "definitions")
        held: set[str] = set()
        for _ in range(DEEPEST):
            held = {part.id for part in ast.walk(tree) if isinstance(part, ast.Name)}
            inner = {name: definitions[name] for name in held if name in definitions}
            if not inner:
                break
            tree = with_values(tree, {name: parsed(str(text)) for name, text in inner.items()})
        unknown = held & {*listed(self.tree.get("unknowns")), *self.delays}
        if unknown:
            raise TreeError(
                f"a history is known, found the unknown {min(unknown)!r} in {formula!r}"
            )
        moved = ast.BinOp(ast.Name(self._along), ast.Sub(), ast.Constant(delay.by))
        return written(with_values(tree, {self._along: moved}))

    @property
    def _along(self) -> str:
        """The only coordinate."""
        space = space_of(self.tree) if "domain" in self.tree else ()
        names = (*(space or ()), *(("t",) if "time" in self.tree else ()))
        if space is None or len(names) != 1:
            raise TreeError(
                f"unknowns at earlier places take one coordinate, time or an interval, as in {FORM};"
                f" write the others without them"
            )
        return str(names[0])

    @property
    def _start(self) -> float:
        """Where the history ends."""
        place = self.tree.get("time", self.tree.get("domain"))
        for key in ("interval", "box", "lower", "from"):
            place = place.get(key, place) if isinstance(place, Mapping) else place
        first = place[0] if isinstance(place, list | tuple) and place else place
        return value_of(parsed(str(first)), {}, self._known)

    @property
    def _known(self) -> dict[str, Any]:
        return {**mapping(self.tree, "definitions"), **mapping(self.tree, "parameters")}

    @property
    def _taken(self) -> set[str]:
        return {*listed(self.tree.get("unknowns")), *self._known}
