"""`gonogo regress` on small repositories whose trainer needs no torch."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from flows.cli.every_command import app

TRAINER = f"""
import json, random, sys
from pathlib import Path

sys.path.append({str(Path(__file__).parents[1])!r})
from any_trainer import event, event_file, record

LOSS = 1.0

run = Path(sys.argv[sys.argv.index("--run") + 1])
request = json.loads((run / "request.json").read_text())
draws = random.Random(request["seed"])
with event_file(run / "events") as file:
    for step in range(100, request["planned_steps"] + 1, 100):
        values = {{"train/critic_loss": LOSS + draws.random(), "train/episode_length": 100.0}}
        file.write(record(event(1e9 + step, step, values)))
"""


def git(folder: Path, *arguments: str) -> str:
    who = (
        "-c",
        "user.name=Test",
        "-c",
        "user.email=test@example.org",
        "-c",
        "commit.gpgsign=false",
    )
    command = ["git", "-C", str(folder), *who, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "checkout"
    (root / "trainer").mkdir(parents=True)
    (root / "trainer" / "__init__.py").touch()
    (root / "trainer" / "__main__.py").write_text(TRAINER)
    (root / ".gitignore").write_text("ignored\n")
    git(root, "init", "--quiet", "--initial-branch=main")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "--message", "before")
    monkeypatch.chdir(root)
    return root


@pytest.fixture
def regress(repository: Path, files: Path, fake_trainer: None, tmp_path: Path):
    def call(*options: str) -> Result:
        return CliRunner().invoke(
            app,
            [
                "regress", "--base", "main", "--preset", str(files / "fake.yaml"),
                "--stage", str(files / "one.yaml"), "--out", str(tmp_path / "out"), *options,
            ],
        )  # fmt: skip

    return call


def change(repository: Path, old: str, new: str) -> None:
    path = repository / "trainer" / "__main__.py"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def test_a_renamed_variable_trains_the_same(regress, repository: Path, tmp_path: Path) -> None:
    change(repository, "draws", "stream")
    before = git(repository, "status", "--porcelain")
    result = regress()
    assert result.exit_code == 0, result.output
    assert "GO  Seed 0 trained to the same values, bit for bit." in result.stdout
    report = (tmp_path / "out" / "regress.md").read_text()
    assert report.startswith("# GO: the change trains the same, bit for bit\n")
    assert f"| before | main ({git(repository, 'rev-parse', 'HEAD')[:7]}) |" in report
    assert json.loads((tmp_path / "out" / "regress.json").read_text())["answer"] == "same"
    assert git(repository, "status", "--porcelain") == before
    assert not list(repository.rglob("__pycache__")), "the checkout is not touched"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("LOSS = 1.0", "LOSS = 70.0", "critic loss is 70"),
        (
            "draws = random",
            "import nothing_such\ndraws = random",
            "its training ended with exit code 1",
        ),
    ],
)
def test_a_mistake_is_blamed_after_three_seeds(
    regress, repository: Path, tmp_path: Path, old: str, new: str, says: str
) -> None:
    change(repository, old, new)
    git(repository, "commit", "--all", "--quiet", "--message", "a mistake")
    result = regress("--base", "HEAD~1")
    assert result.exit_code == 3, result.output
    assert says in result.stdout
    report = (tmp_path / "out" / "regress.md").read_text()
    assert report.startswith("# NO-GO: the change makes training worse\n")
    assert "| seeds 0, 1 and 2 |" in report


def test_files_that_are_not_committed_count_and_ignored_ones_do_not(
    regress, repository: Path
) -> None:
    change(repository, "LOSS = 1.0", "from trainer.level import LOSS")
    (repository / "trainer" / "level.py").write_text("LOSS = 1.0\n")
    assert regress().exit_code == 0
    (repository / "trainer" / "level.py").rename(repository / "trainer" / "ignored")
    assert regress().exit_code == 3


def test_what_cannot_be_compared_is_said_in_one_sentence(
    regress, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*options: str) -> str:
        result = regress(*options)
        assert result.exit_code == 2, result.output
        assert "Traceback" not in result.output
        return result.stderr

    assert "has no such revision" in refused("--base", "no-such-branch")
    assert "has no such revision" in refused("--base", "--output=x")
    git(repository, "rm", "-r", "--quiet", "--cached", "trainer")
    (repository / "trainer").rename(tmp_path / "trainer")
    assert "the working tree holds no trainer/__main__.py" in refused()
    outside = tmp_path / "outside"
    outside.mkdir()
    monkeypatch.chdir(outside)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    assert "is in no git repository" in refused()
