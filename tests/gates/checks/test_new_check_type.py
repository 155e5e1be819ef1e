"""A check type is one file and its line in the registry: added to a copy of the product, it judges a run."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]

NEW_TYPE = '''
"""`spacing`: the largest distance between two logged points of a tag."""

from typing import Literal

import numpy as np

from gates.checks.check import Description, Peers, Ruling
from gates.checks.measured import Measured
from gates.checks.two_sided import TwoSided
from gates.facts.run_facts import RunFacts
from gates.facts.values import Missing
from gates.metrics import Reduced


class SpacingCheck(TwoSided):
    """Points of a tag are logged densely."""

    type: Literal["spacing"]
    tag: str

    def judge(self, facts: RunFacts, peers: Peers) -> Ruling:
        found = facts.need(self.tag)
        if isinstance(found, Missing):
            return self.missing(facts, found)
        (series,) = found
        reduced = Reduced(
            value=float(np.diff(series.steps).max()),
            first_step=int(series.steps[0]),
            last_step=int(series.steps[-1]),
            points=len(series),
            nan_points=0,
        )
        measured = Measured(
            reduced=reduced, series=series, subject="largest spacing", statistic="of all points"
        )
        return Ruling(finding=self.compare(facts, measured, self.sides()))

    def describe(self) -> Description:
        return Description(value=f"largest spacing of `{self.tag}`", levels=self.levels_text())
'''

GATE = """
name: mine
description: One check.
checks:
  - {id: dense, title: Logged densely, type: spacing, group: integrity, tag: train/critic_loss,
     max: {fail: 100}, rationale: Because., source: a test}
"""

JUDGE = """
import sys
import numpy as np
from pathlib import Path
from gates.checks.gate_file import load_gate
from gates.judgement import judge_log
from gates.series import EventLog, Series
steps = np.array([100, 150, 200, 250, 900])
tag = "train/critic_loss"
loss = Series(tag=tag, steps=steps, values=np.ones(5), wall_times=np.zeros(5))
gate = load_gate(sys.argv[1])
log = EventLog(series={tag: loss}, files=())
result = judge_log(log, run=None, directory=Path("run"), gate=gate, stage="5k").result
print(result.verdict.value, *(f"{f.check} {f.value:g}" for f in result.findings if f.check == "dense"))
print(gate.checks[0].describe())
"""


def test_a_new_check_type_is_one_file_and_its_line(tmp_path: Path) -> None:
    product = tmp_path / "product"
    for folder in ("gates", "config"):
        shutil.copytree(ROOT / folder, product / folder)
    types = product / "gates" / "checks" / "types"
    (types / "spacing.py").write_text(NEW_TYPE)
    registry = types / "registry.py"
    registry.write_text(
        registry.read_text()
        .replace(
            "AnyCheck = (", "from gates.checks.types.spacing import SpacingCheck\nAnyCheck = ("
        )
        .replace("    | CompletenessCheck\n", "    | CompletenessCheck\n    | SpacingCheck\n")
    )
    gate = tmp_path / "mine.yaml"
    gate.write_text(GATE)
    done = subprocess.run(
        [sys.executable, "-c", JUDGE, str(gate)],
        cwd=product,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert done.stdout.splitlines() == [
        "NO_GO dense 650",
        "Description(value='largest spacing of `train/critic_loss`', levels='FAIL above 100')",
    ]
