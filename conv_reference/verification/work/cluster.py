"""A Dask cluster as an executor: its scheduler gives units to workers that live."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import closing, contextmanager
from typing import Any

_PATIENCE = 30  # seconds for a scheduler to answer
_RETRIES = 2  # of a unit
_ADDRESS = re.compile(r"\w+://.+|.+:\d+")


@contextmanager
def dask_executor(address: str) -> Iterator[Executor]:
    """The executor of the cluster whose scheduler listens there.

    A worker that dies costs nothing: the scheduler has another one do what it was at, and the
    results of those units alone count. A unit that takes three workers along is not judged.

    Args:
        address: of the scheduler, like tcp://10.0.0.1:8786.

    Raises:
        ValueError: when Dask is not installed, or no scheduler answers there.
    """
    if not _ADDRESS.fullmatch(address):  # of which Dask finds out, and then waits for a minute
        accepted = "accepted is a form like tcp://10.0.0.1:8786"
        raise ValueError(f"--dask: not a scheduler's address: {address!r}; {accepted}")
    try:
        distributed: Any = importlib.import_module("distributed")  # of an extra
    except ImportError as error:
        raise ValueError(
            "--dask needs Dask: pip install distributed, on each of its workers, too"
        ) from error
    try:
        client = distributed.Client(address, timeout=_PATIENCE, set_as_default=False)
    except (OSError, ValueError) as error:
        said = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ValueError(f"--dask: no scheduler answers at {address!r}: {said}") from error
    with closing(client):
        yield client.get_executor(pure=False, retries=_RETRIES)
