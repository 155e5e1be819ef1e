"""The wheel, built and installed into a fresh environment that holds only what the core asks for."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import venv
import zipfile
from email.parser import Parser
from importlib import metadata
from pathlib import Path

import pytest

from tests.flows.judged_runs import write_events
from tests.generate_constraints import closure
from tests.gonogo.hostile import ROOT, hostile_path

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("hatchling", reason="the build backend is not installed: make install-dev")
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def judge_only(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with the wheel and links to the packages that its core needs, and no others."""
    environment = tmp_path_factory.mktemp("environment")
    venv.create(environment, with_pip=False)
    python = environment / "bin" / "python"
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
    subprocess.run([*install, "--no-index", "--no-deps", str(wheel)], check=True)
    with zipfile.ZipFile(wheel) as content:
        (path,) = (n for n in content.namelist() if n.endswith(".dist-info/METADATA"))
        described = Parser().parsestr(content.read(path).decode())
    core = [line for line in described.get_all("Requires-Dist", []) if "extra ==" not in line]
    site = Path(
        subprocess.check_output(
            [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], text=True
        ).strip()
    )
    for name in closure(core, without="gonogo"):
        distribution = metadata.distribution(name)
        tops = {file.parts[0] for file in distribution.files or ()} - {"..", "__pycache__"}
        for top in tops:
            if not (site / top).exists():
                (site / top).symlink_to(Path(str(distribution.locate_file(top))).resolve())
    return environment / "bin"


def call(
    bin_folder: Path, cwd: Path, *command: str, path: str = ""
) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME")}
    program, *arguments = command
    return subprocess.run(
        [str(bin_folder / program), *arguments],
        cwd=cwd,
        env={**kept, **({"PYTHONPATH": path} if path else {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


def test_its_top_level_holds_our_packages_only(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as content:
        names = content.namelist()
    tops = {name.partition("/")[0] for name in names}
    (info,) = (top for top in tops if top.endswith(".dist-info"))
    assert tops - {info} == {"carla_double", "flows", "gates", "gonogo", "reports", "trainer"}
    modules = {
        str(path.relative_to(ROOT)) for top in tops - {info} for path in (ROOT / top).rglob("*.py")
    }
    assert modules <= set(names), "no module is left out"
    yaml = {f"gonogo/{path.relative_to(ROOT)}" for path in (ROOT / "config").rglob("*.yaml")}
    assert yaml <= set(names)


def test_it_judges_without_torch_and_prefect(judge_only: Path, tmp_path: Path) -> None:
    logs = write_events(tmp_path / "logs" / "mine")
    absent = call(judge_only, tmp_path, "python", "-c", "import prefect")
    assert "No module named 'prefect'" in absent.stderr
    users = hostile_path(tmp_path / "users").split(os.pathsep)[0]
    judged = call(
        judge_only, tmp_path, "gonogo", "gate", str(logs), "--stage", "5k", "--json", path=users
    )
    assert (judged.returncode, judged.stderr) == (3, "")
    findings = {f["check"]: f for f in json.loads(judged.stdout)["findings"]}
    assert findings["independent_reader"]["outcome"] == "PASS"
    for command in (("report", "gonogo-reports/mine", "--format", "html"), ("history", ".")):
        done = call(judge_only, tmp_path, "gonogo", *command, path=users)
        assert (done.returncode, done.stderr) == (0, "")
    replayed = call(judge_only, tmp_path, "gonogo", "backtest", "logs", "--gate", "5k", path=users)
    assert replayed.returncode in (0, 3), replayed.stderr
    code = f"import gonogo; print(gonogo.judge({str(logs)!r}, stage='5k').verdict.value)"
    assert call(judge_only, tmp_path, "python", "-c", code, path=users).stdout == "NO_GO\n"


@pytest.mark.parametrize(
    ("command", "extra"),
    [
        (("run",), "run"),
        (("stage", "5k"), "run"),
        (("serve",), "run"),
        (("carla-double",), "carla"),
    ],
)
def test_a_command_names_the_extra_that_it_lacks(
    judge_only: Path, tmp_path: Path, command: tuple[str, ...], extra: str
) -> None:
    done = call(judge_only, tmp_path, "gonogo", *command)
    assert done.returncode == 2
    (sentence,) = done.stderr.splitlines()
    assert re.fullmatch(rf"gonogo: This needs the extra {extra} .*'gonogo\[{extra}\]'", sentence)
    assert list(tmp_path.iterdir()) == []


def test_the_doctor_tells_what_is_left_out(judge_only: Path, tmp_path: Path) -> None:
    done = call(judge_only, tmp_path, "gonogo", "doctor")
    assert done.returncode == 0, done.stdout
    assert "gonogo[run]" in done.stdout
    assert "MISSING" not in done.stdout
