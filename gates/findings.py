"""Values that a judgement consists of: outcomes, findings, diagnoses and the result that becomes gate.json."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

from gates.text import as_sentence


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
class Side:
    """One side of a limit: `max` may not be exceeded, `min` may not be undercut."""

    direction: Literal["max", "min"]
    warn: float | None
    fail: float | None


@dataclass(frozen=True, kw_only=True)
class LimitOrigin:
    """How a limit follows from the run itself: `factor x formula = factor x numbers`."""

    factor: float
    """Share of the bound at which the limit lies."""
    bound: float
    """The bound itself."""
    formula: str
    """`max|r| / (1 - gamma)`."""
    numbers: str
    """The formula with its numbers: `5.43 / (1 - 0.99)`."""
    inputs: tuple[str, ...] = ()
    """Where each number comes from: `gamma: gamma of the configuration`."""


@dataclass(frozen=True, kw_only=True)
class Certainty:
    """How far luck may explain a finding, by a model whose errors are simulated (docs/certainty.md)."""

    claim: str
    """What luck is asked to explain, a clause: `a policy no better than the untrained one`."""
    p: float | None
    """How often luck alone shows as much, or more, where the claim is true; None where no model holds."""
    model: str
    """What the probability rests on: `signs of 50 paired differences`; what is known instead where there is none."""
    decided: bool
    """Luck is ruled out as far as the check asks for it."""
    more: int | None = None
    """Further measurements that would decide, if difference and spread stay; None where no number would."""
    unit: Literal["episodes", "evaluations"] = "episodes"
    """What is measured further."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """The outcome of one check, with the numbers that repeat it."""

    check: str
    """Stable identifier, the key in the gate file: `actor_q_bound`."""
    type: str = ""
    """Check type, `limit`; findings that no gate file asks for have a word of their own, `files_intact`."""
    law: str = ""
    """Law that was judged; empty for other check types."""
    title: str
    """Name for people: `Actor Q within its bound`."""
    outcome: Outcome
    required: bool
    reason: str
    """Value, limit and step in words."""
    fact: str = ""
    """What is wrong or unknown, in short: `the actor is dead since step 1,120`; empty for a PASS."""
    parts: tuple[str, ...] = ()
    """The reason's independent statements, one sentence each, where there are several."""
    value: float | None = None
    limit: float | None = None
    """The level that was broken, or the one that FAIL starts at when none was."""
    warn_limit: float | None = None
    """The level that WARN starts at, if there is one."""
    direction: str = ""
    """`max` when the value may not exceed the limit, `min` when it may not fall below, empty otherwise."""
    sides: tuple[Side, ...] = ()
    """All levels that the value was compared with, where a check has levels above and below, or only a warning."""
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
    """Where the limit comes from."""
    limit_origin: LimitOrigin | None = None
    """Set when the limit was derived from the run."""
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
    certainty: Certainty | None = None
    """Set where a model says how far luck may explain the value."""
    ended_early: bool = False
    """Early stopping ended the run by its rule: no PASS of the plan, but none of its failures either."""

    @property
    def evidence(self) -> tuple[str, ...]:
        """The statements of the finding, one sentence each."""
        return self.parts or (as_sentence(self.reason),)

    @property
    def share_of_level(self) -> float | None:
        """How near a PASS is to the level it would break first: 1 at the level, 0 far from it; None without a scale."""
        if self.value is None or self.outcome is not Outcome.PASS:
            return None
        value = abs(self.value)
        shares = []
        for side in self.sides:
            level = side.warn if side.warn is not None else side.fail
            if level is None or level <= 0:
                continue
            nearer, farther = (value, level) if side.direction == "max" else (level, value)
            shares.append(nearer / farther if farther > 0 else 1.0)
        return max(shares, default=None)

    @property
    def unjudged(self) -> bool:
        """An advisory check without a value: its evidence is missing, and nothing depends on it."""
        missing = self.outcome is Outcome.INCONCLUSIVE and self.value is None
        return missing and not self.required and not self.dry_run

    @property
    def statement(self) -> str:
        """The finding as one short clause."""
        return self.fact or f"{self.title}: {self.outcome.value}"


@dataclass(frozen=True, kw_only=True)
class Nearness:
    """How near a check that passed came to the level that it would break first; 1 is the level."""

    check: str
    title: str
    share: float
    sound_share: float
    """Nearest that sound runs of the benches came."""
    sound_runs: int

    @property
    def beyond_sound(self) -> float:
        """Where the value lies between the nearest sound run, 0, and the level, 1; negative among sound runs."""
        room = 1.0 - self.sound_share
        return (self.share - self.sound_share) / room if room > 0 else 0.0


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
    kind: Literal["cause", "symptom"] = "cause"
    """A symptom has a cause of its own, which is in the list before it where it is known."""
    log_next: dict[str, str] = field(default_factory=dict)
    """Tags that would find the cause of a symptom, and what each one tells; empty where the cause is known."""

    @property
    def heading(self) -> str:
        """What it is called in a line of its own: `Likely cause`, `Symptom`."""
        return "Symptom" if self.kind == "symptom" else "Likely cause"


@dataclass(frozen=True, kw_only=True)
class GateResult:
    """Everything a gate decided and why: the content of gate.json."""

    verdict: Verdict
    stage: str
    run: str
    """Directory that was judged, as given."""
    deciding: str
    """What decided, one short sentence; the numbers are in the findings."""
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
    deciding_check: str = ""
    """Check whose finding kept the verdict from GO; empty after a GO."""
    not_applicable: tuple[NotApplicable, ...] = ()
    """Checks that make no sense for this run."""
    nearness: tuple[Nearness, ...] = ()
    """Required checks that passed on a scale, the one farthest beyond what sound runs showed first."""
    baseline: str = ""
    """Run that relative checks compared with; empty when there was none."""

    @property
    def deciding_finding(self) -> Finding | None:
        """The finding that kept the verdict from GO; None after a GO."""
        named = [f for f in self.findings if f.check == self.deciding_check]
        return max(named, key=lambda f: f.outcome.severity, default=None)
