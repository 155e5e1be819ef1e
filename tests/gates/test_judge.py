from __future__ import annotations

import gzip
import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary

from gates.checks.gate_file import load_gate
from gates.errors import GateConfigError, InputError
from gates.events.framing import frame
from gates.findings import Outcome, Verdict
from gates.judge import judge
from gates.judgement import judge_log
from gates.result_file import from_json, to_json
from gates.series import Series
from tests.gates.synthetic_runs import FAULTS, Recipe, Run, log_of, make, series

GATE = load_gate("5k")


def write_events(run: Run, folder: Path, *, name: str = "events.out.tfevents.1.h.1.0") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    by_step: dict[tuple[str, int, int], dict[str, float]] = {}
    for tag, found in run.tags.items():
        group = "episode" if tag.startswith("train/episode_") else "update"
        for place, (step, value) in enumerate(zip(found.steps, found.values, strict=True)):
            key = (group, int(step), place if group == "episode" else 0)
            by_step.setdefault(key, {})[tag] = float(value)
    events = [Event(wall_time=1.0, file_version="brain.Event:2")]
    events += [
        Event(
            wall_time=float(step),
            step=step,
            summary=Summary(
                value=[Summary.Value(tag=t, simple_value=v) for t, v in values.items()]
            ),
        )
        for (_, step, _), values in sorted(by_step.items(), key=lambda item: item[0][1])
    ]
    path = folder / name
    path.write_bytes(b"".join(frame(event.SerializeToString()) for event in events))
    return path


def outcome(result: object, check: str) -> Outcome | None:
    return next((f.outcome for f in result.findings if f.check == check), None)  # type: ignore[attr-defined]


def test_a_directory_from_end_to_end(tmp_path: Path) -> None:
    run = make(Recipe(own=True))
    write_events(run, tmp_path / "events")
    info = run.run_info()
    assert info is not None
    (tmp_path / "run.json").write_text(
        json.dumps(
            {"format": 1, "preset": "p", "seed": 4, "planned_steps": 5000, "env": {}}
            | {"train": dict(info.train), "config_sha256": "c"}
        )
    )
    (tmp_path / "status.json").write_text(json.dumps({"phase": "finished", "step": 5000}))
    before = sorted(p for p in tmp_path.rglob("*"))
    judgement = judge(tmp_path, gate=GATE, stage="5k")
    result = judgement.result
    assert result.verdict is Verdict.GO, result.deciding
    assert (result.preset, result.seed, result.config_sha256) == ("p", 4, "c")
    assert (result.planned_steps, result.last_step) == (5000, 4997)
    assert result.gate_sha256 == GATE.sha256
    assert outcome(result, "independent_reader") is Outcome.PASS
    assert outcome(result, "files_intact") is Outcome.PASS
    (source,) = result.inputs
    (events,) = (tmp_path / "events").iterdir()
    assert source["size_bytes"] == events.stat().st_size
    assert judgement.log.series["derived/actor_q_over_replay_q"].derived_from
    assert sorted(p for p in tmp_path.rglob("*")) == before, "judging writes nothing"
    assert from_json(to_json(result)) == result


def test_the_callers_plan_goes_first(tmp_path: Path) -> None:
    write_events(make(Recipe()), tmp_path)
    short = judge(tmp_path, gate=GATE, stage="5k", cross_check=False).result
    long = judge(tmp_path, gate=GATE, stage="5k", planned_steps=9000, cross_check=False).result
    assert short.verdict is not Verdict.NO_GO
    assert long.verdict is Verdict.NO_GO
    assert long.planned_steps == 9000


def test_a_configuration_is_held_against_the_events(tmp_path: Path) -> None:
    write_events(make(Recipe()), tmp_path / "run")
    config = tmp_path / "config.yaml"
    config.write_text("train_freq: 50\ngradient_steps: 1\nlearning_starts: 1000\ngamma: 0.9\n")
    result = judge(tmp_path / "run", gate=GATE, stage="5k", config=config, cross_check=False).result
    assert result.verdict is Verdict.NO_GO
    assert [d.cause for d in result.diagnoses] == ["config_not_applied"]


def test_a_torn_tail_is_a_warning_and_lost_records_are_inconclusive(tmp_path: Path) -> None:
    path = write_events(make(Recipe()), tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    result = judge(tmp_path, gate=GATE, stage="5k").result
    assert outcome(result, "files_intact") is Outcome.WARN
    assert outcome(result, "independent_reader") is Outcome.PASS
    damaged = bytearray(whole)
    for place in range(len(whole) // 3, len(whole) // 2, 997):
        damaged[place] ^= 0xFF
    path.write_bytes(damaged)
    result = judge(tmp_path, gate=GATE, stage="5k").result
    assert outcome(result, "files_intact") is Outcome.INCONCLUSIVE
    assert result.verdict is Verdict.NO_GO


def test_a_run_of_which_a_part_is_compressed_is_not_judged(tmp_path: Path) -> None:
    whole = write_events(make(Recipe()), tmp_path)
    whole.rename(tmp_path / "events.out.tfevents.2.h.1.0")
    (tmp_path / "events.out.tfevents.1.h.1.0.gz").write_bytes(gzip.compress(b"earlier steps"))
    result = judge(tmp_path, gate=GATE, stage="5k").result
    assert result.verdict is Verdict.CONDITIONAL
    assert "events.out.tfevents.1.h.1.0.gz is compressed; unpack" in result.deciding
    assert str(tmp_path) in result.deciding_finding.reason


def test_a_reader_that_disagrees_is_no_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gates.second_reader import compare as cross_check

    write_events(make(Recipe()), tmp_path)
    disagreement = cross_check.CrossCheck(
        agrees=False,
        explained_by_damage=False,
        compared_tags=1,
        compared_points=2,
        differences=("a/b differs at step 3",),
        reader="other",
    )
    monkeypatch.setattr(cross_check, "cross_check", lambda *_: disagreement)
    result = judge(tmp_path, gate=GATE, stage="5k").result
    assert outcome(result, "independent_reader") is Outcome.INCONCLUSIVE
    assert result.verdict is Verdict.NO_GO
    assert result.deciding == "not decided, 1 difference between two readers of the files."
    assert result.deciding_finding is not None
    assert "a/b differs at step 3" in result.deciding_finding.reason


@pytest.mark.parametrize("kind", ["missing", "empty", "text"])
def test_nothing_to_judge_is_one_sentence(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "run"
    if kind != "missing":
        folder.mkdir()
    if kind == "text":
        (folder / "events.out.tfevents.1").write_text("no event file at all, only text\n" * 9)
    with pytest.raises(InputError) as caught:
        judge(folder, gate=GATE, stage="5k")
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_bad_configuration_is_an_error(tmp_path: Path) -> None:
    write_events(make(Recipe()), tmp_path)
    with pytest.raises(GateConfigError):
        judge(tmp_path, gate=GATE, stage="5k", config=tmp_path / "none.yaml")


def test_two_writers_in_one_directory_are_no_go(tmp_path: Path) -> None:
    write_events(make(Recipe(own=True)), tmp_path)
    write_events(make(Recipe(own=True, seed=9)), tmp_path, name="events.out.tfevents.2.h.1.0")
    result = judge(tmp_path, gate=GATE, stage="5k", cross_check=False).result
    assert result.verdict is Verdict.NO_GO


def test_without_actor_updates_another_trainers_run_is_a_persons_decision() -> None:
    run = make(Recipe(train_freq=50, log_every=1))
    actor = ("debug/actor_q", "gradients/actor", "policy/", "train/actor", "features/actor")
    for tag in [t for t in run.tags if t.startswith(actor)]:
        del run.tags[tag]
    result = judge_log(run.log(), run=None, directory=Path("r"), gate=GATE, stage="5k").result
    assert result.verdict is Verdict.CONDITIONAL
    assert result.deciding_finding is not None
    assert "debug/actor_q_mean" in result.deciding_finding.reason


def test_our_own_run_must_log_what_it_promises() -> None:
    run = make(Recipe(own=True))
    del run.tags["debug/actor_q_mean"]
    result = judge_log(
        run.log(), run=run.run_info(), directory=Path("r"), gate=GATE, stage="5k"
    ).result
    assert result.verdict is Verdict.NO_GO


def test_few_tags_are_no_false_alarm() -> None:
    run = make(Recipe(negative=True, fixed_length=200, reward=6.0))
    kept = ("train/actor_loss", "train/critic_loss", "train/episode_length", "train/episode_reward")
    log = log_of({tag: run.tags[tag] for tag in kept})
    result = judge_log(log, run=None, directory=Path("r"), gate=GATE, stage="5k").result
    assert result.verdict is Verdict.CONDITIONAL
    assert result.diagnoses == ()
    missing = next(f for f in result.findings if f.check == "tags_logged")
    assert "train/q1_value" in missing.reason


TAGS = [*make(Recipe(own=True)).tags, "eval/mean_reward", "strange <b>{{ 7*7 }}</b> | tag"]
wild = st.one_of(
    st.floats(width=32), st.sampled_from([math.nan, math.inf, -math.inf, 0.0, 1e38, -1e38, 1e-45])
)


@st.composite
def wild_series(draw: st.DrawFn) -> Series:
    values = draw(st.lists(wild, max_size=12))
    steps = draw(st.lists(st.integers(-(2**40), 2**40), min_size=len(values), max_size=len(values)))
    return series(draw(st.sampled_from(TAGS)), steps, values)


@settings(max_examples=60, deadline=None)
@given(st.lists(wild_series(), max_size=25), st.booleans())
def test_garbage_is_judged_and_never_a_go(found: list[Series], own: bool) -> None:
    run = make(Recipe(own=own))
    log = log_of({s.tag: s for s in found})
    try:
        result = judge_log(
            log, run=run.run_info(), directory=Path("r"), gate=load_gate("1m"), stage="1m"
        ).result
    except InputError:
        assert not any(len(s) for s in log.series.values())
        return
    assert result.verdict is not Verdict.GO
    assert from_json(to_json(result)).verdict is result.verdict


@settings(max_examples=40, deadline=None)
@given(st.lists(wild_series(), min_size=1, max_size=6), st.booleans())
def test_garbage_among_good_series_breaks_nothing(found: list[Series], own: bool) -> None:
    run = make(Recipe(own=own))
    log = log_of({**run.tags, **{s.tag: s for s in found}})
    result = judge_log(log, run=run.run_info(), directory=Path("r"), gate=GATE, stage="5k").result
    watched = ("train/", "debug/", "gradients/")
    bad = [
        s
        for s in log.series.values()
        if s.tag.startswith(watched) and not np.isfinite(s.values).all()
    ]
    if bad:
        assert result.verdict is Verdict.NO_GO


def test_many_tags_are_judged() -> None:
    run = make(Recipe())
    many = {f"x/{i}": series(f"x/{i}", [1, 2], [0.0, math.nan]) for i in range(10_000)}
    log = log_of({**run.tags, **many})
    result = judge_log(log, run=None, directory=Path("r"), gate=GATE, stage="5k").result
    assert result.verdict is not Verdict.NO_GO


@pytest.mark.parametrize("gate", ["5k", "50k", "1m"])
def test_every_finding_carries_its_numbers_or_its_reason(gate: str) -> None:
    run = make(Recipe(), FAULTS["actor_encoder_leak"])
    result = judge_log(
        run.log(), run=None, directory=Path("r"), gate=load_gate(gate), stage=gate
    ).result
    assert result.verdict is Verdict.NO_GO
    for finding in result.findings:
        assert finding.reason.endswith(".")
        assert finding.rationale
        assert finding.limit_source
        if finding.outcome in (Outcome.FAIL, Outcome.WARN):
            assert finding.value is not None
            assert finding.limit is not None
            assert finding.statistic


def test_a_run_without_actor_updates_says_why() -> None:
    run = make(Recipe(own=True))
    actor = ("debug/actor_q", "gradients/actor", "policy/", "train/actor", "probe/")
    for tag in [t for t in run.tags if t.startswith(actor)]:
        del run.tags[tag]
    info = run.run_info()
    assert info is not None
    schedule = {
        "critic_warmup_updates": 900,
        "policy_delay": 2,
        "num_envs": 1,
        "log_every_updates": 5,
    }
    info = structs.replace(info, train={**info.train, **schedule}, status_updates=800)
    result = judge_log(run.log(), run=info, directory=Path("r"), gate=GATE, stage="5k").result
    assert result.verdict is Verdict.NO_GO
    finding = next(f for f in result.findings if f.check == "actor_q_coupled")
    assert "by step 5,000: warm-up of 900 updates, 800 made" in finding.reason
