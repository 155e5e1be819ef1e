"""What the forms let through, and what the flows make of it; nothing here starts a server."""

from __future__ import annotations

import logging
import os
import threading
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect.client.schemas import State
from prefect.exceptions import ParameterTypeError
from prefect.states import Completed
from pydantic import TypeAdapter, ValidationError

from flows import prefect_server
from flows.cockpit import choices, form_requests, one_sentence
from flows.cockpit.api import Api, pages_of
from flows.cockpit.form_fields import Override, Preset, Seed, Stage
from flows.cockpit.judging_flows import slug
from flows.cockpit.launcher import NAMES, serve
from flows.cockpit.one_sentence import sentence
from flows.errors import ConfigError, ServerError, UsageError
from flows.pipeline.request import RunRequest
from flows.records.json_file import write_state
from flows.records.pipeline_record import PipelineRecord
from flows.records.stored_result import PIPELINE_FILE
from flows.settings.run_options import DEFAULT_STAGES
from flows.settings.trainers.own_trainer import callers_environment
from flows.surroundings import without_password
from tests.flows.cockpit.served import write_small_recipe


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(choices.RUNS, str(tmp_path / "runs"))
    return tmp_path / "runs"


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        (Preset, "drvie"),
        (Stage, "6k"),
        (Seed, -1),
        (Seed, 2**31),
        (Override, "lr=3"),
        (Override, "train.actor_lr"),
        (Override, "os.system=1"),
        (Override, "environment.x=1"),
    ],
)
def test_a_field_refuses_what_is_wrong(field: Any, wrong: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(field).validate_python(wrong)


@pytest.mark.parametrize("text", ["train.actor_lr=1e-4", "env.size = 3", "trainer.values.lr=2"])
def test_an_override_may_be_of_any_section(text: str) -> None:
    assert TypeAdapter(Override).validate_python(text) == text


def test_own_files_are_offered_beside_the_shipped_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_small_recipe(tmp_path)
    monkeypatch.setenv(
        choices.OWN_PRESETS, choices.check_files("preset", [tmp_path / "small.yaml"])
    )
    monkeypatch.setenv(choices.OWN_STAGES, choices.check_files("stage", [tmp_path / "first.yaml"]))
    assert choices.presets()["small"] == str(tmp_path / "small.yaml")
    assert list(choices.stages()) == ["5k", "50k", "1m", "first"]
    assert "small" in TypeAdapter(Preset).json_schema()["enum"]
    with pytest.raises(ConfigError):
        choices.check_files("stage", [tmp_path / "missing.yaml"])


@pytest.fixture
def flow_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """A flow run that asks for its request as often as it is retried."""
    created = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
    monkeypatch.setattr(form_requests, "created_at", lambda: created)
    monkeypatch.setattr(form_requests, "flow_run_id", lambda: UUID(int=7 << 100))


def asked_by_form(
    deployment: str, monkeypatch: pytest.MonkeyPatch, /, **fields: object
) -> RunRequest:
    """Return what a filled-in form asks for."""
    from flows.cockpit import deployed
    from flows.pipeline import flow

    asked: list[RunRequest] = []

    def remember(request: RunRequest) -> State[None]:
        asked.append(request)
        return Completed()

    monkeypatch.setattr(flow, "validate", remember)
    monkeypatch.setattr(one_sentence, "get_run_logger", logging.getLogger)
    flow = next(flow for flow in deployed.DEPLOYED if flow.name == deployment)
    state = flow.fn(**flow.validate_parameters(fields))
    if state.name == "Refused":
        raise UsageError(state.message)
    (request,) = asked
    return request


@pytest.mark.usefixtures("flow_run")
def test_a_new_pipeline_has_one_folder_however_often_it_is_retried(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, again = (
        asked_by_form("staged-validation", monkeypatch, seeds=[3]).out for _ in range(2)
    )
    assert first == again
    assert first.parent == runs
    assert first.name.startswith("drive-seed3-2026010")


def test_a_pipeline_is_found_by_its_name_below_the_runs_folder_alone(runs: Path) -> None:
    with pytest.raises(UsageError, match="There is no pipeline below"):
        form_requests.existing_pipeline("")
    for name in ("older", "newer"):
        (runs / name).mkdir(parents=True)
        (runs / name / PIPELINE_FILE).write_text("{}")
    os.utime(runs / "older" / PIPELINE_FILE, (1, 1))
    assert form_requests.existing_pipeline("newer") == runs / "newer"
    assert form_requests.existing_pipeline(" ") == runs / "newer"
    with pytest.raises(UsageError, match=r"is no pipeline directory\. The newest ones: "):
        form_requests.existing_pipeline("typo")
    with pytest.raises(UsageError, match="leads out of"):
        form_requests.existing_pipeline("../elsewhere")


@pytest.mark.usefixtures("flow_run")
def test_a_request_says_what_the_form_says(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fields = {"stages": ["5k"], "overrides": [" train.tau=0.1 "], "note": "x ", "live": "warn"}
    with pytest.raises(ParameterTypeError, match="overrides"):
        asked_by_form("staged-validation", monkeypatch, **fields)
    fields["overrides"] = ["train.tau=0.1 "]
    request = asked_by_form("staged-validation", monkeypatch, **fields)
    assert (request.preset, request.stages, request.seeds) == ("drive", ("5k",), (0,))
    assert (request.overrides, request.note, request.live) == (("train.tau=0.1",), "x", "warn")
    assert (request.on_conditional, request.existing) == ("wait", "keep")
    left_alone = asked_by_form("staged-validation", monkeypatch)
    assert left_alone.stages == DEFAULT_STAGES
    assert (left_alone.live, left_alone.jobs, left_alone.on_conditional) == (None, None, "wait")
    assert asked_by_form(
        "staged-validation", monkeypatch, on_conditional="stop"
    ).on_conditional == ("stop")


def test_an_emptied_list_of_stages_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ParameterTypeError, match="stages"):
        asked_by_form("staged-validation", monkeypatch, stages=[])


@pytest.mark.usefixtures("runs", "flow_run")
def test_an_override_of_a_no_go_needs_a_pipeline(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="override-no-go needs --out"):
        asked_by_form("staged-validation", monkeypatch, override_no_go="5k", reason="known")


@pytest.mark.usefixtures("flow_run")
def test_a_group_has_one_folder_and_a_name_without_an_override_means_nothing(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, again = (
        asked_by_form("staged-validation", monkeypatch, seeds=[3, 0], name="Ada", reason="none")
        for _ in range(2)
    )
    assert first.seeds == (0, 3)
    assert first.override_signed is None
    assert first.out == again.out
    assert first.out.parent == runs
    assert first.out.name.startswith("drive-seeds0_3-")


@pytest.mark.usefixtures("flow_run")
def test_seeds_are_added_as_needed_or_chosen_never_both(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = asked_by_form("staged-validation", monkeypatch, seeds_auto=True)
    assert (request.auto_seeds, request.is_group) == (True, True)
    assert request.out.name.startswith("drive-seedsauto-")
    with pytest.raises(UsageError, match="seeds_auto chooses the seeds"):
        asked_by_form("staged-validation", monkeypatch, seeds_auto=True, seeds=[1])


@pytest.mark.usefixtures("flow_run")
def test_an_existing_pipeline_says_what_the_form_leaves_alone(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (runs / "old").mkdir(parents=True)
    record = PipelineRecord(
        preset="pendulum",
        preset_source="pendulum",
        seed=5,
        overrides=("train.tau=0.1",),
        stages_asked=("5k", "50k"),
        created_at="",
    )
    write_state(runs / "old" / PIPELINE_FILE, record)
    request = asked_by_form("staged-validation", monkeypatch, out="old")
    assert (request.preset, request.stages, request.seeds) == ("pendulum", ("5k", "50k"), (5,))
    assert (request.overrides, request.single_stage) == (("train.tau=0.1",), False)
    alone = asked_by_form("single-stage", monkeypatch, stage="50k", overrides=["train.tau=0.2"])
    assert (alone.out, alone.preset, alone.stages) == (runs / "old", "pendulum", ("50k",))
    assert (alone.existing, alone.single_stage, alone.overrides) == (
        *("retrain", True),
        ("train.tau=0.2",),
    )
    with pytest.raises(UsageError, match="checkpoint_step needs existing: resume"):
        asked_by_form("single-stage", monkeypatch, stage="50k", checkpoint_step=5)


def test_several_mistakes_are_one_sentence() -> None:
    assert sentence(ConfigError(["a", "b"])) == "2 mistakes: a; b"
    assert sentence(UsageError("one\n two")) == "one two"


@pytest.mark.parametrize(
    ("text", "key"), [("Run 1/5K", "run-1-5k"), ("///", "unnamed"), ("Ünder_x", "nder-x")]
)
def test_keys_of_artifacts_are_plain(text: str, key: str) -> None:
    assert slug(text) == key


def test_nobody_but_this_machine_is_let_in_without_a_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PREFECT_SERVER_API_AUTH_STRING", raising=False)
    for host in ("0.0.0.0", "::", "192.0.2.7", "example.org"):
        with pytest.raises(UsageError, match="PREFECT_SERVER_API_AUTH_STRING=USER:PASSWORD"):
            serve(host=host, port=None, runs=tmp_path, presets=[], stages=[], show_prefect=False)
    assert list(tmp_path.iterdir()) == []


def test_a_trainer_gets_no_password_of_prefect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_AUTH_STRING", "ada:secret")
    monkeypatch.setenv("PREFECT_SERVER_API_AUTH_STRING", "ada:secret")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    environment = callers_environment()
    assert "ada:secret" not in environment.values()
    assert environment["CUDA_VISIBLE_DEVICES"] == "3"


def test_a_password_in_an_address_is_not_shown() -> None:
    assert without_password("http://ada:secret@host:4200/api") == "http://host:4200/api"
    assert pages_of("http://ada:secret@host:4200/api/") == "http://host:4200"


def test_every_deployment_has_its_flow() -> None:
    from flows.cockpit.deployed import DEPLOYED

    assert tuple(flow.name for flow in DEPLOYED) == NAMES
    for flow in DEPLOYED:
        for name, field in flow.parameters.properties.items():
            assert field.get("description"), f"{flow.name}: {name} has no description"


def test_somebody_elses_server_is_not_taken_for_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Healthy(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Healthy) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        monkeypatch.setattr(prefect_server, "free_port", lambda host, port: other.server_port)
        ours = prefect_server.PrefectServer(tmp_path, environment={}, app="nowhere:app")
        assert Api(ours.url).answers()
        with pytest.raises(ServerError, match="does not start"):
            ours.start()
        other.shutdown()
