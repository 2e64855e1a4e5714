"""The keys `trial.nodes: product` and `trial.rank`: a chain of layers that multiply."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kanpde.config.reader import Reader

NODES = ("sum", "product")
HIGHEST_RANK = 200


def read_nodes(fields: Mapping[str, Reader]) -> tuple[bool, int | None]:
    """Whether nodes multiply, and the most products between two coordinates, None for as many as
    the tolerance asks for; ConfigError for a rank without products, or other keys beside them.
    """
    multiply = "nodes" in fields and fields["nodes"].choice(NODES) == "product"
    if not multiply:
        if "rank" in fields:
            raise fields["rank"].error("belongs to trial.nodes: product; remove it")
        return False, None
    for key, entry in fields.items():
        if key not in ("kind", "nodes", "rank"):
            raise entry.error(
                "does not go with trial.nodes: product, whose degrees follow from the tolerance;"
                " remove it"
            )
    if "rank" not in fields or fields["rank"].value == "auto":
        return True, None
    return True, fields["rank"].integer(1, HIGHEST_RANK)


def unsuited_to_products(config: Any) -> Iterator[tuple[tuple[str, ...], str]]:
    """The keys of a whole `Config` that a chain of products cannot solve, each with the reason."""
    if config.trial.nodes != "product":
        return
    problem = config.problem
    refused = (
        ("energy", problem.energy is not None, "an energy"),
        ("fit", problem.fit is not None, "a fit"),
        ("domain", bool(problem.regions), "regions"),
    )
    for key, refuses, what in refused:
        if refuses:
            yield (
                ("problem", key),
                f"trial.nodes: product needs an equation on a box, found {what}; remove trial.nodes",
            )
    if config.dtype != "float64":
        yield ("dtype",), "trial.nodes: product needs float64; remove dtype"
