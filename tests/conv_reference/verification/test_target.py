from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from conv_reference.geometry import Geometry
from conv_reference.layer import Conv2d, ConvLayer_1
from conv_reference.operands import exact_operands
from conv_reference.verification.target import OPTIONS, TargetError, as_target, load_target

EVERYTHING = Geometry.parse("n2 c4 h8 w9 o6 k3x2 s2x1 p1x0 d1x2 g2")


class WithContext(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, input: Tensor, weight: Tensor, stride: Any = 1) -> Tensor:
        raise NotImplementedError


class TwoKernels(nn.Module):
    def __init__(self, kernel_size: tuple[int, int]) -> None:
        super().__init__()
        self.first = nn.Parameter(torch.ones(kernel_size))
        self.second = nn.Parameter(torch.ones(kernel_size))


def only_stride(input: Tensor, weight: Tensor, stride: Any = 1) -> Tensor:
    return F.conv2d(input, weight, stride=stride)


def with_an_option_of_its_own(
    input: Tensor, weight: Tensor, fast: bool = True, groups: int = 1
) -> Tensor:
    assert fast
    return F.conv2d(input, weight, groups=groups)


@pytest.mark.parametrize(
    ("implementation", "options"),
    [
        pytest.param(F.conv2d, set(OPTIONS), id="built in, without a signature"),
        pytest.param(lambda input, weight: input, set(), id="input and weight only"),
        pytest.param(only_stride, {"stride"}, id="some options"),
        pytest.param(with_an_option_of_its_own, {"groups"}, id="a foreign option with a default"),
        pytest.param(lambda *operands: operands, set(OPTIONS), id="any number of arguments"),
        pytest.param(WithContext, {"stride"}, id="an autograd Function"),
        pytest.param(WithContext.apply, {"stride"}, id="its apply"),
        pytest.param(nn.Conv2d, set(OPTIONS), id="a layer class"),
        pytest.param(ConvLayer_1, set(), id="the chapter's layer class"),
        pytest.param(nn.Conv2d(2, 2, 3), set(), id="a layer"),
    ],
)
def test_only_what_the_signature_has_is_varied(implementation: Any, options: set[str]) -> None:
    assert as_target(implementation).options == options


@pytest.mark.parametrize("implementation", [F.conv2d, nn.Conv2d, Conv2d])
def test_a_full_target_is_called_with_every_option(implementation: Any) -> None:
    target = as_target(implementation)
    operands = exact_operands(EVERYTHING, torch.float64, seed=0)
    call = target.prepare(EVERYTHING, operands, True)

    Y = F.conv2d(operands.input, operands.weight, operands.bias, (2, 1), (1, 0), (1, 2), 2)

    assert target.restrict(EVERYTHING) == EVERYTHING
    assert torch.equal(call.forward(), Y)


def test_an_instance_keeps_its_own_sizes() -> None:
    layer = nn.Conv2d(4, 6, (3, 2), stride=(2, 1), padding=(1, 0), groups=2)
    asked = Geometry.parse("n5 c1 h1 w1 o1 k1")

    assert str(as_target(layer).restrict(asked)) == "n5 c4 h1 w2 o6 k3x2 s2x1 p1x0 d1 g2"


@pytest.mark.parametrize("bias", [True, False])
def test_an_instance_has_its_bias_always_or_never(bias: bool) -> None:
    target = as_target(nn.Conv2d(2, 2, 3, bias=bias))
    assert [target.has_bias(wanted) for wanted in (True, False)] == [bias, bias]


def test_an_instance_is_not_changed() -> None:
    layer = nn.Conv2d(1, 1, 2)
    before = layer.weight.detach().clone()
    geometry = Geometry.parse("h3 w3 k2")

    as_target(layer).prepare(geometry, exact_operands(geometry, torch.float32, seed=0), True)

    assert torch.equal(layer.weight, before)


def test_a_layer_without_channels_gets_images_without_channels() -> None:
    geometry = Geometry.parse("n3 h4 w5 k2")
    call = as_target(ConvLayer_1).prepare(
        geometry, exact_operands(geometry, torch.float32, seed=0), False
    )

    assert call.X.shape == (3, 4, 5)
    assert call.forward().shape == (3, 3, 4)


@pytest.mark.parametrize(
    "name", ["torch.nn.functional:conv2d", "torch.nn:Conv2d", "conv_reference.layer:Conv2d"]
)
def test_a_name_is_imported(name: str) -> None:
    assert load_target(name).name == name


def test_a_path_is_imported(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("from torch.nn.functional import conv2d\n")

    assert load_target(f"{file}:conv2d").options == set(OPTIONS)


@pytest.mark.parametrize(
    ("implementation", "name"),
    [
        pytest.param(nn.Conv2d, "torch.nn.modules.conv:Conv2d", id="a class"),
        pytest.param(Conv2d(1, 1, 1), "Conv2d", id="an instance"),
        pytest.param(functools.partial(only_stride, stride=1), "partial", id="a partial"),
    ],
)
def test_a_target_is_named_so_that_it_can_be_found_where_that_is_possible(
    implementation: Any, name: str
) -> None:
    target = as_target(implementation)
    assert target.name == name
    assert target.importable == (":" in name)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("torch", "not a target: 'torch'; accepted is package.module:attribute"),
        (":conv2d", "not a target: ':conv2d'"),
        ("no_such_module:conv2d", "cannot import 'no_such_module': ModuleNotFoundError"),
        ("missing.py:conv2d", "cannot import 'missing.py': no such file"),
        ("torch.nn:Nothing", "cannot import 'torch.nn:Nothing': torch.nn has no 'Nothing'"),
        ("torch.nn:functional", "cannot verify 'torch.nn:functional' of type module"),
    ],
)
def test_a_name_that_leads_nowhere_is_refused(name: str, message: str) -> None:
    with pytest.raises(TargetError, match="^" + re.escape(message)):
        load_target(name)


@pytest.mark.parametrize(
    "source", ["syntax error", "raise SystemExit(0)", "1 / 0"], ids=["syntax", "exit", "raises"]
)
def test_a_file_that_cannot_be_imported_is_refused_in_one_line(tmp_path: Path, source: str) -> None:
    file = tmp_path / "broken.py"
    file.write_text(source)

    with pytest.raises(TargetError, match="^cannot import") as caught:
        load_target(f"{file}:conv2d")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("implementation", "message"),
    [
        (lambda input: input, "cannot call '.*' with the signature"),
        (lambda input, weight, mode: input, "cannot call '.*' with the signature"),
        (lambda input, weight, *, mode: input, "cannot call '.*' with the signature"),
        (nn.Linear, "cannot construct '.*' with the signature .*kernel_size"),
        (TwoKernels, "cannot tell kernel and bias of '.*' from parameters of shapes"),
        (nn.Conv2d(1, 1, 1, padding_mode="reflect"), "padding_mode must be 'zeros'"),
        (3, "cannot verify 'int' of type int"),
    ],
)
def test_what_is_no_convolution_by_its_signature_is_refused(
    implementation: Any, message: str
) -> None:
    with pytest.raises(TargetError, match=message):
        as_target(implementation)


def test_padding_that_differs_between_sides_cannot_be_asked_of_torchs_signature() -> None:
    geometry = Geometry.parse("h3 w3 k2 p1:0x0")
    with pytest.raises(TargetError, match="differs between opposite sides"):
        as_target(F.conv2d).prepare(geometry, exact_operands(geometry, torch.float32, seed=0), True)
