"""What one flow run works on: a pipeline with one seed, or a group of several."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

from flows.pages.page_reporter import PageReporter
from flows.pages.this_run import began_at, is_retried
from flows.pipeline.outcome import StageOutcome
from flows.pipeline.publishing import Publisher
from flows.pipeline.request import RunRequest
from flows.records.group_dir import GroupDirectory
from flows.records.run_dir import PipelineDirectory
from flows.settings.plan import PipelinePlan, StagePlan


class Work(ABC):
    """The stages of a request; its directory is open for us alone until it is closed."""

    def __init__(
        self, request: RunRequest, plans: Mapping[int, PipelinePlan], reporter: PageReporter
    ) -> None:
        """Open the directory for a request without gaps.

        Raises:
            UsageError: The directory is in use, or holds something else.
            OutputError: It cannot be written.
        """
        self.request, self.plans, self.reporter = request, plans, reporter
        self.plan = plans[request.seeds[0]]
        self.publisher = Publisher(
            preset=self.plan.preset,
            seeds=request.seeds_text,
            is_group=request.is_group,
            say=reporter.say,
        )
        self.since = began_at()
        """When the flow run was created; a retry does not change it."""
        self.retried = is_retried()
        self.directory = self._open()

    @abstractmethod
    def _open(self) -> PipelineDirectory | GroupDirectory:
        """Open the directory of the pipeline, or of the group."""

    @abstractmethod
    def run(self, stage: StagePlan) -> StageOutcome:
        """Keep, resume or train a stage and judge it."""
