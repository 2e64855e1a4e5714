"""The plan of a solve on a chain of products."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from kanpde.api.outcome import Outcome
from kanpde.config import Config
from kanpde.config.compatibility import check
from kanpde.config.solve.defaults import SECONDS, TOLERANCE
from kanpde.errors import ConfigError
from kanpde.problem.posing import posed
from kanpde.products import families
from kanpde.products import store as chain_store
from kanpde.products.search import Begun, Multiplied, prepare, search
from kanpde.progress import Progress
from kanpde.results import report
from kanpde.results.solution import Solution
from kanpde.results.verdict import Aim
from kanpde.solver.budget import check_report


@dataclass(frozen=True)
class Products:
    """A layer per coordinate, joined by nodes that multiply, to a tolerance."""

    config: Config
    begun: Begun | families.Begun | None = None

    @property
    def words(self) -> str:
        """What the field is made of."""
        return "products in space and time"

    @property
    def is_family(self) -> bool:
        """Whether space is one layer, and products are those of parameters."""
        return isinstance(self.begun, families.Begun)

    def prepare(self) -> Products:
        """Solve at the first degree, which shows whether products suit the problem."""
        check(self.config)
        check_report(self.config.problem)
        return replace(self, begun=_begun(self.config))

    def first(self) -> tuple[Config, None]:
        """Nothing that has a size: the solve finds ranks and degrees."""
        return self.config, None

    def run(self, progress: Progress, folder: Path | None = None) -> Outcome:
        """Degree after degree."""
        return self.kept(self.solved(progress, 1.0), folder)

    def solved(self, progress: Progress, patience: float) -> Multiplied:
        """Degree after degree in a share of the seconds; nothing is kept."""
        seconds = patience * (self.config.seconds or SECONDS)
        begun = self.begun or _begun(self.config)
        config = replace(self.config, seconds=seconds)
        if isinstance(begun, families.Begun):
            return families.search(config, begun, progress)
        return search(config, begun, progress)

    def kept(self, solved: Multiplied, folder: Path | None) -> Outcome:
        """What a search gives, kept in a run folder as a run of products."""
        if folder is not None:
            report.write_config(folder / "config.yaml", self.config)
            chain_store.write(folder, solved)
        return self._outcome(solved)

    def resume(self, progress: Progress, folder: Path) -> Outcome:
        """All degrees from the first one, which give the same bits."""
        return self.run(progress, folder)

    def load(self, folder: Path) -> Outcome:
        """What the solve ended with."""
        return self._outcome(chain_store.read(folder, posed(self.config.problem)))

    def _outcome(self, solved: Multiplied) -> Outcome:
        given = self.config.tolerance is not None
        tolerance = self.config.tolerance or TOLERANCE[self.config.dtype]
        aim = Aim(tolerance, given, searched=True, local=True)
        keep = partial(chain_store.write, solved=solved)
        return Outcome(self.config, aim=aim, keep=keep, **vars(solved))


def _begun(config: Config) -> Begun | families.Begun:
    """What the search begins with, of the kind that suits the problem."""
    return families.begun(config) or prepare(config)


def products_plan(config: Config, after: Solution | None) -> Products:
    """The plan; ConfigError where it is to begin from the parameters of `after`."""
    if after is not None:
        raise ConfigError("after: does not go with trial.nodes: product, which begins anew")
    return Products(config)
