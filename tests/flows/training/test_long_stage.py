"""Early stopping, interim gates and hopelessness of a long stage: what they say, and what they leave alone."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from flows.commands.end import end_early
from flows.errors import ConfigError, UsageError
from flows.pipeline import stage as stages
from flows.pipeline.request import RunRequest
from flows.records.run_dir import PipelineDirectory
from flows.records.stored_result import GATE_FILE
from flows.settings.long_stage import EarlyStopSettings, HopelessSettings, LongStage
from flows.settings.setting_files import load_stage
from flows.settings.supervision import LiveSettings
from flows.training.live.hopeless import lost_at_interim_gates, stands_still_below_goal
from flows.training.live.interim import InterimVerdict, Standing, read_interim, stand
from flows.training.live.watch import RunWatch
from flows.training.progress import SilentReporter
from gates.checks.gate_file import load_gate, parse_gate
from gates.findings import Finding, Outcome, Verdict

Opened = Callable[..., tuple[RunRequest, PipelineDirectory]]


def finding(check: str, outcome: Outcome, *, required: bool = True) -> Finding:
    return Finding(
        check=check,
        title=check,
        outcome=outcome,
        required=required,
        reason="1 above 0.",
        fact=f"{check} is 1",
    )


@pytest.mark.parametrize(
    ("findings", "standing", "words"),
    [
        ([], Standing.NOT_YET, "no check has its evidence yet."),
        ([finding("a", Outcome.INCONCLUSIVE)], Standing.NOT_YET, "no check has its evidence yet."),
        ([finding("a", Outcome.PASS)], Standing.GO, "all 1 required checks passed."),
        (
            [finding("a", Outcome.PASS), finding("b", Outcome.INCONCLUSIVE)],
            Standing.NOT_YET,
            "1 of 2 checks have no evidence yet (b)",
        ),
        # An advisory check that cannot be judged yet keeps nothing open.
        (
            [finding("a", Outcome.PASS), finding("b", Outcome.INCONCLUSIVE, required=False)],
            Standing.GO,
            "all 1 required",
        ),
        (
            [finding("a", Outcome.FAIL), finding("b", Outcome.INCONCLUSIVE)],
            Standing.NO_GO,
            "a is 1.",
        ),
        ([finding("a", Outcome.WARN)], Standing.CONDITIONAL, "a is 1."),
        (
            [finding("a", Outcome.WARN), finding("b", Outcome.INCONCLUSIVE)],
            Standing.NOT_YET,
            "; a is 1.",
        ),
    ],
)
def test_evidence_that_is_not_there_yet_never_passes(
    findings: list[Finding], standing: Standing, words: str
) -> None:
    said, deciding = stand(findings)
    assert said is standing
    assert words in deciding


GATE = {
    "name": "long",
    "description": "A live check, and one on evaluations.",
    "checks": [
        {
            "id": "all_steps",
            "title": "All steps",
            "type": "completeness",
            "group": "integrity",
            "rationale": "Must not be asked on the way.",
            "source": "this test",
        },
        {
            "id": "critic_loss",
            "title": "Critic loss bounded",
            "type": "limit",
            "group": "critic",
            "live": True,
            "tag": "train/critic_loss",
            "statistic": "last",
            "max": {"warn": 5, "fail": 10},
            "min_points": 1,
            "rationale": "A test needs a number.",
            "source": "this test",
        },
        {
            "id": "returns",
            "title": "Enough evaluations",
            "type": "limit",
            "group": "learning",
            "tag": "eval/mean_reward",
            "statistic": "last",
            "min": {"fail": 0},
            "min_points": 3,
            "rationale": "A test needs one that waits.",
            "source": "this test",
        },
    ],
}


class Growing:
    """A run whose events grow in thousands of steps."""

    def __init__(self, run: Path, long: LongStage, mode: str = "stop") -> None:
        self.run, self.now, self.step = run, 0.0, 0
        self.writer = EventFileWriter(str(run / "events"))
        self.long, self.mode = long, mode
        self.watch = self.new_watch()

    def new_watch(self) -> RunWatch:
        return RunWatch(
            self.run,
            gate=parse_gate(GATE, "test"),
            stage="long",
            planned_steps=100_000,
            settings=LiveSettings(every_s=1.0, mode=self.mode),
            long=self.long,
            clock=lambda: self.now,
            spent=lambda: 0.0,
        )

    def log(self, loss: float = 1.0, reward: float | None = None):
        """Log a thousand steps and look; with `reward` also an evaluation."""
        self.step += 1_000
        values = {"train/critic_loss": loss}
        if reward is not None:
            values["eval/mean_reward"] = reward
        self.write(self.step, values)
        return self.look()

    def write(self, step: int, values: dict[str, float]) -> None:
        summary = Summary(value=[Summary.Value(tag=t, simple_value=v) for t, v in values.items()])
        self.writer.add_event(Event(wall_time=1e9 + step, step=step, summary=summary))
        self.writer.flush()

    def look(self):
        self.now += 1.0
        return self.watch.look_when_due()

    def start_again(self, from_step: int) -> None:
        """Begin another attempt: what was logged after a step is void."""
        self.writer.close()
        self.writer = EventFileWriter(str(self.run / "events"), filename_suffix=".again")
        start = Event(wall_time=2e9, step=from_step + 1)
        start.session_log.status = 1
        self.writer.add_event(start)
        self.step = from_step


@pytest.fixture
def grow(tmp_path: Path):
    made: list[Growing] = []

    def make(mode: str = "stop", **long: object) -> Growing:
        made.append(Growing(tmp_path, LongStage.model_validate(long), mode))
        return made[-1]

    yield make
    for one in made:
        one.writer.close()


@pytest.mark.parametrize("mode", ["stop", "off"])
def test_interim_gates_speak_once_as_of_their_step(grow, mode: str) -> None:
    growing = grow(mode, interim=(3_000, 6_000))
    spoken = []
    for number in range(9):
        # The loss breaks its limit after step 6,000, when that gate is judged at the latest.
        news = growing.log(loss=50.0 if number >= 6 else 1.0, reward=1.0)
        spoken += [] if news is None else [j.verdict for j in news.interim]
    # A look comes after each thousand steps; step 3,000 is over when 4,000 was logged.
    assert [v.step for v in spoken] == [3_000, 6_000]
    assert [v.standing for v in spoken] == [Standing.GO, Standing.GO]
    assert read_interim(growing.run) == tuple(spoken)


def test_an_interim_gate_waits_for_its_evidence_and_names_what_failed(grow) -> None:
    growing = grow("warn", interim=(1_000, 2_000))
    growing.log()
    news = growing.log(loss=50.0)
    (first,) = news.interim
    assert first.verdict.standing is Standing.NOT_YET
    assert "Enough evaluations" in first.verdict.deciding
    (second,) = growing.log().interim
    assert second.verdict.standing is Standing.NO_GO
    assert second.verdict.failed_live == ("critic_loss",)
    assert second.verdict.sentence.startswith(
        "interim gate at step 2,000: NO_GO, critic loss is 50"
    )


def test_a_second_watch_repeats_nothing_that_stands_already(grow) -> None:
    growing = grow(interim=(1_000,))
    growing.log(reward=1.0)
    assert growing.log(reward=1.0).interim
    growing.watch = growing.new_watch()
    assert growing.look().interim == ()


def test_steps_that_happen_again_are_judged_again(grow) -> None:
    growing = grow("off", interim=(1_000, 2_000))
    for _ in range(3):
        growing.log(reward=1.0)
    assert [v.standing for v in read_interim(growing.run)] == [Standing.NOT_YET] * 2
    growing.start_again(from_step=1_000)
    growing.log(loss=50.0)
    news = growing.log(loss=50.0)
    assert [j.verdict.step for j in news.interim] == [2_000]
    said = read_interim(growing.run)
    assert [v.standing for v in said] == [Standing.NOT_YET, Standing.NO_GO]


def test_a_plateau_is_found_while_the_run_goes_on(grow) -> None:
    growing = grow(early_stop={"steps": 5_000, "evaluations": 4})
    rewards = [1, 5, 9, 9, 9, 9, 9, 9, 9, 9, 9]
    plateaus = [growing.log(reward=float(r)).plateau for r in rewards]
    assert plateaus[:9] == [None] * 9
    assert plateaus[9] is not None
    # The mean of three neighbours rose until the fifth evaluation, the first one is untrained.
    assert (plateaus[9].since_step, plateaus[9].best) == (5_000, 9.0)


def test_nothing_is_ended_without_being_asked_for(grow) -> None:
    growing = grow()
    for _ in range(30):
        news = growing.log(reward=1.0)
        assert (news.plateau, news.hopeless, news.interim) == (None, None, ())


def verdict(step: int, *failed: str) -> InterimVerdict:
    standing = Standing.NO_GO if failed else Standing.NOT_YET
    return InterimVerdict(step=step, standing=standing, deciding="it broke.", failed_live=failed)


TWICE = HopelessSettings(interim_no_go=2)


@pytest.mark.parametrize(
    ("verdicts", "lost"),
    [
        ([], None),
        ([verdict(1, "a")], None),
        ([verdict(1, "a"), verdict(2)], None),
        ([verdict(1, "a"), verdict(2, "b")], None),
        ([verdict(1, "a"), verdict(2), verdict(3, "a")], None),
        ([verdict(1), verdict(2, "a", "b"), verdict(3, "b")], "b"),
    ],
)
def test_the_same_check_must_fail_at_interim_gates_in_a_row(
    verdicts: list[InterimVerdict], lost: str | None
) -> None:
    found = lost_at_interim_gates(verdicts, TWICE)
    assert (found[0] if found else None) == lost
    assert lost_at_interim_gates(verdicts, HopelessSettings()) is None


def test_a_run_that_fails_two_interim_gates_is_hopeless(grow) -> None:
    growing = grow("warn", interim=(1_000, 2_000), hopeless={"interim_no_go": 2})
    growing.log(loss=50.0)
    assert growing.log(loss=50.0).hopeless is None
    hopeless = growing.log(loss=50.0).hopeless
    assert hopeless is not None
    assert hopeless.check == "critic_loss"
    assert "failed at the interim gates of steps 1,000 and 2,000" in hopeless.reason


GOAL = HopelessSettings(goal_return=100.0)


def goal(values: list[float]) -> str | None:
    """Ask after evaluations every 2,500 steps, the first one before any update."""
    from gates.facts.run_facts import RunFacts
    from gates.runs.run_info import RunInfo
    from gates.series import EventLog, Series

    series = Series(
        tag="eval/mean_reward",
        steps=np.arange(len(values), dtype=np.int64) * 2_500,
        values=np.asarray(values, dtype=np.float64),
        wall_times=np.zeros(len(values)),
    )
    facts = RunFacts(
        log=EventLog(series={series.tag: series}, files=()),
        run=RunInfo(source="", train={"learning_starts": 0}),
        stage="long",
        planned_steps=100_000,
    )
    return stands_still_below_goal(facts, GOAL)


def test_a_policy_that_stands_still_below_its_goal_is_hopeless() -> None:
    reason = goal([0.0, 5.0, *[31.5] * 8])
    assert reason is not None
    assert "between 31.5 and 31.5" in reason
    assert "the goal 100" in reason
    # 0.2 % of the 68.5 that are missing is 0.137.
    assert goal([0.0, *[31.5] * 7, 31.4]) is not None
    assert goal([0.0, *[31.5] * 7, 31.3]) is None


@pytest.mark.parametrize(
    "values",
    [
        [],
        [0.0] * 8,
        [0.0, *[31.5] * 7],
        [0.0, 5.0, *[100.0] * 8],
        [0.0, 5.0, *[120.0] * 8],
        [0.0, *[31.5] * 7, math.nan],
        [0.0, *[31.5] * 8, 33.0],
    ],
    ids=["none", "with the untrained", "too few", "at the goal", "above", "NaN", "moves again"],
)
def test_a_policy_is_not_given_up_without_evidence(values: list[float]) -> None:
    assert goal(values) is None


def test_noisy_runs_are_never_given_up() -> None:
    """Neither late learners nor runs that never learn: the rule only finds policies that stand still."""
    rng = np.random.default_rng(0)
    for _ in range(300):
        start, shape = rng.uniform(0, 0.9), rng.uniform(0.5, 1.5)
        x = np.clip((np.arange(1, 41) / 40 - start) / (1 - start), 0, 1)
        values = 105 * x**shape + rng.normal(0, 1, 40)
        assert all(goal(list(values[:n])) is None for n in range(8, 41))


def stage_file(folder: Path, **changes: str) -> str:
    text = (folder / "one.yaml").read_text()
    (folder / "long.yaml").write_text(text + "".join(f"{k}: {v}\n" for k, v in changes.items()))
    return str(folder / "long.yaml")


@pytest.mark.parametrize(
    ("changes", "mistake"),
    [
        ({"interim": "[400]"}, "interim: 400 is not below the stage's 400 steps"),
        ({"interim": "[200, 100]"}, "interim: steps must rise, each once"),
        ({"interim": "[ten]"}, "interim.0"),
        ({"early_stop": "{step: 10}"}, "early_stop.step: unknown key; did you mean steps?"),
        ({"early_stop": "{steps: 0}"}, "early_stop.steps: "),
        ({"hopeless": "{interim_no_go: 2}"}, "hopeless.interim_no_go: 2 interim gates in a row"),
        ({"hopeless": "{goal_return: .nan}"}, "NaN and infinity are not accepted"),
    ],
)
def test_mistakes_are_named(files: Path, changes: dict[str, str], mistake: str) -> None:
    with pytest.raises(ConfigError) as error:
        load_stage(stage_file(files, **changes))
    assert mistake in str(error.value)


def test_only_the_1m_stage_ends_early_and_has_interim_gates() -> None:
    for name in ("5k", "50k"):
        assert load_stage(name)[1].long == LongStage()
    million = load_stage("1m")[1].long
    assert million.early_stop == EarlyStopSettings(steps=100_000, evaluations=4, not_before=300_000)
    assert million.interim == (10_000, 50_000, 100_000, 500_000)
    assert million.hopeless == HopelessSettings()
    assert load_gate("1m").steps == 1_000_000


class Notes(SilentReporter):
    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)


EARLY_STOP = "{mode: stop, steps: 200, evaluations: 2, window: 1}"


def long_stage(opened: Opened, files: Path, act: str):
    stage = stage_file(files, interim="[200]", early_stop=EARLY_STOP)
    gate = files / "loss.yaml"
    gate.write_text(
        gate.read_text()
        + """
  - id: all_steps
    title: All steps
    type: completeness
    group: integrity
    rationale: A run that ended early is complete.
    source: this test
"""
    )
    request, directory = opened(f"train.act={act}", "train.learning_starts=0", stages=(stage,))
    return request.plan().stages[0], directory


def test_a_run_that_no_longer_improves_is_ended_and_judged_as_any(
    opened: Opened, files: Path
) -> None:
    stage, directory = long_stage(opened, files, "plateau")
    notes = Notes()
    folder = stages.train(stage, directory, notes)
    outcome = stages.judge(stage, folder, directory)
    assert outcome.verdict is Verdict.GO
    assert outcome.deciding.startswith("ended by rule at 350 of 400 steps, all other")
    (run,) = directory.record.stages["one"].runs
    assert [a.end for a in run.attempts] == ["ended early"]
    assert any(t.startswith("one: Interim gate at step 200: GO, all") for t in notes.said)
    assert any("Ended by rule at step 350 of 400" in t for t in notes.said)
    report = outcome.report.read_text()
    assert "ended by rule at 350 of 400 steps" in report
    assert (
        "| **BY RULE** | Ended by rule at 350 of 400 | 300 steps | steps without an improvement"
        in report
    )
    assert "| ≥ 200: rule of early stopping, in place of the planned steps |" in report
    assert "All steps" not in report, "the plan was not reached"
    assert "## Interim gates" in report
    assert "[200](interim-200.md)" in report
    page = (folder / "interim-200.md").read_text()
    assert page.startswith("# one at step 200 of 400: GO\n")
    reasons = [f["reason"] for f in json.loads((outcome.run / GATE_FILE).read_text())["findings"]]
    assert any("ended by rule at step 350 of 400" in reason for reason in reasons)
    # It stands, but only as long as the stage ends by the same rule.
    assert stages.reason_to_train(stage, directory) is None
    other = replace(stage, long=LongStage())
    why = stages.reason_to_train(other, directory)
    assert why == "run-001 was ended early by another rule than the stage's"


def test_without_a_plateau_the_same_stage_goes_on_to_its_end(opened: Opened, files: Path) -> None:
    stage, directory = long_stage(opened, files, "finish")
    folder = stages.train(stage, directory, Notes())
    outcome = stages.judge(stage, folder, directory)
    assert outcome.verdict is Verdict.GO
    assert not (folder / "ended-early.json").exists()
    assert "by rule" not in outcome.deciding


def test_a_plateau_is_only_said_until_somebody_lets_it_end_the_run(
    opened: Opened, files: Path
) -> None:
    stage, directory = long_stage(opened, files, "plateau")
    warns = stage.long.early_stop.model_copy(update={"mode": "warn"})
    stage = replace(stage, long=stage.long.model_copy(update={"early_stop": warns}))

    class Allowing(Notes):
        def say(self, text: str) -> None:
            super().say(text)
            if "To end it: gonogo end " in text:
                assert end_early(Path(text.split()[-1])) == 0

    notes = Allowing()
    folder = stages.train(stage, directory, notes)
    assert len([t for t in notes.said if "To end it" in t]) == 1
    assert (folder / "ended-early.json").exists()
    assert stages.judge(stage, folder, directory).verdict is Verdict.GO
    with pytest.raises(UsageError, match="is not training"):
        end_early(folder)
    with pytest.raises(UsageError, match="is no run of a pipeline"):
        end_early(folder.parent)


def test_one_command_may_let_plateaus_end_its_runs(opened: Opened, files: Path) -> None:
    stage, _ = long_stage(opened, files, "plateau")
    warns = stage.long.with_plateau_mode("warn")
    assert warns.early_stop.mode == "warn"
    assert warns.with_plateau_mode(None) is warns
    assert warns.with_plateau_mode("stop") == stage.long
    assert RunRequest.asked({"stages": ("1m",), "on_plateau": "stop"}).on_plateau == "stop"
