"""A run multiplies with one library from its beginning to its end, the quicker one of the machine where it began."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from trainer.agents import linear
from trainer.run import products


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """Names of what a measuring finds, one taken by each; the cache folder is a new one."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    found = ["torch", "onednn"]
    monkeypatch.setattr(products, "quicker_library", lambda: found.pop(0))
    return found


def test_a_machine_is_measured_once(measured: list[str], tmp_path: Path) -> None:
    assert [products.library_of(tmp_path / "new") for _ in range(3)] == ["torch"] * 3
    assert measured == ["onednn"]


def test_another_torch_is_measured_again(
    measured: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert products.library_of_machine() == "torch"
    monkeypatch.setattr(torch, "__version__", "99.0")
    assert products.library_of_machine() == "onednn"


@pytest.mark.parametrize("kept", ["{", "[]", '{"matrix_products": "abacus"}', ""])
def test_a_broken_file_is_measured_again(measured: list[str], kept: str) -> None:
    products.library_of_machine()
    for file in (products._cache()).iterdir():
        file.write_text(kept)
    assert products.library_of_machine() == "onednn"


def test_without_a_place_to_keep_it_it_is_measured_each_time(
    measured: list[str], tmp_path: Path
) -> None:
    (tmp_path / "cache").write_text("a file")
    assert [products.library_of_machine() for _ in range(2)] == ["torch", "onednn"]


@pytest.mark.parametrize(
    ("told", "library"),
    [
        ({"matrix_products": "torch"}, "torch"),
        ({"matrix_products": "onednn"}, "onednn"),
        ({}, "onednn"),
    ],
)
def test_a_run_goes_on_with_what_it_began_with(
    measured: list[str], tmp_path: Path, told: dict[str, str], library: str
) -> None:
    (tmp_path / "run.json").write_text(json.dumps(told))
    assert products.library_of(tmp_path) == library
    assert len(measured) == 2, "nothing was measured"


def test_measuring_leaves_the_random_numbers_and_the_threads_alone() -> None:
    torch.manual_seed(3)
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    assert linear.quicker_library(rounds=1) in ("onednn", "torch")
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_num_threads() == threads
