"""Sends what is nice to see to Prefect's server from a thread, so that training never waits for it.

A server that is slow or away costs nothing here: of each topic only the newest message is kept,
and one that cannot be sent is dropped. What must arrive is sent elsewhere.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

Message = Callable[["SyncPrefectClient"], None]


class Background:
    """A thread that sends the newest message of each topic, in the order in which they came."""

    def __init__(self) -> None:
        self._waiting: dict[str, Message] = {}
        self._changed = threading.Condition()
        self._sending = False
        self._thread: threading.Thread | None = None

    def post(self, topic: str, message: Message) -> None:
        """Send a message soon; it replaces one of the same topic that still waits."""
        with self._changed:
            self._waiting[topic] = message
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._send_for_ever, name="prefect-pages", daemon=True
                )
                self._thread.start()
            self._changed.notify_all()

    def flush(self, timeout_s: float) -> bool:
        """Wait until everything is sent; False when that took too long."""
        deadline = time.monotonic() + timeout_s
        with self._changed:
            return self._changed.wait_for(
                lambda: not self._waiting and not self._sending,
                timeout=max(0.0, deadline - time.monotonic()),
            )

    def _send_for_ever(self) -> None:
        from prefect.client.orchestration import get_client
        from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings

        # A newer message is better than an old one that is tried again for minutes.
        with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}):
            while True:
                message = self._next()
                with contextlib.suppress(Exception), get_client(sync_client=True) as client:
                    message(client)
                with self._changed:
                    self._sending = False
                    self._changed.notify_all()

    def _next(self) -> Message:
        with self._changed:
            self._changed.wait_for(lambda: bool(self._waiting))
            topic = next(iter(self._waiting))
            self._sending = True
            return self._waiting.pop(topic)
