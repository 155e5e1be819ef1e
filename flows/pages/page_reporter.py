"""Shows a training on Prefect's pages as well: a progress artifact and a few lines of log."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from uuid import UUID

from flows.pages.background import Background
from flows.pages.run_page import current_flow_run
from flows.records.trainer_files import TrainerStatus
from flows.training.progress import Reporter, Tick, progress_line

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

_EVERY_S = 3.0
_EVERY_MOST_S = 15.0
_LOG_SHARE = 0.1
"""Share of the steps between two log lines."""
_LOG_LEAST_S = 30.0
_FLUSH_S = 5.0


class PageReporter:
    """Tells `inner` everything, and Prefect what people want to see there.

    The training never waits for Prefect's server.
    """

    def __init__(
        self, inner: Reporter, *, key: str = "progress", clock: Callable[[], float] = time.monotonic
    ):
        """Report from inside a flow or task run, in the progress artifact of this key."""
        self.inner = inner
        self._key = key
        self._clock = clock
        self._background = Background()

    def say(self, text: str) -> None:
        """Show one line on both."""
        self.inner.say(text)
        log(text)

    def for_artifact(self, key: str) -> PageReporter:
        """Return a reporter that shows trainings in the progress artifact of this key."""
        return PageReporter(self.inner, key=key, clock=self._clock)

    @contextmanager
    def training(self, stage: str, steps: int) -> Iterator[Tick]:
        """Show a training until the block ends."""
        page = _ProgressArtifact(self._key, stage, steps, self._background)
        due, every = self._clock(), _EVERY_S
        logged_at, logged_step = self._clock(), 0
        last: TrainerStatus | None = None

        with self.inner.training(stage, steps) as show:

            def tick(status: TrainerStatus) -> None:
                nonlocal due, every, logged_at, logged_step, last
                show(status)
                last, now = status, self._clock()
                if now >= due:
                    page.show(status)
                    due, every = now + every, min(_EVERY_MOST_S, every * 1.02)
                far = status.step - logged_step >= _LOG_SHARE * steps
                if far and now - logged_at >= _LOG_LEAST_S:
                    logged_at, logged_step = now, status.step
                    log(progress_line(stage, status, steps))

            try:
                yield tick
            finally:
                if last is not None:
                    page.show(last)
                self._background.flush(_FLUSH_S)


class _ProgressArtifact:
    """One progress artifact, created with the first heartbeat and then changed."""

    def __init__(self, key: str, stage: str, steps: int, background: Background) -> None:
        from prefect.context import TaskRunContext

        self._key, self._stage, self._steps = key, stage, steps
        self._background = background
        self._flow_run = current_flow_run()
        task = TaskRunContext.get()
        self._task_run = task.task_run.id if task is not None else None
        self._id: UUID | None = None

    def show(self, status: TrainerStatus) -> None:
        share = min(100.0, 100.0 * status.step / self._steps)
        text = progress_line(self._stage, status, self._steps)

        def send(client: SyncPrefectClient) -> None:
            from prefect.client.schemas.actions import ArtifactCreate, ArtifactUpdate

            if self._id is None:
                self._id = client.create_artifact(
                    ArtifactCreate(
                        type="progress",
                        key=self._key,
                        description=text,
                        data=share,
                        flow_run_id=self._flow_run,
                        task_run_id=self._task_run,
                    )
                ).id
            else:
                client.update_artifact(self._id, ArtifactUpdate(data=share, description=text))

        self._background.post("progress", send)


def log(text: str) -> None:
    """Write a line into the run's log; outside of a run, nowhere."""
    from prefect.exceptions import MissingContextError
    from prefect.logging import get_run_logger

    try:
        get_run_logger().info("%s", text)
    except MissingContextError:
        logging.getLogger(__name__).debug("%s", text)
