"""The verdict does not wait for pictures, and a report never promises one that is not there."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from flows.judging.judge_run import Judged, judge_directory
from flows.judging.rules import Asked, Rules
from gates.findings import Verdict
from reports.context import StageContext
from reports.stage import markdown as stage_report
from tests.flows.judged_runs import write_events, write_gate

CONTEXT = StageContext(title="a run", generated_at="2026-01-01T00:00:00+00:00")
LONG_S = 120.0


def judged(tmp_path: Path, name: str, *, plots_later: bool, fail: float = 10.0) -> Judged:
    run = tmp_path / "run"
    if not run.exists():
        write_events(run)
    gate = write_gate(tmp_path / f"gate-{fail}.yaml", fail=fail)
    return judge_directory(
        run,
        Rules(stage="5k", gate=gate, planned_steps=400),
        Asked(cross_check=False),
        out=tmp_path / name,
        context=lambda _: CONTEXT,
        plots_later=plots_later,
    )


def content(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_report_says_that_its_plots_are_missing_until_they_are_drawn(tmp_path: Path) -> None:
    later = judged(tmp_path, "later", plots_later=True)
    text = later.report.read_text()
    assert f"The plots are being drawn. Should they not come: gonogo report {tmp_path}" in text
    assert ".png" not in text
    assert set(content(tmp_path / "later")) == {"report.md", "gate.json"}
    assert later.draw is not None
    later.draw()
    at_once = judged(tmp_path, "at once", plots_later=False)
    assert at_once.draw is None
    assert content(tmp_path / "later") == content(tmp_path / "at once")
    assert "plots/overview.png" in content(tmp_path / "later")


def test_plots_of_an_older_judgement_never_replace_a_newer_report(tmp_path: Path) -> None:
    older = judged(tmp_path, "out", plots_later=True)
    newer = judged(tmp_path, "out", plots_later=False, fail=0.5)
    assert newer.judgement.result.verdict is Verdict.NO_GO
    before = content(tmp_path / "out")
    assert older.draw is not None
    older.draw()
    assert content(tmp_path / "out") == before


def test_plots_that_break_leave_a_whole_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = judged(tmp_path, "out", plots_later=True)

    def no_room(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(stage_report, "write_plots", no_room)
    before = content(tmp_path / "out")
    assert later.draw is not None
    with pytest.raises(OSError, match="No space"):
        later.draw()
    assert content(tmp_path / "out") == before


@pytest.mark.parametrize("wait", [True, False])
def test_the_command_ends_with_the_verdict_and_its_plots_follow(tmp_path: Path, wait: bool) -> None:
    run, gate = write_events(tmp_path / "run"), write_gate(tmp_path / "gate.yaml")
    out = tmp_path / "out"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "gonogo", "gate", str(run), "--stage", "5k"),
            *("--gate", str(gate), "--planned-steps", "400", "--no-cross-check"),
            *("--out", str(out), *(["--wait"] if wait else [])),
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith("GO  5k:")
    deadline = time.monotonic() + (0.0 if wait else LONG_S)
    while "plots/overview.png" not in (out / "report.md").read_text():
        assert time.monotonic() < deadline, "the plots never came"
        time.sleep(0.05)
    assert (out / "plots" / "overview.png").is_file()


def test_a_judgement_imports_no_more_than_it_needs(tmp_path: Path) -> None:
    run, gate = write_events(tmp_path / "run"), write_gate(tmp_path / "gate.yaml")
    command = ["gonogo", "gate", str(run), "--stage", "5k", "--gate", str(gate)]
    command += ["--planned-steps", "400", "--out", str(tmp_path / "out")]
    heavy = {"prefect", "torch", "pandas", "tbparse", "tensorboard", "matplotlib", "PIL", "scipy"}
    heavy |= {"pydantic", "typer", "rich"}
    code = (
        f"import sys; sys.argv = {command!r}\n"
        "import flows.cli\n"
        "import flows.cli.gate as gate\n"
        "gate.after_the_command = lambda work: None\n"
        "try: flows.cli.main()\n"
        "except SystemExit as end: print(end.code, file=sys.stderr)\n"
        f"print(sorted({heavy!r} & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "0\n[]\n"
    # It was judged with the second reader all the same, which has a process of its own.
    assert '"independent_reader"' in (tmp_path / "out" / "gate.json").read_text()
