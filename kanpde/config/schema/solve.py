"""The schema of the nodes beside `problem`: trial, schedule, sampler, weights, slabs, output, compare."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kanpde.config.frozen_map import FrozenMap
from kanpde.config.schema.nodes import (
    UNSET,
    Schema,
    choice,
    described,
    either,
    entries,
    flag,
    formula,
    integer,
    items,
    mapping,
    number,
    one_or_more,
    reference,
    text,
)
from kanpde.config.solve import adaptive, patches, products, settings, slabs, stages, trial
from kanpde.config.solve.defaults import (
    ADAPTIVE_WEIGHTS,
    BY_GRADIENTS,
    COMPARE,
    OUTPUT,
    POINTS,
    WEIGHTS,
    layer_defaults,
    sampler_defaults,
    trial_defaults,
)
from kanpde.config.solve.optimizers import OPTIMIZERS, SPARSIFIERS
from kanpde.config.solve.patches import PatchesConfig

_KAN, _MLP = trial_defaults("kan", 2), trial_defaults("mlp", 2)
_LAYERS, _SAMPLER = layer_defaults(2, 2), sampler_defaults(2)
_PATCHES = PatchesConfig()
_WEIGHT = number(most=settings.HEAVIEST, above=0.0)
_SECONDS = described(
    number(most=stages.LONGEST_SECONDS, above=0.0),
    "Ends the stage after so many seconds.",
    None,
    60,
)
_VECTORS = items(items(number()), 1)
IN_THE_PLANE = "; by default as many as the coordinates ask for, here those of two coordinates"

TRIAL: dict[str, Schema] = {
    "kind": described(
        choice(trial.KINDS), "Which network; a module of your own comes from Python.", "kan", "mlp"
    ),
    "width": described(
        one_or_more(integer(1, trial.WIDEST), 0, trial.MOST_LAYERS),
        f"Hidden sizes{IN_THE_PLANE}; an mlp has {list(_MLP['width'])}.",
        _KAN["width"],
        [64],
    ),
    "start": described(
        choice(dict.fromkeys(name for names in trial.STARTS.values() for name in names)),
        "How inner layers begin: ridge, paper, scaled, stretched of a kan; xavier, features of an mlp.",
        _KAN["start"],
        "scaled",
    ),
    "lifting": described(flag(), "Meets conditions u = g by construction.", False, True),
    "periodic": described(flag(), "Meets periodic conditions by construction.", False, True),
    "functions": described(
        one_or_more(formula(), 0, trial.MOST_FUNCTIONS),
        "Formulas of the coordinates that join the outer layer.",
        [],
        ["(x**2 + y**2)**(1/3)"],
    ),
    "multipoles": described(
        integer(0, trial.MOST_ORDER), "Their highest order about round holes.", 0, 12
    ),
    "derivatives": described(
        choice(("taylor", "autograd")), "How derivatives are found.", "taylor", "autograd"
    ),
    "basis": described(
        one_or_more(choice(trial.BASES)),
        "Functions on the edges, one or one per layer.",
        "bspline",
        "chebyshev",
    ),
    "on": described(choice(trial.PLACES), "Where the functions sit.", "edges", "nodes"),
    "degree": described(
        one_or_more(integer(1, trial.HIGHEST_DEGREE)),
        f"Of the splines, one or one per layer{IN_THE_PLANE}.",
        _LAYERS["degree"],
        [5, 11],
    ),
    "intervals": described(
        one_or_more(integer(1, trial.MOST_INTERVALS)),
        f"Of the grids, one or one per layer{IN_THE_PLANE}.",
        _LAYERS["intervals"],
        [2, 24],
    ),
    "base": described(choice(("none", "silu")), "A function beside the splines.", "none", "silu"),
    "radial": described(
        integer(0, 1000), "Units per round hole that see squared distances.", 0, 16
    ),
    "ends": described(
        choice(trial.ENDS), "How knots go on beyond the outer grid.", "extended", "clamped"
    ),
    "margin": described(
        number(0.0, 10.0), "Share of a grid that is free on either side.", 0.0, 0.3
    ),
    "spread": described(
        number(0.0, 1e3), "Of the speeds of a stretched start, in intervals.", 2.0, 1.0
    ),
    "directions": described(
        either(choice(trial.DIRECTIONS), _VECTORS), "Of a ridge start.", "even", "characteristic"
    ),
    "centers": described(
        either(choice(trial.CENTERS), _VECTORS),
        "That the last units see distances to.",
        "none",
        "source",
    ),
    "patches": described(
        reference("patches"),
        "A network on every cell; beside kind alone, and in up to three coordinates.",
        None,
        {},
    ),
    "nodes": described(
        choice(products.NODES), "product: a chain of layers that multiply.", "sum", "product"
    ),
    "rank": described(
        either(integer(1, products.HIGHEST_RANK), choice(("auto",))),
        "Most products of nodes: product.",
        "auto",
        20,
    ),
    "activation": described(choice(("tanh", "silu", "sine")), "Of an mlp.", "tanh", "sine"),
    "scale": described(number(most=1e3, above=0.0), "Of the first weights of an mlp.", 1.0, 2.0),
}

_STAGE_KEYS: Mapping[str, tuple[Schema, str, Any]] = {
    "steps": (integer(1, stages.MOST_STEPS), "At most.", 200),
    "learning_rate": (number(most=1e3, above=0.0), "Length of a step.", 1e-3),
    "tolerance": (number(0.0, 1.0), "Relative progress that ends the stage; 0 is none.", 1e-8),
    "regularisation": (number(0.0, 1.0), "Holds back what the rows do not determine.", 1e-12),
    "keep": (flag(), "Changes only what the rows determine.", True),
}


def _optimizer(name: str) -> Schema:
    """The stage of one optimizer, with its own defaults."""
    traits = OPTIMIZERS[name]
    keys: dict[str, Schema] = {
        "optimizer": described({"const": name}, f"One stage by {name}.", example=name)
    }
    for key, default in traits.defaults.items():
        schema, rule, example = _STAGE_KEYS[key]
        keys[key] = described(schema, rule, default, example)
    keys["seconds"] = _SECONDS
    if not traits.outer_only:
        keys["points"] = described(
            either(choice(POINTS), reference("points")),
            "Points that follow the residual.",
            None,
            "rad",
        )
        keys["weights"] = described(
            either(choice(ADAPTIVE_WEIGHTS), reference("adaptive weights")),
            "Weights that follow the residual.",
            None,
            "attention",
        )
    if name in SPARSIFIERS:
        keys["sparsify"] = described(
            either(number(most=1e6, above=0.0), reference("sparsify")),
            "A penalty that leaves few edges of a kan alive.",
            None,
            1e-3,
        )
    return mapping(keys, ("optimizer",))


def _change(key: str, schema: Schema, rule: str, example: Any) -> Schema:
    return mapping({key: described(schema, rule, example=example)}, (key,))


def _methods(known: FrozenMap[FrozenMap[Any]], bounds: Mapping[str, Schema], rule: str) -> Schema:
    """A `method` and the keys of all methods; which go with which is the reader's to say."""
    keys = {"method": described(choice(known), rule, example=next(iter(known)))}
    for name, defaults in known.items():
        for key, default in defaults.items():
            if key not in keys:
                keys[key] = described(bounds[key], f"Of {name}.", default, default)
    return mapping(keys, ("method",))


_POINTS = {
    "every": integer(1, adaptive.MOST_EVERY),
    "k": number(0.0, 100.0),
    "c": number(0.0, 100.0),
    "candidates": integer(2, adaptive.MOST_CANDIDATES),
    "add": integer(1, adaptive.MOST_ADDED),
}
_WEIGHTS = {
    "every": integer(1, adaptive.MOST_EVERY),
    "decay": number(0.0, 0.999999),
    "rate": number(most=1e6, above=0.0),
    "memory": number(0.0, 0.999999),
    "epsilon": number(most=1e6, above=0.0),
    "bins": integer(1, adaptive.MOST_BINS),
}
_INTERVALS = one_or_more(integer(1, trial.MOST_INTERVALS))
_UPDATE = mapping(
    {
        "mix": described(number(0.0, 1.0), "0: even knots; 1: where the inputs are.", example=0.5),
        "room": described(number(0.0, 10.0), "On either side of the inputs.", 0.0, 0.1),
    },
    ("mix",),
)
_CHANGES = {
    "grid extension": _change("extend_grid", _INTERVALS, "Finer knots, the same function.", 16),
    "grid update": _change(
        "update_grid", either(number(0.0, 1.0), _UPDATE), "Knots move to where the inputs are.", 0.5
    ),
    "change of points": _change(
        "adapt_points", either(choice(POINTS), reference("points")), "New points, once.", "rar"
    ),
}
_OPTIMIZERS = {f"stage {name}": _optimizer(name) for name in OPTIMIZERS}

DEFS: dict[str, Schema] = {
    "trial": mapping(TRIAL),
    "patches": mapping(
        {
            "cells": described(
                integer(1, patches.MOST_CELLS),
                "Along the longest side at first.",
                "by the coordinates",
                4,
            ),
            "degree": described(
                integer(2, patches.HIGHEST_DEGREE), "Of the first patches.", _PATCHES.degree, 10
            ),
            "most": described(
                integer(1, patches.MOST_PATCHES), "Most patches.", _PATCHES.most, 500
            ),
            "refine": described(
                flag(), "Splits and raises them to the tolerance.", _PATCHES.refine, False
            ),
            "network": described(
                choice(patches.NETWORKS),
                "On every cell: a kan, or an mlp of random features.",
                _PATCHES.network,
                "mlp",
            ),
        }
    ),
    **_OPTIMIZERS,
    **_CHANGES,
    "stage": {"anyOf": [reference(name) for name in (*_OPTIMIZERS, *_CHANGES)]},
    "schedule": items(reference("stage"), 1, stages.MOST_STAGES),
    "points": _methods(POINTS, _POINTS, "rad draws all anew, rar adds the worst."),
    "adaptive weights": _methods(
        ADAPTIVE_WEIGHTS, _WEIGHTS, "attention and causal weigh points, the others terms."
    ),
    "sparsify": mapping(
        {
            "weight": described(number(most=1e6, above=0.0), "Of the penalty.", example=1e-3),
            "l1": described(number(0.0, 1e6), "Weight of the sizes of edges.", 1.0, 1.0),
            "entropy": described(number(0.0, 1e6), "Weight of their entropy.", 2.0, 2.0),
        },
        ("weight",),
    ),
    "sampler": mapping(
        {
            "interior": described(
                integer(1, settings.MOST_POINTS),
                f"About so many points inside{IN_THE_PLANE}.",
                _SAMPLER["interior"],
                2500,
            ),
            "boundary": described(
                integer(1, settings.MOST_POINTS),
                f"About so many on the boundary{IN_THE_PLANE}.",
                _SAMPLER["boundary"],
                400,
            ),
            "kind": described(
                choice(settings.SAMPLERS),
                "How points are laid out; sobol beyond three coordinates.",
                _SAMPLER["kind"],
                "gauss",
            ),
            "jitter": described(
                number(0.0, 1.0), "How much the seed moves them.", _SAMPLER["jitter"], 0.0
            ),
            "points": described(
                entries(mapping({"data": text(), "values": either(text(), {"type": "object"})})),
                "Points of your own in place of these: interior, a part, or boundary for whatever"
                " part each lies on; columns are the coordinates. What is not given is sampled.",
                {},
                {"interior": {"data": "inside.csv"}, "left": {"values": "x,y\n0,0.5\n"}},
            ),
        }
    ),
    "weights": mapping(
        {
            "equations": described(
                _WEIGHT, "Factor of the equations' mean square.", WEIGHTS["equations"], 100
            ),
            "conditions": described(
                _WEIGHT,
                f"Factor of the conditions' mean square; {BY_GRADIENTS:g} where every stage is adam or"
                " lbfgs.",
                WEIGHTS["conditions"],
                1e3,
            ),
            "scaled": described(
                flag(), "Divides every term by the size of its coefficients.", True, False
            ),
            "terms": described(
                entries(_WEIGHT), "Further factors by the names of conditions.", {}, {"inflow": 10}
            ),
        }
    ),
    "slabs": either(
        integer(1, slabs.MOST_SLABS),
        items(number(), 1, slabs.MOST_SLABS),
        mapping(
            {
                "error": described(
                    number(most=1.0, above=0.0), "What all slabs together may add.", example=1e-6
                )
            },
            ("error",),
        ),
    ),
    "output": mapping(
        {
            "vtu": described(flag(), "Writes field.vtu for ParaView.", OUTPUT["vtu"], False),
            "plots": described(flag(), "Draws figures.", OUTPUT["plots"], False),
            "gradients": described(flag(), "Adds gradients to files.", False, True),
            "series": described(
                either(integer(2, settings.MOST_TIMES), items(number(), 1, settings.MOST_TIMES)),
                "A time series of so many instants, or at these times.",
                None,
                51,
            ),
        }
    ),
    "compare": mapping(
        {
            "seeds": described(integer(1, settings.MOST_SEEDS), "How many.", COMPARE["seeds"], 5),
            "modes": described(
                one_or_more(choice(settings.MODES), 1, len(settings.MODES)),
                "What is equal.",
                COMPARE["modes"],
                ["best"],
            ),
            "mlp": described(
                reference("trial"),
                "How the MLP differs from its defaults.",
                None,
                {"width": [50, 50]},
            ),
            "mlp_schedule": described(
                reference("schedule"), "Its stages.", "adam, then lbfgs", [{"optimizer": "lbfgs"}]
            ),
            "seconds": described(
                number(most=stages.LONGEST_SECONDS, above=0.0),
                "Time of equal_time.",
                "that of the KAN",
                30,
            ),
        }
    ),
}

TOP: dict[str, Schema] = {
    "trial": described(
        reference("trial"), "The network; without it the program chooses.", None, {"width": [64]}
    ),
    "schedule": described(
        reference("schedule"),
        "How it is solved for or trained.",
        [{"optimizer": "least_squares"}],
        [{"optimizer": "lbfgs"}],
    ),
    "sampler": described(reference("sampler"), "Points.", {}, {"interior": 2500}),
    "weights": described(
        reference("weights"), "Of the terms of the objective.", {}, {"equations": 100}
    ),
    "slabs": described(
        reference("slabs"),
        "Equal slabs of time, their ends, or the error they are chosen by.",
        1,
        10,
    ),
    "tolerance": described(
        number(most=1.0, above=0.0),
        "On the relative L2 error; 1e-6 where the program chooses in float64.",
        UNSET,
        1e-8,
    ),
    "seconds": described(
        number(most=1e9, above=0.0),
        "How long the program may search; 100 where it chooses.",
        UNSET,
        300,
    ),
    "output": described(reference("output"), "Which files a run writes.", {}, {"gradients": True}),
    "compare": described(reference("compare"), "KAN against MLP.", {}, {"seeds": 5}),
    "dtype": described(choice(("float64", "float32")), "Precision.", "float64", "float32"),
    "seed": described(integer(0, 2**63 - 1), "Draws points and starts.", 0, 1),
}
"""Every key beside `problem`."""
