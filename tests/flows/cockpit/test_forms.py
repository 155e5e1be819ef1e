"""What the forms let through, and what the flows make of it; nothing here starts a server."""

from __future__ import annotations

import os
import threading
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from pydantic import TypeAdapter, ValidationError

from flows import prefect_server
from flows.cockpit import choices, form_requests, seed_groups
from flows.cockpit.api import Api, pages_of, without_password
from flows.cockpit.form_fields import BY_STAGE_FILE, Override, Preset, Seed, Stage
from flows.cockpit.judging_flows import slug
from flows.cockpit.launcher import NAMES, serve
from flows.cockpit.one_sentence import sentence
from flows.errors import ConfigError, ServerError, UsageError
from flows.records.stored_result import PIPELINE_FILE
from flows.settings.own_trainer import callers_environment
from tests.flows.cockpit.served import write_small_recipe

WHOLE: dict[str, Any] = {
    "preset": "drive",
    "stage_names": ["5k"],
    "seed": 0,
    "overrides": [],
    "changed": "",
    "expected": "",
    "live_gate": BY_STAGE_FILE,
    "on_conditional": "wait",
    "wait_h": 72.0,
    "on_timeout": "stop",
    "go_on_in": "",
    "override_no_go": None,
    "overridden_by": "",
    "override_reason": "",
    "retried": False,
}


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


def test_a_new_pipeline_has_one_folder_however_often_it_is_retried(runs: Path) -> None:
    created, number = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc), UUID(int=7 << 100)
    folders = {form_requests.new_pipeline_folder("drive", 3, created, number) for _ in range(3)}
    (folder,) = folders
    assert folder.parent == runs
    assert folder.name.startswith("drive-seed3-2026010")


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


def test_a_request_says_what_the_form_says(runs: Path) -> None:
    request = form_requests.whole_pipeline(
        **{**WHOLE, "overrides": [" train.tau=0.1 "], "changed": "x ", "live_gate": "warn"},
        new_folder=runs / "new",
    )
    assert (request.preset, request.stages, request.out) == ("drive", ("5k",), runs / "new")
    assert (request.overrides, request.note, request.live) == (("train.tau=0.1",), "x", "warn")
    assert (request.on_conditional, request.retried) == ("wait", False)


def test_an_override_of_a_no_go_needs_a_pipeline_and_a_reason(runs: Path) -> None:
    with pytest.raises(UsageError, match="needs go_on_in"):
        form_requests.whole_pipeline(**{**WHOLE, "override_no_go": "5k"}, new_folder=runs / "new")


def test_a_group_has_one_folder_and_a_name_without_an_override_means_nothing(runs: Path) -> None:
    asked = {name: value for name, value in WHOLE.items() if name != "retried"}
    created, flow_run = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc), UUID(int=7 << 96)
    first, again = (
        seed_groups.whole_group(
            **asked | {"overridden_by": "Ada", "override_reason": "none"},
            more_seeds=[3],
            created=created,
            flow_run=flow_run,
            resume=resume,
        )
        for resume in (False, True)
    )
    assert first.seeds == (0, 3)
    assert first.pipeline.override_no_go is None
    assert first.pipeline.out == again.pipeline.out
    assert first.pipeline.out.parent == runs
    assert first.pipeline.out.name.startswith("drive-seeds0_3-")


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
