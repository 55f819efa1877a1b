from __future__ import annotations

from typing import Any

import faulty
import pytest
import torch
from judging import exact_everywhere, failures, judged
from torch import Tensor
from torch.nn.functional import conv2d, pad

from conv_reference import functional
from conv_reference.layer import ConvLayer_1
from conv_reference.verification import verify
from conv_reference.verification.faults.collection import FAULTS
from conv_reference.verification.faults.sound import right, unusual
from conv_reference.verification.model.result import FAILURES

SIZES = "float32 n2 c2 h5 w6 o3 k3x2 p1"


@pytest.mark.parametrize(
    "implementation", [conv2d, torch.nn.Conv2d, functional.conv2d, ConvLayer_1]
)
@pytest.mark.parametrize("check", ["nonfinite", "extremes"])
def test_no_false_alarm(implementation: Any, check: str) -> None:
    assert exact_everywhere(implementation, check, count=4) > 0


@pytest.mark.parametrize("implementation", [conv2d, functional.conv2d])
@pytest.mark.parametrize(
    "sizes",
    [
        "float64 n1 c2 h2 w5 o2 k3 s1x2 p3x1 d3x1",  # taps that see only padding
        "float32 n2 c2 h1 w11 o1 k2x4 s2x3 p3x0",  # outputs that do
        "float32 n2 c4 h3 w7 o4 k2 s3 g2",  # gaps between strides
    ],
)
def test_zeros_that_are_not_in_the_definition_are_not_judged(
    implementation: Any, sizes: str
) -> None:
    for seed in range(12):
        assert not failures(implementation, f"nonfinite {sizes}", seed)


def unfolded(X: Tensor, K: Tensor, padding: Any = (0, 0)) -> Tensor:
    """Over the padded image, whose zeros are multiplied as other numbers are."""
    height, width = padding
    windows = pad(X, (width, width, height, height)).unfold(2, K.shape[2], 1)
    return torch.einsum("nchwij,ocij->nohw", windows.unfold(3, K.shape[3], 1), K)


def test_what_spreads_to_zeros_of_a_padding_is_not_said_to_be_multiplied_there() -> None:
    """So it is by who unfolds the padded image; and so it is by a transform, which has none."""
    said = "where only zeros of a padding, or between strides, stand against them"
    for implementation in (unfolded, right.fft):
        notes = {
            judgement.observed
            for seed in range(4)
            for judgement in judged(implementation, "nonfinite float64 n1 c1 h3 w4 o2 k3 p1", seed)
        }
        assert f"NaN and infinity spread in Y to {said}" in notes
        assert not [note for note in notes if "multiplied" in note]


def cleaned(X: Tensor, K: Tensor) -> Tensor:
    return conv2d(X.nan_to_num(0, 0, 0), K.nan_to_num(0, 0, 0))


def spread(X: Tensor, K: Tensor) -> Tensor:
    """As a transform over the whole image does."""
    return conv2d(X, K) + 0 * X.sum()


def spread_from_kernel(X: Tensor, K: Tensor) -> Tensor:
    return conv2d(X, K) + 0 * K.sum()


class _Clipped(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, Y: Tensor) -> Tensor:
        return Y.clone()

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        return grad_outputs[0].nan_to_num(0, 0, 0)


def clipped(X: Tensor, K: Tensor) -> Tensor:
    return _Clipped.apply(conv2d(X, K))  # type: ignore[no-any-return, no-untyped-call]  # torch's `apply` is untyped


def multiplied(X: Tensor, K: Tensor) -> Tensor:
    """As a product with a zero of its own makes it."""
    Y = conv2d(X, K)
    return torch.where(Y.isinf(), torch.nan, Y)


def lost(X: Tensor, K: Tensor) -> Tensor:
    """The same in one dtype alone: no algorithm's nature."""
    return conv2d(X, K) if X.dtype != torch.bfloat16 else multiplied(X, K)


def unsigned(X: Tensor, K: Tensor) -> Tensor:
    Y = conv2d(X, K)
    return torch.where(Y.isinf(), Y.abs(), Y)


@pytest.mark.slow
def test_products_with_zeros_in_every_dtype_are_observed() -> None:
    for implementation in (multiplied, unusual.one_hot):
        notes = set()
        for seed in range(6):
            found = judged(implementation, "nonfinite float32 n1 c2 h5 w6 o3 k3x2", seed)
            of_Y = [judgement for judgement in found if judgement.quantity == "Y"]
            assert not [judgement for judgement in of_Y if judgement.verdict in FAILURES]
            notes |= {judgement.observed for judgement in of_Y}
        assert "products with zeros make NaN of an infinity in Y" in notes


@pytest.mark.slow
@pytest.mark.parametrize(
    ("implementation", "shown", "dtype"),
    [(lost, "is nan", "bfloat16")]
    + [(unsigned, "is inf", dtype) for dtype in ("float64", "float32", "float16", "bfloat16")],
)
def test_an_infinity_stays_the_infinity_that_it_is(
    implementation: Any, shown: str, dtype: str
) -> None:
    case = f"nonfinite {dtype} n1 c2 h5 w6 o3 k3x2"
    found = [failures(implementation, case, seed) for seed in range(6)]

    told = [text for texts in found for (_, name), text in texts.items() if name == "Y"]
    assert told
    assert all("is the one infinite product of Y[" in text for text in told)
    assert all(text.endswith(shown) for text in told)


@pytest.mark.parametrize(
    ("implementation", "dtype"),
    [
        *((each, "float64") for each in (right.fft, right.winograd_2, right.winograd_4)),
        pytest.param(right.fft, "float32", marks=pytest.mark.slow),
        pytest.param(right.winograd_4, "float16", marks=pytest.mark.slow),
    ],
)
def test_a_transform_may_make_nan_of_an_infinity(implementation: Any, dtype: str) -> None:
    notes: set[str] = set()
    for seed in range(6):
        for sizes in ("n1 c2 h3 w4 o1 k3", "n1 c1 h8 w4 o2 k3 p1", "n2 c3 h4 w7 o3 k3"):
            found = judged(implementation, f"nonfinite {dtype} {sizes}", seed)
            of_Y = [judgement for judgement in found if judgement.quantity == "Y"]
            assert not [judgement for judgement in of_Y if judgement.verdict in FAILURES]
            notes |= {judgement.observed for judgement in of_Y}

    assert "a transform (Winograd, FFT) makes NaN of an infinity in Y" in notes


@pytest.mark.parametrize(
    "case",
    [
        "float32 n1 c1 h1 w2 o1 k1x2 p1 d1x3 values=counting",
        "float32 n1 c1 h1 w1 o1 k1x2 p0x2 d1x3 values=counting",
        "float32 n1 c1 h1 w1 o1 k1 s1x3 p0x2",
        "bfloat16 n1 c1 h1 w1 o1 k1x4 p0x3 d1x2 values=ones",
    ],
)
def test_a_transform_is_told_where_every_product_is_with_padding(case: str) -> None:
    for seed in (7040, 7052, 7057, 1, 2, 3):
        assert not failures(right.fft, f"nonfinite {case}", seed)


@pytest.mark.parametrize("implementation", [faulty.flipped_kernel, faulty.negative])
def test_what_is_wrong_over_plain_integers_is_not_taken_for_a_transform(
    implementation: Any,
) -> None:
    told = [
        judgement.explanation
        for seed in range(4)
        for judgement in judged(implementation, "nonfinite float64 n1 c2 h5 w6 o3 k3x2 s1x2", seed)
    ]
    assert not [text for text in told if "transform" in text]


@pytest.mark.parametrize(
    ("implementation", "row", "quantity", "said"),
    [
        (cleaned, "nonfinite_input", "Y", "should not be finite"),
        (cleaned, "nonfinite_kernel", "Y", "should not be finite"),
        (clipped, "nonfinite_upstream", "dX", "should not be finite"),
        (clipped, "nonfinite_upstream", "dK", "should not be finite"),
    ],
)
def test_it_is_found(implementation: Any, row: str, quantity: str, said: str) -> None:
    found = (failures(implementation, f"nonfinite {SIZES}", seed) for seed in range(8))
    assert any(said in told.get((row, quantity), "") for told in found)


@pytest.mark.untraced
@pytest.mark.parametrize(
    ("implementation", "row"),
    [(spread, "nonfinite_input"), (spread_from_kernel, "nonfinite_kernel")],
    ids=["from the input", "from the kernel"],
)
def test_what_spreads_in_every_dtype_is_observed_where_all_that_is_finite_is_exact(
    implementation: Any, row: str
) -> None:
    seen = [
        judgement
        for seed in range(8)
        for judgement in judged(implementation, f"nonfinite {SIZES}", seed)
        if (judgement.check, str(judgement.quantity)) == (row, "Y")
    ]
    assert not [j for j in seen if j.verdict in FAILURES]
    said = "products with zeros spread what is not finite in Y"
    assert said in {judgement.observed for judgement in seen}


def test_a_nan_in_the_bias_that_is_lost_is_found() -> None:
    lost = FAULTS["nan_bias"].function
    seeds = (failures(lost, f"nonfinite {SIZES}", seed) for seed in range(4))
    found = next(filter(None, seeds))
    assert found["nonfinite_bias", "Y"].startswith("nan in one element of b reaches Y[")


def test_what_spreads_where_nothing_is_reached_is_judged() -> None:
    def squares(input: Tensor, weight: Tensor) -> Tensor:
        nothing = (input * input * 0).sum()  # of whose derivative an infinity makes NaN
        return conv2d(input, weight) + nothing

    case = "nonfinite float32 n1 c1 h3 w4 o1 k2x2 s1 p0 d1 g1 grad=XK nobias"
    report = verify(squares, case=case, seed=1)
    assert not report.unjudged
