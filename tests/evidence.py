"""Writes config/evidence.yaml: what each check said of faulty and of sound runs.

The benches update their own part (`--evidence`); `python -m tests.evidence_without_training` the rest.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from gates.checks.evidence import Bench, Evidence, EvidenceFile, Sound, Tripped, load_evidence
from gates.checks.gate_file import gate_names, load_gate
from gates.findings import Finding, GateResult, Outcome
from gates.runs.config_files import config_dir
from gates.schema import plain


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A run whose truth is known, and what the gate said."""

    fault: str | None
    """None for a sound run."""
    result: GateResult
    only: str = ""
    """Check that the run was made for; empty: all."""


@dataclass
class _Tally:
    tripped: dict[str, list[Finding]] = field(default_factory=dict)
    sound: int = 0
    not_applied: int = 0
    alarms: int = 0
    shares: list[float] = field(default_factory=list)


def update(bench: Bench, runs: Iterable[Judged]) -> None:
    """Replace a bench's part of config/evidence.yaml."""
    fresh = collect(bench, runs)
    merged: dict[str, Evidence] = {}
    known = load_evidence()
    for check in sorted({*known, *fresh}):
        old, new = known.get(check, Evidence()), fresh.get(check, Evidence())
        kept_faults = [t for t in old.tripped if t.bench != bench]
        kept_sound = [s for s in old.sound if s.bench != bench]
        merged[check] = Evidence(
            tripped=tuple(sorted([*kept_faults, *new.tripped], key=lambda t: (t.bench, t.fault))),
            sound=tuple(sorted([*kept_sound, *new.sound], key=lambda s: s.bench)),
        )
    content = _written(plain(EvidenceFile(checks=merged)))
    text = yaml.safe_dump(content, sort_keys=False, width=140, default_flow_style=None)
    head = "# What each check said of faulty and of sound runs; the benches write it, docs/gates.md shows it.\n"
    (config_dir() / "evidence.yaml").write_text(head + text, encoding="utf-8")
    write_nearness(merged)


def _written(content: Any) -> Any:
    """Leave out what is null."""
    if isinstance(content, dict):
        return {key: _written(value) for key, value in content.items() if value is not None}
    return [_written(item) for item in content] if isinstance(content, (list, tuple)) else content


_ENOUGH = 20
"""Sound runs, of which the nearest one says where sound runs lie."""


def write_nearness(known: Mapping[str, Evidence]) -> None:
    """Write config/nearness.json, the part of the evidence that every judgement reads."""
    rows = {}
    for check, evidence in sorted(known.items()):
        trained = [
            s for s in evidence.sound if s.bench != "synthetic runs" and s.nearest is not None
        ]
        if sum(s.runs for s in trained) >= _ENOUGH:
            rows[check] = {
                "share": max(s.nearest or 0.0 for s in trained),
                "runs": sum(s.runs for s in trained),
            }
    text = json.dumps({"format": 1, "checks": rows}, indent=1) + "\n"
    (config_dir() / "nearness.json").write_text(text, encoding="utf-8")


def collect(bench: Bench, runs: Iterable[Judged]) -> dict[str, Evidence]:
    """Return the evidence of one bench for every check of the shipped gates that judged one of its runs.

    Of a check that gates at some stage only those findings count that could have decided.
    """
    checks = [check for name in gate_names() for check in load_gate(name).checks]
    known = {check.id for check in checks}
    gating = {check.id for check in checks if check.required and not check.dry_run}
    tallies: dict[str, _Tally] = {}
    for run in runs:
        for skipped in run.result.not_applicable if run.fault is None else ():
            tallies.setdefault(skipped.check, _Tally()).not_applied += 1
        for finding in run.result.findings:
            if finding.check not in known or (run.only and finding.check != run.only):
                continue
            if finding.outcome is Outcome.INCONCLUSIVE and not finding.required:
                continue  # Not logged: nothing was judged.
            if finding.check in gating and (finding.dry_run or not finding.required):
                continue
            tally = tallies.setdefault(finding.check, _Tally())
            passed = finding.outcome is Outcome.PASS
            if run.fault is None:
                tally.sound += 1
                tally.alarms += _alarming(finding)
                if (share := finding.share_of_level) is not None:
                    tally.shares.append(share)
            elif not passed and (
                finding.type == "presence" or finding.outcome is not Outcome.INCONCLUSIVE
            ):
                tally.tripped.setdefault(run.fault, []).append(finding)
    return {
        check: Evidence(
            tripped=tuple(_tripped(bench, *item) for item in sorted(tally.tripped.items())),
            sound=_sound(bench, tally),
        )
        for check, tally in tallies.items()
    }


def _sound(bench: Bench, tally: _Tally) -> tuple[Sound, ...]:
    if not tally.sound + tally.not_applied:
        return ()
    # Rounded up, so that no run of the bench lies beyond it.
    nearest = math.ceil(1e4 * max(tally.shares)) / 1e4 if tally.shares else None
    return (
        Sound(
            bench=bench,
            runs=tally.sound,
            not_applied=tally.not_applied,
            false_alarms=tally.alarms,
            nearest=nearest,
        ),
    )


def _alarming(finding: Finding) -> bool:
    """Whether a finding of a sound run is a false alarm.

    About learning, what is logged and how far the run came, a WARN says that something is undecided.
    """
    if finding.outcome is Outcome.WARN:
        return finding.group != "learning" and finding.type not in ("presence", "completeness")
    return finding.outcome is not Outcome.PASS


def _tripped(bench: Bench, fault: str, findings: list[Finding]) -> Tripped:
    finite = [
        (f.value, f.limit)
        for f in findings
        if f.value is not None and f.limit is not None and math.isfinite(f.value)
    ]
    nearest = min(finite, key=lambda pair: _distance(*pair), default=(None, None))
    value, level = (None if n is None else float(f"{n:.3g}") for n in nearest)
    return Tripped(fault=fault, bench=bench, runs=len(findings), smallest=value, level=level)


def _distance(value: float, level: float) -> float:
    if value and level and (value > 0) == (level > 0):
        return abs(math.log(value / level))
    return abs(value - level)
