"""`trainer` in a preset: what is filled in, and each mistake as one sentence before anything starts."""

from __future__ import annotations

import json
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from flows.errors import ConfigError
from flows.records.recipe import recipe_hash
from flows.settings.plan import StagePlan, resolve_plan
from flows.settings.trainers.placeholders import fill_all, mistakes_in

Preset = Callable[..., Path]


@pytest.fixture
def preset(files: Path) -> Preset:
    """Write a preset with a trainer by command; keywords replace keys below `trainer`."""
    (files / "train.py").write_text("print('trains')\n")

    def make(**changes: object) -> Path:
        trainer: dict[str, object] = {
            "command": ["{python}", "train.py", "--steps={steps}", "--lr", "{lr}"],
            "dialect": "cleanrl",
            "values": {"lr": 1.0e-4},
        }
        trainer.update(changes)
        content = {"name": "mine", "trainer": {k: v for k, v in trainer.items() if v is not None}}
        path = files / "mine.yaml"
        path.write_text(yaml.safe_dump(content))
        return path

    return make


def plan_of(path: Path, *overrides: str, seed: int = 3) -> StagePlan:
    plan = resolve_plan(
        preset=str(path), stages=[str(path.parent / "one.yaml")], seed=seed, overrides=overrides
    )
    return plan.stages[0]


def command_of(path: Path, *overrides: str) -> list[str]:
    trainer = plan_of(path, *overrides).trainer
    assert trainer is not None
    return trainer.arguments(Path("/runs/r1"), attempt=2)


def mistake_of(path: Path, *overrides: str) -> str:
    with pytest.raises(ConfigError) as caught:
        plan_of(path, *overrides)
    (mistake,) = caught.value.mistakes
    return mistake


def test_placeholders_are_filled_in_without_a_shell(preset: Preset) -> None:
    command = [
        "{python}", "train.py", "{steps}", "{seed}", "{stage}", "{preset}", "{run}", "{events}",
        "{attempt}", "{eval_every_steps}", "{eval_episodes}", "{checkpoint_every_steps}",
        "a b; rm -rf $HOME", "{{x}}", "{sizes}", "--lr={lr}", 7, True,
    ]  # fmt: skip
    path = preset(command=command, values={"lr": 1.0e-4, "sizes": [400, 300]})
    assert command_of(path) == [
        sys.executable, "train.py", "400", "3", "one", "mine", "/runs/r1", "/runs/r1/events",
        "2", "100", "1", "100",
        "a b; rm -rf $HOME", "{x}", "400", "300", "--lr=0.0001", "7", "true",
    ]  # fmt: skip


def test_a_value_may_hold_braces_and_is_not_filled_in_again() -> None:
    assert fill_all(["{a}", "x{a}"], {"a": "{b}", "b": 1}) == ["{b}", "x{b}"]
    assert mistakes_in("{a}", {"a": "{nothing}"}) == []


def test_values_are_changed_from_the_command_line(preset: Preset) -> None:
    path = preset()
    assert command_of(path, "trainer.values.lr=3e-4")[-1] == "0.0003"
    before, after = plan_of(path), plan_of(path, "trainer.values.lr=3e-4")
    assert before.resolved["train"] == {"lr": 1.0e-4}
    assert recipe_hash(before) != recipe_hash(after)
    assert before.resolved["config_sha256"] != after.resolved["config_sha256"]


def test_the_recipe_follows_the_script_and_request_json_holds_everything(preset: Preset) -> None:
    path = preset(exit_codes={75: "simulator_lost"})
    first = plan_of(path)
    request = json.loads(json.dumps(first.request))
    assert request == first.request
    assert request["trainer"]["cwd"] == str(path.parent)
    assert request["trainer"]["exit_codes"] == {"75": "simulator_lost"}
    before = recipe_hash(first)
    assert recipe_hash(plan_of(path)) == before
    (path.parent / "train.py").write_text("print('trains otherwise')\n")
    assert recipe_hash(plan_of(path)) != before


def test_environment_and_folder(preset: Preset, files: Path) -> None:
    (files / "code").mkdir()
    (files / "code" / "train.py").touch()
    trainer = plan_of(preset(cwd="code", env={"THREADS": 1, "OUT": "{run}/x{lr}"})).trainer
    assert trainer is not None
    assert trainer.cwd == files / "code"
    environment = trainer.environment(Path("/runs/r1"), attempt=1)
    assert (environment["THREADS"], environment["OUT"]) == ("1", "/runs/r1/x0.0001")
    assert "PATH" in environment


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"command": ["{python}", "train.py", "{stepz}", "{lr}"]},
         "trainer.command: unknown placeholder {stepz} in '{stepz}'; did you mean steps?; there are {attempt}"),
        ({"command": ["{python}", "train.py", "{steps", "{lr}"]},
         "trainer.command: the brace at position 1 of '{steps' has no partner; write {{ for a brace itself"),
        ({"command": ["{python}", "train.py", "steps}", "{lr}"]}, "of 'steps}' has no partner; write }}"),
        ({"command": ["{python}", "train.py", "{steps!r}", "{lr}"]}, "has no partner"),
        ({"command": "python train.py {lr}"},
         'trainer.command: must be a list of arguments, since no shell is involved: ["python", "train.py"'),
        ({"command": None}, "trainer.command: missing"),
        ({"command": []}, "trainer.command: "),
        ({"command": ["pythn", "train.py", "{lr}"]}, "trainer.command: there is no program 'pythn' on the PATH"),
        ({"command": ["./start.sh", "{lr}"]}, "trainer.command: there is no program"),
        ({"command": ["{python}", "trian.py", "{lr}"]}, "trainer.command: there is no file trian.py in"),
        ({"command": ["{python}", "train.py", "{lr}", "{checkpoint}"]},
         "trainer.command: unknown placeholder {checkpoint}"),
        ({"dialect": "cleanlr"}, "trainer.dialect: there is no dialect 'cleanlr'; there are own,"),
        ({"dialect": None}, "trainer.dialect: missing; it says which tags the trainer logs"),
        ({"dialect": "./none.yaml"}, "trainer.dialect: "),
        ({"values": {"lr": 1, "tau": 2}}, "trainer.values.tau: neither command nor env uses {tau}"),
        ({"values": {"lr": None}}, "trainer.values.lr: must be a number, a text, true, false or a list"),
        ({"values": {"lr": 1, "steps": 2}}, "trainer.values.steps: {steps} has a meaning of its own"),
        ({"values": {"lr": [1, 2]}, "command": ["{python}", "train.py", "--lr={lr}"]},
         "trainer.command: {lr} is a list and becomes several arguments, so it must stand alone"),
        ({"cwd": "nowhere"}, "trainer.cwd: there is no folder"),
        ({"env": {"A": "{nope}"}}, "trainer.env.A: unknown placeholder {nope}"),
        ({"resume": ["--resume={checkpoint}"]}, "trainer.resume: {checkpoint} needs trainer.checkpoints"),
        ({"checkpoints": "{run}/*.pt"}, "trainer.checkpoints: has no effect without trainer.resume"),
        ({"exit_codes": {75: "lost"}}, "trainer.exit_codes.75: 'lost' is no kind of end; there are 'finished'"),
        ({"exit_codes": {750: "killed"}}, "trainer.exit_codes.750: "),
        ({"silent_s": 0}, "trainer.silent_s: "),
        ({"comand": ["x"]}, "trainer.comand: unknown key; did you mean trainer.command?"),
    ],
)  # fmt: skip
def test_each_mistake_is_one_sentence(
    preset: Preset, changes: dict[str, object], says: str
) -> None:
    path = preset(**changes)
    mistake = mistake_of(path)
    assert mistake.startswith(f"{path}: ")
    assert says in mistake
    assert "\n" not in mistake


def test_overrides_that_do_not_fit(preset: Preset, files: Path, fake_trainer: None) -> None:
    path = preset()
    mistake = mistake_of(path, "train.lr=1")
    assert mistake.endswith("starts a command of its own; its values are trainer.values.lr")
    assert (
        "--set trainer.values.lrr=1: trainer.values.lrr: neither command nor env uses {lrr}"
        in mistake_of(path, "trainer.values.lrr=1")
    )
    assert "is for our own trainer" in mistake_of(files / "fake.yaml", "trainer.values.lr=1")
    path.write_text(path.read_text() + "train: {lr: 1}\n")
    assert "train: is for our trainer and cannot stand beside trainer" in mistake_of(path)


def test_a_program_that_may_not_be_executed(preset: Preset, files: Path) -> None:
    script = files / "start.sh"
    script.write_text("#!/bin/sh\n")
    path = preset(command=["./start.sh", "{lr}"])
    assert "may not be executed; run chmod +x" in mistake_of(path)
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    assert plan_of(path).trainer is not None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("python train.py\n", "does not say what runs it; begin it with #!/bin/bash"),
        ("#!/bin/sh\r\npython train.py\r\n", "has the line ends of Windows"),
        (
            "#!/no/such/python\n",
            "is run by /no/such/python, by its first line, and that is not there",
        ),
    ],
)
def test_a_script_that_cannot_be_started(preset: Preset, files: Path, text: str, says: str) -> None:
    script = files / "start.sh"
    script.write_bytes(text.encode())
    script.chmod(0o755)
    assert says in mistake_of(preset(command=["./start.sh", "{lr}"]))


@pytest.mark.parametrize("first", ["#!/usr/bin/env bash", "#! ./python -u", "\x7fELF\x02\x01"])
def test_what_a_first_line_may_be(preset: Preset, files: Path, first: str) -> None:
    (files / "python").write_text("#!/bin/sh\n")
    script = files / "start.sh"
    script.write_text(f"{first}\n")
    script.chmod(0o755)
    assert plan_of(preset(command=["./start.sh", "{lr}"])).trainer is not None


@pytest.mark.parametrize(
    ("option", "says"),
    [
        ("--cidfile=x", "leave --cidfile out"),
        ("--detach", "must run in the foreground"),
        ("-d", "must run in the foreground"),
    ],
)
def test_containers_run_in_the_foreground(
    preset: Preset, files: Path, option: str, says: str
) -> None:
    docker = files / "docker"
    docker.write_text("#!/bin/sh\n")
    docker.chmod(0o755)
    command = ["./docker", "run", "--rm", option, "image", "python", "train.py", "{lr}"]
    assert says in mistake_of(preset(command=command))


def test_a_mapping_file_of_ones_own_is_checked(preset: Preset, files: Path) -> None:
    (files / "tags.yaml").write_text("name: mine\ntags: {loss: {to: train/critic_los}}\n")
    mistake = "\n".join(_mistakes(preset(dialect="tags.yaml")))
    assert "train/critic_los" in mistake
    (files / "tags.yaml").write_text(
        "name: mine\ntitle: mine\nsource: here\ntags: {loss: {to: train/critic_loss}}\n"
    )
    trainer = plan_of(preset(dialect="tags.yaml")).trainer
    assert trainer is not None
    assert trainer.dialect == str(files / "tags.yaml")


def _mistakes(path: Path) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        plan_of(path)
    return caught.value.mistakes
