"""What the forms offer to choose from: shipped presets, stages and gates, and the user's own files.

The served processes learn from environment variables what `gonogo serve` was told.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from flows.errors import ConfigError, UsageError
from flows.settings.run_options import DEFAULT_STAGES
from flows.settings.setting_files import PresetFile, StageFile, load_file
from flows.settings.stage_rules import shipped

OWN_PRESETS, OWN_STAGES = "GONOGO_PRESETS", "GONOGO_STAGES"
"""Environment variables: paths of the user's own files, with os.pathsep between them."""
RUNS = "GONOGO_RUNS"
"""Environment variable: folder for pipeline directories."""


def runs_folder() -> Path:
    """Return the folder in which pipeline directories are made."""
    return Path(os.environ.get(RUNS) or "runs").absolute()


def presets() -> Mapping[str, str]:
    """Return what `--preset` takes, by the name that the form shows."""
    return _offered("preset", OWN_PRESETS)


def stages() -> Mapping[str, str]:
    """Return what `--stages` takes, by the name that the form shows, shortest stage first."""
    return _offered("stage", OWN_STAGES)


def check_files(kind: str, paths: list[Path]) -> str:
    """Check the user's own files and return the value of their environment variable.

    Raises:
        ConfigError: A file is missing or has mistakes.
    """
    mistakes: list[str] = []
    for path in paths:
        load_file(kind, str(path), PresetFile if kind == "preset" else StageFile, mistakes)
    if mistakes:
        raise ConfigError(mistakes)
    return os.pathsep.join(str(path.absolute()) for path in paths)


def _offered(kind: str, variable: str) -> Mapping[str, str]:
    names = [name for name in DEFAULT_STAGES if kind == "stage"]
    names += [name for name in shipped(kind) if name not in names]
    own = [path for path in os.environ.get(variable, "").split(os.pathsep) if path]
    return {**{name: name for name in names}, **{Path(path).stem: path for path in own}}


def pipeline_folder(name: str) -> Path:
    """Return the pipeline directory that a form names: below the runs folder, or by a whole path.

    Raises:
        UsageError: The name leads out of the runs folder.
    """
    folder = runs_folder()
    path = Path(os.path.normpath(folder / name.strip()))
    if not Path(name.strip()).is_absolute() and folder not in path.parents:
        raise UsageError(f"{name!r} leads out of {folder}; give a name below it or a whole path.")
    return path
