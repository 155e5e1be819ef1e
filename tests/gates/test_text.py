import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gates.text import (
    format_bytes,
    format_count,
    format_duration,
    format_limit,
    format_number,
    format_pair,
    format_plural,
    format_range,
    format_share,
)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (None, "", "-"),
        (None, "steps", "-"),
        (0.0, "", "0"),
        (-0.0, "", "0"),
        (2_330_129.0, "", "2.33e+06"),
        (-2_330_129.0, "", "-2.33e+06"),
        (15_674.4, "", "15,674"),
        (156.74, "", "156.7"),
        (11.9, "", "11.9"),
        (0.25, "share", "0.25 share"),
        (0.012344, "", "0.01234"),
        (0.0003, "", "3e-04"),
        (1.0, "1", "1"),
        (3.0, "steps", "3 steps"),
        (999_999.6, "", "1e+06"),
        (math.nan, "", "NaN"),
        (math.inf, "", "inf"),
        (-math.inf, "m", "-inf m"),
    ],
)
def test_numbers_keep_three_to_four_digits(value, unit, text):
    assert format_number(value, unit) == text


@given(st.floats(min_value=-1e300, max_value=1e300))
def test_a_formatted_number_reads_back_as_nearly_itself(value):
    assert float(format_number(value).replace(",", "")) == pytest.approx(value, rel=6e-3)


@given(st.floats(), st.floats())
def test_different_numbers_never_look_the_same(value, limit):
    texts = format_pair(value, limit)
    if math.isnan(value) and math.isnan(limit):
        assert texts == ("NaN", "NaN")
    elif value != limit:
        assert texts[0] != texts[1]


def test_limits_are_shown_exactly_where_six_digits_can():
    assert format_limit(0.99999) == "0.99999"
    assert format_limit(15_670.0) == "15,670"
    assert format_limit(20_984.62) == "20,985"
    assert format_limit(None) == "-"
    assert format_limit(math.nan) == "NaN"
    assert format_pair(0.99, 0.99999) == ("0.99", "0.99999")


def test_a_value_just_above_its_limit_shows_the_difference():
    assert format_pair(15_674.4, 15_674.0) == ("15,674.4", "15,674")


@pytest.mark.parametrize(
    ("count", "text"),
    [(None, "-"), (0, "0"), (1_000_000, "1,000,000"), (2**63 - 1, "9.22e+18")],
)
def test_counts_are_exact_with_separators(count, text):
    assert format_count(count) == text


def test_plurals():
    assert format_plural(1, "episode") == "1 episode"
    assert format_plural(0, "episode") == "0 episodes"
    assert format_plural(2, "entry", "entries") == "2 entries"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "-"),
        (0.25, "0.25 s"),
        (39.3, "39 s"),
        (59.7, "1 min"),
        (394, "6 min 34 s"),
        (3_600, "1 h"),
        (6_720, "1 h 52 min"),
        (270_000, "3 d 3 h"),
        (1e12, "1.16e+07 d"),
        (math.nan, "NaN s"),
    ],
)
def test_durations_show_two_units(seconds, text):
    assert format_duration(seconds) == text


def test_shares_bytes_and_ranges():
    assert format_share(0.125) == "12.5%"
    assert format_share(None) == "-"
    assert format_share(math.nan) == "NaN"
    assert format_bytes(3_355_443) == "3.2 MiB"
    assert format_bytes(5 * 2**40) == "5,120 GiB"
    assert format_range(4_000, 5_000) == "steps 4,000 to 5,000"
    assert format_range(7, 7) == "step 7"
    assert format_range(None, 5) == ""
