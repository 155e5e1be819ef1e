from __future__ import annotations

import os
import shutil
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.flows.cockpit.postgres import postgres, usable
from tests.flows.cockpit.served import Cockpit, write_small_recipe

ARGUMENTS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-sync", "--disable-background-networking", "--disable-component-update"),
]


@pytest.fixture(scope="session")
def chromium() -> str:
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    return path


@pytest.fixture(scope="session")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the preset, gates and stages that the pages offer."""
    return tmp_path_factory.mktemp("recipe")


@pytest.fixture(scope="session")
def cockpit(
    chromium: str, recipe: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cockpit]:
    """One cockpit; with GONOGO_TEST_POSTGRES=1 on a PostgreSQL server of its own."""
    options = write_small_recipe(recipe)
    folder = tmp_path_factory.mktemp("cockpit")
    if os.environ.get("GONOGO_TEST_POSTGRES") != "1":
        with Cockpit(folder, *options) as served:
            yield served
        return
    if not usable():
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    with (
        postgres() as database,
        Cockpit(folder, *options, environment=database.environment) as served,
    ):
        yield served


class Outside:
    """Where everything goes that the browser asks of other hosts: noted, never answered."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._note, daemon=True).start()

    def _note(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(2)
                try:
                    self.asked.append(connection.recv(500).split(b"\r\n")[0].decode())
                except OSError:
                    self.asked.append("unreadable")

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(scope="session")
def outside() -> Iterator[Outside]:
    watch = Outside()
    yield watch
    watch.close()


@pytest.fixture(scope="session")
def browser(chromium: str, outside: Outside) -> Iterator[Any]:
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="Playwright is not installed: pip install -e '.[browser]'"
    )
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(
            executable_path=chromium,
            args=ARGUMENTS,
            proxy={"server": outside.address, "bypass": "127.0.0.1"},
        )
        yield started
        started.close()
