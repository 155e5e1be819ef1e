"""A long stage that makes the policy worse is no GO, and the pipeline's report says which policy to take."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end import losing
from tests.end_to_end.conftest import write

NO_GO, CONDITIONAL = 3, 4
SHORT, LONG = 20_000, 40_000
SPOILED_AT = 5_000
FACTOR = 300
"""Thirty times the rate, and some processors' rounding lets the policy recover."""


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_stage_that_lost_is_no_go_and_the_report_begins_with_the_policy_to_take(
    tmp_path: Path, environment: dict[str, str], prefect_url: str
) -> None:
    for name, steps in (("short", SHORT), ("long", LONG)):
        write(
            tmp_path / f"{name}.yaml",
            f"""
            name: {name}
            steps: {steps}
            gate: trained.yaml
            eval: {{every_steps: {steps // 4}, episodes: 10, final_episodes: 30}}
            checkpoint: {{every_steps: {steps}}}
            """,
        )
    # Nothing but what the stage bought can decide.
    write(
        tmp_path / "trained.yaml",
        """
        name: trained
        description: All steps were made.
        checks:
          - id: planned_steps
            title: All planned steps reached
            type: completeness
            group: integrity
            min_points: 1
            rationale: A run that stopped early shows less than it was meant to show.
            source: this test
        """,
    )
    out = tmp_path / "pipeline"
    stages = f"{tmp_path / 'short.yaml'},{tmp_path / 'long.yaml'}"
    done = subprocess.run(
        [sys.executable, losing.__file__, "run", "--stages", stages, "--out", str(out)],
        cwd=tmp_path,
        env={
            **environment,
            "PREFECT_API_URL": prefect_url,
            "LOSE": f"long:{SPOILED_AT}:{FACTOR}",
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == CONDITIONAL, done.stdout + done.stderr
    gate = json.loads((out / "long" / "run-001" / "gate.json").read_text())
    assert (gate["verdict"], gate["deciding_check"]) == ("CONDITIONAL", "stage_gain")
    assert json.loads((out / "short" / "run-001" / "gate.json").read_text())["verdict"] == "GO"
    report = (out / "report.md").read_text()
    take = report.index("Policy to take")
    assert take < report.index("\n## ")
    said = report[take:].splitlines()[0]
    assert "of short, step " in said
    assert "short/run-001/checkpoints/" in said
