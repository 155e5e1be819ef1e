from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from flows.commands import doctor
from flows.commands.doctor import Fact


def test_a_version_that_does_not_fit_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    versions = {"gonogo": "1.0", "good": "2.1", "old": "0.9"}

    def version(name: str) -> str:
        if name not in versions:
            raise doctor.metadata.PackageNotFoundError(name)
        return versions[name]

    wishes = ["good>=2,<3", "old==1.0", "absent>=1", "elsewhere>=1; extra == 'dev'", "???"]
    monkeypatch.setattr(doctor.metadata, "version", version)
    monkeypatch.setattr(doctor.metadata, "requires", lambda name: wishes)
    problems = {fact.topic: fact.problem for fact in doctor.packages()}
    assert problems == {
        "gonogo": "",
        "absent": "pip install 'absent>=1'",
        "good": "",
        "old": "pip install 'old==1.0'",
    }


def test_a_torch_that_does_not_start_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_TORCH_PROBE", "raise ImportError('libcudart is missing')")
    (fact,) = doctor.torch()
    assert fact.found == "ImportError: libcudart is missing"
    assert fact.problem


def test_little_disk_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda path: SimpleNamespace(free=10**8))
    facts = {fact.topic: fact for fact in doctor.machine()}
    assert facts["free disk"].problem == "free 2 GiB or use --out"
    assert not facts["may write"].problem


def test_a_folder_without_write_permission_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    def refuse(**options: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(doctor.tempfile, "TemporaryFile", refuse)
    facts = {fact.topic: fact for fact in doctor.machine()}
    assert facts["may write"].problem.startswith("Permission denied")


def test_every_shipped_preset_can_run_here_or_says_why() -> None:
    facts = {fact.topic: fact for fact in doctor.presets()}
    assert not facts["preset drive"].problem, facts["preset drive"].problem
    assert set(facts) >= {"preset drive", "preset drive-84", "preset pendulum"}
    for fact in facts.values():
        assert (fact.found == "cannot run here") == bool(fact.problem)


@pytest.mark.parametrize(("needed", "code"), [(True, 1), (False, 0)])
def test_the_exit_code_counts_only_what_is_needed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], needed: bool, code: int
) -> None:
    fact = Fact(topic="thing [red]", found="not there", problem="get it", needed=needed)
    monkeypatch.setattr(doctor, "PROBES", (lambda: [fact],))
    assert doctor.show() == code
    output = capsys.readouterr().out
    assert "thing [red]" in output
    assert ("MISSING" in output) == needed
