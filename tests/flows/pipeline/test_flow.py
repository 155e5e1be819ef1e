"""The flow on a real Prefect server of the pinned release."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas import FlowRun, State
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.exceptions import Pause
from prefect.flow_engine import run_flow
from prefect.settings import (
    PREFECT_RESULTS_PERSIST_BY_DEFAULT,
    temporary_settings,
)
from prefect.states import AwaitingRetry, Failed
from typer.testing import CliRunner

from flows.cli.every_command import app
from flows.errors import UsageError
from flows.pipeline import stage as stages
from flows.pipeline.begin import head_start
from flows.pipeline.flow import validate, validation_flow
from flows.pipeline.outcome import PipelineOutcome
from flows.pipeline.request import RunRequest
from flows.records.recipe import recipe_hash
from flows.training.progress import SilentReporter
from gates.findings import Verdict

MakeRequest = Callable[..., RunRequest]


@flow(persist_result=False, retries=0)
def staged_validation(request: RunRequest) -> State[PipelineOutcome]:
    return validate(request, SilentReporter())


pytestmark = [
    pytest.mark.usefixtures("server"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def persisting() -> Iterator[None]:
    """The worst case: Prefect keeps the results of all tasks that do not forbid it."""
    with temporary_settings({PREFECT_RESULTS_PERSIST_BY_DEFAULT: True}):
        yield


def run(request: RunRequest) -> tuple[State[Any], PipelineOutcome]:
    state = staged_validation(request, return_state=True)
    outcome = state.result(raise_on_failure=False)
    assert isinstance(outcome, PipelineOutcome)
    return state, outcome


def test_the_flow_follows_a_training_that_began_before_it(make_request: MakeRequest) -> None:
    request = make_request()
    plans = request.plans()
    with head_start(request, plans, SilentReporter()) as ahead:
        assert ahead is not None
        flow_of_the_command = validation_flow(SilentReporter(), plans, ahead)
        state = flow_of_the_command(request, return_state=True)
    outcome = state.result(raise_on_failure=False)
    assert isinstance(outcome, PipelineOutcome)
    assert state.name == "GO"
    assert [stage.run.name for stage in outcome.stages] == ["run-001", "run-001"]
    assert task_runs_of(state) == {"train one", "gate one", "train two", "gate two"}
    # What was judged is kept, and the flow opens the directory by itself.
    with head_start(request, plans, SilentReporter()) as ahead:
        assert ahead is None
    _, again = run(request)
    assert all(stage.kept for stage in again.stages)


def task_runs_of(state: State[Any]) -> set[str]:
    assert state.state_details.flow_run_id is not None
    flow_run = FlowRunFilter(id=FlowRunFilterId(any_=[state.state_details.flow_run_id]))
    with get_client(sync_client=True) as client:
        return {task_run.name for task_run in client.read_task_runs(flow_run_filter=flow_run)}


def retry(state: State[Any]) -> tuple[State[Any], PipelineOutcome]:
    """Do what Retry on Prefect's page does: the same flow run again."""
    assert state.state_details.flow_run_id is not None
    with get_client(sync_client=True) as client:
        flow_run_id = state.state_details.flow_run_id
        client.set_flow_run_state(flow_run_id, AwaitingRetry(), force=True)
        flow_run: FlowRun = client.read_flow_run(flow_run_id)
    again = run_flow(
        staged_validation,
        flow_run=flow_run,
        parameters={"request": RunRequest.model_validate(flow_run.parameters["request"])},
        return_type="state",
    )
    outcome = again.result(raise_on_failure=False)
    assert isinstance(outcome, PipelineOutcome)
    return again, outcome


def trained(request: RunRequest) -> list[str]:
    return sorted(
        str(path.parent.relative_to(request.out)) for path in request.out.glob("*/run-*/run.json")
    )


def stored_state(state: State[Any]) -> State[Any]:
    with get_client(sync_client=True) as client:
        flow_run_id = state.state_details.flow_run_id
        (flow_run,) = client.read_flow_runs(
            flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[flow_run_id]))
        )
    assert flow_run.state is not None
    return flow_run.state


def set_loss(files: Path, loss: float) -> None:
    preset = files / "fake.yaml"
    lines = preset.read_text().splitlines()
    lines[-1] = f"train: {{act: finish, loss: {loss}}}"
    preset.write_text("\n".join(lines) + "\n")


def test_go_after_go_ends_go_and_is_kept_when_run_again(make_request: MakeRequest) -> None:
    request = make_request()
    state, outcome = run(request)
    assert (state.name, state.type.value) == ("GO", "COMPLETED")
    assert outcome.verdict is Verdict.GO
    assert [stage.stage for stage in outcome.stages] == ["one", "two"]
    assert trained(request) == ["one/run-001", "two/run-001"]

    _, again = run(request)
    assert again.verdict is Verdict.GO
    assert all(stage.kept for stage in again.stages)
    assert trained(request) == ["one/run-001", "two/run-001"]

    _, fresh = run(make_request(stages=request.stages[:1], single_stage=True, existing="retrain"))
    assert not fresh.stages[0].kept
    assert trained(request) == ["one/run-001", "one/run-002", "two/run-001"]

    # A third run is trained to its end, but gonogo dies before the gate.
    with request.open(request.plan()) as directory:
        stages.train(request.plan().stages[0], directory, SilentReporter())
    _, judged = run(request)
    assert [stage.kept for stage in judged.stages] == [False, True]
    assert judged.stages[0].run.name == "run-003"
    assert trained(request) == [f"one/run-00{n}" for n in (1, 2, 3)] + ["two/run-001"]


def test_resume_keeps_a_go_and_goes_on_with_the_interrupted_stage(
    make_request: MakeRequest,
) -> None:
    request = make_request()
    run(make_request(stages=request.stages[:1]))
    with request.open(request.plan()) as directory:
        two = request.plan().stages[1]
        directory.new_run(two, recipe=recipe_hash(two))
    # Opening it again finds a run that nobody runs: its supervisor was killed.
    _, outcome = run(make_request(existing="resume"))
    assert [stage.kept for stage in outcome.stages] == [True, False]
    assert outcome.verdict is Verdict.GO
    assert trained(request) == ["one/run-001", "two/run-001"]

    state = staged_validation(
        make_request(stages=request.stages[1:], single_stage=True, existing="resume"),
        return_state=True,
    )
    assert isinstance(state.result(raise_on_failure=False), UsageError)
    assert trained(request) == ["one/run-001", "two/run-001"]


@pytest.mark.usefixtures("persisting")
def test_no_retry_turns_a_no_go_into_a_go(make_request: MakeRequest, files: Path) -> None:
    set_loss(files, 70.0)
    request = make_request()
    state, outcome = run(request)
    assert (state.name, state.type.value) == ("NO_GO", "FAILED")
    stored = stored_state(state)
    assert (stored.name, stored.type.value) == ("NO_GO", "FAILED")
    assert stored.message == f"one: {outcome.stages[-1].deciding}"
    assert outcome.verdict is Verdict.NO_GO
    assert trained(request) == ["one/run-001"], "the next stage must not start"

    state, outcome = retry(state)
    assert (state.name, state.type.value) == ("NO_GO", "FAILED")
    assert outcome.verdict is Verdict.NO_GO
    assert trained(request) == ["one/run-001", "one/run-002"]

    set_loss(files, 1.0)
    state, outcome = retry(state)
    assert outcome.verdict is Verdict.GO
    assert trained(request)[-2:] == ["one/run-003", "two/run-001"]


def test_a_no_go_at_the_second_stage_keeps_the_first_on_retry(
    make_request: MakeRequest, files: Path
) -> None:
    strict = files / "strict.yaml"
    strict.write_text((files / "loss.yaml").read_text().replace("fail: 10", "fail: 0.5"))
    strict.write_text(strict.read_text().replace("warn: 5", "warn: 0.4"))
    two = files / "two.yaml"
    two.write_text(two.read_text().replace("gate: loss.yaml", "gate: strict.yaml"))
    request = make_request()
    state, outcome = run(request)
    assert outcome.verdict is Verdict.NO_GO
    assert [(s.stage, s.verdict.value) for s in outcome.stages] == [("one", "GO"), ("two", "NO_GO")]
    state, outcome = retry(state)
    assert outcome.verdict is Verdict.NO_GO
    assert outcome.stages[0].kept
    assert trained(request) == ["one/run-001", "two/run-001", "two/run-002"]


def test_a_conditional_waits_for_a_person(make_request: MakeRequest) -> None:
    request = make_request("train.loss=7.0")
    state, outcome = run(request)
    assert (state.name, state.type.value) == ("CONDITIONAL", "FAILED")
    assert outcome.verdict is Verdict.CONDITIONAL
    assert trained(request) == ["one/run-001"]

    accepted = make_request("train.loss=7.0", on_conditional="continue")
    _, outcome = run(accepted)
    assert [stage.kept for stage in outcome.stages] == [True, False]
    assert outcome.stages[0].decision is not None
    assert outcome.stages[0].verdict_text.startswith("CONDITIONAL, approved by ")
    assert outcome.verdict is Verdict.CONDITIONAL, "that of the last stage"
    assert trained(request) == ["one/run-001", "two/run-001"]


def test_a_crash_is_another_state_than_a_no_go(make_request: MakeRequest) -> None:
    request = make_request("train.act=break")
    state = staged_validation(request, return_state=True)
    assert (state.name, state.type.value) == ("Failed", "FAILED")
    error = state.result(raise_on_failure=False)
    assert isinstance(error, Exception)
    assert str(error).startswith("The trainer broke at step 7: ValueError: it broke.")
    record = json.loads((request.out / "pipeline.json").read_text())
    assert record["stages"]["one"]["runs"][0]["state"] == "crashed"
    assert "two" not in record["stages"]


def test_each_report_is_an_artifact_with_its_verdict(make_request: MakeRequest) -> None:
    state, _ = run(make_request("train.loss=70.0"))
    this_run = FlowRunFilter(id=FlowRunFilterId(any_=[state.state_details.flow_run_id]))
    with get_client(sync_client=True) as client:
        artifacts = client.read_artifacts(flow_run_filter=this_run)
    found = {artifact.key: artifact for artifact in artifacts}
    stage = found["fake-seed0-one"]
    assert stage.type == "markdown"
    assert stage.description is not None
    assert stage.description.startswith("NO_GO: ")
    assert "Critic loss bounded" in str(stage.data)
    assert "fake-seed0-pipeline" in found
    table = found["fake-seed0-one-checks"]
    assert table.type == "table"
    assert "Critic loss bounded" in str(table.data)


def test_a_run_page_tells_how_far_every_stage_is(make_request: MakeRequest, files: Path) -> None:
    strict = files / "strict.yaml"
    strict.write_text((files / "loss.yaml").read_text().replace("fail: 10", "fail: 0.5"))
    strict.write_text(strict.read_text().replace("warn: 5", "warn: 0.4"))
    two = files / "two.yaml"
    two.write_text(two.read_text().replace("gate: loss.yaml", "gate: strict.yaml"))
    state, _ = run(make_request(seeds=(3,)))
    flow_run, tasks = stored_run(state)
    assert flow_run.name == "fake seed 3: one GO, two NO_GO"
    assert {"preset: fake", "verdict: NO_GO"} <= set(flow_run.tags)
    assert tasks == {
        "train one": ("Completed", "COMPLETED"),
        "gate one": ("GO", "COMPLETED"),
        "train two": ("Completed", "COMPLETED"),
        "gate two": ("NO_GO", "FAILED"),
    }
    state, _ = retry(state)
    flow_run, tasks = stored_run(state)
    assert tasks["keep one"] == ("GO", "COMPLETED")
    assert flow_run.name == "fake seed 3: one GO, two NO_GO"


def stored_run(state: State[Any]) -> tuple[FlowRun, dict[str, tuple[str, str]]]:
    """Read the flow run and the states of its tasks, which reach the server as events."""
    flow_run_id = state.state_details.flow_run_id
    this_run = FlowRunFilter(id=FlowRunFilterId(any_=[flow_run_id]))
    deadline = time.monotonic() + 120
    with get_client(sync_client=True) as client:
        while True:
            (flow_run,) = client.read_flow_runs(flow_run_filter=this_run)
            tasks = client.read_task_runs(flow_run_filter=this_run)
            ended = all(t.state is not None and t.state.is_final() for t in tasks)
            if (tasks and ended) or time.monotonic() > deadline:
                break
            time.sleep(0.2)
    return flow_run, {t.name: (t.state.name, t.state.type.value) for t in tasks if t.state}


def suspended(request: RunRequest) -> FlowRun:
    """Run the flow as a served deployment would, until it waits for a decision."""
    with get_client(sync_client=True) as client:
        flow_id = client.create_flow(staged_validation)
        deployment_id = client.create_deployment(flow_id=flow_id, name=uuid4().hex)
        flow_run = client.create_flow_run_from_deployment(
            deployment_id, parameters={"request": request.model_dump(mode="json")}
        )
    state = run_again(flow_run)
    assert state.name == "Suspended", state
    return flow_run


def run_again(flow_run: FlowRun) -> State[Any]:
    """Do what a runner does when a flow run is due."""
    with get_client(sync_client=True) as client:
        flow_run = client.read_flow_run(flow_run.id)
    parameters = {"request": RunRequest.model_validate(flow_run.parameters["request"])}
    try:
        return run_flow(
            staged_validation, flow_run=flow_run, parameters=parameters, return_type="state"
        )
    except Pause as pause:
        return pause.state


def test_a_served_conditional_is_decided_on_its_page(make_request: MakeRequest) -> None:
    request = make_request("train.loss=7.0", on_conditional="wait")
    flow_run = suspended(request)
    assert trained(request) == ["one/run-001"]
    record = json.loads((request.out / "pipeline.json").read_text())
    assert record["stages"]["one"]["runs"][0]["waits"]["flow_run"] == str(flow_run.id)
    request.open(request.plan()).close()  # nothing is locked while it waits
    with get_client(sync_client=True) as client:
        client.resume_flow_run(
            flow_run.id, run_input={"decision": "approve", "name": "", "reason": "x"}
        )
        state = client.read_flow_run(flow_run.id).state
        assert state is not None
        assert state.name == "Suspended", "a name is needed"
        client.resume_flow_run(
            flow_run.id, run_input={"decision": "approve", "name": "Ada", "reason": "known spike"}
        )
    state = run_again(flow_run)
    outcome = state.result(raise_on_failure=False)
    assert isinstance(outcome, PipelineOutcome)
    assert outcome.stages[0].verdict_text == "CONDITIONAL, approved by Ada: known spike"
    assert trained(request) == ["one/run-001", "two/run-001"]
    assert str(state.message).startswith("one: CONDITIONAL, approved by Ada: known spike. two: ")
    assert json.loads((outcome.stages[0].run / "decision-001.json").read_text())["way"] == "Prefect"
    again = run_again(flow_run)
    assert again.name == "CONDITIONAL"


def test_a_served_conditional_is_decided_on_the_command_line(make_request: MakeRequest) -> None:
    request = make_request("train.loss=7.0", on_conditional="wait")
    flow_run = suspended(request)
    done = CliRunner().invoke(app, ["reject", str(request.out), "--reason", "it grows"])
    assert done.exit_code == 0, done.output
    assert f"Resumed flow run {flow_run.id}." in done.stdout
    state = run_again(flow_run)
    assert (state.name, state.type.value) == ("CONDITIONAL", "FAILED")
    assert "rejected by" in str(state.message)
    assert trained(request) == ["one/run-001"]
    assert not (request.out / "one" / "run-001" / "decision-002.json").exists()


def test_who_is_retried_after_the_time_is_asked_again(make_request: MakeRequest) -> None:
    request = make_request("train.loss=7.0", on_conditional="wait")
    flow_run = suspended(request)
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(flow_run.id, Failed(), force=True)
        client.set_flow_run_state(flow_run.id, AwaitingRetry(), force=True)
    assert run_again(flow_run).name == "Suspended"
    assert trained(request) == ["one/run-001"]


def test_a_served_conditional_goes_on_when_nobody_decides(make_request: MakeRequest) -> None:
    request = make_request(
        "train.loss=7.0", on_conditional="wait", wait_h=2 / 3600, on_timeout="continue"
    )
    with get_client(sync_client=True) as client:
        flow_id = client.create_flow(staged_validation)
        deployment_id = client.create_deployment(flow_id=flow_id, name=uuid4().hex)
        flow_run = client.create_flow_run_from_deployment(
            deployment_id, parameters={"request": request.model_dump(mode="json")}
        )
    outcome = run_again(flow_run).result(raise_on_failure=False)
    assert isinstance(outcome, PipelineOutcome)
    assert outcome.stages[0].decision is not None
    assert outcome.stages[0].decision.way == "time-out"
    assert trained(request) == ["one/run-001", "two/run-001"]
