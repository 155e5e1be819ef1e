"""What the cockpit is for, done in a browser: start, read, mend, run one stage again, approve."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import Outside
from tests.browser.pages import Pages
from tests.flows.cockpit.served import BAD_RECIPE, Cockpit, wait_for

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder for pictures; `GONOGO_PICTURES` keeps them."""
    kept = os.environ.get("GONOGO_PICTURES")
    folder = Path(kept) if kept else tmp_path_factory.mktemp("pictures")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def pages(browser: Any, cockpit: Cockpit, pictures: Path, outside: Outside) -> Iterator[Pages]:
    window = Pages(browser, cockpit, pictures, proxy=outside.proxy)
    yield window
    window.picture("last")
    window.close()


def pipeline_of(cockpit: Cockpit, flow_run: str) -> Path:
    """Return the folder that a flow run made: its name ends with the beginning of the id."""
    (folder,) = cockpit.runs.glob(f"*-{flow_run[:4]}")
    return folder


def runs_of(pipeline: Path, stage: str) -> list[str]:
    return sorted(path.name for path in (pipeline / stage).glob("run-*"))


def test_start_from_the_form_and_read_the_report(pages: Pages, cockpit: Cockpit) -> None:
    pages.open("/deployments")
    for deployment in ("staged-validation", "single-stage", "gate-only", "backtest"):
        pages.shows(deployment)
    pages.picture("deployments")

    pages.open_form("staged-validation")
    pages.choose("preset", "small")
    pages.choose_all("stages", ["first", "second"])
    pages.page.get_by_role("heading", name="Parameters").scroll_into_view_if_needed()
    pages.picture("form")
    pages.add("overrides", ["lr=3"])
    pages.submit()
    pages.shows("'lr=3' does not match")
    assert cockpit.ask("/flow_runs/count", {}) == 0, "a wrong value starts nothing"
    pages.item("overrides").fill("train.tau=0.01")
    begun = pages.submit_and_find()

    wait_for(lambda: "second" in cockpit.run(begun)["name"])
    pages.open_run(begun)
    pages.shows("small seed 0: first GO, second running")
    pages.wait_for_timeline()
    pages.picture("running")
    assert cockpit.wait_for_end(begun)["state"]["name"] == "GO"
    pages.shows("small seed 0: first GO, second GO")

    pages.open_artifact(begun, "small-seed0-second")
    pages.shows("GO at second")
    plot = pages.page.locator("img[src^='data:image/']").first
    plot.wait_for()
    wait_for(lambda: plot.evaluate("image => image.complete && image.naturalWidth") > 100)
    pages.picture("report")
    plot.scroll_into_view_if_needed()
    pages.picture("plots")
    pages.open_artifact(begun, "small-seed0-second-checks")
    pages.shows("All planned steps reached")
    pages.picture("checks")


def test_a_no_go_is_mended_and_one_stage_runs_again(pages: Pages, cockpit: Cockpit) -> None:
    pages.open_form("staged-validation")
    pages.choose("preset", "small")
    pages.choose_all("stages", ["first"])
    pages.add("overrides", BAD_RECIPE)
    begun = pages.submit_and_find()
    assert cockpit.wait_for_end(begun)["state"]["name"] == "NO_GO"
    pages.open_run(begun)
    pages.shows("small seed 0: first NO_GO")
    pages.picture("no-go")
    pages.open_artifact(begun, "small-seed0-first")
    pages.shows("NO-GO at first")
    pages.picture("no-go-report")
    pages.page.locator("img[src^='data:image/']").first.scroll_into_view_if_needed()
    pages.picture("no-go-plot")

    pipeline = pipeline_of(cockpit, begun)
    pages.open_form("single-stage")
    pages.choose("stage", "first")
    pages.write("out", pipeline.name)
    pages.add("overrides", ["train.actor_lr=1.0e-4", "train.preact_penalty=0.02"])
    pages.write("note", "a lower rate of the actor")
    pages.write("expect", "saturation stays below 0.9")
    pages.picture("again")
    again = pages.submit_and_find()
    assert cockpit.wait_for_end(again)["state"]["name"] == "GO"
    assert runs_of(pipeline, "first") == ["run-001", "run-002"]
    pages.open_artifact(again, "small-seed0-first")
    for text in ("a lower rate of the actor", "saturation stays below 0.9", "run-001"):
        pages.shows(text)
    pages.page.get_by_text("a lower rate of the actor").first.scroll_into_view_if_needed()
    pages.picture("compared")


def test_retry_trains_only_the_stage_that_failed(
    pages: Pages, cockpit: Cockpit, recipe: Path
) -> None:
    gate = recipe / "sound.yaml"
    later = recipe / "later.yaml"
    later.write_text(gate.read_text().replace("fail: -1_000_000", "fail: 1_000_000"))
    stage = recipe / "second.yaml"
    sound = stage.read_text()
    stage.write_text(sound.replace("sound.yaml", "later.yaml"))
    try:
        begun = cockpit.start("staged-validation", preset="small", stages=["first", "second"])
        assert cockpit.wait_for_end(begun)["state"]["name"] == "NO_GO"
        pipeline = pipeline_of(cockpit, begun)
        kept = (pipeline / "first" / "run-001" / "gate.json").read_bytes()
        later.write_text(gate.read_text())
        pages.open_run(begun)
        pages.shows("small seed 0: first GO, second NO_GO")
        pages.menu("Retry")
        pages.picture("retry")
        pages.page.get_by_role("button", name="Retry").click()
        wait_for(lambda: cockpit.run(begun)["state"]["name"] == "GO")
    finally:
        stage.write_text(sound)
    pages.shows("small seed 0: first GO, second GO")
    assert runs_of(pipeline, "first") == ["run-001"], "a GO is not trained again"
    assert (pipeline / "first" / "run-001" / "gate.json").read_bytes() == kept
    assert runs_of(pipeline, "second") == ["run-001", "run-002"]


def test_a_person_approves_a_conditional(pages: Pages, cockpit: Cockpit) -> None:
    begun = cockpit.start("staged-validation", preset="small", stages=["doubtful", "first"])
    wait_for(lambda: cockpit.state(begun) == "PAUSED")
    pipeline = pipeline_of(cockpit, begun)
    pages.open_run(begun)
    pages.shows("small seed 0: doubtful CONDITIONAL, waits for a decision")
    pages.menu("Resume")
    dialog = pages.page.get_by_role("dialog")
    dialog.get_by_text("doubtful ended CONDITIONAL.").wait_for()
    pages.decide("Ada", "the limit is meant for longer runs", picture="approve")
    assert cockpit.wait_for_end(begun)["state"]["name"] == "GO"
    pages.open_artifact(begun, "small-seed0-doubtful")
    pages.shows("the limit is meant for longer runs")
    assert not (pipeline / "doubtful" / "run-002").exists(), "nothing is trained twice"
    run = json.loads((pipeline / "pipeline.json").read_text())["stages"]["doubtful"]["runs"][0]
    assert (run["state"], run["decision"]["by"]) == ("CONDITIONAL", "Ada")
    assert run["decision"]["way"] == "Prefect"


def test_a_person_approves_a_conditional_of_several_seeds(pages: Pages, cockpit: Cockpit) -> None:
    pages.open_form("staged-validation")
    pages.choose("preset", "small")
    pages.choose_all("stages", ["doubtful", "first"])
    pages.add("seeds", ["0", "3"])
    begun = pages.submit_and_find()
    wait_for(lambda: cockpit.state(begun) == "PAUSED")
    pages.open_run(begun)
    pages.shows("small seeds 0,3: doubtful CONDITIONAL, waits for a decision")
    pages.menu("Resume")
    dialog = pages.page.get_by_role("dialog")
    dialog.get_by_text("doubtful of all seeds ended CONDITIONAL.").wait_for()
    pages.decide("Ada", "the limit is meant for longer runs")
    assert cockpit.wait_for_end(begun)["state"]["name"] == "GO"
    group = json.loads((pipeline_of(cockpit, begun) / "group.json").read_text())
    (joint,) = group["stages"]["doubtful"]["joints"]
    assert (joint["decision"]["by"], joint["decision"]["way"]) == ("Ada", "Prefect")


def test_the_pages_ask_no_other_host(pages: Pages, outside: Outside) -> None:
    for path in ("/dashboard", "/runs", "/deployments", "/settings"):
        pages.open(path)
        pages.page.wait_for_load_state("networkidle")
    assert outside.asked == []

    pages.page.goto("about:blank")  # a page without our policy, which would forbid it
    pages.page.set_content("<img src='http://elsewhere.example/picture.png'>")
    wait_for(lambda: outside.asked)
    assert set(outside.asked) == {"GET http://elsewhere.example/picture.png HTTP/1.1"}
