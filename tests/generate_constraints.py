"""Writes constraints.txt: the exact version of every installed package that gonogo or one of its extras needs."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")
OF_ONE_BUILD_OF_TORCH = re.compile(r"(nvidia|cuda|triton)(?!-ml-py)")
HEADER = """\
# The versions that were tested, for: pip install -c constraints.txt '.[run]'. Renewed by: make constraints
# A version that does not exist for a supported Python is not pinned there.
"""


def main() -> None:
    """Write the file."""
    import tomllib  # since Python 3.11

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *(line for lines in extras.values() for line in lines)]
    lines = [pin(name) for name in sorted(closure(wanted, without=project["name"]))]
    (ROOT / "constraints.txt").write_text(HEADER + "".join(f"{line}\n" for line in lines))


def closure(lines: list[str], *, without: str) -> set[str]:
    """Return the names of all installed distributions that requirements lead to."""
    found: set[str] = set()
    seen: set[tuple[str, str]] = set()
    waiting = [(Requirement(line), "") for line in lines]
    while waiting:
        requirement, extra = waiting.pop()
        name = re.sub(r"[-_.]+", "-", requirement.name).lower()
        marker = requirement.marker
        if name == without or OF_ONE_BUILD_OF_TORCH.match(name):
            continue
        if marker is not None and not marker.evaluate({"extra": extra}):
            continue
        try:
            needs = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            print(f"not installed, so not pinned: {name}")
            continue
        found.add(name)
        for of in {"", *requirement.extras}:
            if (name, of) not in seen:
                seen.add((name, of))
                waiting += [(Requirement(line), of) for line in needs]
    return found


def pin(name: str) -> str:
    """Return the line of one distribution."""
    found = metadata.metadata(name)
    version = Version(found["Version"]).public
    allowed = SpecifierSet(found.get("Requires-Python") or "")
    # A bound such as `>=3.10.2` or `!=3.9.7` is about patch releases, of which the newest counts.
    fits = [python for python in PYTHONS if allowed.contains(f"{python}.99")]
    marker = [f'python_version >= "{fits[0]}"'] if fits[:1] != [PYTHONS[0]] else []
    marker += [f'python_version <= "{fits[-1]}"'] if fits[-1:] != [PYTHONS[-1]] else []
    return f"{name}=={version}" + (f"; {' and '.join(marker)}" if marker else "")


if __name__ == "__main__":
    main()
