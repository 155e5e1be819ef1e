"""Every option of a run is known to the command line, the forms and the request, by one name."""

from __future__ import annotations

import re

import pytest
import typer
from typer.testing import CliRunner

from flows.cli.every_command import app
from flows.cockpit.deployed import DEPLOYED
from flows.pipeline.request import RunRequest
from flows.settings.run_options import Command, Option, run_options

FORMS = {"run": "staged-validation", "stage": "single-stage"}
OF_THE_PIPELINE = {"stage": {"preset"}}
"""A form for one stage always belongs to a pipeline, which has its preset."""
NOT_AN_OPTION = {"single_stage", "only", "auto_seeds"}


def flags(command: Command) -> dict[str, list[str]]:
    (found,) = (
        made
        for name, made in typer.main.get_group(app).commands.items()  # type: ignore[attr-defined]
        if name == command
    )
    return {parameter.name: parameter.opts for parameter in found.params}


@pytest.mark.parametrize("command", ["run", "stage"])
def test_the_command_line_and_the_form_know_every_option(command: Command) -> None:
    known = flags(command)
    help_text = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "300"}).output
    (form,) = (flow.parameters.properties for flow in DEPLOYED if flow.name == FORMS[command])
    for name, option in run_options(command).items():
        assert option.flag in known[name]
        assert option.about.help in re.sub(r"[\s│]+", " ", help_text)
        if name not in OF_THE_PIPELINE.get(command, ()):
            assert form[name]["description"]


def test_the_request_knows_every_option_and_nothing_else_comes_from_outside() -> None:
    assert set(RunRequest.model_fields) - NOT_AN_OPTION == set(run_options())
    assert {option for command in ("run", "stage") for option in run_options(command)} == set(
        run_options()
    )


@pytest.mark.parametrize(
    ("bounds", "value", "says"),
    [
        ({"least": 1}, 0, "must be at least 1"),
        ({"least": 1}, 1, ""),
        ({"above": 0, "most": 8_760}, 0, "must be above 0 and at most 8,760"),
        ({"above": 0, "most": 8_760}, 8_760, ""),
        ({"above": 0}, float("nan"), "must be above 0"),
    ],
)
def test_a_number_that_breaks_a_bound_is_named(
    bounds: dict[str, float], value: float, says: str
) -> None:
    assert Option(help="", **bounds).mistake(value) == says  # type: ignore[arg-type]
