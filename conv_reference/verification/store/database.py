"""The file of a store: results of the run at hand as they come, and what all runs have judged."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SCHEMA = 1
_TABLES = """
CREATE TABLE IF NOT EXISTS store (schema INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS run (
    id INTEGER PRIMARY KEY, version TEXT NOT NULL, request TEXT NOT NULL, seed INTEGER NOT NULL,
    ended INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS result (
    run INTEGER NOT NULL, item TEXT NOT NULL, answer BLOB NOT NULL, PRIMARY KEY (run, item)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS judged (
    version TEXT NOT NULL, item TEXT NOT NULL, geometry TEXT NOT NULL, dtype TEXT NOT NULL,
    cell TEXT NOT NULL, failed INTEGER NOT NULL, PRIMARY KEY (version, item)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS covered (
    version TEXT NOT NULL, levels TEXT NOT NULL, PRIMARY KEY (version, levels)
) WITHOUT ROWID;
"""
_EVERY = 0.5  # seconds between two writes of results
_MOST = 500  # results that wait for one


class Database:
    """An SQLite file; what was written stays, whatever happens to the process.

    Raises:
        ValueError: when the file is no store, or one of a newer version.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._connection = sqlite3.connect(path, isolation_level=None)
            # A write that was begun is undone by the next process that opens the file.
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=NORMAL")
            self._connection.executescript(_TABLES)
            found = self._connection.execute("SELECT schema FROM store").fetchone()
        except sqlite3.DatabaseError as error:
            raise ValueError(f"{str(path)!r} is no store: {error}") from error
        if found is None:
            self._connection.execute("INSERT INTO store VALUES (?)", (SCHEMA,))
        elif found[0] != SCHEMA:
            raise ValueError(f"{str(path)!r} is a store of schema {found[0]}; accepted is {SCHEMA}")
        self._waiting: list[tuple[int, str, bytes]] = []
        self._written = time.monotonic()

    def unfinished(self, version: str, request: str) -> tuple[int, int] | None:
        """The run of this request that has not ended, and its seed."""
        asked = "SELECT id, seed FROM run WHERE version = ? AND request = ? AND NOT ended"
        found = self._connection.execute(asked, (version, request)).fetchone()
        return None if found is None else (int(found[0]), int(found[1]))

    def begin(self, version: str, request: str, seed: int) -> int:
        """A new run's number.

        Args:
            version: of target, libraries and machine, in one text.
            request: what was requested, as JSON.
            seed: of its cases.
        """
        made = self._connection.execute(
            "INSERT INTO run (version, request, seed) VALUES (?, ?, ?)", (version, request, seed)
        )
        assert made.lastrowid is not None
        return made.lastrowid

    def answers(self, run: int) -> Iterator[tuple[str, bytes]]:
        """What a run has, by the texts of its items."""
        yield from self._connection.execute("SELECT item, answer FROM result WHERE run = ?", (run,))

    def add(self, run: int, item: str, answer: bytes) -> None:
        """One result; it is written with others, half a second after the last write at most.

        Args:
            run: its number.
            item: the text of the case.
            answer: what came of it, encoded.
        """
        self._waiting.append((run, item, answer))
        if len(self._waiting) >= _MOST or time.monotonic() - self._written > _EVERY:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        with self._transaction():
            self._connection.executemany(
                "INSERT OR REPLACE INTO result VALUES (?, ?, ?)", self._waiting
            )
        self._waiting.clear()
        self._written = time.monotonic()

    def end(
        self,
        run: int,
        version: str,
        judged: Iterable[tuple[str, str, str, str, bool]],
        rows: Iterable[Any],
    ) -> None:
        """The run has come to its end: what it judged is kept, its answers are not.

        Args:
            run: its number.
            version: of the target.
            judged: text, geometry, dtype and cell of each case, and whether it failed.
            rows: of its covering array, as far as they were judged.
        """
        with self._transaction():
            self._connection.executemany(
                "INSERT OR REPLACE INTO judged VALUES (?, ?, ?, ?, ?, ?)",
                ((version, *each) for each in judged),
            )
            self._connection.executemany(
                "INSERT OR IGNORE INTO covered VALUES (?, ?)",
                ((version, json.dumps(row, sort_keys=True)) for row in rows),
            )
            self._connection.execute("DELETE FROM result WHERE run = ?", (run,))
            self._connection.execute("UPDATE run SET ended = 1 WHERE id = ?", (run,))

    def rows(self, query: str, *values: Any) -> list[Sequence[Any]]:
        """What a query finds."""
        return self._connection.execute(query, values).fetchall()

    def close(self) -> None:
        """Write what waits, and let go of the file."""
        if self._waiting:
            self.flush()
        self._connection.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """All of it, or nothing."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")
