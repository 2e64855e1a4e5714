"""The plan where a chain of products needs many of them and formulas hold linear forms: functions of
these first.

| functions of the linear forms | next |
|---|---|
| meet the tolerance, or are stopped | end |
| do not, in PATIENCE of the seconds | the chain of products |

tanh(x_1 + … + x_5) takes 35 products to ten digits, and one function of one direction.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

from kanpde.ansatz.linear_forms import formula_directions
from kanpde.api.outcome import Outcome, Plan
from kanpde.api.plans import chosen_outcome
from kanpde.api.product_plan import Products
from kanpde.config import Config
from kanpde.config.solve.defaults import SECONDS, TOLERANCE
from kanpde.errors import ConfigError, NumericalError
from kanpde.expressions import is_zero
from kanpde.products.chains import ranks
from kanpde.products.search import DEGREES, Begun
from kanpde.products.solving import Discrete
from kanpde.products.statement import Statement
from kanpde.progress import Progress, StopReason
from kanpde.results.verdict import Aim
from kanpde.solver import tolerance
from kanpde.solver.levels import FORMS

MANY, ACCURACY = 4, 1e-9
"""Products of a source or of data, to that accuracy, above which functions of linear forms are tried
before.
"""

PATIENCE = 0.3
"""Share of the seconds for them."""


@dataclass(frozen=True)
class AlongForms:
    """Functions of the linear forms in the formulas, and a chain of products where these do not meet
    the tolerance.
    """

    config: Config
    field: Plan

    def prepare(self) -> AlongForms:
        """The field is prepared."""
        return self

    def first(self) -> tuple[Config, None]:
        """Nothing that has a size."""
        return self.config, None

    def run(self, progress: Progress, folder: Path | None = None) -> Outcome:
        """The functions of linear forms first."""
        began = time.perf_counter()
        try:
            chosen = tolerance.choose(self.config, progress, tolerance.begin(self.config, FORMS))
        except (ConfigError, NumericalError):
            return self.field.run(progress, folder)
        if chosen.reason is StopReason.UNREACHED:
            progress.message("functions of linear forms do not meet the tolerance: products")
            return self.field.run(progress, folder)
        outcome = chosen_outcome(chosen, folder, began)
        return replace(outcome, aim=Aim(self.config.tolerance, searched=True, smooth=True))

    def resume(self, progress: Progress, folder: Path) -> Outcome:
        """Both again."""
        return self.run(progress, folder)

    def load(self, folder: Path) -> Outcome:
        """The field: a run whose network is kept is one of that network alone."""
        return self.field.load(folder)


def most_products(statement: Statement) -> int:
    """Of the source and the data of faces, at the first degree."""
    values = Discrete(statement, DEGREES[0], ACCURACY).values
    nodes = [statement.source, *(face.data for face in statement.faces)]
    chains = [values.of(node) for node in nodes if not is_zero(node)]
    return max((rank for chain in chains for rank in ranks(chain)), default=1)


def along_forms(config: Config, products: Products, field: Plan) -> Plan:
    """The field, after functions of linear forms where the formulas hold some and the `products` are
    many.
    """
    begun = products.begun
    if not isinstance(begun, Begun):
        return field
    statement = begun.statement
    if not formula_directions(statement.problem) or most_products(statement) <= MANY:
        return field
    seconds = PATIENCE * (config.seconds or SECONDS)
    aimed = config.tolerance or TOLERANCE[config.dtype]
    return AlongForms(replace(config, chooses=False, tolerance=aimed, seconds=seconds), field)
