"""Reads what a run stored for replay and says what cannot have happened.

The double stamps every image with its frame number, so that an image that belongs to another moment
shows; and no vehicle changes its speed faster than its brakes and engine can.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

MOST_MPS2 = 9.0


def impossible(run: Path, *, step_s: float, most_ticks: int, target_mps: float) -> list[str]:
    """Return one sentence per kind of transition that cannot have happened.

    Args:
        run: Run directory with checkpoints.
        step_s: Simulated time of a tick.
        most_ticks: Ticks that a step may have taken, more than 1 where images were lost.
        target_mps: The unit of the stored speeds.
    """
    stored = _stored(run)
    frames = stored["frames"].reshape(len(stored["frames"]), -1)
    problems = []
    if (frames.min(axis=1) != frames.max(axis=1)).any():
        problems.append("an image without a stamp was stored")
    stamps = frames[:, 0].astype(np.int64)
    speeds = stored["vectors"][:, 0] * target_mps
    starts = np.flatnonzero(stored["valid"][:-1] & (stored["terminated"][:-1] == 0.0))
    passed = (stamps[starts + 1] - stamps[starts]) % 256
    for count in sorted(set(passed.tolist())):
        if not 1 <= count <= most_ticks:
            problems.append(f"{(passed == count).sum()} steps took {count} frames")
    change = np.abs(speeds[starts + 1] - speeds[starts])
    if (change > MOST_MPS2 * step_s * np.maximum(passed, 1) + 1e-3).any():
        problems.append(f"a vehicle changed its speed by {change.max():.2f} m/s in one step")
    for name in ("vectors", "actions", "rewards"):
        if not np.isfinite(stored[name]).all():
            problems.append(f"{name} are not finite")
    return problems


def transitions(run: Path) -> int:
    """Return how many transitions a run stored."""
    return int(_stored(run)["valid"].sum())


def _stored(run: Path) -> dict[str, npt.NDArray[np.generic]]:
    """Return the replay buffer of the newest checkpoint, by slot; one environment."""
    columns: dict[str, npt.NDArray[np.generic]] = {}
    for path in sorted((run / "checkpoints").glob("replay-*.npz")):
        with np.load(path, allow_pickle=False) as segment:
            slots = segment["slots"]
            for name in set(segment.files) - {"rows", "slots"}:
                values = segment[name]
                most = max(len(columns.get(name, ())), int(slots.max()) + 1)
                grown = np.zeros((most, *values.shape[1:]), values.dtype)
                grown[: len(columns.get(name, ()))] = columns.get(name, grown[:0])
                grown[slots] = values
                columns[name] = grown
    return columns
