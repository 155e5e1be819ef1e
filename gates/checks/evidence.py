"""Evidence for each check: the faults that tripped it, and how many sound runs it judged without a false alarm."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

import yaml
from msgspec import Meta

from gates.checks.check import Check
from gates.errors import GateConfigError
from gates.runs.config_files import config_dir, parse_yaml
from gates.schema import Count, Keys, MistakesError, Text, read

Bench = Literal["fault bench", "recipe bench", "SB3 bench", "stored runs", "synthetic runs"]
"""Trained with a fault or soundly; by recipes drawn at random; the same by Stable-Baselines3; kept event files; series
made by a formula."""


_Number = Annotated[int, Meta(ge=0)]


class Tripped(Keys, frozen=True, kw_only=True):
    """A fault that a check found."""

    fault: Text
    """Name of the fault, `actor_encoder_leak`."""
    bench: Bench
    runs: Count
    """Runs with this fault in which the check did not pass."""
    smallest: float | None = None
    """Value nearest to the level that was broken; none where it is not finite."""
    level: float | None = None


class Sound(Keys, frozen=True, kw_only=True):
    """What a check said of runs without a fault."""

    bench: Bench
    runs: _Number
    """Sound runs that it judged."""
    not_applied: _Number = 0
    """Sound runs that it did not apply to."""
    false_alarms: _Number
    """Judged ones that it did not pass."""
    nearest: float | None = None
    """Largest share of its level that the value of a PASS came to; none where values have no scale."""


class Evidence(Keys, frozen=True, kw_only=True):
    """What is known about one check."""

    tripped: tuple[Tripped, ...] = ()
    sound: tuple[Sound, ...] = ()

    @property
    def false_alarms(self) -> int:
        """Sound runs that the check did not pass."""
        return sum(found.false_alarms for found in self.sound)

    @property
    def sound_runs(self) -> int:
        """Sound runs that the check was asked about."""
        return sum(found.runs + found.not_applied for found in self.sound)


class EvidenceFile(Keys, frozen=True, kw_only=True):
    """Evidence by the id of the check."""

    checks: Mapping[str, Evidence]


def load_evidence() -> Mapping[str, Evidence]:
    """Read config/evidence.yaml.

    Raises:
        GateConfigError: The file is missing or has mistakes.
    """
    path = config_dir() / "evidence.yaml"
    try:
        return read(parse_yaml(path.read_text(encoding="utf-8")), EvidenceFile).checks
    except (OSError, yaml.YAMLError, MistakesError) as error:
        raise GateConfigError((f"{path}: {' '.join(str(error).split())}",)) from error


def why_it_may_not_gate(check: Check, evidence: Mapping[str, Evidence]) -> str:
    """Say what is missing before a check may be required; empty where nothing is, or where it counts for nothing."""
    if not check.required or check.dry_run:
        return ""
    found = evidence.get(check.id, Evidence())
    if not found.tripped:
        missing = "no fault is known to trip it"
    elif not found.sound_runs:
        missing = "it was never asked about a sound run"
    elif found.false_alarms:
        missing = f"it did not pass {found.false_alarms} of {found.sound_runs} sound runs"
    else:
        return ""
    return (
        f"{check.id} is required, but {missing}: put a run into a bench and update config/evidence.yaml, or make the "
        "check advisory or a dry run"
    )
