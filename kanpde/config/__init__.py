"""The closed, typed schema of a file and its validator; imports no torch, so that a bad file is
answered at once.
"""

from __future__ import annotations

from kanpde.config.config import Config, in_slabs
from kanpde.config.problem.conditions import ConditionConfig
from kanpde.config.problem.energies import BoundaryEnergy
from kanpde.config.problem.intervals import IntervalShape, TimeConfig
from kanpde.config.problem.measurements import Measurements
from kanpde.config.problem.meshes import MeshShape
from kanpde.config.problem.shapes import (
    BallShape,
    BoxShape,
    CombinedShape,
    DiskShape,
    ExtrusionShape,
    PolygonShape,
    RegionsShape,
    Shape,
    coordinates,
    part_names,
)
from kanpde.config.problem.statement import ProblemConfig
from kanpde.config.problem.unknowns import UnknownParameter
from kanpde.config.solve.adaptive import AdaptPoints, AdaptWeights
from kanpde.config.solve.optimizers import OPTIMIZERS, STAGE, Sizes
from kanpde.config.solve.settings import CompareConfig, OutputConfig, SamplerConfig, WeightsConfig
from kanpde.config.solve.slabs import Pace, SlabsConfig
from kanpde.config.solve.stages import (
    ExtendGrid,
    OptimizerStage,
    Sparsify,
    StageConfig,
    UpdateGrid,
    added_points,
)
from kanpde.config.solve.trial import TrialConfig
from kanpde.config.validate import MakeProblem, validate, validate_problem

__all__ = [
    "OPTIMIZERS",
    "STAGE",
    "AdaptPoints",
    "AdaptWeights",
    "BallShape",
    "BoundaryEnergy",
    "BoxShape",
    "CombinedShape",
    "CompareConfig",
    "ConditionConfig",
    "Config",
    "DiskShape",
    "ExtendGrid",
    "ExtrusionShape",
    "IntervalShape",
    "MakeProblem",
    "Measurements",
    "MeshShape",
    "OptimizerStage",
    "OutputConfig",
    "Pace",
    "PolygonShape",
    "ProblemConfig",
    "RegionsShape",
    "SamplerConfig",
    "Shape",
    "Sizes",
    "SlabsConfig",
    "Sparsify",
    "StageConfig",
    "TimeConfig",
    "TrialConfig",
    "UnknownParameter",
    "UpdateGrid",
    "WeightsConfig",
    "added_points",
    "coordinates",
    "in_slabs",
    "part_names",
    "validate",
    "validate_problem",
]
