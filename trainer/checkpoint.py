"""Checkpoints: everything that training depends on but the replay buffer, in files that loading never executes."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import Any

import torch

from trainer.files import write_atomically

FORMAT = 1
_NAME = re.compile(r"step-(\d{9})\.ckpt")


class CheckpointError(Exception):
    """A checkpoint cannot be read or does not fit; the text names the file."""


def save(folder: Path, step: int, state: dict[str, Any], keep: int) -> Path:
    """Write `state` as the checkpoint of `step`, then remove all but the `keep` newest.

    Raises:
        OSError: It cannot be written; older checkpoints are untouched.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"step-{step:09d}.ckpt"
    content = {"format": FORMAT, "step": step, **state}
    write_atomically(path, lambda file: torch.save(content, file))
    for old in available(folder)[:-keep]:
        with contextlib.suppress(FileNotFoundError):
            old.unlink()
    return path


def available(folder: Path) -> list[Path]:
    """List the checkpoints of a folder, oldest step first."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name))


def load(path: Path, device: torch.device) -> dict[str, Any]:
    """Read a checkpoint without executing anything in it.

    Raises:
        CheckpointError: The file is missing, damaged or of another format.
    """
    try:
        content = torch.load(path, map_location=device, weights_only=True)
    except FileNotFoundError:
        raise CheckpointError(f"{path}: no such checkpoint") from None
    except Exception as error:  # torch raises many kinds for damaged files
        first_line = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CheckpointError(f"{path}: cannot be read as a checkpoint ({first_line})") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise CheckpointError(f"{path}: not a checkpoint of format {FORMAT}")
    return content
