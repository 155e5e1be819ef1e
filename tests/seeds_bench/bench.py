"""Seeds until it is decided against a fixed ten, on published learning curves.

`python tests/seeds_bench/bench.py FILE`: an .npz with a curve per seed, named TASK_SEED, of evaluation returns at equal
distances, the first one untrained.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from flows.settings.seeds import AutoSeeds  # noqa: E402
from gates.seeds.scores import END_SHARE  # noqa: E402
from gates.sign_flips import Looks, sign_flip_test  # noqa: E402

BEGIN, END = "<!-- seeds bench -->", "<!-- /seeds bench -->"
SHARES = (0.02, 0.05, 0.1, 0.25, 1.0)
"""Of the published training, after which the question is asked."""
FIXED = 10
Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One task, asked after one share of the training."""

    task: str
    share: float
    gains: Array
    """`float64[seeds]`, return at the end over the untrained policy's."""


@dataclass(frozen=True, kw_only=True)
class Counted:
    """Shares and means over draws."""

    fixed: float
    """Share of draws in which ten seeds find a gain."""
    auto: float
    """The same of seeds that are added until it is decided."""
    seeds: float
    """Mean number of them."""


def curves(path: Path) -> dict[str, Array]:
    """Return `float64[seeds, evaluations]` of each task."""
    found: dict[str, list[Array]] = defaultdict(list)
    with np.load(path, allow_pickle=False) as file:
        for name in sorted(file.files):
            found[name.rpartition("_")[0]].append(np.asarray(file[name], dtype=np.float64))
    return {task: np.stack(seeds) for task, seeds in found.items()}


def cells(tasks: dict[str, Array]) -> Iterator[Cell]:
    """Return the gain of each seed, scored as a joint report scores it: the mean over the last quarter."""
    for task, returns in tasks.items():
        for share in SHARES:
            last = round(share * (returns.shape[1] - 1))
            first = max(1, int(np.ceil(END_SHARE * last)))
            gains = returns[:, first : last + 1].mean(axis=1) - returns[:, 0]
            yield Cell(task=task, share=share, gains=gains)


def count(draw: Callable[[], Array], looks: Looks, draws: int) -> Counted:
    """Ask both ways, of the same seeds."""
    fixed, auto, seeds = [], [], []
    alone = Looks(sizes=(FIXED,), error=looks.error)
    for _ in range(draws):
        values = draw()
        fixed.append(sign_flip_test(values[:FIXED], alone).found)
        for size in looks.sizes:
            test = sign_flip_test(values[:size], looks)
            if test.found or not test.can_find:
                break
        auto.append(test.found)
        seeds.append(size)
    return Counted(
        fixed=float(np.mean(fixed)), auto=float(np.mean(auto)), seeds=float(np.mean(seeds))
    )


def table(path: Path, draws: int) -> str:
    """Render the tables as Markdown."""
    budget = AutoSeeds()
    looks = budget.looks
    rng = np.random.default_rng(0)
    every = list(cells(curves(path)))
    each = max(1, draws // len(every))
    size = max(FIXED, looks.sizes[-1])
    rows = [
        "| task | ten seeds find a gain | seeds until decided find it | mean seeds |",
        "|:--|--:|--:|--:|",
    ]
    found: list[Counted] = []
    for task in dict.fromkeys(cell.task for cell in every):
        own = [
            count(lambda g=cell.gains: rng.choice(g, size), looks, each)  # type: ignore[misc]
            for cell in every
            if cell.task == task
        ]
        found += own
        rows.append(_row(task.removeprefix("TD3_"), own))
    rows.append(_row("all", found))

    def nothing() -> Array:
        gains = every[rng.integers(len(every))].gains
        return rng.choice(np.abs(gains), size) * rng.choice([-1.0, 1.0], size)

    null = count(nothing, looks, draws)
    fewer = 1 - float(np.mean([cell.seeds for cell in found])) / FIXED
    shares = ", ".join(f"{share:.0%}" for share in SHARES)
    margin = 1.96 * np.sqrt(budget.error * (1 - budget.error) / draws)
    about = (
        f"{len({cell.task for cell in every})} tasks, asked after {shares} of the training; {each * len(every):,} "
        f"groups drawn with replacement. Rounds of {budget.round}, at most {budget.most}, error {budget.error:.0%}."
    )
    saved = (
        f"{fewer:.0%} fewer seeds than a fixed ten. Without any gain (the same gains with random signs, {draws:,} "
        f"groups) ten seeds find one in {null.fixed:.1%}, seeds until decided in {null.auto:.1%}, each ± {margin:.1%}."
    )
    return "\n".join([about, "", *rows, "", saved])


def _row(name: str, counted: list[Counted]) -> str:
    means = [float(np.mean([getattr(c, key) for c in counted])) for key in ("fixed", "auto")]
    seeds = float(np.mean([c.seeds for c in counted]))
    return f"| {name} | {means[0]:.1%} | {means[1]:.1%} | {seeds:.1f} |"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("curves", type=Path, help=".npz with a curve per seed, TASK_SEED")
    parser.add_argument("--draws", type=int, default=10_000)
    parser.add_argument("--table", type=Path, help="page whose table is replaced")
    options = parser.parse_args()
    if not options.curves.is_file():
        print(
            f"Skipped: {options.curves} does not exist; the published curves are no part of this project."
        )
        return 0
    text = table(options.curves, options.draws)
    print(text)
    if options.table:
        page = options.table.read_text(encoding="utf-8")
        head, rest = page.split(BEGIN)
        tail = rest.split(END)[1]
        options.table.write_text(f"{head}{BEGIN}\n{text}\n{END}{tail}", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
