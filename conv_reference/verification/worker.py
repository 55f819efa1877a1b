"""The child process: it imports the target, and does the pieces of work that it is sent.

Run by ``isolation``, with the file descriptors of a socket and of a small shared file. Its
answers go through the socket, so that a target may print what it likes.
"""

from __future__ import annotations

import importlib
import mmap
import os
import sys
import time
from multiprocessing.connection import Connection
from typing import Any

from conv_reference.verification.errors import TargetError
from conv_reference.verification.messages import Described, Start, Target, Work, attempt

FLUSH = 0.2  # seconds between two messages with results


def main(socket: int, shared: int) -> None:
    """Serve until the parent closes the socket."""
    connection = Connection(socket)
    place = mmap.mmap(shared, 8)
    start: Start = connection.recv()
    sys.path[:] = [*start.path, *(p for p in sys.path if p not in start.path)]
    # Torch, and all that comes with it, only when the path is set.
    from conv_reference.verification.loading import load_target  # noqa: PLC0415 (see above)

    try:
        target = load_target(start.target)
    except TargetError as error:
        connection.send(error)
        return
    connection.send(Described(target.described()))
    # What the work needs, imported while the parent plans.
    importlib.import_module("conv_reference.verification.execution")
    importlib.import_module("torch.fx.experimental.symbolic_shapes")  # by the first backward pass
    while True:
        try:
            work: Work = connection.recv()
        except EOFError:
            return
        _serve(connection, place, target, work)


def _serve(connection: Connection, place: mmap.mmap, target: Target, work: Work) -> None:
    """Do the work; tell in the shared file which item is begun, now and then send results."""
    buffer: list[Any] = []
    last = time.monotonic()
    for number, item in enumerate(work.items):
        place[:] = number.to_bytes(8, "little")
        buffer.append(attempt(work.function, target, item, work.argument))
        if time.monotonic() - last > FLUSH:
            connection.send(buffer)
            buffer, last = [], time.monotonic()
    if buffer:
        connection.send(buffer)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
    os._exit(0)  # a target's threads and exit handlers must not keep it
