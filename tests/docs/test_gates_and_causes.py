from __future__ import annotations

from pathlib import Path

from gates.checks.gate_file import load_gate
from gates.diagnosis.causes import CAUSES
from tests.docs.gates_and_causes import causes_document, gate_section, gates_document

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_the_gates_page_is_current() -> None:
    page = (DOCS / "gates.md").read_text(encoding="utf-8")
    assert page == gates_document(), "run `make docs`"


def test_the_causes_page_is_current() -> None:
    page = (DOCS / "causes.md").read_text(encoding="utf-8")
    assert page == causes_document(), "run `make docs`"


def test_every_check_and_every_cause_has_its_place() -> None:
    page = gates_document()
    for name in ("5k", "50k", "1m"):
        assert all(f"`{check.id}`" in page for check in load_gate(name).checks)
    assert all(f"## `{slug}`" in causes_document() for slug in CAUSES)


def test_tables_keep_their_columns() -> None:
    rows = [r for r in gate_section(load_gate("5k")).splitlines() if r.startswith("|")]
    columns = {row.replace(r"\|", "").count("|") for row in rows}
    assert columns == {7}
