from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.flows.cockpit.served import Cockpit, write_small_recipe


@pytest.fixture(scope="session")
def cockpit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cockpit]:
    """One cockpit for the tests that leave it as it was."""
    folder = tmp_path_factory.mktemp("cockpit")
    options = write_small_recipe(folder / "recipe")
    with Cockpit(folder / "work", *options) as served:
        yield served
