"""Where the YAML files that come with the product lie: dialects, gates, stages and presets."""

from __future__ import annotations

from pathlib import Path


def config_dir() -> Path:
    """Return the product's `config/` folder, which lies beside the packages."""
    return Path(__file__).resolve().parents[1] / "config"
