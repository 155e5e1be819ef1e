"""Checkpoints: everything that training depends on, in files that loading never executes.

A checkpoint of step `s` is `step-s.ckpt` (networks, optimisers, generators, counters), the segments of the replay
buffer that were written up to then, and `step-s.json`, the manifest with the sizes and hashes of all files that belong
to it. The manifest is written last: a checkpoint without one does not exist.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from numpy.typing import NDArray

from trainer.run.files import write_atomically, write_json

FORMAT = 1
_MANIFEST = re.compile(r"step-\d{9}\.json")
_PART = re.compile(r"(step|replay)-\d{9}\.(json|ckpt|npz)")
BEST = "best.ckpt"
"""The agent at its best evaluation, without what resuming would need."""


class CheckpointError(Exception):
    """A checkpoint cannot be used; the text names the file."""


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What a checkpoint consists of."""

    path: Path
    step: int
    files: dict[str, dict[str, Any]]
    """File name to `{sha256, bytes}`: the `.ckpt` file, then the segments in the order in which they were written."""
    advanced: dict[str, list[int]] = field(default_factory=dict)
    """For each segment the replay buffer's mark at its end."""

    @property
    def segments(self) -> list[str]:
        """Names of the replay segments, oldest first."""
        return [name for name in self.files if name.endswith(".npz")]


def save(
    folder: Path,
    step: int,
    state: Mapping[str, Any],
    *,
    segment: Mapping[str, NDArray[Any]] | None = None,
    advanced: Iterable[int] = (),
    before: Manifest | None = None,
    still_needed: Callable[[list[int]], bool] = lambda _: True,
) -> Manifest:
    """Write the checkpoint of `step`.

    Args:
        folder: Made if it is missing.
        step: Environment step.
        state: Tensors and plain values.
        segment: What the replay buffer got since the checkpoint `before`; None to save no replay buffer.
        advanced: The buffer's mark at this step.
        before: The checkpoint whose segments this one continues.
        still_needed: Tells by a segment's mark whether the buffer still holds something of it.

    Raises:
        OSError: It cannot be written; older checkpoints are untouched.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files: dict[str, dict[str, Any]] = {}
    marks: dict[str, list[int]] = {}

    checkpoint = folder / f"step-{step:09d}.ckpt"
    content = {"format": FORMAT, "step": step, **state}
    write_atomically(checkpoint, lambda file: torch.save(content, file))
    files[checkpoint.name] = _identity(checkpoint)
    if segment is not None:
        if before is not None:
            marks = {name: mark for name, mark in before.advanced.items() if still_needed(mark)}
            files |= {name: before.files[name] for name in marks}
        path = folder / f"replay-{step:09d}.npz"
        write_atomically(path, lambda file: _write_arrays(file, segment))
        files[path.name] = _identity(path)
        marks[path.name] = list(advanced)
    manifest = folder / f"step-{step:09d}.json"
    write_json(manifest, {"format": FORMAT, "step": step, "files": files, "advanced": marks})
    return Manifest(path=manifest, step=step, files=files, advanced=marks)


def save_best(folder: Path, step: int, state: Mapping[str, Any], *, mean_return: float) -> None:
    """Replace the agent that did best so far; `best.json` says which one it is.

    Raises:
        OSError: It cannot be written; the earlier one is untouched.
    """
    folder.mkdir(parents=True, exist_ok=True)
    content = {"format": FORMAT, "step": step, **state}
    path = folder / BEST
    write_atomically(path, lambda file: torch.save(content, file))
    identity = {path.name: _identity(path)}
    write_json(
        path.with_suffix(".json"),
        {"format": FORMAT, "step": step, "mean_return": mean_return, "files": identity},
    )


def available(folder: Path) -> list[Manifest]:
    """List the checkpoints of a folder, oldest step first; unreadable manifests are skipped."""
    found = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if _MANIFEST.fullmatch(path.name):
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                content = json.loads(path.read_text(encoding="utf-8"))
                if content["format"] == FORMAT:
                    found.append(
                        Manifest(
                            path=path,
                            step=int(content["step"]),
                            files=dict(content["files"]),
                            advanced=dict(content["advanced"]),
                        )
                    )
    return found


def verify(manifest: Manifest) -> None:
    """Compare every file of a checkpoint with the manifest.

    Raises:
        CheckpointError: A file is missing or differs.
    """
    for name, expected in manifest.files.items():
        path = manifest.path.parent / name
        if Path(name).name != name:
            raise CheckpointError(f"{manifest.path}: names a file outside its folder: {name}")
        try:
            found = _identity(path)
        except OSError as error:
            raise CheckpointError(f"{path}: {error.strerror}") from None
        if found != expected:
            raise CheckpointError(
                f"{path}: damaged: its {found['bytes']} bytes do not have the hash in the manifest"
            )


def newest_good(folder: Path) -> tuple[Manifest | None, list[str]]:
    """Find the newest checkpoint with no damaged file; say what is wrong with newer ones."""
    damage = []
    for manifest in reversed(available(folder)):
        try:
            verify(manifest)
        except CheckpointError as error:
            damage.append(str(error))
        else:
            return manifest, damage
    return None, damage


def load(manifest: Manifest, device: torch.device) -> dict[str, Any]:
    """Read a checkpoint's state without executing anything in it.

    Raises:
        CheckpointError: The file is missing, damaged or of another format.
    """
    return load_file(manifest.path.with_suffix(".ckpt"), device)


def load_file(path: Path, device: torch.device) -> dict[str, Any]:
    """Read a `.ckpt` file without executing anything in it.

    Raises:
        CheckpointError: The file is missing, damaged or of another format.
    """
    try:
        content = torch.load(path, map_location=device, weights_only=True)
    except FileNotFoundError:
        raise CheckpointError(f"{path}: no such file") from None
    except Exception as error:  # torch raises many kinds for damaged files
        first_line = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CheckpointError(f"{path}: cannot be read as a checkpoint ({first_line})") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise CheckpointError(f"{path}: not a checkpoint of format {FORMAT}")
    return content


def load_segments(manifest: Manifest) -> Iterable[dict[str, NDArray[Any]]]:
    """Read the replay segments of a checkpoint, oldest first."""
    for name in manifest.segments:
        with np.load(manifest.path.parent / name, allow_pickle=False) as arrays:
            yield dict(arrays)


def prune(folder: Path, *, keep: int, keep_steps: Iterable[int] = ()) -> None:
    """Remove all but the `keep` newest checkpoints and those of `keep_steps`, and files that none of them names."""
    manifests = available(folder)
    wanted = set(keep_steps) | {m.step for m in manifests[-keep:]}
    needed = {name for m in manifests if m.step in wanted for name in [m.path.name, *m.files]}
    for path in folder.iterdir() if folder.is_dir() else []:
        if path.name not in needed and _PART.fullmatch(path.name):
            with contextlib.suppress(FileNotFoundError):
                path.unlink()


def discard_after(folder: Path, step: int) -> None:
    """Remove the checkpoints after `step`: a run that is resumed there writes them again."""
    for manifest in available(folder):
        if manifest.step > step:
            manifest.path.unlink()
    prune(folder, keep=1, keep_steps=[m.step for m in available(folder)])


def _identity(path: Path) -> dict[str, Any]:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return {"sha256": digest.hexdigest(), "bytes": path.stat().st_size}


def _write_arrays(file: BinaryIO, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write an npz archive, compressed lightly: camera frames shrink several times at little cost."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, np.ascontiguousarray(array), allow_pickle=False)
