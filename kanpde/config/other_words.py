"""Keys as other programs call them, and what stands for each of them here.

The answer is given only where the key that it names is known, so that `width` is answered in a
rectangle, where `lower` and `upper` are meant, and not in a trial, where it is a key.
"""

from __future__ import annotations

from collections.abc import Collection

_CONDITIONS = (
    "use 'conditions': a list of {part: left, equation: \"u = 0\"}; the part of the start in time is"
    " called initial"
)
_CONDITION = 'use \'equation\', for example "u = 0" (a value), "dn(u) = 1" (a normal derivative)'
_DISK = "use 'disk': {center: [0, 0], radius: 1}"
_BOX = "use 'box': {lower: [0, 0, 0], upper: [1, 1, 1]}"
_RECTANGLE = "use 'rectangle': {lower: [0, 0], upper: [2, 1]}"
_BALL = "use 'ball': {center: [0, 0, 0], radius: 1}"
_ELLIPSE = "use 'ellipse': {center: [0, 0], radii: [2, 1]}"
WRITTEN = {
    "rectangle": _RECTANGLE, "box": _BOX, "disk": _DISK, "ellipse": _ELLIPSE, "ball": _BALL
}  # fmt: skip
"""How a shape is written, where something else than a mapping stands in its place."""
_DIFFERENCE = "a hole is cut by 'difference': [the shape, what is cut out of it]"
_CORNERS = "use 'lower' and 'upper', the corners: lower: [0, 0], upper: [2, 1]"
_KIND = "the kind of a shape is its key: {rectangle: {lower: [0, 0], upper: [2, 1]}}"
_DIMENSION = "the domain says how many coordinates there are; remove it"
_OUT = "the folder of a run is given on the command line: --out FOLDER"
_STEPS = "use 'steps' in a stage of the schedule"
_SCHEDULE = "iterations belong to a stage: schedule: [{optimizer: lbfgs, steps: 1000}]"

# word: ((key that must be known, answer), ...)
_ANSWERS: dict[str, tuple[tuple[str, str], ...]] = {
    **dict.fromkeys(
        ("bc", "bcs", "ic", "ics", "boundary_conditions", "boundary", "initial",
         "initial_conditions", "initial_condition", "constraints"),
        (("conditions", _CONDITIONS),),
    ),
    **dict.fromkeys(
        ("pde", "pdes", "equation", "residual", "residuals", "ode", "odes"),
        (("equations", "use 'equations': a list of texts"),),
    ),
    **dict.fromkeys(
        ("variables", "fields", "functions", "outputs", "dependent_variables"),
        (("unknowns", "use 'unknowns': [u]"),),
    ),
    **dict.fromkeys(("geometry", "geom", "region"), (("domain", "use 'domain'"),)),
    **dict.fromkeys(
        ("solution", "analytical", "analytic", "exact_solution", "reference_solution"),
        (("exact", "use 'exact': {u: formula}"),),
    ),
    **dict.fromkeys(("coefficients", "constants", "params"), (("parameters", "use 'parameters'"),)),
    **dict.fromkeys(
        ("value", "dirichlet", "neumann", "robin", "bc_type"), (("equation", _CONDITION),)
    ),
    **dict.fromkeys(("type", "kind"), (("equation", _CONDITION), ("rectangle", _KIND))),
    "shape": (("rectangle", _KIND),),
    **dict.fromkeys(("where", "on", "edge", "face", "side"), (("part", "use 'part'"),)),
    **dict.fromkeys(("circle", "disc"), (("disk", _DISK),)),
    **dict.fromkeys(("square", "rect"), (("rectangle", _RECTANGLE),)),
    "sphere": (("ball", _BALL),),
    **dict.fromkeys(("cube", "cuboid", "hexahedron", "block"), (("box", _BOX),)),
    **dict.fromkeys(("line", "segment"), (("interval", "use 'interval': [0, 1]"),)),
    **dict.fromkeys(
        ("minus", "hole", "holes", "subtract", "cut"), (("difference", _DIFFERENCE),)
    ),
    **dict.fromkeys(("plus", "add"), (("union", "use 'union': [...]"),)),
    **dict.fromkeys(("msh", "mesh_file", "gmsh"), (("mesh", "use 'mesh': plate.msh"),)),
    **dict.fromkeys(
        ("width", "height", "depth", "size", "min", "max", "corner", "center", "bounds",
         "x", "y", "z", "x_range", "y_range", "xlim", "ylim", "xmin", "xmax"),
        (("lower", _CORNERS),),
    ),
    **dict.fromkeys(
        ("rotation", "rotate", "tilt", "theta"), (("angle", "use 'angle', in degrees"),)
    ),
    **dict.fromkeys(("r", "R"), (("radius", "use 'radius'"),)),
    **dict.fromkeys(("diameter", "d"), (("radius", "use 'radius', half of the diameter"),)),
    **dict.fromkeys(("start", "t0", "begin", "t_start", "t_min"), (("from", "use 'from'"),)),
    **dict.fromkeys(("end", "stop", "t1", "final", "t_end", "t_max", "T"), (("from", "use 'to'"),)),
    **dict.fromkeys(
        ("epochs", "iterations", "max_iter", "niter", "maxiter"),
        (("steps", _STEPS), ("schedule", _SCHEDULE)),
    ),
    "lr": (("learning_rate", "use 'learning_rate'"),),
    **dict.fromkeys(
        ("layers", "hidden", "hidden_layers", "neurons", "layer_sizes"),
        (("width", "use 'width', the hidden nodes: width: [20, 20]"),),
    ),
    **dict.fromkeys(
        ("net", "network", "model", "nn", "architecture"),
        (("trial", "use 'trial': {kind: kan, width: [10]}, the hidden nodes"),),
    ),
    **dict.fromkeys(
        ("num_domain", "num_interior", "n_interior", "collocation_points", "N_f"),
        (("interior", "use 'interior', the number of points inside"),),
    ),
    **dict.fromkeys(
        ("num_boundary", "num_initial", "n_boundary", "N_b", "N_u"),
        (("jitter", "use 'boundary', the number of points on the boundary and the start of time"),),
    ),
    **dict.fromkeys(
        ("unit", "dimensions"), (("units", "use 'units': {x: mm, u: K}, for labels alone"),)
    ),
    "k": (("degree", "the degree of the splines is 'degree'"),),
    "grid": (("intervals", "the grid of the splines is given by 'intervals'"),),
    **dict.fromkeys(
        ("device", "cuda", "gpu"),
        (("dtype", "every solve runs on the processor; remove it"),),
    ),
    **dict.fromkeys(
        ("rtol", "tol", "accuracy", "eps", "precision"),
        (("tolerance", "use 'tolerance', the relative error to reach"),),
    ),
    **dict.fromkeys(
        ("time_limit", "timeout", "budget", "max_time", "time_budget", "walltime"),
        (("seconds", "use 'seconds'"),),
    ),
    **dict.fromkeys(("dim", "dimension"), (("unknowns", _DIMENSION),)),
    **dict.fromkeys(
        ("t_span", "tspan", "time_interval", "time_range", "t_range"),
        (("time", "use 'time': {from: 0, to: 1}"),),
    ),
    **dict.fromkeys(
        ("png", "figures", "pictures", "images"), (("plots", "use 'plots', true or false"),)
    ),
    **dict.fromkeys(
        ("folder", "dir", "directory", "path", "file", "out"),
        (("plots", _OUT), ("output", _OUT)),
    ),

    **dict.fromkeys(
        ("backend", "framework"), (("dtype", "every solve runs on torch; remove it"),)
    ),
    "seeds": (("compare", "write compare.seeds=5, or --seeds 5 with a file"),),
    **dict.fromkeys(("random_seed", "random_state"), (("seed", "use 'seed'"),)),
}  # fmt: skip


def answer(word: str, known: Collection[str]) -> str:
    """What to write for the key `word` where the keys `known` are allowed, or an empty text."""
    fitting = (sentence for key, sentence in _ANSWERS.get(word, ()) if key in known)
    return next(fitting, "")
