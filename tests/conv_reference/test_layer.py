from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from conv_reference import definition
from conv_reference.geometry import Geometry
from conv_reference.layer import Conv2d, ConvLayer_1, FastConvLayer_1
from conv_reference.operands import exact_operands

CHAPTERS = [ConvLayer_1, FastConvLayer_1]


@pytest.mark.parametrize("layer_class", CHAPTERS)
@settings(max_examples=30)
@given(
    sizes=st.tuples(st.integers(1, 3), *[st.integers(1, 3)] * 2, *[st.integers(0, 3)] * 2),
    seed=st.integers(0, 2**32),
)
def test_the_chapters_layer_is_the_definition_forward_and_backward(
    layer_class: type[ConvLayer_1], sizes: tuple[int, ...], seed: int
) -> None:
    batch, kh, kw, more_rows, more_columns = sizes
    geometry = Geometry(
        batch=batch, input_size=(kh + more_rows, kw + more_columns), kernel_size=(kh, kw)
    )
    operands = exact_operands(geometry, torch.float64, seed=seed)
    layer = layer_class((kh, kw)).double()
    layer.kernel.data.copy_(operands.weight[0, 0])
    X = operands.input.clone().requires_grad_()

    Y = layer(X[:, 0])
    dX, dK = torch.autograd.grad(Y, (X, layer.kernel), operands.grad_output[:, 0])

    X_, K_ = operands.input.clone().requires_grad_(), operands.weight.clone().requires_grad_()
    expected = torch.stack(definition.conv2d(X_, K_, geometry).ravel().tolist()).reshape(Y.shape)
    gradients = torch.autograd.grad(expected, (X_, K_), operands.grad_output[:, 0])
    assert torch.equal(Y, expected)
    assert torch.equal(dX, gradients[0])
    assert torch.equal(dK, gradients[1][0, 0])


@pytest.mark.parametrize("layer_class", CHAPTERS)
def test_one_layer_serves_images_of_any_size(layer_class: type[ConvLayer_1]) -> None:
    layer = layer_class((2, 3))
    for size in ((2, 3), (28, 28), (5, 9)):
        assert layer(torch.zeros(4, *size)).shape == (4, size[0] - 1, size[1] - 2)


@pytest.mark.parametrize("layer_class", CHAPTERS)
def test_gradcheck(layer_class: type[ConvLayer_1]) -> None:
    layer = layer_class((2, 2)).double()
    input = torch.rand(2, 3, 4, dtype=torch.float64, requires_grad=True)

    assert torch.autograd.gradcheck(layer, (input,))
    assert torch.autograd.gradgradcheck(layer, (input,))


@pytest.mark.parametrize(("init", "low", "high"), [("unit", 0.0, 1.0), ("scaled", -1 / 30, 1 / 30)])
def test_the_kernel_is_drawn_uniformly(init: Any, low: float, high: float) -> None:
    torch.manual_seed(0)
    kernel = ConvLayer_1((30, 30), init=init).kernel.detach()
    width = high - low

    assert low <= kernel.min() < low + 0.02 * width
    assert high - 0.02 * width < kernel.max() <= high
    # Four standard errors of the mean of 900 draws, and of their variance (1/180 each).
    assert abs(kernel.mean() - (low + high) / 2) < 4 * width / math.sqrt(12 * 900)
    assert abs(kernel.var() - width**2 / 12) < 4 * width**2 * math.sqrt(1 / 180 / 900)


def test_the_kernel_is_a_parameter() -> None:
    ((name, parameter),) = ConvLayer_1((3, 3)).named_parameters()
    assert (name, parameter.requires_grad) == ("kernel", True)
    assert repr(ConvLayer_1((1, 2))) == "ConvLayer_1(kernel_size=(1, 2))"


@pytest.mark.parametrize(
    ("kernel_size", "options", "error", "message"),
    [
        ((0, 3), {}, ValueError, "input_size must be at least 1, got .0, 3."),
        (
            (3, 3),
            {"init": "zeros"},
            ValueError,
            "init must be one of .'unit', 'scaled'., got 'zeros'",
        ),
    ],
)
def test_a_layer_that_cannot_be_is_refused(
    kernel_size: Any, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        ConvLayer_1(kernel_size, **options)


@pytest.mark.parametrize("layer_class", CHAPTERS)
def test_an_image_that_does_not_fit_is_refused(layer_class: type[ConvLayer_1]) -> None:
    with pytest.raises(ValueError, match="a dilated kernel of width 3 and a padded input of"):
        layer_class((1, 3))(torch.zeros(1, 4, 2))


LAYERS = [
    pytest.param((4, 6, 3), {}, id="plain"),
    pytest.param((4, 6, (3, 2)), {"stride": (2, 1), "padding": (1, 0), "groups": 2}, id="groups"),
    pytest.param((4, 4, 3), {"groups": 4, "bias": False, "dilation": 2}, id="depthwise"),
    pytest.param((4, 6, (2, 3)), {"padding": "same"}, id="same"),
    pytest.param((4, 6, 3), {"padding": "valid"}, id="valid"),
    pytest.param((4, 6, 3), {"padding": 2, "padding_mode": "reflect"}, id="reflect"),
    pytest.param((4, 6, 3), {"padding": (0, 1), "padding_mode": "circular"}, id="circular"),
    pytest.param((4, 6, 3), {"padding": "same", "padding_mode": "replicate"}, id="replicate"),
]


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@pytest.mark.parametrize(("sizes", "options"), LAYERS)
def test_conv2d_is_torchs_and_the_state_moves_both_ways(
    sizes: Any, options: dict[str, Any]
) -> None:
    torchs, ours = nn.Conv2d(*sizes, **options), Conv2d(*sizes, **options)
    generator = torch.Generator().manual_seed(0)
    for parameter in torchs.parameters():
        values = torch.randint(-9, 10, parameter.shape, generator=generator)
        parameter.data.copy_(values)
    ours.load_state_dict(torchs.state_dict())
    input = torch.randint(-9, 10, (2, 4, 8, 9), generator=generator).float()
    expected, actual = torchs(input), ours(input)
    expected.sum().backward()
    actual.sum().backward()

    assert torch.equal(actual, expected)
    for mine, theirs in zip(ours.parameters(), torchs.parameters(), strict=True):
        assert mine.grad is not None
        assert theirs.grad is not None
        assert torch.equal(mine.grad, theirs.grad)
    torchs.load_state_dict(ours.state_dict())
    assert torch.equal(torchs(input[0]), ours(input[0]))


def test_conv2d_starts_as_torchs_does() -> None:
    torch.manual_seed(0)
    torchs = nn.Conv2d(3, 4, 5)
    torch.manual_seed(0)
    ours = Conv2d(3, 4, 5)

    for mine, theirs in zip(ours.parameters(), torchs.parameters(), strict=True):
        assert torch.equal(mine, theirs)
