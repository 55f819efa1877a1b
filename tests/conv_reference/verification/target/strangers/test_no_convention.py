from __future__ import annotations

from typing import Any

import pytest
from torch import Tensor

from conv_reference.verification.model.errors import TargetError
from conv_reference.verification.target.loading import target_of


def of_no_size(x: Tensor, w: Tensor, b: Tensor, pad: int = 0) -> Any:
    return [][len(b)]


def test_what_is_thrown_at_no_bias_is_not_said_of_who_must_be_given_one() -> None:
    with pytest.raises(TargetError, match="IndexError: list index out of range"):
        target_of(of_no_size, "mine:conv")
