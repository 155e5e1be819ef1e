from __future__ import annotations

from pathlib import Path

from gates.checks.gate_file import load_gate
from gates.diagnosis.causes import CAUSES
from tests.docs.gates_and_causes import causes_document, check_section, gate_section, gates_document

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


def test_each_check_says_what_it_measures_what_it_counts_as_and_why() -> None:
    gate = load_gate("5k")
    sections = gate_section(gate).split("\n### ")[1:]
    assert len(sections) == len(gate.checks)
    needed = ("Measures", "Levels", "Counts as", "Judged", "Algorithms", "Why", "Source")
    needed += ("Assumes", "Type")
    for section in sections:
        assert [n for n in needed if f"- **{n}:** " not in section] == []


def test_the_assumptions_of_a_law_stand_with_its_checks() -> None:
    (check,) = [c for c in load_gate("5k").checks if c.id == "terminations_kept"]
    assert "- **Assumes:** The buffer holds this run's steps alone" in check_section(check)


def test_the_page_can_be_read_as_it_is() -> None:
    assert [line for line in gates_document().splitlines() if len(line) > 120] == []
