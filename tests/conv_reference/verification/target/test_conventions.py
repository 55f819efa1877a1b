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
        (nn.ConvTranspose3d(1, 1, 1), "three-dimensional convolution is not covered"),
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
    """And is not tried as a function of itself and an input: thousands of calls showed nothing."""
    called: list[Any] = []

    class Layer(nn.Module):
        def forward(self, x: Any, scale: Any = 1) -> Any:
            called.append(x)
            raise AssertionError("it was called")

    Layer.forward.__qualname__ = "Layer.forward"  # as at the top of a file
    for method in (Convolving.convolve, Layer.forward):
        said = (
            rf"a method without its object; accepted is .*\.{method.__name__}, or a layer's class"
        )
        with pytest.raises(TargetError, match=said):
            as_target(method)
    assert not called
    assert not as_target(Convolving().convolve).options


def test_a_scripted_layer_is_refused() -> None:
    with pytest.warns(DeprecationWarning, match="script"):
        scripted = torch.jit.script(nn.Conv2d(1, 1, 1))
    with pytest.raises(TargetError, match="parameters of a ScriptModule cannot be replaced"):
        as_target(scripted)


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
