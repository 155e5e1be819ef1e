"""Says what pairs of runs, of the same seeds before and after a change, tell about it; pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gates.regress.measures import (
    Measures,
    Pair,
    identical,
    measures,
    same_but_for_rounding,
    tags_of_one_side,
)
from gates.regress.result import Answer, Moved, NewFault, Regression
from gates.seeds.result import few_seeds, seed_names
from gates.series import FloatArray
from gates.sign_flips import Looks, SignFlips, sign_flip_test
from gates.text import format_number, format_plural

LOOKS = Looks(sizes=(8, 12, 16), error=0.02)
"""Seeds at which differences are tested; 8 are the fewest that can show one at this error."""
_REPLICATED = 3
"""Seeds of which each must show a new fault: one that half of all runs show does so by chance in 1 of 64 changes."""
_AGREEING = 2
"""Seeds that must agree but for rounding."""
_RETURNS = ("eval/mean_reward, last third", "train/episode_reward, last third")
"""Measures that are worse when they fall."""
_MOST_MOVED = 8


def judge_pairs(pairs: Sequence[Pair], *, looks: Looks = LOOKS, last: bool) -> Regression | None:
    """Judge what was trained so far; None when more seeds are needed.

    Args:
        pairs: The run before the change and the one after it, of each seed.
        looks: When differences are tested.
        last: No more seeds will be trained.
    """
    missing = [pair[0] for pair in pairs if pair[0].broken]
    if missing:
        text = f"seed {missing[0].seed} cannot be trained before the change: {missing[0].broken}"
        return _result(pairs, looks, "undecided", text)
    whole = [pair for pair in pairs if not pair[1].broken]
    early = _before_the_test(pairs, looks)
    if early is not None:
        return early
    table = measures(whole)
    test = sign_flip_test(table.differences, looks, two_sided=True)
    if test.found:
        return _moved(pairs, looks, table, test)
    if test.looks < len(looks.sizes) and not last:
        return None
    if len(whole) < len(pairs):
        lost = [head for _, head in pairs if head.broken]
        names = seed_names([run.seed for run in lost])
        return _result(
            pairs, looks, "undecided", f"{names} can be trained only before the change: {lost[0].broken}",
            test, table,
        )  # fmt: skip
    if not table.names:
        text = "the revisions log nothing in common"
        return _result(pairs, looks, "undecided", text, test, table)
    if test.looks < len(looks.sizes):
        shown = format_plural(len(pairs), "seed")
        text = (
            f"{shown} showed no difference, {looks.sizes[-1]} are needed to say that there is none"
        )
        return _result(pairs, looks, "undecided", text, test, table)
    text = f"no difference in {len(table.names)} measures over {len(pairs)} seeds"
    return _result(pairs, looks, "no_difference", text, test, table)


def _before_the_test(pairs: Sequence[Pair], looks: Looks) -> Regression | None:
    """Return what needs no statistics: equal runs, and faults that every run after the change shows."""
    faults = _new_faults(pairs)
    if not faults and not any(head.broken for _, head in pairs):
        if all(identical(*pair) for pair in pairs):
            text = f"{_of_seeds(pairs)} trained to the same values, bit for bit"
            return _result(pairs, looks, "same", text)
        if len(pairs) >= _AGREEING and all(same_but_for_rounding(*pair) for pair in pairs):
            text = f"{_of_seeds(pairs)} trained to the same values but for rounding"
            return _result(pairs, looks, "rounding", text)
    always = [fault for fault in faults if len(fault.seeds) == len(pairs)]
    if len(pairs) < _REPLICATED or not always:
        return None
    others = f", and {len(always) - 1} more" if len(always) > 1 else ""
    return _result(
        pairs, looks, "worse", f"only after the change, for every seed: {always[0].text}{others}"
    )


def _new_faults(pairs: Sequence[Pair]) -> tuple[NewFault, ...]:
    """Return what speaks against runs after the change and against none before it, the most frequent first."""
    known = {key for base, _ in pairs for key in base.fault_keys}
    found: dict[str, tuple[str, list[int]]] = {}
    for base, head in pairs:
        faults = {fault.key: fault.text for fault in head.faults}
        gone = base.required - head.required if not head.broken else frozenset()
        faults |= {f"gone {check}": f"{check} is no longer judged" for check in sorted(gone)}
        for key, text in faults.items():
            if key not in known:
                found.setdefault(key, (text, []))[1].append(head.seed)
    ordered = sorted(found.values(), key=lambda item: -len(item[1]))
    return tuple(NewFault(text=text, seeds=tuple(seeds)) for text, seeds in ordered)


def _moved(pairs: Sequence[Pair], looks: Looks, table: Measures, test: SignFlips) -> Regression:
    count = test.observations
    base, head = table.base[:count].mean(axis=0), table.head[:count].mean(axis=0)
    order = np.lexsort((-_strength(table.differences[:count]), test.adjusted))
    moved = tuple(
        Moved(
            name=table.names[i], base=float(base[i]), head=float(head[i]), p=float(test.adjusted[i])
        )
        for i in order
        if test.adjusted[i] <= looks.error
    )
    fallen = [m for m in moved if m.name in _RETURNS and m.head < m.base]
    shown = fallen[0] if fallen else moved[0]
    text = (
        f"{shown.name}: {format_number(shown.base)} before the change, {format_number(shown.head)} after it, "
        f"over {count} seeds"
    )
    answer: Answer = "worse" if fallen else "changed"
    return _result(pairs, looks, answer, text, test, table, moved=moved[:_MOST_MOVED])


def _strength(differences: FloatArray) -> FloatArray:
    """Return how clearly each measure moved, between 0 and the root of the number of seeds."""
    size = np.sqrt(np.sum(np.square(differences), axis=0))
    moved = np.abs(differences.sum(axis=0))
    strength: FloatArray = np.divide(moved, size, out=np.zeros_like(size), where=size > 0)
    return strength


def _of_seeds(pairs: Sequence[Pair]) -> str:
    return few_seeds([head.seed for _, head in pairs])


def _result(
    pairs: Sequence[Pair],
    looks: Looks,
    answer: Answer,
    text: str,
    test: SignFlips | None = None,
    table: Measures | None = None,
    *,
    moved: tuple[Moved, ...] = (),
) -> Regression:
    one_side = tags_of_one_side([pair for pair in pairs if not pair[1].broken])
    text = (
        text if "/" in text.split(" ", 1)[0] else f"{text[:1].upper()}{text[1:]}"
    )  # a tag stays as it is written
    return Regression(
        answer=answer,
        deciding=f"{text.rstrip('.')}.",
        seeds=tuple(head.seed for _, head in pairs),
        most=looks.sizes[-1],
        error=looks.error,
        p=None if test is None else test.p,
        measures=0 if table is None else len(table.names),
        faults=_new_faults(pairs),
        moved=moved,
        no_longer_logged=one_side["base"],
        newly_logged=one_side["head"],
    )
