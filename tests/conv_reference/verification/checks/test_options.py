from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from judging import exact_everywhere, failures, judged
from torch import Tensor
from torch.nn.functional import conv2d, pad
from torch.nn.grad import conv2d_input, conv2d_weight

from conv_reference import functional
from conv_reference.layer import Conv2d, ConvLayer_1
from conv_reference.verification.checks import all_checks
from conv_reference.verification.execution import Settings, judge_case
from conv_reference.verification.faults.sound.right import PlaneLayer
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.result import FAILURES, Verdict
from conv_reference.verification.target.conventions import as_target

OWN = "float32 h4 w5 k2x3"


@pytest.mark.parametrize("implementation", [conv2d, torch.nn.Conv2d, functional.conv2d, Conv2d])
def test_no_false_alarm(implementation: Any) -> None:
    assert exact_everywhere(implementation, "integers_for_pairs", count=4) > 0
    assert not failures(implementation, f"refusals {OWN}")


@pytest.mark.parametrize("implementation", [conv2d, torch.nn.Conv2d])
def test_words_are_understood(implementation: Any) -> None:
    assert exact_everywhere(implementation, "padding_words", count=6) > 0


def test_a_layer_without_channels_refuses_what_it_can_be_asked() -> None:
    assert not failures(ConvLayer_1, f"refusals {OWN}")
    verdicts = {judgement.verdict for judgement in judged(PlaneLayer, f"refusals {OWN}")}
    assert verdicts == {Verdict.EXACT}


def test_what_cannot_be_asked_is_said() -> None:
    instance, chapter = as_target(torch.nn.Conv2d(2, 2, 3)), as_target(ConvLayer_1)
    checks = all_checks()

    settled = "its arguments are settled when it is made"
    assert checks["refusals"].unsupported(instance) == settled
    for name in ("integers_for_pairs", "padding_words", "options_before", "explicit_padding"):
        assert checks[name].unsupported(instance) == settled
    assert checks["integers_for_pairs"].unsupported(chapter) == "no option of two axes"
    assert checks["padding_words"].unsupported(chapter) == "no parameter padding"


def test_of_a_padding_that_is_a_word_it_is_not_said_that_it_takes_none() -> None:
    def pixels(x: Tensor, kernel: Tensor, padding: str = "VALID") -> Tensor:
        X, K = x.permute(0, 3, 1, 2), kernel.permute(3, 2, 0, 1)
        return conv2d(X, K, padding=padding.lower()).permute(0, 2, 3, 1)

    target = as_target(pixels)
    assert target.same_padding
    said = all_checks()["padding_words"].unsupported(target)
    assert said == "its options are given by a convention found by trial"


def convolve(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """Answers whatever it is asked."""
    if isinstance(stride, int):  # an integer is for the height only
        stride = (stride, 1)
    stride = tuple(max(s, 1) for s in stride)
    dilation = dilation if isinstance(dilation, int) else tuple(max(d, 1) for d in dilation)
    sides = (padding, padding) if isinstance(padding, int) else tuple(padding)
    sides = sides * 2 if len(sides) == 1 else sides
    input = pad(input, (sides[1], sides[1], sides[0], sides[0]))
    common = min(input.shape[1], weight.shape[1] * groups)
    Y = conv2d(input[:, :common], weight[:, :common], None, stride, 0, dilation, groups)
    return Y if bias is None else Y + bias[:, None, None]


def test_an_integer_for_one_axis_only_is_found() -> None:
    found = failures(convolve, "integers_for_pairs float32 n1 c1 h5 w5 k1 s2")

    assert list(found) == [("integers_for_pairs", "Y")]
    assert found["integers_for_pairs", "Y"].startswith("options given as integers: ")


def test_answers_to_impossible_questions_are_found() -> None:
    judgements = judged(convolve, f"refusals {OWN}")
    found = [j for j in judgements if j.verdict == Verdict.PERMISSIVE]

    assert not [j for j in judgements if j.verdict in FAILURES]
    assert [(judgement.check, judgement.quantity) for judgement in found] == [("refusals", "Y")]
    said, *answered = found[0].explanation.splitlines()
    assert said == "answered, though there is no such convolution:"
    assert {each.strip().partition(", with Y of shape ")[0] for each in answered} == {
        "3 input channels for a kernel of 4",
        "5 input channels for a kernel of 4",
        "1 input channel for a kernel of 4",
        "4 input channels for a kernel of 1",
        "no stride: stride=(0, 0)",
        "no stride across: stride=(1, 0)",
        "a negative stride: stride=(-1, 1)",
        "no dilation: dilation=(0, 0)",
        "no dilation across: dilation=(1, 0)",
        "negative padding: padding=(-1, -1)",
        "negative padding across: padding=(0, -1)",
        "groups that do not divide the input channels",
    }


def padded(input: Tensor, weight: Tensor, bias: Tensor | None = None, padding: Any = 1) -> Tensor:
    Y = conv2d(input, weight, None, padding=padding)
    return Y if bias is None else Y + bias.reshape(-1, 1, 1)


def test_a_padding_by_default_and_one_bias_for_all_channels_are_no_faults() -> None:
    found = judged(padded, f"refusals {OWN}")
    noted = "one bias for four channels is taken for each of them"

    assert not failures(padded, f"refusals {OWN}")
    assert noted in {judgement.observed for judgement in found}


def refuses(input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1) -> Tensor:
    raise NotImplementedError("not on this processor")


@pytest.mark.parametrize("check", ["refusals", "integers_for_pairs"])
def test_who_refuses_everything_has_refused_nothing_of_it_rightly(check: str) -> None:
    verdicts = [judgement.verdict for judgement in judged(refuses, f"{check} {OWN}")]
    assert verdicts
    assert {*verdicts} == {Verdict.UNSUPPORTED}


def refuses_on_purpose(input: Tensor, weight: Tensor, bias: Any = None, stride: Any = 1) -> Tensor:
    raise ValueError("not on this processor")


def test_a_refusal_of_the_sizes_is_none_of_pairs() -> None:
    (judgement,) = judged(refuses_on_purpose, f"integers_for_pairs {OWN}")
    assert judgement.verdict == Verdict.UNSUPPORTED


def test_answers_to_operands_of_other_dimensions_are_found() -> None:
    def shaped(input: Tensor, weight: Tensor) -> Tensor:
        X = input.reshape(1, -1, *input.shape[-2:])
        K = weight.reshape(-1, weight.shape[-3], *weight.shape[-2:])
        common = min(X.shape[1], K.shape[1])
        return conv2d(X[:, :common], K[:, :common])

    wrong = failures(shaped, f"refusals {OWN}")["refusals", "Y"]

    assert "an input of two dimensions" in wrong
    assert "a kernel of three dimensions" in wrong


def test_a_bias_of_another_dtype_is_refused_or_added() -> None:
    def added(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        return conv2d(input, weight, None if bias is None else bias.to(input.dtype))

    def dropped(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        other = bias is not None and bias.dtype != input.dtype
        return conv2d(input, weight, None if other else bias)

    assert not failures(added, f"refusals {OWN}")
    assert failures(dropped, f"refusals {OWN}") == {
        (
            "refusals",
            "Y of a bias of another dtype",
        ): "a bias of torch.float64: should be refused or 5.0, is answered otherwise"
    }


def test_the_odd_element_on_the_wrong_side_is_found() -> None:
    def upper(input: Tensor, weight: Tensor, bias: Any = None, padding: str | Any = 0) -> Tensor:
        if padding == "same":
            height, width = (size - 1 for size in weight.shape[2:])
            sides = (width - width // 2, width // 2, height - height // 2, height // 2)
            return conv2d(pad(input, sides), weight, bias)
        return conv2d(input, weight, bias, padding=padding)

    found = failures(upper, "padding_words float32 n1 c1 h3 w3 k2")
    assert found["padding_words", "Y"].startswith("padding='same' with a kernel of 2×4 and ")


def test_the_odd_element_of_dilated_columns_alone_is_found() -> None:
    def left(input: Tensor, weight: Tensor, bias: Any = None, padding: Any = 0,
             dilation: Any = 1) -> Tensor:  # fmt: skip
        kw, dw = weight.shape[3], dilation if isinstance(dilation, int) else dilation[1]
        if padding == "same" and dw > 1 and dw * (kw - 1) % 2:
            return conv2d(input, weight, bias, padding="same", dilation=dilation).roll(1, 3)
        return conv2d(input, weight, bias, padding=padding, dilation=dilation)

    found = failures(left, "padding_words float32 n1 c1 h3 w3 k1")
    assert "a dilation of 1×3, without which it is right: " in found["padding_words", "Y"]


def test_who_does_not_say_whether_padding_takes_words_is_asked() -> None:
    def untold(input: Tensor, weight: Tensor, bias: Any = None, padding: Any = 0) -> Tensor:
        rows, columns = padding
        return conv2d(input, weight, bias, padding=(rows, columns))

    case = "padding_words float32 n1 c1 h3 w3 k2"
    assert {judgement.verdict for judgement in judged(untold, case)} == {Verdict.UNSUPPORTED}


def test_functions_that_take_no_keywords_are_called_by_position() -> None:
    def starred(*arguments: Any) -> Tensor:
        return conv2d(*arguments)

    assert not failures(starred, "integers_for_pairs float32 n1 c2 h5 w5 o2 k2 s2")
    assert not failures(starred, f"refusals {OWN}")


def test_forms_that_are_not_taken_are_told_and_not_judged() -> None:
    def pairs_only(input: Tensor, weight: Tensor, bias: Any = None, stride: Any = (1, 1)) -> Tensor:
        height, width = stride
        return conv2d(input, weight, bias, (height, width))

    case = "integers_for_pairs float32 n1 c1 h5 w5 k1 s2"
    notes = {judgement.observed for judgement in judged(pairs_only, case)}

    assert not failures(pairs_only, case)
    assert "options are not taken as integers" in notes


class Forms(torch.autograd.Function):
    """A backward pass that takes the stride as the forward pass was given it."""

    @staticmethod
    def forward(ctx: Any, X: Tensor, K: Tensor, stride: Any) -> Tensor:
        ctx.save_for_backward(X, K)
        ctx.stride = stride
        return conv2d(X, K, None, stride)

    @staticmethod
    def backward(ctx: Any, G: Tensor) -> Any:
        X, K = ctx.saved_tensors
        stride = ctx.stride
        if isinstance(stride, int):
            raise TypeError("'int' object is not subscriptable")
        if isinstance(stride, list):  # sorted on its way
            stride = sorted(stride)
        dX = conv2d_input(X.shape, K, G, tuple(stride))
        return dX, conv2d_weight(X, K.shape, G, tuple(stride)), None


def formed(input: Tensor, weight: Tensor, bias: Any = None, stride: Any = (1, 1)) -> Tensor:
    Y: Tensor = Forms.apply(input, weight, stride)  # type: ignore[no-untyped-call]
    return Y if bias is None else Y + bias[:, None, None]


def test_a_form_that_the_backward_pass_alone_does_not_take_is_noted_and_not_judged() -> None:
    """As one that the forward pass does not take: nobody promised it, and nothing is silent."""
    case = "integers_for_pairs float32 n1 c1 h7 w7 k1 s2"
    notes = {judgement.observed for judgement in judged(formed, case)} - {""}

    assert not failures(formed, case)
    given = "with options given as integers Y is answered, but its backward pass raises"
    assert notes == {given}


def test_of_a_form_without_gradients_a_wrong_answer_is_found() -> None:
    def doubled(input: Tensor, weight: Tensor, bias: Any = None, stride: Any = (1, 1)) -> Tensor:
        Y = formed(input, weight, bias, stride)
        return 2 * Y if isinstance(stride, int) else Y

    found = failures(doubled, "integers_for_pairs float32 n1 c1 h7 w7 k1 s2")
    assert list(found) == [("integers_for_pairs", "Y")]
    assert found["integers_for_pairs", "Y"].startswith("options given as integers: ")


def test_a_backward_pass_that_reads_a_list_wrongly_is_found() -> None:
    def lists(input: Tensor, weight: Tensor, bias: Any = None, stride: Any = (1, 1)) -> Tensor:
        stride = (stride, stride) if isinstance(stride, int) else stride
        return formed(input, weight, bias, stride)

    found = failures(lists, "integers_for_pairs float32 n1 c1 h4 w4 k1 s3x2")
    assert {quantity for _, quantity in found} == {"dX", "dK"}
    assert all(text.startswith("options given as lists: ") for text in found.values())


def test_what_glue_decides_is_not_asked() -> None:
    refuses = all_checks()["refusals"].unsupported
    words = "its arguments are converted for it, which decides what is refused"

    assert refuses(as_target(Nothing())) == words
    found_by_trial = replace(
        as_target(conv2d), called_as=("an image of (height, width)",), call_with=None
    )
    assert refuses(found_by_trial) == words


class Nothing:
    """An adapter that offers nothing."""

    def forward(self, input: Any, weight: Any, bias: Any, **_: Any) -> Any:
        raise NotImplementedError

    def vjp(self, grad_output: Any, input: Any, weight: Any, bias: Any, **_: Any) -> Any:
        return input, weight, bias


def test_a_layer_is_not_blamed_for_a_kernel_that_it_was_never_given() -> None:
    class Taking(torch.nn.Module):
        """Whatever its kernel is, its answer has a number."""

        def __init__(self, in_channels: int, out_channels: int, kernel_size: Any) -> None:
            super().__init__()
            size = (out_channels, in_channels, *kernel_size)
            self.weight = torch.nn.Parameter(torch.zeros(size))

        def forward(self, X: Tensor) -> Tensor:
            K = self.weight
            return conv2d(X, K) if K.dim() == 4 else X

    assert not failures(Taking, f"refusals {OWN}")


def test_who_refuses_everything_on_purpose_has_refused_nothing_wrongly() -> None:
    def refuses(input: Tensor, weight: Tensor) -> Tensor:
        raise ValueError("not on this device")

    (judgement,) = judged(refuses, "refusals float32 h1 w1 k1 nobias")
    assert judgement.verdict == Verdict.UNSUPPORTED


def reversing(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, padding: Any = 0
) -> Tensor:
    if isinstance(padding, list):
        padding.reverse()
        padding = padding[::-1]
    return conv2d(input, weight, bias, padding=padding)


def test_a_list_that_is_changed_is_found() -> None:
    """The answer is right: only the next call with that list is not."""
    found = failures(reversing, "integers_for_pairs float32 h4 w5 k2x3 p2x1")
    said = "padding was given as [2, 1], and is [1, 2] after the call"
    assert found == {("integers_for_pairs", "padding"): said}


def test_within_a_domain_what_it_does_not_speak_of_must_be_refused() -> None:
    """Of who takes no groups nothing was asked."""
    unsupported = all_checks()["refusals"].unsupported
    one_group = as_target(convolve).within("g == 1")
    assert unsupported(one_group) is None
    case = one_group.restrict(Case.parse(f"refusals {OWN}"))
    (found,) = (
        judgement
        for judgement in judge_case(one_group, case, Settings(seed=1, device="cpu"))
        if judgement.verdict == Verdict.PERMISSIVE
    )
    assert "negative padding: padding=(-1, -1)" in found.explanation
    assert "groups" not in found.explanation

    outside = "these would ask for sizes outside of its domain"
    for where in ("kh == kw == 1", "oh > 1", "n > 1"):
        assert unsupported(as_target(convolve).within(where)) == outside


@pytest.mark.parametrize("check", ["integers_for_pairs", "padding_words"])
def test_within_a_domain_what_lies_in_it_is_asked(check: str) -> None:
    """That a target takes no groups kept it from being asked what has nothing to do with them."""

    def upper(input: Tensor, weight: Tensor, stride: Any = 1, padding: Any = 0) -> Tensor:
        if padding != "same":
            rows = stride if isinstance(stride, int) else stride[0]
            return conv2d(input, weight, None, (rows, rows), padding)
        kh, kw = weight.shape[2:]
        return conv2d(pad(input, (kw // 2, (kw - 1) // 2, kh // 2, (kh - 1) // 2)), weight)

    def wrong(where: str, case: str) -> set[str]:
        target = as_target(upper).within(where)
        assert all_checks()[check].unsupported(target) is None
        whole = target.restrict(Case.parse(f"{check} float32 {case}"))
        judgements = judge_case(target, whole, Settings(seed=1, device="cpu"))
        return {judgement.check for judgement in judgements if judgement.verdict in FAILURES}

    assert wrong("sh == sw", "n1 c1 h5 w5 k2 s2") == {"padding_words"} & {check}
    assert not wrong("sh == sw and kh % 2 == 1 and kw % 2 == 1", "n1 c1 h5 w5 k3 s2")


@pytest.mark.parametrize("check", ["padding_words", "unbatched"])
def test_what_raises_whatever_form_it_is_given_is_no_refusal_of_that_form(check: str) -> None:
    def tall(input: Tensor, weight: Tensor, stride: Any = 1, padding: Any = 0) -> Tensor:
        row = [0, 1, 2, 3][weight.shape[2]]
        return conv2d(input, weight[:, :, :row], None, stride, padding)

    (judgement,) = judged(tall, f"{check} float32 h6 w5 k4x1")
    assert judgement.verdict == Verdict.UNSUPPORTED
    assert judgement.explanation == "IndexError: list index out of range"
