"""One line of the table: a work, what ours and a peer's way took, and how that stands to the target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.measure import Ratio, Timing, ratio


@dataclass(frozen=True, kw_only=True)
class Row:
    """What one comparison gave."""

    work: str
    peer: str
    ours: str
    theirs: str
    factor: float
    """How often ours fits into the peer's; for a floor, how often the floor fits into ours."""
    low: float
    high: float
    """Quartiles over the rounds."""
    least: float | None = None
    """The target: the factor is to be at least this."""
    most: float | None = None
    """The target: the factor is to be at most this."""

    @property
    def target(self) -> str:
        if self.least is not None:
            return f"at least {self.least:g}x"
        return f"at most {self.most:g}x" if self.most is not None else ""

    @property
    def met(self) -> bool | None:
        if self.least is not None:
            return self.factor >= self.least
        return self.factor <= self.most if self.most is not None else None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def duration(seconds: float) -> str:
    for limit, factor, unit in ((1e-3, 1e6, "us"), (1.0, 1e3, "ms"), (float("inf"), 1.0, "s")):
        if seconds < limit:
            return f"{seconds * factor:.3g} {unit}"
    raise AssertionError(seconds)


def against_peer(
    work: str,
    timings: dict[str, Timing],
    peer: str,
    *,
    least: float | None = None,
    per: float = 1.0,
    ours: str = "gonogo",
) -> Row:
    """Compare with a peer; `per` units of work are in one call."""
    return _row(work, peer, timings, ratio(timings[peer], timings[ours]), per, ours, least=least)


def against_floor(
    work: str,
    timings: dict[str, Timing],
    floor: str,
    *,
    most: float | None = None,
    per: float = 1.0,
) -> Row:
    """Compare with what no implementation can fall below."""
    return _row(
        work, floor, timings, ratio(timings["gonogo"], timings[floor]), per, "gonogo", most=most
    )


def against_limit(work: str, timing: Timing, most_s: float, *, per: float = 1.0) -> Row:
    """Compare with a time that people are to wait at most; it holds for a machine like this one."""
    shares = Timing(rounds=tuple(seconds / per / most_s for seconds in timing.rounds))
    low, high = shares.quartiles
    return Row(
        work=work,
        peer="the limit",
        ours=duration(timing.median_s / per),
        theirs=duration(most_s),
        factor=shares.median_s,
        low=low,
        high=high,
        most=1.0,
    )


def growth(work: str, curve: Mapping[int, Timing]) -> Row:
    """Compare the largest amount of work with a tenth of it: linear cost grows tenfold."""
    *_, tenth, whole = curve
    if whole != 10 * tenth:
        raise ValueError(f"{whole} is not ten times {tenth}")
    factor = ratio(curve[whole], curve[tenth])
    return Row(
        work=f"{work}: {whole:,}",
        peer=f"{tenth:,}",
        ours=duration(curve[whole].median_s),
        theirs=duration(curve[tenth].median_s),
        factor=factor.median,
        low=factor.low,
        high=factor.high,
        most=11.0,
    )


def against_share(
    work: str, peer: str, ours: Timing, theirs: Timing, *, most: float | None = None
) -> Row:
    """Compare with what is accompanied: the factor is the share that ours adds to it."""
    shares = ratio(ours, theirs)
    return Row(
        work=work,
        peer=peer,
        ours=duration(ours.median_s),
        theirs=duration(theirs.median_s),
        factor=shares.median,
        low=shares.low,
        high=shares.high,
        most=most,
    )


def _row(
    work: str,
    peer: str,
    timings: dict[str, Timing],
    factor: Ratio,
    per: float,
    ours: str,
    *,
    least: float | None = None,
    most: float | None = None,
) -> Row:
    return Row(
        work=work,
        peer=peer,
        ours=duration(timings[ours].median_s / per),
        theirs=duration(timings[peer].median_s / per),
        factor=factor.median,
        low=factor.low,
        high=factor.high,
        least=least,
        most=most,
    )


def markdown(rows: Sequence[Row]) -> str:
    """Render the table of docs/performance.md."""
    lines = [
        "| work | beside | ours | theirs | factor (quartiles) | target | |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        verdict = {True: "met", False: "missed", None: ""}[row.met]
        lines.append(
            f"| {row.work} | {row.peer} | {row.ours} | {row.theirs} | "
            f"{row.factor:.3g} ({row.low:.3g}-{row.high:.3g}) | {row.target} | {verdict} |"
        )
    return "\n".join(lines)
