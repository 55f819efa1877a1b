from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from conv_reference.chapter.advantages import cost, locality, parameters, translation

KERNEL = torch.arange(1.0, 10.0).reshape(3, 3)
IMAGE = torch.randint(1, 256, (9, 9), generator=torch.Generator().manual_seed(0)).float()


def test_the_dense_map_is_the_toeplitz_matrix_of_the_definition() -> None:
    matrix = parameters.dense_matrix(KERNEL, 5)

    for i in range(3):
        for j in range(3):
            row = torch.zeros(5, 5)
            row[i : i + 3, j : j + 3] = KERNEL
            assert torch.equal(matrix[3 * i + j], row.flatten())


def test_parameters_are_counted_in_the_matrix_itself() -> None:
    found = parameters.count_parameters(IMAGE, KERNEL)

    assert (found.layer, found.dense) == (9, 49 * 81)
    assert (found.nonzero, found.distinct) == (49 * 9, 9)
    assert found.difference == 0


@pytest.mark.parametrize("layers", [1, 2, 4])
def test_a_layer_widens_the_support_by_two_pixels(layers: int) -> None:
    found = locality.support(torch.ones(3, 3), 15, layers)
    side = 2 * layers + 1

    assert (found.height, found.count) == (side, side**2)
    row, column = found.output
    assert found.pixels[row : row + side, column : column + side].all()


@settings(max_examples=30, deadline=None)
@given(down=st.integers(-4, 4), right=st.integers(-4, 4), seed=st.integers(0, 99))
def test_filter_and_shift_commute_away_from_the_border_exactly(
    down: int, right: int, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    image = torch.randint(0, 256, (12, 12), generator=generator).float()
    found = translation.compare(KERNEL, image, (down, right))

    assert found.interior.sum() == (12 - 2 - abs(down)) * (12 - 2 - abs(right))
    assert found.inside == 0


def test_at_the_border_the_two_orders_differ() -> None:
    found = translation.compare(KERNEL, IMAGE, (2, 0))
    assert found.at_border > 0
    assert found.differing > 0
    assert translation.compare(KERNEL, IMAGE, (0, 0)).differing == 0


def test_a_map_that_depends_on_the_place_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    weights = torch.arange(81.0).reshape(9, 9)
    monkeypatch.setattr(translation, "same_size", lambda kernel, image: image * weights)
    assert translation.compare(KERNEL, IMAGE, (1, 1)).inside > 0


def test_a_piece_is_placed_at_each_corner() -> None:
    canvas = translation.placements(torch.ones(2, 3), 6, ((0, 0), (4, 3)))
    assert canvas.sum(dim=(1, 2)).tolist() == [6, 6]
    assert canvas[1, 4:, 3:].sum() == 6


def test_cost_counts_the_multiplications_of_both_maps() -> None:
    (found,) = cost.measure([6])
    assert (found.layer_multiplications, found.dense_multiplications) == (9 * 16, 16 * 36)
    assert found.layer_seconds > 0
    assert found.dense_seconds > 0
