"""Frames: how parent and child distinguish their own messages from whatever a target writes.

A target shares its process with the engine, and so its descriptors: what it writes to a wrong
one may land in the connection. Each frame carries a mark, a nonce that the parent drew, its place
in the sequence and its length; bytes that carry none of them are no message, and are not decoded.
"""

from __future__ import annotations

import os
import socket
import struct
from collections import deque
from collections.abc import Callable, Iterator

NONCE = 16  # bytes
MOST = 64 * 2**20  # bytes of one frame: a piece of work has some ten thousand
_MARK = b"cvf1"
_HEADER = struct.Struct(f"=4s{NONCE}sQI")  # mark, nonce, place in the sequence, length
_AT_ONCE = 2**16


class BadFrame(ValueError):  # noqa: N818 (an observation about the other side)
    """What came is no frame of this conversation; the message says what is wrong with it."""


class Outgoing:
    """The frames that one side sends, numbered from 0."""

    def __init__(self, nonce: bytes) -> None:
        self._nonce, self._sent = nonce, 0

    def frame(self, payload: bytes) -> bytes:
        """The payload with its header.

        Raises:
            ValueError: when it is longer than 64 MiB.
        """
        if len(payload) > MOST:
            raise ValueError(f"a message may have {MOST:,} bytes, this has {len(payload):,}")
        header = _HEADER.pack(_MARK, self._nonce, self._sent, len(payload))
        self._sent += 1
        return header + payload


class Incoming:
    """The frames that one side receives, out of bytes as they come.

    Args:
        nonce: that each must carry; None takes that of the first.
    """

    def __init__(self, nonce: bytes | None) -> None:
        self.nonce = nonce
        self._held = bytearray()
        self._received = 0

    def feed(self, data: bytes) -> None:
        """Take some bytes more."""
        self._held += data

    def payloads(self) -> Iterator[bytes]:
        """What is complete, in order.

        Raises:
            BadFrame: at the first bytes that are no frame of this conversation.
        """
        while len(self._held) >= _HEADER.size:
            mark, nonce, place, length = _HEADER.unpack_from(self._held)
            if mark != _MARK:
                raise BadFrame("bytes that are no message")
            if self.nonce is None:
                self.nonce = nonce
            if nonce != self.nonce or place != self._received or length > MOST:
                raise BadFrame("a message out of its place")
            end = _HEADER.size + length
            if len(self._held) < end:
                return
            payload = bytes(self._held[_HEADER.size : end])
            del self._held[:end]
            self._received += 1
            yield payload


class Channel:
    """The parent's end of a connection: nothing here waits."""

    def __init__(self, end: socket.socket) -> None:
        end.setblocking(False)
        nonce = os.urandom(NONCE)
        self._socket = end
        self._outgoing, self._incoming = Outgoing(nonce), Incoming(nonce)
        self._unsent: deque[memoryview] = deque()
        self.has_ended = False  # nothing more will come

    def fileno(self) -> int:
        """The descriptor, for a selector."""
        return self._socket.fileno()

    @property
    def has_unsent(self) -> bool:
        """Whether the other side has not yet taken everything."""
        return bool(self._unsent)

    def send(self, payload: bytes) -> None:
        """Send as much as goes at once; ``flush`` sends the rest."""
        self._unsent.append(memoryview(self._outgoing.frame(payload)))
        self.flush()

    def flush(self) -> None:
        """Send what the other side takes now."""
        try:
            while self._unsent:
                sent = self._socket.send(self._unsent[0])
                self._unsent[0] = self._unsent[0][sent:]
                if not self._unsent[0]:
                    self._unsent.popleft()
        except BlockingIOError:
            pass
        except OSError:  # it is gone, which the next ``receive`` reports
            self._unsent.clear()

    def receive(self) -> list[bytes]:
        """The messages that have come.

        Raises:
            BadFrame: where something else came.
        """
        try:
            while not self.has_ended and (data := self._socket.recv(_AT_ONCE)):
                self._incoming.feed(data)
            self.has_ended = True
        except BlockingIOError:
            pass
        except OSError:
            self.has_ended = True
        return list(self._incoming.payloads())

    def close(self) -> None:
        """Let go of the connection."""
        self._socket.close()


class Line:
    """The child's end: it waits for its parent, for it has nothing else to do."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._incoming = Incoming(None)
        self._outgoing: Outgoing | None = None

    def receive(self) -> bytes | None:
        """The next message; None where the parent has closed the connection."""
        while True:
            for payload in self._incoming.payloads():  # one at a time is sent
                if self._outgoing is None:
                    assert self._incoming.nonce is not None
                    self._outgoing = Outgoing(self._incoming.nonce)
                return payload
            data = _bare_read(self._descriptor, _AT_ONCE)
            if not data:
                return None
            self._incoming.feed(data)

    def send(self, payload: bytes) -> None:
        """Send a message.

        Raises:
            OSError: when the parent is gone.
            ValueError: when it is too long.
        """
        self.write(self.framed(payload))

    def framed(self, payload: bytes) -> bytes:
        """The message as the next frame, to be written.

        Raises:
            ValueError: when it is too long.
        """
        assert self._outgoing is not None  # the parent speaks first
        return self._outgoing.frame(payload)

    def write(self, frame: bytes) -> None:
        """Write a frame.

        Raises:
            OSError: when the parent is gone.
        """
        left = memoryview(frame)
        while left:
            left = left[_bare_write(self._descriptor, left) :]


# Bound before a target could replace them.
_bare_read: Callable[[int, int], bytes] = os.read
_bare_write: Callable[[int, memoryview], int] = os.write
