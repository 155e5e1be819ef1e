"""Numbers and sentences as people read them."""

from __future__ import annotations

import math


def in_words(value: float) -> str:
    """Write a number with about four digits: `2,330,129` `-86.4` `0.0012` `3.2e-09` `infinite` `not a number`."""
    if math.isnan(value):
        return "not a number"
    if math.isinf(value):
        return "infinite" if value > 0 else "-infinite"
    magnitude = abs(value)
    if magnitude >= 1e12 or 0 < magnitude < 1e-4:
        return f"{value:.3g}"
    if magnitude >= 1000 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.4g}"


def as_sentence(text: str) -> str:
    """Begin with a capital letter, but leave a tag at the beginning as it is."""
    first = text.split(" ", 1)[0]
    return text if "/" in first or "_" in first else f"{text[:1].upper()}{text[1:]}"


def error_in_words(error: BaseException) -> str:
    """Name an error in one line: its type and what it says."""
    text = " ".join(str(error).split())[:300]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def duration(seconds: float) -> str:
    """Write a duration: `42 s`, `12 min 5 s`, `3 h 20 min`."""
    whole = round(seconds)
    hours, minutes = whole // 3600, whole % 3600 // 60
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {whole % 60} s" if minutes else f"{whole} s"
