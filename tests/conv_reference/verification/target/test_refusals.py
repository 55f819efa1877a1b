from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from conv_reference.verification.execution import guarded
from conv_reference.verification.target.refusals import is_unsupported


class Plain(torch.autograd.Function):
    """In the old style: no rule for vmap or forward mode, and none for a second derivative."""

    @staticmethod
    def forward(ctx: Any, input: Tensor) -> Tensor:
        return input.clone()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *grad_outputs: Tensor) -> Any:
        return grad_outputs[0] * 2


def plain(input: Tensor) -> Tensor:
    result: Tensor = Plain.apply(input)  # type: ignore[no-untyped-call]  # torch's `apply` is untyped
    return result


def twice(function: Any) -> None:
    X = torch.ones(2, requires_grad=True)
    (dX,) = torch.autograd.grad(function(X).sum(), X, create_graph=True)
    torch.autograd.grad(dX.sum(), X)


def packed(function: Any) -> None:
    with torch.autograd.graph.saved_tensors_hooks(lambda t: t, lambda t: t):
        torch.func.vjp(function, torch.ones(2))


MODES: dict[str, Callable[[Any], Any]] = {
    "vmap": lambda function: torch.func.vmap(function)(torch.ones(2, 2)),
    "forward mode": lambda function: torch.func.jvp(function, (torch.ones(2),), (torch.ones(2),)),
    "second order": twice,
    "a transform of its own where tensors are packed": packed,
    "an operator in a dtype": lambda _: torch.linalg.qr(torch.ones(2, 2, dtype=torch.bfloat16)),
    "a solver in a dtype": lambda _: torch.linalg.inv(torch.ones(2, 2, dtype=torch.float16)),
    "a transform in a dtype": lambda _: torch.fft.rfft2(torch.ones(2, 2, dtype=torch.bfloat16)),
    "an item of a batch": lambda function: torch.func.vmap(lambda x: x.item())(torch.ones(2)),
    "memory of a batch": lambda function: torch.func.vmap(lambda x: x.data_ptr())(torch.ones(2)),
}


@pytest.mark.parametrize("mode", MODES)
def test_what_torch_says_of_a_mode_that_is_not_there_is_recognised(mode: str) -> None:
    with pytest.raises(RuntimeError) as caught, guarded():
        MODES[mode](plain)
    assert is_unsupported(caught.value)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("mat1 and mat2 shapes cannot be multiplied"),
        RuntimeError("CUDA error: an illegal memory access was encountered"),
        ValueError("is not implemented"),
        AssertionError(),
        KeyError("not implemented for"),
    ],
    ids=repr,
)
def test_a_failure_is_no_missing_mode(error: Exception) -> None:
    assert not is_unsupported(error)


def test_a_graph_that_is_missing_in_the_targets_own_code_is_a_failure() -> None:
    error = RuntimeError("element 0 of tensors does not require grad and does not have a grad_fn")
    assert is_unsupported(error)
    assert not is_unsupported(error, own=True)


def test_a_target_may_say_so_itself() -> None:
    assert is_unsupported(NotImplementedError())
