"""Compiled templates are kept, and never used for anything but the text that they were compiled from."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from jinja2 import DictLoader, Environment

from reports.text import compiled
from reports.text.compiled import CompiledTemplates


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "pycache_prefix", str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    return tmp_path


def rendered(text: str, kind: str = "test") -> str:
    environment = Environment(
        loader=DictLoader({"name": text}), bytecode_cache=CompiledTemplates(kind)
    )
    return environment.get_template("name").render()


def files(kept: Path) -> list[Path]:
    return sorted(path for path in kept.rglob("*") if path.is_file())


def test_a_template_is_compiled_once(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert rendered("one {{ 1 + 1 }}") == "one 2"
    (file,) = files(kept)
    monkeypatch.setattr(Environment, "compile", None)  # would fail
    assert rendered("one {{ 1 + 1 }}") == "one 2"
    assert files(kept) == [file]


def test_a_changed_template_is_compiled_again(kept: Path) -> None:
    assert rendered("one") == "one"
    assert rendered("two") == "two"
    assert rendered("one", kind="another") == "one"
    assert len(files(kept)) == 2


def test_another_jinja_compiles_again(monkeypatch: pytest.MonkeyPatch) -> None:
    assert rendered("one") == "one"
    monkeypatch.setattr(compiled.jinja2, "__version__", "99")
    monkeypatch.setattr(compiled.marshal, "loads", None)  # would fail
    assert rendered("one") == "one"


@pytest.mark.parametrize("damage", ["", "cut", "flipped"])
def test_a_damaged_file_is_compiled_again(kept: Path, damage: str) -> None:
    rendered("one {{ 1 + 1 }}")
    (file,) = files(kept)
    whole = file.read_bytes()
    broken = {"": b"", "cut": whole[:60], "flipped": bytes(b ^ 255 for b in whole[:60])}
    file.write_bytes(broken[damage])
    assert rendered("one {{ 1 + 1 }}") == "one 2"
    assert file.read_bytes() == whole


def test_nothing_is_written_where_python_writes_nothing(
    kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert rendered("one") == "one"
    assert files(kept) == []
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(sys, "pycache_prefix", str(kept / "file"))
    (kept / "file").write_text("no folder")
    assert rendered("one") == "one"
