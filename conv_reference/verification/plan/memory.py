"""What failed before is tried first: failing cases, remembered in hypothesis' example database.

It is imported only where there is something to recall or to remember: with the folder, before
the target is known, for which a run waits.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from conv_reference.verification.model.case import Case
from conv_reference.verification.model.notes import Note, NoteKind
from conv_reference.verification.plan.possible import is_possible
from conv_reference.verification.target.target import Target

if TYPE_CHECKING:
    from hypothesis.database import DirectoryBasedExampleDatabase


class Memory:
    """The failing cases of targets, in a folder; without a folder, none."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        if folder is not None and folder.is_dir():
            _ = self._database

    def recall(self, target: Target) -> list[Case]:
        """The remembered cases that the target can still be asked for, in a fixed order."""
        if self._folder is None or not self._folder.is_dir():
            return []
        found = []
        for text in sorted(self._database.fetch(_key(target))):
            try:
                case = Case.parse(text.decode())
            except ValueError:  # of another version
                continue
            if is_possible(target, case):
                found.append(case)
        return found

    def update(self, target: Target, failing: Iterable[str], tried: Iterable[Case]) -> Note | None:
        """Remember what fails, and forget what was tried and no longer does.

        Args:
            target: whose cases they are.
            failing: cases in their text form.
            tried: those that were recalled.

        Returns:
            The message where the folder cannot be written; else nothing.
        """
        now = set(failing)
        if self._folder is None or not (now or self._folder.is_dir()):
            return None
        try:
            self._write(target, now, tried)
        except OSError as error:
            return _lost(self._folder, str(error.strerror or error))
        if now - {text.decode() for text in self._database.fetch(_key(target))}:
            return _lost(self._folder, "it holds nothing of what was written")
        return None

    def _write(self, target: Target, now: Set[str], tried: Iterable[Case]) -> None:
        for text in now:
            self._database.save(_key(target), text.encode())
        for case in tried:
            if str(case) not in now:
                self._database.delete(_key(target), str(case).encode())

    @cached_property
    def _database(self) -> DirectoryBasedExampleDatabase:
        from hypothesis.database import DirectoryBasedExampleDatabase

        assert self._folder is not None
        return DirectoryBasedExampleDatabase(self._folder)


def _lost(folder: Path, reason: str) -> Note:
    said = f"failing cases are not remembered: {str(folder)!r} cannot be written: {reason}"
    return Note(NoteKind.NOT_REMEMBERED, said)


def _key(target: Target) -> bytes:
    return f"conv-reference {target.name}".encode()
