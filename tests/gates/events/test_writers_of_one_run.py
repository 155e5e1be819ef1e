"""Folders that one run's writers made beside each other are one run; two runs beside each other are two."""

from __future__ import annotations

from pathlib import Path

import pytest
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary

from gates.errors import InputError
from gates.events.framing import frame
from gates.events.reader import read_events
from gates.events.tail import EventTail
from gates.second_reader import compare
from gates.second_reader.compare import cross_check
from gates.series import EventLog

AT = 1_760_000_000.0
STEPS = range(100, 5100, 100)


def write(
    folder: Path, *tags: str, steps: range = STEPS, at: float = AT, void_from: int | None = None
) -> None:
    """Write one event file; a second per row."""
    folder.mkdir(parents=True, exist_ok=True)
    start = SessionLog(status=SessionLog.START)
    events = [Event(wall_time=at, file_version="brain.Event:2")]
    if void_from is not None:
        events.append(Event(wall_time=at, step=void_from, session_log=start))
    for number, step in enumerate(steps, 1):
        values = [Summary.Value(tag=tag, simple_value=len(folder.name) + step) for tag in tags]
        events.append(Event(wall_time=at + number, step=step, summary=Summary(value=values)))
    content = b"".join(frame(event.SerializeToString()) for event in events)
    (folder / f"events.out.tfevents.{int(at)}.host.1.0").write_bytes(content)


def check(directory: Path) -> EventLog:
    log = read_events(directory)
    compared = cross_check(log, directory)
    assert compared.agrees, compared.differences
    return log


LOSSES, RETURNS = ("train/actor_loss", "train/critic_loss"), ("eval/mean_reward", "eval/length")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("train", "eval"),
        ("events/train", "logs/eval"),
        ("train", "test"),
        ("rollout", "eval"),
        ("TD3_1", "eval"),
        ("td3_train_1", "td3_eval_1"),
        ("seed_3/train", "seed_3/evaluation"),
        ("learner", "actor"),
    ],
)
def test_two_writers_of_one_run(tmp_path: Path, one: str, other: str) -> None:
    write(tmp_path / one, *LOSSES)
    write(tmp_path / other, *RETURNS, steps=range(500, 5100, 500))
    log = check(tmp_path)
    assert set(log.series) == {*LOSSES, *RETURNS}
    assert log.series["eval/length"].steps.tolist() == list(range(500, 5100, 500))
    assert log.ignored == {}


@pytest.mark.parametrize("beside", [True, False])
def test_tags_that_both_writers_log_are_told_apart(tmp_path: Path, beside: bool) -> None:
    write(tmp_path / "train" if beside else tmp_path, "Losses/critic", "Metrics/Return")
    write(tmp_path / "eval", "Metrics/Return", steps=range(1000, 5100, 1000))
    log = check(tmp_path)
    assert set(log.series) == {"Losses/critic", "Metrics/Return", "eval/Metrics/Return"}
    assert len(log.series["Metrics/Return"]) == len(STEPS)


def test_what_writers_log_again_after_a_resume_is_void_for_each(tmp_path: Path) -> None:
    for folder, tags in ((tmp_path / "train", LOSSES), (tmp_path / "eval", RETURNS)):
        write(folder, *tags, steps=range(100, 3100, 100))
        write(folder, *tags, steps=range(2100, 5100, 100), at=AT + 500, void_from=2100)
    log = check(tmp_path)
    assert all(series.steps.tolist() == list(STEPS) for series in log.series.values())


def test_stretches_of_a_long_log_know_the_writers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "seed1" / "train", *LOSSES, steps=range(3000))
    write(tmp_path / "seed1" / "eval", *LOSSES[:1], steps=range(0, 3000, 10))
    monkeypatch.setattr(compare, "WHOLE_POINTS", 1000)
    monkeypatch.setattr(compare, "_SAMPLED_POINTS", 500)
    assert f"eval/{LOSSES[0]}" in check(tmp_path).series


def test_folders_of_add_scalars_without_the_one_around_them(tmp_path: Path) -> None:
    for kind in ("actor", "critic"):
        write(tmp_path / f"loss_{kind}", "loss")
    assert set(check(tmp_path).series) == {"loss/actor", "loss/critic"}


def test_the_folder_of_add_hparams_is_no_run(tmp_path: Path) -> None:
    write(tmp_path / "TD3_1", *LOSSES)
    write(tmp_path / "1760000000.123456", "hparam/return", steps=range(1))
    log = check(tmp_path)
    assert set(log.series) == set(LOSSES)
    assert list(log.ignored) == ["1760000000.123456/"]


@pytest.mark.parametrize(
    ("one", "other", "tags", "at"),
    [
        ("seed_0", "seed_1", LOSSES, AT),  # two seeds
        ("train_1", "train_2", LOSSES, AT),
        ("seed_0", "seed_1", RETURNS, AT),  # names say nothing
        ("seed_0/train", "seed_1/eval", RETURNS, AT),
        ("1760000000", "1760000300", LOSSES, AT),  # runs that are named by the time
        ("TD3_1", "test", LOSSES, AT),  # a second training, to test something
        ("train", "eval", RETURNS, AT - 90_000),  # what another run left
    ],
)
def test_two_runs_stay_two(
    tmp_path: Path, one: str, other: str, tags: tuple[str, ...], at: float
) -> None:
    write(tmp_path / one, *LOSSES)
    write(tmp_path / other, *tags, at=at)
    with pytest.raises(InputError, match="2 runs"):
        read_events(tmp_path)


def test_two_seeds_with_two_writers_each_are_two_runs(tmp_path: Path) -> None:
    for seed in ("seed_0", "seed_1"):
        write(tmp_path / seed / "train", *LOSSES)
        write(tmp_path / seed / "eval", *RETURNS)
    with pytest.raises(InputError, match="4 runs"):
        read_events(tmp_path)
    assert set(check(tmp_path / "seed_0").series) == {*LOSSES, *RETURNS}


def test_a_growing_run_is_followed_by_its_training(tmp_path: Path) -> None:
    tail = EventTail(tmp_path)
    write(tmp_path / "eval", *RETURNS, steps=range(100, 200, 100))
    assert set(tail.poll().series) == set(RETURNS)
    write(tmp_path / "train", *LOSSES)
    log = tail.poll()
    assert log.restarted
    assert set(log.series) == set(LOSSES)
