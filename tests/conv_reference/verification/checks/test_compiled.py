from __future__ import annotations

import pytest
import torch
from modes import ask, verdicts, wrong
from torch import Tensor

from conv_reference.verification.model.result import Verdict

pytestmark = pytest.mark.slow

SIZES = "n2 c2 h4 w5 o2 k3x2"


def test_torch_compiled_is_exact() -> None:
    judgements = ask(torch.nn.functional.conv2d, "compiled", "float32", SIZES)
    assert verdicts(judgements) == {Verdict.EXACT}
    said = [judgement.observed for judgement in judgements if judgement.observed]
    assert [text.partition(":")[0] for text in said] == [
        "compiled by aot_eager",
        "compiled by aot_eager, for a batch of any size",
        "compiled by inductor",
    ]
    assert [j.quantity for j in judgements if j.quantity] == 3 * ["Y", "dX", "dK", "db"]


def test_a_fault_that_only_the_compiler_meets_is_wrong() -> None:
    def doubled(input: Tensor, weight: Tensor) -> Tensor:
        Y = torch.nn.functional.conv2d(input, weight)
        return 2 * Y if torch.compiler.is_compiling() else Y

    assert wrong(ask(doubled, "compiled", "float32", SIZES)) == {"Y", "dX", "dK"}


def test_torch_exported_is_exact() -> None:
    judgements = ask(torch.nn.functional.conv2d, "export", "float32", SIZES)
    assert verdicts(judgements) == {Verdict.EXACT}


def test_a_fault_that_only_the_export_meets_is_wrong() -> None:
    def doubled(input: Tensor, weight: Tensor) -> Tensor:
        Y = torch.nn.functional.conv2d(input, weight)
        return 2 * Y if torch.compiler.is_exporting() else Y

    assert wrong(ask(doubled, "export", "float32", SIZES)) == {"Y"}
