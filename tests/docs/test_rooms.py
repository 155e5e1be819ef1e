"""Each room says in its package's docstring what it is for."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("carla_double", "flows", "gates", "gonogo", "reports", "trainer")
ROOMS = sorted(path for name in PACKAGES for path in (ROOT / name).rglob("__init__.py"))


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: str(room.parent.relative_to(ROOT)))
def test_a_room_explains_itself_in_some_ten_lines(room: Path) -> None:
    text = ast.get_docstring(ast.parse(room.read_text(encoding="utf-8"))) or ""
    assert 5 <= len(text.splitlines()) <= 20
