"""Numbers, durations and sentences as people read them, the same in sentences and in tables."""

from __future__ import annotations

import math

ABSENT = "-"
"""Shown where there is no value."""

_HUGE = 1.0e6
_TINY = 1.0e-3
_LARGEST_EXACT_STEP = 10**12
_LARGEST_ROUND = 1.0e8
"""Round numbers up to here are written out: `1,000,000`."""


def format_number(value: float | None, unit: str = "", *, digits: int = 4) -> str:
    """Format a measured value with `digits` significant digits.

    Values from a million on and below a thousandth are written with an exponent (`2.33e+06`, one
    digit less) unless they are round (`1,000,000`), whole parts with separators (`15,670`). NaN and
    infinity are shown as such.
    """
    if value is None:
        return ABSENT
    number = float(value)
    if not math.isfinite(number):
        text = "NaN" if math.isnan(number) else ("inf" if number > 0 else "-inf")
    elif number == 0:
        text = "0"
    elif _HUGE <= abs(number) < _LARGEST_ROUND and number == float(f"{number:.1e}"):
        text = f"{number:,.0f}"
    elif abs(number) >= _HUGE or abs(number) < _TINY:
        text = _with_exponent(number, digits - 1)
    else:
        text = _plain(number, digits)
    return f"{text} {unit}" if unit and unit != "1" else text


def _with_exponent(number: float, digits: int) -> str:
    mantissa, exponent = f"{number:.{digits - 1}e}".split("e")
    if "." in mantissa:
        mantissa = mantissa.rstrip("0").rstrip(".")
    return f"{mantissa}e{exponent}"


def _plain(number: float, digits: int) -> str:
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(number))))
    text = f"{number:,.{decimals}f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    if abs(float(text.replace(",", ""))) >= _HUGE:
        return _with_exponent(number, digits - 1)
    return text


def format_limit(limit: float | None) -> str:
    """Format a limit exactly where six digits can, because 0.99999 is not 1; rounded otherwise."""
    for digits in (4, 5, 6):
        text = format_number(limit, digits=digits)
        if limit is not None and math.isfinite(limit) and float(text.replace(",", "")) == limit:
            return text
    return format_number(limit)


def format_pair(value: float | None, limit: float | None) -> tuple[str, str]:
    """Format a value and its limit so that two different numbers never look the same."""
    for digits in (4, 6, 9, 13, 17):
        texts = (
            format_number(value, digits=digits),
            format_limit(limit) if digits == 4 else format_number(limit, digits=digits),
        )
        if value is None or limit is None or value == limit or texts[0] != texts[1]:
            return texts
    return texts


def format_count(count: int | None) -> str:
    """Format a number of steps, updates, points or episodes exactly: `1,000,000`."""
    if count is None:
        return ABSENT
    if abs(count) >= _LARGEST_EXACT_STEP:
        return _with_exponent(float(count), 3)
    return f"{count:,}"


def format_plural(count: int, noun: str, plural: str = "") -> str:
    """Format a count with its noun: `1 episode`, `187 episodes`."""
    return f"{format_count(count)} {noun if count == 1 else plural or noun + 's'}"


def format_share(share: float | None) -> str:
    """Format a share from 0 to 1 as percent: `12.5%`."""
    if share is None:
        return ABSENT
    if not math.isfinite(share):
        return format_number(share)
    return f"{format_number(share * 100, digits=3)}%"


def format_duration(seconds: float | None) -> str:
    """Format a duration with its two largest units: `6 min 34 s`, `1 h 52 min`, `5 d 3 h`."""
    if seconds is None:
        return ABSENT
    if not math.isfinite(seconds) or seconds < 0:
        return format_number(seconds, "s")
    if seconds < 10:
        return format_number(seconds, "s", digits=2)
    whole = round(seconds)
    if whole >= 1000 * 86_400:
        return format_number(seconds / 86_400, "d")
    for large, small, large_name, small_name in (
        (86_400, 3_600, "d", "h"),
        (3_600, 60, "h", "min"),
        (60, 1, "min", "s"),
    ):
        if whole >= large:
            first, rest = divmod(whole, large)
            second = rest // small
            return (
                f"{first} {large_name} {second} {small_name}" if second else f"{first} {large_name}"
            )
    return f"{whole} s"


def format_bytes(size: int | None) -> str:
    """Format a file size in binary units: `61.2 MiB`."""
    if size is None:
        return ABSENT
    amount = float(size)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(amount) < 1024 or unit == "GiB":
            return format_number(amount, unit, digits=3)
        amount /= 1024
    raise AssertionError("unreachable")


def format_range(first: int | None, last: int | None) -> str:
    """Format the steps that a window spans: `steps 4,000 to 5,000`."""
    if first is None or last is None:
        return ""
    if first == last:
        return f"step {format_count(first)}"
    return f"steps {format_count(first)} to {format_count(last)}"


def as_sentence(text: str) -> str:
    """Begin with a capital letter, but leave a tag at the beginning as it is."""
    first = text.split(" ", 1)[0]
    return text if "/" in first or "_" in first else f"{text[:1].upper()}{text[1:]}"


def error_in_words(error: BaseException) -> str:
    """Name an error in one line: its type and what it says."""
    text = " ".join(str(error).split())[:300]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
