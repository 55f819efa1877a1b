"""A framework of the forward pass alone is not blamed for the gradients that it does not have."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch_as_framework import Right

from conv_reference.verification import Framework, Verdict, verify

pytestmark = pytest.mark.usefixtures("without_circumstances")


class Forward(Framework):
    def to(self, tensor: Any) -> Any:
        return tensor.clone()

    def back(self, array: Any) -> Any:
        return array.clone()

    def conv(self, x: Any, w: Any, b: Any, **options: Any) -> Any:
        return Right().conv(x, w, b, **options)


@pytest.mark.parametrize("check", ["autocast", "inference", "certificate"])
def test_it_is_right_or_not_judged(check: str) -> None:
    report = verify(Forward(), cases=6, seed=0, known=None, checks=[check], dtypes=[torch.float32])
    assert report.findings == ()
    assert {row.verdict for row in report.checks} <= {Verdict.EXACT, Verdict.UNSUPPORTED}
