"""What the documents name is there: pages, headings, files, rooms and commands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer

from flows.cli.every_command import app

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
FOLDERS = (
    "benchmarks", "carla_double", "config", "docs", "flows", "gates", "gonogo", "reports", "tests",
    "trainer",
)  # fmt: skip
"""Folders of the product; a path that begins with one of them is ours."""

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def prose(page: Path) -> str:
    """Return a page without its blocks of code."""
    return re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)


def anchors(page: Path) -> set[str]:
    """Return what a link to a place in a page may end with: its headings, as GitHub writes them, and its ids."""
    headings = re.findall(r"^#+ (.*)$", prose(page), flags=re.M)
    made = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    return made | set(re.findall(r'<a id="([\w-]+)">', prose(page)))


@each_page
def test_every_link_leads_to_a_page_and_a_heading(page: Path) -> None:
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path) if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


@each_page
def test_every_path_of_ours_exists(page: Path) -> None:
    named = re.findall(rf"`((?:{'|'.join(FOLDERS)})/[\w./*-]*)`", prose(page))
    assert [path for path in named if not any(ROOT.glob(path.rstrip("/")))] == []


@each_page
def test_every_command_exists(page: Path) -> None:
    commands = typer.main.get_group(app).commands  # type: ignore[attr-defined]
    text = page.read_text(encoding="utf-8")
    named = re.findall(r"(?:^|`)(?:\.venv/bin/)?gonogo ([a-z][a-z-]*)", text, flags=re.M)
    assert [name for name in named if name not in commands] == []


def test_the_architecture_names_only_modules_that_there_are() -> None:
    modules = {path.name for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")}
    named = re.findall(r"`(?:[\w/]*/)?(\w+\.py)`", prose(ROOT / "docs" / "architecture.md"))
    assert named
    assert [name for name in named if name not in modules] == []
