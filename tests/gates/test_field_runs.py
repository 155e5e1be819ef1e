"""Runs of other trainers, each labelled with what is right about it; several made to show one kind of fault."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from gates.checks.gate_file import load_gate
from gates.findings import Outcome, Verdict
from gates.judge import judge
from gates.judgement import Judgement
from reports.stage.sections.integrity import integrity_rows

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "runs" / "field"
LABELS: dict[str, dict[str, Any]] = (
    yaml.safe_load((FOLDER / "labels.yaml").read_text(encoding="utf-8")) if FOLDER.is_dir() else {}
)


def rows(judgement: Judgement) -> dict[str, str]:
    return dict(integrity_rows(judgement.result, judgement.log))


def outcome(judgement: Judgement, check: str) -> Outcome | None:
    return next((f.outcome for f in judgement.result.findings if f.check == check), None)


def said(judgement: Judgement) -> str:
    """Return the reason of what decided."""
    decided_by = judgement.result.deciding_finding
    return decided_by.reason if decided_by is not None else ""


def asks_for_a_mapping(*names: str) -> Callable[[Judgement], bool]:
    """One finding about the trainer that names its tags, and no other one that counts."""

    def asks(judgement: Judgement) -> bool:
        others = [f.check for f in judgement.result.findings if f.outcome is not Outcome.PASS]
        return others == ["trainer_recognised"] and all(
            name in said(judgement) for name in (*names, "gonogo tags", "--dialect")
        )

    return asks


def learning(word: str) -> Callable[[Judgement], bool]:
    wanted = Outcome.PASS if word == "yes" else Outcome.FAIL
    return lambda j: outcome(j, "learning_return") is wanted


SAYS: dict[str, Callable[[Judgement], bool]] = {
    "real/sb3-ddpg-learned": learning("yes"),
    "real/sb3-td3-failed": lambda j: outcome(j, "learning_return") in (Outcome.WARN, Outcome.FAIL),
    "real/sb3-dqn": lambda j: "DQN" in rows(j)["Trainer"],
    "real/own-navigation": asks_for_a_mapping("training calls", "loss", "Av. Q", "Max. Q"),
    "real/own-single-tag": asks_for_a_mapping(
        "environment steps", "step_rewards_BipedalWalker-v3", "train/episode_reward"
    ),
    "made/sb3_learns": learning("yes"),
    "made/sb3_fails": learning("no"),
    "made/sb3_follows_advice": lambda j: (
        rows(j)["Episodes"].startswith("98 episodes")
        and outcome(j, "episode_steps") is Outcome.PASS
    ),
    "made/sb3_ppo": lambda j: "PPO" in rows(j)["Trainer"],
    "made/tianshou_nan_hidden": lambda j: (
        "update/loss/actor" in said(j) and outcome(j, "finite_values") is Outcome.FAIL
    ),
    "made/own_iteration_axis": asks_for_a_mapping("training calls", "evaluations"),
    "made/add_scalars": lambda j: len(j.log.series["train/episode_reward"]) == 299,
    "../recipes/000-5k": lambda j: "50k" in j.result.deciding,
}
"""What each `must_say` asks for, of the judgement's own records where it has them."""


def test_every_label_that_asks_for_words_is_held_to_them() -> None:
    assert (
        SAYS.keys() == {name for name, label in LABELS.items() if "must_say" in label} or not LABELS
    )


@pytest.mark.skipif(not LABELS, reason="the labelled runs are not beside this checkout")
@pytest.mark.parametrize("name", LABELS)
def test_a_labelled_run_of_another_trainer_is_judged_as_its_label_says(
    name: str, tmp_path: Path
) -> None:
    label = LABELS[name]
    config = None
    if "config" in label:
        config = tmp_path / "config.yaml"
        config.write_text(yaml.safe_dump(label["config"]), encoding="utf-8")
    judgement = judge(
        FOLDER / name,
        gate=load_gate(label["stage"]),
        stage=label["stage"],
        planned_steps=label.get("planned_steps"),
        config=config,
        cross_check=False,
    )
    result, causes = judgement.result, [d.cause for d in judgement.result.diagnoses]
    if "verdict" in label:
        assert result.verdict is Verdict(label["verdict"]), result.deciding
    if "verdict_not" in label:
        assert result.verdict is not Verdict(label["verdict_not"]), result.deciding
    if "cause" in label:
        assert causes[:1] == ([] if label["cause"] == "none" else [label["cause"]])
    if name in SAYS:
        assert SAYS[name](judgement), result.deciding
