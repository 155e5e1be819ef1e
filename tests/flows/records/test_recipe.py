"""A kept GO ends with a change of what its training runs on, and of nothing else."""

from __future__ import annotations

import ast
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flows.records.source_closure import imported_sources, top_level_folder

DRIVE = ("trainer.loop", "trainer.agents.td3", "trainer.envs.drive")
CARLA = ("trainer.loop", "trainer.agents.td3", "trainer.envs.carla")

Sources = Callable[..., dict[str, bytes]]


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    """Return what a recipe's hash is made of, in a copy of our packages that may be changed."""
    for package in ("trainer", "carla_double"):
        origin = top_level_folder(package)
        assert origin is not None
        shutil.copytree(origin, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))

    def read(code: tuple[str, ...] = DRIVE) -> dict[str, bytes]:
        files = imported_sources(code, lambda package: tmp_path / package)
        return {name: path.read_bytes() for name, path in files.items()}

    return read


def change(path: Path) -> None:
    assert path.is_file()
    path.write_text(path.read_text() + "\n# changed\n")


@pytest.mark.parametrize(
    "file",
    [
        "trainer/agents/td3.py",
        "trainer/agents/networks.py",
        "trainer/agents/linear.py",
        "trainer/loop.py",
        "trainer/evaluate.py",
        "trainer/warm_start.py",
        "trainer/config.py",
        "trainer/replay/buffer.py",
        "trainer/run/seeding.py",
        "trainer/envs/drive/simulation.py",
        "trainer/envs/drive/environment.py",
        "trainer/envs/driving/reward.py",
        "trainer/envs/frame_stack.py",
        "trainer/envs/__init__.py",
    ],
)
def test_a_change_of_what_decides_learning_is_another_recipe(
    sources: Sources, tmp_path: Path, file: str
) -> None:
    before = sources()
    change(tmp_path / file)
    assert sources() != before


@pytest.mark.parametrize(
    "file",
    [
        "carla_double/control_door.py",
        "trainer/child_guard.py",
        "trainer/run/tags.py",
        "trainer/run/needs.py",
        "trainer/run/request.py",
        "trainer/envs/carla/server.py",
        "trainer/envs/gym/env.py",
        "trainer/envs/registry.py",
        "trainer/agents/registry.py",
    ],
)
def test_a_change_elsewhere_keeps_the_recipe(sources: Sources, tmp_path: Path, file: str) -> None:
    before = sources()
    change(tmp_path / file)
    assert sources() == before


def test_an_environment_brings_its_whole_folder(sources: Sources) -> None:
    drive, carla = sources(), sources(CARLA)
    assert "trainer.envs.carla.server" in carla
    assert "trainer.envs.carla.sensors" in carla
    assert not [name for name in carla if name.startswith("trainer.envs.drive.")]
    assert drive.keys() & carla.keys() > {"trainer.loop", "trainer.envs.driving.reward"}


def test_imports_of_every_form_are_followed(tmp_path: Path) -> None:
    package = tmp_path / "mine"
    (package / "deep").mkdir(parents=True)
    files = {
        "__init__.py": "",
        "deep/__init__.py": "",
        "start.py": (
            "from typing import TYPE_CHECKING\n"
            "import mine.plain, json\n"
            "from mine import sibling\n"
            "from . import relative\n"
            "from .deep import inner\n"
            "if TYPE_CHECKING:\n    from mine import only_types\n"
            "def later():\n    from mine.lazy import thing\n"
        ),
        "plain.py": "",
        "sibling.py": "",
        "relative.py": "",
        "lazy.py": "from mine import start  # a circle\nthing = 1\n",
        "only_types.py": "",
        "unused.py": "",
        "deep/inner.py": "from ..deep.other import x\nfrom .. import above\n",
        "deep/other.py": "x = 1\n",
        "above.py": "",
    }
    for name, text in files.items():
        (package / name).write_text(text)
    found = imported_sources(["mine.start"], lambda _: package)
    assert list(found) == [
        "mine",
        "mine.above",
        "mine.deep",
        "mine.deep.inner",
        "mine.deep.other",
        "mine.lazy",
        "mine.plain",
        "mine.relative",
        "mine.sibling",
        "mine.start",
    ]
    with pytest.raises(FileNotFoundError, match=r"there is no module mine\.gone"):
        imported_sources(["mine.gone"], lambda _: package)


def test_a_parser_that_another_thread_disturbs_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "alone"
    package.mkdir()
    (package / "__init__.py").write_text("import json\n")
    parse, calls = ast.parse, []

    def disturbed(*arguments: Any, **options: Any) -> ast.Module:
        calls.append(arguments)
        if len(calls) == 1:
            raise SystemError("AST constructor recursion depth mismatch")
        return parse(*arguments, **options)

    monkeypatch.setattr(ast, "parse", disturbed)
    assert list(imported_sources(["alone"], lambda _: package)) == ["alone"]
    assert len(calls) >= 2
