"""Which plan a config is solved by."""

from __future__ import annotations

from dataclasses import replace

from torch import nn

from kanpde.api.choice import Choice
from kanpde.api.continuing import Continued
from kanpde.api.outcome import Plan
from kanpde.api.plans import OneNetwork, Search
from kanpde.config import Config
from kanpde.config.config import in_slabs, searched_for_a_fit
from kanpde.errors import ConfigError
from kanpde.problem.starts import Start
from kanpde.results.solution import Solution


def plan_of(
    config: Config,
    after: Solution | None = None,
    start: Start | None = None,
    module: nn.Module | None = None,
) -> Plan:
    """The plan of a config from a start, with a `module` of the user's own; ConfigError where it
    cannot start from the parameters of `after`.
    """
    if config.trial.kind == "module":
        return _of_module(config, after, start, module)
    if after is not None and config.starts.given:
        key = config.starts.given[0]
        raise ConfigError(f"{key}: does not go with 'after', which is a start; remove one of them")
    if config.starts.continuation:
        return Continued(config, start, _from)
    return _plan(config, after, start)


def _of_module(
    config: Config, after: Solution | None, start: Start | None, module: nn.Module | None
) -> Plan:
    """One schedule on a module; ConfigError for what a network of unknown layers cannot do."""
    refused = {
        "seconds": config.seconds is not None,
        "slabs": in_slabs(config),
        "eigen": config.problem.eigen is not None,
        "continuation": config.starts.continuation,
    }
    for key, given in refused.items():
        if given:
            raise ConfigError(f"{key}: does not go with a module of your own; leave it out")
    return OneNetwork(config, after, start, module)


def _from(config: Config, start: Start | None) -> Plan:
    return _plan(config, None, start)


def _plan(config: Config, after: Solution | None, start: Start | None) -> Plan:
    """The plan of a config at the value of its parameters."""
    if config.problem.eigen is not None:
        from kanpde.api.eigen_plan import eigen_plan  # a room of its own: only where it is used

        return eigen_plan(config, after)
    searches = config.tolerance is not None
    if after is not None and (searches or in_slabs(config) or in_slabs(after.config)):
        raise ConfigError(
            "after: goes with neither time slabs nor a tolerance, which begin anew; leave it out"
        )
    if config.chooses and after is None:
        return Choice(config, start)
    if config.problem.delays:
        raise ConfigError(
            "problem.delays: unknowns at earlier places are marched, which takes neither trial,"
            " schedule nor after; leave these out"
        )
    config = replace(config, chooses=False)
    if config.trial.patches is not None or (after and after.config.trial.patches is not None):
        from kanpde.api.patch_plan import patches_plan  # a room of its own: only where it is used

        return patches_plan(config, after, start)
    if config.trial.nodes == "product":
        from kanpde.api.product_plan import products_plan  # likewise

        return products_plan(config, after)
    if after is not None and searched_for_a_fit(config):
        raise ConfigError("after: does not go with fit.search, whose starts are new; remove one")
    if in_slabs(config):
        from kanpde.api.slab_plans import March, SlabSearch  # the modules of marches, likewise

        return SlabSearch(config) if searches else March(config)
    if searched_for_a_fit(config):
        from kanpde.api.fit_search import FitSearch  # likewise

        return FitSearch(config)
    return Search(config) if searches else OneNetwork(config, after, start)
