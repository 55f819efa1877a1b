from __future__ import annotations

import subprocess
import sys
from math import prod
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.overrides import TorchFunctionMode

from conv_reference.verification.audit.answer import Asked, answered, held
from conv_reference.verification.model.case import DTYPES, Case, Layout
from conv_reference.verification.target.conventions import as_target
from conv_reference.verification.trial.layouts import collapse, lay_out


@given(
    st.sampled_from(sorted(DTYPES)),
    st.sampled_from(list(Layout)),
    st.tuples(*[st.integers(0, 3)] * 4),
)
def test_what_a_tensor_holds_is_read_whatever_its_layout(
    dtype: str, layout: Layout, shape: tuple[int, int, int, int]
) -> None:
    if layout == Layout.EXPANDED and 0 in shape:
        return
    plain = torch.arange(1, 1 + torch.Size(shape).numel()).reshape(shape).to(DTYPES[dtype])
    plain = collapse(plain, layout)
    laid = lay_out(plain, layout)
    wanted = plain.contiguous().view(torch.uint8).numpy().tobytes() if plain.numel() else b""
    assert held(laid) == (shape, dtype, wanted)


class _Lies(TorchFunctionMode):
    def __torch_function__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        return 0


def test_no_mode_is_asked() -> None:
    tensor = torch.tensor([[1.5, 2.5]], dtype=torch.float64)
    honest = (1, 2), "float64", tensor.numpy().tobytes()
    with _Lies():
        assert held(tensor) == honest


class Own(torch.Tensor):
    pass


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "no gradient"),
        ([1.0], "list"),
        (torch.zeros(2).as_subclass(Own), "Own"),
        (torch.zeros(2).to_sparse(), "a tensor of layout torch.sparse_coo"),
    ],
)
def test_what_is_no_plain_tensor_is_told_as_what_it_is(value: object, said: str) -> None:
    assert held(value) == said


def test_the_upstream_gradient_arrives_as_it_is_laid_out() -> None:
    seen = []

    class Watching(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, X: torch.Tensor, K: torch.Tensor) -> torch.Tensor:
            ctx.save_for_backward(X, K)
            return torch.nn.functional.conv2d(X, K)

        @staticmethod
        def backward(ctx: Any, *upstream: torch.Tensor) -> Any:
            (G,) = upstream
            seen.append((G.stride(), G.storage_offset(), G.untyped_storage().nbytes()))
            return tuple(map(torch.zeros_like, ctx.saved_tensors))

    def watched(input: torch.Tensor, weight: torch.Tensor) -> Any:
        return Watching.apply(input, weight)  # type: ignore[no-untyped-call]  # torch's

    case = Case.parse("certificate float64 h2 w3 k1 G=sliced nobias")
    shapes = {"input": (1, 1, 2, 3), "weight": (1, 1, 1, 1), "bias": (1,)}
    shapes |= {"grad_output": (1, 1, 2, 3)}
    numbers = {role: (shape, bytes(8 * prod(shape))) for role, shape in shapes.items()}
    found = answered(as_target(watched), Asked(str(case), numbers), "cpu")

    assert "raised" not in found
    laid = lay_out(torch.zeros(1, 1, 2, 3, dtype=torch.float64), Layout.SLICED)
    ((strides, offset, size),) = seen
    assert strides == laid.stride() != (6, 6, 3, 1)
    assert (offset, size) == (laid.storage_offset(), laid.untyped_storage().nbytes())


def test_who_answers_holds_neither_oracle_nor_judge() -> None:
    """Not even what is computed from the definition: it is to have nothing to copy."""
    asks = """
import sys
from conv_reference.verification.audit.answer import Asked, answered
from conv_reference.verification.target.loading import load_target

case = "certificate float64 h1 w2 k1x2 nobias"
shapes = {"input": (1, 1, 1, 2), "weight": (1, 1, 1, 2), "bias": (1,), "grad_output": (1, 1, 1, 1)}
numbers = {"input": 2, "weight": 2, "bias": 1, "grad_output": 1}
asked = Asked(case, {role: (shape, bytes(8 * numbers[role])) for role, shape in shapes.items()})
found = answered(load_target("torch.nn.functional:conv2d"), asked, "cpu")
assert {"Y", "dX", "dK"} == found.keys(), found
rooms = "functional definition combination verification.trial.judge verification.checks".split()
print([name for name in rooms if f"conv_reference.{name}" in sys.modules])
"""
    told = subprocess.run([sys.executable, "-c", asks], capture_output=True, text=True, check=True)
    assert told.stdout == "[]\n"
