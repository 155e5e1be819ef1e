"""Copies of the trainer's source in a temporary folder: of a revision, and of the working tree as it is now."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

from flows.errors import UsageError

_PACKAGE = Path("trainer") / "__main__.py"


@dataclass(frozen=True, kw_only=True)
class Tree:
    """A copy of a repository's files."""

    path: Path
    name: str
    """For people: `main (3f2a91c)`, `the working tree`."""


@dataclass(frozen=True)
class Repository:
    """A git repository; nothing in it is ever changed."""

    root: Path

    @classmethod
    def around(cls, folder: Path) -> Repository:
        """Return the repository that a folder belongs to.

        Raises:
            UsageError: There is none, or no git.
        """
        try:
            root = _git(folder, "rev-parse", "--show-toplevel").decode().strip()
        except subprocess.CalledProcessError as error:
            raise UsageError(
                f"{folder} is in no git repository ({_said(error)}); run regress inside the checkout with the change."
            ) from None
        return cls(Path(root))

    def revision(self, name: str, into: Path) -> Tree:
        """Copy the files of a revision.

        Raises:
            UsageError: There is no such revision, or it holds no trainer.
        """
        try:
            commit = (
                _git(
                    self.root,
                    "rev-parse",
                    "--verify",
                    "--quiet",
                    "--end-of-options",
                    f"{name}^{{commit}}",
                )
                .decode()
                .strip()
            )
        except subprocess.CalledProcessError:
            raise UsageError(
                f"--base {name}: {self.root} has no such revision. In CI, fetch it first: git fetch origin {name}."
            ) from None
        packed = _git(self.root, "archive", "--format=tar", commit)
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            archive.extractall(into, filter="data")
        short = commit[:7]
        label = short if commit.startswith(name) else f"{name} ({short})"
        return _with_trainer(Tree(path=into, name=label))

    def working_tree(self, into: Path) -> Tree:
        """Copy the files as they are now, new ones too, without those that git ignores.

        Raises:
            UsageError: They hold no trainer.
        """
        listed = _git(self.root, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
        for name in filter(None, listed.split(b"\0")):
            source = self.root / os.fsdecode(name)
            if not source.is_file():  # deleted, a submodule, or a link to a folder
                continue
            target = into / os.fsdecode(name)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
        return _with_trainer(Tree(path=into, name="the working tree"))


def _with_trainer(tree: Tree) -> Tree:
    if not (tree.path / _PACKAGE).is_file():
        raise UsageError(
            f"{tree.name} holds no {_PACKAGE}: regress compares revisions of gonogo's trainer; run it inside a "
            "checkout of gonogo."
        )
    return tree


def _git(folder: Path, *arguments: str) -> bytes:
    try:
        return subprocess.run(
            ["git", "-C", str(folder), *arguments],
            check=True,
            stdin=subprocess.DEVNULL,
            capture_output=True,
        ).stdout
    except FileNotFoundError:
        raise UsageError("regress needs git, which is not installed.") from None


def _said(error: subprocess.CalledProcessError) -> str:
    return error.stderr.decode(errors="replace").strip().splitlines()[-1] if error.stderr else "git"
