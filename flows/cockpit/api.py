"""The few questions that `gonogo serve` asks a Prefect server, without importing Prefect.

Prefect takes seconds to import and 100 MB; the launcher must be small and last for days.
"""

from __future__ import annotations

import base64
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any
from urllib.parse import quote

from flows.errors import ServerError
from flows.surroundings import without_password

_TIMEOUT_S = 10.0
_BUSY = (429, 502, 503)
"""What Prefect's own clients try again, too: SQLite is locked now and then."""
_TRIES = 5
_PAUSE_S = 1.0
_GOING_ON = ("RUNNING", "PENDING", "CANCELLING")


class Api:
    """A Prefect server's API."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")

    def last_polled(self, name: str) -> datetime | None:
        """Return when a process last asked for runs of a deployment; None when none ever did.

        Raises:
            ServerError: The server does not answer, or refuses us.
        """
        found = self._ask(f"/deployments/name/{quote(name)}/{quote(name)}", missing_is_none=True)
        polled = found.get("last_polled") if isinstance(found, Mapping) else None
        if not isinstance(polled, str):
            return None
        return _time(polled)

    def answers(self) -> bool:
        """Return whether the server is up."""
        try:
            with urllib.request.urlopen(f"{self._url}/health", timeout=_TIMEOUT_S) as answer:
                return bool(answer.status == 200)
        except (OSError, ValueError):
            return False

    def runs_going_on(self, names: Sequence[str], *, since_before: datetime) -> list[str]:
        """Return the ids of the deployments' flow runs that began before a time and have not ended.

        Raises:
            ServerError: The server does not answer, or refuses us.
        """
        wanted = {
            "deployments": {"name": {"any_": list(names)}},
            "flow_runs": {"state": {"type": {"any_": list(_GOING_ON)}}},
        }
        found = self._ask("/flow_runs/filter", wanted)
        return [str(run["id"]) for run in found if _time(run["state"]["timestamp"]) < since_before]

    def mark_crashed(self, flow_run: str, why: str) -> None:
        """Mark a flow run as crashed whose process is gone.

        Raises:
            ServerError: The server does not answer, or refuses us.
        """
        state = {"type": "CRASHED", "name": "Crashed", "message": why}
        self._ask(f"/flow_runs/{quote(flow_run)}/set_state", {"state": state, "force": True})

    def _ask(self, path: str, content: object = None, *, missing_is_none: bool = False) -> Any:
        body = None if content is None else json.dumps(content).encode()
        request = urllib.request.Request(f"{self._url}{path}", data=body, headers=_headers())
        tries_left = _TRIES
        while True:
            tries_left -= 1
            try:
                with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:
                    return json.load(answer)
            except urllib.error.HTTPError as error:
                error.close()
                if error.code == 404 and missing_is_none:
                    return None
                if error.code in _BUSY and tries_left:
                    time.sleep(_PAUSE_S)
                    continue
                hint = " Set PREFECT_API_AUTH_STRING to USER:PASSWORD." if error.code == 401 else ""
                raise ServerError(
                    f"Prefect's server {without_password(self._url)} answers {error.code}.{hint}"
                ) from None
            except (OSError, ValueError) as error:
                raise ServerError(
                    f"Prefect's server {without_password(self._url)} does not answer: "
                    f"{getattr(error, 'reason', error)}."
                ) from None


def pages_of(url: str) -> str:
    """Return where a server's pages are, as far as the URL of its API tells."""
    return without_password(url).rstrip("/").removesuffix("/api")


def _time(text: str) -> datetime:
    time = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return time if time.tzinfo else time.replace(tzinfo=timezone.utc)


def _headers() -> dict[str, str]:
    headers = {"Content-Type": "application/json"}
    secret = os.environ.get("PREFECT_API_AUTH_STRING")
    key = os.environ.get("PREFECT_API_KEY")
    if secret:
        headers["Authorization"] = f"Basic {base64.b64encode(secret.encode()).decode()}"
    elif key:
        headers["Authorization"] = f"Bearer {key}"
    return headers
