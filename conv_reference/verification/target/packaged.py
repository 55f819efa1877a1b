"""A file in a package, imported by its name there, so that what it imports relatively is found.

The folder of the package is one where modules are found last: it shadows nothing. Where another
package is found by its name, or its own ``__init__.py`` raises, the file is imported alone.
"""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, spec_from_file_location
from pathlib import Path

from conv_reference.verification.target.answers import message_of, type_name
from conv_reference.verification.target.siblings import find_last, no_arguments

_INIT = "__init__"


@dataclass(frozen=True)
class Packaged:
    """The module that a file becomes."""

    spec: ModuleSpec
    alone: str = ""  # why it has no name in its package, where the file lies in one

    @property
    def is_in_package(self) -> bool:
        """Whether its name is that in its package, which is imported."""
        return bool(self.spec.parent)


def is_in_package(file: Path) -> bool:
    """Whether it lies in a folder that is a package.

    >>> is_in_package(Path(__file__)), is_in_package(Path("/nowhere.py"))
    (True, False)
    """
    return (file.resolve().parent / f"{_INIT}.py").is_file()


def packaged(file: Path) -> Packaged:
    """A file's module by its name in its package, which is imported; else by one of its own.

    Args:
        file: of Python.
    """
    if not is_in_package(file):
        return on_its_own(file)
    folder, names = _place(file.resolve())
    why = _taken(folder, names[0])
    if why:
        return on_its_own(file, why)
    find_last(file.resolve().parent).targets.add(file.stem)
    find_last(Path.cwd())
    package = ".".join(names if file.stem == _INIT else names[:-1])
    try:
        with no_arguments(file):
            importlib.import_module(package)
        spec = find_spec(".".join(names))
    except (Exception, SystemExit) as error:
        said = f"its package {package} raises {type_name(error)}: {message_of(error)}"
        return on_its_own(file, said)
    return on_its_own(file) if spec is None else Packaged(spec)


def on_its_own(file: Path, alone: str = "") -> Packaged:
    """A file's module by a name of its own, so that it is not what others mean who import its stem.

    Args:
        file: of Python.
        alone: see ``Packaged``.
    """
    spec = spec_from_file_location(f"_target_{file.stem}", file)
    assert spec is not None  # of a .py file there is one
    return Packaged(spec, alone)


def _place(file: Path) -> tuple[Path, list[str]]:
    """The folder that holds the outermost package, and the file's name from there, in parts."""
    names, folder = [] if file.stem == _INIT else [file.stem], file.parent
    while (folder / f"{_INIT}.py").is_file():
        names.insert(0, folder.name)
        folder = folder.parent
    return folder, names


def _taken(folder: Path, name: str) -> str:
    """Why a package in a folder cannot be had by its name; empty where it can."""
    if not name.isidentifier():
        return f"its package's name, {name}, is none that can be imported"
    if name in sys.stdlib_module_names:
        return f"its package has the name of Python's own {name}"
    find_last(folder)
    try:
        found = find_spec(name)
    except (ImportError, ValueError):
        found = None
    places = [] if found is None else [*(found.submodule_search_locations or ())]
    if str(folder / name) in [str(Path(place).resolve()) for place in places]:
        return ""
    return f"another package is found by the name of its own, {name}"


def hint(error: BaseException, file: Path, alone: str) -> str:
    """What is to be done where a file's imports begin at its package; of other errors nothing.

    >>> hint(ImportError("attempted relative import"), Path("nn/conv.py"), "")
    '; accepted is its name in its package, nn.conv'

    Args:
        error: that the file raised.
        file: that was imported alone.
        alone: why it was, see ``Packaged``.
    """
    if not isinstance(error, ImportError) or "relative import" not in str(error):
        return ""
    if alone:
        return f"; {alone}"
    parts = file.with_suffix("").parts
    is_seen_from_here = len(parts) > 1 and all(map(str.isidentifier, parts))
    name = ".".join(parts) if is_seen_from_here else f"package.{file.stem}, from beside that folder"
    return f"; accepted is its name in its package, {name}"
