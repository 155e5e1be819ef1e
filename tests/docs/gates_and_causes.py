"""Writes docs/gates.md and docs/causes.md from the gate files and the causes themselves."""

from __future__ import annotations

import inspect
import json
import re
import textwrap
from collections.abc import Mapping, Sequence
from functools import cache

from gates.checks.check import Check
from gates.checks.evidence import Evidence, load_evidence
from gates.checks.gate_file import GateSpec, load_gate
from gates.checks.types.registry import CHECK_TYPES
from gates.diagnosis.causes import CAUSES
from gates.laws.table import LAWS, Law
from gates.schema import plain

STAGES = ("5k", "50k", "1m")


def gates_document() -> str:
    """Return docs/gates.md."""
    parts = [_GATES_HEAD]
    shown: set[str] = set()
    for name in STAGES:
        gate = load_gate(name)
        parts.append(gate_section(gate, shown))
        shown |= {_identity(check) for check in gate.checks}
    keys = ", ".join(f"`{key}`" for key in Check.__struct_fields__)
    shared = f"What may stand under `type`. All types share {keys}; [keys](keys.md) has the rest."
    types = [_wrapped(f"- `{name}`: {_text(model)}") for name, model in CHECK_TYPES.items()]
    parts += ["## Check types", _wrapped(shared), "\n".join(types), "## Laws", _LAWS_HEAD]
    parts += map(law_section, LAWS.values())
    return "\n\n".join(parts) + "\n"


def gate_section(gate: GateSpec, shown: set[str] | None = None) -> str:
    """Return the section of one gate; checks that are among `shown` are only counted."""
    new = [c for c in gate.checks if _identity(c) not in (shown or set())]
    kept = len(gate.checks) - len(new)
    parts = [f"## {gate.name}", _wrapped(gate.description)]
    if gate.not_decided:
        undecided = "\n".join(_wrapped(f"- {text}") for text in gate.not_decided)
        parts.append(f"It does not decide:\n\n{undecided}")
    if kept:
        parts.append(f"{kept} checks are those of the shorter stages; these are new or stricter.")
    return "\n\n".join([*parts, *map(check_section, new)])


def check_section(check: Check) -> str:
    """Return the section of one check: a heading and one item for each thing that is known about it."""
    said, law = check.describe(), LAWS.get(getattr(check, "law", ""))
    kind = f"[`{check.type}`](keys.md#{check.type})" + (
        f", law [`{law.name}`](#{law.name})" if law else ""
    )
    return _section(
        f"`{check.id}`: {check.title}",
        ("Measures", said.value),
        ("Levels", said.levels),
        ("Counts as", _counts_as(check)),
        ("Judged", "also while the run trains" if check.live else "at the end of the stage"),
        ("Algorithms", _algorithms(check, law)),
        ("Why", check.rationale),
        ("Source", check.source),
        ("Assumes", " ".join(check.assumptions)),
        *_evidence(_known_evidence().get(check.id, Evidence())),
        ("Type", kind),
    )


@cache
def _known_evidence() -> Mapping[str, Evidence]:
    return load_evidence()


def _evidence(found: Evidence) -> tuple[tuple[str, str], ...]:
    tripped = {}
    for one in sorted(found.tripped, key=lambda one: one.bench != "fault bench"):
        size = "" if one.smallest is None else f" ({one.smallest:g}, level {one.level:g})"
        tripped.setdefault(one.fault, f"`{one.fault}`{size}, {one.bench}")
    sound = "; ".join(
        f"{one.bench} {one.runs} judged, {one.false_alarms} false alarms, {one.not_applied} not applied to"
        for one in found.sound
    )
    return (
        ("Tripped by", "; ".join(tripped.values()) or "no known fault"),
        ("Sound runs", sound or "none judged"),
    )


def law_section(law: Law) -> str:
    """Return the section of one law."""
    return _section(
        law.name,
        ("Measures", law.words),
        ("How", _text(law.quantity)),
        ("Assumes", " ".join(law.assumes)),
        ("Algorithms", _names(law.algorithms)),
    )


def causes_document() -> str:
    """Return docs/causes.md."""
    parts = [_CAUSES_HEAD]
    for slug, cause in sorted(CAUSES.items(), key=lambda item: item[1].rank):
        fix = cause.instruction
        if cause.config:
            keys = ", ".join(f"`{key}={value}`" for key, value in cause.config.items())
            fix += f" Configuration of this trainer that helps: {keys}."
        kind = ""
        if cause.kind == "symptom":
            tags = "; ".join(f"`{tag}` ({tells})" for tag, tells in cause.found_by.items())
            kind = f"**A symptom.** What would find its cause: {tags}.\n\n"
        parts.append(
            f"## `{slug}`\n\n{cause.title}.\n\n{cause.meaning}\n\n{kind}"
            f"**Refuted by:** {cause.refuted_by}\n\n**What to do:** {fix}"
        )
    return "\n\n".join(parts) + "\n"


def _identity(check: Check) -> str:
    return json.dumps(plain(check))


def _section(heading: str, *items: tuple[str, str]) -> str:
    lines = [_wrapped(f"- **{name}:** {text}") for name, text in items if text]
    return "\n".join([f"### {heading}", "", *lines])


def _wrapped(text: str) -> str:
    indent = "  " if text.startswith("- ") else ""
    lines = textwrap.wrap(
        text, 118, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
    # A line that begins with one of these would begin a list or a quotation.
    return re.sub(r"\n( *)([-+*>]) ", r"\n\1\\\2 ", "\n".join(lines))


def _counts_as(check: Check) -> str:
    if check.dry_run:
        return "nothing yet: a dry run is shown and never counted"
    if check.required and check.optional_for_other_trainers:
        logged = check.required_for
        besides = f", unless it trains {_names(logged)}" if logged else ""
        return f"required; advisory where another trainer does not log it{besides}"
    return "required" if check.required else "advisory"


def _algorithms(check: Check, law: Law | None) -> str:
    return _names(check.algorithms or (law.algorithms if law else ()))


def _names(algorithms: Sequence[str]) -> str:
    return ", ".join(n if n == "other" else n.upper() for n in algorithms) or "all"


def _text(described: object) -> str:
    return " ".join((inspect.getdoc(described) or "").split())


_GATES_HEAD = """# Gates

This page is generated from `config/gates/*.yaml` by `make docs`.

A gate is a list of checks, one section each. Each check gives one finding: PASS, WARN, INCONCLUSIVE or FAIL. Missing
data and NaN are INCONCLUSIVE, never PASS. The verdict is the worst of its parts, never a sum of votes:

- **NO_GO**: a required FAIL or a required INCONCLUSIVE;
- **CONDITIONAL**: a required WARN or an advisory FAIL; a person decides;
- **GO**: everything else. Findings of a dry run never count.

Beside the checks below every judgement holds findings about the event files (damage, a second reader), about falling
steps, and, where the configuration is known, about whether it was applied. Where several seeds are trained,
`seeds_needed` (`all`, a count or a share) says how many must end GO ([seeds](seeds.md)). Each section also says which
faults tripped the check, with the value that came nearest to the level it broke, and how many sound runs it judged; the
benches write that into `config/evidence.yaml`. A check that no fault tripped, or that a sound run broke, may not be
required; a test holds that. A gate file of your own may build on a shipped one with `based_on: 5k`; a check of the same
id replaces the one it inherits.

Two runs in one folder are noticed where the steps of a tag fall, and, where they share no tag, where one counts from
the start while the other had been far ahead by the clock. They cannot be told apart where they share no tag and ran at
the same time and speed, where one of them took less than a minute, or where one logged evaluations only."""

_LAWS_HEAD = """Quantities for checks of the type `consistency`. Each holds for every correctly wired run of its
algorithms, whatever the task, and does not apply to other algorithms. A run that names no algorithm counts as TD3."""

_CAUSES_HEAD = """# Causes

This page is generated from `gates/diagnosis/causes/` by `make docs`.

The causes that a diagnosis can name, in the order in which they come first: what is wrong in the code or in the data
before what follows from it. A diagnosis names a cause only with evidence from the events, in numbers and steps; when
nothing fits, the report says what to log next time."""
