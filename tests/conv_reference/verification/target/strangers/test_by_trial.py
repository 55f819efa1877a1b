from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from conv_reference import functional
from conv_reference.geometry import Geometry
from conv_reference.operands import exact_operands
from conv_reference.quantities import CONV2D
from conv_reference.verification import verify
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.errors import TargetError
from conv_reference.verification.target.conventions import as_target
from conv_reference.verification.target.strangers.attempt import TINY, asked
from conv_reference.verification.target.strangers.settling import settled
from conv_reference.verification.target.strangers.tensor_forms import FORMS, Form, first_tensor
from conv_reference.verification.target.strangers.tensor_functions import tensor_function
from conv_reference.verification.target.target import Target
from conv_reference.verification.trial.tiny import tiny_judgements

pytestmark = pytest.mark.usefixtures("without_circumstances")

CASE = Case(check="certificate", geometry=Geometry.parse("n3 c2 h9 w8 o4 k2x3 s2x1 p1x2 d1 g2"))


UNDONE: dict[str, Callable[[Tensor], Tensor]] = {
    "OIHW": lambda K: K,
    "HWIO": lambda K: K.permute(3, 2, 0, 1),
    "OHWI": lambda K: K.permute(0, 3, 1, 2),
    "IOHW": lambda K: K.permute(1, 0, 2, 3),
    "(o, c·kh·kw)": lambda K: K.reshape(len(K), 3, 2, K.shape[1] // 6),
    "(c·kh·kw, o)": lambda K: K.t().reshape(K.shape[1], 3, 2, len(K) // 6),
    "(kh, kw)": lambda K: K[None, None],
    "(o, kh, kw)": lambda K: K[:, None],
    "(c, kh, kw)": lambda K: K[None],
    "(kh, kw, c)": lambda K: K.permute(2, 0, 1)[None],
    "(kh, kw, c), one kernel for each channel": lambda K: K.permute(2, 0, 1)[:, None],
    "(kh, kw, c, 1), one kernel for each channel": lambda K: K.permute(2, 3, 0, 1),
    "(c, 1, kh, kw), one kernel for each channel": lambda K: K,
    "(c, kh, kw), one kernel for each channel": lambda K: K[:, None],
}  # a kernel in torch's form again


def in_form(form: Form) -> Any:
    """A right convolution that takes its tensors in this form alone."""
    undone = UNDONE[form.weight.name]

    def convolution(image: Tensor, kernel: Tensor) -> Tensor:
        if form.exchanged:
            image, kernel = kernel, image
        if image.dim() != form.input.dimensions - form.input.one_channel + form.input.one_output:
            raise ValueError(f"{form.input.name} is accepted")
        if form.input.one_output:
            X = image if form.input.word == "CHW-HW" else image.permute(2, 0, 1)
            return F.conv2d(X[None], undone(kernel))[0, 0]
        if form.input.one_channel:
            Y = F.conv2d(image[None, None], undone(kernel))[0]
            return Y.permute(1, 2, 0) if form.input.word.endswith("HWC") else Y
        X, K = _four(form.input.back(image), form), undone(kernel)
        Y = F.conv2d(X, K, groups=len(K) if form.weight.depthwise else 1)
        return form.input.there(Y if form.has_channels else Y[:, 0])

    return convolution


def _four(X: Tensor, form: Form) -> Tensor:
    return X if form.has_channels else X[:, None]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: "; ".join(form.described()) or "torch")
def test_the_form_that_a_function_takes_is_found(form: Form) -> None:
    found = settled(tensor_function(in_form(form)))
    assert found is not None
    assert found.form == form
    target = as_target(in_form(form))
    assert target.has_channels == form.has_channels
    assert target.single_sample is not form.input.batch
    assert all(judgement.is_exact for judgement in tiny_judgements(target))


def square(x: Tensor, w: Tensor, stride: int = 1, pad: Any = 0) -> Tensor:
    return F.conv2d(x, w, stride=(stride + 0, stride), padding=pad)


def test_options_that_take_integers_alone_are_asked_for_equal_sides() -> None:
    target = as_target(square)
    assert target.integers == {"stride"}
    assert target.called_as == ("integers for stride", "pad for padding")
    assert str(target.restrict(CASE).geometry) == "n3 c1 h9 w8 o2 k2x3 s2 p1x2 d1 g1"
    assert target.restrict(target.restrict(CASE)) == target.restrict(CASE)


ORDERS = {"tblr": (0, 1, 2, 3), "lrtb": (2, 3, 0, 1), "tlbr": (0, 2, 1, 3)}  # where each side is


@pytest.mark.parametrize("is_optional", [True, False], ids=["optional", "required"])
@pytest.mark.parametrize("order", [*ORDERS, "pairs"])
def test_the_order_of_four_sides_in_one_value_is_found(order: str, is_optional: bool) -> None:
    def padded(x: Tensor, w: Tensor, pads: Any) -> Tensor:
        flat = (
            [*pads[0], *pads[1]] if order == "pairs" else [pads[place] for place in ORDERS[order]]
        )
        return F.conv2d(F.pad(x, (*flat[2:], *flat[:2])), w)

    def convolution(x: Tensor, w: Tensor, padding: Any = (0, 0, 0, 0)) -> Tensor:
        return padded(x, w, ((0, 0), (0, 0)) if order == "pairs" and len(padding) == 4 else padding)

    target = as_target(convolution if is_optional else padded)
    assert target.sides
    assert f"padding={order} " in target.convention
    assert all(judgement.is_exact for judgement in tiny_judgements(target))
    uneven = replace(CASE.geometry, padding=((1, 0), (2, 3)), stride=(1, 1), groups=1)
    assert target.restrict_geometry(uneven).padding == ((1, 0), (2, 3))
    # Fixed by the user it is the same.
    assert as_target(padded, convention=target.convention).convention == target.convention


def test_who_pads_as_torch_does_is_not_given_four_sides() -> None:
    def convolution(x: Tensor, w: Tensor, pad: Any = 0) -> Tensor:
        return F.conv2d(x, w, padding=pad)

    target = as_target(convolution)
    assert not target.sides
    assert target.called_as == ("pad for padding",)


def of_three(x: Tensor, w: Tensor, pad: int = 0) -> Tensor:
    """Fails on other kernels, wherever that shows."""
    taps = w.reshape(3, 3, *w.shape[2:]).permute(3, 2, 0, 1)
    return F.conv2d(x.permute(0, 3, 1, 2), taps, padding=pad).permute(0, 2, 3, 1)


def declared(x: Tensor, w: Tensor, pad: int = 0) -> Tensor:
    """Refuses other kernels, with its reason."""
    if w.shape[:2] != (3, 3):
        raise ValueError("kernels of three by three alone")
    return of_three(x, w, pad)


def test_who_takes_kernels_of_three_by_three_alone_is_tried_with_one() -> None:
    alone = "kernels of equal sides alone, for it raises on others"
    own = ("integers for padding", "pad for padding")
    assert as_target(of_three).called_as == ("X as NHWC", "K as HWIO", alone, *own)
    # What is declared is learned as a domain, and reported with its reason.
    assert as_target(declared).called_as == ("X as NHWC", "K as HWIO", *own)


def test_who_fails_on_integers_too_is_still_not_given_pairs() -> None:
    def broken(x: Tensor, w: Tensor, stride: Any = 1, pad: Any = 0) -> Tensor:
        size = (x.shape[2] + 2 * pad - w.shape[2]) // stride + 1
        if pad:
            raise RuntimeError("the input was never padded")
        if (x.shape[2] - w.shape[2]) % stride:
            raise RuntimeError("what is left over?")
        return F.conv2d(x, w, stride=stride)[:, :, :size]

    assert as_target(broken).integers == {"stride", "padding"}


def test_who_says_integers_is_given_integers() -> None:
    def annotated(x: Tensor, w: Tensor, stride: int = 1) -> Tensor:
        return F.conv2d(x, w, stride=stride)

    assert as_target(annotated).integers == {"stride"}


def pairs(x: Tensor, w: Tensor, stride: Any = 1) -> Tensor:
    """Takes pairs, and fails where they are unequal: a fault, and no convention."""
    if isinstance(stride, tuple) and stride[0] != stride[1]:
        raise RuntimeError("no such stride")
    return F.conv2d(x, w, stride=stride)


def test_a_failure_on_unequal_pairs_alone_stays_a_fault() -> None:
    assert not as_target(pairs).integers
    assert not as_target(pairs).called_as


def of_integers(
    input: Tensor, weight: Tensor, bias: Any = None, stride: Any = 1, padding: Any = 0,
    dilation: Any = 1, groups: int = 1,
) -> Tensor:  # fmt: skip
    """Refuses pairs in words of its own."""
    if not isinstance(stride, int) or not isinstance(padding, int):
        raise ValueError("one number for both axes, please")
    return F.conv2d(input, weight, bias, stride, padding, dilation, groups)


def test_who_refuses_pairs_in_words_of_its_own_is_given_integers() -> None:
    assert as_target(of_integers).integers == {"stride", "padding"}


def test_a_bias_that_must_be_there_is_always_there() -> None:
    def required(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
        return F.conv2d(x, w) + b[:, None, None]

    target = as_target(required)
    assert target.always_biased
    assert "bias" not in target.options


def torchs(input: Tensor, weight: Tensor, bias: Any = None, stride: Any = 1) -> Tensor:
    return F.conv2d(input, weight, bias, stride)


def in_torchs_words(x: Tensor, w: Tensor, dilation: Any = 1) -> Tensor:
    raise AssertionError("it was called")


def quietly(input: Tensor, weight: Tensor) -> Tensor:
    raise AssertionError("it was called")


@pytest.mark.parametrize("function", [torchs, in_torchs_words, quietly, F.conv2d, nn.Conv2d])
def test_what_follows_torch_is_left_as_it_is(function: Any) -> None:
    assert not as_target(function).called_as
    assert as_target(function).spelling is not None


def test_what_fits_nowhere_is_refused_or_kept_as_before() -> None:
    def nothing(x: Tensor, w: Tensor) -> Tensor:
        raise ValueError("nothing")

    def unknown(x: Tensor, w: Tensor, colour: int) -> Tensor:
        return F.conv2d(x, w)

    assert not as_target(nothing).called_as
    with pytest.raises(TargetError, match="no parameter of conv2d is called colour"):
        as_target(unknown)


class Reversed(nn.Module):
    """Its names are its own; its kernel's form shows itself."""

    def __init__(self, c_in: int, c_out: int, ks: int, pad_size: int = 3, use_bias: bool = False):
        super().__init__()
        self.pad_size = pad_size
        self.filters = nn.Parameter(torch.zeros(ks, ks, c_in, c_out))
        self.bias = nn.Parameter(torch.zeros(1, c_out, 1, 1)) if use_bias else None

    def forward(self, x: Tensor) -> Tensor:
        Y = F.conv2d(x, self.filters.permute(3, 2, 0, 1), padding=self.pad_size)
        return Y if self.bias is None else Y + self.bias


def test_a_layer_with_names_of_its_own_is_constructed() -> None:
    target = as_target(Reversed)
    assert target.options == {"bias", "padding"}
    assert target.integers == {"kernel_size", "padding"}
    assert str(target.restrict(CASE).geometry) == "n3 c1 h9 w8 o2 k2x2 s1 p1 d1 g1"
    assert {j.quantity for j in tiny_judgements(target)} == {"Y", "dX", "dK", "db"}
    assert all(judgement.is_exact for judgement in tiny_judgements(target))


def test_a_layer_whose_kernel_is_replaced_refuses_a_second_thread() -> None:
    """Two calls at once would mix their kernels up, which is no fault of the layer's."""
    target = as_target(Reversed)
    case = target.restrict(CASE)
    call = target.prepare(case, exact_operands(case.geometry, case.dtype, seed=0))
    raised: list[BaseException] = []

    def other() -> None:
        try:
            call.forward()
        except NotImplementedError as error:
            raised.append(error)

    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    assert len(raised) == 1
    assert isinstance(call.forward(), Tensor)


def test_a_wrong_answer_of_the_right_shape_keeps_its_form() -> None:
    def wrong(x: Tensor, w: Tensor, stride: int = 1) -> Tensor:
        x, w = x.permute(0, 3, 1, 2), w.permute(3, 2, 0, 1)
        return -F.conv2d(x, w, stride=stride).permute(0, 2, 3, 1)

    target = as_target(wrong)
    assert target.called_as == ("X as NHWC", "K as HWIO", "integers for stride")
    assert not any(judgement.is_exact for judgement in tiny_judgements(target))


def test_the_tiny_case_is_the_oracles() -> None:
    operands = exact_operands(TINY, torch.float32, seed=0)
    own = tensor_function(torchs)
    found = settled(own)
    assert found is not None
    answer = asked(own, found)
    named = operands.by_role(torch.float64)
    del named["bias"]
    assert torch.equal(answer.Y.double(), CONV2D.first("Y", named, TINY))
    assert not answer.several
    assert first_tensor(answer.Y) is answer.Y


def test_a_trial_leaves_the_random_numbers_as_they_are() -> None:
    torch.manual_seed(3)
    first = torch.rand(1)
    torch.manual_seed(3)
    target: Target = as_target(Reversed)
    assert target.called_as
    assert torch.equal(torch.rand(1), first)


def nhwc(x: Tensor, w: Tensor, strides: int = 1, padding: str = "SAME") -> Tensor:
    """In the manner of TensorFlow: its padding is a word, and its default pads."""
    X, K = x.permute(0, 3, 1, 2), w.permute(3, 2, 0, 1)
    if padding == "SAME":
        whole = [
            max(0, (-(-size // strides) - 1) * strides + k - size)
            for size, k in zip(X.shape[2:], K.shape[2:], strict=True)
        ]
        (top, bottom), (left, right) = ((total // 2, total - total // 2) for total in whole)
        X = F.pad(X, (left, right, top, bottom))
    elif padding != "VALID":
        raise ValueError(padding)
    # In channels_last torch's own writes past its workspace on some processors (docs/found/0008).
    return functional.conv2d(X, K, stride=strides).permute(0, 2, 3, 1)


def test_a_padding_that_is_a_word_is_asked_for_as_one() -> None:
    target = as_target(nhwc)
    assert target.same_padding
    assert target.called_as[-2:] == ("TensorFlow's SAME or VALID for padding", "strides for stride")
    case = Case(check="certificate", geometry=Geometry.parse("h7 w8 k2x3 s2 p1"))
    assert str(target.restrict(case).geometry) == "n1 c1 h7 w8 o1 k2x3 s2 p0:1 d1 g1"
    report = verify(nhwc, checks="certificate", dtypes="float32", cases=90, seed=0, known=None)
    assert report, str(report)


def keras(x: Tensor, w: Tensor, strides: Any = (1, 1), padding: str = "valid") -> Tensor:
    """Its default pads nothing, and SAME may pad below and on the right alone."""
    whole = [
        max(0, (-(-size // s) - 1) * s + k - size) if padding == "same" else 0
        for size, k, s in zip(x.shape[1:3], w.shape[:2], strides, strict=True)
    ]
    (top, bottom), (left, right) = ((total // 2, total - total // 2) for total in whole)
    X = F.pad(x.permute(0, 3, 1, 2), (left, right, top, bottom))
    return functional.conv2d(X, w.permute(3, 2, 0, 1), stride=strides).permute(0, 2, 3, 1)


@pytest.mark.parametrize("check", ["certificate", "stride_subsampling", "calls_before"])
def test_same_is_asked_for_where_it_pads_one_side_alone(check: str) -> None:
    report = verify(keras, checks=check, dtypes="float32", cases=150, seed=1, known=None)
    assert report, str(report)
    assert "TensorFlow's SAME or VALID for padding" in report.called_as


def test_what_is_said_of_a_convention_holds_without_a_trial() -> None:
    asked_words = "input=NHWC weight=OHWI integers=none"
    target = as_target(nhwc, convention=asked_words)
    assert target.called_as[:2] == ("X as NHWC", "K as OHWI")
    assert target.convention == asked_words
    assert target.name.endswith(f"@{asked_words}")
    with pytest.raises(TargetError, match="cannot call 'conv2d' as 'input=NHWC'"):
        as_target(F.conv2d, name="conv2d", convention="input=NHWC")


def test_what_else_it_computes_is_told_in_one_line() -> None:
    def flipped(x: Tensor, w: Tensor) -> Tensor:
        return nhwc(x, w.flip(0, 1), padding="VALID")

    report = verify(flipped, checks="certificate", dtypes="float32", cases=20, seed=0, known=None)
    assert not report
    assert report.computes == "a true convolution: the kernel is flipped"
    assert report.never_varied == ("bias", "stride", "padding", "dilation", "groups")
    assert "seems to compute a true convolution" in str(report)


def test_the_convention_that_was_found_can_be_said() -> None:
    found = as_target(nhwc)
    said = as_target(nhwc, convention=found.convention)
    assert (said.called_as, said.integers) == (found.called_as, found.integers)
