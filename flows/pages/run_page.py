"""The name and the tags of the flow run that is going on, kept up to date while it runs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING
from uuid import UUID

from flows.pages.background import Background

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

_FLUSH_S = 5.0


class RunPage:
    """What people read of one flow run in lists: `drive seed 0: 5k GO, 50k running`.

    Nothing here can end or delay a run: a name that cannot be sent is not sent.
    """

    def __init__(self, subject: str, *, background: Background | None = None) -> None:
        """Take over the page of the flow run that is going on; without one nothing is shown."""
        self._subject = subject
        self._stages: dict[str, str] = {}
        self._flow_run = current_flow_run()
        self._tags = set(_tags_now())
        self._background = background or Background()

    @property
    def title(self) -> str:
        """The name as it is now."""
        parts = ", ".join(f"{stage} {state}" for stage, state in self._stages.items())
        return f"{self._subject}: {parts}" if parts else self._subject

    def stage(self, name: str, state: str) -> None:
        """Show how far a stage is."""
        self._stages[name] = state
        title = self.title

        def rename(client: SyncPrefectClient) -> None:
            if self._flow_run is not None:
                client.update_flow_run(self._flow_run, name=title)

        self._background.post("name", rename)

    def tag(self, **tags: object) -> None:
        """Add tags such as `preset: drive`; a tag of the same kind is replaced."""
        kept = {tag for tag in self._tags if tag.partition(": ")[0] not in tags}
        self._tags = kept | {f"{kind}: {value}" for kind, value in tags.items()}
        now = sorted(self._tags)

        def retag(client: SyncPrefectClient) -> None:
            if self._flow_run is not None:
                client.update_flow_run(self._flow_run, tags=now)

        self._background.post("tags", retag)

    def close(self) -> None:
        """Let what waits be sent, for a moment."""
        self._background.flush(_FLUSH_S)


def current_flow_run() -> UUID | None:
    """Return the id of the flow run that is going on; None outside of one."""
    from prefect.context import FlowRunContext, TaskRunContext

    task = TaskRunContext.get()
    if task is not None and task.task_run.flow_run_id is not None:
        return task.task_run.flow_run_id
    flow = FlowRunContext.get()
    return flow.flow_run.id if flow is not None and flow.flow_run is not None else None


def _tags_now() -> Iterable[str]:
    from prefect.context import FlowRunContext

    flow = FlowRunContext.get()
    return flow.flow_run.tags if flow is not None and flow.flow_run is not None else ()
