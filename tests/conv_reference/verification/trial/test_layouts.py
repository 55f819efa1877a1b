from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from conv_reference.verification.model.case import Layout
from conv_reference.verification.trial.layouts import collapse, first_slice, lay_out, written

SHAPES = [(2, 3, 4, 5), (2, 1, 3, 4), (3, 2, 1, 1), (1, 1, 1, 1), (0, 2, 3, 3)]
SHAPE = st.tuples(*[st.integers(1, 4)] * 4)


def counting(*shape: int) -> torch.Tensor:
    return torch.arange(1.0, math.prod(shape) + 1).reshape(shape)


def gaps(tensor: torch.Tensor) -> torch.Tensor:
    """What lies in the tensor's memory beside its own elements."""
    storage = torch.empty(0).set_(tensor.untyped_storage())
    places = torch.arange(len(storage)).as_strided(
        tensor.shape, tensor.stride(), tensor.storage_offset()
    )
    own = torch.zeros(len(storage), dtype=torch.bool)
    own[places.flatten()] = True
    return storage[~own]


@pytest.mark.untraced
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("layout", Layout)
@pytest.mark.parametrize("whole", [False, True], ids=["one dimension", "whole"])
def test_a_layout_changes_no_value_and_shares_no_memory(
    layout: Layout, shape: tuple[int, ...], whole: bool
) -> None:
    tensor = collapse(counting(*shape), layout, whole=whole)
    placed = lay_out(tensor, layout, whole=whole)

    assert torch.equal(placed, tensor)
    assert placed.dtype == tensor.dtype
    assert placed.untyped_storage().data_ptr() != tensor.untyped_storage().data_ptr() or not len(
        tensor
    )


@given(SHAPE)
def test_all_that_lies_between_the_elements_is_nan(shape: tuple[int, ...]) -> None:
    for layout in Layout:
        if layout != Layout.EXPANDED:
            assert gaps(lay_out(counting(*shape), layout)).isnan().all()


@pytest.mark.parametrize(
    ("layout", "strides", "offset"),
    [
        (Layout.CONTIGUOUS, (60, 20, 5, 1), 0),
        (Layout.CHANNELS_LAST, (60, 1, 15, 3), 0),
        (Layout.OFFSET, (60, 20, 5, 1), 60),
        (Layout.TRANSPOSED, (60, 20, 1, 4), 0),
        # Of (2, 4, 6, 7): one channel is skipped, and a border on all sides.
        (Layout.SLICED, (168, 42, 7, 1), 42 + 7 + 1),
        # Of (2, 4, 5, 4) in memory: one channel more.
        (Layout.SLICED_CHANNELS_LAST, (80, 1, 20, 4), 0),
        # Of (2, 3, 8, 10): every second row, and every second column from the second on.
        (Layout.STRIDED, (240, 80, 20, 2), 1),
        # Of (2, 4, 4, 5): one channel more, behind the others or before them.
        (Layout.CHUNK, (80, 20, 5, 1), 0),
        (Layout.LAST_CHUNK, (80, 20, 5, 1), 20),
        (Layout.ROWS, (75, 25, 5, 1), 0),
        (Layout.COLUMNS, (72, 24, 6, 1), 0),
        (Layout.SAMPLES, (120, 20, 5, 1), 0),
        (Layout.CHANNELS_LAST_OFFSET, (60, 1, 15, 3), 60),
        (Layout.CHANNELS_LAST_COLUMNS, (72, 1, 18, 3), 0),
        # Of (2, 3, 7, 5): every second row, of which the last is one.
        (Layout.CHANNELS_LAST_ROWS, (105, 1, 30, 3), 0),
        (Layout.EXCHANGED, (20, 40, 5, 1), 0),
        (Layout.IMAGE, (60, 1, 15, 3), 0),
    ],
    ids=str,
)
def test_a_layout_has_the_strides_that_its_name_promises(
    layout: Layout, strides: tuple[int, ...], offset: int
) -> None:
    placed = lay_out(counting(2, 3, 4, 5), layout)
    assert (placed.stride(), placed.storage_offset()) == (strides, offset)


def test_one_image_has_the_steps_that_unsqueeze_gives_it() -> None:
    picture = torch.zeros(4, 5, 3).permute(2, 0, 1).unsqueeze(0)
    assert lay_out(counting(1, 3, 4, 5), Layout.IMAGE).stride() == picture.stride() == (3, 1, 15, 3)


def test_one_row_keeps_the_step_by_which_it_was_taken() -> None:
    rows = torch.zeros(2, 1, 5, 3).permute(0, 3, 1, 2)[:, :, ::2]
    placed = lay_out(counting(2, 3, 1, 5), Layout.CHANNELS_LAST_ROWS)
    assert placed.stride() == rows.stride() == (15, 1, 30, 3)
    assert lay_out(counting(2, 3, 0, 5), Layout.CHANNELS_LAST_ROWS).shape == (2, 3, 0, 5)


@pytest.mark.parametrize(
    ("layout", "gap"),
    [
        (Layout.OFFSET, 1),
        (Layout.SLICED, 2 * 3 * 3 - 1),
        (Layout.SLICED_CHANNELS_LAST, 1),
        (Layout.STRIDED, 3),
    ],
    ids=str,
)
def test_a_single_element_has_its_gaps_too(layout: Layout, gap: int) -> None:
    assert len(gaps(lay_out(counting(1, 1, 1, 1), layout))) == gap


@pytest.mark.parametrize("shape", [(2, 1, 3, 4), (3, 2, 1, 1)], ids=["C = 1", "H = W = 1"])
def test_channels_last_is_told_by_the_strides_where_torchs_own_format_keeps_them(
    shape: tuple[int, int, int, int],
) -> None:
    _, c, h, w = shape
    placed = lay_out(counting(*shape), Layout.CHANNELS_LAST)
    assert placed.stride() == (c * h * w, 1, w * c, c)


@pytest.mark.parametrize(
    ("shape", "repeated"),
    [
        ((2, 3, 4, 5), 0),
        ((1, 3, 4, 5), 1),
        ((1, 1, 4, 5), 2),
        ((1, 1, 1, 5), 3),
        ((1, 1, 1, 1), None),
    ],
    ids=str,
)
def test_expanded_repeats_its_first_longer_dimension_by_a_stride_of_0(
    shape: tuple[int, ...], repeated: int | None
) -> None:
    tensor = counting(*shape)
    placed = lay_out(collapse(tensor, Layout.EXPANDED), Layout.EXPANDED)

    assert [dim for dim in range(4) if placed.stride(dim) == 0] == (
        [] if repeated is None else [repeated]
    )
    first = tensor if repeated is None else tensor.narrow(repeated, 0, 1)
    assert torch.equal(placed, first.expand(shape))


def test_a_whole_expansion_is_one_number_as_sum_makes_it() -> None:
    placed = lay_out(
        collapse(counting(2, 3, 4, 5), Layout.EXPANDED, whole=True), Layout.EXPANDED, whole=True
    )
    X = torch.ones(2, 3, 4, 5, requires_grad=True)
    (made_by_sum,) = torch.autograd.grad(X.sum(), X)

    assert placed.stride() == (0, 0, 0, 0) == made_by_sum.stride()
    assert placed.unique().tolist() == [1]


def test_a_whole_expansion_of_an_odd_shape_is_one_number_a_plane() -> None:
    placed = lay_out(
        collapse(counting(2, 3, 4, 6), Layout.EXPANDED, whole=True), Layout.EXPANDED, whole=True
    )
    X = torch.ones(2, 3, 4, 6, requires_grad=True)
    (made_by_sum,) = torch.autograd.grad(X.sum((2, 3)).sum(), X)

    assert placed.stride()[2:] == (0, 0) == made_by_sum.stride()[2:]
    assert torch.equal(placed, counting(2, 3, 4, 6)[:, :, :1, :1].expand(2, 3, 4, 6))


@pytest.mark.parametrize("layout", [layout for layout in Layout if layout != Layout.EXPANDED])
def test_only_an_expanded_operand_repeats_itself(layout: Layout) -> None:
    tensor = counting(2, 2, 2, 2)
    assert collapse(tensor, layout) is tensor


def test_what_is_written_names_no_bound_that_is_none() -> None:
    assert written("X", (1, 2, 3, 4), Layout.SLICED, "float").endswith("[:, 1:, 1:4, 1:5].copy_(X)")
    assert written("X", (1, 2, 3, 4), Layout.TRANSPOSED, "float") == (
        "torch.empty((1, 2, 4, 3), dtype=float).permute(0, 1, 3, 2).copy_(X)"  # no gaps to fill
    )


@given(st.sampled_from(Layout), SHAPE, st.booleans())
def test_what_is_written_makes_what_is_laid_out(
    layout: Layout, shape: tuple[int, ...], whole: bool
) -> None:
    tensor = collapse(counting(*shape), layout, whole=whole)
    held = first_slice(tensor, whole=whole) if layout == Layout.EXPANDED else tensor
    text = written(f"torch.tensor({held.tolist()})", shape, layout, "torch.float32")

    made, laid_out = eval(text), lay_out(tensor, layout, whole=whole)

    assert torch.equal(made, laid_out)
    assert (made.stride(), made.storage_offset()) == (laid_out.stride(), laid_out.storage_offset())
    assert torch.equal(gaps(made).isnan(), gaps(laid_out).isnan())
