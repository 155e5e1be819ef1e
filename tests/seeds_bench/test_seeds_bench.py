"""A reduced bench of seeds until it is decided."""

from pathlib import Path

import numpy as np
import pytest

from gates.sign_flips import Looks
from tests.seeds_bench import bench

PUBLISHED = Path(__file__).resolve().parents[3] / "shared" / "curves" / "td3-authors.npz"
LOOKS = Looks.in_rounds(3, 10)


def test_a_gain_is_the_end_of_the_training_over_its_beginning(tmp_path):
    path = tmp_path / "curves.npz"
    rising = np.arange(101.0)
    np.savez(path, **{"Task-v1_0": rising, "Task-v1_1": rising + 7})
    cells = list(bench.cells(bench.curves(path)))
    assert [cell.share for cell in cells] == list(bench.SHARES)
    assert cells[-1].gains.tolist() == [87.5, 87.5], "the last quarter goes from 75 to 100"


def test_what_is_clear_takes_six_seeds_and_what_is_not_there_is_rarely_found():
    rng = np.random.default_rng(0)
    clear = bench.count(lambda: rng.normal(9.0, 1.0, 10), LOOKS, 50)
    assert (clear.fixed, clear.auto, clear.seeds) == (1.0, 1.0, 6.0)
    nothing = bench.count(lambda: rng.normal(0.0, 1.0, 10), LOOKS, 300)
    assert max(nothing.fixed, nothing.auto) < 0.1


def test_without_the_curves_it_says_why_it_is_skipped(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["bench.py", str(tmp_path / "none.npz")])
    assert bench.main() == 0
    assert "does not exist" in capsys.readouterr().out


@pytest.mark.skipif(not PUBLISHED.is_file(), reason=f"{PUBLISHED} is not here")
def test_published_curves_need_fewer_seeds_at_the_same_power():
    rng = np.random.default_rng(0)
    found = [
        bench.count(lambda g=cell.gains: rng.choice(g, 10), LOOKS, 20)
        for cell in bench.cells(bench.curves(PUBLISHED))
    ]
    fixed, auto, seeds = (
        float(np.mean([getattr(c, key) for c in found])) for key in ("fixed", "auto", "seeds")
    )
    assert auto > fixed - 0.03
    assert seeds < 7.0
