"""Each fault in a process of its own: some keep a state, and none may see another's."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from typing import TypeVar

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")

# glibc fills fresh memory with it, so that results which were never written show.
_PERTURBED = ("MALLOC_PERTURB_", "85")


def each_apart(
    question: Callable[[Asked], Answer], items: Sequence[Asked], workers: int
) -> Iterator[Answer]:
    """The answers as they come, each of a process that ends with it."""
    with _perturbed(), _pool(workers) as pool:
        for done in as_completed([pool.submit(question, item) for item in items]):
            yield done.result()


def _pool(workers: int) -> ProcessPoolExecutor:
    forking = "forkserver" in multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("forkserver" if forking else "spawn")
    if forking:
        context.set_forkserver_preload([f"{__package__}.measured"])
    return ProcessPoolExecutor(workers, mp_context=context, max_tasks_per_child=1)


@contextmanager
def _perturbed() -> Iterator[None]:
    """What processes that are started meanwhile find in their environment."""
    name, value = _PERTURBED
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
