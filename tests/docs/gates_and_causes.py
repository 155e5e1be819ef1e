"""Writes docs/gates.md and docs/causes.md from the gate files and the causes themselves."""

from __future__ import annotations

from collections.abc import Sequence

from gates.checks.check import Check
from gates.checks.gate_file import GateSpec, load_gate
from gates.checks.types.registry import CHECK_TYPES
from gates.diagnosis.causes import CAUSES
from gates.laws.table import LAWS

STAGES = ("5k", "50k", "1m")


def gates_document() -> str:
    """Return docs/gates.md."""
    parts = [_GATES_HEAD]
    shown: set[str] = set()
    for name in STAGES:
        gate = load_gate(name)
        parts.append(gate_section(gate, shown))
        shown |= {_identity(check) for check in gate.checks}
    types = [(f"`{name}`", _first_line(model.__doc__)) for name, model in CHECK_TYPES.items()]
    parts += ["## Check types", _TYPES_HEAD, _table(("type", "what it checks"), types)]
    parts += ["## Laws", _LAWS_HEAD, _table(("law", "measures", "how", "holds for"), _law_rows())]
    return "\n\n".join(parts) + "\n"


def gate_section(gate: GateSpec, shown: set[str] | None = None) -> str:
    """Return the section of one gate; checks that are among `shown` are only counted."""
    new = [c for c in gate.checks if _identity(c) not in (shown or set())]
    kept = len(gate.checks) - len(new)
    lines = [f"## {gate.name}", gate.description]
    if kept:
        lines.append(f"{kept} checks are those of the shorter stages; these are new or stricter.")
    rows = [_row(check) for check in new]
    lines.append(_table(("check", "name", "value", "levels", "counts as", "why"), rows))
    if gate.not_decided:
        lines.append(
            "It does not decide:\n\n" + "\n".join(f"- {text}" for text in gate.not_decided)
        )
    return "\n\n".join(lines)


def causes_document() -> str:
    """Return docs/causes.md."""
    parts = [_CAUSES_HEAD]
    for slug, cause in sorted(CAUSES.items(), key=lambda item: item[1].rank):
        fix = cause.instruction
        if cause.config:
            keys = ", ".join(f"`{key}={value}`" for key, value in cause.config.items())
            fix += f" Configuration of this trainer that helps: {keys}."
        parts.append(
            f"## `{slug}`\n\n{cause.title}.\n\n{cause.meaning}\n\n"
            f"**Refuted by:** {cause.refuted_by}\n\n**What to do:** {fix}"
        )
    return "\n\n".join(parts) + "\n"


def _identity(check: Check) -> str:
    return check.model_dump_json()


def _row(check: Check) -> tuple[str, ...]:
    said = check.describe()
    why = f"{check.rationale} Source: {check.source}."
    return f"`{check.id}`", check.title, said.value, said.levels, _kind(check), why


def _kind(check: Check) -> str:
    words = ["required" if check.required else "advisory"]
    if check.required and check.optional_for_other_trainers:
        words.append("advisory where another trainer does not log it")
    if check.algorithms:
        words.append(f"for {', '.join(check.algorithms)}")
    if check.required_for:
        words.append(f"required for {', '.join(check.required_for)}")
    if check.live:
        words.append("live")
    if check.dry_run:
        words.append("dry run")
    return ", ".join(words)


def _first_line(text: str | None) -> str:
    return (text or "").strip().split("\n\n")[0].replace("\n", " ")


def _law_rows() -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for law in LAWS.values():
        how = " ".join((law.quantity.__doc__ or "").split())
        rows.append((f"`{law.name}`", law.words, how, ", ".join(law.algorithms) or "all"))
    return rows


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    lines += [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows]
    return "\n".join(lines)


_GATES_HEAD = """# Gates

This page is generated from `config/gates/*.yaml` by `make docs`.

A gate is a list of checks. Each check gives one finding: PASS, WARN, INCONCLUSIVE or FAIL. Missing data and NaN are
INCONCLUSIVE, never PASS. The verdict is the worst of its parts, never a sum of votes:

- **NO_GO**: a required FAIL or a required INCONCLUSIVE;
- **CONDITIONAL**: a required WARN or an advisory FAIL; a person decides;
- **GO**: everything else. Findings of a dry run never count.

A check with `algorithms` does not apply to a run of another one. The algorithm is given by the configuration or
recognised by the logged tags; a run that tells neither counts as TD3. PPO, A2C and DQN are judged by integrity, finite
values, their own signs and, from 50k on, by learning: without results that show it there is no GO.

Beside the checks below every judgement holds findings about the event files (damage, a second reader), about falling
steps, and, where the configuration is known, about whether it was applied. Where several seeds are trained,
`seeds_needed` (`all`, a count or a share) says how many must end GO ([seeds](seeds.md)). A gate file of your own
may build on a shipped one with `based_on: 5k`; a check of the same id replaces the one it inherits."""

_TYPES_HEAD = """What may stand under `type`. All types share `id`, `title`, `group`, `required`, `dry_run`, `live`,
`min_points`, `optional_for_other_trainers`, `required_for`, `algorithms`, `rationale` and `source`; a mistake in a file
is named with its key and the nearest known word."""

_LAWS_HEAD = """Quantities for checks of the type `consistency`. Each holds for every correctly wired run of its
algorithms, whatever the task."""

_CAUSES_HEAD = """# Causes

This page is generated from `gates/diagnosis/causes.py` by `make docs`.

The causes that a diagnosis can name, in the order in which they come first: what is wrong in the code or in the data
before what follows from it. A diagnosis names a cause only with evidence from the events, in numbers and steps; when
nothing fits, the report says what to log next time."""
