"""Reads YAML as people mean it: `1e-3` is a number, a key stands once, and nothing is executed."""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import yaml

from gates.runs.config_files import CompiledLoader, is_shallow


class _KeysOnce(yaml.constructor.SafeConstructor):
    """Refuses a key given twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key_node, _ in node.value:
            key = str(key_node.value)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} stands here twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


_PLAIN: Any = type("Loader", (_KeysOnce, yaml.SafeLoader), {})
_COMPILED: Any = type("Loader", (_KeysOnce, CompiledLoader), {})
for loader in (_PLAIN, _COMPILED):  # `1e-3` is a number, as in YAML 1.2 and not in PyYAML
    loader.add_implicit_resolver(
        "tag:yaml.org,2002:float",
        re.compile(r"^[-+]?(?:\d[\d_]*)(?:\.\d*)?[eE][-+]?\d+$"),
        list("-+0123456789"),
    )


class YamlError(Exception):
    """The text is not YAML that can be used; the message is one line."""


def parse_yaml(text: str) -> Any:
    """Parse one YAML document or value.

    Raises:
        YamlError: The text is not YAML, has a tag, an alias, or a key that stands twice.
    """
    if is_shallow(text):
        with contextlib.suppress(yaml.YAMLError, ValueError):  # the plain one says more about it
            return _parse(text, _COMPILED)
    try:
        return _parse(text, _PLAIN)
    except (yaml.YAMLError, ValueError) as error:
        raise YamlError(_one_line(error)) from None


def _parse(text: str, loader: Any) -> Any:
    if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=loader)):
        raise YamlError("aliases (*name) are not supported")
    return yaml.load(text, Loader=loader)  # both are SafeLoaders


def read_mapping(path: Path) -> dict[str, Any]:
    """Read a YAML file whose top level maps names to values.

    Raises:
        YamlError: The file cannot be read, is not YAML, or is no mapping.
    """
    try:
        data = parse_yaml(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise YamlError(f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise YamlError("cannot be read: it is not UTF-8 text") from None
    if not isinstance(data, dict) or not all(isinstance(key, str) for key in data):
        raise YamlError("must be a mapping of names to values")
    return data


def non_finite_keys(value: object, key: str = "") -> list[str]:
    """List the dotted keys whose value is NaN or infinite."""
    if isinstance(value, Mapping):
        return [
            found
            for name, item in value.items()
            for found in non_finite_keys(item, f"{key}.{name}" if key else str(name))
        ]
    if isinstance(value, list):
        return [f for i, item in enumerate(value) for f in non_finite_keys(item, f"{key}[{i}]")]
    return [key] if isinstance(value, float) and not math.isfinite(value) else []


def _one_line(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or " ".join(str(error).split())
    return f"line {mark.line + 1}: {problem}" if mark is not None else str(problem)
