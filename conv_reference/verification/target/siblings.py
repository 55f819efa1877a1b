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
from importlib.util import module_from_spec, spec_from_file_location
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
def begun(file: Path) -> Iterator[ModuleType]:
    """The module of a file, empty; within, it is executed.

    It finds what lies beside it, but not itself under its own name; and of a command line nothing,
    so that a script's parser has its defaults.
    """
    spec = spec_of(file)
    module = sys.modules[spec.name] = module_from_spec(spec)
    _finder(file.resolve().parent).targets.add(file.stem)
    _find_last()
    arguments, sys.argv = sys.argv, [str(file)]
    try:
        yield module
    finally:
        sys.argv = arguments


def spec_of(file: Path) -> ModuleSpec:
    """Under a name of its own: it is not what others mean who import its stem."""
    spec = spec_from_file_location(f"_target_{file.stem}", file)
    assert spec is not None  # of a .py file there is one
    return spec


def _find_last() -> None:
    """Have the modules of the working directory found where nothing else has their name.

    A file deep in a project imports the project by the folder from which it is run.
    """
    finder = Siblings(str(Path.cwd()))
    if not any(isinstance(f, Siblings) and f.folder == finder.folder for f in sys.meta_path):
        sys.meta_path.append(finder)


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


def named_in_its_package(error: BaseException, file: Path) -> str:
    """What to name in place of a file whose imports begin at its package; of other errors nothing.

    >>> named_in_its_package(ImportError("attempted relative import"), Path("nn/conv.py"))
    '; accepted is its name in its package, nn.conv'
    """
    if not isinstance(error, ImportError) or "relative import" not in str(error):
        return ""
    parts = file.with_suffix("").parts
    is_seen_from_here = len(parts) > 1 and all(map(str.isidentifier, parts))
    name = ".".join(parts) if is_seen_from_here else f"package.{file.stem}, from beside that folder"
    return f"; accepted is its name in its package, {name}"
