"""Every fault ends as it must: nothing lost, no orphan process, no wrong verdict, always a report."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


def _load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


matrix = _load("matrix")
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


commands = _load("commands")
QUICK_COMMANDS = [case for case in commands.CASES if case.quick]
FULL_COMMANDS = [case for case in commands.CASES[1:] if not case.quick]


def undisturbed(cases: tuple[commands.Case, ...], folder: Path) -> commands.Fate:
    """Run what no fault befalls."""
    fate = commands.strike(cases[0], folder, None)
    assert fate.ends == ("finished",), fate.output
    return fate


@pytest.fixture(scope="module")
def command_reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the trainer by command that nothing befell."""
    folder = tmp_path_factory.mktemp("command-reference")
    assert not undisturbed(commands.CASES, folder).problems
    return folder / "pipeline" / "short" / "run-001"


@pytest.mark.parametrize("case", QUICK_COMMANDS, ids=lambda case: case.name)
def test_common_faults_of_trainers_by_command(
    case: commands.Case, tmp_path: Path, command_reference: Path
) -> None:
    fate = commands.strike(case, tmp_path, command_reference)
    assert not fate.problems, fate.output


@pytest.mark.slow
@pytest.mark.parametrize("case", FULL_COMMANDS, ids=lambda case: case.name)
def test_rare_faults_of_trainers_by_command(
    case: commands.Case, tmp_path: Path, command_reference: Path
) -> None:
    fate = commands.strike(case, tmp_path, command_reference)
    assert not fate.problems, fate.output


@pytest.fixture(scope="module")
def sb3_code(tmp_path_factory: pytest.TempPathFactory) -> int:
    """Exit code after Stable-Baselines3's undisturbed run."""
    pytest.importorskip("stable_baselines3", reason="the extra sb3 is not installed")
    return undisturbed(commands.SB3_CASES, tmp_path_factory.mktemp("sb3")).code


@pytest.mark.slow
@pytest.mark.parametrize("case", commands.SB3_CASES[1:], ids=lambda case: case.name)
def test_faults_of_stable_baselines3(case: commands.Case, tmp_path: Path, sb3_code: int) -> None:
    fate = commands.strike(case, tmp_path, None, sb3_code)
    assert not fate.problems, fate.output
