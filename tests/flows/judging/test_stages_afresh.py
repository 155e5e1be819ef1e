"""A stage is compared with the stages before it, whoever judges; the pipeline's report names the policy to take."""

import json

import numpy as np
import pytest

from flows.judging.judge_run import judge_without_writing
from flows.judging.pipeline_report import save_pipeline_report
from flows.judging.rules import Asked
from flows.records.json_file import write_state
from flows.records.pipeline_record import PipelineRecord
from flows.records.run_dir import PipelineDirectory
from gates.findings import Outcome, Verdict
from gates.runs.afresh import AFRESH
from tests.flows.judged_runs import STEPS, write_gate, write_run

NOISE = np.random.default_rng(0).normal(0.0, 3.0, 20)


def write_afresh(run, **means):
    policies = [
        {"policy": policy, "step": STEPS, "returns": (mean + NOISE).tolist()}
        for policy, mean in means.items()
    ]
    (run / AFRESH).parent.mkdir()
    (run / AFRESH).write_text(json.dumps({"format": 1, "first_seed": 3, "policies": policies}))


@pytest.fixture
def pipeline(tmp_path):
    """A short stage that learned, and a longer one after it."""
    folder, gate = tmp_path / "pipeline", write_gate(tmp_path / "gate.yaml")
    short = write_run(folder, gate=gate)
    long = write_run(folder, stage="50k", gate=gate)
    write_afresh(short, untrained=0.0, last=60.0, best=80.0)
    path = folder / "pipeline.json"
    record = PipelineRecord.model_validate_json(path.read_bytes())
    longer = record.stages["50k"].model_copy(update={"planned_steps": 2 * STEPS})
    write_state(path, record.with_stage("50k", longer))
    return folder, long, gate


def judged(run, gate, stage="50k"):
    return judge_without_writing(run, Asked(stage=stage, gate=gate, cross_check=False)).result


def finding(result):
    return next((f for f in result.findings if f.check == "stage_gain"), None)


def test_a_stage_that_lost_is_conditional_and_the_report_names_the_policy(pipeline):
    folder, long, gate = pipeline
    write_afresh(long, untrained=0.0, last=30.0, best=50.0)
    result = judged(long, gate)
    assert result.verdict is Verdict.CONDITIONAL
    assert result.deciding_check == "stage_gain"
    report = save_pipeline_report(PipelineDirectory.view(folder)).read_text(encoding="utf-8")
    taken = next(line for line in report.splitlines() if line.startswith("Policy to take"))
    assert f"the best policy of 5k, step {STEPS}" in taken
    assert "`5k/run-001/checkpoints/best.ckpt`" in taken
    assert "| **best of 5k** |" in report
    assert "| untrained |" in report


def test_a_stage_that_gained_passes(pipeline):
    _, long, gate = pipeline
    write_afresh(long, untrained=0.0, last=100.0)
    assert judged(long, gate).verdict is Verdict.GO
    assert finding(judged(long, gate)).outcome is Outcome.PASS


def test_without_an_evaluation_nothing_is_compared(pipeline):
    _, long, gate = pipeline
    assert finding(judged(long, gate)) is None


def test_a_first_stage_is_compared_with_nothing(pipeline):
    folder, _, gate = pipeline
    assert finding(judged(folder / "5k" / "run-001", gate, "5k")) is None


def test_a_record_that_cannot_be_read_costs_no_verdict(pipeline):
    folder, long, gate = pipeline
    write_afresh(long, untrained=0.0, last=30.0)
    (long / AFRESH).write_text("{")
    result = judged(long, gate)
    assert result.verdict is Verdict.GO
    assert finding(result).outcome is Outcome.INCONCLUSIVE
    assert not finding(result).required
    assert "Policy to take" in save_pipeline_report(PipelineDirectory.view(folder)).read_text()
