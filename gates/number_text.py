"""Numbers as people read them in a sentence."""

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
