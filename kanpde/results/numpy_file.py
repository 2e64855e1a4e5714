"""A chain of products as one Python file that needs numpy alone: that of `kanpde.trial.numpy_chain`, and
the numbers of a solution behind it.
"""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np

from kanpde.errors import ConfigError
from kanpde.problem.problem import Problem
from kanpde.storage import write_text
from kanpde.trial import numpy_chain
from kanpde.trial.chain import ProductChain
from kanpde.trial.numpy_chain import NumpyChain
from kanpde.trial.piecewise import AnyTrial
from kanpde.trial.surrogate import Surrogate

SUFFIX = ".py"

_AS_READ = '''

def _solution(text: str) -> NumpyChain:
    import base64
    import io

    arrays = np.load(io.BytesIO(base64.b64decode(text)))

    def several(name: str) -> tuple[Array, ...]:
        return tuple(arrays[f"{{name}}_{{k}}"] for k in range(int(arrays[name])))

    return NumpyChain(
        names={names!r},
        ranges={ranges!r},
        lower=arrays["lower"],
        upper=arrays["upper"],
        cores=several("cores"),
        places=several("places"),
        degrees={degrees!r},
        functions=arrays.get("functions"),
    )


{name} = _solution("{text}")
"""The solution of '{problem}': {name}(points), {name}.sensitivity(points)."""
'''


def as_numpy(problem: Problem, trial: AnyTrial) -> NumpyChain:
    """The chain of a solution; ConfigError for one that is no chain of products."""
    if not isinstance(trial, ProductChain):
        raise ConfigError(
            f"solution of '{problem.name}': only chains of products can be evaluated by numpy alone"
            f" and have means over ranges in closed form; this one is no such chain"
            f" (docs/products.md); kanpde.load(RUN)(points) evaluates any"
        )
    first = problem.domain.dimension - len(problem.config.ranges)
    first -= problem.config.time is not None
    lines = trial.lines if isinstance(trial, Surrogate) else ()
    functions = trial.functions.detach().numpy() if isinstance(trial, Surrogate) else None
    return NumpyChain(
        tuple(problem.coordinates),
        tuple(range(first, first + len(problem.config.ranges))),
        trial.lower.numpy(),
        trial.upper.numpy(),
        tuple(core.detach().numpy() for core in trial.cores),
        tuple(line.places for line in lines),
        tuple(line.degree for line in lines),
        functions,
    )


def write_module(path: Path, problem: Problem, trial: AnyTrial) -> Path:
    """Write the file; ConfigError for a solution that is no chain, StorageError."""
    chain = as_numpy(problem, trial)
    arrays = {"lower": chain.lower, "upper": chain.upper}
    if chain.functions is not None:
        arrays["functions"] = chain.functions
    for name, several in (("cores", chain.cores), ("places", chain.places)):
        arrays[name] = np.array(len(several))
        arrays |= {f"{name}_{k}": array for k, array in enumerate(several)}
    packed = io.BytesIO()
    np.savez_compressed(packed, **arrays)
    behind = _AS_READ.format(
        names=chain.names,
        ranges=chain.ranges,
        degrees=chain.degrees,
        name=problem.unknowns[0],
        text=base64.b64encode(packed.getvalue()).decode(),
        problem=problem.name,
    )
    return write_text(path, Path(numpy_chain.__file__).read_text() + behind)
