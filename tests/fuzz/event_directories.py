"""Makes random event directories: sound runs, runs with strange values, strange tags, damaged files."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gates.tags import CANONICAL_TAGS
from tests.gates.synthetic_runs import FAULTS, Recipe, Run, make
from trainer.run.event_writer import EventWriter

Floats = NDArray[np.float64]
Tags = dict[str, tuple[NDArray[np.int64], Floats]]
Generator = np.random.Generator

_OWN = (
    "train/critic_loss", "train/actor_loss", "train/q1_value", "train/episode_length",
    "train/episode_reward", "debug/actor_q_mean", "debug/target_q_mean", "debug/reward_mean",
    "debug/done_ratio", "debug/effective_discount", "gradients/actor_mlp_norm",
    "gradients/actor_cnn_norm", "policy/tanh_saturation", "weights/actor_mlp_l2",
    "eval/mean_reward", "eval/std_reward", "eval/episodes", "agent/total_updates",
    "agent/buffer_size", "time/steps_per_s", "reward_components/progress",
)  # fmt: skip
_OTHERS = (
    "rollout/ep_rew_mean", "rollout/ep_len_mean", "rollout/success_rate", "train/learning_rate",
    "time/fps", "charts/episodic_return", "charts/episodic_length", "losses/qf1_values",
    "losses/qf_loss", "losses/actor_loss", "test/reward", "test/env_step", "update/actor_loss",
    "update/critic1_loss", "info/update_step", "train/ent_coef", "train/clip_fraction",
)  # fmt: skip
_HOSTILE = (
    "a|b`c`", "<script>alert(1)</script>", "train/\u202eevil", "x" * 1500, "\x00\x01", "{{7*7}}",
    "\\input{x}", "train/", "/", " ", "日本/語", "train/critic_loss ", "../../etc/passwd",
    "train/a\nb", "$\\frac{", "%s%n", "eval/mean_reward'", "train/критик",
)  # fmt: skip
_NEVER_READ = ("time/steps_per_s", "time/update_share", "my/own_tag")
_WATCHED = ("train/", "debug/", "gradients/", "features/", "weights/", "policy/", "eval/mean_")
"""Groups in which a value that is not finite may never be part of a GO."""


@dataclass(kw_only=True)
class Case:
    """An event directory and what is known of it."""

    folder: Path
    stage: str
    planned_steps: int | None
    story: list[str] = field(default_factory=list)
    """What was done to it, in order."""
    may_go: str = ""
    """Why a GO may stand; empty where it may not."""


def make_case(rng: Generator, folder: Path) -> Case:
    """Write one random directory below `folder`."""
    stage = str(rng.choice(["5k", "50k", "1m"], p=[0.6, 0.25, 0.15]))
    case = Case(folder=folder, stage=stage, planned_steps=None)
    tags = _CONTENTS[str(rng.choice(list(_CONTENTS)))](rng, case)
    if case.planned_steps is None and rng.random() < 0.8:
        case.planned_steps = int(rng.choice([100, 5000, 50_000, 2**40]))
    write(tags, folder, rng)
    if rng.random() < 0.35:
        damage(rng, case)
    return case


def write(tags: Tags, folder: Path, rng: Generator) -> None:
    """Write tags in the order of their steps, now and then into two files or none."""
    rows: dict[tuple[int, int], dict[str, float]] = defaultdict(dict)
    for tag, (steps, values) in tags.items():
        seen: dict[int, int] = defaultdict(int)
        for step, value in zip(steps.tolist(), values.tolist(), strict=True):
            rows[step, seen[step]][tag] = value
            seen[step] += 1
    folder.mkdir(parents=True, exist_ok=True)
    ordered = sorted(rows.items())
    with EventWriter(folder) as writer:
        for (step, _), row in ordered:
            writer.write(step, row)


def _sound(rng: Generator, case: Case) -> Tags:
    """Return a run in which nothing is wrong, with a last row at the planned step."""
    steps = int(rng.choice([2000, 5000]))
    recipe = Recipe(
        seed=int(rng.integers(1 << 30)),
        steps=steps,
        learning_starts=int(rng.choice([500, 1000])),
        reward_scale=1.0,
        reward=float(rng.choice([0.5, 9.0, 100.0])),
        log_every=int(rng.choice([1, 5])),
    )
    case.planned_steps, case.may_go = steps, "a sound run"
    case.story.append(f"sound run of {steps} steps")
    return _tags_of(make(recipe), steps)


def _faulty(rng: Generator, case: Case) -> Tags:
    name = str(rng.choice(list(FAULTS)))
    steps = 5000
    case.planned_steps = steps
    own = bool(rng.random() < 0.5)
    if name == "target_not_averaged":
        case.may_go = "a tau of 1, which no configuration contradicts and slow values do not show"
    case.story.append(f"run with {name}, tags of {'our' if own else 'another'} trainer")
    recipe = Recipe(seed=int(rng.integers(1 << 30)), own=own)
    return _tags_of(make(recipe, FAULTS[name]), steps, name)


def _tags_of(run: Run, steps: int, fault: str = "") -> Tags:
    tags: Tags = {}
    for tag, found in run.tags.items():
        at, values = found.steps, found.values
        ends = fault in ("stopped_early", "updates_stopped")
        if not tag.startswith("train/episode") and not ends and at[-1] < steps:
            at, values = np.append(at, steps), np.append(values, values[-1])
        tags[tag] = (at, values)
    return tags


def _strange_values(rng: Generator, case: Case) -> Tags:
    """Replace whole tags, or single values, of a sound run by strange ones."""
    tags = _sound(rng, case)
    reasons: set[str] = set()
    for _ in range(int(rng.integers(1, 5))):
        tag = str(rng.choice(list(tags)))
        steps, values = tags[tag]
        kind = str(rng.choice(["series", "point", "removed", "extra"]))
        if kind == "removed":
            del tags[tag]
            reasons.add("less evidence, which other trainers need not log")
        elif kind == "point" and len(values):
            changed = values.copy()
            changed[rng.integers(len(values))] = rng.choice(SPECIAL)
            tags[tag] = (steps, changed)
            reasons.add("one odd finite value")
        else:
            tag = tag if kind == "series" else str(rng.choice([*_HOSTILE, *_NEVER_READ]))
            name, made = strange_series(rng, len(steps))
            tags[tag] = (steps[: len(made)], made)
            reasons.add(
                f"finite values that mean nothing in {tag}" if kind == "series" else "a tag more"
            )
            kind = f"{kind} {name}"
        case.story.append(f"{tag[:40]!r}: {kind}")
    with np.errstate(over="ignore"):
        finite = all(
            _finite_where_measured(tag, values.astype(np.float32))
            for tag, (_, values) in tags.items()
            if tag.startswith(_WATCHED)
        )
    case.may_go = "; ".join(sorted(reasons)) if finite else ""
    return tags


def _finite_where_measured(tag: str, values: NDArray[np.float32]) -> bool:
    """Tell whether another trainer may log such values without a fault: NaN stands where nothing was measured."""
    finite, nan = np.isfinite(values), np.isnan(values)
    begun = np.logical_or.accumulate(finite)
    if tag not in CANONICAL_TAGS and "loss" not in tag:  # may be infinite by its meaning
        return not (nan & begun).any() and bool(finite.any() or not nan.any())
    came_back = int((nan[:-1] & finite[1:] & begun[:-1]).sum())
    unmeasured = nan if came_back >= 3 and finite[-3:].any() else nan & ~begun
    return bool((finite | unmeasured).all()) and bool(finite.any() or not len(values))


def _strange_tags(rng: Generator, case: Case) -> Tags:
    """Random tags of all trainers with random series."""
    pool = [*_OWN, *_OTHERS, *_HOSTILE]
    chosen = rng.choice(len(pool), size=int(rng.integers(0, 25)), replace=False)
    tags: Tags = {}
    for place in chosen.tolist():
        name, values = strange_series(rng, int(rng.choice([0, 1, 2, 5, 30, 300])))
        steps = strange_steps(rng, len(values))
        tags[pool[place]] = (steps, values)
        case.story.append(f"{pool[place][:40]!r}: {name}")
    return tags


SPECIAL = np.array(
    [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-45, -1e-40, 3e38, -3e38, 1e-30, 1e30, 1.0, -1.0]
)


def strange_series(rng: Generator, size: int) -> tuple[str, Floats]:
    """Return a series of one of the shapes that values come in, with its name."""
    name = str(rng.choice(list(_SHAPES)))
    with np.errstate(all="ignore"):
        return name, np.asarray(_SHAPES[name](rng, size), dtype=np.float64)


_SHAPES: Mapping[str, Callable[[Generator, int], Floats]] = {
    "empty": lambda rng, n: np.zeros(0),
    "one point": lambda rng, n: rng.choice(SPECIAL, size=min(n, 1)),
    "NaN": lambda rng, n: np.full(n, np.nan),
    "constant": lambda rng, n: np.full(n, rng.choice(SPECIAL)),
    "denormal": lambda rng, n: 1e-42 * rng.normal(size=n),
    "tiny and plain": lambda rng, n: rng.normal(size=n) * 10.0 ** rng.integers(-44, 3, size=n),
    "huge": lambda rng, n: 1e37 * rng.normal(size=n),
    "growing": lambda rng, n: np.exp(np.linspace(-50.0, 85.0, n)),
    "special": lambda rng, n: rng.choice(SPECIAL, size=n),
    "scattered NaN": lambda rng, n: np.where(rng.random(n) < 0.2, np.nan, rng.normal(size=n)),
    "NaN at first": lambda rng, n: np.where(np.arange(n) < n // 3, np.nan, rng.normal(size=n)),
    "noise": lambda rng, n: rng.normal(size=n) * 10.0 ** rng.integers(-6, 7),
    "walk": lambda rng, n: np.cumsum(rng.normal(size=n)),
    "share": lambda rng, n: rng.random(n),
    "count": lambda rng, n: np.arange(n, dtype=np.float64),
}


def strange_steps(rng: Generator, size: int) -> NDArray[np.int64]:
    """Return steps that rise, repeat, fall, start late, or are huge."""
    kind = int(rng.integers(6))
    rising = np.cumsum(rng.integers(1, 60, size=size))
    if kind == 0:
        return np.arange(size, dtype=np.int64)
    if kind == 1:
        return np.full(size, int(rng.integers(0, 5000)), dtype=np.int64)
    if kind == 2:
        return np.asarray(rising[::-1], dtype=np.int64)
    if kind == 3:
        return np.asarray(rising + 2**50, dtype=np.int64)
    if kind == 4:
        return np.asarray(rng.integers(-1000, 1000, size=size), dtype=np.int64)
    return np.asarray(rising, dtype=np.int64)


_CONTENTS: Mapping[str, Callable[[Generator, Case], Tags]] = {
    "sound": _sound,
    "faulty": _faulty,
    "values": _strange_values,
    "more values": _strange_values,
    "tags": _strange_tags,
    "more tags": _strange_tags,
}


def damage(rng: Generator, case: Case) -> None:
    """Damage or multiply the files of a case."""
    file = next(path for path in sorted(case.folder.iterdir()) if path.is_file())
    content = file.read_bytes()
    alone = False
    kind = str(rng.choice(["cut", "flip", "zeros", "junk", "copy", "second run", "empty", "text"]))
    if kind == "cut":
        file.write_bytes(content[: int(rng.integers(0, len(content) + 1))])
    elif kind == "flip":
        changed = bytearray(content)
        for at in rng.integers(0, max(1, len(content)), size=int(rng.integers(1, 9))).tolist():
            if changed:
                changed[at] ^= 1 << int(rng.integers(8))
        file.write_bytes(bytes(changed))
    elif kind == "zeros":
        file.write_bytes(content + bytes(int(rng.integers(1, 5000))))
    elif kind == "junk":
        file.write_bytes(content + rng.bytes(int(rng.integers(1, 5000))))
    elif kind == "copy":
        shutil.copy(file, file.with_name(f"{file.name} (1)"))
    elif kind == "second run":
        alone = not case.story
        other = Case(folder=case.folder, stage=case.stage, planned_steps=None)
        write(_sound(rng, other), case.folder, rng)
    elif kind == "empty":
        file.with_name("events.out.tfevents.1.host.1.9").write_bytes(b"")
    else:
        (case.folder / "events.out.tfevents.notes").write_text("no event file")
    case.story.append(f"files: {kind}")
    if kind == "second run" and alone:
        case.may_go = "a sound run beside an empty one"
    elif kind not in ("copy", "empty"):  # such files are left out
        case.may_go = ""
