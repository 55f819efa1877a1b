from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing

import pytest

from conv_reference.verification.work.messages import Place


@pytest.fixture
def places() -> Iterator[tuple[Place, Place]]:
    """A child's and its parent's, over the same memory."""
    with tempfile.TemporaryFile() as shared:
        shared.write(bytes(Place.SIZE))
        shared.flush()
        with closing(Place(shared.fileno())) as child, closing(Place(shared.fileno())) as parent:
            yield child, parent


def test_what_one_says_the_other_reads(places: tuple[Place, Place]) -> None:
    child, parent = places
    child.begin(70_000)
    child.ask("dilated by 3×2")
    child.request("dX dK")
    assert (parent.number, parent.asked, parent.quantity) == (70_000, "dilated by 3×2", "dX dK")


def test_of_the_next_item_nothing_is_asked_yet(places: tuple[Place, Place]) -> None:
    child, parent = places
    child.ask("something long")
    child.ask("short")
    child.request("Y")
    assert parent.asked == "short"
    child.begin(1)
    assert (parent.number, parent.asked, parent.quantity) == (1, "", "")


def test_what_is_too_long_is_cut(places: tuple[Place, Place]) -> None:
    child, parent = places
    child.begin(3)
    child.ask("×" * Place.SIZE)
    child.request("∂" * Place.SIZE)
    assert parent.number == 3
    assert set(parent.quantity) <= {"∂", "\N{REPLACEMENT CHARACTER}"}
    assert set(parent.asked) <= {"×", "\N{REPLACEMENT CHARACTER}"}
