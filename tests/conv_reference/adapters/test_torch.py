from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn.functional import conv2d

from conv_reference.adapters.torch import aot_eager, as_conv1d, as_conv3d, unfolded
from conv_reference.geometry import Geometry

OTHERS = [unfolded, as_conv3d, as_conv1d]
GEOMETRIES = [
    "n2 c4 h7 w6 o6 k3x2 s2x1 p1x2 d1x2 g2",
    "n0 c2 h3 w3 o2 k1x1 s1 p0 d1 g2",
    "n1 c1 h1 w1 o1 k1x1 s3 p2 d1 g1",
]


def answered(function: Callable[..., Tensor], g: Geometry) -> list[Tensor]:
    """Y, and the gradients of the sum of its squares: of integers, so exact."""
    r = torch.Generator().manual_seed(0)
    X, K, b = (
        torch.randint(-3, 4, shape, generator=r).double().requires_grad_()
        for shape in (g.input_shape, g.weight_shape, (g.out_channels,))
    )
    padding = (g.padding[0][0], g.padding[1][0])
    Y = function(X, K, b, g.stride, padding, g.dilation, g.groups)
    return [Y.detach(), *torch.autograd.grad((Y * Y).sum(), (X, K, b))]


@pytest.mark.parametrize("text", GEOMETRIES)
@pytest.mark.parametrize("function", OTHERS, ids=lambda f: f.__name__)
def test_it_is_the_same_map(function: Callable[..., Tensor], text: str) -> None:
    geometry = Geometry.parse(text)
    for found, expected in zip(
        answered(function, geometry), answered(conv2d, geometry), strict=True
    ):
        assert torch.equal(found, expected)


def test_three_dimensions_convolve_an_image_without_a_batch_too() -> None:
    X, K = torch.arange(6.0).reshape(1, 2, 3), torch.ones(1, 1, 1, 1)
    given = (None, (3, 1), (2, 0))
    assert torch.equal(as_conv3d(X, K, *given), conv2d(X, K, *given))


@pytest.mark.parametrize("function", OTHERS, ids=lambda f: f.__name__)
def test_a_kernel_larger_than_its_input_is_refused(function: Callable[..., Tensor]) -> None:
    with pytest.raises((ValueError, RuntimeError), match=r"larger|greater|at least one"):
        function(torch.ones(1, 1, 2, 2), torch.ones(1, 1, 3, 3))


def test_what_is_compiled_is_compiled_anew_for_each_shape() -> None:
    before = torch._dynamo.utils.counters["stats"]["unique_graphs"]
    for size in (2, 3):
        assert torch.equal(
            aot_eager(torch.ones(1, 1, size, size), torch.ones(1, 1, 2, 2)),
            torch.full((1, 1, size - 1, size - 1), 4.0),
        )
        assert torch._dynamo.utils.counters["stats"]["unique_graphs"] != before
