"""Writes a configuration override the way the command line takes it."""

from __future__ import annotations

import json


def set_argument(key: str, value: object) -> str:
    """Return `KEY=VALUE` for `--set`, with a value that YAML reads back as the same number."""
    return f"{key}={_yaml_text(value)}"


def _yaml_text(value: object) -> str:
    if isinstance(value, float):
        text = repr(value)
        # YAML 1.1 takes an exponent for a number only after a decimal point.
        return text.replace("e", ".0e") if "e" in text and "." not in text else text
    if isinstance(value, tuple):
        return json.dumps(list(value))
    if isinstance(value, str):
        return value
    return json.dumps(value)
