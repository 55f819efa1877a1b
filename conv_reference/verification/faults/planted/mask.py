"""Gradients that depend on which others are asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from conv_reference.verification.faults import direct
from conv_reference.verification.faults.planting import FaultClass

planted = FaultClass("MASK", "Gradients that depend on which others are asked for")


@planted("db", "db alone or beside dX: only computed with dK", thread="mxnet#15464", part="answer")
def bias_under_kernel(needs: Sequence[bool], compute: Sequence[Callable[[], Tensor]]) -> Any:
    dX, dK, db = direct.answer(needs, compute)
    return [dX, dK, db if needs[1] else None]


@planted("dK", "dK without dX: zeros", part="answer")
def zero_when_frozen(needs: Sequence[bool], compute: Sequence[Callable[[], Tensor]]) -> Any:
    dX, dK, db = direct.answer(needs, compute)
    return [dX, torch.zeros_like(dK) if needs[1] and not needs[0] else dK, db]


@planted("dX", "dX with db but without dK: negated", part="answer")
def input_beside_bias(needs: Sequence[bool], compute: Sequence[Callable[[], Tensor]]) -> Any:
    dX, dK, db = direct.answer(needs, compute)
    return [-dX if needs[0] and needs[2] and not needs[1] else dX, dK, db]
