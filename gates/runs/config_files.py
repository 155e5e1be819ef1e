"""Where the YAML files that come with the product are (dialects, gates, stages, presets), and how YAML is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

CompiledLoader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The compiled reader is ten times as quick; PyYAML may have been built without it."""

_NESTING = "[{-?:"
"""Characters that can open a level of nesting."""
_COMPILED_MOST = 20_000
"""Levels; YAML nested deeper than some 20,000 times makes the compiled reader crash the process."""


def config_dir() -> Path:
    """Return the folder of the shipped YAML: `config/` of a checkout, `gonogo/config/` of an installation."""
    home = Path(__file__).resolve().parents[2]
    # Beside installed packages, a folder `config` is somebody else's.
    installed = home / "gonogo" / "config"
    return installed if installed.is_dir() else home / "config"


def parse_yaml(text: str) -> Any:
    """Parse one YAML document; tags that would make anything but plain data are refused.

    Raises:
        yaml.YAMLError: The text is not such YAML.
    """
    return yaml.load(text, Loader=CompiledLoader if is_shallow(text) else yaml.SafeLoader)


def is_shallow(text: str) -> bool:
    """Tell whether the compiled reader can be trusted with a text."""
    return sum(map(text.count, _NESTING)) <= _COMPILED_MOST
