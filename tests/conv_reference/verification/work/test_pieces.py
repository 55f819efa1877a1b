from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from conv_reference.verification.work.child import Piece
from conv_reference.verification.work.pace import Size
from conv_reference.verification.work.pieces import PIECE, cut


def whole(together: list[int | None]) -> Piece:
    sizes = tuple(Size("kind", 1.0, one) for one in together)
    numbers = tuple(range(len(sizes)))
    return Piece(numbers, tuple(f"item {n}" for n in numbers), sizes)


@given(st.lists(st.tuples(st.none() | st.integers(0, 3), st.integers(1, 90)), max_size=12))
def test_every_item_is_in_one_piece_in_order(runs: list[tuple[int | None, int]]) -> None:
    items = whole([one for one, count in runs for _ in range(count)])
    pieces = [*cut(items)]

    assert [number for piece in pieces for number in piece.numbers] == [*items.numbers]
    assert all(PIECE <= len(piece.items) <= 2 * PIECE for piece in pieces[:-1])


def test_neighbours_that_belong_together_are_not_parted() -> None:
    items = whole([n // 10 for n in range(1_000)])
    pieces = [*cut(items)]

    assert len(pieces) > 10
    for piece in pieces:
        assert piece.sizes[0].together != (items.sizes[piece.numbers[0] - 1].together)


def test_what_belongs_to_nothing_travels_by_the_piece() -> None:
    assert [len(piece.items) for piece in cut(whole([None] * 150))] == [64, 64, 22]
    sizeless = Piece(tuple(range(65)), tuple("x" * 65))
    assert [len(piece.items) for piece in cut(sizeless)] == [64, 1]


def test_one_that_all_belongs_together_is_shared_all_the_same() -> None:
    assert [len(piece.items) for piece in cut(whole([1] * 300))] == [128, 128, 44]
