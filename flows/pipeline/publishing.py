"""Sends verdicts and reports to Prefect's pages and event stream."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from flows.pages.artifacts import publish_checks, publish_report, try_to_publish
from flows.pages.events import emit_gate_event
from flows.pipeline.outcome import StageOutcome
from flows.records.run_dir import PipelineDirectory
from flows.records.stored_result import read_result
from reports.text.escaping import escape_markdown


@dataclass(frozen=True, kw_only=True)
class Publisher:
    """Publishes the results of one pipeline, or of one group of seeds; never ends a run."""

    preset: str
    seeds: str
    """`3`, or `0-4` for a group."""
    is_group: bool
    say: Callable[[str], None]

    @classmethod
    def of_pipeline(cls, directory: PipelineDirectory, say: Callable[[str], None]) -> Publisher:
        """Return the publisher of a single seed's pipeline."""
        record = directory.record
        return cls(preset=record.preset, seeds=str(record.seed), is_group=False, say=say)

    def key(self, of: str) -> str:
        """Return the key of an artifact: `drive-seed3-5k`, or `drive-seeds-5k` for a group."""
        return f"{self.preset}-seed{'s' if self.is_group else self.seeds}-{of}"

    def pipeline_report(self, report: Path, description: str) -> None:
        """Publish the report of all stages."""
        key = self.key("pipeline")
        self._try(publish_report, report, key=key, description=escape_markdown(description))

    def report(self, outcome: StageOutcome) -> None:
        """Publish the report of a stage; the same stage again makes a new version."""
        self._try(
            publish_report,
            outcome.report,
            key=self.key(outcome.stage),
            description=escape_markdown(f"{outcome.verdict_text}: {outcome.deciding}"),
            run=outcome.run,
        )

    def checks(self, outcome: StageOutcome) -> None:
        """Publish the checks of a run as a table."""
        result = read_result(outcome.run)
        if result is not None:
            self._try(publish_checks, result, key=f"{self.key(outcome.stage)}-checks")

    def event(self, event: str, outcome: StageOutcome) -> None:
        """Send an event about a verdict, for automations."""
        decision = outcome.decision
        self._try(
            emit_gate_event,
            outcome.run,
            key=self.key(outcome.stage),
            event=event,
            labels={
                "verdict": outcome.verdict.value,
                "stage": outcome.stage,
                "preset": self.preset,
                "seeds" if self.is_group else "seed": self.seeds,
                "decision": decision.kind if decision is not None else "",
            },
            deciding=f"{decision.text}; {outcome.deciding}" if decision else outcome.deciding,
        )

    def _try(
        self, publish: Callable[..., None], what: object, *, key: str, **options: object
    ) -> None:
        try_to_publish(publish, what, key=key, say=self.say, **options)
