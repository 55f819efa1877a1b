"""The process that forks: it imports torch, once, and hands its forks to ``worker``.

It adopts whatever its forks leave behind, so that nothing that a target started outlives the run.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import random
import signal
import socket
import sys
import traceback

from conv_reference.verification.work import descent, worker
from conv_reference.verification.work.importing import uncollected
from conv_reference.verification.work.processes import (
    ANSWER,
    EVERY_CHECK,
    FORK,
    MESSAGE,
    NOTHING,
    READY,
    RUNNING,
)

_DESCRIBES = "conv_reference.verification.target.loading"  # what it takes to describe a target


def serve(control: int) -> None:
    """Fork children, and report what became of them, until the parent closes the socket.

    The first has no more than it takes to describe the target, and so comes early; the others
    find the rest imported. No function of torch is called here: its threads would be missing in
    the forks.
    """
    _get_ready()
    statuses: dict[int, int] = {}
    running: set[int] = set()
    with socket.socket(fileno=control) as parent:
        while True:
            message, fds, _, _ = socket.recv_fds(parent, MESSAGE.size, 3)
            if not message:
                break
            asked, number = MESSAGE.unpack(message)
            if asked == READY:
                worker.prepare(full_run=True)
                continue
            if asked == FORK:
                answer = _forked(parent, fds)
                statuses.pop(answer, None)
                running.add(answer)
            else:
                _reap(statuses, running)
                answer = statuses.get(number, RUNNING)
            parent.sendall(ANSWER.pack(answer))
            if asked == FORK and number != NOTHING:
                worker.prepare(full_run=number == EVERY_CHECK)
    descent.end_descendants(os.getpid())


def _get_ready() -> None:
    """Adopt, hear of ends, and have torch."""
    descent.adopt()
    # Where whoever began the run ignores it, nobody would learn how a process ended.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with uncollected():
        importlib.import_module(_DESCRIBES)


def _forked(parent: socket.socket, fds: list[int]) -> int:
    """The number of a new process; the fork itself does not come back."""
    server = os.getpid()
    number = os.fork()
    if number == 0:
        os.close(parent.detach())
        _work_in_fork(server, *fds)
    for fd in fds:
        os.close(fd)
    return number


def _reap(statuses: dict[int, int], running: set[int]) -> None:
    """Note the statuses of those that have ended, and end what they have left behind."""
    ended = False
    with contextlib.suppress(ChildProcessError):
        while (found := os.waitpid(-1, os.WNOHANG))[0]:
            number = found[0]
            if number in running:
                ended = True
                running.discard(number)
                statuses[number] = os.waitstatus_to_exitcode(found[1])
    if ended:
        for orphan in set(descent.children(os.getpid())) - running:
            descent.end_descendants(orphan)
            descent.end(orphan)


def _work_in_fork(server: int, connection: int, shared: int, errors: int) -> None:
    """What a fork does with the rest of its life."""
    try:
        os.setsid()
        descent.end_with_parent(server)
        os.dup2(errors, 2)
        os.close(errors)
        _draw_anew()
        worker.main(connection, shared)
    except BaseException as error:  # nothing of the server's own may run on in the fork
        traceback.print_exc()
        sys.stderr.flush()
        if isinstance(error, KeyboardInterrupt):  # as any Python ends of it
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGINT)
        os._exit(1)
    os._exit(0)  # a target's threads and exit handlers must not keep it


def _draw_anew() -> None:
    """Forks must not all draw the same; ``random`` sees to it by itself."""
    if "numpy.random" in sys.modules:
        sys.modules["numpy.random"].seed(random.getrandbits(32))


if __name__ == "__main__":
    serve(int(sys.argv[1]))
    os._exit(0)
