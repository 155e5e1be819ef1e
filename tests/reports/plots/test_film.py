"""A film plays in real time and shows every episode to its end; a strip runs from first to last."""

import io

import numpy as np
import pytest
from PIL import Image

from reports.plots.film import END_S, STRIP_PICTURES, Scene, gif, mp4, strip


def pictures(steps, size=32):
    return np.stack([np.full((size, size), 5 * step % 256, np.uint8) for step in range(steps)])


@pytest.mark.parametrize(("step_s", "steps"), [(0.1, 31), (0.05, 60), (0.5, 4)])
def test_a_film_lasts_as_long_as_was_driven(step_s, steps):
    scenes = [Scene(pictures=pictures(steps), caption="time limit")] * 2
    with Image.open(io.BytesIO(gif(scenes, step_s=step_s))) as found:
        shown_s = 0.0
        for frame in range(found.n_frames):
            found.seek(frame)
            shown_s += found.info["duration"] / 1000.0
        assert found.info["loop"] == 0
    assert shown_s == pytest.approx(2 * (steps * step_s + END_S), abs=0.41)


def test_one_picture_is_a_film():
    with Image.open(
        io.BytesIO(gif([Scene(pictures=pictures(1), caption="x")], step_s=0.1))
    ) as found:
        assert found.n_frames >= 1


@pytest.mark.parametrize(
    ("step_s", "steps", "size"), [(0.1, 31, 32), (0.05, 60, 84), (0.5, 4, 29), (0.1, 1, 256)]
)
def test_an_mp4_shows_every_step_and_plays_in_browsers(step_s, steps, size):
    av = pytest.importorskip("av", reason="the extra video is not installed")
    scenes = [Scene(pictures=pictures(steps, size), caption="time limit")] * 2
    with av.open(io.BytesIO(mp4(scenes, step_s=step_s))) as found:
        stream = found.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        seen = [frame.to_ndarray(format="gray") for frame in found.decode(stream)]
    assert len(seen) == 2 * (steps + round(END_S / step_s))
    assert len(seen) / float(stream.average_rate) == pytest.approx(2 * (steps * step_s + END_S))
    # Lossy, so each picture is only near to what was driven.
    for number, picture in enumerate(seen[:steps]):
        assert picture[:256, :256].mean() == pytest.approx(5 * number % 256, abs=8)


@pytest.mark.parametrize("steps", [1, 3, 8, 300])
def test_a_strip_shows_the_first_and_the_last_picture(steps):
    content = np.zeros((steps, 32, 32), np.uint8)
    content[0], content[-1] = 50, 200
    sheet = np.asarray(strip(content))
    assert sheet[0, 0, 0] == content[0, 0, 0]
    assert sheet[0, -1, 0] == 200
    assert sheet.shape[1] == min(steps, STRIP_PICTURES) * 100 - 4
