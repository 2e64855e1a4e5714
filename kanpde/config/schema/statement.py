"""The schema of the `problem` node: equations, conditions, coefficients, fits."""

from __future__ import annotations

from kanpde.config.problem.condition_reader import HEAVIEST, MOST_CONDITIONS
from kanpde.config.problem.eigen import MOST_EIGENVALUES
from kanpde.config.problem.equations import MOST_EQUATIONS
from kanpde.config.problem.gridded_fields import INTERPOLATIONS
from kanpde.config.problem.metrics import MOST_FACTORS, WORDS
from kanpde.config.problem.quantities import MOST_COMPONENTS
from kanpde.config.problem.statement import MOST_UNKNOWNS
from kanpde.config.schema.fits import FIT, SEARCH
from kanpde.config.schema.nodes import (
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

_PART = described(
    one_or_more(text()), "Boundary parts, or boundary for all of them.", example="left"
)
_EQUATION = described(one_or_more(formula()), "What holds there, or a list of it.", example="u = 0")
_INEQUALITY = described(
    formula(), "Beside it: where it holds with =, the equation need not.", "none", "u >= g"
)
_COMMON = {
    "name": described(
        text(), "Names it in reports and in weights.terms.", "that of its part", "inflow"
    ),
    "weight": described(number(0.0, HEAVIEST), "A factor of its mean square.", 1.0, 10),
}
_VALUES = described(
    text(), "CSV text in place of a file, with a header.", example="x,measured\n0.5,1.25\n"
)
_DATA = described(text(), "A CSV file with a column for every coordinate.", example="obs.csv")
_OVER = described(text(), "Takes the mean or the integral over this part.", "the domain", "hole")
_CONDITIONS = {
    "boundary condition": mapping(
        {"part": _PART, "equation": _EQUATION, "inequality": _INEQUALITY, **_COMMON},
        ("part", "equation"),
    ),
    "interface condition": mapping(
        {
            "interface": described(
                one_or_more(text(), 1, 2),
                "A part that two regions share, or the two parts that coincide.",
                example="rim",
            ),
            "equation": described(
                one_or_more(formula()),
                "jump(e) is e of the first region minus e of the second; REGION(e) is e of one.",
                example=["jump(u) = 0", "jump(k*dn(u)) = 0"],
            ),
            **_COMMON,
        },
        ("interface", "equation"),
    ),
    "periodic condition": mapping(
        {
            "periodic": described(
                items(text(), 2, 2), "Two opposite parts.", example=["left", "right"]
            ),
            **_COMMON,
        },
        ("periodic",),
    ),
    "mean condition": mapping(
        {
            "mean": described(formula(), "The mean over the domain.", example="p = 0"),
            "part": _OVER,
            **_COMMON,
        },
        ("mean",),
    ),
    "integral condition": mapping(
        {
            "integral": described(
                formula(),
                "What the integral of its left side over the domain is.",
                example="dn(u) = 2",
            ),
            "part": _OVER,
            **_COMMON,
        },
        ("integral",),
    ),
    "statement of an integral": mapping(
        {
            "equation": described(
                formula(), "What one integral is.", example="integral(dn(u), hole) = 2"
            ),
            **_COMMON,
        },
        ("equation",),
    ),
    "point condition": mapping(
        {
            "point": described(
                items(number()), "All coordinates; time may be left out.", example=[0.5, 0]
            ),
            "equation": _EQUATION,
            **_COMMON,
        },
        ("point", "equation"),
    ),
}
_MEASURED = {
    "columns": described(
        entries(text()), "Names for columns of the file.", example={"measured": "T [K]"}
    ),
    "equation": described(
        one_or_more(formula()), "What the values of a column are.", example="u = measured"
    ),
    "noise": described(
        either(number(most=HEAVIEST), text()),
        "Standard deviation of the values, or a column of it; for all measured values or for none.",
        "estimated",
        0.01,
    ),
    **_COMMON,
}
_MEASURED_CONDITION = either(
    mapping({"data": _DATA, **_MEASURED}, ("data", "equation")),
    mapping({"values": _VALUES, **_MEASURED}, ("values", "equation")),
)
DEFS: dict[str, Schema] = {
    **_CONDITIONS,
    "measured values": _MEASURED_CONDITION,
    "condition": {"anyOf": [reference(name) for name in (*_CONDITIONS, "measured values")]},
    "equation": either(
        formula(),
        mapping(
            {
                "equation": described(formula(), "left = right.", example="dx(f) = 0"),
                "inequality": _INEQUALITY,
                "weight": described(
                    number(most=HEAVIEST, above=0.0), "A factor of its mean square.", 1.0, 1e-4
                ),
                "name": described(text(), "Names it in reports.", "equation 1, ...", "smoothness"),
                "region": described(
                    one_or_more(text()), "Where it holds; alone with equation.", "all", "fluid"
                ),
            },
            ("equation",),
        ),
    ),
    "unknown parameter": either(
        number(),
        mapping(
            {
                "start": described(number(-1e100, 1e100), "Where the search begins.", example=1.0),
                "positive": described(
                    flag(),
                    "Whether it is above 0, so that its logarithm is solved for.",
                    False,
                    True,
                ),
            },
            ("start",),
        ),
    ),
    "coefficient": mapping(
        {
            "field": described(
                text(),
                "CSV or .npz of a full grid, or .vtu or .vtk with point data.",
                example="k.csv",
            ),
            "values": described(text(), "CSV text in place of a file."),
            "name": described(
                text(), "The column, where it is not called as the definition.", example="k"
            ),
            "interpolation": described(
                {"type": "string", "enum": list(INTERPOLATIONS)},
                "How values on a grid become a function.",
                "cubic where that does not overshoot, else monotone",
                "linear",
            ),
            "sha256": described(text(), "Written by a run: the mesh that it was made with."),
        }
    ),
    "definition": either(formula(), reference("coefficient"), entries(formula())),
    "boundary energy": mapping(
        {
            "part": described(one_or_more(text()), "Boundary parts, each once.", example="right"),
            "energy": described(formula(), "A density on these parts.", example="-g*u"),
        },
        ("part", "energy"),
    ),
    "eigenvalues": mapping(
        {
            "count": described(integer(1, MOST_EIGENVALUES), "How many.", example=6),
            "near": described(number(), "Those nearest to this value.", 0.0, 0.0),
            "exact": described(
                items(either(number(), items(number(), 2, 2)), 1, MOST_EIGENVALUES),
                "Known values in their order, for errors only.",
                example=[9.8696, 39.478],
            ),
        },
        ("count",),
    ),
    "fit of a table": FIT,
    "search": SEARCH,
}

PROPERTIES: dict[str, Schema] = {
    "name": described(
        text(), "Names run folders: letters, digits and . _ -.", "that of the file", "my_plate"
    ),
    "description": described(text(), "A sentence for readers.", "", "heat in a plate"),
    "unknowns": described(
        one_or_more(either(text(), entries(one_or_more(text()))), 1, MOST_UNKNOWNS),
        "Names of the unknown functions; a complex one is {u: complex}, one of a region {u: fluid},"
        " an end that moves {s: time}.",
        example=["u"],
    ),
    "domain": described(
        reference("domain"),
        "Exactly one shape, or regions.",
        example={"rectangle": {"lower": [0, 0], "upper": [2, 1]}},
    ),
    "parts": described(
        entries(formula()),
        "Parts of the boundary by comparisons.",
        {},
        {"inlet": "x < 1e-6 and y > 0.2"},
    ),
    "time": described(
        either(
            items(number(), 2, 2),
            mapping(
                {
                    "from": number(),
                    "to": number(),
                    "interval": either(
                        items(number(), 2, 2),
                        mapping({"lower": number(), "upper": number()}, ("lower", "upper")),
                    ),
                }
            ),
        ),
        "Adds the coordinate t and the parts initial and final; without a domain t is alone.",
        example={"from": 0, "to": 1},
    ),
    "parameters": described(
        entries(either(number(), formula(), entries(number()))),
        "Numbers, formulas of other parameters, or numbers by region.",
        {},
        {"k": 2.0},
    ),
    "unknown_parameters": described(
        entries(reference("unknown parameter")),
        "Numbers that measured values decide: a start, or more.",
        {},
        {"k": {"start": 1.0, "positive": True}},
    ),
    "parameter_ranges": described(
        entries(items(number(-1e12, 1e12), 2, 2)),
        "Parameters that run over [lower, upper], as one more coordinate each.",
        {},
        {"mu": [0.5, 4]},
    ),
    "definitions": described(
        entries(reference("definition")),
        "Formulas by name, also by region, coefficients from files, or manufactured from exact.",
        {},
        {"f": "10*exp(-x**2 - y**2)"},
    ),
    "equations": described(
        either(reference("equation"), items(reference("equation"), 1, MOST_EQUATIONS)),
        "What holds inside.",
        example=["-k*laplacian(u) = f"],
    ),
    "energy": described(
        formula(),
        "A density whose integral is least, in place of equations.",
        example="0.5*dot(grad(u), grad(u)) - f*u",
    ),
    "boundary_energy": described(
        items(reference("boundary energy")),
        "Densities on parts beside it.",
        [],
        [{"part": "right", "energy": "-g*u"}],
    ),
    "conditions": described(
        items(reference("condition"), 0, MOST_CONDITIONS),
        "On parts, interfaces, points and measured values; every part has one or is free.",
        example=[{"part": "left", "equation": "u = 0"}],
    ),
    "free": described(one_or_more(text(), 0), "Parts that have no condition.", [], ["right"]),
    "exact": described(
        entries(either(formula(), entries(formula()))),
        "The solution, for errors and manufactured definitions only.",
        example={"u": "sin(pi*x)"},
    ),
    "reference": described(
        text(), "A shipped reference, for errors only.", example="poisson_holes"
    ),
    "metric": described(
        either(choice(WORDS), items(formula(), 1, MOST_FACTORS)),
        "Scale factors of orthogonal coordinates, which grad, div, laplacian and dn take.",
        example="axisymmetric",
    ),
    "quantities": described(
        entries(formula()),
        "Formulas that are written beside the unknowns; with integral, mean and at: numbers.",
        {},
        {"speed": "sqrt(u**2 + v**2)"},
    ),
    "vectors": described(
        entries(items(formula(), 1, MOST_COMPONENTS)),
        "The same with one to three components.",
        {},
        {"flux": ["-k*dx(u)", "-k*dy(u)"]},
    ),
    "recommended": described(
        mapping(
            {key: reference(key) for key in ("trial", "schedule", "sampler", "weights", "slabs")}
        ),
        "Keys of the file that the author of the problem advises.",
        example={"trial": {"width": [32]}},
    ),
    "python": described(
        text(), "A file of problems/, for shipped problems only.", example="poisson_waves"
    ),
    "units": described(
        entries(either(text(), {"const": 1})),
        "What coordinates, unknowns and quantities are measured in, for labels; nothing is converted.",
        {},
        {"x": "mm", "u": "K"},
    ),
    "history": described(
        entries(formula()),
        "What unknowns are before the start, where equations hold `u(t - 1)`.",
        {},
        {"u": "cos(t)"},
    ),
    "delays": described(
        entries(items(either(text(), number()), 2, 2)),
        "Written for `u(t - 1)`: the unknown that stands for it, what it is of, and the delay.",
        {},
        {"u_ago_1": ["u", 1]},
    ),
    "eigen": described(
        reference("eigenvalues"),
        "Solves for eigenvalues `lambda` of the equations.",
        example={"count": 6},
    ),
    "fit": described(
        either(
            reference("fit of a table"),
            {**entries(formula()), "propertyNames": {"not": {"enum": ["data", "values"]}}},
        ),
        "Formulas or a table to fit, in place of equations and conditions.",
        example={"u": "exp(sin(pi*x))"},
    ),
}
"""Every key of a problem."""

_STATED = ("unknowns", "conditions")
PROBLEM: Schema = mapping(PROPERTIES) | {
    "anyOf": [
        {"required": ["fit"]},
        {"required": ["python"]},
        {"required": [*_STATED, "equations", "domain"]},
        {"required": [*_STATED, "equations", "time"]},
        {"required": [*_STATED, "energy", "domain"]},
    ]
}
