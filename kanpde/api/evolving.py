"""The plan of a problem that evolves, where its file leaves the way to solve to the program."""

from __future__ import annotations

from typing import cast

from kanpde.api.march_plan import Engine, Evolving
from kanpde.config import Config
from kanpde.errors import ConfigError
from kanpde.inverse.forward import at_constants
from kanpde.marching.lines import search as on_a_line
from kanpde.marching.lines.statement import evolution
from kanpde.marching.ordinary import search as ordinary
from kanpde.marching.ordinary.statement import is_ordinary
from kanpde.marching.plane import search as in_the_plane
from kanpde.marching.plane.choice import marches as marches_in_plane
from kanpde.marching.strings import search as both_ways
from kanpde.marching.strings.statement import waves
from kanpde.marching.transport import search as carried
from kanpde.marching.transport.statement import transport
from kanpde.problem.problem import Problem


def in_pieces(config: Config) -> bool:
    """Whether an evolution on a line has equations that jump or have kinks at places, which cells can
    end at, and splines do not follow.
    """
    evolving = evolution(Problem.create(config.problem))
    return evolving is not None and evolving.in_pieces


def require_a_past(config: Config) -> None:
    """ConfigError where a problem holds unknowns at earlier places and is not marched from a start
    on.
    """
    if not config.problem.delays:
        return
    starts = [each.start for each in config.problem.unknown_parameters.values()]
    known = at_constants(config, starts) if starts else config
    if config.dtype != "float64" or not is_ordinary(Problem.create(known.problem)):
        raise ConfigError(
            f"problem '{config.problem.name}': unknowns at earlier places are solved in float64, with"
            f" as many equations as unknowns and all conditions at the start of one coordinate"
        )


def by_equations(config: Config) -> Evolving | None:
    """The march that equations and conditions ask for; None where there is none."""
    statement, dimension = config.problem, len(config.problem.coordinates)
    may = dimension == 1 or (dimension in (2, 3, 4) and statement.time is not None)
    if not may or config.dtype != "float64":
        return None
    if statement.fit is not None or statement.energy is not None:
        return None
    problem = Problem.create(statement)
    if is_ordinary(problem):
        return Evolving(config, cast("Engine", ordinary))
    if transport(problem) is not None:
        return Evolving(config, cast("Engine", carried))
    if waves(problem) is not None:
        return Evolving(config, cast("Engine", both_ways))
    if evolution(problem) is not None:
        return Evolving(config, cast("Engine", on_a_line))
    if marches_in_plane(problem):
        return Evolving(config, cast("Engine", in_the_plane))
    return None
