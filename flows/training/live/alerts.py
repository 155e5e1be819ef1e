"""Warnings and criticals of the live checks: said once each, kept in alerts.jsonl; they stop nothing."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from flows.records.json_file import utc_now
from flows.settings.supervision import LiveSettings
from gates.checks.gate_file import GateSpec
from gates.checks.types.derived_limit import DerivedLimitCheck
from gates.findings import Finding, Outcome

ALERTS_FILE = "alerts.jsonl"
WARNING, CRITICAL = "warning", "critical"


class Alert(BaseModel):
    """One line of alerts.jsonl."""

    model_config = ConfigDict(extra="ignore", frozen=True, ser_json_inf_nan="strings")

    at: str
    """UTC, ISO 8601."""
    step: int
    level: str
    """`warning` or `critical`."""
    check: str
    title: str
    value: float | None = None
    limit: float | None = None
    """Level that was exceeded; None where the check has none."""
    reason: str

    @property
    def sentence(self) -> str:
        """The alert as a line for people."""
        return f"{self.level} at step {self.step:,}: {self.title}: {self.reason}"


class AlertLog:
    """The alerts of one run; each check raises each level once, however often it comes back."""

    def __init__(self, run: Path, gate: GateSpec, settings: LiveSettings) -> None:
        self._path = run / ALERTS_FILE
        self._settings = settings
        self._derived = {c.id: c for c in gate.checks if isinstance(c, DerivedLimitCheck)}
        self._raised = {(alert.check, alert.level) for alert in read_alerts(run)}
        self._pending: dict[tuple[str, str], int] = {}

    @property
    def words(self) -> str:
        """How many were raised, for a line of progress; empty without any."""
        counts = [(level, sum(one == level for _, one in self._raised)) for level in _LEVELS]
        return ", ".join(f"{n} {_plural(level, n)}" for level, n in counts if n)

    def observe(self, findings: Iterable[Finding], step: int, sure: str = "") -> list[Alert]:
        """Take note of a judgement; return the alerts that held in enough judgements in a row.

        Args:
            findings: Of the live checks whose evidence is there.
            step: Newest logged environment step.
            sure: Check that the run is lost by already, so that nothing is waited for.
        """
        found: dict[tuple[str, str], Alert] = {}
        for finding in findings:
            level, limit = self._level(finding)
            if level:
                found[finding.check, level] = Alert(
                    at=utc_now(),
                    step=step,
                    level=level,
                    check=finding.check,
                    title=finding.title,
                    value=_finite(finding.value),
                    limit=_finite(limit),
                    reason=finding.reason,
                )
        self._pending = {key: self._pending.get(key, 0) + 1 for key in found}
        new = [
            alert
            for key, alert in found.items()
            if key not in self._raised
            and (key[0] == sure or self._pending[key] >= self._settings.judgements)
        ]
        for alert in new:
            self._raised.add((alert.check, alert.level))
        if new:
            # A full disk is no reason to stop watching.
            with contextlib.suppress(OSError), self._path.open("a", encoding="utf-8") as file:
                file.writelines(f"{alert.model_dump_json()}\n" for alert in new)
        return new

    def _level(self, finding: Finding) -> tuple[str, float | None]:
        """Return the level of a finding and the value that it exceeds."""
        check = self._derived.get(finding.check)
        if check is not None and check.bound == "q_value":
            bound = finding.limit_origin.bound if finding.limit_origin is not None else None
            if bound is not None and finding.value is not None:
                for level, share in (
                    (CRITICAL, self._settings.critical_share),
                    (WARNING, self._settings.warning_share),
                ):
                    if abs(finding.value) > share * bound:
                        return level, share * bound
                return "", None
        if finding.outcome is Outcome.FAIL and finding.required:
            return CRITICAL, finding.limit
        if finding.outcome in (Outcome.FAIL, Outcome.WARN):
            return WARNING, finding.limit
        return "", None


_LEVELS = (CRITICAL, WARNING)


def read_alerts(run: Path) -> tuple[Alert, ...]:
    """Read alerts.jsonl; lines that cannot be understood are passed over."""
    alerts: list[Alert] = []
    with contextlib.suppress(OSError, UnicodeDecodeError):
        for line in (run / ALERTS_FILE).read_text(encoding="utf-8").splitlines():
            with contextlib.suppress(ValidationError):
                alerts.append(Alert.model_validate_json(line))
    return tuple(alerts)


def _finite(value: float | None) -> float | None:
    return value if value is None or math.isfinite(value) else None


def _plural(level: str, count: int) -> str:
    return level if count == 1 else f"{level}s"
