from __future__ import annotations

import os
from pathlib import Path

import pytest

from flows.errors import ServerError
from flows.prefect_environment import DEFAULTS, QUIET, home_for, prepare_environment
from flows.prefect_server import PrefectServer


@pytest.fixture
def clean(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Give back afterwards what the test lets us set."""
    for name in ("PREFECT_HOME", *DEFAULTS, *QUIET):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    return monkeypatch


def test_nothing_is_reported_to_anybody(clean: pytest.MonkeyPatch, tmp_path: Path) -> None:
    prepare_environment(tmp_path)
    assert os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
    assert os.environ["DO_NOT_TRACK"] == "1"
    assert os.environ["PREFECT_HOME"] == str(tmp_path)
    assert os.environ["PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL"] == "CRITICAL"


def test_what_the_user_set_stays(clean: pytest.MonkeyPatch, tmp_path: Path) -> None:
    clean.setenv("PREFECT_HOME", "/mine")
    clean.setenv("PREFECT_CLIENT_MAX_RETRIES", "3")
    prepare_environment(tmp_path, quiet=False)
    assert os.environ["PREFECT_HOME"] == "/mine"
    assert os.environ["PREFECT_CLIENT_MAX_RETRIES"] == "3"
    assert "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL" not in os.environ


def test_pipelines_below_runs_share_one_history(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert home_for(Path("runs/a")) == tmp_path / "runs" / ".prefect"
    assert home_for(Path("runs/deep/a")) == tmp_path / "runs" / ".prefect"
    assert home_for(Path("elsewhere/a")) == tmp_path / "elsewhere" / "a" / ".prefect"


def test_a_server_that_does_not_start_says_why_in_its_log(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    told = ("PYTHONWARNINGS", "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL")
    (tmp_path / "probe.py").write_text(
        f"import os\nprint([os.environ.get(n) for n in {told}])\n1 / 0\n"
    )
    monkeypatch.setenv("PYTHONWARNINGS", "error")
    monkeypatch.setenv("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
    server = PrefectServer(tmp_path, environment={}, app="probe:app")
    with pytest.raises(ServerError, match=r"does not start\. Its log: .*server\.log"):
        server.start()
    log = (tmp_path / "server.log").read_text()
    assert "[None, 'ERROR']" in log
    assert "ZeroDivisionError" in log
