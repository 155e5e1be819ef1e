"""Judges random event directories with report and plots: `python tests/fuzz/fuzz_gate.py --runs 2000 --seed 0`.

Counts tracebacks, lost verdicts, lost parts of reports, and every GO with the reason why it may stand. Ends with 1
when one of them is wrong. The same seed makes the same directories.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import traceback
import warnings
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from flows.commands.gate import judge_with  # noqa: E402
from flows.errors import FlowsError  # noqa: E402
from flows.judging.rules import Asked  # noqa: E402
from gates.errors import GatesError, InputError  # noqa: E402
from gates.findings import GateResult, Verdict  # noqa: E402
from gates.result_file import from_json  # noqa: E402
from reports.stage.view import MISSING_PART  # noqa: E402
from tests.fuzz.event_directories import Case, make_case  # noqa: E402

_LONGEST_SENTENCE = 2_000
_EVERY = 100
"""Directories between two lines of progress."""


@dataclass(kw_only=True)
class Tally:
    """What came out, by kind, with what went wrong in words."""

    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The counts and everything that went wrong, one line each."""
        counted = [f"{kind}: {count:,}" for kind, count in sorted(self.counts.items())]
        return "\n".join([*counted, f"wrong: {len(self.wrong):,}", *self.wrong])


def fuzz(seed: int, numbers: range, folder: Path) -> Tally:
    """Judge the directories with these numbers below `folder`."""
    tally = Tally()
    for number in numbers:
        rng = np.random.default_rng([seed, number])
        case = make_case(rng, folder / str(number) / "run")
        cross_check = bool(rng.random() < 0.3)
        name = f"{number} ({case.stage}): {'; '.join(case.story)}"
        for kind, words in judge_case(case, cross_check=cross_check):
            tally.counts[kind] += 1
            if words:
                tally.wrong.append(f"{kind}: {name}: {words}")
        if number % _EVERY == _EVERY - 1:
            print(f"{number + 1:,}: {tally.text}", file=sys.stderr, flush=True)
    return tally


def judge_case(case: Case, *, cross_check: bool) -> list[tuple[str, str]]:
    """Return what came out of one case: kinds, each with words when it is wrong."""
    out = case.folder.parent / "out"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.filterwarnings("ignore", category=DeprecationWarning)
            asked = Asked(
                stage=case.stage, planned_steps=case.planned_steps, cross_check=cross_check
            )
            judged = judge_with(case.folder, asked, out=out)
    except (GatesError, FlowsError) as error:
        text = str(error)
        clear = text and "\n" not in text and len(text) < _LONGEST_SENTENCE
        refused = isinstance(error, InputError) and clear
        return [("refused", "" if refused else f"no clear sentence: {text!r}")]
    except Exception:
        return [("traceback", traceback.format_exc().strip().replace("\n", " | ")[-900:])]
    try:
        stored = from_json(judged.gate_json.read_text(encoding="utf-8"))
        report = judged.report.read_text(encoding="utf-8")
    except (OSError, InputError) as error:
        return [("lost verdict", str(error))]
    found = [(stored.verdict.value, "")]
    if stored.verdict is not judged.judgement.result.verdict or not report.startswith("# "):
        found.append(("lost verdict", f"gate.json says {stored.verdict.value}"))
    if MISSING_PART in report:
        at = report.index(MISSING_PART)
        found.append(("lost part of a report", report[at : at + 300].replace("\n", " ")))
    if stored.verdict is Verdict.GO:
        found.append(why_go(case, stored))
    return found


def why_go(case: Case, result: GateResult) -> tuple[str, str]:
    """Say why a GO may stand: only of a run that was made sound, without damage and with finite values."""
    if case.may_go:
        return f"GO: {case.may_go}", ""
    return "wrong GO", result.deciding


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first directory")
    arguments = parser.parse_args()
    numbers = range(arguments.first, arguments.first + arguments.runs)
    with tempfile.TemporaryDirectory() as folder:
        tally = fuzz(arguments.seed, numbers, Path(folder))
    print(tally.text)
    return 1 if tally.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
