"""What failed before is tried first: failing cases, remembered in hypothesis' example database."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from hypothesis.database import DirectoryBasedExampleDatabase

from conv_reference.verification.case import Case
from conv_reference.verification.target import Target


class Memory:
    """The failing cases of one target, in a folder; without a folder, none."""

    def __init__(self, folder: Path | None, target: Target) -> None:
        self._database = None if folder is None else DirectoryBasedExampleDatabase(folder)
        self._key = f"conv-reference {target.name}".encode()
        self._target = target

    def recall(self) -> list[Case]:
        """The remembered cases that the target can still be asked for, in a fixed order."""
        if self._database is None:
            return []
        found = []
        for text in sorted(self._database.fetch(self._key)):
            try:
                case = Case.parse(text.decode())
            except ValueError:  # of another version
                continue
            if self._target.restrict(case) == case:
                found.append(case)
        return found

    def update(self, failing: Iterable[str], tried: Iterable[Case]) -> None:
        """Remember what fails, and forget what was tried and no longer does.

        Args:
            failing: cases in their text form.
            tried: those that were recalled.
        """
        if self._database is None:
            return
        now = set(failing)
        for text in now:
            self._database.save(self._key, text.encode())
        for case in tried:
            if str(case) not in now:
                self._database.delete(self._key, str(case).encode())
