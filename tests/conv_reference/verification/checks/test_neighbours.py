"""Settings of the process and neighbours in the graph change nothing; who reads them is found."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
import torch
from judging import exact_everywhere, failures, judged
from torch import Tensor, nn
from torch.nn.functional import conv2d

from conv_reference import functional
from conv_reference.layer import ConvLayer_1
from conv_reference.verification.faults.collection import FAULTS
from conv_reference.verification.faults.sound import right

SIZES = "float32 n2 c2 h5 w6 o3 k3x2"
SOUND = [
    conv2d,
    nn.Conv2d,
    nn.Conv2d(2, 2, 3),
    functional.conv2d,
    ConvLayer_1,
    right.Im2col,
    right.PlaneLayer,
]


@pytest.mark.untraced
@pytest.mark.parametrize("check", ["settings", "graph_neighbours"])
@pytest.mark.parametrize("implementation", SOUND)
def test_no_false_alarm(implementation: Any, check: str) -> None:
    assert exact_everywhere(implementation, check, count=2) > 0


class Own(torch.autograd.Function):
    """A right convolution in pieces, of which one knows too much."""

    @staticmethod
    def forward(ctx: Any, X: Tensor, K: Tensor, fault: str) -> Tensor:
        Y = conv2d(X, K)
        ctx.save_for_backward(X, K)
        ctx.fault, ctx.thread, ctx.Y = fault, threading.get_ident(), Y
        ctx.copy, ctx.pointer = Y.clone(), X.data_ptr()
        return Y

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Any:
        X, K = ctx.saved_tensors
        broken = {
            "reads Y": not torch.equal(ctx.Y, ctx.copy),
            "knows its thread": threading.get_ident() != ctx.thread,
            "knows its addresses": X.data_ptr() != ctx.pointer,
            "anomaly": torch.is_anomaly_enabled(),
        }
        with torch.enable_grad():
            leaves = X.detach().requires_grad_(), K.detach().requires_grad_()
            dX, dK = torch.autograd.grad(conv2d(*leaves), leaves, grad_outputs[0])
        return (-dX if broken.get(ctx.fault) else dX), dK, None


def own(fault: str) -> Callable[[Tensor, Tensor], Tensor]:
    def function(input: Tensor, weight: Tensor) -> Tensor:
        result: Tensor = Own.apply(input, weight, fault)  # type: ignore[no-untyped-call]  # torch's `apply` is untyped
        return result

    return function


@pytest.mark.parametrize(
    ("fault", "check", "said"),
    [
        ("reads Y", "graph_neighbours", "of a Y that is changed in place"),
        ("knows its thread", "graph_neighbours", "with the backward pass in another thread"),
        ("knows its addresses", "graph_neighbours", "with saved tensors that are packed"),
        ("anomaly", "settings", "in anomaly mode"),
    ],
)
def test_a_backward_pass_that_knows_what_lies_around_it_is_found(
    fault: str, check: str, said: str
) -> None:
    found = failures(own(fault), f"{check} {SIZES} nobias")
    assert any(text.startswith(said) for (_, quantity), text in found.items() if quantity == "dX")
    assert not failures(own(fault), f"certificate {SIZES} nobias")


def for_leaves_alone(input: Tensor, weight: Tensor) -> Tensor:
    Y = conv2d(input, weight)
    return Y if input.is_leaf else Y + (input - input.detach()).sum()


def in_the_default_dtype(input: Tensor, weight: Tensor) -> Tensor:
    lossy = torch.get_default_dtype() == torch.float16
    return conv2d(input, weight) * (3 if lossy else 1)


def with_one_thread(input: Tensor, weight: Tensor) -> Tensor:
    return conv2d(input, weight) * (3 if torch.get_num_threads() == 3 else 1)


def deterministically(input: Tensor, weight: Tensor) -> Tensor:
    return conv2d(input, weight) * (3 if torch.are_deterministic_algorithms_enabled() else 1)


@pytest.mark.parametrize(
    ("implementation", "check", "said"),
    [
        (for_leaves_alone, "graph_neighbours", "of an X that is no leaf"),
        (in_the_default_dtype, "settings", "with float16 as the default dtype"),
        (with_one_thread, "settings", "with three threads"),
        (deterministically, "settings", "with deterministic algorithms"),
    ],
)
def test_who_reads_what_lies_around_a_call_is_found(
    implementation: Any, check: str, said: str
) -> None:
    found = failures(implementation, f"{check} {SIZES} nobias")
    assert any(text.startswith(said) for text in found.values())
    assert not failures(implementation, f"certificate {SIZES} nobias")


def test_who_refuses_that_its_output_is_changed_is_right() -> None:
    class Saves(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, X: Tensor, K: Tensor) -> Tensor:
            Y = conv2d(X, K)
            ctx.save_for_backward(X, K, Y)
            return Y

        @staticmethod
        def backward(ctx: Any, *grad_outputs: Tensor) -> Any:
            X, K, _ = ctx.saved_tensors
            with torch.enable_grad():
                leaves = X.detach().requires_grad_(), K.detach().requires_grad_()
                return torch.autograd.grad(conv2d(*leaves), leaves, grad_outputs[0])

    assert not failures(Saves, f"graph_neighbours {SIZES} nobias")
    assert _observed(Saves) == {
        "Y cannot be changed in place, as relu_ does: the backward pass needs it as it was"
    }


def _observed(implementation: Any) -> set[str]:
    return {j.observed for j in judged(implementation, f"graph_neighbours {SIZES} nobias")} - {""}


def test_a_y_that_cannot_be_changed_in_place_is_reported() -> None:
    def split(X: Tensor, K: Tensor) -> Tensor:
        return conv2d(torch.cat([X, X]), K).chunk(2)[0]

    assert not failures(split, f"graph_neighbours {SIZES} nobias")
    (said,) = _observed(split)
    assert said.startswith("Y cannot be changed in place, as relu_ does: Output 0 of Split")
    assert _observed(conv2d) == set()


def test_of_an_error_in_the_backward_pass_of_a_changed_y_it_is_said_which() -> None:
    class Notices(Own):
        @staticmethod
        def backward(ctx: Any, *grad_outputs: Tensor) -> Any:
            if not torch.equal(ctx.Y, ctx.copy):
                raise ValueError("Y has changed")
            return Own.backward(ctx, *grad_outputs)

    def notices(input: Tensor, weight: Tensor) -> Any:
        return Notices.apply(input, weight, "")  # type: ignore[no-untyped-call]  # as above

    (said,) = _observed(notices)
    assert said.endswith("the backward pass then raises ValueError")


ONE_SIZE = "n2 c3 h2 w3 o2 k2x3"


def test_one_tensor_for_both_has_the_sum_of_both_gradients() -> None:
    for implementation in (conv2d, functional.conv2d, right.Im2col):
        assert not failures(implementation, f"one_tensor_twice float32 {ONE_SIZE}")
    found = failures(FAULTS["one_tensor_twice"].function, f"one_tensor_twice float32 {ONE_SIZE}")
    assert found["one_tensor_twice", "dX"].startswith("dX + dK of one tensor")


@pytest.mark.untraced
@pytest.mark.parametrize(
    "name", ["default_dtype_answer", "three_threads", "deterministic_path", "anomaly_path"]
)
def test_what_another_setting_changes_is_wrong(name: str) -> None:
    sizes = "float32 n2 c2 h8 w7 o2 k2x3 s2x1"

    assert not failures(conv2d, f"settings {sizes}")
    assert failures(FAULTS[name].function, f"settings {sizes}")


def test_doubles_that_autocast_lowers_are_found() -> None:
    def lowers(input: Tensor, weight: Tensor) -> Tensor:
        if torch.is_autocast_enabled("cpu"):
            input, weight = input.bfloat16(), weight.bfloat16()
        return conv2d(input, weight)

    found = failures(lowers, "settings float64 n1 c2 h4 w5 o3 k3x2 nobias")
    assert found["settings", "Y"].startswith(
        "under autocast, which leaves float64 alone: should be"
    )
    assert not failures(lowers, "settings float32 n1 c2 h4 w5 o3 k3x2 nobias")
