"""What comes of an offset is one fault in whatever it shows; what does not is another."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import conv2d
from torch.nn.grad import conv2d_input, conv2d_weight

from conv_reference.verification.diagnosis.bench import Bench
from conv_reference.verification.diagnosis.grouping.faults import Fault
from conv_reference.verification.diagnosis.grouping.group import Group, Groups
from conv_reference.verification.diagnosis.grouping.right_when_contiguous import (
    OFFSET,
    STRIDES,
    contiguous,
    filed_by_what_mends,
    mended_by,
    without_offset,
)
from conv_reference.verification.diagnosis.kinds import kind_of
from conv_reference.verification.execution import Settings
from conv_reference.verification.model.case import Case
from conv_reference.verification.target.conventions import as_target
from conv_reference.verification.work.here import Here

SETTINGS = Settings(seed=1, device="cpu")


def from_the_base(tensor: Tensor) -> Tensor:
    return torch.as_strided(tensor, tensor.shape, tensor.stride(), 0)


def as_if_contiguous(tensor: Tensor) -> Tensor:
    strides = torch.empty(tensor.shape).stride()
    return torch.as_strided(tensor, tensor.shape, strides, tensor.storage_offset())


class Read(torch.autograd.Function):
    """A convolution whose operands are all read in one way."""

    @staticmethod
    def forward(ctx: Any, X: Tensor, K: Tensor, b: Tensor | None, read: Any) -> Tensor:
        ctx.save_for_backward(X, K)
        ctx.read, ctx.biased = read, b is not None
        return conv2d(read(X), read(K), None if b is None else read(b))

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        X, K, G = map(ctx.read, (*ctx.saved_tensors, *gradients))
        db = G.sum((0, 2, 3)) if ctx.biased else None
        return conv2d_input(X.shape, K, G), conv2d_weight(X, K.shape, G), db, None


_apply: Any = Read.apply


def ignores_offsets(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    answer: Tensor = _apply(input, weight, bias, from_the_base)
    return answer


def ignores_strides(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    answer: Tensor = _apply(input, weight, bias, as_if_contiguous)
    return answer


def ignores_offsets_and_is_wrong(input: Tensor, weight: Tensor, bias: Any = None) -> Tensor:
    return ignores_offsets(input, weight, bias) + (input.shape[0] > 1)


CERTIFICATE = "certificate float64 h3 w4 k2"
BY_OPERAND = (
    f"{CERTIFICATE} X=offset nobias grad=",
    f"{CERTIFICATE} K=offset grad=X nobias",
    f"{CERTIFICATE} G=offset grad=b",
    "bias_layout float64 h3 w4 k2",
)


def told(target: Callable[..., Tensor], texts: tuple[str, ...]) -> list[tuple[str, set[str]]]:
    """Of each fault its cause, and the rows that show it."""
    judged = as_target(target)
    bench = Bench(judged, Here(judged), SETTINGS, (), (), math.inf)
    groups: Groups = {}
    for text in texts:
        for failure in bench.failures_on([Case.parse(text)]).popitem()[1]:
            groups.setdefault(kind_of(failure), Group()).failures.append(failure)
    faults = filed_by_what_mends([Fault([kind]) for kind in groups], groups, bench)
    return [(fault.cause, {kind.row for kind in fault.kinds}) for fault in faults]


def test_whatever_comes_of_offsets_is_one_fault() -> None:
    first = {"forward", "grad_input", "grad_weight", "grad_bias"}
    ((cause, rows),) = told(ignores_offsets, BY_OPERAND)
    assert cause == OFFSET
    assert {"forward", "grad_bias"} <= rows <= first


def test_what_is_wrong_without_an_offset_is_a_fault_of_its_own() -> None:
    texts = (*BY_OPERAND, "certificate float64 n2 h5 w6 k2 nobias grad=")
    found = told(ignores_offsets_and_is_wrong, texts)
    assert [rows for cause, rows in found if not cause] == [{"forward"}]
    assert [cause for cause, _ in found].count(OFFSET) == 1


def test_what_comes_of_strides_in_another_row_follows_from_the_certificate() -> None:
    texts = (f"{CERTIFICATE} X=transposed nobias grad=", "bias_layout float64 h3 w4 o2 k2")
    ((cause, rows),) = told(ignores_strides, texts)
    assert (cause, rows) == ("", {"forward"})
    ((cause, rows),) = told(ignores_strides, texts[1:])
    assert (cause, rows) == (STRIDES, {"bias_layout"})


@pytest.mark.parametrize(
    ("target", "text", "row", "mended"),
    [
        (ignores_offsets, f"{CERTIFICATE} X=offset nobias", "forward", "offset"),
        (ignores_offsets, f"{CERTIFICATE} X=transposed nobias", "forward", ""),  # it passes
        (ignores_strides, f"{CERTIFICATE} X=transposed nobias", "forward", "strides"),
        (ignores_offsets_and_is_wrong, f"{CERTIFICATE} n2 X=offset nobias", "forward", ""),
    ],
)
def test_what_mends_a_case(target: Callable[..., Tensor], text: str, row: str, mended: str) -> None:
    assert mended_by(as_target(target), (Case.parse(text), row), SETTINGS) == mended


def test_a_tensor_lies_otherwise_and_has_the_same_numbers() -> None:
    storage = torch.arange(24.0).reshape(2, 3, 4)
    for tensor in (storage[1].t(), storage[1, :, 1::2], storage[1, :1].expand(5, 4)):
        plain = without_offset(tensor)
        assert torch.equal(plain, tensor)
        assert (plain.storage_offset(), plain.stride()) == (0, tensor.stride())
        assert torch.equal(contiguous(tensor), tensor)
        assert contiguous(tensor).is_contiguous()
