"""Values that a judgement consists of: outcomes, findings, diagnoses and the result that becomes gate.json."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum


class Outcome(str, Enum):
    """What a check says; ordered from harmless to grave by `severity`."""

    PASS = "PASS"
    WARN = "WARN"
    INCONCLUSIVE = "INCONCLUSIVE"
    FAIL = "FAIL"

    @property
    def severity(self) -> int:
        """0 for PASS up to 3 for FAIL."""
        return list(Outcome).index(self)


class Verdict(str, Enum):
    """What a gate decides; CONDITIONAL needs a person's decision."""

    GO = "GO"
    CONDITIONAL = "CONDITIONAL"
    NO_GO = "NO_GO"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """The outcome of one check, with the numbers that repeat it."""

    check: str
    """Stable identifier, the key in the gate file: `actor_q_bound`."""
    title: str
    """Name for people: `Actor Q within its bound`."""
    outcome: Outcome
    required: bool
    reason: str
    """One sentence with value, limit and step."""
    value: float | None = None
    limit: float | None = None
    """The level that was broken, or the one that FAIL starts at when none was."""
    warn_limit: float | None = None
    """The level that WARN starts at, if there is one."""
    direction: str = ""
    """`max` when the value may not exceed the limit, `min` when it may not fall below, empty otherwise."""
    statistic: str = ""
    """How the value was reduced: `mean of the last 20 %`."""
    unit: str = ""
    tag: str = ""
    """Series behind the value, for the plot; empty when there is none."""
    on_axis: bool = False
    """Value and limit are on the scale of the series behind `tag`, so a plot may draw them beside it."""
    first_step: int | None = None
    last_step: int | None = None
    points: int = 0
    breach_step: int | None = None
    """First step at which the limit was broken."""
    limit_source: str = ""
    """Where the limit comes from, with the derivation in numbers when it was derived."""
    rationale: str = ""
    """Why this is checked, one line."""
    group: str = ""
    """`integrity`, `actor_q`, `critic`, `actor_loss`, `rewards`, `episodes`, `gradients`, `policy`,
    `learning`, `audit`."""
    dry_run: bool = False
    """Shown but never counted."""
    derived_from: str = ""
    """Set when the series was derived from another tag."""
    live: bool = False
    """Also worth judging while the run is still training."""


@dataclass(frozen=True, kw_only=True)
class NotApplicable:
    """A check that makes no sense for this run; it is named in the result and never counted."""

    check: str
    title: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Fix:
    """What to do about a cause: a configuration change when that cures it, an instruction when it does not."""

    text: str
    config: dict[str, object] = field(default_factory=dict)
    """Override keys and values, as `--set` takes them: `{"train.actor_lr": 1.0e-4}`."""


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """A likely cause with its evidence; the best-supported one comes first in a result."""

    cause: str
    """A slug of docs/causes.md: `actor_encoder_leak`."""
    title: str
    evidence: tuple[str, ...]
    """Sentences with numbers and steps."""
    refuted_by: str
    """What would speak against this cause."""
    does_not_explain: tuple[str, ...] = ()
    fix: Fix


@dataclass(frozen=True, kw_only=True)
class GateResult:
    """Everything a gate decided and why: the content of gate.json."""

    verdict: Verdict
    stage: str
    run: str
    """Directory that was judged, as given."""
    deciding: str
    """The one sentence that decided, with value, limit and step."""
    findings: tuple[Finding, ...]
    diagnoses: tuple[Diagnosis, ...]
    gate_warnings: tuple[str, ...]
    """Warnings about the gate itself (vacuous checks, one measurement counted twice); never votes."""
    inputs: tuple[dict[str, object], ...]
    """`{path, sha256, size_bytes}` of each event file."""
    gate_sha256: str
    """Hash of the rule set."""
    versions: dict[str, str]
    planned_steps: int | None
    last_step: int | None
    dialect: str
    preset: str = ""
    seed: int | None = None
    config_sha256: str = ""
    unexplained: str = ""
    """What to log next time, when something failed and no cause fits; empty otherwise."""
    not_decided: tuple[str, ...] = ()
    """What this stage's gate cannot judge, one sentence each."""
    last_evaluation: float | None = None
    """Last eval/mean_reward, to notice evaluations that are identical across runs."""
    baseline: str = ""
    """Run that relative checks compared with; empty when there was none."""
