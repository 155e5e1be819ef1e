"""A PYTHONPATH whose folders have the names of our packages and end the process when they are imported."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("flows", "trainer", "gates", "reports", "config", "carla_double", "gonogo_something")


def hostile_path(folder: Path) -> str:
    """Make such folders, and a harmless module `egg`, below `folder`; return the PYTHONPATH."""
    for name in NAMES:
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text('raise SystemExit("user\'s")\n')
    (folder / "egg.py").write_text("FRESH = True\n")
    # The tests also run where the product is not installed; behind the user's folder it is found there.
    return os.pathsep.join((str(folder), str(ROOT)))


def command(folder: Path) -> list[str]:
    """Return how the console script starts: a file outside our packages, which imports the entry point."""
    script = folder / "bin" / "gonogo"
    script.parent.mkdir(exist_ok=True)
    script.write_text(
        "import sys\nfrom gonogo.__main__ import main\n"
        "if __name__ == '__main__':\n    sys.exit(main())\n"
    )
    return [sys.executable, str(script)]


def gonogo(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command below `folder` with a hostile PYTHONPATH."""
    path = folder / "users"
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}
    environment["PYTHONPATH"] = (
        os.pathsep.join((str(path), str(ROOT))) if path.exists() else hostile_path(path)
    )
    return subprocess.run(
        [*command(folder), *arguments],
        cwd=folder,
        env={**environment, "OMP_NUM_THREADS": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=220,
        check=False,
    )
