"""Each fault in a process of its own: some keep a state, and none may see another's."""

from __future__ import annotations

import faulthandler
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from functools import partial
from multiprocessing.process import BaseProcess
from typing import TypeVar

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")

# glibc fills fresh memory with it, so that results which were never written show.
_PERTURBED = ("MALLOC_PERTURB_", "85")
LONGEST = 600.0  # seconds for one answer; the slowest takes a tenth of it on a busy machine
_LOST = "its process ended without an answer, or had none after {:.0f} s"


def each_apart(
    question: Callable[[Asked], Answer],
    items: Sequence[Asked],
    workers: int,
    lost: Callable[[Asked, str], Answer],
    *,
    needed: Sequence[str] = (f"{__package__}.measured",),
    longest: float = LONGEST,
) -> Iterator[Answer]:
    """The answers as they come, each of a process that ends with it.

    A process that ends before its answer takes those beside it along. They are run again, and
    those among which it was each alone: what ends its process even so is lost, and nothing else.

    Args:
        question: a function at the top level of a module, as its items are.
        items: what the function is called with, one by one.
        workers: how many processes at a time.
        lost: the answer in place of the one whose process ended, of the item and the reason.
        needed: modules that are imported once for all of them, where processes can be forked.
        longest: seconds for one answer; a process that takes longer ends with a traceback.
    """
    waiting, question = dict(enumerate(items)), partial(_within, longest, question)
    with _perturbed():
        while waiting:
            for place, answer in _answers(question, dict(waiting), workers, needed):
                del waiting[place]
                yield answer
            for place in list(waiting)[:workers]:  # they start in their order
                item = waiting.pop(place)
                alone = dict(_answers(question, {place: item}, 1, needed))
                yield alone[place] if alone else lost(item, _LOST.format(longest))


def _answers(
    question: Callable[[Asked], Answer],
    items: Mapping[int, Asked],
    workers: int,
    needed: Sequence[str],
) -> Iterator[tuple[int, Answer]]:
    """Of each item the answer, under its place; up to the first process that ends without one."""
    with _pool(workers, needed) as pool:
        places: dict[Future[Answer], int] = {}
        with suppress(BrokenProcessPool):  # of the first items, while later ones are handed over
            for place, item in items.items():
                places[pool.submit(question, item)] = place
        for done in as_completed(places):
            with suppress(BrokenProcessPool):
                yield places[done], done.result()


def _within(longest: float, question: Callable[[Asked], Answer], item: Asked) -> Answer:
    """The answer, in a process that shows where it is and ends where it takes longer."""
    faulthandler.dump_traceback_later(longest, exit=True)
    try:
        return question(item)
    finally:
        faulthandler.cancel_dump_traceback_later()


def _pool(workers: int, needed: Sequence[str]) -> ProcessPoolExecutor:
    forking = "forkserver" in multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("forkserver" if forking else "spawn")
    if forking:
        context.set_forkserver_preload([*needed])
    return ProcessPoolExecutor(
        workers, mp_context=context, initializer=_ends_with_us, max_tasks_per_child=1
    )


def _ends_with_us() -> None:
    """Have a worker end with the command, killed or not; the system would see its parent alone.

    That is the process that forks, which the worker itself keeps alive.
    """
    command = multiprocessing.parent_process()
    if command is not None:
        threading.Thread(target=_wait_and_end, args=(command,), daemon=True).start()


def _wait_and_end(command: BaseProcess) -> None:
    command.join()
    os._exit(1)


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
