from __future__ import annotations

import json
from pathlib import Path

import pytest

from gates.errors import GateConfigError, InputError
from gates.runs.run_info import load_config, load_run_info

RUN = {
    "format": 1,
    "preset": "drive",
    "stage": "5k",
    "seed": 3,
    "planned_steps": 5000,
    "algorithm": "td3",
    "env": {"id": "drive"},
    "train": {"gamma": 0.99, "layer_norm": True, "reward_clip": None},
    "config_sha256": "abc",
    "git_revision": None,
    "versions": {"torch": "2.10"},
    "started_at": "2026-01-01T00:00:00Z",
    "attempts": [{"attempt": 1, "pid": 5, "resumed_from_step": None}],
}


def write(folder: Path, name: str, content: object) -> Path:
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_a_run_directory(tmp_path: Path) -> None:
    write(tmp_path, "run.json", RUN)
    write(tmp_path, "status.json", {"phase": "finished", "step": 5000, "updates": 80})
    info = load_run_info(tmp_path)
    assert info is not None
    assert info.complete
    assert (info.preset, info.seed, info.planned_steps) == ("drive", 3, 5000)
    assert (info.phase, info.status_step, info.status_updates) == ("finished", 5000, 80)
    assert info.number("gamma") == 0.99
    assert info.number("reward_clip") is None
    assert info.number("layer_norm") is None, "a truth value is no number"
    assert info.flag("layer_norm") is True
    assert info.flag("gamma") is None


def test_the_events_folder_belongs_to_its_run(tmp_path: Path) -> None:
    write(tmp_path, "run.json", RUN)
    events = tmp_path / "events"
    events.mkdir()
    info = load_run_info(events)
    assert info is not None
    assert info.preset == "drive"


def test_another_trainers_directory_has_none(tmp_path: Path) -> None:
    assert load_run_info(tmp_path) is None


def test_a_run_json_of_another_tool_is_not_ours(tmp_path: Path) -> None:
    """Sacred writes one into every run."""
    write(tmp_path, "run.json", {"experiment": {"name": "td3"}, "status": "COMPLETED"})
    write(tmp_path, "status.json", "[]")
    assert load_run_info(tmp_path) is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": 7}, "format must be 1, got 7"),
        ({"planned_steps": 0}, "planned_steps must be a whole number above 0"),
        ({"train": []}, "train must be a mapping"),
    ],
)
def test_a_wrong_run_json_is_named(tmp_path: Path, change: dict[str, object], words: str) -> None:
    write(tmp_path, "run.json", {**RUN, **change})
    with pytest.raises(InputError, match=words):
        load_run_info(tmp_path)


def test_half_a_run_json_is_named(tmp_path: Path) -> None:
    write(tmp_path, "run.json", '{"format": 1,')
    with pytest.raises(InputError, match=r"run\.json cannot be read"):
        load_run_info(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "planned_steps: 5000\ntrain: {train_freq: 50, gamma: 0.9}\n",
        "planned_steps: 5000\ntrain_freq: 50\ngamma: 0.9\nunrelated: {a: 1}\n",
        '{"planned_steps": 5000, "train": {"train_freq": 50}, "gamma": 0.9}',
    ],
    ids=["nested", "flat", "json"],
)
def test_a_configuration_file(tmp_path: Path, text: str) -> None:
    info = load_config(write(tmp_path, "c.yaml", text))
    assert not info.complete
    assert info.planned_steps == 5000
    assert info.number("train_freq") == 50
    assert info.number("gamma") == 0.9


def test_a_run_json_may_be_given_as_configuration(tmp_path: Path) -> None:
    info = load_config(write(tmp_path, "run.json", RUN))
    assert info.number("gamma") == 0.99


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- a\n", "must be a mapping"),
        ("a: [", "cannot be read as YAML"),
        ("!!python/object/apply:os.system ['true']", "cannot be read as YAML"),
        ("unrelated: 1\n", "none of its keys"),
        ("gamma: .nan\n", "gamma: must be a finite number"),
        ("planned_steps: -1\ngamma: .inf\n", "planned_steps: must be a whole number"),
    ],
)
def test_a_useless_configuration_is_refused(tmp_path: Path, text: str, words: str) -> None:
    path = write(tmp_path, "c.yaml", text)
    with pytest.raises(GateConfigError, match=words) as caught:
        load_config(path)
    assert all(str(path) in mistake for mistake in caught.value.mistakes)


def test_all_mistakes_come_at_once(tmp_path: Path) -> None:
    path = write(tmp_path, "c.yaml", "planned_steps: x\ngamma: .nan\ntau: .inf\n")
    with pytest.raises(GateConfigError) as caught:
        load_config(path)
    assert len(caught.value.mistakes) == 3


def test_a_missing_configuration_is_named(tmp_path: Path) -> None:
    with pytest.raises(GateConfigError, match=r"none\.yaml"):
        load_config(tmp_path / "none.yaml")
