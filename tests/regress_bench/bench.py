"""Compares the trainer with small changes of it, as `gonogo regress` does, and counts what is found and blamed.

Runs that are in the folder already are not trained again: choose another folder after a change of the trainer.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from flows.regress.compare import compare  # noqa: E402
from flows.regress.revisions import Repository, Tree  # noqa: E402
from flows.regress.side import Side  # noqa: E402
from gates.regress.evidence import RunEvidence  # noqa: E402
from gates.regress.judge import LOOKS  # noqa: E402
from gates.sign_flips import sign_flip_test  # noqa: E402
from tests.regress_bench.changes import CHANGES, Change, apply  # noqa: E402

RESULT_HEADING = "## Last result"
_MOST_S = 600.0


@dataclass(frozen=True, kw_only=True)
class Row:
    """How a comparison ended."""

    change: str
    verdict: str
    answer: str
    deciding: str
    seeds: int
    seconds: float
    """Of the longest comparison of this change; trainings that an earlier one had done take none."""


@dataclass(frozen=True)
class Kept:
    """A side whose trained runs are kept for the next comparison."""

    side: Side

    def evidence(self, seed: int) -> RunEvidence:
        run = self.side.folder / f"seed-{seed}"
        if (run / "trained").exists():
            return self.side.judged(seed, run)
        shutil.rmtree(run, ignore_errors=True)
        found = self.side.evidence(seed)
        (run / "trained").touch()
        return found


def trees(out: Path, change: Change) -> tuple[Tree, Tree]:
    """Copy the source once as it is, and once with the change."""
    base = out / "base"
    if not base.is_dir():
        Repository.around(ROOT).working_tree(base)
    changed = out / change.slug / "source"
    shutil.rmtree(changed, ignore_errors=True)
    shutil.copytree(base, changed)
    apply(change, changed)
    return Tree(path=base, name="before"), Tree(path=changed, name=change.name)


def run(change: Change, out: Path, jobs: int) -> Row:
    """Compare one change, and keep how that ended."""
    base, head = (
        Side.planned(
            tree,
            root=ROOT,
            preset=change.preset,
            stage="5k",
            overrides=(),
            folder=folder,
            most_s=_MOST_S,
        )
        for tree, folder in zip(
            trees(out, change),
            (out / "base-runs" / change.preset, out / change.slug / "runs"),
            strict=True,
        )
    )
    earlier = _seconds_before(out / f"{change.slug}.json")
    started = time.monotonic()
    found = compare(Kept(base), Kept(head), jobs=jobs, most_s=_MOST_S, say=print)
    row = Row(
        change=change.name,
        verdict=found.verdict.value,
        answer=found.answer,
        deciding=found.deciding,
        seeds=len(found.seeds),
        seconds=round(max(earlier, time.monotonic() - started), 1),
    )
    shutil.rmtree(head.tree.path)
    (out / f"{change.slug}.json").write_text(json.dumps(asdict(row), indent=1))
    print(change.name, row.verdict, row.deciding)
    return row


def _seconds_before(path: Path) -> float:
    return float(json.loads(path.read_text())["seconds"]) if path.exists() else 0.0


def rows(out: Path) -> list[tuple[Change, Row]]:
    """Read how comparisons ended."""
    found = [(change, out / f"{change.slug}.json") for change in CHANGES]
    return [
        (change, Row(**json.loads(path.read_text()))) for change, path in found if path.exists()
    ]


def table(found: Sequence[tuple[Change, Row]]) -> str:
    """Render counts and every comparison as Markdown."""
    mistakes = [row for change, row in found if not change.harmless]
    harmless = [row for change, row in found if change.harmless]
    caught = [row for row in mistakes if row.verdict != "GO"]
    blamed = [row for row in harmless if row.verdict != "GO"]
    slowest = max((row.seconds for _, row in found), default=0.0)
    lines = [
        f"{len(caught)} of {len(mistakes)} mistakes were found, {sum(r.verdict == 'NO_GO' for r in caught)} of them as "
        f"NO_GO; {len(blamed)} of {len(harmless)} harmless changes were blamed. The longest comparison took "
        f"{slowest / 60:.1f} minutes.",
    ]
    for heading, harmless_ones in (("Mistakes", False), ("Harmless changes", True)):
        lines += [
            "",
            f"### {heading}",
            "",
            "| change | kind | preset | verdict | seeds | what decided |",
            "|:--|:--|:--|:--|--:|:--|",
        ]
        lines += [
            f"| {change.name} | {change.kind} | {change.preset} | {row.verdict} | {row.seeds} "
            f"| {row.deciding.replace('|', '/')} |"
            for change, row in found
            if change.harmless is harmless_ones
        ]
    return "\n".join(lines)


def power(draws: int = 100, number: int = 560) -> str:
    """Render how often a shift of one of many measures is found, as Markdown; all measures are normal."""
    rng = np.random.default_rng(0)
    lines = [
        "| shift, in standard deviations of the difference | found | mean seeds |",
        "|--:|--:|--:|",
    ]
    for shift in (0.0, 1.0, 1.5, 2.0, 3.0, 5.0):
        found, seeds = [], []
        for _ in range(draws):
            values = rng.normal(size=(LOOKS.sizes[-1], number))
            values[:, 0] += shift
            test = sign_flip_test(values, LOOKS, two_sided=True)
            found.append(test.found)
            seeds.append(test.observations)
        lines.append(f"| {shift:g} | {np.mean(found):.0%} | {np.mean(seeds):.1f} |")
    return "\n".join([f"One of {number} measures is shifted, {draws} draws each:", "", *lines])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder of the runs; kept, reused")
    parser.add_argument("--only", nargs="*", metavar="NAME", help="compare only these changes")
    parser.add_argument("--jobs", type=int, default=2, help="trainings at the same time")
    parser.add_argument("--table", type=Path, help="page whose last result is replaced")
    parser.add_argument("--table-only", action="store_true", help="train nothing")
    options = parser.parse_args()
    out: Path = options.out.resolve()
    known = {row.change for _, row in rows(out)}
    for change in CHANGES:
        chosen = change.name not in known if options.only is None else change.name in options.only
        if chosen and not options.table_only:
            run(change, out, options.jobs)
    text = table(rows(out))
    print(text)
    if options.table:
        text += f"\n\n### How small a difference is found\n\n{power()}"
        head = options.table.read_text(encoding="utf-8").split(RESULT_HEADING)[0]
        options.table.write_text(f"{head}{RESULT_HEADING}\n\n{text}\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
