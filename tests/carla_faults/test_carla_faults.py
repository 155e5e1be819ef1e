"""Whatever happens to the simulator: no wrong data, no endless wait, a restart or a clear report."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.carla
for wheel in ("msgpack", "carla", "torch"):
    pytest.importorskip(wheel, reason="pip install 'gonogo[carla]'")

_spec = importlib.util.spec_from_file_location("table", Path(__file__).with_name("table.py"))
assert _spec is not None
assert _spec.loader is not None
table = importlib.util.module_from_spec(_spec)
sys.modules["table"] = table
_spec.loader.exec_module(table)


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing befell."""
    fate = table.strike(table.CASES[0], tmp_path_factory.mktemp("reference"), None)
    assert not fate.problems, fate.output
    run: Path = fate.run
    return run


@pytest.mark.parametrize("case", table.CASES[1:], ids=lambda case: case.name)
def test_the_stage_survives(case: table.Case, tmp_path: Path, reference: Path) -> None:
    fate = table.strike(case, tmp_path, reference)
    assert not fate.problems, fate.output


def test_wrong_data_would_be_found(reference: Path) -> None:
    """The two looks at the replay buffer find an image of another moment, and a sudden speed."""
    stored, limits = table.read_stored(reference), {"step_s": 0.05, "target_mps": 8.0}
    assert table.differences(stored, stored) == []
    starts = np.flatnonzero(stored["valid"][:-1] & (stored["terminated"][:-1] == 0.0))
    assert len(starts) > 400
    # The reference shows real images; stamp them as the double would have.
    stamped = {name: values.copy() for name, values in stored.items()}
    stamped["frames"][:] = (np.arange(len(stored["frames"])) % 256)[:, None, None]
    assert table.impossible(stamped, gaps={1}, **limits) == []
    late = {name: values.copy() for name, values in stamped.items()}
    late["frames"][starts[7] + 1] -= 1
    assert "steps took 0 frames" in str(table.impossible(late, gaps={1}, **limits))
    assert table.differences(late, stamped)
    sudden = {name: values.copy() for name, values in stamped.items()}
    sudden["vectors"][starts[7] + 1, 0] += 0.5
    assert "faster than it can" in str(table.impossible(sudden, gaps={1}, **limits))
    assert "without a stamp" in str(table.impossible(stored, gaps={1}, **limits))
