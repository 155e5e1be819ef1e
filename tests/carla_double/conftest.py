from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.carla_double.double_process import DoubleProcess, running_double


@pytest.fixture(scope="module")
def double() -> Iterator[DoubleProcess]:
    """One double for all tests of a module."""
    for wheel in ("msgpack", "carla"):
        pytest.importorskip(wheel, reason="pip install 'gonogo[carla]'")
    with running_double() as started:
        yield started
