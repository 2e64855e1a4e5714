"""The `trial` node: which trial solution, of what shape.

A kan of hidden sizes `width` = [n1, ..., nk] has k + 1 layers; `degree` and `intervals` hold one
value per layer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kanpde.config.frozen_map import thaw
from kanpde.config.reader import Reader, listed
from kanpde.config.solve.defaults import layer_defaults, trial_defaults
from kanpde.config.solve.patches import PatchesConfig, read_patches
from kanpde.config.solve.products import read_nodes
from kanpde.errors import ConfigError

KINDS = ("kan", "mlp", "module")
CENTERS = ("none", "source")
ENDS = ("extended", "clamped")
BASES = ("bspline", "chebyshev", "rbf", "fourier")
PLACES = ("edges", "nodes")
DIRECTIONS = ("even", "characteristic", "source")
MOST_LAYERS, WIDEST, HIGHEST_DEGREE, MOST_INTERVALS, MOST_FUNCTIONS, MOST_ORDER = (
    16,
    4096,
    30,
    100_000,
    100,
    60,
)
_COMMON = (
    "kind",
    "width",
    "start",
    "lifting",
    "periodic",
    "functions",
    "multipoles",
    "derivatives",
)
_KEYS = {
    "kan": (
        *_COMMON,
        "basis",
        "on",
        "degree",
        "intervals",
        "base",
        "radial",
        "ends",
        "margin",
        "spread",
        "directions",
        "centers",
        "patches",
        "nodes",
        "rank",
    ),
    "mlp": (*_COMMON, "activation", "scale"),
    "module": ("kind", "lifting", "periodic"),
}
KEYS = tuple(dict.fromkeys(_KEYS["kan"] + _KEYS["mlp"]))
STARTS = {"kan": ("ridge", "paper", "scaled", "stretched"), "mlp": ("xavier", "features")}


@dataclass(frozen=True)
class TrialConfig:
    """A kan (degree, intervals, base, radial), an mlp (activation, scale) or a module of the user's
    own, which only Python can give; what the other kinds have is empty or default.

    `basis` holds one name per layer: K = intervals + degree functions whichever it is (see
    `kanpde.trial.bases.global_bases`). They sit on the `edges`, or on the `nodes` behind affine
    maps: then there is one layer of functions per hidden size. `radial` units of the first layer per round
    hole of the domain start as squared distances to points in the hole; the lines of a ridge start
    leave a share `margin` of the second layer's grid free on either side, for inputs that move in
    training; a scaled start leaves it on every grid but the first. Beyond the `ends` of the outer
    grid knots go on evenly (extended, as in the KAN paper) or not at all (clamped: the better the
    higher the degree and the fewer the intervals). `spread` is that of the speeds of a `stretched`
    start, in intervals of the outer grid. `directions` of a ridge start are even, characteristic
    (those of the equation first, then even ones), source (those that its source is a sum of first),
    or given in the problem's coordinates (the rest is even). The last units are squared distances
    to `centers`: none, source (the one about which the source is radial), or points. `lifting` and
    `periodic` meet Dirichlet and periodic conditions by construction. `functions` are formulas of
    the coordinates that join the outer layer, one trained coefficient per unknown each; so do the
    multipoles up to order `multipoles` about the centre of every round hole of the domain, if that
    is not zero. With `patches` a KAN on every cell of the domain stands in place of all of this,
    with `nodes` that are a product a chain of layers of at most `rank` products (None: as many as
    the tolerance asks for).
    """

    kind: str
    width: tuple[int, ...]
    degree: tuple[int, ...] = ()
    intervals: tuple[int, ...] = ()
    start: str = "ridge"
    base: str = "none"
    radial: int = 0
    ends: str = "extended"
    margin: float = 0.0
    lifting: bool = False
    periodic: bool = False
    activation: str = "tanh"
    derivatives: str = "taylor"
    scale: float = 1.0
    spread: float = 2.0
    directions: str | tuple[tuple[float, ...], ...] = "even"
    centers: str | tuple[tuple[float, ...], ...] = "none"
    functions: tuple[str, ...] = ()
    multipoles: int = 0
    basis: tuple[str, ...] = ()
    on: str = "edges"
    patches: PatchesConfig | None = None
    nodes: str = "sum"
    rank: int | None = None

    @property
    def layers(self) -> int:
        """Number of layers of weights or functions: one more than the hidden sizes, with functions
        on nodes as many.
        """
        return len(self.width) + (self.on == "edges")

    @property
    def bases(self) -> tuple[str, ...]:
        """The basis of each layer of functions, B-splines where nothing is said."""
        return self.basis or ("bspline",) * len(self.degree)


def trial_fields(node: Reader) -> dict[str, Reader]:
    """The keys of a (partial) trial node."""
    return node.fields(
        KEYS, hints={"grid": "did you mean 'intervals'?", "order": "did you mean 'degree'?"}
    )


def given_kind(fields: Mapping[str, Reader]) -> str | None:
    """The kind that `fields` ask for, or None."""
    return fields["kind"].choice(KINDS) if "kind" in fields else None


def read_trial(
    explicit: Mapping[str, Reader],
    recommended: Mapping[str, Reader],
    kind: str,
    dimension: int,
    place: Reader,
) -> TrialConfig:
    """Explicit keys over recommended ones over defaults.

    A recommended value per layer belongs to the recommended number of layers: it is left out where
    `width` is explicit (or `on`) and gives another number.
    """
    patches = read_patches(explicit["patches"]) if "patches" in explicit else None
    if patches is not None and kind == "kan":
        _refuse_beside_patches(explicit)
        explicit, recommended = {}, {}
    multiply, rank = read_nodes(explicit) if kind == "kan" else (False, None)
    explicit = {key: entry for key, entry in explicit.items() if key not in ("nodes", "rank")}
    if multiply:
        recommended = {}
    defaults = {
        key: place.child(key, value) for key, value in trial_defaults(kind, dimension).items()
    }
    fields = {**defaults, **recommended, **explicit}
    for key, entry in fields.items():
        if key not in _KEYS[kind]:
            article = "an mlp" if kind == "mlp" else f"a {kind}"
            raise entry.error(
                f"{article} has no {key!r}; remove it (keys of {article}: {listed(_KEYS[kind])})"
            )
    if kind == "module":
        lifting, periodic = fields["lifting"].flag(), fields["periodic"].flag()
        return TrialConfig(kind, (), derivatives="autograd", lifting=lifting, periodic=periodic)
    width = _width(fields["width"], kind)
    if kind == "mlp":
        return TrialConfig(
            "mlp",
            width,
            activation=_activation(fields),
            scale=_scale(fields),
            **_shared(fields, kind),
        )
    layers = _layers(fields, width)
    lengths = layer_defaults(dimension, layers)
    per_layer = {}
    for key, most in (("degree", HIGHEST_DEGREE), ("intervals", MOST_INTERVALS)):
        default = place.child(key, lengths[key])
        entry = _chosen(key, explicit, recommended, default, layers)
        per_layer[key] = _per_layer(entry, layers, width, most)
    return TrialConfig(
        "kan",
        width,
        degree=per_layer["degree"],
        intervals=per_layer["intervals"],
        basis=_bases(fields, layers, width),
        on=fields["on"].choice(PLACES),
        base=fields["base"].choice(("none", "silu")),
        radial=fields["radial"].integer(0, 1000),
        ends=_ends(fields),
        margin=fields["margin"].number(0.0, 10.0),
        spread=fields["spread"].number(0.0, 1e3),
        directions=_vectors(fields["directions"], DIRECTIONS, width, dimension),
        centers=_vectors(fields["centers"], CENTERS, width, dimension),
        patches=patches,
        nodes="product" if multiply else "sum",
        rank=rank,
        **_shared(fields, kind),
    )


def _layers(fields: Mapping[str, Reader], width: tuple[int, ...]) -> int:
    """How many layers of functions a kan has; ConfigError for keys that their place or periodic
    units rule out.
    """
    on = _place(fields, width)
    if fields["periodic"].flag():
        _refuse(
            fields,
            "periodic: true, whose units see points on circles",
            ("radial", "directions", "centers"),
            starts=False,
        )
    return len(width) + (on == "edges")


def _refuse_beside_patches(explicit: Mapping[str, Reader]) -> None:
    """Patches decide on their networks themselves."""
    for key, entry in explicit.items():
        if key not in ("kind", "patches"):
            raise entry.error(
                "does not go with trial.patches, whose networks follow from its degree; remove it"
            )


def _shared(fields: Mapping[str, Reader], kind: str) -> dict[str, Any]:
    return {
        "start": fields["start"].choice(STARTS[kind]),
        "lifting": fields["lifting"].flag(),
        "periodic": fields["periodic"].flag(),
        "functions": _functions(fields, kind),
        "multipoles": _multipoles(fields),
        "derivatives": fields["derivatives"].choice(("taylor", "autograd")),
    }


def _multipoles(fields: Mapping[str, Reader]) -> int:
    order = fields["multipoles"].integer(0, MOST_ORDER)
    if order and fields["periodic"].flag():
        raise fields["multipoles"].error(
            "do not go with periodic: true, since they are not periodic; write multipoles: 0"
        )
    return order


def _functions(fields: Mapping[str, Reader], kind: str) -> tuple[str, ...]:
    node = fields["functions"]
    items = node.items_or_one("a formula of the coordinates or a list of them", 0, MOST_FUNCTIONS)
    if items and kind == "kan" and fields["start"].value == "stretched":
        raise node.error(
            "do not go with a stretched start, whose splines follow the solution; remove them"
        )
    if items and fields["periodic"].flag():
        raise node.error(
            "do not go with periodic: true, since they need not be periodic; remove them"
        )
    return tuple(item.formula() for item in items)


def _vectors(
    node: Reader, known: tuple[str, ...], width: tuple[int, ...], dimension: int
) -> str | tuple[tuple[float, ...], ...]:
    """One of the named choices, or at most as many vectors as the first layer has units; no
    direction is zero.
    """
    if not isinstance(node.value, list | tuple):
        return node.choice(known)
    if not width:
        raise node.error("a kan without hidden layer has neither directions nor centers; remove it")
    items = node.items("a list of vectors, for example [[1, 1], [1, -1]]", 1, width[0])
    vectors = tuple(
        tuple(x.number() for x in item.items("a vector", dimension, dimension)) for item in items
    )
    for item, vector in zip(items, vectors, strict=True):
        if known == DIRECTIONS and not any(vector):
            raise item.error("must not be zero")
    return vectors


def _ends(fields: Mapping[str, Reader]) -> str:
    ends = fields["ends"].choice(ENDS)
    if ends != ENDS[0] and fields["start"].value == "stretched":
        raise fields["ends"].error(
            "must be extended for a stretched start, whose grids may be periodic"
        )
    return ends


def _place(fields: Mapping[str, Reader], width: tuple[int, ...]) -> str:
    on = fields["on"].choice(PLACES)
    if on == "nodes":
        if not width:
            raise fields["on"].error("needs a hidden layer whose nodes there are; give width")
        _refuse(
            fields, "functions on nodes, whose first layer is affine", ("radial", "centers", "ends")
        )
    return on


def _bases(fields: Mapping[str, Reader], layers: int, width: tuple[int, ...]) -> tuple[str, ...]:
    node = fields["basis"]
    bases = tuple(item.choice(BASES) for item in node.items_or_one("a basis or one per layer", 1))
    if isinstance(node.value, list | tuple) and len(bases) != layers:
        raise _uneven(node, layers, width, len(bases))
    bases = bases if isinstance(node.value, list | tuple) else bases * layers
    other = next((name for name in bases if name != "bspline"), None)
    if other:
        _refuse(fields, f"a {other} basis, which has no knots", ("radial", "centers", "ends"))
    return bases


def _refuse(
    fields: Mapping[str, Reader], what: str, keys: tuple[str, ...], starts: bool = True
) -> None:
    """None of the keys but at its default, and if `starts` no start that needs spline edges."""
    for key in keys:
        plain = thaw(trial_defaults("kan", 1)[key])
        if fields[key].value != plain:
            raise fields[key].error(f"does not go with {what}; write {key}: {plain}")
    if starts and fields["start"].value not in ("ridge", "paper"):
        raise fields["start"].error(
            f"{fields['start'].value} does not go with {what}; use ridge or paper"
        )


def _activation(fields: Mapping[str, Reader]) -> str:
    return fields["activation"].choice(("tanh", "silu", "sine"))


def _scale(fields: Mapping[str, Reader]) -> float:
    return fields["scale"].number(most=1e3, above=0.0)


def _width(node: Reader, kind: str) -> tuple[int, ...]:
    least = 1 if kind == "mlp" else 0
    items = node.items_or_one("a list of hidden sizes, for example [48]", least, MOST_LAYERS)
    return tuple(item.integer(1, WIDEST) for item in items)


def _chosen(
    key: str,
    explicit: Mapping[str, Reader],
    recommended: Mapping[str, Reader],
    default: Reader,
    layers: int,
) -> Reader:
    if key in explicit:
        return explicit[key]
    if key in recommended:
        value = recommended[key].value
        stale = (
            bool({"width", "on"} & set(explicit))
            and isinstance(value, list | tuple)
            and len(value) != layers
        )
        if not stale:
            return recommended[key]
    return default


def _per_layer(node: Reader, layers: int, width: tuple[int, ...], most: int) -> tuple[int, ...]:
    values = tuple(
        item.integer(1, most) for item in node.items_or_one("an integer or one per layer", 1)
    )
    if not isinstance(node.value, list | tuple):
        return values * layers
    if len(values) != layers:
        raise _uneven(node, layers, width, len(values))
    return values


def _uneven(node: Reader, layers: int, width: tuple[int, ...], count: int) -> ConfigError:
    shape = f"width {list(width)} makes {layers} layer{'s' if layers > 1 else ''}"
    return node.error(f"must hold one value per layer: {shape}, found {count} values")


def trial_tree(trial: TrialConfig) -> dict[str, Any]:
    """Plain data that reads back to an equal `TrialConfig`."""
    if trial.patches is not None:
        return {"kind": "kan", "patches": dict(vars(trial.patches))}
    if trial.nodes == "product":
        return {"kind": "kan", "nodes": "product", "rank": trial.rank or "auto"}
    keys = (key for key in _KEYS[trial.kind] if key not in ("patches", "nodes", "rank"))
    values = {key: thaw(getattr(trial, key)) for key in keys}
    return {**values, "basis": list(trial.bases)} if trial.kind == "kan" else values
