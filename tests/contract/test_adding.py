"""What CONTRIBUTING.md says about adding to the gates: each addition, made in a copy of the product, judges a run.

A gate file and a mapping file need no line of the product. A check type, a law and a cause are a file, or an entry, and
their line in the one list of their kind. Environments and algorithms are added in tests/trainer.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from trainer.run.event_writer import EventWriter

ROOT = Path(__file__).resolve().parents[2]

CHECK_TYPE = '''
"""`spacing`: the largest distance between two logged points of a tag."""

from typing import ClassVar

import numpy as np

from gates.checks.check import Description, Peers, Ruling
from gates.checks.measured import Measured
from gates.checks.two_sided import TwoSided
from gates.facts.run_facts import RunFacts
from gates.facts.values import Missing
from gates.metrics import Reduced


class SpacingCheck(TwoSided, frozen=True, kw_only=True, tag="spacing"):
    """Points of a tag are logged densely."""

    assumes: ClassVar[tuple[str, ...]] = ("Rows are written evenly.",)
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

LAW = '''
"""A law of losses."""

from gates.facts.run_facts import RunFacts
from gates.facts.values import Missing
from gates.laws.quantity import Quantity, derived, pair_tags


def loss_against_itself(facts: RunFacts) -> Quantity | Missing:
    """Critic loss over itself; exactly 1."""
    found = facts.need("train/critic_loss")
    if isinstance(found, Missing):
        return found
    (loss,) = found
    series = derived("loss_against_itself", loss.steps, loss.values / loss.values, "loss / loss")
    return Quantity(series=series, points=len(loss), tags=pair_tags(found))
'''

LAW_ENTRY = """
        Law(
            name="loss_against_itself",
            words="critic loss / critic loss",
            quantity=losses.loss_against_itself,
            fact=lambda b: f"the loss is {b.times} itself",
            assumes=("No loss is 0.",),
        ),"""

RULE = '''
def sparse_logging(signs: Signs, findings: tuple[Finding, ...]) -> Suspicion | None:
    """A tag is logged too rarely."""
    finding = _failed(findings, "spacing")
    if finding is None:
        return None
    evidence = (f"{finding.value:g} steps without a point.",)
    return Suspicion(cause="sparse_logging", evidence=evidence)


'''

CAUSE_ENTRY = """
    "sparse_logging": Cause(
        title="The trainer logs too rarely",
        meaning="Nothing is known between two points.",
        refuted_by="Points that are close together.",
        instruction="Log more often.",
        rank=9,
    ),"""

GATE = """
name: mine
description: One check of each new kind.
checks:
  - {id: dense, title: Logged densely, type: spacing, group: integrity, tag: train/critic_loss,
     max: {fail: 100}, rationale: Because., source: a test}
  - {id: same, title: Loss is itself, type: consistency, group: critic, law: loss_against_itself,
     max: {fail: 1.5}, rationale: Because., source: a test}
"""

DIALECT = """
name: my_trainer
title: My trainer
tags:
  loss/q: {to: train/critic_loss}
"""


def put(file: Path, anchor: str, added: str) -> None:
    """Put text behind the only place where `anchor` stands."""
    text = file.read_text(encoding="utf-8")
    assert text.count(anchor) == 1, f"{file.name} has no single {anchor!r}"
    file.write_text(text.replace(anchor, anchor + added), encoding="utf-8")


@pytest.fixture
def product(tmp_path: Path) -> Path:
    """Return a copy of what judges, with a check type, a law and a cause added as CONTRIBUTING.md says."""
    home = tmp_path / "product"
    for package in ("gonogo", "flows", "reports", "gates", "config"):
        shutil.copytree(ROOT / package, home / package)
    types, laws, diagnosis = (home / "gates" / n for n in ("checks/types", "laws", "diagnosis"))
    (types / "spacing.py").write_text(CHECK_TYPE)
    imported = "from gates.checks.types.retention import RetentionCheck\n"
    put(
        types / "registry.py",
        imported,
        "from gates.checks.types.spacing import SpacingCheck\n",
    )
    put(types / "registry.py", "    | CompletenessCheck\n", "    | SpacingCheck\n")
    (laws / "losses.py").write_text(LAW)
    put(
        laws / "table.py",
        "from gates.laws.quantity import Quantity\n",
        "from gates.laws import losses\n",
    )
    put(laws / "table.py", "    for law in (", LAW_ENTRY)
    put(diagnosis / "causes" / "run.py", "RUN: Mapping[str, Cause] = {", CAUSE_ENTRY)
    run_rules = "RUN_RULES: tuple[RunRule, ...] = ("
    put(diagnosis / "run.py", run_rules, "\n    sparse_logging,")
    rules = (diagnosis / "run.py").read_text(encoding="utf-8")
    (diagnosis / "run.py").write_text(rules.replace(run_rules, RULE + run_rules), encoding="utf-8")
    return home


def gate(product: Path, tmp_path: Path, steps: tuple[int, ...]) -> tuple[int, dict[str, Any]]:
    """Judge a run of another trainer by the copy's command; return exit code and gate.json."""
    with EventWriter(tmp_path / "run") as writer:
        for step in steps:
            writer.write(step, {"loss/q": 2.0})
    (tmp_path / "mine.yaml").write_text(GATE)
    (tmp_path / "my-trainer.yaml").write_text(DIALECT)
    files = ("--gate", tmp_path / "mine.yaml", "--dialect", tmp_path / "my-trainer.yaml")
    out = ("--out", tmp_path / "out", "--stage", "5k", "--planned-steps", steps[-1], "--json")
    done = subprocess.run(
        [sys.executable, "-m", "gonogo", "gate", *map(str, (tmp_path / "run", *files, *out))],
        cwd=product,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def test_a_check_type_a_law_a_cause_and_a_dialect_judge_a_run(
    product: Path, tmp_path: Path
) -> None:
    code, told = gate(product, tmp_path, (100, 150, 200, 250, 900))
    found = {f["check"]: (f["outcome"], f["value"]) for f in told["findings"]}
    assert found["dense"] == ("FAIL", 650)
    assert found["same"] == ("PASS", 1)
    (diagnosis,) = told["diagnoses"]
    assert diagnosis["cause"] == "sparse_logging"
    assert diagnosis["evidence"] == ["650 steps without a point."]
    assert (code, told["verdict"], told["deciding_check"]) == (3, "NO_GO", "dense")
    report = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    assert "The trainer logs too rarely" in report


def test_they_are_silent_about_a_run_without_the_fault(product: Path, tmp_path: Path) -> None:
    _, told = gate(product, tmp_path, (100, 150, 200, 250, 300))
    found = {f["check"]: f["outcome"] for f in told["findings"]}
    assert (found["dense"], found["same"]) == ("PASS", "PASS")
    assert told["diagnoses"] == []
