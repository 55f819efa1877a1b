from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conv_reference.verification.work.frames import (
    MOST,
    BadFrame,
    Channel,
    Incoming,
    Line,
    Outgoing,
)

NONCE = bytes(range(16))


@given(st.lists(st.binary(max_size=50), max_size=5), st.integers(1, 60))
def test_messages_come_out_as_they_went_in_however_they_are_cut(
    payloads: list[bytes], width: int
) -> None:
    outgoing, incoming = Outgoing(NONCE), Incoming(NONCE)
    stream = b"".join(map(outgoing.frame, payloads))
    received: list[bytes] = []
    for start in range(0, len(stream), width):
        incoming.feed(stream[start : start + width])
        received += incoming.payloads()
    assert received == payloads


@given(st.binary(min_size=40, max_size=80), st.integers(0, 2))
def test_what_a_target_writes_is_no_message(stray: bytes, before: int) -> None:
    outgoing, incoming = Outgoing(NONCE), Incoming(NONCE)
    for _ in range(before):
        incoming.feed(outgoing.frame(b"right"))
    incoming.feed(stray)
    came = incoming.payloads()
    assert [next(came) for _ in range(before)] == [b"right"] * before
    with pytest.raises(BadFrame):
        next(came)


def test_a_message_that_is_sent_again_is_none() -> None:
    """As where a fork of the target comes back into the engine."""
    frame = Outgoing(NONCE).frame(b"once")
    incoming = Incoming(NONCE)
    incoming.feed(frame + frame)
    with pytest.raises(BadFrame, match="out of its place"):
        list(incoming.payloads())


@pytest.mark.parametrize("other", [Outgoing(bytes(16)), Outgoing(NONCE[::-1])])
def test_a_message_of_another_conversation_is_none(other: Outgoing) -> None:
    incoming = Incoming(NONCE)
    incoming.feed(other.frame(b"right"))
    with pytest.raises(BadFrame):
        list(incoming.payloads())


def test_a_length_beyond_the_bound_is_refused_before_it_is_waited_for() -> None:
    header = bytearray(Outgoing(NONCE).frame(b""))
    header[-4:] = (MOST + 1).to_bytes(4, "little")
    incoming = Incoming(NONCE)
    incoming.feed(bytes(header))
    with pytest.raises(BadFrame):
        list(incoming.payloads())
    with pytest.raises(ValueError, match=r"may have 67,108,864 bytes, this has 67,108,865"):
        Outgoing(NONCE).frame(bytes(MOST + 1))


@pytest.fixture
def ends() -> Iterator[tuple[Channel, Line, socket.socket]]:
    """The parent's, the child's, and the child's socket itself."""
    ours, theirs = socket.socketpair()
    with closing(Channel(ours)) as channel, theirs:
        yield channel, Line(theirs.fileno()), theirs


def test_neither_side_waits_for_a_parent_that_sends_more_than_the_system_holds(
    ends: tuple[Channel, Line, socket.socket],
) -> None:
    channel, line, _ = ends
    channel.send(b"first")
    assert line.receive() == b"first"
    large = bytes(range(256)) * 2**14
    channel.send(large)
    assert channel.has_unsent
    assert channel.receive() == []
    received = bytearray()
    while channel.has_unsent:
        received += ends[2].recv(2**16)
        channel.flush()
    received += ends[2].recv(2**22)
    assert received.endswith(large[-1000:])


def test_a_child_that_is_gone_is_seen_and_what_it_said_before_counts(
    ends: tuple[Channel, Line, socket.socket],
) -> None:
    channel, line, theirs = ends
    channel.send(b"first")
    line.receive()
    line.send(b"an answer")
    theirs.close()
    assert channel.receive() == [b"an answer"]
    assert channel.has_ended
    channel.send(b"nobody takes it")
    assert not channel.has_unsent
