"""Puts the product's own packages in place, whatever PYTHONPATH and the working folder hold.

`flows`, `trainer` and `gates` are common names, and Python searches PYTHONPATH before installed packages. A package
that is loaded is not searched for again, and its modules are found inside it. So the packages are loaded from the
folder that holds this one, before anything imports them. `sys.path` stays as the caller made it.

Run as a program, this file starts a module as `python -m` does, with our packages in place:

    python .../gonogo/start.py trainer run --run DIR
"""

from __future__ import annotations

import os
import sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

HOME = Path(__file__).resolve().parents[1]
"""Folder that holds the product's packages."""
JUDGING = ("gates", "reports", "flows")
_ALONE = ("trainer", "carla_double")


def load_packages(*names: str) -> None:
    """Load packages of the product by name.

    Raises:
        ImportError: A package of that name was imported from another place.
    """
    for name in names:
        if name in sys.modules:
            _check_ours(name)
            continue
        spec = PathFinder.find_spec(name, [str(HOME)])
        if spec is None or spec.loader is None:
            raise ImportError(f"gonogo is incomplete: there is no package {HOME / name}")
        module = module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)


def load_file(path: str, name: str) -> ModuleType:
    """Load one module of the product, which imports no other one, under another name.

    Raises:
        ImportError: The file is missing.
    """
    spec = spec_from_file_location(name, HOME / path)
    if spec is None or spec.loader is None or not (HOME / path).is_file():
        raise ImportError(f"gonogo is incomplete: there is no {HOME / path}")
    module = module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _check_ours(name: str) -> None:
    places = [os.path.realpath(place) for place in getattr(sys.modules[name], "__path__", ())]
    if places[:1] != [str(HOME / name)]:
        raise ImportError(
            f"gonogo needs its own package {name!r}, but another one was imported before it "
            f"({', '.join(places) or 'a module'}); import gonogo first, or run the gonogo command"
        )


def _run(module: str) -> None:
    import runpy

    del sys.argv[1]
    alone = module.partition(".")[0] in _ALONE
    load_packages(*((module.partition(".")[0],) if alone else JUDGING))
    # With this file as the main one, multiprocessing's children load our packages as well.
    runpy.run_module(module, run_name="__main__", alter_sys=alone)


if __name__ in ("__main__", "__mp_main__") and sys.path[:1] == [str(Path(__file__).parent)]:
    del sys.path[0]  # `python FILE` puts its folder there
if __name__ == "__mp_main__":
    load_packages(*JUDGING)
if __name__ == "__main__":
    _run(sys.argv[1])
