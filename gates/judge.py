"""Judges a run directory: reads it, cross-checks, translates the tags and judges them; writes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from msgspec import structs

from gates.audit.files import declared_dialect, files_intact, independent_reader
from gates.checks.gate_file import GateSpec
from gates.errors import InputError
from gates.events.reader import read_events
from gates.findings import Finding, GateResult
from gates.judgement import Judgement, judge_log
from gates.runs.afresh import read_afresh
from gates.runs.drives import read_final_evaluation
from gates.runs.run_info import RunInfo, load_config, load_run_info
from gates.runs.translate import choose_dialect, translate
from gates.second_reader.tbparse_reader import Read
from gates.series import EventLog

__all__ = ["Judgement", "judge"]
Record = TypeVar("Record")


def judge(
    directory: Path,
    *,
    gate: GateSpec,
    stage: str,
    planned_steps: int | None = None,
    config: Path | None = None,
    dialect: Path | None = None,
    cross_check: bool = True,
    baseline: GateResult | None = None,
    before: tuple[Finding, ...] = (),
    read: Read | None = None,
    meanwhile: Callable[[Judgement], object] | None = None,
) -> Judgement:
    """Judge the event files of one run against a gate.

    `planned_steps` goes before the plan in run.json, that before the one in `config`, and that before the
    gate's own number of steps. A baseline that is itself a NO_GO is never compared with. `before` holds
    findings of whoever watched the run; they count like the gate's own.

    `read` asks a second reader in another process; without it the cross-check's second reading is done
    here. While that process reads, `meanwhile` is called with the judgement as it is without it.

    Raises:
        InputError: The directory holds nothing that can be judged.
        GateConfigError: `config` or `dialect` has mistakes.
    """
    run = _run_info(directory, config)
    raw = read_events(directory)
    final = _readable(read_final_evaluation, directory)
    afresh = _readable(read_afresh, directory)
    with _second_reading(raw, directory, read, wanted=cross_check) as second_reading:
        declared = str(dialect) if dialect is not None else run.dialect if run is not None else ""
        used = choose_dialect(raw, declared)
        misfit = declared_dialect(raw, used) if declared else None
        log = translate(raw, used)
        intact = (*before, files_intact(raw))
        fitting = (misfit,) if misfit is not None else ()

        def judged(second: Callable[[], tuple[Finding, ...]]) -> Judgement:
            return judge_log(
                log,
                run=run,
                directory=directory,
                gate=gate,
                stage=stage,
                planned_steps=planned_steps,
                dialect=used.name,
                before=intact,
                awaited=lambda: (*second(), *fitting),
                baseline=baseline,
                final=final,
                afresh=afresh,
            )

        if cross_check and read is not None and meanwhile is not None:
            meanwhile(judged(tuple))
        return judged(second_reading)


@contextmanager
def _second_reading(
    raw: EventLog, directory: Path, read: Read | None, *, wanted: bool
) -> Iterator[Callable[[], tuple[Finding, ...]]]:
    """Begin the second reading; what is returned waits for its finding, of which there is none if not wanted."""
    if not wanted:
        yield lambda: ()
    elif read is None:
        yield lambda: (independent_reader(raw, directory),)
    else:
        beside = ThreadPoolExecutor(1, thread_name_prefix="second reading")
        finding = beside.submit(independent_reader, raw, directory, read)
        try:
            yield lambda: (finding.result(),)
        finally:
            beside.shutdown(wait=False)


def _readable(read: Callable[[Path], Record | None], directory: Path) -> Record | None:
    """Read a record of evaluations; one that cannot be understood compares nobody."""
    try:
        return read(directory)
    except InputError:
        return None


def _run_info(directory: Path, config: Path | None) -> RunInfo | None:
    """Take the user's configuration where one is given; what run.json says about the end of the run stays."""
    if not directory.is_dir():
        return load_config(config) if config is not None else None
    own = load_run_info(directory)
    if config is None:
        return own
    given = load_config(config)
    if own is None:
        return given
    return structs.replace(
        own,
        source=given.source,
        train={**own.train, **given.train},
        env={**own.env, **given.env},
        planned_steps=given.planned_steps or own.planned_steps,
    )
