from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import conv2d

from conv_reference.verification.checks import all_checks
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.running.cannot_be_asked import cannot_be_asked
from conv_reference.verification.target.conventions import as_target


@torch.no_grad()
def inference(input: Tensor, weight: Tensor, bias: Any = None) -> Tensor:
    return conv2d(input, weight, bias)


def test_what_lacks_a_mode_is_told_from_what_is_not_offered() -> None:
    target = as_target(inference, convention="backward=none")
    found = {each.name: each for each in cannot_be_asked(target, [*all_checks().values()])}

    assert {each.verdict for each in found.values()} == {Verdict.UNSUPPORTED}
    for name in ("grad_input", "precision_grad_weight", "vmap", "jvp"):
        assert not found[name].not_asked  # it has no gradient
    for name in ("group_decomposition", "explicit_dilation"):
        assert found[name].not_asked  # it has no such parameter
