"""Evidence that needs no training: synthetic runs, and the stored ones where `../shared/runs` is there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from msgspec import structs

from gates.checks.gate_file import load_gate
from gates.findings import GateResult
from gates.judge import judge
from gates.judgement import judge_log
from gates.series import EventLog
from gates.tags import DRIVING_MEASURES
from tests.evidence import Judged, update
from tests.gates import test_other_algorithms as others
from tests.gates.synthetic_runs import (
    FAULTS,
    Recipe,
    Run,
    enlarged_targets,
    make,
    policy_collapse,
    rewards_mixed_up,
    series,
)

SHARED = Path(__file__).resolve().parents[1].parent / "shared" / "runs"


def _without_learning(run: Run) -> None:
    """Evaluations fall below those of the untrained policy and stay there."""
    _evaluations(run, [100.0, *[40.0] * 10])


def _learned_and_lost(run: Run) -> None:
    """Evaluations rise, then fall back."""
    _evaluations(run, [10.0, *[100.0] * 5, *[12.0] * 5])


def _stands_still(run: Run) -> None:
    """Evaluations repeat to the last bit, below those of the untrained policy, while the actor is updated."""
    _evaluations(run, [12.34567, *[10.98765] * 10])
    run.tags["eval/mean_reward"] = series(
        "eval/mean_reward", run.tags["eval/std_reward"].steps, [12.34567, *[10.98765] * 10]
    )
    run.tags["eval/mean_episode_length"] = series(
        "eval/mean_episode_length", run.tags["eval/std_reward"].steps, [20.3, *[17.9] * 10]
    )
    run.set("agent/actor_updates", run.updates)


def _evaluations(run: Run, means: list[float]) -> None:
    steps = np.linspace(0, run.recipe.steps, len(means)).astype(np.int64)
    noise = run.rng.normal(0.0, 1.0, len(means))
    run.tags["eval/mean_reward"] = series("eval/mean_reward", steps, np.array(means) + noise)
    run.tags["eval/std_reward"] = series("eval/std_reward", steps, 5.0)
    run.tags["eval/episodes"] = series("eval/episodes", steps, 10.0)


def _not_finite(run: Run) -> None:
    """One NaN in a loss."""
    values = run.get("train/critic_loss").copy()
    values[len(values) // 2] = np.nan
    run.set("train/critic_loss", values)


def _losses_kept(run: Run) -> None:
    """The losses of one early update are logged for ever."""
    for tag in ("train/critic_loss", "train/actor_loss"):
        run.set(tag, np.where(np.arange(len(run.steps)) < 9, run.get(tag), run.get(tag)[9]))


def _not_logged(run: Run) -> None:
    """Nothing of the critic is logged."""
    del run.tags["train/critic_loss"]


def _counted_twice(run: Run) -> None:
    """Two runs share a directory."""
    for tag in ("train/episode_length", "train/episode_reward"):
        found = run.tags[tag]
        run.tags[tag] = series(tag, np.repeat(found.steps, 2), np.repeat(found.values, 2))


def _no_exploration(run: Run) -> None:
    """Actions are the policy's, without noise."""
    run.set("agent/exploration_noise", 0.0)


def _dead_encoders(run: Run) -> None:
    """The output of both encoders is 0 for every picture."""
    for who in ("actor", "critic"):
        run.set(f"features/{who}_cnn_l2", 0.0)


def _targets_are_the_networks(run: Run) -> None:
    """Each target network is its online network."""
    for network in ("actor", "critic"):
        run.set(f"targets/{network}_lag", 0.0)
        run.set(f"weights/{network}_mlp_step", 1e-3)


def _policy_collapse(run: Run) -> None:
    """Episodes become short, of one length, and earn less."""
    policy_collapse(run)
    returns = run.tags["train/episode_reward"]
    early = returns.steps <= run.recipe.learning_starts
    values = np.where(early, returns.values, -50.0 + returns.steps % 3)
    run.tags["train/episode_reward"] = structs.replace(returns, values=values)


def _drives(run: Run, **shares: float) -> None:
    """The policy drives held-out routes at the end of the stage."""
    at = np.array([run.recipe.steps])
    run.tags["held_out_driving/episodes"] = series("held_out_driving/episodes", at, 100.0)
    for measure in DRIVING_MEASURES:
        tag = f"held_out_driving/{measure}"
        run.tags[tag] = series(tag, at, shares.get(measure, 0.0))


def _drives_well(run: Run) -> None:
    """One route in 25 ends in a collision."""
    _drives(run, success=0.96, route_completion=0.98, end_goal=0.96, end_collision_vehicle=0.04)


def _crashes(run: Run) -> None:
    """Three routes in ten end in a collision."""
    _drives(run, success=0.7, route_completion=0.8, end_goal=0.7, end_collision_vehicle=0.3)


def _leaves_the_road(run: Run) -> None:
    """Three routes in ten end off the road."""
    _drives(run, success=0.7, route_completion=0.8, end_goal=0.7, end_off_road=0.3)


SYNTHETIC = {
    **FAULTS,
    "enlarged_targets": enlarged_targets,
    "policy_collapse": _policy_collapse,
    "value_not_finite": _not_finite,
    "tags_not_logged": _not_logged,
    "losses_kept": _losses_kept,
    "episodes_counted_twice": _counted_twice,
    "no_exploration": _no_exploration,
    "targets_are_the_networks": _targets_are_the_networks,
    "dead_encoders": _dead_encoders,
    "no_learning": _without_learning,
    "learned_and_lost": _learned_and_lost,
    "policy_stands_still": _stands_still,
    "rewards_mixed_up": rewards_mixed_up,
    "crashes": _crashes,
    "leaves_the_road": _leaves_the_road,
}
_ONLY = {
    "losses_kept": "losses_change",
    "policy_collapse": "episode_collapse",
    "episodes_counted_twice": "episode_steps",
}
_STEPS = {"5k": 5_000, "50k": 50_000, "1m": 1_000_000}


def synthetic(stages: tuple[str, ...] = ("5k", "50k", "1m")) -> Iterator[Judged]:
    """Judge every synthetic fault once at each gate, and sound runs of several recipes."""
    sound: list[dict[str, Any]] = [
        {},
        {"own": True},
        {"reward": -3.0},
        {"reward": 3000.0},
        {"reward_scale": 0.01, "own": True},
        {"layer_norm": True},
        {"fixed_length": 100},
    ]
    for stage in stages:
        for fault, break_it in SYNTHETIC.items():
            for own in (True, False):
                run = make(_recipe(stage, own=own), break_it)
                yield Judged(fault=fault, result=_judged(stage, run), only=_ONLY.get(fault, ""))
        for keys in sound:
            yield Judged(fault=None, result=_judged(stage, make(_recipe(stage, **keys))))
        kept = make(_recipe(stage), lambda run: run.set("replay/reward_moved", 0.0))
        yield Judged(fault=None, result=_judged(stage, kept))
        driving = make(_recipe(stage, own=True), _drives_well)
        yield Judged(fault=None, result=_judged(stage, driving))
        for algorithm, needed in (("PPO", "value_loss"), ("A2C", "value_loss"), ("DQN", "loss")):
            log = others.MAKERS[algorithm](stage)
            yield Judged(fault=None, result=others.judged(log, stage))
            without = {tag: s for tag, s in log.series.items() if tag != f"train/{needed}"}
            broken = EventLog(series=without, files=())
            yield Judged(fault="tags_not_logged", result=others.judged(broken, stage))
            loss = structs.replace(
                log.series[f"train/{needed}"], values=log.series[f"train/{needed}"].values * 1e14
            )
            far = EventLog(series={**log.series, loss.tag: loss}, files=())
            yield Judged(fault="values_diverge", result=others.judged(far, stage))


def _recipe(stage: str, **keys: Any) -> Recipe:
    return Recipe(steps=_STEPS[stage], train_freq=max(5, _STEPS[stage] // 1_000), **keys)


def _judged(stage: str, run: Run) -> GateResult:
    if "eval/std_reward" not in run.tags:
        _evaluations(run, [10.0, *[100.0] * 10])
    return judge_log(
        run.log(),
        run=run.run_info(),
        directory=Path("run"),
        gate=load_gate(stage),
        stage=stage,
        planned_steps=_STEPS[stage],
    ).result


def stored() -> Iterator[Judged]:
    """Judge the stored runs whose labels name their cause, or say that nothing is wrong."""
    for labels in (SHARED / "labels.yaml", SHARED / "field" / "labels.yaml"):
        for name, label in yaml.safe_load(labels.read_text(encoding="utf-8")).items():
            cause = label.get("cause")
            sound = cause == "none" and label.get("verdict_not") == "NO_GO"
            if cause in (None, "none") and not sound:
                continue
            stage = label.get("stage", "5k")
            result = judge(
                labels.parent / name,
                gate=load_gate(stage),
                stage=stage,
                planned_steps=label.get("planned_steps"),
                cross_check=False,
            ).result
            yield Judged(fault=None if sound else cause, result=result)


def main() -> None:
    """Update the part of both."""
    update("synthetic runs", synthetic())
    if SHARED.is_dir():
        update("stored runs", stored())


if __name__ == "__main__":
    main()
