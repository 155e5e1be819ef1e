"""Judges and reads runs for Python programs; nothing is written."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from gates.findings import GateResult


def judge(
    directory: str | os.PathLike[str],
    *,
    stage: str | None = None,
    gate: str | os.PathLike[str] | None = None,
    planned_steps: int | None = None,
    config: str | os.PathLike[str] | None = None,
    dialect: str | os.PathLike[str] | None = None,
    cross_check: bool = True,
) -> GateResult:
    """Judge the TensorBoard event files of one run.

    The result is what `gonogo gate` writes to gate.json; here nothing is written.

    Args:
        directory: Run folder, or any folder with the event files of one run.
        stage: Judge by the rules of this stage: `5k`, `50k`, `1m` or the path of a stage file.
            None: the stage that the run's own run.json names.
        gate: Rules to use in place of the stage's: a name or the path of a gate file.
        planned_steps: Environment steps that the run was meant to reach. None: the run's own plan, else the stage's.
        config: What another trainer was configured to do, as a YAML or JSON file.
        dialect: Mapping file with another trainer's tag names. None: recognized by the tags.
        cross_check: Read the files again with tbparse, in a process of its own, and compare.

    Raises:
        UsageError: No stage is given and the run names none.
        ConfigError: The stage is unknown or its file has mistakes.
        InputError: The directory holds nothing that can be judged.
        GateConfigError: `gate`, `config` or `dialect` has mistakes.
    """
    from gates.second_reader.process import second_reader

    with second_reader(wanted=cross_check) as reader:
        from flows.judging.judge_run import judge_without_writing
        from flows.judging.rules import Asked

        asked = Asked(
            stage=stage,
            gate=None if gate is None else os.fspath(gate),
            planned_steps=planned_steps,
            config=None if config is None else Path(config),
            dialect=None if dialect is None else Path(dialect),
            cross_check=cross_check,
            second_reader=reader,
        )
        return judge_without_writing(Path(directory), asked).result


def read_events(directory: str | os.PathLike[str]) -> pd.DataFrame:
    """Read every scalar of one run's TensorBoard event files.

    Returns:
        One row per point, tag by tag in alphabetical order, each tag's points as they were written:
        `tag` as it was logged, `step` (int64), `value` (float64, may be NaN or infinite) and
        `wall_time` (float64, seconds since the epoch). Damaged records and points that a restart
        made void are left out.

    Raises:
        InputError: The directory is missing, or holds no readable event or those of several runs.
    """
    import numpy as np
    import pandas as pd

    from gates.events.reader import read_events as read

    series = [s for _, s in sorted(read(Path(directory)).series.items())]
    tags = np.array([s.tag for s in series], dtype=object)
    return pd.DataFrame(
        {
            "tag": np.repeat(tags, [len(s) for s in series]),
            "step": np.concatenate([np.empty(0, np.int64), *(s.steps for s in series)]),
            "value": np.concatenate([np.empty(0), *(s.values for s in series)]),
            "wall_time": np.concatenate([np.empty(0), *(s.wall_times for s in series)]),
        }
    )
