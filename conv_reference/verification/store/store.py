"""A store as a run meets it: what was judged before, what has come so far, and how it ends."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from conv_reference.verification.checks import certifying
from conv_reference.verification.model.case import Case, dtype_name
from conv_reference.verification.model.judgement import Crash
from conv_reference.verification.model.result import FAILURES
from conv_reference.verification.plan.ever import Ever, cell_of
from conv_reference.verification.plan.factors import Levels
from conv_reference.verification.store.database import Database
from conv_reference.verification.work import wire
from conv_reference.verification.work.messages import Broken


@dataclass
class Kept:
    """One run in a store."""

    database: Database
    run: int
    version: str
    seed: int
    ever: Ever  # what was judged before it began
    there: Mapping[str, bytes] = field(default_factory=dict)  # what an interrupted run has left

    def answers(self, items: Sequence[Any]) -> dict[int, Any]:
        """What is there already, by the numbers of the items: cases, or parts of a sweep."""
        if not self.there:
            return {}
        payloads = ((number, self.there.get(str(item))) for number, item in enumerate(items))
        return {number: wire.decoded(found) for number, found in payloads if found is not None}

    def add(self, item: Any, answer: Any) -> None:
        """A result as it comes; on what the engine itself failed is tried again another time."""
        if not isinstance(answer, Broken):
            self.database.add(self.run, str(item), wire.encoded(answer))

    def end(self, results: Iterable[tuple[Case, Any]], rows: Iterable[Levels]) -> None:
        """The run has come to its end.

        Args:
            results: of its cases.
            rows: of its covering array, whose cases were judged.
        """
        self.database.flush()
        certificate = certifying().name
        judged = (
            (
                str(case),
                str(case.geometry) if case.check == certificate else "",
                dtype_name(case.dtype),
                cell_of(case),
                _failed(answer),
            )
            for case, answer in results
        )
        self.database.end(self.run, self.version, judged, rows)


def _failed(answer: Any) -> bool:
    return isinstance(answer, Crash) or any(j.verdict in FAILURES for j in answer)


@contextmanager
def opened(
    path: Path, version: str, request: Mapping[str, Any], seed: int | None
) -> Iterator[Kept]:
    """The run of a request in a store: one that was interrupted, or a new one.

    Args:
        path: the file; it is made where there is none.
        version: of the target, see ``version_of``.
        request: all that the plan follows from, but the seed: as JSON can hold it.
        seed: that is asked for; None where the store is to draw it.

    Raises:
        ValueError: when the file is no store, or another run writes to it.
    """
    lock = FileLock(f"{path}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise ValueError(f"another run writes to the store {str(path)!r}") from error
    try:
        with closing(Database(path)) as database:
            asked = json.dumps({**request, "seed": seed}, sort_keys=True)
            there = database.unfinished(version, asked)
            if there is None:
                drawn = secrets.randbits(32) if seed is None else seed
                there = database.begin(version, asked, drawn), drawn
            run, drawn = there
            left = dict(database.answers(run))
            yield Kept(database, run, version, drawn, _ever(database, version), left)
    finally:
        lock.release()


def _ever(database: Database, version: str) -> Ever:
    """What has been judged of this version in runs that have come to their end."""

    def found(what: str, more: str = "") -> list[Sequence[Any]]:
        return database.rows(f"SELECT {what} FROM judged WHERE version = ? {more}", version)

    runs = database.rows("SELECT count(*) FROM run WHERE version = ? AND ended", version)
    rows = database.rows("SELECT levels FROM covered WHERE version = ?", version)
    certified = found("DISTINCT geometry, dtype", "AND geometry <> ''")
    return Ever(
        cases=found("count(*)")[0][0],
        runs=runs[0][0],
        certified=frozenset((geometry, dtype) for geometry, dtype in certified),
        cells={str(cell): int(number) for cell, number in found("cell, count(*)", "GROUP BY cell")},
        rows=[json.loads(levels) for (levels,) in rows],
        failing=tuple(item for (item,) in found("item", "AND failed ORDER BY item")),
    )
