"""Every fault ends as it must: nothing lost, no orphan process, no wrong verdict, always a report."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

_spec = importlib.util.spec_from_file_location("matrix", Path(__file__).with_name("matrix.py"))
assert _spec is not None
assert _spec.loader is not None
matrix = importlib.util.module_from_spec(_spec)
sys.modules["matrix"] = matrix
_spec.loader.exec_module(matrix)

QUICK = [case for case in matrix.CASES if case.quick]
FULL = [case for case in matrix.CASES if not case.quick and case is not matrix.CASES[0]]


@pytest.mark.parametrize("case", QUICK, ids=lambda case: case.name)
def test_common_faults(case: matrix.Case, tmp_path: Path) -> None:
    fate = matrix.strike(case, tmp_path, reference=None)
    assert not fate.problems, fate.output


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing befell."""
    folder = tmp_path_factory.mktemp("reference")
    fate = matrix.strike(matrix.CASES[0], folder, reference=None)
    assert not fate.problems, fate.output
    return folder / "pipeline" / "short" / "run-001"


@pytest.mark.slow
@pytest.mark.parametrize("case", FULL, ids=lambda case: case.name)
def test_rare_faults(case: matrix.Case, tmp_path: Path, reference: Path) -> None:
    fate = matrix.strike(case, tmp_path, reference)
    assert not fate.problems, fate.output
