"""An unknown trainer: its report, the table of its tags, the mapping file, and the verdict by it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from typer.testing import CliRunner

from flows.cli.every_command import app
from gates.events.framing import frame


@pytest.fixture
def logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run of a trainer that nobody knows."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "my logs"
    folder.mkdir()
    content = frame(Event(wall_time=1.0, file_version="brain.Event:2").SerializeToString())
    for step in range(1, 50):
        tags = {"Loss/critic": 1.0, "Loss/actor": -step} if step % 2 else {"Episode/return": step}
        values = [Summary.Value(tag=tag, simple_value=v) for tag, v in tags.items()]
        content += frame(
            Event(
                wall_time=1.0 + step, step=100 * step + step % 7, summary=Summary(value=values)
            ).SerializeToString()
        )
    (folder / "events.out.tfevents.1760000000.host.1.0").write_bytes(content)
    return folder


def invoke(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, [*arguments], catch_exceptions=False)
    return result.exit_code, result.output


def test_the_table_names_points_steps_and_what_a_tag_could_be(logs: Path) -> None:
    code, text = invoke("tags", str(logs), "--planned-steps", "5000")
    assert code == 0
    row = next(line for line in text.splitlines() if line.startswith("Episode/return"))
    assert "24" in row
    assert "environment steps" in row
    assert "train/episode_reward" in row


def test_the_printed_commands_lead_to_a_judgement_by_the_mapping_file(logs: Path) -> None:
    code, text = invoke(
        "gate",
        str(logs),
        "--stage",
        "5k",
        "--planned-steps",
        "5000",
        "--no-cross-check",
        "--out",
        "out",
    )
    assert code == 4
    assert "the trainer is not recognised by its tags; map them" in text
    report = Path("out/report.md").read_text(encoding="utf-8")
    assert "gonogo tags 'my logs' --write mapping.yaml" in report
    assert "gonogo gate 'my logs' --stage 5k --planned-steps 5000 --dialect mapping.yaml" in report
    assert invoke("tags", str(logs), "--write", "mapping.yaml", "--planned-steps", "5000")[0] == 0
    code, text = invoke(
        "gate", str(logs), "--stage", "5k", "--planned-steps", "5000", "--dialect", "mapping.yaml",
        "--no-cross-check", "--out", "again",
    )  # fmt: skip
    assert "not recognised" not in text
    assert "train/episode_length" in text  # now it is evidence that is missing, not the trainer


def test_a_mapping_file_is_never_overwritten(logs: Path) -> None:
    Path("mapping.yaml").write_text("mine", encoding="utf-8")
    code, text = invoke("tags", str(logs), "--write", "mapping.yaml")
    assert code == 2
    assert "exists already" in text
    assert Path("mapping.yaml").read_text(encoding="utf-8") == "mine"


def test_a_folder_without_events_is_one_sentence(tmp_path: Path) -> None:
    code, text = invoke("tags", str(tmp_path))
    assert code == 2
    assert "no event files" in text
