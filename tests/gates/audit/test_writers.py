"""Two runs in one folder that share no tag: their clocks tell them apart, or nothing does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from msgspec import structs

from gates.audit.writers import one_clock
from gates.facts.run_facts import RunFacts
from gates.findings import Outcome
from gates.series import EventFile, EventLog, Series
from tests.gates.synthetic_runs import series

STEPS = np.arange(500, 50_001, 500)


def written(tag: str, start: float, seconds: float, steps: object = STEPS) -> Series:
    made = series(tag, steps, 1.0)
    return structs.replace(made, wall_times=np.linspace(start, start + seconds, len(made)))


def facts(*found: Series, files: int = 2) -> RunFacts:
    file = EventFile(
        path=Path("f"), sha256="", size_bytes=1, records=1, first_wall_time=0.0, last_wall_time=1.0
    )
    log = EventLog(series={s.tag: s for s in found}, files=(file,) * files)
    return RunFacts(log=log, run=None, stage="50k", planned_steps=50_000)


FIRST = written("train/critic_loss", 1_000.0, 600.0)


@pytest.mark.parametrize(
    "second",
    [
        written("train/episode_reward", 90_000.0, 600.0),
        written("train/episode_reward", 1_000.0, 6_000.0),
    ],
    ids=["a day later", "at a tenth of the speed"],
)
def test_a_second_run_lags_behind_the_clock(second: Series) -> None:
    found = one_clock(facts(FIRST, second))
    assert found is not None
    assert found.outcome is Outcome.WARN
    assert found.fact.endswith("train/episode_reward lags behind the clock")


@pytest.mark.parametrize(
    ("second", "files"),
    [
        (written("train/episode_reward", 1_000.0, 620.0), 2),
        (written("eval/mean_reward", 90_000.0, 600.0), 2),
        (written("train/episode_reward", 90_000.0, 2.0), 2),
        (written("train/episode_reward", 90_000.0, 600.0), 1),
        (written("train/episode_reward", 1_600.0, 600.0, STEPS + 50_000), 2),
    ],
    ids=["at once", "evaluated later", "converted", "one file", "resumed with other tags"],
)
def test_one_run_is_one_clock(second: Series, files: int) -> None:
    assert one_clock(facts(FIRST, second, files=files)) is None
