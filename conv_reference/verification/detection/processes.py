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
    question: Callable[[Asked], Answer],
    items: Sequence[Asked],
    workers: int,
    *,
    needed: Sequence[str] = (f"{__package__}.measured",),
) -> Iterator[Answer]:
    """The answers as they come, each of a process that ends with it.

    Args:
        question: of a module's top level, as what it is asked.
        items: what it is asked, one by one.
        workers: how many processes at a time.
        needed: modules that are imported once for all of them, where processes can be forked.
    """
    with _perturbed(), _pool(workers, needed) as pool:
        for done in as_completed([pool.submit(question, item) for item in items]):
            yield done.result()


def _pool(workers: int, needed: Sequence[str]) -> ProcessPoolExecutor:
    forking = "forkserver" in multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("forkserver" if forking else "spawn")
    if forking:
        context.set_forkserver_preload([*needed])
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
