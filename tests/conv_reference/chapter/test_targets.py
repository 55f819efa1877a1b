from __future__ import annotations

import pytest
import torch

from conv_reference.chapter.filters import make_filter
from conv_reference.chapter.targets import TARGETS, target_kernel

HORIZONTAL = torch.zeros(1, 6, 6)
HORIZONTAL[:, 3:] = 1
VERTICAL = HORIZONTAL.transpose(1, 2)
FLAT = torch.ones(1, 6, 6)


@pytest.mark.parametrize(
    ("target", "flat", "horizontal", "vertical"),
    [
        # The chapter's kernel, as printed, answers to horizontal edges.
        ("edge", 0, 3, 0),
        ("sobel", 0, 0, 4),
        ("laplacian", 0, 1, 1),
        ("blur", 1, 1, 1),
        ("sharpen", 1, 2, 2),
    ],
)
def test_what_each_filter_answers_to(
    target: str, flat: float, horizontal: float, vertical: float
) -> None:
    apply = make_filter("chapter", target_kernel(target), learns=False)

    for images, answer in ((FLAT, flat), (HORIZONTAL, horizontal), (VERTICAL, vertical)):
        assert apply(images).abs().max().item() == pytest.approx(answer)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("size", [(3, 4), (5, 5), (4, 7)])
def test_in_a_larger_kernel_the_filter_does_the_same_in_the_middle(
    target: str, size: tuple[int, int]
) -> None:
    images = torch.randint(0, 9, (2, 9, 9), generator=torch.Generator().manual_seed(0)).float()
    small = make_filter("chapter", target_kernel(target), learns=False)(images)
    large = make_filter("chapter", target_kernel(target, size), learns=False)(images)
    top, left = ((length - 3) // 2 for length in size)

    height, width = large.shape[1:]
    torch.testing.assert_close(large, small[:, top : top + height, left : left + width])
