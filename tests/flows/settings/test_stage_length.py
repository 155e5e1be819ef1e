"""A plan refuses a stage that could not be judged, and names one that can."""

from __future__ import annotations

import pytest

from flows.errors import ConfigError
from flows.settings.plan import resolve_plan


def test_a_stage_without_enough_updates_is_refused_before_it_starts() -> None:
    overrides = ["train.critic_warmup_updates=200"]
    with pytest.raises(ConfigError) as refused:
        resolve_plan(stages=("5k", "50k"), overrides=overrides)
    (mistake,) = refused.value.mistakes
    assert "stage 5k cannot judge this recipe" in mistake
    assert "takes 6,450 steps" in mistake
    assert mistake.endswith("begin with --stages 50k")
    plan = resolve_plan(stages=("50k",), overrides=overrides)
    assert [stage.name for stage in plan.stages] == ["50k"]
