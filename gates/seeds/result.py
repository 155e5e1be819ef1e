"""Values of a joint judgement: the seeds of one stage, judged together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from msgspec import Struct

from gates.findings import Finding, GateResult, Verdict
from gates.metrics import Interval
from gates.seeds.scores import SeedScore


class SeedRun(Struct, frozen=True, kw_only=True):
    """One seed of a stage as it stands on disk; the input of a joint judgement."""

    seed: int
    run: str = ""
    """Its run folder, as people should read it; empty when it was not trained."""
    result: GateResult | None = None
    """Its own verdict; None when there is none."""
    score: SeedScore | None = None
    outdated: bool = False
    """It was trained with another recipe or version of the trainer than the group's."""
    failed_before: str = ""
    """Why it was not trained in this stage at all: `NO_GO at 5k`; it counts as failed."""
    missing: str = ""
    """Why there is no verdict though it should have been trained: `crashed: ...`."""


class SeedVerdict(Struct, frozen=True, kw_only=True):
    """One seed in the result; what the report's table shows."""

    seed: int
    run: str
    verdict: Verdict | None
    """None when the seed was not judged; NO_GO as well when it failed an earlier stage."""
    deciding: str
    """What decided its verdict, or why there is none."""
    check: str = ""
    """The check that kept it from GO."""
    cause: str = ""
    """First cause of its diagnosis."""
    cause_title: str = ""
    fix: str = ""
    score: SeedScore | None = None


class SeedsAnswer(Struct, frozen=True, kw_only=True):
    """What the seeds so far say, and how sure that is."""

    answer: Literal["passes", "fails", "undecided", "open"]
    """`open` asks for another round; `undecided` is the end without an answer."""
    why: str
    """Half a sentence."""
    counted: Literal["gains", "verdicts"]
    """What the test is about: each seed's return over its untrained policy, or GO against everything else."""
    seeds: int
    most: int
    error: float
    """Probability, over all rounds together, to find that a recipe passes whose seeds pass and fail alike."""
    p: float | None
    """Of the newest look; None before the first."""
    failure_rate_most: float | None
    """With 95 %, no more of the recipe's seeds fail; None when one failed already."""

    @property
    def ended(self) -> bool:
        """No further seed is needed, or allowed."""
        return self.answer != "open"


class JointResult(Struct, frozen=True, kw_only=True):
    """Everything that a joint judgement decided: the content of joint.json."""

    verdict: Verdict
    stage: str
    deciding: str
    findings: tuple[Finding, ...]
    seeds: tuple[SeedVerdict, ...]
    """In the order of the seeds' numbers."""
    needed: int
    """Seeds that must pass."""
    rule: str
    """`seeds_needed` of the gate as it stands there."""
    returns: Interval | None
    """Interquartile mean of the seeds' evaluation returns, with its 95 % interval."""
    mean_return: float | None
    """The same without an interval; None when no seed has a return."""
    gate_sha256: str
    preset: str = ""
    planned_steps: int | None = None
    answer: SeedsAnswer | None = None
    """Where the number of seeds was left open: how it was decided."""

    def with_verdict(self, verdict: Verdict | None) -> tuple[SeedVerdict, ...]:
        """Return the seeds of one verdict; None: those without any."""
        return tuple(seed for seed in self.seeds if seed.verdict is verdict)

    @property
    def worst(self) -> SeedVerdict | None:
        """The seed with the lowest evaluation return; None without two returns."""
        scored = [seed for seed in self.seeds if seed.score is not None]
        if len(scored) < 2:
            return None
        return min(scored, key=lambda seed: (seed.score.value if seed.score else 0.0, seed.seed))


def seed_names(seeds: Sequence[int]) -> str:
    """Write `seed 3` or `seeds 0, 1 and 4`."""
    if len(seeds) == 1:
        return f"seed {seeds[0]}"
    return f"seeds {', '.join(map(str, seeds[:-1]))} and {seeds[-1]}"


def few_seeds(seeds: Sequence[int]) -> str:
    """Name a few seeds, count many."""
    return seed_names(seeds) if len(seeds) <= 4 else f"{len(seeds)} seeds"


def seeds_finding(check: str, title: str, **content: Any) -> Finding:
    """Return a finding of a joint judgement."""
    return Finding(check=check, type=check, title=title, group="seeds", **content)
