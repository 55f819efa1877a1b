"""What ``conv-reference try`` has a child do: load a file, and put one tiny case to what is in it.

Torch is imported in the functions, for the command itself does without. Each says where it is, and
how long that may take.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from conv_reference.verification.model.errors import TargetError
from conv_reference.verification.work.messages import NoTarget

if TYPE_CHECKING:
    from types import ModuleType

    from conv_reference.verification.target.piecewise import LeftOut, Statement

_IMPORT, _DEFINITION, _CALL = 20.0, 5.0, 2.0  # seconds for a statement, by what it does
_CANDIDATE = 10.0  # seconds to find out how one is called, and to judge it
_WRITTEN = re.compile(r"(?P<seconds>\d+) s: (?P<what>.*)")
_LINE = re.compile(r"line (?P<line>\d+)")


@dataclass(frozen=True)
class At:
    """Where the child is, and the seconds that this may take.

    >>> At.read(str(At("line 3", 2.0)))
    At(what='line 3', seconds=2.0)
    """

    what: str
    seconds: float

    def __str__(self) -> str:
        return f"{self.seconds:g} s: {self.what}"

    @property
    def line(self) -> int | None:
        """Of the file, where it is at a statement."""
        found = _LINE.fullmatch(self.what)
        return None if found is None else int(found["line"])

    @property
    def shown(self) -> str:
        """The same for a person.

        >>> At("line 0", 2.0).shown
        'its package'
        """
        return self.what if self.line is None else placed(self.line)

    @classmethod
    def read(cls, text: str) -> At:
        """From how it is written; a stranger's file may have written something else there."""
        found = _WRITTEN.fullmatch(text)
        if found is None:
            return cls("", _IMPORT)
        return cls(found["what"], min(float(found["seconds"]), _IMPORT))


def placed(line: int) -> str:
    """A statement by its line; its package, which is imported before them, has none: it is 0."""
    return f"line {line}" if line else "its package"


@dataclass(frozen=True)
class Asked:
    """Which file, and which of its statements are not to be executed again."""

    file: str  # or package.module
    without: frozenset[int] = frozenset()  # their lines; 0 is its package


# Names and kinds; by its line what raised, and whether it is an import of what is not there.
Listed = tuple[list[tuple[str, str]], list[tuple[int, str, bool]]]
_loaded: dict[Asked, tuple[ModuleType, Sequence[LeftOut]]] = {}


def listed(own: NoTarget, _: None, asked: Asked) -> Listed | str:
    """What in the file could be a convolution, and which lines raise; or why it is not loaded."""
    from conv_reference.verification.target.candidates import candidates

    try:
        module, left_out = _module(own, asked)
    except TargetError as error:
        return str(error)
    found = [(name, kind) for name, kind, _ in candidates(module)]
    return found, [(one.line, one.said, one.lacks_module) for one in left_out]


def tried(own: NoTarget, name: str, asked: Asked) -> tuple[str, list[str]]:
    """The verdict on one of them in a word, and what is printed below its name."""
    from conv_reference.verification.commands.tiny_case import reported
    from conv_reference.verification.target.candidates import candidates
    from conv_reference.verification.target.uncompiled import beneath

    module, _ = _module(own, asked)
    value = next(value for found, _, value in candidates(module) if found == name)
    written = beneath(value)
    own.about_to(At(name, _CANDIDATE))
    verdict, lines = reported(f"{asked.file}:{name}", written)
    if written is value:
        return verdict, lines
    command = f"conv-reference verify {asked.file}:{name}"
    return verdict, [*lines, f"  without torch's compiler, for the time; as compiled: {command}"]


def _module(own: NoTarget, asked: Asked) -> tuple[ModuleType, Sequence[LeftOut]]:
    """The module, and what of it raised; of a package's nothing is left out."""
    from conv_reference.verification.target.uncompiled import without_compiler

    if asked not in _loaded:
        _loaded[asked] = _load(own, asked)
        without_compiler()  # what a function calls may be compiled, too
    return _loaded[asked]


def _load(own: NoTarget, asked: Asked) -> tuple[ModuleType, Sequence[LeftOut]]:
    from conv_reference.verification.target.loading import load_module
    from conv_reference.verification.target.piecewise import executed

    def begins(statement: Statement) -> None:
        usual = _DEFINITION if statement.defines else _CALL
        own.about_to(At(f"line {statement.line}", _IMPORT if statement.imports else usual))

    if asked.file.endswith(".py") and Path(asked.file).is_file():
        try:
            return executed(Path(asked.file), begins, asked.without)
        except (SyntaxError, ValueError):  # it is no Python: refused as any import is
            pass
    own.about_to(At("its import", _IMPORT))
    return load_module(asked.file), ()
