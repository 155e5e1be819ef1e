"""`gonogo regress`: plans both sides, compares them, shows the answer and writes its report."""

from __future__ import annotations

import shlex
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from msgspec import structs

from flows.errors import writing
from flows.records.json_file import strict_json
from flows.regress.compare import compare
from flows.regress.revisions import Repository
from flows.regress.side import Side
from flows.settings.shell_path import shell_path
from flows.training.health.needs import available_cores
from flows.training.process.stopping import raise_on_stop_signals
from gates.files import write_atomically
from gates.findings import Verdict
from gates.regress.result import Regression
from gates.schema import plain
from gates.text import format_duration
from reports.regress import RegressContext, regress_headline, render_regress

REPORT_NAME, TWIN = "regress.md", "regress.json"
_MOST_OF_ONE_TRAINING = 0.5
"""Share of the time for everything."""


@dataclass(frozen=True, kw_only=True)
class RegressRequest:
    """What a comparison is asked to do."""

    base: str
    """Revision before the change."""
    preset: str
    stage: str
    overrides: tuple[str, ...] = ()
    out: Path
    """Folder for the report."""
    jobs: int | None = None
    """Trainings at the same time; as many as cores when absent."""
    minutes: float = 10.0
    """No round of seeds begins later."""


def regress(request: RegressRequest, say: Callable[[str], None], here: Path) -> Verdict:
    """Compare the working tree around `here` with a revision of it; write regress.md and regress.json.

    Raises:
        FlowsError: The revisions, the preset or the stage cannot be used, or the report not be written.
    """
    raise_on_stop_signals()
    started = time.monotonic()
    repository = Repository.around(here)
    with tempfile.TemporaryDirectory(prefix="gonogo-regress-") as temporary:
        folder = Path(temporary).resolve()
        trees = (
            repository.revision(request.base, folder / "base"),
            repository.working_tree(folder / "head"),
        )
        base, head = (
            Side.planned(
                tree,
                root=repository.root,
                preset=request.preset,
                stage=request.stage,
                overrides=request.overrides,
                folder=folder / "runs" / tree.path.name,
                most_s=request.minutes * 60 * _MOST_OF_ONE_TRAINING,
            )
            for tree in trees
        )
        stage = base.stage
        say(
            f"{base.tree.name} against {head.tree.name}: preset {request.preset}, {stage.name}, {stage.steps:,} steps"
        )
        result = compare(
            base,
            head,
            jobs=request.jobs or max(1, available_cores() // stage.needs.threads),
            most_s=request.minutes * 60,
            say=say,
        )
    context = RegressContext(
        base=base.tree.name,
        head=head.tree.name,
        preset=request.preset,
        stage=stage.name,
        steps=stage.steps,
        duration=format_duration(time.monotonic() - started),
        command=_command(request),
    )
    _write(request.out, context, result)
    for line in _lines(result):
        say(line)
    say(f"Report: {shell_path(request.out / REPORT_NAME)}")
    say(f"{result.verdict.value}  {result.deciding}")
    return result.verdict


def _write(out: Path, context: RegressContext, result: Regression) -> None:
    with writing("The report", out):
        out.mkdir(parents=True, exist_ok=True)
        content = {
            "format": 1,
            "verdict": result.verdict.value,
            **plain(context),
            **structs.asdict(result),
        }
        write_atomically(out / TWIN, strict_json(content) + "\n")
        write_atomically(out / REPORT_NAME, render_regress(context, result))


def _lines(result: Regression) -> Sequence[str]:
    from gates.seeds.result import seed_names
    from gates.text import format_number

    lines = [regress_headline(result)]
    if result.verdict is not Verdict.GO:
        lines += [f"  {fault.text}: {seed_names(fault.seeds)}" for fault in result.faults]
    lines += [
        f"  {m.name}: {format_number(m.base)} before, {format_number(m.head)} after"
        for m in result.moved
    ]
    for words, tags in (
        ("No longer logged", result.no_longer_logged),
        ("Newly logged", result.newly_logged),
    ):
        if tags:
            lines.append(f"  {words}: {', '.join(tags)}")
    return lines


def _command(request: RegressRequest) -> str:
    words = ["gonogo", "regress", "--base", request.base, "--preset", request.preset]
    words += ["--stage", request.stage] if request.stage != "5k" else []
    return shlex.join(words + [w for text in request.overrides for w in ("--set", text)])
