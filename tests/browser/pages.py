"""Prefect's pages as a person uses them: by what they show, not by how they are built."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.flows.cockpit.served import Cockpit, wait_for

PATIENCE_MS = 120_000
REFUSED_MS = 10_000
"""A form that is still there after this time was not accepted."""
WIDTH, HEIGHT = 1280, 860


class Pages:
    """One window of the browser; each picture that a test takes lands in a folder."""

    def __init__(
        self, browser: Any, cockpit: Cockpit, pictures: Path, *, proxy: dict[str, str]
    ) -> None:
        size = {"width": WIDTH, "height": HEIGHT}
        self.page = browser.new_page(viewport=size, proxy=proxy)
        self.page.set_default_timeout(PATIENCE_MS)
        self.cockpit = cockpit
        self._pictures = pictures

    def close(self) -> None:
        self.page.close()

    def open(self, path: str) -> None:
        self.page.goto(f"{self.cockpit.address}/v2{path}")

    def picture(self, name: str) -> None:
        self.page.wait_for_timeout(700)
        self.page.screenshot(path=self._pictures / f"{name}.png")

    # The form of a deployment

    def open_form(self, deployment: str) -> None:
        self.open("/deployments")
        self.page.get_by_role("link", name=deployment).first.click()
        self.page.get_by_role("button", name="Run", exact=True).click()
        self.page.get_by_role("menuitem", name="Custom run").click()
        self.page.get_by_role("button", name="Submit").wait_for()

    def choose(self, field: str, choice: str) -> None:
        self.page.get_by_label(f"Select {field}").click()
        self.page.get_by_role("option", name=choice, exact=True).click()

    def choose_all(self, field: str, choices: Sequence[str]) -> None:
        while self.page.get_by_label(re.compile(r"^Remove .* tag$")).count():
            self.page.get_by_label(re.compile(r"^Remove .* tag$")).first.click()
        self.page.get_by_label(f"Select {field}").click()
        for choice in choices:
            self.page.get_by_role("option", name=choice, exact=True).click()
        self.page.keyboard.press("Escape")

    def write(self, field: str, text: str) -> None:
        label = self.page.get_by_text(re.compile(rf"^{field}( \(Optional\))?$"))
        box = self.page.locator("div:has(> fieldset)").filter(has=label).last
        box.locator("textarea, input").first.fill(text)

    def add(self, field: str, texts: Sequence[str]) -> None:
        """Add items to a list of the form."""
        for text in texts:
            self._list(field).get_by_role("button", name="Add item").click()
            self.item(field).fill(text)

    def item(self, field: str) -> Any:
        """Return the newest item of a list of the form."""
        return self._list(field).locator("[data-slot=card]").locator("textarea, input").last

    def _list(self, field: str) -> Any:
        label = self.page.get_by_text(re.compile(rf"^{field}( \(Optional\))?$"))
        return self.page.locator("div:has(> fieldset)").filter(has=label).last

    def submit(self) -> None:
        self.page.get_by_role("button", name="Submit").click()

    def submit_and_find(self) -> str:
        """Submit until the form is accepted; return the id of the run that it started."""
        before = self._known()
        form = re.compile(r"/run(\?|$)")
        while form.search(self.page.url):
            self.submit()
            with _or_refused():
                self.page.wait_for_url(lambda url: not form.search(url), timeout=REFUSED_MS)
        wait_for(lambda: self._known() - before)
        (found,) = self._known() - before
        return found

    def _known(self) -> set[str]:
        return {str(run["id"]) for run in self.cockpit.ask("/flow_runs/filter", {})}

    # The page of a run

    def open_run(self, flow_run: str) -> None:
        self.open(f"/runs/flow-run/{flow_run}")

    def shows(self, text: str | re.Pattern[str], *, exact: bool = False) -> None:
        """Wait until the page shows a text."""
        self.page.get_by_text(text, exact=exact).first.wait_for()

    def wait_for_timeline(self) -> None:
        """Wait until the run's timeline is on its canvas; then give it a moment to draw."""
        self.page.locator("canvas").first.wait_for()
        self.page.wait_for_timeout(2_500)

    def menu(self, item: str) -> None:
        """Choose from the menu of the page."""
        self.page.locator("button[aria-haspopup=menu]:has(svg)").first.click()
        self.page.get_by_role("menuitem", name=item, exact=True).click()

    def decide(self, name: str, reason: str, *, picture: str = "") -> None:
        """Fill in the form of a run that waits, and submit it until it is accepted."""
        dialog = self.page.get_by_role("dialog")
        while dialog.count():
            self.write("Name", name)
            self.write("Reason", reason)
            if picture:
                self.picture(picture)
            dialog.get_by_role("button", name=re.compile("Submit|Resume")).click()
            with _or_refused():
                dialog.wait_for(state="hidden", timeout=REFUSED_MS)

    def open_artifact(self, flow_run: str, key: str) -> None:
        """Go from a run's page over the list of all versions to the newest artifact of a key."""
        self.open_run(flow_run)
        self.page.get_by_role("tab", name="Artifacts").click()
        self.page.locator(f"a[href$='/artifacts/key/{key}']").first.click()
        self.page.locator("a[href*='/artifacts/artifact/']").first.click()


def _or_refused() -> contextlib.AbstractContextManager[None]:
    """Let a wait for what follows an accepted form come to nothing."""
    from playwright.sync_api import TimeoutError

    return contextlib.suppress(TimeoutError)
