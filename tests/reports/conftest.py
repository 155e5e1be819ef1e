"""Judgements made of plain values: each test changes the part that it is about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from gates.findings import Diagnosis, Finding, Fix, GateResult, LimitOrigin, Outcome, Side, Verdict
from gates.judge import Judgement
from gates.series import Damage, EventFile, EventLog, Series
from reports.context import (
    ChangeNote,
    Command,
    ConfigChange,
    NextStage,
    PreviousRun,
    Speed,
    StageContext,
)

CONFIG: Mapping[str, object] = {
    "env": {"id": "drive", "camera_size": 84},
    "train": {
        "actor_lr": 1.0e-4,
        "critic_lr": 3.0e-4,
        "batch_size": 128,
        "learning_starts": 1000,
        "train_freq": 50,
        "gradient_steps": 1,
        "gamma": 0.99,
        "tau": 0.005,
        "policy_delay": 2,
        "target_policy_noise": 0.2,
        "target_noise_clip": 0.5,
        "exploration_noise": 0.2,
        "buffer_size": 100_000,
        "hidden_sizes": [256, 256],
        "critic_weight_decay": 0.0,
        "actor_mlp_max_grad_norm": None,
        "critic_mlp_max_grad_norm": 10.0,
    },
}


def series(tag: str, steps: object, values: object, derived_from: str = "") -> Series:
    steps_array = np.asarray(steps, dtype=np.int64)
    return Series(
        tag=tag,
        steps=steps_array,
        values=np.asarray(values, dtype=np.float64),
        wall_times=1.7e9 + steps_array / 100.0,
        derived_from=derived_from,
    )


def wave(n: int, mean: float, height: float, period: int = 7) -> np.ndarray:
    return mean + height * np.sin(np.arange(n) * 2 * np.pi / period)


def log_of(*all_series: Series, damage: tuple[Damage, ...] = ()) -> EventLog:
    return EventLog(
        series={s.tag: s for s in all_series},
        files=(
            EventFile(
                path=Path("events.out.tfevents.1795234306.host"),
                sha256="0123456789abcdef" * 4,
                size_bytes=3_355_443,
                records=8_113,
                first_wall_time=1.7e9,
                last_wall_time=1.7e9 + 50.0,
            ),
        ),
        damage=damage,
    )


@lru_cache(maxsize=2)
def training_log(*, leak: bool) -> EventLog:
    """80 updates by step 5,000, 187 episodes; with `leak` the actor's Q grows like a power."""
    steps = 1000 + 50 * np.arange(1, 81)
    updates = np.arange(1, 81)
    q1 = 5 + 0.5 * updates + wave(80, 0, 1)
    actor_q = 2.0 * updates**3.2 if leak else 1.03 * q1
    lengths = np.concatenate([wave(40, 24, 6, 5), wave(147, 27, 9, 11)]).round()
    ends = np.minimum(5000, np.cumsum(lengths)).astype(np.int64)
    returns = np.concatenate([wave(47, 393, 400, 5), wave(140, 76, 11, 6)])
    parts = {"efficiency": 0.8, "lane_keeping": 0.3, "comfort": -0.1, "safety": -1.9}
    return log_of(
        series("train/actor_loss", steps, -actor_q),
        series("train/critic_loss", steps, wave(80, 90, 40)),
        series("train/q1_value", steps, q1),
        series("debug/actor_q_mean", steps, actor_q),
        series("gradients/actor_cnn_norm", steps, wave(80, 2.0, 0.3)),
        series("gradients/actor_mlp_norm", steps, wave(80, 0 if leak else 1.9, 0)),
        series("gradients/critic_cnn_norm", steps, wave(80, 9.2, 1)),
        series("gradients/critic_mlp_norm", steps, wave(80, 2.5, 1)),
        series("policy/tanh_saturation", steps, wave(80, 0.2, 0.1)),
        series("agent/total_updates", steps, updates),
        series("agent/actor_updates", steps, updates // 2),
        series("time/steps_per_s", steps, wave(80, 110, 4)),
        series("train/episode_length", ends, lengths),
        series("train/episode_reward", ends, returns),
        *(
            series(f"reward_components/{name}", ends, wave(187, mean, 0.1))
            for name, mean in parts.items()
        ),
        series("reward_components/total", ends, wave(187, sum(parts.values()), 0.1)),
        series("eval/mean_reward", [0, 2500, 5000], [41.0, 97.5, 88.0]),
        series("eval/std_reward", [0, 2500, 5000], [12.0, 30.0, 21.0]),
        series("eval/mean_episode_length", [0, 2500, 5000], [16.2, 21.0, 19.5]),
        series("eval/time_limit_share", [0, 2500, 5000], [0.0, 0.1, 0.1]),
        series("eval/episodes", [0, 2500, 5000], [10, 10, 10]),
    )


def passed(
    check: str, title: str, value: float | None, limit: float | None, **more: object
) -> Finding:
    fields: dict[str, object] = {
        "check": check,
        "title": title,
        "outcome": Outcome.PASS,
        "required": True,
        "reason": f"{value} within {limit}.",
        "value": value,
        "limit": limit,
        "direction": "max",
        "statistic": "mean of the last 20 %",
        "first_step": 4200,
        "last_step": 5000,
        "points": 16,
        "limit_source": "typed in",
        "rationale": "Known to matter.",
    }
    return Finding(**{**fields, **more})  # type: ignore[arg-type]


HEALTHY_FINDINGS: tuple[Finding, ...] = (
    passed(
        "actor_q_mean_bound",
        "Mean actor Q within its bound",
        44.9,
        15_670.0,
        warn_limit=7_835.0,
        tag="debug/actor_q_mean",
        on_axis=True,
        group="actor_q",
        sides=(Side(direction="max", warn=7_835.0, fail=15_670.0),),
        limit_source="sum of a geometric series",
        limit_origin=LimitOrigin(
            factor=1.5,
            bound=10_446.7,
            formula="max|r| / (1 - gamma)",
            numbers="104.467 / (1 - 0.99)",
            inputs=("max|r|: largest |reward| in a logged batch", "gamma: of the configuration"),
        ),
    ),
    passed("actor_gradient_path", "Encoder gradient came through the policy", 1.05, 18.0, unit="1"),
    passed(
        "episode_length",
        "Episode length against exploration",
        1.12,
        0.25,
        direction="min",
        required=False,
        tag="train/episode_length",
    ),
    passed(
        "independent_reader",
        "A second reader agrees",
        0.0,
        0.0,
        reason="tbparse read the same 8,113 scalars.",
        group="integrity",
    ),
)

LEAK_FINDINGS: tuple[Finding, ...] = (
    passed(
        "actor_q_mean_bound",
        "Mean actor Q within its bound",
        2.13e6,
        15_670.0,
        outcome=Outcome.FAIL,
        warn_limit=7_835.0,
        tag="debug/actor_q_mean",
        on_axis=True,
        breach_step=1850,
        sides=(Side(direction="max", warn=7_835.0, fail=15_670.0),),
        limit_source="sum of a geometric series",
        limit_origin=LimitOrigin(
            factor=1.5,
            bound=10_446.7,
            formula="max|r| / (1 - gamma)",
            numbers="104.467 / (1 - 0.99)",
            inputs=("max|r|: largest |reward| in a logged batch", "gamma: of the configuration"),
        ),
        reason="2.13e+06 (mean of the last 20 %) is above 15,670, first at step 1,850.",
        fact="mean actor Q is 2.13e+06, 204 times its bound, above 15,670 since step 1,850",
        rationale="No policy can earn more than the largest reward at every step for ever.",
    ),
    passed(
        "actor_gradient_path",
        "Encoder gradient came through the policy",
        float("inf"),
        18.0,
        outcome=Outcome.FAIL,
        tag="gradients/actor_cnn_norm",
        reason="The ratio is inf (median), limit 18: `gradients/actor_mlp_norm` is 0.",
    ),
    passed(
        "policy_saturation",
        "Actions not all at their limits",
        0.93,
        0.99,
        outcome=Outcome.WARN,
        required=False,
        unit="share",
        reason="0.93 is above 0.9.",
    ),
    passed(
        "target_q_bound",
        "TD target within its bound",
        None,
        None,
        outcome=Outcome.INCONCLUSIVE,
        required=False,
        points=0,
        first_step=None,
        last_step=None,
        reason="`debug/target_q_max` was not logged.",
    ),
    HEALTHY_FINDINGS[3],
)

LEAK_DIAGNOSIS = Diagnosis(
    cause="actor_encoder_leak",
    title="The critic is fed the actor's features",
    evidence=(
        "`debug/actor_q_mean` is 47,000 times `train/q1_value` at step 5,000.",
        "The actor's encoder has a gradient of 2.0 while its MLP has 0.",
    ),
    refuted_by="`probe/actor_encoder_leak` at 0.",
    does_not_explain=("Episode lengths of 18 to 36 steps.",),
    fix=Fix(text="Evaluate Q on the critic's own, detached features."),
)

SATURATION_DIAGNOSIS = Diagnosis(
    cause="dead_actor",
    title="The policy's output is saturated",
    evidence=("`policy/tanh_saturation` is 0.93 over the last 20 updates.",),
    refuted_by="A saturation below 0.9.",
    fix=Fix(
        text="Penalise large pre-tanh outputs.",
        config={"train.preact_penalty": 0.02, "train.actor_lr": 1.0e-5},
    ),
)


def result_of(
    verdict: Verdict,
    findings: tuple[Finding, ...],
    deciding: str,
    **more: object,
) -> GateResult:
    fields: dict[str, object] = {
        "verdict": verdict,
        "stage": "5k",
        "run": "runs/drive-seed0/5k/run-002",
        "deciding": deciding,
        "findings": findings,
        "diagnoses": (),
        "gate_warnings": (),
        "inputs": (
            {
                "path": "events/events.out.tfevents.1795234306.host",
                "sha256": "0123456789abcdef" * 4,
                "size_bytes": 3_355_443,
            },
        ),
        "gate_sha256": "fedcba9876543210" * 4,
        "versions": {"gonogo": "0.1.0", "numpy": "2.4.6", "python": "3.11.9"},
        "planned_steps": 5000,
        "last_step": 5000,
        "dialect": "gonogo",
        "preset": "drive",
        "seed": 0,
        "config_sha256": "aaaabbbbccccdddd" * 4,
        "not_decided": ("Whether the policy learns the task; 5,000 steps hold 80 updates.",),
    }
    return GateResult(**{**fields, **more})  # type: ignore[arg-type]


def context_of(**more: object) -> StageContext:
    fields: dict[str, object] = {
        "title": "drive, seed 0, 5k, run-002",
        "generated_at": "2026-11-21T09:30:00Z",
        "preset": "drive",
        "seed": 0,
        "config": CONFIG,
        "speed": Speed(steps_per_s=127.3, training_s=39.3),
        "next_stage": NextStage(name="50k", steps=50_000),
        "rerun_command": "gonogo stage 5k --out runs/drive-seed0",
        "git_revision": "0123abcd4567",
    }
    return StageContext(**{**fields, **more})  # type: ignore[arg-type]


def healthy() -> tuple[Judgement, StageContext]:
    result = result_of(Verdict.GO, HEALTHY_FINDINGS, "all 3 required checks passed.")
    context = context_of(
        next_commands=(
            Command(
                text="gonogo stage 50k --out runs/drive-seed0",
                purpose="train and judge the next stage",
            ),
        )
    )
    return Judgement(result=result, log=training_log(leak=False), run_info=None), context


def leaking() -> tuple[Judgement, StageContext]:
    result = result_of(
        Verdict.NO_GO,
        LEAK_FINDINGS,
        f"{LEAK_FINDINGS[0].fact}.",
        deciding_check="actor_q_mean_bound",
        diagnoses=(LEAK_DIAGNOSIS, SATURATION_DIAGNOSIS),
        gate_warnings=(
            "`gradients/actor_cnn_norm` is clipped at 2.0: a limit of 10,000 cannot fail.",
        ),
    )
    earlier = result_of(
        Verdict.NO_GO, LEAK_FINDINGS[2:], "It saturated.", diagnoses=(SATURATION_DIAGNOSIS,)
    )
    context = context_of(
        next_commands=(
            Command(text="gonogo stage 5k --out runs/drive-seed0", purpose="run this stage again"),
        ),
        previous=(
            PreviousRun(
                name="run-000", result=result_of(Verdict.GO, HEALTHY_FINDINGS, "all passed.")
            ),
            PreviousRun(name="run-001", result=earlier),
        ),
        config_changes=(ConfigChange(key="train.actor_lr", before=1.0e-3, after=1.0e-4),),
        previous_git_revision="0123abcd0000",
        change_note=ChangeNote(
            change="lower actor rate", expectation="saturation below 0.5 at step 5,000"
        ),
    )
    return Judgement(result=result, log=training_log(leak=True), run_info=None), context


Case = Callable[[], tuple[Judgement, StageContext]]


@pytest.fixture
def healthy_case() -> tuple[Judgement, StageContext]:
    return healthy()


@pytest.fixture
def leak_case() -> tuple[Judgement, StageContext]:
    return leaking()


@pytest.fixture(scope="session")
def build() -> object:
    """The builders of this module, for tests that make their own values."""

    class Builders:
        series = staticmethod(series)
        log = staticmethod(log_of)
        finding = staticmethod(passed)
        result = staticmethod(result_of)
        context = staticmethod(context_of)
        training_log = staticmethod(training_log)
        wave = staticmethod(wave)

    return Builders
