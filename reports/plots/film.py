"""Shows what a camera saw: episodes as a short film, single pictures of one as a strip."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction

import numpy as np
import numpy.typing as npt
from msgspec import Struct
from PIL import Image, ImageDraw

SIDE_PX = 256
"""Least height of a picture of the film."""
BAR_PX = 18
GIF_FRAME_S = 0.2
"""Time between two pictures of a GIF at least; more of them make it large."""
END_S = 1.5
"""How long the last picture of an episode is shown."""
STRIP_PICTURES, STRIP_SIDE_PX, GAP_PX = 8, 96, 4
_INK, _PAPER = 235, 25


class Scene(Struct, frozen=True, kw_only=True, eq=False):
    """An episode."""

    pictures: npt.NDArray[np.uint8]
    """`uint8[steps, height, width]`, at least one."""
    caption: str


def gif(scenes: Sequence[Scene], *, step_s: float) -> bytes:
    """Return a GIF that plays in real time.

    Args:
        scenes: At least one, all with pictures of one size.
        step_s: Time between two pictures.
    """
    shown = list(_frames(scenes, step_s, every=max(1, round(GIF_FRAME_S / step_s))))
    frames = [frame for frame, _ in shown]
    durations = [round(1000 * seconds) for _, seconds in shown]
    file = io.BytesIO()
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:], duration=durations, loop=0)
    return file.getvalue()


def mp4(scenes: Sequence[Scene], *, step_s: float) -> bytes:
    """Return an MP4 (H.264) that plays in real time and shows every step; arguments as for `gif`.

    Raises:
        ImportError: PyAV is not installed.
    """
    import av

    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=Fraction(1.0 / step_s).limit_denominator(100))
        stream.pix_fmt = "yuv420p"  # what browsers play; it wants even sides
        width, height = _frame(scenes[0].pictures[0], "").size
        stream.width, stream.height = width + width % 2, height + height % 2
        for image, seconds in _frames(scenes, step_s, every=1):
            even = image.crop((0, 0, stream.width, stream.height))
            for _ in range(max(1, round(seconds / step_s))):
                frame = av.VideoFrame.from_ndarray(np.asarray(even), format="gray")
                container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return file.getvalue()


FILMS: Mapping[str, Callable[..., bytes]] = {".gif": gif, ".mp4": mp4}
"""By the ending of the file's name."""


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


def _frames(
    scenes: Sequence[Scene], step_s: float, *, every: int
) -> Iterator[tuple[Image.Image, float]]:
    """Yield each picture that is shown, and for how many seconds."""
    for scene in scenes:
        for step in range(0, len(scene.pictures), every):
            yield _frame(scene.pictures[step], f"{step * step_s:.1f} s"), every * step_s
        yield _frame(scene.pictures[-1], scene.caption), END_S


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
