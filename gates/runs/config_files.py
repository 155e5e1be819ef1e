"""Where the YAML files that come with the product lie (dialects, gates, stages, presets), and how YAML is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The compiled reader is ten times as quick; PyYAML may have been built without it."""

_COMPILED_MOST = 20_000
"""Characters; brackets nested deeper than some 20,000 times make the compiled reader crash the process."""


def config_dir() -> Path:
    """Return the product's `config/` folder, which lies beside the packages."""
    return Path(__file__).resolve().parents[2] / "config"


def parse_yaml(text: str) -> Any:
    """Parse one YAML document; tags that would make anything but plain data are refused.

    Raises:
        yaml.YAMLError: The text is not such YAML.
    """
    return yaml.load(text, Loader=_Loader if len(text) <= _COMPILED_MOST else yaml.SafeLoader)
