from __future__ import annotations

from collections.abc import Callable
from typing import Any

import faulty
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d
from torch.nn.grad import conv2d_input, conv2d_weight

from conv_reference.verification.diagnosis.explaining.explain import Explanation, explain_case
from conv_reference.verification.execution import Settings, judge_case
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.target.conventions import as_target

SETTINGS = Settings(seed=0, device="cpu")


def one_tap_too_many(input: Tensor, weight: Tensor) -> Tensor:
    """The first tap is used for the second pixel, too."""
    Y = conv2d(input, weight)
    return Y + input[:, :, :, 1:2] * weight[:, :, :, :1]


def square(input: Tensor, weight: Tensor) -> Tensor:
    """Not bilinear: over impulses it is right."""
    return conv2d(input * input.abs(), weight)


def flipped_square(input: Tensor, weight: Tensor) -> Tensor:
    """Not bilinear, and wrong over impulses, too."""
    return square(input, weight.flip(3))


def one_sample_twice(input: Tensor, weight: Tensor) -> Tensor:
    """The first sample has its own answer twice over."""
    Y = conv2d(input, weight)
    return torch.cat([2 * Y[:1], Y[1:]])


def is_expanded(tensor: Tensor) -> bool:
    return any(s == 0 for n, s in zip(tensor.shape, tensor.stride(), strict=True) if n > 1)


class WrongWhereExpanded(torch.autograd.Function):
    """Backward alone: an expanded K is flipped, and an expanded G loses its last column."""

    @staticmethod
    def forward(ctx: Any, input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        ctx.save_for_backward(input, weight)
        return conv2d(input, weight, bias)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Any:
        (G,), (X, K) = grad_outputs, ctx.saved_tensors
        if is_expanded(K):
            K = K.flip(2, 3)
        if is_expanded(G):
            G = torch.cat([G[..., :-1], torch.zeros_like(G[..., -1:])], dim=3)
        dX, dK = conv2d_input(X.shape, K, G), conv2d_weight(X, K.shape, G)
        return dX, dK, G.sum((0, 2, 3)) if ctx.needs_input_grad[2] else None


class WithoutChannels(nn.Module):
    """A layer over (N, H, W) that flips its kernel."""

    def __init__(self, kernel_size: tuple[int, int]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(kernel_size))

    def forward(self, input: Tensor) -> Tensor:
        return conv2d(input[:, None], self.weight.flip(0, 1)[None, None])[:, 0]


def explained(function: Callable[..., Any], words: str, quantity: str) -> Explanation:
    """Of the first wrong judgement on this quantity."""
    target = as_target(function)
    case = Case.parse(f"certificate float32 {words}")
    judgements = judge_case(target, case, SETTINGS)
    wrong = [j for j in judgements if j.quantity == quantity and j.verdict == Verdict.WRONG]
    return explain_case(target, case, (SETTINGS, wrong[0], ()))


def one_sign(input: Tensor, weight: Tensor) -> Tensor:
    signs = torch.ones(weight.shape[3], dtype=weight.dtype)
    signs[-1] = -1
    return conv2d(input, weight * signs)


@pytest.mark.parametrize(
    ("function", "words", "quantity", "text"),
    [
        pytest.param(
            faulty.flipped_kernel,
            "h1 w2 k1x2 nobias grad= values=counting",
            "Y",
            """\
Y[0,0,0,0]:
  should be K[0,0]·X[0,0] + K[0,1]·X[0,1]
  is        K[0,0]·X[0,1] + K[0,1]·X[0,0]""",
            id="a flipped kernel",
        ),
        pytest.param(
            faulty.flipped_kernel,
            "h2 w3 k1x2 nobias grad=X values=counting",
            "dX",
            """\
dX[0,0,0,0]: takes part in 1 output position
  should be G[0,0]·K[0,0]
  is        G[0,0]·K[0,1]
dX[0,0,0,1]: takes part in 2 output positions
  should be G[0,0]·K[0,1] + G[0,1]·K[0,0]
  is        G[0,0]·K[0,0] + G[0,1]·K[0,1]
dX[0,0,0,2]: takes part in 1 output position
  should be G[0,1]·K[0,1]
  is        G[0,1]·K[0,0]""",
            id="its gradient, three elements of six",
        ),
        pytest.param(
            faulty.wrong_groups,
            "c2 h1 w1 o2 k1 s2x1 g2 grad=X nobias values=counting",
            "dX",
            """\
dX[0,1,0,0]: takes part in 1 output position
  should be G[0,1,0,0]·K[1,0,0,0]
  is        G[0,1,0,0]·K[0,0,0,0]""",
            id="channels are named where there are several",
        ),
        pytest.param(
            faulty.twice,
            "h1 w1 k1 grad=K nobias values=ones",
            "dK",
            """\
dK[0,0,0,0]:
  should be G[0,0]·X[0,0]
  is        2·G[0,0]·X[0,0]""",
            id="a coefficient",
        ),
        pytest.param(
            faulty.negative,
            "h1 w2 k1x2 grad= values=ones",
            "Y",
            """\
Y[0,0,0,0]:
  should be b[0] + K[0,0]·X[0,0] + K[0,1]·X[0,1]
  is        -b[0] - K[0,0]·X[0,0] - K[0,1]·X[0,1]""",
            id="signs",
        ),
        pytest.param(
            faulty.lost_bias,
            "h1 w1 k1 values=ones grad=",
            "Y",
            """\
Y[0,0,0,0]:
  should be b[0] + K[0,0]·X[0,0]
  is        K[0,0]·X[0,0]""",
            id="a lost bias",
        ),
        pytest.param(
            faulty.lost_last_tap,
            "h3 w5 k3x5 nobias grad= values=counting",
            "Y",
            """\
Y[0,0,0,0]:
  should be K[0,0]·X[0,0] + K[0,1]·X[0,1] + K[0,2]·X[0,2] + K[0,3]·X[0,3] + K[0,4]·X[0,4] \
+ K[1,0]·X[1,0] + K[1,1]·X[1,1] + … (15 terms) + K[2,4]·X[2,4]
  is        K[0,0]·X[0,0] + K[0,1]·X[0,1] + K[0,2]·X[0,2] + K[0,3]·X[0,3] + K[0,4]·X[0,4] \
+ K[1,0]·X[1,0] + K[1,1]·X[1,1] + … (14 terms) + K[2,3]·X[2,3]
  lacks     K[2,4]·X[2,4]""",
            id="what is lacking in a long sum",
        ),
        pytest.param(
            one_tap_too_many,
            "h1 w2 k1x2 nobias grad= values=counting",
            "Y",
            """\
Y[0,0,0,0]:
  should be K[0,0]·X[0,0] + K[0,1]·X[0,1]
  is        K[0,0]·X[0,0] + K[0,0]·X[0,1] + K[0,1]·X[0,1]
  adds      K[0,0]·X[0,1]""",
            id="what is added",
        ),
        pytest.param(
            faulty.zeros,
            "h1 w1 k1 values=ones grad=b",
            "db",
            """\
db[0]:
  should be G[0,0]
  is        0""",
            id="nothing",
        ),
        pytest.param(
            WithoutChannels,
            "n2 h1 w2 k1x2 nobias grad= values=counting",
            "Y",
            """\
Y[0,0,0]:
  should be K[0,0]·X[0,0,0] + K[0,1]·X[0,0,1]
  is        K[0,0]·X[0,0,1] + K[0,1]·X[0,0,0]
Y[1,0,0]:
  should be K[0,0]·X[1,0,0] + K[0,1]·X[1,0,1]
  is        K[0,0]·X[1,0,1] + K[0,1]·X[1,0,0]""",
            id="a layer without channels",
        ),
        pytest.param(
            square,
            "h1 w2 k1x2 nobias grad= values=counting",
            "Y",
            """\
Y[0,0,0,0]:
  should be K[0,0]·X[0,0] + K[0,1]·X[0,1]
  with a single 1 in each operand it is just that: the fault shows on others only""",
            id="what impulses do not show",
        ),
        pytest.param(
            flipped_square,
            "h1 w2 k1x2 nobias grad= values=counting",
            "Y",
            """\
Y[0,0,0,0]:
  should be K[0,0]·X[0,0] + K[0,1]·X[0,1]
  is        K[0,0]·X[0,1] + K[0,1]·X[0,0]
  (read out with a single 1 in each operand; on the values above it differs again)""",
            id="what impulses show in part",
        ),
        pytest.param(
            faulty.flipped_kernel,
            "n2 h1 w2 k1x2 nobias grad= X=expanded",
            "Y",
            """\
Y[0,0,0,0]:
  should be K[0,0]·X[:,0,0,0] + K[0,1]·X[:,0,0,1]
  is        K[0,0]·X[:,0,0,1] + K[0,1]·X[:,0,0,0]
Y[1,0,0,0]:
  should be K[0,0]·X[:,0,0,0] + K[0,1]·X[:,0,0,1]
  is        K[0,0]·X[:,0,0,1] + K[0,1]·X[:,0,0,0]
X is expanded: all elements along a ":" are one number""",
            id="an expanded input",
        ),
        pytest.param(
            WrongWhereExpanded,
            "h1 w2 o2 k1x2 nobias grad=X K=expanded",
            "dX",
            """\
dX[0,0,0,0]: takes part in 1 output position
  should be G[0,0,0,0]·K[:,0,0,0] + G[0,1,0,0]·K[:,0,0,0]
  is        G[0,0,0,0]·K[:,0,0,1] + G[0,1,0,0]·K[:,0,0,1]
dX[0,0,0,1]: takes part in 1 output position
  should be G[0,0,0,0]·K[:,0,0,1] + G[0,1,0,0]·K[:,0,0,1]
  is        G[0,0,0,0]·K[:,0,0,0] + G[0,1,0,0]·K[:,0,0,0]
K is expanded: all elements along a ":" are one number""",
            id="a gradient that is wrong only where the kernel is expanded",
        ),
        pytest.param(
            WrongWhereExpanded,
            "h1 w3 k1 nobias grad=K G=expanded",
            "dK",
            """\
dK[0,0,0,0]:
  should be G[0,:]·X[0,0] + G[0,:]·X[0,1] + G[0,:]·X[0,2]
  is        G[0,:]·X[0,0] + G[0,:]·X[0,1]
  lacks     G[0,:]·X[0,2]
G is expanded: all elements along a ":" are one number""",
            id="one that is wrong only where the upstream gradient is",
        ),
        pytest.param(
            WrongWhereExpanded,
            "h2 w2 k1 grad=b G=expanded",
            "db",
            """\
db[0]:
  should be 4·G[:,:]
  is        2·G[:,:]
G is expanded: all elements along a ":" are one number""",
            id="one number that is counted too few times",
        ),
        pytest.param(
            WrongWhereExpanded,
            "n2 h1 w4 k1 nobias grad=K G=expanded X=expanded",
            "dK",
            """\
dK[0,0,0,0]:
  should be 2·G[:,0,0,:]·X[:,0,0,0] + 2·G[:,0,0,:]·X[:,0,0,1] + 2·G[:,0,0,:]·X[:,0,0,2] + 2·G[:,0,0,:]·X[:,0,0,3]
  is        2·G[:,0,0,:]·X[:,0,0,0] + 2·G[:,0,0,:]·X[:,0,0,1] + 2·G[:,0,0,:]·X[:,0,0,2]
  lacks     2·G[:,0,0,:]·X[:,0,0,3]
G and X are expanded: all elements along a ":" are one number""",  # noqa: E501 (a formula is one line)
            id="two operands that repeat themselves",
        ),
        pytest.param(
            one_sample_twice,
            "n3 c2 h1 w1 k1 nobias grad= X=expanded",
            "Y",
            """\
Y[0,0,0,0]:
  should be K[0,0,0,0]·X[:,0,0,0] + K[0,1,0,0]·X[:,1,0,0]
  is        2·K[0,0,0,0]·X[:,0,0,0] + 2·K[0,1,0,0]·X[:,1,0,0]
X is expanded: all elements along a ":" are one number""",
            id="a sample that is counted too often",
        ),
        pytest.param(
            one_sample_twice,
            "c3 h1 w1 k1 nobias grad= values=ones",
            "Y",
            """\
Y[0,0,0,0]:
  should be K[0,0,0,0]·X[0,0,0,0] + K[0,1,0,0]·X[0,1,0,0] + K[0,2,0,0]·X[0,2,0,0]
  is        2·K[0,0,0,0]·X[0,0,0,0] + 2·K[0,1,0,0]·X[0,1,0,0] + 2·K[0,2,0,0]·X[0,2,0,0]
  adds      K[0,0,0,0]·X[0,0,0,0] + K[0,1,0,0]·X[0,1,0,0] + K[0,2,0,0]·X[0,2,0,0]""",
            id="what is added is what there is too much",
        ),
        pytest.param(
            one_sign,
            "h1 w3 k1x3 nobias grad= values=ones",
            "Y",
            """\
Y[0,0,0,0]:
  should be K[0,0]·X[0,0] + K[0,1]·X[0,1] + K[0,2]·X[0,2]
  is        K[0,0]·X[0,0] + K[0,1]·X[0,1] - K[0,2]·X[0,2]
  lacks     K[0,2]·X[0,2]
  adds      -K[0,2]·X[0,2]""",
            id="one term with the other sign",
        ),
    ],
)
def test_what_was_computed_stands_beside_what_should_have_been(
    function: Callable[..., Any], words: str, quantity: str, text: str
) -> None:
    assert explained(function, words, quantity).text == text


def test_the_planes_that_the_element_reads_are_shown_with_their_elements_marked() -> None:
    explanation = explained(faulty.flipped_kernel, "h2 w3 k1x2 nobias grad=X values=counting", "dX")
    assert explanation.grids == "G        K\n[1] 2    [1] 2\n 3  4"


def test_a_plane_is_named_by_its_channels_where_there_are_several() -> None:
    explanation = explained(
        faulty.wrong_groups, "c2 h1 w1 o2 k1 s2x1 g2 grad=X nobias values=counting", "dX"
    )
    assert explanation.grids == "G[0,1]   K[1,0]\n[2]      [2]"


def test_the_cause_is_a_guess() -> None:
    explanation = explained(faulty.twice, "h1 w1 k1 grad=K nobias values=ones", "dK")
    assert explanation.cause == (
        "Perhaps the result is added twice, or to a buffer that already held it."
    )


def test_a_whole_tensor_has_no_formulas() -> None:
    def tall(input: Tensor, weight: Tensor) -> Tensor:
        Y = conv2d(input, weight)
        return Y.repeat(1, 1, 2, 1)

    explanation = explained(tall, "h1 w2 k1x2 nobias grad= values=counting", "Y")
    assert (explanation.text, explanation.grids) == ("", "")


def test_large_sizes_are_not_derived_while_somebody_waits() -> None:
    explanation = explained(faulty.negative, "n2 c16 h32 w32 o16 k3 nobias grad= values=ones", "Y")
    assert explanation.text == ""
    assert explanation.cause == "Perhaps the sign is wrong."
