"""Finds the source files that modules import, without importing anything."""

from __future__ import annotations

import ast
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import util
from pathlib import Path

from flows.settings.trainers.own_trainer import HOME, OWN_PACKAGES

_ONE_PARSER = threading.Lock()


def top_level_folder(package: str) -> Path | None:
    """Return the folder of a top-level package; None if it is not installed."""
    if package in OWN_PACKAGES:
        return HOME / package  # whatever PYTHONPATH holds
    spec = util.find_spec(package)
    return None if spec is None or spec.origin is None else Path(spec.origin).parent


def imported_sources(
    roots: Iterable[str], folder_of: Callable[[str], Path | None] = top_level_folder
) -> Mapping[str, Path]:
    """Return the files of modules and of all that they import, sorted by dotted name.

    Only imports from the roots' own top-level packages are followed. Imports inside functions
    count, those for type checkers do not.

    Args:
        roots: Dotted names; a package stands for all modules in it.
        folder_of: Finds the folder of a top-level package.

    Raises:
        FileNotFoundError: A root does not exist.
    """
    walk = _Walk(folder_of)
    for root in roots:
        walk.add_root(root)
    return dict(sorted(walk.files.items()))


class _Walk:
    def __init__(self, folder_of: Callable[[str], Path | None]) -> None:
        self.files: dict[str, Path] = {}
        self._folder_of = folder_of
        self._packages: dict[str, Path] = {}

    def add_root(self, name: str) -> None:
        top = name.partition(".")[0]
        folder = self._folder_of(top)
        if folder is not None:
            self._packages[top] = folder
        path = self._find(name)
        if path is None:
            raise FileNotFoundError(f"there is no module {name}")
        self._add(name)
        if path.name == "__init__.py":
            for module in sorted(path.parent.rglob("*.py")):
                parts = module.relative_to(path.parent).with_suffix("").parts
                self._add(".".join([name, *(p for p in parts if p != "__init__")]))

    def _add(self, name: str) -> None:
        """Add a module, the packages above it, and what they import."""
        waiting = [name]
        while waiting:
            name = waiting.pop()
            path = self._find(name)
            if path is None or name in self.files:
                continue
            self.files[name] = path
            package = name if path.name == "__init__.py" else name.rpartition(".")[0]
            waiting += [name.rpartition(".")[0], *_imported(path, package)]

    def _find(self, name: str) -> Path | None:
        top, *rest = name.split(".")
        if top not in self._packages:
            return None
        path = self._packages[top].joinpath(*rest)
        for candidate in (path / "__init__.py", path.with_suffix(".py")):
            if candidate.is_file():
                return candidate
        return None


def _imported(path: Path, package: str) -> Iterator[str]:
    """Yield the names that a file imports; what follows `from x import` may be a module or not."""
    waiting: list[ast.AST] = [_parsed(path)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package.split(".")[: 1 - node.level or None]) if node.level else ""
            module = ".".join(part for part in (base, node.module) if part)
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            waiting += node.orelse
        else:
            waiting += ast.iter_child_nodes(node)


def _parsed(path: Path) -> ast.Module:
    """Parse a file; seeds do so in threads, and threads that parse at once may raise SystemError.

    Python counts the depth of all of them together (python/cpython issue 106905). The lock holds our own threads
    apart; a library's thread may still interfere, so that a failure is tried once more.
    """
    source = path.read_bytes()
    with _ONE_PARSER:
        try:
            return ast.parse(source, filename=str(path))
        except SystemError:
            return ast.parse(source, filename=str(path))
