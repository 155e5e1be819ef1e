"""`trainer` in a preset: a training by any command, checked before anything starts; docs/any-trainer.md."""

from __future__ import annotations

import glob
import os
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from flows.settings.mistakes import Mistake, nearest
from flows.settings.supervision import Seconds
from flows.settings.trainers.own_trainer import callers_environment
from flows.settings.trainers.placeholders import (
    NAME,
    Value,
    fill,
    fill_all,
    mistakes_in,
    names_in,
    written,
)
from gates.errors import GateConfigError
from gates.runs.dialect_file import dialect_names, load_dialect

OWN_TAGS = "own"
"""Dialect of a trainer that writes the tags of docs/run-directory.md; its file is gonogo.yaml."""
SILENT_S = 1_800.0
KNOWN_ONLY_IN_A_RUN = ("run", "events", "attempt", "checkpoint")
CONTAINER_PROGRAMS = ("docker", "podman")

ExitName = Literal[
    "finished",
    "diverged",
    "simulator_lost",
    "out_of_memory",
    "killed",
    "disk_full",
    "broken",
    "bad_configuration",
]


def _as_text(value: object) -> object:
    return written(value) if isinstance(value, (bool, int, float)) else value


Text = Annotated[str, BeforeValidator(_as_text)]


class TrainerSection(BaseModel):
    """The keys below `trainer`."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, defer_build=True)

    command: tuple[Text, ...] = Field(min_length=1)
    """Program and arguments, one per item; no shell is involved. `{name}` is filled in."""
    dialect: str = Field(min_length=1)
    """Which tags it logs: a name of config/dialects, `own` for the tags of docs/run-directory.md, or the path
    of a mapping file, relative to the preset, that ends in .yaml."""
    values: dict[str, Any] = Field(default_factory=dict)
    """Hyperparameters by the name of their placeholder; each must stand in the command or in `env`."""
    env: dict[str, Text] = Field(default_factory=dict)
    """Environment variables besides those of the caller."""
    cwd: str = "."
    """Folder that the trainer works in, relative to the preset file."""
    resume: tuple[Text, ...] = ()
    """Arguments that are added when a run goes on after an interruption; empty: it starts from scratch."""
    checkpoints: str = ""
    """Where the trainer saves itself, with * and ?; without a match a run starts from scratch. The newest match
    is `{checkpoint}` in `resume`."""
    silent_s: Seconds = SILENT_S
    """Time without anything new in the event files after which the trainer counts as hung; an evaluation
    that logs nothing must fit into it."""
    exit_codes: dict[Annotated[int, Field(ge=0, le=255)], ExitName] = Field(default_factory=dict)
    """What exit codes mean; 0 is `finished`, 2 `bad_configuration`, and 128 + n the signal n, unless said
    otherwise."""


@dataclass(frozen=True, kw_only=True)
class TrainerCommand:
    """A trainer by command for one stage; nothing in it can still be misspelled."""

    section: TrainerSection
    cwd: Path
    dialect: str
    """Name of a shipped dialect, or the absolute path of a mapping file."""
    known: Mapping[str, Value]
    """What placeholders stand for, except those of a run."""

    def arguments(self, run: Path, *, attempt: int, checkpoint: Path | None = None) -> list[str]:
        """Return the command of an attempt that begins from scratch."""
        return fill_all(self.section.command, self._values(run, attempt, checkpoint))

    def resume_arguments(self, run: Path, *, attempt: int, checkpoint: Path | None) -> list[str]:
        """Return the command of an attempt that goes on."""
        texts = (*self.section.command, *self.section.resume)
        return fill_all(texts, self._values(run, attempt, checkpoint))

    def checkpoint_pattern(self, run: Path) -> str:
        """Return the absolute pattern of its checkpoints; empty without one.

        Only what the preset itself writes is a pattern: a folder may be called `lr=[1e-3]`.
        """
        if not self.section.checkpoints:
            return ""
        values = self._values(run, 1, None)
        literal = {
            name: value if isinstance(value, (list, tuple)) else glob.escape(written(value))
            for name, value in values.items()
        }
        (pattern,) = fill(self.section.checkpoints, literal)
        return os.path.join(glob.escape(str(self.cwd)), pattern)  # noqa: PTH118

    def environment(self, run: Path, *, attempt: int) -> dict[str, str]:
        """Return the caller's environment, without Prefect's settings, with the preset's variables."""
        values = self._values(run, attempt, None)
        own = {name: fill(text, values)[0] for name, text in self.section.env.items()}
        return {**callers_environment(), **own}

    def files(self) -> tuple[Path, ...]:
        """Return the files that the command names, scripts for instance, and the mapping file."""
        named = [
            self.cwd / argument
            for text in self.section.command
            if not any(name in KNOWN_ONLY_IN_A_RUN for name in names_in(text))
            for argument in fill(text, self.known)[:1]
        ]
        program, *arguments = named
        dialect = Path(self.dialect)
        candidates = [
            *([program] if os.sep in self.section.command[0] else []),
            *arguments,
            *([dialect] if dialect.is_absolute() else []),
        ]
        return tuple(path for path in candidates if _is_small_file(path))

    def as_request(self) -> dict[str, Any]:
        """Return what request.json keeps of it."""
        content = self.section.model_dump(mode="json")
        codes = {str(code): name for code, name in self.section.exit_codes.items()}
        return {**content, "exit_codes": codes, "cwd": str(self.cwd), "dialect": self.dialect}

    def _values(self, run: Path, attempt: int, checkpoint: Path | None) -> dict[str, Value]:
        return {
            **self.known,
            "run": str(run),
            "events": str(run / "events"),
            "attempt": attempt,
            "checkpoint": "" if checkpoint is None else str(checkpoint),
        }


def parse_trainer(section: object, mistakes: list[Mistake]) -> TrainerSection | None:
    """Read `trainer` of a preset; what is wrong with it is added to `mistakes`, each with its key."""
    if not isinstance(section, Mapping):
        mistakes.append(
            Mistake(
                key="trainer",
                text="must be a group of keys, with command and dialect among them; "
                "see docs/any-trainer.md",
            )
        )
        return None
    try:
        return TrainerSection.model_validate(section)
    except ValidationError as error:
        mistakes += [_mistake(item) for item in error.errors()]
        return None


def resolve_trainer(
    section: TrainerSection, *, folder: Path, given: Mapping[str, Value], mistakes: list[Mistake]
) -> TrainerCommand:
    """Check a trainer by command for one stage; what is wrong is added to `mistakes`.

    Args:
        section: As it was read.
        folder: Of the preset file.
        given: Steps, seed, names and cadence of the stage.
        mistakes: Gets what is wrong.
    """
    known: dict[str, Value] = {**given, "python": sys.executable}
    in_a_run: dict[str, Value] = {name: "" for name in KNOWN_ONLY_IN_A_RUN if name != "checkpoint"}
    mistakes += _value_mistakes(section, {**known, **in_a_run, "checkpoint": ""})
    known |= section.values
    places = [
        *(("command", text) for text in section.command),
        *((f"env.{name}", text) for name, text in section.env.items()),
        *(("checkpoints", text) for text in [section.checkpoints] if text),
    ]
    before = len(mistakes)
    for key, text in places:
        found = mistakes_in(text, {**known, **in_a_run})
        if not found and key != "command" and _holds_list(text, known):
            found = [f"a list cannot stand here, in {text!r}"]
        mistakes += [Mistake(key=f"trainer.{key}", text=mistake) for mistake in found]
    for text in section.resume:
        found = mistakes_in(text, {**known, **in_a_run, "checkpoint": ""})
        mistakes += [Mistake(key="trainer.resume", text=mistake) for mistake in found]
        if "checkpoint" in names_in(text) and not section.checkpoints:
            needed = "{checkpoint} needs trainer.checkpoints, the pattern of its files"
            mistakes.append(Mistake(key="trainer.resume", text=needed))
    if section.checkpoints and not section.resume:
        without = "has no effect without trainer.resume, the arguments that resume a run"
        mistakes.append(Mistake(key="trainer.checkpoints", text=without))
    cwd = (folder / section.cwd).resolve()
    command = TrainerCommand(
        section=section, cwd=cwd, dialect=_dialect(section, folder, mistakes), known=known
    )
    if not cwd.is_dir():
        text = f"there is no folder {cwd}; it is relative to the preset file"
        mistakes.append(Mistake(key="trainer.cwd", text=text))
    elif len(mistakes) == before:
        mistakes += [Mistake(key="trainer.command", text=t) for t in _program_mistakes(command)]
    return command


def _value_mistakes(section: TrainerSection, built_in: Mapping[str, Value]) -> Iterable[Mistake]:
    used = {
        name for text in (*section.command, *section.resume, *section.env.values())
        for name in names_in(text)
    }  # fmt: skip
    for name, value in section.values.items():
        items = value if isinstance(value, list) else [value]
        text = ""
        if not NAME.fullmatch(name):
            text = f"a name has letters, digits and _ only, so that {{{name}}} can be written"
        elif name in built_in:
            text = f"{{{name}}} has a meaning of its own; choose another name"
        elif not all(isinstance(item, (bool, int, float, str)) for item in items):
            text = f"must be a number, a text, true, false or a list of them, got {value!r}"
        elif name not in used:
            text = (
                f"neither command nor env uses {{{name}}}, so the value would have no effect; "
                "use it there or remove it"
            )
        if text:
            yield Mistake(key=f"trainer.values.{name}", text=text)


def _holds_list(text: str, known: Mapping[str, Value]) -> bool:
    return any(isinstance(known.get(name), (list, tuple)) for name in names_in(text))


def _dialect(section: TrainerSection, folder: Path, mistakes: list[Mistake]) -> str:
    """Return the name or absolute path of the dialect and check that it can be used."""
    name = section.dialect
    if name == OWN_TAGS:
        return "gonogo"
    if not name.endswith((".yaml", ".yml")):
        known = (OWN_TAGS, *(n for n in dialect_names() if n != "gonogo"))
        if name not in (*known, "gonogo"):
            mistakes.append(
                Mistake(
                    key="trainer.dialect",
                    text=f"there is no dialect {name!r}; there are {', '.join(known)}, or the path "
                    "of a .yaml file",
                    nearest=nearest(name, known),
                )
            )
        return name
    path = (folder / name).resolve()
    try:
        load_dialect(path)
    except GateConfigError as error:
        mistakes += [Mistake(key="trainer.dialect", text=text) for text in error.mistakes]
    return str(path)


def _script_mistakes(path: Path, cwd: Path) -> Iterable[str]:
    """Look at the first line of a script, which only a shell could do without."""
    try:
        with path.open("rb") as file:
            first = file.read(256).partition(b"\n")[0]
    except OSError:
        return  # what may be executed need not be readable
    if first.isascii() and first.decode().strip().isprintable() and not first.startswith(b"#!"):
        yield f"{path} does not say what runs it; begin it with #!/bin/bash, or name its program"
    elif first.startswith(b"#!") and first.endswith(b"\r"):
        yield f"{path} has the line ends of Windows, with which it cannot be started; convert it (dos2unix)"
    elif first.startswith(b"#!") and (named := first[2:].split()):
        program = os.fsdecode(named[0])
        if not (cwd / program).is_file():
            yield f"{path} is run by {program}, by its first line, and that is not there"


def _program_mistakes(command: TrainerCommand) -> Iterable[str]:
    """Look for the program, and for the script where the program is a Python."""
    run = Path("/")
    program, *arguments = command.arguments(run, attempt=1)
    if os.sep in program:
        path = command.cwd / program
        if not path.is_file():
            yield f"there is no program {path}"
        elif not os.access(path, os.X_OK):
            yield f"{path} may not be executed; run chmod +x on it, or name its program"
        else:
            yield from _script_mistakes(path, command.cwd)
    else:
        search = command.environment(run, attempt=1).get("PATH")
        if shutil.which(program, path=search) is None:
            yield (
                f"there is no program {program!r} on the PATH; install it or give its "
                "full path ({python} is the Python that runs gonogo)"
            )
    if is_container_client([program, *arguments]):
        yield from _container_mistakes(arguments)
    if not Path(program).name.startswith("python"):
        return
    script = next((a for a in arguments if not a.startswith("-") or a in ("-m", "-c")), "")
    if script.endswith(".py") and not (command.cwd / script).is_file():
        yield (
            f"there is no file {script} in {command.cwd}; paths are relative to "
            "trainer.cwd, and that to the preset file"
        )


def is_container_client(command: Sequence[str]) -> bool:
    """Tell whether a command starts a container: `docker run`, `docker --context x run`, `podman run`."""
    return Path(command[0]).name in CONTAINER_PROGRAMS and "run" in command[1:]


def _container_mistakes(arguments: Sequence[str]) -> Iterable[str]:
    options = arguments[arguments.index("run") + 1 :]
    if any(o == "--cidfile" or o.startswith("--cidfile=") for o in options):
        yield "leave --cidfile out; gonogo adds it to know the container that it started"
    leading = takewhile(lambda option: option.startswith("-"), options)
    if "--detach" in options or "-d" in leading:
        yield (
            "leave --detach out; the container must run in the foreground, so that "
            "its end and its output are seen"
        )


def _is_small_file(path: Path) -> bool:
    try:
        return path.is_file() and path.stat().st_size < 1 << 24
    except (OSError, ValueError):
        return False


def _mistake(item: Mapping[str, Any]) -> Mistake:
    parts = [str(part) for part in item["loc"] if part != "[key]"]
    near = ""
    if item["type"] == "extra_forbidden":
        text, near = "unknown key", nearest(parts[-1], TrainerSection.model_fields)
        near = ".".join(("trainer", *parts[:-1], near)) if near else ""
    elif item["type"] == "missing" and parts == ["dialect"]:
        text = (
            "missing; it says which tags the trainer logs, and the gate judges by it: own, "
            f"{', '.join(n for n in dialect_names() if n != 'gonogo')} or a .yaml file"
        )
    elif item["type"] == "missing":
        text = "missing"
    elif parts[0] in ("command", "resume") and len(parts) == 1 and isinstance(item["input"], str):
        example = ", ".join(f'"{word}"' for word in item["input"].split()[:3])
        text = f"must be a list of arguments, since no shell is involved: [{example}, ...]"
    elif parts[0] == "exit_codes" and item["type"] == "literal_error":
        text = f"{item['input']!r} is no kind of end; there are {item['ctx']['expected']}"
    else:
        message = str(item["msg"])
        text = f"{message[0].lower()}{message[1:]}, got {item['input']!r}"
    return Mistake(key=".".join(("trainer", *parts)), text=text, nearest=near)
