"""Prefect's server, with pages that load nothing from other hosts.

Prefect's newer pages load settings from a host of the analytics company Amplitude, whatever the
server's own switches say. A content security policy forbids the browser every other host; it also
keeps content embedded in an artifact from reporting who reads it.
"""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from flows.prefect_app import create_app as prefects_app

POLICY = "; ".join(
    (
        "default-src 'self'",
        # The timeline of a run compiles its drawing code.
        "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self' data: blob:",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)


class SelfContained:
    """Adds the policy to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the inner application does, with the policy."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def with_policy(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["Content-Security-Policy"] = POLICY
            await send(message)

        await self._app(scope, receive, with_policy)


def create_app() -> ASGIApp:
    """Return the application for the web server."""
    return SelfContained(prefects_app())
