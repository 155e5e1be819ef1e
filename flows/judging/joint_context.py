"""Collects what the reports show of several seeds: each seed's run, and what to do next."""

from __future__ import annotations

from flows.judging.next_commands import next_commands
from flows.judging.run_log import read_log
from flows.judging.stage_context import decision_note
from flows.records.group_dir import GroupDirectory
from flows.records.group_record import JointRecord
from flows.records.run_dir import PipelineDirectory
from flows.settings.seeds import seeds_text
from gates.findings import Verdict
from gates.seeds.result import JointResult
from reports.context import JointContext, SeedShown
from reports.stage.markdown import REPORT_NAME


def joint_context(
    group: GroupDirectory, record: JointRecord, result: JointResult, *, levels_up: str = "../.."
) -> JointContext:
    """Collect what the joint report shows; `levels_up` leads from the report to the group's folder."""
    seeds = {}
    for seed in result.seeds:
        folder = group.path / seed.run if seed.run else None
        directory = PipelineDirectory.view(group.seed_path(seed.seed))
        run = directory.record.last(result.stage) if directory is not None else None
        known = folder is not None and (folder / REPORT_NAME).is_file()
        seeds[seed.seed] = SeedShown(
            report_path=f"{levels_up}/{seed.run}/{REPORT_NAME}" if known else "",
            evaluations=run.evaluations if run is not None and seed.score is not None else (),
            log=read_log(folder)[0] if folder is not None else None,
        )
    text = seeds_text(seed.seed for seed in result.seeds)
    return JointContext(
        title=f"{group.record.preset}, seeds {text}, {result.stage}, {record.joint}",
        generated_at=record.judged_at,
        result=result,
        shown=seeds,
        next_commands=next_commands(
            group,
            result.stage,
            record.joint,
            verdict=result.verdict,
            decision=record.decision,
            missing=bool(result.with_verdict(None)),
            failed=[seed.seed for seed in result.with_verdict(Verdict.NO_GO) if seed.run],
        ),
        decision=None if record.decision is None else decision_note(record.decision),
    )
