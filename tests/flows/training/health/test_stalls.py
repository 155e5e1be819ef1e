"""Stalls, restarts and ends of attempts, judged by what was seen and by a clock of our own."""

from __future__ import annotations

import signal
from dataclasses import replace
from pathlib import Path

import pytest

from flows.records.json_file import write_json
from flows.records.trainer_files import STATUS_NAME, TrainerStatus
from flows.settings.supervision import RestartSettings, StallSettings, Supervision
from flows.training.health.stalls import OUR_GAP_S, StallWatch
from flows.training.process.attempt_ends import End, classify
from flows.training.process.restarts import Progress, RestartPolicy
from flows.training.trainers.launch import OwnTrainer

LIMITS = StallSettings(
    starting_s=10,
    training_s=20,
    evaluating_s=60,
    silent_evaluation_s=15,
    checkpointing_s=40,
    ending_s=5,
)
BEAT = TrainerStatus(
    phase="training",
    step=100,
    planned_steps=1000,
    steps_per_s=None,
    message="",
    pid=7,
    updates=10,
    updated_at="2026-01-01T00:00:00",
)


def first_stall(watch: StallWatch, beats: dict[int, TrainerStatus | None], until: int):
    """Observe once a second; returns when the run was first said to hang, and the stall."""
    status = None
    for second in range(until + 1):
        status = beats.get(second, status)
        stall = watch.observe(status, float(second))
        if stall is not None:
            return second, stall
    return None


def watch() -> StallWatch:
    return StallWatch(LIMITS, now=0.0)


@pytest.mark.parametrize(
    ("phase", "limit"),
    [
        ("starting", 10),
        ("exploring", 20),
        ("training", 20),
        ("evaluating", 15),
        ("checkpointing", 40),
        ("finished", 5),
        ("a phase of tomorrow", 20),
    ],
)
def test_each_phase_has_its_own_limit(phase: str, limit: int) -> None:
    found = first_stall(watch(), {0: replace(BEAT, phase=phase)}, 100)
    assert found is not None
    second, stall = found
    assert second == limit + 1
    assert (stall.phase, stall.alive, stall.limit_s) == (phase, False, limit)


def test_no_heartbeat_at_all_is_a_stall_of_the_start() -> None:
    found = first_stall(watch(), {}, 100)
    assert found is not None
    assert found[0] == 11
    assert found[1].phase == "starting"


def test_the_heartbeat_of_an_earlier_attempt_is_no_sign_of_life(tmp_path: Path) -> None:
    trainer = OwnTrainer(tmp_path, lambda _: [], {})
    write_json(tmp_path / STATUS_NAME, {"phase": "training", "step": 100, "updates": 10})
    assert trainer.status() is not None
    trainer.begin(2, resume=True)
    assert trainer.status() is None
    write_json(tmp_path / STATUS_NAME, {"phase": "starting", "step": 100, "updates": 10})
    status = trainer.status()
    assert status is not None
    assert status.phase == "starting"


def test_a_heartbeat_without_progress_is_a_stall_too() -> None:
    beats = {s: replace(BEAT, updated_at=f"00:00:{s:02d}") for s in range(60)}
    found = first_stall(watch(), beats, 59)
    assert found is not None
    assert (found[0], found[1].alive) == (21, True)
    assert "its heartbeat goes on but nothing else does" in found[1].text


@pytest.mark.parametrize("change", ["step", "updates", "phase"])
def test_progress_of_any_kind_is_no_stall(change: str) -> None:
    def beat(second: int) -> TrainerStatus:
        values = {"step": 100 + second, "updates": second}
        phase = ("training", "exploring")[second % 2]
        return replace(
            BEAT, **({"phase": phase} if change == "phase" else {change: values[change]})
        )

    assert first_stall(watch(), {s: beat(s) for s in range(0, 300, 19)}, 300) is None


def test_at_the_end_of_its_plan_a_trainer_has_little_time_to_end() -> None:
    at_once = {0: replace(BEAT, step=999), 1: replace(BEAT, step=1000)}
    found = first_stall(watch(), at_once, 100)
    assert found is not None
    assert found[0] == 1 + LIMITS.ending_s + 1
    assert found[1].key == "supervision.stalls.ending_s"


def test_a_trainer_that_was_slow_before_has_longer_to_end() -> None:
    slow = {0: replace(BEAT, step=997), 3: replace(BEAT, step=998), 6: replace(BEAT, step=1000)}
    found = first_stall(watch(), slow, 100)
    assert found is not None
    assert found[0] == 6 + 5 * 3 + 1


def test_an_evaluation_may_last_while_its_heartbeat_goes_on() -> None:
    beats = {s: replace(BEAT, phase="evaluating", updated_at=str(s)) for s in range(200)}
    found = first_stall(watch(), beats, 199)
    assert found is not None
    assert found[0] == 61


def test_clocks_of_the_trainer_may_jump() -> None:
    times = ["2026-01-01", "2020-01-01", "2040-01-01"]
    beats = {s: replace(BEAT, step=s, updated_at=times[s % 3]) for s in range(100)}
    assert first_stall(watch(), beats, 99) is None


def test_a_machine_that_slept_is_no_stall() -> None:
    observer = watch()
    assert observer.observe(BEAT, 1.0) is None
    assert observer.observe(BEAT, 1.0 + OUR_GAP_S + 5000) is None
    assert observer.observe(BEAT, 1.0 + OUR_GAP_S + 5010) is None


@pytest.mark.parametrize(
    ("code", "said", "oom_kills", "end"),
    [
        (0, "", 0, End.FINISHED),
        (3, "the policy returned a non-finite action", 0, End.DIVERGED),
        (2, "train.typo: unknown key", 0, End.BAD_CONFIG),
        (75, "no answer", 0, End.SIMULATOR_LOST),
        (143, "", 0, End.KILLED),
        (-signal.SIGTERM, "", 0, End.KILLED),
        (-signal.SIGKILL, "", 0, End.KILLED),
        (-signal.SIGKILL, "", 1, End.OUT_OF_MEMORY),
        (-signal.SIGSEGV, "", 1, End.KILLED),
        (-64, "", 0, End.KILLED),
        (1, "MemoryError: cannot allocate", 0, End.OUT_OF_MEMORY),
        (1, "torch.OutOfMemoryError: CUDA out of memory.", 0, End.OUT_OF_MEMORY),
        (1, "x.ckpt: No space left on device", 0, End.DISK_FULL),
        (1, "ValueError: it broke", 3, End.BROKEN),
        (17, "", 0, End.BROKEN),
    ],
)
def test_ends_are_told_apart(code: int, said: str, oom_kills: int, end: End) -> None:
    ending = classify(code, step=1234, said=said, oom_kills=oom_kills)
    assert ending.end is end
    assert said.rstrip(".") in ending.why or code < 0
    if end is not End.BAD_CONFIG:
        assert "step 1,234" in ending.why
        assert "before its first step" in classify(code, step=None, said=said).why


def at(step: int, checkpoint: int | None = None) -> Progress:
    return Progress(step=step, checkpoint=checkpoint)


def test_only_progress_earns_another_attempt() -> None:
    policy = RestartPolicy(RestartSettings(attempts=10, backoff_s=1))
    assert policy.after(End.KILLED, at(0)).refused == ""
    assert policy.after(End.KILLED, at(300)).refused == ""
    assert "no further" in policy.after(End.KILLED, at(300)).refused
    policy = RestartPolicy(RestartSettings(attempts=10))
    assert policy.after(End.HUNG, at(300, 100)).refused == ""
    assert policy.after(End.HUNG, at(200, 200)).refused == ""
    assert "no further" in policy.after(End.HUNG, at(250, 200)).refused


def test_the_wait_doubles_until_a_newer_checkpoint_stands() -> None:
    policy = RestartPolicy(RestartSettings(attempts=20, backoff_s=5, backoff_most_s=30))
    waits = [policy.after(End.SIMULATOR_LOST, at(step)).wait_s for step in (1, 2, 3, 4, 5)]
    assert waits == [5, 10, 20, 30, 30]
    assert policy.after(End.SIMULATOR_LOST, at(6, 6)).wait_s == 5


def test_attempts_are_bounded() -> None:
    policy = RestartPolicy(RestartSettings(attempts=3, backoff_s=0))
    refused = [policy.after(End.KILLED, at(step, step)).refused for step in (1, 2, 3)]
    assert refused[:2] == ["", ""]
    assert refused[2] == "all 3 attempts are used up"
    assert RestartPolicy(RestartSettings(attempts=1)).after(End.KILLED, at(9)).refused


@pytest.mark.parametrize("end", [End.BROKEN, End.BAD_CONFIG, End.DISK_FULL])
def test_what_would_happen_again_is_not_restarted(end: End) -> None:
    assert RestartPolicy(RestartSettings()).after(end, at(300, 200)).refused


def test_the_command_line_s_mode_replaces_only_the_mode() -> None:
    settings = Supervision.model_validate({"live": {"every_s": 9.0}})
    assert settings.with_live(None) is settings
    assert settings.with_live("off").live.mode == "off"
    assert settings.with_live("off").live.every_s == 9.0
