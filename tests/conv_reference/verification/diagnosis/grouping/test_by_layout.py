"""What fails on the same layouts of one operand is one fault; on others it is another."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.nn.functional import conv2d

from conv_reference.verification.diagnosis.bench import Bench
from conv_reference.verification.diagnosis.explaining.explain import Explanation
from conv_reference.verification.diagnosis.explaining.wording import finding_of
from conv_reference.verification.diagnosis.grouping.by_layout import filed_by_layouts
from conv_reference.verification.execution import Settings
from conv_reference.verification.model.case import Case
from conv_reference.verification.target.conventions import as_target
from conv_reference.verification.work.here import Here


def from_the_base(input: Tensor, weight: Tensor) -> Tensor:
    """One fault: it reads X from the beginning of its memory, and so does autograd."""
    return conv2d(torch.as_strided(input, input.shape, input.stride(), 0), weight)


class _Offset(torch.autograd.Function):
    """Y is wrong behind an offset of X; dK where X lies transposed."""

    @staticmethod
    def forward(ctx, X, K):  # type: ignore[no-untyped-def]  # as users write it
        ctx.save_for_backward(X, K)
        return conv2d(X, K) + (X.storage_offset() > 0)

    @staticmethod
    def backward(ctx, G):  # type: ignore[no-untyped-def]  # the same
        X, K = ctx.saved_tensors
        dK = torch.nn.grad.conv2d_weight(X, K.shape, G)
        wrong = X.stride(3) > X.stride(2)
        return torch.nn.grad.conv2d_input(X.shape, K, G), dK + dK * wrong


def offset_and_transposed(input: Tensor, weight: Tensor) -> Tensor:
    answer: Tensor = _Offset.apply(input, weight)  # type: ignore[no-untyped-call]  # torch's `apply` is untyped
    return answer


@pytest.mark.parametrize(
    ("target", "texts", "faults"),
    [
        (from_the_base, ("Y X=offset", "dX X=offset"), [1, 1]),
        (offset_and_transposed, ("Y X=offset", "dK X=transposed"), [1, 2]),
        (offset_and_transposed, ("Y X=sliced", "Y X=offset"), [1, 1]),
    ],
)
def test_faults_are_one_where_they_fail_on_the_same_layouts(
    target: Callable[..., Tensor], texts: tuple[str, ...], faults: list[int]
) -> None:
    judged = as_target(target)
    bench = Bench(judged, Here(judged), Settings(seed=1, device="cpu"), (), (), math.inf)
    found = []
    for number, text in enumerate(texts, start=1):
        quantity, layout = text.split()
        case = Case.parse(f"certificate float64 h4 w5 k2 {layout} nobias grad=XK")
        failure = next(
            each for each in bench.failures_on([case])[case] if each.judgement.quantity == quantity
        )
        finding = finding_of(failure, Explanation(), bench, known="", in_process=True)
        found.append((failure, replace(finding, fault=number)))
    assert [finding.fault for _, finding in filed_by_layouts(found, bench)] == faults
