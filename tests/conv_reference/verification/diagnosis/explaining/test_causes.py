from __future__ import annotations

from typing import Any

import faulty
import pytest
import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad
from torch.nn.grad import conv2d_input, conv2d_weight

from conv_reference.verification import verify
from conv_reference.verification.diagnosis.explaining.causes import guess, guess_of_kind
from conv_reference.verification.diagnosis.explaining.faulty_convolutions import candidates
from conv_reference.verification.execution import guarded
from conv_reference.verification.model.case import Case
from conv_reference.verification.target.conventions import as_target
from conv_reference.verification.trial.trial import Trial

_LOST = "what the stride leaves over of the input is lost, as by an output padding of 0"
_WHATEVER = "is padded on each side, whatever is asked for and whatever the stride"
# Each fault on sizes on which it shows, asked for in what it shows.
FAULTS = {
    "flipped_kernel": (
        "h3 w4 k1x2",
        "Y",
        "the kernel is flipped: a true convolution in place of the cross-correlation",
    ),
    "transposed_kernel": ("h3 w4 k2", "dX", "the kernel's height and width are exchanged"),
    "exchanged_channels": (
        "c2 h2 w2 o2 k1",
        "dK",
        "the kernel's input and output channels are exchanged",
    ),
    "exchanged_strides": ("h5 w5 k1 s2x1 nobias", "Y", "the stride's two axes are exchanged"),
    "square_dilation": (
        "h3 w5 k2 d1x2",
        "Y",
        "the dilation of the height is used for both axes",
    ),
    "ignored_dilation": ("h5 w5 k2 d2", "dX", "the dilation is ignored"),
    "padding_on_one_side": ("h3 w3 k2 p1x0", "Y", "all padding of the height is put on one side"),
    "first_group": ("c4 h2 w2 o2 k1 g2", "Y", "every group reads the first group's channels"),
    "first_sample": ("n3 h2 w2 k1", "dK", "every sample is taken for the first one"),
    "lost_sample": ("n3 h2 w2 k1", "Y", "the last sample or channel is left out"),
    "lost_bias": ("h2 w2 k1", "Y", "the bias is not added"),
    "bias_twice": ("h2 w2 k1", "Y", "the bias is added twice"),
    "lost_last_tap": ("h3 w3 k2", "Y", "the kernel's last tap is left out"),
    "lost_last_column": ("h3 w3 k2", "Y", "the last column of the output is left out"),
    "lost_remainder": ("h4 w4 k2 s2x3 p1 nobias", "dX", _LOST),
    "zeros": ("h3 w3 k2", "dK", "the result is never computed: it is zero throughout"),
    "negative": ("h3 w3 k2", "dX", "the sign is wrong"),
    "twice": (
        "h3 w3 k2",
        "dK",
        "the result is added twice, or to a buffer that already held it",
    ),
    "shifted_down": ("h4 w3 k2", "Y", "the result is shifted by one row, downwards"),
    "in_bfloat16": ("h3 w3 k2", "Y", "operands are rounded to bfloat16 on the way"),
    "all_in_bfloat16": (
        "h3 w3 k2",
        "Y",
        "operands and result are rounded to bfloat16: all is computed in it",
    ),
    "in_ten_bits": (
        "h3 w3 k2 values=heavy_input",
        "Y",
        "operands are rounded to ten bits on the way, as TF32 does",
    ),
    "ignores_the_strides_of_x": (
        "h3 w3 k2 X=transposed",
        "Y",
        "the strides of X are ignored",
    ),
    "unwritten": (
        "h3 w3 k2",
        "Y",
        "memory is read that was never written, or a gap beside a view",
    ),
    "times_taps": ("h3 w3 k1x2", "Y", "the result is multiplied by kh·kw"),
    "mean_over_samples": ("n2 h3 w3 k2", "dK", "the result is divided by the number of samples"),
    "dilated_twice": ("h3 w8 k1x2 d1x2", "Y", "the kernel is dilated twice"),
    "rectified": (
        "h3 w3 k2",
        "Y",
        "a ReLU is applied to the result: what is negative becomes zero",
    ),
    "same_as_tensorflow": (
        "h4 w4 k3 s2 p1 nobias",
        "Y",
        "the padding is TensorFlow's SAME, whatever is asked for",
    ),
    "half_the_kernel": ("h6 w6 k3 s2 nobias", "Y", f"half the kernel {_WHATEVER}"),
    "half_the_kernel_and_more": (
        "h6 w6 k3 s2 nobias",
        "Y",
        f"half the kernel, rounded up, {_WHATEVER}",
    ),
}


def trial(name: str, words: str, seed: int = 0) -> Trial:
    case = Case.parse(f"certificate float32 {words}")
    target = as_target(getattr(faulty, name))
    return Trial(target, case, seed, torch.device("cpu"))


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("seed", [0, 1])
def test_a_fault_is_guessed_from_its_answer(name: str, seed: int) -> None:
    words, quantity, cause = FAULTS[name]
    with guarded():
        assert guess(trial(name, words, seed), quantity) == f"Perhaps {cause}."


@pytest.mark.parametrize("name", FAULTS)
def test_nothing_is_guessed_of_a_right_answer(name: str) -> None:
    words, quantity, _ = FAULTS[name]
    with guarded():
        assert guess(trial("correct", words), quantity) == ""


class TakenForOnes(torch.autograd.Function):
    """dX and dK as of Y.sum(), wherever the upstream gradient is one number, repeated."""

    @staticmethod
    def forward(ctx: Any, input: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(input, weight)
        return conv2d(input, weight)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Any:
        (G,), (X, K) = grad_outputs, ctx.saved_tensors
        G = torch.ones_like(G) if 0 in G.stride() else G
        return conv2d_input(X.shape, K, G), conv2d_weight(X, K.shape, G)


@pytest.mark.parametrize("quantity", ["dX", "dK"])
def test_an_upstream_gradient_that_is_taken_for_ones_is_told(quantity: str) -> None:
    case = Case.parse("certificate float32 h3 w4 k2 G=expanded nobias")
    given = Trial(as_target(TakenForOnes), case, 0, torch.device("cpu"))
    with guarded():
        said = guess(given, quantity)
    assert said == "Perhaps the upstream gradient is taken for ones, as that of .sum() is."


@pytest.mark.parametrize("values", ["ones", "counting", "balanced"])
@pytest.mark.parametrize("name", ["zero_columns", "shifted_down", "wrong_offset"])
def test_what_is_zero_on_the_smallest_case_alone_is_not_said_to_be_never_computed(
    name: str, values: str
) -> None:
    """There it is: a column is lost, or a single element shifted out."""
    with guarded():
        said = guess(trial(name, f"h1 w1 k1 nobias values={values}"), "Y")
    assert "never computed" not in said


def test_a_guess_fits_one_of_the_other_failing_cases() -> None:
    flipped = trial("flipped_kernel", "h3 w4 k1x2")
    others = [trial("transposed_kernel", "h3 w4 k2")]
    with guarded():
        assert guess(flipped, "Y").startswith("Perhaps the kernel is flipped")
        assert guess(flipped, "Y", others) == ""
        assert guess(flipped, "Y", [*others, flipped]).startswith("Perhaps the kernel is flipped")


def test_a_nan_that_a_formula_makes_is_not_laid_at_memory() -> None:
    with guarded():
        assert guess(trial("nan_of_a_formula", "h3 w3 k2"), "Y") == ""
        assert guess(trial("nan_of_a_formula", "h3 w3 k2 X=sliced"), "Y") == ""


class ErrsInBoth(torch.autograd.Function):
    """Y is that of the flipped kernel, dX is zero: two faults, of which the second is hidden."""

    @staticmethod
    def forward(ctx: Any, input: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(input, weight)
        return conv2d(input, weight.flip(2, 3))

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Any:
        (G,), (X, K) = grad_outputs, ctx.saved_tensors
        return torch.zeros_like(X), conv2d_weight(X, K.shape, G)


def test_nothing_is_guessed_of_a_gradient_that_does_not_explain_the_wrong_y() -> None:
    case = Case.parse("certificate float32 h3 w4 k2 nobias")
    given = Trial(as_target(ErrsInBoth), case, 0, torch.device("cpu"))
    with guarded():
        assert guess(given, "dX") == ""


def test_ten_bits_are_told_in_float64_too() -> None:
    case = Case.parse("certificate float64 h3 w3 k2 values=heavy_input")
    given = Trial(as_target(faulty.in_ten_bits), case, 0, torch.device("cpu"))
    with guarded():
        assert guess(given, "Y").startswith("Perhaps operands are rounded to ten bits")


@pytest.mark.parametrize("quantity", ["Y", "dX", "dK"])
def test_float32_is_told_in_float64(quantity: str) -> None:
    def narrow(input: Tensor, weight: Tensor) -> Tensor:
        return conv2d(input.float(), weight.float()).to(input.dtype)

    case = Case.parse("certificate float64 h3 w4 k2 nobias")
    told = guess(Trial(as_target(narrow), case, 0, torch.device("cpu")), quantity)
    assert told == "Perhaps the result is computed in float32: no number of it has more bits."


def test_products_in_float32_are_told_where_the_bias_is_not() -> None:
    def narrow(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        Y = conv2d(input.float(), weight.float()).to(input.dtype)
        return Y if bias is None else Y + bias.view(1, -1, 1, 1)

    case = Case.parse("certificate float64 h3 w4 k2 values=heavy_input")
    told = guess(Trial(as_target(narrow), case, 0, torch.device("cpu")), "Y")
    assert told.startswith("Perhaps the products are summed in float32: without the bias")


def test_a_result_in_the_default_dtype_is_told() -> None:
    for dtype, said in (
        ("float64", "Perhaps the result is made in torch's default dtype"),
        ("float32", ""),
    ):
        case = Case.parse(f"certificate {dtype} h3 w3 k2")
        given = Trial(as_target(faulty.in_the_default_dtype), case, 0, torch.device("cpu"))
        with guarded():
            assert guess_of_kind(given, "Y").startswith(said)


def test_of_another_shape_the_default_dtype_is_not_the_cause() -> None:
    def row_short(input: Tensor, weight: Tensor) -> Tensor:
        return conv2d(input.float(), weight.float())[:, :, 1:]

    case = Case.parse("certificate float64 h3 w3 k2 nobias")
    with guarded():
        assert guess_of_kind(Trial(as_target(row_short), case, 0, torch.device("cpu")), "Y") == ""


def test_of_several_the_guess_is_the_one_that_fits_most() -> None:
    """A gap beside the view is read, too; but in one layout there is none."""
    name = "ignores_the_strides_of_x"
    sliced, transposed = (trial(name, f"h3 w3 k2 X={x}") for x in ("sliced", "transposed"))
    with guarded():
        for other in ([], [transposed]):
            assert guess(sliced, "Y", other) == "Perhaps the strides of X are ignored."
        assert guess(sliced, "dX", [transposed]) == "Perhaps the strides of X are ignored."


def test_nothing_is_guessed_where_no_known_fault_gives_this_answer() -> None:
    assert guess(trial("wrong_groups", "n2 c4 h2 w3 o4 k1x2 s2 g2"), "dX") == ""


@pytest.mark.parametrize("quantity", ["dX", "db", "ddX"])
def test_nothing_is_guessed_where_there_is_no_answer(quantity: str) -> None:
    words = "h2 w2 k1 grad=K nobias"
    assert guess(trial("flipped_kernel", words), quantity) == ""


def flat_of_an_empty_batch(input: Tensor, weight: Tensor, stride: Any = 1) -> Tensor:
    Y = conv2d(input, weight, stride=stride)
    return Y if len(input) else Y.flatten()


@pytest.mark.parametrize("quantity", ["Y", "dX", "dK"])
def test_nothing_is_guessed_of_an_empty_batch(quantity: str) -> None:
    case = Case.parse("certificate float32 n0 c2 h3 w3 o2 k1 s2x1 nobias")
    empty = Trial(as_target(flat_of_an_empty_batch), case, 0, torch.device("cpu"))
    with guarded():
        assert guess(empty, quantity) == ""


def test_nothing_is_guessed_where_the_target_raises() -> None:
    assert guess(trial("not_implemented", "h2 w2 k1"), "Y") == ""


def test_every_known_fault_changes_something_somewhere() -> None:
    """Each candidate is a faulty convolution: on sizes of many unequal numbers none is right."""
    words = "n2 c4 h7 w9 o4 k3 s2x1 p2x1 d1x2 g2 X=sliced K=strided"
    right = trial("correct", words)
    o = right.operands
    X, K, b = (t.to(torch.float64) for t in (o.input, o.weight, o.bias))
    Y = right.expect(only=("Y",))["Y"].value
    found = list(candidates(right))

    assert len(found) > 20
    assert len({candidate.words for candidate in found}) == len(found)
    for candidate in found:
        try:
            answer = candidate.forward(X, K, b)
        except ValueError:  # no such convolution
            continue
        assert not torch.equal(answer, Y), candidate.words


def test_an_answer_that_is_transposed_is_none_of_other_options() -> None:
    def channels_last(input: Tensor, weight: Tensor, padding: Any = 0) -> Tensor:
        return conv2d(input, weight, padding=padding).transpose(2, 3)

    case = "certificate float64 n1 c1 h1 w1 o1 k1x1 s1 p0x1 d1 g1 values=ones grad= nobias"
    (found,) = verify(channels_last, case=case, seed=1).findings
    assert "is of shape (1, 1, 3, 1)" in found.explanation
    assert found.cause == ""


def padded_behind(input: Tensor, weight: Tensor, bias: Any = None, padding: Any = 0) -> Tensor:
    return conv2d(pad(input, (0, 2 * padding[1], 0, 2 * padding[0])), weight)


def padded_in_front_alone(
    input: Tensor, weight: Tensor, bias: Any = None, padding: Any = 0
) -> Tensor:
    return conv2d(pad(input, (padding[1], 0, padding[0], 0)), weight)


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (
            padded_behind,
            "all padding is put behind the image, none before its first row and column",
        ),
        (padded_in_front_alone, "the image is padded before its first row and column alone"),
    ],
)
def test_padding_on_one_side_of_both_axes_is_told(function: Any, said: str) -> None:
    """Of all of it on one side Y has the right shape; of that side's own another."""
    case = Case.parse("certificate float32 h4 w5 k2 p1 nobias")
    given = Trial(as_target(function), case, 0, torch.device("cpu"))
    with guarded():
        assert guess(given, "Y") == f"Perhaps {said}."


@pytest.mark.parametrize(
    ("lowered", "values", "said"),
    [
        ("X", "heavy_input", "X is rounded to float32 on the way"),
        ("K", "heavy_weight", "K is rounded to float32 on the way"),
        ("XK", "heavy_weight", "operands are rounded to float32 on the way"),  # on other numbers
    ],
)
def test_which_operand_is_rounded_is_told(lowered: str, values: str, said: str) -> None:
    """A buffer that is made in float32, say: the products themselves have all of their bits."""

    def through_float32(input: Tensor, weight: Tensor) -> Tensor:
        X = input.float().to(input.dtype) if "X" in lowered else input
        K = weight.float().to(weight.dtype) if "K" in lowered else weight
        return conv2d(X, K)

    case = Case.parse(f"certificate float64 h4 w5 k2 nobias values={values}")
    given = Trial(as_target(through_float32), case, 0, torch.device("cpu"))
    with guarded():
        assert guess(given, "Y") == f"Perhaps {said}."


def to_bfloat16(tensor: Tensor) -> Tensor:
    return tensor.bfloat16().to(tensor.dtype)


@pytest.mark.parametrize(
    ("operands", "result", "said"),
    [
        (to_bfloat16, Tensor.clone, "operands are rounded to bfloat16 on the way"),
        (Tensor.clone, to_bfloat16, "the result is rounded to bfloat16"),
        (
            to_bfloat16,
            to_bfloat16,
            "operands and result are rounded to bfloat16: all is computed in it",
        ),
    ],
    ids=["operands", "result", "both"],
)
@pytest.mark.parametrize("bias", [False, True])
def test_what_is_rounded_is_told_and_no_more(
    operands: Any, result: Any, said: str, *, bias: bool
) -> None:
    def rounding(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        Y: Tensor = result(conv2d(operands(input), operands(weight)))
        return Y if bias is None else Y + bias[:, None, None]

    case = Case.parse(f"certificate float32 c2 h5 w6 o2 k2x3 grad={' nobias' * (not bias)}")
    given = Trial(as_target(rounding), case, 0, torch.device("cpu"))
    with guarded():
        assert guess(given, "Y") == f"Perhaps {said}."


def test_where_the_operands_need_not_be_rounded_only_the_result_is_said_to_be() -> None:
    """On a case of one product both may give the same number."""

    def rounding(input: Tensor, weight: Tensor) -> Tensor:
        Y: Tensor = to_bfloat16(conv2d(input, weight))
        return Y

    case = Case.parse("certificate float16 h1 w1 k1 values=heavy_weight nobias grad=")
    for seed in range(20):
        trial = Trial(as_target(rounding), case, seed, torch.device("cpu"))
        with guarded():
            assert guess(trial, "Y") in {"", "Perhaps the result is rounded to bfloat16."}
