from __future__ import annotations

import os
import re
import shutil
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.flows.cockpit.postgres import postgres, usable
from tests.flows.cockpit.served import Cockpit, write_small_recipe

NOBODY = "http://127.0.0.1:9"
"""Where whatever Chromium asks on its own account ends: updates, its user's account, how to fill in a form."""
ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic"),
    f"--autofill-server-url={NOBODY}/",
]
"""Beside Playwright's own: a new profile, nothing of a first start, no services in the background."""
START_S = 180


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
    """Proxy where everything goes that pages ask of other hosts: noted, never answered."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        port = self._socket.getsockname()[1]
        self.proxy = {"server": f"http://127.0.0.1:{port}", "bypass": "127.0.0.1"}
        threading.Thread(target=self._note, daemon=True).start()

    def _note(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(10)
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
def browser(chromium: str) -> Iterator[Any]:
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="Playwright is not installed: pip install -e '.[browser]'"
    )
    with playwright.sync_playwright() as driver:
        try:
            started = driver.chromium.launch(
                executable_path=chromium,
                args=ARGUMENTS,
                proxy={"server": NOBODY},
                timeout=START_S * 1000,
            )
        except playwright.Error as error:
            pytest.fail(does_not_start(chromium, str(error)), pytrace=False)
        yield started
        started.close()


def does_not_start(chromium: str, said: str) -> str:
    """Say that the browser did not start, with the last line that it wrote itself."""
    of_itself = re.findall(r"^\[pid=\d+\]\[err\] (.+)", said, re.MULTILINE)
    last_words = of_itself[-1] if of_itself else said.splitlines()[0]
    command = f"{chromium} --headless --no-sandbox --dump-dom about:blank"
    return f"{chromium} does not start ({last_words}): `{command}` shows why"
