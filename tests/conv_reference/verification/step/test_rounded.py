"""What comes of operands with fewer bits is said to, with the setting; on request it is right."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from conv_reference.verification.step.certify import certify


def ten_bits(tensor: Tensor) -> Tensor:
    """To nearest, ties away from zero, as a device does."""
    return ((tensor.view(torch.int32) + 0x1000) & ~0x1FFF).view(torch.float32)


def ten_bits_cut(tensor: Tensor) -> Tensor:
    return (tensor.view(torch.int32) & ~0x1FFF).view(torch.float32)


def bfloat16(tensor: Tensor) -> Tensor:
    return tensor.bfloat16().float()


class Lowered(TorchDispatchMode):
    """Operands are rounded on the way; a bias is where it is cast along."""

    def __init__(self, lower: Any, *, bias: bool) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch gives it no types
        self._lower, self._bias = lower, bias

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if "convolution" in func.overloadpacket.__name__:
            args = tuple(
                self._lower(a) if isinstance(a, Tensor) and (self._bias or a.dim() > 1) else a
                for a in args
            )
        return func(*args, **(kwargs or {}))


def step(lower: Any, *, bias: bool = False, allowed_bits: int | None = None) -> str:
    torch.manual_seed(0)
    layer = nn.Conv2d(4, 16, 3)
    with Lowered(lower, bias=bias), certify(layer, allowed_bits=allowed_bits) as certificate:
        layer(torch.randn(4, 4, 12, 12)).square().mean().backward()
    return str(certificate)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize(
    ("lower", "words", "bits"),
    [
        (ten_bits, "ten bits, as TF32 has", 10),
        (ten_bits_cut, "ten bits, as TF32 has", 10),
        (bfloat16, "bfloat16", 7),
    ],
)
def test_an_answer_of_rounded_operands_says_to_how_many_bits(
    lower: Any, words: str, bits: int, bias: bool
) -> None:
    said = f"as if its operands were rounded to {words}; allowed_bits={bits} accepts it\n"
    assert said in step(lower, bias=bias)
    assert step(lower, bias=bias, allowed_bits=bits).startswith("right")


def test_the_processors_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    class Conv:
        fp32_precision = "bf16"

    monkeypatch.setattr(torch.backends.mkldnn, "conv", Conv, raising=False)
    assert "; torch.backends.mkldnn.conv.fp32_precision is 'bf16'; allowed" in step(bfloat16)


def test_another_fault_is_not_laid_to_rounding() -> None:
    assert "as if" not in step(lambda tensor: tensor * (1 + 2.0**-9))
