"""The other side of ``processes`` and ``isolation``: the server that forks, and the child.

The child imports the target, and does the pieces of work that it is sent. Its answers go through
a socket, so that a target may print what it likes.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import os
import random
import signal
import socket
import sys
import time
import traceback
from dataclasses import replace
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

from conv_reference.verification.model.errors import TargetError
from conv_reference.verification.work.messages import (
    Described,
    Place,
    Start,
    Target,
    Unreached,
    Work,
    attempt,
)
from conv_reference.verification.work.processes import ANSWER, FORK, MESSAGE, RUNNING

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
FLUSH = 0.2  # seconds between two messages with results
_DESCRIBES = "conv_reference.verification.target.loading"  # what it takes to describe a target
# What the work needs, imported before the first piece of it.
_NEEDED = (
    "analytic",  # by the first explanation
    "conv_reference.verification.checks._execution",
    "conv_reference.verification.diagnosis.explain",
    "conv_reference.verification.target.loading",
    "torch.fx.experimental.symbolic_shapes",  # by the first backward pass
)
_FULL_RUN = "torch._dynamo"  # by the first ``torch.func.vjp``; it takes a second


def serve(control: int) -> None:
    """Fork children, and tell what became of them, until the parent closes the socket.

    The first has no more than it takes to describe the target, and so comes early; the others
    find the rest imported. No function of torch is called here: its threads would be missing in
    the forks.
    """
    importlib.import_module(_DESCRIBES)
    has_forked = False
    statuses: dict[int, int] = {}
    with socket.socket(fileno=control) as parent:
        while True:
            message, fds, _, _ = socket.recv_fds(parent, MESSAGE.size, 3)
            if not message:
                return
            asked, number = MESSAGE.unpack(message)
            if asked == FORK:
                answer = os.fork()
                if answer == 0:
                    parent.detach()
                    os.close(control)
                    _work_in_fork(*fds)
                statuses.pop(answer, None)
                for fd in fds:
                    os.close(fd)
            else:
                _reap(statuses)
                answer = statuses.get(number, RUNNING)
            parent.sendall(ANSWER.pack(answer))
            if not has_forked:
                has_forked = True
                _prepare()
                importlib.import_module(_FULL_RUN)


def _reap(statuses: dict[int, int]) -> None:
    """Note the statuses of those that have ended, as ``subprocess`` has them."""
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            statuses[ended[0]] = os.waitstatus_to_exitcode(ended[1])


def _work_in_fork(connection: int, shared: int, errors: int) -> None:
    """What a fork does with the rest of its life."""
    try:
        os.setsid()
        _end_with_parent()
        os.dup2(errors, 2)
        _draw_anew()
        main(connection, shared)
    except BaseException as error:  # nothing of the server's own may run on in the fork
        traceback.print_exc()
        sys.stderr.flush()
        if isinstance(error, KeyboardInterrupt):  # as any Python ends of it
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGINT)
        os._exit(1)
    os._exit(0)  # a target's threads and exit handlers must not keep it


def _end_with_parent() -> None:
    """Who is killed cannot end what hangs: the system does. Only Linux forks, see ``processes``."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _draw_anew() -> None:
    """Forks must not all draw the same; ``random`` sees to it by itself."""
    if "numpy.random" in sys.modules:
        sys.modules["numpy.random"].seed(random.getrandbits(32))


def _prepare() -> None:
    for name in _NEEDED:
        importlib.import_module(name)


def main(connection_fd: int, shared: int) -> None:
    """Serve until the parent closes the socket."""
    connection = Connection(connection_fd)
    place = Place(shared)
    start: Start = connection.recv()
    sys.path[:] = [*start.path, *(p for p in sys.path if p not in start.path)]
    # Torch, and all that comes with it, only when the path is set.
    from conv_reference.verification.target.loading import load_target  # noqa: PLC0415 (see above)

    try:
        target = load_target(start.target)
    except TargetError as error:
        connection.send(error)
        return
    connection.send(Described(target.described()))
    if start.only_describe:
        return
    _prepare()  # while the parent plans; most often it was forked with them
    if start.full_run:
        importlib.import_module(_FULL_RUN)
    while True:
        try:
            work: Work = connection.recv()
        except EOFError:
            return
        _carry_out(connection, place, target, work)


def _carry_out(connection: Connection, place: Place, target: Target, work: Work) -> None:
    """Do the work; tell in the shared file where it is, now and then send results."""
    buffer: list[Any] = []
    last = time.monotonic()
    for number, item in enumerate(work.items):
        if work.deadline is not None and time.monotonic() > work.deadline:
            buffer += [Unreached()] * (len(work.items) - number)
            break
        place.begin(number)
        watched = replace(target, about_to=partial(_tell, place, item))
        buffer.append(attempt(work.function, watched, item, work.argument))
        if time.monotonic() - last > FLUSH:
            connection.send(buffer)
            buffer, last = [], time.monotonic()
    if buffer:
        connection.send(buffer)


def _tell(place: Place, item: Any, asked: Any) -> None:
    """What the target is asked for, where that is not the item itself; most often it is."""
    if asked is not item:
        place.ask("" if asked == item else str(asked))


if __name__ == "__main__":
    descriptors = tuple(map(int, sys.argv[1:]))
    if len(descriptors) == 1:
        serve(*descriptors)
    else:
        main(*descriptors)
    os._exit(0)  # a target's threads and exit handlers must not keep it
