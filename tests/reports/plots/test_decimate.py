import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gates.series import Series
from reports.plots.decimate import thin


def _series(values, steps=None):
    steps = np.arange(len(values)) if steps is None else np.asarray(steps)
    return Series(
        tag="t", steps=steps.astype(np.int64), values=np.asarray(values, float), wall_times=steps
    )


def test_few_points_are_kept_as_they_are():
    line = thin(_series([3.0, 1.0, 2.0], steps=[10, 20, 20]), points=100)
    assert line.steps.tolist() == [10, 20, 20]
    assert line.values.tolist() == [3.0, 1.0, 2.0]
    assert line.gaps == 0


def test_a_single_spike_among_a_million_points_survives():
    values = np.zeros(1_000_000)
    values[654_321] = 1e9
    values[123_456] = -5.0
    line = thin(_series(values))
    assert len(line.values) <= 2_000
    assert line.values.max() == 1e9
    assert line.steps[line.values.argmax()] == 654_321
    assert line.steps[line.values.argmin()] == 123_456


@given(
    hnp.arrays(
        np.float64,
        st.integers(1, 300),
        elements=st.floats(width=32) | st.sampled_from([np.nan, np.inf, -np.inf, 1e300]),
    ),
    st.integers(4, 50),
)
def test_the_envelope_is_the_series_own(values, points):
    line = thin(_series(values), points=points)
    # Two extremes for each of points / 2 buckets, and one hole where the series has any.
    assert len(line.values) <= 1.5 * points or len(values) <= points
    finite = values[np.isfinite(values)]
    kept = line.values[np.isfinite(line.values)]
    assert len(kept) == 0 if not len(finite) else len(kept) > 0
    if len(finite):
        drawable = np.clip(finite, -1e60, 1e60)
        drawable[np.abs(drawable) < 1e-60] = 0.0
        assert kept.max() == drawable.max()
        assert kept.min() == drawable.min()
    assert line.gaps == len(values) - len(finite)
    for steps, where in (
        (line.nan_steps, np.isnan(values)),
        (line.high_steps, values == np.inf),
        (line.low_steps, values == -np.inf),
    ):
        assert np.isin(steps, np.flatnonzero(where)).all()
        assert (len(steps) > 0) == where.any()
    assert np.all(np.diff(line.steps) >= 0)


def test_a_gap_interrupts_the_line_also_when_thinned():
    values = np.ones(10_000)
    values[4_000:4_500] = np.nan
    line = thin(_series(values), points=200)
    hole = (line.steps >= 4_000) & (line.steps < 4_500)
    assert np.isnan(line.values[hole]).any()
    assert line.gaps == 500
    assert len(line.nan_steps) <= 200


def test_steps_that_go_backwards_are_drawn_in_order():
    line = thin(_series([1.0, 2.0, 3.0], steps=[30, 10, 20]))
    assert line.steps.tolist() == [10, 20, 30]
    assert line.values.tolist() == [2.0, 3.0, 1.0]
