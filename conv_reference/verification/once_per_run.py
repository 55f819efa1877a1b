"""One run for all workers of pytest-xdist: the first that needs it makes it, the others wait."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

from conv_reference.verification.model.result import Report


def shared_report(config: pytest.Config, name: str, make: Callable[[], Report]) -> Report:
    """The report of this name, made by one worker; without workers simply made.

    Args:
        config: of the pytest run.
        name: of the report, the same in every worker.
        make: makes it.
    """
    if not hasattr(config, "workerinput"):
        return make()
    # pytest-xdist's own recipe: the folder above the worker's belongs to all workers of a run.
    factory = config._tmp_path_factory  # type: ignore[attr-defined]  # noqa: SLF001 (as said above)
    folder: Path = factory.getbasetemp().parent
    return once(folder / f"conv-{name.replace(':', '')}.pickle", make)


def once(path: Path, make: Callable[[], Report]) -> Report:
    """What ``make`` makes, made by one of all processes that name the same path.

    Where the one fails, or dies, the next tries: the system takes its lock from a process that
    has ended.
    """
    with FileLock(path.with_suffix(".lock")):
        if path.exists():
            return _read(path)
        report = make()
        unfinished = path.with_suffix(".unfinished")
        unfinished.write_bytes(pickle.dumps(report))
        unfinished.replace(path)
        return report


def _read(path: Path) -> Report:
    report = pickle.loads(path.read_bytes())
    assert isinstance(report, Report)
    return report
