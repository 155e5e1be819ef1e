"""A reduced regress bench: every change still fits the trainer, and a few are compared."""

import shutil
from pathlib import Path

import pytest

from tests.regress_bench import bench
from tests.regress_bench.changes import CHANGES, HARMLESS, MISTAKES, Change, Edit, apply

ROOT = Path(__file__).resolve().parents[2]
FEW = {
    "terminations not in the target": ("NO_GO", "CONDITIONAL"),
    "variable renamed": ("GO",),
}


def test_the_bench_has_twenty_of_each():
    assert (len(MISTAKES), len(HARMLESS)) == (20, 20)
    assert len({change.slug for change in CHANGES}) == 40


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.slug)
def test_a_change_fits_the_source(change: Change, tmp_path: Path):
    shutil.copytree(ROOT / "trainer", tmp_path / "trainer")
    apply(change, tmp_path)
    for edit in change.edits:
        text = (tmp_path / edit.file).read_text()
        assert text != (ROOT / edit.file).read_text()
        compile(text, edit.file, "exec")


def test_a_change_that_no_longer_fits_is_an_error(tmp_path: Path):
    shutil.copytree(ROOT / "trainer", tmp_path / "trainer")
    change = Change("none", "mistake", (Edit("trainer/loop.py", "no such text", ""),))
    with pytest.raises(ValueError, match="does not hold"):
        apply(change, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", FEW)
def test_mistakes_are_found_and_harmless_changes_are_not_blamed(
    name: str, tmp_path_factory: pytest.TempPathFactory
):
    out = tmp_path_factory.getbasetemp() / "regress-bench"
    out.mkdir(exist_ok=True)
    (change,) = (change for change in CHANGES if change.name == name)
    row = bench.run(change, out, jobs=2)
    assert row.verdict in FEW[name], row.deciding
