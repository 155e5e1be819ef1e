"""The one list of check types; the gate file's union and the documentation follow from it."""

from __future__ import annotations

from typing import get_args

from gates.checks.check import Check
from gates.checks.types.collapse import CollapseCheck
from gates.checks.types.completeness import CompletenessCheck
from gates.checks.types.consistency import ConsistencyCheck
from gates.checks.types.derived_limit import DerivedLimitCheck
from gates.checks.types.episode_rate import EpisodeRateCheck
from gates.checks.types.finite import FiniteCheck
from gates.checks.types.improvement import ImprovementCheck
from gates.checks.types.limit import LimitCheck
from gates.checks.types.phase_comparison import PhaseComparisonCheck
from gates.checks.types.presence import PresenceCheck
from gates.checks.types.relative import RelativeCheck
from gates.checks.types.retention import RetentionCheck
from gates.checks.types.reward_against_driving import RewardAgainstDrivingCheck
from gates.checks.types.reward_ranks_drivers import RewardRanksDriversCheck
from gates.checks.types.updates_go_on import UpdatesGoOnCheck

AnyCheck = (
    LimitCheck
    | DerivedLimitCheck
    | ConsistencyCheck
    | PhaseComparisonCheck
    | CollapseCheck
    | ImprovementCheck
    | RetentionCheck
    | RelativeCheck
    | EpisodeRateCheck
    | RewardAgainstDrivingCheck
    | RewardRanksDriversCheck
    | FiniteCheck
    | PresenceCheck
    | CompletenessCheck
    | UpdatesGoOnCheck
)

CHECK_TYPES: dict[str, type[Check]] = {
    str(model.__struct_config__.tag): model for model in get_args(AnyCheck)
}
"""Every check type by the word that selects it under `type`."""
