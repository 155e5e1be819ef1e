"""Names the likely causes of a failed gate: rules over the run's signs, the best-supported cause first."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct, structs

from gates.algorithms import TD3_KIN, holds_for
from gates.diagnosis.actor import ACTOR_RULES
from gates.diagnosis.causes import CAUSES
from gates.diagnosis.critic import CRITIC_RULES
from gates.diagnosis.entropy import ENTROPY_RULES
from gates.diagnosis.identities import IDENTITY_RULES
from gates.diagnosis.recomputed import RECOMPUTED_RULES
from gates.diagnosis.run import RUN_RULES, RunRule
from gates.diagnosis.signs import Signs
from gates.diagnosis.suspicion import Suspicion
from gates.diagnosis.wiring import WIRING_RULES
from gates.diagnosis.witness import WITNESS_RULES
from gates.facts.run_facts import RunFacts
from gates.findings import Diagnosis, Finding, Fix, Outcome

LOG_NEXT_TIME: tuple[tuple[str, str], ...] = (
    ("debug/actor_q_mean", "whether the actor's Q agrees with the critic's"),
    ("train/q1_value", "whether the critic diverges"),
    ("gradients/actor_cnn_norm", "which way the encoder's gradient takes, before clipping"),
    ("gradients/actor_mlp_norm", "whether the actor is dead, before clipping"),
    ("policy/tanh_saturation", "whether the actions are at their limits"),
    ("policy/action_abs", "whether the actions are bounded"),
    ("weights/actor_mlp_l2", "whether the optimiser moves the actor"),
    ("weights/critic_mlp_l2", "whether the optimiser moves the critic"),
    ("debug/done_ratio", "whether terminations reach the targets"),
    ("debug/effective_discount", "which discount the targets use"),
    ("debug/reward_mean", "which rewards the buffer holds"),
    ("debug/target_q_mean", "how fast the targets follow the critic"),
    ("agent/total_updates", "how many updates were made"),
)
"""Tags and the question that each one answers."""
FOUND_BY_ON_POLICY = {"train/entropy_loss": "whether the policy still explores"}
"""What would find the cause of a symptom where there is no critic of actions."""

Rule = Callable[[Signs], Suspicion | None]
TD3_RULES: tuple[Rule, ...] = (
    *WIRING_RULES,
    *CRITIC_RULES,
    *RECOMPUTED_RULES,
    *WITNESS_RULES,
    *IDENTITY_RULES,
    *ENTROPY_RULES,
    *ACTOR_RULES,
)
"""Rules about actors that climb Q critics; the causes of other algorithms are others."""


class Explanation(Struct, frozen=True, kw_only=True):
    """What diagnosis has to say."""

    diagnoses: tuple[Diagnosis, ...]
    unexplained: str
    """What to log next time, when something failed and no cause fits."""


NOTHING_EXPLAINED = Explanation(diagnoses=(), unexplained="")


def diagnose(facts: RunFacts, findings: tuple[Finding, ...]) -> Explanation:
    """Return the causes that the evidence supports, or what to log to find one."""
    signs = Signs(facts)
    rules = TD3_RULES if holds_for(TD3_KIN, facts.algorithms) else ()
    suspicions = [s for s in (rule(signs) for rule in rules) if s is not None]
    run_rules: tuple[RunRule, ...] = RUN_RULES
    suspicions += [s for s in (rule(signs, findings) for rule in run_rules) if s is not None]
    suspicions = _merged(suspicions)
    suspicions.sort(key=lambda s: (CAUSES[s.cause].rank, -len(s.evidence), s.cause))
    diagnoses = tuple(
        _diagnosis(s, facts, explained=any(CAUSES[c.cause].kind == "cause" for c in suspicions[:i]))
        for i, s in enumerate(suspicions)
    )
    failed = [f for f in findings if f.outcome is Outcome.FAIL and not f.dry_run]
    return Explanation(
        diagnoses=diagnoses,
        unexplained="" if diagnoses or not failed else _what_to_log(facts, failed),
    )


def _merged(suspicions: list[Suspicion]) -> list[Suspicion]:
    """Join what several rules say of one cause."""
    merged: dict[str, Suspicion] = {}
    for found in suspicions:
        known = merged.setdefault(found.cause, found)
        if known is not found:
            merged[found.cause] = structs.replace(
                known, evidence=(*known.evidence, *found.evidence)
            )
    return list(merged.values())


def _diagnosis(suspicion: Suspicion, facts: RunFacts, *, explained: bool) -> Diagnosis:
    cause = CAUSES[suspicion.cause]
    found_by = cause.found_by if holds_for(TD3_KIN, facts.algorithms) else FOUND_BY_ON_POLICY
    wanted = {} if explained or cause.kind == "cause" else found_by
    train = facts.run.train if facts.run else {}
    config = {
        key: value
        for key, value in (suspicion.config or dict(cause.config)).items()
        if facts.own_trainer and train.get(key.removeprefix("train.")) != value
    }
    return Diagnosis(
        cause=suspicion.cause,
        title=cause.title,
        evidence=suspicion.evidence,
        refuted_by=cause.refuted_by,
        does_not_explain=suspicion.does_not_explain,
        fix=Fix(text=suspicion.instruction or cause.instruction, config=config),
        kind=cause.kind,
        log_next={tag: tells for tag, tells in wanted.items() if facts.series(tag) is None},
    )


def _what_to_log(facts: RunFacts, failed: list[Finding]) -> str:
    names = ", ".join(f.check for f in failed)
    if not holds_for(TD3_KIN, facts.algorithms):
        trained = " or ".join(facts.algorithms)
        return f"What failed ({names}) has no known cause: those of {trained} are not in the list."
    absent = [f"{tag} ({why})" for tag, why in LOG_NEXT_TIME if facts.series(tag) is None]
    if absent:
        return f"No known cause fits what failed ({names}). Log next time: {'; '.join(absent)}."
    return (
        f"No known cause fits what failed ({names}), although everything that the rules read is logged. "
        "Compare with a passed run of the same recipe, metric by metric."
    )
