from __future__ import annotations

from dataclasses import replace

import torch

from conv_reference.chapter.patch import gradients, liveliest


def test_all_three_ways_give_what_a_hand_computes() -> None:
    """Y = X[·,j+1] - X[·,j]; G = 2Y; ∂C/∂K_b = Σ G X[·,j+b]; ∂C/∂X = Σ G K."""
    found = gradients(torch.tensor([[1, 3, 4], [10, 10, 5]]))

    assert found.upstream.tolist() == [[4, 2], [0, -10]]
    expected_K = [4 * 1 + 2 * 3 + 0 - 10 * 10, 4 * 3 + 2 * 4 + 0 - 10 * 5]
    assert [element.symbolic for element in found.by_kernel] == expected_K
    assert [element.symbolic for element in found.by_input] == [-4, 4 - 2, 2, 0, 10, -10]
    assert found.agree


def test_the_numbers_stand_where_the_symbols_stood() -> None:
    element = gradients(torch.tensor([[1, 3, 4], [10, 10, 5]])).by_input[1]

    assert str(element.formula) == "G_{0,0}*K_{0,1} + G_{0,1}*K_{0,0}"
    assert element.plugged == r"4 \cdot 1 + 2 \cdot ({-1})"
    assert element.equation.endswith("= 2")
    assert element.equation.startswith(r"\frac{\partial C}{\partial X_{01}} = G_{00} K_{01}")


def test_one_way_that_differs_is_seen() -> None:
    found = gradients(torch.tensor([[1, 3, 4], [10, 10, 5]]))
    wrong = replace(found.by_input[0], oracle=found.by_input[0].oracle + 1)

    assert not wrong.agrees
    assert not replace(found, by_input=(wrong, *found.by_input[1:])).agree


def test_the_liveliest_patch_holds_no_black() -> None:
    image = torch.full((5, 6), 100, dtype=torch.uint8)
    image[0, 0] = 0  # the greatest contrast, but black
    image[3, 4] = 180
    row, column = liveliest(image)

    assert image[row : row + 2, column : column + 3].min() > 0
    assert (image[row : row + 2, column : column + 3] == 180).any()
