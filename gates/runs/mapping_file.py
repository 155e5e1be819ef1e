"""Writes a mapping file for an unknown trainer: what was guessed, one line for each tag, for a person to check."""

from __future__ import annotations

import re

import yaml

from gates.runs.tag_guess import TagSummary

_HEAD = """\
# Mapping file made by `gonogo tags`: which tag means what, by its name and steps. Every line is a guess; check it.
# A tag may stand for another one only if it means the same. A tag without `to` keeps its name and is not judged.
# Steps count environment steps unless `axis` says `update` (updates, training calls, iterations) or `episode`.
# How to go on: docs/write-a-mapping-file.md; all keys: docs/keys.md.
"""


def mapping_file(tags: tuple[TagSummary, ...], name: str) -> str:
    """Return a YAML mapping file that loads as it is; lines that need an answer first are comments."""
    slug = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") or "my_trainer"
    lengths = [
        t.tag for t in tags if t.axis == "episodes" and t.could_be[:1] == ("train/episode_length",)
    ]
    lines = [_HEAD + f"name: {slug}", f"title: {_quoted(name)}", "source: guessed by gonogo tags"]
    if lengths:
        lines.append(f"episode_axis: {{length: {_quoted(lengths[0])}}}")
    taken: set[str] = set()
    entries: list[str] = []
    for tag in tags:
        entries += _entry(tag, taken, by_episode=bool(lengths))
    known = any(not line.lstrip().startswith("#") for line in entries)
    return "\n".join([*lines, "tags:" if known else "tags: {}", *entries]) + "\n"


def _entry(tag: TagSummary, taken: set[str], *, by_episode: bool) -> list[str]:
    comment = (
        f"  # {tag.points:,} points, steps {tag.first_step:,} to {tag.last_step:,}, about every {tag.every:,}: "
        f"{tag.axis}; values {tag.low:.4g} to {tag.high:.4g}"
    )
    if len(tag.could_be) > 1:
        comment += f"; or {', '.join(tag.could_be[1:])}"
    target = next((t for t in tag.could_be if t not in taken), None)
    if target is None:
        return [comment, f"  {_quoted(tag.tag)}: {{}}"]
    keys = [f"to: {target}"]
    if tag.axis == "training calls":
        keys.append("axis: update")
    elif tag.axis == "episodes" and by_episode:
        keys.append("axis: episode")
    line = f"{_quoted(tag.tag)}: {{{', '.join(keys)}}}"
    if tag.axis not in ("environment steps", "training calls") and "axis: episode" not in keys:
        return [comment, f"  # What do its steps count? {line}"]
    taken.add(target)
    return [comment, f"  {line}"]


def _quoted(text: str) -> str:
    return yaml.safe_dump(text, default_style='"', width=float("inf")).strip()
