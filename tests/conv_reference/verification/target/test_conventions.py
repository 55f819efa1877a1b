from __future__ import annotations

import functools
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from conv_reference.layer import Conv2d, ConvLayer_1
from conv_reference.quantities import OPTIONS
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.errors import TargetError
from conv_reference.verification.target.conventions import as_target
from conv_reference.verification.target.target import Call, Target
from conv_reference.verification.trial.values import case_operands

EVERYTHING = Case.parse("certificate float64 n2 c4 h8 w9 o6 k3x2 s2x1 p1x0 d1x2 g2")


def prepared(target: Target, case: Case) -> Call:
    return target.prepare(case, case_operands(case, 0))


class WithContext(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, input: Tensor, weight: Tensor, stride: Any = 1) -> Tensor:
        raise NotImplementedError


class TwoKernels(nn.Module):
    def __init__(self, kernel_size: tuple[int, int]) -> None:
        super().__init__()
        self.first = nn.Parameter(torch.ones(kernel_size))
        self.second = nn.Parameter(torch.ones(kernel_size))


class PadsInside(nn.Module):
    """Its padding stands in its forward alone, where nobody can read it."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(2, 2, 3, 3)), nn.Parameter(torch.ones(2))
        for name, value in attributes.items():
            setattr(self, name, value)

    def forward(self, X: Tensor) -> Tensor:
        return F.conv2d(X, self.weight, self.bias, padding=1)


def only_stride(input: Tensor, weight: Tensor, stride: Any = 1) -> Tensor:
    return F.conv2d(input, weight, stride=stride)


class Padded(nn.Module):
    """Hands its padding on to torch's layer, words included, and says nothing of its type."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: Any, padding=0) -> None:  # type: ignore[no-untyped-def]
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel_size, padding=padding)

    def forward(self, X: Tensor) -> Tensor:
        Y: Tensor = self.conv(X)
        return Y


def takes_words(input: Tensor, weight: Tensor, padding: int | str = 0) -> Tensor:
    return F.conv2d(input, weight, padding=padding)


def hints_at_nothing(input: Absent, weight: Tensor, padding: int | str = 0) -> Any:  # type: ignore[name-defined]  # noqa: F821 (a name that is nowhere)
    return F.conv2d(input, weight, padding=padding)


def any_option(input: Tensor, weight: Tensor, **options: Any) -> Tensor:
    return F.conv2d(input, weight, **options)


def groups_by_name(*arguments: Any, groups: int = 1) -> Tensor:
    assert len(arguments) == 6
    return F.conv2d(*arguments, groups=groups)


class Wrapped(nn.Module):
    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(*arguments, **options)

    def forward(self, X: Tensor) -> Any:
        return self.convolution(X)


def with_an_option_of_its_own(
    input: Tensor, weight: Tensor, fast: bool = True, groups: int = 1
) -> Tensor:
    assert fast
    return F.conv2d(input, weight, groups=groups)


@pytest.mark.parametrize(
    ("implementation", "options"),
    [
        pytest.param(F.conv2d, set(OPTIONS), id="built in, without a signature"),
        pytest.param(
            functools.partial(F.conv2d, stride=2), set(OPTIONS), id="built in, an option settled"
        ),
        pytest.param(lambda input, weight: input, set(), id="input and weight only"),
        pytest.param(only_stride, {"stride"}, id="some options"),
        pytest.param(with_an_option_of_its_own, {"groups"}, id="a foreign option with a default"),
        pytest.param(lambda *operands: operands, set(OPTIONS), id="any number of arguments"),
        pytest.param(any_option, set(OPTIONS), id="any option by its name"),
        pytest.param(groups_by_name, set(OPTIONS), id="any number of arguments, one by name"),
        pytest.param(WithContext, {"stride"}, id="an autograd Function"),
        pytest.param(WithContext.apply, {"stride"}, id="its apply"),
        pytest.param(nn.Conv2d, set(OPTIONS), id="a layer class"),
        pytest.param(Wrapped, set(OPTIONS), id="a layer class with any option"),
        pytest.param(ConvLayer_1, set(), id="the chapter's layer class"),
        pytest.param(nn.Conv2d(2, 2, 3), set(), id="a layer"),
    ],
)
def test_only_what_the_signature_has_is_varied(implementation: Any, options: set[str]) -> None:
    assert as_target(implementation).options == options


@pytest.mark.parametrize(
    "implementation", [F.conv2d, nn.Conv2d, Conv2d, any_option, groups_by_name, Wrapped]
)
def test_a_full_target_is_called_with_every_option(implementation: Any) -> None:
    target = as_target(implementation)
    operands = case_operands(EVERYTHING, 0)

    Y = F.conv2d(operands.input, operands.weight, operands.bias, (2, 1), (1, 0), (1, 2), 2)

    assert target.restrict(EVERYTHING) == EVERYTHING
    assert torch.equal(prepared(target, EVERYTHING).forward(), Y)


@pytest.mark.parametrize("implementation", [F.conv2d, nn.Conv2d])
@pytest.mark.parametrize("leaves", ["", "X", "Kb", "XKb"])
def test_just_the_leaves_that_are_asked_for_require_a_gradient(
    implementation: Any, leaves: str
) -> None:
    call = prepared(as_target(implementation), replace(EVERYTHING, requires_grad=leaves))
    assert list(call.leaves) == [f"d{leaf}" for leaf in leaves]


@pytest.mark.parametrize("implementation", [F.conv2d, nn.Conv2d])
def test_without_a_bias_none_is_given(implementation: Any) -> None:
    case = replace(EVERYTHING, bias=False, requires_grad="XK")
    operands = case_operands(case, 0)
    call = prepared(as_target(implementation), case)

    assert call.b is None
    Y = F.conv2d(operands.input, operands.weight, None, (2, 1), (1, 0), (1, 2), 2)
    assert torch.equal(call.forward(), Y)


def test_what_a_partial_of_a_builtin_settles_is_given_by_keyword() -> None:
    case = Case.parse("certificate float64 h5 w5 k2 s1x3 p1")
    plain, settled = (
        prepared(as_target(function), case).forward()
        for function in (F.conv2d, functools.partial(F.conv2d, stride=2))
    )
    assert torch.equal(plain, settled)


def test_options_are_given_by_their_places_whatever_their_order() -> None:
    def shuffled(input: Tensor, weight: Tensor, groups: int = 1, fast: bool = True, bias: Any = 0):  # type: ignore[no-untyped-def]  # as some users write
        assert fast
        return F.conv2d(input, weight, bias, groups=groups)

    case = Case.parse("certificate float64 c4 h2 w2 o2 k1 g2")
    operands = case_operands(case, 0)
    Y = F.conv2d(operands.input, operands.weight, operands.bias, groups=2)
    assert torch.equal(prepared(as_target(shuffled), case).forward(), Y)


def test_an_instance_has_its_bias_always_or_never() -> None:
    for bias in (True, False):
        target = as_target(nn.Conv2d(2, 2, 3, bias=bias))
        for wanted in (True, False):
            case = Case.parse("certificate float64 c2 h3 w3 o2 k3")
            case = replace(case, bias=wanted, requires_grad="XKb" if wanted else "XK")
            assert target.restrict(case).bias == bias


def test_an_instance_is_not_changed() -> None:
    layer = nn.Conv2d(1, 1, 2)
    before = layer.weight.detach().clone()
    prepared(as_target(layer), Case.parse("certificate float64 h3 w3 k2"))

    assert torch.equal(layer.weight, before)
    assert layer.weight.dtype == torch.float32


@pytest.mark.parametrize(
    ("layer", "assumed"),
    [
        (PadsInside(), "stride 1, dilation 1, groups 1"),  # its padding is found by trial
        (PadsInside(padding=1, groups=1), "stride 1, dilation 1"),
        (ConvLayer_1((2, 2)), "stride 1, padding 0, dilation 1"),
        (nn.Conv2d(2, 2, 3, padding=1), ""),
        (
            nn.Sequential(nn.Conv2d(2, 2, 3, stride=2, padding=(1, 0))),
            "stride (2, 2), padding (1, 0), dilation (1, 1), groups 1",
        ),
        (nn.Conv2d, ""),
        (F.conv2d, ""),
    ],
    ids=[
        "tells nothing",
        "tells some",
        "without channels",
        "tells all",
        "its part tells",
        "a class",
        "a function",
    ],
)
def test_what_an_instance_does_not_tell_is_assumed_and_noted(layer: Any, assumed: str) -> None:
    assert as_target(layer).assumptions == assumed


def test_a_layer_is_called_as_its_users_do_and_with_other_tensors_functionally() -> None:
    """With tensors of a transform in place of its parameters the layer follows them."""
    case = Case.parse("certificate float64 n2 h3 w3 k2 grad=K")
    call = prepared(as_target(nn.Conv2d), case)
    doubled = call.function(call.X, 2 * call.K, call.b)
    assert call.b is not None

    assert torch.equal(
        doubled - call.b[:, None, None], 2 * (call.forward() - call.b[:, None, None])
    )
    assert isinstance(call.K, nn.Parameter)


def test_a_layer_without_channels_gets_images_without_channels() -> None:
    target = as_target(ConvLayer_1)
    call = prepared(target, Case.parse("certificate float32 n3 h4 w5 k2 nobias grad=XK"))

    assert not target.has_channels
    assert (call.X.shape, call.K.shape, call.G.shape) == ((3, 4, 5), (2, 2), (3, 3, 4))
    assert call.forward().shape == (3, 3, 4)


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
    ("implementation", "message"),
    [
        (lambda input: input, "cannot call '.*' with the signature"),
        (lambda input, weight, mode: input, "no parameter of conv2d is called mode; accepted"),
        (lambda input, weight, *, mode: input, "no parameter of conv2d is called mode; accepted"),
        (nn.Linear, "cannot construct '.*' with the signature .*kernel_size"),
        (TwoKernels, "cannot tell kernel and bias of '.*' from parameters of shapes"),
        (nn.LazyConv2d, "a lazy layer has no kernel yet; accepted is one that was called once"),
        (nn.LazyConv2d(1, 1), "a lazy layer has no kernel yet"),
        (nn.ConvTranspose3d(1, 1, 1), "three-dimensional convolution is not covered"),
        (PadsInside(padding="odd"), "cannot verify 'PadsInside': "),
        (PadsInside(groups=0), "cannot verify 'PadsInside': groups must be at least 1, got 0"),
        (3, "cannot verify 'int' of type int"),
    ],
)
def test_what_is_no_convolution_by_its_signature_is_refused(
    implementation: Any, message: str
) -> None:
    with pytest.raises(TargetError, match=message):
        as_target(implementation)


class Convolving:
    def convolve(self, input: Any, weight: Any) -> Any:
        return F.conv2d(input, weight)


def test_a_method_is_one_of_an_object() -> None:
    with pytest.raises(TargetError, match=r"a method without its object; accepted is .*\.convolve"):
        as_target(Convolving.convolve)
    assert not as_target(Convolving().convolve).options


def test_a_scripted_layer_is_refused() -> None:
    with pytest.warns(DeprecationWarning, match="script"):
        scripted = torch.jit.script(nn.Conv2d(1, 1, 1))
    with pytest.raises(TargetError, match="parameters of a ScriptModule cannot be replaced"):
        as_target(scripted)


def test_padding_that_differs_between_sides_cannot_be_asked_of_torchs_signature() -> None:
    with pytest.raises(TargetError, match="differs between opposite sides"):
        prepared(as_target(F.conv2d), Case.parse("certificate float64 h3 w3 k2 p1:0x0"))


@pytest.mark.parametrize(
    ("implementation", "words"),
    [
        (F.conv2d, True),
        (nn.Conv2d, True),
        (takes_words, True),
        (hints_at_nothing, True),
        (lambda input, weight, padding: input, None),
        (ConvLayer_1, False),
        (Padded, None),
    ],
    ids=[
        "torch's",
        "its layer",
        "by its annotation",
        "beside one without meaning",
        "untold",
        "a layer without",
        "a layer with",
    ],
)
def test_padding_in_words_is_asked_of_those_that_take_it(
    implementation: Any, words: bool | None
) -> None:
    assert as_target(implementation).words is words


class Configured:
    """An object that is called as a function is, and has no name."""

    def __call__(self, input: Tensor, weight: Tensor) -> Tensor:
        return F.conv2d(input, weight)


def test_what_has_no_name_is_shown_by_its_class() -> None:
    assert as_target(Configured()).signature.startswith("Configured(input:")
    assert as_target(only_stride).signature.startswith("only_stride(input:")


def test_a_target_stays_itself() -> None:
    target = as_target(F.conv2d)
    assert as_target(target) is target
