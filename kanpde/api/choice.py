"""What the program chooses where a file gives neither `trial` nor `schedule`.

| problem | way | what is chosen |
|---|---|---|
| inequalities | a penalty, then what it rests on | its strength, the rim, then as below |
| unknown constants and measured values | solves at constants | the constants, then as below |
| unknown constants, means and integrals | solves at constants | the constants, then as below |
| unknown fields, measured values | splines | smoothness, number of splines |
| conditions at one end of an interval, or one coordinate and time | slabs | lengths, knots or lines, degrees |
| one coordinate and time, equations with jumps or kinks at places | patches, then slabs | cells and degrees, lengths |
| a plane domain or a body, no box, and time | slabs of patches | lengths, cells, degrees |
| a box in the plane, and time | patches, then slabs of patches | cells and degrees, lengths |
| equations that patches can solve (see `kanpde.patches.support`) | patches | cells and degrees |
| one linear equation on a box in four or more coordinates, of few products | a chain of products | ranks, degrees |
| the same where formulas hold linear forms | functions of these, then products | intervals |
| the same over ranges of parameters | a chain of products | as above |
| the same, coefficients of several parameters or with jumps | a chain of the parameters | as above |
| a box in space, and time | products where they suit it, then slabs of patches | as above |
| others whose resolution can be searched for | one network | family, width, intervals |
| others (an energy, unknown fields elsewhere, balls as regions, …) | one network | the default of its dimension |

The statement of the problem decides which way is taken, the estimated error how far it is gone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from kanpde.api.outcome import Outcome, Plan
from kanpde.api.plans import OneNetwork, Search
from kanpde.config import Config
from kanpde.config.compatibility import check
from kanpde.config.solve.defaults import SECONDS, TOLERANCE
from kanpde.config.solve.patches import MOST_COORDINATES, PatchesConfig
from kanpde.errors import ConfigError
from kanpde.problem.starts import Start
from kanpde.progress import Progress, StopReason
from kanpde.solver.build import Parts

if TYPE_CHECKING:
    from kanpde.api.march_plan import Evolving


@dataclass(frozen=True)
class Choice:
    """The way that the program chooses; what is kept is an ordinary run of that way."""

    config: Config
    start: Start | None = None
    plan: Plan | None = None

    def prepare(self) -> Choice:
        """Choose the way and build what it builds first."""
        return replace(self, plan=chosen_plan(self.config, self.start))

    def first(self) -> tuple[Config, Parts | None]:
        """What the chosen way builds first."""
        return self._chosen().first()

    def run(self, progress: Progress, folder: Path | None = None) -> Outcome:
        """Go the chosen way."""
        return self._outcome(self._chosen().run(progress, folder))

    def resume(self, progress: Progress, folder: Path) -> Outcome:
        """Go on the chosen way."""
        return self._outcome(self._chosen().resume(progress, folder))

    def load(self, folder: Path) -> Outcome:
        """What the chosen way keeps."""
        return self._outcome(self._chosen().load(folder))

    def _chosen(self) -> Plan:
        return self.plan or chosen_plan(self.config, self.start)

    def _outcome(self, outcome: Outcome) -> Outcome:
        """A default tolerance that is met is not called the user's."""
        if self.config.tolerance is not None:
            return outcome
        reason = outcome.reason
        if reason is StopReason.TOLERANCE:
            reason = StopReason.ACCURATE
        branches = tuple(map(self._outcome, outcome.branches))
        aim = replace(outcome.aim, given=False)
        return replace(outcome, reason=reason, aim=aim, branches=branches)


def chosen_plan(config: Config, start: Start | None = None) -> Plan:
    """The prepared plan of the way that the problem calls for, from a start if there is one;
    ConfigError or BudgetError say why it cannot begin.
    """
    from kanpde.api.inequality_plan import by_inequalities  # a room of its own, a slow import

    if config.problem.delays:
        from kanpde.api.evolving import require_a_past  # marches need scipy, a slow import

        require_a_past(config)
    bounded = by_inequalities(config, chosen_plan)
    if bounded is not None:
        return bounded.prepare()
    if any(condition.data is not None for condition in config.problem.conditions):
        from kanpde.api.inverse_plan import inverse

        known = inverse(config, chosen_plan)
        if known is not None:
            return known.prepare()
    elif config.problem.unknown_parameters:
        from kanpde.api.integral_plan import by_means  # likewise

        said = by_means(config, chosen_plan)
        if said is not None:
            return said.prepare()
    marched, pieces = _marched(config)
    if marched is not None and config.starts.given:
        raise ConfigError(
            f"{config.starts.given[0]}: '{config.problem.name}' is marched from its initial values,"
            f" which are its only start; remove it"
        )
    if marched is not None and not pieces:
        return marched.prepare()
    fixed = replace(config, chooses=False)
    patched = replace(fixed, trial=replace(config.trial, patches=PatchesConfig()))
    if config.dtype == "float64" and _allowed(patched):
        from kanpde.api.patch_plan import Patches  # rooms of their own: only where they are used

        try:
            patches = Patches(patched, start=start).prepare()
            if config.starts.given or (marched is None and config.problem.time is None):
                return patches
            from kanpde.api.in_turn import in_turn

            return in_turn(config, patches, marched)
        except ConfigError as error:
            if marched is not None:
                return marched.prepare()
            # patches cannot solve it; a mistake of the file shows again below
            if config.starts.solutions > 1:
                raise ConfigError(f"solutions: needs patches: {error}") from error
    if config.starts.given:
        return OneNetwork(fixed, start=start).prepare()
    many = len(config.problem.coordinates) > MOST_COORDINATES or config.problem.ranges
    if many and config.dtype == "float64":
        plan = _in_many(config)
        if plan is not None:
            return plan
    searched = replace(
        fixed,
        tolerance=config.tolerance or TOLERANCE[config.dtype],
        seconds=config.seconds or SECONDS,
    )
    if _allowed(searched):
        return Search(searched).prepare()
    check(fixed)  # on regions that patches cannot solve a tolerance has no one to meet it
    return OneNetwork(fixed).prepare()


def _marched(config: Config) -> tuple[Evolving | None, bool]:
    """The march of a problem with time or with one coordinate, and whether it is one in pieces; what
    marches need takes a second to load.
    """
    statement = config.problem
    if statement.time is None and len(statement.coordinates) > 1:
        return None, False
    from kanpde.api.evolving import by_equations, in_pieces

    marched = by_equations(config)
    return marched, marched is not None and in_pieces(config)


def _in_many(config: Config) -> Plan | None:
    """Products in many coordinates, and slabs in space; None where neither suits the problem."""
    from kanpde.api.along_forms import along_forms  # rooms of their own, as above
    from kanpde.api.in_turn import in_turn, slabs_of
    from kanpde.api.product_plan import Products

    trial = replace(config.trial, nodes="product")
    multiplied = replace(config, chooses=False, trial=trial)
    if _allowed(multiplied):
        try:
            products = Products(multiplied).prepare()
            return along_forms(config, products, in_turn(config, products))
        except ConfigError:
            pass  # no few products
    slabs = slabs_of(config)
    return None if slabs is None else slabs.prepare()


def _allowed(config: Config) -> bool:
    """Whether the keys of a config go together."""
    try:
        check(config)
    except ConfigError:
        return False
    return True
