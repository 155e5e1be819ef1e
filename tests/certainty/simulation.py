"""Do the probabilities of a report hold? Draws results in which nothing was learned and counts how often p is small.

`python -m tests.certainty.simulation --table docs/certainty.md` makes 10,000 draws of each kind and writes the tables.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np

from gates.facts.afresh import looks
from gates.metrics import binomial_p
from gates.series import FloatArray
from gates.sign_flips import sign_flip_p, sign_flip_test

Draw = Callable[[np.random.Generator, int], FloatArray]
"""From a generator and a number of episodes to returns."""

NOMINAL = (0.05, 0.01, 0.001)
PAIRS = 12
FIRST_ROUND = 10

RETURNS: Mapping[str, Draw] = {
    "normal": lambda rng, n: rng.normal(100.0, 20.0, n),
    "skewed (exponential)": lambda rng, n: rng.exponential(20.0, n),
    "skewed the other way": lambda rng, n: -rng.exponential(20.0, n),
    "success or failure, one in five": lambda rng, n: 100.0 * (rng.random(n) < 0.2),
    "heavy tails (t, 3 degrees of freedom)": lambda rng, n: rng.standard_t(3, n),
}


def paired(draws: int, seed: int = 0) -> Iterator[tuple[str, list[float]]]:
    """Yield, for each kind of returns, how often p of paired differences was at or below each nominal error."""
    for number, (name, draw) in enumerate(RETURNS.items()):
        rng = np.random.default_rng((seed, number))
        found = np.array([sign_flip_p(draw(rng, PAIRS) - draw(rng, PAIRS)) for _ in range(draws)])
        yield name, [float(np.mean(found <= level)) for level in NOMINAL]


def rates(draws: int, seed: int = 0) -> Iterator[tuple[str, list[float]]]:
    """Yield the same for the rate of collisions, where the true rate is the level itself."""
    rng = np.random.default_rng(seed)
    for episodes in (10, 50, 100):
        hits = rng.binomial(episodes, 0.1, draws)
        p_of = [binomial_p(k, episodes, 0.1) for k in range(episodes + 1)]
        found = np.array(p_of)[hits]
        yield f"{episodes} episodes", [float(np.mean(found <= level)) for level in NOMINAL]


def until_decided(
    rng: np.random.Generator, draw: Draw, gain: float, first: int = FIRST_ROUND
) -> tuple[int, int]:
    """Evaluate until it is decided; return 1, 0 or -1 (better, open, worse) and the episodes of each policy."""
    differences, plan = np.empty(0), looks(first)
    for size in plan.sizes:
        more = size - len(differences)
        differences = np.concatenate([differences, draw(rng, more) + gain - draw(rng, more)])
        direction = 1 if differences.sum() >= 0 else -1
        if sign_flip_test(direction * differences, plan, foresee=False).found:
            return direction, size
    return 0, len(differences)


def sequential(
    draws: int, seed: int = 0
) -> Iterator[tuple[str, float, float, float, float, float]]:
    """Yield kind, gain in standard deviations, shares called better, worse and left open, and mean episodes."""
    for name, draw in RETURNS.items():
        spread = float(np.std(draw(np.random.default_rng(1), 100_000)))
        for gain in (0.0, 0.25, 0.5, 1.0):
            rng = np.random.default_rng(seed)
            count = draws // len(RETURNS) if gain == 0.0 else max(1, draws // 100)
            found = [until_decided(rng, draw, gain * spread) for _ in range(count)]
            said = np.array([each[0] for each in found])
            used = float(np.mean([each[1] for each in found]))
            yield (
                name,
                gain,
                float(np.mean(said > 0)),
                float(np.mean(said < 0)),
                float(np.mean(said == 0)),
                used,
            )


def tables(draws: int) -> str:
    """Render all tables as Markdown."""
    head = "| results in which nothing was learned | p at most 5% | at most 1% | at most 0.1% |\n|:--|--:|--:|--:|"
    rows = [head, *(_row(name, shares) for name, shares in paired(draws))]
    head = (
        "| rate at its level of 10% | p at most 5% | at most 1% | at most 0.1% |\n|:--|--:|--:|--:|"
    )
    rows += ["", head, *(_row(name, shares) for name, shares in rates(draws))]
    head = (
        "| returns | gain, in standard deviations | called better | called worse | open | episodes of each policy |\n"
        "|:--|--:|--:|--:|--:|--:|"
    )
    rows += ["", head]
    for name, gain, better, worse, still_open, used in sequential(draws):
        rows.append(
            f"| {name} | {gain:g} | {better:.2%} | {worse:.2%} | {still_open:.2%} | {used:.0f} |"
        )
    return "\n".join(rows)


def _row(name: str, shares: list[float]) -> str:
    return f"| {name} | " + " | ".join(f"{share:.2%}" for share in shares) + " |"


def main() -> None:
    """Write the tables into a document, below the line that says so."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=10_000)
    parser.add_argument("--table", type=Path)
    options = parser.parse_args()
    text = tables(options.draws)
    print(text)
    if options.table is not None:
        mark = "<!-- written by tests/certainty/simulation.py -->"
        above = options.table.read_text(encoding="utf-8").split(mark)[0]
        options.table.write_text(f"{above}{mark}\n\n{text}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
