"""Tells folders that the writers of one run made beside each other from several runs: by names, tags and times.

A trainer may log training and evaluation with a writer each (`train/` and `eval/`), `SummaryWriter.add_scalars` makes a
folder for each curve, and `add_hparams` one that is named by the time.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from gates.events.decoder import EventDecoder
from gates.events.folder import event_files
from gates.events.framing import RecordBatch
from gates.events.one_run.went_on import read_folder
from gates.events.scanner import RecordScanner
from gates.events.tag_table import TagTable
from gates.series import Series
from gates.tags import part_tag

_EVALUATION = re.compile(r"eval(s|uate|uations?|uator)?|test(ing)?|val(id|idation)?")
_TRAINING = re.compile(
    r"train(ing|er)?|learn(er|ing)?|rollouts?|collect(or)?|exploration|actor|critic|agent|env(ironment)?|episodes?"
    r"|loss(es)?|updates?|metrics|stats|performance|system"
)
_PLACES = re.compile(r"logs?|events?|tb|tensorboard|summar(y|ies)")
"""Words that name a place for logs, not what they are about."""
_BY_TIME = re.compile(r"\d{9,11}(\.\d+)?")
"""How `add_hparams` names its folder."""
_MOST_FOLDERS = 50
_PEEK_BYTES = 65_536
_APART_S = 60.0
"""Writers of one run are at work at the same time, or one follows the other within this or the longer one's time."""


class _Name(Struct, frozen=True):
    """What the name of a folder says."""

    words: frozenset[str]
    """What was logged there."""
    rest: tuple[str, ...]
    """Whatever else: a trainer's name, a number, a seed."""

    @property
    def evaluates(self) -> bool:
        return any(map(_EVALUATION.fullmatch, self.words))


def main_folder(directory: Path, folders: Sequence[Path]) -> Path | None:
    """Return the folder of the training among those that one run's writers made; None where they are several runs.

    That is the directory around them, without event files, where `add_scalars` made all of them.
    """
    if len(folders) > _MOST_FOLDERS:
        return None
    rest = [f for f in folders if not made_by_add_scalars(f.name, first_tags(f))]
    parents = {folder.parent for folder in folders}
    if not rest:
        return parents.pop() if len(parents) == 1 else None
    timed = [folder for folder in rest if _BY_TIME.fullmatch(folder.name)]
    named = [folder for folder in rest if folder not in timed]
    if sum(not _name(folder.relative_to(directory)).words for folder in named) > 1 or not named:
        return None
    main = min(named, key=lambda folder: _rank(folder.relative_to(directory)))
    about, (training, _) = main.relative_to(directory), read_folder(main)
    beside = (
        prefix_beside(folder.relative_to(directory), read_folder(folder)[0], about, training)
        for folder in named
        if folder != main
    )
    alone = all(all(len(s) <= 1 for s in read_folder(folder)[0].values()) for folder in timed)
    return main if training and alone and all(prefix is not None for prefix in beside) else None


def made_by_add_scalars(part: str, tags: Collection[str]) -> bool:
    """Tell whether the tags of a sub-folder follow from its name."""
    return bool(tags) and all(part_tag(part, tag) for tag in tags)


def first_tags(folder: Path) -> list[str]:
    """Return the tags at the beginning of a folder's first event file."""
    table = TagTable()
    decoder = EventDecoder(table)
    try:
        with event_files(folder)[0].open("rb") as file:
            begin = file.read(_PEEK_BYTES)
    except (OSError, IndexError):
        return []
    for item in RecordScanner().feed(begin, at_end=False):
        if isinstance(item, RecordBatch):
            decoder.decode(item)
    return table.names


def prefix_beside(
    part: Path, series: Mapping[str, Series], main: Path, main_series: Mapping[str, Series]
) -> str | None:
    """Return what stands before the tags of a folder that another writer of the same run made.

    Args:
        part: The folder, relative to the directory that is judged.
        series: What it holds.
        main: The folder of the training, relative to the same; `.` is the directory itself.
        main_series: What that holds.

    Returns:
        The folder's name where tags are in both, empty where none is; None where it is another run's.
    """
    name, about = _name(part), _name(main)
    if (
        not series
        or not name.words
        or name.words == about.words
        or name.rest not in ((), about.rest)
    ):
        return None
    if _far_apart(series, main_series):
        return None
    common = len(series.keys() & main_series.keys())
    if not common:
        return ""
    measured_apart = name.evaluates and not about.evaluates and bool(about.words)
    few = 2 * common <= min(len(series), len(main_series)) or 2 * len(series) <= len(main_series)
    return part.name if measured_apart or few else None


def says_what_it_is(folder: Path) -> bool:
    """Tell whether the name of a folder says what is logged there."""
    return bool(_name(folder).words)


def _name(folder: Path) -> _Name:
    tokens = re.findall(r"[^\W\d_]+|\d+", str(folder).lower())
    words = [t for t in tokens if _EVALUATION.fullmatch(t) or _TRAINING.fullmatch(t)]
    rest = (t for t in tokens if t not in words and not _PLACES.fullmatch(t))
    return _Name(frozenset(words), tuple(rest))


def _rank(folder: Path) -> tuple[bool, bool, bool, str]:
    """Sort the folder of the training first."""
    name = _name(folder)
    return (name.evaluates, bool(name.words), "train" not in name.words, str(folder))


def _far_apart(one: Mapping[str, Series], other: Mapping[str, Series]) -> bool:
    (begin, end), (other_begin, other_end) = _time(one), _time(other)
    gap = max(begin, other_begin) - min(end, other_end)
    return gap > max(_APART_S, end - begin, other_end - other_begin)


def _time(series: Mapping[str, Series]) -> tuple[float, float]:
    times = [s.wall_times for s in series.values() if len(s)]
    return min(float(t.min()) for t in times), max(float(t.max()) for t in times)
