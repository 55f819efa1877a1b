"""A lost product beside a long sum and a scaled db are wrong; what a transform rounds is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from judging import failures, judged
from torch import Tensor
from torch.nn.functional import conv2d

from conv_reference.verification.checks import certifying
from conv_reference.verification.faults import direct
from conv_reference.verification.faults.sound import right
from conv_reference.verification.model.case import CERTIFICATE
from conv_reference.verification.model.result import FAILURES, Verdict

GEOMETRIES = ("n1 c16 h6 w7 o16 k3 p1", "n2 c3 h8 w11 o2 k3")
DTYPES = ("float32", "bfloat16")
SEED = 3


class LosesOne(torch.autograd.Function):
    """Leaves one product out of one element of Y or of dX."""

    @staticmethod
    def forward(ctx: Any, X: Tensor, K: Tensor, options: Any, lost: str) -> Tensor:
        ctx.save_for_backward(X, K)
        ctx.options, ctx.lost = options, lost
        Y = direct.conv2d(X, K, None, *options)
        if lost == "Y":
            Y[0, 1, 2, 3] -= X[0, -1, 3, 3] * K[1, -1, 1 + options[1][0], options[1][1]]
        return Y

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Any:
        (X, K), (G,) = ctx.saved_tensors, grad_outputs
        with torch.enable_grad():
            X, K = X.detach().requires_grad_(), K.detach().requires_grad_()
            dX, dK = torch.autograd.grad(direct.conv2d(X, K, None, *ctx.options), (X, K), G)
        if ctx.lost == "dX":
            dX[0, 1, 2, 2] -= (
                G[0, -1, 1, 1] * K[-1, 1, 1 + ctx.options[1][0], 1 + ctx.options[1][1]]
            )
        return dX, dK, None, None


def losing(lost: str) -> Callable[..., Tensor]:
    def conv2d(
        input: Tensor,
        weight: Tensor,
        stride: Any = (1, 1),
        padding: Any = (0, 0),
        dilation: Any = (1, 1),
        groups: int = 1,
    ) -> Tensor:
        options = (stride, padding, dilation, groups)
        result: Tensor = LosesOne.apply(input, weight, options, lost)  # type: ignore[no-untyped-call]  # torch's `apply` is untyped
        return result

    return conv2d


@pytest.mark.untraced
@pytest.mark.parametrize("lost", ["Y", "dX"])
@pytest.mark.parametrize("values", ["balanced", "heavy_weight"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_single_lost_product_beside_a_long_sum_is_wrong(
    lost: str, values: str, dtype: str
) -> None:
    row = {"Y": "forward", "dX": "grad_input"}[lost]
    case = f"certificate {dtype} {GEOMETRIES[0]} values={values}"
    assert {*failures(losing(lost), case, SEED)} == {(row, lost)}


@pytest.mark.parametrize("geometry", GEOMETRIES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["fft", "winograd_2", "winograd_4"])
def test_what_a_transform_rounds_is_no_alarm(name: str, dtype: str, geometry: str) -> None:
    seen = judged(getattr(right, name), f"certificate {dtype} {geometry}", SEED)
    assert not [judgement for judgement in seen if judgement.verdict in FAILURES]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_little_beside_large_sums_is_wrong_where_nothing_is_multiplied(dtype: str) -> None:
    def conv2d(input: Tensor, weight: Tensor) -> Tensor:
        return direct.conv2d(input, weight) + 2e-3

    assert {*failures(conv2d, f"certificate {dtype} {GEOMETRIES[0]}", SEED)} == {("forward", "Y")}


def test_a_gradient_of_the_bias_that_is_scaled_by_little_is_wrong() -> None:
    def conv2d(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        Y = direct.conv2d(input, weight)
        if bias is None:
            return Y
        scaled = bias * 1.0001
        return Y + (bias.detach() + scaled - scaled.detach())[:, None, None]

    assert {*failures(conv2d, f"certificate float32 {GEOMETRIES[1]}", SEED)} == {
        ("grad_bias", "db")
    }


class WeirdError(BaseException):
    """No ``Exception``, and so not caught by most."""


class Doubled(torch.autograd.Function):
    """Twice Y, and no backward pass to speak of."""

    @staticmethod
    def forward(ctx: Any, Y: Tensor) -> Tensor:
        return 2 * Y

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Any:
        raise WeirdError("no backward pass")


def test_where_the_backward_pass_raises_y_is_judged_all_the_same() -> None:
    def convolve(input: Tensor, weight: Tensor) -> Any:
        return Doubled.apply(direct.conv2d(input, weight, None, (1, 1), (0, 0), (1, 1), 1))  # type: ignore[no-untyped-call]  # torch's `apply` is untyped

    found = judged(convolve, "certificate float32 h2 w3 k2 nobias grad=XK")

    assert {(j.quantity, j.verdict) for j in found if j.verdict in FAILURES} == {
        ("Y", Verdict.WRONG),
        ("dX", Verdict.RAISED),
    }


def test_an_exception_of_whatever_kind_is_an_observation_but_an_interrupt_is_the_users() -> None:
    def throwing(error: BaseException) -> Callable[..., Tensor]:
        def convolve(input: Tensor, weight: Tensor) -> Tensor:
            raise error

        return convolve

    (found,) = judged(throwing(WeirdError("so")), "certificate float32 h2 w3 k2 nobias")
    assert (found.verdict, found.actual) == (Verdict.RAISED, "WeirdError: so")
    with pytest.raises(KeyboardInterrupt):
        judged(throwing(KeyboardInterrupt()), "certificate float32 h2 w3 k2 nobias")


def unasked(input: Tensor, weight: Tensor) -> Tensor:
    return conv2d(input, weight) + torch.zeros((), dtype=input.dtype, requires_grad=True)


def cut(input: Tensor, weight: Tensor) -> Tensor:
    return conv2d(input.detach(), weight.detach())


def cut_in_part(input: Tensor, weight: Tensor) -> Tensor:
    return conv2d(input.detach(), weight)


def overwriting(input: Tensor, weight: Tensor) -> Tensor:
    Y = conv2d(input, weight)
    with torch.no_grad():
        weight[0, 0, 0, 0] = 77
    return Y


def widening(input: Tensor, weight: Tensor) -> Tensor:
    Y = conv2d(input, weight)
    input.data = torch.zeros(1)
    return Y


@pytest.mark.parametrize(
    ("implementation", "asked", "row", "said"),
    [
        (unasked, "", ("requires_grad", "Y"), "no graph, as no argument asks for one, is a graph"),
        (cut, "XK", ("requires_grad", "Y"), "Y does not ask for a gradient where arguments do"),
        (cut_in_part, "XK", ("requires_grad", "dX"), "a gradient (asked for: dX, dK), is no grad"),
        (overwriting, "", ("arguments", "K"), "1 of 4 elements of its argument; the first was"),
        (widening, "", ("arguments", "X"), "is of shape (1,) and torch.float32"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_becomes_of_the_graph_and_the_arguments_is_judged(
    implementation: Callable[..., Tensor], asked: str, row: tuple[str, str], said: str
) -> None:
    found = failures(implementation, f"certificate float32 h3 w3 k2 nobias grad={asked}")
    assert said in found.get(row, ""), found


def test_of_one_element_it_is_not_said_that_it_is_the_first() -> None:
    found = failures(overwriting, "certificate float32 h1 w1 k1 nobias grad=")
    said = found["arguments", "K"]
    assert said.startswith("the call changed the only element of its argument: it was ")


def test_the_check_that_every_geometry_is_put_to_is_the_certificate() -> None:
    assert certifying().name == CERTIFICATE
