"""`gonogo doctor`: what is installed, what is missing, and which presets can run here."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib import metadata, util
from pathlib import Path

from flows.commands.facts import Fact
from flows.errors import ConfigError, FlowsError
from flows.settings.extras import MissingExtraError, require
from flows.settings.plan import resolve_plan
from flows.settings.stage_rules import shipped

LEAST_FREE_GIB = 2.0
"""Replay, checkpoints and events of the default preset stay well below this."""
EXTRAS = {"run": "only to train and to serve", "dask": "only for --engine dask"}
"""Extras that the table shows, and what they are for."""
_ABSENT = "not installed"
_GIB = 1024**3
_TORCH_PROBE = """
import json, torch
cuda = torch.cuda.is_available()
name = torch.cuda.get_device_name(0) if cuda else ""
print(json.dumps({"version": torch.__version__, "cuda": cuda, "name": name}))
"""


def show(carla_address: str | None = None) -> int:
    """Print the table, with a CARLA server at `HOST:PORT` if asked; return 0 when everything needed is there, else 1.

    Raises:
        UsageError: The address is malformed.
    """
    from rich.console import Console
    from rich.table import Table

    facts = [fact for probe in PROBES for fact in probe()]
    if carla_address is not None:
        from flows.commands.carla_facts import carla_facts

        facts += carla_facts(carla_address)
    table = Table(show_edge=False, pad_edge=False)
    for column in ("", "topic", "found", "what to do"):
        table.add_column(column, overflow="fold")
    for fact in facts:
        mark = "ok" if not fact.problem else ("MISSING" if fact.needed else "optional")
        table.add_row(mark, _plain(fact.topic), _plain(fact.found), _plain(fact.problem))
    Console(highlight=False).print(table)
    missing = sum(1 for fact in facts if fact.needed and fact.problem)
    print(
        "Everything needed is here." if not missing else f"{missing} missing: see the last column."
    )
    return 1 if missing else 0


def python() -> list[Fact]:
    """Tell the interpreter."""
    fits = (3, 10) <= sys.version_info[:2] < (3, 15)
    problem = "" if fits else "use Python 3.10 to 3.14"
    return [
        Fact(topic="python", found=f"{platform.python_version()} {sys.executable}", problem=problem)
    ]


def packages() -> list[Fact]:
    """Compare installed versions with what this distribution asks for."""
    try:
        found = metadata.version("gonogo")
    except metadata.PackageNotFoundError:
        return [
            Fact(topic="gonogo", found="not installed", problem="pip install -e .", needed=False)
        ]
    core = _requirements()
    facts = [Fact(topic="gonogo", found=found), *(_package(*wanted) for wanted in core)]
    for extra, purpose in EXTRAS.items():
        only_here = [wanted for wanted in _requirements(extra) if wanted not in core]
        facts += _extra(extra, purpose, [_package(*wanted) for wanted in only_here])
    return facts


def _requirements(extra: str = "") -> list[tuple[str, str]]:
    """Return name and version range of what an installation asks for, without or with an extra."""
    from packaging.requirements import InvalidRequirement, Requirement

    found = []
    for line in sorted(metadata.requires("gonogo") or []):
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            continue
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
            found.append((requirement.name, str(requirement.specifier)))
    return found


def _extra(extra: str, purpose: str, facts: list[Fact]) -> list[Fact]:
    """Put what is missing of an extra into one fact: it is optional."""
    missing = [fact.topic for fact in facts if fact.found == _ABSENT]
    if not missing:
        return facts
    install = f"{purpose}: pip install 'gonogo[{extra}]'"
    absent = Fact(
        topic=f"extra {extra}",
        found=f"{_ABSENT}: {', '.join(missing)}",
        problem=install,
        needed=False,
    )
    return [*(fact for fact in facts if fact.found != _ABSENT), absent]


def _package(name: str, specifier: str) -> Fact:
    from packaging.specifiers import SpecifierSet

    wish = f"pip install '{name}{specifier}'"
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        return Fact(topic=name, found=_ABSENT, problem=wish)
    fits = SpecifierSet(specifier).contains(version, prereleases=True)
    found = f"{version} (asked for: {specifier or 'any'})"
    return Fact(topic=name, found=found, problem="" if fits else wish)


def torch() -> list[Fact]:
    """Start torch, if installed, in a process of its own: it is large, and may be broken."""
    if util.find_spec("torch") is None:
        return []
    try:
        answer = subprocess.run(
            [sys.executable, "-c", _TORCH_PROBE],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            cwd=tempfile.gettempdir(),
        )
        if answer.returncode:
            lines = answer.stderr.strip().splitlines() or [f"exit code {answer.returncode}"]
            return [Fact(topic="torch runs", found=lines[-1], problem="install torch again")]
        told = json.loads(answer.stdout)
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        return [Fact(topic="torch runs", found=str(error), problem="install torch again")]
    device = f"CUDA, {told['name']}" if told["cuda"] else "CPU only"
    return [Fact(topic="torch runs", found=f"{told['version']}, {device}")]


def carla() -> list[Fact]:
    """Look for CARLA's client without importing it."""
    if util.find_spec("carla") is not None:
        return [Fact(topic="carla", found="client installed")]
    return [
        Fact(
            topic="carla",
            found="not installed",
            problem="only for CARLA presets, on Python 3.12 at most: pip install 'gonogo[carla]'",
            needed=False,
        )
    ]


def machine() -> list[Fact]:
    """Check cores, disk, write permission and git."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    facts = [Fact(topic="cores", found=str(cores))]
    folder = Path("runs") if Path("runs").is_dir() else Path()
    shown = folder.absolute()
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
        facts.append(Fact(topic="may write", found=str(shown)))
    except OSError as error:
        problem = f"{error.strerror}: change to another folder or use --out"
        facts.append(Fact(topic="may write", found=f"not in {shown}", problem=problem))
    free = shutil.disk_usage(folder).free / _GIB
    problem = "" if free >= LEAST_FREE_GIB else f"free {LEAST_FREE_GIB:.0f} GiB or use --out"
    facts.append(Fact(topic="free disk", found=f"{free:.1f} GiB in {shown}", problem=problem))
    git = shutil.which("git")
    problem = "" if git else "without it, reports name no revision"
    facts.append(Fact(topic="git", found=git or "not found", problem=problem, needed=False))
    return facts


def presets() -> list[Fact]:
    """Let the trainer check each preset; nothing where the extra that trains is missing."""
    try:
        require("prefect", "torch", "gymnasium")
    except MissingExtraError:
        return []
    return [_preset(name) for name in shipped("preset")]


def _preset(name: str) -> Fact:
    topic = f"preset {name}"
    needed = name == "drive"
    try:
        plan = resolve_plan(preset=name)
    except ConfigError as error:
        problem = error.mistakes[0] if error.mistakes else "cannot be used"
        return Fact(topic=topic, found="cannot run here", problem=problem, needed=needed)
    except FlowsError as error:
        return Fact(topic=topic, found="cannot run here", problem=str(error), needed=needed)
    return Fact(topic=topic, found=plan.description or "can run here")


def _plain(text: str) -> str:
    """Escape what Rich would read as markup."""
    from rich.markup import escape

    return escape(text)


PROBES: tuple[Callable[[], list[Fact]], ...] = (python, packages, torch, carla, machine, presets)
"""In the order of the table."""
