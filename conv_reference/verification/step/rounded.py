"""Whether an answer is what comes of operands that were rounded on the way, and to how many bits.

A float32 convolution that computes with ten bits, or in bfloat16, is right for that precision: what
it differs by is no fault of one element, and a setting somewhere asks for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from conv_reference.verification.step.dispatched import Answer
from conv_reference.verification.step.places import elements, value_at

# What a device may round operands to: in words, and the bits behind the leading one.
_PRECISIONS = (("ten bits, as TF32 has", 10), ("bfloat16", 7))
# So much nearer must it be to what rounded operands give than to what the operands themselves do.
_NEARER = 8.0


def as_if(answer: Answer, place: tuple[int, ...]) -> str:
    """``as if its operands were rounded to bfloat16; ...``; empty where nothing says so.

    Args:
        answer: that is wrong.
        place: the pixel or tap at which it is; () of a bias.
    """
    if answer.value.dtype not in {torch.float32, torch.float64}:
        return ""
    form, actual = answer.form, value_at(answer.value, place)
    near = float((actual - elements(form, answer.face, place)).norm()) / _NEARER
    without = replace(form, bias=None)
    bias = 0.0 if form.bias is None else form.bias.to(torch.float64)
    for words, bits in _PRECISIONS:
        for to_integer in (torch.round, torch.trunc):
            cut = partial(_cut, bits=bits, to_integer=to_integer)
            rounded = elements(form, answer.face, place, cut)
            # A bias is often added in full.
            kept = elements(without, answer.face, place, cut) + bias
            if any(float((actual - lowered).norm()) <= near for lowered in (rounded, kept)):
                return (
                    f"as if its operands were rounded to {words}{_switch(answer.value)}; "
                    f"allowed_bits={bits} accepts it"
                )
    return ""


def _cut(tensor: Tensor, *, bits: int, to_integer: Callable[[Tensor], Tensor]) -> Tensor:
    """To so many bits behind the leading one."""
    mantissa, exponent = torch.frexp(tensor)
    scale = 2.0 ** (bits + 1)
    return torch.ldexp(to_integer(mantissa * scale) / scale, exponent)


def _switch(value: Tensor) -> str:
    """The setting that asks for it on the processor, where one does; older versions have none."""
    conv: Any = getattr(torch.backends.mkldnn, "conv", None)
    asked = getattr(conv, "fp32_precision", "none")
    if not value.is_cpu or asked in {"none", "ieee"}:
        return ""
    return f"; torch.backends.mkldnn.conv.fp32_precision is {asked!r}"
