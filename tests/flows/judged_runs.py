"""Builds pipeline directories with real event files and real judgements, without a trainer."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path

from flows.records.json_file import write_state
from flows.records.pipeline_record import PipelineRecord, RunRecord, StageRecord
from flows.records.stored_result import GATE_FILE
from gates import result_file as gate_file
from gates.checks.gate_file import load_gate
from gates.findings import GateResult, Verdict
from gates.judge import judge
from gates.progress import StageState
from trainer.run.event_writer import EventWriter

STEPS = 400


def write_gate(path: Path, *, fail: float = 10.0, required: bool = True, more: str = "") -> Path:
    """Write a gate of the stage `5k` with one check: the largest critic loss."""
    text = f"""
    name: 5k
    description: One check on one number.
    checks:
      - id: critic_loss
        title: Critic loss bounded
        type: limit
        group: critic
        required: {str(required).lower()}
        tag: train/critic_loss
        statistic: max
        max: {{fail: {fail}}}
        min_points: 3
        rationale: A test needs a number.
        source: this test
    """
    path.write_text(textwrap.dedent(text) + more, encoding="utf-8")
    return path


def write_events(folder: Path, *, loss: float = 1.0, actor_loss: float = 0.5) -> Path:
    """Write the event file of a short run whose critic loss is `loss` throughout."""
    with EventWriter(folder) as writer:
        for step in range(20, STEPS + 1, 20):
            writer.write(
                step,
                {
                    "train/critic_loss": loss,
                    "train/actor_loss": -actor_loss * step,
                    "agent/total_updates": float(step),
                },
            )
            writer.write(step, {"train/episode_length": 20.0, "train/episode_reward": 3.0})
        for step in (0, 200, STEPS):
            writer.write(step, {"eval/mean_reward": loss + step, "eval/mean_episode_length": 20.0})
    return folder


def write_run(
    pipeline: Path,
    *,
    number: int = 1,
    stage: str = "5k",
    preset: str = "drive",
    seed: int = 0,
    started_at: str = "2026-01-01T00:00:00+00:00",
    loss: float = 1.0,
    actor_lr: float = 1.0e-3,
    gate: Path | None = None,
) -> Path:
    """Write a run folder; with a gate it is judged and the pipeline records the verdict."""
    run = pipeline / stage / f"run-{number:03d}"
    write_events(run / "events", loss=loss)
    content = {
        "format": 1,
        "preset": preset,
        "stage": stage,
        "seed": seed,
        "planned_steps": STEPS,
        "algorithm": "td3",
        "env": {"id": "none"},
        "train": {"actor_lr": actor_lr, "train_freq": 1, "gradient_steps": 1},
        "config_sha256": f"{actor_lr:.6f}".replace(".", "") * 8,
        "git_revision": None,
        "versions": {},
        "started_at": started_at,
        "attempts": [],
    }
    (run / "run.json").write_text(json.dumps(content), encoding="utf-8")
    if gate is not None:
        result = judge_into(run, gate)
        record_run(pipeline, run, result.verdict, preset=preset, seed=seed)
    return run


def judge_into(run: Path, gate: Path, *, out: Path | None = None, stage: str = "5k") -> GateResult:
    """Judge for real and store the result."""
    result = judge(run, gate=load_gate(gate), stage=stage, cross_check=False).result
    folder = out or run
    folder.mkdir(parents=True, exist_ok=True)
    gate_file.write(result, folder / GATE_FILE)
    return result


def record_run(
    pipeline: Path, run: Path, verdict: Verdict | None, *, preset: str = "drive", seed: int = 0
) -> None:
    """Add a run to pipeline.json; without a verdict it is recorded as broken."""
    path = pipeline / "pipeline.json"
    if path.exists():
        record = PipelineRecord.model_validate_json(path.read_bytes())
    else:
        record = PipelineRecord(preset=preset, preset_source=preset, seed=seed, created_at="")
    state = StageState.CRASHED if verdict is None else StageState(verdict.value)
    entry = RunRecord(run=run.name, state=state, started_at="", recipe="r", training_s=4.0)
    old = record.stages.get(run.parent.name) or StageRecord(planned_steps=STEPS, gate="5k")
    stage = old.model_copy(update={"runs": (*old.runs, entry)})
    write_state(path, record.with_stage(run.parent.name, stage))


def snapshot(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder with its content, to show that nothing was written."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
