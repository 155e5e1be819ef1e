"""docs/keys.md lists every key of every file, each with its meaning."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel, ConfigDict, Field

from tests.docs.keys import keys_of, table
from tests.docs.keys_document import keys_document

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_the_page_is_up_to_date() -> None:
    assert (DOCS / "keys.md").read_text(encoding="utf-8") == keys_document(), "run make docs"


def test_every_key_has_a_meaning() -> None:
    rows = [line.split(" | ") for line in keys_document().splitlines() if line.startswith("| `")]
    assert len(rows) > 300
    assert [row[0] for row in rows if not row[-1].strip(" |")] == []


@pytest.mark.parametrize("folder", ["presets", "stages", "gates", "dialects"])
def test_every_key_of_the_shipped_files_is_listed(folder: str) -> None:
    listed = set(re.findall(r"^\| `([^`]+)`", keys_document(), re.MULTILINE))
    last_parts = {key.rsplit(".", 1)[-1].removesuffix("[]") for key in listed}
    for path in sorted((DOCS.parent / "config" / folder).glob("*.yaml")):
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        assert set(content) <= last_parts, path.name
        for section in ("env", "train"):
            assert {f"{section}.{key}" for key in content.get(section) or {}} <= listed, path.name


class _Inner(BaseModel):
    """An inner part."""

    wait_s: float = Field(default=3.0, gt=0)
    """Longest wait."""


class _Example(BaseModel):
    model_config = ConfigDict(extra="forbid")

    steps: int = Field(ge=1)
    """How long."""
    parts: tuple[_Inner, ...] = ()
    """The parts."""
    inner: _Inner = _Inner()


def test_type_range_unit_default_and_nested_keys() -> None:
    rows = table(keys_of(_Example, "x.")).splitlines()[2:]
    assert rows == [
        "| `x.steps` | integer, at least 1 | environment steps | required | How long. |",
        "| `x.parts` | list of section |  | `[]` | The parts. |",
        "| `x.parts[].wait_s` | number, above 0 | s | 3.0 | Longest wait. |",
        "| `x.inner` | section |  |  | An inner part. |",
        "| `x.inner.wait_s` | number, above 0 | s | 3.0 | Longest wait. |",
    ]
