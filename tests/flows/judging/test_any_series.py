"""Whole judgements, with report and plots, of any series: always a verdict, nothing of the report missing."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from msgspec import structs

from gates import result_file
from gates.checks.gate_file import load_gate
from gates.findings import Outcome, Verdict
from gates.judgement import judge_log
from gates.runs.translate import detect, translate
from gates.series import EventLog, Series
from reports.context import NextStage, StageContext
from reports.stage.html import write_html_report
from reports.stage.latex import write_latex_report
from reports.stage.markdown import write_stage_report
from reports.stage.view import MISSING_PART, VERDICT_NAMES
from tests.gates.synthetic_runs import Recipe, make

CONTEXT = StageContext(
    title="any run",
    generated_at="2026-01-01T00:00:00+00:00",
    next_stage=NextStage(name="50k", steps=50_000),
)
OTHERS = (
    "rollout/ep_rew_mean",
    "rollout/ep_len_mean",
    "rollout/success_rate",
    "time/fps",
    "train/learning_rate",
    "charts/episodic_return",
    "test/reward",
    "update/actor_loss",
    "eval/mean_reward",
    "eval/std_reward",
    "eval/episodes",
    "a|b`<script>",
    "train/\u202eevil",
    "",
)
SOUND = make(Recipe(own=False, steps=2000)).tags
NO_SHRINKING = (Phase.explicit, Phase.reuse, Phase.generate)
"""A judgement with its pictures takes a second: a failing case is short enough as it is."""
SPECIAL = (0.0, 1.0, -1.0, 1e300, -1e300, 5e-324, 1e-40, -1e-40, np.nan, np.inf, -np.inf)


@dataclass(frozen=True)
class Shape:
    """A series in few words; hypothesis shows it when it breaks something."""

    kind: str
    size: int
    power: int
    first: int
    apart: int
    seed: int

    def series(self, tag: str) -> Series:
        """Make the series; its steps may repeat or fall."""
        rng, size = np.random.default_rng(self.seed), self.size
        with np.errstate(all="ignore"):
            scale = np.float64(10.0) ** self.power
            values = {
                "special": lambda: rng.choice(SPECIAL, size=size),
                "constant": lambda: np.full(size, rng.choice(SPECIAL)),
                "noise": lambda: scale * rng.normal(size=size),
                "rising": lambda: scale * np.arange(size),
                "gaps": lambda: np.where(rng.random(size) < 0.3, np.nan, rng.normal(size=size)),
            }[self.kind]()
        steps = self.first + self.apart * np.arange(size, dtype=np.int64)
        return Series(tag=tag, steps=steps, values=values.astype(float), wall_times=steps * 1.0)


SHAPES = st.builds(
    Shape,
    kind=st.sampled_from(["special", "constant", "noise", "rising", "gaps"]),
    size=st.sampled_from([0, 1, 2, 3, 8, 40]),
    power=st.integers(-320, 308),
    first=st.integers(0, 3000),
    apart=st.sampled_from([0, 1, 25, 2**40, -3]),
    seed=st.integers(0, 999),
)


drawn = given(
    shapes=st.dictionaries(st.sampled_from([*SOUND, *OTHERS]), SHAPES, max_size=8),
    others=st.booleans(),
    stage=st.sampled_from(["5k", "50k", "1m"]),
    planned=st.sampled_from([None, 1, 2000, 2**60]),
)


@settings(max_examples=6, deadline=None, phases=NO_SHRINKING)
@drawn
def test_any_series_end_with_a_verdict_and_a_whole_report(**case: Any) -> None:
    judged_and_reported(**case)


@pytest.mark.slow
@settings(max_examples=60, deadline=None, phases=NO_SHRINKING)
@drawn
def test_many_series_end_with_a_verdict_and_a_whole_report(**case: Any) -> None:
    judged_and_reported(**case)


def judged_and_reported(
    shapes: dict[str, Shape], others: bool, stage: str, planned: int | None
) -> None:
    found = {} if others else dict(SOUND)
    found |= {tag: shape.series(tag) for tag, shape in shapes.items()}
    if not any(map(len, found.values())):
        found = dict(SOUND)
    raw = EventLog(series=found, files=())
    judgement = judge_log(
        translate(raw, detect(raw)),
        run=None,
        directory=Path("a run"),
        gate=load_gate(stage),
        stage=stage,
        planned_steps=planned,
    )
    result = judgement.result
    assert result_file.from_json(result_file.to_json(result)).verdict is result.verdict
    passed = [f for f in result.findings if f.outcome is Outcome.PASS and f.value is not None]
    assert not [f for f in passed if np.isnan(f.value)], "what is not a number never passes"
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        report = write_stage_report(judgement, CONTEXT, out).read_text(encoding="utf-8")
        assert report.startswith(f"# {VERDICT_NAMES[result.verdict]} at {stage}")
        assert MISSING_PART not in report
        assert MISSING_PART not in write_html_report(judgement, CONTEXT, out).read_text("utf-8")
        assert write_latex_report(judgement, CONTEXT, out).is_file()


def test_a_tag_without_values_passes_nothing() -> None:
    """Every tag that a sound run needs, emptied in turn, keeps or worsens the verdict's evidence."""
    for tag in SOUND:
        emptied = {
            **SOUND,
            tag: structs.replace(SOUND[tag], values=np.full(len(SOUND[tag]), np.nan)),
        }
        result = judge_log(
            EventLog(series=emptied, files=()),
            run=None,
            directory=Path("a run"),
            gate=load_gate("5k"),
            stage="5k",
            planned_steps=2000,
        ).result
        assert result.verdict is Verdict.NO_GO, tag
