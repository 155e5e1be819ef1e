"""Shows what a camera saw: episodes as a short film, single pictures of one as a strip."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

SIDE_PX = 256
"""Least height of a picture of the film."""
BAR_PX = 18
FRAME_S = 0.2
"""Time between two pictures of a film at most; more of them make it large."""
END_S = 1.5
"""How long the last picture of an episode is shown."""
STRIP_PICTURES, STRIP_SIDE_PX, GAP_PX = 8, 96, 4
_INK, _PAPER = 235, 25


@dataclass(frozen=True, eq=False, kw_only=True)
class Scene:
    """An episode."""

    pictures: npt.NDArray[np.uint8]
    """`uint8[steps, height, width]`, at least one."""
    caption: str


def film(scenes: Sequence[Scene], *, step_s: float) -> bytes:
    """Return a GIF that plays in real time.

    Args:
        scenes: At least one, all with pictures of one size.
        step_s: Time between two pictures.
    """
    every = max(1, round(FRAME_S / step_s))
    frames: list[Image.Image] = []
    durations: list[int] = []
    for scene in scenes:
        steps = list(range(0, len(scene.pictures), every))
        for step in steps:
            frames.append(_frame(scene.pictures[step], f"{step * step_s:.1f} s"))
            durations.append(round(1000 * every * step_s))
        frames.append(_frame(scene.pictures[-1], scene.caption))
        durations.append(round(1000 * END_S))
    file = io.BytesIO()
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:], duration=durations, loop=0)
    return file.getvalue()


def strip(pictures: npt.NDArray[np.uint8]) -> Image.Image:
    """Return pictures of an episode side by side, from its first to its last, evenly in time."""
    count = min(STRIP_PICTURES, len(pictures))
    chosen = pictures[np.linspace(0, len(pictures) - 1, count).round().astype(int)]
    width = count * (STRIP_SIDE_PX + GAP_PX) - GAP_PX
    sheet = Image.new("L", (width, STRIP_SIDE_PX), 255)
    for number, picture in enumerate(chosen):
        shown = Image.fromarray(picture).resize(
            (STRIP_SIDE_PX, STRIP_SIDE_PX), Image.Resampling.NEAREST
        )
        sheet.paste(shown, (number * (STRIP_SIDE_PX + GAP_PX), 0))
    return sheet.convert("RGB")


def _frame(picture: npt.NDArray[np.uint8], caption: str) -> Image.Image:
    """Enlarge a picture by a whole number and write below it."""
    height, width = picture.shape
    times = max(1, -(-SIDE_PX // height))
    large = Image.fromarray(picture).resize(
        (times * width, times * height), Image.Resampling.NEAREST
    )
    frame = Image.new("L", (large.width, large.height + BAR_PX), _PAPER)
    frame.paste(large, (0, 0))
    draw = ImageDraw.Draw(frame)
    draw.text((4, large.height + 3), caption, fill=_INK)
    return frame
