from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from msgspec import structs

from gates.audit.run import audit
from gates.facts.run_facts import RunFacts
from gates.findings import Finding, Outcome
from gates.runs.run_info import RunInfo
from gates.series import EventFile
from tests.gates.synthetic_runs import FAULTS, Recipe, Run, log_of, make, series


def audited(run: Run, **changes: object) -> dict[str, Finding]:
    info = run.run_info()
    if changes and info is None:
        info = RunInfo(source="c.yaml", train=changes)
    elif changes and info is not None:
        info = structs.replace(info, train={**info.train, **changes})
    return findings(RunFacts(log=run.log(), run=info, stage="5k", planned_steps=5000))


def findings(facts: RunFacts) -> dict[str, Finding]:
    return {finding.check: finding for finding in audit(facts)}


def test_a_run_that_used_its_configuration() -> None:
    found = audited(make(Recipe(own=True)))
    assert {f.outcome for f in found.values()} == {Outcome.PASS}
    reason = found["config_applied"].reason
    assert all(key in reason for key in ("updates", "learning_starts", "gamma", "actor_lr"))


def test_without_a_configuration_nothing_is_compared() -> None:
    found = audited(make(Recipe()))
    assert "config_applied" not in found
    assert "run_finished" not in found


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("train_freq", 50, "train_freq is 5 in the events"),
        ("gradient_steps", 10, "updates is 796 in the events"),
        ("learning_starts", 3000, "learning_starts is 1,005 in the events"),
        ("gamma", 0.9, "gamma is 0.99 in the events"),
        ("actor_lr", 3e-4, "actor_lr is 1e-04 in the events"),
        ("reward_scale", 0.1, "reward_scale is 1 in the events"),
    ],
)
def test_a_value_that_was_not_applied(key: str, value: float, words: str) -> None:
    finding = audited(make(Recipe(own=True)), **{key: value})["config_applied"]
    assert finding.outcome is Outcome.FAIL
    assert finding.required
    assert words in finding.reason
    assert "configured is" in finding.reason


@pytest.mark.parametrize(
    ("delay", "outcome"), [(1, Outcome.FAIL), (2, Outcome.PASS), (4, Outcome.FAIL)]
)
def test_the_actor_is_updated_as_rarely_as_configured(delay: int, outcome: Outcome) -> None:
    run = make(Recipe(own=True))
    warmup = 100
    run.set("agent/actor_updates", np.maximum(0, (run.updates - warmup) // 2))
    finding = audited(run, policy_delay=delay)["config_applied"]
    assert finding.outcome is outcome
    assert "policy_delay" in finding.reason


@pytest.mark.parametrize(
    ("rows", "of_ours", "of_another"),
    [
        (256, Outcome.PASS, Outcome.PASS),
        (32, Outcome.FAIL, Outcome.FAIL),
        (300, Outcome.FAIL, Outcome.FAIL),
        (512, Outcome.FAIL, Outcome.PASS),
    ],
)
def test_batches_are_as_large_as_configured(
    rows: int, of_ours: Outcome, of_another: Outcome
) -> None:
    for own, outcome in ((True, of_ours), (False, of_another)):
        run = make(Recipe(own=own))
        run.set("agent/batch_size", float(rows))
        finding = audited(run, batch_size=256)["config_applied"]
        assert finding.outcome is outcome
        assert "batch_size" in finding.reason


def test_small_batches_of_another_trainer_may_come_before_full_ones() -> None:
    run = make(Recipe())
    run.set("agent/batch_size", np.minimum(256.0, 32.0 * run.updates))
    assert audited(run, batch_size=256)["config_applied"].outcome is Outcome.PASS


def test_claims_about_another_trainers_run_are_held_against_its_events() -> None:
    run = make(Recipe())
    finding = audited(run, train_freq=50, gradient_steps=1, learning_starts=200)["config_applied"]
    assert finding.outcome is Outcome.FAIL
    assert "last row without an update" in finding.reason
    assert audited(run, train_freq=5, learning_starts=1000)["config_applied"].outcome is (
        Outcome.PASS
    )


def test_more_logged_updates_than_claimed_ones_are_a_contradiction() -> None:
    finding = audited(make(Recipe()), updates=80)["config_applied"]
    assert finding.outcome is Outcome.FAIL
    assert "logged updates, at least" in finding.reason


@pytest.mark.parametrize(
    ("configured", "rows", "first_with_update", "outcome"),
    [
        (1000, [1245, 1700, 2200], 1245, Outcome.PASS),
        (100, [5011, 9800, 14_000], 5011, Outcome.PASS),
        (1000, [400, 800, 1245, 1700], 1245, Outcome.PASS),
        (100, [400, 800, 1200, 1600, 2000], 1600, Outcome.FAIL),
        (1000, [400, 800, 1200], 800, Outcome.FAIL),
    ],
)
def test_rows_that_sum_up_bound_the_first_update_from_above(
    configured: int, rows: list[int], first_with_update: int, outcome: Outcome
) -> None:
    loss = [step for step in rows if step >= first_with_update]
    length = structs.replace(
        series("train/episode_length", rows, 100.0), aggregated="mean of 4 episodes"
    )
    tags = {
        "train/critic_loss": series("train/critic_loss", loss, 1.0),
        "train/episode_length": length,
    }
    info = RunInfo(source="c.yaml", train={"learning_starts": configured})
    facts = RunFacts(log=log_of(tags), run=info, stage="5k", planned_steps=5000)
    finding = findings(facts)["config_applied"]
    assert finding.outcome is outcome, finding.reason


def test_the_discount_of_n_step_returns_is_no_contradiction() -> None:
    run = make(Recipe())
    run.set("debug/effective_discount", 0.99**3 * (1.0 - run.get("debug/done_ratio")))
    finding = audited(run, gamma=0.99, learning_starts=1000)["config_applied"]
    assert finding.outcome is Outcome.PASS, finding.reason
    run.set("debug/effective_discount", 0.97 * (1.0 - run.get("debug/done_ratio")))
    finding = audited(run, gamma=0.99, learning_starts=1000)["config_applied"]
    assert finding.outcome is Outcome.FAIL
    # Returns of fewer steps stand where episodes end, so that the mean lies between gamma^n and gamma.
    for n, outcome in ((5, Outcome.PASS), (3, Outcome.FAIL)):
        finding = audited(run, gamma=0.99, learning_starts=1000, n_steps=n)["config_applied"]
        assert finding.outcome is outcome, finding.reason
    # A watched loop says the discount of each transition, and so the steps of a return.
    run.set("replay/n_steps", 4.0)
    finding = audited(run, gamma=0.99, learning_starts=1000)["config_applied"]
    assert finding.outcome is Outcome.PASS, finding.reason


@pytest.mark.parametrize(
    ("limit", "share", "outcome"),
    [
        (None, 0.0, Outcome.PASS),
        (None, 0.5, Outcome.FAIL),
        (1e-4, 0.5, Outcome.PASS),
        (1e-4, 0.0, Outcome.FAIL),
        (1e4, 0.0, Outcome.PASS),
    ],
)
def test_clipping(limit: float | None, share: float, outcome: Outcome) -> None:
    run = make(Recipe(own=True))
    run.set("gradients/actor_mlp_clipped_share", share)
    finding = audited(run, actor_mlp_max_grad_norm=limit)["config_applied"]
    assert finding.outcome is outcome, finding.reason


@pytest.mark.parametrize(
    ("phase", "outcome"),
    [
        ("finished", Outcome.PASS),
        ("stopped", Outcome.FAIL),
        ("failed", Outcome.FAIL),
        ("diverged", Outcome.FAIL),
        ("training", Outcome.INCONCLUSIVE),
    ],
)
def test_how_the_run_ended(phase: str, outcome: Outcome) -> None:
    info = RunInfo(source="run.json", phase=phase, status_step=10)
    facts = RunFacts(log=log_of({}), run=info, stage="5k", planned_steps=10)
    finding = findings(facts)["run_finished"]
    assert finding.outcome is outcome
    assert finding.required


def test_falling_steps_are_two_runs() -> None:
    q1 = series("train/q1_value", [10, 20, 30, 15, 25, 35], np.ones(6))
    lengths = series("train/episode_length", [10, 9, 8], np.ones(3))
    facts = RunFacts(
        log=log_of({q1.tag: q1, lengths.tag: lengths}), run=None, stage="5k", planned_steps=10
    )
    finding = findings(facts)["steps_rise"]
    assert finding.outcome is Outcome.INCONCLUSIVE
    assert finding.required
    assert "from 30 to 15" in finding.reason
    equal = structs.replace(q1, steps=np.array([10, 10, 20, 20, 30, 30]))
    facts = RunFacts(log=log_of({q1.tag: equal}), run=None, stage="5k", planned_steps=10)
    assert findings(facts)["steps_rise"].outcome is Outcome.PASS


def several_files(count: int) -> tuple[EventFile, ...]:
    return tuple(
        EventFile(
            path=Path(f"{i}"),
            sha256="",
            size_bytes=1,
            records=1,
            first_wall_time=None,
            last_wall_time=None,
        )
        for i in range(count)
    )


@pytest.mark.parametrize(
    ("files", "falling", "outcome"),
    [(2, ("a", "b"), Outcome.INCONCLUSIVE), (2, ("a",), None), (1, ("a", "b"), None)],
)
def test_several_runs_in_a_folder_are_noticed_whatever_the_trainer(
    files: int, falling: tuple[str, ...], outcome: Outcome | None
) -> None:
    tags = {t: series(t, [5, 9, 3, 8] if t in falling else [1, 2, 3, 4], np.ones(4)) for t in "abc"}
    log = structs.replace(log_of(tags), files=several_files(files))
    found = findings(RunFacts(log=log, run=None, stage="5k", planned_steps=10)).get("steps_rise")
    assert (found.outcome if found else None) is outcome


def test_a_pinned_norm_beside_an_exploding_loss_was_measured_after_clipping() -> None:
    run = make(Recipe(layer_norm=False), FAULTS["actor_encoder_leak"])
    assert audited(run)["gradient_norm_before_clip"].outcome is Outcome.PASS
    run.set("gradients/actor_cnn_norm", 2.0 + run.noise(0.02))
    finding = audited(run)["gradient_norm_before_clip"]
    assert finding.outcome is Outcome.WARN
    assert not finding.required
    assert "decades" in finding.reason
    calm = make(Recipe())
    calm.set("gradients/actor_cnn_norm", 2.0 + calm.noise(0.02))
    calm.set("train/actor_loss", -10.0 + calm.noise(1.0))
    assert audited(calm)["gradient_norm_before_clip"].outcome is Outcome.PASS
