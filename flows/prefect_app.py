"""Prefect's server as an application for a web server; started in a process of its own."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import TYPE_CHECKING

from flows.prefect_database import FILE_NAME, keep_as_prepared

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send


def create_app() -> ASGIApp:
    """Return Prefect's application, which keeps a database that it had to make."""
    # Imports leave no garbage to look for; that alone would take a sixth of the start.
    gc.disable()
    try:
        from prefect.server.api.server import create_app as prefects_app

        app = prefects_app()
        gc.freeze()
    finally:
        gc.enable()
    return _KeepsNewDatabase(app)


class _KeepsNewDatabase:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _make_database()
        await self._app(scope, receive, send)


async def _make_database() -> None:
    """Make the database in Prefect's data folder if it lacks one, and keep a copy before anything is written to it."""
    from prefect.server.database import provide_database_interface
    from prefect.settings import (
        PREFECT_API_DATABASE_CONNECTION_URL,
        PREFECT_API_DATABASE_MIGRATE_ON_START,
        PREFECT_HOME,
    )

    file = Path(PREFECT_HOME.value()) / FILE_NAME
    url = str(PREFECT_API_DATABASE_CONNECTION_URL.value())
    if (
        not PREFECT_API_DATABASE_MIGRATE_ON_START
        or not url.endswith(f":///{file}")
        or file.exists()
    ):
        return
    await provide_database_interface().create_db()
    keep_as_prepared(file)
