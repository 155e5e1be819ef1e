"""Reads what a run stored for replay, and says what of it cannot have happened.

The double stamps every image with its frame number, so that an image of another moment shows; and
no vehicle changes its speed faster than its brakes and engine can, unless it hits something.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

MOST_MPS2 = 9.0
Columns = dict[str, npt.NDArray[np.generic]]


def impossible(stored: Columns, *, step_s: float, target_mps: float, gaps: set[int]) -> list[str]:
    """Return one sentence per kind of transition that cannot have happened.

    Args:
        stored: `read_stored` of a run whose images were stamped.
        step_s: Simulated time of a tick.
        target_mps: The unit of the stored speeds.
        gaps: Frames that a step may take; {1} where nothing was lost.
    """
    frames = stored["frames"].reshape(len(stored["frames"]), -1)
    starts = np.flatnonzero(stored["valid"][:-1] & (stored["terminated"][:-1] == 0.0))
    used = np.union1d(starts, starts + 1)
    problems = []
    if (frames[used].min(axis=1) != frames[used].max(axis=1)).any():
        problems.append("an image without a stamp was stored")
    stamps = frames[:, 0].astype(np.int64)
    passed = (stamps[starts + 1] - stamps[starts]) % 256
    problems += [
        f"{(passed == count).sum()} steps took {count} frames"
        for count in sorted(set(passed.tolist()) - gaps)
    ]
    speed_mps = stored["vectors"][:, 0].astype(float) * target_mps
    before, after = speed_mps[starts], speed_mps[starts + 1]
    sudden = np.abs(after - before) > MOST_MPS2 * step_s * np.maximum(passed, 1) + 1e-3
    if (sudden & (np.abs(after) > 1e-3)).any():
        problems.append("a vehicle changed its speed faster than it can")
    for name in ("vectors", "actions", "rewards"):
        if not np.isfinite(stored[name].astype(float)).all():
            problems.append(f"{name} are not finite")
    return problems


def differences(ours: Columns, theirs: Columns) -> list[str]:
    """Return in what two runs stored differently; nothing when they went through the same."""
    used = ours["valid"].astype(bool)
    if not np.array_equal(ours["valid"], theirs["valid"]):
        return ["other transitions were stored than in an undisturbed run"]
    return [
        f"{name} differ from those of an undisturbed run"
        for name in ("frames", "vectors", "actions", "rewards", "terminated", "age")
        if not np.array_equal(ours[name][used], theirs[name][used])
    ]


def read_stored(run: Path) -> Columns:
    """Return the replay buffer of the newest checkpoint, by slot; of one environment."""
    columns: Columns = {}
    for path in sorted((run / "checkpoints").glob("replay-*.npz")):
        with np.load(path, allow_pickle=False) as segment:
            slots = segment["slots"]
            for name in set(segment.files) - {"rows", "slots"}:
                values = segment[name]
                before = columns.get(name, values[:0])
                grown = np.zeros((max(len(before), int(slots.max()) + 1), *values.shape[1:]))
                columns[name] = grown.astype(values.dtype)
                columns[name][: len(before)] = before
                columns[name][slots] = values
    return columns
