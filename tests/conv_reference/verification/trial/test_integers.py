"""Operands that a check draws for itself: integers without a zero."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import conv2d

from conv_reference.verification.model.case import Case
from conv_reference.verification.target.conventions import as_target
from conv_reference.verification.trial.integers import Integers
from conv_reference.verification.trial.trial import Trial


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
def test_over_sparse_values_the_biases_of_neighbouring_channels_differ(dtype: str) -> None:
    """Of ±1 two are often the same, and one in place of the other would not show."""
    case = Case.parse(f"vmap {dtype} n2 c2 h5 w6 o6 k3x2 values=sparse")
    for seed in range(4):
        trial = Trial(as_target(conv2d), case, seed, torch.device("cpu"))
        integers = Integers.of(trial, terms=1)
        assert integers is not None
        drawn = integers.operands()
        assert drawn.bias is not None
        sizes = drawn.bias.abs()
        assert bool((sizes[1:] != sizes[:-1]).all())
        assert {*drawn.input.abs().unique().tolist()} == {1.0}
