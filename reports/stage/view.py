"""Everything that a stage's report says, as text and rows: the templates only arrange it."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from msgspec import Struct

from gates.facts.run_facts import algorithms_of
from gates.findings import Diagnosis, GateResult, Outcome, Verdict
from gates.judge import Judgement
from gates.text import format_bytes, format_count, format_plural
from reports.context import DecisionNote, StageContext
from reports.stage.plots import PlotFile, explored_steps
from reports.stage.sections.certainty import CertaintyView, certainty_view
from reports.stage.sections.changes import Changes, describe_changes
from reports.stage.sections.checks import CheckRow, check_rows, last_go
from reports.stage.sections.driving import DrivingView, driving_view
from reports.stage.sections.episodes import Quarter, episode_quarters
from reports.stage.sections.evaluations import (
    NamedEvaluation,
    evaluation_points,
    notable_evaluations,
)
from reports.stage.sections.hyperparameters import (
    HyperparameterRow,
    Source,
    config_value,
    has_value,
    hyperparameter_rows,
    published_sources,
    show_value,
)
from reports.stage.sections.integrity import Rows, integrity_rows
from reports.stage.sections.limits import not_applicable, stage_limits
from reports.stage.sections.outlook import StageCost, next_stage_cost
from reports.stage.sections.reward_components import RewardSplit, reward_split
from reports.text.set_arguments import set_argument

MISSING_PART = "Missing in this report"
"""Label of a part that could not be made."""
VERDICT_NAMES = {Verdict.GO: "GO", Verdict.CONDITIONAL: "CONDITIONAL", Verdict.NO_GO: "NO-GO"}


class ConfigLine(Struct, frozen=True, kw_only=True):
    """A key that a fix changes."""

    key: str
    before: str
    """Empty when the run's value is unknown."""
    after: str


class DiagnosisView(Struct, frozen=True, kw_only=True):
    """A diagnosis with its fix as a configuration diff and a command."""

    diagnosis: Diagnosis
    config: tuple[ConfigLine, ...]
    command: str
    """Empty when the configuration cannot fix it or no command is known."""


class CheckPlot(Struct, frozen=True, kw_only=True):
    """A check that failed, warned or was not decided, with its plot when it has a series."""

    row: CheckRow
    plot: PlotFile | None


class StageView(Struct, frozen=True, kw_only=True):
    """What the report of a stage says; all texts are unescaped."""

    context: StageContext
    result: GateResult
    verdict: str
    deciding: str
    """What decided, without a full stop."""
    subtitle: tuple[str, ...]
    outlook: tuple[str, ...]
    """What happens next, in one or two sentences."""
    open_rows: tuple[CheckRow, ...]
    """Checks that failed, warned or were not decided."""
    unjudged_rows: tuple[CheckRow, ...]
    """Advisory checks whose evidence is missing."""
    passed_rows: tuple[CheckRow, ...]
    last_go: str
    """Name of the last run that ended GO; empty when there is none."""
    no_reference: str
    """Why the table has no column for it."""
    certainty: CertaintyView
    integrity: Rows
    overview: PlotFile | None
    plotted: tuple[CheckPlot, ...]
    unplotted: tuple[CheckPlot, ...]
    diagnoses: tuple[DiagnosisView, ...]
    changes: Changes | None
    reward_split: RewardSplit | None
    quarters: tuple[Quarter, ...]
    driving: DrivingView | None
    """None where no driving was measured."""
    driving_plots: tuple[PlotFile, ...]
    """How training episodes ended, routes from above, the best and the worst episode."""
    evaluations: tuple[NamedEvaluation, ...]
    evaluation_count: int
    hyperparameters: tuple[HyperparameterRow, ...]
    sources: tuple[Source, ...]
    limits: tuple[str, ...]
    not_applicable: tuple[str, ...]
    cost: StageCost | None
    footer: Rows


@np.errstate(all="ignore")  # values may be anything, also too large to be squared
def build_stage_view(
    judgement: Judgement, context: StageContext, plots: Sequence[PlotFile]
) -> StageView:
    """Collect what the report says from the judgement and its context."""
    result, log = judgement.result, judgement.log
    config = resolved_config(judgement, context)
    rows = check_rows(result, context.previous)
    passed = tuple(r for r in rows if r.finding.outcome is Outcome.PASS)
    unjudged = tuple(r for r in rows if r.finding.unjudged)
    opened = tuple(r for r in rows if r not in passed and r not in unjudged)
    drawn = [plot for plot in plots if not plot.lost]
    lost = (*context.lost, *(plot.lost for plot in plots if plot.lost))
    by_check = {plot.check: plot for plot in drawn if plot.check}
    check_plots = [CheckPlot(row=row, plot=by_check.get(row.finding.check)) for row in opened]
    reference = last_go(context.previous)
    points = evaluation_points(log)
    cost = next_stage_cost(context.next_stage, context.speed, log, result.last_step)
    return StageView(
        context=context,
        result=result,
        verdict=VERDICT_NAMES[result.verdict],
        deciding=result.deciding.rstrip("."),
        subtitle=_subtitle(judgement, context),
        outlook=_outlook(result, context, cost),
        open_rows=opened,
        unjudged_rows=unjudged,
        passed_rows=passed,
        last_go=reference.name if reference is not None else "",
        no_reference=_no_reference(context) if reference is None else "",
        certainty=certainty_view(result),
        integrity=(
            *integrity_rows(result, log, judgement.run_info),
            *context.supervision,
            *((MISSING_PART, sentence) for sentence in lost),
        ),
        overview=next((plot for plot in drawn if not plot.check and not plot.section), None),
        plotted=tuple(c for c in check_plots if c.plot is not None),
        unplotted=tuple(c for c in check_plots if c.plot is None),
        diagnoses=tuple(
            _diagnosis(d, config, context, first=i == 0) for i, d in enumerate(result.diagnoses)
        ),
        changes=describe_changes(result, context, config),
        reward_split=reward_split(log),
        quarters=episode_quarters(log),
        driving=driving_view(log, context.final_evaluation, context.driven_beside),
        driving_plots=tuple(plot for plot in drawn if plot.section == "driving"),
        evaluations=notable_evaluations(points, explored_steps(config)),
        evaluation_count=len(points),
        hyperparameters=hyperparameter_rows(config),
        sources=published_sources(),
        not_applicable=not_applicable(result),
        limits=stage_limits(result, points, context.next_stage),
        cost=cost,
        footer=_footer(judgement, context),
    )


def resolved_config(judgement: Judgement, context: StageContext) -> Mapping[str, object]:
    """Return the configuration from the context, or else what the run itself says it was."""
    if context.config or judgement.run_info is None:
        return context.config
    return {"env": judgement.run_info.env, "train": judgement.run_info.train}


def _subtitle(judgement: Judgement, context: StageContext) -> tuple[str, ...]:
    result = judgement.result
    counts = Counter(finding.outcome for finding in result.findings)
    outcomes = ", ".join(f"{counts[o]} {o.value}" for o in reversed(Outcome) if counts[o])
    planned = f" of {format_count(result.planned_steps)}" if result.planned_steps else ""
    made = (
        f"{format_count(result.last_step)}{planned} steps" if result.last_step is not None else ""
    )
    parts = (
        context.title,
        " or ".join(algorithms_of(judgement.log, judgement.run_info)),
        made,
        f"{format_plural(len(result.findings), 'check')}: {outcomes}",
        context.generated_at,
    )
    return tuple(part for part in parts if part)


def _outlook(result: GateResult, context: StageContext, cost: StageCost | None) -> tuple[str, ...]:
    following = context.next_stage
    name = f"{following.name} ({format_count(following.steps)} steps)" if following else ""
    sentences: list[str] = []
    if result.verdict is Verdict.GO:
        if following is not None and cost is not None:
            sentences.append(f"{name} may start: about {cost.duration} at {cost.measured}.")
        elif following is not None:
            sentences.append(f"{name} may start.")
        else:
            sentences.append("This was the last stage.")
    elif result.verdict is Verdict.NO_GO:
        if following is not None and not context.decisions:
            sentences.append(f"{name} does not start.")
        sentences += _cause(result)
    elif not context.decisions:
        what = f"whether {name} starts" if following is not None else "whether this run counts"
        sentences.append(f"A person decides {what}: {_open_checks(result)}.")
        sentences += _cause(result)
    if context.decisions:
        sentences = [_decided(context.decisions[-1], name), *sentences]
    return tuple(sentences)


def _open_checks(result: GateResult) -> str:
    """Count what is no PASS: `1 check failed, 2 checks warned, 3 checks are undecided`."""
    counts = Counter(finding.outcome for finding in result.findings if not finding.dry_run)
    return ", ".join(
        f"{format_plural(counts[outcome], 'check')} {words}"
        for outcome, words in _OPEN_WORDS.items()
        if counts[outcome]
    )


_OPEN_WORDS = {
    Outcome.FAIL: "failed",
    Outcome.WARN: "warned",
    Outcome.INCONCLUSIVE: "could not be decided",
}


def _decided(decision: DecisionNote, following: str) -> str:
    if following:
        what = f"{following} {'may' if decision.goes_on else 'does not'} start"
    else:
        what = f"This run {'counts' if decision.goes_on else 'does not count'}"
    return f"{what}: {decision.text.rstrip('.')}."


def _cause(result: GateResult) -> list[str]:
    if result.diagnoses:
        first = result.diagnoses[0]
        return [f"{first.heading}: {first.title} (`{first.cause}`), see Diagnosis."]
    if result.unexplained:
        return [result.unexplained]
    return []


def _no_reference(context: StageContext) -> str:
    if not context.previous:
        return ""
    runs = format_plural(len(context.previous), "earlier run")
    return f"No column for the last GO: none of {runs} of this stage ended GO."


def _diagnosis(
    diagnosis: Diagnosis, config: Mapping[str, object], context: StageContext, *, first: bool
) -> DiagnosisView:
    lines = tuple(
        ConfigLine(
            key=key,
            before=show_value(config_value(config, key)) if has_value(config, key) else "",
            after=show_value(value),
        )
        for key, value in diagnosis.fix.config.items()
    )
    command = ""
    if context.rerun_command and (first or lines):
        arguments = [
            f"--set {shlex.quote(set_argument(k, v))}" for k, v in diagnosis.fix.config.items()
        ]
        command = " ".join([context.rerun_command, *arguments])
    return DiagnosisView(diagnosis=diagnosis, config=lines, command=command)


def _footer(judgement: Judgement, context: StageContext) -> Rows:
    result = judgement.result
    rows = [("Event file", _input(entry)) for entry in result.inputs[:6]]
    if len(result.inputs) > 6:
        rows.append(("Event files", f"{len(result.inputs) - 6} more in `{context.json_twin}`"))
    rows.append(("Rule set", f"sha256 `{result.gate_sha256[:12]}`"))
    if result.config_sha256:
        rows.append(("Configuration", f"sha256 `{result.config_sha256[:12]}`"))
    if context.git_revision:
        rows.append(("Trainer revision", f"`{context.git_revision}`"))
    if result.dialect:
        rows.append(("Tag dialect", f"`{result.dialect}`"))
    if result.baseline:
        rows.append(("Compared with", f"`{result.baseline}`"))
    versions = ", ".join(f"{name} {version}" for name, version in sorted(result.versions.items()))
    rows.append(("Versions", versions))
    rows.append(("Same as JSON", f"`{context.json_twin}`"))
    return tuple((label, text) for label, text in rows if text)


def _input(entry: Mapping[str, object]) -> str:
    sha256 = str(entry.get("sha256", ""))[:12]
    return f"`{entry.get('path', '')}` sha256 `{sha256}`, {_size(entry)}"


def _size(entry: Mapping[str, object]) -> str:
    size = entry.get("size_bytes")
    return format_bytes(size) if isinstance(size, int) else "size unknown"
