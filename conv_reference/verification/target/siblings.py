"""Modules beside a target, found first as where Python runs a file, and yet shadowing nothing.

Were the folder on ``sys.path``, a target called ``html.py`` would be imported wherever ``html`` is
meant, and a ``random.py`` beside it would run in place of Python's own.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import module_from_spec
from pathlib import Path
from types import ModuleType


class Siblings(MetaPathFinder):
    """Finds what lies in a folder, but for Python's own modules and for the target itself."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.targets: set[str] = set()

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,  # noqa: ARG002 (the protocol's)
    ) -> ModuleSpec | None:
        """See ``importlib.abc.MetaPathFinder``."""
        if path is not None or fullname in self.targets | sys.stdlib_module_names:
            return None
        spec = PathFinder.find_spec(fullname, [self.folder])
        if spec is not None and spec.loader is None and PathFinder.find_spec(fullname) is not None:
            return None  # a folder without code is a package only where there is no other
        return spec


@contextmanager
def begun(file: Path, spec: ModuleSpec) -> Iterator[ModuleType]:
    """The module of a file, empty; within, it is executed.

    It finds what lies beside it, but not itself under its own name.

    Args:
        file: that is executed.
        spec: of its module, by whose name others find it.
    """
    module = sys.modules[spec.name] = module_from_spec(spec)
    if not module.__package__:
        _finder(file.resolve().parent).targets.add(file.stem)
    find_last(Path.cwd())
    with no_arguments(file):
        yield module


@contextmanager
def no_arguments(file: Path) -> Iterator[None]:
    """Within, a script's parser finds nothing of a command line, and so has its defaults."""
    arguments, sys.argv = sys.argv, [str(file)]
    try:
        yield
    finally:
        sys.argv = arguments


def find_last(folder: Path) -> Siblings:
    """Have the modules of a folder found where nothing else has their name.

    A file deep in a project imports the project by the folder from which it is run.
    """
    there = (f for f in sys.meta_path if isinstance(f, Siblings) and f.folder == str(folder))
    found = next(there, None)
    if found is None:
        found = Siblings(str(folder))
        sys.meta_path.append(found)
    return found


def find_here(name: str) -> None:
    """Have the modules of the working directory found, where it holds one of this name."""
    here = Path.cwd()
    if name not in sys.stdlib_module_names and PathFinder.find_spec(name, [str(here)]) is not None:
        _finder(here)


def _finder(folder: Path) -> Siblings:
    for finder in sys.meta_path:
        if isinstance(finder, Siblings) and finder.folder == str(folder):
            return finder
    made = Siblings(str(folder))
    sys.meta_path.insert(0, made)
    return made
